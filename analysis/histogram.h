/* Histograms of fixed size over values, distances and bytes, and what follows from them. */
#ifndef MLR_ANALYSIS_HISTOGRAM_H
#define MLR_ANALYSIS_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Values by sign and power of two, on one axis for every type: bin i counts magnitudes in
 * [2^(i - MLR_LOG_BIAS), 2^(i - MLR_LOG_BIAS + 1)). f64 magnitudes beyond the axis fall
 * into its first or last bin, its denormals count as zero; every other type fits.
 */
enum { MLR_LOG_BINS = 320, MLR_LOG_BIAS = 160 };

typedef struct mlr_log_histogram {
    uint64_t positive[MLR_LOG_BINS], negative[MLR_LOG_BINS];
    uint64_t zero, infinite, nan;
} mlr_log_histogram;

/* Counts `n` values that equal `value`. */
void mlr_log_add(mlr_log_histogram *h, double value, uint64_t n);

static inline bool mlr_eight_zeros(const uint64_t *c)
{
    return (c[0] | c[1] | c[2] | c[3] | c[4] | c[5] | c[6] | c[7]) == 0;
}

/* The first count from `i` on that is not 0; `n` where there is none. Large tables of small
   tensors are mostly zeros. */
static inline size_t mlr_next_count(const uint64_t *count, size_t i, size_t n)
{
    while (i < n && count[i] == 0) {
        i++;
        while (i % 8 == 0 && i + 8 <= n && mlr_eight_zeros(count + i)) {
            i += 8;
        }
    }
    return i;
}

/* Shannon entropy of a table of counts in bits a symbol; 0 for an empty table. */
double mlr_entropy64(const uint64_t *count, size_t n);

/*
 * Distances by value up to 31 and by sixteenths of a power of two above, so that a quantile
 * is exact up to 31 and at most 1/16 too large above.
 */
enum { MLR_DISTANCE_BINS = 32 + 59 * 16 };

static inline unsigned mlr_distance_bin(uint64_t d)
{
    if (d < 32) {
        return (unsigned)d;
    }
    unsigned log = 63u - (unsigned)__builtin_clzll(d);
    return 32 + (log - 5) * 16 + (unsigned)(d >> (log - 4) & 15);
}

/* The largest distance of a bin. */
uint64_t mlr_distance_of_bin(unsigned bin);

#endif
