#include "codec/neural_study.h"

#include <string.h>

#include "apply/token.h"
#include "codec/tokens.h"

const mlr_neural_kernels *mlr_neural_kernels_of(const mlr_kernels *k)
{
    return k->neural != NULL ? k->neural : &mlr_neural_scalar;
}

mlr_chunk mlr_block_chunk(const mlr_block_tokens *t, size_t at)
{
    const mlr_neural *m = t->model;
    mlr_chunk c = {.model = m,
                   .element = t->element + at,
                   .before = at,
                   .n = t->n - at < MLR_NEURAL_CHUNK ? t->n - at : MLR_NEURAL_CHUNK,
                   .old = t->old + at * m->was.bytes,
                   .out = t->new_bytes + at * m->now.bytes,
                   .expected = t->expected,
                   .context = t->context + at,
                   .sums = t->sums};
    if (m->rank > 0) {
        mlr_predict_sums(&c, t->kernels->dot);
    }
    t->kernels->predict(&c);
    return c;
}

void mlr_block_tokenise(const mlr_block_tokens *t)
{
    for (size_t at = 0; at < t->n; at += MLR_NEURAL_CHUNK) {
        mlr_chunk c = mlr_block_chunk(t, at);
        mlr_tokens_job j = {.now = &t->model->now,
                            .values16 = t->kernels->values16,
                            .expected = c.expected,
                            .context = c.context,
                            .new_bytes = c.out,
                            .n = c.n,
                            .token = t->token + at,
                            .raw = t->raw};
        mlr_tokens_of(&j);
    }
}

/* Memory a sweep works in, taken at once. */
typedef struct sweep_memory {
    uint8_t *base;
    size_t bytes;
    uint8_t *new_bytes, *old, *expected, *context, *token;
    int32_t *sums;
} sweep_memory;

static bool take_memory(const mlr_encoding *e, const mlr_record *r, size_t elements,
                        sweep_memory *m)
{
    size_t chunk = MLR_NEURAL_CHUNK * (size_t)8 + 64;
    size_t sums = (MLR_NEURAL_CHUNK + 16) * sizeof(int32_t);
    size_t news = ((size_t)r->block_new + 127) & ~(size_t)63;
    size_t olds = ((size_t)r->block_old + 127) & ~(size_t)63;
    m->bytes = news + olds + chunk + sums + 2 * elements;
    m->base = mlr_take(e->alloc, m->bytes);
    if (m->base == NULL) {
        return false;
    }
    m->new_bytes = m->base;
    m->old = m->new_bytes + news;
    m->expected = m->old + olds;
    m->sums = (int32_t *)(void *)(m->expected + chunk);
    m->context = m->expected + chunk + sums;
    m->token = m->context + elements;
    return true;
}

static bool is_idle(const uint8_t *token, size_t n)
{
    uint64_t any = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        any |= mlr_load64(token + i);
    }
    for (; i < n; i++) {
        any |= token[i];
    }
    return any == 0;
}

static void count_block(const sweep_memory *m, size_t n, mlr_sweep *s)
{
    unsigned flag = 1;
    /* two sets of counters, or equal neighbours would wait for each other */
    size_t pairs = n / 2;
    for (size_t i = 0; i < pairs; i++) {
        s->counts.of[m->context[2 * i] & 0x7f][m->token[2 * i]]++;
        s->odd[m->context[2 * i + 1] & 0x7f][m->token[2 * i + 1]]++;
    }
    if (n % 2 != 0) {
        s->counts.of[m->context[n - 1] & 0x7f][m->token[n - 1]]++;
    }
    for (size_t at = 0; at < n; at += MLR_NEURAL_GROUP) {
        size_t group = n - at < MLR_NEURAL_GROUP ? n - at : MLR_NEURAL_GROUP;
        bool idle = is_idle(m->token + at, group);
        s->turns[flag][!idle]++;
        flag = !idle;
        for (size_t i = 0; idle && i < group; i++) {
            s->idle[m->context[at + i] & 0x7f]++;
        }
    }
    s->elements += n;
}

static void sum_up(mlr_sweep *s, unsigned fine)
{
    for (unsigned i = 0; i < MLR_NEURAL_RAW; i++) {
        for (unsigned t = 0; t < MLR_TOKEN_LIMIT; t++) {
            s->counts.of[i][t] += s->odd[i][t];
        }
        for (unsigned t = MLR_TOKEN_DIRECT; t < MLR_TOKEN_LIMIT; t++) {
            s->raw_bits += (uint64_t)s->counts.of[i][t] * mlr_token_bits(t, fine);
        }
    }
}

mlr_status mlr_neural_sweep(const mlr_encoding *e, const mlr_view *v,
                            const mlr_neural *model, unsigned stride, mlr_sweep *out,
                            mlr_err *err)
{
    const mlr_record *r = v->record;
    size_t wide = model->now.bytes;
    sweep_memory m = {0};
    if (!take_memory(e, r, r->block_new / wide + 1, &m)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for studying a tensor");
    }
    memset(out, 0, sizeof *out);
    out->counts.classes = model->classes;
    out->counts.edges = model->edges;
    out->counts.flags = model->lag != 0 ? 2 : 1;
    mlr_status s = MLR_OK;
    uint64_t step = (uint64_t)r->block_new * stride;
    for (uint64_t at = 0; at < r->new_bytes && s == MLR_OK; at += step) {
        if (!mlr_keep_going(e->tick, at, r->new_bytes)) {
            s = mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "work wanted to the end");
            break;
        }
        uint64_t left = r->new_bytes - at;
        size_t bytes = left < r->block_new ? (size_t)left : r->block_new;
        s = v->read(v->ctx, at, bytes, m.new_bytes, m.old, err);
        if (s != MLR_OK) {
            break;
        }
        mlr_block_tokens t = {.model = model,
                              .kernels = mlr_neural_kernels_of(e->kernels),
                              .new_bytes = m.new_bytes,
                              .old = m.old,
                              .element = at / wide,
                              .n = bytes / wide,
                              .expected = m.expected,
                              .sums = m.sums,
                              .context = m.context,
                              .token = m.token};
        mlr_block_tokenise(&t);
        count_block(&m, t.n, out);
    }
    sum_up(out, mlr_token_fine(model->now.bytes));
    mlr_give(e->alloc, m.base, m.bytes);
    return s;
}
