#include "tui/cli/diff_job.h"

#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "apply/dict.h"
#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"
#include "apply/patch_format.h"
#include "tui/cli/forecast_cache.h"
#include "tui/cli/patch_sink.h"

/* No patch needs less: what lies below is refused only when its need is known. */
enum { LEAST_BLOCK = 4096, LEAST_MEMORY = 6 * LEAST_BLOCK };

typedef struct diff {
    mlr_cli *cli;
    const mlr_diff_wish *wish;
    mlr_diff_result *result;
    mlr_opened *old_model, *new_model;
    mlr_pool pool;
    mlr_matching matching;
    mlr_plan plan;
    mlr_device device;
    uint64_t most; /* arena bytes the patch may need; 0: any */
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

/* Structure is searched and kept in memory as a whole: a profile may not put a large model
   there. */
static mlr_status little_structure(diff *d)
{
    enum { MOST = 64 << 20 };
    bool asked = d->wish->plan.small_bytes > MLR_SMALL_TENSOR;
    return asked && d->plan.glue_bytes > MOST
               ? mlr_cli_fail(d->cli, d->err, MLR_E_USAGE,
                              "'structure-below' leaves more than 64 MiB of structure")
               : MLR_OK;
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
    return mlr_plan_make(&d->plan, &d->matching, &w->plan, &d->pool, d->err) == MLR_OK
               ? little_structure(d)
               : d->err->status;
}

mlr_device mlr_diff_device(const mlr_device *device, uint64_t most)
{
    mlr_device d = device != NULL ? *device : *mlr_device_at(0);
    if (most >= MLR_PROCESS_LIMIT) {
        most -= MLR_RUNTIME_BYTES;
    }
    if (most == 0 || (d.memory_bytes > 0 && d.memory_bytes <= most)) {
        return d;
    }
    d.memory_bytes = most > LEAST_MEMORY ? most : LEAST_MEMORY;
    while (d.block_bytes > LEAST_BLOCK && (uint64_t)d.block_bytes * 6 > most) {
        d.block_bytes /= 2;
    }
    d.no_zstd = d.no_zstd || most < (320 << 10);
    return d;
}

static void phase(const diff *d, const char *name)
{
    if (d->wish->progress != NULL) {
        d->wish->progress->phase = name;
    }
}

static void on_made(void *ctx, const mlr_made_record *r)
{
    const diff *d = ctx;
    const mlr_diff_wish *w = d->wish;
    if (w->progress != NULL) {
        mlr_str key = d->matching.new_model->tensors[r->plan->pair].key;
        mlr_progress_tensor(w->progress, key.p, key.n);
    }
    if (w->made != NULL) {
        w->made(w->made_ctx, r);
    }
}

static mlr_status make(diff *d, const mlr_plan *plan, bool trial, mlr_out_file *file,
                       mlr_patch_sink *sink)
{
    const mlr_diff_wish *w = d->wish;
    mlr_make_options o = {.plan = plan,
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
                          .made = trial ? NULL : on_made,
                          .made_ctx = d};
    *sink = (mlr_patch_sink){.file = file, .alloc = d->cli->alloc};
    mlr_patch_out out = mlr_patch_sink_out(sink);
    return mlr_patch_make(&o, &out, &d->result->made, d->err);
}

/* What the applier will ask for, from the header that was written. */
static mlr_status read_need(diff *d, const mlr_patch_sink *sink)
{
    mlr_patch_header h;
    mlr_apply_need need;
    if (mlr_patch_header_read(&h, sink->header, sink->header_bytes, d->err) != MLR_OK ||
        mlr_apply_need_of(&h, &d->inflater, 1, &need, d->err) != MLR_OK) {
        return d->err->status;
    }
    d->result->need_bytes = need.arena_bytes;
    return MLR_OK;
}

/* Whoever may refuse what was made. */
static mlr_status accepted(diff *d)
{
    const mlr_diff_hooks *hooks = d->wish->hooks;
    return hooks == NULL ? MLR_OK : hooks->made(hooks->ctx, d->result, d->err);
}

static bool fits(const diff *d)
{
    return d->most == 0 || d->result->need_bytes <= d->most;
}

static mlr_status does_not_fit(diff *d)
{
    if (accepted(d) != MLR_OK) {
        return d->err->status; /* a budget says so, in its own words */
    }
    uint64_t need = d->result->need_bytes;
    need += need + MLR_RUNTIME_BYTES >= MLR_PROCESS_LIMIT ? MLR_RUNTIME_BYTES : 0;
    d->err->found = need;
    d->err->limit = d->most;
    return mlr_cli_fail(d->cli, d->err, MLR_E_GATE,
                        "applying this patch takes more memory than is allowed; the "
                        "smallest that works is --max-memory %llu",
                        (unsigned long long)need);
}

static mlr_status still_the_same(diff *d)
{
    return mlr_model_unchanged(d->old_model, d->err) == MLR_OK
               ? mlr_model_unchanged(d->new_model, d->err)
               : d->err->status;
}

uint64_t mlr_diff_plain_bytes(const mlr_plan *p)
{
    uint64_t n = 0;
    for (size_t i = 0; i < p->record_count; i++) {
        unsigned cls = p->records[i].dtype->cls;
        bool known = cls == MLR_CLASS_FLOAT || cls == MLR_CLASS_BLOCK;
        n += known && p->records[i].old_bytes > 0 ? 0 : p->records[i].bytes.len;
    }
    return n;
}

/* A tiny model of integers may be smaller with all of it in the structure, where one coder
   learns from the whole; trying costs more time than the lowest levels may take. */
static bool may_be_all_structure(const diff *d)
{
    enum { QUICKLY = 1 << 20, PATIENTLY = 4 << 20, PATIENT_LEVEL = 10 };
    const mlr_choice *c = &d->wish->plan.choice;
    uint64_t most = c->level >= PATIENT_LEVEL   ? PATIENTLY
                    : c->strategy == MLR_NEURAL ? QUICKLY
                                                : 0;
    return c->strategy < 0 && d->wish->plan.choose == NULL && d->plan.new_bytes <= most &&
           mlr_diff_plain_bytes(&d->plan) > d->plan.new_bytes / 2;
}

static mlr_status size_of(diff *d, const mlr_plan *plan, uint64_t *bytes)
{
    mlr_patch_sink sink;
    if (make(d, plan, true, NULL, &sink) == MLR_OK) {
        *bytes = d->result->made.patch_bytes;
    }
    mlr_give(d->cli->alloc, sink.header, sink.header_bytes);
    return d->err->status;
}

static mlr_status choose_plan(diff *d)
{
    if (!may_be_all_structure(d)) {
        return MLR_OK;
    }
    mlr_plan_options all = d->wish->plan;
    all.small_bytes = MLR_ALL_SMALL;
    mlr_plan other;
    uint64_t with_records = 0, without = 0;
    if (mlr_plan_make(&other, &d->matching, &all, &d->pool, d->err) == MLR_OK &&
        size_of(d, &d->plan, &with_records) == MLR_OK &&
        size_of(d, &other, &without) == MLR_OK && without < with_records) {
        d->plan = other;
    }
    return d->err->status;
}

/* Makes the patch once; publishes it where it fits. */
static mlr_status try_patch(diff *d)
{
    mlr_out_file file = {0};
    const mlr_diff_wish *w = d->wish;
    bool publish = w->out_path != NULL;
    if (publish &&
        mlr_out_open(&file, w->out_path, 0, w->overwrite, d->cli->sys, d->err) != MLR_OK) {
        return d->err->status;
    }
    mlr_patch_sink sink = {0};
    if (choose_plan(d) == MLR_OK &&
        make(d, &d->plan, false, publish ? &file : NULL, &sink) == MLR_OK &&
        read_need(d, &sink) == MLR_OK && still_the_same(d) == MLR_OK && fits(d) &&
        accepted(d) == MLR_OK && publish) {
        mlr_out_publish(&file, d->err);
    }
    mlr_give(d->cli->alloc, sink.header, sink.header_bytes);
    mlr_out_discard(&file);
    return d->err->status;
}

/* Strategies differ in what they need: where the first choice was too large, smaller ones
   follow. So what does not fit in the end is what takes least. */
static mlr_status write_patch(diff *d)
{
    phase(d, "encode");
    while (try_patch(d) == MLR_OK && !fits(d)) {
        if (!mlr_device_tighten(&d->device)) {
            return does_not_fit(d);
        }
    }
    return d->err->status;
}

/* Forecasts remembered of other contents than these are forgotten. */
static void confirm_forecasts(const diff *d)
{
    char folder[1024];
    if (d->cli->env == NULL ||
        mlr_forecast_folder(folder, sizeof folder, d->cli->env) == NULL) {
        return;
    }
    mlr_forecast_cache *c =
        mlr_forecast_cache_open(folder, d->old_model, d->new_model, d->cli->alloc);
    mlr_forecast_cache_confirm(c, d->result->made.models_sha256);
    mlr_forecast_cache_close(c);
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
    d.device = mlr_diff_device(wish->device, wish->max_memory);
    phase(&d, "match");
    if (open_models(&d) == MLR_OK && load_dict(&d) == MLR_OK && match(&d) == MLR_OK) {
        result->old_bytes = d.plan.old_bytes;
        result->new_bytes = d.plan.new_bytes;
        if (wish->plan.choose == NULL) {
            mlr_device_for_plan(&d.device, &d.plan, &wish->plan.choice);
        }
        d.most = wish->max_memory > 0 && wish->max_memory < d.device.memory_bytes
                     ? wish->max_memory
                     : d.device.memory_bytes;
        if (!d.enough && write_patch(&d) == MLR_OK) {
            confirm_forecasts(&d);
        }
    }
    mlr_cli_keep_error(cli, err);
    mlr_pool_release(&d.pool);
    mlr_model_close(d.old_model);
    mlr_model_close(d.new_model);
    result->seconds = now() - start;
    return err->status;
}
