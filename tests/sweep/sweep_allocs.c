/* R5: each request for memory of a command fails, alone or with all that follow. */
#include <stdio.h>
#include <string.h>

#include "tests/sweep/sweep_job.h"

static const job *const tables[] = {apply_jobs, make_jobs, read_jobs, threaded_jobs};

static const job *job_at(size_t which)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const job *j = tables[t]; j->name != NULL; j++) {
            if (which-- == 0) {
                return j;
            }
        }
    }
    return NULL;
}

static unsigned units(void)
{
    unsigned n = 0;
    while (job_at(n) != NULL) {
        n++;
    }
    return n * RANDOM_FORMATS;
}

static void check(sweep *s, job_run *r, size_t nth, bool from_then_on)
{
    job_reset(r);
    job_heal(r);
    r->heap.fail_at = nth;
    r->heap.fail_from_then_on = from_then_on;
    size_t open_before = open_descriptors();
    int code = job_do(r);
    const char *wrong = code != 0 && code != 8 ? "exit code 8" : job_broken(r, code);
    char said[sizeof r->said];
    memcpy(said, r->said, sizeof said);
    if (wrong == NULL && open_descriptors() != open_before) {
        wrong = "files that are closed";
    }
    if (wrong == NULL && code == 8 && strstr(said, "memory") == NULL) {
        wrong = "words that say what is missing";
    }
    wrong = wrong != NULL ? wrong : job_again(r);
    if (wrong != NULL) {
        sweep_fail(s, "%s: request %zu%s: exit %d, broken: %s; said: %s", r->job->name, nth,
                   from_then_on ? " and all that follow" : "", code, wrong, said);
    }
}

static void run(sweep *s)
{
    job_run r = {.weak = false};
    const job *j = job_at(s->unit / RANDOM_FORMATS);
    random_format format = (random_format)(s->unit % RANDOM_FORMATS);
    if (!job_begin(&r, j, format, s->seed * 100 + 99)) {
        sweep_next(s);
        sweep_fail(s, "%s: does not even run undisturbed", j->name);
        job_end(&r);
        return;
    }
    for (size_t nth = 1; nth <= r.takes; nth++) {
        for (int then = 0; then < 2; then++) {
            if (sweep_next(s)) {
                check(s, &r, nth, then == 1);
            }
        }
    }
    job_end(&r);
}

const sweep_class sweep_allocs = {
    "R5", "each request for memory fails, alone or with all that follow", units, run};
