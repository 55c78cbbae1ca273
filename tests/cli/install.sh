#!/bin/sh
# `make install` into an empty place: the examples of docs/ are built from what lies there,
# run, and `make uninstall` leaves nothing behind.
B=${MALLORN%/mallorn}
[ "${B##*/}" = release ] || { echo "skipped: only for MODE=release"; exit 0; }
. tests/support/cli.sh
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
dest=$work/dest
cc=${CC:-cc}
target() {
    make -s CC="$cc" MODE="${B##*/}" PREFIX=/opt/x DESTDIR="$dest" "$@" >"$work/make.log" 2>&1 ||
        { fail "make $*"; cat "$work/make.log"; exit 1; }
}
target install
for f in bin/mallorn lib/libmallorn.so lib/libmallorn.so.0 lib/libmallorn.a lib/libmallorn-apply.a \
    lib/pkgconfig/mallorn.pc include/mallorn/apply/apply.h share/man/man1/mallorn.1 \
    share/man/man1/mallorn-diff.1 share/man/man5/mallorn-profile.5 share/bash-completion/completions/mallorn \
    share/zsh/site-functions/_mallorn share/fish/vendor_completions.d/mallorn.fish \
    share/mallorn/themes/default.yaml; do
    [ -s "$dest/opt/x/$f" ] || fail "not installed: $f"
done

# --- the examples, with nothing but what was installed --------------------------------------
pc() {
    PKG_CONFIG_PATH=$dest/opt/x/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest pkg-config "$@"
}
awk '/^## update/ { to = $2 } /^```c$/ { p = 1; next } /^```$/ { p = 0 } p && to { print > "'"$work"'/" to }' docs/EMBEDDING.md
cp docs/examples/*.c "$work" && cd "$work" || exit 1
warn="-std=c11 -O1 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
flags=$(pc --cflags --libs mallorn) || fail "pkg-config mallorn"
for e in analyse diff apply; do
    $cc $warn $e.c -o $e $flags -lzstd || fail "$e.c does not compile"
    $cc $warn $e.c -o $e.static $(pc --cflags mallorn) "$dest/opt/x/lib/libmallorn.a" -lzstd -lm -pthread ||
        fail "$e.c does not link to the archive"
done
$cc $warn -I. board.c update.c -o board $(pc --cflags --libs mallorn-apply) || fail "the update does not compile"
# The whole interface at once.
(cd "$dest/opt/x/include/mallorn" && find . -name '*.h' | sed 's#^\./\(.*\)#\#include "\1"#') >all.c
$cc -std=c11 -Wall -Wextra -Werror -D_GNU_SOURCE -fsyntax-only $(pc --cflags mallorn) all.c || fail "the headers do not compile together"

[ $bad = 0 ] || exit 1
export LD_LIBRARY_PATH="$dest/opt/x/lib"
installed=$dest/opt/x/bin/mallorn
for f in base.int8.tflite tuned.int8.tflite; do
    "$installed" make-demo --quiet --only $f . || fail "the installed program does not run"
done
for how in "" .static; do
    ./analyse$how base.int8.tflite tuned.int8.tflite >seen || fail "analyse$how"
    grep -q '^changed .* of .* elements' seen || { fail "analyse$how shows no change"; cat seen; }
    ./diff$how base.int8.tflite tuned.int8.tflite p.mlp >/dev/null || fail "diff$how"
    ./apply$how base.int8.tflite p.mlp out.tflite >/dev/null || fail "apply$how"
    cmp -s out.tflite tuned.int8.tflite || fail "apply$how makes other bytes"
    ./apply$how tuned.int8.tflite p.mlp out2.tflite >/dev/null 2>said && fail "apply$how takes a wrong base"
    [ -s said ] && [ ! -e out2.tflite ] || fail "apply$how: a wrong base is not refused cleanly"
    rm -f out.tflite p.mlp
done

# --- firmware: power cuts at many writes, then a run that ends ------------------------------
"$installed" diff --quiet --device micro base.int8.tflite tuned.int8.tflite -o u.mlp || fail "diff --device micro"
./board base.int8.tflite u.mlp slot >/dev/null || fail "the update does not end well"
cmp -s slot tuned.int8.tflite || fail "the update makes other bytes"
pages=$(($(wc -c <tuned.int8.tflite) / 4096))
cuts=0
for n in $(seq 0 7 "$pages") "$pages"; do
    rm -f slot*
    ./board base.int8.tflite u.mlp slot "$n" >/dev/null && fail "no power cut at write $n"
    [ ! -e slot.boot ] || fail "a half-written model is booted (power cut at write $n)"
    ./board base.int8.tflite u.mlp slot 5 >/dev/null # and once more, or it ends
    ./board base.int8.tflite u.mlp slot >/dev/null || fail "it does not go on (power cut at write $n)"
    [ -e slot.boot ] && cmp -s slot tuned.int8.tflite || fail "other bytes after a power cut at write $n"
    cuts=$((cuts + 1))
done
rm -f slot* && ./board tuned.int8.tflite u.mlp slot >/dev/null && fail "the update takes a wrong base"
[ ! -s slot ] && [ ! -e slot.boot ] || fail "a wrong base was noticed too late"
if clang --target=thumbv7m-none-eabi --version >/dev/null 2>&1; then
    clang --target=thumbv7m-none-eabi -std=c11 -Os -ffreestanding -Wall -Wextra -Wconversion -Werror -I. \
        $(pc --cflags mallorn-apply) -c update.c -o update.o || fail "update.c is not freestanding"
fi

cd "$root" && target uninstall
left=$(find "$dest" ! -type d; find "$dest" -type d -name 'mallorn*')
[ -z "$left" ] || fail "left behind:" $left
echo "$cuts power cuts"
exit $bad
