#include "codec/quant_study.h"

#include <string.h>

enum { SLAB_CHUNKS = 16, SAMPLE_SLABS = 8 };

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for encoding a tensor");
}

/* --- tokens ----------------------------------------------------------------------------
 */

/* Residuals of bytes as tokens, in groups that the compiler turns into vectors. */
static void tokens_of_bytes(const mlr_tokens_job *j)
{
    enum { GROUP = 32 };
    size_t at = 0;
    for (; at + GROUP <= j->n; at += GROUP) {
        const uint8_t *restrict expected = j->expected + at;
        const uint8_t *restrict context = j->context + at;
        const uint8_t *restrict now = j->new_bytes + at;
        uint8_t *restrict token = j->token + at;
        uint8_t high = 0;
        for (size_t i = 0; i < GROUP; i++) {
            uint8_t turn = (uint8_t)(0 - (context[i] >> 7));
            uint8_t d = (uint8_t)(((uint8_t)(now[i] - expected[i]) ^ turn) - turn);
            token[i] = (uint8_t)((d << 1) ^ (0 - (d >> 7)));
            high |= token[i];
        }
        for (size_t i = 0; high >= MLR_TOKEN_DIRECT && i < GROUP; i++) {
            unsigned z = token[i];
            unsigned bits = 0;
            token[i] = (uint8_t)mlr_token_of(z, mlr_token_fine(1));
            bits = mlr_token_bits(token[i], mlr_token_fine(1));
            if (bits > 0 && j->raw != NULL) {
                mlr_rawbits_put(j->raw, z & ((1U << bits) - 1), bits);
            }
        }
    }
    mlr_tokens_job rest = *j;
    rest.expected += at;
    rest.context += at;
    rest.new_bytes += at;
    rest.token += at;
    rest.n -= at;
    mlr_tokens_of(&rest);
}

static void tokenise_kind(const mlr_quant_tokens *t, mlr_quant_chunk *c, unsigned kind,
                          size_t done)
{
    size_t n = mlr_quant_numbers(c->shape, kind, c->blocks);
    unsigned wide = t->model->number[kind].bytes;
    const uint8_t *now = mlr_quant_numbers_at(&t->work->now, kind);
    c->map = t->model->map[kind];
    c->context = t->context[kind] + done;
    mlr_quant_predict(c, kind);
    for (size_t at = 0; at < n; at += MLR_TOKENS_AT_ONCE) {
        mlr_tokens_job job = {.now = &t->model->number[kind],
                              .expected = c->expected + at * wide,
                              .context = c->context + at,
                              .new_bytes = now + at * wide,
                              .n =
                                  n - at < MLR_TOKENS_AT_ONCE ? n - at : MLR_TOKENS_AT_ONCE,
                              .token = t->token[kind] + done + at,
                              .raw = t->raw};
        if (wide == 1) {
            tokens_of_bytes(&job);
        } else {
            mlr_tokens_of(&job);
        }
    }
}

mlr_requant_fn mlr_quant_requant_of(const mlr_kernels *k)
{
    return k->neural != NULL ? k->neural->requant : mlr_requant_run;
}

void mlr_quant_tokenise(const mlr_quant_tokens *t)
{
    const mlr_quant_shape *s = t->model->shape;
    size_t wide = mlr_dtype_get(s->dtype)->block_bytes;
    size_t step = mlr_quant_chunk_blocks(s);
    for (size_t at = 0; at < t->blocks; at += step) {
        size_t blocks = t->blocks - at < step ? t->blocks - at : step;
        mlr_quant_unpack_old(t->model, t->work, t->old + mlr_quant_old_bytes(t->model, at),
                             blocks);
        mlr_quant_unpack(s, t->new_bytes + at * wide, blocks, &t->work->now);
        mlr_quant_chunk c = mlr_quant_chunk_of(t->model, t->work, t->first + at, blocks);
        c.requant = t->requant;
        for (unsigned kind = 0; kind < MLR_QUANT_KINDS; kind++) {
            if (mlr_quant_numbers(s, kind, 1) > 0) {
                tokenise_kind(t, &c, kind, mlr_quant_numbers(s, kind, at));
            }
        }
    }
}

/* --- passes over a record --------------------------------------------------------------
 */

/* Memory for a slab of blocks of both sides, as bytes and as tokens. */
typedef struct slab {
    uint8_t *base, *now, *old;
    size_t bytes, most, wide;
    mlr_quant_tokens tokens;
} slab;

static bool take_slab(const mlr_encoding *e, const mlr_quant_model *q, slab *s)
{
    size_t work = (mlr_quant_work_bytes(q->shape, q->form) + 63) & ~(size_t)63;
    *s = (slab){.wide = mlr_dtype_get(q->shape->dtype)->block_bytes,
                .most = SLAB_CHUNKS * mlr_quant_chunk_blocks(q->shape)};
    size_t numbers = 0;
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        numbers += 2 * mlr_quant_numbers(q->shape, k, s->most);
    }
    size_t old_bytes = mlr_quant_old_bytes(q, s->most);
    s->bytes = 64 + work + s->most * s->wide + old_bytes + numbers;
    s->base = mlr_take(e->alloc, s->bytes);
    if (s->base == NULL) {
        return false;
    }
    uint8_t *at = s->base + (64 - (uintptr_t)s->base % 64) % 64;
    s->tokens = (mlr_quant_tokens){.model = q,
                                   .requant = mlr_quant_requant_of(e->kernels),
                                   .work = mlr_quant_work_begin(q->shape, q->form, at)};
    at += work;
    s->tokens.new_bytes = s->now = at;
    s->tokens.old = s->old = at + s->most * s->wide;
    at += s->most * s->wide + old_bytes;
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        size_t n = mlr_quant_numbers(q->shape, k, s->most);
        s->tokens.context[k] = at;
        s->tokens.token[k] = at + n;
        at += 2 * n;
    }
    return true;
}

