#include "apply/host/sha256_fast.h"

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * The instructions want the eight state words as {a b e f} and {c d g h}, highest lane
 * first. One sha256rnds2 does two rounds and leaves the other half of the state in place of
 * the one it was given.
 */
typedef struct halves {
    __m128i abef, cdgh;
} halves;

static inline __m128i load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline void store(void *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)p, v);
}

static inline halves pack(const uint32_t state[8])
{
    __m128i cdab = _mm_shuffle_epi32(load(state), 0xB1);
    __m128i efgh = _mm_shuffle_epi32(load(state + 4), 0x1B);
    return (halves){_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xF0)};
}

static inline void unpack(uint32_t state[8], halves s)
{
    __m128i feba = _mm_shuffle_epi32(s.abef, 0x1B);
    __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xB1);
    store(state, _mm_blend_epi16(feba, dchg, 0xF0));
    store(state + 4, _mm_alignr_epi8(dchg, feba, 8));
}

/* Four rounds with the message words `w`, the first of which is word number `t`. */
static inline void four_rounds(halves *s, __m128i w, unsigned t)
{
    __m128i sum = _mm_add_epi32(w, load(mlr_sha256_k + t));
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, sum);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(sum, 0x0E));
}

/* The next four message words from the sixteen before them, oldest first. */
static inline __m128i next_words(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(sum, w3);
}

static inline halves absorb_block(halves s, const uint8_t *data)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i w0 = _mm_shuffle_epi8(load(data), big_endian);
    __m128i w1 = _mm_shuffle_epi8(load(data + 16), big_endian);
    __m128i w2 = _mm_shuffle_epi8(load(data + 32), big_endian);
    __m128i w3 = _mm_shuffle_epi8(load(data + 48), big_endian);
    for (unsigned t = 0;; t += 16) {
        four_rounds(&s, w0, t);
        four_rounds(&s, w1, t + 4);
        four_rounds(&s, w2, t + 8);
        four_rounds(&s, w3, t + 12);
        if (t == 48) {
            return s;
        }
        w0 = next_words(w0, w1, w2, w3);
        w1 = next_words(w1, w2, w3, w0);
        w2 = next_words(w2, w3, w0, w1);
        w3 = next_words(w3, w0, w1, w2);
    }
}

void mlr_sha256_blocks_shani(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    halves s = pack(state);
    for (; blocks > 0; blocks--, data += 64) {
        halves before = s;
        s = absorb_block(s, data);
        s.abef = _mm_add_epi32(s.abef, before.abef);
        s.cdgh = _mm_add_epi32(s.cdgh, before.cdgh);
    }
    unpack(state, s);
}
#endif
