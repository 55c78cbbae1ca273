/*
 * Map from byte strings to numbers, for names out of a file: what a name was used for, how
 * often it was seen. Rows keep the order of their insertion.
 */
#ifndef MLR_FORMATS_STRMAP_H
#define MLR_FORMATS_STRMAP_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/pool.h"
#include "formats/key_index.h"
#include "formats/model.h"

typedef struct mlr_strmap_row {
    mlr_str key; /* in the pool */
    uint64_t value;
} mlr_strmap_row;

typedef struct mlr_strmap {
    mlr_pool *pool; /* borrowed; holds rows and copies of the keys */
    mlr_key_index index;
    mlr_strmap_row *row;
    size_t room; /* rows that fit; index.count are there */
} mlr_strmap;

void mlr_strmap_init(mlr_strmap *m, mlr_pool *pool);

/* The value of `key`, or NULL where it is absent. */
uint64_t *mlr_strmap_find(const mlr_strmap *m, mlr_str key);

/* The value of `key`, which is added as 0 where it is absent; valid until the next call.
   NULL: no memory. */
uint64_t *mlr_strmap_at(mlr_strmap *m, mlr_str key);

#endif
