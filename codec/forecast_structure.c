/* What the structure bytes of a plan take: encoded as the maker will, but not written. */
#include <string.h>

#include "apply/patch_format.h"
#include "codec/forecast.h"
#include "codec/glue.h"
#include "codec/pair_view.h"

enum { STRUCTURE_LEVEL = 19 }; /* the maker's */

typedef struct structure {
    const mlr_predictor *p;
    const mlr_device *device;
    mlr_glue glue;
    mlr_pool pool;
    uint64_t bytes;
    mlr_err *err;
} structure;

static mlr_status same_as_old(const structure *s, const mlr_pair_view *v, bool *same)
{
    size_t n = (size_t)v->record.new_bytes;
    *same = false;
    if (v->record.old_bytes == 0) {
        return MLR_OK;
    }
    uint8_t *both = mlr_take(s->p->alloc, 2 * n);
    if (both == NULL) {
        return mlr_fail(s->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a forecast");
    }
    if (v->view.read(v->view.ctx, 0, n, both, both + n, s->err) == MLR_OK) {
        *same = memcmp(both, both + n, n) == 0;
    }
    mlr_give(s->p->alloc, both, 2 * n);
    return s->err->status;
}

static mlr_status encode(const structure *s, const mlr_pair_view *v, uint8_t *id,
                         uint64_t *bytes)
{
    const mlr_predictor *p = s->p;
    mlr_choice choice = {.strategy = MLR_AUTO, .level = STRUCTURE_LEVEL};
    mlr_encoding e = mlr_encoding_for(&choice, s->device);
    e.kernels = p->kernels != NULL ? p->kernels : &mlr_kernels_scalar;
    e.alloc = p->alloc;
    e.tick = p->tick;
    mlr_trial t;
    if (mlr_choose(id, &t, &e, &v->view, &choice, s->device, p->inflater, s->err) !=
            MLR_OK ||
        mlr_trial_run(&t, &e, &v->view, mlr_encoder_get(*id), p->inflater,
                      (mlr_sample){.pieces = 0}, s->err) != MLR_OK) {
        return s->err->status;
    }
    *bytes = t.bytes;
    return MLR_OK;
}

static mlr_status add_block(structure *s, const mlr_pair_view *v)
{
    uint8_t id = MLR_STRATEGY_copy;
    uint64_t bytes = 0;
    bool same;
    if (same_as_old(s, v, &same) != MLR_OK ||
        (!same && encode(s, v, &id, &bytes) != MLR_OK)) {
        return s->err->status;
    }
    mlr_record r = v->record;
    mlr_buf head;
    mlr_buf_init(&head, s->p->alloc);
    r.decoder = mlr_decoder_get(id);
    mlr_write_glue(&head, &r, v->refs, v->ref_count,
                   (uint32_t)s->p->plan->matching->old_model->member_count);
    s->bytes += mlr_forecast_chunk(head.size + bytes);
    bool failed = head.failed;
    mlr_buf_release(&head);
    return failed
               ? mlr_fail(s->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a forecast")
               : MLR_OK;
}

static mlr_status next_block(structure *s, uint64_t at, uint64_t n)
{
    mlr_buf refs;
    mlr_pair_view v;
    mlr_buf_init(&refs, s->p->alloc);
    mlr_glue_refs(&s->glue, at, n, &refs);
    if (refs.failed) {
        mlr_fail(s->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a forecast");
    } else if (mlr_pair_view_glue(&v, s->p->plan->matching->old_model, &s->glue.source,
                                  (mlr_region){.off = at, .len = n},
                                  (const mlr_ref *)(const void *)refs.data,
                                  refs.size / sizeof(mlr_ref), &s->pool,
                                  s->err) == MLR_OK) {
        add_block(s, &v);
    }
    mlr_buf_release(&refs);
    return s->err->status;
}

mlr_status mlr_predict_structure(const mlr_predictor *p, uint64_t *bytes, mlr_err *err)
{
    structure s = {
        .p = p, .device = p->device != NULL ? p->device : mlr_device_at(0), .err = err};
    mlr_pool_init(&s.pool, p->alloc);
    if (mlr_glue_make(&s.glue, p->plan, p->alloc, err) == MLR_OK) {
        uint64_t most = s.device->block_bytes;
        for (uint64_t at = 0; at < s.glue.size && err->status == MLR_OK; at += most) {
            uint64_t left = s.glue.size - at;
            next_block(&s, at, left < most ? left : most);
        }
    }
    mlr_glue_release(&s.glue);
    mlr_pool_release(&s.pool);
    *bytes = s.bytes;
    return err->status;
}
