#include "apply/base/mem.h"
#include "apply/bits.h"
#include "apply/decoder.h"
#include "apply/neural.h"
#include "apply/neural_block.h"
#include "apply/neural_kernels.h"
#include "apply/token.h"

const mlr_neural_kernels mlr_neural_scalar = {.rans = mlr_rans_decode,
                                              .dot = mlr_dot,
                                              .predict = mlr_predict,
                                              .add = mlr_residual_add,
                                              .requant = mlr_requant_run};

static mlr_status bad(mlr_err *err, const char *rule)
{
    return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, rule);
}

static size_t align64(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

/* Lists, maps and mixing have these terms; what else is in their structures is own. */
enum {
    CHANGE_TERMS = 2 * MLR_NEURAL_CLASSES * MLR_CHANGE_ROOM * 4,
    SKIP_TERMS = 2 * MLR_SKIP_ROOM * 4
};
_Static_assert(sizeof(mlr_changes) <= CHANGE_TERMS, "lists without anything of their own");
_Static_assert(CHANGE_TERMS + 10 * MLR_NEURAL_CHUNK <= MLR_LIST_TERMS,
               "lists with chunks of the widest elements");
_Static_assert(sizeof(mlr_skips) <= SKIP_TERMS + 64, "a map and a little of its own");
_Static_assert(sizeof(mlr_nmix) <= MLR_NMIX_TERMS + 128, "mixing and a little of its own");
_Static_assert(MLR_NEURAL_OWN_WORK >= 64 + 128 + 4 * 64, "the little, and padding");

uint64_t mlr_neural_work_terms(const mlr_record *r, const mlr_neural_head *h)
{
    uint64_t chunk = MLR_NEURAL_CHUNK;
    uint64_t sums = h->rank > 0 ? chunk * sizeof(int32_t) : 0;
    uint64_t more = (h->form & MLR_NEURAL_SPARSE) != 0 ? CHANGE_TERMS : SKIP_TERMS;
    more += (h->form & MLR_NEURAL_MIX) != 0 ? MLR_NMIX_TERMS : 0;
    return chunk * (r->dtype->block_bytes + 2U) + sums + more;
}

void mlr_neural_scratch(mlr_neural_work *w, const mlr_neural *n, void *memory)
{
    uint8_t *at = memory;
    w->expected = at;
    at += align64((size_t)MLR_NEURAL_CHUNK * n->now.bytes + 64);
    w->context = at;
    w->token = at + MLR_NEURAL_CHUNK;
    at += 2 * (size_t)MLR_NEURAL_CHUNK;
    w->sums = n->rank > 0 ? (int32_t *)(void *)at : NULL;
    at += n->rank > 0 ? align64((MLR_NEURAL_CHUNK + 16) * sizeof(int32_t)) : 0;
    bool sparse = (n->form & MLR_NEURAL_SPARSE) != 0;
    w->changes = sparse ? (mlr_changes *)(void *)at : NULL;
    w->skips = sparse ? NULL : (mlr_skips *)(void *)at;
    at += align64(sparse ? sizeof(mlr_changes) : sizeof(mlr_skips));
    w->mix = (n->form & MLR_NEURAL_MIX) != 0 ? (mlr_nmix *)(void *)at : NULL;
}

mlr_status mlr_neural_terms(const mlr_record *r, mlr_decoder_terms *terms, mlr_err *err)
{
    mlr_neural_head h;
    mlr_status s = mlr_neural_head_read(r, &h, err);
    if (s == MLR_OK) {
        terms->work = mlr_neural_work_terms(r, &h);
        s = mlr_neural_state_terms(r, &terms->state, err);
    }
    return s;
}

/* What a block's chunks share. */
typedef struct job {
    const mlr_block *b;
    const mlr_neural *n;
    const mlr_neural_kernels *kernels;
    size_t elements;
    mlr_neural_work work;
} job;

static mlr_chunk chunk_at(const job *j, size_t first)
{
    const mlr_block *b = j->b;
    size_t left = j->elements - first;
    return (mlr_chunk){.model = j->n,
                       .element = b->first / j->n->now.bytes + first,
                       .before = first,
                       .n = left < MLR_NEURAL_CHUNK ? left : MLR_NEURAL_CHUNK,
                       .old = b->old + first * j->n->was.bytes,
                       .out = b->out + first * j->n->now.bytes,
                       .expected = j->work.expected,
                       .context = j->work.context,
                       .sums = j->work.sums};
}

static void predict(const job *j, const mlr_chunk *c)
{
    if (j->n->rank > 0) {
        mlr_predict_sums(c, j->kernels->dot);
    }
    j->kernels->predict(c);
}

/* Contexts of a record for mixing are raw; tokens want their tables. */
static void to_tables(const job *j, const mlr_chunk *c)
{
    for (size_t i = 0; (j->n->form & MLR_NEURAL_MIX) != 0 && i < c->n; i++) {
        unsigned raw = c->context[i] & 0x7fU;
        c->context[i] = (uint8_t)(j->n->prior[raw] | (c->context[i] & MLR_NEURAL_FLIP));
    }
}

static mlr_residual residual_of(const job *j, const mlr_chunk *c, mlr_rawbits *raw)
{
    return (mlr_residual){.now = &j->n->now,
                          .expected = c->expected,
                          .context = c->context,
                          .token = j->work.token,
                          .out = j->b->out + c->before * j->n->now.bytes,
                          .n = c->n,
                          .raw = raw};
}

static void decode_exact(const job *j)
{
    if (j->n->rank == 0 && !j->n->convert && j->n->scale == 0) {
        memcpy(j->b->out, j->b->old, j->elements * j->n->now.bytes);
        return;
    }
    memset(j->work.token, 0, MLR_NEURAL_CHUNK);
    for (size_t at = 0; at < j->elements; at += MLR_NEURAL_CHUNK) {
        mlr_chunk c = chunk_at(j, at);
        predict(j, &c);
        mlr_rawbits none = {0};
        mlr_residual r = residual_of(j, &c, &none);
        j->kernels->add(&r);
    }
}

static void skips_begin(mlr_skips *s, const uint8_t *in, size_t size)
{
    mlr_bits_begin(&s->bits, in, size);
    mlr_bit_reset(s->model[0], sizeof s->model / sizeof(mlr_bit));
    s->flag = 1;
    s->left = mlr_bits_number_in(&s->bits, s->model[1], 2, MLR_SKIP_NUMBER);
}

static unsigned skips_next(mlr_skips *s)
{
    while (s->left == 0) {
        s->flag ^= 1;
        uint64_t run = mlr_bits_number_in(&s->bits, s->model[s->flag], 2, MLR_SKIP_NUMBER);
        s->left =
            run > UINT32_MAX ? UINT32_MAX : run + 1; /* ends the loop whatever is read */
    }
    s->left--;
    return s->flag;
}

static size_t group_at(const mlr_chunk *c, size_t g)
{
    size_t from = g * MLR_NEURAL_GROUP;
    return c->n - from < MLR_NEURAL_GROUP ? c->n - from : MLR_NEURAL_GROUP;
}

/* Decodes the tokens of a chunk whose groups are partly skipped: their contexts, then they
   themselves stand together at the front until all are known. */
static void decode_some(const job *j, const mlr_chunk *c, mlr_rans *rans)
{
    uint8_t *token = j->work.token;
    uint32_t on = 0;
    size_t used = 0;
    size_t groups = (c->n + MLR_NEURAL_GROUP - 1) / MLR_NEURAL_GROUP;
    for (size_t g = 0; g < groups; g++) {
        if (skips_next(j->work.skips) != 0) {
            size_t n = group_at(c, g);
            memcpy(token + used, c->context + g * MLR_NEURAL_GROUP, n);
            used += n;
            on |= (uint32_t)1 << g;
        }
    }
    if (used > 0) {
        j->kernels->rans(rans, token, token, used);
    }
    for (size_t g = groups; g-- > 0;) {
        size_t n = group_at(c, g);
        if ((on >> g & 1) != 0) {
            used -= n;
            memmove(token + g * MLR_NEURAL_GROUP, token + used, n);
        } else {
            memset(token + g * MLR_NEURAL_GROUP, 0, n);
        }
    }
}

/* Where the parts of a token block lie. */
typedef struct parts {
    mlr_rans rans;
    mlr_rawbits raw;
    const uint8_t *map;
    size_t map_bytes;
} parts;

static bool find_parts(const job *j, mlr_cursor *c, unsigned kind, parts *p)
{
    unsigned lanes_log = kind >> 4;
    if (lanes_log > 5) {
        return false;
    }
    p->rans = (mlr_rans){.tables = &j->n->tables, .lanes = 1U << lanes_log};
    size_t limit = c->size;
    p->rans.word_count = (size_t)mlr_cur_varint_to(c, limit, "neural word count");
    p->map_bytes =
        (kind & 8) != 0 ? (size_t)mlr_cur_varint_to(c, limit, "neural map bytes") : 0;
    p->map = mlr_cur_take(c, p->map_bytes, "neural skip map");
    const uint8_t *states = mlr_cur_take(c, 4 * (size_t)p->rans.lanes, "neural states");
    p->rans.words = mlr_cur_take(c, 2 * p->rans.word_count, "neural words");
    p->raw.size = mlr_cur_left(c);
    p->raw.in = mlr_cur_take(c, p->raw.size, "neural raw bits");
    return mlr_cur_ok(c) && mlr_rans_begin(&p->rans, states);
}

static mlr_status decode_tokens(const job *j, mlr_cursor *c, unsigned kind)
{
    parts p = {0};
    if (j->n->tables.count == 0 || !find_parts(j, c, kind, &p)) {
        return bad(c->err, "neural block of tokens");
    }
    bool skipping = (kind & 8) != 0;
    if (skipping) {
        skips_begin(j->work.skips, p.map, p.map_bytes);
    }
    mlr_rans_fn rans = p.rans.lanes == MLR_RANS_LANES ? j->kernels->rans : mlr_rans_decode;
    for (size_t at = 0; at < j->elements; at += MLR_NEURAL_CHUNK) {
        mlr_chunk k = chunk_at(j, at);
        predict(j, &k);
        to_tables(j, &k);
        if (skipping) {
            decode_some(j, &k, &p.rans);
        } else {
            rans(&p.rans, k.context, j->work.token, k.n);
        }
        mlr_residual r = residual_of(j, &k, &p.raw);
        j->kernels->add(&r);
    }
    bool whole = mlr_rans_ended(&p.rans) && mlr_rawbits_ended(&p.raw) &&
                 (!skipping || mlr_bits_ok(&j->work.skips->bits));
    return whole ? MLR_OK : bad(c->err, "neural tokens used up exactly");
}

/* Each class has its own list of gaps, so that a class that rarely changes costs little. */
static mlr_status decode_changes(const job *j, mlr_cursor *c)
{
    mlr_changes *m = j->work.changes;
    if (m == NULL) {
        return bad(c->err, "neural block of changes in a sparse record");
    }
    mlr_bits d;
    size_t size = mlr_cur_left(c);
    mlr_bits_begin(&d, mlr_cur_take(c, size, "neural changes"), size);
    mlr_changes_reset(m);
    uint32_t left[MLR_NEURAL_CLASSES];
    for (unsigned k = 0; k < j->n->classes; k++) {
        left[k] = mlr_changes_gap(&d, m, k);
    }
    memset(j->work.token, 0, MLR_NEURAL_CHUNK);
    unsigned bytes = j->n->now.bytes;
    for (size_t at = 0; at < j->elements; at += MLR_NEURAL_CHUNK) {
        mlr_chunk k = chunk_at(j, at);
        mlr_rawbits none = {0};
        predict(j, &k);
        mlr_residual r = residual_of(j, &k, &none);
        j->kernels->add(&r);
        for (size_t i = 0; i < k.n; i++) {
            unsigned class = k.context[i] & (MLR_NEURAL_CLASSES - 1);
            if (left[class]-- != 0) {
                continue;
            }
            uint64_t z = mlr_bits_number(&d, m->value[class], 2) + 1;
            uint64_t x = mlr_number_load(k.expected + i * bytes, bytes) + mlr_unzigzag(z);
            mlr_number_store(r.out + i * bytes, bytes,
                             mlr_from_ordered(&j->n->now, x & j->n->now.mask));
            left[class] = mlr_changes_gap(&d, m, class);
        }
    }
    return mlr_bits_ok(&d) ? MLR_OK : bad(c->err, "neural changes inside their block");
}

static unsigned read_decision(void *coder, uint32_t p16, unsigned bit)
{
    (void)bit;
    return mlr_bits_raw(coder, p16);
}

static mlr_status decode_mixed(const job *j, mlr_cursor *c)
{
    mlr_nmix *m = j->work.mix;
    if (m == NULL) {
        return bad(c->err, "neural block of mixing in such a record");
    }
    mlr_bits d;
    size_t size = mlr_cur_left(c);
    mlr_bits_begin(&d, mlr_cur_take(c, size, "neural mixed bits"), size);
    m->decide = read_decision;
    m->coder = &d;
    m->model = j->n;
    mlr_nmix_begin(m);
    for (size_t at = 0; at < j->elements; at += MLR_NEURAL_CHUNK) {
        mlr_chunk k = chunk_at(j, at);
        predict(j, &k);
        mlr_nmix_decode_chunk(m, &k, j->b->out + at * j->n->now.bytes);
        if (!mlr_bits_ok(&d)) {
            return bad(c->err, "neural mixed bits inside their block");
        }
    }
    return MLR_OK;
}

/* NULL where a strategy has no mixing, so that its code is not linked. */
typedef mlr_status (*mixed_fn)(const job *j, mlr_cursor *c);

static mlr_status dispatch(job *j, mixed_fn mixed, mlr_cursor *c)
{
    unsigned kind = mlr_cur_u8(c, "neural block kind");
    if (!mlr_cur_ok(c)) {
        return c->err->status;
    }
    size_t left = mlr_cur_left(c);
    if ((kind & 7) == MLR_NEURAL_TOKENS) {
        return decode_tokens(j, c, kind);
    }
    if (kind == MLR_NEURAL_CHANGES) {
        return decode_changes(j, c);
    }
    if (kind == MLR_NEURAL_MIXED && mixed != NULL) {
        return mixed(j, c);
    }
    if (kind == MLR_NEURAL_EXACT && left == 0) {
        decode_exact(j);
        return MLR_OK;
    }
    if (kind == MLR_NEURAL_STORED && left == j->elements * j->n->now.bytes) {
        memcpy(j->b->out, c->base + c->pos, left);
        return MLR_OK;
    }
    return bad(c->err, "neural block of a known kind");
}

static mlr_status decode_block(const mlr_block *b, mixed_fn mixed, mlr_err *err)
{
    const mlr_neural *n = b->state;
    job j = {.b = b,
             .n = n,
             .kernels =
                 b->kernels->neural != NULL ? b->kernels->neural : &mlr_neural_scalar,
             .elements = b->out_bytes / n->now.bytes};
    size_t rest = b->out_bytes % n->now.bytes;
    if (j.elements > b->old_bytes / n->was.bytes || b->payload_bytes < rest) {
        return bad(err, "neural block with an old element for each new one");
    }
    size_t body = b->payload_bytes - rest;
    if (rest > 0) {
        memcpy(b->out + b->out_bytes - rest, b->payload + body, rest);
    }
    mlr_neural_scratch(&j.work, n, b->work);
    mlr_cursor c = {.base = b->payload, .size = body, .err = err};
    return dispatch(&j, mixed, &c);
}

mlr_status mlr_neural_block_decode(const mlr_block *b, mlr_err *err)
{
    return decode_block(b, NULL, err);
}

mlr_status mlr_neural_max_block_decode(const mlr_block *b, mlr_err *err)
{
    return decode_block(b, decode_mixed, err);
}

const mlr_decoder mlr_decoder_neural = {.id = MLR_STRATEGY_neural,
                                        .traits = MLR_NEEDS_OLD,
                                        .name = "neural",
                                        .own_state = MLR_NEURAL_OWN_STATE,
                                        .own_work = MLR_NEURAL_OWN_WORK,
                                        .terms = mlr_neural_terms,
                                        .prepare = mlr_neural_prepare,
                                        .decode = mlr_neural_block_decode};
