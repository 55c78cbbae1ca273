/* Stage B of matching: everything that must read payloads. */
#include "analysis/equal.h"
#include "analysis/fetch.h"
#include "analysis/match_state.h"
#include "analysis/numeric.h"
#include "analysis/sort.h"
#include "apply/base/checked.h"
#include "apply/base/mem.h"

#include <math.h>

enum {
    SAMPLE_RUNS = 16,    /* places in a tensor that are sampled for its values */
    SAMPLE_VALUES = 256, /* values of one sample, a multiple of every block */
    SAMPLE_BYTES = 4096, /* room for one run */
    MOST_CANDIDATES = 8, /* equal signatures looked at before giving up */
    MOST_RIVALS = 256,   /* tensors of one layout that are correlated with each other */
    MOST_SAMPLED = 8192  /* leftovers on one side that are sampled at all */
};

/* Below this two tensors of one layout are taken as unrelated: independent weights of 4,096
   samples correlate by less than 0.1, a retrained layer by about 0.2. */
static const double LEAST_SIMILARITY = 0.5;

typedef struct contents {
    mlr_matching *m;
    const mlr_match_options *options;
    const mlr_work *work;
    mlr_pool scratch;
    mlr_equal *list; /* questions of the current round */
    size_t count;
    uint64_t done, total; /* bytes, for the tick */
} contents;

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for matching contents");
}

static const mlr_tensor *old_of(const contents *c, const mlr_pairing *p)
{
    return &c->m->old_model->tensors[p->old_tensor];
}

static const mlr_tensor *new_of(const contents *c, const mlr_pairing *p)
{
    return &c->m->new_model->tensors[p->new_tensor];
}

static mlr_equal question(const mlr_model *ma, const mlr_tensor *a, const mlr_model *mb,
                          const mlr_tensor *b)
{
    return (mlr_equal){.a = mlr_tensor_source(ma, a),
                       .b = mlr_tensor_source(mb, b),
                       .a_off = a->data.off,
                       .b_off = b->data.off,
                       .bytes = a->data.len};
}

/* --- pairs that are already known --------------------------------------------------------
 */

static mlr_status list_pairs(contents *c, mlr_err *err)
{
    c->list = mlr_pool_take(&c->scratch, c->m->new_count * sizeof *c->list);
    if (c->list == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < c->m->new_count; i++) {
        mlr_pairing *p = &c->m->pairs[i];
        if (p->change != MLR_CHANGE_PAIRED) {
            continue;
        }
        const mlr_tensor *a = old_of(c, p), *b = new_of(c, p);
        if (a->data.len != b->data.len) {
            p->change = MLR_CHANGE_CHANGED;
            p->flags |= MLR_PAIR_COMPARED;
            continue;
        }
        mlr_equal *e = &c->list[c->count++];
        *e = question(c->m->old_model, a, c->m->new_model, b);
        e->tag = (uint32_t)i;
        c->total += 2 * a->data.len;
    }
    return MLR_OK;
}

static mlr_status compare_pairs(contents *c, mlr_err *err)
{
    mlr_status status = mlr_equal_run(c->list, c->count, c->work, &c->done, c->total, err);
    for (size_t i = 0; i < c->count; i++) {
        mlr_pairing *p = &c->m->pairs[c->list[i].tag];
        if (c->list[i].differs || c->list[i].compared) {
            p->change = c->list[i].differs ? MLR_CHANGE_CHANGED : MLR_CHANGE_SAME;
            p->flags |= MLR_PAIR_COMPARED;
        }
    }
    return status;
}

/* --- signatures --------------------------------------------------------------------------
 */

/* A payload that may be equal to another one. */
typedef struct payload {
    uint64_t signature;
    uint32_t tensor;
    bool old;
    bool taken;
} payload;

typedef struct signing {
    const contents *c;
    payload *items;
    uint8_t *room;
    mlr_err *errs; /* one a lane */
} signing;

