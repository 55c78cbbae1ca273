#include <string.h>

#include "apply/block.h"
#include "apply/convert.h"
#include "codec/bits_write.h"
#include "codec/cost.h"
#include "codec/quant_study.h"
#include "codec/rans_write.h"
#include "codec/strategy.h"

enum { TABLES_WIDE = 32, QUICK_BYTES = 1 << 20, COUNT_BYTES = 2 << 20 };
enum { MAX_LEVEL = 20, MIX_BLOCKS = 1 << 17, MIX_PLAIN = 1 << 20 };

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for encoding a tensor");
}

static bool suits(const mlr_record *r)
{
    if (r->new_bytes == 0 || r->old_bytes == 0 || mlr_quant_shape_of(r->dtype) == NULL) {
        return false;
    }
    return r->dtype == r->old_dtype
               ? r->old_bytes >= r->new_bytes
               : mlr_quant_bases(r->old_dtype, r->dtype) && mlr_record_pairs(r);
}

/* --- study --------------------------------------------------------------------------- */

static mlr_status write_head(const mlr_encoding *e, const mlr_view *v, mlr_quant_plan *p,
                             mlr_buf *out, mlr_err *err)
{
    mlr_buf_u8(out, p->model.form & MLR_QUANT_FORMS);
    if (p->model.shape->supers == 0) {
        return mlr_quant_write_channels(e, v, p, out, err);
    }
    mlr_buf_varint(out, (uint64_t)(p->model.top + MLR_QUANT_TOP_BIAS));
    return MLR_OK;
}

/*
 * Mixing learns as it goes: best where tables would weigh much, and where changes come in
 * rows and columns. It is slow.
 */
static bool should_mix(const mlr_encoding *e, const mlr_record *r, const mlr_quant_shape *s)
{
    uint64_t codes = r->new_bytes / r->dtype->block_bytes * mlr_quant_items(s);
    unsigned form = MLR_QUANT_MIXED | (r->dtype == r->old_dtype ? 0 : MLR_QUANT_RETYPED);
    bool fits = e->max_work == 0 || e->max_work >= mlr_quant_work_terms(s, form);
    uint64_t most = e->level >= MAX_LEVEL ? UINT64_MAX
                    : s->supers > 0       ? MIX_BLOCKS
                                          : MIX_PLAIN;
    return fits && codes <= most;
}

static mlr_status write_kind(const mlr_encoding *e, mlr_quant_plan *p, unsigned kind,
                             mlr_tables *t, const mlr_counts *c, mlr_buf *out, mlr_err *err)
{
    unsigned most = mlr_tables_most(e->max_state, TABLES_WIDE);
    mlr_buf stream;
    mlr_buf_init(&stream, e->alloc);
    if (!mlr_tables_merge(t, c, most, e->alloc)) {
        return no_memory(err);
    }
    mlr_tables_write(t, c, &stream);
    mlr_buf_u8(out, (uint8_t)t->count);
    mlr_buf_u8(out, (uint8_t)t->tokens);
    mlr_buf_varint(out, stream.size);
    mlr_buf_add(out, stream.data, stream.size);
    out->failed |= stream.failed;
    mlr_buf_release(&stream);
    memset(p->model.map[kind], 0, MLR_QUANT_RAW);
    memcpy(p->model.map[kind], t->map, c->classes * c->edges);
    p->stride[kind] = t->tokens;
    p->symbol_bytes[kind] = t->count * t->tokens * sizeof *p->symbols[kind];
    p->symbols[kind] = mlr_take(e->alloc, p->symbol_bytes[kind]);
    for (unsigned i = 0; p->symbols[kind] != NULL && i < t->count; i++) {
        mlr_rans_symbols(p->symbols[kind] + i * t->tokens, t->freq[i], t->tokens);
    }
    return p->symbols[kind] == NULL ? no_memory(err) : MLR_OK;
}

