/* Algebra on the small square matrices of the low-rank search, in a fixed order. */
#ifndef MLR_CODEC_SMALL_DENSE_H
#define MLR_CODEC_SMALL_DENSE_H

#include <stddef.h>

#include "codec/lowrank_ops.h"

typedef struct mlr_square {
    double a[MLR_SKETCH][MLR_SKETCH];
} mlr_square;

/* g = y^T y over the first n columns of `rows` lines of MLR_SKETCH floats. */
void mlr_gram_of(const float *y, size_t rows, unsigned n, mlr_square *g);

/* Eigenvalues of a symmetric matrix, largest first, and its vectors as columns; spends g.
 */
void mlr_eigen(mlr_square *g, unsigned n, mlr_square *vectors, double *value);

/* y becomes y * q, line by line. */
void mlr_turn_lines(float *y, size_t rows, unsigned n, const mlr_square *q);

/* Makes the columns orthonormal; those that depend on others become zero. */
void mlr_orthonormal(float *y, size_t rows, unsigned n);

/* Solves gram * x = target by Cholesky with a small ridge; `gram` as mlr_gram() makes it.
 */
void mlr_solve(const float *gram, unsigned rank, float *x);

#endif
