#!/usr/bin/env bash
# Installs what the tests need, where that is possible: a container engine, which they start themselves
# on a socket of their own, and compose; an SSH client, which they put in an image; debootstrap, which
# makes the small system that the tests of the service boot; the shells that take our completion
# scripts; the servers our guides put in front of a relay; an ACME server, for certificates of a relay's
# own; and Python with venv, for the MCP servers in Python that `npm run idle` takes.
set -euo pipefail
PATH="$PATH:/usr/sbin"

missing=()
for program in dockerd docker-compose ssh debootstrap zsh fish nginx caddy haproxy pebble; do
  command -v "$program" >/dev/null || missing+=("$program")
done
# Debian has the module without what it needs to make an environment.
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -eq 0 ]; then
  echo 'every program of the tests is here'
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "no root or no apt-get: tests that need ${missing[*]} will be skipped"
  exit 0
fi

# The engine of the package must not start: the tests want one of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
apt-get update -qq || echo 'apt-get update failed; trying with what is known'
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  docker.io docker-compose openssh-client debootstrap zsh fish nginx-light caddy haproxy pebble python3-venv
