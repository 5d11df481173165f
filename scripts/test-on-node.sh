#!/usr/bin/env bash
# Runs the tests (or the given vitest arguments) on another Node: scripts/test-on-node.sh 24 [args…]
#
# That Node lives in a prefix of its own: as a dependency, npm would put it first on PATH and every
# script would silently run on it.
set -euo pipefail
cd "$(dirname "$0")/.."
major="${1:?usage: scripts/test-on-node.sh <major> [vitest arguments]}"
shift
prefix=".cache/node-$major"
node="$PWD/$prefix/node_modules/.bin/node"
[ -x "$node" ] || npm install --prefix "$prefix" --no-save --no-audit --no-fund "node@$major"
echo "node $("$node" --version)"
# The tests start the built daemon with their own Node; build it first, on the installed one.
[ -f dist/cli/main.js ] || npm run build
exec "$node" node_modules/vitest/vitest.mjs run "$@"
