/* Applies a patch in memory and records all that happened. */
#ifndef MLR_TESTS_SUPPORT_APPLY_RUN_H
#define MLR_TESTS_SUPPORT_APPLY_RUN_H

#include "apply/apply.h"
#include "tests/support/memory.h"

enum { APPLY_MEMBERS = 8 };

/* What to do; zero means the plain way. */
typedef struct apply_run {
    const uint8_t *base[APPLY_MEMBERS];
    size_t base_bytes[APPLY_MEMBERS];
    const uint8_t *patch;
    size_t patch_bytes;
    unsigned lanes;        /* 0: 1 */
    const mlr_exec *exec;  /* for lanes above 1; NULL: serial */
    size_t most;           /* bytes a read of the patch returns; 0: all */
    size_t less;           /* bytes that the arena lacks */
    uint64_t memory_limit; /* a greater need is not tried; 0: 64 MiB */
    const uint8_t *done;   /* of an earlier run */
    size_t done_bytes;
    const mlr_inflater *inflater;
    const mlr_dict_bytes *dicts;
    size_t refuse_write; /* the n-th write fails; 0: none */
} apply_run;

typedef struct apply_outcome {
    mlr_err err;
    mem_sink out; /* all members in a row */
    size_t opened, closed;
    mlr_apply_need need;
    mlr_patch_header header;
    int overran;      /* the arena's surroundings were touched */
    size_t untouched; /* bytes at the arena's end that were never written */
    size_t steps;
} apply_outcome;

void apply_run_do(const apply_run *r, apply_outcome *o);
void apply_outcome_release(apply_outcome *o);

#endif
