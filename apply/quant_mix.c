#include "apply/quant_mix.h"

#include "apply/base/cursor.h"
#include "apply/base/mem.h"
#include "apply/number.h"

enum {
    WEIGHT_ONE = 1 << 16,
    WEIGHT_FIRST = WEIGHT_ONE * 2 / 7,
    LEARN_DOWN = 15, /* one more where scales are in the data: much of a kind */
    NUMBER_LIMIT = 60,
    UNARY = 12, /* magnitudes above it are coded by their length */
    MEANS = 12,
    SIZE_MOST = 31
};

/* Where the slots of each input begin: columns come last, as groups have only a few. */
static const uint16_t start[MLR_QMIX_INPUTS - 1] = {
    0,
    128,
    128 + 256,
    MLR_QMIX_COLUMNS_AT,
    128 + 256 + 512,
    128 + 256 + 512 + 256,
    128 + 256 + 512 + 512,
};

uint64_t mlr_quant_mix_terms(const mlr_quant_shape *s)
{
    uint64_t supers = s->supers > 0 ? 16 * MLR_QMIX_NUMBER_TERMS : 0;
    uint64_t subs = s->subs > 0 ? MLR_QMIX_SUB_TERMS : 0;
    return MLR_QMIX_KIND_TERMS + MLR_QMIX_NUMBER_TERMS + supers + subs;
}

/* Nothing behind the slots of subs is touched. */
enum {
    SUB_BYTES = offsetof(mlr_quant_lessons, slot) +
                MLR_QMIX_SUB_SLOTS * MLR_QMIX_NODES * sizeof(mlr_bit)
};

size_t mlr_quant_mix_bytes(const mlr_quant_shape *s)
{
    return s->subs > 0     ? offsetof(mlr_quant_mix, subs) + SUB_BYTES
           : s->supers > 0 ? offsetof(mlr_quant_mix, subs)
                           : offsetof(mlr_quant_mix, super);
}

static void reset_lessons(mlr_quant_lessons *l, size_t slots)
{
    mlr_bit_reset(l->slot[0], slots * MLR_QMIX_NODES);
    for (unsigned n = 0; n < MLR_QMIX_NODES; n++) {
        for (unsigned i = 0; i < MLR_QMIX_INPUTS; i++) {
            l->weight[n][i] = WEIGHT_FIRST;
        }
    }
    memset(&l->past, 0, sizeof l->past);
}

void mlr_quant_mix_reset(mlr_quant_mix *m, const mlr_quant_shape *s)
{
    mlr_bit_reset(m->large, MLR_QMIX_NUMBER);
    reset_lessons(&m->codes, MLR_QMIX_SLOTS);
    if (s->supers > 0) {
        mlr_bit_reset(m->super[0], sizeof m->super / sizeof(mlr_bit));
    }
    if (s->subs > 0) {
        reset_lessons(&m->subs, MLR_QMIX_SUB_SLOTS);
    }
}

/* --- decisions -------------------------------------------------------------------------
 */

static uint32_t within(int32_t p)
{
    return p < 24 ? 24U : p > 65512 ? 65512U : (uint32_t)p;
}

#define R1(n)  (1U << 17) / (2 * (n) + 3)
#define R4(n)  R1(n), R1((n) + 1), R1((n) + 2), R1((n) + 3)
#define R16(n) R4(n), R4((n) + 4), R4((n) + 8), R4((n) + 12)
#define R64(n) R16(n), R16((n) + 16), R16((n) + 32), R16((n) + 48)
/* 2^16 / (n + 1.5): how far a slot that has seen n decisions moves. */
static const uint16_t rates[MLR_QMIX_LIMIT + 6] = {R64(0), R64(64), R64(128), R64(192)};

/* mlr_bit_learn() */
static inline void learn(mlr_bit *b, int32_t to)
{
    uint32_t n = *b & 1023;
    int32_t p = (int32_t)(*b >> 10);
    p += (int32_t)(((int64_t)(to - p) * rates[n]) >> 16);
    *b = (uint32_t)p << 10 | (n + (n < MLR_QMIX_LIMIT));
}

