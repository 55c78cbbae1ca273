#include <math.h>
#include <string.h>

#include "analysis/sort.h"
#include "codec/change_cost.h"
#include "codec/module_kind.h"
#include "codec/pair_view.h"
#include "codec/tune_table.h"

enum {
    SLICE_BYTES = 4 << 20,    /* of a long tensor, from its middle */
    GLANCE_BYTES = 512 << 10, /* where the budget is spent */
    SAMPLE_BUDGET = 96 << 20, /* new bytes that are tried closely */
    VERIFY_BUDGET = 64 << 20, /* and that are encoded to verify a plan */
    VERIFY_BYTES = 32 << 20,  /* largest tensor that is */
    PIECE = 1 << 20           /* of a change that is priced */
};

typedef struct sampler {
    mlr_tune_table *t;
    const mlr_tune_row *like;
    mlr_plan shadow; /* the plan, sampled records cut to a stretch of them */
    mlr_predictor p; /* of the shadow */
    mlr_plan_record *records;
    double *price;       /* by item: of the change in all of it */
    double *price_tried; /* by item: in the part that was tried; 0: not tried */
    mlr_tune_row *rows;
    size_t row_count;
    uint64_t spent;
    mlr_pool *pool;
    mlr_err *err;
} sampler;

static bool take(sampler *s, size_t n, size_t size, void *pointer)
{
    void *p = mlr_pool_take(s->pool, (n + 1) * size);
    memcpy(pointer, &p, sizeof p);
    if (p == NULL) {
        mlr_fail(s->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "table of the tuner");
        return false;
    }
    memset(p, 0, (n + 1) * size);
    return true;
}

/* --- what the change in each item weighs ------------------------------------------------
 */

typedef struct price_task {
    const mlr_predictor *p;
    const mlr_plan_record *record;
    double *price;
    mlr_err err;
} price_task;

static void price_record(void *arg, size_t i, unsigned lane)
{
    price_task *t = (price_task *)arg + i;
    mlr_encoding e = {.alloc = t->p->alloc, .tick = t->p->tick};
    mlr_change_cost cost = {0};
    mlr_pair_view view;
    mlr_pool pool;
    (void)lane;
    mlr_pool_init(&pool, t->p->alloc);
    if (mlr_pair_view_init(&view, t->p->plan, t->record, PIECE, &pool, &t->err) == MLR_OK &&
        mlr_change_cost_make(&cost, &e, &view.view, t->record->old_bytes == 0, &t->err) ==
            MLR_OK) {
        *t->price = mlr_change_cost_of(&cost, 0, t->record->bytes.len);
        mlr_change_cost_release(&cost);
    }
    mlr_pool_release(&pool);
}

static mlr_status run_prices(sampler *s, price_task *task, size_t n, const mlr_exec *exec)
{
    mlr_exec_run(exec, price_record, task, n);
    for (size_t i = 0; i < n && s->err->status == MLR_OK; i++) {
        if (task[i].err.status != MLR_OK) {
            *s->err = task[i].err;
        }
    }
    return s->err->status;
}

static mlr_status price_items(sampler *s, const mlr_exec *exec)
{
    const mlr_plan *plan = s->like->p->plan;
    price_task *task;
    double *of;
    size_t n = 0;
    if (!take(s, plan->record_count, sizeof *task, &task) ||
        !take(s, plan->record_count, sizeof *of, &of)) {
        return s->err->status;
    }
    for (size_t i = 0; i < s->t->count; i++) {
        for (size_t k = 0; k < s->t->items[i].records; k++, n++) {
            task[n] = (price_task){.p = s->like->p,
                                   .record = &plan->records[s->t->items[i].first + k],
                                   .price = &of[n]};
        }
    }
    if (run_prices(s, task, n, exec) != MLR_OK) {
        return s->err->status;
    }
    n = 0;
    for (size_t i = 0; i < s->t->count; i++) {
        for (size_t k = 0; k < s->t->items[i].records; k++) {
            s->price[i] += of[n++];
        }
    }
    return MLR_OK;
}

/* --- groups ----------------------------------------------------------------------------
 */

