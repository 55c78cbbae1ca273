#include "apply/host/neural32_avx2.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "apply/host/map_avx2.h"
#include "apply/token.h"

enum { WIDTH = 23, FIELD = 255 };

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

static inline __m256i ordered(__m256i x)
{
    const __m256i sign = _mm256_set1_epi32(INT32_MIN);
    return _mm256_xor_si256(x, _mm256_or_si256(_mm256_srai_epi32(x, 31), sign));
}

static inline __m256i class_of(const mlr_neural *m, __m256i bits)
{
    __m256i scale =
        _mm256_and_si256(_mm256_srli_epi32(bits, WIDTH), _mm256_set1_epi32(FIELD));
    __m256i below = _mm256_sub_epi32(_mm256_set1_epi32(m->top), scale);
    below = _mm256_max_epi32(below, _mm256_setzero_si256());
    return _mm256_min_epi32(below, _mm256_set1_epi32(m->classes - 1));
}

/* Two vectors of small numbers, eight each, to sixteen bytes. */
static inline __m128i bytes_of(__m256i a, __m256i b)
{
    __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(both),
                            _mm256_extracti128_si256(both, 1));
}

size_t mlr_expect_base32_avx2(const mlr_chunk *c)
{
    const mlr_neural *m = c->model;
    size_t i = 0;
    for (; i + 16 <= c->n; i += 16) {
        __m256i a = load(c->old + 4 * i);
        __m256i b = load(c->old + 4 * i + 32);
        store(c->expected + 4 * i, ordered(a));
        store(c->expected + 4 * i + 32, ordered(b));
        __m128i raw = bytes_of(class_of(m, a), class_of(m, b));
        _mm_storeu_si128((__m128i *)(void *)(c->context + i), mlr_map16(m->map, raw));
    }
    return i;
}

/* --- the old value plus a sum, in 64 bits ----------------------------------------------
 */

/* Four elements; flip is all ones where the residual's sign turns. */
typedef struct lanes {
    __m256i bits, edge, flip;
} lanes;

/* floor(log2(x)) of 0 < x < 2^63. Clearing low bits keeps the conversion to double, done in
   two halves, from rounding up to the next power. */
static inline __m256i log2_of(__m256i x)
{
    const __m256i high_one = _mm256_set1_epi64x(0x4530000000000000); /* 2^84 */
    const __m256i low_one = _mm256_set1_epi64x(0x4330000000000000);  /* 2^52 */
    const __m256d both_ones = _mm256_set1_pd(19342813118337666422669312.0);
    __m256i exact = _mm256_andnot_si256(_mm256_srli_epi64(x, 11), x);
    __m256i high = _mm256_or_si256(_mm256_srli_epi64(exact, 32), high_one);
    __m256i low = _mm256_blend_epi32(exact, low_one, 0xaa);
    __m256d d = _mm256_add_pd(_mm256_sub_pd(_mm256_castsi256_pd(high), both_ones),
                              _mm256_castsi256_pd(low));
    return _mm256_sub_epi64(_mm256_srli_epi64(_mm256_castpd_si256(d), 52),
                            _mm256_set1_epi64x(1023));
}

static inline __m256i least_of(__m256i a, __m256i b)
{
    return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b));
}

static inline __m256i negated_where(__m256i x, __m256i mask)
{
    return _mm256_sub_epi64(_mm256_xor_si256(x, mask), mask);
}

/* predict.c's scaled_sum(): 32 bits shifted by 30 at most stay below the limit. */
static inline __m256i scaled(__m128i sum, int shift)
{
    if (shift < 0) {
        return _mm256_cvtepi32_epi64(_mm_sra_epi32(sum, _mm_cvtsi32_si128(-shift)));
    }
    return _mm256_sll_epi64(_mm256_cvtepi32_epi64(sum), _mm_cvtsi32_si128(shift));
}

/* A magnitude that is not 0 to new bits; `s` is its unit's exponent. */
static inline lanes rounded(const mlr_neural *m, __m256i size, __m256i s)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i one = _mm256_set1_epi64x(1);
    const __m256i four = _mm256_set1_epi64x(4);
    __m256i whole = _mm256_cmpgt_epi64(one, s); /* nothing falls away */
    __m256i unit = _mm256_sllv_epi64(one, s);
    __m256i rest = _mm256_and_si256(size, _mm256_sub_epi64(unit, one));
    __m256i half = _mm256_srli_epi64(unit, 1);
    __m256i up =
        _mm256_andnot_si256(whole, _mm256_cmpgt_epi64(_mm256_add_epi64(rest, one), half));
    __m256i q =
        _mm256_blendv_epi8(_mm256_srlv_epi64(size, s),
                           _mm256_sllv_epi64(size, _mm256_sub_epi64(zero, s)), whole);
    q = _mm256_sub_epi64(q, up);
    __m256i far = _mm256_blendv_epi8(rest, _mm256_sub_epi64(unit, rest), up);
    __m256i edge = _mm256_or_si256(_mm256_srlv_epi64(far, _mm256_sub_epi64(s, four)),
                                   _mm256_sllv_epi64(far, _mm256_sub_epi64(four, s)));
    edge = _mm256_andnot_si256(whole, least_of(edge, _mm256_set1_epi64x(7)));
    __m256i field = _mm256_sub_epi64(s, _mm256_set1_epi64x(m->s_least));
    __m256i bits = _mm256_add_epi64(_mm256_slli_epi64(field, WIDTH), q);
    bits = least_of(bits, _mm256_set1_epi64x((long long)m->now.max_bits));
    return (lanes){.bits = bits, .edge = edge, .flip = up};
}

