#!/bin/sh
# freestanding.sh COMPILER FOLDER FILES...: builds the applier for bare metal and proves that
# it needs nothing but itself, mem*() and compiler helpers, and that no frame is larger than
# 1 KiB. Prints code size (of all, and of a linked applier with few strategies) and stack.
cc=$1 out=$2
shift 2
${cc%% *} --version >/dev/null 2>&1 || { echo "  skip  check-free: no ${cc%% *}"; exit 0; }
nm=$(command -v llvm-nm || command -v llvm-nm-14 || echo nm)
size=$(command -v llvm-size || command -v llvm-size-14 || echo size)
rm -rf "$out" && mkdir -p "$out" || exit 1
flags="-std=c11 -Oz -ffreestanding -DMLR_NO_RULES -ffunction-sections -fno-unwind-tables -fno-asynchronous-unwind-tables"
for f in "$@"; do
    o=$out/$(printf '%s' "${f%.c}" | tr / _).o
    $cc $flags -fstack-usage -I. -c "$f" -o "$o" || exit 1
done
floating=$($nm -u "$out"/*.o | awk 'NF == 2 { print $2 }' | sort -u |
    grep -xE '__aeabi_(c?[fd](add|sub|rsub|mul|div|cmp).*|[fdh]2.*|u?[il]2[fd])')
[ -z "$floating" ] || { echo "apply/ uses floating point:" $floating; exit 1; }
own=$($nm -g --defined-only "$out"/*.o | awk 'NF == 3 { print $3 }')
foreign=$($nm -u "$out"/*.o | awk 'NF == 2 { print $2 }' | sort -u |
    grep -vxE 'mem(cpy|move|set|cmp)|__aeabi_[a-z0-9]+' | grep -vxF "$own")
[ -z "$foreign" ] || { echo "apply/ needs a hosted function:" $foreign; exit 1; }
code=$($size "$out"/*.o | awk 'NR > 1 { n += $1 } END { print n }')
stack=$(sort -t"	" -k2nr "$out"/*.su | awk -F"	" 'NR == 1 { print $2 " bytes in " $1 }' | sed 's/ in [^:]*:[0-9]*:/ in /')
[ "${stack%% *}" -le 1024 ] || { echo "apply/ has a frame above 1 KiB: $stack"; exit 1; }
core=
lld=$(command -v ld.lld || command -v ld.lld-14)
# linked TABLE: bytes of an applier with the strategies of a table. The decoder table decides what
# is linked; an applier's calls are the roots.
linked() {
    $cc $flags -I. -DMLR_STRATEGY_TABLE="\"apply/$1\"" -c apply/decoder.c -o "$out/core_decoder.o" || return 1
    objects=$(ls "$out"/*.o | grep -v '/apply_decoder\.o$')
    $lld --gc-sections --unresolved-symbols=ignore-all -e mlr_apply_step -u mlr_patch_peek \
        -u mlr_patch_header_read -u mlr_apply_need_of -u mlr_apply_begin $objects -o "$out/core" || return 1
    $size "$out/core" | awk 'NR == 2 { print $1 }'
}
if [ -n "$lld" ] && [ -f apply/decoder.c ]; then
    core=$(linked strategies_core.def) && bytes=$(linked strategies_bytes.def) || exit 1
    core=", linked with raw, copy, mix and neural $core, without neural $bytes"
fi
echo "  ok    freestanding apply/: $code bytes of code and tables$core; largest frame $stack"
