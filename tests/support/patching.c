#include "tests/support/patching.h"

#include <string.h>

#include "apply/host/cpu.h"
#include "apply/host/inflate_zstd.h"
#include "apply/patch_format.h"
#include "codec/zstd_pool.h"
#include "tests/support/memory.h"

void patching_init(patching *p, const mlr_allocator *alloc)
{
    *p = (patching){
        .alloc = alloc, .choice = {.strategy = MLR_AUTO, .level = 3}, .lanes = 1};
}

/* --- diff ----------------------------------------------------------------------------- */

static mlr_status out_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    mlr_buf *b = ctx;
    mlr_buf_add(b, src, n);
    return b->failed ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "patch") : MLR_OK;
}

static mlr_status out_rewrite(void *ctx, uint64_t off, const void *src, size_t n,
                              mlr_err *err)
{
    mlr_buf *b = ctx;
    (void)err;
    memcpy(b->data + off, src, n);
    return MLR_OK;
}

static mlr_status diff_models(const patching *p, const mlr_model *old_m,
                              const mlr_model *new_m, mlr_buf *out, mlr_made *made,
                              mlr_err *err)
{
    mlr_pool pool;
    mlr_pool_init(&pool, p->alloc);
    mlr_matching m;
    mlr_plan plan;
    mlr_work work = {.alloc = p->alloc, .exec = p->exec};
    mlr_plan_options po = {.choice = p->choice};
    mlr_inflater inflater = mlr_inflate_zstd();
    if (mlr_match_headers(&m, old_m, new_m, NULL, &pool, err) == MLR_OK &&
        mlr_match_contents(&m, NULL, &work, err) == MLR_OK &&
        mlr_plan_make(&plan, &m, &po, &pool, err) == MLR_OK) {
        mlr_make_options o = {.plan = &plan,
                              .device = p->device,
                              .inflater = &inflater,
                              .alloc = p->alloc,
                              .exec = p->exec};
        mlr_patch_out sink = {.ctx = out, .write = out_write, .rewrite = out_rewrite};
        mlr_patch_make(&o, &sink, made, err);
    }
    mlr_pool_release(&pool);
    return err->status;
}

mlr_status patching_diff(const patching *p, const char *old_path, const char *new_path,
                         patch_bytes *patch, mlr_err *err)
{
    mlr_opened *old_m = NULL, *new_m = NULL;
    mlr_buf out;
    mlr_buf_init(&out, p->alloc);
    if (mlr_model_open(&old_m, old_path, &p->open, p->alloc, err) == MLR_OK &&
        mlr_model_open(&new_m, new_path, &p->open, p->alloc, err) == MLR_OK) {
        diff_models(p, mlr_opened_model(old_m), mlr_opened_model(new_m), &out, &patch->made,
                    err);
    }
    mlr_model_close(old_m);
    mlr_model_close(new_m);
    patch->data = out.data;
    patch->n = out.size;
    patch->room = out.room;
    return err->status;
}

void patch_bytes_release(const patching *p, patch_bytes *patch)
{
    mlr_give(p->alloc, patch->data, patch->room);
    *patch = (patch_bytes){0};
}

/* --- apply ---------------------------------------------------------------------------- */

/* Compares what comes with the members of a model. */
typedef struct comparing {
    const mlr_model *want;
    uint32_t member;
    uint64_t at;
} comparing;

static mlr_status cmp_open(void *ctx, uint32_t index, const mlr_patch_member *m,
                           mlr_err *err)
{
    comparing *c = ctx;
    c->member = index;
    c->at = 0;
    bool same =
        index < c->want->member_count && m->size == c->want->members[index].source->size;
    return same ? MLR_OK : mlr_fail(err, MLR_E_INTERNAL, index, "member as wanted");
}

static mlr_status cmp_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    comparing *c = ctx;
    const mlr_source *s = c->want->members[c->member].source;
    uint8_t buffer[4096];
    for (size_t done = 0; done < n;) {
        size_t now = n - done < sizeof buffer ? n - done : sizeof buffer;
        if (s->read_at(s->ctx, c->at, buffer, now, err) != MLR_OK) {
            return err->status;
        }
        if (memcmp(buffer, (const uint8_t *)src + done, now) != 0) {
            return mlr_fail(err, MLR_E_INTERNAL, c->at, "bytes as wanted");
        }
        done += now;
        c->at += now;
    }
    return MLR_OK;
}

static mlr_status cmp_close(void *ctx, uint32_t index, mlr_err *err)
{
    (void)ctx, (void)index, (void)err;
    return MLR_OK;
}

static mlr_status apply_models(const patching *p, const mlr_model *old_m,
                               const mlr_model *new_m, const patch_bytes *patch,
                               mlr_err *err)
{
    mlr_patch_header h;
    if (mlr_patch_header_read(&h, patch->data, patch->n, err) != MLR_OK) {
        return err->status;
    }
    unsigned lanes = p->lanes == 0 ? 1 : p->lanes;
    mlr_inflater inflater = mlr_inflate_zstd();
    mlr_apply_need need;
    if (mlr_apply_need_of(&h, &inflater, lanes, &need, err) != MLR_OK) {
        return err->status;
    }
    const mlr_source **base = mlr_take(p->alloc, (h.base_count + 1) * sizeof *base);
    uint8_t *arena = mlr_take(p->alloc, need.arena_bytes);
    for (size_t i = 0; base != NULL && i < h.base_count; i++) {
        base[i] = old_m->members[i].source;
    }
    mem_stream stream;
    mem_stream_init(&stream, patch->data + h.header_bytes, patch->n - h.header_bytes);
    comparing c = {.want = new_m};
    mlr_target target = {
        .ctx = &c, .open = cmp_open, .write = cmp_write, .close = cmp_close};
    mlr_apply_io io = {.patch = &stream.stream,
                       .base = base,
                       .target = &target,
                       .inflater = &inflater,
                       .exec = lanes > 1 ? p->exec : NULL};
    mlr_apply *a = NULL;
    if (mlr_apply_begin(&a, arena, need.arena_bytes, lanes, &h, &io, err) == MLR_OK) {
        mlr_apply_run(a, NULL, err);
    }
    mlr_give(p->alloc, arena, need.arena_bytes);
    mlr_give(p->alloc, base, (h.base_count + 1) * sizeof *base);
    return err->status;
}

mlr_status patching_apply(const patching *p, const char *old_path, const char *new_path,
                          const patch_bytes *patch, mlr_err *err)
{
    mlr_opened *old_m = NULL, *new_m = NULL;
    if (mlr_model_open(&old_m, old_path, &p->open, p->alloc, err) == MLR_OK &&
        mlr_model_open(&new_m, new_path, &p->open, p->alloc, err) == MLR_OK) {
        apply_models(p, mlr_opened_model(old_m), mlr_opened_model(new_m), patch, err);
    }
    mlr_model_close(old_m);
    mlr_model_close(new_m);
    return err->status;
}