/* A sample may lack what the rest has: every token that any context has gets a chance. */
static void allow_all(mlr_counts *c)
{
    unsigned raw = c->classes * c->edges;
    unsigned tokens = 0;
    for (unsigned i = 0; i < raw; i++) {
        for (unsigned t = tokens; t < MLR_TOKEN_LIMIT; t++) {
            tokens = c->of[i][t] != 0 ? t + 1 : tokens;
        }
    }
    for (unsigned i = 0; i < raw; i++) {
        for (unsigned t = 0; t < tokens; t++) {
            c->of[i][t]++;
        }
    }
}

static mlr_status write_tables(const mlr_encoding *e, const mlr_quant_shape *shape,
                               mlr_quant_sweep *s, mlr_quant_plan *p, mlr_buf *model,
                               mlr_err *err)
{
    mlr_tables *t = mlr_take(e->alloc, sizeof *t);
    mlr_status status = t == NULL ? no_memory(err) : MLR_OK;
    for (unsigned k = 0; k < MLR_QUANT_KINDS && status == MLR_OK; k++) {
        if (mlr_quant_numbers(shape, k, 1) > 0) {
            status = write_kind(e, p, k, t, &s->counts[k], model, err);
        }
    }
    mlr_give(e->alloc, t, sizeof *t);
    return status;
}

static mlr_status study_with(const mlr_encoding *e, const mlr_view *v, mlr_quant_plan *p,
                             mlr_quant_sweep *s, mlr_buf *model, mlr_err *err)
{
    const mlr_record *r = v->record;
    mlr_quant_head h = {
        .shape = mlr_quant_shape_of(r->dtype), .now = r->dtype, .was = r->old_dtype};
    if (mlr_tables_narrow(e->max_state, 2 * TABLES_WIDE)) {
        h.form |= MLR_QUANT_NARROW;
    }
    if (should_mix(e, r, h.shape)) {
        h.form = MLR_QUANT_MIXED;
    }
    h.form |= r->dtype == r->old_dtype ? 0 : MLR_QUANT_RETYPED;
    mlr_quant_model_shape(&p->model, &h);
    mlr_status status = mlr_quant_find_top(e, v, &p->model, err);
    if (status == MLR_OK) {
        status = write_head(e, v, p, model, err);
    }
    if (status != MLR_OK || (h.form & MLR_QUANT_MIXED) != 0) {
        return status;
    }
    uint64_t most = e->quick ? QUICK_BYTES : COUNT_BYTES;
    unsigned stride = r->new_bytes / most > 1 ? (unsigned)(r->new_bytes / most) : 1;
    status = mlr_quant_count(e, v, &p->model, stride, s, err);
    if (status != MLR_OK) {
        return status;
    }
    for (unsigned k = 0; k < MLR_QUANT_KINDS && stride > 1; k++) {
        allow_all(&s->counts[k]);
    }
    return write_tables(e, h.shape, s, p, model, err);
}

static void forget(const mlr_encoding *e, void *state)
{
    mlr_quant_plan *p = state;
    if (p != NULL) {
        for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
            mlr_give(e->alloc, p->symbols[k], p->symbol_bytes[k]);
        }
        mlr_give(e->alloc, p->ratio, p->ratio_bytes);
        mlr_give(e->alloc, p, sizeof *p);
    }
}

static mlr_status study(const mlr_encoding *e, const mlr_view *v, mlr_buf *model,
                        void **state, mlr_err *err)
{
    mlr_quant_plan *p = mlr_take(e->alloc, sizeof *p);
    mlr_quant_sweep *s = mlr_take(e->alloc, sizeof *s);
    mlr_status status = MLR_OK;
    if (p != NULL) {
        memset(p, 0, sizeof *p);
    }
    if (p == NULL || s == NULL) {
        status = no_memory(err);
    } else {
        status = study_with(e, v, p, s, model, err);
    }
    mlr_give(e->alloc, s, sizeof *s);
    if (status == MLR_OK && model->failed) {
        status = no_memory(err);
    }
    if (status != MLR_OK) {
        forget(e, p);
        p = NULL;
    }
    *state = p;
    return status;
}

/* --- encode -------------------------------------------------------------------------- */

/* Memory for one block, taken at once. */
typedef struct scratch {
    uint8_t *base;
    size_t bytes, numbers;
    uint16_t *words; /* room for the largest kind */
    uint8_t *raw;
    mlr_quant_tokens tokens;
} scratch;

