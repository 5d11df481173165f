#!/usr/bin/env bash
# Installs the MCP servers that `npm run idle` stands behind a daemon, and those that test/servers starts
# over stdio, each version by itself, in .cache/fleet: what the package and its development need stays small.
#
# Needs npm and, for the servers in Python, python3 with venv; without those the program leaves them out
# and says so.
set -euo pipefail
cd "$(dirname "$0")/.."
fleet=.cache/fleet
mkdir -p "$fleet"

# A folder counts as installed when its last step was done.
node_packages() {
  local folder="$fleet/$1"
  shift
  [ "$(cat "$folder/installed" 2>/dev/null)" = "$*" ] && return
  rm -rf "$folder"
  mkdir -p "$folder"
  echo '{"private":true,"type":"module"}' >"$folder/package.json"
  npm install --prefix "$folder" --save-exact --no-audit --no-fund --silent "$@"
  echo "$*" >"$folder/installed"
}

python_packages() {
  local folder="$fleet/$1"
  shift
  [ "$(cat "$folder/installed" 2>/dev/null)" = "$*" ] && return
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
  echo "$*" >"$folder/installed"
}

node_packages supergateway supergateway@3.4.3 @modelcontextprotocol/server-everything@2026.8.31
node_packages express4 express@4.22.3 @modelcontextprotocol/sdk@1.32.2 zod@4.6.7
node_packages express5 express@5.3.0 @modelcontextprotocol/sdk@1.32.2 zod@4.6.7
node_packages stdio @modelcontextprotocol/server-filesystem@2026.8.31 @modelcontextprotocol/server-memory@2026.8.31

if python3 -c 'import venv, ensurepip' 2>/dev/null; then
  # Up to 1.29.1 every request without a session id leaves a session behind.
  python_packages mcp-1.29 mcp==1.29.1
  python_packages mcp-1.30 mcp==1.30.0
  python_packages mcp-2.3 mcp==2.3.0
  python_packages fastmcp-2 fastmcp==2.14.7
  python_packages fastmcp-4 fastmcp==4.2.3
else
  echo 'no python3 with venv: the servers in Python are left out'
fi
