/* Sixteen raw contexts at once through a model's map. */
#ifndef MLR_APPLY_HOST_MAP_AVX2_H
#define MLR_APPLY_HOST_MAP_AVX2_H

#if defined(__AVX2__)

#include <immintrin.h>
#include <stdint.h>

/* Raw contexts, 16 bytes of them, through a map of 128 bytes. */
static inline __m128i mlr_map16(const uint8_t *map, __m128i raw)
{
    __m128i out = _mm_setzero_si128();
    for (int i = 0; i < 8; i++) {
        __m128i part = _mm_loadu_si128((const __m128i *)(const void *)(map + 16 * i));
        /* indices of other parts get their top bit set, which shuffles in a zero */
        __m128i index = _mm_sub_epi8(raw, _mm_set1_epi8((char)(16 * i)));
        __m128i foreign = _mm_cmpgt_epi8(index, _mm_set1_epi8(15));
        index = _mm_or_si128(index, foreign);
        out = _mm_or_si128(out, _mm_shuffle_epi8(part, index));
    }
    return out;
}

#endif

#endif
