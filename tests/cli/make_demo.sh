# `mallorn make-demo`: deterministic, whole, and careful with what is there.
. tests/support/cli.sh

"$MALLORN" make-demo "$work/a" >"$work/list" || fail "make-demo"
tail -1 "$work/list" | grep -q '^34 files, 18[0-9].[0-9] MiB' || { fail "list"; tail -1 "$work/list"; }
(cd "$work/a" && find . -type f | LC_ALL=C sort | xargs sha256sum) >"$work/sums"
[ -z "$UPDATE" ] || cp "$work/sums" "$golden/demo.sha256"
cmp -s "$work/sums" "$golden/demo.sha256" || { fail "the same bytes everywhere"; diff "$golden/demo.sha256" "$work/sums"; }

# Every file opens in its own format under the strict rules.
for f in "$work"/a/*.safetensors "$work"/a/*.gguf "$work"/a/*.onnx "$work"/a/*.tflite "$work"/a/*.sharded; do
    "$MALLORN" info --strict "$f" >"$work/info" || fail "info $f"
    sed -n 2p "$work/info" | grep -q ' model, ' || { fail "format of $f"; head -2 "$work/info"; }
done

# What is there stays, unless replaced on purpose.
: >"$work/a/base.f32.onnx"
expect demo_exists 2 make-demo --only base.f32.onnx a
[ ! -s "$work/a/base.f32.onnx" ] || fail "an existing file was replaced"
expect demo_if_missing 0 make-demo --if-missing a
expect demo_force 0 make-demo --force --only base.f32.onnx a
(cd "$work/a" && find . -type f | LC_ALL=C sort | xargs sha256sum) | cmp -s - "$golden/demo.sha256" ||
    fail "after --force"
: >"$work/file"
expect demo_not_a_folder 6 make-demo file
[ -z "$(find "$work" -name '.*.tmp*' -o -name '*.part')" ] || fail "debris"

# Stopped by a signal: ends by it, and leaves whole files only.
for pause in 0.05 0.2; do
    "$MALLORN" make-demo -q "$work/b" 2>/dev/null &
    sleep $pause
    kill -TERM $!
    wait $!
    got=$?
    [ $got = 143 ] || fail "stopped: exit $got"
    (cd "$work/b" && find . -type f | LC_ALL=C sort | xargs -r sha256sum) >"$work/sums"
    grep -vxFf "$golden/demo.sha256" "$work/sums" && fail "a file that is not whole"
    rm -rf "$work/b"
done

exit $bad
