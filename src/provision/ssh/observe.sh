# observe.sh PROPERTIES [services]: what is on this host, as lines for src/provision/ssh/observe.ts. One round trip; changes
# nothing. With "services" only those.
export LC_ALL=C
echo "clock $(date +%s.%N) $(cut -d' ' -f1 /proc/uptime)"
if [ "${2:-}" != services ]; then
  for name in code app static; do
    [ -e "/opt/tandem/$name" ] && echo "release $name $(basename "$(readlink "/opt/tandem/$name")")"
  done
  find /etc/tandem /etc/systemd/system -maxdepth 4 -type f \( -path '/etc/tandem/*' -o -name 'tandem-*.service' \) \
    ! -name '*.tandem-new-*' 2>/dev/null |
    while read -r path; do
      echo "file $({ stat --printf '%U\n%a\n' "$path" && cat "$path"; } | sha256sum | cut -c1-64) $path"
    done
  for package in $(cat 2>/dev/null); do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^.i' || echo "missing $package"
  done
fi
for path in /run/tandem/units/*; do
  [ -e "$path" ] && echo "note $(basename "$path") $(cat "$path")"
done
# The ruleset as the firewall's unit left it; what somebody changed since is drift.
if [ -e /run/tandem/firewall.loaded ]; then
  [ "$(nft -s -t list table inet tandem 2>/dev/null | sha256sum)" = "$(cat /run/tandem/firewall.loaded)" ] || echo 'drift firewall'
fi
units=$(cd /etc/systemd/system && ls -d tandem-*.service 2>/dev/null)
echo 'units'
[ -z "$units" ] || systemctl show --property="$1" $units
