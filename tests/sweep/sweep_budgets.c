/*
 * R8: one byte of arena less than a patch needs is refused before any output, exactly what
 * it needs is enough, with one lane or several; and every heap that is too small for a
 * command is refused cleanly.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/threads.h"
#include "tests/sweep/golden.h"
#include "tests/sweep/sweep_job.h"

enum { LANES = 4, STEPS = 64 };

static const job commands[] = {
    {"patch", JOB_PATCH, "out", {"patch", "old", "p", "-o", "out", "-q", "--threads", "1"}},
    {"diff",
     JOB_TARGET,
     "out",
     {"diff", "old", "new", "-o", "out", "-q", "--threads", "1"}},
    {"analyze", JOB_TARGET, NULL, {"analyze", "old", "new", "--threads", "1"}},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static unsigned units(void)
{
    return (unsigned)golden_count() + COMMANDS * RANDOM_FORMATS;
}

static void check_arena(sweep *s, golden *g, unsigned lanes, const mlr_exec *exec,
                        size_t less)
{
    apply_outcome o;
    apply_run run = g->run;
    run.lanes = lanes;
    run.exec = lanes > 1 ? exec : NULL;
    run.less = less;
    run.memory_limit = 64 << 20;
    apply_run_do(&run, &o);
    const char *wrong = golden_broken(g, &o);
    if (less == 0 && o.err.status != MLR_OK) {
        wrong = "an arena that suffices";
    } else if (less > 0 && (o.err.status != MLR_E_NO_MEMORY || o.out.n > 0)) {
        wrong = "a refusal before any output";
    }
    if (wrong != NULL) {
        sweep_fail(s, "%s, %u lanes, arena of %" PRIu64 " less %zu: %s, broken: %s",
                   g->name, lanes, o.need.arena_bytes, less, mlr_status_name(o.err.status),
                   wrong);
    }
    apply_outcome_release(&o);
}

static void run_arenas(sweep *s)
{
    golden g;
    mlr_heap heap;
    mlr_threads *threads = NULL;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    if (!golden_load(&g, s->unit) ||
        mlr_threads_start(&threads, LANES, &heap.alloc, &err) != MLR_OK) {
        sweep_next(s);
        sweep_fail(s, "golden patch %u does not apply", s->unit);
        return;
    }
    for (unsigned lanes = 1; lanes <= LANES; lanes++) {
        static const size_t less[] = {0, 1, 2, 8, 64};
        for (size_t i = 0; i < sizeof less / sizeof less[0]; i++) {
            if (sweep_next(s)) {
                check_arena(s, &g, lanes, mlr_threads_exec(threads), less[i]);
            }
        }
    }
    mlr_threads_stop(threads);
    golden_release(&g);
}

static void check_heap(sweep *s, job_run *r, size_t budget, size_t peak)
{
    job_reset(r);
    job_heal(r);
    r->heap.budget = budget;
    int code = job_do(r);
    const char *wrong = budget >= peak && code != 0 ? "memory that suffices"
                        : code != 0 && code != 8    ? "exit code 8"
                                                    : job_broken(r, code);
    char said[sizeof r->said];
    memcpy(said, r->said, sizeof said);
    wrong = wrong != NULL ? wrong : job_again(r);
    if (wrong != NULL) {
        sweep_fail(s, "%s in a heap of %zu bytes (peak %zu): exit %d, broken: %s; said: %s",
                   r->job->name, budget, peak, code, wrong, said);
    }
}

static void run_heaps(sweep *s, unsigned which)
{
    job_run r = {.weak = false};
    random_format format = (random_format)(which % RANDOM_FORMATS);
    if (!job_begin(&r, &commands[which / RANDOM_FORMATS], format, s->seed * 100 + 80)) {
        sweep_next(s);
        sweep_fail(s, "does not even run undisturbed");
        job_end(&r);
        return;
    }
    size_t peak = r.heap.peak;
    for (size_t i = 0; i <= STEPS; i++) {
        if (sweep_next(s)) {
            check_heap(s, &r, 1 + peak * i / STEPS, peak);
        }
    }
    if (sweep_next(s)) {
        check_heap(s, &r, peak - 1, peak);
    }
    if (sweep_next(s)) {
        check_heap(s, &r, peak, peak);
    }
    job_end(&r);
}

static void run(sweep *s)
{
    unsigned goldens = (unsigned)golden_count();
    if (s->unit < goldens) {
        run_arenas(s);
    } else {
        run_heaps(s, s->unit - goldens);
    }
}

const sweep_class sweep_budgets = {
    "R8", "arenas and heaps one byte too small, exact, and in between", units, run};
