#include "tui/cli/analyze.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "analysis/sort.h"
#include "apply/host/inflate_zstd.h"

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to analyze with");
}

static void phase(mlr_analyze *a, const char *name)
{
    a->progress->phase = name;
}

static mlr_work work_of(const mlr_analyze *a)
{
    return (mlr_work){
        .alloc = a->cli->alloc, .exec = a->cli->exec, .tick = &a->progress->tick};
}

const mlr_tensor *mlr_analyze_tensor(const mlr_analyze *a, size_t pair)
{
    mlr_pair p = mlr_diff_pair(&a->diff, pair);
    return p.new_tensor != NULL ? p.new_tensor : p.old_tensor;
}

mlr_str mlr_analyze_key(const mlr_analyze *a, size_t pair)
{
    return mlr_analyze_tensor(a, pair)->key;
}

double mlr_analyze_relative(double delta_square, double old_square)
{
    return old_square > 0 ? sqrt(delta_square / old_square) : 0;
}

/* --- opening and measuring --------------------------------------------------------------
 */

static mlr_status open_models(mlr_analyze *a, mlr_err *err)
{
    mlr_open_options o = {.single = a->wish->single, .sys = a->cli->sys};
    const mlr_allocator *alloc = a->cli->alloc;
    return mlr_model_open(&a->old_opened, a->old_path, &o, alloc, err) == MLR_OK
               ? mlr_model_open(&a->new_opened, a->new_path, &o, alloc, err)
               : err->status;
}

static mlr_status compare(mlr_analyze *a, mlr_err *err)
{
    mlr_work work = work_of(a);
    mlr_diff_options o = {.depth = a->wish->quick ? MLR_DEPTH_QUICK : MLR_DEPTH_FULL};
    if (mlr_diff_begin(&a->diff, mlr_opened_model(a->old_opened),
                       mlr_opened_model(a->new_opened), NULL, &a->pool, err) != MLR_OK) {
        return err->status;
    }
    if (a->wish->tensor != NULL) { /* one tensor is measured later, in depth */
        phase(a, "match");
        return mlr_match_contents(&a->diff.matching, NULL, &work, err);
    }
    phase(a, "measure");
    return mlr_diff_compare(&a->diff, &o, &work, err);
}

static mlr_status describe(mlr_analyze *a, mlr_err *err)
{
    mlr_work work = work_of(a);
    const mlr_model *old = mlr_opened_model(a->old_opened);
    const mlr_model *new_model = mlr_opened_model(a->new_opened);
    phase(a, "metadata");
    if (mlr_summary_make(&a->summary, &a->diff, &a->pool, err) != MLR_OK ||
        mlr_meta_diff_make(&a->meta, old, new_model, &work, &a->pool, err) != MLR_OK) {
        return err->status;
    }
    return mlr_vocabulary_diff_make(&a->vocabulary, old, new_model, &work, &a->pool, err);
}

/* --- hints ------------------------------------------------------------------------------
 */

static void add_hint(mlr_analyze *a, const mlr_hint *h, uint32_t pair, uint64_t bytes)
{
    size_t i = 0;
    while (i < a->hints &&
           (a->hint[i].hint.kind != h->kind ||
            (a->hint[i].pair == MLR_NO_TENSOR) != (pair == MLR_NO_TENSOR))) {
        i++;
    }
    if (i == MLR_ANALYZE_HINTS) {
        return;
    }
    mlr_analyze_hint *to = &a->hint[i];
    if (i == a->hints) {
        a->hints++;
        *to = (mlr_analyze_hint){.hint = *h, .pair = pair};
    } else if (mlr_analyze_tensor(a, to->pair)->data.len < bytes) {
        to->hint = *h;
        to->pair = pair;
    }
    to->tensors++;
    to->bytes += bytes;
}

