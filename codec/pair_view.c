#include "codec/pair_view.h"

#include <string.h>

#include "analysis/numeric.h"
#include "apply/convert.h"

enum { MOST_SCALES = 1 << 20 };

/* --- reading -------------------------------------------------------------------------- */

static uint64_t old_offset(const mlr_record *r, uint64_t new_offset)
{
    if (r->old_dtype == r->dtype) {
        return new_offset;
    }
    return new_offset / r->dtype->block_bytes * mlr_group_source(r->old_dtype, r->dtype);
}

size_t mlr_record_old_bytes(const mlr_record *r, uint64_t first, size_t n)
{
    return r->old_bytes == 0 ? 0
                             : (size_t)(old_offset(r, first + n) - old_offset(r, first));
}

/* The reference that holds old byte `at`. */
static size_t find_ref(const mlr_pair_view *v, uint64_t at)
{
    size_t low = 0, high = v->ref_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (v->ref_start[middle] <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static mlr_status read_old(const mlr_pair_view *v, uint64_t at, size_t n, uint8_t *to,
                           mlr_err *err)
{
    size_t i = find_ref(v, at);
    while (n > 0) {
        const mlr_ref *ref = &v->refs[i];
        uint64_t inside = at - v->ref_start[i];
        uint64_t left = ref->len - inside;
        size_t now = left < n ? (size_t)left : n;
        if (ref->gap) {
            memset(to, 0, now);
        } else {
            const mlr_source *s = v->old_model->members[ref->member].source;
            mlr_status status = s->read_at(s->ctx, ref->off + inside, to, now, err);
            if (status != MLR_OK) {
                return status;
            }
        }
        to += now;
        at += now;
        n -= now;
        i++;
    }
    return MLR_OK;
}

static mlr_status read_pair(void *ctx, uint64_t first, size_t n, uint8_t *new_bytes,
                            uint8_t *old_bytes, mlr_err *err)
{
    const mlr_pair_view *v = ctx;
    if (new_bytes != NULL) {
        const mlr_source *s = v->new_source;
        mlr_status status = s->read_at(s->ctx, v->new_off + first, new_bytes, n, err);
        if (status != MLR_OK) {
            return status;
        }
    }
    size_t old_n = mlr_record_old_bytes(&v->record, first, n);
    if (old_bytes == NULL || old_n == 0) {
        return MLR_OK;
    }
    return read_old(v, old_offset(&v->record, first), old_n, old_bytes, err);
}

/* --- scales --------------------------------------------------------------------------- */

static const float *load_scales(const mlr_model *m, const mlr_values *v, mlr_pool *pool,
                                mlr_err *err)
{
    bool known = v->dtype != NULL && v->dtype->cls == MLR_CLASS_FLOAT;
    if (!known || v->count == 0 || v->count > MOST_SCALES ||
        v->bytes.len != v->count * v->dtype->block_bytes) {
        return NULL;
    }
    uint8_t *raw = mlr_pool_take(pool, (size_t)v->bytes.len);
    double *value = mlr_pool_take(pool, (size_t)v->count * sizeof *value);
    float *scale = mlr_pool_take(pool, (size_t)v->count * sizeof *scale);
    if (raw == NULL || value == NULL || scale == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "scales of a tensor");
        return NULL;
    }
    const mlr_source *s = m->members[v->member].source;
    if (s->read_at(s->ctx, v->bytes.off, raw, (size_t)v->bytes.len, err) != MLR_OK) {
        return NULL;
    }
    mlr_to_f64(v->dtype, raw, (size_t)v->count, value, false);
    for (uint64_t i = 0; i < v->count; i++) {
        scale[i] = (float)value[i];
    }
    return scale;
}

static void load_quant(mlr_pair_view *v, const mlr_tensor *old, const mlr_tensor *t,
                       const mlr_model *new_model, mlr_pool *pool, mlr_err *err)
{
    if (old == NULL || old->quant == NULL || t->quant == NULL || t->quant->block != 0 ||
        old->quant->scale.count != t->quant->scale.count ||
        old->quant->axis != t->quant->axis) {
        return;
    }
    mlr_quant_view *q = &v->quant;
    q->old_side.scale = load_scales(v->old_model, &old->quant->scale, pool, err);
    q->new_side.scale = load_scales(new_model, &t->quant->scale, pool, err);
    if (q->old_side.scale == NULL || q->new_side.scale == NULL) {
        return;
    }
    q->old_side.count = q->new_side.count = t->quant->scale.count;
    q->inner = t->elements;
    if (t->quant->axis >= 0 && q->new_side.count > 1) {
        q->inner = 1;
        for (unsigned i = (unsigned)t->quant->axis + 1; i < t->rank; i++) {
            q->inner *= t->dim[i];
        }
    }
    if (q->inner > 0) {
        v->view.quant = q;
    }
}

/* --- set-up --------------------------------------------------------------------------- */

static bool index_refs(mlr_pair_view *v, mlr_pool *pool)
{
    size_t n = v->ref_count;
    v->ref_start = mlr_pool_take(pool, n * sizeof *v->ref_start);
    uint64_t at = 0;
    for (size_t i = 0; i < n && v->ref_start != NULL; i++) {
        v->ref_start[i] = at;
        at += v->refs[i].len;
    }
    return v->ref_start != NULL;
}

/* A block holds whole element groups, and whole rows where a few of them fit; nor do the
   old bytes of elements that shrank take more room. */
static uint32_t block_size(const mlr_plan_record *r, uint32_t most)
{
    uint64_t unit = r->dtype->block_bytes;
    uint64_t source = r->old_dtype == r->dtype || r->old_bytes == 0
                          ? unit
                          : mlr_group_source(r->old_dtype, r->dtype);
    most = source > unit ? (uint32_t)(most * unit / source) : most;
    uint64_t items = r->dtype->block_items;
    if (r->row > 0 && r->row % items == 0) {
        uint64_t row = r->row / items * unit;
        if (row > 0 && row <= most / 4) {
            unit = row;
        }
    }
    if (r->bytes.len <= most) {
        return (uint32_t)r->bytes.len;
    }
    uint64_t n = most / unit * unit;
    return (uint32_t)(n > 0 ? n : r->dtype->block_bytes);
}

mlr_status mlr_pair_view_init(mlr_pair_view *v, const mlr_plan *plan,
                              const mlr_plan_record *r, uint32_t block_bytes,
                              mlr_pool *pool, mlr_err *err)
{
    const mlr_matching *m = plan->matching;
    *v = (mlr_pair_view){.old_model = m->old_model,
                         .new_source = m->new_model->members[r->member].source,
                         .new_off = r->bytes.off,
                         .refs = r->refs,
                         .ref_count = r->ref_count};
    v->record = (mlr_record){.dtype = r->dtype,
                             .old_dtype = r->old_dtype,
                             .new_bytes = r->bytes.len,
                             .old_bytes = r->old_bytes,
                             .row = r->row,
                             .block_new = block_size(r, block_bytes)};
    v->record.block_old =
        (uint32_t)mlr_record_old_bytes(&v->record, 0, v->record.block_new);
    v->view = (mlr_view){.record = &v->record, .ctx = v, .read = read_pair};
    if (!index_refs(v, pool)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "references of a record");
    }
    const mlr_pairing *q = &m->pairs[r->pair];
    const mlr_tensor *old =
        q->old_tensor == MLR_NO_TENSOR ? NULL : &m->old_model->tensors[q->old_tensor];
    load_quant(v, old, &m->new_model->tensors[q->new_tensor], m->new_model, pool, err);
    return err->status;
}

