#include "apply/neural_mix.h"

#include "apply/base/mem.h"
#include "apply/bits.h"
#include "apply/mix_tables.h"
#include "apply/token.h"

enum {
    LIMIT = 1023,   /* of updates that slow a slot down */
    CONFIDENT = 60, /* updates that a prior stands for, at most */
    INHERITED = 4,  /* updates a slot begins with when it takes over another's chance */
    WEIGHT_ONE = 1 << 16,
    LEARN_SHIFT = 16, /* of the weights */
    /* nodes */
    NODE_ZERO = 0,
    NODE_SIGN = 1,
    NODE_SHORT = 2, /* lengths below SHORT in unary */
    SHORT = 4,
    NODE_LONG = 6,  /* a tree of the 6 bits of what is above */
    NODE_BELOW = 70 /* trees of the bits below the highest, by length */
};

/* How often each decision was each way in the residuals that a table counted. */
typedef struct prior {
    uint16_t seen[MLR_NMIX_NODES][2]; /* a table counts 4096 */
} prior;

static void count(uint16_t *seen, uint32_t times)
{
    *seen = (uint16_t)(*seen + times);
}

static void count_size(prior *p, unsigned length, unsigned top_bits, unsigned known,
                       uint32_t times)
{
    unsigned kind = length < 8 ? length : 8;
    unsigned node = 1;
    for (unsigned l = 0; l < SHORT && l <= length; l++) {
        count(&p->seen[NODE_SHORT + l][l < length], times);
    }
    for (unsigned i = 0, at = 1; length >= SHORT && i < 6; i++) {
        unsigned bit = (length - SHORT) >> (5 - i) & 1;
        count(&p->seen[NODE_LONG + at][bit], times);
        at = at << 1 | bit;
    }
    for (unsigned i = 0; i < known; i++) {
        unsigned bit = top_bits >> (known - 1 - i) & 1;
        count(&p->seen[NODE_BELOW + (kind - 1) * 7 + node - 1][bit], times);
        node = node << 1 | bit;
    }
}

static void count_token(prior *p, unsigned token, unsigned fine, uint32_t times)
{
    count(&p->seen[NODE_ZERO][token == 0], times);
    if (token == 0) {
        return;
    }
    if (token >= MLR_TOKEN_DIRECT) {
        unsigned length = mlr_token_bits(token, fine) + fine - 1;
        count(&p->seen[NODE_SIGN][0], times / 2);
        count(&p->seen[NODE_SIGN][1], times / 2);
        count_size(p, length, (token - MLR_TOKEN_DIRECT) & ((1U << fine) - 1), fine, times);
        return;
    }
    unsigned size = (token + 1) / 2;
    unsigned length = (unsigned)mlr_log2_u64(size);
    unsigned known = length < 3 ? length : 3;
    count(&p->seen[NODE_SIGN][token % 2 == 0], times);
    count_size(p, length, (size - (1U << length)) >> (length - known), known, times);
}

/* Starts the first input where the record's tables stand. */
static void begin_with_tables(mlr_nmix *m)
{
    const mlr_neural *n = m->model;
    unsigned fine = mlr_token_fine(n->now.bytes);
    unsigned raw = n->classes * (unsigned)n->edges;
    for (unsigned i = 0; i < raw; i++) {
        prior p = {{{0}}};
        const uint16_t *start =
            n->tables.narrow + (size_t)n->prior[i] * (n->tables.tokens + 1);
        for (unsigned t = 0; t < n->tables.tokens; t++) {
            count_token(&p, t, fine, (uint32_t)start[t + 1] - start[t]);
        }
        for (unsigned k = 0; k < MLR_NMIX_NODES; k++) {
            uint32_t all = (uint32_t)p.seen[k][0] + p.seen[k][1];
            uint64_t chance = (((uint64_t)p.seen[k][1] * 8 + 1) << 22) / (all * 8 + 2);
            uint32_t sure = all < 4 * CONFIDENT ? all / 4 : CONFIDENT;
            m->slot[0][i * MLR_NMIX_NODES + k] = (uint32_t)chance << 10 | sure;
        }
    }
}

