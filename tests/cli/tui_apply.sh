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
@expect is the smallest that works
m <Enter>
@expect is in place and proven
w <C-u> "$dir/trace.json" <Enter>
@expect samples to
KEYS
MALLORN_SCRIPT="$dir/keys" "$MALLORN" tui "$dir/update.ggufp"
cmp "$dir/new.gguf" "$dir/demo/tuned.q8_0.gguf"
grep -q '"schema": "mallorn.trace/1"' "$dir/trace.json"
grep -q '"result": "done"' "$dir/trace.json"

# The same path opens the apply screen without the word, and a pair opens the tree.
printf '@expect Memory ceiling\n' >"$dir/keys"
MALLORN_SCRIPT="$dir/keys" "$MALLORN" "$dir/update.ggufp"
printf '@wait\n2\n@expect all tensors\n<Enter>\n@expect Tensor\n<Enter>\n@expect Forecast\n' >"$dir/keys"
MALLORN_SCRIPT="$dir/keys" "$MALLORN" tui "$dir/demo/base.q8_0.gguf" "$dir/demo/tuned.q8_0.gguf"
