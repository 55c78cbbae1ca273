/* Real pairs from the corpus, where it is there: diff, apply, compare byte for byte. */
#include "tests/support/patching.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "apply/host/threads.h"

#define CORPUS "../shared/corpus/"

static const char *const pairs[][2] = {
    {"trained/safetensors/tiny_base.bf16.safetensors",
     "trained/safetensors/tiny_ft.bf16.safetensors"},
    {"trained/safetensors/tiny_base.bf16.safetensors",
     "trained/safetensors/variants/tiny_ft_addtok.bf16.safetensors"},
    {"trained/safetensors/tiny_base.bf16.safetensors",
     "trained/safetensors/variants/tiny_ft_reorder.bf16.safetensors"},
    {"trained/safetensors/tiny_base.f32.safetensors",
     "trained/safetensors/tiny_base.bf16.safetensors"},
    {"trained/safetensors/tiny_base_shards", "trained/safetensors/tiny_ft_shards"},
    {"trained/safetensors/tiny_base.bf16.safetensors",
     "trained/safetensors/tiny_ft_shards"},
    {"trained/gguf/tiny_base.Q4_0.gguf", "trained/gguf/tiny_ft.Q4_0.gguf"},
    {"trained/gguf/tiny_base.Q4_K_M.gguf", "trained/gguf/tiny_ft.Q4_K_M.gguf"},
    {"trained/onnx/cnns_base.f32.onnx", "trained/onnx/cnns_ft.f32.onnx"},
    {"trained/onnx/ext_cnns_base/cnn.onnx", "trained/onnx/ext_cnns_ft/cnn.onnx"},
    {"trained/onnx/cnns_base.int8.onnx", "trained/onnx/cnns_ft.int8.onnx"},
    {"trained/tflite/cnns_base.int8.tflite", "trained/tflite/cnns_ft.int8.tflite"},
    {"real/gguf/vocab_bert-bge__v1__ggml-vocab-bert-bge.gguf",
     "real/gguf/vocab_bert-bge__v2__ggml-vocab-bert-bge.gguf"},
    {"real/tflite/toycar_int8__v3__model_ToyCar_quant_fullint.tflite",
     "real/tflite/toycar_int8__v4__ad01_int8.tflite"},
    {"real/onnx/silero_16k_op15__v2__silero_vad_16k_op15.onnx",
     "real/onnx/silero_16k_op15__v3__silero_vad_16k_op15.onnx"},
};

static void round_trip(const patching *p, const char *old_name, const char *new_name)
{
    char old_path[512], new_path[512];
    snprintf(old_path, sizeof old_path, CORPUS "%s", old_name);
    snprintf(new_path, sizeof new_path, CORPUS "%s", new_name);
    mlr_err err = {0};
    patch_bytes patch = {0};
    patching_diff(p, old_path, new_path, &patch, &err);
    assert_no_err(&err);
    patching_apply(p, old_path, new_path, &patch, &err);
    assert_no_err(&err);
    printf("%10zu  %s -> %s\n", patch.n, old_name, new_name);
    patch_bytes_release(p, &patch);
}

static void gives_back_every_byte_of_real_pairs(void **state)
{
    (void)state;
    if (access(CORPUS "README.md", R_OK) != 0) {
        printf("skipped: no corpus\n");
        return;
    }
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_threads *threads = NULL;
    mlr_err err = {0};
    mlr_threads_start(&threads, 2, &heap.alloc, &err);
    assert_no_err(&err);
    patching p;
    patching_init(&p, &heap.alloc);
    p.exec = mlr_threads_exec(threads);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        p.lanes = 1 + i % 2;
        round_trip(&p, pairs[i][0], pairs[i][1]);
    }
    mlr_threads_stop(threads);
    assert_int_equal(heap.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_every_byte_of_real_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
