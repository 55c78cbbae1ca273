/*
 * Predictions of a chunk of quantised blocks: super-scales from the old ones, group scales
 * and codes by requantising old values, each with the context it is coded in. Integer
 * arithmetic with one defined rounding; any scale, NaN too, gives some prediction.
 */
#ifndef MLR_APPLY_QUANT_PREDICT_H
#define MLR_APPLY_QUANT_PREDICT_H

#include "apply/quant_block.h"

enum {
    MLR_QUANT_POINT = 16, /* positions are codes with so many bits after the point */
    MLR_QUANT_NEAR = 16,  /* classes of the distance to the rounding edge */
    MLR_QUANT_EDGES = 17, /* the last: codes that the largest value of a group keeps */
    MLR_QUANT_NOISES = 7, /* classes of the new scale: the smaller, the more changes */
    MLR_QUANT_FLIP = 0x80 /* in a context: the residual's sign is turned around */
};

/* The kinds of numbers in a block, in coding order. */
typedef enum mlr_quant_kind {
    MLR_QUANT_SUPER, /* two bytes each: f16, or a byte and a zero */
    MLR_QUANT_SUB,
    MLR_QUANT_CODE,
    MLR_QUANT_KINDS
} mlr_quant_kind;

/* Position of a code = shift + (code - zero) * ratio, for codes under one scale. */
typedef struct mlr_requant {
    int32_t ratio, shift; /* within +-2^22 */
    uint8_t zero, top;
    uint8_t anchor;
    const uint8_t *map; /* MLR_QUANT_EDGES raw contexts to tables */
} mlr_requant;

void mlr_requant_run(const mlr_requant *r, const uint8_t *restrict old, size_t n,
                     uint8_t *restrict expected, uint8_t *restrict context);

typedef void (*mlr_requant_fn)(const mlr_requant *r, const uint8_t *restrict old, size_t n,
                               uint8_t *restrict expected, uint8_t *restrict context);

/* Scales of tensors whose data has none: element i is under scale i / inner % count. */
typedef struct mlr_quant_channels {
    const int32_t *ratio; /* old scale / new scale, MLR_QUANT_POINT bits after the point */
    uint64_t count, inner;
    uint8_t zero;  /* old code of zero, as ordered number */
    int32_t shift; /* from there to the new one, as a position */
} mlr_quant_channels;

typedef struct mlr_quant_chunk {
    const mlr_quant_shape *shape;
    const mlr_quant_parts *old;
    const mlr_quant_parts *now; /* the kinds coded before are known */
    size_t blocks;
    int32_t top;        /* scale size of the first noise class */
    const uint8_t *map; /* raw contexts of the kind to tables, all below 64 */
    uint8_t *expected;  /* out: ordered numbers, as wide as the kind's */
    uint8_t *context;   /* out: table, with MLR_QUANT_FLIP */
    uint8_t *detail;    /* out, or NULL: class of the change of scale, or the channel */
    const mlr_quant_channels *channels; /* of shapes without scales */
    uint64_t first; /* element of the record that the chunk begins with */
    mlr_requant_fn requant;
} mlr_quant_chunk;

/* Numbers of a kind in so many blocks. */
size_t mlr_quant_numbers(const mlr_quant_shape *s, unsigned kind, size_t blocks);

/* A kind's raw contexts: classes x edges of them, at most 128. */
unsigned mlr_quant_classes(unsigned kind);
unsigned mlr_quant_edges(unsigned kind);

void mlr_quant_predict(const mlr_quant_chunk *c, unsigned kind);

/* Size of a group's new scale, what its noise class follows from. */
int32_t mlr_quant_group_size(const mlr_quant_chunk *c, size_t block, size_t group);

/* A scale as a mantissa, below 2^30 either way, and a power of two. */
typedef struct mlr_scale {
    int64_t mantissa; /* 0: no scale, or no number */
    int32_t exponent;
} mlr_scale;

mlr_scale mlr_scale_of_f16(uint16_t bits);
mlr_scale mlr_scale_of_f32(uint32_t bits);

/* a / b in fixed point, rounded to nearest; false where it is not within +-2^22. */
bool mlr_scale_ratio(mlr_scale a, mlr_scale b, int32_t *out);

/* Twice the binary logarithm of a scale's size, rounded down; INT32_MIN of none. */
int32_t mlr_scale_size(mlr_scale a);

#endif
