#include "tui/cli/demo_quant.h"

#include <string.h>

#include "tui/cli/demo_num.h"

enum { SMALL = 32, SUPER = 256, TRIES = 7 };

static float magnitude(float x)
{
    return x < 0 ? -x : x;
}

static uint8_t *put_u16(uint8_t *to, uint16_t v)
{
    to[0] = (uint8_t)(v & 0xFF);
    to[1] = (uint8_t)(v >> 8);
    return to + 2;
}

float mlr_demo_scale(const float *x, size_t n, float most)
{
    float peak = 0;
    for (size_t i = 0; i < n; i++) {
        peak = magnitude(x[i]) > peak ? magnitude(x[i]) : peak;
    }
    return peak == 0 ? 1.0F : peak / most;
}

int8_t mlr_demo_code(float x, float scale)
{
    return (int8_t)mlr_demo_round((double)x / (double)scale, -127, 127);
}

static void put_q8_0(uint8_t *to, const float *x)
{
    uint16_t stored = mlr_demo_f16(mlr_demo_scale(x, SMALL, 127.0F));
    float d = mlr_demo_from_f16(stored);
    to = put_u16(to, stored);
    for (size_t i = 0; i < SMALL; i++) {
        to[i] = (uint8_t)(d == 0 ? 0 : mlr_demo_code(x[i], d));
    }
}

/* The value of largest magnitude becomes code 0 (-8 * d), so d may be negative. */
static void put_q4_0(uint8_t *to, const float *x)
{
    float peak = 0;
    for (size_t i = 0; i < SMALL; i++) {
        peak = magnitude(x[i]) > magnitude(peak) ? x[i] : peak;
    }
    uint16_t stored = mlr_demo_f16(peak / -8.0F);
    double d = (double)mlr_demo_from_f16(stored);
    to = put_u16(to, stored);
    for (size_t i = 0; i < SMALL / 2; i++) {
        int low = d == 0 ? 8 : mlr_demo_round((double)x[i] / d + 8, 0, 15);
        int high = d == 0 ? 8 : mlr_demo_round((double)x[i + SMALL / 2] / d + 8, 0, 15);
        to[i] = (uint8_t)(low | high << 4);
    }
}

/* --- Q4_K: value = scale * code - low, per 32 elements
 * ------------------------------------ */

typedef struct affine {
    double scale, low; /* both >= 0 */
} affine;

