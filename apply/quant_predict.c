#include "apply/quant_predict.h"

#include "apply/base/cursor.h"
#include "apply/base/mem.h"
#include "apply/lane.h"
#include "apply/number.h"

enum {
    ONE = 1 << MLR_QUANT_POINT,
    HALF = ONE / 2,
    RATIO_MOST = 1 << 22,
    SMALL = 16, /* codes of types that are mapped through a table */
    SUPER_CLASSES = 16,
    SUB_MAGNITUDES = 3
};

/* --- scales ----------------------------------------------------------------------------
 */

static mlr_scale scale_of(uint32_t magnitude, bool negative, unsigned mantissa_bits,
                          unsigned exp_limit)
{
    uint32_t exponent = magnitude >> mantissa_bits;
    int64_t mantissa = magnitude & ((1U << mantissa_bits) - 1);
    if (exponent == exp_limit) {
        return (mlr_scale){0};
    }
    if (exponent > 0) {
        mantissa += (int64_t)1 << mantissa_bits;
        exponent--;
    }
    return (mlr_scale){.mantissa = negative ? -mantissa : mantissa,
                       .exponent = (int32_t)exponent};
}

/* Exponents count from the least denormal; only their differences are used. */
mlr_scale mlr_scale_of_f16(uint16_t bits)
{
    return scale_of(bits & 0x7fffU, bits >> 15 != 0, 10, 31);
}

mlr_scale mlr_scale_of_f32(uint32_t bits)
{
    return scale_of(bits & 0x7fffffffU, bits >> 31 != 0, 23, 255);
}

static mlr_scale super_scale(const mlr_quant_shape *s, const uint8_t *super)
{
    if (s->tiny_super) {
        bool number = super[0] != 255;
        return (mlr_scale){.mantissa = number ? 1024 : 0, .exponent = super[0]};
    }
    return mlr_scale_of_f16(mlr_load16(super));
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

bool mlr_scale_ratio(mlr_scale a, mlr_scale b, int32_t *out)
{
    uint64_t over = magnitude(a.mantissa);
    uint64_t under = magnitude(b.mantissa);
    if (over == 0 || (a.mantissa == b.mantissa && a.exponent == b.exponent)) {
        *out = over == 0 ? 0 : ONE; /* what the division comes to */
        return under != 0;
    }
    if (under == 0) {
        return false;
    }
    /* 2^32 after the point, then down to MLR_QUANT_POINT with the exponents' difference */
    uint64_t q = (over << 32) / under;
    int64_t down = 32 - MLR_QUANT_POINT - ((int64_t)a.exponent - b.exponent);
    if (down > 62) {
        q = 0;
    } else if (down > 0) {
        q = (q + ((uint64_t)1 << (down - 1))) >> down;
    } else if (q != 0 && (q > RATIO_MOST || down < -22)) {
        return false;
    } else {
        q = down < -22 ? 0 : q << -down;
    }
    if (q > RATIO_MOST) {
        return false;
    }
    *out = (a.mantissa < 0) != (b.mantissa < 0) ? -(int32_t)q : (int32_t)q;
    return true;
}

int32_t mlr_scale_size(mlr_scale a)
{
    uint64_t m = magnitude(a.mantissa);
    if (m == 0) {
        return INT32_MIN;
    }
    int32_t top = (int32_t)mlr_log2_u64(m);
    /* above the root of two: 181 / 128 */
    bool upper = (m << 7) >= (uint64_t)181 << top;
    return 2 * (a.exponent + top) + upper;
}

static mlr_scale times(mlr_scale a, int32_t by)
{
    return (mlr_scale){.mantissa = a.mantissa * by, .exponent = a.exponent};
}

/* a - b; what lies more than 10 bits lower is cut off. */
static mlr_scale less(mlr_scale a, mlr_scale b)
{
    if (a.mantissa == 0 || b.mantissa == 0) {
        mlr_scale minus = {.mantissa = -b.mantissa, .exponent = b.exponent};
        return b.mantissa == 0 ? a : minus;
    }
    int32_t low = a.exponent < b.exponent ? a.exponent : b.exponent;
    int32_t high = a.exponent < b.exponent ? b.exponent : a.exponent;
    int32_t base = high - low > 10 ? high - 10 : low;
    int64_t x = a.exponent >= base ? a.mantissa * ((int64_t)1 << (a.exponent - base)) : 0;
    int64_t y = b.exponent >= base ? b.mantissa * ((int64_t)1 << (b.exponent - base)) : 0;
    return (mlr_scale){.mantissa = x - y, .exponent = base};
}

/* --- runs of codes under one scale -----------------------------------------------------
 */

static inline int32_t clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* The code a position rounds to, and its raw context: how near the other one is. */
static inline void settle(int32_t x, const uint8_t *map, uint8_t *expected,
                          uint8_t *context)
{
    int32_t q = (x + HALF) >> MLR_QUANT_POINT;
    int32_t off = x - q * ONE;
    int32_t flip = off < 0;
    uint32_t near = (uint32_t)(flip ? -off : off) >> (MLR_QUANT_POINT - 5);
    *expected = (uint8_t)q;
    *context = (uint8_t)(map[near < MLR_QUANT_NEAR ? near : MLR_QUANT_NEAR - 1] |
                         (flip ? MLR_QUANT_FLIP : 0));
}

/* The largest value of a group is beside an end of the range whatever its scale. */
static void keep_anchors(const mlr_requant *r, const uint8_t *old, size_t n,
                         uint8_t *expected, uint8_t *context)
{
    if (r->anchor == MLR_ANCHOR_NONE) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (old[i] == 1 || old[i] == r->top) {
            expected[i] = old[i];
            context[i] = r->map[MLR_QUANT_NEAR];
        }
    }
}

