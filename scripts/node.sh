#!/bin/sh
# Runs a TypeScript file with the Node.js runtime that package-lock.json pins.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
for arch in x64 arm64; do
  node="$root/node_modules/node-linux-$arch/bin/node"
  if [ -x "$node" ] && "$node" --version >/dev/null 2>&1; then
    exec "$node" --disable-warning=ExperimentalWarning "$@"
  fi
done
echo "tandem: no Node.js runtime for this machine in node_modules (linux x64 and arm64 are pinned); remove node_modules and run the command again." >&2
exit 1
