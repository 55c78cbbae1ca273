#include "apply/quantise.h"

#include "apply/lane.h"
#include "apply/number.h"

enum { ITEMS = 32 };

/* --- arithmetic of f32, rounded to nearest, ties to even -------------------------------
 */

enum {
    WIDTH = 24,   /* bits of a mantissa */
    LEAST = -149, /* exponent of the least denormal */
    MOST = 104    /* of the largest mantissa */
};

/* m * 2^e with m below 2^24; m = 0 is zero. Infinities have `endless` set. */
typedef struct real {
    uint32_t m;
    int32_t e;
    bool negative, endless;
} real;

static unsigned length_of(uint64_t v)
{
    return v == 0 ? 0 : mlr_log2_u64(v) + 1;
}

/* v * 2^e to `width` bits, none of them below 2^least. */
static real rounded(bool negative, uint64_t v, int32_t e, unsigned width, int32_t least)
{
    int32_t drop = (int32_t)length_of(v) - (int32_t)width;
    drop = e + drop < least ? least - e : drop;
    if (drop > 63) {
        return (real){.negative = negative};
    }
    if (drop > 0) {
        uint64_t half = (uint64_t)1 << (drop - 1);
        uint64_t rest = v & (2 * half - 1);
        v >>= drop;
        v += rest > half || (rest == half && (v & 1) != 0);
        e += drop;
    }
    return (real){.m = (uint32_t)v, .e = e, .negative = negative};
}

/* The result of an operation, as f32 holds it. */
static real result(bool negative, uint64_t v, int32_t e)
{
    real r = rounded(negative, v, e, WIDTH, LEAST);
    r.endless = r.m != 0 && (int32_t)length_of(r.m) + r.e > MOST + WIDTH;
    return r;
}

static real times(real a, real b)
{
    if (a.endless || b.endless) {
        return (real){.endless = true};
    }
    return result(a.negative != b.negative, (uint64_t)a.m * b.m, a.e + b.e);
}

/* Neither is 0. The lowest bit stands for all that fell away. */
static real over(real a, real b)
{
    unsigned up_a = WIDTH - length_of(a.m);
    unsigned up_b = WIDTH - length_of(b.m);
    uint64_t top = (uint64_t)a.m << (up_a + WIDTH + 8);
    uint64_t under = (uint64_t)b.m << up_b;
    uint64_t q = top / under << 1 | (top % under != 0);
    int32_t e = (a.e - (int32_t)(up_a + WIDTH + 8)) - (b.e - (int32_t)up_b) - 1;
    return result(a.negative != b.negative, q, e);
}

/* Of what lies far below the larger one, one bit tells. */
static real plus(real a, real b)
{
    enum { ROOM = 38 };
    if (a.endless || b.endless) {
        return (real){.endless = true};
    }
    if (a.m == 0 || b.m == 0) {
        return a.m == 0 ? b : a;
    }
    real high = a.e >= b.e ? a : b;
    real low = a.e >= b.e ? b : a;
    int32_t up = high.e - low.e;
    uint64_t under = low.m;
    int32_t e = low.e;
    if (up > ROOM) {
        int32_t down = up - ROOM;
        under = down > 31 ? 1 : low.m >> down | ((low.m & ((1U << down) - 1)) != 0);
        e += down;
        up = ROOM;
    }
    int64_t x = (int64_t)high.m << up;
    int64_t y = (int64_t)under;
    int64_t sum = (high.negative ? -x : x) + (low.negative ? -y : y);
    return result(sum < 0, (uint64_t)(sum < 0 ? -sum : sum), e);
}

static real minus(real a)
{
    a.negative = !a.negative;
    return a;
}

static real whole(uint32_t n)
{
    return (real){.m = n};
}

/* --- floats in and out -----------------------------------------------------------------
 */

/* The floats of a block, and for each a number that sorts like it. */
typedef struct values {
    real x[ITEMS];
    int32_t order[ITEMS];
} values;

