# Every JSON that the program writes keeps its schema in docs/json, and every schema is used.
. tests/support/cli.sh
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 0; }

# valid NAME EXIT ARGUMENTS...: standard output is mallorn.NAME/1.
n=0
valid() {
    name=$1 want=$2
    shift 2
    n=$((n + 1))
    (cd "$work" && "$MALLORN" "$@" >"$work/$name.$n.json" 2>"$work/.err")
    got=$?
    [ "$got" = "$want" ] || { fail "$name: exit $got, not $want: mallorn $*"; cat "$work/.err"; }
    check "$name" "$work/$name.$n.json"
}
# check NAME FILE...: what lies in files.
check() {
    name=$1
    shift
    echo "$name" >>"$work/seen"
    grep -q "\"schema\": *\"mallorn.$name/1\"" "$@" || fail "$name names another schema"
    python3 "$root/tests/cli/check_schema.py" "$root/docs/json/$name.schema.json" "$@" ||
        fail "$name breaks its schema"
}

for f in base.int8.tflite tuned.int8.tflite base.q4_k_m.gguf tuned.q4_k_m.gguf; do
    "$MALLORN" make-demo --quiet --only "$f" "$work" || fail "make-demo $f"
done
old=base.int8.tflite new=tuned.int8.tflite

valid info 0 info --json $old
valid info 6 info --json nowhere
valid analyze 0 analyze --no-cache --json $old $new
valid diff 0 diff --json $old $new -o p.tflp
valid diff 0 diff --json --dry-run base.q4_k_m.gguf tuned.q4_k_m.gguf
valid diff 6 diff --json --dry-run $old nowhere
valid diff 2 diff --json $old $new
valid patch 0 patch --json $old p.tflp -o out.tflite
valid patch 3 patch --json $new p.tflp -o out2.tflite
valid verify 0 verify --json $old p.tflp
valid verify 4 verify --json $old $new
valid inspect 0 inspect --json p.tflp
valid inspect 4 inspect --json $old
valid strategies 0 strategies --json
valid dict 0 dict train --json $old $new $old $new -o d.dict
valid dict 0 dict info --json d.dict
valid dict 4 dict info --json $old
valid tune 0 tune --json --goal speed $old $new -o t.yml
valid tune 10 tune --json --goal speed $old $new --max-size 60
valid compare 0 compare --json p.tflp p.tflp
valid compare 4 compare --json p.tflp $old
valid config 0 config --json
valid profile 0 profile check --json t.yml
printf 'version: 1\ndevise: 1M\n' >"$work/bad.yml"
valid profile 2 profile check --json bad.yml
valid profile 0 profile show --json --all t.yml $old $new
printf 'version: 1\nrules:\n  - {name: no, match: {layers: 9}, use: {level: 9}}\n  - use: {level: 2}\n' >"$work/r.yml"
valid profile 0 profile show --json r.yml base.q4_k_m.gguf tuned.q4_k_m.gguf
valid profile 0 profile explain --json r.yml base.q4_k_m.gguf tuned.q4_k_m.gguf 'blk.0.attn_q.weight'

# Reports of gates, held and broken; lines of progress, one object each.
cd "$work" || exit 1
printf 'version: 1\ngates: {frozen: ["*"]}\n' >g.yml
"$MALLORN" diff $old $new --gate-only --profile t.yml --report json held.json >/dev/null || fail "gates"
"$MALLORN" diff $old $new --gate-only --profile g.yml --report json broken.json >/dev/null 2>&1
[ $? = 10 ] || fail "a broken gate"
check gates held.json broken.json
"$MALLORN" diff $old $new -f -o p.tflp --progress=json -q 2>lines || fail "progress of diff"
"$MALLORN" patch $old p.tflp -f -o out.tflite --progress=json -q 2>>lines || fail "progress of patch"
"$MALLORN" verify $new p.tflp --progress=json -q 2>>lines && fail "progress of a failure"
grep '^{' lines | split -l 1 -a 4 - line.
check progress line.*
grep -q '"phase": *"failed"' lines || fail "no last line"

# What the terminal interface reports.
echo '@size 24 80' >try.keys
if MALLORN_SCRIPT=try.keys "$MALLORN" tui >/dev/null 2>&1 </dev/null; then
    export XDG_STATE_HOME=$work/state XDG_CONFIG_HOME=$work/config
    printf '@size 45 140\n@wait\nx S\n@wait\n@expect every block proved\n' >x.keys
    MALLORN_SCRIPT=x.keys "$MALLORN" $old $new >.out 2>.err || { fail "export"; cat .err; }
    check export ./*.tflp.json
else
    echo export >>seen
fi

# No schema that nothing was held against, none that is missing.
(cd "$root/docs/json" && ls ./*.schema.json) | sed 's#^./##; s/.schema.json$//' | sort >have
sort -u seen | cmp -s - have || { fail "schemas and outputs differ"; sort -u seen | diff - have; }
grep -rhso '"mallorn\.[a-z]*/[0-9]*"' "$root/tui" --include='*.c' | grep -v trace | sort -u |
    sed 's#"mallorn.\(.*\)/1"#\1#' | cmp -s - have || fail "the program knows other schemas"
exit $bad
