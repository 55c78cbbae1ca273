#!/bin/sh
# exports.sh LIBRARY.so MAP ARCHIVE COMPILER HEADERS...: the shared library shows exactly what
# the map lists, and the map lists exactly what the public headers declare and the archive
# defines. UPDATE=1 rewrites the map's list; look at the difference before committing it.
so=$1 map=$2 archive=$3 cc=$4
shift 4
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
# Only lines of the headers themselves: what they include is installed, but not promised.
for h in "$@"; do
    $cc -std=c11 -D_GNU_SOURCE -I. -E -x c "$h" | awk -v h="$h" '
        /^# [0-9]+ "/ { split($0, part, "\""); mine = part[2] == h; next }
        mine' || exit 1
done | grep -oE '\bmlr_[a-z0-9_]+' | sort -u >"$tmp/said"
nm -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' | sort -u >"$tmp/defined"
comm -12 "$tmp/said" "$tmp/defined" >"$tmp/public"
if [ -n "$UPDATE" ]; then
    { echo "MALLORN_0 {"; echo "global:"; sed 's/.*/    &;/' "$tmp/public"; echo "local:"; echo "    *;"; echo "};"; } >"$map"
fi
sed -n 's/^ *\(mlr_[a-z0-9_]*\);$/\1/p' "$map" | sort >"$tmp/map"
nm -D --defined-only "$so" | sed -n 's/.* [TDRBVW] \(.*\)@@MALLORN_0$/\1/p' | sort >"$tmp/shown"
nm -D --defined-only "$so" | awk '$2 != "A"' | grep -v '@@MALLORN_0$' | sed 's/$/   <- shown without a version/'
diff "$tmp/public" "$tmp/map" | sed -n 's/^< \(.*\)/\1: public, but not in the map/p; s/^> \(.*\)/\1: in the map, but no public header declares it/p'
diff "$tmp/map" "$tmp/shown" | sed -n 's/^< \(.*\)/\1: in the map, but the library does not show it/p; s/^> \(.*\)/\1: shown, but not in the map/p'
[ -z "$(nm -D --defined-only "$so" | awk '$2 != "A"' | grep -v '@@MALLORN_0$')" ] &&
    cmp -s "$tmp/public" "$tmp/map" && cmp -s "$tmp/map" "$tmp/shown"
