#!/bin/sh
# Patched models in real runtimes: for each pair of models the new file is made from a patch, then
# each runtime that is present loads it and the original new file and prints a digest of what it
# computed; the two lines must be equal, and the line of the old file must differ (else the
# comparison would prove nothing). Says which runtimes were run and which were not there.
#   run.sh MALLORN CORPUS DEMO
# RUNTIMES names a folder with any of: node_modules holding node-llama-cpp and onnxruntime-node,
# and the built drivers tflite_micro and safetensors (docs/TESTING.md tells how to build them).
mallorn=$1 corpus=$2 demo=$3
here=$(cd "$(dirname "$0")" && pwd)
runtimes=${RUNTIMES:-/nonexistent}
python=${PYTHON:-python3}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
ran=0 failed=0 alike=0

have() { # have RUNTIME
    case $1 in
    llama.cpp) command -v node >/dev/null && [ -d "$runtimes/node_modules/node-llama-cpp" ] ;;
    onnxruntime) command -v node >/dev/null && [ -d "$runtimes/node_modules/onnxruntime-node" ] ;;
    onnx-checker) "$python" -c 'import onnx' 2>/dev/null ;;
    tflite-micro) [ -x "$runtimes/tflite_micro" ] ;;
    safetensors) [ -x "$runtimes/safetensors" ] ;;
    esac
}

compute() { # compute RUNTIME MODEL: one line
    case $1 in
    llama.cpp) node "$work/llama.mjs" "$2" ;;
    onnxruntime) node "$work/onnxruntime.mjs" "$2" ;;
    onnx-checker) "$python" "$here/onnx_check.py" "$2" ;;
    tflite-micro) "$runtimes/tflite_micro" "$2" ;;
    safetensors) "$runtimes/safetensors" "$2" ;;
    esac 2>"$work/err" | tail -n 1
}

check() { # check RUNTIME OLD NEW PATCHED
    was=$(compute "$1" "$2") wanted=$(compute "$1" "$3") got=$(compute "$1" "$4")
    if [ -z "$wanted" ]; then
        printf '%s\t%s\t%s\n' "$1" "${3##*/}" "not run: the runtime does not take the original ($(head -c 100 "$work/err" | tr '\n\t' '  '))"
        return
    fi
    ran=$((ran + 1))
    verdict=same
    [ "$wanted" = "$got" ] || { verdict=DIFFERENT failed=$((failed + 1)); }
    [ "$wanted" != "$was" ] || { verdict="$verdict (as the old model's)" alike=$((alike + 1)); }
    printf '%s\t%s\t%s\t%s\n' "$1" "${3##*/}" "$got" "$verdict"
}

pair() { # pair OLD NEW RUNTIME...
    old=$1 new=$2
    shift 2
    [ -f "$old" ] && [ -f "$new" ] || return 0
    set -- $(for r in "$@"; do have "$r" && echo "$r"; done)
    [ $# -gt 0 ] || return 0
    patched=$work/patched.${new##*.}
    "$mallorn" diff "$old" "$new" -o "$work/p" -f -q --neural &&
        "$mallorn" patch "$old" "$work/p" -o "$patched" -f -q --streaming || { failed=$((failed + 1)); return; }
    for r in "$@"; do
        check "$r" "$old" "$new" "$patched"
    done
}

# modules are resolved beside the script that asks for them
[ -d "$runtimes/node_modules" ] && ln -s "$(cd "$runtimes" && pwd)/node_modules" "$work/node_modules"
cp "$here"/*.mjs "$work"
for r in llama.cpp onnxruntime onnx-checker tflite-micro safetensors; do
    have "$r" || printf '%s\tskipped: not there\n' "$r"
done
t=$corpus/trained
for q in Q8_0 Q4_0 Q4_K_M; do
    pair "$t/gguf/tiny_base.$q.gguf" "$t/gguf/tiny_ft.$q.gguf" llama.cpp
done
for v in f32 f16 f16i bf16 int8 const fdata; do
    pair "$t/onnx/cnns_base.$v.onnx" "$t/onnx/cnns_ft.$v.onnx" onnxruntime onnx-checker
done
r=$corpus/real
pair "$r/onnx/silero_16k_op15__v2__silero_vad_16k_op15.onnx" "$r/onnx/silero_16k_op15__v3__silero_vad_16k_op15.onnx" onnxruntime onnx-checker
for f in "$t"/tflite/cnns_base.*.tflite; do
    pair "$f" "$(printf '%s' "$f" | sed 's/_base\./_ft./')" tflite-micro
done
for m in hello_world_int8 gestrec_int8 resnet_int8 retinaface_int8 seanet_conv8 toycar_int8 mww_okay_nabu_v2 mww_v2exp; do
    set -- "$r/tflite/${m}"__v*.tflite
    [ $# -ge 2 ] && pair "$1" "$2" tflite-micro
done
for kind in keep rescale; do
    pair "$r/tflite/person_detect__v1__person_detect.tflite" "$corpus/synthetic/person_detect.$kind.tflite" tflite-micro
done
for v in ft.bf16 ftlight.bf16 ftlight.f16 ftlight.f32; do
    pair "$t/safetensors/tiny_base.${v#*.}.safetensors" "$t/safetensors/tiny_$v.safetensors" safetensors
done
for v in bf16 f16 f32 int8; do
    pair "$demo/base.$v.safetensors" "$demo/tuned.$v.safetensors" safetensors
done
for v in f32 int8; do
    pair "$demo/base.$v.onnx" "$demo/tuned.$v.onnx" onnx-checker
done
echo "$ran runs of patched models in runtimes, $failed failures, $alike where old and new models compute the same"
[ "$failed" -eq 0 ]
