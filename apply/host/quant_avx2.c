#include "apply/host/quant_avx2.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* What eight codes come to: expected codes, and distance classes with the flip above. */
typedef struct eight {
    __m256i code, near;
} eight;

static inline eight settle(__m256i old, __m256i start, __m256i ratio, __m256i top)
{
    __m256i x = _mm256_add_epi32(_mm256_mullo_epi32(old, ratio), start);
    x = _mm256_min_epi32(_mm256_max_epi32(x, _mm256_setzero_si256()), top);
    __m256i half = _mm256_set1_epi32(1 << (MLR_QUANT_POINT - 1));
    __m256i code = _mm256_srai_epi32(_mm256_add_epi32(x, half), MLR_QUANT_POINT);
    __m256i off = _mm256_sub_epi32(x, _mm256_slli_epi32(code, MLR_QUANT_POINT));
    __m256i near = _mm256_srli_epi32(_mm256_abs_epi32(off), MLR_QUANT_POINT - 5);
    near = _mm256_min_epi32(near, _mm256_set1_epi32(MLR_QUANT_NEAR - 1));
    __m256i flip =
        _mm256_and_si256(_mm256_srai_epi32(off, 31), _mm256_set1_epi32(MLR_QUANT_FLIP));
    return (eight){code, _mm256_or_si256(near, flip)};
}

/* Two times eight numbers below 256 as bytes, in order. */
static inline __m128i bytes_of(__m256i a, __m256i b)
{
    __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words),
                            _mm256_extracti128_si256(words, 1));
}

/* Codes beside the ends stay, in a context of their own. */
static inline void keep_anchors(const mlr_requant *r, __m128i old, __m128i *code,
                                __m128i *context)
{
    __m128i mask = _mm_or_si128(_mm_cmpeq_epi8(old, _mm_set1_epi8(1)),
                                _mm_cmpeq_epi8(old, _mm_set1_epi8((char)r->top)));
    *code = _mm_blendv_epi8(*code, old, mask);
    *context = _mm_blendv_epi8(*context, _mm_set1_epi8((char)r->map[MLR_QUANT_NEAR]), mask);
}

void mlr_requant_run_avx2(const mlr_requant *r, const uint8_t *restrict old, size_t n,
                          uint8_t *restrict expected, uint8_t *restrict context)
{
    int32_t one = 1 << MLR_QUANT_POINT;
    __m256i start = _mm256_set1_epi32(r->shift - r->zero * r->ratio + r->zero * one);
    __m256i ratio = _mm256_set1_epi32(r->ratio);
    __m256i top = _mm256_set1_epi32(r->top * one);
    __m128i map = _mm_loadu_si128((const __m128i *)(const void *)r->map);
    __m128i low = _mm_set1_epi8(15);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m128i was = _mm_loadu_si128((const __m128i *)(const void *)(old + i));
        eight a = settle(_mm256_cvtepu8_epi32(was), start, ratio, top);
        eight b = settle(_mm256_cvtepu8_epi32(_mm_srli_si128(was, 8)), start, ratio, top);
        __m128i code = bytes_of(a.code, b.code);
        __m128i near = bytes_of(a.near, b.near);
        __m128i ctx = _mm_or_si128(_mm_shuffle_epi8(map, _mm_and_si128(near, low)),
                                   _mm_andnot_si128(_mm_set1_epi8(0x7f), near));
        if (r->anchor != MLR_ANCHOR_NONE) {
            keep_anchors(r, was, &code, &ctx);
        }
        _mm_storeu_si128((__m128i *)(void *)(expected + i), code);
        _mm_storeu_si128((__m128i *)(void *)(context + i), ctx);
    }
    if (i < n) {
        mlr_requant_run(r, old + i, n - i, expected + i, context + i);
    }
}

#endif
