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

play choose <<'KEYS'
@size 45 140
@wait
@expect forecast
s "bytes in the patch" <Enter>
e "zstd-ref" <Enter> > >
@expect zstd-ref
f "name:mlp !same" <Enter> * e "sub-planes" <Enter> M F
@expect auto
b "mem" <Enter> "1M" <Enter>
@wait
@expect of 1.0M budget
y
@expect --profile tuned.f16.sftp.yaml
<Esc>
x S
@wait
@expect every block proved
@expect tuned.f16.sftp
KEYS

for f in tuned.f16.sftp tuned.f16.sftp.yaml tuned.f16.sftp.json; do
    [ -s "$f" ] || fail "$f was not written"
done
cp base.f16.safetensors device.safetensors
# A program that counts or checks itself takes more than its own memory.
budget=1M
nm "$MALLORN" 2>/dev/null | grep -q -e __asan -e __llvm_profile && budget=16M
"$MALLORN" patch device.safetensors tuned.f16.sftp -o got.safetensors --buffer-size $budget --quiet ||
    fail "applying within 1 MiB"
cmp -s got.safetensors tuned.f16.safetensors || fail "the applied model is not the new one"
"$MALLORN" diff base.f16.safetensors tuned.f16.safetensors --profile tuned.f16.sftp.yaml \
    --max-memory 1M -o again.sftp --quiet || fail "diff --profile"
cmp -s again.sftp tuned.f16.sftp || fail "the profile makes another patch"

# Choices are there again, and so is what can be undone.
play again <<'KEYS'
@size 45 140
@wait
@expect your choices of last time are back
s "rule, auto or you" <Enter>
@expect you
u u u u u
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
