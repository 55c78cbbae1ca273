#include "analysis/measure.h"

#include <math.h>

#include "analysis/measure_pass.h"
#include "apply/base/mem.h"

enum { LEAST_PARTS = 8, MOST_PARTS = 64 };

/* Counters of a lane are 32 bits wide and are emptied before they can be full. */
static const uint64_t FLUSH_AFTER = (uint64_t)1 << 31;

enum { SUM_D, SUM_ABS_D, SUM_DD, SUM_O, SUM_ABS_O, SUM_OO, SUM_NN, SUM_ON, SUMS };

typedef struct side_total {
    mlr_compensated sum[3]; /* v, |v|, v^2 */
    double min, max, least;
    uint64_t nan, infinite, denormal, zero;
} side_total;

/* What all chunks of a pass add up to. */
typedef struct totals {
    mlr_compensated sum[SUMS];
    uint64_t finite, flips;
    double min, max, most;
    uint64_t most_index;
    uint64_t differ[2];
    uint64_t cast_exact, largest;
    mlr_blocks_changed blocks;
    side_total side[MLR_SIDES];
    uint64_t *tables;  /* MLR_T_TOTALS, or NULL */
    uint64_t *columns; /* or NULL */
    uint64_t *line_changed;
    double *line_sum;
} totals;

/* One run of mlr_measure_pair(): what is shared by its passes. */
typedef struct run {
    mlr_measure *out;
    mlr_detail *detail;
    const mlr_pair *pair;
    const mlr_measure_options *options;
    const mlr_work *work;
    mlr_pool scratch;     /* of one pass */
    uint64_t done, total; /* bytes, for the tick */
} run;

/* --- merging -----------------------------------------------------------------------------
 */

