#include "apply/host/neural_neon.h"

#if MLR_HAS_NEON

#include <arm_neon.h>

#include "apply/token.h"

/* --- U * V -----------------------------------------------------------------------------
 */

static void dot(int32_t *sums, const int16_t *u, const int16_t *v, size_t stride,
                unsigned pairs, size_t n)
{
    size_t j = 0;
    for (; j + 8 <= n; j += 8) {
        int32x4_t low = vdupq_n_s32(0);
        int32x4_t high = low;
        const int16_t *at = v + 2 * j;
        for (unsigned k = 0; k < pairs; k++, at += 2 * stride) {
            int16x8x2_t two = vld2q_s16(at);
            low = vmlal_n_s16(low, vget_low_s16(two.val[0]), u[2 * k]);
            low = vmlal_n_s16(low, vget_low_s16(two.val[1]), u[2 * k + 1]);
            high = vmlal_n_s16(high, vget_high_s16(two.val[0]), u[2 * k]);
            high = vmlal_n_s16(high, vget_high_s16(two.val[1]), u[2 * k + 1]);
        }
        vst1q_s32(sums + j, low);
        vst1q_s32(sums + j + 4, high);
    }
    mlr_dot(sums + j, u, v + 2 * j, stride, pairs, n - j);
}

/* --- 16-bit floats ---------------------------------------------------------------------
 */

static inline uint16x8_t load16(const uint8_t *p)
{
    return vreinterpretq_u16_u8(vld1q_u8(p));
}

static inline void store16(uint8_t *p, uint16x8_t v)
{
    vst1q_u8(p, vreinterpretq_u8_u16(v));
}

/* All ones where the top bit is set. */
static inline uint16x8_t sign16(uint16x8_t x)
{
    return vcltzq_s16(vreinterpretq_s16_u16(x));
}

static inline uint16x8_t ordered16(uint16x8_t x)
{
    return veorq_u16(x, vorrq_u16(sign16(x), vdupq_n_u16(0x8000)));
}

static inline int32x4_t as_s32(uint32x4_t x)
{
    return vreinterpretq_s32_u32(x);
}

static inline uint32x4_t as_u32(int32x4_t x)
{
    return vreinterpretq_u32_s32(x);
}

/* The base's own value as expectation. */
static size_t expect_base16(const mlr_chunk *c)
{
    const mlr_neural *m = c->model;
    uint8x16_t map = vld1q_u8(m->map);
    uint16x8_t last = vdupq_n_u16((uint16_t)(m->classes - 1));
    size_t i = 0;
    for (; i + 8 <= c->n; i += 8) {
        uint16x8_t x = load16(c->old + 2 * i);
        store16(c->expected + 2 * i, ordered16(x));
        uint16x8_t scale = vshlq_u16(x, vdupq_n_s16((int16_t)-m->now.mantissa));
        scale = vandq_u16(scale, vdupq_n_u16(m->now.exp_limit));
        uint16x8_t class = vminq_u16(vqsubq_u16(vdupq_n_u16(m->top), scale), last);
        vst1_u8(c->context + i, vqtbl1_u8(map, vmovn_u16(class)));
    }
    return i;
}

static inline uint32x4_t shift_by(uint32x4_t x, int32x4_t left)
{
    return vshlq_u32(x, left); /* negative: to the right; by 32 and more: zero */
}

typedef struct lanes {
    uint32x4_t bits, raw, flip; /* flip: all ones where the residual's sign turns */
} lanes;

/* A magnitude to bits, where the unit's exponent is `shift`. */
static inline lanes rounded(const mlr_neural *m, uint32x4_t size, int32x4_t shift)
{
    const int32x4_t zero = vdupq_n_s32(0);
    const uint32x4_t one = vdupq_n_u32(1);
    uint32x4_t whole = vcleq_s32(shift, zero); /* nothing falls away */
    uint32x4_t unit = shift_by(one, vmaxq_s32(shift, zero));
    uint32x4_t rest = vandq_u32(size, vsubq_u32(unit, one));
    uint32x4_t up = vbicq_u32(vcgeq_u32(rest, vshrq_n_u32(unit, 1)), whole);
    uint32x4_t q = vsubq_u32(shift_by(size, vnegq_s32(shift)), up);
    uint32x4_t far = vbslq_u32(up, vsubq_u32(unit, rest), rest);
    uint32x4_t edge = shift_by(far, vsubq_s32(vdupq_n_s32(4), shift));
    edge = vbicq_u32(vminq_u32(edge, vdupq_n_u32(7)), whole);
    uint32x4_t field = as_u32(vsubq_s32(shift, vdupq_n_s32(m->s_least)));
    uint32x4_t bits = vaddq_u32(shift_by(field, vdupq_n_s32(m->now.mantissa)), q);
    bits = vminq_u32(bits, vdupq_n_u32((uint32_t)m->now.max_bits));
    return (lanes){.bits = bits, .raw = edge, .flip = up};
}

