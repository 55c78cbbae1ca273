#include "tui/study.h"

#include <string.h>
#include <time.h>

#include "analysis/fetch.h"
#include "apply/base/checked.h"
#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"
#include "codec/strategy.h"

enum { FIRST_LEVEL = 9, SLOW_BYTES = 256 << 10, BEST = 3 };

/* One strategy at one level was tried. */
typedef struct forecast_note {
    mlr_note note;
    const mlr_allocator *alloc;
    mlr_study_forecast forecast;
} forecast_note;

static void release_note(mlr_note *note)
{
    forecast_note *n = (forecast_note *)note;
    mlr_give(n->alloc, n, sizeof *n);
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- on the worker ----------------------------------------------------------------------
 */

static mlr_work work_of(const mlr_study *s, const mlr_tick *tick)
{
    return (mlr_work){s->alloc, s->threads == NULL ? NULL : mlr_threads_exec(s->threads),
                      tick};
}

/* First index of part c of `parts` over `whole`. */
static uint64_t part_start(uint64_t c, uint64_t parts, uint64_t whole)
{
    return (c * whole + parts - 1) / parts;
}

static void map_from_detail(mlr_study_map *map, const mlr_detail *d)
{
    *map = (mlr_study_map){.window = {.rows = d->rows,
                                      .cols = d->cols,
                                      .cell_rows = d->grid_rows,
                                      .cell_cols = d->grid_cols}};
    for (uint32_t r = 0; r < d->grid_rows; r++) {
        uint64_t rows =
            part_start(r + 1, d->grid_rows, d->rows) - part_start(r, d->grid_rows, d->rows);
        for (uint32_t c = 0; c < d->grid_cols; c++) {
            uint64_t cols = part_start(c + 1, d->grid_cols, d->cols) -
                            part_start(c, d->grid_cols, d->cols);
            map->cell[r * d->grid_cols + c] = (mlr_cell){.elements = rows * cols,
                                                         .changed = d->grid_changed[r][c],
                                                         .sum = d->grid_sum[r][c]};
        }
    }
}

static mlr_status measure(mlr_study *s, const mlr_tick *tick, mlr_err *err)
{
    mlr_study_facts *f = &s->work->facts;
    mlr_measure_options o = {.depth = MLR_DEPTH_FULL};
    mlr_work work = work_of(s, tick);
    memset(f, 0, sizeof *f);
    if (mlr_measure_pair(&f->measure, &f->detail, &s->pair, &o, &work, err) != MLR_OK) {
        return err->status;
    }
    bool numbers =
        (f->measure.have & MLR_HAVE_PAIR) != 0 && (f->measure.have & MLR_HAVE_NUMBERS) != 0;
    if (numbers && f->measure.changed_elements > 0 &&
        mlr_measure_low_rank(&f->low_rank, &s->pair, &work, err) != MLR_OK) {
        return err->status;
    }
    f->hints = mlr_hints_of_pair(f->hint, &s->pair, &f->measure, &f->low_rank);
    map_from_detail(&s->work->map, &f->detail);
    return MLR_OK;
}

static mlr_status map_cells(mlr_study *s, const mlr_tick *tick, mlr_err *err)
{
    mlr_work work = work_of(s, tick);
    s->work->map.window = s->order.window;
    return mlr_measure_cells(s->work->map.cell, &s->work->map.window, &s->pair, &work, err);
}

/* Some bytes before the element and more behind it, from a whole unit on. */
static mlr_status read_side(const mlr_model *m, const mlr_tensor *t, uint64_t at,
                            uint8_t *to, uint64_t *off, size_t *n, mlr_err *err)
{
    *n = 0;
    if (t == NULL || at >= t->data.len) {
        return MLR_OK;
    }
    uint64_t unit = t->dtype->block_bytes > 0 ? t->dtype->block_bytes : 1;
    uint64_t before = at < MLR_STUDY_BYTES / 4 ? at : MLR_STUDY_BYTES / 4;
    *off = (at - before + unit - 1) / unit * unit;
    *off = *off > at ? at : *off;
    uint64_t left = t->data.len - *off;
    size_t want = left < MLR_STUDY_BYTES ? (size_t)left : MLR_STUDY_BYTES;
    const mlr_source *source = m->members[t->member].source;
    if (source->read_at(source->ctx, t->data.off + *off, to, want, err) == MLR_OK) {
        *n = want;
    }
    return err->status;
}

uint64_t mlr_study_offset(const mlr_tensor *t, uint64_t element, uint64_t cols)
{
    const mlr_dtype *d = t->dtype;
    if (t->rank > 1 && cols > 0 && t->dim[t->rank - 1] != cols) {
        element = element / cols * t->dim[t->rank - 1] + element % cols;
    }
    if (d->cls == MLR_CLASS_PACKED) {
        return element * d->bits / 8;
    }
    uint64_t items = d->block_items > 0 ? d->block_items : 1;
    uint64_t unit = d->cls == MLR_CLASS_COMPLEX ? d->block_bytes / 2U : d->block_bytes;
    return element / items * (unit > 0 ? unit : 1);
}

static mlr_status read_bytes(mlr_study *s, mlr_err *err)
{
    mlr_study_bytes *b = &s->work->bytes;
    uint64_t cols = s->facts.detail.cols;
    const mlr_pair *p = &s->pair;
    b->element = s->order.element;
    b->old_n = 0;
    b->new_n = 0;
    if (p->old_tensor != NULL) {
        b->old_at = mlr_study_offset(p->old_tensor, b->element, cols);
        read_side(p->old_model, p->old_tensor, b->old_at, b->old_bytes, &b->old_off,
                  &b->old_n, err);
    }
    if (err->status == MLR_OK && p->new_tensor != NULL) {
        b->new_at = mlr_study_offset(p->new_tensor, b->element, cols);
        read_side(p->new_model, p->new_tensor, b->new_at, b->new_bytes, &b->new_off,
                  &b->new_n, err);
    }
    return err->status;
}

static mlr_status ensure_plan(mlr_study *s, mlr_err *err)
{
    if (s->planned) {
        return MLR_OK;
    }
    mlr_plan_options o = {.choice = {.strategy = MLR_AUTO, .level = FIRST_LEVEL}};
    s->planned = mlr_plan_make(&s->plan, s->matching, &o, &s->pool, err) == MLR_OK;
    return err->status;
}

typedef struct forecaster {
    mlr_study *s;
    mlr_job *job;
    mlr_inflater inflater;
    mlr_predictor predictor;
    mlr_err *err;
} forecaster;

static void begin_forecaster(forecaster *f, mlr_study *s, mlr_job *job,
                             const mlr_tick *tick, mlr_err *err)
{
    *f = (forecaster){.s = s, .job = job, .inflater = mlr_inflate_zstd(), .err = err};
    f->predictor = (mlr_predictor){.plan = &s->plan,
                                   .inflater = &f->inflater,
                                   .kernels = mlr_host_kernels(),
                                   .alloc = s->alloc,
                                   .tick = tick,
                                   .clock = s->clock};
}

static void post(forecaster *f, const mlr_study_forecast *row)
{
    forecast_note *n = mlr_take(f->s->alloc, sizeof *n);
    if (n != NULL) { /* where memory is short a row is left out */
        *n = (forecast_note){{.release = release_note}, f->s->alloc, *row};
        mlr_job_post(f->job, &n->note);
    }
}

/* Tries one choice unless its figures are there; false where the work has to end. */
static bool try_one(forecaster *f, unsigned id, uint8_t level, mlr_effort effort)
{
    mlr_study *s = f->s;
    size_t at = 0;
    while (at < s->known_count &&
           (s->known[at].strategy != id || s->known[at].level != level)) {
        at++;
    }
    bool is_known = at < s->known_count;
    if (is_known && effort != MLR_EFFORT_EXACT) {
        return true;
    }
    if (at == MLR_STUDY_FORECASTS) {
        return true;
    }
    mlr_err own = {0};
    mlr_choice choice = {.strategy = (int16_t)id, .level = level};
    mlr_study_forecast row = {.strategy = (uint8_t)id, .level = level};
    mlr_predict_remembered(s->cache, &f->predictor, s->index, &choice, effort, &row.p,
                           &own);
    if (own.status == MLR_E_CANCELLED || own.status == MLR_E_IO) {
        *f->err = own;
        return false;
    }
    row.verdict = own.status != MLR_OK ? MLR_STUDY_FAILED
                  : row.p.fits         ? MLR_STUDY_FITS
                                       : MLR_STUDY_TOO_LARGE;
    s->known[at] = row;
    s->known_count += !is_known;
    post(f, &row);
    return true;
}

static bool worth_trying(const mlr_plan_record *r, unsigned id)
{
    const mlr_decoder *d = mlr_decoder_get(id);
    if (d == NULL || mlr_encoder_get(id) == NULL || id == MLR_STRATEGY_raw ||
        id == MLR_STRATEGY_copy) {
        return false;
    }
    if ((d->traits & MLR_NEEDS_OLD) != 0 && r->ref_count == 0) {
        return false;
    }
    bool slow = id == MLR_STRATEGY_mix || id == MLR_STRATEGY_neural_max;
    return !slow || r->bytes.len <= SLOW_BYTES;
}

static bool smaller(const mlr_study_forecast *a, const mlr_study_forecast *b)
{
    if (a->verdict != b->verdict) {
        return a->verdict < b->verdict;
    }
    return a->p.bytes < b->p.bytes;
}

/* The best of the first level, at a lower and at a higher one. */
static bool try_levels(forecaster *f)
{
    static const uint8_t levels[] = {19, 3};
    mlr_study *s = f->s;
    uint8_t best[BEST];
    size_t found = 0;
    for (; found < BEST; found++) {
        const mlr_study_forecast *b = NULL;
        for (size_t i = 0; i < s->known_count; i++) {
            const mlr_study_forecast *k = &s->known[i];
            bool had = k->level != FIRST_LEVEL || k->verdict != MLR_STUDY_FITS;
            for (size_t j = 0; j < found; j++) {
                had = had || best[j] == k->strategy;
            }
            b = !had && (b == NULL || smaller(k, b)) ? k : b;
        }
        if (b == NULL) {
            break;
        }
        best[found] = b->strategy;
    }
    for (size_t i = 0; i < found * 2; i++) {
        if (!try_one(f, best[i / 2], levels[i % 2], MLR_EFFORT_DEFAULT)) {
            return false;
        }
    }
    return true;
}

static mlr_status forecast(mlr_study *s, mlr_job *job, const mlr_tick *tick, mlr_err *err)
{
    size_t first = 0;
    s->why_none = NULL;
    if (ensure_plan(s, err) != MLR_OK) {
        return err->status;
    }
    if (mlr_plan_records_of(&s->plan, s->index, &first) == 0) {
        const mlr_pairing *pair = &s->matching->pairs[s->index];
        s->why_none = s->pair.new_tensor == NULL ? "removed: a patch holds nothing of it"
                      : pair->change == MLR_CHANGE_SAME
                          ? "copied from the base with its neighbours"
                          : "travels with the structure: too small for a record";
        return MLR_OK;
    }
    if (s->plan.records[first].copy) {
        s->why_none = "copied from the base: about 24 bytes";
        return MLR_OK;
    }
    forecaster f;
    begin_forecaster(&f, s, job, tick, err);
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        if (worth_trying(&s->plan.records[first], id) &&
            !try_one(&f, id, FIRST_LEVEL, MLR_EFFORT_DEFAULT)) {
            return err->status;
        }
    }
    (void)try_levels(&f);
    return err->status;
}

