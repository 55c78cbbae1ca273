#include "apply/predict.h"

#include "apply/base/mem.h"

typedef struct guess {
    uint64_t bits;
    unsigned edge; /* 0 to 7: how near the rounding was to going the other way */
    bool flip;
} guess;

/* A magnitude m * 2^s_exponent is rounded to q units; what is left decides the edge. */
typedef struct rounding {
    uint64_t q;
    unsigned edge;
    bool up;
} rounding;

static rounding round_off(uint64_t m, int s, bool ties_to_even)
{
    if (s <= 0) {
        return (rounding){.q = s < -63 ? 0 : m << -s};
    }
    if (s > 63) {
        return (rounding){0};
    }
    uint64_t one = (uint64_t)1 << s;
    uint64_t q = m >> s;
    uint64_t rest = m & (one - 1);
    bool up = rest > one / 2 || (rest == one / 2 && (!ties_to_even || (q & 1) != 0));
    uint64_t far = up ? one - rest : rest;
    uint64_t edge = s >= 4 ? far >> (s - 4) : far << (4 - s);
    return (rounding){.q = q + up, .edge = edge > 7 ? 7 : (unsigned)edge, .up = up};
}

static guess finish(const mlr_number *now, bool negative, int field, rounding r)
{
    uint64_t below = field > now->exp_limit ? now->exp_limit : (uint64_t)(field - 1);
    uint64_t bits = (below << now->mantissa) + r.q;
    if (bits > now->max_bits) {
        bits = now->max_bits;
    }
    return (guess){.bits = negative ? bits | now->sign : bits,
                   .edge = r.edge,
                   .flip = r.up != negative};
}

static guess special(const mlr_neural *m, bool negative, uint64_t mantissa)
{
    uint64_t bits = (uint64_t)m->now.exp_limit << m->now.mantissa;
    int more = m->now.mantissa - m->was.mantissa;
    uint64_t payload = more >= 0 ? mantissa << more : mantissa >> -more;
    if (mantissa != 0) {
        bits |= payload != 0 ? payload : 1;
    }
    return (guess){.bits = negative ? bits | m->now.sign : bits};
}

/* The old value in the new type, rounded to nearest even. */
static guess convert(const mlr_neural *m, uint64_t old)
{
    const mlr_number *was = &m->was;
    bool negative = (old & was->sign) != 0;
    int field = (int)(old >> was->mantissa & was->exp_limit);
    uint64_t mantissa = old & (((uint64_t)1 << was->mantissa) - 1);
    if (field == was->exp_limit && was->max_bits == (uint64_t)field << was->mantissa) {
        return special(m, negative, mantissa);
    }
    if (field != 0) {
        mantissa |= (uint64_t)1 << was->mantissa;
    } else {
        field = 1;
    }
    if (mantissa == 0) {
        return (guess){.bits = negative ? m->now.sign : 0};
    }
    int exponent = field - was->bias - was->mantissa;
    int least = 1 - m->now.bias - m->now.mantissa;
    int unit = exponent + (int)mlr_log2_u64(mantissa) - m->now.mantissa;
    unit = unit < least ? least : unit;
    rounding r = round_off(mantissa, unit - exponent, true);
    return finish(&m->now, negative, unit - least + 1, r);
}

static guess plain(const mlr_neural *m, uint64_t old)
{
    return m->convert ? convert(m, old) : (guess){.bits = old};
}

static int64_t scaled_sum(const mlr_neural *m, int32_t sum)
{
    int64_t s = sum;
    if (m->shift < 0) {
        s = sum >= 0 ? sum >> -m->shift : ~(~sum >> -m->shift);
    } else if (m->sum_limit <= INT32_MAX) {
        uint32_t wrapped = (uint32_t)sum << m->shift;
        s = wrapped > INT32_MAX ? (int64_t)wrapped - ((int64_t)1 << 32) : (int64_t)wrapped;
    } else {
        s = (int64_t)sum * ((int64_t)1 << m->shift);
    }
    return s > m->sum_limit ? m->sum_limit : s < -m->sum_limit ? -m->sum_limit : s;
}

/* An old value in fixed point; false where it is too large for that. */
static bool fixed_point(const mlr_neural *m, uint64_t old, int64_t *x)
{
    int field = (int)(old >> m->was.mantissa & m->was.exp_limit);
    uint64_t mantissa = old & (((uint64_t)1 << m->was.mantissa) - 1);
    if (field != 0) {
        mantissa |= (uint64_t)1 << m->was.mantissa;
    } else {
        field = 1;
    }
    int k = field - m->k_base;
    if (k > m->k_most) {
        return false;
    }
    int64_t size = (int64_t)(k >= 0 ? mantissa << k : k > -64 ? mantissa >> -k : 0);
    *x = (old & m->was.sign) != 0 ? -size : size;
    return true;
}

