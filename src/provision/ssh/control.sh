# control.sh ACTION UNIT: as systemctl(1); what goes wrong is told with the last lines of the service's log.
action=$1 unit=$2
case "$action" in
  # What ran once and is thought to be undone runs again.
  start) systemctl restart "$unit" ;;
  stop) systemctl disable --quiet --now "$unit" ;;
  *) systemctl "$action" "$unit" ;;
esac
code=$?
[ $code = 0 ] && [ "$action" != stop ] && ! systemctl --quiet is-active "$unit" && code=1
[ $code = 0 ] && exit 0
systemctl show --property=Result,ExecMainStatus "$unit" | tr '\n' ' '
echo
# What systemd says of it fills the log: its own words come first.
own=$(journalctl _SYSTEMD_UNIT="$unit" --lines 15 --output cat --no-pager --quiet)
[ -n "$own" ] && echo "$own" || journalctl --unit "$unit" --lines 10 --output cat --no-pager
exit $code
