#!/bin/bash -eu
# OSS-Fuzz calls this in its base-builder image: CC, CFLAGS, LIB_FUZZING_ENGINE and OUT are its own.
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    target=${name#fuzz_}
    make MODE=fuzz TUI=0 CC="$CC" FUZZ_ENGINE="$LIB_FUZZING_ENGINE" fuzz_flags="$CFLAGS -O1 -g" -j"$(nproc)" "build/fuzz/$name"
    cp "build/fuzz/$name" "$OUT/$name"
    (cd "tests/fuzz/corpus/$target" && zip -q -r "$OUT/${name}_seed_corpus.zip" .)
    if [ -f "tests/fuzz/dict/$target.dict" ]; then
        cp "tests/fuzz/dict/$target.dict" "$OUT/$name.dict"
    fi
    printf '[libfuzzer]\nmax_len = 65536\nrss_limit_mb = 512\ntimeout = 5\n' >"$OUT/$name.options"
done
