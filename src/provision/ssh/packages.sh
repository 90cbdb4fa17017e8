# packages.sh PACKAGE...: installs Debian packages on this server without starting their own services, now or at a boot, and
# keeps unattended upgrades and needrestart off them. Reads install.sh (src/provision/packages) on standard input. Runs to
# its end also when the connection breaks.
set -u
state=/var/lib/tandem/host
mkdir -p "$state"
cat >"$state/install.sh.$$" && mv "$state/install.sh.$$" "$state/install.sh" || exit 1
cat >"$state/packages.sh" <<'SCRIPT'
set -u
state=/var/lib/tandem/host
before=$state/packages-before
# What a package leaves behind even when it is purged goes with `down --purge`, if it was not there before.
for directory in /var/lib/mysql /etc/mysql /var/lib/etcd /var/lib/haproxy; do
  [ -e "$directory" ] || grep -qxF "$directory" "$state/made" 2>/dev/null || echo "$directory" >>"$state/made"
done
# Masked first: what comes with a package can't start even for a moment, nor by another one's trigger.
for package in "$@"; do
  case "$package" in
    haproxy | keepalived) units=$package.service ;;
    nginx-light) units=nginx.service ;;
    mariadb-server) units='mariadb.service mysql.service' ;;
    etcd-server) units=etcd.service ;;
    nftables) units=nftables.service ;;
    *) units= ;;
  esac
  for unit in $units; do
    grep -qxF "$unit" "$state/masked" 2>/dev/null || echo "$unit" >>"$state/masked"
    systemctl mask --quiet "$unit" 2>/dev/null
  done
done
sh "$state/install.sh" /usr/sbin/policy-rc.d "$before" "$state/install.log" "$@"
code=$?
if [ -f "$before" ]; then
  dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sort >"$state/packages-now"
  added=$(sort "$before" | comm -13 - "$state/packages-now" | sed -n 's/^.i[^ ]* *//p')
  for package in $added; do
    grep -qxF "$package" "$state/packages" 2>/dev/null || echo "$package" >>"$state/packages"
  done
  # Whatever else came along is off, and stays off at the next boot.
  [ -z "$added" ] || dpkg-query -L $added 2>/dev/null |
    sed -n 's#^\(/usr\)\?/lib/systemd/system/\([^/@]*\.\(service\|socket\|timer\|path\)\)$#\2#p' |
    while read -r unit; do systemctl disable --quiet "$unit" 2>/dev/null; done
  rm -f "$before" "$state/packages-now"
fi
[ $code = 0 ] || exit $code
apt-mark -qq hold "$@" >/dev/null
for package in "$@"; do
  grep -qxF "$package" "$state/held" 2>/dev/null || echo "$package" >>"$state/held"
done
mkdir -p /etc/needrestart/conf.d
printf '# Put here by Tandem: its services are restarted by it alone.\n$nrconf{override_rc}{qr(^tandem-)} = 0;\n' \
  >/etc/needrestart/conf.d/tandem.conf
SCRIPT
setsid --wait flock --exclusive --close /run/lock/tandem-packages.lock sh "$state/packages.sh" "$@"
code=$?
[ $code = 0 ] || cat "$state/install.log" 2>/dev/null
exit $code
