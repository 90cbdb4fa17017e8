# restore.sh: puts back what remember.sh kept, and starts, restarts or reloads what runs with something else.
set -u
kept=/var/lib/tandem/previous
[ -d "$kept" ] || {
  echo 'nothing was kept to go back to' >&2
  exit 1
}
cp -a "$kept/etc/." /etc/tandem/
(cd /etc/tandem && find . -type f) | while read -r path; do [ -e "$kept/etc/$path" ] || rm -f "/etc/tandem/$path"; done
for unit in /etc/systemd/system/tandem-*.service; do
  name=$(basename "$unit")
  [ -e "$kept/units/$name" ] || {
    systemctl disable --quiet --now "$name"
    rm -f "$unit"
  }
done
cp -a "$kept/units/." /etc/systemd/system/
cp -a "$kept/notes/." /var/lib/tandem/units/
for name in code; do
  [ -L "$kept/$name" ] && cp -a "$kept/$name" "/opt/tandem/$name.new" && mv -Tf "/opt/tandem/$name.new" "/opt/tandem/$name"
done
systemctl daemon-reload
code=0
differs() { ! cmp -s "/var/lib/tandem/units/$1.$2" "/run/tandem/units/$1.$2"; }
for unit in $(cd "$kept/units" && ls); do
  service=${unit#tandem-}
  service=${service%.service}
  if systemctl --quiet is-enabled "$unit" 2>/dev/null && ! systemctl --quiet is-active "$unit"; then
    action=restart
  elif ! systemctl --quiet is-active "$unit"; then
    # Its agent starts it.
    continue
  elif differs "$service" definition; then
    action=restart
  elif differs "$service" configuration; then
    action=reload-or-restart
  else
    continue
  fi
  systemctl $action "$unit" || code=1
done
exit $code