static const mlr_tensor *tensor_of(const sampler *s, size_t item)
{
    const mlr_matching *m = s->like->p->plan->matching;
    return &m->new_model->tensors[s->t->items[item].pair];
}

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Below, equal or above: kind of module, types, shape. */
static int order_of(const sampler *s, uint32_t a, uint32_t b)
{
    enum { PARTS = 4 };
    const mlr_plan_record *x = &s->like->p->plan->records[s->t->items[a].first];
    const mlr_plan_record *y = &s->like->p->plan->records[s->t->items[b].first];
    const mlr_tensor *p = tensor_of(s, a), *q = tensor_of(s, b);
    const uint64_t left[PARTS] = {mlr_module_kind_of(p->key), x->dtype->id, x->old_bytes,
                                  p->rank};
    const uint64_t right[PARTS] = {mlr_module_kind_of(q->key), y->dtype->id, y->old_bytes,
                                   q->rank};
    int order = 0;
    for (unsigned i = 0; i < PARTS && order == 0; i++) {
        order = compare(left[i], right[i]);
    }
    for (unsigned i = 0; order == 0 && i < p->rank; i++) {
        order = compare(p->dim[i], q->dim[i]);
    }
    return order;
}

static bool comes_before(const void *ctx, uint32_t a, uint32_t b)
{
    const sampler *s = ctx;
    int order = order_of(s, a, b);
    return order != 0 ? order < 0 : s->price[a] < s->price[b];
}

static bool make_groups(sampler *s)
{
    mlr_tune_table *t = s->t;
    uint32_t *spare;
    if (!take(s, t->count, sizeof *t->like, &t->like) ||
        !take(s, t->count, sizeof *spare, &spare)) {
        return false;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        t->like[i] = i;
    }
    mlr_sort(t->like, spare, t->count, comes_before, s);
    for (size_t i = 0; i < t->count; i++) {
        bool other = i == 0 || order_of(s, t->like[i - 1], t->like[i]) != 0;
        t->groups += other;
        t->items[t->like[i]].group = (uint32_t)t->groups - 1;
    }
    return true;
}

/* A group's place in `like`. */
typedef struct span {
    size_t first, count;
    uint64_t bytes;
} span;

static bool by_weight(const void *ctx, uint32_t a, uint32_t b)
{
    const span *group = ctx;
    return group[a].bytes > group[b].bytes;
}

/* All groups, and their numbers by bytes, most first. */
static bool list_groups(const mlr_tune_table *t, mlr_pool *pool, span **spans,
                        uint32_t **order, mlr_err *err)
{
    uint32_t *spare = mlr_pool_take(pool, (t->groups + 1) * sizeof *spare);
    *spans = mlr_pool_take(pool, (t->groups + 1) * sizeof **spans);
    *order = mlr_pool_take(pool, (t->groups + 1) * sizeof **order);
    if (spare == NULL || *spans == NULL || *order == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "table of the tuner");
        return false;
    }
    memset(*spans, 0, (t->groups + 1) * sizeof **spans);
    for (size_t i = 0; i < t->count; i++) {
        const mlr_tune_item *item = &t->items[t->like[i]];
        span *g = &(*spans)[item->group];
        g->first = g->count == 0 ? i : g->first;
        g->count++;
        g->bytes += item->new_bytes;
    }
    for (uint32_t i = 0; i < t->groups; i++) {
        (*order)[i] = i;
    }
    mlr_sort(*order, spare, t->groups, by_weight, *spans);
    return true;
}

/* --- who speaks for a group ------------------------------------------------------------
 */

/* Cuts a record to whole rows from its middle. False where it cannot be cut: it has more
   than one piece of old bytes, or elements that share something across rows. */
static bool cut(sampler *s, mlr_plan_record *r, uint64_t most)
{
    bool plain = r->dtype->cls == MLR_CLASS_FLOAT || r->dtype->cls == MLR_CLASS_BLOCK;
    uint64_t row = r->row / r->dtype->block_items * r->dtype->block_bytes;
    bool whole =
        r->old_bytes == 0 || (r->ref_count == 1 && r->refs[0].gap == 0 &&
                              r->old_dtype == r->dtype && r->refs[0].len == r->bytes.len);
    if (r->bytes.len <= most) {
        return true;
    }
    if (!plain || !whole || row == 0 || row > most || r->bytes.len % row != 0) {
        return false;
    }
    uint64_t n = most / row * row;
    uint64_t at = (r->bytes.len - n) / 2 / row * row;
    if (r->old_bytes > 0) {
        mlr_ref *ref;
        if (!take(s, 1, sizeof *ref, &ref)) {
            return false;
        }
        *ref = r->refs[0];
        ref->off += at;
        ref->len = n;
        r->refs = ref;
        r->old_bytes = n;
    }
    r->bytes.off += at;
    r->bytes.len = n;
    return true;
}