static void sign_one(void *arg, size_t i, unsigned lane)
{
    signing *s = arg;
    payload *p = &s->items[i];
    const mlr_model *m = p->old ? s->c->m->old_model : s->c->m->new_model;
    (void)mlr_signature(m, &m->tensors[p->tensor],
                        s->room + (size_t)lane * MLR_SIGNATURE_ROOM, &p->signature,
                        &s->errs[lane]);
}

static mlr_status sign_all(const contents *c, payload *items, size_t count, mlr_err *err)
{
    size_t lanes = mlr_exec_lanes(c->work->exec);
    signing s = {.c = c, .items = items};
    s.room = mlr_take(c->work->alloc, lanes * MLR_SIGNATURE_ROOM);
    s.errs = mlr_take(c->work->alloc, lanes * sizeof *s.errs);
    mlr_status status = MLR_OK;
    if (s.room == NULL || s.errs == NULL) {
        status = no_memory(err);
        goto out;
    }
    memset(s.errs, 0, lanes * sizeof *s.errs);
    mlr_exec_run(c->work->exec, sign_one, &s, count);
    for (size_t i = 0; i < lanes && status == MLR_OK; i++) {
        status = s.errs[i].status;
        if (status != MLR_OK && err != NULL && err->status == MLR_OK) {
            *err = s.errs[i];
        }
    }
out:
    mlr_give(c->work->alloc, s.errs, lanes * sizeof *s.errs);
    mlr_give(c->work->alloc, s.room, lanes * MLR_SIGNATURE_ROOM);
    return status;
}

static bool payload_less(const void *ctx, uint32_t a, uint32_t b)
{
    const payload *items = ctx;
    return items[a].signature < items[b].signature;
}

/* Payloads sorted by signature; among equal ones old before new, each in its order. */
typedef struct payload_index {
    payload *items;
    uint32_t *order;
    size_t count;
} payload_index;

static mlr_status sort_payloads(contents *c, payload_index *x, mlr_err *err)
{
    uint32_t *spare = mlr_pool_take(&c->scratch, x->count * sizeof *spare);
    x->order = mlr_pool_take(&c->scratch, x->count * sizeof *x->order);
    if (spare == NULL || x->order == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < x->count; i++) {
        x->order[i] = (uint32_t)i;
    }
    mlr_sort(x->order, spare, x->count, payload_less, x->items);
    return MLR_OK;
}

