#include "codec/factors.h"

#include "apply/factor_code.h"
#include "codec/bits_write.h"
#include "codec/cost.h"

/* One side's factors of one component. */
typedef struct column {
    const int16_t *q;
    size_t n, step;
} column;

static unsigned size_of(const column *c, size_t i)
{
    int q = c->q[i * c->step];
    return (unsigned)(q < 0 ? -q : q);
}

/* The spread of the column as if it were normal. */
static unsigned usual_spread(const column *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->n; i++) {
        uint64_t size = size_of(c, i);
        sum += size * size;
    }
    /* log2 of the variance in quarters of an octave is twice too many */
    uint64_t variance = ((sum << 8) + c->n - 1) / c->n + 1;
    int32_t log = (int32_t)(mlr_log2_q16(variance) >> 13) - (8 << 3);
    int32_t spread = log / 4 + 4;
    return spread < 0                     ? 0
           : spread >= MLR_FACTOR_SPREADS ? MLR_FACTOR_SPREADS - 1U
                                          : (unsigned)spread;
}

/* Bits * 65536 of the column's sizes with the chances of this spread. */
static uint64_t cost_with(const column *c, unsigned spread)
{
    uint32_t share[MLR_FACTOR_TREE];
    uint32_t seen[MLR_FACTOR_TREE] = {0};
    mlr_factor_shares(spread, share);
    unsigned low = mlr_factor_low(spread);
    uint64_t cost = ((uint64_t)low * c->n) << 16;
    for (size_t i = 0; i < c->n; i++) {
        unsigned high = size_of(c, i) >> low;
        unsigned most = MLR_FACTOR_TREE - 1;
        seen[high < most ? high : most]++;
        cost += high < most ? 0 : 2ULL * mlr_log2_q16(high - most + 1);
    }
    for (unsigned i = 0; i < MLR_FACTOR_TREE; i++) {
        cost += (uint64_t)seen[i] * ((16 << 16) - mlr_log2_q16(share[i]));
    }
    return cost;
}

static unsigned best_spread(const column *c)
{
    enum { AROUND = 4 };
    unsigned usual = usual_spread(c);
    unsigned from = usual > AROUND ? usual - AROUND : 0;
    unsigned best = usual;
    uint64_t least = UINT64_MAX;
    for (unsigned s = from; s <= usual + 1 && s < MLR_FACTOR_SPREADS; s++) {
        uint64_t cost = cost_with(c, s);
        if (cost < least) {
            least = cost;
            best = s;
        }
    }
    return best;
}

static void put_factor(mlr_bits_out *e, mlr_factor_model *m, int16_t q)
{
    unsigned size = (unsigned)(q < 0 ? -q : q);
    unsigned high = size >> m->low;
    unsigned leaf = high < MLR_FACTOR_TREE - 1 ? high : MLR_FACTOR_TREE - 1;
    unsigned node = 1;
    for (unsigned i = MLR_FACTOR_TREE_LOG; i-- > 0;) {
        unsigned bit = leaf >> i & 1;
        mlr_bits_put_raw(e, mlr_bit_p16(m->tree[node]), bit);
        mlr_bit_learn(&m->tree[node], bit, MLR_FACTOR_LIMIT);
        node = node << 1 | bit;
    }
    if (leaf == MLR_FACTOR_TREE - 1) {
        mlr_bits_put_number_in(e, m->more, 1, MLR_FACTOR_MORE, high - leaf);
    }
    mlr_bits_put_even(e, size & ((1U << m->low) - 1), m->low);
    if (size != 0) {
        mlr_bits_put_even(e, q < 0, 1);
    }
}

static void put_column(mlr_bits_out *e, const int16_t *q, size_t n, size_t step)
{
    mlr_factor_model model;
    column c = {.q = q, .n = n, .step = step};
    unsigned spread = best_spread(&c);
    mlr_bits_put_even(e, spread, 6);
    mlr_factor_model_begin(&model, spread);
    for (size_t i = 0; i < n; i++) {
        put_factor(e, &model, q[i * step]);
    }
}

void mlr_factors_write(const mlr_factors *f, uint64_t rows, uint64_t row, mlr_buf *out)
{
    mlr_bits_out e;
    size_t wide = (f->rank + 1U) / 2 * 2;
    mlr_bits_out_begin(&e, out);
    for (size_t k = 0; k < f->rank; k++) {
        put_column(&e, f->v + k / 2 * (size_t)row * 2 + k % 2, (size_t)row, 2);
        put_column(&e, f->u + k, (size_t)rows, wide);
    }
    mlr_bits_out_end(&e);
}
