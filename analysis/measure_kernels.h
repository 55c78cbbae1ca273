/*
 * The inner loops of measuring. The scalar table is the reference; every other table gives
 * the same bits, because both add in the same four lanes and nothing is fused.
 */
#ifndef MLR_ANALYSIS_MEASURE_KERNELS_H
#define MLR_ANALYSIS_MEASURE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"

enum { MLR_LANES = 4 };

/* Sums over a pair; element i of a call goes to lane i % 4. Pairs whose difference is not
   finite are left out. Every call but the last hands over a multiple of 4 elements. */
typedef struct mlr_sums {
    double d[MLR_LANES], abs_d[MLR_LANES], dd[MLR_LANES];
    double o[MLR_LANES], abs_o[MLR_LANES], oo[MLR_LANES];
    double nn[MLR_LANES], on[MLR_LANES];
    double min[MLR_LANES], max[MLR_LANES]; /* of d; start at +inf, -inf */
    uint64_t finite, flips;
} mlr_sums;

/* Sums over one side. */
typedef struct mlr_side_sums {
    double v[MLR_LANES], abs_v[MLR_LANES], vv[MLR_LANES];
    double min[MLR_LANES], max[MLR_LANES]; /* start at +inf, -inf */
    double least[MLR_LANES];               /* non-zero magnitude; starts at +inf */
    uint64_t nan, infinite, denormal, zero;
} mlr_side_sums;

typedef struct mlr_measure_kernels {
    const char *name;
    void (*sums)(mlr_sums *s, const double *o, const double *n, size_t count);
    /* The same from elements of a type; false where only sums() will do. */
    bool (*sums_of)(mlr_sums *s, unsigned dtype, const uint8_t *o, const uint8_t *n,
                    size_t count);
    /* Values of a type; false where mlr_to_f64() must. */
    bool (*widen)(const mlr_dtype *t, const uint8_t *src, size_t count, double *out);
    /* Adds differing elements of `width` bytes to out[0], differing bytes to out[1]. */
    void (*compare)(unsigned width, const uint8_t *o, const uint8_t *n, size_t count,
                    uint64_t out[2]);
    /* 1 for each element that differs, else 0; returns how many do. */
    size_t (*flags)(unsigned width, const uint8_t *o, const uint8_t *n, size_t count,
                    uint8_t *out);
    /* The same for values; two NaN are equal, and so are 0 and -0. */
    size_t (*differ)(const double *o, const double *n, size_t count, uint8_t *out);
    /* n - o, and 0 where that is not finite. */
    void (*delta)(const double *o, const double *n, size_t count, double *out);
    void (*side)(mlr_side_sums *s, const double *v, size_t count, double least_normal);
    /* Sum of flags, and of |d| by four lanes added pairwise. */
    double (*cell)(const uint8_t *flags, const double *d, size_t count, uint64_t *changed);
    /* to[i] += flags[i] */
    void (*columns)(uint32_t *to, const uint8_t *flags, size_t count);
} mlr_measure_kernels;

extern const mlr_measure_kernels mlr_measure_scalar;

#if defined(__x86_64__)
extern const mlr_measure_kernels mlr_measure_avx2;
#endif

/* The fastest table this processor runs. */
const mlr_measure_kernels *mlr_measure_best(void);

/* Zero sums with open ranges. */
mlr_sums mlr_sums_start(void);
mlr_side_sums mlr_side_sums_start(void);

#endif
