#include "apply/host/rans_encode_avx2.h"

#if defined(__x86_64__)

#include <immintrin.h>

typedef struct vectors {
    __m256i inverse, rest;
} vectors;

static inline vectors look_up(const mlr_rans_job *j, size_t i)
{
    __m256i table = _mm256_cvtepu8_epi32(
        _mm_loadl_epi64((const __m128i *)(const void *)(j->context + i)));
    __m256i token = _mm256_cvtepu8_epi32(
        _mm_loadl_epi64((const __m128i *)(const void *)(j->token + i)));
    table = _mm256_and_si256(table, _mm256_set1_epi32(MLR_RANS_TABLES - 1));
    __m256i index = _mm256_add_epi32(
        _mm256_mullo_epi32(table, _mm256_set1_epi32((int)j->stride)), token);
    const int *base = (const int *)(const void *)j->symbols;
    return (vectors){.inverse = _mm256_i32gather_epi32(base, index, 8),
                     .rest = _mm256_i32gather_epi32(base + 1, index, 8)};
}

/* The upper halves of eight products of 32 bits. */
static inline __m256i high_product(__m256i a, __m256i b)
{
    __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(a, b), 32);
    __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
    return _mm256_blend_epi32(even, odd, 0xaa);
}

/* (high + x) >> shift, where the sum has 33 bits: the mean of both first, as shift > 0
   wherever high is not 0. */
static inline __m256i quotient(__m256i x, vectors s)
{
    __m256i shift = _mm256_and_si256(_mm256_srli_epi32(s.rest, 12), _mm256_set1_epi32(15));
    __m256i high = high_product(x, s.inverse);
    __m256i mean = _mm256_add_epi32(high, _mm256_srli_epi32(_mm256_sub_epi32(x, high), 1));
    __m256i less = _mm256_sub_epi32(shift, _mm256_set1_epi32(1));
    __m256i none = _mm256_cmpeq_epi32(shift, _mm256_setzero_si256());
    return _mm256_blendv_epi8(_mm256_srlv_epi32(mean, less), x, none);
}

/* Moves the lower halves of the lanes in `full` in front of *at, which moves down. */
static inline void put_words(__m256i x, __m256i full, uint16_t **at)
{
    unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(full));
    unsigned count = (unsigned)__builtin_popcount(mask);
    uint64_t lanes = _pdep_u64(mask, 0x0101010101010101U) * 255;
    uint64_t chosen = _pext_u64(0x0706050403020100U, lanes);
    /* to the upper end; what lies below is overwritten by the words that follow */
    chosen = count == 0 ? 0 : chosen << (64 - 8 * count);
    __m256i pick = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)chosen));
    __m256i low = _mm256_and_si256(x, _mm256_set1_epi32(0xffff));
    __m256i words = _mm256_permutevar8x32_epi32(low, pick);
    __m128i packed =
        _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)(void *)(*at - 8), packed);
    *at -= count;
}

static inline __m256i push(__m256i x, vectors s, uint16_t **at)
{
    const __m256i slot = _mm256_set1_epi32(MLR_RANS_SCALE - 1);
    __m256i freq = _mm256_and_si256(_mm256_srli_epi32(s.rest, 16), slot); /* less one */
    __m256i full = _mm256_cmpgt_epi32(_mm256_srli_epi32(x, 20), freq);
    put_words(x, full, at);
    x = _mm256_blendv_epi8(x, _mm256_srli_epi32(x, 16), full);
    __m256i q = quotient(x, s);
    __m256i start = _mm256_and_si256(s.rest, slot);
    __m256i gap = _mm256_sub_epi32(slot, freq);
    return _mm256_add_epi32(_mm256_add_epi32(x, start), _mm256_mullo_epi32(q, gap));
}

static uint32_t push_one(uint32_t x, mlr_rans_symbol s, uint16_t **at)
{
    uint32_t freq = (s.rest >> 16 & (MLR_RANS_SCALE - 1)) + 1;
    if (x >> 20 >= freq) {
        *--*at = (uint16_t)x;
        x >>= 16;
    }
    uint32_t q = (uint32_t)((((uint64_t)x * s.inverse >> 32) + x) >> (s.rest >> 12 & 15));
    return x + (s.rest & (MLR_RANS_SCALE - 1)) + q * (MLR_RANS_SCALE - freq);
}

size_t mlr_rans_encode_avx2(const mlr_rans_job *j, uint16_t *words,
                            uint32_t state[MLR_RANS_LANES])
{
    uint16_t *at = words + 8 + j->n;
    uint32_t lacking = 0;
    size_t i = j->n;
    for (unsigned k = 0; k < MLR_RANS_LANES; k++) {
        state[k] = MLR_RANS_FLOOR;
    }
    while (i % MLR_RANS_LANES != 0) {
        i--;
        size_t table = j->context[i] & (MLR_RANS_TABLES - 1U);
        mlr_rans_symbol s = j->symbols[table * j->stride + j->token[i]];
        lacking |= s.rest;
        state[i % MLR_RANS_LANES] = push_one(state[i % MLR_RANS_LANES], s, &at);
    }
    __m256i *lanes = (__m256i *)(void *)state;
    __m256i a = _mm256_loadu_si256(lanes);
    __m256i b = _mm256_loadu_si256(lanes + 1);
    __m256i c = _mm256_loadu_si256(lanes + 2);
    __m256i d = _mm256_loadu_si256(lanes + 3);
    __m256i seen = _mm256_setzero_si256();
    while (i > 0) {
        i -= MLR_RANS_LANES;
        vectors sa = look_up(j, i);
        vectors sb = look_up(j, i + 8);
        vectors sc = look_up(j, i + 16);
        vectors sd = look_up(j, i + 24);
        d = push(d, sd, &at);
        c = push(c, sc, &at);
        b = push(b, sb, &at);
        a = push(a, sa, &at);
        seen = _mm256_or_si256(seen, _mm256_or_si256(_mm256_or_si256(sa.rest, sb.rest),
                                                     _mm256_or_si256(sc.rest, sd.rest)));
    }
    _mm256_storeu_si256(lanes, a);
    _mm256_storeu_si256(lanes + 1, b);
    _mm256_storeu_si256(lanes + 2, c);
    _mm256_storeu_si256(lanes + 3, d);
    bool lacks = (lacking & MLR_RANS_LACKING) != 0 ||
                 _mm256_movemask_ps(_mm256_castsi256_ps(seen)) != 0;
    return lacks ? SIZE_MAX : (size_t)(words + 8 + j->n - at);
}

#endif
