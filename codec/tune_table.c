#include "codec/tune_table.h"

#include "codec/trial.h"

typedef mlr_tune_row row_task;

enum {
    FIRST_LEVEL = 3,
    HIGH_LEVEL = 19,
    LAST_LEVEL = 22,
    DEEP_BYTES = 64 << 20, /* of changed tensors: beyond, samples have to do */
    SMALL_MODEL = 4 << 20, /* up to here time is no question */
    RECORD_BYTES = 24
};

/* --- which choices ---------------------------------------------------------------------
 */

/* Whether a strategy can be chosen for all records of a tensor on this device. */
static bool possible(const mlr_predictor *p, const mlr_plan_record *r, unsigned id)
{
    const mlr_decoder *d = mlr_decoder_get(id);
    if (d == NULL || mlr_encoder_get(id) == NULL || id == MLR_STRATEGY_copy) {
        return false;
    }
    bool no_zstd = p->device != NULL && p->device->no_zstd;
    return ((d->traits & MLR_NEEDS_OLD) == 0 || r->old_bytes > 0) &&
           ((d->traits & MLR_NEEDS_INFLATE) == 0 || !no_zstd);
}

/* Whether bytes may be worth any time. */
static bool size_counts(const row_task *t)
{
    return t->goal == MLR_GOAL_SIZE || t->limits->bytes > 0;
}

static bool by_zstd(unsigned id)
{
    return (mlr_decoder_get(id)->traits & MLR_NEEDS_INFLATE) != 0;
}

/* One that decodes slowly has a chance only where nothing but size counts, and takes long
   to try. */
static bool worth_a_try(const row_task *t, unsigned id)
{
    enum { SLOW_MB_S = 20, SLOW_BYTES = 256 << 10 };
    bool little = t->patient || t->item->new_bytes <= SLOW_BYTES;
    return mlr_price_speed(id) > SLOW_MB_S || (size_counts(t) && little);
}

/* All records of the item under one choice; x->fits is false where one of them cannot. */
static mlr_status predict(row_task *t, const mlr_choice *choice, mlr_effort effort,
                          mlr_prediction *x)
{
    const mlr_tune_item *item = t->item;
    *x = (mlr_prediction){.exact = true, .fits = true};
    for (size_t i = 0; i < item->records && x->fits; i++) {
        mlr_prediction one;
        if (mlr_predict_record(t->p, item->first + i, choice, effort, &one, &t->err) !=
            MLR_OK) {
            return t->err.status;
        }
        x->bytes += one.bytes;
        x->memory = one.memory > x->memory ? one.memory : x->memory;
        x->exact = x->exact && one.exact;
        x->fits = one.fits;
    }
    return MLR_OK;
}

/* What a glance at every strategy showed. */
typedef struct glance {
    uint64_t bytes[MLR_STRATEGY_LIMIT]; /* at the first level; 0: not possible */
} glance;

static unsigned first_level(unsigned id)
{
    return id == MLR_STRATEGY_neural_max ? 20 : FIRST_LEVEL;
}

static mlr_status look(row_task *t, glance *g)
{
    const mlr_plan_record *r = &t->p->plan->records[t->item->first];
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        const mlr_choice c = {.strategy = (int16_t)id, .level = (uint8_t)first_level(id)};
        mlr_prediction x;
        if (!possible(t->p, r, id) || !worth_a_try(t, id)) {
            continue;
        }
        if (predict(t, &c, MLR_EFFORT_GLANCE, &x) != MLR_OK) {
            return t->err.status;
        }
        g->bytes[id] = x.fits ? x.bytes : 0;
    }
    return MLR_OK;
}

/* Another one is clearly smaller and no slower: no closer look would turn that round. */
static bool hopeless(const glance *g, unsigned id)
{
    /* a glance searches for no scale and no low rank: of these it shows the worst */
    bool searches = id == MLR_STRATEGY_neural || id == MLR_STRATEGY_neural_max;
    if (searches && g->bytes[id] > 0) {
        return false;
    }
    for (unsigned o = 0; o < MLR_STRATEGY_LIMIT; o++) {
        bool smaller = g->bytes[o] > 0 && g->bytes[o] < g->bytes[id] - g->bytes[id] / 8;
        if (smaller && mlr_price_speed(o) >= mlr_price_speed(id)) {
            return true;
        }
    }
    return g->bytes[id] == 0;
}