void mlr_nmix_begin(mlr_nmix *m)
{
    mlr_bit_reset(m->slot[0], sizeof m->slot / sizeof(uint32_t));
    for (size_t i = 0; i < MLR_NMIX_NODES; i++) {
        for (size_t k = 0; k < MLR_NMIX_INPUTS; k++) {
            m->weight[i][k] = k == 0 ? WEIGHT_ONE * 3 / 10 : WEIGHT_ONE * 22 / 100;
        }
    }
    for (uint32_t n = 0; n < 1024; n++) {
        m->rate[n] = (uint16_t)((1U << 17) / (2 * n + 3));
    }
    for (uint32_t i = 0; i < 4096; i++) {
        m->logit[i] = (int16_t)mlr_stretch(16 * i + 8);
    }
    if (m->model->tables.narrow != NULL) {
        begin_with_tables(m);
    }
    memset(m->column, 0, sizeof m->column);
    memset(m->usual, 0, sizeof m->usual);
    m->row = 0;
    m->near[0] = m->near[1] = 0;
}

static void learn(const mlr_nmix *m, uint32_t *slot, unsigned bit)
{
    uint32_t n = *slot & 1023;
    int64_t p = (int64_t)(*slot >> 10);
    int64_t to = bit != 0 ? (1 << 22) - 1 : 0;
    p += (to - p) * m->rate[n] / 65536;
    *slot = (uint32_t)p << 10 | (n < LIMIT ? n + 1 : n);
}

static unsigned code(mlr_nmix *m, unsigned node, unsigned bit)
{
    uint32_t *slot[MLR_NMIX_INPUTS];
    int32_t in[MLR_NMIX_INPUTS];
    int32_t *weight = m->weight[node];
    int64_t sum = 0;
    for (unsigned k = 0; k < MLR_NMIX_INPUTS; k++) {
        slot[k] = &m->slot[k][m->context[k] * MLR_NMIX_NODES + node];
        if ((*slot[k] & 1023) == 0 && k > 0) {
            uint32_t first = *slot[0];
            uint32_t seen = first & 1023;
            *slot[k] = (first & ~1023U) | (seen < INHERITED ? seen : INHERITED);
        }
        in[k] = m->logit[*slot[k] >> 20];
        sum += (int64_t)in[k] * weight[k];
    }
    int64_t mixed = sum / WEIGHT_ONE;
    mixed = mixed > 4095 ? 4095 : mixed < -4095 ? -4095 : mixed;
    uint32_t p = mlr_squash((int32_t)mixed);
    p = p < 2 ? 2 : p > 65534 ? 65534 : p;
    bit = m->decide(m->coder, p, bit);
    int32_t error = (bit != 0 ? 65535 : 0) - (int32_t)p;
    for (unsigned k = 0; k < MLR_NMIX_INPUTS; k++) {
        int64_t w = weight[k] + (int64_t)in[k] * error / (1 << LEARN_SHIFT);
        weight[k] = (int32_t)(w > 1 << 20 ? 1 << 20 : w < -(1 << 20) ? -(1 << 20) : w);
        learn(m, slot[k], bit);
    }
    return bit;
}

