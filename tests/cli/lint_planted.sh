#!/bin/sh
# Each lint script passes a small clean tree and fails on every violation planted in it, with
# the words that name the violation.
lint=$(pwd)/tests/lint
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cc=${CC:-cc}
bad=0
planted=0

# A tree with one module in each folder, and a public one in apply/.
clean() {
    rm -rf "$work/t" && mkdir -p "$work/t" && cd "$work/t" || exit 1
    mkdir -p apply/base apply/host formats analysis codec tui/cli tests
    printf '#ifndef MLR_APPLY_ONE_H\n#define MLR_APPLY_ONE_H\n\n#include <stdint.h>\n\nint mlr_one(uint8_t n);\n\n#endif\n' >apply/one.h
    printf '#include "apply/one.h"\n\nint mlr_one(uint8_t n)\n{\n    return n;\n}\n' >apply/one.c
    printf '#include "apply/one.h"\n\nint mlr_two(void);\nint mlr_two(void)\n{\n    return mlr_one(2);\n}\n' >codec/two.c
    printf 'MALLORN_0 {\nglobal:\n    mlr_one;\nlocal:\n    *;\n};\n' >lib.map
}
build() {
    for f in apply/*.c codec/*.c; do
        $cc -std=c11 -fPIC -I. -c "$f" -o "$(echo "$f" | tr / _).o" || exit 1
    done
    rm -f lib.a && ar rcs lib.a ./*.o && $cc -shared -Wl,--version-script="${1:-lib.map}" ./*.o -o lib.so
}

layers() { sh "$lint/layers.sh"; }
shape() { sh "$lint/shape.sh"; }
headers() { sh "$lint/headers.sh" "$cc clang" $(find . -name '*.h'); }
symbols() { build && sh "$lint/symbols.sh" lib.a; }
exports() { build "${shown:-lib.map}" && sh "$lint/exports.sh" lib.so lib.map lib.a "$cc" apply/one.h; }
freestanding() { sh "$lint/freestanding.sh" "$freecc" "$work/free" apply/*.c; }

# must_fail SCRIPT TEXT: a violation was planted; then the tree is clean again.
must_fail() {
    planted=$((planted + 1))
    if $1 >"$work/out" 2>&1; then
        echo "FAIL: $1 does not see: $2"
        bad=1
    elif ! grep -q -e "$2" "$work/out"; then
        echo "FAIL: $1 does not say '$2':"
        cat "$work/out"
        bad=1
    fi
    clean
}

freecc="clang --target=thumbv7m-none-eabi"
$freecc --version >/dev/null 2>&1 || freecc=
clean
for script in layers shape headers symbols exports ${freecc:+freestanding}; do
    $script >"$work/out" 2>&1 || { echo "FAIL: $script refuses a clean tree:"; cat "$work/out"; bad=1; }
    clean
done

# --- layers ---
echo '#include "codec/two.h"' >>apply/one.c && must_fail layers 'apply/ may not include codec/two.h'
echo '#include "tui/cli/cli.h"' >>codec/two.c && must_fail layers 'codec/ may not include tui/cli/cli.h'
echo '#include "apply/host/file.h"' >>apply/one.c && must_fail layers 'apply/ may not include apply/host/file.h'
echo '#include <curses.h>' >tui/cli/x.c && must_fail layers 'only tui/ may include curses'
echo '#include <stdio.h>' >>apply/one.c && must_fail layers 'not freestanding'

# --- shape ---
cp apply/one.c codec/one.c && must_fail shape 'one.c: this file name exists twice'
yes '' | head -900 >>codec/two.c && must_fail shape 'a file of 800 holds two modules'
yes '' | head -400 >>apply/one.h && must_fail shape 'a header of 300 holds two modules'
sed -i 's/MLR_APPLY_ONE_H/ONE_H/' apply/one.h && must_fail shape 'the guard should be MLR_APPLY_ONE_H'
sed -i '1i #include <stdint.h>' apply/one.c && must_fail shape 'its own header comes first'
echo '/* TODO */' >>codec/two.c && must_fail shape 'belongs into an issue'
echo 'void *x(void) { return malloc(1); }' >>codec/two.c && must_fail shape 'take it from an mlr_allocator'
echo 'void x(void) { printf("x"); }' >>formats/x.c && must_fail shape 'does not talk to the process'
echo 'void x(void) { exit(1); }' >>analysis/x.c && must_fail shape 'does not talk to the process'

# --- headers ---
sed -i '/stdint/d' apply/one.h && must_fail headers 'apply/one.h: not self-contained'

# --- symbols ---
echo 'int one_more(void) { return 1; }' >>codec/two.c && must_fail symbols 'no mlr_ prefix: one_more'
echo 'int mlr_count = 1;' >>codec/two.c && must_fail symbols 'writable global: mlr_count'
echo 'static int calls; int mlr_x(void) { return ++calls; }' >>codec/two.c && must_fail symbols 'writable global: calls'
echo 'int mlr_x(void) { static int n; return ++n; }' >>codec/two.c && must_fail symbols 'writable global: n'
echo '_Thread_local int mlr_errno;' >>codec/two.c && must_fail symbols 'writable global: mlr_errno'

# --- exports ---
sed -i 's/int mlr_one/int mlr_new(void);\nint mlr_one/' apply/one.h && echo 'int mlr_new(void) { return 1; }' >>apply/one.c &&
    must_fail exports 'mlr_new: public, but not in the map'
sed -i 's/    mlr_one;/    mlr_one;\n    mlr_two;/' lib.map && must_fail exports 'mlr_two: in the map, but no public header declares it'
sed -i 's/int mlr_one(uint8_t n);//' apply/one.h && sed -i 's/^int mlr_one.*/int mlr_one(uint8_t n);\n&/' apply/one.c &&
    sed -i '1a int mlr_one(uint8_t n);' codec/two.c && must_fail exports 'mlr_one: in the map, but no public header'
printf 'MALLORN_0 {\nglobal:\n    mlr_*;\nlocal:\n    *;\n};\n' >all.map && shown=all.map && must_fail exports 'mlr_two: shown, but not in the map'
printf '{\nglobal:\n    mlr_one;\nlocal:\n    *;\n};\n' >all.map && must_fail exports 'mlr_one.*shown without a version'
shown=

# --- freestanding ---
if [ -n "$freecc" ]; then
    echo 'int puts(const char *); int mlr_x(void); int mlr_x(void) { return puts("x"); }' >>apply/one.c && must_fail freestanding 'needs a hosted function: puts'
    echo 'void *malloc(unsigned); void *mlr_x(void); void *mlr_x(void) { return malloc(4); }' >>apply/one.c && must_fail freestanding 'needs a hosted function: malloc'
    echo '#include <stdio.h>' >>apply/one.c && must_fail freestanding 'stdio.h'
    echo 'int mlr_x(int i); int mlr_x(int i) { volatile char a[2000]; a[i] = 1; return a[9]; }' >>apply/one.c && must_fail freestanding 'a frame above 1 KiB'
    echo 'float mlr_x(float a); float mlr_x(float a) { return a * 3; }' >>apply/one.c && must_fail freestanding 'floating point'
fi
echo "$planted violations planted"
exit $bad
