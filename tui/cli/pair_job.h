/* Two models, opened and matched, for commands that look at a pair without making a patch.
 */
#ifndef MLR_TUI_CLI_PAIR_JOB_H
#define MLR_TUI_CLI_PAIR_JOB_H

#include "analysis/match.h"
#include "formats/open.h"
#include "tui/cli/cli.h"

typedef struct mlr_pair_job {
    mlr_opened *old_opened, *new_opened;
    mlr_matching matching; /* both stages done */
    mlr_pool pool;
} mlr_pair_job;

/* Closed by mlr_pair_job_end() either way. */
mlr_status mlr_pair_job_begin(mlr_pair_job *p, mlr_cli *cli, const char *old_path,
                              const char *new_path, const mlr_open_options *open,
                              mlr_err *err);

/* Errors that name strings of the models are kept in `cli` first. */
void mlr_pair_job_end(mlr_pair_job *p, mlr_cli *cli, mlr_err *err);

#endif
