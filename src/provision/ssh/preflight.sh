# preflight.sh ADDRESS PORT...: facts of this server, as KEY value lines for src/provision/ssh/facts.ts. Changes nothing.
export LC_ALL=C
address=$1
shift
echo "now $(date +%s.%N)"
# sudo does not hand it on; its own process still has it.
connection=${SSH_CONNECTION:-$(tr '\0' '\n' </proc/$PPID/environ 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')}
echo "connection $connection"
echo "system $(. /etc/os-release 2>/dev/null && echo "$ID $VERSION_ID")"
echo "init $(cat /proc/1/comm)"
echo "machine $(uname -m)"
echo "interface $(ip -o -4 address show 2>/dev/null | awk -v a="$address" '{ split($4, p, "/"); if (p[1] == a) { print $2; exit } }')"
for path in /var/lib /opt; do
  echo "free $path $(df -Pk "$path" | awk 'NR == 2 { print $4 }')"
done
echo "marker $(cat /var/lib/tandem/host/stack.json 2>/dev/null)"
capabilities=$(sed -n 's/^CapEff:\s*//p' /proc/self/status)
echo "capabilities $capabilities"
# Netlink protocol 12 is netfilter's: the kernel has nftables, or loads it for whoever asks.
perl -e 'use Socket; exit !socket(my $s, 16, SOCK_RAW, 12)' 2>/dev/null && echo 'feature nftables'
perl -e 'exit !-e "/sys/fs/cgroup"' && echo 'feature cgroup'
[ -x /usr/bin/apt-get ] && echo 'feature apt'
# Listening sockets on the ports that are wanted, with whose they are: a unit's name where there is one.
for port in "$@"; do
  hex=$(printf '%04X' "$port")
  for inode in $(awk -v p=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == p { print $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null); do
    pid=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null | head -1 | cut -d/ -f3)
    unit=$(sed -n 's#.*/\([^/]*\.service\).*#\1#p' "/proc/$pid/cgroup" 2>/dev/null | head -1)
    echo "listens $port $(cat "/proc/$pid/comm" 2>/dev/null || echo unknown) ${unit:--}"
  done
done