/* What a scale adds to a value in fixed point, its fraction cut off. */
static int64_t share_of(int64_t x, int32_t scale)
{
    uint64_t size = (uint64_t)(x < 0 ? -x : x);
    uint64_t by = (uint64_t)(scale < 0 ? -(int64_t)scale : scale);
    uint64_t low = size & INT32_MAX;
    int64_t s = (int64_t)(((size >> 31) * by + (low * by >> 31)) >> 1);
    return (x < 0) != (scale < 0) ? -s : s;
}

/* The old value plus a sum or its own share, rounded to the new type. */
static guess moved(const mlr_neural *m, uint64_t old, int32_t sum)
{
    int64_t x = 0;
    if (!fixed_point(m, old, &x)) {
        return plain(m, old);
    }
    int64_t s = m->scale != 0 ? share_of(x, m->scale) : scaled_sum(m, sum);
    if (s == 0) {
        return plain(m, old);
    }
    x += s;
    bool negative = x < 0;
    uint64_t size = (uint64_t)(negative ? -x : x);
    if (size == 0) {
        return (guess){.bits = negative ? m->now.sign : 0};
    }
    int shift = (int)mlr_log2_u64(size) - m->now.mantissa;
    shift = shift < m->s_least ? m->s_least : shift;
    return finish(&m->now, negative, shift - m->s_least + 1, round_off(size, shift, false));
}

void mlr_dot(int32_t *sums, const int16_t *u, const int16_t *v, size_t stride,
             unsigned pairs, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        uint32_t sum = 0;
        for (size_t k = 0; k < pairs; k++) {
            const int16_t *at = v + 2 * (k * stride + j);
            sum += (uint32_t)((int32_t)u[2 * k] * at[0]) +
                   (uint32_t)((int32_t)u[2 * k + 1] * at[1]);
        }
        sums[j] = sum > INT32_MAX ? (int32_t)(sum - 0x80000000U) + INT32_MIN : (int32_t)sum;
    }
}

void mlr_predict_sums(const mlr_chunk *c, mlr_dot_fn dot)
{
    const mlr_neural *m = c->model;
    uint64_t row = c->element / m->row;
    uint64_t column = c->element % m->row;
    size_t wide = 2 * (size_t)m->rank_pairs;
    for (size_t done = 0; done < c->n;) {
        uint64_t in_row = m->row - column;
        size_t n = c->n - done < in_row ? c->n - done : (size_t)in_row;
        dot(c->sums + done, m->u + (size_t)row * wide, m->v + 2 * (size_t)column,
            (size_t)m->row, m->rank_pairs, n);
        done += n;
        row++;
        column = 0;
    }
}

static unsigned class_of(const mlr_neural *m, uint64_t bits)
{
    unsigned scale = mlr_number_scale(&m->now, bits);
    unsigned below = scale >= m->top ? 0 : m->top - scale;
    return below < m->classes ? below : m->classes - 1U;
}

static bool neighbour_changed(const mlr_chunk *c, size_t i, unsigned bytes)
{
    uint64_t lag = c->model->lag;
    if (i + c->before < lag) {
        return false;
    }
    const uint8_t *old = c->old + i * bytes - (size_t)lag * bytes;
    const uint8_t *out = c->out + i * bytes - (size_t)lag * bytes;
    return memcmp(old, out, bytes) != 0;
}

void mlr_predict(const mlr_chunk *c)
{
    const mlr_neural *m = c->model;
    unsigned bytes = m->now.bytes;
    unsigned old_bytes = m->was.bytes;
    for (size_t i = 0; i < c->n; i++) {
        uint64_t old = mlr_number_load(c->old + i * old_bytes, old_bytes);
        guess g = m->rank > 0     ? moved(m, old, c->sums[i])
                  : m->scale != 0 ? moved(m, old, 0)
                                  : plain(m, old);
        mlr_number_store(c->expected + i * bytes, bytes, mlr_to_ordered(&m->now, g.bits));
        unsigned raw = class_of(m, g.bits);
        if (m->lag != 0 && neighbour_changed(c, i, bytes)) {
            raw += m->classes;
        }
        unsigned flip = 0;
        if (m->edges > 1) {
            raw = raw * m->edges + g.edge;
            flip = g.flip ? MLR_NEURAL_FLIP : 0;
        }
        c->context[i] = (uint8_t)(m->map[raw] | flip);
    }
}
