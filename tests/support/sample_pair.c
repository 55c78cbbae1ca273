#include "tests/support/sample_pair.h"

#include <stdio.h>
#include <string.h>

#include "codec/strategy.h"
#include "tui/app_core.h"

static const struct {
    const char *leaf;
    uint64_t rows, cols; /* cols 0: a vector */
} parts[12] = {
    {"self_attn.q_proj.weight", 896, 896}, {"self_attn.q_proj.bias", 896, 0},
    {"self_attn.k_proj.weight", 128, 896}, {"self_attn.k_proj.bias", 128, 0},
    {"self_attn.v_proj.weight", 128, 896}, {"self_attn.v_proj.bias", 128, 0},
    {"self_attn.o_proj.weight", 896, 896}, {"mlp.gate_proj.weight", 4864, 896},
    {"mlp.up_proj.weight", 4864, 896},     {"mlp.down_proj.weight", 896, 4864},
    {"input_layernorm.weight", 896, 0},    {"post_attention_layernorm.weight", 896, 0},
};

static void add(mlr_model *m, mlr_tensor *table, mlr_pool *pool, const char *name,
                uint64_t rows, uint64_t cols)
{
    uint64_t *dim = mlr_pool_take(pool, 2 * sizeof *dim);
    dim[0] = rows;
    dim[1] = cols;
    size_t n = strlen(name);
    mlr_tensor *t = &table[m->tensor_count++];
    *t = (mlr_tensor){.name = {mlr_pool_copy(pool, name, n), n},
                      .dtype = mlr_dtype_get(cols == 0 ? MLR_DTYPE_F32 : MLR_DTYPE_BF16),
                      .dim = dim,
                      .rank = cols == 0 ? 1 : 2,
                      .elements = cols == 0 ? rows : rows * cols,
                      .tied_to = MLR_NO_TENSOR};
    t->key = t->name;
    t->data.len = t->elements * (cols == 0 ? 4 : 2);
}

static void make(mlr_model *m, mlr_pool *pool, unsigned layers, bool edits, bool is_new)
{
    size_t room = (size_t)layers * 12 + 4;
    mlr_tensor *table = mlr_pool_take(pool, room * sizeof *table);
    m->tensors = table;
    add(m, table, pool, "model.embed_tokens.weight", 151936, 896);
    for (unsigned l = 0; l < layers; l++) {
        for (int i = 0; i < 12; i++) {
            char name[96];
            bool odd = edits && is_new && l == 1 && i == 0;
            snprintf(name, sizeof name, "model.layers.%u.%s", l, parts[i].leaf);
            add(m, table, pool, name, parts[i].rows * (odd ? 2 : 1), parts[i].cols);
        }
    }
    add(m, table, pool, "model.norm.weight", 896, 0);
    if (edits) {
        add(m, table, pool, is_new ? "lm_head.weight" : "model.rotary.inv_freq",
            is_new ? 896 : 32, is_new ? 128 : 0);
    }
}

void sample_pair_make(sample_pair *p, unsigned layers, bool edits,
                      const mlr_allocator *alloc)
{
    *p = (sample_pair){0};
    mlr_pool_init(&p->pool, alloc);
    make(&p->old_model, &p->pool, layers, edits, false);
    make(&p->new_model, &p->pool, layers, edits, true);
}

void sample_pair_release(sample_pair *p)
{
    mlr_pool_release(&p->pool);
}

static unsigned layer_of(const mlr_ui_row *r)
{
    static const char prefix[] = "model.layers.";
    unsigned l = 0;
    if (r->name.n < sizeof prefix || memcmp(r->name.p, prefix, sizeof prefix - 1) != 0) {
        return 0;
    }
    for (const char *p = r->name.p + sizeof prefix - 1; *p >= '0' && *p <= '9'; p++) {
        l = l * 10 + (unsigned)(*p - '0');
    }
    return l;
}

static void decide(mlr_ui_row *r, size_t i, bool small)
{
    r->strategy = small ? "zstd" : i % 3 == 0 ? "exp-man" : "xor-planes";
    r->level = (int16_t)(small ? 3 : i % 3 == 0 ? 9 : 12);
    r->by = i % 41 == 7 ? MLR_BY_YOU : i % 5 == 0 ? MLR_BY_AUTO : MLR_BY_RULE;
    r->rule = small ? 3 : 2;
}

