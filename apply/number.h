/*
 * How the neural strategies see elements: unsigned integers of 1, 2, 4 or 8 bytes, mapped
 * so that they sort like the values they stand for, each with a scale (exponent or bit
 * length).
 */
#ifndef MLR_APPLY_NUMBER_H
#define MLR_APPLY_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "apply/base/cursor.h"
#include "apply/base/dtype.h"

typedef struct mlr_number {
    uint8_t bytes;      /* 1, 2, 4 or 8 */
    bool is_float;      /* else an integer, two's complement if is_signed */
    bool is_signed;     /* of integers */
    uint8_t mantissa;   /* stored bits of the mantissa, 0 for integers */
    uint16_t exp_limit; /* largest value of the exponent field */
    int bias;           /* of the exponent */
    uint64_t mask;      /* all bits */
    uint64_t sign;      /* the top bit */
    uint64_t max_bits;  /* bits of the largest magnitude a prediction may take */
} mlr_number;

/* False for types whose elements are no such numbers. */
bool mlr_number_of(const mlr_dtype *t, mlr_number *out);

static inline uint64_t mlr_number_load(const uint8_t *p, unsigned bytes)
{
    switch (bytes) {
    case 1:
        return p[0];
    case 2:
        return mlr_load16(p);
    case 4:
        return mlr_load32(p);
    default:
        return mlr_load64(p);
    }
}

static inline void mlr_number_store(uint8_t *p, unsigned bytes, uint64_t v)
{
    switch (bytes) {
    case 1:
        p[0] = (uint8_t)v;
        break;
    case 2:
        mlr_store16(p, (uint16_t)v);
        break;
    case 4:
        mlr_store32(p, (uint32_t)v);
        break;
    default:
        mlr_store64(p, v);
        break;
    }
}

/* The bits of an element as an integer that sorts like its value, and back. */
static inline uint64_t mlr_to_ordered(const mlr_number *n, uint64_t x)
{
    if (n->is_float) {
        return (x & n->sign) != 0 ? ~x & n->mask : x | n->sign;
    }
    return n->is_signed ? x ^ n->sign : x;
}

static inline uint64_t mlr_from_ordered(const mlr_number *n, uint64_t o)
{
    if (n->is_float) {
        return (o & n->sign) != 0 ? o ^ n->sign : ~o & n->mask;
    }
    return n->is_signed ? o ^ n->sign : o;
}

/* Index of the highest set bit; v is not 0. */
static inline unsigned mlr_log2_u64(uint64_t v)
{
#if defined(__GNUC__)
    return 63U - (unsigned)__builtin_clzll(v);
#else
    unsigned n = 0;
    while (v >>= 1) {
        n++;
    }
    return n;
#endif
}

/* Exponent field of a float, bit length of an integer's magnitude. */
static inline unsigned mlr_number_scale(const mlr_number *n, uint64_t x)
{
    if (n->is_float) {
        return (unsigned)(x >> n->mantissa) & n->exp_limit;
    }
    uint64_t magnitude = n->is_signed && (x & n->sign) != 0 ? (0 - x) & n->mask : x;
    return magnitude == 0 ? 0 : mlr_log2_u64(magnitude) + 1;
}

/* Signed differences as small unsigned integers: 0, -1, 1, -2, ... */
static inline uint64_t mlr_zigzag(const mlr_number *n, uint64_t d)
{
    return ((d << 1) ^ ((d & n->sign) != 0 ? UINT64_MAX : 0)) & n->mask;
}

static inline uint64_t mlr_unzigzag(uint64_t z)
{
    return (z >> 1) ^ (0 - (z & 1));
}

#endif