/* 0 to 7 for how much more than usual a line changes. */
static uint32_t level_of(int32_t more)
{
    int32_t l = more / 48 + 4;
    return l < 0 ? 0 : l > 7 ? 7 : (uint32_t)l;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void choose_contexts(mlr_nmix *m, const mlr_nmix_element *e)
{
    const mlr_number *was = &m->model->was;
    unsigned edges = m->model->edges;
    uint32_t class = e->raw / edges;
    uint32_t edge = e->raw % edges;
    uint32_t fine = 0;
    if (was->is_float) {
        unsigned drop = was->mantissa > 3 ? was->mantissa - 3U : 0;
        fine = ((uint32_t)(e->old >> drop) & 7) * 2 + ((e->old & was->sign) != 0);
    } else {
        fine = (uint32_t)(e->old & 15);
    }
    uint32_t row = level_of(m->row);
    uint32_t column = level_of(m->column[e->column % MLR_NMIX_COLUMNS]);
    m->context[0] = e->raw;
    m->context[1] = class * 16 + fine;
    m->context[2] = edges > 1 ? edge * 16 + row + column : class * 16 + row + column;
    m->context[3] = class * 8 + column + (edge >= 4 ? 128U : 0);
}

/* Keeps what later elements want to know of this one. */
static void remember(mlr_nmix *m, const mlr_nmix_element *e, uint64_t size)
{
    uint32_t length = size == 0 ? 0 : mlr_log2_u64(size) + 1;
    int16_t *usual = &m->usual[e->raw];
    int16_t *column = &m->column[e->column % MLR_NMIX_COLUMNS];
    int32_t more = (int32_t)length * 256 - *usual;
    *usual = (int16_t)(*usual + more / 64);
    *column = (int16_t)(*column + (more - *column) / 16);
    m->row += (more - m->row) / 32;
    m->near[1] = m->near[0];
    m->near[0] = length;
}

/* The bits below the highest one; the first three are learned. */
static uint64_t code_below(mlr_nmix *m, unsigned length, uint64_t size)
{
    unsigned kind = least(length, 8);
    unsigned learned = least(length, 3);
    unsigned node = 1;
    for (unsigned i = 0; i < learned; i++) {
        unsigned at = NODE_BELOW + (kind - 1) * 7 + node - 1;
        node = node << 1 | code(m, at, (unsigned)(size >> (length - 1 - i)) & 1);
    }
    uint64_t v = node;
    for (unsigned i = learned; i < length; i++) {
        v = v << 1 |
            m->decide(m->coder, 1U << 15, (unsigned)(size >> (length - 1 - i)) & 1);
    }
    return v;
}

/* log2 of the size; a stream may say up to 67, which is cut. */
static unsigned code_length(mlr_nmix *m, unsigned top)
{
    unsigned length = 0;
    while (length < SHORT && code(m, NODE_SHORT + length, top > length) != 0) {
        length++;
    }
    if (length < SHORT) {
        return length;
    }
    unsigned at = 1;
    for (unsigned i = 0; i < 6; i++) {
        at = at << 1 | code(m, NODE_LONG + at, (top - SHORT) >> (5 - i) & 1);
    }
    length = at - 64 + SHORT;
    return length < 63 ? length : 63;
}

uint64_t mlr_nmix_code(mlr_nmix *m, const mlr_nmix_element *e, uint64_t z)
{
    choose_contexts(m, e);
    if (code(m, NODE_ZERO, z == 0) != 0) {
        remember(m, e, 0);
        return 0;
    }
    /* 1, 2, 3, 4 are -1, 1, -2, 2 */
    unsigned positive = code(m, NODE_SIGN, (z & 1) == 0);
    uint64_t size = (z >> 1) + (z & 1);
    unsigned length = code_length(m, size == 0 ? 0 : mlr_log2_u64(size));
    size = code_below(m, length, size);
    remember(m, e, size);
    return positive != 0 ? size << 1 : (size << 1) - 1;
}

static mlr_nmix_element element_of(const mlr_chunk *c, size_t i)
{
    unsigned was = c->model->was.bytes;
    return (mlr_nmix_element){.old = mlr_number_load(c->old + i * was, was),
                              .column =
                                  c->model->row == 0 ? 0 : (c->element + i) % c->model->row,
                              .raw = c->context[i] & 0x7f};
}

void mlr_nmix_encode_chunk(mlr_nmix *m, const mlr_chunk *c, const uint8_t *new_bytes)
{
    const mlr_number *now = &c->model->now;
    for (size_t i = 0; i < c->n; i++) {
        mlr_nmix_element e = element_of(c, i);
        uint64_t is =
            mlr_to_ordered(now, mlr_number_load(new_bytes + i * now->bytes, now->bytes));
        uint64_t d = is - mlr_number_load(c->expected + i * now->bytes, now->bytes);
        uint64_t turn = 0 - (uint64_t)(c->context[i] >> 7);
        (void)mlr_nmix_code(m, &e, mlr_zigzag(now, ((d ^ turn) - turn) & now->mask));
    }
}

void mlr_nmix_decode_chunk(mlr_nmix *m, const mlr_chunk *c, uint8_t *out)
{
    const mlr_number *now = &c->model->now;
    for (size_t i = 0; i < c->n; i++) {
        mlr_nmix_element e = element_of(c, i);
        uint64_t d = mlr_unzigzag(mlr_nmix_code(m, &e, 0) & now->mask);
        uint64_t turn = 0 - (uint64_t)(c->context[i] >> 7);
        uint64_t o =
            mlr_number_load(c->expected + i * now->bytes, now->bytes) + ((d ^ turn) - turn);
        mlr_number_store(out + i * now->bytes, now->bytes,
                         mlr_from_ordered(now, o & now->mask));
    }
}