static void load(const mlr_dtype *t, const uint8_t *p, values *v)
{
    unsigned mantissa = t->bits - 1U - t->exp_bits;
    uint32_t sign = 1U << (t->bits - 1);
    int32_t top = (1 << t->exp_bits) - 1;
    for (unsigned i = 0; i < ITEMS; i++, p += t->block_bytes) {
        uint32_t x = t->block_bytes == 2 ? mlr_lane_get16(p) : mlr_lane_get32(p);
        int32_t field = (int32_t)((x & ~sign) >> mantissa);
        bool number = field != top;
        uint32_t size = number ? x & ~sign : 0;
        real r = {.m = size & ((1U << mantissa) - 1), .negative = number && x >= sign};
        r.m |= number && field != 0 ? 1U << mantissa : 0;
        r.e = (field == 0 ? 1 : field) - top / 2 - (int32_t)mantissa;
        v->x[i] = r;
        v->order[i] = r.negative ? -(int32_t)size : (int32_t)size;
    }
}

static void put_f16(uint8_t *p, real a)
{
    enum { BITS = 11, LOWEST = -24, INFINITE = 0x7c00 };
    real r = rounded(a.negative, a.m, a.e, BITS, LOWEST);
    uint32_t bits = r.m;
    if (r.m != 0) { /* the leading bit adds 1 to the exponent field */
        int32_t up = r.e < LOWEST ? 0 : r.e - LOWEST;
        int32_t shift = (int32_t)BITS - (int32_t)length_of(r.m);
        shift = shift > up ? up : shift < 0 ? 0 : shift;
        bits = up - shift > 31 ? INFINITE : (r.m << shift) + ((uint32_t)(up - shift) << 10);
    }
    bits = a.endless || bits > INFINITE ? INFINITE : bits;
    mlr_lane_put16(p, (uint16_t)(bits | (a.negative ? 0x8000U : 0)));
}

/* a without its fraction, from 0 to `most`. */
static uint8_t floor_to(real a, unsigned most)
{
    if (a.endless || a.negative || a.m == 0 || a.e < -31) {
        return 0;
    }
    uint64_t n = a.e >= 0 ? (uint64_t)a.m << (a.e > 31 ? 31 : a.e) : a.m >> -a.e;
    return (uint8_t)(n > most ? most : n);
}

/*
 * (x * by + offset) without its fraction. The sum of exact values says so, but where it is
 * so near a whole number that rounding it as floats are may step over that.
 */
static uint8_t code_at(real x, real by, real offset, unsigned most)
{
    enum { POINT = 20, SAFE = 8, LARGE = 64 << POINT };
    int32_t down = -POINT - x.e - by.e;
    if (down >= 0 && down < 64 && !by.endless && !x.endless) {
        uint64_t size = (uint64_t)x.m * by.m >> down;
        int32_t at = (int32_t)(offset.m << (POINT + offset.e));
        size = size > LARGE ? LARGE : size;
        at += x.negative != by.negative ? -(int32_t)size : (int32_t)size;
        uint32_t fraction = (uint32_t)at & ((1U << POINT) - 1);
        if (at > 0 && size < LARGE && fraction - SAFE < (1U << POINT) - 2 * SAFE) {
            uint32_t code = (uint32_t)at >> POINT;
            return (uint8_t)(code > most ? most : code);
        }
    }
    return floor_to(plus(times(x, by), offset), most);
}

/* To the nearest whole number, halves away from zero, within +-127. */
static int32_t nearest(real a)
{
    if (a.endless || a.e < -31) {
        return 0;
    }
    uint64_t n = a.e >= 0 ? (uint64_t)a.m << (a.e > 31 ? 31 : a.e)
                          : ((uint64_t)a.m + ((uint64_t)1 << (-a.e - 1))) >> -a.e;
    int32_t size = n > 127 ? 127 : (int32_t)n;
    return a.negative ? -size : size;
}

/* --- blocks ----------------------------------------------------------------------------
 */

/* 1 / d, or 0 where there is no scale. */
static real inverse(real d)
{
    return d.m == 0 ? d : d.endless ? (real){0} : over(whole(1), d);
}

/* The first of those farthest from 0. */
static real farthest(const values *v)
{
    real most = {0};
    int32_t size = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        int32_t now = v->order[i] < 0 ? -v->order[i] : v->order[i];
        most = now > size ? v->x[i] : most;
        size = now > size ? now : size;
    }
    return most;
}

