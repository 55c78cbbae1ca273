#include "codec/dict_sample.h"

#include "codec/glue.h"
#include "codec/pair_view.h"

enum { PIECE = 16 << 10, GLUE_PIECE = 4 << 10, MOST_GLUE = 1 << 20 };

void mlr_dict_samples_begin(mlr_dict_samples *s, const mlr_allocator *alloc)
{
    mlr_buf_init(&s->bytes, alloc);
    mlr_buf_init(&s->sizes, alloc);
}

void mlr_dict_samples_release(mlr_dict_samples *s)
{
    mlr_buf_release(&s->bytes);
    mlr_buf_release(&s->sizes);
}

static void add(mlr_dict_samples *s, const uint8_t *bytes, size_t n)
{
    mlr_buf_add(&s->bytes, bytes, n);
    mlr_buf_add(&s->sizes, &n, sizeof n);
}

/* Every step-th byte from `first` on becomes one sample. */
static void add_plane(mlr_dict_samples *s, const uint8_t *bytes, size_t n, size_t first,
                      size_t step)
{
    uint8_t plane[PIECE];
    size_t count = 0;
    for (size_t i = first; i < n; i += step) {
        plane[count++] = bytes[i];
    }
    if (count > 0) {
        add(s, plane, count);
    }
}

/* Samples one piece at `first`. */
static mlr_status sample_piece(mlr_dict_samples *s, const mlr_pair_view *v, uint64_t first,
                               size_t n, mlr_err *err)
{
    const mlr_record *r = &v->record;
    uint8_t new_bytes[PIECE], old[PIECE] = {0};
    bool differs = mlr_record_old_bytes(r, first, n) == n && r->old_dtype == r->dtype;
    if (v->view.read(v->view.ctx, first, n, new_bytes, differs ? old : NULL, err) !=
        MLR_OK) {
        return err->status;
    }
    for (size_t i = 0; differs && i < n; i++) {
        new_bytes[i] ^= old[i];
    }
    size_t width = r->dtype->block_bytes;
    size_t planes = width == 2 || width == 4 || width == 8 ? width : 1;
    for (size_t p = 0; p < planes; p++) {
        add_plane(s, new_bytes, n, p, planes);
    }
    return MLR_OK;
}

static mlr_status sample_record(mlr_dict_samples *s, const mlr_plan *plan,
                                const mlr_plan_record *r, uint64_t pieces, mlr_err *err)
{
    mlr_pool pool;
    mlr_pair_view v;
    mlr_pool_init(&pool, s->bytes.alloc);
    if (mlr_pair_view_init(&v, plan, r, PIECE, &pool, err) == MLR_OK) {
        uint64_t blocks = mlr_pair_view_blocks(&v);
        pieces = pieces < blocks ? pieces : blocks;
        for (uint64_t i = 0; i < pieces && err->status == MLR_OK; i++) {
            uint64_t first;
            size_t n = mlr_pair_view_block(&v, blocks / pieces * i, &first);
            sample_piece(s, &v, first, n, err);
        }
    }
    mlr_pool_release(&pool);
    return err->status;
}

static mlr_status sample_structure(mlr_dict_samples *s, const mlr_plan *plan, mlr_err *err)
{
    mlr_glue g = {0};
    if (mlr_glue_make(&g, plan, s->bytes.alloc, err) == MLR_OK) {
        size_t n = g.size < MOST_GLUE ? g.size : MOST_GLUE;
        for (size_t at = 0; at < n; at += GLUE_PIECE) {
            add(s, g.bytes + at, n - at < GLUE_PIECE ? n - at : GLUE_PIECE);
        }
    }
    mlr_glue_release(&g);
    return err->status;
}

mlr_status mlr_dict_samples_add(mlr_dict_samples *s, const mlr_plan *plan, uint64_t most,
                                const mlr_tick *tick, mlr_err *err)
{
    uint64_t changed = 0;
    for (size_t i = 0; i < plan->record_count; i++) {
        changed += plan->records[i].copy ? 0 : plan->records[i].bytes.len;
    }
    uint64_t one_in = changed / (most > 0 ? most : 1) + 1;
    for (size_t i = 0; i < plan->record_count && err->status == MLR_OK; i++) {
        const mlr_plan_record *r = &plan->records[i];
        if (!mlr_keep_going(tick, 0, 0)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "samples");
        }
        if (!r->copy) {
            sample_record(s, plan, r, r->bytes.len / PIECE / one_in + 1, err);
        }
    }
    if (err->status == MLR_OK) {
        sample_structure(s, plan, err);
    }
    return s->bytes.failed || s->sizes.failed
               ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "samples")
               : err->status;
}
