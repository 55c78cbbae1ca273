/*
 * Searches for factors U * V that come near (new - old) of a matrix: a randomised SVD, then
 * least squares in turns with every element weighted by the precision it was rounded to,
 * then integers. Encoder only; the decoder sees the integers.
 */
#ifndef MLR_CODEC_FACTORS_H
#define MLR_CODEC_FACTORS_H

#include "apply/neural.h"
#include "codec/strategy.h"

/* The factors as the decoder will hold them. */
typedef struct mlr_factors {
    unsigned rank; /* 0: nothing pays */
    int shift;
    int16_t *v, *u; /* v first, in one piece of `bytes` */
    size_t bytes;
    uint64_t estimate; /* bits * 65536 that the record may take with them, about */
} mlr_factors;

/*
 * `shape` is the record's model without factors. On success the caller gives f->v back. A
 * record that is no matrix, is too large to be held, or shows no common direction in a
 * sample yields rank 0 at little cost.
 */
mlr_status mlr_lowrank_search(const mlr_encoding *e, const mlr_view *v,
                              const mlr_neural *shape, mlr_factors *f, mlr_err *err);

/* Appends the factors as mlr_neural_prepare() reads them. */
void mlr_factors_write(const mlr_factors *f, uint64_t rows, uint64_t row, mlr_buf *out);

#endif
