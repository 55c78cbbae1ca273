/*
 * A rough price of the change in every stretch of a record, from one fast pass over both
 * sides: what lets a few encoded pieces speak for the whole. Only forecasts use it.
 */
#ifndef MLR_CODEC_CHANGE_COST_H
#define MLR_CODEC_CHANGE_COST_H

#include "codec/strategy.h"

enum { MLR_COST_CELL = 64 << 10 }; /* new bytes that are priced together, at least */

typedef struct mlr_change_cost {
    double
        *sum; /* sum[i]: price of all cells before the i-th, in bits; cells + 1 of them */
    size_t cells;
    uint64_t cell_bytes, bytes;
    const mlr_allocator *alloc;
} mlr_change_cost;

/*
 * Reads the record once. Where there is nothing to compare (`plain`, no old bytes, another
 * type) every byte has the same price and nothing is read.
 */
mlr_status mlr_change_cost_make(mlr_change_cost *out, const mlr_encoding *e,
                                const mlr_view *v, bool plain, mlr_err *err);
void mlr_change_cost_release(mlr_change_cost *c); /* safe on a zeroed one */

/* The price of `n` bytes from `first` on; between cell borders it is interpolated. */
double mlr_change_cost_of(const mlr_change_cost *c, uint64_t first, uint64_t n);

#endif