static bool add_option(row_task *t, const mlr_choice *c, const mlr_prediction *x)
{
    mlr_tune_item *item = t->item;
    bool fits = x->fits && (t->limits->memory == 0 || x->memory <= t->limits->memory);
    if (!fits || item->count + 1 >= MLR_TUNE_OPTIONS) {
        return false;
    }
    item->option[item->count++] = (mlr_tune_option){
        .choice = *c,
        .bytes = x->bytes,
        .memory = x->memory,
        .exact = x->exact,
        .us = mlr_price_decode_us((unsigned)c->strategy, item->new_bytes, t->p->device)};
    return true;
}

/* A high level takes long: its gain over the first level is taken from a glance. */
static mlr_status try_high(row_task *t, const glance *g, const mlr_prediction *first,
                           unsigned id)
{
    const mlr_choice c = {.strategy = (int16_t)id,
                          .level = t->patient ? LAST_LEVEL : HIGH_LEVEL};
    mlr_effort effort = t->patient ? t->effort : MLR_EFFORT_GLANCE;
    mlr_prediction x;
    if (predict(t, &c, effort, &x) != MLR_OK || !x.fits) {
        return t->err.status;
    }
    if (!x.exact && !t->patient) {
        double gain = (double)x.bytes / (double)g->bytes[id];
        x.bytes = (uint64_t)((double)first->bytes * gain);
    }
    (void)add_option(t, &c, &x);
    return MLR_OK;
}

/* A level makes no loser win: what is so many parts in a hundred larger than the smallest
   stays there. */
static bool far_behind(const glance *g, uint64_t bytes, unsigned percent)
{
    for (unsigned o = 0; o < MLR_STRATEGY_LIMIT; o++) {
        if (g->bytes[o] > 0 && g->bytes[o] + g->bytes[o] / 100 * percent < bytes) {
            return true;
        }
    }
    return false;
}

/* Whether its high levels do more than its first. */
static bool has_high(const row_task *t, unsigned id)
{
    bool slow = id == MLR_STRATEGY_mix || id == MLR_STRATEGY_neural_quant;
    return by_zstd(id) || (slow && size_counts(t));
}

static mlr_status try_strategy(row_task *t, const glance *g, unsigned id)
{
    mlr_choice c = {.strategy = (int16_t)id, .level = (uint8_t)first_level(id)};
    mlr_prediction x;
    if (id == MLR_STRATEGY_mix && far_behind(g, g->bytes[id], 5)) {
        return MLR_OK; /* slow: only where a glance shows it ahead, or nearly */
    }
    if (predict(t, &c, t->effort, &x) != MLR_OK) {
        return t->err.status;
    }
    bool there = add_option(t, &c, &x);
    if (there && has_high(t, id) && !far_behind(g, x.bytes, t->patient ? 30 : 50)) {
        return try_high(t, g, &x, id);
    }
    if (there && id == MLR_STRATEGY_neural && size_counts(t)) {
        c.level = 12; /* where it takes its time with low ranks */
        if (predict(t, &c, t->effort, &x) == MLR_OK) {
            (void)add_option(t, &c, &x);
        }
    }
    return t->err.status;
}

/* Drops options that another one beats in size and time. Order breaks ties, so that the
   lower level stays where a higher one gains nothing. */
static void prune(mlr_tune_item *item)
{
    size_t kept = 0;
    for (size_t i = 0; i < item->count; i++) {
        const mlr_tune_option a = item->option[i];
        bool beaten = false;
        for (size_t k = 0; k < item->count && !beaten; k++) {
            const mlr_tune_option *b = &item->option[k];
            bool no_worse = b->bytes <= a.bytes && b->us <= a.us;
            bool better = b->bytes < a.bytes || b->us < a.us;
            beaten = k != i && no_worse && (better || k < i);
        }
        item->option[i].choice.by = beaten; /* a mark until all are compared */
    }
    for (size_t i = 0; i < item->count; i++) {
        if (item->option[i].choice.by == 0) {
            item->option[kept++] = item->option[i];
        }
    }
    item->count = kept;
}

