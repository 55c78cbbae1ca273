#include "codec/plan.h"

#include "apply/quantise.h"

enum { MOST_STRIPES = 1 << 16 };

/* The plan under construction; both tables are sized by the number of spans. */
typedef struct planner {
    const mlr_matching *m;
    const mlr_plan_options *options;
    mlr_pool *pool;
    mlr_plan_record *records;
    mlr_plan_glue *glue;
    size_t record_count, glue_count;
    uint32_t small_bytes;
    uint64_t glue_waiting; /* structure bytes since the last record */
    mlr_err *err;
} planner;

static mlr_status no_memory(planner *p)
{
    return mlr_fail(p->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "plan of the patch");
}

/* --- references ----------------------------------------------------------------------- */

static bool one_ref(planner *p, mlr_plan_record *r, const mlr_tensor *old, mlr_region at)
{
    mlr_ref *ref = mlr_pool_take(p->pool, sizeof *ref);
    if (ref == NULL) {
        no_memory(p);
        return false;
    }
    *ref = (mlr_ref){.member = old->member, .off = at.off, .len = at.len};
    r->refs = ref;
    r->ref_count = at.len > 0;
    r->old_bytes = at.len;
    return true;
}

/* Sizes around the resized dimension: rows of `inner` bytes, `outer` groups of them. */
typedef struct stripes {
    uint64_t outer, inner, old_rows, new_rows;
} stripes;

static bool measure_stripes(const mlr_tensor *old, const mlr_tensor *new_t, unsigned axis,
                            stripes *s)
{
    uint64_t elements = 1;
    *s = (stripes){.outer = 1, .old_rows = old->dim[axis], .new_rows = new_t->dim[axis]};
    for (unsigned i = 0; i < axis; i++) {
        s->outer *= new_t->dim[i];
    }
    for (unsigned i = axis + 1; i < new_t->rank; i++) {
        elements *= new_t->dim[i];
    }
    const mlr_dtype *t = new_t->dtype;
    if (elements == 0 || elements % t->block_items != 0) {
        return false; /* a row would begin inside a block */
    }
    s->inner = elements / t->block_items * t->block_bytes;
    return s->outer > 0 && s->old_rows > 0 && s->new_rows > 0;
}

/* Old rows in their new places, zeros where rows are new: for dimensions but the first. */
static bool striped_refs(planner *p, mlr_plan_record *r, const mlr_tensor *old,
                         const stripes *s)
{
    uint64_t kept = s->old_rows < s->new_rows ? s->old_rows : s->new_rows;
    uint64_t grown = (s->new_rows - kept) * s->inner;
    size_t count = (size_t)s->outer * (grown > 0 ? 2 : 1);
    mlr_ref *refs = mlr_pool_take(p->pool, count * sizeof *refs);
    if (refs == NULL) {
        no_memory(p);
        return false;
    }
    size_t n = 0;
    for (uint64_t i = 0; i < s->outer; i++) {
        refs[n++] = (mlr_ref){.member = old->member,
                              .off = old->data.off + i * s->old_rows * s->inner,
                              .len = kept * s->inner};
        if (grown > 0) {
            refs[n++] = (mlr_ref){.gap = 1, .len = grown};
        }
    }
    r->refs = refs;
    r->ref_count = n;
    r->old_bytes = s->outer * s->new_rows * s->inner;
    return true;
}

static bool converts(const mlr_tensor *old, const mlr_tensor *new_t)
{
    bool floats =
        old->dtype->cls == MLR_CLASS_FLOAT && new_t->dtype->cls == MLR_CLASS_FLOAT;
    return (floats || mlr_can_quantise(old->dtype, new_t->dtype)) &&
           old->elements == new_t->elements && !old->big_endian && !new_t->big_endian;
}

/* --- records -------------------------------------------------------------------------- */

