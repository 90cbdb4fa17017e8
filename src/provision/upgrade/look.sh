# sh look.sh PID... -- PACKAGE...: one line for each process whose program or libraries were replaced since it started
# (`stale PID PATH`), and for each package that apt would upgrade (`upgrade PACKAGE FROM TO`).
set -u
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  pid=$1
  shift
  exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || continue
  case $exe in
    *' (deleted)') echo "stale $pid ${exe% (deleted)}" ;;
    *)
      library=$(sed -n 's,.* \(/\(usr\|lib\|opt/tandem/code\)[^ ]*\) (deleted)$,\1,p' "/proc/$pid/maps" 2>/dev/null | head -n 1)
      [ -z "$library" ] || echo "stale $pid $library"
      ;;
  esac
done
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || exit 0
LC_ALL=C apt-cache policy -- "$@" | awk '
  /^[^ ]/ { name = $1; sub(":$", "", name) }
  $1 == "Installed:" { installed = $2 }
  $1 == "Candidate:" && installed != "(none)" && $2 != "(none)" && $2 != installed { print "upgrade", name, installed, $2 }
'
