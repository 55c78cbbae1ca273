#!/bin/sh
# Public symbols carry the prefix; the library keeps no writable global.
nm -g --defined-only "$1" | awk '
    NF == 3 && $3 !~ /^mlr_/ { print "no mlr_ prefix: " $3; bad = 1 }
    END { exit bad }' || exit 1
nm -f sysv --defined-only "$1" | awk -F'|' '
    $4 ~ /OBJECT|TLS/ && $7 ~ /^ *\.(data|bss|tdata|tbss)/ && $7 !~ /rel\.ro/ {
        print "writable global: " $1; bad = 1 }
    END { exit bad }'