static mlr_plan_record *add_record(planner *p, uint32_t pair, uint32_t member,
                                   mlr_region bytes)
{
    mlr_plan_record *r = &p->records[p->record_count++];
    *r = (mlr_plan_record){.pair = pair,
                           .pairs = 1,
                           .member = member,
                           .bytes = bytes,
                           .glue_before = p->glue_waiting,
                           .choice = p->options->choice};
    r->dtype = r->old_dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE);
    p->glue_waiting = 0;
    mlr_choice choice;
    if (p->options->choose != NULL &&
        p->options->choose(p->options->ctx, p->m, pair, &choice)) {
        r->choice = choice;
    }
    return r;
}

/*
 * What encoders take for a row: the last dimension; of kernels of a few taps (ONNX and
 * torch keep them last) everything but the first, so that a row is a filter and not one
 * line of a tap.
 */
static uint64_t row_of(const mlr_tensor *t)
{
    enum { TAPS = 16 };
    uint64_t row = t->rank > 0 ? t->dim[t->rank - 1] : 0;
    for (unsigned i = t->rank; i > 2 && row <= TAPS; i--) {
        row *= t->dim[i - 2];
    }
    return row;
}

/* Elements whose bytes are in the order that decoders know keep their type. */
static void set_type(mlr_plan_record *r, const mlr_tensor *t)
{
    if (!t->big_endian || t->dtype->bits <= 8) {
        r->dtype = r->old_dtype = t->dtype;
        r->row = row_of(t);
    }
}

/* A copy that continues the one before it, in both models, joins it. */
static bool joins_last(planner *p, const mlr_tensor *old, mlr_region from, uint32_t member,
                       mlr_region bytes)
{
    if (p->record_count == 0 || p->glue_waiting > 0) {
        return false;
    }
    mlr_plan_record *last = &p->records[p->record_count - 1];
    if (!last->copy || last->member != member ||
        last->bytes.off + last->bytes.len != bytes.off) {
        return false;
    }
    mlr_ref *ref = (mlr_ref *)(uintptr_t)last->refs; /* made by one_ref() in our pool */
    if (ref->member != old->member || ref->off + ref->len != from.off) {
        return false;
    }
    ref->len += from.len;
    last->bytes.len += bytes.len;
    last->old_bytes += from.len;
    last->pairs++;
    return true;
}

static void add_copy(planner *p, uint32_t pair, const mlr_tensor *old, const mlr_tensor *t)
{
    if (joins_last(p, old, old->data, t->member, t->data)) {
        return;
    }
    mlr_plan_record *r = add_record(p, pair, t->member, t->data);
    r->copy = true;
    one_ref(p, r, old, old->data);
}

/* Grown or shrunk along the first dimension: kept rows refer to the base, new ones do not.
 */
static void add_rows(planner *p, uint32_t pair, const mlr_tensor *old, const mlr_tensor *t,
                     const stripes *s)
{
    uint64_t kept = (s->old_rows < s->new_rows ? s->old_rows : s->new_rows) * s->inner;
    mlr_plan_record *r =
        add_record(p, pair, t->member, (mlr_region){.off = t->data.off, .len = kept});
    set_type(r, t);
    if (one_ref(p, r, old, (mlr_region){.off = old->data.off, .len = kept}) &&
        kept < t->data.len) {
        mlr_region rest = {.off = t->data.off + kept, .len = t->data.len - kept};
        set_type(add_record(p, pair, t->member, rest), t);
    }
}

static void add_changed(planner *p, uint32_t pair, const mlr_pairing *q,
                        const mlr_tensor *old, const mlr_tensor *t)
{
    stripes s;
    bool resized = (q->flags & MLR_PAIR_RESIZED) != 0 && old->dtype == t->dtype &&
                   old->big_endian == t->big_endian && measure_stripes(old, t, q->axis, &s);
    if (resized && s.outer == 1) {
        add_rows(p, pair, old, t, &s);
        return;
    }
    mlr_plan_record *r = add_record(p, pair, t->member, t->data);
    set_type(r, t);
    if (resized && s.outer <= MOST_STRIPES) {
        striped_refs(p, r, old, &s);
    } else if (old->dtype == t->dtype && old->data.len == t->data.len) {
        one_ref(p, r, old, old->data);
    } else if (converts(old, t)) {
        r->old_dtype = old->dtype;
        one_ref(p, r, old, old->data);
    }
}

