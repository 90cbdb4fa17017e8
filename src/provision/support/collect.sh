# sh collect.sh CONFIG LOGS BYTES: what a support bundle needs of one host: a line per file, PATH, a tab, base64. Files
# that not everybody on the host may read hold secrets: only their names are told. Nothing is changed.
set -u
config=$1 logs=$2 bytes=$3

emit() {
  printf '%s\t' "$1"
  base64 -w0
  echo
}

{ uname -a; cat /etc/os-release; uptime; date -u +%FT%TZ; } 2>&1 | emit system.txt
{ df -Pk; echo; free -m; } 2>&1 | emit resources.txt
dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n' haproxy nginx-light keepalived mariadb-server \
  mariadb-backup mariadb-client etcd-server etcd-client nftables 2>/dev/null | emit packages.txt
{ ip address; echo; ip route; echo; ss -Htln; } 2>&1 | emit network.txt
{ nft list tables; nft list ruleset | head -n 2000; } 2>&1 | emit firewall.txt
find "$config" /opt/tandem/app -maxdepth 3 \( -type f -o -type l \) -printf '%M %u %s %p %l\n' 2>/dev/null |
  grep -v '/opt/tandem/app/releases/.*/' | sort -k4 | emit files.txt

find "$config" -type f -perm -o=r | sort | while read -r path; do
  emit "config${path#"$config"}" <"$path"
done
if [ -d "$logs" ]; then
  find "$logs" -type f | sort | while read -r path; do
    tail -c "$bytes" "$path" | emit "logs${path#"$logs"}"
  done
fi
if command -v journalctl >/dev/null 2>&1; then
  for unit in $(systemctl list-units --all --plain --no-legend 'tandem-*' 2>/dev/null | cut -d' ' -f1); do
    journalctl --quiet --utc --unit="$unit" --lines=5000 2>/dev/null | tail -c "$bytes" | emit "logs/$unit.log"
  done
fi
exit 0