static size_t first_signed(const payload_index *x, uint64_t signature)
{
    size_t low = 0, high = x->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (x->items[x->order[mid]].signature < signature) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* --- leftovers by content ----------------------------------------------------------------
 */

static void adopt(contents *c, mlr_pairing *p, uint32_t old_tensor, mlr_paired_by by)
{
    p->old_tensor = old_tensor;
    p->by = (uint8_t)by;
    mlr_match_describe(c->m, p);
    p->change = by == MLR_BY_CONTENT ? MLR_CHANGE_SAME : MLR_CHANGE_CHANGED;
    p->flags |= MLR_PAIR_COMPARED;
}

static mlr_status payloads_equal(contents *c, const mlr_tensor *a, bool a_old,
                                 const mlr_tensor *b, bool *equal, mlr_err *err)
{
    const mlr_model *ma = a_old ? c->m->old_model : c->m->new_model;
    mlr_equal e = question(ma, a, c->m->new_model, b);
    mlr_status status = mlr_equal_run(&e, 1, c->work, &c->done, c->total, err);
    *equal = status == MLR_OK && !e.differs;
    return status;
}

static mlr_status adopt_equal(contents *c, payload_index *x, payload *mine, mlr_err *err)
{
    mlr_pairing *p = &c->m->pairs[mine->tensor];
    const mlr_tensor *b = new_of(c, p);
    unsigned tried = 0;
    for (size_t at = first_signed(x, mine->signature); at < x->count; at++) {
        payload *other = &x->items[x->order[at]];
        if (other->signature != mine->signature || tried == MOST_CANDIDATES) {
            break;
        }
        const mlr_tensor *a = &c->m->old_model->tensors[other->tensor];
        if (!other->old || other->taken || !mlr_tensor_same_layout(a, b) ||
            a->data.len != b->data.len) {
            continue;
        }
        tried++;
        bool equal = false;
        mlr_status status = payloads_equal(c, a, true, b, &equal, err);
        if (status != MLR_OK) {
            return status;
        }
        if (equal) {
            other->taken = true;
            adopt(c, p, other->tensor, MLR_BY_CONTENT);
            return MLR_OK;
        }
    }
    return MLR_OK;
}

/* Removed tensors, then added ones. */
static mlr_status list_leftovers(contents *c, payload_index *x, mlr_err *err)
{
    size_t removed = c->m->count - c->m->new_count;
    *x = (payload_index){.items =
                             mlr_pool_take(&c->scratch, c->m->count * sizeof *x->items)};
    if (x->items == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < removed; i++) {
        uint32_t tensor = c->m->pairs[c->m->new_count + i].old_tensor;
        x->items[x->count++] = (payload){.tensor = tensor, .old = true};
    }
    for (size_t i = 0; removed > 0 && i < c->m->new_count; i++) {
        if (c->m->pairs[i].change == MLR_CHANGE_ADDED) {
            x->items[x->count++] = (payload){.tensor = (uint32_t)i, .old = false};
        }
    }
    return MLR_OK;
}

static mlr_status pair_by_content(contents *c, mlr_err *err)
{
    payload_index x;
    mlr_status status = list_leftovers(c, &x, err);
    if (status == MLR_OK) {
        status = sign_all(c, x.items, x.count, err);
    }
    if (status == MLR_OK) {
        status = sort_payloads(c, &x, err);
    }
    for (size_t i = 0; i < x.count && status == MLR_OK; i++) {
        if (!x.items[i].old) {
            status = adopt_equal(c, &x, &x.items[i], err);
        }
    }
    return status == MLR_OK ? mlr_match_settle(c->m, &c->scratch, err) : status;
}

/* --- leftovers by values -----------------------------------------------------------------
 */

typedef struct sampled {
    uint32_t pair; /* index into pairs */
    bool known;
    float *values; /* SAMPLE_VALUES, scaled to mean 0 and length 1 */
} sampled;

/* Reads `n` elements at `element` (a block's start) and appends them. */
static bool read_run(const mlr_model *m, const mlr_tensor *t, uint64_t element, size_t n,
                     double *out, mlr_err *err)
{
    uint8_t room[SAMPLE_BYTES];
    uint64_t off = 0, bytes = 0;
    if (!mlr_dtype_bytes(t->dtype, element, &off) ||
        !mlr_dtype_bytes(t->dtype, n, &bytes) || bytes > sizeof room ||
        !mlr_inside(off, bytes, t->data.len)) {
        return false;
    }
    const uint8_t *p =
        mlr_fetch(mlr_tensor_source(m, t), t->data.off + off, (size_t)bytes, room, err);
    return p != NULL && mlr_to_f64(t->dtype, p, n, out, t->big_endian != 0);
}

/* Mean 0 and length 1, so that a correlation is a product; false where nothing varies. */
static bool normalise(const double *from, size_t n, float *to)
{
    double mean = 0, length = 0;
    for (size_t i = 0; i < n; i++) {
        mean += from[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        length += (from[i] - mean) * (from[i] - mean);
    }
    if (!(length > 0) || isinf(length)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = (float)((from[i] - mean) / sqrt(length));
    }
    return true;
}

static void sample_values(const mlr_model *m, const mlr_tensor *t, sampled *s, mlr_err *err)
{
    double values[SAMPLE_VALUES] = {0};
    size_t step = t->dtype->block_items > SAMPLE_VALUES / SAMPLE_RUNS
                      ? SAMPLE_VALUES
                      : SAMPLE_VALUES / SAMPLE_RUNS;
    if (!mlr_numeric_known(t->dtype) || t->elements < 2) {
        return;
    }
    size_t want = t->elements < SAMPLE_VALUES ? (size_t)t->elements : SAMPLE_VALUES;
    want -= want % t->dtype->block_items;
    if (t->elements < SAMPLE_VALUES * 2) {
        s->known =
            read_run(m, t, 0, want, values, err) && normalise(values, want, s->values);
        return;
    }
    size_t runs = SAMPLE_VALUES / step;
    for (size_t i = 0; i < runs; i++) {
        uint64_t at = (t->elements - step) / runs * i;
        at -= at % t->dtype->block_items;
        if (!read_run(m, t, at, step, values + i * step, err)) {
            return;
        }
    }
    s->known = normalise(values, SAMPLE_VALUES, s->values);
}

static double similarity(const sampled *a, const sampled *b)
{
    double sum = 0;
    for (size_t i = 0; i < SAMPLE_VALUES; i++) {
        sum += (double)a->values[i] * (double)b->values[i];
    }
    return sum;
}

static mlr_status take_samples(contents *c, const mlr_model *m, sampled *list, size_t count,
                               mlr_err *err)
{
    for (size_t i = 0; i < count; i++) {
        const mlr_pairing *p = &c->m->pairs[list[i].pair];
        const mlr_tensor *t = p->new_tensor == MLR_NO_TENSOR ? old_of(c, p) : new_of(c, p);
        list[i].values = mlr_pool_take(&c->scratch, SAMPLE_VALUES * sizeof(float));
        if (list[i].values == NULL) {
            return no_memory(err);
        }
        mlr_err failed = {.status = MLR_OK};
        sample_values(m, t, &list[i], &failed);
        if (failed.status != MLR_OK) {
            if (err != NULL && err->status == MLR_OK) {
                *err = failed;
            }
            return failed.status;
        }
    }
    return MLR_OK;
}

/* The free sample of the same layout that is closest to `mine`. */
static sampled *closest(contents *c, const sampled *mine, sampled *olds, size_t count,
                        double *best)
{
    sampled *found = NULL;
    unsigned rivals = 0;
    for (size_t i = 0; i < count && rivals < MOST_RIVALS; i++) {
        if (!olds[i].known ||
            !mlr_tensor_same_layout(old_of(c, &c->m->pairs[olds[i].pair]),
                                    new_of(c, &c->m->pairs[mine->pair]))) {
            continue;
        }
        rivals++;
        double s = similarity(mine, &olds[i]);
        if (s > *best) {
            *best = s;
            found = &olds[i];
        }
    }
    return found;
}

static void adopt_closest(contents *c, sampled *news, size_t new_count, sampled *olds,
                          size_t old_count)
{
    for (size_t i = 0; i < new_count; i++) {
        double best = LEAST_SIMILARITY;
        if (!news[i].known) {
            continue;
        }
        sampled *found = closest(c, &news[i], olds, old_count, &best);
        if (found != NULL) {
            mlr_pairing *p = &c->m->pairs[news[i].pair];
            adopt(c, p, c->m->pairs[found->pair].old_tensor, MLR_BY_VALUES);
            p->similarity = (float)best;
            found->known = false;
        }
    }
}

static mlr_status pair_by_values(contents *c, mlr_err *err)
{
    size_t removed = c->m->count - c->m->new_count;
    size_t added = 0;
    for (size_t i = 0; i < c->m->new_count; i++) {
        added += c->m->pairs[i].change == MLR_CHANGE_ADDED;
    }
    if (removed == 0 || added == 0 || removed > MOST_SAMPLED || added > MOST_SAMPLED) {
        return MLR_OK;
    }
    sampled *olds = mlr_pool_take(&c->scratch, removed * sizeof *olds);
    sampled *news = mlr_pool_take(&c->scratch, added * sizeof *news);
    if (olds == NULL || news == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < removed; i++) {
        olds[i].pair = (uint32_t)(c->m->new_count + i);
    }
    size_t n = 0;
    for (size_t i = 0; i < c->m->new_count; i++) {
        if (c->m->pairs[i].change == MLR_CHANGE_ADDED) {
            news[n++].pair = (uint32_t)i;
        }
    }
    mlr_status status = take_samples(c, c->m->old_model, olds, removed, err);
    if (status == MLR_OK) {
        status = take_samples(c, c->m->new_model, news, added, err);
    }
    if (status == MLR_OK) {
        adopt_closest(c, news, added, olds, removed);
        status = mlr_match_settle(c->m, &c->scratch, err);
    }
    return status;
}

/* --- content that stands elsewhere -------------------------------------------------------
 */

static bool may_repeat(const contents *c, size_t pair)
{
    const mlr_pairing *p = &c->m->pairs[pair];
    return (p->change == MLR_CHANGE_CHANGED || p->change == MLR_CHANGE_ADDED) &&
           new_of(c, p)->data.len > 0 && new_of(c, p)->tied_to == MLR_NO_TENSOR;
}

static mlr_status find_repeat(contents *c, const payload_index *x, const payload *mine,
                              mlr_err *err)
{
    mlr_pairing *p = &c->m->pairs[mine->tensor];
    const mlr_tensor *b = new_of(c, p);
    unsigned tried = 0;
    for (size_t at = first_signed(x, mine->signature); at < x->count; at++) {
        const payload *other = &x->items[x->order[at]];
        if (other->signature != mine->signature || tried == MOST_CANDIDATES) {
            break;
        }
        const mlr_model *m = other->old ? c->m->old_model : c->m->new_model;
        const mlr_tensor *a = &m->tensors[other->tensor];
        bool later = !other->old && other->tensor >= mine->tensor;
        bool own = other->old && other->tensor == p->old_tensor;
        if (later || own || a->data.len != b->data.len) {
            continue;
        }
        tried++;
        bool equal = false;
        mlr_status status = payloads_equal(c, a, other->old, b, &equal, err);
        if (status != MLR_OK) {
            return status;
        }
        if (equal) {
            p->flags |= MLR_PAIR_REPEATED;
            p->repeat_old = other->old;
            p->repeat_of = other->tensor;
            return MLR_OK;
        }
    }
    return MLR_OK;
}

static mlr_status find_repeats(contents *c, mlr_err *err)
{
    size_t olds = c->m->old_model->tensor_count;
    payload_index x = {
        .items = mlr_pool_take(&c->scratch, (olds + c->m->new_count) * sizeof *x.items)};
    if (x.items == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < olds; i++) {
        x.items[x.count++] = (payload){.tensor = (uint32_t)i, .old = true};
    }
    for (size_t i = 0; i < c->m->new_count; i++) {
        if (may_repeat(c, i)) {
            x.items[x.count++] = (payload){.tensor = (uint32_t)i};
        }
    }
    if (x.count == olds) {
        return MLR_OK;
    }
    mlr_status status = sign_all(c, x.items, x.count, err);
    if (status == MLR_OK) {
        status = sort_payloads(c, &x, err);
    }
    for (size_t i = olds; i < x.count && status == MLR_OK; i++) {
        status = find_repeat(c, &x, &x.items[i], err);
    }
    return status;
}

mlr_status mlr_match_contents(mlr_matching *m, const mlr_match_options *options,
                              const mlr_work *work, mlr_err *err)
{
    contents c = {.m = m, .options = options, .work = work};
    mlr_pool_init(&c.scratch, work->alloc);
    bool search = options == NULL || !options->keys_only;
    mlr_status status = list_pairs(&c, err);
    if (status == MLR_OK) {
        status = compare_pairs(&c, err);
    }
    if (status == MLR_OK && search) {
        status = pair_by_content(&c, err);
    }
    if (status == MLR_OK && search) {
        status = pair_by_values(&c, err);
    }
    if (status == MLR_OK) {
        status = find_repeats(&c, err);
    }
    mlr_pool_release(&c.scratch);
    return status;
}
