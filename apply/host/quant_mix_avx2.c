#include "apply/host/quant_mix_avx2.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "apply/mix_tables.h"

/* One by one: gathering is slower on many processors. */
static inline __m256i logits(__m256i index)
{
    const int16_t *t = mlr_mix_stretch_table;
    uint32_t at[8];
    _mm256_storeu_si256((__m256i *)(void *)at, index);
    return _mm256_setr_epi32(t[at[0]], t[at[1]], t[at[2]], t[at[3]], t[at[4]], t[at[5]],
                             t[at[6]], t[at[7]]);
}

/* Logits of chances between 0 and 65536. As a float, a number's exponent and upper five
   bits are what the table of logits is ordered by. */
static inline __m256i stretch(__m256i p)
{
    __m256i upper = _mm256_cmpgt_epi32(p, _mm256_set1_epi32(32767));
    __m256i q = _mm256_min_epi32(p, _mm256_sub_epi32(_mm256_set1_epi32(65536), p));
    __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(q));
    __m256i index =
        _mm256_sub_epi32(_mm256_srli_epi32(bits, 18), _mm256_set1_epi32(127 << 5));
    __m256i v = logits(index);
    return _mm256_sub_epi32(_mm256_xor_si256(v, upper), upper);
}

static inline int64_t dot(__m256i a, __m256i b)
{
    __m256i even = _mm256_mul_epi32(a, b);
    __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
    __m256i sums = _mm256_add_epi64(even, odd);
    __m128i two =
        _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return _mm_extract_epi64(two, 0) + _mm_extract_epi64(two, 1);
}

/* Slots that have learned; the products are below 2^39. */
static inline __m256i learned(__m256i slots, unsigned bit)
{
    __m256i to = _mm256_set1_epi32(bit != 0 ? (1 << 22) - 1 : 0);
    __m256i p = _mm256_srli_epi32(slots, 10);
    __m256i n = _mm256_and_si256(slots, _mm256_set1_epi32(1023));
    /* 2^17 / (2n + 3): the divisor is odd, so that no quotient is near a whole number
     */
    __m256i under = _mm256_add_epi32(_mm256_add_epi32(n, n), _mm256_set1_epi32(3));
    __m256i rate = _mm256_cvttps_epi32(
        _mm256_div_ps(_mm256_set1_ps(131072.0F), _mm256_cvtepi32_ps(under)));
    __m256i off = _mm256_sub_epi32(to, p);
    __m256i even = _mm256_mul_epi32(off, rate);
    __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(off, 32), _mm256_srli_epi64(rate, 32));
    __m256i step =
        _mm256_blend_epi32(_mm256_srli_epi64(even, 16), _mm256_slli_epi64(odd, 16), 0xaa);
    p = _mm256_add_epi32(p, step);
    n = _mm256_sub_epi32(n, _mm256_cmpgt_epi32(_mm256_set1_epi32(MLR_QMIX_LIMIT), n));
    return _mm256_or_si256(_mm256_slli_epi32(p, 10), n);
}

static inline __m256i pushed(const mlr_quant_mix *m, __m256i weights, __m256i input,
                             int32_t miss)
{
    const __m256i most = _mm256_set1_epi32(MLR_QMIX_WEIGHT_MOST);
    const __m256i least = _mm256_set1_epi32(-MLR_QMIX_WEIGHT_MOST);
    __m256i push = _mm256_mullo_epi32(input, _mm256_set1_epi32(miss));
    /* divided towards zero */
    __m256i up =
        _mm256_and_si256(_mm256_srai_epi32(push, 31), _mm256_set1_epi32(m->rate - 1));
    push =
        _mm256_sra_epi32(_mm256_add_epi32(push, up), _mm_cvtsi32_si128((int)m->rate_log));
    weights = _mm256_add_epi32(weights, push);
    return _mm256_max_epi32(_mm256_min_epi32(weights, most), least);
}

unsigned mlr_quant_mixed_avx2(mlr_quant_mix *m, unsigned node, const mlr_quant_coder *c,
                              unsigned bit)
{
    enum { LAST = MLR_QMIX_INPUTS - 1 };
    uint32_t slot[MLR_QMIX_INPUTS];
    __m256i *w = (__m256i *)(void *)m->lessons->weight[node];
    mlr_bit *const *at = m->at;
    __m256i slots = _mm256_setr_epi32((int)at[0][node], (int)at[1][node], (int)at[2][node],
                                      (int)at[3][node], (int)at[4][node], (int)at[5][node],
                                      (int)at[6][node], INT32_MIN);
    __m256i weights = _mm256_loadu_si256(w);
    __m256i p = _mm256_srli_epi32(slots, 16);
    p = _mm256_min_epi32(_mm256_max_epi32(p, _mm256_set1_epi32(24)),
                         _mm256_set1_epi32(65512));
    __m256i input =
        _mm256_blend_epi32(stretch(p), _mm256_set1_epi32(MLR_QMIX_BIAS), 1 << LAST);
    uint32_t chance = mlr_quant_mix_chance(dot(input, weights));
    bit = c->code(c->ctx, chance, bit);
    int32_t miss = (bit != 0 ? 65535 : 0) - (int32_t)chance;
    _mm256_storeu_si256(w, pushed(m, weights, input, miss));
    _mm256_storeu_si256((__m256i *)(void *)slot, learned(slots, bit));
    for (unsigned i = 0; i < LAST; i++) {
        at[i][node] = slot[i];
    }
    return bit;
}

#endif
