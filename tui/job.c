#include "tui/job.h"

#include <signal.h>
#include <unistd.h>

static void wake(const mlr_job *job)
{
    static const uint64_t one = 1;
    if (job->wake_fd >= 0 && write(job->wake_fd, &one, sizeof one) < 0) {
        /* The counter is full: the UI is awake already. */
        return;
    }
}

static bool keep_going(void *ctx, uint64_t done, uint64_t total)
{
    mlr_job *job = ctx;
    atomic_store_explicit(&job->total, total, memory_order_relaxed);
    atomic_store_explicit(&job->done, done, memory_order_relaxed);
    return !atomic_load_explicit(&job->cancel, memory_order_relaxed);
}

static void *run(void *p)
{
    mlr_job *job = p;
    mlr_tick tick = {job, keep_going};
    mlr_err err = {0};
    mlr_status s = job->work(job, job->arg, &tick, &err);
    if (s != MLR_OK && err.status == MLR_OK) {
        err.status = s;
    }
    job->err = err;
    atomic_store_explicit(&job->state, MLR_JOB_ENDED, memory_order_release);
    wake(job);
    return NULL;
}

mlr_status mlr_job_start(mlr_job *job, const char *title, mlr_job_work work, void *arg,
                         mlr_err *err)
{
    if (mlr_job_state_of(job) != MLR_JOB_IDLE) {
        return mlr_fail(err, MLR_E_BUSY, MLR_NO_OFFSET, "one job of a kind at a time");
    }
    job->title = title;
    job->work = work;
    job->arg = arg;
    job->err = (mlr_err){0};
    job->generation++;
    atomic_store(&job->cancel, false);
    atomic_store(&job->done, 0);
    atomic_store(&job->total, 0);
    atomic_store(&job->state, MLR_JOB_RUNNING);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals belong to the UI thread */
    int failed = pthread_create(&job->thread, NULL, run, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        atomic_store(&job->state, MLR_JOB_IDLE);
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "a thread for the job");
    }
    return MLR_OK;
}

void mlr_job_cancel(mlr_job *job)
{
    atomic_store(&job->cancel, true);
}

mlr_status mlr_job_join(mlr_job *job)
{
    if (mlr_job_state_of(job) == MLR_JOB_IDLE) {
        return job->err.status;
    }
    pthread_join(job->thread, NULL);
    atomic_store(&job->state, MLR_JOB_IDLE);
    return job->err.status;
}

void mlr_job_post(mlr_job *job, mlr_note *note)
{
    note->generation = job->generation;
    note->next = atomic_load(&job->notes);
    while (!atomic_compare_exchange_weak(&job->notes, &note->next, note)) {
    }
    wake(job);
}

mlr_note *mlr_job_collect(mlr_job *job)
{
    mlr_note *newest = atomic_exchange(&job->notes, NULL);
    mlr_note *oldest = NULL;
    while (newest != NULL) {
        mlr_note *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

void mlr_job_drop_notes(mlr_job *job)
{
    for (mlr_note *n = mlr_job_collect(job); n != NULL;) {
        mlr_note *next = n->next;
        n->release(n);
        n = next;
    }
}
