#!/bin/sh
# A file may include its own folder and the folders in its row (docs/ARCHITECTURE.md).
rows='
apply/base | apply/base
apply/host | apply/host apply apply/base
apply      | apply apply/base
formats    | formats apply/base apply/host
analysis   | analysis formats apply/base
codec      | codec analysis formats apply apply/base
tui/cli    | tui/cli codec analysis formats apply apply/base apply/host
tui        | tui tui/cli codec analysis formats apply apply/base apply/host
'
find apply formats analysis codec tui -name '*.[ch]' -o -name '*.def' | {
    bad=0
    while read -r file; do
        from=${file%/*}
        may=$(printf '%s' "$rows" | sed -n "s#^$from *| *##p")
        for inc in $(sed -n 's/^ *# *include "\([^"]*\)".*/\1/p' "$file"); do
            case " $may " in
            *" ${inc%/*} "*) ;;
            *) echo "$file: $from/ may not include $inc"; bad=1 ;;
            esac
        done
        if [ "$from" != tui ] && grep -qE '^ *# *include <(n?curses|panel|ncursesw/)' "$file"; then
            echo "$file: only tui/ may include curses"; bad=1
        fi
        case $from in
        apply|apply/base)
            alien=$(grep -hoE '^ *# *include <[^>]*>' "$file" | grep -vE '<(std(int|def|bool|align)|limits)\.h>')
            [ -z "$alien" ] || { echo "$file: not freestanding: $alien"; bad=1; } ;;
        esac
    done
    exit $bad
}
