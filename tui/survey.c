#include "tui/survey.h"

#include <string.h>

/* Matching is final: a copy of its pairs. */
typedef struct matched_note {
    mlr_note note;
    const mlr_allocator *alloc;
    mlr_pairing *pairs;
    size_t count, new_count;
} matched_note;

/* One tensor was measured. */
typedef struct measured_note {
    mlr_note note;
    const mlr_allocator *alloc;
    size_t index;
    mlr_fact changed, cosine, entropy;
} measured_note;

static void release_matched(mlr_note *note)
{
    matched_note *n = (matched_note *)note;
    mlr_give(n->alloc, n->pairs, n->count * sizeof *n->pairs);
    mlr_give(n->alloc, n, sizeof *n);
}

static void release_measured(mlr_note *note)
{
    measured_note *n = (measured_note *)note;
    mlr_give(n->alloc, n, sizeof *n);
}

mlr_survey *mlr_survey_make(const mlr_model *old_model, const mlr_model *new_model,
                            const mlr_allocator *alloc)
{
    mlr_survey *s = mlr_take(alloc, sizeof *s);
    if (s != NULL) {
        *s = (mlr_survey){.alloc = alloc, .old_model = old_model, .new_model = new_model};
        mlr_pool_init(&s->pool, alloc);
    }
    return s;
}

void mlr_survey_release(mlr_survey *s)
{
    if (s == NULL) {
        return;
    }
    mlr_threads_stop(s->threads);
    mlr_pool_release(&s->pool);
    mlr_give(s->alloc, s, sizeof *s);
}

/* Where memory is short a note is left out: its cells stay unknown, nothing is wrong. */
static void on_matched(void *ctx, const mlr_diff *d)
{
    mlr_survey *s = ctx;
    size_t count = d->matching.count;
    matched_note *n = mlr_take(s->alloc, sizeof *n);
    mlr_pairing *pairs = n == NULL ? NULL : mlr_take(s->alloc, count * sizeof *pairs);
    if (pairs == NULL) {
        mlr_give(s->alloc, n, sizeof *n);
        return;
    }
    memcpy(pairs, d->matching.pairs, count * sizeof *pairs);
    *n = (matched_note){.note = {.release = release_matched},
                        .alloc = s->alloc,
                        .pairs = pairs,
                        .count = count,
                        .new_count = d->matching.new_count};
    mlr_job_post(s->job, &n->note);
}

static void on_measured(void *ctx, const mlr_diff *d, size_t index, const mlr_measure *m,
                        const mlr_detail *detail)
{
    (void)d;
    (void)detail;
    mlr_survey *s = ctx;
    measured_note *n = mlr_take(s->alloc, sizeof *n);
    if (n == NULL) {
        return;
    }
    *n = (measured_note){
        .note = {.release = release_measured}, .alloc = s->alloc, .index = index};
    bool pair = (m->have & MLR_HAVE_PAIR) != 0 && m->elements > 0;
    if (pair) {
        n->changed = mlr_known((double)m->changed_elements / (double)m->elements);
    }
    if (pair && (m->have & MLR_HAVE_NUMBERS) != 0) {
        n->cosine = mlr_known(m->delta.cosine);
    }
    if ((m->have & MLR_HAVE_PAIR_BITS) != 0) {
        n->entropy = mlr_known(m->bits.of_delta);
    }
    mlr_job_post(s->job, &n->note);
}

mlr_status mlr_survey_work(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    mlr_survey *s = arg;
    s->job = job;
    mlr_status st =
        mlr_diff_begin(&s->diff, s->old_model, s->new_model, NULL, &s->pool, err);
    if (st != MLR_OK) {
        return st;
    }
    mlr_err quiet = {0}; /* without threads it only takes longer */
    (void)mlr_threads_start(&s->threads, 0, s->alloc, &quiet);
    mlr_work work = {s->alloc, s->threads == NULL ? NULL : mlr_threads_exec(s->threads),
                     tick};
    mlr_diff_watch watch = {s, on_matched, on_measured};
    mlr_diff_options options = {.depth = MLR_DEPTH_FULL, .watch = &watch};
    st = mlr_diff_compare(&s->diff, &options, &work, err);
    s->complete = st == MLR_OK;
    return st;
}

static mlr_row_kind kind_of(const mlr_pairing *p)
{
    switch (p->change) {
    case MLR_CHANGE_SAME:
        return MLR_ROW_SAME;
    case MLR_CHANGE_ADDED:
        return MLR_ROW_ADDED;
    case MLR_CHANGE_REMOVED:
        return MLR_ROW_REMOVED;
    case MLR_CHANGE_CHANGED:
        return (p->flags & (MLR_PAIR_RESIZED | MLR_PAIR_RESHAPED | MLR_PAIR_RETYPED)) != 0
                   ? MLR_ROW_RESHAPED
                   : MLR_ROW_CHANGED;
    default:
        return MLR_ROW_UNKNOWN;
    }
}

static const mlr_tensor *tensor_at(const mlr_model *m, uint32_t i)
{
    return i == MLR_NO_TENSOR ? NULL : &m->tensors[i];
}

/* Rows and pairs have one order: new tensors, then what went. A rename takes its old tensor
   out of the tail, so rows only move there. */
static void apply_matched(const mlr_survey *s, mlr_ui_rows *rows, const matched_note *n)
{
    size_t keep = n->count < rows->count ? n->count : rows->count;
    bool renamed = false;
    for (size_t i = 0; i < keep; i++) {
        const mlr_pairing *p = &n->pairs[i];
        mlr_ui_row *r = &rows->row[i];
        const mlr_tensor *old_tensor = tensor_at(s->old_model, p->old_tensor);
        if (i >= n->new_count && r->old_tensor != old_tensor && old_tensor != NULL) {
            r->name = old_tensor->key.n > 0 ? old_tensor->key : old_tensor->name;
            r->dtype = old_tensor->dtype;
            mlr_rows_mark(rows, i, false);
            renamed = true;
        }
        r->old_tensor = old_tensor;
        r->kind = (uint8_t)kind_of(p);
        if (r->kind == MLR_ROW_SAME) {
            r->changed = mlr_known(0);
            r->cosine = mlr_known(1);
            r->entropy = mlr_known(0);
        }
    }
    for (size_t i = keep; i < rows->count; i++) {
        mlr_rows_mark(rows, i, false);
    }
    rows->count = keep;
    if (renamed) {
        mlr_rows_rank(rows);
    }
}

static void apply_measured(mlr_ui_rows *rows, const measured_note *n)
{
    if (n->index < rows->count) {
        rows->row[n->index].changed = n->changed;
        rows->row[n->index].cosine = n->cosine;
        rows->row[n->index].entropy = n->entropy;
    }
}

void mlr_survey_apply(mlr_survey *s, mlr_ui_rows *rows, mlr_note *note)
{
    if (note->release == release_matched) {
        apply_matched(s, rows, (const matched_note *)note);
        s->matched = true;
    } else if (note->release == release_measured) {
        apply_measured(rows, (const measured_note *)note);
    }
    mlr_rows_touch(rows);
    note->release(note);
}
