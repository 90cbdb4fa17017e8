# remember.sh: keeps what is defined on this server now, for restore.sh: files, units, fingerprints, which layers are shown.
set -eu
umask 077
kept=/var/lib/tandem/previous
rm -rf "$kept.new"
# A server that is just being begun with has nothing to go back to.
[ -d /etc/tandem ] && [ -d /var/lib/tandem/units ] || {
  rm -rf "$kept"
  exit 0
}
mkdir -p "$kept.new/units"
cp -a /etc/tandem "$kept.new/etc"
find /etc/systemd/system -maxdepth 1 -name 'tandem-*.service' -type f -exec cp -a {} "$kept.new/units/" \;
cp -a /var/lib/tandem/units "$kept.new/notes"
for name in code; do
  [ -L "/opt/tandem/$name" ] && cp -a "/opt/tandem/$name" "$kept.new/$name"
done
sync -f "$kept.new"
rm -rf "$kept"
mv -T "$kept.new" "$kept"
