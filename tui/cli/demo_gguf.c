/* Writes made-up language models as GGUF v3 (FORMATS.md, 1). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cli/demo.h"
#include "tui/cli/demo_num.h"

enum {
    ALIGNMENT = 32,
    GGUF_U32 = 4,
    GGUF_I32 = 5,
    GGUF_F32 = 6,
    GGUF_BOOL = 7,
    GGUF_STRING = 8,
    GGUF_ARRAY = 9
};

typedef struct gguf {
    mlr_demo *demo;
    mlr_demo_llama model;
    mlr_demo_buf keys;
    uint64_t key_count;
} gguf;

static void put_string(mlr_demo_buf *b, const char *text)
{
    mlr_demo_le(b, strlen(text), 8);
    mlr_demo_text(b, text);
}

static void key(gguf *g, const char *name, uint32_t type)
{
    put_string(&g->keys, name);
    mlr_demo_le(&g->keys, type, 4);
    g->key_count++;
}

static void key_text(gguf *g, const char *name, const char *value)
{
    key(g, name, GGUF_STRING);
    put_string(&g->keys, value);
}

static void key_u32(gguf *g, const char *name, uint32_t value)
{
    key(g, name, GGUF_U32);
    mlr_demo_le(&g->keys, value, 4);
}

static void key_f32(gguf *g, const char *name, float value)
{
    key(g, name, GGUF_F32);
    mlr_demo_le(&g->keys, mlr_demo_float_bits(value), 4);
}

static void key_array(gguf *g, const char *name, uint32_t element)
{
    key(g, name, GGUF_ARRAY);
    mlr_demo_le(&g->keys, element, 4);
    mlr_demo_le(&g->keys, g->model.vocab, 8);
}

/* Three control tokens, the 256 bytes, then words of two or three syllables. */
static void token(uint32_t i, char *to, size_t room)
{
    static const char *const control[] = {"<unk>", "<s>", "</s>"};
    static const char consonant[] = "ktsnmrlvdp";
    static const char vowel[] = "aeiou";
    if (i < 3) {
        (void)snprintf(to, room, "%s", control[i]);
        return;
    }
    if (i < 259) {
        (void)snprintf(to, room, "<0x%02" PRIX32 ">", i - 3);
        return;
    }
    uint32_t n = i - 259;
    size_t at = (size_t)snprintf(to, room, "%s", n % 2 == 0 ? "\xE2\x96\x81" : "");
    n = n / 2 + 50; /* at least two syllables */
    for (; n > 0 && at + 3 < room; n /= 50) {
        to[at++] = consonant[n % 50 / 5];
        to[at++] = vowel[n % 5];
    }
    to[at] = '\0';
}

static void put_tokenizer(gguf *g)
{
    key_text(g, "tokenizer.ggml.model", "llama");
    key_array(g, "tokenizer.ggml.tokens", GGUF_STRING);
    for (uint32_t i = 0; i < g->model.vocab; i++) {
        char text[32];
        token(i, text, sizeof text);
        put_string(&g->keys, text);
    }
    key_array(g, "tokenizer.ggml.scores", GGUF_F32);
    for (uint32_t i = 0; i < g->model.vocab; i++) {
        float score = i < 259 ? 0.0F : -(float)(i - 259);
        mlr_demo_le(&g->keys, mlr_demo_float_bits(score), 4);
    }
    key_array(g, "tokenizer.ggml.token_type", GGUF_I32);
    for (uint32_t i = 0; i < g->model.vocab; i++) {
        mlr_demo_le(&g->keys, i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1, 4);
    }
    key_u32(g, "tokenizer.ggml.bos_token_id", 1);
    key_u32(g, "tokenizer.ggml.eos_token_id", 2);
    key_u32(g, "tokenizer.ggml.unknown_token_id", 0);
    key(g, "tokenizer.ggml.add_bos_token", GGUF_BOOL);
    mlr_demo_le(&g->keys, 1, 1);
}

static uint32_t file_type(mlr_dtype_id type)
{
    return type == MLR_DTYPE_Q8_0 ? 7 : type == MLR_DTYPE_Q4_0 ? 2 : 15;
}

static void put_keys(gguf *g)
{
    const mlr_demo_llama *m = &g->model;
    key_text(g, "general.architecture", "llama");
    key_text(g, "general.type", "model");
    key_text(g, "general.name",
             g->demo->file->variant == MLR_DEMO_TUNED ? "Mallorn Demo Tuned"
                                                      : "Mallorn Demo");
    key_u32(g, "general.file_type", file_type(g->demo->file->type));
    key_u32(g, "general.quantization_version", 2);
    key_u32(g, "llama.block_count", m->layers);
    key_u32(g, "llama.context_length", 2048);
    key_u32(g, "llama.embedding_length", m->hidden);
    key_u32(g, "llama.feed_forward_length", m->ffn);
    key_u32(g, "llama.attention.head_count", m->heads);
    key_u32(g, "llama.attention.head_count_kv", m->kv_heads);
    key_u32(g, "llama.rope.dimension_count", m->hidden / m->heads);
    key_f32(g, "llama.rope.freq_base", 10000.0F);
    key_f32(g, "llama.attention.layer_norm_rms_epsilon", 1e-5F);
    key_u32(g, "llama.vocab_size", m->vocab);
    put_tokenizer(g);
}

