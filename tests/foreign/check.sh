#!/bin/sh
# check.sh BUILD: builds the applier for other processors and has them, simulated by qemu,
# apply every golden patch, and run the tests of what depends on the order of bytes, on the
# width of words or on vectors. What is not installed is said and passed over. On Debian:
#   apt-get install qemu-user gcc-s390x-linux-gnu gcc-powerpc-linux-gnu gcc-arm-linux-gnueabihf
#     gcc-aarch64-linux-gnu, and libc6-dev-CPU-cross of each
root=$(pwd)
home=$root/tests/golden/patches/v1
mkdir -p "$1" && out=$(cd "$1" && pwd) || exit 1
bad=0
ran=0

have() {
    command -v "$1" >/dev/null 2>&1
}

fail() {
    echo "FAIL: $arch: $*"
    bad=1
}

digest() {
    if [ -d "$1" ]; then
        (cd "$1" && find . -type f | LC_ALL=C sort | while read -r f; do sha256sum "$f"; done) | sha256sum
    else
        sha256sum <"$1"
    fi | cut -c1-64
}

# compile FLAGS...: with the warnings that the rest of the tree is built with
compile() {
    # shellcheck disable=SC2086
    $cc -std=c11 -O2 -ffp-contract=off -I"$root" -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wshadow \
        -Wconversion -Wundef -Wvla -Wcast-align -Wno-format-truncation -Werror $host "$@"
}

# archive SOURCES...: what every program here is linked with
archive() {
    rm -rf "$out/$arch/obj" "$out/$arch/applier.a" && mkdir -p "$out/$arch/obj" || return 1
    (cd "$out/$arch/obj" && compile -c $(printf "$root/%s " "$@") &&
        { [ "$arch" != aarch64 ] || compile -march=armv8-a+crypto -c "$root"/apply/host/*_armv8.c; } &&
        $cc_ar rcs ../applier.a ./*.o)
}

# golden LOOPS: every patch, by the reference loops or by those for this processor
golden() {
    applied=0 without=0
    while read -r name base target _; do
        case $name in '#'*) continue ;; esac
        new=$out/$arch/new
        rm -rf "$new"
        case $name in *members) mkdir "$new" ;; esac
        $qemu "$out/$arch/apply_golden" "$1" "$home/base/$base" "$home/$name.patch" "$new" 2>"$out/$arch/said"
        case $? in
        0)
            want=$(grep "  $name\$" "$home/SHA256SUMS" | cut -c1-64)
            [ "$(digest "$new")" = "$want" ] || fail "$1 loops: $name is not the target"
            applied=$((applied + 1)) ;;
        77) without=$((without + 1)) ;;
        *) fail "$1 loops: $name: $(cat "$out/$arch/said")" ;;
        esac
    done <"$home/cases.txt"
    said="$applied golden patches, $1 loops"
    [ "$without" = 0 ] || said="$said; $without not, for want of zstd"
    echo "  ok    check-foreign $arch ($what): $said"
    [ "$applied" -gt 0 ] || fail "no patch was applied"
}

# try SOURCE ARGUMENTS...: a program of tests that must end well
try() {
    name=${1##*/}
    name=${name%.c}
    case $name in
    fuzz_*) with="tests/fuzz/replay.c tests/support/rng.c" ;;
    *) with="-isystem tests/foreign/shim tests/support/test.c tests/support/rng.c" ;;
    esac
    # shellcheck disable=SC2086
    compile -static "$1" $with "$out/$arch/applier.a" -o "$out/$arch/$name" || { fail "$name: not built"; return; }
    shift
    $qemu "$out/$arch/$name" "$@" >"$out/$arch/said" 2>&1 || { cat "$out/$arch/said"; fail "$name"; }
    tests="$tests $name"
}

# target TRIPLET QEMU WHAT: one processor
target() {
    arch=${1%%-*} cc=$1-gcc cc_ar=$1-ar what=$3 zstd='' host='' tests='' loops='' qemu=''
    for q in "$2" "$2-static"; do
        have "$q" && qemu=$q
    done
    have "$cc" || { echo "  skip  check-foreign $arch ($what): no $cc"; return; }
    [ -n "$qemu" ] || { echo "  skip  check-foreign $arch ($what): no $2"; return; }
    mkdir -p "$out/$arch"
    if echo 'int main(void) { return 0; }' | $cc -static -x c - -lzstd -o "$out/$arch/probe" 2>/dev/null; then
        zstd=-lzstd host=-DFOREIGN_ZSTD loops=apply/host/inflate_zstd.c
    fi
    case $arch in aarch64)
        host="$host -DFOREIGN_KERNELS"
        loops="$loops apply/host/host_kernels.c $(ls apply/host/*_neon.c)" ;;
    esac
    # shellcheck disable=SC2086
    archive apply/base/*.c apply/*.c apply/host/cpu.c codec/tokens.c $loops || { fail "not built"; return; }
    compile -static tests/foreign/apply_golden.c "$out/$arch/applier.a" $zstd -o "$out/$arch/apply_golden" ||
        { fail "apply_golden: not built"; return; }
    ran=$((ran + 1))
    golden scalar
    case $arch in aarch64) golden host ;; esac
    for t in sha256 checked cursor dtype; do
        try "tests/base/test_$t.c"
    done
    case $arch in aarch64)
        try tests/host/test_neural_loops.c
        try tests/fuzz/fuzz_neural.c tests/fuzz/corpus/neural/* ;;
    esac
    echo "  ok    check-foreign $arch ($what):$tests"
}

target s390x-linux-gnu qemu-s390x "64 bits, highest byte first"
target powerpc-linux-gnu qemu-ppc "32 bits, highest byte first"
target arm-linux-gnueabihf qemu-arm "32 bits, lowest byte first"
target aarch64-linux-gnu qemu-aarch64 "64 bits, lowest byte first, vectors"
[ "$ran" -gt 0 ] || echo "  skip  check-foreign: no processor was simulated"
exit $bad