static mlr_status hints_of_pair(mlr_analyze *a, uint32_t i, mlr_err *err)
{
    const mlr_measure *m = a->diff.measures[i];
    if (m == NULL || !m->full) {
        return MLR_OK;
    }
    mlr_hint h[MLR_HINT_COUNT];
    mlr_low_rank low = {0};
    mlr_pair pair = mlr_diff_pair(&a->diff, i);
    mlr_work work = work_of(a);
    if (a->wish->full && mlr_measure_low_rank(&low, &pair, &work, err) != MLR_OK) {
        return err->status;
    }
    unsigned n = mlr_hints_of_pair(h, &pair, m, low.ranks > 0 ? &low : NULL);
    for (unsigned k = 0; k < n; k++) {
        add_hint(a, &h[k], i, mlr_analyze_tensor(a, i)->data.len);
    }
    return MLR_OK;
}

static mlr_status find_hints(mlr_analyze *a, mlr_err *err)
{
    mlr_hint h[MLR_HINT_COUNT];
    unsigned n = mlr_hints_of_models(h, &a->diff, &a->summary, &a->vocabulary);
    for (unsigned k = 0; k < n; k++) {
        add_hint(a, &h[k], MLR_NO_TENSOR, 0);
    }
    phase(a, "hints");
    for (size_t i = 0; i < a->diff.matching.count && err->status == MLR_OK; i++) {
        hints_of_pair(a, (uint32_t)i, err);
    }
    return err->status;
}

/* --- predicting -------------------------------------------------------------------------
 */

mlr_status mlr_analyze_predict(mlr_analyze *a, uint32_t pair, const mlr_choice *choice,
                               mlr_prediction *out, mlr_err *err)
{
    mlr_device device = *mlr_device_at(0);
    mlr_predictor predictor = a->predictor;
    predictor.device = &device;
    mlr_device_for_plan(&device, &a->plan, choice); /* as diff does */
    return mlr_predict_remembered(a->cache, &predictor, pair, choice, a->effort, out, err);
}

typedef struct batch {
    mlr_analyze *a;
    pthread_mutex_t lock;
    mlr_err err;
    uint64_t done;
} batch;

static void predict_task(void *arg, size_t i, unsigned lane)
{
    batch *b = arg;
    mlr_analyze *a = b->a;
    mlr_err err = {0};
    (void)lane;
    pthread_mutex_lock(&b->lock);
    bool stop = b->err.status != MLR_OK ||
                !mlr_keep_going(&a->progress->tick, b->done, a->plan.new_bytes);
    pthread_mutex_unlock(&b->lock);
    if (stop) {
        mlr_fail(&err, MLR_E_CANCELLED, MLR_NO_OFFSET, "analysis");
    } else {
        mlr_choice choice = {.strategy = MLR_AUTO, .level = (uint8_t)a->wish->level};
        mlr_analyze_predict(a, (uint32_t)i, &choice, &a->prediction[i], &err);
    }
    pthread_mutex_lock(&b->lock);
    if (b->err.status == MLR_OK && err.status != MLR_OK) {
        b->err = err;
    }
    b->done += mlr_analyze_tensor(a, i)->data.len;
    pthread_mutex_unlock(&b->lock);
}

/* Of independent errors; those of one tensor's estimate do not repeat in the next. */
static void add_total(mlr_prediction *sum, const mlr_prediction *one, double *square)
{
    double off = one->error * (double)one->bytes;
    *square += off * off;
    sum->bytes += one->bytes;
    sum->memory = one->memory > sum->memory ? one->memory : sum->memory;
    sum->exact = sum->exact && one->exact;
    sum->lossless = sum->lossless && one->lossless;
}

static mlr_status predict_all(mlr_analyze *a, mlr_err *err)
{
    size_t n = a->diff.matching.new_count;
    double square = 0;
    batch b = {.a = a};
    phase(a, "predict");
    if (pthread_mutex_init(&b.lock, NULL) != 0) {
        return no_memory(err);
    }
    mlr_exec_run(a->cli->exec, predict_task, &b, n);
    pthread_mutex_destroy(&b.lock);
    if (b.err.status != MLR_OK) {
        *err = b.err;
        return err->status;
    }
    a->total = (mlr_prediction){.exact = true, .lossless = true, .fits = true};
    for (size_t i = 0; i < n; i++) {
        add_total(&a->total, &a->prediction[i], &square);
    }
    a->total.error = a->total.bytes > 0 ? sqrt(square) / (double)a->total.bytes : 0;
    return mlr_predict_structure(&a->predictor, &a->structure_bytes, err);
}

