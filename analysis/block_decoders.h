/*
 * The decoders of ggml blocks, as text: blocks.c compiles them for any processor, and
 * blocks_avx2.c once more with vectors. Nothing is fused, so both give the same bits.
 */
#ifndef MLR_ANALYSIS_BLOCK_DECODERS_H
#define MLR_ANALYSIS_BLOCK_DECODERS_H

#include "analysis/blocks.h"
#include "analysis/small_float.h"
#include "apply/base/cursor.h"

/* One row per block type: its scale bytes, its fields wider than a byte, its decoder. */
typedef struct layout {
    mlr_byte_range scales[2];
    uint16_t
        wide[3]; /* offset of a field of 2 bytes (0xffff: none; with 0x8000: 4 bytes) */
    void (*decode)(const uint8_t *b, double *out);
} layout;

static double half_at(const uint8_t *p)
{
    return mlr_f16_to_f64(mlr_load16(p));
}

/* 32 elements in 16 bytes: low nibbles first, then high nibbles. Codes are made int before
   they become double: for unsigned many processors have no vector instruction. */
static unsigned nibble32(const uint8_t *qs, unsigned i)
{
    return i < 16 ? qs[i] & 15u : (unsigned)qs[i - 16] >> 4;
}

static void q4_0(const uint8_t *b, double *out)
{
    double d = half_at(b);
    for (unsigned i = 0; i < 32; i++) {
        out[i] = d * ((int)nibble32(b + 2, i) - 8);
    }
}

static void q4_1(const uint8_t *b, double *out)
{
    double d = half_at(b), m = half_at(b + 2);
    for (unsigned i = 0; i < 32; i++) {
        out[i] = d * (int)nibble32(b + 4, i) + m;
    }
}

static void q5_0(const uint8_t *b, double *out)
{
    double d = half_at(b);
    uint32_t high = mlr_load32(b + 2);
    for (unsigned i = 0; i < 32; i++) {
        unsigned q = nibble32(b + 6, i) | (high >> i & 1) << 4;
        out[i] = d * ((int)q - 16);
    }
}

static void q5_1(const uint8_t *b, double *out)
{
    double d = half_at(b), m = half_at(b + 2);
    uint32_t high = mlr_load32(b + 4);
    for (unsigned i = 0; i < 32; i++) {
        out[i] = d * (int)(nibble32(b + 8, i) | (high >> i & 1) << 4) + m;
    }
}

static void signed_bytes(double d, const uint8_t *qs, unsigned n, double *out)
{
    for (unsigned i = 0; i < n; i++) {
        out[i] = d * (int8_t)qs[i];
    }
}

static void q8_0(const uint8_t *b, double *out)
{
    signed_bytes(half_at(b), b + 2, 32, out);
}

static void q8_1(const uint8_t *b, double *out)
{
    signed_bytes(half_at(b), b + 4, 32, out);
}

static void q8_k(const uint8_t *b, double *out)
{
    signed_bytes(mlr_f32_to_f64(mlr_load32(b)), b + 4, 256, out);
}

/* Sixteen groups of sixteen: the group's place in the planes of two bits. */
static void q2_k(const uint8_t *b, double *out)
{
    double d = half_at(b + 80), dmin = half_at(b + 82);
    for (unsigned g = 0; g < 16; g++) {
        const uint8_t *qs = b + 16 + 32 * (g / 8) + 16 * (g % 2);
        unsigned shift = 2 * (g / 2 % 4);
        double step = d * (b[g] & 15), offset = dmin * (b[g] >> 4);
        for (unsigned i = 0; i < 16; i++) {
            out[16 * g + i] = step * (int)((unsigned)qs[i] >> shift & 3u) - offset;
        }
    }
}

static void q3_k(const uint8_t *b, double *out)
{
    const uint8_t *s = b + 96;
    double d = half_at(b + 108);
    for (unsigned g = 0; g < 16; g++) {
        unsigned low = g < 8 ? s[g] & 15u : (unsigned)s[g - 8] >> 4;
        unsigned scale = low | ((unsigned)s[8 + g % 4] >> (2 * (g / 4)) & 3u) << 4;
        const uint8_t *qs = b + 32 + 32 * (g / 8) + 16 * (g % 2), *high = b + 16 * (g % 2);
        unsigned shift = 2 * (g / 2 % 4), bit = g / 2;
        double step = d * ((int)scale - 32);
        for (unsigned i = 0; i < 16; i++) {
            int q = (int)((unsigned)qs[i] >> shift & 3u);
            out[16 * g + i] = step * (q + 4 * (high[i] >> bit & 1) - 4);
        }
    }
}