mlr_status mlr_pair_view_glue(mlr_pair_view *v, const mlr_model *old_model,
                              const mlr_source *source, mlr_region at, const mlr_ref *refs,
                              size_t ref_count, mlr_pool *pool, mlr_err *err)
{
    const mlr_dtype *bytes = mlr_dtype_get(MLR_DTYPE_OPAQUE);
    *v = (mlr_pair_view){.old_model = old_model,
                         .new_source = source,
                         .new_off = at.off,
                         .refs = refs,
                         .ref_count = ref_count};
    v->record = (mlr_record){.dtype = bytes,
                             .old_dtype = bytes,
                             .new_bytes = at.len,
                             .old_bytes = ref_count > 0 ? at.len : 0,
                             .block_new = (uint32_t)at.len,
                             .block_old = (uint32_t)at.len};
    v->view = (mlr_view){.record = &v->record, .ctx = v, .read = read_pair};
    return index_refs(v, pool) ? MLR_OK
                               : mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                                          "references of structure bytes");
}

uint64_t mlr_pair_view_blocks(const mlr_pair_view *v)
{
    const mlr_record *r = &v->record;
    return r->new_bytes == 0 ? 0 : (r->new_bytes - 1) / r->block_new + 1;
}

size_t mlr_pair_view_block(const mlr_pair_view *v, uint64_t i, uint64_t *first)
{
    *first = i * v->record.block_new;
    uint64_t left = v->record.new_bytes - *first;
    return left < v->record.block_new ? (size_t)left : v->record.block_new;
}
