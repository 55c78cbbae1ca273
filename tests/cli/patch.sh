# The commands around patches as the manual spells them, on small demo models.
. tests/support/cli.sh
cd "$work" || exit 1

for f in base.int8.tflite tuned.int8.tflite base.q4_0.gguf tuned.q4_0.gguf base.sharded tuned.sharded base.f16.safetensors tuned.f16.safetensors; do
    "$MALLORN" make-demo --quiet --only "$f" . || fail "make-demo $f"
done
cp base.int8.tflite old.tflite && cp tuned.int8.tflite new.tflite && cp old.tflite model.tflite
cp base.q4_0.gguf old.gguf && cp tuned.q4_0.gguf new.gguf
cp old.tflite base.tflite && cp new.tflite finetuned.tflite

# says EXIT TEXT ARGUMENTS...: the exit code, and words on standard error.
says() {
    want=$1 text=$2
    shift 2
    "$MALLORN" "$@" >.out 2>.err </dev/null
    got=$?
    [ "$got" = "$want" ] || { fail "exit $got, not $want: mallorn $*"; cat .err; }
    grep -q -e "$text" .err || { fail "'$text' is not said: mallorn $*"; cat .err; }
}

# works ARGUMENTS...: silent on standard error, exit 0.
works() {
    "$MALLORN" "$@" >.out 2>.err </dev/null || { fail "exit $?: mallorn $*"; cat .err; }
    [ ! -s .err ] || { fail "says something: mallorn $*"; cat .err; }
}

same() {
    cmp -s "$1" "$2" || fail "$1 is not $2"
}

# no_debris: nothing temporary is left.
no_debris() {
    for f in .mallorn-* *.mallorn-*; do
        [ -e "$f" ] && fail "left behind: $f ($1)"
    done
}

# --- the spellings ------------------------------------------------------------------------
# in_one_mib OLD PATCH NEW: applies to the bytes of NEW in a process held to 1 MiB.
in_one_mib() {
    rm -rf .new
    prlimit --data=1048576 "$MALLORN" patch "$1" "$2" -o .new --streaming --buffer-size 1048576 >.out 2>.err ||
        { fail "$2 does not apply in 1 MiB"; cat .err; return; }
    cmp -s .new "$3" || fail "$2 in 1 MiB does not make $3"
}

# A patch of a small model applies in 1 MiB without anyone asking for that.
works diff old.tflite new.tflite -o update.tflp --level 19
mv new.tflite wanted.tflite
works patch model.tflite update.tflp -o new.tflite --streaming --buffer-size 1048576
same new.tflite wanted.tflite
in_one_mib model.tflite update.tflp new.tflite
rm update.tflp
works diff base.tflite finetuned.tflite -o update.tflp --neural
works patch model.tflite update.tflp -o new.tflite --streaming --buffer-size 1048576 -f
same new.tflite finetuned.tflite
in_one_mib model.tflite update.tflp new.tflite
works diff old.gguf new.gguf -o update.ggup --parallel
works patch old.gguf update.ggup -o out.gguf
same out.gguf new.gguf
in_one_mib old.gguf update.ggup new.gguf
for how in "" "--level 1" "--level 19" --neural "--neural --level 12"; do
    works diff old.gguf new.gguf -o some.ggup -f $how
    in_one_mib old.gguf some.ggup new.gguf
    works diff base.f16.safetensors tuned.f16.safetensors -o some.sftp -f $how
    in_one_mib base.f16.safetensors some.sftp tuned.f16.safetensors
done
for v in 1 2 3 4; do
    cp old.tflite v$v.tflite
done
cp new.tflite v2.tflite && cp new.tflite v4.tflite
SOURCE_DATE_EPOCH=1700000000 works dict train v1.tflite v2.tflite v3.tflite v4.tflite -o tflite.dict --max-size 114688
works dict info tflite.dict
cp tflite.dict models.dict
[ "$(wc -c <models.dict)" -le 114688 ] || fail "the dictionary is larger than it may be"
works dict info models.dict
grep -q 2023-11-14 .out || fail "SOURCE_DATE_EPOCH is not the dictionary's date"
rm update.tflp
works diff old.tflite new.tflite -o update.tflp --neural --dict models.dict --level 19 --parallel
works verify old.tflite update.tflp
works inspect update.tflp
works inspect update.tflp --json
works patch old.tflite update.tflp -o out.tflite -f
same out.tflite new.tflite
works diff old.tflite new.tflite -o with.tflp --strategy zstd --dict models.dict
works verify old.tflite with.tflp
works diff old.tflite new.tflite -o embedded.tflp --strategy zstd --dict models.dict --embed-dict
works diff old.tflite new.tflite -o ref.tflp --strategy zstd-ref --dict models.dict
works verify old.tflite ref.tflp
works inspect update.tflp
works inspect --json update.ggup
works strategies
works strategies --json

# --- one megabyte, held to it by the system -----------------------------------------------
works diff old.gguf new.gguf -o small.ggup --device 1M
# A program that counts or checks itself takes more than its own memory.
instrumented=$(nm "$MALLORN" 2>/dev/null | grep -m1 -e __asan -e __llvm_profile)
[ -n "$instrumented" ] || works patch old.gguf small.ggup -o out.gguf -f --streaming --buffer-size 1048576
[ -n "$instrumented" ] || same out.gguf new.gguf
if command -v prlimit >/dev/null && [ -z "$instrumented" ]; then
    prlimit --data=1048576 "$MALLORN" patch old.gguf small.ggup -o out.gguf -f -q --streaming \
        --buffer-size 1048576 || fail "does not run in one MiB"
    same out.gguf new.gguf