static affine extremes(const float *x)
{
    float least = 0;
    float most = 0;
    for (size_t i = 0; i < SMALL; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    return (affine){((double)most - (double)least) / 15, -(double)least};
}

static double squared_error(const float *x, affine a)
{
    double sum = 0;
    for (size_t i = 0; i < SMALL; i++) {
        double v = (double)x[i];
        double q = (double)mlr_demo_round((v + a.low) / a.scale, 0, 15);
        double miss = a.scale * q - a.low - v;
        sum += miss * miss;
    }
    return sum;
}

/* Clipping the extremes a little often costs less than the coarser step they demand. */
static affine best_affine(const float *x, mlr_demo_effort effort)
{
    affine best = extremes(x);
    if (effort == MLR_DEMO_PLAIN || best.scale == 0) {
        return best;
    }
    const affine full = best;
    double least = squared_error(x, full);
    for (int t = 1; t <= TRIES; t++) {
        double shrink = 1 - (double)t / 50;
        affine a = {full.scale * shrink, full.low * shrink};
        double miss = squared_error(x, a);
        if (miss < least) {
            least = miss;
            best = a;
        }
    }
    return best;
}

/* Eight 6-bit scales and eight 6-bit lows in twelve bytes (FORMATS: Q4_K, Q5_K). */
static void pack_scales(uint8_t *to, const int *scale, const int *low)
{
    for (size_t j = 0; j < 4; j++) {
        to[j] = (uint8_t)(scale[j] | (scale[j + 4] >> 4) << 6);
        to[j + 4] = (uint8_t)(low[j] | (low[j + 4] >> 4) << 6);
        to[j + 8] = (uint8_t)((scale[j + 4] & 15) | (low[j + 4] & 15) << 4);
    }
}

static int code_of(double v, double scale, double low)
{
    return scale == 0 ? 0 : mlr_demo_round((v + low) / scale, 0, 15);
}

static void put_q4_k(uint8_t *to, const float *x, mlr_demo_effort effort)
{
    affine part[SUPER / SMALL];
    int scale[SUPER / SMALL];
    int low[SUPER / SMALL];
    double most_scale = 0;
    double most_low = 0;
    for (size_t j = 0; j < SUPER / SMALL; j++) {
        part[j] = best_affine(x + j * SMALL, effort);
        most_scale = part[j].scale > most_scale ? part[j].scale : most_scale;
        most_low = part[j].low > most_low ? part[j].low : most_low;
    }
    uint16_t stored = mlr_demo_f16((float)(most_scale / 63));
    uint16_t stored_low = mlr_demo_f16((float)(most_low / 63));
    double d = (double)mlr_demo_from_f16(stored);
    double m = (double)mlr_demo_from_f16(stored_low);
    for (size_t j = 0; j < SUPER / SMALL; j++) {
        scale[j] = d == 0 ? 0 : mlr_demo_round(part[j].scale / d, 0, 63);
        low[j] = m == 0 ? 0 : mlr_demo_round(part[j].low / m, 0, 63);
    }
    to = put_u16(put_u16(to, stored), stored_low);
    pack_scales(to, scale, low);
    to += 12;
    for (size_t j = 0; j < SUPER / SMALL; j += 2) {
        for (size_t i = 0; i < SMALL; i++) {
            const float *v = x + j * SMALL + i;
            int first = code_of((double)v[0], d * scale[j], m * low[j]);
            int second = code_of((double)v[SMALL], d * scale[j + 1], m * low[j + 1]);
            *to++ = (uint8_t)(first | second << 4);
        }
    }
}

/* --- Q6_K: value = d * scale * (code - 32), per 16 elements
 * -------------------------------- */

static void q6_codes(const float *x, double d, const int8_t *scale, uint8_t *code)
{
    for (size_t i = 0; i < SUPER; i++) {
        double step = d * scale[i / 16];
        int q = step == 0 ? 0 : mlr_demo_round((double)x[i] / step, -32, 31);
        code[i] = (uint8_t)(q + 32);
    }
}

static void put_q6_k(uint8_t *to, const float *x)
{
    double step[SUPER / 16];
    int8_t scale[SUPER / 16];
    uint8_t code[SUPER];
    double most = 0;
    for (size_t j = 0; j < SUPER / 16; j++) {
        step[j] = (double)mlr_demo_scale(x + 16 * j, 16, 31.0F);
        most = step[j] > most ? step[j] : most;
    }
    uint16_t stored = mlr_demo_f16((float)(most / 127));
    double d = (double)mlr_demo_from_f16(stored);
    for (size_t j = 0; j < SUPER / 16; j++) {
        scale[j] = (int8_t)(d == 0 ? 0 : mlr_demo_round(step[j] / d, 1, 127));
    }
    q6_codes(x, d, scale, code);
    for (size_t half = 0; half < 2; half++) {
        const uint8_t *c = code + 128 * half;
        uint8_t *low = to + 64 * half;
        uint8_t *high = to + 128 + 32 * half;
        for (size_t i = 0; i < 32; i++) {
            low[i] = (uint8_t)((c[i] & 15) | (c[i + 64] & 15) << 4);
            low[i + 32] = (uint8_t)((c[i + 32] & 15) | (c[i + 96] & 15) << 4);
            high[i] = (uint8_t)(c[i] >> 4 | (c[i + 32] >> 4) << 2 | (c[i + 64] >> 4) << 4 |
                                (c[i + 96] >> 4) << 6);
        }
    }
    memcpy(to + 192, scale, sizeof scale);
    (void)put_u16(to + 208, stored);
}

static void put_block(uint8_t *to, const float *x, mlr_dtype_id type,
                      mlr_demo_effort effort)
{
    switch (type) {
    case MLR_DTYPE_Q8_0:
        put_q8_0(to, x);
        return;
    case MLR_DTYPE_Q4_0:
        put_q4_0(to, x);
        return;
    case MLR_DTYPE_Q4_K:
        put_q4_k(to, x, effort);
        return;
    case MLR_DTYPE_Q6_K:
        put_q6_k(to, x);
        return;
    case MLR_DTYPE_F16:
        (void)put_u16(to, mlr_demo_f16(*x));
        return;
    case MLR_DTYPE_BF16:
        (void)put_u16(to, mlr_demo_bf16(*x));
        return;
    default: /* F32 */
        (void)put_u16(to, (uint16_t)(mlr_demo_float_bits(*x) & 0xFFFF));
        (void)put_u16(to + 2, (uint16_t)(mlr_demo_float_bits(*x) >> 16));
    }
}

size_t mlr_demo_blocks(uint8_t *to, const float *x, size_t n, mlr_dtype_id type,
                       mlr_demo_effort effort)
{
    const mlr_dtype *t = mlr_dtype_get(type);
    size_t at = 0;
    for (size_t i = 0; i < n; i += t->block_items) {
        put_block(to + at, x + i, type, effort);
        at += t->block_bytes;
    }
    return at;
}
