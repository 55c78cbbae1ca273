# Golden patches: each must give its target, by the program and, where python3 is, by the
# second decoder. UPDATE=1 makes them again; see tests/golden/patches/README.md.
. tests/support/cli.sh
home=$root/tests/golden/patches
second=$root/tests/second_decoder

# digest PATH: of a file, or of a folder's files and their names.
digest() {
    if [ -d "$1" ]; then
        (cd "$1" && find . -type f | LC_ALL=C sort | while read -r f; do sha256sum "$f"; done) | sha256sum
    else
        sha256sum <"$1"
    fi | cut -c1-64
}

# The models, the patches by hand, then those that the program makes.
remake() {
    python3 "$home/make.py" "$work/pairs" "$work" || { fail "make.py"; return; }
    dict=$work/bytes.dict
    "$MALLORN" dict train "$work"/pairs/f32.* "$work"/pairs/f64.* -o "$dict" --max-size 1024 >/dev/null || fail "dict train"
    rm -rf "$home"/*.patch "$home/base" && mkdir "$home/base"
    : >"$home/SHA256SUMS"
    grep -v '^#' "$home/cases.txt" | while read -r name base target how; do
        if [ "$how" = hand ]; then
            cp "$work/$name.patch" "$home/$name.patch"
        else
            "$MALLORN" diff "$work/pairs/$base" "$work/pairs/$target" -q -o "$home/$name.patch" $(eval echo "$how") </dev/null ||
                echo "FAIL: diff $name"
        fi
        [ -e "$home/base/$base" ] || cp -R "$work/pairs/$base" "$home/base/$base"
        echo "$(digest "$work/pairs/$target")  $name" >>"$home/SHA256SUMS"
    done
}

if [ -n "$UPDATE" ]; then
    remake
fi

count=0
while read -r name base target how; do
    case $name in '#'*) continue ;; esac
    want=$(grep "  $name\$" "$home/SHA256SUMS" | cut -c1-64)
    "$MALLORN" patch "$home/base/$base" "$home/$name.patch" -q -o "$work/$name" </dev/null || fail "patch $name"
    [ -n "$want" ] && [ -e "$work/$name" ] && [ "$(digest "$work/$name")" = "$want" ] || fail "$name: not the target"
    count=$((count + 1))
done <"$home/cases.txt"
[ "$count" -gt 0 ] && [ "$count" = "$(ls "$home"/*.patch | wc -l)" ] || fail "$count cases, but other patches"

if command -v python3 >/dev/null; then
    python3 -B "$second/check.py" "$home" "$work" || fail "the second decoder"
else
    echo "skipped: the second decoder, for want of python3"
fi
exit $bad
