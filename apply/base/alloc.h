/* How code above the applier gets memory: an interface, so that tests can meter and fail
 * it. */
#ifndef MLR_APPLY_BASE_ALLOC_H
#define MLR_APPLY_BASE_ALLOC_H

#include <stddef.h>

typedef struct mlr_allocator {
    void *ctx;
    /* Returns n bytes aligned for any object, or NULL. May be called from any thread. */
    void *(*take)(void *ctx, size_t n);
    /* `n` is the size that was taken. NULL is ignored. */
    void (*give)(void *ctx, void *p, size_t n);
} mlr_allocator;

static inline void *mlr_take(const mlr_allocator *a, size_t n)
{
    return a->take(a->ctx, n);
}

static inline void mlr_give(const mlr_allocator *a, void *p, size_t n)
{
    if (p != NULL) {
        a->give(a->ctx, p, n);
    }
}

#endif
