/*
 * Probabilities in 1/65536 and their logits to base 2 in 1/256, as integers, so that every
 * machine mixes alike.
 */
#ifndef MLR_APPLY_MIX_TABLES_H
#define MLR_APPLY_MIX_TABLES_H

#include <stdint.h>

extern const int16_t mlr_mix_stretch_table[512];
extern const uint16_t mlr_mix_squash_table[257];

enum { MLR_LOGIT_MOST = 16 * 256 - 1 };

/* Position of the highest bit that is set; v is not 0. */
static inline unsigned mlr_top_bit(uint32_t v)
{
#if defined(__GNUC__)
    return 31U - (unsigned)__builtin_clz(v);
#else
    unsigned n = 0;
    while (v >>= 1) {
        n++;
    }
    return n;
#endif
}

/* p in [1, 65535] to log2(p / (1 - p)). */
static inline int32_t mlr_stretch(uint32_t p)
{
    uint32_t q = p < 32768 ? p : 65536 - p;
    unsigned top = mlr_top_bit(q);
    uint32_t step = top >= 5 ? (q >> (top - 5)) & 31 : (q << (5 - top)) & 31;
    int32_t v = mlr_mix_stretch_table[top * 32 + step];
    return p < 32768 ? v : -v;
}

/* The inverse; any x. The result is in [1, 65535]. */
static inline uint32_t mlr_squash(int32_t x)
{
    if (x > MLR_LOGIT_MOST) {
        x = MLR_LOGIT_MOST;
    }
    if (x < -MLR_LOGIT_MOST) {
        x = -MLR_LOGIT_MOST;
    }
    uint32_t at = (uint32_t)(x + 4096);
    uint32_t low = mlr_mix_squash_table[at >> 5],
             high = mlr_mix_squash_table[(at >> 5) + 1];
    return low + (((high - low) * (at & 31)) >> 5);
}

#endif
