# activate.sh NAME LAYER...: shows layers as /opt/tandem/NAME. The one before each stays for a way back; older ones go.
set -eu
cd /opt/tandem
while [ $# -ge 2 ]; do
  old=$(readlink "$1" || true)
  if [ "$old" != "releases/$2" ]; then
    [ -z "$old" ] || ln -sfn "${old#releases/}" "releases/previous-$1"
    ln -sfn "releases/$2" "$1.new"
    mv -Tf "$1.new" "$1"
  fi
  shift 2
done
cd releases
kept=' '
for link in ../code previous-code; do
  [ -e "$link" ] || continue
  layer=$(basename "$(readlink -f "$link")")
  kept="$kept$layer "
  case "$layer" in
    code-*)
      modules=$(readlink -f "$layer/node_modules")
      kept="$kept$(basename "$(dirname "$modules")") "
      for node in "$modules"/node-linux-*; do
        [ -e "$node" ] && kept="$kept$(basename "$(readlink -f "$node")") "
      done
      ;;
  esac
done
for layer in * .new-*; do
  [ -d "$layer" ] && [ ! -L "$layer" ] || continue
  case "$kept" in *" $layer "*) ;; *) rm -rf "$layer" ;; esac
done
