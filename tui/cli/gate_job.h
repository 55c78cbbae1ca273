/* A profile at work in `mallorn diff`: its choices, its gates, its reports. */
#ifndef MLR_TUI_CLI_GATE_JOB_H
#define MLR_TUI_CLI_GATE_JOB_H

#include "codec/verdict.h"
#include "tui/cli/diff_job.h"
#include "tui/cli/opt.h"
#include "tui/cli/profile_file.h"

/* Must not move once begun: the wish points into it. */
typedef struct mlr_gate_job {
    mlr_cli *cli;
    mlr_profile_doc doc;
    mlr_profile_chooser chooser;
    mlr_diff_hooks hooks;
    mlr_verdict verdict;
    mlr_pool pool;
    const mlr_diff_wish *wish;
    const mlr_matching *matching; /* while the models are open */
    const char *path;             /* of the profile */
    const mlr_opt_list *reports;
    bool gate_only;
} mlr_gate_job;

/*
 * Loads the profile and makes the wish obey it: what the profile says wins over `wish`,
 * which fills in what it leaves open. Released by mlr_gate_end() either way.
 */
mlr_status mlr_gate_begin(mlr_gate_job *g, mlr_diff_wish *wish, const char *profile_path,
                          const mlr_opt_list *reports, bool gate_only, mlr_cli *cli,
                          mlr_err *err);

/* Whether the run stopped before a patch, because nothing asked for one. */
bool mlr_gate_was_enough(const mlr_gate_job *g);

void mlr_gate_end(mlr_gate_job *g); /* safe on a zeroed job */

#endif
