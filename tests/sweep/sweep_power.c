/*
 * R4: the power fails behind every change of the disk that a command makes, and of what was
 * not synced anything may be left. The output is the old one or the new one, and the next
 * run leads to the new one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/base/xxh64.h"
#include "tests/sweep/disk_log.h"
#include "tests/sweep/sweep_job.h"

enum { ROUNDS = 3, KNOWN = 1 << 14 };

static size_t jobs_in(const job *table)
{
    size_t n = 0;
    while (table[n].name != NULL) {
        n++;
    }
    return n;
}

static unsigned units(void)
{
    return (unsigned)(jobs_in(apply_jobs) + jobs_in(make_jobs)) * RANDOM_FORMATS * ROUNDS;
}

static uint64_t hash_of(const tree *t)
{
    mlr_xxh64 h;
    mlr_xxh64_begin(&h);
    for (size_t i = 0; i < t->count; i++) {
        const tree_file *f = &t->file[i];
        mlr_xxh64_add(&h, (const uint8_t *)f->path, strlen(f->path) + 1);
        mlr_xxh64_add(&h, (const uint8_t *)&f->mode, sizeof f->mode);
        mlr_xxh64_add(&h, f->data, f->n);
    }
    return mlr_xxh64_end(&h);
}

/* Different failures often leave the same disk: the run that follows is done once. */
static bool is_known(uint64_t *known, size_t *count, uint64_t hash)
{
    for (size_t i = 0; i < *count; i++) {
        if (known[i] == hash) {
            return true;
        }
    }
    if (*count < KNOWN) {
        known[(*count)++] = hash;
    }
    return false;
}

static void check(sweep *s, job_run *r, const disk_log *l, size_t done, unsigned fate)
{
    static uint64_t known[KNOWN];
    static size_t known_count;
    tree_release(&r->now);
    disk_after(l, done, fate, s->seed * 31 + s->tally->seen, &r->now);
    const char *wrong = job_torn(r);
    const char *then = "";
    if (wrong == NULL && !is_known(known, &known_count, hash_of(&r->now))) {
        tree_write(&r->now);
        wrong = job_again(r);
        then = ", and run again";
    }
    if (wrong != NULL) {
        sweep_fail(s, "%s: power failed behind operation %zu of %zu, fate %u%s: broken: %s",
                   r->job->name, done, l->ops, fate, then, wrong);
    }
}

static void run(sweep *s)
{
    static disk_log l;
    job_run r = {.weak = false};
    size_t n = jobs_in(apply_jobs), which = s->unit / (RANDOM_FORMATS * ROUNDS);
    const job *j = which < n ? &apply_jobs[which] : &make_jobs[which - n];
    random_format format = (random_format)(s->unit % RANDOM_FORMATS);
    if (!job_begin(&r, j, format, s->seed * 100 + 50 + s->unit / RANDOM_FORMATS % ROUNDS)) {
        sweep_next(s);
        sweep_fail(s, "%s: does not even run undisturbed", j->name);
        job_end(&r);
        return;
    }
    job_reset(&r);
    disk_log_begin(&l);
    r.sys = &l.sys;
    int code = job_do(&r);
    r.sys = NULL;
    /* The record itself must be true. */
    tree all;
    disk_after(&l, l.ops, FATE_ALL, 0, &all);
    const char *wrong = tree_differs(&all, &r.after, false);
    if (code != 0 || wrong != NULL || l.full) {
        sweep_next(s);
        sweep_fail(s, "%s: the record is wrong: exit %d, %s, %s", j->name, code,
                   wrong == NULL ? "-" : wrong, r.said);
    }
    tree_release(&all);
    for (size_t done = 0; done <= l.ops; done++) {
        for (unsigned fate = 0; fate < FATES; fate++) {
            if (sweep_next(s)) {
                check(s, &r, &l, done, fate);
            }
        }
    }
    disk_log_end(&l);
    job_end(&r);
}

const sweep_class sweep_power = {"R4", "power lost behind each change of the disk, 25 ways",
                                 units, run};
