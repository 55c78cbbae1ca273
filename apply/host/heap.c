#include "apply/host/heap.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static void raise_peak(mlr_heap *h, size_t used)
{
    size_t peak = atomic_load_explicit(&h->peak, memory_order_relaxed);
    while (used > peak && !atomic_compare_exchange_weak_explicit(&h->peak, &peak, used,
                                                                 memory_order_relaxed,
                                                                 memory_order_relaxed)) {
    }
}

/* Books n bytes, or refuses where the budget or the address space does not hold them. */
static bool book(mlr_heap *h, size_t n)
{
    size_t limit = h->budget == 0 ? SIZE_MAX : h->budget;
    size_t used = atomic_load_explicit(&h->used, memory_order_relaxed);
    do {
        if (n > limit || used > limit - n) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(
        &h->used, &used, used + n, memory_order_relaxed, memory_order_relaxed));
    raise_peak(h, used + n);
    return true;
}

static bool fails_on_purpose(mlr_heap *h)
{
    size_t nth = atomic_fetch_add_explicit(&h->takes, 1, memory_order_relaxed) + 1;
    return h->fail_at != 0 &&
           (nth == h->fail_at || (nth > h->fail_at && h->fail_from_then_on != 0));
}

static void *take(void *ctx, size_t n)
{
    mlr_heap *h = ctx;
    if (fails_on_purpose(h) || !book(h, n)) {
        return NULL;
    }
    void *p = malloc(n == 0 ? 1 : n);
    if (p == NULL) {
        atomic_fetch_sub_explicit(&h->used, n, memory_order_relaxed);
    }
    return p;
}

static void give(void *ctx, void *p, size_t n)
{
    mlr_heap *h = ctx;
    if (p == NULL) {
        return;
    }
    atomic_fetch_sub_explicit(&h->used, n, memory_order_relaxed);
    free(p);
}

void mlr_heap_init(mlr_heap *h)
{
    h->alloc = (mlr_allocator){.ctx = h, .take = take, .give = give};
    atomic_init(&h->used, 0);
    atomic_init(&h->peak, 0);
    atomic_init(&h->takes, 0);
    h->budget = 0;
    h->fail_at = 0;
    h->fail_from_then_on = 0;
}
