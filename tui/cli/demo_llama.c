/* Made-up weights shaped like a small language model and its fine-tunes. */
#include <inttypes.h>
#include <stdio.h>

#include "tui/cli/demo.h"
#include "tui/cli/demo_num.h"

static void add(mlr_demo_llama *m, mlr_demo_kind kind, uint32_t layer, uint32_t rows,
                uint32_t cols)
{
    m->tensor[m->tensors++] = (mlr_demo_tensor){kind, layer, rows, cols};
}

static void add_layers(mlr_demo_llama *m)
{
    uint32_t kv = m->hidden / m->heads * m->kv_heads;
    add(m, MLR_DEMO_EMBED, 0, m->vocab, m->hidden);
    for (uint32_t l = 0; l < m->layers; l++) {
        add(m, MLR_DEMO_ATTN_NORM, l, 1, m->hidden);
        add(m, MLR_DEMO_Q, l, m->hidden, m->hidden);
        add(m, MLR_DEMO_K, l, kv, m->hidden);
        add(m, MLR_DEMO_V, l, kv, m->hidden);
        add(m, MLR_DEMO_O, l, m->hidden, m->hidden);
        add(m, MLR_DEMO_FFN_NORM, l, 1, m->hidden);
        add(m, MLR_DEMO_GATE, l, m->ffn, m->hidden);
        add(m, MLR_DEMO_UP, l, m->ffn, m->hidden);
        add(m, MLR_DEMO_DOWN, l, m->hidden, m->ffn);
    }
    add(m, MLR_DEMO_NORM, 0, 1, m->hidden);
    add(m, MLR_DEMO_HEAD, 0, m->vocab, m->hidden);
}

void mlr_demo_big(mlr_demo_llama *m, mlr_demo_variant variant)
{
    *m = (mlr_demo_llama){
        .hidden = 256, .ffn = 1024, .layers = 8, .heads = 4, .kv_heads = 2};
    m->first_vocab = 8192;
    m->vocab = m->first_vocab + (variant == MLR_DEMO_GROWN ? 64 : 0);
    add_layers(m);
}

void mlr_demo_mid(mlr_demo_llama *m, mlr_demo_variant variant)
{
    *m =
        (mlr_demo_llama){.hidden = 256, .ffn = 512, .layers = 3, .heads = 4, .kv_heads = 2};
    m->first_vocab = 1024;
    m->vocab = m->first_vocab + (variant == MLR_DEMO_GROWN ? 64 : 0);
    add_layers(m);
}

static const struct {
    const char *hf, *gguf;
} names[] = {
    [MLR_DEMO_EMBED] = {"model.embed_tokens", "token_embd"},
    [MLR_DEMO_ATTN_NORM] = {"input_layernorm", "attn_norm"},
    [MLR_DEMO_Q] = {"self_attn.q_proj", "attn_q"},
    [MLR_DEMO_K] = {"self_attn.k_proj", "attn_k"},
    [MLR_DEMO_V] = {"self_attn.v_proj", "attn_v"},
    [MLR_DEMO_O] = {"self_attn.o_proj", "attn_output"},
    [MLR_DEMO_FFN_NORM] = {"post_attention_layernorm", "ffn_norm"},
    [MLR_DEMO_GATE] = {"mlp.gate_proj", "ffn_gate"},
    [MLR_DEMO_UP] = {"mlp.up_proj", "ffn_up"},
    [MLR_DEMO_DOWN] = {"mlp.down_proj", "ffn_down"},
    [MLR_DEMO_NORM] = {"model.norm", "output_norm"},
    [MLR_DEMO_HEAD] = {"lm_head", "output"},
};

static bool in_layer(mlr_demo_kind kind)
{
    return kind != MLR_DEMO_EMBED && kind != MLR_DEMO_NORM && kind != MLR_DEMO_HEAD;
}

void mlr_demo_hf_name(const mlr_demo_tensor *t, char *to, size_t room)
{
    if (in_layer(t->kind)) {
        (void)snprintf(to, room, "model.layers.%" PRIu32 ".%s.weight", t->layer,
                       names[t->kind].hf);
        return;
    }
    (void)snprintf(to, room, "%s.weight", names[t->kind].hf);
}

void mlr_demo_gguf_name(const mlr_demo_tensor *t, char *to, size_t room)
{
    if (in_layer(t->kind)) {
        (void)snprintf(to, room, "blk.%" PRIu32 ".%s.weight", t->layer,
                       names[t->kind].gguf);
        return;
    }
    (void)snprintf(to, room, "%s.weight", names[t->kind].gguf);
}

