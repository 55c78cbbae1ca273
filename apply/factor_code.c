#include "apply/factor_code.h"

enum {
    SPREAD_ONE = 4, /* the spread that stands for one */
    STEPS = 48,     /* of the table, eight to a standard deviation */
    CONFIDENT = 60  /* updates that the chances by spread stand for */
};

/* How many of 65535 normal numbers are larger than i / 8 standard deviations either way. */
static const uint16_t beyond[STEPS + 1] = {
    65535, 59016, 52598, 46377, 40440, 34863, 29704, 25006, 20795, 17078,
    13848, 11084, 8756,  6826,  5251,  3984,  2982,  2201,  1602,  1150,
    814,   568,   391,   265,   177,   117,   76,    48,    30,    19,
    12,    7,     4,     2,     1,     1,     0,     0,     0,     0,
    0,     0,     0,     0,     0,     0,     0,     0,     0,
};

/* 2^14 / 2^(i / 4) */
static const uint16_t over_root[4] = {16384, 13777, 11585, 9742};

unsigned mlr_factor_low(unsigned spread)
{
    return spread < SPREAD_ONE + 12 ? 0 : (spread - SPREAD_ONE - 8) / 4;
}

static uint32_t larger_than(uint32_t z) /* in 1/8 with 12 bits after the point */
{
    uint32_t i = z >> 12;
    if (i >= STEPS) {
        return 0;
    }
    uint32_t drop = (uint32_t)beyond[i] - beyond[i + 1];
    return beyond[i] - (drop * (z & 4095) >> 12);
}

void mlr_factor_shares(unsigned spread, uint32_t *share)
{
    unsigned low = mlr_factor_low(spread);
    unsigned left = spread - 4 * low; /* of what the tree sees, below 16 */
    uint32_t before = beyond[0];
    for (uint32_t i = 0; i < MLR_FACTOR_TREE; i++) {
        /* the leaf's end, in halves; without low bits sizes are rounded to nearest */
        uint32_t halves = low == 0 ? 2 * i + 1 : 2 * i + 2;
        /* 8 standard deviations in 12 bits are 2^15 / spread, a half of it 2^14 */
        uint32_t one = (uint32_t)over_root[left % 4] * 2 >> (left / 4);
        uint32_t rest = i + 1 < MLR_FACTOR_TREE ? larger_than(halves * one) : 0;
        share[i] = before - rest + 1;
        before = rest;
    }
}

void mlr_factor_model_begin(mlr_factor_model *m, unsigned spread)
{
    uint32_t sum[2 * MLR_FACTOR_TREE];
    mlr_factor_shares(spread, sum + MLR_FACTOR_TREE);
    for (size_t i = MLR_FACTOR_TREE - 1; i > 0; i--) {
        sum[i] = sum[2 * i] + sum[2 * i + 1];
        uint64_t p = ((uint64_t)sum[2 * i + 1] << 22) / sum[i];
        m->tree[i] = (uint32_t)p << 10 | CONFIDENT;
    }
    m->low = mlr_factor_low(spread);
    mlr_bit_reset(m->more, sizeof m->more / sizeof(mlr_bit));
}

bool mlr_factor_get(mlr_bits *d, mlr_factor_model *m, int16_t *out)
{
    unsigned node = 1;
    for (unsigned i = 0; i < MLR_FACTOR_TREE_LOG; i++) {
        unsigned bit = mlr_bits_raw(d, mlr_bit_p16(m->tree[node]));
        mlr_bit_learn(&m->tree[node], bit, MLR_FACTOR_LIMIT);
        node = node << 1 | bit;
    }
    uint64_t size = node - MLR_FACTOR_TREE;
    if (size == MLR_FACTOR_TREE - 1) {
        uint64_t more = mlr_bits_number_in(d, m->more, 1, MLR_FACTOR_MORE);
        if (more == UINT64_MAX) {
            return false;
        }
        size += more;
    }
    size = size << m->low | mlr_bits_even(d, m->low);
    if (size > INT16_MAX) {
        return false;
    }
    int v = (int)size;
    *out = (int16_t)(size != 0 && mlr_bits_even(d, 1) != 0 ? -v : v);
    return true;
}