void sample_facts(mlr_ui_rows *rows)
{
    for (size_t i = 0; i + 6 < rows->count; i++) {
        mlr_ui_row *r = &rows->row[i];
        unsigned l = layer_of(r);
        if (r->kind != MLR_ROW_UNKNOWN) {
            continue;
        }
        if (i != 0 && l < 8) {
            r->kind = MLR_ROW_SAME;
            r->changed = mlr_known(0);
            r->cosine = mlr_known(1);
            r->entropy = mlr_known(0);
            r->strategy = "ref";
            r->out = mlr_known(0);
            continue;
        }
        double change = i == 0 ? 0.031 : 0.35 + 0.025 * l + 0.003 * (double)(i % 7);
        bool small = r->bytes < 8192;
        double ratio = i == 0 ? 38.4 : 3.4 - 1.7 * change;
        r->kind = MLR_ROW_CHANGED;
        r->changed = mlr_known(change);
        r->cosine = mlr_known(1 - 0.002 * change);
        r->entropy = mlr_known(1 + 8.4 * change);
        decide(r, i, small);
        r->out = i % 5 == 3 ? mlr_estimated((double)r->bytes / ratio, 0.04)
                            : mlr_known((double)r->bytes / ratio);
    }
    mlr_rows_touch(rows);
}

mlr_matching sample_matching(sample_pair *p, const mlr_ui_rows *rows)
{
    mlr_matching m = {.old_model = &p->old_model, .new_model = &p->new_model};
    m.pairs = mlr_pool_take(&p->pool, (rows->count + 1) * sizeof *m.pairs);
    m.count = rows->count;
    for (size_t i = 0; i < rows->count; i++) {
        const mlr_ui_row *r = &rows->row[i];
        mlr_pairing *q = &m.pairs[i];
        q->old_tensor = r->old_tensor == NULL
                            ? MLR_NO_TENSOR
                            : (uint32_t)(r->old_tensor - p->old_model.tensors);
        q->new_tensor = r->new_tensor == NULL
                            ? MLR_NO_TENSOR
                            : (uint32_t)(r->new_tensor - p->new_model.tensors);
        q->change = r->kind == MLR_ROW_SAME      ? MLR_CHANGE_SAME
                    : r->kind == MLR_ROW_ADDED   ? MLR_CHANGE_ADDED
                    : r->kind == MLR_ROW_REMOVED ? MLR_CHANGE_REMOVED
                                                 : MLR_CHANGE_CHANGED;
        m.new_count += r->new_tensor != NULL;
    }
    return m;
}

/* Larger levels are smaller, every strategy has its own ratio. */
mlr_cast sample_cast(const mlr_app *app, size_t row, mlr_pick pick)
{
    uint64_t bytes = app->session.rows.row[row].bytes;
    int id = pick.strategy < 0 ? MLR_STRATEGY_neural : pick.strategy;
    double ratio = id == MLR_STRATEGY_neural ? 5 : 2 + id * 0.1;
    ratio -= pick.block_bytes != 0 ? 0.5 : 0;
    mlr_cast c = {.query = mlr_query_of(row, pick, MLR_EFFORT_DEFAULT)};
    c.p = (mlr_prediction){.bytes = (uint64_t)((double)bytes / (ratio + pick.level * 0.05)),
                           .error = 0.02,
                           .encode_bytes_s = 5e7,
                           .decode_bytes_s = 2e8,
                           .memory = (uint64_t)(id == MLR_STRATEGY_sparse ? 9 : 3) << 20,
                           .strategy = (uint8_t)id,
                           .lossless = true,
                           .fits = id != MLR_STRATEGY_block_fields};
    return c;
}

void sample_forecasts(mlr_app *app, mlr_pick pick)
{
    for (size_t i = 0; i < app->desk.travelling; i++) {
        mlr_cast c = sample_cast(app, app->desk.by_size[i], pick);
        mlr_outlook_put(app->desk.outlook, &c);
    }
}