static void add_row(sampler *s, uint32_t item, bool closely)
{
    mlr_tune_item *x = &s->t->items[item];
    mlr_plan_record *r = &s->records[x->first];
    bool can = cut(s, r, closely ? SLICE_BYTES : GLANCE_BYTES);
    mlr_tune_row *row = &s->rows[s->row_count++];
    *row = *s->like;
    row->p = &s->p;
    row->item = x;
    row->effort = closely && can ? MLR_EFFORT_DEFAULT : MLR_EFFORT_GLANCE;
    s->spent += closely && can ? r->bytes.len : 0;
    s->price_tried[item] = 1; /* set when known */
}

/* The middle of every group, heavy groups closely; then, where the change in a group
   differs much, its lower and upper end. */
static void choose_rows(sampler *s, const span *spans, const uint32_t *order)
{
    const uint32_t *like = s->t->like;
    for (size_t i = 0; i < s->t->groups; i++) {
        const span *g = &spans[order[i]];
        add_row(s, like[g->first + g->count / 2], s->spent < SAMPLE_BUDGET);
    }
    for (size_t i = 0; i < s->t->groups && s->spent < SAMPLE_BUDGET; i++) {
        const span *g = &spans[order[i]];
        uint32_t low = like[g->first + g->count / 8];
        uint32_t high = like[g->first + g->count - 1 - g->count / 8];
        if (g->count >= 3 && s->price[high] > 1.1 * s->price[low]) {
            add_row(s, low, true);
            add_row(s, high, true);
        }
    }
}

/* Prices of the parts that are tried. */
static mlr_status price_rows(sampler *s, const mlr_exec *exec)
{
    price_task *task;
    if (!take(s, s->row_count, sizeof *task, &task)) {
        return s->err->status;
    }
    for (size_t i = 0; i < s->row_count; i++) {
        mlr_tune_item *item = s->rows[i].item;
        item->records = 1; /* the first stands for all */
        task[i] = (price_task){.p = &s->p,
                               .record = &s->records[item->first],
                               .price = &s->price_tried[item - s->t->items]};
    }
    return run_prices(s, task, s->row_count, exec);
}

/* --- what they say ---------------------------------------------------------------------
 */

static bool follows_change(unsigned id)
{
    return (mlr_decoder_get(id)->traits & MLR_NEEDS_OLD) != 0 ||
           id == MLR_STRATEGY_neural || id == MLR_STRATEGY_neural_max ||
           id == MLR_STRATEGY_mix;
}

/* The tried item of the group whose change comes nearest to that of the i-th. */
static uint32_t speaker_for(const sampler *s, const span *g, uint32_t item)
{
    uint32_t best = UINT32_MAX;
    double least = INFINITY;
    for (size_t k = 0; k < g->count; k++) {
        uint32_t other = s->t->like[g->first + k];
        double off = fabs(log((s->price[other] + 1) / (s->price[item] + 1)));
        if (s->price_tried[other] > 0 && off < least) {
            least = off;
            best = other;
        }
    }
    return best;
}

/* `rows` are the options of the speaker as tried. */
static void carry_over(const sampler *s, uint32_t from, uint32_t to,
                       const mlr_tune_option *tried, size_t count)
{
    mlr_tune_item *item = &s->t->items[to];
    const mlr_plan_record *part = &s->records[s->t->items[from].first];
    double by_size = (double)item->new_bytes / (double)part->bytes.len;
    double by_change = (s->price[to] + 1) / (s->price_tried[from] + 1);
    item->count = count;
    for (size_t i = 0; i < count; i++) {
        mlr_tune_option *o = &item->option[i];
        unsigned id = (unsigned)tried[i].choice.strategy;
        double bytes = (double)tried[i].bytes * (follows_change(id) ? by_change : by_size);
        double most = (double)item->new_bytes + (double)item->new_bytes / 64 + 64;
        *o = tried[i];
        o->bytes = (uint64_t)(bytes < most ? bytes : most);
        o->us = mlr_price_decode_us(id, item->new_bytes, s->p.device);
        o->exact = false;
    }
}

