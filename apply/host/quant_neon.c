#include "apply/host/neural_neon.h"

#if MLR_HAS_NEON

#include <arm_neon.h>

/* What four codes come to: expected codes, and distance classes with the flip above. */
typedef struct four {
    uint32x4_t code, near;
} four;

/* What all codes of a run share. */
typedef struct line {
    int32x4_t start, ratio, top;
} line;

static inline four settle(const line *l, uint16x4_t old)
{
    int32x4_t x = vmlaq_s32(l->start, vreinterpretq_s32_u32(vmovl_u16(old)), l->ratio);
    x = vminq_s32(vmaxq_s32(x, vdupq_n_s32(0)), l->top);
    int32x4_t half = vdupq_n_s32(1 << (MLR_QUANT_POINT - 1));
    int32x4_t code = vshrq_n_s32(vaddq_s32(x, half), MLR_QUANT_POINT);
    int32x4_t off = vsubq_s32(x, vshlq_n_s32(code, MLR_QUANT_POINT));
    uint32x4_t near =
        vshrq_n_u32(vreinterpretq_u32_s32(vabsq_s32(off)), MLR_QUANT_POINT - 5);
    near = vminq_u32(near, vdupq_n_u32(MLR_QUANT_NEAR - 1));
    uint32x4_t flip = vandq_u32(vcltzq_s32(off), vdupq_n_u32(MLR_QUANT_FLIP));
    return (four){vreinterpretq_u32_s32(code), vorrq_u32(near, flip)};
}

typedef struct sixteen {
    uint8x16_t code, near;
} sixteen;

static inline uint8x8_t bytes_of(uint32x4_t a, uint32x4_t b)
{
    return vmovn_u16(vcombine_u16(vmovn_u32(a), vmovn_u32(b)));
}

static inline sixteen settle_all(const line *l, uint8x16_t old)
{
    uint16x8_t low = vmovl_u8(vget_low_u8(old));
    uint16x8_t high = vmovl_u8(vget_high_u8(old));
    four a = settle(l, vget_low_u16(low));
    four b = settle(l, vget_high_u16(low));
    four c = settle(l, vget_low_u16(high));
    four d = settle(l, vget_high_u16(high));
    return (sixteen){
        .code = vcombine_u8(bytes_of(a.code, b.code), bytes_of(c.code, d.code)),
        .near = vcombine_u8(bytes_of(a.near, b.near), bytes_of(c.near, d.near))};
}

void mlr_requant_run_neon(const mlr_requant *r, const uint8_t *restrict old, size_t n,
                          uint8_t *restrict expected, uint8_t *restrict context)
{
    int32_t one = 1 << MLR_QUANT_POINT;
    line l = {.start = vdupq_n_s32(r->shift - r->zero * r->ratio + r->zero * one),
              .ratio = vdupq_n_s32(r->ratio),
              .top = vdupq_n_s32(r->top * one)};
    uint8x16_t map = vld1q_u8(r->map);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        uint8x16_t was = vld1q_u8(old + i);
        sixteen s = settle_all(&l, was);
        uint8x16_t ctx = vqtbl1q_u8(map, vandq_u8(s.near, vdupq_n_u8(15)));
        ctx = vorrq_u8(ctx, vandq_u8(s.near, vdupq_n_u8(MLR_QUANT_FLIP)));
        if (r->anchor != MLR_ANCHOR_NONE) {
            /* codes beside the ends stay, in a context of their own */
            uint8x16_t ends =
                vorrq_u8(vceqq_u8(was, vdupq_n_u8(1)), vceqq_u8(was, vdupq_n_u8(r->top)));
            s.code = vbslq_u8(ends, was, s.code);
            ctx = vbslq_u8(ends, vdupq_n_u8(r->map[MLR_QUANT_NEAR]), ctx);
        }
        vst1q_u8(expected + i, s.code);
        vst1q_u8(context + i, ctx);
    }
    if (i < n) {
        mlr_requant_run(r, old + i, n - i, expected + i, context + i);
    }
}

#endif
