/*
 * R1 to R3: every system call of a command fails in every way, the process is killed there,
 * is asked to stop there, or has run out of patience there.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/host/patcher.h"
#include "tests/sweep/sweep_job.h"
#include "tui/cli/cmd.h"

enum { ROUNDS = 1, CHAINS = 70, RESUME_CHAINS = 500 };

static size_t jobs_in(const job *table)
{
    size_t n = 0;
    while (table[n].name != NULL) {
        n++;
    }
    return n;
}

/* A unit is a job, a format and a round of other models. */
static unsigned units_of(const job *a, const job *b)
{
    return (unsigned)(jobs_in(a) + jobs_in(b)) * RANDOM_FORMATS * ROUNDS;
}

static bool begin(sweep *s, job_run *r, const job *a, const job *b)
{
    size_t n = jobs_in(a), which = s->unit / (RANDOM_FORMATS * ROUNDS);
    random_format format = (random_format)(s->unit % RANDOM_FORMATS);
    const job *j = which < n ? &a[which] : &b[which - n];
    uint64_t seed = s->seed * 100 + s->unit / RANDOM_FORMATS % ROUNDS;
    if (!job_begin(r, j, format, seed)) {
        sweep_next(s);
        sweep_fail(s, "%s, format %d: does not even run undisturbed", j->name, (int)format);
        job_end(r);
        return false;
    }
    return true;
}

/* --- R1 --------------------------------------------------------------------------------
 */

typedef struct way {
    const char *name;
    int why;
    bool from_then_on;
} way;

/* The first ones are for every command; the rest end in the same places and are for those
   that write models. */
static const way ways[] = {
    {"EIO", EIO, false},
    {"ENOSPC", ENOSPC, false},
    {"EINTR", EINTR, false},
    {"short", FAULT_SHORT, false},
    {"ENOMEM", ENOMEM, false},
    {"EIO from then on", EIO, true},
    {"EDQUOT", EDQUOT, false},
    {"EAGAIN", EAGAIN, false},
    {"EXDEV", EXDEV, false},
    {"EACCES", EACCES, false},
    {"EROFS", EROFS, false},
    {"EMFILE", EMFILE, false},
    {"ENOSPC from then on", ENOSPC, true},
};
enum { WAYS = sizeof ways / sizeof ways[0], COMMON_WAYS = 6 };

static unsigned call_units(void)
{
    return units_of(apply_jobs, make_jobs) +
           units_of(read_jobs, make_jobs + jobs_in(make_jobs));
}

/* Only commands that write models do more than read on such a system. */
static unsigned weak_units(void)
{
    return (unsigned)jobs_in(apply_jobs) * RANDOM_FORMATS * ROUNDS;
}

static void check_fault(sweep *s, job_run *r, size_t at, const way *w)
{
    job_reset(r);
    job_heal(r);
    r->fault.fail_at = at;
    r->fault.why = w->why;
    r->fault.from_then_on = w->from_then_on;
    size_t open_before = open_descriptors();
    int code = job_do(r);
    fault_call hit = r->fault.hit;
    const char *wrong = job_broken(r, code);
    bool invisible = w->why == EINTR || w->why == FAULT_SHORT;
    if (r->weak && w->from_then_on && hit == FAULT_RENAME) {
        wrong = NULL; /* half way through two renames, neither of them works any more */
        job_reset(r);
        job_look(r);
    }
    if (wrong == NULL && invisible && code != 0) {
        wrong = "a passing fault that nobody notices";
    }
    if (wrong == NULL && open_descriptors() != open_before) {
        wrong = "files that are closed";
    }
    char said[sizeof r->said];
    memcpy(said, r->said, sizeof said);
    if (wrong == NULL) {
        wrong = job_again(r);
    }
    if (wrong != NULL) {
        sweep_fail(s, "%s: %s at call %zu (kind %d): exit %d, broken: %s; said: %s",
                   r->job->name, w->name, at, (int)hit, code, wrong, said);
    }
}

static void sweep_all_calls(sweep *s, bool weak)
{
    job_run r = {.weak = weak};
    unsigned writers = units_of(apply_jobs, make_jobs);
    sweep own = *s;
    bool reads = s->unit >= writers;
    own.unit = reads ? s->unit - writers : s->unit;
    if (!begin(&own, &r, reads ? read_jobs : apply_jobs,
               reads ? make_jobs + jobs_in(make_jobs) : make_jobs)) {
        return;
    }
    size_t count = (r.job->flags & JOB_PATCH) != 0 ? WAYS : COMMON_WAYS;
    for (size_t at = 1; at <= r.calls; at++) {
        for (size_t w = 0; w < count; w++) {
            if (sweep_next(s)) {
                check_fault(s, &r, at, &ways[w]);
            }
        }
    }
    job_end(&r);
}

static void run_calls(sweep *s)
{
    sweep_all_calls(s, false);
}

static void run_weak_calls(sweep *s)
{
    sweep_all_calls(s, true);
}

