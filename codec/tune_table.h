/*
 * Rows of the tuner's table: what the choices for one tensor cost, by trials. For the files
 * of the tuner alone.
 */
#ifndef MLR_CODEC_TUNE_TABLE_H
#define MLR_CODEC_TUNE_TABLE_H

#include "codec/tune.h"

/* The making of one row, by one task. */
typedef struct mlr_tune_row {
    const mlr_predictor *p;
    const mlr_tune_limits *limits;
    mlr_tune_item *item;
    mlr_goal goal;
    mlr_effort effort;
    bool patient; /* slow strategies and high levels are tried like all others */
    mlr_err err;
} mlr_tune_row;

/* Fills rows[i].item->option; a task of mlr_exec. */
void mlr_tune_fill_row(void *rows, size_t i, unsigned lane);

/* All of them, side by side. */
mlr_status mlr_tune_fill_rows(mlr_tune_row *rows, size_t n, const mlr_exec *exec,
                              mlr_err *err);

/*
 * The table of a large model: items of one kind, type and shape are alike. A few of each
 * group are tried, a stretch of them where they are long, and what they show is carried
 * over by the price of the change in each. `like` says how.
 */
mlr_status mlr_tune_sample(mlr_tune_table *t, const mlr_tune_row *like,
                           const mlr_exec *exec, mlr_pool *pool, mlr_err *err);

#endif