static void add_glue(planner *p, uint32_t member, mlr_region bytes, uint32_t pair)
{
    p->glue[p->glue_count++] =
        (mlr_plan_glue){.member = member, .bytes = bytes, .pair = pair};
    p->glue_waiting += bytes.len;
}

static void add_tensor(planner *p, uint32_t index)
{
    const mlr_matching *m = p->m;
    const mlr_pairing *q = &m->pairs[index];
    const mlr_tensor *t = &m->new_model->tensors[index];
    if (t->data.len < p->small_bytes) {
        add_glue(p, t->member, t->data, index);
        return;
    }
    const mlr_tensor *olds = m->old_model->tensors;
    if (q->change == MLR_CHANGE_SAME) {
        add_copy(p, index, &olds[q->old_tensor], t);
    } else if ((q->flags & MLR_PAIR_REPEATED) != 0 && q->repeat_old) {
        add_copy(p, index, &olds[q->repeat_of], t);
    } else if (q->old_tensor != MLR_NO_TENSOR) {
        add_changed(p, index, q, &olds[q->old_tensor], t);
    } else {
        set_type(add_record(p, index, t->member, t->data), t);
    }
}

static uint64_t model_bytes(const mlr_model *m)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->member_count; i++) {
        n += m->members[i].source->size;
    }
    return n;
}

/* A tensor's records follow each other; those of another tensor stand anywhere. */
static uint32_t *index_records(const planner *p)
{
    size_t n = p->m->new_count;
    uint32_t *first = mlr_pool_take(p->pool, (n + 1) * sizeof *first);
    for (size_t i = 0; first != NULL && i < n; i++) {
        first[i] = MLR_NO_RECORD;
    }
    for (size_t i = p->record_count; first != NULL && i > 0; i--) {
        first[p->records[i - 1].pair] = (uint32_t)(i - 1);
    }
    return first;
}

static bool is_crowded(const planner *p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->record_count; i++) {
        const mlr_plan_record *r = &p->records[i];
        if (!r->copy && r->bytes.len <= MLR_LITTLE_RECORD) {
            sum += r->bytes.len;
        }
    }
    return sum > MLR_CROWD;
}

mlr_status mlr_plan_make(mlr_plan *out, const mlr_matching *m, const mlr_plan_options *o,
                         mlr_pool *pool, mlr_err *err)
{
    const mlr_model *model = m->new_model;
    planner p = {.m = m, .options = o, .pool = pool, .err = err};
    p.small_bytes = o->small_bytes > 0 ? o->small_bytes : MLR_SMALL_TENSOR;
    /* A tensor that grew makes two records. */
    p.records = mlr_pool_take(pool, (2 * model->span_count + 1) * sizeof *p.records);
    p.glue = mlr_pool_take(pool, (model->span_count + 1) * sizeof *p.glue);
    if (p.records == NULL || p.glue == NULL) {
        return no_memory(&p);
    }
    uint64_t glue_bytes = 0;
    for (uint32_t i = 0; i < model->member_count; i++) {
        const mlr_member *member = &model->members[i];
        for (size_t k = 0; k < member->span_count && err->status == MLR_OK; k++) {
            const mlr_span *s = &model->spans[member->first_span + k];
            if (s->tensor == MLR_NO_TENSOR) {
                add_glue(&p, i, s->bytes, MLR_NO_TENSOR);
            } else {
                add_tensor(&p, s->tensor);
            }
        }
    }
    for (size_t i = 0; i < p.glue_count; i++) {
        glue_bytes += p.glue[i].bytes.len;
    }
    const uint32_t *first_record = index_records(&p);
    if (first_record == NULL) {
        return no_memory(&p);
    }
    *out = (mlr_plan){.matching = m,
                      .first_record = first_record,
                      .records = p.records,
                      .glue = p.glue,
                      .record_count = p.record_count,
                      .glue_count = p.glue_count,
                      .glue_bytes = glue_bytes,
                      .small_bytes = p.small_bytes,
                      .level = o->choice.level,
                      .crowded = is_crowded(&p),
                      .new_bytes = model_bytes(model),
                      .old_bytes = model_bytes(m->old_model)};
    return err->status;
}
