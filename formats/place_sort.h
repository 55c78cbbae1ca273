/* Sorts places in files by their offsets. */
#ifndef MLR_FORMATS_PLACE_SORT_H
#define MLR_FORMATS_PLACE_SORT_H

#include <stddef.h>
#include <stdint.h>

typedef struct mlr_place {
    uint64_t off;
    uint32_t member;
    uint32_t rank; /* the last criterion */
} mlr_place;

/*
 * By member, offset, rank. Returns `at` or `spare`, both of n places, whichever holds the
 * result. n log n at worst, linear where the places are in order already.
 */
mlr_place *mlr_place_sort(mlr_place *at, mlr_place *spare, size_t n);

#endif
