# write-files.sh: reads "MODE OWNER SIZE PATH" and then SIZE bytes, again and again; each file is the old or the new one,
# never half of it, and has its owner and mode before its content shows.
set -eu
while read -r mode owner size path; do
  (umask 022 && mkdir -p "${path%/*}")
  new="$path.tandem-new-$$"
  (umask 077 && : >"$new")
  chown "$owner:" "$new"
  chmod "$mode" "$new"
  head -c "$size" >"$new"
  [ "$(stat -c %s "$new")" = "$size" ] || {
    rm -f "$new"
    echo "the connection broke while $path was written" >&2
    exit 1
  }
  mv -f "$new" "$path"
done
