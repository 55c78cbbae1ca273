#!/bin/sh
# The interface without a terminal: a patch is applied by a real child process, a ceiling
# that is too low is refused with one that works, the trace and the result are right.
set -eu
: "${MALLORN:?path of the program}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export XDG_STATE_HOME="$dir/state" XDG_CONFIG_HOME="$dir/config"

if ! "$MALLORN" tui --help >/dev/null 2>&1 && "$MALLORN" tui </dev/null 2>&1 | grep -q "no terminal interface"; then
    echo skipped
    exit 0
fi
"$MALLORN" make-demo --quiet --only .q8_0.gguf "$dir/demo"
"$MALLORN" diff "$dir/demo/base.q8_0.gguf" "$dir/demo/tuned.q8_0.gguf" -o "$dir/update.ggufp" --quiet

cat >"$dir/keys" <<KEYS
@size 24 80
@expect needs
<Enter> "$dir/demo/base.q8_0.gguf" <Enter>
j j <Enter> <C-u> "$dir/new.gguf" <Enter>
j <Enter> "64K" <Enter>
r
@expect more than it may
m <Enter>
@expect is in place and proven
w <C-u> "$dir/trace.json" <Enter>
@expect samples to
KEYS
MALLORN_SCRIPT="$dir/keys" "$MALLORN" tui "$dir/update.ggufp"
cmp "$dir/new.gguf" "$dir/demo/tuned.q8_0.gguf"
grep -q '"schema": "mallorn.trace/1"' "$dir/trace.json"
grep -q '"result": "done"' "$dir/trace.json"

# A pair that is open: refused under 1 MiB, one key makes another patch that fits, and its
# result is the same. The output the patch suggests is in nobody's way.
cat >"$dir/keys" <<KEYS
@size 45 140
@wait
6 <Enter> <C-u> "$dir/fit.ggup" <Enter> j <Enter> <C-u> <Enter> j <Enter> <C-u> <Enter> S
@wait
@expect every block proved
7 r
@wait
@expect is in place and proven
m <C-u> "64K" <Enter>
@wait
@expect f makes another patch
f
@wait
@expect the patch for 64.0K is made
r
@wait
@expect is in place and proven
@expect of 64.0K  ok
@expect apply
KEYS
(cd "$dir" && MALLORN_SCRIPT="$dir/keys" "$MALLORN" "$dir/demo/base.q8_0.gguf" "$dir/demo/tuned.q8_0.gguf")
cmp "$dir/tuned.q8_0.gguf" "$dir/demo/tuned.q8_0.gguf"
[ -s "$dir/tuned.q8_0-64.0K.ggup" ]

# The same path opens the apply screen without the word, and a pair opens the tree.
printf '@expect Memory ceiling\n' >"$dir/keys"
MALLORN_SCRIPT="$dir/keys" "$MALLORN" "$dir/update.ggufp"
printf '@wait\n2\n@expect all tensors\n<Enter>\n@expect Tensor\n<Enter>\n@expect Forecast\n' >"$dir/keys"
MALLORN_SCRIPT="$dir/keys" "$MALLORN" tui "$dir/demo/base.q8_0.gguf" "$dir/demo/tuned.q8_0.gguf"