/* Few codes: each one's fate is worked out once. */
static void run_by_code(const mlr_requant *r, int32_t start, const uint8_t *restrict old,
                        size_t n, uint8_t *restrict expected, uint8_t *restrict context)
{
    uint8_t q[SMALL];
    uint8_t ctx[SMALL];
    int32_t top = r->top * ONE;
    for (int32_t i = 0; i <= r->top; i++) {
        settle(clamp(start + i * r->ratio, 0, top), r->map, &q[i], &ctx[i]);
    }
    for (size_t i = 0; i < n; i++) {
        expected[i] = q[old[i] & (SMALL - 1)];
        context[i] = ctx[old[i] & (SMALL - 1)];
    }
}

void mlr_requant_run(const mlr_requant *r, const uint8_t *restrict old, size_t n,
                     uint8_t *restrict expected, uint8_t *restrict context)
{
    int32_t start = r->shift - r->zero * r->ratio + r->zero * ONE;
    int32_t top = r->top * ONE;
    if (r->ratio == ONE && r->shift == 0) { /* what the sums below come to */
        memcpy(expected, old, n);
        memset(context, r->map[0], n);
        keep_anchors(r, old, n, expected, context);
        return;
    }
    if (r->top < SMALL && n > r->top) {
        run_by_code(r, start, old, n, expected, context);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        settle(clamp(start + old[i] * r->ratio, 0, top), r->map, &expected[i], &context[i]);
    }
    keep_anchors(r, old, n, expected, context);
}

/* Where a value stands among unevenly spaced ones, which the positions run through. */
static int32_t place(const mlr_quant_shape *s, int32_t v)
{
    unsigned at = 0;
    while (at + 2 < s->levels && v >= s->value[at + 1] * ONE) {
        at++;
    }
    int32_t width = s->value[at + 1] - s->value[at];
    int32_t x = (v - s->value[at] * ONE) / width + (int32_t)at * ONE;
    return clamp(x, 0, (s->levels - 1) * ONE);
}

static void uneven_run(const mlr_quant_shape *s, const mlr_requant *r, const uint8_t *old,
                       size_t n, uint8_t *expected, uint8_t *context)
{
    uint8_t q[16];
    uint8_t ctx[16];
    for (unsigned i = 0; i < 16; i++) {
        int32_t x = place(s, s->value[i] * clamp(r->ratio, -ONE * 8, ONE * 8));
        settle(x, r->map, &q[i], &ctx[i]);
        if (i >= s->levels) {
            q[i] = (uint8_t)i;
        }
    }
    for (size_t i = 0; i < n; i++) {
        expected[i] = q[old[i] & 15];
        context[i] = ctx[old[i] & 15];
    }
}

