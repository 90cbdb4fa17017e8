# observe.sh PROPERTIES [services]: what is on this host, as lines for src/provision/ssh/observe.ts. One round trip; changes
# nothing. With "services" only those; otherwise names of packages are read from standard input. Few programs are started,
# because it runs while the host serves.
export LC_ALL=C
read -r uptime _ </proc/uptime
echo "clock $(date +%s.%N) $uptime"
if [ "${2:-}" != services ]; then
  find /opt/tandem -maxdepth 1 -type l -printf 'release %f %l\n' 2>/dev/null
  files() {
    find /etc/tandem /etc/systemd/system -maxdepth 4 -type f \( -path '/etc/tandem/*' -o -name 'tandem-*.service' \) \
      ! -name '*.tandem-new-*' -print0 2>/dev/null | xargs -0r "$@"
  }
  files stat --printf 'owner %U %a %n\n'
  files sha256sum | sed 's/^/content /'
  xargs -r dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^.i[^ ]* */package /p'
  # The ruleset as the firewall's unit left it; what somebody changed since is drift.
  if [ -e /run/tandem/firewall.loaded ]; then
    read -r loaded _ </run/tandem/firewall.loaded
    case "$(nft -s -t list table inet tandem 2>/dev/null | sha256sum)" in "$loaded "*) ;; *) echo 'drift firewall' ;; esac
  fi
fi
grep -H '' /run/tandem/units/* 2>/dev/null | sed 's#^/run/tandem/units/\([^:]*\):#note \1 #'
cd /etc/systemd/system
set -- "$1" tandem-*.service
echo 'units'
[ ! -e "$2" ] || {
  properties=$1
  shift
  systemctl show --property="$properties" "$@"
}
