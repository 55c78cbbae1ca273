/*
 * The one place that calls malloc: an allocator that counts what is in use, can refuse
 * beyond a budget, and can fail on purpose at the n-th request.
 */
#ifndef MLR_APPLY_HOST_HEAP_H
#define MLR_APPLY_HOST_HEAP_H

#include <stdatomic.h>
#include <stddef.h>

#include "apply/base/alloc.h"

typedef struct mlr_heap {
    mlr_allocator alloc;       /* hand &heap.alloc to the library */
    _Atomic size_t used, peak; /* bytes */
    _Atomic size_t takes;      /* requests so far */
    size_t budget;             /* 0: none. Set before first use. */
    size_t fail_at;            /* 0: never; n: the n-th request returns NULL */
    int fail_from_then_on;     /* with fail_at: every later request fails too */
} mlr_heap;

void mlr_heap_init(mlr_heap *h);

#endif
