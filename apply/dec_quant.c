#include "apply/base/mem.h"
#include "apply/convert.h"
#include "apply/decoder.h"
#include "apply/neural_kernels.h"
#include "apply/quant_model.h"
#include "apply/token.h"

static mlr_status bad(mlr_err *err, const char *rule)
{
    return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, rule);
}

static mlr_status terms(const mlr_record *r, mlr_decoder_terms *t, mlr_err *err)
{
    mlr_quant_head h;
    mlr_status s = mlr_quant_head_read(r, &h, err);
    if (s == MLR_OK) {
        t->work = mlr_quant_work_terms(h.shape, h.form);
        s = mlr_quant_state_terms(&h, &t->state, err);
    }
    return s;
}

/* What a block's chunks share. */
typedef struct job {
    const mlr_block *b;
    const mlr_quant_model *q;
    const mlr_neural_kernels *kernels;
    mlr_quant_work *work;
    size_t blocks; /* whole ones */
    size_t block_bytes;
} job;

static mlr_quant_chunk chunk_at(const job *j, size_t at)
{
    size_t most = mlr_quant_chunk_blocks(j->q->shape);
    size_t blocks = j->blocks - at < most ? j->blocks - at : most;
    mlr_quant_unpack_old(j->q, j->work, j->b->old + mlr_quant_old_bytes(j->q, at), blocks);
    mlr_quant_chunk c =
        mlr_quant_chunk_of(j->q, j->work, j->b->first / j->block_bytes + at, blocks);
    c.requant = j->kernels->requant;
    return c;
}

/* The streams of a token block. */
typedef struct streams {
    mlr_rans rans[MLR_QUANT_KINDS];
    mlr_rawbits raw;
} streams;

static bool find_streams(const job *j, mlr_cursor *c, streams *s)
{
    const uint8_t *states[MLR_QUANT_KINDS] = {NULL};
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        size_t n = mlr_quant_numbers(j->q->shape, k, j->blocks);
        s->rans[k] = (mlr_rans){.tables = &j->q->tables[k], .lanes = mlr_quant_lanes(n)};
        if (n > 0) {
            s->rans[k].word_count =
                (size_t)mlr_cur_varint_to(c, c->size, "quant word count");
            states[k] = mlr_cur_take(c, 4 * (size_t)s->rans[k].lanes, "quant states");
        }
    }
    for (unsigned k = 0; k < MLR_QUANT_KINDS && mlr_cur_ok(c); k++) {
        s->rans[k].words = mlr_cur_take(c, 2 * s->rans[k].word_count, "quant words");
        if (states[k] != NULL && !mlr_rans_begin(&s->rans[k], states[k])) {
            return false;
        }
    }
    s->raw.size = mlr_cur_left(c);
    s->raw.in = mlr_cur_take(c, s->raw.size, "quant raw bits");
    return mlr_cur_ok(c);
}

static bool streams_ended(const job *j, const streams *s)
{
    bool ok = mlr_rawbits_ended(&s->raw);
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        ok = ok && (mlr_quant_numbers(j->q->shape, k, j->blocks) == 0 ||
                    mlr_rans_ended(&s->rans[k]));
    }
    return ok;
}

/* A token of a byte whose value does not follow from it alone. */
static void add_large(const mlr_residual *r, size_t i)
{
    unsigned fine = mlr_token_fine(1);
    uint64_t z = mlr_token_base(r->token[i], fine) |
                 mlr_rawbits_take(r->raw, mlr_token_bits(r->token[i], fine));
    uint64_t turn = 0 - (uint64_t)(r->context[i] >> 7);
    r->out[i] = (uint8_t)(r->expected[i] + ((mlr_unzigzag(z) ^ turn) - turn));
}

/* Residuals of bytes: in groups that the compiler turns into vectors, then the few large
   ones. */
