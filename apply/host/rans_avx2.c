#include "apply/host/rans_avx2.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

/* For each set of lanes that need a word: which of the next words each lane takes. */
static const uint8_t order[256][8] = {
#define L(m, i) ((m) >> (i)&1)
#define C(m, i)                                                                            \
    ((i) == 0   ? 0                                                                        \
     : (i) == 1 ? L(m, 0)                                                                  \
     : (i) == 2 ? L(m, 0) + L(m, 1)                                                        \
     : (i) == 3 ? L(m, 0) + L(m, 1) + L(m, 2)                                              \
     : (i) == 4 ? L(m, 0) + L(m, 1) + L(m, 2) + L(m, 3)                                    \
     : (i) == 5 ? L(m, 0) + L(m, 1) + L(m, 2) + L(m, 3) + L(m, 4)                          \
     : (i) == 6 ? L(m, 0) + L(m, 1) + L(m, 2) + L(m, 3) + L(m, 4) + L(m, 5)                \
                : L(m, 0) + L(m, 1) + L(m, 2) + L(m, 3) + L(m, 4) + L(m, 5) + L(m, 6))
#define ROW(m)                                                                             \
    {                                                                                      \
        C(m, 0), C(m, 1), C(m, 2), C(m, 3), C(m, 4), C(m, 5), C(m, 6), C(m, 7)             \
    }
#define R4(m)  ROW(m), ROW((m) + 1), ROW((m) + 2), ROW((m) + 3)
#define R16(m) R4(m), R4((m) + 4), R4((m) + 8), R4((m) + 12)
#define R64(m) R16(m), R16((m) + 16), R16((m) + 32), R16((m) + 48)
    R64(0), R64(64), R64(128), R64(192)};

typedef struct step {
    __m256i state, entry;
} step;

static inline __m256i look_up(const uint32_t *wide, __m256i state, const uint8_t *context)
{
    __m256i table =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)context));
    table = _mm256_and_si256(table, _mm256_set1_epi32(MLR_RANS_TABLES - 1));
    __m256i slot = _mm256_and_si256(state, _mm256_set1_epi32(MLR_RANS_SCALE - 1));
    slot = _mm256_or_si256(slot, _mm256_slli_epi32(table, MLR_RANS_BITS));
    return _mm256_i32gather_epi32((const int *)(const void *)wide, slot, 4);
}

static inline __m256i advance(__m256i state, __m256i entry)
{
    __m256i freq = _mm256_add_epi32(_mm256_srli_epi32(entry, 20), _mm256_set1_epi32(1));
    __m256i bias = _mm256_and_si256(_mm256_srli_epi32(entry, 8),
                                    _mm256_set1_epi32(MLR_RANS_SCALE - 1));
    __m256i high = _mm256_srli_epi32(state, MLR_RANS_BITS);
    return _mm256_add_epi32(_mm256_mullo_epi32(freq, high), bias);
}

/* Refills the lanes below 2^16 from *words and moves it on. */
static inline __m256i refill(__m256i state, const uint8_t **words)
{
    __m256i high = _mm256_srli_epi32(state, 16);
    __m256i low = _mm256_cmpeq_epi32(high, _mm256_setzero_si256());
    unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(low));
    __m256i next =
        _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)*words));
    __m256i pick =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)order[mask]));
    next = _mm256_permutevar8x32_epi32(next, pick);
    __m256i filled = _mm256_or_si256(_mm256_slli_epi32(state, 16), next);
    *words += 2 * (size_t)__builtin_popcount(mask);
    return _mm256_blendv_epi8(state, filled, low);
}

static inline void put_tokens(uint8_t *to, __m256i a, __m256i b, __m256i c, __m256i d)
{
    const __m256i byte = _mm256_set1_epi32(255);
    __m256i ab = _mm256_packus_epi32(_mm256_and_si256(a, byte), _mm256_and_si256(b, byte));
    __m256i cd = _mm256_packus_epi32(_mm256_and_si256(c, byte), _mm256_and_si256(d, byte));
    __m256i all = _mm256_packus_epi16(ab, cd);
    all = _mm256_permutevar8x32_epi32(all, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)(void *)to, all);
}

/* Decodes whole rounds of 32 while at least 32 words are left; returns elements done. */
static size_t rounds(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n,
                     const uint8_t **words, const uint8_t *end)
{
    const uint32_t *wide = r->tables->wide;
    __m256i *at = (__m256i *)(void *)r->state;
    __m256i a = _mm256_loadu_si256(at);
    __m256i b = _mm256_loadu_si256(at + 1);
    __m256i c = _mm256_loadu_si256(at + 2);
    __m256i d = _mm256_loadu_si256(at + 3);
    const uint8_t *from = *words;
    size_t i = 0;
    for (; i + 32 <= n && end - from >= 64; i += 32) {
        __m256i ea = look_up(wide, a, context + i);
        __m256i eb = look_up(wide, b, context + i + 8);
        __m256i ec = look_up(wide, c, context + i + 16);
        __m256i ed = look_up(wide, d, context + i + 24);
        a = refill(advance(a, ea), &from);
        b = refill(advance(b, eb), &from);
        c = refill(advance(c, ec), &from);
        d = refill(advance(d, ed), &from);
        put_tokens(token + i, ea, eb, ec, ed);
    }
    _mm256_storeu_si256(at, a);
    _mm256_storeu_si256(at + 1, b);
    _mm256_storeu_si256(at + 2, c);
    _mm256_storeu_si256(at + 3, d);
    *words = from;
    return i;
}

/* The last words of a stream, with zeros behind them as the reference reads. */
static size_t last_rounds(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n)
{
    uint8_t copy[192] = {0};
    size_t left = r->next < r->word_count ? r->word_count - r->next : 0;
    size_t done = 0;
    memcpy(copy, r->words + 2 * (r->word_count - left), 2 * left);
    const uint8_t *at = copy;
    while (done + 32 <= n && at <= copy + 64) {
        done += rounds(r, context + done, token + done, 32, &at, copy + sizeof copy);
    }
    r->next += (size_t)(at - copy) / 2;
    return done;
}

void mlr_rans_decode_avx2(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n)
{
    if (r->tables->wide == NULL || r->lanes != MLR_RANS_LANES) {
        mlr_rans_decode(r, context, token, n);
        return;
    }
    size_t done = 0;
    if (r->next < r->word_count) {
        const uint8_t *at = r->words + 2 * r->next;
        done = rounds(r, context, token, n, &at, r->words + 2 * r->word_count);
        r->next = (size_t)(at - r->words) / 2;
    }
    while (done + 32 <= n) {
        done += last_rounds(r, context + done, token + done, n - done);
    }
    mlr_rans_decode(r, context + done, token + done, n - done);
}

#endif
