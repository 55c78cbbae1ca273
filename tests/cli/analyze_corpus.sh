# What `analyze --json` says of every pair of the corpus holds its schema: of the models, and
# of one tensor of each. Skipped where there is no corpus.
. tests/support/cli.sh
corpus=${CORPUS:-../shared/corpus}
if [ ! -f "$corpus/PEERS.tsv" ] || ! command -v python3 >/dev/null; then
    echo "skipped: no $corpus/PEERS.tsv or no python3"
    exit 0
fi
export XDG_CACHE_HOME="$work/cache"
i=0
tab=$(printf '\t')
while IFS="$tab" read -r old new _; do
    case "$old" in '#'* | old | unpacked/*) continue ;; esac
    i=$((i + 1))
    "$MALLORN" analyze --json --quick --predict "$corpus/$old" "$corpus/$new" >"$work/$i.json" ||
        fail "analyze --json of $new"
    name=$(python3 -c 'import json, sys; t = json.load(sys.stdin)["tensors"]; print(t[len(t) // 2]["name"])' \
        <"$work/$i.json")
    "$MALLORN" analyze --json --no-predict -t "$name" "$corpus/$old" "$corpus/$new" \
        >"$work/$i.one.json" || fail "analyze --json -t $name of $new"
done <"$corpus/PEERS.tsv"
python3 tests/cli/check_schema.py docs/json/analyze.schema.json "$work"/*.json ||
    fail "JSON that breaks its schema"
[ "$i" -gt 0 ] || fail "no pair in PEERS.tsv"
