#!/bin/sh
# Patch sizes on the corpus pairs beside the best of ten other tools (PEERS.tsv has their exact
# bytes). Tab-separated; the last line is the geometric mean of the ratios.
#   pairs.sh MALLORN CORPUS UNPACKED [diff options]      default options: --neural
mallorn=$1 corpus=$2 unpacked=$3
shift 3
[ $# -gt 0 ] || set -- --neural
[ -f "$corpus/PEERS.tsv" ] || { echo "skipped: no corpus"; exit 0; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
path() {
    case $1 in
    unpacked/*) echo "$unpacked/${1#unpacked/}" ;;
    *) echo "$corpus/$1" ;;
    esac
}
printf 'new\tnew_bytes\tbest_peer\tpeer_bytes\tours\tratio\tdiff_s\tpatch_s\tidentical\n'
grep -v '^#' "$corpus/PEERS.tsv" | tail -n +2 | while IFS='	' read -r old new size best best_bytes rest; do
    o=$(path "$old") n=$(path "$new")
    [ -f "$o" ] && [ -f "$n" ] || continue
    t0=$(date +%s.%N)
    "$mallorn" diff "$o" "$n" -o "$work/p" -f -q "$@" || { echo "FAILED	$new"; continue; }
    t1=$(date +%s.%N)
    "$mallorn" patch "$o" "$work/p" -o "$work/n" -f -q || { echo "FAILED	$new"; continue; }
    t2=$(date +%s.%N)
    same=no
    cmp -s "$work/n" "$n" && same=yes
    printf '%s %s %s %s %s %s %s %s %s\n' "${new##*/}" "$size" "$best" "$best_bytes" \
        "$(wc -c <"$work/p")" "$t0" "$t1" "$t2" "$same"
done | awk -v OFS='\t' '
    NF < 9 { print; next }
    { r = $4 / $5; sum += log(r); n++
      print $1, $2, $3, $4, $5, sprintf("%.3f", r), sprintf("%.2f", $7 - $6), sprintf("%.2f", $8 - $7), $9 }
    END { if (n) print "geometric mean of " n, "", "", "", "", sprintf("%.3f", exp(sum / n)), "", "", "" }'
