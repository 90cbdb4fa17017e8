#!/bin/sh
# install.sh POLICY BEFORE LOG PACKAGE...: installs Debian packages without starting their services. It runs to its end on its
# own, also when the command that started it is killed: half an install would leave POLICY (policy-rc.d, invoke-rc.d(8))
# in place and keep every other package of the machine from starting its services. Run under flock(1).
set -u
policy=$1 before=$2 log=$3
shift 3
# Not into a pipe: its reader may be killed, and apt-get would be killed by its next line.
exec >"$log" 2>&1
kept=$policy.before-tandem
mark='# Put here by Tandem while it installs packages; removed afterwards.'

# Undoes what this run or one that was killed did; without such traces it does nothing.
restore() {
  if [ -f "$policy" ] && grep -qxF "$mark" "$policy"; then rm -f "$policy"; fi
  if [ -e "$kept" ] || [ -L "$kept" ]; then mv -f "$kept" "$policy"; fi
}
restore
trap restore EXIT
trap 'exit 130' HUP INT TERM

# What was there before is remembered until the services of what is new were switched off.
if [ ! -f "$before" ]; then
  mkdir -p "$(dirname "$before")"
  dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' >"$before.new" && mv "$before.new" "$before" || exit 1
fi

if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$kept"; fi
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy.tandem-new"
chmod 755 "$policy.tandem-new"
mv "$policy.tandem-new" "$policy"

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8
wait_for_lock='DPkg::Lock::Timeout=300'
install() {
  # Nothing that is there is upgraded for its own sake, and nothing is removed to make room.
  apt-get install -y -q -o "$wait_for_lock" -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    --no-install-recommends --no-upgrade --no-remove -- "$@" </dev/null
}

# The lists may be missing or old: the first failure is answered by fetching them, the second is final.
install "$@" && exit 0
echo 'tandem: trying again with fresh package lists'
apt-get update -q -o "$wait_for_lock" </dev/null || exit 100
install "$@"
