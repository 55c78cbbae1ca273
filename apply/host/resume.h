/*
 * Output that survives a kill: written to a file of a fixed name beside the target, with a
 * journal that says how much of it is certainly on disk. A later run with the same patch
 * proves that prefix and goes on behind it.
 */
#ifndef MLR_APPLY_HOST_RESUME_H
#define MLR_APPLY_HOST_RESUME_H

#include "apply/base/xxh64.h"
#include "apply/host/file.h"

#define MLR_JOURNAL_SUFFIX ".mallorn-journal"

/* At most this much work is lost. */
enum { MLR_CHECKPOINT_BYTES = 16 << 20 };

typedef enum mlr_resume_found {
    MLR_RESUME_NOTHING, /* no earlier run left anything */
    MLR_RESUME_PREFIX,  /* `done` holds it */
    MLR_RESUME_OTHER    /* something that does not match: the work starts anew */
} mlr_resume_found;

/* Must not move while it is open. */
typedef struct mlr_resume {
    mlr_out_file out;
    mlr_source done; /* the proven prefix that an earlier run left */
    mlr_resume_found found;
    int journal;
    unsigned slot;  /* of the journal, that the next entry goes to */
    uint64_t key;   /* check of the patch's header */
    mlr_xxh64 hash; /* of all that is written */
    uint64_t every;
    uint64_t certain; /* bytes that the journal vouches for */
    char journal_name[288];
} mlr_resume;

/* `key` tells one patch from another. Proves what is there before it is believed. */
mlr_status mlr_resume_open(mlr_resume *r, const char *path, uint64_t key, mlr_overwrite how,
                           const mlr_sys *sys, mlr_err *err);

/* Checkpoints every `n` bytes, in place of MLR_CHECKPOINT_BYTES. */
void mlr_resume_every(mlr_resume *r, uint64_t n);

/* Appends, with a checkpoint now and then. */
mlr_status mlr_resume_write(mlr_resume *r, const void *src, size_t n, mlr_err *err);

/* Makes all that is written certain. */
mlr_status mlr_resume_checkpoint(mlr_resume *r, mlr_err *err);

/* Publishes the file and removes the journal. Closed either way. */
mlr_status mlr_resume_publish(mlr_resume *r, mlr_err *err);

/* Closes; a later run finds what is certain. Safe on a zeroed object. */
void mlr_resume_leave(mlr_resume *r);

/* Closes and removes both files. Safe on a zeroed object. */
void mlr_resume_discard(mlr_resume *r);

#endif