const sweep_class sweep_weak_calls = {
    "R1w", "the same where the system lacks openat2, fallocate and newer renames",
    weak_units, run_weak_calls};

const sweep_class sweep_calls = {"R1", "each system call fails, in 6 to 13 ways",
                                 call_units, run_calls};

/* --- R2 --------------------------------------------------------------------------------
 */

static unsigned writer_units(void)
{
    return units_of(apply_jobs, make_jobs);
}

/* Runs in a child that is killed in place of its n-th system call. */
static bool killed_at(job_run *r, size_t n)
{
    pid_t child = fork();
    if (child == 0) {
        job_heal(r);
        r->fault.kill_at = n;
        job_do(r);
        _exit(0);
    }
    int how = 0;
    bool killed = waitpid(child, &how, 0) == child && WIFSIGNALED(how);
    job_look(r);
    return killed;
}

static void check_kill(sweep *s, job_run *r, const size_t *at, size_t count)
{
    job_reset(r);
    const char *wrong = NULL;
    for (size_t i = 0; i < count && wrong == NULL; i++) {
        killed_at(r, at[i]);
        wrong = job_torn(r);
        bool done = tree_differs(&r->now, &r->after, true) == NULL;
        if (done) {
            break;
        }
    }
    wrong = wrong != NULL ? wrong : job_again(r);
    if (wrong != NULL) {
        sweep_fail(s, "%s: killed at calls %zu, %zu, %zu: broken: %s", r->job->name, at[0],
                   count > 1 ? at[1] : 0, count > 2 ? at[2] : 0, wrong);
    }
}

static void run_kills(sweep *s)
{
    job_run r = {.weak = false};
    if (!begin(s, &r, apply_jobs, make_jobs)) {
        return;
    }
    for (size_t at = 1; at <= r.calls; at++) {
        if (sweep_next(s)) {
            check_kill(s, &r, &at, 1);
        }
    }
    rng g = rng_new(s->seed * 77 + s->unit);
    size_t chains = (r.job->flags & JOB_RESUMES) != 0 ? RESUME_CHAINS : CHAINS;
    for (size_t i = 0; i < chains; i++) {
        size_t at[3];
        for (size_t k = 0; k < 3; k++) {
            at[k] = 1 + (size_t)rng_below(&g, r.calls);
        }
        if (sweep_next(s)) {
            check_kill(s, &r, at, 3);
        }
    }
    job_end(&r);
}

const sweep_class sweep_kills = {"R2", "killed at each system call, and in chains of three",
                                 writer_units, run_kills};

/* --- R3 --------------------------------------------------------------------------------
 */

static void check_cancel(sweep *s, job_run *r, size_t at)
{
    job_reset(r);
    job_heal(r);
    r->cancel_at = at;
    int code = job_do(r);
    const char *wrong = code == 0 || code == 130 ? job_broken(r, code) : "exit code";
    wrong = wrong != NULL ? wrong : job_again(r);
    if (wrong != NULL) {
        sweep_fail(s, "%s: asked to stop at call %zu: exit %d, broken: %s; said: %s",
                   r->job->name, at, code, wrong, r->said);
    }
}

/* What the program's signal handler does where a run does not stop in time. */
static void end_at_once(void *arg)
{
    job_run *r = arg;
    if (r->cli != NULL && r->cli->abandon != NULL) {
        r->cli->abandon(r->cli->abandon_ctx);
    } else if (r->patcher != NULL) {
        mlr_patcher_abandon(r->patcher);
    } else {
        _exit(1);
    }
    const fault_sys *f = &r->fault;
    bool names_change =
        f->last[FAULT_RENAME] == f->calls || f->last[FAULT_EXCHANGE] == f->calls;
    _exit(names_change ? 131 : 130);
}

static void check_abandon(sweep *s, job_run *r, size_t at)
{
    job_reset(r);
    pid_t child = fork();
    if (child == 0) {
        job_heal(r);
        r->fault.hook_at = at;
        r->fault.hook = end_at_once;
        r->fault.arg = r;
        job_do(r);
        _exit(0);
    }
    int how = 0;
    waitpid(child, &how, 0);
    job_look(r);
    int code = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    const char *wrong = code < 0      ? "an end of its own"
                        : code == 130 ? job_broken(r, code)
                                      : job_torn(r);
    wrong = wrong != NULL ? wrong : job_again(r);
    if (wrong != NULL) {
        sweep_fail(s, "%s: given up at call %zu: exit %d, broken: %s", r->job->name, at,
                   code, wrong);
    }
}

static void run_stops(sweep *s)
{
    job_run r = {.weak = false};
    if (!begin(s, &r, apply_jobs, make_jobs)) {
        return;
    }
    for (size_t at = 1; at <= r.calls; at++) {
        if (sweep_next(s)) {
            check_cancel(s, &r, at);
        }
        if (sweep_next(s)) {
            check_abandon(s, &r, at);
        }
    }
    job_end(&r);
}

const sweep_class sweep_stops = {
    "R3", "asked to stop, or given up by the signal handler, at each system call",
    writer_units, run_stops};
