#include "apply/convert.h"

#include "apply/lane.h"
#include "apply/quantise.h"

bool mlr_can_convert(const mlr_dtype *from, const mlr_dtype *to)
{
    bool floats = from != to && from->cls == MLR_CLASS_FLOAT &&
                  to->cls == MLR_CLASS_FLOAT && from->bits >= 16 && to->bits >= 16;
    return floats || mlr_can_quantise(from, to);
}

/* A finite value is mantissa * 2^exponent with the mantissa's top bit at bit 63. */
typedef struct parts {
    uint64_t mantissa; /* 0: zero */
    int exponent;
    unsigned sign;
    bool special; /* infinite or NaN; the mantissa is the NaN's payload at the top */
} parts;

static int bit_length(uint64_t v)
{
    int n = 0;
    for (int step = 32; step > 0; step /= 2) {
        if (v >> step != 0) {
            v >>= step;
            n += step;
        }
    }
    return n + (v != 0);
}

static int mantissa_bits(const mlr_dtype *t)
{
    return t->bits - 1 - t->exp_bits;
}

static parts take_apart(uint64_t u, const mlr_dtype *t)
{
    int m = mantissa_bits(t);
    unsigned top = (1U << t->exp_bits) - 1;
    unsigned e = (unsigned)(u >> m) & top;
    uint64_t fraction = u & (((uint64_t)1 << m) - 1);
    int bias = (int)(top >> 1);
    parts p = {.sign = (unsigned)(u >> (t->bits - 1)) & 1, .special = e == top};
    if (p.special) {
        p.mantissa = fraction << (64 - m);
        return p;
    }
    uint64_t value = fraction | (e == 0 ? 0 : (uint64_t)1 << m);
    if (value == 0) {
        return p;
    }
    int shift = 64 - bit_length(value);
    p.mantissa = value << shift;
    p.exponent = (e == 0 ? 1 : (int)e) - bias - m - shift;
    return p;
}

/* value >> shift, rounded to nearest, ties to even. */
static uint64_t round_shift(uint64_t value, int shift)
{
    if (shift <= 0) {
        return value;
    }
    if (shift > 64) {
        return 0;
    }
    uint64_t kept = shift == 64 ? 0 : value >> shift;
    uint64_t half = (uint64_t)1 << (shift - 1);
    uint64_t rest = shift == 64 ? value : value & ((half << 1) - 1);
    return kept + (rest > half || (rest == half && (kept & 1) != 0));
}

static uint64_t put_together(const parts *p, const mlr_dtype *t)
{
    int m = mantissa_bits(t);
    int top = (1 << t->exp_bits) - 1;
    int bias = top >> 1;
    uint64_t sign = (uint64_t)p->sign << (t->bits - 1);
    uint64_t infinite = sign | (uint64_t)top << m;
    if (p->special) {
        uint64_t payload = p->mantissa >> (64 - m);
        bool lost = p->mantissa != 0 && payload == 0;
        return infinite | payload | (lost ? (uint64_t)1 << (m - 1) : 0);
    }
    if (p->mantissa == 0) {
        return sign;
    }
    int e = p->exponent + 63 + bias;
    int shift = e >= 1 ? 63 - m : 63 - m + 1 - e;
    uint64_t rounded = round_shift(p->mantissa, shift);
    /* the leading bit adds 1 to the exponent field; so does a carry out of rounding */
    uint64_t field = e >= 1 ? (uint64_t)(e - 1) << m : 0;
    if (e > top || field + rounded >= (uint64_t)top << m) {
        return infinite;
    }
    return sign | (field + rounded);
}

static uint64_t load(const uint8_t *p, unsigned width)
{
    return width == 2   ? mlr_lane_get16(p)
           : width == 4 ? mlr_lane_get32(p)
                        : mlr_lane_get64(p);
}

static void store(uint8_t *p, unsigned width, uint64_t v)
{
    if (width == 2) {
        mlr_lane_put16(p, (uint16_t)v);
    } else if (width == 4) {
        mlr_lane_put32(p, (uint32_t)v);
    } else {
        mlr_lane_put64(p, v);
    }
}

static void f32_to_bf16(const uint8_t *restrict in, uint8_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t u = mlr_lane_get32(in + 4 * i);
        uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
        uint32_t nan = (u >> 16) | ((u & 0x7f0000) == 0 ? 0x40 : 0);
        mlr_lane_put16(out + 2 * i,
                       (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? nan : rounded));
    }
}

static void bf16_to_f32(const uint8_t *restrict in, uint8_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mlr_lane_put32(out + 4 * i, (uint32_t)mlr_lane_get16(in + 2 * i) << 16);
    }
}

void mlr_convert(const mlr_dtype *from, const uint8_t *in, const mlr_dtype *to,
                 uint8_t *out, size_t n)
{
    if (to->cls == MLR_CLASS_BLOCK) {
        mlr_quantise(from, in, to, out, n);
        return;
    }
    if (from->id == MLR_DTYPE_F32 && to->id == MLR_DTYPE_BF16) {
        f32_to_bf16(in, out, n);
        return;
    }
    if (from->id == MLR_DTYPE_BF16 && to->id == MLR_DTYPE_F32) {
        bf16_to_f32(in, out, n);
        return;
    }
    unsigned a = from->block_bytes, b = to->block_bytes;
    for (size_t i = 0; i < n; i++) {
        parts p = take_apart(load(in + i * a, a), from);
        store(out + i * b, b, put_together(&p, to));
    }
}
