#!/bin/sh
# Draws every screen from its keys: make.sh PROGRAM DEMO_FOLDER. SVG, and PNG where
# rsvg-convert is there.
set -eu
program=$(realpath "$1")
demo=$2
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A home of its own, so that pictures show "~/models" and a cache whoever draws them.
export HOME=$work/home XDG_STATE_HOME=$work/home/state XDG_CONFIG_HOME=$work/home/config TZ=UTC
export HF_HUB_CACHE=$HOME/.cache/huggingface/hub
models=$HOME/models
mkdir -p "$models/checkpoints"
for f in base.bf16.safetensors tuned.bf16.safetensors lora.bf16.safetensors base.q4_k_m.gguf \
    tuned.q4_k_m.gguf base.int8.onnx tuned.int8.onnx base.int8.tflite; do
    cp "$demo/$f" "$models"
done
# revision NAME COMMIT FILE [REF]: one more of a repository in the cache.
revision() {
    repo=$HF_HUB_CACHE/models--$(echo "$1" | sed 's|/|--|')
    mkdir -p "$repo/refs" "$repo/snapshots/$2"
    cp "$demo/$3" "$repo/snapshots/$2/"
    [ -z "${4-}" ] || printf '%s' "$2" >"$repo/refs/$4"
}
revision acme/tiny-llama-12m 3f1c9a7e0b52 base.bf16.safetensors
revision acme/tiny-llama-12m 9d04be61c7aa tuned.bf16.safetensors main
revision acme/tiny-llama-12m-gguf 5b8e2d90f314 tuned.q4_k_m.gguf main
revision vision-lab/shapes-cnn 0c77d1e4a9b6 tuned.f32.onnx main
find "$HOME" -type f -exec touch -d '2026-11-20 12:00' {} +
for keys in "$here"/*.keys; do
    name=$(basename "$keys" .keys)
    for size in '45 140' '24 80'; do
        svg=$here/${name}_${size#* }x${size% *}.svg
        rm -rf "$XDG_STATE_HOME" "$models"/*.sftp* "$models"/*.applied.*
        mkdir -p "$XDG_STATE_HOME/mallorn"
        printf '%s\n' "$models/base.q4_k_m.gguf" "$models/tuned.q4_k_m.gguf" \
            "hf://acme/tiny-llama-12m@3f1c9a7e0b52" "hf://acme/tiny-llama-12m@9d04be61c7aa" \
            >"$XDG_STATE_HOME/mallorn/recent"
        { echo "@size $size"; cat "$keys"; echo "@screen $svg"; } >"$work/keys"
        (cd "$models" && MALLORN_SCRIPT=$work/keys "$program" base.bf16.safetensors \
            tuned.bf16.safetensors)
        if command -v rsvg-convert >/dev/null; then
            rsvg-convert "$svg" -o "${svg%.svg}.png"
            if command -v convert >/dev/null; then # fewer colours, a quarter of the bytes
                convert "${svg%.svg}.png" +dither -colors 48 "PNG8:${svg%.svg}.png"
            fi
        fi
        echo "  DRAW  ${svg##*/}"
    done
done
