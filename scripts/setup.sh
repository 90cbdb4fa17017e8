#!/bin/sh
# Installs the npm packages of the lockfiles once per lockfile. With "test", the
# Debian packages that the test suite drives are installed too.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)

fail() {
  printf 'tandem: %s\n' "$@" >&2
  exit 1
}

command -v npm >/dev/null 2>&1 ||
  fail "npm was not found on this machine." "Install Node.js 20 or later with npm, then run the command again."

# install DIRECTORY OPTION...: what its lockfile says, once per lockfile.
install() {
  directory=$1
  shift
  stamp="$directory/node_modules/.tandem-lock"
  if cmp -s "$directory/package-lock.json" "$stamp"; then return; fi
  # Two commands may start at once in a fresh clone; the second waits.
  exec 9>"$root/.setup.lock"
  flock 9
  if ! cmp -s "$directory/package-lock.json" "$stamp"; then
    printf 'tandem: installing npm packages (first run, or the lockfile changed) ...\n' >&2
    log=$(mktemp)
    (cd "$directory" && npm ci --no-fund --no-audit "$@" >"$log" 2>&1) || {
      cat "$log" >&2
      rm -f "$log"
      fail "npm could not install the packages of $directory/package-lock.json." \
        "See npm's message above; check the network and the npm registry, then run the command again."
    }
    rm -f "$log"
    cp "$directory/package-lock.json" "$stamp"
  fi
  exec 9>&-
}

install "$root"
# The example is an application like a user's own: what it needs lies in its directory, and is part of its releases.
install "$root/examples/users" --omit=dev

# The dashboard's page is built once, and again when one of its sources is newer.
built="$root/dist/dashboard/manifest.json"
stale() {
  [ ! -e "$built" ] || [ -n "$(find "$root/src/dashboard/web" "$root/scripts/build-dashboard.ts" "$stamp" -newer "$built" -print -quit)" ]
}
if stale; then
  exec 9>"$root/.setup.lock"
  flock 9
  if stale; then
    "$root/scripts/node.sh" "$root/scripts/build-dashboard.ts" ||
      fail "The dashboard's page could not be built." "See the message above."
  fi
  exec 9>&-
fi

if [ "${1:-}" = test ]; then
  "$root/scripts/node.sh" "$root/scripts/install-test-packages.ts"
fi
