/* Writes made-up language models as SafeTensors: single files and a sharded set. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cli/demo.h"
#include "tui/cli/demo_num.h"

/* A header under construction. */
typedef struct header {
    mlr_demo_buf json;
    uint64_t data; /* bytes of tensors so far */
} header;

static const char *type_name(mlr_dtype_id type)
{
    switch (type) {
    case MLR_DTYPE_F32:
        return "F32";
    case MLR_DTYPE_F16:
        return "F16";
    case MLR_DTYPE_BF16:
        return "BF16";
    case MLR_DTYPE_I8:
        return "I8";
    default:
        return "F8_E4M3";
    }
}

static bool has_scales(const mlr_demo_tensor *t, mlr_dtype_id type)
{
    return mlr_dtype_get(type)->bits == 8 && !mlr_demo_is_norm(t) &&
           t->kind != MLR_DEMO_EMBED && t->kind != MLR_DEMO_HEAD;
}

/* Norms, embedding and head stay in BF16 where the weights have 8 bits. */
static mlr_dtype_id type_of(const mlr_demo_tensor *t, mlr_dtype_id type)
{
    return mlr_dtype_get(type)->bits == 8 && !has_scales(t, type) ? MLR_DTYPE_BF16 : type;
}

static void describe(header *h, const char *name, mlr_dtype_id type, const char *shape,
                     uint64_t elements)
{
    uint64_t bytes = elements * mlr_dtype_get(type)->block_bytes;
    mlr_demo_printf(&h->json,
                    ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%" PRIu64
                    ",%" PRIu64 "]}",
                    name, type_name(type), shape, h->data, h->data + bytes);
    h->data += bytes;
}

static void describe_tensor(header *h, const mlr_demo_tensor *t, mlr_dtype_id type)
{
    char name[80];
    char shape[32];
    mlr_demo_hf_name(t, name, sizeof name);
    if (mlr_demo_is_norm(t)) {
        (void)snprintf(shape, sizeof shape, "%" PRIu32, t->cols);
    } else {
        (void)snprintf(shape, sizeof shape, "%" PRIu32 ",%" PRIu32, t->rows, t->cols);
    }
    describe(h, name, type_of(t, type), shape, (uint64_t)t->rows * t->cols);
    if (has_scales(t, type)) {
        (void)snprintf(shape, sizeof shape, "%" PRIu32 ",1", t->rows);
        (void)snprintf(name + strlen(name), sizeof name - strlen(name), "_scale");
        describe(h, name, MLR_DTYPE_F32, shape, t->rows);
    }
}

/* Which tensors stand in this file: all, or those of one of two shards. */
static bool in_part(const mlr_demo_llama *m, size_t i, unsigned part)
{
    return part == 0 || (part == 1) == (i < m->tensors / 2);
}

static void put_header(mlr_demo *d, const mlr_demo_llama *m)
{
    header h = {.json = {.alloc = d->cli->alloc}};
    mlr_demo_text(&h.json, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < m->tensors; i++) {
        if (in_part(m, i, d->file->part)) {
            describe_tensor(&h, &m->tensor[i], d->file->type);
        }
    }
    mlr_demo_text(&h.json, "}");
    while (h.json.n % 8 != 0 && !h.json.failed) {
        mlr_demo_text(&h.json, " ");
    }
    if (h.json.failed) {
        (void)mlr_fail(d->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a demo header");
    }
    uint8_t length[8];
    for (unsigned i = 0; i < 8; i++) {
        length[i] = (uint8_t)((uint64_t)h.json.n >> (8 * i) & 0xFF);
    }
    mlr_demo_put(d->out, length, sizeof length);
    mlr_demo_put(d->out, h.json.p, h.json.n);
    mlr_demo_drop(&h.json);
}

static float row_scale(const mlr_demo *d, const mlr_demo_tensor *t)
{
    return mlr_demo_scale(d->row, t->cols, d->file->type == MLR_DTYPE_I8 ? 127.0F : 448.0F);
}

static void put_codes(mlr_demo *d, const mlr_demo_tensor *t)
{
    float scale = row_scale(d, t);
    for (uint32_t c = 0; c < t->cols; c++) {
        d->codes[c] = d->file->type == MLR_DTYPE_I8
                          ? (uint8_t)mlr_demo_code(d->row[c], scale)
                          : mlr_demo_e4m3(d->row[c] / scale);
    }
    mlr_demo_put(d->out, d->codes, t->cols);
}

static void put_tensor(mlr_demo *d, const mlr_demo_llama *m, const mlr_demo_tensor *t)
{
    mlr_dtype_id type = type_of(t, d->file->type);
    /* 8-bit models are made from BF16 ones. */
    mlr_dtype_id stored =
        mlr_dtype_get(d->file->type)->bits == 8 ? MLR_DTYPE_BF16 : d->file->type;
    bool scaled = has_scales(t, d->file->type);
    for (uint32_t r = 0; r < t->rows; r++) {
        mlr_demo_weights(d, m, t, r, stored);
        if (scaled) {
            put_codes(d, t);
        } else {
            size_t n = mlr_demo_blocks(d->codes, d->row, t->cols, type, MLR_DEMO_PLAIN);
            mlr_demo_put(d->out, d->codes, n);
        }
    }
    for (uint32_t r = 0; scaled && r < t->rows; r++) {
        mlr_demo_weights(d, m, t, r, stored);
        float scale = row_scale(d, t);
        mlr_demo_put(d->out, d->codes,
                     mlr_demo_blocks(d->codes, &scale, 1, MLR_DTYPE_F32, MLR_DEMO_PLAIN));
    }
}

static mlr_status put_model(mlr_demo *d, const mlr_demo_llama *m)
{
    put_header(d, m);
    for (size_t i = 0; i < m->tensors && d->err->status == MLR_OK; i++) {
        if (in_part(m, i, d->file->part)) {
            put_tensor(d, m, &m->tensor[i]);
        }
    }
    return d->err->status;
}

mlr_status mlr_demo_big_safetensors(mlr_demo *d)
{
    mlr_demo_llama m;
    mlr_demo_big(&m, d->file->variant);
    return put_model(d, &m);
}

mlr_status mlr_demo_mid_safetensors(mlr_demo *d)
{
    mlr_demo_llama m;
    mlr_demo_mid(&m, d->file->variant);
    return put_model(d, &m);
}

mlr_status mlr_demo_shard_index(mlr_demo *d)
{
    mlr_demo_llama m;
    mlr_demo_buf json = {.alloc = d->cli->alloc};
    uint64_t total = 0;
    mlr_demo_mid(&m, d->file->variant);
    for (size_t i = 0; i < m.tensors; i++) {
        total += (uint64_t)m.tensor[i].rows * m.tensor[i].cols * 2;
    }
    mlr_demo_printf(&json,
                    "{\n  \"metadata\": {\n    \"total_size\": %" PRIu64
                    "\n  },\n  \"weight_map\": {\n",
                    total);
    for (size_t i = 0; i < m.tensors; i++) {
        char name[80];
        mlr_demo_hf_name(&m.tensor[i], name, sizeof name);
        mlr_demo_printf(&json, "    \"%s\": \"model-0000%d-of-00002.safetensors\"%s\n",
                        name, in_part(&m, i, 1) ? 1 : 2, i + 1 < m.tensors ? "," : "");
    }
    mlr_demo_text(&json, "  }\n}\n");
    if (json.failed) {
        (void)mlr_fail(d->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a demo index");
    }
    mlr_demo_put(d->out, json.p, json.n);
    mlr_demo_drop(&json);
    return d->err->status;
}
