/*
 * Growing bump allocator: many small objects that live and die together, such as the tensor
 * table of one model. Chunks come from an mlr_allocator and are released at once.
 */
#ifndef MLR_APPLY_BASE_POOL_H
#define MLR_APPLY_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"

typedef struct mlr_pool {
    const mlr_allocator *alloc; /* borrowed */
    struct mlr_pool_chunk *chunks;
    size_t used, room; /* of the newest chunk */
    size_t total;      /* bytes taken from the allocator */
} mlr_pool;

void mlr_pool_init(mlr_pool *p, const mlr_allocator *alloc);

/* Returns n zeroed bytes aligned for any object, or NULL. They live until release. */
void *mlr_pool_take(mlr_pool *p, size_t n);

/* A copy of n bytes and a NUL after them, or NULL. */
char *mlr_pool_copy(mlr_pool *p, const void *src, size_t n);

/* Safe on a zeroed pool and twice. */
void mlr_pool_release(mlr_pool *p);

#endif
