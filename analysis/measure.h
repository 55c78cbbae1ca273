/*
 * Everything that can be counted about one tensor pair in one streaming pass. Facts only:
 * nothing here knows what a strategy is. Results are the same for any number of lanes, for
 * the scalar and the vector path, and on every machine.
 *
 * What is exact: counts, extremes, histograms and entropies always; sums are double sums of
 * exact products, compensated over blocks, so means and norms are good to 1e-12. Only
 * quantiles of distances in types wider than 16 bits are rounded up, by 1/16 at most.
 *
 * Elements are those of mlr_numeric_unit() (a complex number is two), bytes for opaque
 * data. Where the shapes differ in one dimension the part both have is compared; where they
 * differ otherwise but hold equally many elements, elements are compared in the order they
 * are stored; else nothing is compared and only the side facts are filled in.
 */
#ifndef MLR_ANALYSIS_MEASURE_H
#define MLR_ANALYSIS_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/histogram.h"
#include "analysis/work.h"
#include "apply/base/pool.h"
#include "apply/base/status.h"
#include "formats/model.h"

/* What a measure holds. */
typedef enum mlr_have {
    MLR_HAVE_OLD = 1,        /* an old tensor was read */
    MLR_HAVE_NEW = 2,        /* a new tensor was read */
    MLR_HAVE_PAIR = 4,       /* both, and they could be compared: changed, delta, ... */
    MLR_HAVE_NUMBERS = 8,    /* values are known: sides, delta */
    MLR_HAVE_BITS = 16,      /* entropies of new */
    MLR_HAVE_ULPS = 32,      /* distances (both sides have one type, whose codes sort) */
    MLR_HAVE_BLOCKS = 64,    /* quantised blocks */
    MLR_HAVE_SIDES = 128,    /* counts and extremes of each side */
    MLR_HAVE_CAST = 256,     /* cast_exact */
    MLR_HAVE_PAIR_BITS = 512 /* entropies of delta and xor: the types agree */
} mlr_have;

/* One side alone. Over finite values, except the counts. */
typedef struct mlr_side {
    uint64_t elements;
    uint64_t nan, infinite, denormal, zero; /* zero counts -0.0 too */
    double min, max;
    double least, most; /* least non-zero and greatest magnitude; 0 where there is none */
    double mean, deviation; /* of all; deviation of the population */
    double l1, l2;
    double dynamic_range_db; /* 20 log10(most / least); 0 where undefined */
} mlr_side;

/* new - old. Over pairs where both values and their difference are finite. */
typedef struct mlr_delta {
    uint64_t elements;   /* such pairs */
    uint64_t sign_flips; /* one negative, the other positive; zeros have no sign */
    double mean, deviation, min, max;
    double most;         /* greatest |delta| */
    uint64_t most_index; /* its first element, in the compared part; 0 where all are 0 */
    double l1, l2;
    double l1_relative, l2_relative; /* to the old side's norm over the same pairs; 0 where
                                        that is 0 */
    double rmse;
    double snr_db;      /* 20 log10(norm of old / norm of delta); +inf for equal values, 0
                           where both are 0 */
    double cosine;      /* of old and new; 0 where a side is 0 */
    double correlation; /* Pearson; 0 where a side is constant */
    double scale;       /* a of the best new = a * old; 0 where old is 0 */
    double scale_rest;  /* norm of new - a * old, relative to the norm of new */
} mlr_delta;

enum { MLR_PLANES = 8 };

/* Order-0 entropies in bits. */
typedef struct mlr_entropies {
    uint8_t planes;      /* bytes of a code */
    uint8_t symbol_bits; /* significant bits of a code; what raw storage costs */
    uint64_t symbols;    /* codes counted: elements, or bytes where there are no codes */
    /* Of a whole code. Codes wider than 16 bits: of the upper 16 bits plus of each byte
       below, which is an upper bound. delta is the difference of ordered codes modulo the
       width. */
    double of_new, of_delta, of_xor;
    double plane_new[MLR_PLANES], plane_delta[MLR_PLANES], plane_xor[MLR_PLANES];
    double sign, exponent,
        mantissa; /* of new; floats only (sign also of signed integers) */
} mlr_entropies;

