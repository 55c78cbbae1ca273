# For tests/cli/*.sh: runs the program and compares what it prints with a golden file.
# UPDATE=1 rewrites the golden files; look at the difference before committing it.
[ -x "$MALLORN" ] || { echo "MALLORN must name the program"; exit 1; }
root=$(pwd)
golden=$root/tests/golden/cli
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
unset NO_COLOR CLICOLOR_FORCE COLUMNS LC_ALL LC_CTYPE
export LANG=C.UTF-8
bad=0

fail() {
    echo "FAIL: $*"
    bad=1
}

# expect NAME EXIT ARGUMENTS...: standard output, then standard error, must be the golden text.
expect() {
    name=$1 want=$2
    shift 2
    (cd "$work" && "$MALLORN" "$@" >"$work/.out" 2>"$work/.err")
    got=$?
    [ "$got" = "$want" ] || fail "$name: exit $got, not $want: mallorn $*"
    { cat "$work/.out"; sed 's/^/2> /' "$work/.err"; } >"$work/.both"
    if [ -n "$UPDATE" ] && [ "$got" = "$want" ]; then
        cp "$work/.both" "$golden/$name.txt"
    fi
    cmp -s "$work/.both" "$golden/$name.txt" || {
        fail "$name: mallorn $*"
        diff -u "$golden/$name.txt" "$work/.both"
    }
}
