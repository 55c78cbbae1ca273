/*
 * Two models compared: every pair and what was measured about it. Begins with the tensor
 * tables alone, so that a table can be shown at once, and fills in tensor by tensor.
 */
#ifndef MLR_ANALYSIS_DIFF_H
#define MLR_ANALYSIS_DIFF_H

#include "analysis/match.h"
#include "analysis/measure.h"

typedef struct mlr_diff {
    mlr_matching matching;
    /* Beside matching.pairs: what was measured, or NULL: not yet, payload the same, or not
       kept. Lives in the pool. */
    const mlr_measure **measures;
    size_t measured; /* tensors whose measure was published so far */
    size_t to_measure;
    mlr_pool *pool; /* borrowed */
} mlr_diff;

/* Called by the thread that called mlr_diff_compare(); everything is borrowed for the call.
 */
typedef struct mlr_diff_watch {
    void *ctx;
    /* Stage B is done: changes and pairs are final. */
    void (*matched)(void *ctx, const mlr_diff *d);
    /* Pair `index` was measured. `detail` is NULL unless asked for. */
    void (*measured)(void *ctx, const mlr_diff *d, size_t index, const mlr_measure *m,
                     const mlr_detail *detail);
} mlr_diff_watch;

typedef struct mlr_diff_options {
    const mlr_match_options *match; /* NULL: the defaults */
    mlr_depth depth;
    bool detail;       /* hand details to `measured`: slower by a tenth */
    bool same_too;     /* measure tensors whose payload did not change as well */
    size_t keep_bytes; /* of measures kept in `measures`; 0: 64 MiB. Later ones are only
                          published. */
    const mlr_diff_watch *watch;               /* NULL: nobody looks */
    const struct mlr_measure_kernels *kernels; /* NULL: the best */
} mlr_diff_options;

/* Pairs the tensors without reading a payload. `d` points into the models and the pool. */
mlr_status mlr_diff_begin(mlr_diff *d, const mlr_model *old_model,
                          const mlr_model *new_model, const mlr_match_options *match,
                          mlr_pool *pool, mlr_err *err);

/* Compares payloads and measures what changed, was added or was removed, in the order of
   the pairs. */
mlr_status mlr_diff_compare(mlr_diff *d, const mlr_diff_options *options,
                            const mlr_work *work, mlr_err *err);

/* The pair at `index` as mlr_measure_pair() takes it. */
mlr_pair mlr_diff_pair(const mlr_diff *d, size_t index);

#endif