/* Copies first: speakers are listed with the part of them that was tried. */
static bool spread(sampler *s, const span *spans)
{
    mlr_tune_option *tried;
    size_t *count;
    uint32_t *row_of;
    if (!take(s, s->row_count * MLR_TUNE_OPTIONS, sizeof *tried, &tried) ||
        !take(s, s->row_count, sizeof *count, &count) ||
        !take(s, s->t->count, sizeof *row_of, &row_of)) {
        return false;
    }
    for (size_t i = 0; i < s->row_count; i++) {
        const mlr_tune_item *item = s->rows[i].item;
        row_of[item - s->t->items] = (uint32_t)i;
        count[i] = item->count;
        memcpy(tried + i * MLR_TUNE_OPTIONS, item->option, item->count * sizeof *tried);
    }
    for (uint32_t i = 0; i < s->t->count; i++) {
        uint32_t from = speaker_for(s, &spans[s->t->items[i].group], i);
        uint32_t row = row_of[from];
        carry_over(s, from, i, tried + row * MLR_TUNE_OPTIONS, count[row]);
    }
    return true;
}

mlr_status mlr_tune_sample(mlr_tune_table *t, const mlr_tune_row *like,
                           const mlr_exec *exec, mlr_pool *pool, mlr_err *err)
{
    const mlr_plan *plan = like->p->plan;
    sampler s = {.t = t, .like = like, .shadow = *plan, .pool = pool, .err = err};
    span *spans;
    uint32_t *order;
    size_t *records;
    t->sampled = true;
    if (!take(&s, plan->record_count, sizeof *s.records, &s.records) ||
        !take(&s, t->count, sizeof *s.price, &s.price) ||
        !take(&s, t->count, sizeof *s.price_tried, &s.price_tried) ||
        !take(&s, 3 * t->count, sizeof *s.rows, &s.rows) ||
        !take(&s, t->count, sizeof *records, &records)) {
        return err->status;
    }
    memcpy(s.records, plan->records, plan->record_count * sizeof *s.records);
    s.shadow.records = s.records;
    s.p = *like->p;
    s.p.plan = &s.shadow;
    for (size_t i = 0; i < t->count; i++) {
        records[i] = t->items[i].records;
    }
    if (price_items(&s, exec) != MLR_OK || !make_groups(&s) ||
        !list_groups(t, pool, &spans, &order, err)) {
        return err->status;
    }
    choose_rows(&s, spans, order);
    if (price_rows(&s, exec) != MLR_OK ||
        mlr_tune_fill_rows(s.rows, s.row_count, exec, err) != MLR_OK ||
        !spread(&s, spans)) {
        return err->status;
    }
    for (size_t i = 0; i < t->count; i++) {
        t->items[i].records = records[i];
    }
    return MLR_OK;
}

/* --- verification ----------------------------------------------------------------------
 */

typedef struct proof {
    const mlr_predictor *p;
    const mlr_tune_item *item;
    mlr_tune_option *option;
    mlr_prediction found;
    mlr_err err;
} proof;

static void prove_item(void *arg, size_t i, unsigned lane)
{
    proof *t = (proof *)arg + i;
    (void)lane;
    t->found.fits = true;
    for (size_t k = 0; k < t->item->records && t->found.fits; k++) {
        mlr_prediction one;
        if (mlr_predict_record(t->p, t->item->first + k, &t->option->choice,
                               MLR_EFFORT_EXACT, &one, &t->err) != MLR_OK) {
            return;
        }
        t->found.fits = one.fits;
        t->found.bytes += one.bytes;
        t->found.memory = one.memory > t->found.memory ? one.memory : t->found.memory;
    }
}

/* One of a group stands for those that were given the same choice; what an earlier turn
   taught counts as much. */