/* How much a scale changed, in sixteen classes; 0: not at all. */
static uint8_t change_class(const mlr_requant *r)
{
    uint64_t size = magnitude((int64_t)r->ratio - ONE) + magnitude(r->shift) / 8;
    unsigned class = 1;
    while (class < 15 && size >> (class + 3) != 0) {
        class ++;
    }
    return (uint8_t)(size == 0 ? 0 : class);
}

static void tell_detail(const mlr_quant_chunk *c, size_t at, size_t n, uint8_t detail)
{
    if (c->detail != NULL) {
        memset(c->detail + at, detail, n);
    }
}

/* --- kinds -----------------------------------------------------------------------------
 */

size_t mlr_quant_numbers(const mlr_quant_shape *s, unsigned kind, size_t blocks)
{
    switch (kind) {
    case MLR_QUANT_SUPER:
        return blocks * s->supers;
    case MLR_QUANT_SUB:
        return blocks * s->groups * s->subs;
    default:
        return blocks * mlr_quant_items(s);
    }
}

unsigned mlr_quant_classes(unsigned kind)
{
    return kind == MLR_QUANT_SUPER ? SUPER_CLASSES
           : kind == MLR_QUANT_SUB ? 2 * SUB_MAGNITUDES
                                   : MLR_QUANT_NOISES;
}

unsigned mlr_quant_edges(unsigned kind)
{
    return kind == MLR_QUANT_SUPER ? 1 : MLR_QUANT_EDGES;
}

/* Super-scales are expected to stay; which one it is and its exponent are the context. */
static void predict_supers(const mlr_quant_chunk *c)
{
    size_t n = c->blocks * c->shape->supers;
    for (size_t i = 0; i < n; i++) {
        uint16_t was = mlr_load16(c->old->super + 2 * i);
        unsigned class = (i >= c->blocks ? 8U : 0U) + (was >> 10 & 7);
        mlr_store16(c->expected + 2 * i, c->shape->tiny_super ? was : mlr_order16(was));
        c->context[i] = c->map[class];
    }
}

static unsigned sub_class(unsigned which, int32_t off)
{
    int32_t size = off < 0 ? -off : off;
    return which * SUB_MAGNITUDES + (size > 31 ? 2U : size > 7 ? 1U : 0U);
}

/* The scale or the min of all blocks' groups: requantised by the super-scales' ratio. */
static void predict_subs(const mlr_quant_chunk *c, unsigned which)
{
    const mlr_quant_shape *s = c->shape;
    int32_t zero = which == 0 ? s->sub_zero : 0;
    int32_t top = s->sub_top[which];
    for (size_t b = 0; b < c->blocks; b++) {
        mlr_requant r = {0};
        size_t super = 2 * (which * c->blocks + b);
        size_t at = (which * c->blocks + b) * s->groups;
        if (!mlr_scale_ratio(super_scale(s, c->old->super + super),
                             super_scale(s, c->now->super + super), &r.ratio)) {
            r.ratio = ONE;
        }
        tell_detail(c, at, s->groups, change_class(&r));
        for (size_t g = at; g < at + s->groups; g++) {
            int32_t off = c->old->sub[g] - zero;
            const uint8_t *map = c->map + sub_class(which, off) * MLR_QUANT_EDGES;
            settle(clamp(zero * ONE + off * r.ratio, 0, top * ONE), map, &c->expected[g],
                   &c->context[g]);
            if (c->old->sub[g] == top) { /* the largest of a block is at the top */
                c->expected[g] = (uint8_t)top;
                c->context[g] = map[MLR_QUANT_NEAR];
            }
        }
    }
}

/* Scale and signed min of the groups of a block. */
typedef struct block_scales {
    mlr_scale scale, min;
    const uint8_t *by, *min_by; /* of groups; NULL: the block's */
} block_scales;

static block_scales scales_of(const mlr_quant_chunk *c, const mlr_quant_parts *p, size_t b)
{
    const mlr_quant_shape *s = c->shape;
    block_scales x = {.scale = super_scale(s, p->super + 2 * b)};
    x.by = s->subs > 0 ? p->sub + b * s->groups : NULL;
    if (s->min_sign != 0) {
        x.min = times(super_scale(s, p->super + 2 * (c->blocks + b)), s->min_sign);
        x.min_by = s->subs == 2 ? p->sub + (c->blocks + b) * s->groups : NULL;
    }
    return x;
}

