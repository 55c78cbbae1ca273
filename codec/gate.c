#include "codec/gate.h"

/* Whoever finds the callback free calls it; the others only look at the last answer. */
static bool poll_outer(void *ctx, uint64_t done, uint64_t total)
{
    mlr_gate *g = ctx;
    (void)done;
    (void)total;
    if (atomic_load(&g->stopped)) {
        return false;
    }
    if (!atomic_flag_test_and_set(&g->busy)) {
        if (!mlr_keep_going(g->outer, atomic_load(&g->done), g->total)) {
            atomic_store(&g->stopped, true);
        }
        atomic_flag_clear(&g->busy);
    }
    return !atomic_load(&g->stopped);
}

void mlr_gate_init(mlr_gate *g, const mlr_tick *outer, uint64_t total)
{
    *g = (mlr_gate){.outer = outer, .total = total, .busy = ATOMIC_FLAG_INIT};
    g->tick = (mlr_tick){.ctx = g, .keep_going = poll_outer};
}

void mlr_gate_add(mlr_gate *g, uint64_t n)
{
    atomic_fetch_add(&g->done, n);
}

bool mlr_gate_stopped(const mlr_gate *g)
{
    return atomic_load(&g->stopped);
}
