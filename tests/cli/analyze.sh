# `mallorn analyze` on demo pairs: text, JSON and CSV, one tensor, wrong usage, the cache.
. tests/support/cli.sh

export XDG_CACHE_HOME=$work/cache
for f in base.int8.safetensors tuned.int8.safetensors base.q4_k_m.gguf tuned.q4_k_m.gguf \
    base.int8.onnx tuned.int8.onnx base.int8.tflite tuned.int8.tflite; do
    "$MALLORN" make-demo --quiet --only "$f" "$work" || fail "make-demo $f"
done

# What was measured is golden text; what was predicted changes with every better encoder.
expect analyze_safetensors 0 analyze --no-predict base.int8.safetensors tuned.int8.safetensors
expect analyze_gguf 0 analyze --no-predict base.q4_k_m.gguf tuned.q4_k_m.gguf
expect analyze_onnx 0 analyze --no-predict base.int8.onnx tuned.int8.onnx
expect analyze_tflite 0 analyze --quick base.int8.tflite tuned.int8.tflite
expect analyze_colour 0 analyze --quick --color=always base.int8.tflite tuned.int8.tflite
expect analyze_csv 0 analyze --no-predict --csv base.int8.tflite tuned.int8.tflite
COLUMNS=60 LANG=C expect analyze_ascii 0 analyze --quick base.int8.tflite tuned.int8.tflite

# Wrong usage and missing tensors.
expect analyze_no_tensor 2 analyze --no-cache -t nowhere base.int8.tflite tuned.int8.tflite
expect analyze_both 2 analyze --quick --full base.int8.tflite tuned.int8.tflite
expect analyze_missing 6 analyze --json base.int8.tflite nowhere.tflite

# One tensor: golden text up to the strategies, then what must be said of them.
name=blk.1.ffn_gate.weight
(cd "$work" && "$MALLORN" analyze -t $name base.q4_k_m.gguf tuned.q4_k_m.gguf) >"$work/one"
sed '/^Strategies/,$d' "$work/one" >"$work/facts"
[ -z "$UPDATE" ] || cp "$work/facts" "$golden/analyze_tensor.txt"
cmp -s "$golden/analyze_tensor.txt" "$work/facts" || {
    fail "analyze -t"; diff -u "$golden/analyze_tensor.txt" "$work/facts"
}
best=$(sed -n 's/^  \([a-z-]*\) \* .* yes$/\1/p' "$work/one")
grep -q "^  Recommended  $best, .* at level 3; every byte tried came back$" "$work/one" ||
    fail "analyze -t recommends nothing"
[ "$(grep -c '^  not .* +[0-9.]*%' "$work/one")" -ge 6 ] || fail "analyze -t gives no reasons"
grep -q '^  says [a-z-]*: .* (bound [0-9.]*)$' "$work/one" || fail "no rule of thumb"

# Nothing is wider than the terminal it is for.
for ext in q4_k_m.gguf int8.onnx; do
    COLUMNS=80 "$MALLORN" analyze "$work/base.$ext" "$work/tuned.$ext" >"$work/wide" || fail "$ext"
    grep -q '^  Patch      .*x smaller than the new model' "$work/wide" || fail "no patch: $ext"
    sed "s#$work/##" "$work/wide" | grep -E '^.{81}' && fail "wider than 80 columns: $ext"
done
[ "$(awk 'length > 110' "$work/one" | wc -l)" = 0 ] || fail "analyze -t is too wide"

# What is predicted is what diff writes, but for the lengths of chunks where there are several blocks.
predicted=$("$MALLORN" analyze --no-cache --json "$work/base.int8.tflite" "$work/tuned.int8.tflite" |
    sed -n 's/^ *"record_bytes": \([0-9]*\).*/\1/p')
written=$("$MALLORN" diff --dry-run --json "$work/base.int8.tflite" "$work/tuned.int8.tflite" |
    sed -n 's/^ *"record_bytes": \([0-9]*\).*/\1/p')
off=$((predicted - written))
[ "${off#-}" -le 4 ] || fail "predicted $predicted, written $written"

# The schema holds, with and without predictions, for a pair and for one tensor.
i=0
for ext in int8.safetensors q4_k_m.gguf int8.onnx int8.tflite; do
    for how in "" "--quick" "--no-predict --full"; do
        i=$((i + 1))
        # shellcheck disable=SC2086
        "$MALLORN" analyze --json $how "$work/base.$ext" "$work/tuned.$ext" >"$work/$i.json" ||
            fail "analyze --json $how on $ext"
    done
done
"$MALLORN" analyze --json -t "$name" "$work/base.q4_k_m.gguf" "$work/tuned.q4_k_m.gguf" \
    >"$work/one.json" || fail "analyze --json -t"
(cd "$work" && "$MALLORN" analyze --json nowhere.gguf nowhere.gguf >error.json 2>/dev/null)
if command -v python3 >/dev/null; then
    python3 tests/cli/check_schema.py docs/json/analyze.schema.json "$work"/*.json ||
        fail "JSON that breaks its schema"
else
    echo "skipped: no python3"
fi

# A second run answers from the cache, and says the same; so does one with a damaged cache.
cd "$work" || exit 1
ls cache/mallorn/forecast/*.mlrf >/dev/null || fail "no cache was written"
"$MALLORN" analyze base.int8.tflite tuned.int8.tflite >first
"$MALLORN" analyze base.int8.tflite tuned.int8.tflite >second
cmp -s first second || fail "the cache changes what is said"

# Who makes the patch reads both models whole: the cache knows their contents from then on.
known() { od -An -v -tx1 -j40 -N32 "$1" | tr -d ' 0\n'; }
pair=$(ls -t cache/mallorn/forecast/*.mlrf | head -n 1)
rm -f cache/mallorn/forecast/*.mlrf
"$MALLORN" analyze base.int8.tflite tuned.int8.tflite >second
[ -f "$pair" ] && [ -z "$(known "$pair")" ] || fail "contents are known before they were read"
"$MALLORN" diff --dry-run --quiet base.int8.tflite tuned.int8.tflite || fail "diff --dry-run"
[ -n "$(known "$pair")" ] || fail "diff does not tell the cache what the models hold"
"$MALLORN" analyze base.int8.tflite tuned.int8.tflite >third
cmp -s first third || fail "a cache that knows the contents changes what is said"

for f in cache/mallorn/forecast/*.mlrf; do
    printf 'rubbish' | dd of="$f" bs=1 seek=100 conv=notrunc 2>/dev/null
done
"$MALLORN" analyze base.int8.tflite tuned.int8.tflite >third
cmp -s first third || fail "a damaged cache changes what is said"

exit $bad
