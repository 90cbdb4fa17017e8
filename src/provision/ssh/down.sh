# down.sh keep|leave|purge: takes off this server what Tandem put there. "keep" leaves the data (/var/lib/tandem) and the
# packages; "leave" too, but for what a member of the quorum can't use any more once it was taken out.
export LC_ALL=C
units=$(cd /etc/systemd/system && ls -d tandem-*.service 2>/dev/null)
# The agent first: it would start the database again.
[ -z "$units" ] || {
  systemctl disable --quiet --now tandem-agent.service 2>/dev/null
  systemctl disable --quiet --now $units 2>/dev/null
  (cd /etc/systemd/system && rm -f $units)
  systemctl daemon-reload
  systemctl reset-failed 'tandem-*' 2>/dev/null
}
if [ -x /usr/sbin/nft ]; then
  nft list tables 2>/dev/null | awk '$3 ~ /^tandem/ { print "delete table", $2, $3 }' | nft -f - 2>/dev/null
fi
state=/var/lib/tandem/host
held=$(cat "$state/held" 2>/dev/null)
[ -z "$held" ] || apt-mark -qq unhold $held >/dev/null 2>&1
[ -s "$state/masked" ] && while read -r unit; do systemctl unmask --quiet "$unit"; done <"$state/masked"
rm -f "$state/held" "$state/masked" /etc/needrestart/conf.d/tandem.conf
rmdir /etc/needrestart/conf.d /etc/needrestart 2>/dev/null
code=0
if [ "$1" = purge ] && [ -s "$state/packages" ]; then
  packages=$(tr '\n' ' ' <"$state/packages")
  # What somebody has come to need since stays, and so does what it needs.
  sort "$state/packages" >"$state/packages.sorted"
  others=$(apt-get -s -q purge $packages 2>/dev/null | awk '$1 == "Purg" || $1 == "Remv" { print $2 }' | sort | comm -23 - "$state/packages.sorted")
  if [ -z "$others" ]; then
    DEBIAN_FRONTEND=noninteractive apt-get -q -y purge $packages >"$state/purge.log" 2>&1 || {
      tail -5 "$state/purge.log" >&2
      code=1
    }
    [ $code = 0 ] && [ -s "$state/made" ] && while read -r directory; do rm -rf "$directory"; done <"$state/made"
  else
    echo "packages stay, because others need them: $(echo $others)" >&2
  fi
fi
rm -rf /etc/tandem /opt/tandem /run/tandem /var/log/tandem
[ "$1" = leave ] && rm -rf /var/lib/tandem/etcd /var/lib/tandem/etcd-bootstrap.yaml /var/lib/tandem/previous /var/lib/tandem/units
[ "$1" = purge ] && [ $code = 0 ] && rm -rf /var/lib/tandem
exit $code
