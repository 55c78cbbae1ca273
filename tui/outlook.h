/*
 * What choices are expected to cost: a store of forecasts, and the work that fills it on
 * threads of its own, one batch after the other. The UI thread owns the store; a batch and
 * the plan belong to the job while it runs.
 */
#ifndef MLR_TUI_OUTLOOK_H
#define MLR_TUI_OUTLOOK_H

#include "apply/host/threads.h"
#include "codec/forecast.h"
#include "tui/choices.h"
#include "tui/cli/forecast_cache.h"
#include "tui/job.h"
#include "tui/model_pair.h"

/* A question: what does row `row` cost under this pick? Without padding: compared as bytes.
 */
typedef struct mlr_query {
    uint32_t row;
    int16_t strategy;
    uint8_t level;
    uint8_t effort; /* mlr_effort */
    uint32_t block_bytes, dict;
} mlr_query;

static inline mlr_query mlr_query_of(size_t row, mlr_pick p, mlr_effort effort)
{
    return (mlr_query){.row = (uint32_t)row,
                       .strategy = p.strategy,
                       .level = p.level,
                       .effort = (uint8_t)effort,
                       .block_bytes = p.block_bytes,
                       .dict = p.dict};
}

/* A question with its answer. */
typedef struct mlr_cast {
    mlr_query query;
    mlr_prediction p;
    bool structure; /* it travels with the structure: no strategy, no figures */
    bool failed;    /* it cannot be read: `p` says nothing */
} mlr_cast;

enum { MLR_BATCH = 64 };

typedef struct mlr_outlook {
    const mlr_allocator *alloc; /* borrowed, thread-safe */
    const mlr_matching *matching;
    mlr_device device;         /* that will apply the patch */
    mlr_forecast_cache *cache; /* of earlier runs; NULL: none */
    double kept_s;             /* when it was written last */
    const uint8_t *dict;       /* borrowed; NULL: none */
    size_t dict_bytes;
    mlr_cast *slot; /* the store: an open hash; a free slot has level 0 */
    size_t count, room;
    mlr_query batch[MLR_BATCH];
    size_t batch_count;
    mlr_pool pool; /* of the plan */
    mlr_plan plan;
    bool planned;
    _Atomic uint64_t structure; /* bytes of the patch beside the records; 0: not known */
    mlr_threads *threads;
    mlr_job *job;
    mlr_inflater inflater;
} mlr_outlook;

/* Stage B of the matching is done; it stays until release. `m` NULL: a store that others
   fill. NULL where memory is short. */
mlr_outlook *mlr_outlook_make(const mlr_matching *m, const mlr_allocator *alloc);

/* Forecasts of earlier runs are kept in `folder`: a pair seen before shows its figures at
   once. Before the first batch. */
void mlr_outlook_remember(mlr_outlook *o, const char *folder, const mlr_ui_session *s);

/* After the job has been joined. NULL is fine. */
void mlr_outlook_release(mlr_outlook *o);

/* The answer to a question at any effort, or NULL. */
const mlr_cast *mlr_outlook_find(const mlr_outlook *o, size_t row, mlr_pick pick);

/* Drops every answer. Only while the job is idle. */
void mlr_outlook_forget(mlr_outlook *o);

/* Keeps an answer; one of higher effort replaces one of lower. */
void mlr_outlook_put(mlr_outlook *o, const mlr_cast *cast);

/* Adds a question to the next batch unless its answer is there; false: the batch is full.
   Only while the job is idle. */
bool mlr_outlook_ask(mlr_outlook *o, const mlr_query *q);

/* The job's work; `arg` is the outlook. */
mlr_status mlr_outlook_work(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err);

/* Takes the answer out of a note into the store and releases the note; its row. */
uint32_t mlr_outlook_take(mlr_outlook *o, mlr_note *note);

#endif
