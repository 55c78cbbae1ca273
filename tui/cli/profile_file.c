#include "tui/cli/profile_file.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/file.h"
#include "apply/host/printable.h"

mlr_status mlr_yaml_load(const char *path, mlr_cli *cli, mlr_pool *pool, char **bytes,
                         size_t *n, mlr_err *err)
{
    mlr_file f = {0};
    if (mlr_file_open(&f, path, cli->sys, err) != MLR_OK) {
        return err->status;
    }
    *n = 0;
    if (f.source.size > MLR_YAML_MAX_BYTES) {
        mlr_fail_limit(err, MLR_NO_OFFSET, "bytes of a YAML file", f.source.size,
                       MLR_YAML_MAX_BYTES);
    } else if ((*bytes = mlr_pool_take(pool, (size_t)f.source.size + 1)) == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a profile");
    } else {
        *n = (size_t)f.source.size;
        f.source.read_at(f.source.ctx, 0, *bytes, *n, err);
    }
    mlr_file_close(&f);
    if (err->status != MLR_OK) {
        err->domain = MLR_IN_PROFILE;
        mlr_err_in(err, MLR_IN_PROFILE, path);
    }
    return err->status;
}

void mlr_profile_complain(const mlr_profile_doc *d, const char *path, mlr_cli *cli,
                          mlr_err *err)
{
    char shown[160];
    if (d->at.line == 0) {
        return;
    }
    (void)mlr_printable(shown, sizeof shown, path, strlen(path));
    (void)snprintf(cli->message, sizeof cli->message, "%s:%u:%u: %s", shown, d->at.line,
                   d->at.column, d->message);
    err->input = path;
    mlr_cli_keep_error(cli, err);
}

mlr_status mlr_profile_load(mlr_profile_doc *d, const char *path, mlr_cli *cli,
                            mlr_err *err)
{
    mlr_pool pool;
    char *bytes = NULL;
    size_t n = 0;
    *d = (mlr_profile_doc){0};
    mlr_pool_init(&pool, cli->alloc);
    if (mlr_yaml_load(path, cli, &pool, &bytes, &n, err) == MLR_OK &&
        mlr_profile_read(d, bytes, n, cli->alloc, err) != MLR_OK) {
        mlr_profile_complain(d, path, cli, err);
    }
    mlr_pool_release(&pool);
    return err->status;
}

mlr_status mlr_text_publish(const char *path, const char *bytes, size_t n,
                            mlr_overwrite how, mlr_cli *cli, mlr_err *err)
{
    mlr_out_file f = {0};
    if (mlr_out_open(&f, path, 0, how, cli->sys, err) == MLR_OK &&
        f.sink.write(f.sink.ctx, bytes, n, err) == MLR_OK) {
        mlr_out_publish(&f, err);
    }
    mlr_out_discard(&f);
    return err->status;
}