static double across(const double lane[MLR_LANES])
{
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

static void merge_sums(totals *t, const mlr_part *part)
{
    const mlr_sums *s = &part->sums;
    const double *lanes[SUMS] = {s->d,     s->abs_d, s->dd, s->o,
                                 s->abs_o, s->oo,    s->nn, s->on};
    for (unsigned i = 0; i < SUMS; i++) {
        mlr_compensated_add(&t->sum[i], across(lanes[i]));
    }
    t->finite += s->finite;
    t->flips += s->flips;
    t->min = part->min < t->min ? part->min : t->min;
    t->max = part->max > t->max ? part->max : t->max;
    if (part->most > t->most) {
        t->most = part->most;
        t->most_index = part->most_index;
    }
}

static void merge_side(side_total *t, const mlr_side_sums *s)
{
    mlr_compensated_add(&t->sum[0], across(s->v));
    mlr_compensated_add(&t->sum[1], across(s->abs_v));
    mlr_compensated_add(&t->sum[2], across(s->vv));
    for (unsigned k = 0; k < MLR_LANES; k++) {
        t->min = s->min[k] < t->min ? s->min[k] : t->min;
        t->max = s->max[k] > t->max ? s->max[k] : t->max;
        t->least = s->least[k] < t->least ? s->least[k] : t->least;
    }
    t->nan += s->nan;
    t->infinite += s->infinite;
    t->denormal += s->denormal;
    t->zero += s->zero;
}

static void merge_places(totals *t, mlr_detail *detail, const mlr_part *part)
{
    for (uint32_t r = part->grid_first; r < part->grid_end; r++) {
        for (unsigned c = 0; c < MLR_GRID; c++) {
            detail->grid_changed[r][c] += part->grid_changed[r][c];
            detail->grid_sum[r][c] += part->grid_sum[r][c];
        }
    }
    for (uint32_t i = 0; i < part->lines; i++) {
        t->line_changed[part->line_first + i] += part->line_changed[i];
        t->line_sum[part->line_first + i] += part->line_sum[i];
    }
}

static void merge_part(totals *t, const mlr_pass *p, mlr_detail *detail,
                       const mlr_part *part)
{
    merge_sums(t, part);
    t->differ[0] += part->differ[0];
    t->differ[1] += part->differ[1];
    t->cast_exact += part->cast_exact;
    t->blocks.blocks += part->blocks.blocks;
    t->blocks.same += part->blocks.same;
    t->blocks.scales_only += part->blocks.scales_only;
    t->blocks.codes_only += part->blocks.codes_only;
    t->blocks.both += part->blocks.both;
    t->largest = part->largest > t->largest ? part->largest : t->largest;
    for (unsigned side = 0; side < MLR_SIDES; side++) {
        merge_side(&t->side[side], &part->side[side]);
    }
    if (p->places) {
        merge_places(t, detail, part);
    }
}

/* --- one pass ----------------------------------------------------------------------------
 */

typedef struct tasks {
    const mlr_pass *pass;
    mlr_pass_lane **lanes;
    mlr_part *parts;
    uint64_t first;
} tasks;

static void run_task(void *arg, size_t i, unsigned lane)
{
    tasks *t = arg;
    mlr_pass_chunk(t->pass, t->lanes[lane], &t->parts[i], t->first + i);
}

static uint64_t columns_of(const mlr_pass *p)
{
    return p->view.cols / p->col_group + 1;
}

static mlr_pass_lane *make_lane(mlr_pool *pool, const mlr_pass *p)
{
    mlr_pass_lane *lane = mlr_pool_take(pool, sizeof *lane);
    if (lane == NULL) {
        return NULL;
    }
    uint64_t elements = p->view.elements < MLR_CHUNK ? p->view.elements : MLR_CHUNK;
    for (unsigned side = 0; side < MLR_SIDES; side++) {
        if (!p->pair && side != p->alone) {
            continue;
        }
        lane->room[side] =
            mlr_pool_take(pool, mlr_overlay_bytes(&p->view.side[side], (size_t)elements));
        if (lane->room[side] == NULL) {
            return NULL;
        }
    }
    lane->tables = p->full ? mlr_pool_take(pool, MLR_T_COUNT * sizeof(uint32_t)) : NULL;
    lane->columns =
        p->places ? mlr_pool_take(pool, (size_t)columns_of(p) * sizeof(uint32_t)) : NULL;
    bool whole =
        (lane->tables != NULL || !p->full) && (lane->columns != NULL || !p->places);
    return whole ? lane : NULL;
}

static bool open_totals(totals *t, const mlr_pass *p, mlr_pool *pool)
{
    *t = (totals){.min = (double)INFINITY, .max = -(double)INFINITY};
    for (unsigned side = 0; side < MLR_SIDES; side++) {
        t->side[side].min = t->side[side].least = (double)INFINITY;
        t->side[side].max = -(double)INFINITY;
    }
    if (p->full) {
        t->tables = mlr_pool_take(pool, MLR_T_TOTALS * sizeof *t->tables);
    }
    if (p->places) {
        size_t lines = (size_t)(p->view.rows / p->row_group + 1);
        t->columns = mlr_pool_take(pool, (size_t)columns_of(p) * sizeof *t->columns);
        t->line_changed = mlr_pool_take(pool, lines * sizeof *t->line_changed);
        t->line_sum = mlr_pool_take(pool, lines * sizeof *t->line_sum);
    }
    bool lines = t->columns != NULL && t->line_changed != NULL && t->line_sum != NULL;
    return (t->tables != NULL || !p->full) && (lines || !p->places);
}

static void flush(totals *t, const mlr_pass *p, const tasks *work, size_t lanes)
{
    for (size_t i = 0; i < lanes; i++) {
        if (p->full) {
            mlr_tables_flush(t->tables, work->lanes[i]->tables);
        }
        for (uint64_t c = 0; p->places && c < columns_of(p); c++) {
            t->columns[c] += work->lanes[i]->columns[c];
            work->lanes[i]->columns[c] = 0;
        }
    }
}

static size_t batch_size(const mlr_pass *p, size_t lanes)
{
    size_t n = lanes * 4;
    n = n < LEAST_PARTS ? LEAST_PARTS : n;
    n = n > MOST_PARTS && lanes <= MOST_PARTS ? MOST_PARTS : n;
    return p->chunks < n ? (size_t)p->chunks : n;
}

static bool make_tasks(tasks *w, const mlr_pass *p, mlr_pool *pool, size_t lanes,
                       size_t batch)
{
    *w = (tasks){.pass = p};
    w->lanes = mlr_pool_take(pool, lanes * sizeof *w->lanes);
    w->parts = mlr_pool_take(pool, batch * sizeof *w->parts);
    if (w->lanes == NULL || w->parts == NULL) {
        return false;
    }
    for (size_t i = 0; i < lanes; i++) {
        w->lanes[i] = make_lane(pool, p);
        if (w->lanes[i] == NULL) {
            return false;
        }
    }
    return true;
}

static mlr_status merge_batch(run *r, totals *t, const tasks *w, size_t n, mlr_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const mlr_part *part = &w->parts[i];
        if (part->err.status != MLR_OK) {
            if (err != NULL && err->status == MLR_OK) {
                *err = part->err;
            }
            return part->err.status;
        }
        merge_part(t, w->pass, r->detail, part);
        for (unsigned side = 0; side < MLR_SIDES; side++) {
            if (w->pass->pair || side == w->pass->alone) {
                r->done +=
                    mlr_overlay_bytes(&w->pass->view.side[side], (size_t)part->elements);
            }
        }
    }
    return MLR_OK;
}