/* predict.c's moved() for four elements. */
static inline lanes move4(const mlr_neural *m, __m128i old32, __m128i sum)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i implied = _mm256_set1_epi64x(1 << WIDTH);
    const __m256i sign = _mm256_set1_epi64x((long long)1 << 31);
    __m256i old = _mm256_cvtepu32_epi64(old32);
    __m256i s = scaled(sum, m->shift);
    __m256i field =
        _mm256_and_si256(_mm256_srli_epi64(old, WIDTH), _mm256_set1_epi64x(FIELD));
    __m256i tiny = _mm256_cmpeq_epi64(field, zero);
    __m256i mantissa = _mm256_and_si256(old, _mm256_set1_epi64x((1 << WIDTH) - 1));
    mantissa = _mm256_or_si256(mantissa, _mm256_andnot_si256(tiny, implied));
    field = _mm256_sub_epi64(field, tiny);
    __m256i k = _mm256_sub_epi64(field, _mm256_set1_epi64x(m->k_base));
    __m256i keep = _mm256_or_si256(_mm256_cmpeq_epi64(s, zero),
                                   _mm256_cmpgt_epi64(k, _mm256_set1_epi64x(m->k_most)));
    /* shifts by 64 and more, and by negative counts, give zero: one of the two holds */
    __m256i x = _mm256_or_si256(_mm256_sllv_epi64(mantissa, k),
                                _mm256_srlv_epi64(mantissa, _mm256_sub_epi64(zero, k)));
    __m256i minus = _mm256_cmpeq_epi64(_mm256_and_si256(old, sign), sign);
    x = _mm256_add_epi64(negated_where(x, minus), s);
    __m256i negative = _mm256_cmpgt_epi64(zero, x);
    __m256i size = negated_where(x, negative);
    __m256i none = _mm256_cmpeq_epi64(size, zero);
    __m256i shift = _mm256_sub_epi64(log2_of(size), _mm256_set1_epi64x(WIDTH));
    __m256i least = _mm256_set1_epi64x(m->s_least);
    shift = _mm256_blendv_epi8(shift, least, _mm256_cmpgt_epi64(least, shift));
    lanes to = rounded(m, size, shift);
    to.flip = _mm256_xor_si256(to.flip, negative);
    to.bits = _mm256_or_si256(to.bits, _mm256_and_si256(negative, sign));
    to.bits = _mm256_andnot_si256(none, to.bits);
    to.bits = _mm256_blendv_epi8(to.bits, old, keep);
    __m256i as_is = _mm256_or_si256(none, keep);
    to.edge = _mm256_andnot_si256(as_is, to.edge);
    to.flip = _mm256_andnot_si256(as_is, to.flip);
    return to;
}

/* The lower halves of eight 64-bit lanes. */
static inline __m256i lower(__m256i a, __m256i b)
{
    __m256i both = _mm256_castps_si256(
        _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88));
    return _mm256_permute4x64_epi64(both, 0xd8);
}

static inline lanes move8(const mlr_neural *m, const uint8_t *old, const int32_t *sums)
{
    __m256i o = load(old);
    __m256i s = load(sums);
    lanes a = move4(m, _mm256_castsi256_si128(o), _mm256_castsi256_si128(s));
    lanes b = move4(m, _mm256_extracti128_si256(o, 1), _mm256_extracti128_si256(s, 1));
    return (lanes){.bits = lower(a.bits, b.bits),
                   .edge = lower(a.edge, b.edge),
                   .flip = lower(a.flip, b.flip)};
}

static inline __m256i raw_of(const mlr_neural *m, const lanes *l)
{
    return _mm256_add_epi32(_mm256_slli_epi32(class_of(m, l->bits), 3), l->edge);
}

size_t mlr_expect_moved32_avx2(const mlr_chunk *c)
{
    const mlr_neural *m = c->model;
    const __m128i flip = _mm_set1_epi8((char)MLR_NEURAL_FLIP);
    size_t i = 0;
    for (; i + 16 <= c->n; i += 16) {
        lanes a = move8(m, c->old + 4 * i, c->sums + i);
        lanes b = move8(m, c->old + 4 * i + 32, c->sums + i + 8);
        store(c->expected + 4 * i, ordered(a.bits));
        store(c->expected + 4 * i + 32, ordered(b.bits));
        __m128i table = mlr_map16(m->map, bytes_of(raw_of(m, &a), raw_of(m, &b)));
        __m128i turn =
            bytes_of(_mm256_srli_epi32(a.flip, 24), _mm256_srli_epi32(b.flip, 24));
        turn = _mm_and_si128(turn, flip);
        _mm_storeu_si128((__m128i *)(void *)(c->context + i), _mm_or_si128(table, turn));
    }
    return i;
}

/* --- residuals -------------------------------------------------------------------------
 */

/* Most tokens of 32-bit elements have raw bits, so the loop is one by one, but compiled for
   the shifts of this processor and with the position in a register. */
void mlr_add32_avx2(const mlr_residual *r)
{
    mlr_rawbits raw = *r->raw;
    for (size_t i = 0; i < r->n; i++) {
        unsigned token = r->token[i];
        uint32_t z = token;
        if (token >= MLR_TOKEN_DIRECT) {
            unsigned bits = mlr_token_bits(token, 2);
            z = (uint32_t)(mlr_token_base(token, 2) | mlr_rawbits_take(&raw, bits));
        }
        uint32_t d = (z >> 1) ^ (0 - (z & 1));
        uint32_t turn = 0 - (uint32_t)(r->context[i] >> 7);
        uint32_t o = mlr_load32(r->expected + 4 * i) + ((d ^ turn) - turn);
        uint32_t negative = (o >> 31) - 1; /* ordered: the sign bit of negatives is off */
        mlr_store32(r->out + 4 * i, o ^ (negative | 0x80000000U));
    }
    *r->raw = raw;
}

#endif
