#!/bin/sh
# The tuner beside every uniform setting on the corpus pairs: bytes of the patch that its
# profile makes, the smallest that one setting for all tensors makes, and whether the budgets
# that were asked for hold. Tab-separated; exit 1 where a uniform setting is smaller or a
# budget is broken.
#   tune.sh MALLORN CORPUS UNPACKED [LARGEST]     pairs up to LARGEST bytes, all without it
mallorn=$1 corpus=$2 unpacked=$3 largest=${4:-1000000000}
[ -f "$corpus/PEERS.tsv" ] || { echo "skipped: no corpus"; exit 0; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
slow=4000000 # beyond, slow settings are left out: minutes each
path() {
    case $1 in
    unpacked/*) echo "$unpacked/${1#unpacked/}" ;;
    *) echo "$corpus/$1" ;;
    esac
}
member() { # of the JSON of a command
    sed -n 's/.*"'"$1"'": *\([0-9]*\).*/\1/p' "$work/json" | head -n 1
}
size() { # of a patch under options; nothing where it cannot be made
    "$mallorn" diff "$o" "$n" --dry-run --json "$@" >"$work/json" 2>"$work/said" && member patch_bytes
}
settings() {
    for s in auto neural $("$mallorn" strategies --json | sed -n 's/.*"name": "\([a-z-]*\)".*/\1/p'); do
        for l in 3 22; do
            [ "$1" -gt $slow ] && { [ $l -gt 12 ] || [ "$s" = mix ]; } && continue
            [ "$s" = mix ] && [ $l = 3 ] && continue
            case $s in
            copy) ;;
            neural) echo "--neural -l $l"; echo "-s neural -l $l" ;;
            *) echo "-s $s -l $l" ;;
            esac
        done
    done
    [ "$1" -gt $slow ] && echo "--neural -l 20" || true
}
# budget GOAL OPTIONS: tunes within them and makes the patch; complains where one breaks.
budget() {
    if "$mallorn" tune "$o" "$n" -f -o "$work/b.yml" "$@" >"$work/said" 2>&1; then
        size --profile "$work/b.yml" >/dev/null && echo held || echo BROKEN
    else
        [ $? = 10 ] && echo none || echo BROKEN
    fi
}
printf 'new\tnew_bytes\tbest_uniform\tuniform\ttuned\tratio\ttune_s\thalf_time\tmemory_1M\tsize_110\n'
bad=0
grep -v '^#' "$corpus/PEERS.tsv" | tail -n +2 >"$work/pairs"
while IFS='	' read -r old new bytes rest; do
    o=$(path "$old") n=$(path "$new")
    [ -f "$o" ] && [ -f "$n" ] && [ "$bytes" -le "$largest" ] || continue
    settings "$bytes" >"$work/settings"
    best=
    while read -r s; do
        # shellcheck disable=SC2086
        got=$(size $s)
        [ -n "$got" ] && { [ -z "$best" ] || [ "$got" -lt "$best" ]; } && best=$got which=$s
    done <"$work/settings"
    t0=$(date +%s.%N)
    "$mallorn" tune "$o" "$n" -f -o "$work/t.yml" --json >"$work/tune.json" || { echo "FAILED	$new"; bad=1; continue; }
    t1=$(date +%s.%N)
    tuned=$(size --profile "$work/t.yml")
    us=$(sed -n 's/.*"decode_us": *\([0-9]*\).*/\1/p' "$work/tune.json" | head -n 1)
    row=$(budget --max-apply-time "$(awk "BEGIN { printf \"%.3f\", $us / 2000 + .001 }")ms")"	"$(budget --max-memory 1M --device 1M)"	"$(budget --goal speed --max-size $((tuned + tuned / 10 + 64)))
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "${new##*/}" "$bytes" "$best" "$which" "$tuned" \
        "$(awk "BEGIN { printf \"%.4f\", $tuned / $best }")" "$(awk "BEGIN { printf \"%.1f\", $t1 - $t0 }")" "$row"
    [ "$tuned" -le "$best" ] || bad=1
    case $row in *BROKEN*) bad=1 ;; esac
done <"$work/pairs"
exit $bad