static mlr_status run_pass(run *r, const mlr_pass *p, totals *t, mlr_err *err)
{
    size_t lanes = mlr_exec_lanes(r->work->exec);
    lanes = p->chunks < lanes ? 1 : lanes; /* too little work to share */
    const mlr_exec *exec = lanes == 1 ? NULL : r->work->exec;
    size_t batch = batch_size(p, lanes);
    tasks w;
    if (!open_totals(t, p, &r->scratch) || !make_tasks(&w, p, &r->scratch, lanes, batch)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for measuring a tensor");
    }
    uint64_t since_flush = 0;
    while (w.first < p->chunks) {
        uint64_t left = p->chunks - w.first;
        size_t n = left < batch ? (size_t)left : batch;
        if (!mlr_keep_going(r->work->tick, r->done, r->total)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "stopped on request");
        }
        mlr_exec_run(exec, run_task, &w, n);
        mlr_status status = merge_batch(r, t, &w, n, err);
        if (status != MLR_OK) {
            return status;
        }
        w.first += n;
        since_flush +=
            n * (uint64_t)MLR_CHUNK * 2; /* bytes of a block may outnumber elements */
        if (since_flush >= FLUSH_AFTER) {
            flush(t, p, &w, lanes);
            since_flush = 0;
        }
    }
    flush(t, p, &w, lanes);
    return MLR_OK;
}

/* --- figures -----------------------------------------------------------------------------
 */

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double root(double v)
{
    return v > 0 ? sqrt(v) : 0;
}

static double decibels(double signal, double noise)
{
    if (noise > 0) {
        return signal > 0 ? 20 * log10(signal / noise) : -(double)INFINITY;
    }
    return signal > 0 ? (double)INFINITY : 0;
}

static void finish_delta(mlr_delta *d, const totals *t)
{
    double s[SUMS];
    for (unsigned i = 0; i < SUMS; i++) {
        s[i] = mlr_compensated_value(&t->sum[i]);
    }
    *d = (mlr_delta){.elements = t->finite, .sign_flips = t->flips};
    if (t->finite == 0) {
        return;
    }
    double n = (double)t->finite;
    d->min = t->min;
    d->max = t->max;
    d->most = t->most;
    d->most_index = t->most_index;
    d->mean = s[SUM_D] / n;
    d->deviation = root(s[SUM_DD] / n - d->mean * d->mean);
    d->l1 = s[SUM_ABS_D];
    d->l2 = root(s[SUM_DD]);
    d->l1_relative = ratio(d->l1, s[SUM_ABS_O]);
    d->l2_relative = ratio(d->l2, root(s[SUM_OO]));
    d->rmse = root(s[SUM_DD] / n);
    d->snr_db = decibels(root(s[SUM_OO]), d->l2);
    d->cosine = ratio(s[SUM_ON], root(s[SUM_OO]) * root(s[SUM_NN]));
    double mean_o = s[SUM_O] / n, mean_n = (s[SUM_O] + s[SUM_D]) / n;
    double var_o = s[SUM_OO] / n - mean_o * mean_o, var_n = s[SUM_NN] / n - mean_n * mean_n;
    d->correlation = ratio(s[SUM_ON] / n - mean_o * mean_n, root(var_o) * root(var_n));
    d->scale = ratio(s[SUM_ON], s[SUM_OO]);
    /* |n - a o|^2 = |n|^2 - a^2 |o|^2 = |d|^2 - (a - 1)^2 |o|^2 where a is the best scale:
       the smaller terms cancel less */
    double step = d->scale - 1;
    double rest = s[SUM_DD] < s[SUM_NN] ? s[SUM_DD] - step * step * s[SUM_OO]
                                        : s[SUM_NN] - d->scale * d->scale * s[SUM_OO];
    d->scale_rest = ratio(root(rest), root(s[SUM_NN]));
}

