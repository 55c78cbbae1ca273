#include "tui/outlook.h"

#include <string.h>
#include <time.h>

#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"

typedef struct cast_note {
    mlr_note note;
    const mlr_allocator *alloc;
    mlr_cast cast;
} cast_note;

static void release_cast(mlr_note *note)
{
    cast_note *n = (cast_note *)note;
    mlr_give(n->alloc, n, sizeof *n);
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

mlr_outlook *mlr_outlook_make(const mlr_matching *m, const mlr_allocator *alloc)
{
    mlr_outlook *o = mlr_take(alloc, sizeof *o);
    if (o != NULL) {
        *o = (mlr_outlook){.alloc = alloc,
                           .matching = m,
                           .device = *mlr_device_at(0),
                           .inflater = mlr_inflate_zstd()};
        mlr_pool_init(&o->pool, alloc);
    }
    return o;
}

void mlr_outlook_release(mlr_outlook *o)
{
    if (o == NULL) {
        return;
    }
    mlr_threads_stop(o->threads);
    mlr_forecast_cache_close(o->cache);
    mlr_pool_release(&o->pool);
    mlr_give(o->alloc, o->slot, o->room * sizeof *o->slot);
    mlr_give(o->alloc, o, sizeof *o);
}

void mlr_outlook_remember(mlr_outlook *o, const char *folder, const mlr_ui_session *s)
{
    if (o->cache == NULL && folder != NULL && s->old_opened != NULL &&
        s->new_opened != NULL) {
        o->cache = mlr_forecast_cache_open(folder, s->old_opened, s->new_opened, o->alloc);
        o->kept_s = now();
    }
}

/* --- the store --------------------------------------------------------------------------
 */

static bool same_question(const mlr_query *a, const mlr_query *b)
{
    return a->row == b->row && a->strategy == b->strategy && a->level == b->level &&
           a->block_bytes == b->block_bytes && a->dict == b->dict;
}

static size_t place_of(const mlr_outlook *o, const mlr_query *q)
{
    uint64_t h = ((uint64_t)q->row << 24 | (uint64_t)(uint8_t)(q->strategy + 2) << 16 |
                  (uint64_t)q->level << 8 | q->dict) *
                 0x9e3779b97f4a7c15ULL;
    h ^= q->block_bytes * 0xff51afd7ed558ccdULL;
    size_t at = (size_t)(h >> 20) & (o->room - 1);
    while (o->slot[at].query.level != 0 && !same_question(&o->slot[at].query, q)) {
        at = (at + 1) & (o->room - 1);
    }
    return at;
}

const mlr_cast *mlr_outlook_find(const mlr_outlook *o, size_t row, mlr_pick pick)
{
    if (o->room == 0) {
        return NULL;
    }
    mlr_query q = mlr_query_of(row, pick, MLR_EFFORT_GLANCE);
    const mlr_cast *c = &o->slot[place_of(o, &q)];
    return c->query.level == 0 ? NULL : c;
}

static bool grow(mlr_outlook *o)
{
    enum { FIRST = 256 };
    mlr_cast *before = o->slot;
    size_t room = o->room;
    size_t wanted = room == 0 ? FIRST : room * 2;
    mlr_cast *slot = mlr_take(o->alloc, wanted * sizeof *slot);
    if (slot == NULL) {
        return false;
    }
    memset(slot, 0, wanted * sizeof *slot);
    o->slot = slot;
    o->room = wanted;
    for (size_t i = 0; i < room; i++) {
        const mlr_query *q = &before[i].query;
        if (q->level != 0) {
            o->slot[place_of(o, q)] = before[i];
        }
    }
    mlr_give(o->alloc, before, room * sizeof *before);
    return true;
}

void mlr_outlook_put(mlr_outlook *o, const mlr_cast *cast)
{
    const mlr_query *q = &cast->query;
    if (q->level == 0 || (o->count * 2 >= o->room && !grow(o))) {
        return; /* without memory the answer stays unknown */
    }
    mlr_cast *to = &o->slot[place_of(o, q)];
    if (to->query.level == 0) {
        o->count++;
    } else if (to->query.effort > q->effort) {
        return;
    }
    *to = *cast;
}

void mlr_outlook_forget(mlr_outlook *o)
{
    if (o->slot != NULL) {
        memset(o->slot, 0, o->room * sizeof *o->slot);
    }
    o->count = 0;
}

/* --- asking -----------------------------------------------------------------------------
 */

static bool answered(const mlr_outlook *o, const mlr_query *q)
{
    if (o->room == 0) {
        return false;
    }
    const mlr_cast *c = &o->slot[place_of(o, q)];
    return c->query.level != 0 && (c->query.effort >= q->effort || c->p.exact ||
                                   !c->p.fits || c->structure || c->failed);
}

bool mlr_outlook_ask(mlr_outlook *o, const mlr_query *q)
{
    if (answered(o, q)) {
        return true;
    }
    for (size_t i = 0; i < o->batch_count; i++) {
        if (memcmp(&o->batch[i], q, sizeof *q) == 0) {
            return true;
        }
    }
    if (o->batch_count == MLR_BATCH) {
        return false;
    }
    o->batch[o->batch_count++] = *q;
    return true;
}

/* --- answering --------------------------------------------------------------------------
 */

/* Several predictions poll at once; all they may do is ask whether to stop. */
static bool not_cancelled(void *ctx, uint64_t done, uint64_t total)
{
    (void)done;
    (void)total;
    mlr_job *job = ctx;
    return !atomic_load_explicit(&job->cancel, memory_order_relaxed);
}

static void answer_one(void *arg, size_t i, unsigned lane)
{
    mlr_outlook *o = arg;
    const mlr_query *q = &o->batch[i];
    mlr_tick tick = {o->job, not_cancelled};
    mlr_predictor p = {.plan = &o->plan,
                       .device = &o->device,
                       .inflater = &o->inflater,
                       .kernels = mlr_host_kernels(),
                       .alloc = o->alloc,
                       .tick = &tick,
                       .dict = o->dict,
                       .dict_bytes = o->dict_bytes,
                       .clock = now};
    (void)lane;
    if (!not_cancelled(o->job, 0, 0)) {
        return;
    }
    cast_note *n = mlr_take(o->alloc, sizeof *n);
    if (n == NULL) {
        return;
    }
    *n = (cast_note){.note = {.release = release_cast}, .alloc = o->alloc};
    n->cast.query = *q;
    mlr_choice choice = {.strategy = q->strategy,
                         .level = q->level,
                         .dict = (uint8_t)q->dict,
                         .block_bytes = q->block_bytes};
    mlr_err err = {0};
    size_t first = 0;
    n->cast.structure = mlr_plan_records_of(&o->plan, q->row, &first) == 0;
    if (!n->cast.structure) {
        (void)mlr_predict_remembered(o->cache, &p, q->row, &choice, (mlr_effort)q->effort,
                                     &n->cast.p, &err);
        n->cast.failed = err.status != MLR_OK;
    }
    if (err.status == MLR_E_CANCELLED) {
        release_cast(&n->note);
        return;
    }
    mlr_job_post(o->job, &n->note);
}

/* Once, after what the user waits for. */
static void weigh_structure(mlr_outlook *o, const mlr_tick *tick)
{
    mlr_predictor p = {.plan = &o->plan,
                       .device = &o->device,
                       .inflater = &o->inflater,
                       .kernels = mlr_host_kernels(),
                       .alloc = o->alloc,
                       .tick = tick};
    uint64_t bytes = 0;
    mlr_err quiet = {0}; /* without, small tensors are guessed one by one */
    if (atomic_load(&o->structure) == 0 &&
        mlr_predict_structure(&p, &bytes, &quiet) == MLR_OK) {
        atomic_store(&o->structure, bytes);
    }
}

/* What a crash may cost. */
static void keep_now_and_then(mlr_outlook *o)
{
    enum { EVERY_S = 5 };
    if (now() >= o->kept_s + EVERY_S) {
        mlr_forecast_cache_keep(o->cache);
        o->kept_s = now();
    }
}

mlr_status mlr_outlook_work(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    mlr_outlook *o = arg;
    o->job = job;
    if (!o->planned) {
        mlr_plan_options options = {.choice = {.strategy = MLR_AUTO, .level = 3}};
        mlr_err quiet = {0}; /* without threads it only takes longer */
        if (mlr_plan_make(&o->plan, o->matching, &options, &o->pool, err) != MLR_OK) {
            return err->status;
        }
        (void)mlr_threads_start(&o->threads, 0, o->alloc, &quiet);
        o->planned = true;
    }
    mlr_exec_run(o->threads == NULL ? NULL : mlr_threads_exec(o->threads), answer_one, o,
                 o->batch_count);
    if (!mlr_keep_going(tick, 1, 1)) {
        return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, NULL);
    }
    weigh_structure(o, tick);
    keep_now_and_then(o);
    return MLR_OK;
}

uint32_t mlr_outlook_take(mlr_outlook *o, mlr_note *note)
{
    uint32_t row = UINT32_MAX;
    if (note->release == release_cast) {
        const cast_note *n = (const cast_note *)note;
        mlr_outlook_put(o, &n->cast);
        row = n->cast.query.row;
    }
    note->release(note);
    return row;
}