static void make_q8(const values *v, uint8_t *out)
{
    real most = farthest(v);
    most.negative = false;
    real d = most.m == 0 ? most : over(most, whole(127));
    real by = inverse(d);
    put_f16(out, d);
    for (unsigned i = 0; i < ITEMS; i++) {
        out[2 + i] = (uint8_t)nearest(times(v->x[i], by));
    }
}

/* The farthest value gets the lowest code, its sign becomes the scale's. */
static void codes_about_zero(const values *v, unsigned top, uint8_t *out, uint8_t *code)
{
    unsigned half = (top + 1) / 2;
    real most = farthest(v);
    real d = most.m == 0 ? most : over(most, whole(half));
    d.negative = !d.negative;
    real by = inverse(d);
    real middle = {.m = 2 * half + 1, .e = -1};
    put_f16(out, d);
    for (unsigned i = 0; i < ITEMS; i++) {
        code[i] = code_at(v->x[i], by, middle, top);
    }
}

static void codes_above_least(const values *v, unsigned top, uint8_t *out, uint8_t *code)
{
    unsigned low = 0;
    unsigned high = 0;
    for (unsigned i = 1; i < ITEMS; i++) {
        low = v->order[i] < v->order[low] ? i : low;
        high = v->order[i] > v->order[high] ? i : high;
    }
    real least = v->x[low];
    real most = v->x[high];
    real range = plus(most, minus(least));
    real d = range.m == 0 || range.endless ? range : over(range, whole(top));
    real by = inverse(d);
    real half = {.m = 1, .e = -1};
    d.negative = range.m == 0 ? false : d.negative;
    put_f16(out, d);
    put_f16(out + 2, least);
    for (unsigned i = 0; i < ITEMS; i++) {
        real from_least = plus(v->x[i], minus(least));
        code[i] = code_at(from_least, by, half, top);
    }
}

/* Low nibbles of the first and the second half share bytes; fifth bits are a mask. */
static void pack(const uint8_t *code, bool fifth, uint8_t *out)
{
    uint32_t high = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        high |= (uint32_t)(code[i] >> 4) << i;
    }
    if (fifth) {
        mlr_lane_put32(out, high);
        out += 4;
    }
    for (unsigned i = 0; i < ITEMS / 2; i++) {
        out[i] = (uint8_t)((code[i] & 15) | code[i + ITEMS / 2] << 4);
    }
}

static void make_block(const values *v, unsigned id, uint8_t *out)
{
    uint8_t code[ITEMS];
    bool fifth = id == MLR_DTYPE_Q5_0 || id == MLR_DTYPE_Q5_1;
    unsigned top = fifth ? 31 : 15;
    if (id == MLR_DTYPE_Q8_0) {
        make_q8(v, out);
        return;
    }
    if (id == MLR_DTYPE_Q4_0 || id == MLR_DTYPE_Q5_0) {
        codes_about_zero(v, top, out, code);
        pack(code, fifth, out + 2);
        return;
    }
    codes_above_least(v, top, out, code);
    pack(code, fifth, out + 4);
}

bool mlr_can_quantise(const mlr_dtype *from, const mlr_dtype *to)
{
    bool known_from = from->id == MLR_DTYPE_F16 || from->id == MLR_DTYPE_BF16 ||
                      from->id == MLR_DTYPE_F32;
    bool known_to = to->id == MLR_DTYPE_Q4_0 || to->id == MLR_DTYPE_Q4_1 ||
                    to->id == MLR_DTYPE_Q5_0 || to->id == MLR_DTYPE_Q5_1 ||
                    to->id == MLR_DTYPE_Q8_0;
    return known_from && known_to;
}

void mlr_quantise(const mlr_dtype *from, const uint8_t *in, const mlr_dtype *to,
                  uint8_t *out, size_t blocks)
{
    values v;
    for (size_t b = 0; b < blocks; b++, out += to->block_bytes) {
        load(from, in, &v);
        make_block(&v, to->id, out);
        in += (size_t)ITEMS * from->block_bytes;
    }
}
