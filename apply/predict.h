/*
 * What a neural model expects of new elements before it has seen them: their bits, and the
 * context in which the residual is coded. The same function serves encoder and decoder.
 */
#ifndef MLR_APPLY_PREDICT_H
#define MLR_APPLY_PREDICT_H

#include "apply/neural.h"

/* Up to MLR_NEURAL_CHUNK neighbouring elements of one block. */
typedef struct mlr_chunk {
    const mlr_neural *model;
    uint64_t element; /* of the record */
    size_t before;    /* elements of the block before these, known already */
    size_t n;
    const uint8_t *old; /* of these elements; `before` older ones lie in front */
    const uint8_t *out; /* likewise; only what lies in front is read */
    uint8_t *expected;  /* n ordered integers as wide as new elements */
    uint8_t *context;   /* n table numbers, MLR_NEURAL_FLIP on top */
    int32_t *sums;      /* n + 8 products; only where the model has factors */
} mlr_chunk;

void mlr_predict(const mlr_chunk *c);

/* U * V of the chunk's elements. */
typedef void (*mlr_dot_fn)(int32_t *sums, const int16_t *u, const int16_t *v, size_t stride,
                           unsigned pairs, size_t n);
void mlr_dot(int32_t *sums, const int16_t *u, const int16_t *v, size_t stride,
             unsigned pairs, size_t n);
void mlr_predict_sums(const mlr_chunk *c, mlr_dot_fn dot);

#endif
