#!/usr/bin/env bash
# Builds the images tunneld (the daemon) and tunneld-relay from this checkout:
#   scripts/docker-build.sh [arguments of docker build, such as --build-arg BASE_IMAGE=node:22-slim]
# IMAGE_CPU=arm64 brings the packages of another processor (then also: --platform linux/arm64).
#
# npm runs out here: the build itself needs no network, and no layer holds its cache.
set -euo pipefail
cd "$(dirname "$0")/.."
context=.cache/docker
rm -rf "$context"
mkdir -p "$context/folders/state" "$context/package/bin"
chmod 700 "$context/folders/state"

[ -f dist/daemon/main.js ] || npm run build
npm pack --ignore-scripts --silent --pack-destination "$context" >/dev/null
tar -xzf "$context"/tunneld-*.tgz -C "$context/package" --strip-components=1
# The versions of this checkout's lock file, for the system inside the image.
cp package-lock.json "$context/package/"
npm install --prefix "$context/package" --omit=dev --ignore-scripts --no-audit --no-fund --silent \
  --os=linux --libc=glibc --cpu="${IMAGE_CPU:-$(node -p process.arch)}"
# The lock file tells npm nothing of the C library, and the images have glibc.
rm -rf "$context"/package/node_modules/@ngrok/*-musl
ln -s ../dist/cli/main.js "$context/package/bin/tunneld"
chmod -R go=u-w "$context/package"

for target in relay daemon; do
  [ "$target" = daemon ] && tag=tunneld || tag="tunneld-$target"
  docker build --file docker/Dockerfile --target "$target" --tag "$tag" "$@" "$context"
done
