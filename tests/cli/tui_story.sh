# A whole story: open a pair, look, choose, export from the terminal interface, apply with
# the command line within 1 MiB, compare; then the exported profile makes the same patch.
. tests/support/cli.sh
cd "$work" || exit 1
echo '@size 24 80' >try.keys # a program without the interface has nothing to tell
MALLORN_SCRIPT=try.keys "$MALLORN" tui >/dev/null 2>&1 </dev/null ||
    { echo "skipped: no terminal interface"; exit 0; }

for f in base.f16.safetensors tuned.f16.safetensors; do
    "$MALLORN" make-demo --quiet --only "$f" . || fail "make-demo $f"
done
export XDG_STATE_HOME=$work/state XDG_CONFIG_HOME=$work/config

# play NAME: runs the keys on standard input on the pair.
play() {
    cat >"$1.keys"
    MALLORN_SCRIPT=$1.keys "$MALLORN" base.f16.safetensors tuned.f16.safetensors >.out 2>.err ||
        { fail "script $1"; cat .err; }
}

# The largest first; a tensor from near by; a choice for it; a group by filter; the rest by the
# tuner under a memory budget; all of it as rules, out as patch and profile; applied within the
# same memory. Every step says what it did.
play choose <<'KEYS'
@size 45 140
@wait
@expect forecast
s "bytes in the patch" <Enter>
@expect Out▼
<Enter>
@wait
@expect [3 Detail]
@expect lm_head.weight
1 e "zstd-ref" <Enter> > >
@expect level up for 1 tensor
@expect zstd-ref
f "name:mlp !same" <Enter>
@expect 6 of
* e "sub-planes" <Enter>
@expect sub-planes for 6 tensors
M F b "mem" <Enter> "1M" <Enter>
@wait
@expect of 1.0M budget
4
@expect all 20
@expect What if
t
@wait
@expect within budgets
@expect [x] everything
@expect was made, structure too
<Enter>
@expect auto-tune: 1 rule
P
@expect pin 7 choices as rules
5
@wait
@expect sub-planes 3 by hand
@expect zstd-ref 5 by hand
@expect every rule is understood
:"screen rules.svg" <Enter>
@expect wrote rules.svg
y
@expect --max-memory 1048576
@expect --profile tuned.f16.sftp.yaml
<Esc>
x S
@wait
@expect every block proved
@expect tuned.f16.sftp
7 j j <Enter> <C-u> "got.safetensors" <Enter> j <Enter> <C-u> "1M" <Enter>
r
@wait
@expect is in place and proven
@expect SHA-256 matches
KEYS

for f in tuned.f16.sftp tuned.f16.sftp.yaml tuned.f16.sftp.json rules.svg got.safetensors; do
    [ -s "$f" ] || fail "$f was not written"
done
grep -q '<svg' rules.svg || fail "the screen is no SVG"
for rule in 'strategy: zstd-ref' 'strategy: sub-planes' 'strategy: neural' 'apply-memory: 1048576'; do
    grep -q "$rule" tuned.f16.sftp.yaml || fail "the profile does not say $rule"
done
cmp -s got.safetensors tuned.f16.safetensors || fail "what the interface applied is not the new one"
cp base.f16.safetensors device.safetensors
"$MALLORN" patch device.safetensors tuned.f16.sftp -o again.safetensors --buffer-size 1M --quiet ||
    fail "applying within 1 MiB"
cmp -s again.safetensors tuned.f16.safetensors || fail "the applied model is not the new one"
"$MALLORN" profile check tuned.f16.sftp.yaml >/dev/null || fail "the profile is no good one"
"$MALLORN" diff base.f16.safetensors tuned.f16.safetensors --profile tuned.f16.sftp.yaml \
    --max-memory 1M -o again.sftp --quiet || fail "diff --profile"
cmp -s again.sftp tuned.f16.sftp || fail "the profile makes another patch"

# What the tuner of the command line finds is what the interface found.
"$MALLORN" tune base.f16.safetensors tuned.f16.safetensors --max-memory 1M -o tune.yaml >/dev/null ||
    fail "tune"
grep -q 'strategy: neural' tune.yaml || fail "the command line tunes otherwise"

# Choices are there again, and so is what can be undone.
play again <<'KEYS'
@size 45 140
@wait
@expect your choices of last time are back
s "rule, auto or you" <Enter>
@expect r1
u
@expect undone: pin 7 choices
u u u u u u
@expect nothing to undo
KEYS

# A cancelled or refused export keeps files and choices.
play refused <<'KEYS'
@size 45 140
@wait
<C-r> x S
@wait
@expect exists: tick Replace
KEYS
cmp -s again.sftp tuned.f16.sftp || fail "a refused export changed the patch"

# Killed in the middle of choosing: what was chosen before is there.
{
    printf '@size 45 140\n@wait\n<C-r> <C-r> <C-r>\n'
    i=0
    while [ $i -lt 60000 ]; do # far more than two seconds allow
        echo '> <lt>'
        i=$((i + 1))
    done
} >kill.keys
MALLORN_SCRIPT=kill.keys timeout -s KILL 2 "$MALLORN" base.f16.safetensors tuned.f16.safetensors \
    >.out 2>.err && fail "it was not killed"
play after <<'KEYS'
@size 45 140
@wait
@expect your choices of last time are back
KEYS
exit $bad
