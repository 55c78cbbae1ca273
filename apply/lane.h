/*
 * How the bytes of an element are taken as a number when old and new are compared: its
 * width, and whether it is a float, an integer or several small codes in a byte. Not for
 * the meaning of values.
 */
#ifndef MLR_APPLY_LANE_H
#define MLR_APPLY_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/cursor.h"
#include "apply/base/dtype.h"
#include "apply/base/mem.h"

typedef enum mlr_lane_kind {
    MLR_LANE_INT,    /* two's complement or unsigned: the difference wraps */
    MLR_LANE_FLOAT,  /* sign and magnitude, compared in the order of the values */
    MLR_LANE_NIBBLE, /* two codes of 4 bits in a byte */
    MLR_LANE_CRUMB   /* four codes of 2 bits in a byte */
} mlr_lane_kind;

typedef struct mlr_lane {
    uint8_t width; /* bytes: 1, 2, 4 or 8 */
    uint8_t kind;  /* mlr_lane_kind */
} mlr_lane;

/* Types whose elements are not told apart are lanes of one byte. */
mlr_lane mlr_lane_of(const mlr_dtype *t);

/*
 * Lane loads and stores, little-endian at any address. The memcpy form is the one that
 * hosted compilers turn into vector code.
 */
#if defined(__STDC_HOSTED__) && __STDC_HOSTED__ && defined(__BYTE_ORDER__) &&              \
    defined(__ORDER_LITTLE_ENDIAN__)
#define MLR_LANE_MEMCPY (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#else
#define MLR_LANE_MEMCPY 0
#endif

static inline uint16_t mlr_lane_get16(const uint8_t *p)
{
#if MLR_LANE_MEMCPY
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return mlr_load16(p);
#endif
}

static inline uint32_t mlr_lane_get32(const uint8_t *p)
{
#if MLR_LANE_MEMCPY
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return mlr_load32(p);
#endif
}

static inline uint64_t mlr_lane_get64(const uint8_t *p)
{
#if MLR_LANE_MEMCPY
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return mlr_load64(p);
#endif
}

static inline void mlr_lane_put16(uint8_t *p, uint16_t v)
{
#if MLR_LANE_MEMCPY
    memcpy(p, &v, sizeof v);
#else
    mlr_store16(p, v);
#endif
}

static inline void mlr_lane_put32(uint8_t *p, uint32_t v)
{
#if MLR_LANE_MEMCPY
    memcpy(p, &v, sizeof v);
#else
    mlr_store32(p, v);
#endif
}

static inline void mlr_lane_put64(uint8_t *p, uint64_t v)
{
#if MLR_LANE_MEMCPY
    memcpy(p, &v, sizeof v);
#else
    mlr_store64(p, v);
#endif
}

static inline uint8_t mlr_lane_get8(const uint8_t *p)
{
    return *p;
}

static inline void mlr_lane_put8(uint8_t *p, uint8_t v)
{
    *p = v;
}

/*
 * For each width: `order` maps float bits to integers that sort like the values (all bits
 * of negatives flipped, the sign bit of the others), `unorder` maps them back; `fold` maps
 * differences to 0, -1, 1, -2 ... = 0, 1, 2, 3 ... and `unfold` back.
 */
#define MLR_LANE_MAPS(bits)                                                                \
    static inline uint##bits##_t mlr_order##bits(uint##bits##_t u)                         \
    {                                                                                      \
        uint##bits##_t sign = (uint##bits##_t)((uint##bits##_t)1 << (bits - 1));           \
        uint##bits##_t neg = (uint##bits##_t)(0 - (u >> (bits - 1)));                      \
        return (uint##bits##_t)(u ^ (neg | sign));                                         \
    }                                                                                      \
    static inline uint##bits##_t mlr_unorder##bits(uint##bits##_t m)                       \
    {                                                                                      \
        uint##bits##_t sign = (uint##bits##_t)((uint##bits##_t)1 << (bits - 1));           \
        uint##bits##_t neg = (uint##bits##_t)((m >> (bits - 1)) - 1);                      \
        return (uint##bits##_t)(m ^ (neg | sign));                                         \
    }                                                                                      \
    static inline uint##bits##_t mlr_fold##bits(uint##bits##_t d)                          \
    {                                                                                      \
        uint##bits##_t neg = (uint##bits##_t)(0 - (d >> (bits - 1)));                      \
        return (uint##bits##_t)((uint##bits##_t)(d << 1) ^ neg);                           \
    }                                                                                      \
    static inline uint##bits##_t mlr_unfold##bits(uint##bits##_t z)                        \
    {                                                                                      \
        uint##bits##_t neg = (uint##bits##_t)(0 - (z & 1));                                \
        return (uint##bits##_t)((uint##bits##_t)(z >> 1) ^ neg);                           \
    }

MLR_LANE_MAPS(8)
MLR_LANE_MAPS(16)
MLR_LANE_MAPS(32)
MLR_LANE_MAPS(64)

#endif