/* Side facts of a pass over a whole tensor. */
static void finish_side(run *r, const mlr_pass *p, const totals *t, unsigned side)
{
    mlr_side *out = side == 0 ? &r->out->old_side : &r->out->new_side;
    mlr_log_histogram *values = NULL;
    if (r->detail != NULL) {
        values = side == 0 ? &r->detail->old_values : &r->detail->new_values;
    }
    if (p->tables) {
        bool old = p->pair && side == 0;
        mlr_side_of_table(out, values, t->tables + (old ? MLR_T_OLD : MLR_T_NEW),
                          p->view.side[side].dtype);
        return;
    }
    const side_total *s = &t->side[side];
    uint64_t elements = p->view.side[side].elements;
    *out = (mlr_side){.elements = elements,
                      .nan = s->nan,
                      .infinite = s->infinite,
                      .denormal = s->denormal,
                      .zero = s->zero,
                      .min = s->min,
                      .max = s->max};
    out->least = isinf(s->least) ? 0 : s->least;
    double low = fabs(s->min), high = fabs(s->max);
    out->most = elements == s->nan + s->infinite ? 0 : (low > high ? low : high);
    mlr_side_finish(out, elements - s->nan - s->infinite,
                    (double[3]){mlr_compensated_value(&s->sum[0]),
                                mlr_compensated_value(&s->sum[1]),
                                mlr_compensated_value(&s->sum[2])});
    if (values != NULL) {
        mlr_values_of_table(values,
                            t->tables + (side == 0 ? MLR_T_OLD_VALUE : MLR_T_NEW_VALUE));
        values->nan = s->nan;
        values->infinite = s->infinite;
    }
}

/* --- rows and columns --------------------------------------------------------------------
 */

static bool before(const mlr_line *a, const mlr_line *b)
{
    if (a->changed != b->changed) {
        return a->changed > b->changed;
    }
    return a->sum != b->sum ? a->sum > b->sum : a->first < b->first;
}

static void offer(mlr_line top[MLR_TOP], uint32_t *count, const mlr_line *line)
{
    uint32_t at = *count;
    if (line->changed == 0) {
        return;
    }
    while (at > 0 && before(line, &top[at - 1])) {
        at--;
    }
    if (at == MLR_TOP) {
        return;
    }
    uint32_t keep = *count < MLR_TOP ? *count : MLR_TOP - 1;
    memmove(&top[at + 1], &top[at], (keep - at) * sizeof *top);
    top[at] = *line;
    *count = keep + 1;
}

static void finish_places(mlr_detail *d, const mlr_pass *p, const totals *t)
{
    const mlr_overlay *v = &p->view;
    d->grid_rows = p->grid_rows;
    d->grid_cols = p->grid_cols;
    for (uint64_t first = 0; first < v->rows; first += p->row_group) {
        uint64_t left = v->rows - first, i = first / p->row_group;
        offer(d->top_row, &d->top_rows,
              &(mlr_line){first, left < p->row_group ? left : p->row_group,
                          t->line_changed[i], t->line_sum[i]});
    }
    for (uint64_t first = 0; first < v->cols; first += p->col_group) {
        uint64_t left = v->cols - first;
        offer(d->top_col, &d->top_cols,
              &(mlr_line){first, left < p->col_group ? left : p->col_group,
                          t->columns[first / p->col_group], 0});
    }
}

/* --- the passes of a measurement ---------------------------------------------------------
 */

static void finish_pair(run *r, const mlr_pass *p, totals *t)
{
    mlr_measure *m = r->out;
    m->have |= MLR_HAVE_PAIR;
    m->elements = p->view.elements;
    m->bytes = p->view.elements == 0
                   ? 0
                   : mlr_overlay_bytes(&p->view.side[1], (size_t)p->view.elements);
    m->changed_elements = t->differ[0];
    m->changed_bytes = t->differ[1];
    m->changed_exact = p->bits || p->numbers;
    if (p->numbers) {
        m->have |= MLR_HAVE_NUMBERS;
        finish_delta(&m->delta, t);
    }
    if (!p->full) {
        return;
    }
    if (p->cast) {
        m->have |= MLR_HAVE_CAST;
        m->cast_exact = t->cast_exact;
    }
    if (t->blocks.blocks > 0) {
        m->have |= MLR_HAVE_BLOCKS;
        m->blocks = t->blocks;
    }
    if (p->codes && !p->bytes) {
        m->have |= MLR_HAVE_ULPS;
        mlr_ulps_of_tables(&m->ulps, t->tables, &p->kind, t->largest);
    }
    if (r->detail != NULL && p->numbers) {
        mlr_log_histogram *h = &r->detail->delta_values;
        mlr_values_of_table(h, t->tables + MLR_T_DELTA_VALUE);
        h->nan = p->view.elements - t->finite; /* they were counted as 0 */
        h->zero -= h->nan;
    }
    if (p->places) {
        finish_places(r->detail, p, t);
    }
}

static void finish_bits(run *r, const mlr_pass *p, totals *t)
{
    const mlr_dtype *d = p->view.side[p->pair ? 1 : p->alone].dtype;
    mlr_bits_of_tables(&r->out->bits, r->detail, t->tables, d, p->pair);
    r->out->have |= p->pair ? MLR_HAVE_BITS | MLR_HAVE_PAIR_BITS : MLR_HAVE_BITS;
}