enum { MLR_ULP_BINS = 66 };

/* How far codes moved along the number line, in steps of the type. NaN pairs not counted.
 */
typedef struct mlr_ulps {
    uint64_t count[MLR_ULP_BINS]; /* [0]: 0; [k]: distance in [2^(k-1), 2^k) */
    uint64_t p50, p90, p99, max;  /* of the distances that are not 0 */
} mlr_ulps;

typedef struct mlr_blocks_changed {
    uint64_t blocks;
    uint64_t same, scales_only, codes_only, both;
} mlr_blocks_changed;

typedef struct mlr_measure {
    uint32_t have;      /* mlr_have */
    bool full;          /* false: only changed_*, delta */
    bool changed_exact; /* false: elements of changed blocks whose values are unknown */
    uint64_t elements;  /* compared */
    uint64_t bytes;     /* of the new side's compared part */
    uint64_t changed_elements; /* values for blocks, retyped; else bits */
    uint64_t changed_bytes;    /* 0 where types differ */
    uint64_t
        cast_exact; /* retyped floats: elements where new is old rounded to new's type */
    mlr_side old_side, new_side;
    mlr_delta delta;
    mlr_entropies bits;
    mlr_ulps ulps;
    mlr_blocks_changed blocks;
} mlr_measure;

/* --- the large facts, for one tensor at a time -------------------------------------------
 */

enum { MLR_GRID = 64, MLR_TOP = 16 };

typedef struct mlr_line {  /* a row, a column, or a group of neighbouring ones */
    uint64_t first, count; /* index and how many */
    uint64_t changed;
    double sum; /* of |delta|; rows only */
} mlr_line;

typedef struct mlr_detail {
    uint64_t rows, cols;           /* the last dimension is a row's length */
    uint32_t grid_rows, grid_cols; /* cells in use: at most MLR_GRID, at most rows, cols */
    /* Cell (r, c) holds rows i with i * grid_rows / rows == r, columns alike. */
    uint64_t grid_changed[MLR_GRID][MLR_GRID];
    double grid_sum[MLR_GRID][MLR_GRID];         /* of |delta| */
    mlr_line top_row[MLR_TOP], top_col[MLR_TOP]; /* most changed first, then larger sum */
    uint32_t top_rows, top_cols;
    mlr_log_histogram old_values, new_values, delta_values;
    /* byte planes, least significant first */
    uint64_t plane_new[MLR_PLANES][256], plane_delta[MLR_PLANES][256],
        plane_xor[MLR_PLANES][256];
} mlr_detail;

/* --- measuring ---------------------------------------------------------------------------
 */

/* A pair, or one tensor alone (the other pointer NULL). All borrowed. */
typedef struct mlr_pair {
    const mlr_model *old_model, *new_model;
    const mlr_tensor *old_tensor, *new_tensor;
} mlr_pair;

struct mlr_measure_kernels;

typedef enum mlr_depth {
    MLR_DEPTH_QUICK, /* change flags, sums, norms of a pair */
    MLR_DEPTH_FULL
} mlr_depth;

typedef struct mlr_measure_options {
    mlr_depth depth;
    const struct mlr_measure_kernels *kernels; /* NULL: the best for this processor */
} mlr_measure_options;

/*
 * Fills `out`, and `detail` unless it is NULL (MLR_DEPTH_FULL only). Reads windows of at
 * most 512 KiB a side and lane; takes about 3 MiB a lane.
 */
mlr_status mlr_measure_pair(mlr_measure *out, mlr_detail *detail, const mlr_pair *pair,
                            const mlr_measure_options *options, const mlr_work *work,
                            mlr_err *err);

#endif