static void open_cache(mlr_analyze *a)
{
    char folder[1024];
    if (!a->wish->no_cache && a->cli->env != NULL &&
        mlr_forecast_folder(folder, sizeof folder, a->cli->env) != NULL) {
        a->cache =
            mlr_forecast_cache_open(folder, a->old_opened, a->new_opened, a->cli->alloc);
    }
}

static mlr_status prepare_prediction(mlr_analyze *a, mlr_err *err)
{
    mlr_plan_options o = {
        .choice = {.strategy = MLR_AUTO, .level = (uint8_t)a->wish->level}};
    a->effort = a->wish->quick  ? MLR_EFFORT_GLANCE
                : a->wish->full ? MLR_EFFORT_CLOSE
                                : MLR_EFFORT_DEFAULT;
    if (mlr_plan_make(&a->plan, &a->diff.matching, &o, &a->pool, err) != MLR_OK) {
        return err->status;
    }
    a->prediction =
        mlr_pool_take(&a->pool, (a->diff.matching.count + 1) * sizeof *a->prediction);
    if (a->prediction == NULL) {
        return no_memory(err);
    }
    memset(a->prediction, 0, (a->diff.matching.count + 1) * sizeof *a->prediction);
    a->inflater = mlr_inflate_zstd();
    a->predictor = (mlr_predictor){.plan = &a->plan,
                                   .inflater = &a->inflater,
                                   .kernels = mlr_host_kernels(),
                                   .alloc = a->cli->alloc};
    a->predicted = true;
    open_cache(a);
    return MLR_OK;
}

static bool wants_prediction(const mlr_analyze_wish *w)
{
    return !w->no_predict && (w->predict || !w->quick);
}

/* --- order ------------------------------------------------------------------------------
 */

static bool comes_first(const void *ctx, uint32_t x, uint32_t y)
{
    const mlr_analyze *a = ctx;
    uint64_t px = a->predicted ? a->prediction[x].bytes : 0;
    uint64_t py = a->predicted ? a->prediction[y].bytes : 0;
    const mlr_measure *mx = a->diff.measures[x], *my = a->diff.measures[y];
    uint64_t cx = mx == NULL ? 0 : mx->changed_elements;
    uint64_t cy = my == NULL ? 0 : my->changed_elements;
    return px != py ? px > py : cx > cy;
}

static mlr_status put_in_order(mlr_analyze *a, mlr_err *err)
{
    size_t n = a->diff.matching.count;
    a->order = mlr_pool_take(&a->pool, (2 * n + 1) * sizeof *a->order);
    if (a->order == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        a->order[i] = (uint32_t)i;
    }
    mlr_sort(a->order, a->order + n, n, comes_first, a);
    return MLR_OK;
}

static mlr_status still_the_same(mlr_analyze *a, mlr_err *err)
{
    return mlr_model_unchanged(a->old_opened, err) == MLR_OK
               ? mlr_model_unchanged(a->new_opened, err)
               : err->status;
}

mlr_status mlr_analyze_begin(mlr_analyze *a, mlr_err *err)
{
    mlr_pool_init(&a->pool, a->cli->alloc);
    phase(a, "open");
    if (open_models(a, err) != MLR_OK || compare(a, err) != MLR_OK ||
        (wants_prediction(a->wish) && prepare_prediction(a, err) != MLR_OK) ||
        a->wish->tensor != NULL) {
        return err->status;
    }
    if (describe(a, err) != MLR_OK || find_hints(a, err) != MLR_OK ||
        (a->predicted && predict_all(a, err) != MLR_OK) || put_in_order(a, err) != MLR_OK ||
        mlr_analyze_group_all(a, err) != MLR_OK) {
        return err->status;
    }
    return still_the_same(a, err);
}

void mlr_analyze_end(mlr_analyze *a)
{
    mlr_forecast_cache_close(a->cache);
    a->cache = NULL;
    mlr_pool_release(&a->pool);
    mlr_model_close(a->old_opened);
    mlr_model_close(a->new_opened);
}
