# Golden patches of every version of the format: each must give its target, by the program and,
# where python3 is, by the second decoder. UPDATE=1 makes those of the last version again; see
# tests/golden/patches/README.md.
. tests/support/cli.sh
goldens=$root/tests/golden/patches
second=$root/tests/second_decoder

# digest PATH: of a file, or of a folder's files and their names.
digest() {
    if [ -d "$1" ]; then
        (cd "$1" && find . -type f | LC_ALL=C sort | while read -r f; do sha256sum "$f"; done) | sha256sum
    else
        sha256sum <"$1"
    fi | cut -c1-64
}

# remake FOLDER: the models, the patches by hand, then those that the program makes.
remake() {
    python3 "$goldens/make.py" "$work/pairs" "$work" || { fail "make.py"; return; }
    dict=$work/bytes.dict
    "$MALLORN" dict train "$work"/pairs/f32.* "$work"/pairs/f64.* -o "$dict" --max-size 1024 >/dev/null || fail "dict train"
    rm -rf "$1"/*.patch "$1/base" && mkdir "$1/base"
    : >"$1/SHA256SUMS"
    grep -v '^#' "$1/cases.txt" | while read -r name base target how; do
        if [ "$how" = hand ]; then
            cp "$work/$name.patch" "$1/$name.patch"
        else
            "$MALLORN" diff "$work/pairs/$base" "$work/pairs/$target" -q -o "$1/$name.patch" $(eval echo "$how") </dev/null ||
                echo "FAIL: diff $name"
        fi
        [ -e "$1/base/$base" ] || cp -R "$work/pairs/$base" "$1/base/$base"
        echo "$(digest "$work/pairs/$target")  $name" >>"$1/SHA256SUMS"
    done
}

# check FOLDER: every patch there, and no more patches than cases.
check() {
    count=0
    made=$work/made.$(basename "$1")
    mkdir "$made"
    while read -r name base target how; do
        case $name in '#'*) continue ;; esac
        want=$(grep "  $name\$" "$1/SHA256SUMS" | cut -c1-64)
        "$MALLORN" patch "$1/base/$base" "$1/$name.patch" -q -o "$made/$name" </dev/null || fail "patch $name"
        [ -n "$want" ] && [ -e "$made/$name" ] && [ "$(digest "$made/$name")" = "$want" ] || fail "$name: not the target"
        count=$((count + 1))
    done <"$1/cases.txt"
    [ "$count" -gt 0 ] && [ "$count" = "$(ls "$1"/*.patch | wc -l)" ] || fail "$count cases, but other patches"
    if command -v python3 >/dev/null; then
        python3 -B "$second/check.py" "$1" "$made" || fail "the second decoder"
    else
        echo "skipped: the second decoder, for want of python3"
    fi
}

if [ -n "$UPDATE" ]; then
    remake "$(ls -d "$goldens"/v* | tail -1)"
fi
for version in "$goldens"/v*; do
    check "$version"
done
exit $bad