static mlr_status exact(mlr_study *s, mlr_job *job, const mlr_tick *tick, mlr_err *err)
{
    forecaster f;
    if (ensure_plan(s, err) == MLR_OK) {
        begin_forecaster(&f, s, job, tick, err);
        (void)try_one(&f, s->order.strategy, s->order.level, MLR_EFFORT_EXACT);
    }
    return err->status;
}

static mlr_status run_work(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    mlr_study *s = arg;
    if (s->threads == NULL) {
        mlr_err quiet = {0}; /* without threads it only takes longer */
        (void)mlr_threads_start(&s->threads, 0, s->alloc, &quiet);
    }
    switch (s->runs) {
    case MLR_STUDY_MEASURE:
        return measure(s, tick, err);
    case MLR_STUDY_CELLS:
        return map_cells(s, tick, err);
    case MLR_STUDY_HEX:
        return read_bytes(s, err);
    case MLR_STUDY_EXACT:
        return exact(s, job, tick, err);
    default:
        return forecast(s, job, tick, err);
    }
}

/* --- on the UI thread -------------------------------------------------------------------
 */

mlr_status mlr_study_init(mlr_study *s, const mlr_allocator *alloc, int wake_fd,
                          mlr_err *err)
{
    memset(s, 0, sizeof *s);
    s->alloc = alloc;
    s->job.wake_fd = wake_fd;
    s->clock = now;
    mlr_pool_init(&s->pool, alloc);
    s->work = mlr_take(alloc, sizeof *s->work);
    if (s->work == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for details");
    }
    return MLR_OK;
}