fi
for d in 256K micro; do
    works diff old.gguf new.gguf -o small.ggup --device $d -f
    n=262144
    [ $d = micro ] && n=32768
    works patch old.gguf small.ggup -o out.gguf -f --buffer-size $n
    same out.gguf new.gguf
done
says 10 'smallest that works' diff old.gguf new.gguf -o none.ggup --max-memory 8K
n=$(sed -n 's/.*--max-memory \([0-9]*\).*/\1/p' .err)
works diff old.gguf new.gguf -o none.ggup --max-memory "$n"
works patch old.gguf none.ggup -o out.gguf -f --buffer-size "$n"
says 8 'memory that this patch needs' patch old.gguf none.ggup -o out.gguf -f --buffer-size $((n / 2))
n=$(sed -n 's/.*limit \([0-9]*\).*/\1/p' .err)
works patch old.gguf none.ggup -o out.gguf -f --buffer-size "$n"

# --- several files ------------------------------------------------------------------------
works diff base.sharded tuned.sharded -o shards.sftp
works patch base.sharded shards.sftp -o made
diff -r made tuned.sharded >/dev/null || fail "made is not tuned.sharded"
says 2 'does not exist yet' patch base.sharded shards.sftp -o made
works patch base.sharded shards.sftp -o made -f
echo mine >made/notes.txt
says 2 notes.txt patch base.sharded shards.sftp -o made -f
[ -f made/notes.txt ] || fail "notes.txt is gone"
no_debris "several files"

# --- what goes wrong ----------------------------------------------------------------------
says 3 'base' patch new.tflite update.tflp -o none.tflite
says 3 'base' patch new.gguf update.tflp -o none.tflite
says 2 'does not exist yet' patch old.tflite update.tflp -o new.tflite
says 6 nowhere patch nowhere.tflite update.tflp -o none.tflite
says 6 nowhere patch old.tflite nowhere.tflp -o none.tflite
says 6 'irectory' patch old.tflite . -o none.tflite
says 6 nowhere patch old.tflite update.tflp -o nowhere/none.tflite
mkfifo fifo
says 9 'regular file' patch fifo update.tflp -o none.tflite
says 4 'header' patch old.tflite /dev/null -o none.tflite
says 4 'magic' patch old.tflite new.tflite -o none.tflite
says 2 'needs -o' patch old.tflite update.tflp
mkdir far && cp with.tflp far
says 9 'SHA-256' patch old.tflite far/with.tflp -o none.tflite
says 4 'dictionary' patch old.tflite far/with.tflp -o none.tflite --dict old.tflite
works patch old.tflite far/with.tflp -o out.tflite -f --dict models.dict
same out.tflite new.tflite
cp embedded.tflp far
works patch old.tflite far/embedded.tflp -o out.tflite -f
same out.tflite new.tflite
[ ! -e none.tflite ] || fail "output in spite of a failure"
if [ "$(id -u)" != 0 ]; then
    mkdir locked && chmod 500 locked
    says 6 'ermission' patch old.tflite update.tflp -o locked/none.tflite
    cp old.tflite unreadable.tflite && chmod 0 unreadable.tflite
    says 6 'ermission' patch unreadable.tflite update.tflp -o none.tflite
fi
no_debris "what goes wrong"

# --- a pipe, and the base itself ----------------------------------------------------------
cat update.tflp | "$MALLORN" patch old.tflite - -o piped.tflite -q --dict models.dict || fail "a patch from a pipe"
same piped.tflite new.tflite
cat update.tflp | "$MALLORN" verify old.tflite - -q --dict models.dict || fail "verify from a pipe"
says 2 'does not exist yet' patch model.tflite update.tflp -o model.tflite
works patch model.tflite update.tflp -o model.tflite -f
same model.tflite new.tflite

# --- a full disk --------------------------------------------------------------------------
if [ "$(id -u)" = 0 ] && mkdir tiny && mount -t tmpfs -o size=64k tmpfs tiny 2>/dev/null; then
    says 7 'pace' patch old.tflite update.tflp -o tiny/none.tflite
    [ -z "$(ls -A tiny)" ] || fail "debris on a full disk"
    umount tiny
fi

# --- stopped ------------------------------------------------------------------------------
mkfifo slow
"$MALLORN" patch old.tflite slow -o none.tflite 2>.err &
job=$!
exec 3>slow
head -c 2000 embedded.tflp >&3
sleep 0.3
kill -TERM $job
wait $job
got=$?
exec 3>&-
[ $got = 143 ] || fail "stopped: exit $got, not 143"
[ ! -e none.tflite ] || fail "output in spite of a stop"
no_debris stopped

# --- progress -----------------------------------------------------------------------------
"$MALLORN" patch old.tflite update.tflp -o out.tflite -f -q --progress=json 2>.err || fail "progress"
head -1 .err | grep -q '^{"schema": "mallorn.progress/1", "phase": "base".*"arena_bytes"' || { fail "first line of progress"; cat .err; }
tail -1 .err | grep -q '"phase": "done"' || fail "last line of progress"
"$MALLORN" diff old.tflite new.tflite -o update.tflp -f -q --progress=json 2>.err || fail "progress"
grep -q '"phase": "encode"' .err || fail "no line for encoding"

exit $bad