static mlr_status read_slab(const mlr_view *v, slab *s, uint64_t block, mlr_err *err)
{
    uint64_t left = v->record->new_bytes / s->wide - block;
    s->tokens.first = block;
    s->tokens.blocks = left < s->most ? (size_t)left : s->most;
    return v->read(v->ctx, block * s->wide, s->tokens.blocks * s->wide, s->now, s->old,
                   err);
}

enum { SIZES = 2 * MLR_QUANT_TOP_BIAS };

static void note_sizes(const slab *s, const mlr_quant_model *q, uint32_t *seen)
{
    size_t step = mlr_quant_chunk_blocks(q->shape);
    for (size_t at = 0; at < s->tokens.blocks; at += step) {
        size_t left = s->tokens.blocks - at;
        size_t blocks = left < step ? left : step;
        mlr_quant_unpack(q->shape, s->now + at * s->wide, blocks, &s->tokens.work->now);
        mlr_quant_chunk c = mlr_quant_chunk_of(q, s->tokens.work, 0, blocks);
        for (size_t i = 0; i < blocks * q->shape->groups; i++) {
            int32_t size =
                mlr_quant_group_size(&c, i / q->shape->groups, i % q->shape->groups);
            if (size > -MLR_QUANT_TOP_BIAS && size < MLR_QUANT_TOP_BIAS) {
                seen[size + MLR_QUANT_TOP_BIAS]++;
                seen[SIZES]++;
            }
        }
    }
}

/* All but a few in a hundred scales stay below the first class's. */
static int32_t top_of(const uint32_t *seen)
{
    uint32_t above = 0;
    int32_t at = SIZES - 1;
    while (at > 0 && (above += seen[at]) <= seen[SIZES] / 32) {
        at--;
    }
    return at - MLR_QUANT_TOP_BIAS;
}

mlr_status mlr_quant_find_top(const mlr_encoding *e, const mlr_view *v, mlr_quant_model *q,
                              mlr_err *err)
{
    slab s;
    if (q->shape->supers == 0) {
        return MLR_OK;
    }
    size_t seen_bytes = (SIZES + 1) * sizeof(uint32_t);
    uint32_t *seen = mlr_take(e->alloc, seen_bytes);
    if (seen == NULL || !take_slab(e, q, &s)) {
        mlr_give(e->alloc, seen, seen_bytes);
        return no_memory(err);
    }
    memset(seen, 0, seen_bytes);
    uint64_t blocks = v->record->new_bytes / s.wide;
    uint64_t step = blocks / SAMPLE_SLABS < s.most ? s.most : blocks / SAMPLE_SLABS;
    mlr_status status = MLR_OK;
    for (uint64_t at = 0; at < blocks && status == MLR_OK; at += step) {
        status = read_slab(v, &s, at, err);
        if (status == MLR_OK) {
            note_sizes(&s, q, seen);
        }
    }
    q->top = top_of(seen);
    mlr_give(e->alloc, s.base, s.bytes);
    mlr_give(e->alloc, seen, seen_bytes);
    return status;
}

static void count_slab(const slab *s, const mlr_quant_model *q, mlr_quant_sweep *out)
{
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        size_t n = mlr_quant_numbers(q->shape, k, s->tokens.blocks);
        unsigned fine = mlr_token_fine(q->number[k].bytes);
        for (size_t i = 0; i < n; i++) {
            unsigned token = s->tokens.token[k][i];
            out->counts[k].of[s->tokens.context[k][i] & (MLR_QUANT_RAW - 1)][token]++;
            out->raw_bits += mlr_token_bits(token, fine);
        }
    }
}

mlr_status mlr_quant_count(const mlr_encoding *e, const mlr_view *v,
                           const mlr_quant_model *q, unsigned stride, mlr_quant_sweep *out,
                           mlr_err *err)
{
    slab s;
    memset(out, 0, sizeof *out);
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        out->counts[k].classes = mlr_quant_classes(k);
        out->counts[k].edges = mlr_quant_edges(k);
        out->counts[k].flags = 1;
    }
    if (!take_slab(e, q, &s)) {
        return no_memory(err);
    }
    mlr_status status = MLR_OK;
    uint64_t blocks = v->record->new_bytes / s.wide;
    for (uint64_t at = 0; at < blocks && status == MLR_OK; at += s.most * stride) {
        if (!mlr_keep_going(e->tick, at * s.wide, v->record->new_bytes)) {
            status =
                mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "work wanted to the end");
            break;
        }
        status = read_slab(v, &s, at, err);
        if (status == MLR_OK) {
            mlr_quant_tokenise(&s.tokens);
            count_slab(&s, q, out);
        }
    }
    mlr_give(e->alloc, s.base, s.bytes);
    return status;
}
