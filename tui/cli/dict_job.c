#include "tui/cli/dict_job.h"

#include <time.h>

#include "codec/dict_train.h"
#include "formats/open.h"

enum { SAMPLE_BYTES = 32 << 20 };

/* Samples the update from one version to the next. */
static mlr_status sample(mlr_cli *cli, mlr_dict_samples *s, const char *old_path,
                         const char *new_path, uint64_t most, mlr_err *err)
{
    mlr_open_options open = {.sys = cli->sys};
    mlr_opened *old_model = NULL, *new_model = NULL;
    mlr_matching m;
    mlr_plan plan;
    mlr_work work = {.alloc = cli->alloc, .exec = cli->exec, .tick = cli->tick};
    mlr_plan_options options = {.choice = {.strategy = MLR_AUTO, .level = 3}};
    mlr_pool pool;
    mlr_pool_init(&pool, cli->alloc);
    if (mlr_model_open(&old_model, old_path, &open, cli->alloc, err) == MLR_OK &&
        mlr_model_open(&new_model, new_path, &open, cli->alloc, err) == MLR_OK &&
        mlr_match_headers(&m, mlr_opened_model(old_model), mlr_opened_model(new_model),
                          NULL, &pool, err) == MLR_OK &&
        mlr_match_contents(&m, NULL, &work, err) == MLR_OK &&
        mlr_plan_make(&plan, &m, &options, &pool, err) == MLR_OK) {
        mlr_dict_samples_add(s, &plan, most, cli->tick, err);
    }
    mlr_cli_keep_error(cli, err);
    mlr_pool_release(&pool);
    mlr_model_close(old_model);
    mlr_model_close(new_model);
    return err->status;
}

/* The build's date where it is given, so that builds can be repeated. */
static uint64_t date_now(const mlr_cli *cli)
{
    uint64_t date = 0;
    return mlr_opt_number(mlr_cli_env(cli, "SOURCE_DATE_EPOCH"), &date)
               ? date
               : (uint64_t)time(NULL);
}

mlr_status mlr_dict_job(mlr_cli *cli, const char *const *versions, size_t count,
                        size_t most, mlr_buf *file, mlr_err *err)
{
    mlr_dict_samples s;
    mlr_dict_samples_begin(&s, cli->alloc);
    for (size_t i = 0; i + 1 < count && err->status == MLR_OK; i++) {
        sample(cli, &s, versions[i], versions[i + 1], SAMPLE_BYTES / (count - 1), err);
    }
    if (err->status == MLR_OK) {
        mlr_dict_training t = {.samples = s.bytes.data,
                               .sizes = (const size_t *)(const void *)s.sizes.data,
                               .count = (unsigned)(s.sizes.size / sizeof(size_t)),
                               .most = most,
                               .date = date_now(cli)};
        (void)mlr_dict_train(&t, file, err);
    }
    mlr_dict_samples_release(&s);
    return err->status;
}
