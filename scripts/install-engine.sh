#!/usr/bin/env bash
# Installs what the tests of container providers need, where that is possible: a container engine,
# which they start themselves on a socket of their own, and an SSH client, which they put in an image; and debootstrap, which
# makes the small system that the tests of the service boot.
set -euo pipefail
PATH="$PATH:/usr/sbin"

if command -v dockerd >/dev/null && command -v ssh >/dev/null && command -v debootstrap >/dev/null; then
  echo 'dockerd, ssh and debootstrap are here'
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo 'no root or no apt-get: tests that need a container engine will be skipped'
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
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io openssh-client debootstrap
