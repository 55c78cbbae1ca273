#!/bin/sh
# coverage.sh FOLDER TESTS...: merges what the runs under FOLDER recorded and prints the line
# coverage of each part of the library, and the files that are covered least.
folder=$1
shift
tool() {
    command -v "$1-14" || command -v "$1" || { echo "coverage needs $1 (package llvm)" >&2; exit 1; }
}
profdata=$(tool llvm-profdata) && cov=$(tool llvm-cov) || exit 1
"$profdata" merge -sparse "$folder"/prof/*.profraw -o "$folder/all.profdata" || exit 1
objects=$folder/mallorn
for t in "$@"; do
    [ -x "$t" ] && objects="$objects -object $t"
done
"$cov" export $objects -instr-profile="$folder/all.profdata" -format=lcov \
    >"$folder/all.lcov" 2>"$folder/cov.log" || { cat "$folder/cov.log"; exit 1; }
awk -F: -v here="$(pwd)/" '
    function add(to) { lines[to] += lf; hit[to] += lh }
    $1 == "SF" { file = $2; sub(here, "", file); sub(/^\.\//, "", file) }
    $1 == "LF" { lf = $2 }
    $1 == "LH" { lh = $2 }
    $0 == "end_of_record" && lf > 0 && file ~ /^(apply|formats|analysis|codec)\/.*\.c$/ {
        part = file; sub(/\/[^\/]*$/, "/", part)
        add(part); add("library")
        if (part == "apply/" || part == "apply/base/") { add("applier (apply/, apply/base/)") }
        add("  " file)
    }
    END { for (p in lines) printf "%6.2f%% %6d of %6d lines  %s\n", 100 * hit[p] / lines[p], hit[p], lines[p], p }
' "$folder/all.lcov" >"$folder/table"
grep -v 'lines    ' "$folder/table" | sort -k6
echo "least covered:"
grep 'lines    ' "$folder/table" | sort -n | head -8
