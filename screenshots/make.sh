#!/bin/sh
# Draws every screen from its keys: make.sh PROGRAM DEMO_FOLDER. SVG, and PNG where
# rsvg-convert is there.
set -eu
program=$(realpath "$1")
demo=$2
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for keys in "$here"/*.keys; do
    name=$(basename "$keys" .keys)
    for size in '45 140' '24 80'; do
        svg=$here/${name}_${size#* }x${size% *}.svg
        rm -rf "$work/state" && rm -f "$demo"/tuned.bf16.sftp*
        { echo "@size $size"; cat "$keys"; echo "@screen $svg"; } >"$work/keys"
        (cd "$demo" && XDG_STATE_HOME=$work/state XDG_CONFIG_HOME=$work/config \
            MALLORN_SCRIPT=$work/keys "$program" base.bf16.safetensors tuned.bf16.safetensors)
        if command -v rsvg-convert >/dev/null; then
            rsvg-convert "$svg" -o "${svg%.svg}.png"
            if command -v convert >/dev/null; then # fewer colours, a quarter of the bytes
                convert "${svg%.svg}.png" +dither -colors 48 "PNG8:${svg%.svg}.png"
            fi
        fi
        echo "  DRAW  ${svg##*/}"
    done
done
rm -f "$demo"/tuned.bf16.sftp*
