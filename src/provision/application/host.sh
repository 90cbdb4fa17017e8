# sh host.sh DIRECTORY ACTION ARGUMENTS: the application's releases on one web host. Every action can be repeated, also
# after one that was killed; a release is there whole or not at all.
set -eu
umask 022
directory=$1 action=$2
shift 2
mkdir -p "$directory/releases"
cd "$directory"

# install RELEASE BYTES: from a gzipped tar archive on standard input, checked against its name.
install() {
  [ ! -d "releases/$1" ] || return 0
  # The archive beside what it holds, and a tenth for the file system.
  free=$(df -Pk . | awk 'NR == 2 { print $4 }')
  needed=$(($2 / 1024 * 22 / 10 + 1024))
  if [ "$free" -lt "$needed" ]; then
    echo "$directory has $free KiB free, and the release needs $needed" >&2
    exit 75
  fi
  rm -rf .new .new.tar
  gzip -dc >.new.tar
  sum=$(sha256sum .new.tar)
  case $sum in
    "$1"*) ;;
    *) echo "the archive that came is not $1" >&2; rm -f .new.tar; exit 1 ;;
  esac
  mkdir .new
  tar -xf .new.tar -C .new --no-same-owner --same-permissions
  rm -f .new.tar
  # Web servers tell versions of a file apart by its time: one for each release, the same on every host, in the past.
  find .new -exec touch -h -d "@$((1000000000 + 0x$(printf %.7s "$1")))" {} +
  # On the disk before its name says that it is whole.
  sync -f .new
  mv .new "releases/$1"
}

# use RELEASE: what the application's processes start from, from now on.
use() {
  [ -d "releases/$1" ] || { echo "release $1 is not here" >&2; exit 1; }
  ln -sfn "releases/$1" .current
  mv -fT .current current
}

# applied RELEASE: all processes have been started from it.
applied() {
  echo "$1" >.applied.new
  mv -f .applied.new applied
}

# keep RELEASE...: removes all others.
keep() {
  for path in releases/*; do
    [ -d "$path" ] || continue
    case " $* " in *" ${path#releases/} "*) ;; *) rm -rf "$path" ;; esac
  done
}

# export RELEASE: its archive on standard output, as text.
export_release() {
  tar -c --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --hard-dereference -C "releases/$1" . | gzip -1 | base64
}

# observe: KEY VALUE lines.
observe() {
  [ ! -L current ] || echo "current $(readlink current | sed 's,.*/,,')"
  [ ! -f applied ] || echo "applied $(cat applied)"
  for path in releases/*; do [ ! -d "$path" ] || echo "release ${path#releases/}"; done
}

# logs SERVICE LINES: the last lines, wherever the host's runner keeps them.
logs() {
  if [ -f "/var/log/tandem/$1.log" ]; then tail -n "$2" "/var/log/tandem/$1.log"
  else journalctl --quiet --output=cat --lines="$2" "_SYSTEMD_UNIT=tandem-$1.service" 2>/dev/null || true; fi
}

case $action in
  export) export_release "$@" ;;
  *) "$action" "$@" ;;
esac
