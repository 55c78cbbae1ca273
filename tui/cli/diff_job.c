#include "tui/cli/diff_job.h"

#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "apply/dict.h"
#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"
#include "apply/patch_format.h"
#include "tui/cli/patch_sink.h"

typedef struct diff {
    mlr_cli *cli;
    const mlr_diff_wish *wish;
    mlr_diff_result *result;
    mlr_opened *old_model, *new_model;
    mlr_pool pool;
    mlr_matching matching;
    mlr_plan plan;
    mlr_device device;
    mlr_dict dict;
    mlr_inflater inflater;
    bool enough; /* a hook wants no patch */
    mlr_err *err;
} diff;

/* --- steps ------------------------------------------------------------------------------
 */

static mlr_status open_models(diff *d)
{
    const mlr_diff_wish *w = d->wish;
    const mlr_allocator *alloc = d->cli->alloc;
    if (mlr_model_open(&d->old_model, w->old_path, &w->open, alloc, d->err) != MLR_OK ||
        mlr_model_open(&d->new_model, w->new_path, &w->open, alloc, d->err) != MLR_OK) {
        return d->err->status;
    }
    return MLR_OK;
}

static mlr_status load_dict(diff *d)
{
    if (d->wish->dict_path == NULL) {
        return MLR_OK;
    }
    mlr_file f = {0};
    uint8_t *bytes = NULL;
    if (mlr_file_open(&f, d->wish->dict_path, d->cli->sys, d->err) != MLR_OK) {
        return d->err->status;
    }
    if (f.source.size > MLR_MAX_DICT) {
        mlr_fail_limit(d->err, MLR_NO_OFFSET, "size of a dictionary", f.source.size,
                       MLR_MAX_DICT);
    } else if ((bytes = mlr_pool_take(&d->pool, (size_t)f.source.size)) == NULL) {
        mlr_fail(d->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "dictionary");
    } else if (f.source.read_at(f.source.ctx, 0, bytes, (size_t)f.source.size, d->err) ==
               MLR_OK) {
        mlr_dict_view(&d->dict, bytes, (size_t)f.source.size, mlr_host_kernels()->sha256,
                      d->err);
        mlr_err_in(d->err, MLR_IN_DICT, d->wish->dict_path);
    }
    mlr_file_close(&f);
    return d->err->status;
}

static void count_changes(diff *d)
{
    mlr_diff_result *r = d->result;
    const mlr_matching *m = &d->matching;
    r->tensors = m->new_count;
    for (size_t i = 0; i < m->count; i++) {
        const mlr_pairing *q = &m->pairs[i];
        r->same += q->change == MLR_CHANGE_SAME;
        r->changed += q->change == MLR_CHANGE_CHANGED;
        r->added += q->change == MLR_CHANGE_ADDED;
        r->removed += q->change == MLR_CHANGE_REMOVED;
        r->renamed += (q->flags & MLR_PAIR_RENAMED) != 0;
    }
}

static mlr_status match(diff *d)
{
    const mlr_diff_wish *w = d->wish;
    mlr_work work = {.alloc = d->cli->alloc, .exec = d->cli->exec, .tick = w->tick};
    if (mlr_match_headers(&d->matching, mlr_opened_model(d->old_model),
                          mlr_opened_model(d->new_model), &w->match, &d->pool,
                          d->err) != MLR_OK ||
        mlr_match_contents(&d->matching, &w->match, &work, d->err) != MLR_OK) {
        return d->err->status;
    }
    count_changes(d);
    if (w->hooks != NULL &&
        w->hooks->matched(w->hooks->ctx, &d->matching, &d->enough, d->err) != MLR_OK) {
        return d->err->status;
    }
    return mlr_plan_make(&d->plan, &d->matching, &w->plan, &d->pool, d->err);
}

static void choose_device(diff *d)
{
    d->device = d->wish->device != NULL ? *d->wish->device : *mlr_device_at(0);
    uint64_t most = d->wish->max_memory;
    if (most == 0 || (d->device.memory_bytes > 0 && d->device.memory_bytes <= most)) {
        return;
    }
    d->device.memory_bytes = most;
    while (d->device.block_bytes > 4096 && (uint64_t)d->device.block_bytes * 6 > most) {
        d->device.block_bytes /= 2;
    }
    d->device.no_zstd = d->device.no_zstd || most < (320 << 10);
}

