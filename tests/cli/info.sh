# `mallorn info` on demo models and on files that it cannot show.
. tests/support/cli.sh

for f in base.int8.safetensors tuned.q4_k_m.gguf base.int8.onnx base.f32.onnx base.int8.tflite base.sharded; do
    "$MALLORN" make-demo --quiet --only "$f" "$work" || fail "make-demo $f"
done

expect info_safetensors 0 info base.int8.safetensors
expect info_gguf 0 info tuned.q4_k_m.gguf
expect info_gguf_metadata 0 info -m tuned.q4_k_m.gguf
expect info_onnx 0 info base.int8.onnx
expect info_tflite 0 info base.int8.tflite
expect info_tflite_lists 0 info -tsd base.int8.tflite
expect info_sharded 0 info base.sharded
expect info_single 0 info --single base.sharded/model-00002-of-00002.safetensors
expect info_depth 0 info --depth 1 base.int8.safetensors
expect info_colour 0 info --color=always base.f32.onnx
expect info_json 0 info --json --spans --digest base.f32.onnx

# Narrow and without UTF-8.
COLUMNS=60 LANG=C expect info_ascii 0 info base.int8.safetensors

# A name that is no name; a model that is none; a model cut short.
expect missing_file 6 info nowhere.gguf
expect missing_file_json 6 info --json nowhere.gguf
printf 'just\000bytes\377' >"$work/blob.bin"
expect info_opaque 0 info blob.bin
head -c 3000 "$work/base.int8.safetensors" >"$work/cut.safetensors"
expect info_cut 0 info cut.safetensors
expect info_cut_strict 12 info --strict cut.safetensors
expect info_cut_strict_json 12 info --strict --json cut.safetensors
if [ "$(id -u)" != 0 ]; then
    : >"$work/closed.gguf" && chmod 0 "$work/closed.gguf"
    expect unreadable 6 info closed.gguf
fi

# A tensor name full of tricks reaches neither terminal nor log.
header='{"a\u202eb\u200b\ud83d\udc1b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
printf "\\$(printf %o ${#header})\\0\\0\\0\\0\\0\\0\\0%s!" "$header" >"$work/evil.safetensors"
expect info_evil 0 info --strict -t evil.safetensors
expect info_evil_json 0 info --strict --json evil.safetensors

# Names that are hard to type.
cp "$work/base.int8.tflite" "$work/-x.tflite"
(cd "$work" && "$MALLORN" info -- -x.tflite >/dev/null) || fail "a name that begins with a dash"

# Nobody reads on: silent, as by signal. The disk is full: said so.
(cd "$work" && { "$MALLORN" info -ts base.int8.safetensors; echo $? >"$work/code"; } 2>"$work/said" | :)
case $(cat "$work/code") in 0|141) ;; *) fail "closed pipe: exit $(cat "$work/code")" ;; esac
[ ! -s "$work/said" ] || { fail "closed pipe is not silent"; cat "$work/said"; }
if [ -w /dev/full ]; then
    (cd "$work" && "$MALLORN" info base.f32.onnx >/dev/full 2>"$work/said"); got=$?
    [ $got = 7 ] || fail "full disk: exit $got"
    grep -q 'standard output' "$work/said" || fail "full disk is not said"
fi

exit $bad