static void stop_work(mlr_study *s)
{
    mlr_job_cancel(&s->job);
    (void)mlr_job_join(&s->job);
    mlr_job_drop_notes(&s->job);
    s->wants = 0;
    s->runs = 0;
}

static void forget(mlr_study *s)
{
    s->measured = false;
    s->mapped = false;
    s->read = false;
    s->forecast_done = false;
    s->forecasts = 0;
    s->known_count = 0;
    s->no_forecast = NULL;
    s->err = (mlr_err){0};
}

void mlr_study_halt(mlr_study *s)
{
    stop_work(s);
    forget(s);
    mlr_pool_release(&s->pool);
    mlr_pool_init(&s->pool, s->alloc);
    s->planned = false;
    s->matching = NULL;
    s->cache = NULL;
    s->pair = (mlr_pair){0};
}

void mlr_study_release(mlr_study *s)
{
    mlr_study_halt(s);
    mlr_threads_stop(s->threads);
    mlr_pool_release(&s->pool);
    mlr_give(s->alloc, s->work, sizeof *s->work);
}

void mlr_study_look(mlr_study *s, const mlr_pair *pair, uint32_t index)
{
    stop_work(s);
    forget(s);
    s->pair = *pair;
    s->index = index;
    s->wants = MLR_STUDY_MEASURE | (s->matching == NULL ? 0 : MLR_STUDY_FORECAST);
}