unsigned mlr_quant_mixed(mlr_quant_mix *m, unsigned node, const mlr_quant_coder *c,
                         unsigned bit)
{
    int32_t *w = m->lessons->weight[node];
    int64_t sum = (int64_t)MLR_QMIX_BIAS * w[MLR_QMIX_INPUTS - 1];
    for (unsigned i = 0; i + 1 < MLR_QMIX_INPUTS; i++) {
        m->input[i] = mlr_stretch(within((int32_t)(m->at[i][node] >> 16)));
        sum += (int64_t)m->input[i] * w[i];
    }
    m->input[MLR_QMIX_INPUTS - 1] = MLR_QMIX_BIAS;
    uint32_t p = mlr_quant_mix_chance(sum);
    bit = c->code(c->ctx, p, bit);
    int32_t miss = (bit != 0 ? 65535 : 0) - (int32_t)p;
    for (unsigned i = 0; i < MLR_QMIX_INPUTS; i++) {
        /* logits are below 2^12: the product fits; divided towards zero */
        int32_t push = m->input[i] * miss;
        int32_t v = w[i] + ((push + (push >> 31 & (m->rate - 1))) >> m->rate_log);
        v = v < MLR_QMIX_WEIGHT_MOST ? v : MLR_QMIX_WEIGHT_MOST;
        w[i] = v > -MLR_QMIX_WEIGHT_MOST ? v : -MLR_QMIX_WEIGHT_MOST;
    }
    int32_t to = bit != 0 ? (1 << 22) - 1 : 0;
    for (unsigned i = 0; i + 1 < MLR_QMIX_INPUTS; i++) {
        learn(&m->at[i][node], to);
    }
    return bit;
}

static unsigned plain(mlr_bit *b, const mlr_quant_coder *c, unsigned bit)
{
    bit = c->code(c->ctx, mlr_bit_p16(*b), bit);
    mlr_bit_learn(b, bit, NUMBER_LIMIT);
    return bit;
}

/* A number by its length and the bits below the highest, the first three of which learn. */
static uint32_t number(mlr_bit *b, const mlr_quant_coder *c, uint32_t v)
{
    enum { FINE = 3, LONGEST = 17 };
    unsigned length = v == 0 ? 0 : mlr_log2_u64(v) + 1;
    unsigned at = 0;
    while (at < LONGEST && plain(&b[at], c, at < length) != 0) {
        at++;
    }
    if (at < 2) {
        return at;
    }
    mlr_bit *tree = b + 65 + ((size_t)at << FINE);
    uint32_t node = 1;
    for (unsigned i = 1; i < at; i++) {
        unsigned bit = v >> (at - 1 - i) & 1;
        bit = i <= FINE ? plain(&tree[node], c, bit) : c->code(c->ctx, 1U << 15, bit);
        node = node << 1 | bit;
    }
    return node;
}

/* A residual: whether there is one, its sign, its size in steps of one. */
static uint32_t residual(mlr_quant_mix *m, const mlr_quant_coder *c, uint32_t z)
{
    if (m->mixed(m, 0, c, z != 0) == 0) {
        return 0;
    }
    unsigned negative = m->mixed(m, 1, c, z & 1);
    uint32_t size = (z + 1) >> 1;
    uint32_t at = 1;
    while (at <= UNARY && m->mixed(m, 1 + at, c, size > at) != 0) {
        at++;
    }
    if (at > UNARY) {
        at += number(m->large, c, size - at);
    }
    return 2 * at - negative;
}

/* --- contexts --------------------------------------------------------------------------
 */

static unsigned least(uint32_t v, unsigned most)
{
    return v < most ? v : most;
}

/* Mean size of residuals, in classes of half and double; 0 where all were 0. */
static unsigned mean_class(uint32_t sum, uint32_t seen)
{
    if (sum == 0) {
        return seen < 8 ? 1 : 0;
    }
    uint32_t mean = sum * 64 / (seen + 1);
    unsigned class = mean == 0 ? 2 : mlr_top_bit(mean) + 2;
    return class < MEANS - 1 ? class : MEANS - 1;
}

static void choose(mlr_quant_mix *m, unsigned i, unsigned context)
{
    m->at[i] = m->lessons->slot[start[i] + context];
}

/* Position and history of the number at hand. */
typedef struct spot {
    unsigned raw, detail, old, column;
} spot;

