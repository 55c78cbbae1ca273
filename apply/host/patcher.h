/*
 * Applies a patch file (or pipe) to a base on disk and publishes the result: the applier
 * with files around it. Nothing is visible under the output's name before all of it is
 * proven.
 */
#ifndef MLR_APPLY_HOST_PATCHER_H
#define MLR_APPLY_HOST_PATCHER_H

#include "apply/apply.h"
#include "apply/host/file.h"
#include "apply/host/resume.h"

typedef struct mlr_patcher_wish {
    const char *base_path;  /* a file, or the directory that holds the base's members */
    const char *patch_path; /* "-": standard input */
    const char *out_path;   /* NULL: prove only. A directory, ending in '/' or existing, for
                               targets of several members, else a file */
    mlr_overwrite overwrite;
    bool resume;               /* keep what is done when stopped, and go on from there */
    uint64_t checkpoint_bytes; /* work that may be lost; 0: MLR_CHECKPOINT_BYTES */
    uint64_t budget;           /* most bytes of arena; 0: no limit */
    /* From this budget on it bounds the private writable memory of the whole process, and
       the arena gets what the rest leaves. 0: never. */
    uint64_t process_budget_from;
    unsigned lanes; /* wanted; fewer are used where the budget demands it */
    const mlr_exec *exec;
    const mlr_tick *tick; /* asked while a pipe is waited for; NULL: never gives up */
    const char *const *dict_paths;
    size_t dict_count;
    const mlr_allocator *alloc;
    const mlr_sys *sys;
} mlr_patcher_wish;

typedef struct mlr_patcher mlr_patcher;

/*
 * Opens the patch and the base, reads the header, computes the need. Nothing is written
 * yet. MLR_E_NO_MEMORY where the budget is too small: err->limit is the smallest that
 * works. `*out` is released by mlr_patcher_close(), also after a failure. `wish` must
 * outlive it.
 */
mlr_status mlr_patcher_open(mlr_patcher **out, const mlr_patcher_wish *wish, mlr_err *err);

const mlr_patch_header *mlr_patcher_header(const mlr_patcher *p);
const mlr_apply_need *mlr_patcher_need(const mlr_patcher *p);

/* One bounded step: MLR_MORE, or MLR_OK when the result is complete and proven. */
mlr_status mlr_patcher_step(mlr_patcher *p, mlr_err *err);

/* What an earlier run left, where wish->resume; and how many bytes of it are used. */
mlr_resume_found mlr_patcher_found(const mlr_patcher *p, uint64_t *bytes);

/* Private writable memory of this process without the arena, where the budget is the
   process's; else 0. */
uint64_t mlr_patcher_runtime(const mlr_patcher *p);

/* Where it stands; zero before the first step. */
mlr_apply_at mlr_patcher_where(const mlr_patcher *p);

/* Makes the result visible. Only after a step returned MLR_OK. */
mlr_status mlr_patcher_publish(mlr_patcher *p, mlr_err *err);

/* Removes what must not stay behind and does nothing else: for signal handlers, when the
   process is about to end. What wish->resume keeps is kept. */
void mlr_patcher_abandon(mlr_patcher *p);

/* Releases everything; what was not published disappears, unless wish->resume can use it
   after the failure that `why` tells (NULL: none). NULL is fine. */
void mlr_patcher_close(mlr_patcher *p, const mlr_err *why);

#endif