/* The eight six-bit scales and minima that q4_k and q5_k pack into twelve bytes. */
static void scale_min(const uint8_t *s, unsigned k, unsigned *scale, unsigned *min)
{
    if (k < 4) {
        *scale = s[k] & 63u;
        *min = s[k + 4] & 63u;
        return;
    }
    *scale = (s[k + 4] & 15u) | (unsigned)(s[k - 4] >> 6) << 4;
    *min = (unsigned)s[k + 4] >> 4 | (unsigned)(s[k] >> 6) << 4;
}

static void q4_k(const uint8_t *b, double *out)
{
    double d = half_at(b), dmin = half_at(b + 2);
    for (unsigned k = 0; k < 8; k++) {
        unsigned scale, min;
        scale_min(b + 4, k, &scale, &min);
        double step = d * scale, offset = dmin * min;
        for (unsigned l = 0; l < 32; l++) {
            unsigned q = (unsigned)b[16 + 32 * (k / 2) + l] >> (4 * (k % 2)) & 15u;
            out[32 * k + l] = step * (int)q - offset;
        }
    }
}

static void q5_k(const uint8_t *b, double *out)
{
    double d = half_at(b), dmin = half_at(b + 2);
    for (unsigned k = 0; k < 8; k++) {
        unsigned scale, min;
        scale_min(b + 4, k, &scale, &min);
        double step = d * scale, offset = dmin * min;
        for (unsigned l = 0; l < 32; l++) {
            unsigned q = (unsigned)b[48 + 32 * (k / 2) + l] >> (4 * (k % 2)) & 15u;
            q |= (b[16 + l] >> k & 1u) << 4;
            out[32 * k + l] = step * (int)q - offset;
        }
    }
}

static void q6_k(const uint8_t *b, double *out)
{
    double d = half_at(b + 208);
    for (unsigned g = 0; g < 16; g++) {
        unsigned half = g / 8, quarter = g / 2 % 4, from = 16 * (g % 2);
        const uint8_t *low = b + 64 * half + 32 * (quarter % 2) + from;
        const uint8_t *high = b + 128 + 32 * half + from;
        unsigned low_shift = 4 * (quarter / 2), high_shift = 2 * quarter;
        double step = d * (int8_t)b[192 + g];
        for (unsigned i = 0; i < 16; i++) {
            unsigned q = ((unsigned)low[i] >> low_shift & 15u) |
                         ((unsigned)high[i] >> high_shift & 3u) << 4;
            out[16 * g + i] = step * ((int)q - 32);
        }
    }
}

static const int8_t iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

static void iq4_nl(const uint8_t *b, double *out)
{
    double d = half_at(b);
    for (unsigned i = 0; i < 32; i++) {
        out[i] = d * iq4_levels[nibble32(b + 2, i)];
    }
}

static void iq4_xs(const uint8_t *b, double *out)
{
    double d = half_at(b);
    unsigned high = mlr_load16(b + 2);
    for (unsigned k = 0; k < 8; k++) {
        unsigned scale =
            ((unsigned)b[4 + k / 2] >> (4 * (k % 2)) & 15u) | (high >> (2 * k) & 3u) << 4;
        for (unsigned i = 0; i < 32; i++) {
            out[32 * k + i] =
                d * ((int)scale - 32) * iq4_levels[nibble32(b + 8 + 16 * k, i)];
        }
    }
}

static void tq1_0(const uint8_t *b, double *out)
{
    double d = half_at(b + 52);
    for (unsigned i = 0; i < 160; i++) {
        out[i] = d * mlr_trit(b[i % 32], i / 32);
    }
    for (unsigned i = 0; i < 80; i++) {
        out[160 + i] = d * mlr_trit(b[32 + i % 16], i / 16);
    }
    for (unsigned i = 0; i < 16; i++) {
        out[240 + i] = d * mlr_trit(b[48 + i % 4], i / 4);
    }
}

static void tq2_0(const uint8_t *b, double *out)
{
    double d = half_at(b + 64);
    for (unsigned i = 0; i < 256; i++) {
        unsigned q = (unsigned)b[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4)) & 3u;
        out[i] = d * ((int)q - 1);
    }
}

static void mxfp4(const uint8_t *b, double *out)
{
    double d = mlr_e8m0_to_f64(b[0]);
    for (unsigned i = 0; i < 32; i++) {
        out[i] = d * mlr_e2m1_to_f64(nibble32(b + 1, i));
    }
}