static void choose_all(mlr_quant_mix *m, const spot *s)
{
    const mlr_quant_past *p = &m->lessons->past;
    unsigned edge = s->raw % MLR_QUANT_EDGES;
    unsigned quarter = edge == MLR_QUANT_NEAR ? 0 : edge / 4;
    unsigned left = (s->column - 1) % MLR_QMIX_WIDE;
    unsigned right = (s->column + 1) % MLR_QMIX_WIDE;
    unsigned beside = least(p->column[left], 2) * 4 + least(p->column[right], 2);
    unsigned in_row = mean_class(p->row_sum, p->row_seen);
    unsigned in_column = mean_class(p->column_sum[s->column], p->column_seen[s->column]);
    /* how many of the last eight are not 0: pairs of bits, then sums of pairs */
    uint32_t many = (p->recent | p->recent >> 1) & 0x5555;
    many = (many & 0x3333) + (many >> 2 & 0x3333);
    many = ((many + (many >> 4)) & 0x0f0f) * 0x0101 >> 8 & 15;
    choose(m, 0, s->raw);
    choose(m, 1, s->old);
    choose(m, 2, s->detail);
    choose(m, 3, s->column);
    choose(m, 4, (p->recent & 15) * 16 + many);
    choose(m, 5, (p->column[s->column] * 16U + beside) * 4 + quarter);
    choose(m, 6, (in_row * MEANS + in_column) * 4 + quarter);
}

static void note(mlr_quant_past *p, unsigned column, uint32_t z)
{
    unsigned size = least((z + 1) >> 1, SIZE_MOST);
    unsigned small = least(size, 3);
    p->recent = p->recent << 2 | small;
    p->row_seen++;
    p->row_sum += size;
    p->column[column] = (uint8_t)small;
    if (p->column_seen[column] == 255) {
        p->column_seen[column] = 127;
        p->column_sum[column] /= 2;
    }
    p->column_seen[column]++;
    p->column_sum[column] = (uint16_t)(p->column_sum[column] + size);
}

/* Codes one number whose place is known. */
static void code_one(const mlr_quant_mixing *j, const spot *s, size_t i)
{
    mlr_quant_mix *m = j->model;
    choose_all(m, s);
    j->z[i] = (uint16_t)residual(m, j->coder, j->z[i]);
    note(&m->lessons->past, s->column, j->z[i]);
}

static void begin_row(mlr_quant_past *p)
{
    p->row_seen = p->row_sum = 0;
}

/* --- kinds -----------------------------------------------------------------------------
 */

static void code_supers(const mlr_quant_mixing *j, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        j->z[i] =
            (uint16_t)number(j->model->super[j->chunk->context[i] & 15], j->coder, j->z[i]);
    }
}

static unsigned with_edge(const mlr_quant_chunk *c, size_t i)
{
    return c->detail[i] % 16U * 32 + (c->context[i] & 127U) % MLR_QUANT_EDGES;
}

static void code_subs(const mlr_quant_mixing *j, size_t n)
{
    j->model->lessons = &j->model->subs;
    for (size_t i = 0; i < n; i++) {
        spot s = {.raw = j->chunk->context[i] & 127U,
                  .detail = with_edge(j->chunk, i),
                  .old = j->chunk->old->sub[i],
                  .column = (unsigned)(i % j->chunk->shape->groups)};
        if (s.column == 0) {
            begin_row(&j->model->subs.past);
        }
        code_one(j, &s, i);
    }
}

/* Rows are the record's, or what is under one scale. */
static void code_codes(const mlr_quant_mixing *j, size_t n)
{
    const mlr_quant_chunk *c = j->chunk;
    bool channels = c->shape->supers == 0;
    uint64_t row = channels ? c->channels->inner : j->row == 0 ? 256 : j->row;
    uint64_t column = c->first % row;
    j->model->lessons = &j->model->codes;
    for (size_t i = 0; i < n; i++, column++) {
        if (column == row) {
            column = 0;
            begin_row(&j->model->codes.past);
        }
        spot s = {.raw = c->context[i] & 127U,
                  .detail = channels ? c->detail[i] : with_edge(c, i),
                  .old = c->old->code[i],
                  .column = (unsigned)(column % MLR_QMIX_WIDE)};
        code_one(j, &s, i);
    }
}

void mlr_quant_mix_code(const mlr_quant_mixing *j)
{
    size_t n = mlr_quant_numbers(j->chunk->shape, j->kind, j->chunk->blocks);
    j->model->mixed = j->mixed != NULL ? j->mixed : mlr_quant_mixed;
    j->model->rate_log = LEARN_DOWN + (j->chunk->shape->supers > 0);
    j->model->rate = 1 << j->model->rate_log;
    switch (j->kind) {
    case MLR_QUANT_SUPER:
        code_supers(j, n);
        break;
    case MLR_QUANT_SUB:
        code_subs(j, n);
        break;
    default:
        code_codes(j, n);
        break;
    }
}
