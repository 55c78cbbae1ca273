/* A pool of threads behind mlr_exec. Its workers block every signal. */
#ifndef MLR_APPLY_HOST_THREADS_H
#define MLR_APPLY_HOST_THREADS_H

#include "apply/base/alloc.h"
#include "apply/base/exec.h"
#include "apply/base/status.h"

typedef struct mlr_threads mlr_threads;

/*
 * Starts `count` - 1 threads (the caller of run() is a lane too); 0 means one lane for each
 * processor this process may use. Where the system grants fewer there are fewer lanes.
 * `*out` is released by mlr_threads_stop(); `alloc` must live as long.
 */
mlr_status mlr_threads_start(mlr_threads **out, unsigned count, const mlr_allocator *alloc,
                             mlr_err *err);

/* Valid until stop. run() may be called from one thread at a time. */
const mlr_exec *mlr_threads_exec(const mlr_threads *t);

void mlr_threads_stop(mlr_threads *t);

/* Processors this process may use; at least 1. */
unsigned mlr_processors(void);

#endif