static mlr_scale group_scale(const mlr_quant_shape *s, const block_scales *x, size_t g)
{
    return x->by == NULL ? x->scale : times(x->scale, x->by[g] - s->sub_zero);
}

static mlr_scale group_min(const block_scales *x, size_t g)
{
    return x->min_by == NULL ? x->min : times(x->min, x->min_by[g]);
}

int32_t mlr_quant_group_size(const mlr_quant_chunk *c, size_t block, size_t group)
{
    block_scales x = scales_of(c, c->now, block);
    return mlr_scale_size(group_scale(c->shape, &x, group));
}

static unsigned noise_class(int32_t top, mlr_scale now)
{
    if (now.mantissa == 0) {
        return MLR_QUANT_NOISES - 1;
    }
    int64_t class = (int64_t)top - mlr_scale_size(now);
    return class < 0                   ? 0
           : class >= MLR_QUANT_NOISES ? MLR_QUANT_NOISES - 1
                                       : (unsigned)class;
}

static void map_group(const mlr_quant_chunk *c, const block_scales *old,
                      const block_scales *fresh, size_t g, mlr_requant *r)
{
    mlr_scale was = group_scale(c->shape, old, g);
    mlr_scale now = group_scale(c->shape, fresh, g);
    bool known = mlr_scale_ratio(was, now, &r->ratio);
    r->shift = 0;
    if (known && c->shape->min_sign != 0) {
        known =
            mlr_scale_ratio(less(group_min(old, g), group_min(fresh, g)), now, &r->shift);
    }
    if (!known) {
        r->ratio = ONE;
        r->shift = 0;
    }
    r->map = c->map + noise_class(c->top, now) * MLR_QUANT_EDGES;
}

/* Runs of elements under one scale. */
static void predict_plain(const mlr_quant_chunk *c)
{
    const mlr_quant_channels *k = c->channels;
    size_t n = mlr_quant_numbers(c->shape, MLR_QUANT_CODE, c->blocks);
    uint64_t channel = c->first / k->inner % k->count;
    uint64_t left = k->inner - c->first % k->inner;
    mlr_requant r = {
        .shift = k->shift, .zero = k->zero, .top = c->shape->top, .map = c->map};
    for (size_t at = 0; at < n;) {
        size_t run = n - at < left ? n - at : (size_t)left;
        r.ratio = k->ratio[channel];
        tell_detail(c, at, run, (uint8_t)channel);
        c->requant(&r, c->old->code + at, run, c->expected + at, c->context + at);
        at += run;
        channel = channel + 1 < k->count ? channel + 1 : 0;
        left = k->inner;
    }
}

static void predict_codes(const mlr_quant_chunk *c)
{
    const mlr_quant_shape *s = c->shape;
    mlr_requant r = {.zero = s->zero, .top = s->top, .anchor = s->anchor};
    size_t n = (size_t)1 << s->group_log;
    size_t at = 0;
    for (size_t b = 0; b < c->blocks; b++) {
        block_scales old = scales_of(c, c->old, b);
        block_scales now = scales_of(c, c->now, b);
        for (size_t g = 0; g < s->groups; g++, at += n) {
            map_group(c, &old, &now, g, &r);
            tell_detail(c, at, n, change_class(&r));
            if (s->value != NULL) {
                uneven_run(s, &r, c->old->code + at, n, c->expected + at, c->context + at);
            } else {
                c->requant(&r, c->old->code + at, n, c->expected + at, c->context + at);
            }
        }
    }
}

void mlr_quant_predict(const mlr_quant_chunk *c, unsigned kind)
{
    switch (kind) {
    case MLR_QUANT_SUPER:
        predict_supers(c);
        break;
    case MLR_QUANT_SUB:
        for (unsigned i = 0; i < c->shape->subs; i++) {
            predict_subs(c, i);
        }
        break;
    default:
        if (c->shape->supers == 0) {
            predict_plain(c);
            break;
        }
        predict_codes(c);
        break;
    }
}
