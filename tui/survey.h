/*
 * The analysis of the open pair, run as a job: matching first, then one note per tensor
 * that was measured. The notes are applied to rows by the UI thread.
 */
#ifndef MLR_TUI_SURVEY_H
#define MLR_TUI_SURVEY_H

#include "analysis/diff.h"
#include "apply/host/threads.h"
#include "tui/job.h"
#include "tui/rows.h"

/* Lives while the pair is open: screens read `diff` once the job has ended. */
typedef struct mlr_survey {
    const mlr_allocator *alloc; /* borrowed, thread-safe */
    const mlr_model *old_model, *new_model;
    mlr_pool pool; /* of the diff */
    mlr_diff diff;
    mlr_threads *threads; /* NULL: the job's thread alone */
    mlr_job *job;         /* that runs it */
    bool matched;         /* set by apply: `diff.matching` is final */
    bool complete;        /* every tensor was measured */
} mlr_survey;

/* Both models stay open until release. NULL where memory is short. */
mlr_survey *mlr_survey_make(const mlr_model *old_model, const mlr_model *new_model,
                            const mlr_allocator *alloc);

/* After the job has been joined. NULL is fine. */
void mlr_survey_release(mlr_survey *s);

/* The job's work; `arg` is the survey. */
mlr_status mlr_survey_work(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err);

/* Writes what a note says into the rows of this pair and releases the note. */
void mlr_survey_apply(mlr_survey *s, mlr_ui_rows *rows, mlr_note *note);

#endif
