#!/bin/sh
# headers.sh COMPILERS HEADERS...: each header compiles on its own, with every compiler that
# is at hand. Included rather than compiled, so that what it offers need not be used in it.
compilers=$1
shift
bad=0
for cc in $compilers; do
    command -v "$cc" >/dev/null 2>&1 || continue
    for h in "$@"; do
        echo "#include \"$h\"" |
            $cc -std=c11 -Wall -Wextra -Werror -D_GNU_SOURCE -I. -fsyntax-only -x c - || { echo "$h: not self-contained ($cc)"; bad=1; }
    done
done
exit $bad