static void add_bytes(const mlr_residual *r)
{
    enum { GROUP = 32 };
    size_t at = 0;
    for (; at + GROUP <= r->n; at += GROUP) {
        const uint8_t *restrict expected = r->expected + at;
        const uint8_t *restrict context = r->context + at;
        const uint8_t *restrict token = r->token + at;
        uint8_t *restrict out = r->out + at;
        uint8_t high = 0;
        for (size_t i = 0; i < GROUP; i++) {
            uint8_t turn = (uint8_t)(0 - (context[i] >> 7));
            uint8_t d = (uint8_t)((token[i] >> 1) ^ (0 - (token[i] & 1)));
            out[i] = (uint8_t)(expected[i] + (uint8_t)((d ^ turn) - turn));
            high |= token[i];
        }
        for (size_t i = at; high >= MLR_TOKEN_DIRECT && i < at + GROUP; i++) {
            if (r->token[i] >= MLR_TOKEN_DIRECT) {
                add_large(r, i);
            }
        }
    }
    for (; at < r->n; at++) {
        add_large(r, at);
    }
}

static void decode_kind(const job *j, mlr_quant_chunk *c, unsigned kind, streams *s)
{
    size_t n = mlr_quant_numbers(c->shape, kind, c->blocks);
    if (n == 0) {
        return;
    }
    c->map = j->q->map[kind];
    mlr_quant_predict(c, kind);
    mlr_rans *r = &s->rans[kind];
    mlr_rans_fn rans = r->lanes == MLR_RANS_LANES ? j->kernels->rans : mlr_rans_decode;
    rans(r, c->context, j->work->token, n);
    mlr_residual add = {.now = &j->q->number[kind],
                        .expected = c->expected,
                        .context = c->context,
                        .token = j->work->token,
                        .out = mlr_quant_numbers_at(&j->work->now, kind),
                        .n = n,
                        .raw = &s->raw};
    if (j->q->number[kind].bytes == 1) {
        add_bytes(&add);
    } else {
        j->kernels->add(&add);
    }
}

static mlr_status decode_tokens(const job *j, mlr_cursor *c)
{
    streams s = {0};
    if ((j->q->form & MLR_QUANT_MIXED) != 0 || !find_streams(j, c, &s)) {
        return bad(c->err, "quant block of tokens");
    }
    size_t step = mlr_quant_chunk_blocks(j->q->shape);
    for (size_t at = 0; at < j->blocks; at += step) {
        mlr_quant_chunk k = chunk_at(j, at);
        for (unsigned kind = 0; kind < MLR_QUANT_KINDS; kind++) {
            decode_kind(j, &k, kind, &s);
        }
        mlr_quant_pack(j->q->shape, &j->work->now, k.blocks,
                       j->b->out + at * j->block_bytes);
    }
    return streams_ended(j, &s) ? MLR_OK : bad(c->err, "quant tokens used up exactly");
}

/* --- mixing ----------------------------------------------------------------------------
 */

static unsigned read_bit(void *ctx, uint32_t p16, unsigned bit)
{
    (void)bit;
    return mlr_bits_raw(ctx, p16);
}

static void add_residuals(const mlr_quant_chunk *c, const mlr_number *t, const uint16_t *z,
                          size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t turn = 0 - (uint64_t)(c->context[i] >> 7);
        uint64_t d = (mlr_unzigzag(z[i]) ^ turn) - turn;
        uint64_t at = mlr_number_load(c->expected + i * t->bytes, t->bytes) + d;
        mlr_number_store(out + i * t->bytes, t->bytes, mlr_from_ordered(t, at & t->mask));
    }
}

