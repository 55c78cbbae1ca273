/* Floats of at most 16 bits to double, exactly. */
#ifndef MLR_ANALYSIS_SMALL_FLOAT_H
#define MLR_ANALYSIS_SMALL_FLOAT_H

#include <math.h>
#include <stdint.h>

#include "apply/base/mem.h"

static inline double mlr_bits_to_f64(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline uint64_t mlr_f64_to_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline double mlr_f32_to_f64(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return (double)v;
}

/* Half precision: scaling the shifted bits handles denormals without a branch. */
static inline double mlr_f16_to_f64(uint16_t h)
{
    uint64_t sign = (uint64_t)(h & 0x8000) << 48;
    uint64_t body = (uint64_t)(h & 0x7fff) << 42;
    if ((h & 0x7c00) == 0x7c00) {
        return mlr_bits_to_f64(sign | 0x7ff0000000000000 | body);
    }
    return mlr_bits_to_f64(sign | mlr_f64_to_bits(mlr_bits_to_f64(body) * 0x1p1008));
}

/* 2^(code - 127); 255 is NaN. */
static inline double mlr_e8m0_to_f64(uint8_t code)
{
    return code == 255 ? (double)NAN : ldexp(1.0, code - 127);
}

/* A finite float of `exp_bits` and `man_bits` with the given bias; no NaN, no infinity. */
static inline double mlr_tiny_to_f64(unsigned code, unsigned exp_bits, unsigned man_bits,
                                     int bias)
{
    unsigned man = code & ((1u << man_bits) - 1);
    unsigned exp = code >> man_bits & ((1u << exp_bits) - 1);
    int shift = (exp == 0 ? 1 : (int)exp) - bias - (int)man_bits;
    double v = ldexp((double)(exp == 0 ? man : man | 1u << man_bits), shift);
    return (code >> (exp_bits + man_bits) & 1) != 0 ? -v : v;
}

/* Four bits: a sign, two of exponent, one of fraction. */
static inline double mlr_e2m1_to_f64(unsigned code)
{
    static const double table[16] = {0,    .5,  1,  1.5,  2,  3,  4,  6,
                                     -0.0, -.5, -1, -1.5, -2, -3, -4, -6};
    return table[code & 15];
}

/* Five base-3 digits a byte, stored as a fraction of 256, most significant digit first. */
static inline int mlr_trit(uint8_t byte, unsigned n)
{
    static const uint8_t power[5] = {1, 3, 9, 27, 81};
    uint8_t shifted = (uint8_t)(byte * power[n]);
    return (shifted * 3 >> 8) - 1;
}

#endif
