#!/bin/sh
# Runs fuzz targets one after the other, JOBS side by side, and prints a line for each: executions,
# edges covered, findings. all.sh FOLDER SECONDS JOBS TARGET...   FOLDER holds the built targets.
folder=$1 seconds=$2 jobs=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
logs=$folder/logs
mkdir -p "$logs"

one() { # one TARGET
    corpus=$folder/found/$1
    mkdir -p "$corpus"
    words=
    [ -f "$here/dict/$1.dict" ] && words=-dict=$here/dict/$1.dict
    "$folder/fuzz_$1" $words -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$folder/found/$1-" "$corpus" "$here/corpus/$1" >"$logs/$1.log" 2>&1
    code=$?
    awk -v t="$1" -v code=$code '
        /^#[0-9]+/ { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
        /^stat::number_of_executed_units/ { runs = $2 }
        END { printf "%s\t%s\t%s\t%s\n", t, runs == "" ? "?" : runs, cov, code == 0 ? "clean" : "FINDING (exit " code ")" }' "$logs/$1.log"
    return $code
}

if [ "$jobs" = in-one ]; then # called by xargs below
    one "$1"
    exit
fi
printf 'target\texecutions\tedges\tresult\n'
printf '%s\n' "$@" | xargs -P "$jobs" -I{} sh "$0" "$folder" "$seconds" in-one {}
