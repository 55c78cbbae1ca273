/*
 * One piece of work on a thread of its own: progress and cancelling through atomics,
 * results as notes the user interface collects. Only this module creates UI threads.
 */
#ifndef MLR_TUI_JOB_H
#define MLR_TUI_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "apply/base/status.h"
#include "apply/base/tick.h"

/*
 * A result handed from the worker to the UI thread: embed it as the first member of what is
 * handed over. Immutable from the moment it is posted.
 */
typedef struct mlr_note {
    struct mlr_note *next;
    uint64_t generation; /* of the job it belongs to */
    void (*release)(struct mlr_note *note);
} mlr_note;

typedef struct mlr_job mlr_job;

/* Runs on the worker. Polls `tick`, posts notes, returns how it went. */
typedef mlr_status (*mlr_job_work)(mlr_job *job, void *arg, const mlr_tick *tick,
                                   mlr_err *err);

typedef enum mlr_job_state {
    MLR_JOB_IDLE, /* never started, or its end was collected */
    MLR_JOB_RUNNING,
    MLR_JOB_ENDED /* `err` says how; join() returns it to idle */
} mlr_job_state;

struct mlr_job {
    const char *title; /* borrowed: "reading", "sampling" */
    mlr_job_work work;
    void *arg;   /* borrowed until the job was joined */
    int wake_fd; /* an eventfd that is written on notes and at the end; -1: none */
    pthread_t thread;
    _Atomic int state; /* mlr_job_state */
    atomic_bool cancel;
    _Atomic uint64_t done, total;
    _Atomic(mlr_note *) notes; /* newest first */
    uint64_t generation;
    uint64_t started_ms;
    mlr_err err; /* the worker's until it ended */
};

/* Fails where a thread cannot be had or the job is running. */
mlr_status mlr_job_start(mlr_job *job, const char *title, mlr_job_work work, void *arg,
                         mlr_err *err);

/* Asks it to stop; it ends as MLR_E_CANCELLED soon. */
void mlr_job_cancel(mlr_job *job);

/* Waits for the end where it is running or ended. Returns how it went. */
mlr_status mlr_job_join(mlr_job *job);

static inline mlr_job_state mlr_job_state_of(mlr_job *job)
{
    return (mlr_job_state)atomic_load_explicit(&job->state, memory_order_acquire);
}

/* From the worker: hands a note over and wakes the UI. */
void mlr_job_post(mlr_job *job, mlr_note *note);

/* From the UI: all notes so far, oldest first; the caller releases each. */
mlr_note *mlr_job_collect(mlr_job *job);

/* Releases notes nobody collected. */
void mlr_job_drop_notes(mlr_job *job);

#endif
