/*
 * From two model paths to a published patch: what `mallorn diff`, the tuner and the export
 * screen have in common.
 */
#ifndef MLR_TUI_CLI_DIFF_JOB_H
#define MLR_TUI_CLI_DIFF_JOB_H

#include "analysis/match.h"
#include "apply/apply.h"
#include "codec/make.h"
#include "formats/open.h"
#include "tui/cli/progress.h"

typedef struct mlr_diff_wish {
    const char *old_path, *new_path;
    const char *out_path; /* NULL: encode and prove, publish nothing */
    mlr_overwrite overwrite;
    mlr_open_options open;
    mlr_match_options match;
    mlr_plan_options plan;
    const mlr_device *device; /* NULL: desktop */
    uint64_t max_memory;      /* most bytes the applier may need; 0: the device's */
    const char *dict_path;    /* NULL: none */
    bool embed_dict;
    uint64_t encode_memory; /* 0: the default */
    mlr_index_mode index;
    const mlr_tick *tick;   /* counts bytes; NULL: cli's */
    mlr_progress *progress; /* told the phase and the tensor; NULL: nobody */
    void (*made)(void *ctx, const mlr_made_record *r);
    void *made_ctx;
    const struct mlr_diff_hooks *hooks; /* NULL: none */
} mlr_diff_wish;

typedef struct mlr_diff_result {
    mlr_made made;
    uint64_t old_bytes, new_bytes;
    uint64_t need_bytes; /* arena of a serial applier */
    size_t tensors, changed, added, removed, same, renamed;
    double seconds;
} mlr_diff_result;

/* Whoever may refuse: a failure ends the run, and nothing is published. */
typedef struct mlr_diff_hooks {
    void *ctx;
    /* The models are open and matched. *enough ends the run well without a patch. */
    mlr_status (*matched)(void *ctx, const mlr_matching *m, bool *enough, mlr_err *err);
    /* The patch is made and proven, but not published. */
    mlr_status (*made)(void *ctx, const mlr_diff_result *r, mlr_err *err);
} mlr_diff_hooks;

/* The device that a patch for so much memory is made for: blocks that leave a sixth of it
   for each buffer that holds one. `device` NULL: desktop; `most` 0: its own memory. */
mlr_device mlr_diff_device(const mlr_device *device, uint64_t most);

/* Errors may name strings of models that are closed by then: they are kept in `cli`. */
mlr_status mlr_diff_write(mlr_cli *cli, const mlr_diff_wish *wish, mlr_diff_result *result,
                          mlr_err *err);

/* Bytes in records whose values no strategy but the general one knows: where they are most
   of a tiny model, all of it as structure may be smaller. */
uint64_t mlr_diff_plain_bytes(const mlr_plan *p);

#endif
