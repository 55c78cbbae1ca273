#include "tui/cli/demo_num.h"

#include <string.h>

/* Steele, Lea and Flood's SplitMix64: every seed is good. */
uint64_t mlr_demo_next(mlr_demo_rng *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

mlr_demo_rng mlr_demo_seed(const char *name, uint64_t salt)
{
    uint64_t h = 0xCBF29CE484222325U; /* FNV-1a */
    for (; *name != '\0'; name++) {
        h = (h ^ (uint64_t)(unsigned char)*name) * 0x100000001B3U;
    }
    mlr_demo_rng r = {h ^ (salt * 0xD6E8FEB86659FD93U)};
    (void)mlr_demo_next(&r);
    return r;
}

double mlr_demo_uniform(mlr_demo_rng *r)
{
    return (double)(mlr_demo_next(r) >> 11) * (1.0 / 9007199254740992.0);
}

double mlr_demo_sign(mlr_demo_rng *r)
{
    return (mlr_demo_next(r) >> 63) != 0 ? 1.0 : -1.0;
}

/* Sum of eight 16-bit uniforms: exact in integers, close to normal up to 3 deviations. */
double mlr_demo_gauss(mlr_demo_rng *r)
{
    uint64_t a = mlr_demo_next(r);
    uint64_t b = mlr_demo_next(r);
    int64_t sum = -4 * 65535;
    for (int i = 0; i < 64; i += 16) {
        sum += (int64_t)((a >> i & 0xFFFF) + (b >> i & 0xFFFF));
    }
    /* The variance of the sum is 8 * (65536^2 - 1) / 12. */
    return (double)sum * (1.0 / 53509.94);
}

uint32_t mlr_demo_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

uint16_t mlr_demo_bf16(float x)
{
    uint32_t bits = mlr_demo_float_bits(x);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float mlr_demo_from_bf16(uint16_t bits)
{
    return from_bits((uint32_t)bits << 16);
}

/* Rounds the magnitude to `mantissa` bits with `least` as the smallest normal exponent. */
static uint32_t narrow(float x, int mantissa, int least, uint32_t most)
{
    uint32_t bits = mlr_demo_float_bits(x) & 0x7FFFFFFF;
    int exponent = (int)(bits >> 23) - 127;
    uint32_t whole = (bits & 0x7FFFFF) | 0x800000;
    int shift = 23 - mantissa + (exponent < least ? least - exponent : 0);
    if ((bits >> 23) == 0 || shift > 24) {
        return 0; /* a float below its own normals is far below half of anything here */
    }
    uint32_t kept = whole >> shift;
    uint32_t rest = whole & ((1U << shift) - 1);
    uint32_t half = 1U << (shift - 1);
    kept += rest > half || (rest == half && (kept & 1) != 0) ? 1 : 0;
    uint32_t above = exponent > least ? (uint32_t)(exponent - least) << mantissa : 0;
    return above + kept > most ? most : above + kept;
}

uint16_t mlr_demo_f16(float x)
{
    uint32_t sign = mlr_demo_float_bits(x) >> 31 << 15;
    return (uint16_t)(sign | narrow(x, 10, -14, 0x7BFF));
}

uint8_t mlr_demo_e4m3(float x)
{
    uint32_t sign = mlr_demo_float_bits(x) >> 31 << 7;
    return (uint8_t)(sign | narrow(x, 3, -6, 0x7E));
}

float mlr_demo_from_f16(uint16_t bits)
{
    uint32_t sign = (uint32_t)bits >> 15 << 31;
    uint32_t exponent = bits >> 10 & 0x1F;
    uint32_t mantissa = bits & 0x3FF;
    if (exponent == 0) {
        float x = (float)mantissa * (1.0F / 16777216.0F);
        return sign != 0 ? -x : x;
    }
    return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

int mlr_demo_round(double x, int least, int most)
{
    if (x <= (double)least) {
        return least;
    }
    if (x >= (double)most) {
        return most;
    }
    return x < 0 ? -(int)(0.5 - x) : (int)(x + 0.5);
}