static mlr_status measure_both(run *r, mlr_pass *p, bool *sides_done, mlr_err *err)
{
    totals t;
    p->pair = true;
    mlr_pass_plan(p, r->options, r->detail != NULL);
    mlr_status status = run_pass(r, p, &t, err);
    if (status == MLR_OK) {
        finish_pair(r, p, &t);
        bool whole = p->view.elements == p->view.side[0].elements &&
                     p->view.elements == p->view.side[1].elements;
        *sides_done = p->codes && whole;
        if (p->full && p->codes && whole && p->numbers) {
            finish_side(r, p, &t, 0);
            finish_side(r, p, &t, 1);
            r->out->have |= MLR_HAVE_SIDES;
        }
        if (p->full && p->codes) {
            finish_bits(r, p, &t);
        }
    }
    mlr_pool_release(&r->scratch);
    return status;
}

/* The facts of new that a pass over it alone yields, put beside those of the pair. */
static void adopt_bits(run *r, const mlr_pass *p, totals *t)
{
    mlr_entropies of_pair = r->out->bits;
    mlr_detail *detail = r->detail;
    r->detail = NULL;
    finish_bits(r, p, t);
    r->detail = detail;
    mlr_entropies *b = &r->out->bits;
    b->of_delta = of_pair.of_delta;
    b->of_xor = of_pair.of_xor;
    memcpy(b->plane_delta, of_pair.plane_delta, sizeof b->plane_delta);
    memcpy(b->plane_xor, of_pair.plane_xor, sizeof b->plane_xor);
    if (detail != NULL) {
        memcpy(detail->plane_new, t->tables + MLR_T_COUNT, sizeof detail->plane_new);
    }
}

static mlr_status measure_side(run *r, unsigned side, mlr_err *err)
{
    mlr_pass p = {.kernels = r->options->kernels, .alone = side};
    totals t;
    mlr_overlay_alone(&p.view, r->pair, side);
    mlr_pass_plan(&p, r->options, r->detail != NULL);
    mlr_status status = run_pass(r, &p, &t, err);
    if (status == MLR_OK) {
        if (p.numbers) {
            finish_side(r, &p, &t, side);
            r->out->have |= MLR_HAVE_NUMBERS | MLR_HAVE_SIDES;
        }
        if (side == 1) {
            adopt_bits(r, &p, &t);
        }
    }
    mlr_pool_release(&r->scratch);
    return status;
}

static void fill_known(run *r, const mlr_pass *p)
{
    r->out->full = r->options->depth == MLR_DEPTH_FULL;
    r->out->have = (r->pair->old_tensor != NULL ? MLR_HAVE_OLD : 0u) |
                   (r->pair->new_tensor != NULL ? MLR_HAVE_NEW : 0u);
    r->out->old_side.elements = p->view.side[0].elements;
    r->out->new_side.elements = p->view.side[1].elements;
    if (r->detail != NULL) {
        memset(r->detail, 0, sizeof *r->detail);
        r->detail->rows = p->view.rows;
        r->detail->cols = p->view.cols;
    }
    r->total += r->pair->old_tensor != NULL ? r->pair->old_tensor->data.len : 0;
    r->total += r->pair->new_tensor != NULL ? r->pair->new_tensor->data.len : 0;
}

mlr_status mlr_measure_pair(mlr_measure *out, mlr_detail *detail, const mlr_pair *pair,
                            const mlr_measure_options *options, const mlr_work *work,
                            mlr_err *err)
{
    mlr_measure_options how = *options;
    how.kernels = how.kernels == NULL ? mlr_measure_best() : how.kernels;
    run r = {.out = out, .detail = detail, .pair = pair, .options = &how, .work = work};
    mlr_pass p = {.kernels = how.kernels};
    *out = (mlr_measure){.have = 0};
    mlr_pool_init(&r.scratch, work->alloc);
    mlr_overlay_of(&p.view, pair);
    fill_known(&r, &p);
    bool sides_done = how.depth == MLR_DEPTH_QUICK;
    mlr_status status = MLR_OK;
    if (p.view.comparable) {
        bool done = false;
        status = measure_both(&r, &p, &done, err);
        sides_done |= done;
    }
    if (status == MLR_OK && !sides_done && pair->old_tensor != NULL) {
        status = measure_side(&r, 0, err);
    }
    if (status == MLR_OK && !sides_done && pair->new_tensor != NULL) {
        status = measure_side(&r, 1, err);
    }
    return status;
}