void mlr_study_match(mlr_study *s, const mlr_matching *m, mlr_forecast_cache *cache)
{
    if (s->matching == NULL) { /* no forecast runs that could be looking at the cache */
        s->matching = m;
        s->cache = cache;
        s->wants |= s->pair.new_model == NULL ? 0 : MLR_STUDY_FORECAST;
    }
}

/* What a person waits for goes before forecasts, which take up where they stopped. */
static void want(mlr_study *s, unsigned what)
{
    s->wants |= what;
    if (s->runs == MLR_STUDY_FORECAST) {
        s->wants |= MLR_STUDY_FORECAST;
        mlr_job_cancel(&s->job);
    }
}

void mlr_study_zoom(mlr_study *s, const mlr_cells_window *window)
{
    s->wanted.window = *window;
    want(s, MLR_STUDY_CELLS);
}

void mlr_study_hex(mlr_study *s, uint64_t element)
{
    s->wanted.element = element;
    want(s, MLR_STUDY_HEX);
}

void mlr_study_exact(mlr_study *s, uint8_t strategy, uint8_t level)
{
    if (s->matching != NULL) {
        s->wanted.strategy = strategy;
        s->wanted.level = level;
        want(s, MLR_STUDY_EXACT);
    }
}

void mlr_study_whole(mlr_study *s)
{
    if (s->measured) {
        map_from_detail(&s->map, &s->facts.detail);
    }
}