static inline int32x4_t scaled(int32x4_t sum, int shift)
{
    const int32x4_t most = vdupq_n_s32((1 << 30) - 1);
    int32x4_t s = vshlq_s32(sum, vdupq_n_s32(shift));
    return vmaxq_s32(vminq_s32(s, most), vnegq_s32(most));
}

/* predict.c's moved() for four elements of one 16-bit type. */
static inline lanes move4(const mlr_neural *m, uint32x4_t old, int32x4_t sum)
{
    const int32x4_t down = vdupq_n_s32(-m->now.mantissa);
    const uint32x4_t limit = vdupq_n_u32(m->now.exp_limit);
    const uint32x4_t implied = vdupq_n_u32(1U << m->now.mantissa);
    const int32x4_t far = vdupq_n_s32(64); /* counts of shifts are signed bytes */
    int32x4_t s = scaled(sum, m->shift);
    uint32x4_t field = vandq_u32(shift_by(old, down), limit);
    uint32x4_t tiny = vceqzq_u32(field);
    uint32x4_t mantissa = vandq_u32(old, vsubq_u32(implied, vdupq_n_u32(1)));
    mantissa = vorrq_u32(mantissa, vbicq_u32(implied, tiny));
    int32x4_t k = vsubq_s32(as_s32(vsubq_u32(field, tiny)), vdupq_n_s32(m->k_base));
    uint32x4_t keep = vorrq_u32(vceqzq_s32(s), vcgtq_s32(k, vdupq_n_s32(m->k_most)));
    k = vmaxq_s32(vminq_s32(k, far), vnegq_s32(far));
    int32x4_t minus = vshrq_n_s32(vshlq_n_s32(as_s32(old), 16), 31);
    int32x4_t x = veorq_s32(as_s32(shift_by(mantissa, k)), minus);
    x = vaddq_s32(vsubq_s32(x, minus), s);
    uint32x4_t negative = vcltzq_s32(x);
    uint32x4_t size = as_u32(vabsq_s32(x));
    uint32x4_t as_is = vorrq_u32(keep, vceqzq_u32(size));
    int32x4_t shift = vsubq_s32(vdupq_n_s32(31 - m->now.mantissa), as_s32(vclzq_u32(size)));
    lanes to = rounded(m, size, vmaxq_s32(shift, vdupq_n_s32(m->s_least)));
    to.bits = vbicq_u32(to.bits, vceqzq_u32(size));
    to.bits = vorrq_u32(to.bits, vandq_u32(negative, vdupq_n_u32(0x8000)));
    to.bits = vbslq_u32(keep, old, to.bits);
    uint32x4_t scale = vandq_u32(shift_by(to.bits, down), limit);
    uint32x4_t class = vqsubq_u32(vdupq_n_u32(m->top), scale);
    class = vminq_u32(class, vdupq_n_u32(m->classes - 1U));
    to.raw = vaddq_u32(vshlq_n_u32(class, 3), vbicq_u32(to.raw, as_is));
    to.flip = vbicq_u32(veorq_u32(to.flip, negative), as_is);
    return to;
}

/* Raw contexts, eight of them, through a map of 128 bytes. */
static inline uint8x8_t mapped(const uint8_t *map, uint8x8_t raw)
{
    uint8x16x4_t low = {
        {vld1q_u8(map), vld1q_u8(map + 16), vld1q_u8(map + 32), vld1q_u8(map + 48)}};
    uint8x16x4_t high = {
        {vld1q_u8(map + 64), vld1q_u8(map + 80), vld1q_u8(map + 96), vld1q_u8(map + 112)}};
    /* an index of the other half is beyond 63 and gives zero */
    return vorr_u8(vqtbl4_u8(low, raw), vqtbl4_u8(high, vsub_u8(raw, vdup_n_u8(64))));
}

static inline uint8x8_t bytes_of(uint32x4_t a, uint32x4_t b)
{
    return vmovn_u16(vcombine_u16(vmovn_u32(a), vmovn_u32(b)));
}

