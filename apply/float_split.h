/*
 * How exp-man lays out the elements of a block: signs eight to a byte, then the planes of
 * the exponents, then those of the mantissas, lowest byte first. No old bytes are needed.
 */
#ifndef MLR_APPLY_FLOAT_SPLIT_H
#define MLR_APPLY_FLOAT_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"

enum { MLR_FLOAT_STREAMS = 1 + 2 + 7 };

typedef struct mlr_float_split {
    unsigned width; /* bytes of a lane */
    unsigned exp_bits, man_bits;
    unsigned exp_planes, man_planes, streams;
    size_t lanes;
    size_t size[MLR_FLOAT_STREAMS]; /* plain bytes of each stream */
} mlr_float_split;

/* For a block of n bytes; bytes that are no whole lane go to the last stream's end. */
void mlr_float_split_of(const mlr_dtype *t, size_t n, mlr_float_split *split);

#endif
