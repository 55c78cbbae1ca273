/*
 * R6, files: damaged patches through the command, which must say so with the documented
 * exit code and leave no trace; and what a stopped run left behind, damaged before the next
 * run finds it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/sweep/sweep_job.h"

enum { STOPS = 4, ROUNDS = 2, KINDS = 3 };

static const job plain = {
    "patch", JOB_PATCH, "out", {"patch", "old", "p", "-o", "out", "-q", "--threads", "1"}};
static const job with_dict = {
    "patch --dict",
    JOB_PATCH | JOB_DICT,
    "out",
    {"patch", "old", "p", "-o", "out", "--dict", "d", "-q", "--threads", "1"}};
static const job resuming = {"patch --resume", JOB_PATCH | JOB_RESUMES, "out", {NULL}};

static unsigned units(void)
{
    return KINDS * RANDOM_FORMATS * ROUNDS;
}

/* Exit codes for what is wrong with a patch or a base. */
static bool refuses(int code)
{
    return code == 3 || code == 4 || code == 5 || code == 8 || code == 9;
}

/* When and from what a dictionary was made changes nothing: the result may come out right.
 */
static bool is_right_anyway(const job_run *r, const tree_file *f, size_t at, size_t n)
{
    const tree_file *made = tree_find(&r->now, "out"), *want = tree_find(&r->after, "out");
    return strcmp(f->path, "d") == 0 && n == f->n && at >= 8 && at < 28 && made != NULL &&
           made->n == want->n && memcmp(made->data, want->data, want->n) == 0;
}

static const char *const inspect[] = {"inspect", "p", "--json", NULL};

static void check_patch(sweep *s, job_run *r, const tree_file *p, size_t at, unsigned bit,
                        size_t n)
{
    tree bad;
    tree_copy(&bad, &r->before);
    tree_file *f = tree_put(&bad, p->path, p->data, n, p->mode);
    if (at < n) {
        f->data[at] ^= (uint8_t)(1u << bit);
    }
    tree_write(&bad);
    job_heal(r);
    int code = job_do(r);
    const char *wrong = refuses(code) ? tree_differs(&r->now, &bad, false) : "exit code";
    wrong = code == 0 && is_right_anyway(r, p, at, n) ? NULL : wrong;
    if (wrong == NULL && strcmp(p->path, "p") == 0) {
        code = job_command(r, inspect);
        wrong = refuses(code) ? NULL : "exit code of inspect";
    }
    wrong = wrong == NULL && r->heap.used != 0 ? "memory that is given back" : wrong;
    if (wrong != NULL) {
        sweep_fail(s, "%s, byte %zu of %zu, bit %u: exit %d, broken: %s; said: %s", p->path,
                   at, n, bit, code, wrong, r->said);
    }
    tree_release(&bad);
}

static void damaged_files(sweep *s, job_run *r, bool dict)
{
    tree before;
    tree_copy(&before, &r->before);
    static const char *const files[] = {"p", "old", "d"};
    for (size_t k = dict ? 2 : 0; k < (dict ? 3 : 2); k++) {
        const tree_file *f = tree_find(&before, files[k]);
        size_t step = k == 0 ? 1 : 1 + f->n / 2000;
        for (size_t at = 0; at < f->n; at += step) {
            if (sweep_next(s)) {
                check_patch(s, r, f, at, (unsigned)at % 8, f->n);
            }
            if (sweep_next(s)) {
                check_patch(s, r, f, at, 0, at); /* cut off here */
            }
        }
    }
    tree_release(&before);
}

/* Stops a run at a system call, as a full disk would. */
static bool stop_at(job_run *r, size_t at)
{
    job_reset(r);
    job_heal(r);
    r->fault.fail_at = at;
    r->fault.why = ENOSPC;
    job_do(r);
    return tree_find(&r->now, "out.mallorn-part") != NULL &&
           tree_find(&r->now, "out.mallorn-journal") != NULL;
}

static void check_rest(sweep *s, job_run *r, const tree *rest, const char *path, size_t at,
                       unsigned bit, size_t n)
{
    tree bad;
    tree_copy(&bad, rest);
    const tree_file *old = tree_find(rest, path);
    tree_file *f = tree_put(&bad, path, old->data, n, old->mode);
    if (at < n) {
        f->data[at] ^= (uint8_t)(1u << bit);
    }
    tree_write(&bad);
    tree_release(&r->now);
    tree_copy(&r->now, &bad);
    const char *wrong = job_again(r);
    if (wrong != NULL) {
        sweep_fail(s, "%s, byte %zu of %zu, bit %u: broken: %s", path, at, n, bit, wrong);
    }
    tree_release(&bad);
}

static void damaged_rest(sweep *s, job_run *r, const tree *rest)
{
    static const char *const files[] = {"out.mallorn-journal", "out.mallorn-part"};
    for (size_t k = 0; k < 2; k++) {
        const tree_file *f = tree_find(rest, files[k]);
        size_t step = k == 0 ? 1 : 1 + f->n / 300;
        for (size_t at = 0; at < f->n; at += step) {
            for (unsigned bit = 0; bit < (k == 0 ? 8 : 1); bit++) {
                if (sweep_next(s)) {
                    check_rest(s, r, rest, files[k], at, bit, f->n);
                }
            }
            if (sweep_next(s)) {
                check_rest(s, r, rest, files[k], at, 0, at);
            }
        }
    }
}

static void run(sweep *s)
{
    job_run r = {.weak = false};
    static const job *const kinds[KINDS] = {&plain, &with_dict, &resuming};
    unsigned kind = s->unit % KINDS;
    bool resumes = kinds[kind] == &resuming;
    random_format format = (random_format)(s->unit / KINDS % RANDOM_FORMATS);
    uint64_t seed = s->seed * 100 + 70 + s->unit / KINDS / RANDOM_FORMATS;
    if (!job_begin(&r, kinds[kind], format, seed)) {
        sweep_next(s);
        sweep_fail(s, "does not even run undisturbed");
        job_end(&r);
        return;
    }
    if (!resumes) {
        damaged_files(s, &r, kinds[kind] == &with_dict);
    }
    for (size_t i = 1; resumes && i <= STOPS; i++) {
        tree rest;
        size_t at = r.calls * i / (STOPS + 1);
        while (at < r.calls && !stop_at(&r, at)) {
            at++;
        }
        tree_copy(&rest, &r.now);
        if (tree_find(&rest, "out.mallorn-journal") != NULL &&
            tree_find(&rest, "out.mallorn-part") != NULL) {
            damaged_rest(s, &r, &rest);
        }
        tree_release(&rest);
    }
    job_end(&r);
}

const sweep_class sweep_leftovers = {
    "R6b", "damaged patch files, bases, partial outputs and journals, through the command",
    units, run};