static void correct_group(mlr_tune_table *t, const span *g, const proof *x, unsigned turn)
{
    double ratio = (double)x->found.bytes / (double)(x->option->bytes + 1);
    ratio = turn == 0 ? ratio : (1 + ratio) / 2;
    const mlr_choice c = x->option->choice;
    for (size_t i = 0; i < g->count; i++) {
        mlr_tune_item *item = &t->items[t->like[g->first + i]];
        for (size_t o = 0; o < item->count; o++) {
            mlr_tune_option *to = &item->option[o];
            if (!to->exact && to->choice.strategy == c.strategy &&
                to->choice.level == c.level) {
                to->bytes = (uint64_t)((double)to->bytes * ratio);
                to->memory = x->found.memory;
            }
        }
    }
    x->option->bytes = x->found.bytes;
    x->option->exact = true;
}

/* Bytes to encode, slow choices counted several times. */
static uint64_t effort_of(const mlr_tune_item *item, const mlr_choice *c)
{
    enum { SLOW_LEVEL = 16, OF_ZSTD = 6, OF_MIX = 24 };
    unsigned id = (unsigned)c->strategy;
    bool zstd = (mlr_decoder_get(id)->traits & MLR_NEEDS_INFLATE) != 0;
    return item->new_bytes * (id == MLR_STRATEGY_mix           ? OF_MIX
                              : zstd && c->level >= SLOW_LEVEL ? OF_ZSTD
                                                               : 1);
}

/* What is encoded in a turn: of each group the middle one first, then another one. */
static size_t list_proofs(const mlr_tune_table *t, const mlr_tune_plan *plan,
                          const span *spans, const uint32_t *order, unsigned turn,
                          proof *proofs)
{
    uint64_t spent = 0;
    size_t n = 0;
    for (size_t i = 0; i < t->groups && spent < VERIFY_BUDGET; i++) {
        const span *g = &spans[order[i]];
        uint32_t at = t->like[g->first + g->count / (2 + 2 * turn)];
        const mlr_tune_item *item = &t->items[at];
        mlr_tune_option *o = &item->option[plan->pick[at]];
        uint64_t effort = effort_of(item, &o->choice);
        if (effort <= VERIFY_BYTES && !o->exact) {
            proofs[n++] = (proof){.item = item, .option = o};
            spent += effort;
        }
    }
    return n;
}

typedef struct findings {
    const proof *proofs;
    size_t count;
    unsigned turn;
} findings;

/* Applies what was found; returns by how much the figures were wrong. Groups nobody looked
   at in this turn are as wrong as all were before. */
static double learn(mlr_tune_table *t, const span *spans, const findings *f, double before)
{
    double wrong = 0, seen = 0, all = 0;
    for (size_t i = 0; i < t->groups; i++) {
        all += (double)spans[i].bytes;
    }
    for (size_t i = 0; i < f->count; i++) {
        const proof *x = &f->proofs[i];
        const span *g = &spans[x->item->group];
        double off = fabs((double)x->found.bytes / (double)(x->option->bytes + 1) - 1);
        if (x->found.fits) {
            wrong += (double)g->bytes * off;
            seen += (double)g->bytes;
            correct_group(t, g, x, f->turn);
        }
    }
    if (f->turn == 0) {
        return seen > 0 ? wrong / seen : 0;
    }
    return (wrong + before * (all - seen)) / (all + 1);
}

mlr_status mlr_tune_verify(mlr_tune_table *t, const mlr_tune_plan *plan,
                           mlr_tune_proof *how, mlr_pool *pool, mlr_err *err)
{
    span *spans;
    uint32_t *order;
    proof *proofs = mlr_pool_take(pool, (t->groups + 1) * sizeof *proofs);
    if (proofs == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "proofs of the tuner");
    }
    if (!list_groups(t, pool, &spans, &order, err)) {
        return err->status;
    }
    size_t n = list_proofs(t, plan, spans, order, how->turn, proofs);
    for (size_t i = 0; i < n; i++) {
        proofs[i].p = how->p;
    }
    mlr_exec_run(how->exec, prove_item, proofs, n);
    for (size_t i = 0; i < n; i++) {
        if (proofs[i].err.status != MLR_OK) {
            *err = proofs[i].err;
            return err->status;
        }
    }
    const findings f = {.proofs = proofs, .count = n, .turn = how->turn};
    how->error = learn(t, spans, &f, how->error);
    return MLR_OK;
}