static bool take_scratch(const mlr_encoding *e, const mlr_quant_model *q,
                         const mlr_enc_block *b, size_t blocks, scratch *m)
{
    size_t work = (mlr_quant_work_bytes(q->shape, q->form) + 63) & ~(size_t)63;
    size_t all = 0;
    size_t most = 0;
    size_t raw = 64;
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        size_t n = mlr_quant_numbers(q->shape, k, blocks);
        all += n;
        most = n > most ? n : most;
        raw += n * q->number[k].bytes;
    }
    m->bytes = 64 + work + 2 * (most + 8) + 2 * all + raw;
    m->base = mlr_take(e->alloc, m->bytes);
    if (m->base == NULL) {
        return false;
    }
    uint8_t *at = m->base + (64 - (uintptr_t)m->base % 64) % 64;
    m->tokens = (mlr_quant_tokens){.model = q,
                                   .requant = mlr_quant_requant_of(e->kernels),
                                   .work = mlr_quant_work_begin(q->shape, q->form, at),
                                   .new_bytes = b->new_bytes,
                                   .old = b->old,
                                   .first = b->first / b->record->dtype->block_bytes,
                                   .blocks = blocks};
    m->words = (uint16_t *)(void *)(at + work);
    at += work + 2 * (most + 8);
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        size_t n = mlr_quant_numbers(q->shape, k, blocks);
        m->tokens.context[k] = at;
        m->tokens.token[k] = at + n;
        at += 2 * n;
    }
    m->numbers = all;
    m->raw = at;
    return true;
}

/* Appends the words of a kind to `words` and its count and states to `out`. */
static bool put_kind(const mlr_quant_plan *p, const mlr_neural_kernels *kernels, scratch *m,
                     unsigned kind, mlr_buf *out, mlr_buf *words)
{
    uint32_t state[MLR_RANS_LANES];
    size_t n = mlr_quant_numbers(p->model.shape, kind, m->tokens.blocks);
    mlr_rans_job job = {.symbols = p->symbols[kind],
                        .stride = p->stride[kind],
                        .context = m->tokens.context[kind],
                        .token = m->tokens.token[kind],
                        .n = n,
                        .lanes = mlr_quant_lanes(n)};
    bool fast = kernels->rans_encode != NULL && job.lanes == MLR_RANS_LANES;
    size_t count = fast ? kernels->rans_encode(&job, m->words, state)
                        : mlr_rans_encode(&job, m->words, state);
    if (count == SIZE_MAX) {
        return false;
    }
    mlr_buf_varint(out, count);
    for (unsigned i = 0; i < job.lanes; i++) {
        mlr_buf_u32(out, state[i]);
    }
    uint8_t *to = mlr_buf_extend(words, 2 * count);
    for (size_t i = 0; to != NULL && i < count; i++) {
        mlr_store16(to + 2 * i, m->words[8 + n - count + i]);
    }
    return true;
}

/* Appends a block of tokens; false where the tables lack one of them. */
static bool put_tokens(const mlr_quant_plan *p, const mlr_encoding *e, scratch *m,
                       size_t raw_bytes, mlr_buf *out)
{
    const mlr_neural_kernels *kernels =
        e->kernels->neural != NULL ? e->kernels->neural : &mlr_neural_scalar;
    mlr_buf words;
    mlr_buf_init(&words, out->alloc);
    mlr_buf_u8(out, MLR_QUANT_TOKENS);
    bool ok = true;
    for (unsigned k = 0; k < MLR_QUANT_KINDS && ok; k++) {
        if (mlr_quant_numbers(p->model.shape, k, 1) > 0) {
            ok = put_kind(p, kernels, m, k, out, &words);
        }
    }
    mlr_buf_add(out, words.data, words.size);
    mlr_buf_add(out, m->raw, raw_bytes);
    out->failed |= words.failed;
    mlr_buf_release(&words);
    return ok;
}

