#include "tui/cli/pair_job.h"

mlr_status mlr_pair_job_begin(mlr_pair_job *p, mlr_cli *cli, const char *old_path,
                              const char *new_path, const mlr_open_options *open,
                              mlr_err *err)
{
    *p = (mlr_pair_job){0};
    mlr_pool_init(&p->pool, cli->alloc);
    mlr_work work = {.alloc = cli->alloc, .exec = cli->exec, .tick = cli->tick};
    if (mlr_model_open(&p->old_opened, old_path, open, cli->alloc, err) != MLR_OK ||
        mlr_model_open(&p->new_opened, new_path, open, cli->alloc, err) != MLR_OK) {
        return err->status;
    }
    if (mlr_match_headers(&p->matching, mlr_opened_model(p->old_opened),
                          mlr_opened_model(p->new_opened), NULL, &p->pool, err) == MLR_OK) {
        mlr_match_contents(&p->matching, NULL, &work, err);
    }
    return err->status;
}

void mlr_pair_job_end(mlr_pair_job *p, mlr_cli *cli, mlr_err *err)
{
    mlr_cli_keep_error(cli, err);
    mlr_pool_release(&p->pool);
    mlr_model_close(p->old_opened);
    mlr_model_close(p->new_opened);
    *p = (mlr_pair_job){0};
}
