/*
 * Command lines to be broken: each runs inside this process, in a folder of its own, on
 * system calls and a heap that fail as told, and its whole effect on the folder is known.
 */
#ifndef MLR_TESTS_SWEEP_SWEEP_JOB_H
#define MLR_TESTS_SWEEP_SWEEP_JOB_H

#include "apply/host/heap.h"
#include "tests/support/fault_sys.h"
#include "tests/support/random_pair.h"
#include "tests/support/temp_dir.h"
#include "tests/sweep/sweep.h"
#include "tests/sweep/tree.h"

enum { JOB_WORDS = 16 };

typedef enum job_flag {
    JOB_FOLDERS = 1, /* old and new are folders of several files */
    JOB_STANDS = 2,  /* something stands where the output goes */
    JOB_RESUMES = 4, /* through the library, with a checkpoint every few blocks */
    JOB_DICT = 8,
    JOB_PATCH = 16,  /* needs "p", the patch */
    JOB_TARGET = 32, /* needs "new" */
    JOB_PIPE = 64    /* the patch comes through a pipe */
} job_flag;

typedef struct job {
    const char *name;
    unsigned flags;
    const char *out; /* what appears; NULL: nothing */
    const char *const word[JOB_WORDS];
} job;

/* Those that apply, those that make, and those that only read, up to a NULL name. */
extern const job apply_jobs[], make_jobs[], read_jobs[];
/* On several threads: their system calls come in any order. */
extern const job threaded_jobs[];

typedef struct job_run {
    const job *job;
    temp_dir dir;
    fault_sys fault;
    mlr_heap heap;
    const mlr_sys *sys; /* NULL: `fault` */
    bool weak;          /* a system that lacks what older and other ones lack */
    size_t cancel_at;   /* 0: never; n: asked to stop from the n-th system call on */
    struct mlr_cli *cli;
    struct mlr_patcher *patcher;
    tree before, after; /* the folder, and what a good run makes of it */
    tree now;
    size_t takes, calls; /* of the good run */
    char said[600];
} job_run;

/* Makes models, patch and folder, enters it, and runs once undisturbed. False where these
   are not worth a sweep. `weak` must be set before. */
bool job_begin(job_run *r, const job *j, random_format format, uint64_t seed);
void job_end(job_run *r);

/* Runs another command in the folder, undisturbed. */
int job_command(job_run *r, const char *const *word);

/* The folder as it was before. */
void job_reset(job_run *r);

/* One run as the faults are set; the exit code. `now` holds the folder after it. */
int job_do(job_run *r);

/* What a process's end leaves behind for the one that follows. */
void job_look(job_run *r);

/* Says what the promise that a run broke is, or NULL. `code` is its exit code. */
const char *job_broken(const job_run *r, int code);

/* The same for a process that was killed, or a machine that lost its power. */
const char *job_torn(const job_run *r);

/* Runs once more, undisturbed: NULL, or how that does not lead to the result. */
const char *job_again(job_run *r);

/* Sets all faults back. */
void job_heal(job_run *r);

#endif
