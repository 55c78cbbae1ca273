#include "apply/host/sha256_fast.h"

#if defined(__aarch64__)
#include <arm_neon.h>

/* The next four message words, in place of the oldest four. */
static inline uint32x4_t next_words(uint32x4_t w0, uint32x4_t w1, uint32x4_t w2,
                                    uint32x4_t w3)
{
    return vsha256su1q_u32(vsha256su0q_u32(w0, w1), w2, w3);
}

static inline uint32x4_t load_big(const uint8_t *p)
{
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p)));
}

/* The state as the instructions want it: a to d, and e to h. */
typedef struct halves {
    uint32x4_t abcd, efgh;
} halves;

/* Four rounds with the message words `w`, the first of which is word number `t`. */
static inline void four_rounds(halves *s, uint32x4_t w, unsigned t)
{
    uint32x4_t sum = vaddq_u32(w, vld1q_u32(mlr_sha256_k + t));
    uint32x4_t abcd = s->abcd;
    s->abcd = vsha256hq_u32(abcd, s->efgh, sum);
    s->efgh = vsha256h2q_u32(s->efgh, abcd, sum);
}

static inline halves absorb_block(halves s, const uint8_t *data)
{
    uint32x4_t w0 = load_big(data);
    uint32x4_t w1 = load_big(data + 16);
    uint32x4_t w2 = load_big(data + 32);
    uint32x4_t w3 = load_big(data + 48);
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

void mlr_sha256_blocks_armv8(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    halves s = {vld1q_u32(state), vld1q_u32(state + 4)};
    for (; blocks > 0; blocks--, data += 64) {
        halves before = s;
        s = absorb_block(s, data);
        s.abcd = vaddq_u32(s.abcd, before.abcd);
        s.efgh = vaddq_u32(s.efgh, before.efgh);
    }
    vst1q_u32(state, s.abcd);
    vst1q_u32(state + 4, s.efgh);
}
#endif