static void nvfp4(const uint8_t *b, double *out)
{
    for (unsigned s = 0; s < 4; s++) {
        unsigned code = b[s] & 127u;
        double d = code == 127 ? (double)NAN : mlr_tiny_to_f64(code, 4, 3, 7);
        for (unsigned j = 0; j < 8; j++) {
            out[16 * s + j] = d * mlr_e2m1_to_f64(b[4 + 8 * s + j] & 15u);
            out[16 * s + j + 8] = d * mlr_e2m1_to_f64((unsigned)b[4 + 8 * s + j] >> 4);
        }
    }
}

static void q1_0(const uint8_t *b, double *out)
{
    double d = half_at(b);
    for (unsigned i = 0; i < 128; i++) {
        out[i] = (b[2 + i / 8] >> (i % 8) & 1) != 0 ? d : -d;
    }
}

static void q2_0(const uint8_t *b, double *out)
{
    double d = half_at(b);
    for (unsigned i = 0; i < 64; i++) {
        out[i] = d * ((b[2 + i / 4] >> (2 * (i % 4)) & 3) - 1);
    }
}

#define NO   0xffff
#define FOUR 0x8000
static const layout layouts[MLR_DTYPE_LIMIT] = {
    [MLR_DTYPE_Q4_0] = {{{0, 2}, {0, 0}}, {0, NO, NO}, q4_0},
    [MLR_DTYPE_Q4_1] = {{{0, 4}, {0, 0}}, {0, 2, NO}, q4_1},
    [MLR_DTYPE_Q5_0] = {{{0, 2}, {0, 0}}, {0, FOUR | 2, NO}, q5_0},
    [MLR_DTYPE_Q5_1] = {{{0, 4}, {0, 0}}, {0, 2, FOUR | 4}, q5_1},
    [MLR_DTYPE_Q8_0] = {{{0, 2}, {0, 0}}, {0, NO, NO}, q8_0},
    [MLR_DTYPE_Q8_1] = {{{0, 4}, {0, 0}}, {0, 2, NO}, q8_1},
    [MLR_DTYPE_Q2_K] = {{{0, 16}, {80, 84}}, {80, 82, NO}, q2_k},
    [MLR_DTYPE_Q3_K] = {{{96, 110}, {0, 0}}, {108, NO, NO}, q3_k},
    [MLR_DTYPE_Q4_K] = {{{0, 16}, {0, 0}}, {0, 2, NO}, q4_k},
    [MLR_DTYPE_Q5_K] = {{{0, 16}, {0, 0}}, {0, 2, NO}, q5_k},
    [MLR_DTYPE_Q6_K] = {{{192, 210}, {0, 0}}, {208, NO, NO}, q6_k},
    [MLR_DTYPE_Q8_K] = {{{0, 4}, {0, 0}}, {FOUR | 0, NO, NO}, q8_k},
    [MLR_DTYPE_IQ2_XXS] = {{{0, 2}, {0, 0}}, {0, NO, NO}, NULL},
    [MLR_DTYPE_IQ2_XS] = {{{0, 2}, {66, 74}}, {0, NO, NO}, NULL},
    [MLR_DTYPE_IQ2_S] = {{{0, 2}, {74, 82}}, {0, NO, NO}, NULL},
    [MLR_DTYPE_IQ3_XXS] = {{{0, 2}, {0, 0}}, {0, NO, NO}, NULL},
    [MLR_DTYPE_IQ3_S] = {{{0, 2}, {106, 110}}, {0, NO, NO}, NULL},
    [MLR_DTYPE_IQ1_S] = {{{0, 2}, {0, 0}}, {0, NO, NO}, NULL},
    [MLR_DTYPE_IQ1_M] = {{{48, 56}, {0, 0}}, {NO, NO, NO}, NULL},
    [MLR_DTYPE_IQ4_NL] = {{{0, 2}, {0, 0}}, {0, NO, NO}, iq4_nl},
    [MLR_DTYPE_IQ4_XS] = {{{0, 8}, {0, 0}}, {0, 2, NO}, iq4_xs},
    [MLR_DTYPE_TQ1_0] = {{{52, 54}, {0, 0}}, {52, NO, NO}, tq1_0},
    [MLR_DTYPE_TQ2_0] = {{{64, 66}, {0, 0}}, {64, NO, NO}, tq2_0},
    [MLR_DTYPE_MXFP4] = {{{0, 1}, {0, 0}}, {NO, NO, NO}, mxfp4},
    [MLR_DTYPE_NVFP4] = {{{0, 4}, {0, 0}}, {NO, NO, NO}, nvfp4},
    [MLR_DTYPE_Q1_0] = {{{0, 2}, {0, 0}}, {0, NO, NO}, q1_0},
    [MLR_DTYPE_Q2_0] = {{{0, 2}, {0, 0}}, {0, NO, NO}, q2_0},
};

#endif
