/* Progress out, cancellation in: one callback serves both. */
#ifndef MLR_APPLY_BASE_TICK_H
#define MLR_APPLY_BASE_TICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Called between bounded units of work. Returning false makes the running operation return
 * MLR_E_CANCELLED once it has released what it took. Where work is spread over an mlr_exec
 * the callback may run on any of its threads, never on two at once.
 */
typedef struct mlr_tick {
    void *ctx;
    bool (*keep_going)(void *ctx, uint64_t done, uint64_t total);
} mlr_tick;

/* A NULL tick, or one without a callback, never cancels. */
static inline bool mlr_keep_going(const mlr_tick *tick, uint64_t done, uint64_t total)
{
    return tick == NULL || tick->keep_going == NULL ||
           tick->keep_going(tick->ctx, done, total);
}

#endif
