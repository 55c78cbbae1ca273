#!/bin/sh
# freestanding.sh COMPILER FOLDER FILES...: builds the applier for bare metal and proves that
# it needs nothing but itself, mem*() and compiler helpers. Prints code size and stack.
cc=$1 out=$2
shift 2
${cc%% *} --version >/dev/null 2>&1 || { echo "  skip  check-free: no ${cc%% *}"; exit 0; }
nm=$(command -v llvm-nm || command -v llvm-nm-14 || echo nm)
size=$(command -v llvm-size || command -v llvm-size-14 || echo size)
rm -rf "$out" && mkdir -p "$out" || exit 1
for f in "$@"; do
    o=$out/$(printf '%s' "${f%.c}" | tr / _).o
    $cc -std=c11 -Os -ffreestanding -ffunction-sections -fstack-usage -I. -c "$f" -o "$o" || exit 1
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
echo "  ok    freestanding apply/: $code bytes of code and tables, largest frame $stack"
