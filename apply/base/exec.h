/*
 * Work that can run side by side. The library creates no threads: it describes independent
 * tasks, and whoever runs the process decides on how many threads they run.
 */
#ifndef MLR_APPLY_BASE_EXEC_H
#define MLR_APPLY_BASE_EXEC_H

#include <stddef.h>

typedef struct mlr_exec {
    void *ctx;
    unsigned lanes; /* tasks that may run at once; at least 1 */
    /*
     * Calls task(arg, i, lane) for i in [0, count), each exactly once, and returns when all
     * are done. `lane` is in [0, lanes) and never in use by two tasks at the same time, so
     * that it can index scratch memory.
     */
    void (*run)(void *ctx, void (*task)(void *arg, size_t i, unsigned lane), void *arg,
                size_t count);
} mlr_exec;

/* Runs the tasks here, one after the other, when `exec` is NULL. */
static inline void mlr_exec_run(const mlr_exec *exec,
                                void (*task)(void *arg, size_t i, unsigned lane), void *arg,
                                size_t count)
{
    if (exec != NULL) {
        exec->run(exec->ctx, task, arg, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        task(arg, i, 0);
    }
}

static inline unsigned mlr_exec_lanes(const mlr_exec *exec)
{
    return exec == NULL ? 1 : exec->lanes;
}

#endif
