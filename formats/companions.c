/*
 * Names of companions, with shapes as [out, in] of the layer:
 *
 *     fp8, int8   X.weight [out,in]   X.weight_scale: [1], [out] or [out,1]
 *                                     X.weight_scale_inv: [out/128, in/128]
 *     packed      X.weight_packed [out, in/8 i32]   X.weight_scale [out, in/group]
 *     GPTQ        X.qweight [in*bits/32, out]  X.scales [in/group, out]  X.qzeros  X.g_idx
 *     AWQ         X.qweight [in, out*bits/32]  X.scales [in/group, out]  X.qzeros
 */
#include "formats/companions.h"

#include <string.h>

#include "formats/format.h"

enum { KEY_ROOM = 2 * MLR_MAX_NAME, CODE_WORD_BITS = 32 };

static bool ends_with(mlr_str s, const char *end)
{
    size_t n = strlen(end);
    return s.n >= n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* The tensor called `stem` + `suffix`, or NULL. */
static const mlr_tensor *companion(const mlr_builder *b, mlr_str stem, const char *suffix)
{
    char key[KEY_ROOM];
    size_t n = strlen(suffix);
    if (stem.n > sizeof key - n) {
        return NULL;
    }
    memcpy(key, stem.p, stem.n);
    memcpy(key + stem.n, suffix, n);
    uint32_t i = mlr_builder_find(b, (mlr_str){.p = key, .n = stem.n + n});
    return i == MLR_NO_TENSOR ? NULL : mlr_builder_tensor_at(b, i);
}

static mlr_values values_of(const mlr_tensor *t)
{
    if (t == NULL) {
        return (mlr_values){0};
    }
    return (mlr_values){
        .dtype = t->dtype, .count = t->elements, .bytes = t->data, .member = t->member};
}

/* Elements per scale where `parts` scales run along `size` elements; 0: cannot be said. */
static uint32_t block_of(uint64_t size, uint64_t parts)
{
    uint64_t block = parts == 0 ? 0 : size / parts + (size % parts != 0);
    return block <= UINT32_MAX ? (uint32_t)block : 0;
}

/* How the scales of a plain weight lie along it. */
static void place_scale(mlr_quant *q, const mlr_tensor *weight, const mlr_tensor *scale,
                        uint64_t per_word)
{
    q->axis = -1;
    if (scale->elements <= 1 || weight->rank == 0) {
        return;
    }
    bool column = scale->rank == 2 && scale->dim[1] == 1;
    if ((scale->rank == 1 || column) && scale->dim[0] == weight->dim[0]) {
        q->axis = 0;
        return;
    }
    uint64_t last = weight->dim[weight->rank - 1];
    if (scale->rank == weight->rank && last <= UINT64_MAX / per_word) {
        q->axis = weight->rank - 1;
        q->block = block_of(last * per_word, scale->dim[scale->rank - 1]);
    }
}

static bool is_code_type(const mlr_dtype *t)
{
    bool whole = t->cls == MLR_CLASS_FLOAT || t->cls == MLR_CLASS_INT ||
                 t->cls == MLR_CLASS_UINT || t->cls == MLR_CLASS_PACKED;
    return whole && t->bits <= 8;
}

static void relate_weight(mlr_builder *b, const mlr_tensor *t)
{
    mlr_str stem = {.p = t->key.p, .n = t->key.n - strlen("weight")};
    const mlr_tensor *scale = companion(b, stem, "weight_scale");
    if (scale == NULL) {
        scale = companion(b, stem, "weight_scale_inv");
    }
    if (scale == NULL || !is_code_type(t->dtype)) {
        return;
    }
    bool fp8 = t->dtype->cls == MLR_CLASS_FLOAT;
    mlr_quant q = {.scale = values_of(scale), .scheme = fp8 ? "fp8-scale" : "affine"};
    q.zero = values_of(companion(b, stem, "weight_zero_point"));
    place_scale(&q, t, scale, 1);
    mlr_builder_quantize(b, t->key, &q);
}

static void relate_packed(mlr_builder *b, const mlr_tensor *t)
{
    mlr_str stem = {.p = t->key.p, .n = t->key.n - strlen("weight_packed")};
    const mlr_tensor *scale = companion(b, stem, "weight_scale");
    if (scale == NULL) {
        return;
    }
    mlr_quant q = {.scale = values_of(scale), .scheme = "affine"};
    q.zero = values_of(companion(b, stem, "weight_zero_point"));
    place_scale(&q, t, scale, t->dtype->bits == CODE_WORD_BITS ? 8 : 1);
    mlr_builder_quantize(b, t->key, &q);
}

static void relate_qweight(mlr_builder *b, const mlr_tensor *t)
{
    mlr_str stem = {.p = t->key.p, .n = t->key.n - strlen("qweight")};
    const mlr_tensor *scales = companion(b, stem, "scales");
    const mlr_tensor *zeros = companion(b, stem, "qzeros");
    if (scales == NULL || scales->rank != 2 || t->rank != 2) {
        return;
    }
    uint64_t out = scales->dim[1];
    bool gptq = t->dim[1] == out;
    mlr_quant q = {.scale = values_of(scales),
                   .zero = values_of(zeros),
                   .axis = 0,
                   .scheme = gptq ? "gptq" : "awq"};
    uint64_t in = t->dim[0];
    if (gptq) {
        /* codes in a word, told by the zeros: they are packed along the other dimension */
        bool told = zeros != NULL && zeros->rank == 2 && zeros->dim[1] > 0;
        uint64_t per_word = told ? out / zeros->dim[1] : 8;
        in = per_word == 0 || in > UINT64_MAX / per_word ? 0 : in * per_word;
    }
    q.block = block_of(in, scales->dim[0]);
    mlr_builder_quantize(b, t->key, &q);
}

void mlr_safetensors_relate(mlr_builder *b)
{
    size_t n = mlr_builder_tensor_count(b);
    for (size_t i = 0; i < n; i++) {
        const mlr_tensor *t = mlr_builder_tensor_at(b, (uint32_t)i);
        if (ends_with(t->key, ".weight")) {
            relate_weight(b, t);
        } else if (ends_with(t->key, ".weight_packed")) {
            relate_packed(b, t);
        } else if (ends_with(t->key, ".qweight")) {
            relate_qweight(b, t);
        }
    }
}
