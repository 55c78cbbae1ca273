/*
 * The tuner at work on two models: predicts, solves, writes rules, then really makes the
 * patch of the rules to replace estimates by facts, until nothing changes any more. Of a
 * large model only what weighs most is encoded, unless a limit is too close to tell.
 */
#ifndef MLR_TUI_CLI_TUNE_JOB_H
#define MLR_TUI_CLI_TUNE_JOB_H

#include "codec/tune_rules.h"
#include "tui/cli/pair_job.h"

typedef struct mlr_tune_wish {
    const char *old_path, *new_path;
    mlr_open_options open;
    const mlr_device *device;
    mlr_goal goal;
    uint64_t max_bytes, max_memory, max_us; /* 0: no limit */
} mlr_tune_wish;

enum { MLR_TUNE_BINDING = 5 };

typedef struct mlr_tune_result {
    mlr_profile profile;                         /* rules that make the plan */
    uint64_t patch_bytes, need_bytes, decode_us; /* of the patch that was made */
    uint64_t new_bytes;
    unsigned rounds;
    bool fits;
    bool made;    /* the patch was really made; else its figures are estimates */
    double error; /* where not made: relative, as tensors that were encoded showed it */
    mlr_tune_point front[MLR_TUNE_POINTS];
    size_t points;
    uint32_t
        binding[MLR_TUNE_BINDING]; /* pairings that weigh most, where it does not fit */
    size_t binding_count;
    size_t tuned; /* tensors */
} mlr_tune_result;

typedef struct mlr_tune_job {
    mlr_pair_job pair;
    mlr_device device;
    mlr_plan plan;
    mlr_tune_table table;
    mlr_tune_result result; /* points into `pair` */
} mlr_tune_job;

/* MLR_OK also where nothing fits: see result.fits. Released by mlr_tune_end() either way.
 */
mlr_status mlr_tune_run(mlr_tune_job *j, const mlr_tune_wish *wish, mlr_cli *cli,
                        mlr_err *err);
void mlr_tune_end(mlr_tune_job *j, mlr_cli *cli, mlr_err *err);

#endif