static float stored_as(float x, mlr_dtype_id type)
{
    if (type == MLR_DTYPE_BF16) {
        return mlr_demo_from_bf16(mlr_demo_bf16(x));
    }
    return type == MLR_DTYPE_F16 ? mlr_demo_from_f16(mlr_demo_f16(x)) : x;
}

/* Rows differ in scale by up to two, and a few input columns stand out, as in real models.
 */
static void base_row(float *x, const mlr_demo_tensor *t, uint32_t row, mlr_dtype_id stored)
{
    char name[64];
    mlr_demo_hf_name(t, name, sizeof name);
    mlr_demo_rng column = mlr_demo_seed(name, 1);
    mlr_demo_rng r = mlr_demo_seed(name, 16 + (uint64_t)row);
    double scale = 0.018 * (0.65 + 0.7 * mlr_demo_uniform(&r));
    for (uint32_t c = 0; c < t->cols; c++) {
        double loud = (mlr_demo_next(&column) & 127) == 0 ? 2.5 : 1.0;
        double g = mlr_demo_gauss(&r);
        double w = mlr_demo_is_norm(t) ? 1.0 + 0.12 * g : scale * loud * g;
        x[c] = stored_as((float)w, stored);
    }
}

/* The first rows of A for a tensor's low-rank change, made once per tensor. */
static void make_factors(double *a, const char *name, const mlr_demo_tensor *t)
{
    mlr_demo_rng r = mlr_demo_seed(name, 2);
    for (size_t i = 0; i < (size_t)MLR_DEMO_RANK * t->cols; i++) {
        a[i] = mlr_demo_gauss(&r);
    }
}

/* One row of B times A, of deviation about 1, in column c. */
static double low_rank(const double *a, const double *b, uint32_t cols, uint32_t c)
{
    double sum = 0;
    for (size_t k = 0; k < MLR_DEMO_RANK; k++) {
        sum += b[k] * a[k * cols + c];
    }
    return sum * 0.3535533905932738; /* 1 / sqrt(8) */
}

/* An optimiser's total step: nearly the same size for every weight, whatever the weight. */
static double step_of(mlr_demo_variant variant, double shared, mlr_demo_rng *r)
{
    double sign = mlr_demo_sign(r);
    double u = mlr_demo_uniform(r);
    switch (variant) {
    case MLR_DEMO_LORA:
        return 1.0e-4 * shared;
    case MLR_DEMO_RL:
        return 1.5e-6 * sign * (0.5 + u) + 1.0e-6 * shared;
    default:
        return 4.5e-5 * sign * (0.6 + 0.8 * u) + 4.0e-5 * shared;
    }
}

static bool is_touched(const mlr_demo_llama *m, const mlr_demo_tensor *t,
                       mlr_demo_variant variant)
{
    switch (variant) {
    case MLR_DEMO_TUNED: /* embedding and the first quarter are frozen */
        return t->kind == MLR_DEMO_NORM || t->kind == MLR_DEMO_HEAD ||
               (in_layer(t->kind) && t->layer >= (m->layers + 3) / 4);
    case MLR_DEMO_RL:
        return !mlr_demo_is_norm(t) && t->kind != MLR_DEMO_EMBED;
    case MLR_DEMO_LORA:
        return in_layer(t->kind) && !mlr_demo_is_norm(t);
    case MLR_DEMO_GROWN:
        return in_layer(t->kind) && t->layer + 1 == m->layers;
    default:
        return false;
    }
}

void mlr_demo_weights(mlr_demo *d, const mlr_demo_llama *m, const mlr_demo_tensor *t,
                      uint32_t row, mlr_dtype_id stored)
{
    mlr_demo_variant variant = d->file->variant;
    double b[MLR_DEMO_RANK];
    char name[64];
    base_row(d->row, t, row, stored);
    if (!is_touched(m, t, variant)) {
        return;
    }
    mlr_demo_hf_name(t, name, sizeof name);
    if (row == 0) {
        make_factors(d->factors, name, t);
    }
    mlr_demo_rng r = mlr_demo_seed(name, ((uint64_t)variant << 32) + row);
    for (size_t k = 0; k < MLR_DEMO_RANK; k++) {
        b[k] = mlr_demo_gauss(&r);
    }
    for (uint32_t c = 0; c < t->cols; c++) {
        double shared = low_rank(d->factors, b, t->cols, c);
        double step = step_of(variant, shared, &r) * (mlr_demo_is_norm(t) ? 20 : 1);
        d->row[c] = (float)((double)d->row[c] + step);
    }
}
