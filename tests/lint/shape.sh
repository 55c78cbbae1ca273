#!/bin/sh
# Rules about the tree that no compiler checks. One line per violation; none is success.
files=$(find apply formats analysis codec tui tests -name '*.[ch]' -o -name '*.def')
library=$(printf '%s\n' $files | grep -E '^(apply|formats|analysis|codec)/')
{
    printf '%s\n' $files | sed 's#.*/##' | sort | uniq -d | sed 's/$/: this file name exists twice/'
    for f in $files; do
        lines=$(wc -l <"$f")
        case $f in
        *.h) [ "$lines" -le 300 ] || echo "$f: $lines lines; a header of 300 holds two modules" ;;
        *.c) [ "$lines" -le 800 ] || echo "$f: $lines lines; a file of 800 holds two modules" ;;
        esac
        case $f in
        *.h)
            guard=MLR_$(printf '%s' "${f%.h}" | tr 'a-z/-' 'A-Z__')_H
            grep -q "^#ifndef $guard\$" "$f" || echo "$f: the guard should be $guard" ;;
        *.c)
            if [ -f "${f%.c}.h" ] && ! grep -m1 '^#include' "$f" | grep -q "\"${f%.c}.h\""; then
                echo "$f: its own header comes first"
            fi ;;
        esac
    done
    grep -nE '\b(TODO|FIXME|XXX)\b' $files /dev/null | sed 's/$/   <- belongs into an issue/'
    grep -nE '\b(malloc|calloc|realloc|free|strdup)\(' $library | grep -v '^apply/host/heap.c:' |
        grep -vE '^[^:]*:[0-9]*: *(/\*|\*|//)' | sed 's/$/   <- take it from an mlr_allocator/'
    grep -nE '\b(printf|fprintf|puts|perror|exit|abort|setlocale|signal)\(' $library |
        grep -vE '^[^:]*:[0-9]*: *(/\*|\*|//)' | sed 's/$/   <- the library does not talk to the process/'
} | { ! grep . ; }
