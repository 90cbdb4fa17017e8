# unpack.sh NAME [LINK TARGET]...: a layer from a compressed archive on standard input to /opt/tandem/releases/NAME, which
# is there whole or not at all.
set -eu
name=$1
shift
umask 022
mkdir -p /opt/tandem/releases
new="/opt/tandem/releases/.new-$name"
rm -rf "$new"
mkdir "$new"
tar -xzf - -C "$new"
while [ $# -ge 2 ]; do
  mkdir -p "$(dirname "$new/$1")"
  ln -sfn "$2" "$new/$1"
  shift 2
done
sync -f "$new"
rm -rf "/opt/tandem/releases/$name"
mv -T "$new" "/opt/tandem/releases/$name"