/* Leaves nothing where the tables lack a token. */
static void put_body(const mlr_encoding *e, const mlr_enc_block *b, scratch *m,
                     mlr_buf *out)
{
    size_t start = out->size;
    mlr_rawbits_out raw = {.at = m->raw};
    m->tokens.raw = &raw;
    mlr_quant_tokenise(&m->tokens);
    size_t raw_bytes = (size_t)(raw.at - m->raw) + (raw.count > 0);
    if (!put_tokens(b->state, e, m, raw_bytes, out)) {
        out->size = start;
    }
}

static mlr_status encode_tables(const mlr_encoding *e, const mlr_enc_block *b,
                                size_t blocks, mlr_buf *payload, mlr_err *err)
{
    const mlr_quant_plan *p = b->state;
    scratch m;
    if (!take_scratch(e, &p->model, b, blocks, &m)) {
        return no_memory(err);
    }
    put_body(e, b, &m, payload);
    mlr_give(e->alloc, m.base, m.bytes);
    return MLR_OK;
}

/* Whether all whole blocks are what the base says: then one byte tells. */
static bool is_exact(const mlr_quant_model *q, const mlr_enc_block *b, size_t blocks)
{
    enum { ROOM = 40 };
    uint8_t made[ROOM];
    size_t wide = q->now->block_bytes;
    if (q->was == q->now) {
        return memcmp(b->new_bytes, b->old, blocks * wide) == 0;
    }
    bool same = true;
    for (size_t i = 0; i < blocks && same; i++) {
        mlr_convert(q->was, b->old + mlr_quant_old_bytes(q, i), q->now, made, 1);
        same = memcmp(made, b->new_bytes + i * wide, wide) == 0;
    }
    return same;
}

static mlr_status encode(const mlr_encoding *e, const mlr_enc_block *b, mlr_buf *payload,
                         mlr_err *err)
{
    const mlr_quant_plan *p = b->state;
    size_t wide = b->record->dtype->block_bytes;
    size_t bytes = b->new_n / wide * wide;
    size_t start = payload->size;
    mlr_status s = MLR_OK;
    if (is_exact(&p->model, b, b->new_n / wide)) {
        mlr_buf_u8(payload, MLR_QUANT_EXACT);
    } else if ((p->model.form & MLR_QUANT_MIXED) != 0) {
        s = mlr_quant_mix_block(e, p, b, payload, err);
    } else {
        s = encode_tables(e, b, b->new_n / wide, payload, err);
    }
    if (s != MLR_OK) {
        return s;
    }
    if (payload->size == start || payload->size - start > bytes + 1) {
        payload->size = start;
        mlr_buf_u8(payload, MLR_QUANT_STORED);
        mlr_buf_add(payload, b->new_bytes, bytes);
    }
    mlr_buf_add(payload, b->new_bytes + bytes, b->new_n - bytes);
    return payload->failed ? no_memory(err) : MLR_OK;
}

/* --- inspection ------------------------------------------------------------------------
 */

static void say(mlr_buf *text, const char *words)
{
    mlr_buf_add(text, words, strlen(words));
}

static void say_number(mlr_buf *text, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    mlr_buf_add(text, digits + at, sizeof digits - at);
}

static void describe(const mlr_record *r, mlr_buf *text)
{
    mlr_quant_head h;
    mlr_err err = {0};
    if (mlr_quant_head_read(r, &h, &err) != MLR_OK) {
        say(text, "unreadable model");
        return;
    }
    say(text, "predictor requantised");
    if (h.channels > 0) {
        say(text, " by ");
        say_number(text, h.channels);
        say(text, h.channels == 1 ? " scale" : " scales");
    }
    unsigned tables = 0;
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        tables += h.tables[k];
    }
    if ((h.form & MLR_QUANT_MIXED) != 0) {
        say(text, ", mixing");
    } else {
        say(text, ", ");
        say_number(text, tables);
        say(text, tables == 1 ? " table" : " tables");
    }
    say(text, ", model ");
    say_number(text, r->model_bytes);
    say(text, " bytes");
}

const mlr_encoder mlr_encoder_neural_quant = {
    .id = MLR_STRATEGY_neural_quant,
    .summary = "requantises the base's blocks, codes the rest given the rounding edge",
    .suits = suits,
    .study = study,
    .forget = forget,
    .encode = encode,
    .describe = describe};