static size_t expect_moved16(const mlr_chunk *c)
{
    const mlr_neural *m = c->model;
    size_t i = 0;
    for (; i + 8 <= c->n; i += 8) {
        uint16x8_t x = load16(c->old + 2 * i);
        lanes a = move4(m, vmovl_u16(vget_low_u16(x)), vld1q_s32(c->sums + i));
        lanes b = move4(m, vmovl_u16(vget_high_u16(x)), vld1q_s32(c->sums + i + 4));
        uint16x8_t bits = vcombine_u16(vmovn_u32(a.bits), vmovn_u32(b.bits));
        store16(c->expected + 2 * i, ordered16(bits));
        uint8x8_t turn = vand_u8(bytes_of(a.flip, b.flip), vdup_n_u8(MLR_NEURAL_FLIP));
        uint8x8_t table = mapped(m->map, bytes_of(a.raw, b.raw));
        vst1_u8(c->context + i, vorr_u8(table, turn));
    }
    return i;
}

static void predict(const mlr_chunk *c)
{
    const mlr_neural *m = c->model;
    size_t done = 0;
    bool simple = m->now.is_float && m->now.bytes == 2 && !m->convert && m->lag == 0;
    if (simple && m->rank == 0 && m->edges == 1) {
        done = expect_base16(c);
    } else if (simple && m->rank > 0 && m->edges == MLR_NEURAL_EDGES) {
        done = expect_moved16(c);
    }
    mlr_chunk rest = *c;
    rest.element += done;
    rest.before += done;
    rest.n -= done;
    rest.old += done * m->was.bytes;
    rest.out = c->out == NULL ? NULL : c->out + done * m->now.bytes;
    rest.expected += done * m->now.bytes;
    rest.context += done;
    rest.sums = c->sums == NULL ? NULL : c->sums + done;
    mlr_predict(&rest);
}

/* --- residuals -------------------------------------------------------------------------
 */

/* Tokens of eight elements to zigzag values; those with raw bits are done one by one. */
static inline uint16x8_t zigzag16(const uint8_t *token, mlr_rawbits *raw)
{
    uint8x8_t bytes = vld1_u8(token);
    uint16x8_t z = vmovl_u8(bytes);
    if (vmaxv_u8(bytes) < MLR_TOKEN_DIRECT) {
        return z;
    }
    uint16_t value[8];
    vst1q_u16(value, z);
    for (unsigned i = 0; i < 8; i++) {
        if (token[i] >= MLR_TOKEN_DIRECT) {
            unsigned bits = mlr_token_bits(token[i], 2);
            value[i] =
                (uint16_t)(mlr_token_base(token[i], 2) | mlr_rawbits_take(raw, bits));
        }
    }
    return vld1q_u16(value);
}

static inline void add16(const mlr_residual *r, size_t i, mlr_rawbits *raw)
{
    uint16x8_t z = zigzag16(r->token + i, raw);
    uint16x8_t odd = vtstq_u16(z, vdupq_n_u16(1));
    uint16x8_t d = veorq_u16(vshrq_n_u16(z, 1), odd);
    int8x8_t context = vreinterpret_s8_u8(vld1_u8(r->context + i));
    uint16x8_t turn = vcltzq_s16(vmovl_s8(context));
    d = vsubq_u16(veorq_u16(d, turn), turn);
    uint16x8_t o = vaddq_u16(load16(r->expected + 2 * i), d);
    /* back from ordered: the sign bit of positives goes, negatives turn all over */
    uint16x8_t back = vmvnq_u16(sign16(o));
    store16(r->out + 2 * i, veorq_u16(o, vorrq_u16(back, vdupq_n_u16(0x8000))));
}

static void add(const mlr_residual *r)
{
    size_t i = 0;
    if (r->now->bytes == 2 && r->now->is_float) {
        mlr_rawbits raw = *r->raw;
        for (; i + 8 <= r->n; i += 8) {
            add16(r, i, &raw);
        }
        *r->raw = raw;
    }
    mlr_residual rest = *r;
    rest.n -= i;
    rest.expected += i * r->now->bytes;
    rest.out += i * r->now->bytes;
    rest.context += i;
    rest.token += i;
    mlr_residual_add(&rest);
}

const mlr_neural_kernels mlr_neural_neon = {.rans = mlr_rans_decode_neon,
                                            .dot = dot,
                                            .predict = predict,
                                            .add = add,
                                            .requant = mlr_requant_run_neon};

#endif
