# Memory does not grow with the model: a sparse model of GIB gibibytes (4 unless told) against
# one of 4 MiB, and the 1M profile in a process that the system holds to one MiB.
. tests/support/cli.sh
cd "$work" || exit 1
gib=${GIB:-4}

# model FILE BYTES: one tensor of zeros, and a small one that changes with the file's name.
model() {
    header=$(printf '{"big":{"dtype":"U8","shape":[%s],"data_offsets":[0,%s]},"small":{"dtype":"U8","shape":[4096],"data_offsets":[%s,%s]}}' "$2" "$2" "$2" $(($2 + 4096)))
    while [ $((${#header} % 8)) != 0 ]; do header="$header "; done
    n=${#header}
    printf "\\$(printf %o $((n & 255)))\\$(printf %o $((n >> 8)))\\0\\0\\0\\0\\0\\0%s" "$header" >"$1"
    truncate -s $((8 + n + $2)) "$1"
    yes "$1" | head -c 4096 >>"$1"
}

# arena PATCH: bytes that applying takes.
arena() {
    "$MALLORN" inspect --json "$1" | sed -n 's/.*"arena_bytes": \([0-9]*\).*/\1/p'
}

for size in $((4 << 20)) $((gib << 30)); do
    model old "$size" && model new "$size"
    "$MALLORN" diff old new -o "patch.$size" -q || fail "diff of $size bytes"
    "$MALLORN" diff old new -o "small.$size" -q --device 1M || fail "diff of $size bytes"
    "$MALLORN" verify old "patch.$size" -q || fail "verify of $size bytes"
    prlimit --data=1048576 "$MALLORN" verify old "small.$size" --buffer-size 1048576 ||
        fail "$size bytes in one MiB"
done
small=$(arena "patch.$((4 << 20))") large=$(arena "patch.$((gib << 30))")
echo "arena: $small bytes for 4 MiB, $large for $gib GiB"
[ $((large - small)) -le 4096 ] || fail "the arena grows with the model"
exit $bad