static void place(mlr_study *s, const mlr_study_forecast *row)
{
    size_t at = 0;
    while (at < s->forecasts && (s->forecast[at].strategy != row->strategy ||
                                 s->forecast[at].level != row->level)) {
        at++;
    }
    if (at == MLR_STUDY_FORECASTS) {
        return;
    }
    s->forecasts += at == s->forecasts;
    for (; at + 1 < s->forecasts; at++) {
        s->forecast[at] = s->forecast[at + 1];
    }
    for (; at > 0 && smaller(row, &s->forecast[at - 1]); at--) {
        s->forecast[at] = s->forecast[at - 1];
    }
    s->forecast[at] = *row;
}

static void collect(mlr_study *s)
{
    for (mlr_note *n = mlr_job_collect(&s->job); n != NULL;) {
        mlr_note *next = n->next;
        place(s, &((forecast_note *)n)->forecast);
        n->release(n);
        n = next;
    }
}

static void finish(mlr_study *s)
{
    if (s->job.err.status != MLR_OK) {
        if (s->job.err.status != MLR_E_CANCELLED) {
            s->err = s->job.err;
            s->forecast_done = s->forecast_done || s->runs == MLR_STUDY_FORECAST;
        }
        return;
    }
    switch (s->runs) {
    case MLR_STUDY_MEASURE:
        s->facts = s->work->facts;
        s->map = s->work->map;
        s->measured = true;
        s->mapped = s->map.window.cell_rows > 0;
        break;
    case MLR_STUDY_CELLS:
        s->map = s->work->map;
        break;
    case MLR_STUDY_HEX:
        s->bytes = s->work->bytes;
        s->read = true;
        break;
    case MLR_STUDY_FORECAST:
        s->forecast_done = true;
        s->no_forecast = s->why_none;
        break;
    default:
        break;
    }
}

/* The lowest bit is what is wanted most. */
static void start_next(mlr_study *s)
{
    static const char *const titles[] = {"measuring", "zooming", "reading bytes",
                                         "encoding", "forecasting"};
    unsigned i = 0;
    while ((s->wants >> i & 1) == 0) {
        i++;
    }
    s->runs = 1U << i;
    s->wants &= ~s->runs;
    s->order = s->wanted;
    mlr_err err = {0};
    if (mlr_job_start(&s->job, titles[i], run_work, s, &err) != MLR_OK) {
        s->err = err;
        s->runs = 0;
        s->wants = 0;
    }
}

bool mlr_study_poll(mlr_study *s)
{
    mlr_job_state state = mlr_job_state_of(&s->job);
    if (state != MLR_JOB_IDLE) {
        collect(s);
    }
    if (state == MLR_JOB_ENDED) {
        (void)mlr_job_join(&s->job);
        collect(s);
        finish(s);
        s->runs = 0;
    }
    if (s->runs == 0 && s->wants != 0) {
        start_next(s);
    }
    return state != MLR_JOB_IDLE || s->runs != 0;
}

bool mlr_study_dominated(const mlr_study *s, size_t i)
{
    const mlr_prediction *p = &s->forecast[i].p;
    for (size_t k = 0; k < s->forecasts; k++) {
        const mlr_prediction *q = &s->forecast[k].p;
        bool as_good = s->forecast[k].verdict == MLR_STUDY_FITS && q->bytes <= p->bytes &&
                       q->decode_bytes_s >= p->decode_bytes_s && q->memory <= p->memory;
        if (k != i && as_good && (q->bytes < p->bytes || q->memory < p->memory)) {
            return true;
        }
    }
    return false;
}