void mlr_tune_fill_row(void *rows, size_t i, unsigned lane)
{
    row_task *t = (row_task *)rows + i;
    mlr_tune_item *item = t->item;
    glance g = {0};
    (void)lane;
    (void)look(t, &g);
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT && t->err.status == MLR_OK; id++) {
        if (!hopeless(&g, id)) {
            (void)try_strategy(t, &g, id);
        }
    }
    prune(item);
    if (item->count == 0) { /* nothing fits: stored as it is, for the report to say so */
        item->option[0] = (mlr_tune_option){
            .choice = {.strategy = MLR_STRATEGY_raw, .level = FIRST_LEVEL},
            .bytes = item->new_bytes + RECORD_BYTES,
            .us = mlr_price_decode_us(MLR_STRATEGY_raw, item->new_bytes, t->p->device)};
        item->count = 1;
    }
}

/* --- the table -------------------------------------------------------------------------
 */

/* Items of the plan, one for each tensor, in its order; what is only copied is fixed. */
static void list_items(mlr_tune_table *t, const mlr_predictor *p)
{
    const mlr_plan *plan = p->plan;
    uint32_t last = MLR_NO_TENSOR;
    for (size_t i = 0; i < plan->record_count; i++) {
        const mlr_plan_record *r = &plan->records[i];
        if (r->copy) {
            t->fixed_bytes += RECORD_BYTES;
            t->fixed_us += mlr_price_decode_us(MLR_STRATEGY_copy, r->bytes.len, p->device);
        } else if (r->pair == last) {
            t->items[t->count - 1].new_bytes += r->bytes.len;
            t->items[t->count - 1].records++;
        } else {
            t->items[t->count++] = (mlr_tune_item){
                .pair = r->pair, .first = i, .records = 1, .new_bytes = r->bytes.len};
            last = r->pair;
        }
    }
    t->fixed_bytes += plan->glue_bytes / 8 + 256; /* until somebody knows better */
}

static mlr_status make_options(mlr_tune_table *t, mlr_pool *pool, mlr_err *err)
{
    for (size_t i = 0; i < t->count; i++) {
        t->items[i].option =
            mlr_pool_take(pool, MLR_TUNE_OPTIONS * sizeof(mlr_tune_option));
        if (t->items[i].option == NULL) {
            return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "table of the tuner");
        }
    }
    return MLR_OK;
}

mlr_status mlr_tune_fill_rows(mlr_tune_row *rows, size_t n, const mlr_exec *exec,
                              mlr_err *err)
{
    mlr_exec_run(exec, mlr_tune_fill_row, rows, n);
    for (size_t i = 0; i < n && err->status == MLR_OK; i++) {
        if (rows[i].err.status != MLR_OK) {
            *err = rows[i].err;
        }
    }
    return err->status;
}

mlr_status mlr_tune_measure(mlr_tune_table *t, const mlr_predictor *p, mlr_goal goal,
                            const mlr_tune_limits *limits, const mlr_exec *exec,
                            mlr_pool *pool, mlr_err *err)
{
    *t = (mlr_tune_table){0};
    t->items = mlr_pool_take(pool, (p->plan->record_count + 1) * sizeof *t->items);
    row_task *rows = mlr_pool_take(pool, (p->plan->record_count + 1) * sizeof *rows);
    if (t->items == NULL || rows == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "table of the tuner");
    }
    list_items(t, p);
    uint64_t bytes = 0;
    for (size_t i = 0; i < t->count; i++) {
        bytes += t->items[i].new_bytes;
    }
    const mlr_tune_row like = {.p = p,
                               .limits = limits,
                               .goal = goal,
                               .effort = MLR_EFFORT_DEFAULT,
                               .patient = bytes <= SMALL_MODEL};
    if (make_options(t, pool, err) != MLR_OK) {
        return err->status;
    }
    if (bytes > DEEP_BYTES) {
        return mlr_tune_sample(t, &like, exec, pool, err);
    }
    for (size_t i = 0; i < t->count; i++) {
        rows[i] = like;
        rows[i].item = &t->items[i];
    }
    return mlr_tune_fill_rows(rows, t->count, exec, err);
}