static mlr_status decode_bits(const job *j, mlr_cursor *c)
{
    const mlr_quant_model *q = j->q;
    if ((q->form & MLR_QUANT_MIXED) == 0) {
        return bad(c->err, "quant block of mixed bits");
    }
    mlr_bits bits;
    size_t size = mlr_cur_left(c);
    mlr_bits_begin(&bits, mlr_cur_take(c, size, "quant bits"), size);
    mlr_quant_coder coder = {.code = read_bit, .ctx = &bits};
    mlr_quant_mix_reset(j->work->mix, q->shape);
    size_t step = mlr_quant_chunk_blocks(q->shape);
    for (size_t at = 0; at < j->blocks; at += step) {
        mlr_quant_chunk k = chunk_at(j, at);
        for (unsigned kind = 0; kind < MLR_QUANT_KINDS; kind++) {
            k.map = q->map[kind];
            mlr_quant_predict(&k, kind);
            mlr_quant_mixing m = {.model = j->work->mix,
                                  .chunk = &k,
                                  .kind = kind,
                                  .row = j->b->record->row,
                                  .coder = &coder,
                                  .mixed = j->kernels->quant_mixed,
                                  .z = j->work->z};
            mlr_quant_mix_code(&m);
            add_residuals(&k, &q->number[kind], m.z,
                          mlr_quant_numbers(k.shape, kind, k.blocks),
                          mlr_quant_numbers_at(&j->work->now, kind));
        }
        mlr_quant_pack(q->shape, &j->work->now, k.blocks, j->b->out + at * j->block_bytes);
    }
    return mlr_bits_ok(&bits) ? MLR_OK : bad(c->err, "quant bits inside their block");
}

static mlr_status dispatch(const job *j, mlr_cursor *c)
{
    unsigned kind = mlr_cur_u8(c, "quant block kind");
    if (!mlr_cur_ok(c)) {
        return c->err->status;
    }
    size_t left = mlr_cur_left(c);
    size_t bytes = j->blocks * j->block_bytes;
    if (kind == MLR_QUANT_TOKENS) {
        return decode_tokens(j, c);
    }
    if (kind == MLR_QUANT_BITS) {
        return decode_bits(j, c);
    }
    if (kind == MLR_QUANT_EXACT && left == 0) {
        if (j->q->was == j->q->now) {
            memcpy(j->b->out, j->b->old, bytes);
        } else {
            mlr_convert(j->q->was, j->b->old, j->q->now, j->b->out, j->blocks);
        }
        return MLR_OK;
    }
    if (kind == MLR_QUANT_STORED && left == bytes) {
        memcpy(j->b->out, c->base + c->pos, left);
        return MLR_OK;
    }
    return bad(c->err, "quant block of a known kind");
}

/* Bytes that are no whole block stand at the payload's end. */
static mlr_status decode(const mlr_block *b, mlr_err *err)
{
    const mlr_quant_model *q = b->state;
    job j = {.b = b,
             .q = q,
             .kernels =
                 b->kernels->neural != NULL ? b->kernels->neural : &mlr_neural_scalar,
             .work = mlr_quant_work_begin(q->shape, q->form, b->work),
             .block_bytes = b->record->dtype->block_bytes};
    j.blocks = b->out_bytes / j.block_bytes;
    size_t rest = b->out_bytes % j.block_bytes;
    if (b->old_bytes < mlr_quant_old_bytes(q, j.blocks) || b->payload_bytes < rest) {
        return bad(err, "quant block with an old block for each new one");
    }
    size_t body = b->payload_bytes - rest;
    if (rest > 0) {
        memcpy(b->out + b->out_bytes - rest, b->payload + body, rest);
    }
    mlr_err inner = {0}; /* whatever is wrong with a payload is its format */
    mlr_cursor c = {.base = b->payload, .size = body, .err = &inner};
    return dispatch(&j, &c) == MLR_OK ? MLR_OK : bad(err, inner.rule);
}

const mlr_decoder mlr_decoder_neural_quant = {.id = MLR_STRATEGY_neural_quant,
                                              .traits = MLR_NEEDS_OLD,
                                              .name = "neural-quant",
                                              .own_state = MLR_QUANT_OWN_STATE,
                                              .own_work = MLR_QUANT_OWN_WORK,
                                              .terms = terms,
                                              .prepare = mlr_quant_prepare,
                                              .decode = decode};