/* The usual mixture: values, half of the down projections and the head get six bits. */
static mlr_dtype_id type_of(const gguf *g, const mlr_demo_tensor *t)
{
    mlr_dtype_id type = g->demo->file->type;
    if (mlr_demo_is_norm(t)) {
        return MLR_DTYPE_F32;
    }
    if (t->kind == MLR_DEMO_HEAD && type != MLR_DTYPE_Q8_0) {
        return MLR_DTYPE_Q6_K;
    }
    bool fine = t->kind == MLR_DEMO_V || t->kind == MLR_DEMO_DOWN;
    return type == MLR_DTYPE_Q4_K && fine && t->layer % 2 == 0 ? MLR_DTYPE_Q6_K : type;
}

static uint32_t native_type(mlr_dtype_id type)
{
    switch (type) {
    case MLR_DTYPE_Q4_0:
        return 2;
    case MLR_DTYPE_Q8_0:
        return 8;
    case MLR_DTYPE_Q4_K:
        return 12;
    case MLR_DTYPE_Q6_K:
        return 14;
    default:
        return 0;
    }
}

static uint64_t padded(uint64_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint64_t tensor_bytes(const gguf *g, const mlr_demo_tensor *t)
{
    const mlr_dtype *type = mlr_dtype_get(type_of(g, t));
    return (uint64_t)t->rows * t->cols / type->block_items * type->block_bytes;
}

static void put_infos(const gguf *g, mlr_demo_buf *b)
{
    uint64_t offset = 0;
    for (size_t i = 0; i < g->model.tensors; i++) {
        const mlr_demo_tensor *t = &g->model.tensor[i];
        char name[64];
        mlr_demo_gguf_name(t, name, sizeof name);
        put_string(b, name);
        mlr_demo_le(b, mlr_demo_is_norm(t) ? 1 : 2, 4);
        mlr_demo_le(b, t->cols, 8);
        if (!mlr_demo_is_norm(t)) {
            mlr_demo_le(b, t->rows, 8);
        }
        mlr_demo_le(b, native_type(type_of(g, t)), 4);
        mlr_demo_le(b, offset, 8);
        offset += padded(tensor_bytes(g, t));
    }
}

static void put_head(gguf *g)
{
    mlr_demo_buf b = {.alloc = g->demo->cli->alloc};
    put_keys(g);
    mlr_demo_text(&b, "GGUF");
    mlr_demo_le(&b, 3, 4);
    mlr_demo_le(&b, g->model.tensors, 8);
    mlr_demo_le(&b, g->key_count, 8);
    mlr_demo_add(&b, g->keys.p, g->keys.n);
    put_infos(g, &b);
    if (b.failed || g->keys.failed) {
        (void)mlr_fail(g->demo->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                       "memory for a demo header");
    }
    mlr_demo_put(g->demo->out, b.p, b.n);
    mlr_demo_zeros(g->demo->out, (size_t)(padded(b.n) - b.n));
    mlr_demo_drop(&b);
    mlr_demo_drop(&g->keys);
}

static void put_tensor(const gguf *g, const mlr_demo_tensor *t)
{
    mlr_demo *d = g->demo;
    mlr_demo_effort effort =
        d->file->variant == MLR_DEMO_REQUANT ? MLR_DEMO_PLAIN : MLR_DEMO_SEARCH;
    uint64_t bytes = tensor_bytes(g, t);
    for (uint32_t r = 0; r < t->rows; r++) {
        mlr_demo_weights(d, &g->model, t, r, MLR_DTYPE_BF16);
        mlr_demo_put(d->out, d->codes,
                     mlr_demo_blocks(d->codes, d->row, t->cols, type_of(g, t), effort));
    }
    mlr_demo_zeros(d->out, (size_t)(padded(bytes) - bytes));
}

mlr_status mlr_demo_gguf(mlr_demo *d)
{
    gguf g = {.demo = d, .keys = {.alloc = d->cli->alloc}};
    mlr_demo_mid(&g.model, d->file->variant);
    put_head(&g);
    for (size_t i = 0; i < g.model.tensors && d->err->status == MLR_OK; i++) {
        put_tensor(&g, &g.model.tensor[i]);
    }
    return d->err->status;
}
