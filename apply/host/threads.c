#include "apply/host/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

/*
 * One job at a time. run() describes it under the lock, raises `round` and wakes the
 * workers; every lane then draws task numbers from `next` until they are used up. A worker
 * reports itself idle under the lock, and run() returns once all have: so the job may live
 * on the caller's stack, everything the tasks wrote is visible to the caller, and no worker
 * can still be drawing when the next job resets the counter.
 */
typedef struct worker {
    mlr_threads *pool;
    pthread_t thread;
    unsigned lane;
} worker;

struct mlr_threads {
    mlr_exec exec;
    const mlr_allocator *alloc;
    size_t bytes; /* of this object with its workers */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    /* under the lock */
    unsigned long round;
    unsigned busy; /* workers that have not finished this round */
    bool stopping;
    /* set before a round, read during it */
    void (*task)(void *arg, size_t i, unsigned lane);
    void *arg;
    size_t count;
    atomic_size_t next;

    unsigned started;
    worker workers[];
};

enum { LANES_LIMIT = 1024 };

static void draw_tasks(mlr_threads *t, unsigned lane)
{
    /* Looking before drawing keeps the counter from running on past `count`. */
    while (atomic_load_explicit(&t->next, memory_order_relaxed) < t->count) {
        size_t i = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
        if (i >= t->count) {
            return;
        }
        t->task(t->arg, i, lane);
    }
}

static void *work(void *arg)
{
    const worker *w = arg;
    mlr_threads *t = w->pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        while (t->round == seen && !t->stopping) {
            pthread_cond_wait(&t->work, &t->lock);
        }
        if (t->stopping) {
            break;
        }
        seen = t->round;
        pthread_mutex_unlock(&t->lock);
        draw_tasks(t, w->lane);
        pthread_mutex_lock(&t->lock);
        t->busy--;
        if (t->busy == 0) {
            pthread_cond_signal(&t->done);
        }
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void run(void *ctx, void (*task)(void *arg, size_t i, unsigned lane), void *arg,
                size_t count)
{
    mlr_threads *t = ctx;
    /* Waking anyone costs more than one task alone. */
    if (count <= 1 || t->started == 0) {
        for (size_t i = 0; i < count; i++) {
            task(arg, i, 0);
        }
        return;
    }
    pthread_mutex_lock(&t->lock);
    t->task = task;
    t->arg = arg;
    t->count = count;
    atomic_store_explicit(&t->next, 0, memory_order_relaxed);
    t->busy = t->started;
    t->round++;
    pthread_cond_broadcast(&t->work);
    pthread_mutex_unlock(&t->lock);

    draw_tasks(t, 0);

    pthread_mutex_lock(&t->lock);
    while (t->busy > 0) {
        pthread_cond_wait(&t->done, &t->lock);
    }
    pthread_mutex_unlock(&t->lock);
}

/*
 * Threads inherit the mask: signals go to the threads of whoever runs the process. Where
 * the system grants fewer threads, the pool has fewer lanes; results do not depend on them.
 */
static void start_workers(mlr_threads *t, unsigned count)
{
    sigset_t all, before;
    sigfillset(&all);
    if (count == 0 || pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return;
    }
    while (t->started < count) {
        worker *w = &t->workers[t->started];
        *w = (worker){.pool = t, .lane = t->started + 1};
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            break;
        }
        t->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int init_locks(mlr_threads *t)
{
    int rc = pthread_mutex_init(&t->lock, NULL);
    if (rc != 0) {
        return rc;
    }
    rc = pthread_cond_init(&t->work, NULL);
    if (rc != 0) {
        pthread_mutex_destroy(&t->lock);
        return rc;
    }
    rc = pthread_cond_init(&t->done, NULL);
    if (rc != 0) {
        pthread_cond_destroy(&t->work);
        pthread_mutex_destroy(&t->lock);
    }
    return rc;
}

mlr_status mlr_threads_start(mlr_threads **out, unsigned count, const mlr_allocator *alloc,
                             mlr_err *err)
{
    *out = NULL;
    unsigned lanes = count == 0 ? mlr_processors() : count;
    lanes = lanes < LANES_LIMIT ? lanes : LANES_LIMIT;
    size_t bytes = sizeof(mlr_threads) + (lanes - 1) * sizeof(worker);
    mlr_threads *t = mlr_take(alloc, bytes);
    if (t == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for threads");
    }
    *t = (mlr_threads){.alloc = alloc, .bytes = bytes};
    atomic_init(&t->next, 0);
    int rc = init_locks(t);
    if (rc != 0) {
        mlr_give(alloc, t, bytes);
        if (err != NULL && err->status == MLR_OK) {
            err->os_error = rc;
        }
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "locks for threads");
    }
    start_workers(t, lanes - 1);
    t->exec = (mlr_exec){.ctx = t, .lanes = t->started + 1, .run = run};
    *out = t;
    return MLR_OK;
}

const mlr_exec *mlr_threads_exec(const mlr_threads *t)
{
    return &t->exec;
}

void mlr_threads_stop(mlr_threads *t)
{
    if (t == NULL) {
        return;
    }
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_broadcast(&t->work);
    pthread_mutex_unlock(&t->lock);
    for (unsigned i = 0; i < t->started; i++) {
        pthread_join(t->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&t->done);
    pthread_cond_destroy(&t->work);
    pthread_mutex_destroy(&t->lock);
    mlr_give(t->alloc, t, t->bytes);
}

unsigned mlr_processors(void)
{
    cpu_set_t may;
    CPU_ZERO(&may);
    if (sched_getaffinity(0, sizeof may, &may) == 0 && CPU_COUNT(&may) > 0) {
        return (unsigned)CPU_COUNT(&may);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 && online < LANES_LIMIT ? (unsigned)online : 1;
}