static mlr_status make(diff *d, mlr_out_file *file, mlr_patch_sink *sink)
{
    const mlr_diff_wish *w = d->wish;
    mlr_make_options o = {.plan = &d->plan,
                          .device = &d->device,
                          .inflater = &d->inflater,
                          .kernels = mlr_host_kernels(),
                          .alloc = d->cli->alloc,
                          .exec = d->cli->exec,
                          .tick = w->tick,
                          .dict = d->dict.bytes,
                          .dict_bytes = d->dict.size,
                          .dict_sha256 = d->dict.digest,
                          .embed_dict = w->embed_dict,
                          .encode_memory = w->encode_memory,
                          .zstd_version = ZSTD_versionNumber(),
                          .index = w->index,
                          .made = w->made,
                          .made_ctx = w->made_ctx};
    *sink = (mlr_patch_sink){.file = file, .alloc = d->cli->alloc};
    mlr_patch_out out = mlr_patch_sink_out(sink);
    return mlr_patch_make(&o, &out, &d->result->made, d->err);
}

/* What the applier will ask for, from the header that was written; within what was allowed.
 */
static mlr_status check_need(diff *d, const mlr_patch_sink *sink)
{
    mlr_patch_header h;
    mlr_apply_need need;
    if (mlr_patch_header_read(&h, sink->header, sink->header_bytes, d->err) != MLR_OK ||
        mlr_apply_need_of(&h, &d->inflater, 1, &need, d->err) != MLR_OK) {
        return d->err->status;
    }
    d->result->need_bytes = need.arena_bytes;
    const mlr_diff_hooks *hooks = d->wish->hooks;
    if (hooks != NULL && hooks->made(hooks->ctx, d->result, d->err) != MLR_OK) {
        return d->err->status;
    }
    if (d->device.memory_bytes > 0 && need.arena_bytes > d->device.memory_bytes) {
        d->err->found = need.arena_bytes;
        d->err->limit = d->device.memory_bytes;
        return mlr_fail(d->err, MLR_E_GATE, MLR_NO_OFFSET, "memory of the applying device");
    }
    return MLR_OK;
}

static mlr_status still_the_same(diff *d)
{
    return mlr_model_unchanged(d->old_model, d->err) == MLR_OK
               ? mlr_model_unchanged(d->new_model, d->err)
               : d->err->status;
}

static mlr_status write_patch(diff *d)
{
    mlr_out_file file = {0};
    const mlr_diff_wish *w = d->wish;
    bool publish = w->out_path != NULL;
    if (publish &&
        mlr_out_open(&file, w->out_path, 0, w->overwrite, d->cli->sys, d->err) != MLR_OK) {
        return d->err->status;
    }
    mlr_patch_sink sink = {0};
    if (make(d, publish ? &file : NULL, &sink) == MLR_OK &&
        check_need(d, &sink) == MLR_OK && still_the_same(d) == MLR_OK && publish) {
        mlr_out_publish(&file, d->err);
    }
    mlr_give(d->cli->alloc, sink.header, sink.header_bytes);
    mlr_out_discard(&file);
    return d->err->status;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

mlr_status mlr_diff_write(mlr_cli *cli, const mlr_diff_wish *wish, mlr_diff_result *result,
                          mlr_err *err)
{
    *result = (mlr_diff_result){0};
    double start = now();
    diff d = {.cli = cli,
              .wish = wish,
              .result = result,
              .inflater = mlr_inflate_zstd(),
              .err = err};
    mlr_pool_init(&d.pool, cli->alloc);
    choose_device(&d);
    if (open_models(&d) == MLR_OK && load_dict(&d) == MLR_OK && match(&d) == MLR_OK) {
        result->old_bytes = d.plan.old_bytes;
        result->new_bytes = d.plan.new_bytes;
        if (!d.enough) {
            write_patch(&d);
        }
    }
    mlr_cli_keep_error(cli, err);
    mlr_pool_release(&d.pool);
    mlr_model_close(d.old_model);
    mlr_model_close(d.new_model);
    result->seconds = now() - start;
    return err->status;
}
