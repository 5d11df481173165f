#!/usr/bin/env bash
# Installs what the tests need, where that is possible: a container engine, which they start themselves
# on a socket of their own, and compose; an SSH client, which they put in an image; debootstrap, which
# makes the small system that the tests of the service boot; and the shells that take our completion
# scripts.
set -euo pipefail
PATH="$PATH:/usr/sbin"

if command -v dockerd >/dev/null && command -v ssh >/dev/null && command -v debootstrap >/dev/null &&
  command -v zsh >/dev/null && command -v fish >/dev/null && command -v docker-compose >/dev/null; then
  echo 'dockerd, docker-compose, ssh, debootstrap, zsh and fish are here'
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo 'no root or no apt-get: tests that need a container engine, zsh or fish will be skipped'
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
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io docker-compose openssh-client debootstrap zsh fish
