/*
 * How factors are written: a column of them is close to normal, so its spread alone tells
 * the chances of all but the lowest bits, which are even; what is learned on the way
 * corrects the shape. Reader and writer share the chances.
 */
#ifndef MLR_APPLY_FACTOR_CODE_H
#define MLR_APPLY_FACTOR_CODE_H

#include "apply/bits.h"

enum {
    MLR_FACTOR_SPREADS = 64, /* in quarters of an octave; 4 stands for one */
    MLR_FACTOR_TREE_LOG = 5,
    MLR_FACTOR_TREE =
        1 << MLR_FACTOR_TREE_LOG, /* sizes known by the tree; the last: above */
    MLR_FACTOR_MORE = 12,         /* bits of what is above */
    MLR_FACTOR_LIMIT = 250        /* of the tree's learning */
};

typedef struct mlr_factor_model {
    unsigned low; /* even bits of a size */
    mlr_bit tree[MLR_FACTOR_TREE];
    mlr_bit more[MLR_BITS_ROOM(1, MLR_FACTOR_MORE)];
} mlr_factor_model;

/* Begins a column whose factors have this spread. */
void mlr_factor_model_begin(mlr_factor_model *m, unsigned spread);

/* How often, of 65536 and a few, a size leads to each leaf of the tree. */
void mlr_factor_shares(unsigned spread, uint32_t *share);

/* Even bits of sizes with this spread. */
unsigned mlr_factor_low(unsigned spread);

/* False where the stream has none that fits. */
bool mlr_factor_get(mlr_bits *d, mlr_factor_model *m, int16_t *out);

#endif
