/*
 * The inner loops of the low-rank search, in plain C that compilers turn into vectors: sums
 * run in fixed lanes and nothing is contracted, so every machine gets the same floats.
 */
#ifndef MLR_CODEC_LOWRANK_OPS_H
#define MLR_CODEC_LOWRANK_OPS_H

#include <stddef.h>

enum {
    MLR_SKETCH = 40,   /* columns of the random sketch */
    MLR_RANK_MAX = 32, /* of the search */
    MLR_GRAM_STRIDE = MLR_RANK_MAX + 8
};

/* y[i] (MLR_SKETCH floats a row) = sum over j of d[i][j] * omega[j] */
void mlr_sketch_rows(float *y, const float *d, const float *omega, size_t rows,
                     size_t columns);

/* z[j] += sum over i of d[i][j] * y[i] */
void mlr_sketch_columns(float *z, const float *d, const float *y, size_t rows,
                        size_t columns);

/*
 * gram[k][l] = sum over j of weight[j] * f[k][j] * f[l][j] for k < rank and k <= l <= rank,
 * where f[rank] is the target. `f` holds rank + 1 lines, rounded up to a multiple of 4, of
 * n floats, n a multiple of 8; `scaled` is scratch of the same size.
 */
void mlr_gram(float *gram, const float *f, float *scaled, const float *weight, size_t rank,
              size_t n);

/* line[j] -= other[j] * x */
void mlr_line_subtract(float *line, const float *other, float x, size_t n);

#endif
