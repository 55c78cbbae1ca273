#include "apply/host/neural_neon.h"

#if MLR_HAS_NEON

#include <arm_neon.h>

/* For each set of lanes that need a word: which bytes of the next words each lane takes,
   with zeros above them. */
static const uint8_t order[16][16] = {
#define L(m, i) ((m) >> (i)&1)
#define C(m, i)                                                                            \
    ((i) == 0   ? 0                                                                        \
     : (i) == 1 ? L(m, 0)                                                                  \
     : (i) == 2 ? L(m, 0) + L(m, 1)                                                        \
                : L(m, 0) + L(m, 1) + L(m, 2))
#define LANE(m, i) 2 * C(m, i), 2 * C(m, i) + 1, 255, 255
#define ROW(m)                                                                             \
    {                                                                                      \
        LANE(m, 0), LANE(m, 1), LANE(m, 2), LANE(m, 3)                                     \
    }
#define R4(m) ROW(m), ROW((m) + 1), ROW((m) + 2), ROW((m) + 3)
    R4(0), R4(4), R4(8), R4(12)};

static inline uint32x4_t look_up(const uint32_t *wide, uint32x4_t state, uint16x4_t table)
{
    uint32x4_t slot = vandq_u32(state, vdupq_n_u32(MLR_RANS_SCALE - 1));
    slot = vorrq_u32(slot, vshll_n_u16(table, MLR_RANS_BITS));
    uint32x4_t e = vdupq_n_u32(wide[vgetq_lane_u32(slot, 0)]);
    e = vld1q_lane_u32(wide + vgetq_lane_u32(slot, 1), e, 1);
    e = vld1q_lane_u32(wide + vgetq_lane_u32(slot, 2), e, 2);
    return vld1q_lane_u32(wide + vgetq_lane_u32(slot, 3), e, 3);
}

static inline uint32x4_t advance(uint32x4_t state, uint32x4_t entry)
{
    uint32x4_t freq = vaddq_u32(vshrq_n_u32(entry, 20), vdupq_n_u32(1));
    uint32x4_t bias = vandq_u32(vshrq_n_u32(entry, 8), vdupq_n_u32(MLR_RANS_SCALE - 1));
    return vmlaq_u32(bias, freq, vshrq_n_u32(state, MLR_RANS_BITS));
}

/* Refills the lanes below 2^16 from *words and moves it on. */
static inline uint32x4_t refill(uint32x4_t state, const uint8_t **words)
{
    static const uint32_t bit[4] = {1, 2, 4, 8};
    uint32x4_t low = vceqzq_u32(vshrq_n_u32(state, 16));
    uint32_t mask = vaddvq_u32(vandq_u32(low, vld1q_u32(bit)));
    uint8x16_t next = vcombine_u8(vld1_u8(*words), vdup_n_u8(0));
    uint32x4_t word = vreinterpretq_u32_u8(vqtbl1q_u8(next, vld1q_u8(order[mask])));
    *words += 2 * (size_t)__builtin_popcount(mask);
    return vbslq_u32(low, vorrq_u32(vshlq_n_u32(state, 16), word), state);
}

/* Eight elements: two vectors of states. */
static inline uint8x8_t eight(const uint32_t *wide, uint32x4_t *a, uint32x4_t *b,
                              const uint8_t *context, const uint8_t **words)
{
    uint8x8_t table = vand_u8(vld1_u8(context), vdup_n_u8(MLR_RANS_TABLES - 1));
    uint16x8_t both = vmovl_u8(table);
    uint32x4_t ea = look_up(wide, *a, vget_low_u16(both));
    uint32x4_t eb = look_up(wide, *b, vget_high_u16(both));
    *a = refill(advance(*a, ea), words);
    *b = refill(advance(*b, eb), words);
    return vmovn_u16(vcombine_u16(vmovn_u32(ea), vmovn_u32(eb)));
}

/* Decodes whole rounds of 32 while at least 32 words are left; returns elements done. */
static size_t rounds(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n,
                     const uint8_t **words, const uint8_t *end)
{
    enum { VECTORS = MLR_RANS_LANES / 4 };
    const uint32_t *wide = r->tables->wide;
    const uint8_t *from = *words;
    uint32x4_t state[VECTORS];
    for (unsigned k = 0; k < VECTORS; k++) {
        state[k] = vld1q_u32(r->state + 4 * k);
    }
    size_t i = 0;
    for (; i + MLR_RANS_LANES <= n && end - from >= 2 * MLR_RANS_LANES;
         i += MLR_RANS_LANES) {
        for (unsigned k = 0; k < VECTORS; k += 2) {
            size_t at = i + 4 * k;
            vst1_u8(token + at, eight(wide, &state[k], &state[k + 1], context + at, &from));
        }
    }
    for (unsigned k = 0; k < VECTORS; k++) {
        vst1q_u32(r->state + 4 * k, state[k]);
    }
    *words = from;
    return i;
}

void mlr_rans_decode_neon(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n)
{
    size_t done = 0;
    if (r->tables->wide != NULL && r->lanes == MLR_RANS_LANES && r->next < r->word_count) {
        const uint8_t *at = r->words + 2 * r->next;
        done = rounds(r, context, token, n, &at, r->words + 2 * r->word_count);
        r->next = (size_t)(at - r->words) / 2;
    }
    mlr_rans_decode(r, context + done, token + done, n - done);
}

#endif
