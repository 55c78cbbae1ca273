/* Sorts places in files by their offsets. */
#ifndef MLR_FORMATS_PLACE_SORT_H
#define MLR_FORMATS_PLACE_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/pool.h"

typedef struct mlr_place {
    uint64_t off;
    uint32_t member;
    uint32_t rank; /* the last criterion */
} mlr_place;

/*
 * By member, offset, rank. Returns where the n sorted places are: at `at`, or in room taken
 * from `scratch`; NULL when memory is gone. n log n at worst; linear and without memory
 * where they are in order already, as in most files.
 */
mlr_place *mlr_place_sort(mlr_place *at, size_t n, mlr_pool *scratch);

#endif
