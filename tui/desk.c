#include "tui/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/price.h"
#include "tui/app_core.h"
#include "tui/desk_parts.h"

/* A serial applier's arena beside what a tensor's blocks and tables take: buffers of the
   patch and of the window that blocks are copied through. */
enum { ARENA_BESIDE = 96 << 10 };

void mlr_desk_init(mlr_desk *d, const mlr_allocator *alloc, int wake_fd)
{
    *d = (mlr_desk){.alloc = alloc};
    mlr_rule_book_init(&d->book, alloc);
    d->job.wake_fd = wake_fd;
}

void mlr_desk_clear(mlr_desk *d)
{
    mlr_job_cancel(&d->job);
    (void)mlr_job_join(&d->job);
    mlr_job_drop_notes(&d->job);
    mlr_outlook_release(d->outlook);
    mlr_give(d->alloc, d->by_size, (d->choices.rows + 1) * sizeof *d->by_size);
    mlr_choices_release(&d->choices);
    mlr_desk_drop_rules(d);
    int wake_fd = d->job.wake_fd;
    uint64_t generation = d->job.generation;
    mlr_desk_init(d, d->alloc, wake_fd);
    d->job.generation = generation;
}

void mlr_desk_forget(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    mlr_job_cancel(&d->job);
    (void)mlr_job_join(&d->job);
    mlr_job_drop_notes(&d->job);
    mlr_outlook_release(d->outlook);
    d->outlook = NULL;
    d->travelling = 0;
    d->first_at = 0;
    d->refined = false;
    d->sweep = (mlr_sweep){0};
    d->book.matching = NULL;
}

bool mlr_row_travels(const mlr_ui_row *r)
{
    return r->new_tensor != NULL && r->kind != MLR_ROW_SAME && r->kind != MLR_ROW_UNKNOWN &&
           r->kind != MLR_ROW_PROBLEM;
}

/* --- scope ------------------------------------------------------------------------------
 */

/* The Tune screen says itself whom it means. */
static bool in_tune_scope(const mlr_app *app, size_t row)
{
    const mlr_desk *d = &app->desk;
    switch (d->scope) {
    case MLR_SCOPE_MARKED:
        return app->session.rows.row[row].marked;
    case MLR_SCOPE_FOCUS:
        return app->focus == row;
    case MLR_SCOPE_RULE:
        return d->book.there && row < d->book.rows &&
               d->book.rule[row] == d->scope_rule + 1;
    default:
        return true;
    }
}

bool mlr_desk_in_scope(const mlr_app *app, size_t row)
{
    const mlr_ui_rows *rows = &app->session.rows;
    if (app->tab == MLR_SCREEN_TUNE) {
        return in_tune_scope(app, row);
    }
    if (rows->marked > 0) {
        return rows->row[row].marked;
    }
    return app->focus == row;
}

size_t mlr_desk_scope_count(const mlr_app *app)
{
    size_t n = 0;
    for (size_t i = 0; i < app->session.rows.count; i++) {
        n += mlr_desk_in_scope(app, i) && mlr_row_travels(&app->session.rows.row[i]);
    }
    return n;
}

mlr_pick mlr_desk_full_pick(mlr_pick pick)
{
    return pick.level != 0 ? pick
                           : (mlr_pick){.strategy = MLR_AUTO, .level = MLR_DESK_LEVEL};
}

mlr_pick mlr_desk_pick(const mlr_desk *d, size_t row)
{
    if (row < d->choices.rows && d->choices.pick[row].level != 0) {
        return d->choices.pick[row];
    }
    bool ruled = d->book.pick != NULL && row < d->book.rows;
    return mlr_desk_full_pick(ruled ? d->book.pick[row] : (mlr_pick){0});
}

const mlr_cast *mlr_desk_cast_of(const mlr_desk *d, size_t row, mlr_pick pick)
{
    return d->outlook == NULL ? NULL : mlr_outlook_find(d->outlook, row, pick);
}

const mlr_cast *mlr_desk_cast(const mlr_desk *d, size_t row)
{
    return mlr_desk_cast_of(d, row, mlr_desk_pick(d, row));
}

/* --- rows -------------------------------------------------------------------------------
 */

/* What travels with the structure is compressed with it: about as much as changed. */
static mlr_fact structure_bytes(const mlr_ui_row *r)
{
    if (r->bytes >= MLR_SMALL_TENSOR) {
        return mlr_known(0); /* it joined a run of copies */
    }
    double share = r->changed.state == MLR_FACT_UNKNOWN ? 0.5 : r->changed.value;
    return mlr_estimated((double)r->bytes * share + 1, 1);
}

static void show_cast(mlr_ui_row *r, const mlr_cast *c)
{
    r->strategy = NULL;
    r->out = (mlr_fact){0};
    if (c == NULL || c->failed) {
        return;
    }
    if (c->structure) {
        r->strategy = r->bytes < MLR_SMALL_TENSOR ? "structure" : "copy";
        r->out = structure_bytes(r);
        return;
    }
    r->strategy = mlr_strategy_word(c->p.strategy);
    if (c->p.fits) {
        r->out = c->p.exact ? mlr_known((double)c->p.bytes)
                            : mlr_estimated((double)c->p.bytes, c->p.error);
    } else {
        r->strategy = "unsuited"; /* the patch will hold another strategy's bytes */
    }
}

void mlr_desk_show_row(mlr_app *app, size_t i)
{
    const mlr_desk *d = &app->desk;
    mlr_ui_row *r = &app->session.rows.row[i];
    if (r->kind == MLR_ROW_SAME) {
        r->strategy = "copy";
        r->out = mlr_known(0);
        return;
    }
    if (!mlr_row_travels(r)) {
        return;
    }
    mlr_pick pick = mlr_desk_pick(d, i);
    bool picked = i < d->choices.rows && d->choices.pick[i].level != 0;
    show_cast(r, mlr_desk_cast(d, i));
    if (r->strategy == NULL && picked && pick.strategy >= 0) {
        r->strategy = mlr_strategy_word(pick.strategy);
    }
    uint16_t rule = d->book.rule != NULL && i < d->book.rows ? d->book.rule[i] : 0;
    r->by = picked ? MLR_BY_YOU : rule > 0 ? MLR_BY_RULE : MLR_BY_AUTO;
    r->rule = rule;
    r->dictionary = pick.dict != 0 ? "yes" : NULL;
    r->level = pick.level;
}

void mlr_desk_show(mlr_app *app)
{
    for (size_t i = 0; i < app->session.rows.count; i++) {
        mlr_desk_show_row(app, i);
    }
    mlr_rows_touch(&app->session.rows);
}

/* --- begin ------------------------------------------------------------------------------
 */

void mlr_desk_begin(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    mlr_err err = {0};
    const mlr_ui_session *s = &app->session;
    mlr_desk_clear(d);
    if (mlr_choices_init(&d->choices, s->rows.count, app->alloc, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
        return;
    }
    mlr_choice_log_open(&d->log, app->state_dir, s->old_path, s->new_path, app->alloc);
    size_t steps = mlr_choice_log_replay(&d->log, &d->choices, &d->budgets, &s->rows);
    snprintf(d->profile, sizeof d->profile, "%s", d->log.profile);
    d->saved_text = SIZE_MAX;
    if (app->profile_path != NULL) {
        (void)mlr_desk_load_rules(app, app->profile_path);
    }
    mlr_desk_read_rules(app);
    if (steps > 0) {
        mlr_app_say(app, MLR_ROLE_MESSAGE,
                    "your choices of last time are back: %zu tensor%s, %zu step%s to undo",
                    d->choices.picked, d->choices.picked == 1 ? "" : "s", steps,
                    steps == 1 ? "" : "s");
    }
}

static int larger_first(const void *pa, const void *pb, void *ctx)
{
    const mlr_ui_row *row = ctx;
    uint32_t a = *(const uint32_t *)pa;
    uint32_t b = *(const uint32_t *)pb;
    if (row[a].bytes != row[b].bytes) {
        return row[a].bytes > row[b].bytes ? -1 : 1;
    }
    return a < b ? -1 : 1;
}

void mlr_desk_matched(mlr_app *app, const mlr_matching *m)
{
    mlr_desk *d = &app->desk;
    const mlr_ui_rows *rows = &app->session.rows;
    if (d->outlook != NULL || d->choices.pick == NULL) {
        return;
    }
    d->outlook = mlr_outlook_make(m, app->alloc);
    if (d->by_size == NULL) {
        d->by_size = mlr_take(d->alloc, (d->choices.rows + 1) * sizeof *d->by_size);
    }
    if (d->outlook == NULL || d->by_size == NULL) {
        mlr_app_say(app, MLR_ROLE_ERROR, "no memory for forecasts");
        return;
    }
    d->travelling = 0;
    for (size_t i = 0; i < rows->count && i < d->choices.rows; i++) {
        if (mlr_row_travels(&rows->row[i])) {
            d->by_size[d->travelling++] = (uint32_t)i;
        }
    }
    d->job.started_ms = app->now_ms;
    qsort_r(d->by_size, d->travelling, sizeof *d->by_size, larger_first, rows->row);
    d->outlook->device = mlr_desk_device(d);
    mlr_outlook_remember(d->outlook, app->forecast_dir, &app->session);
    d->outlook->dict = d->dict;
    d->outlook->dict_bytes = d->dict_bytes;
    if (m != NULL) {
        mlr_rule_book_match(&d->book, m);
    }
    (void)mlr_desk_work_rules(app);
    mlr_desk_show(app);
}

/* --- what to forecast next --------------------------------------------------------------
 */

static bool ask(mlr_desk *d, size_t row, mlr_pick pick, mlr_effort effort)
{
    mlr_query q = mlr_query_of(row, pick, effort);
    return mlr_outlook_ask(d->outlook, &q);
}

mlr_pick mlr_desk_pick_at(const mlr_app *app, size_t row, int strategy)
{
    mlr_pick pick = mlr_desk_pick(&app->desk, row);
    pick.strategy = (int16_t)strategy;
    return pick;
}

/* The open menu: every strategy for the rows in scope, largest first. */
static void ask_for_menu(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    for (; d->menu_row < d->travelling; d->menu_row++) {
        size_t row = d->by_size[d->menu_row];
        if (!mlr_desk_in_scope(app, row)) {
            continue;
        }
        for (size_t k = 0; k < app->menu.list.count; k++) {
            int strategy = app->menu.list.item[k].value - 10;
            if (!ask(d, row, mlr_desk_pick_at(app, row, strategy), MLR_EFFORT_GLANCE)) {
                return;
            }
        }
    }
}

static void ask_for_what_if(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    for (size_t i = 0; i < d->travelling && d->what_if.level != 0; i++) {
        if (mlr_desk_in_scope(app, d->by_size[i]) &&
            !ask(d, d->by_size[i], d->what_if, MLR_EFFORT_GLANCE)) {
            return;
        }
    }
}

/* Other picks that a screen compares: false where the batch is full. */
static bool ask_for_wanted(mlr_desk *d)
{
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < d->travelling && d->wanted[k] != NULL; i++) {
            size_t row = d->by_size[i];
            mlr_pick p = mlr_desk_full_pick(d->wanted[k][row]);
            if (!ask(d, row, p, MLR_EFFORT_GLANCE)) {
                return false;
            }
        }
    }
    return true;
}

/* A first look at every row, largest first. */
static void ask_first(mlr_desk *d)
{
    for (; d->first_at < d->travelling; d->first_at++) {
        size_t row = d->by_size[d->first_at];
        if (!ask(d, row, mlr_desk_pick(d, row), MLR_EFFORT_GLANCE)) {
            return;
        }
    }
}

static double uncertainty(const mlr_cast *c)
{
    bool settled = c == NULL || c->failed || c->structure || c->p.exact || !c->p.fits ||
                   c->query.effort >= MLR_EFFORT_DEFAULT;
    return settled ? -1 : c->p.error * (double)c->p.bytes;
}

size_t mlr_desk_uncertain(const mlr_desk *d, uint32_t *rows, size_t room)
{
    enum { MOST = 16 };
    double worth[MOST];
    size_t n = 0, most = room < MOST ? room : MOST;
    for (size_t i = 0; i < d->travelling && most > 0; i++) {
        double u = uncertainty(mlr_desk_cast(d, d->by_size[i]));
        if (u < 0 || (n == most && u <= worth[n - 1])) {
            continue;
        }
        size_t at = n < most ? n++ : n - 1;
        for (; at > 0 && worth[at - 1] < u; at--) {
            rows[at] = rows[at - 1];
            worth[at] = worth[at - 1];
        }
        rows[at] = d->by_size[i];
        worth[at] = u;
    }
    return n;
}

/* A closer look where most bytes are uncertain. */
static void ask_closer(mlr_desk *d)
{
    uint32_t row[16];
    size_t n = d->refined ? 0 : mlr_desk_uncertain(d, row, sizeof row / sizeof *row);
    d->refined = n == 0;
    for (size_t i = 0; i < n; i++) {
        (void)ask(d, row[i], mlr_desk_pick(d, row[i]), MLR_EFFORT_DEFAULT);
    }
}

static void ask_for_sweep(mlr_desk *d)
{
    enum { LOOKUPS = 20000 }; /* at once: a frame is not to wait */
    mlr_sweep *s = &d->sweep;
    size_t each = s->strategies * s->levels;
    for (int i = 0; s->on && i < LOOKUPS && s->at < each * d->travelling; i++, s->at++) {
        /* Whole patches come first: all rows under one pick, then the next pick. */
        size_t row = d->by_size[s->at % d->travelling];
        size_t k = s->at / d->travelling;
        mlr_pick pick = {.strategy = s->strategy[k % s->strategies],
                         .level = s->level[k / s->strategies]};
        bool slow = pick.strategy == MLR_AUTO && pick.level != s->level[0];
        if (!slow && !ask(d, row, pick, MLR_EFFORT_GLANCE)) {
            return;
        }
    }
}

static void start_batch(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    mlr_err err = {0};
    if (d->outlook == NULL || d->outlook->matching == NULL || d->paused) {
        return;
    }
    d->outlook->batch_count = 0;
    if (mlr_desk_in_menu(app)) {
        ask_for_menu(app);
    }
    ask_for_what_if(app);
    if (d->outlook->batch_count == 0) {
        (void)ask_for_wanted(d);
    }
    if (d->outlook->batch_count == 0) {
        ask_first(d);
    }
    if (d->outlook->batch_count == 0) {
        ask_closer(d);
    }
    while (d->outlook->batch_count == 0 && d->sweep.on && d->travelling > 0 &&
           d->sweep.at < d->sweep.strategies * d->sweep.levels * d->travelling) {
        ask_for_sweep(d);
    }
    if (d->outlook->batch_count > 0 &&
        mlr_job_start(&d->job, "forecasting", mlr_outlook_work, d->outlook, &err) !=
            MLR_OK) {
        d->paused = true;
        mlr_app_say_err(app, &err);
    }
}

/* What is wanted now differs from what runs. */
void mlr_desk_hurry(mlr_app *app)
{
    app->desk.paused = false;
    mlr_job_cancel(&app->desk.job);
}

bool mlr_desk_poll(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    mlr_job_state state = mlr_job_state_of(&d->job);
    bool news = mlr_desk_work_rules(app);
    for (mlr_note *n = mlr_job_collect(&d->job); n != NULL;) {
        mlr_note *next = n->next;
        uint32_t row = mlr_outlook_take(d->outlook, n);
        if (row < app->session.rows.count) {
            mlr_desk_show_row(app, row);
        }
        news = true;
        n = next;
    }
    if (news) {
        mlr_rows_touch(&app->session.rows);
        d->menu_due = MLR_DESK_STRATEGIES;
    }
    news = mlr_desk_refresh_menu(app) || news;
    if (state == MLR_JOB_ENDED) {
        mlr_status s = mlr_job_join(&d->job);
        if (s != MLR_OK && s != MLR_E_CANCELLED) {
            d->paused = true;
            mlr_app_say_err(app, &d->job.err);
        }
        state = MLR_JOB_IDLE;
        news = true;
    }
    if (state == MLR_JOB_IDLE) {
        start_batch(app);
    }
    return news || mlr_job_state_of(&d->job) != MLR_JOB_IDLE;
}

void mlr_desk_pause(mlr_app *app)
{
    app->desk.paused = true;
    mlr_job_cancel(&app->desk.job);
}

void mlr_desk_progress(const mlr_desk *d, uint64_t *done, uint64_t *total)
{
    size_t each = d->sweep.on ? d->sweep.strategies * d->sweep.levels * d->travelling : 0;
    *total = d->travelling + each;
    *done = d->first_at + (d->sweep.on ? d->sweep.at : 0);
    if (*done == *total && !d->refined) {
        *total = 0; /* how many closer looks remain is not counted */
    }
}

void mlr_desk_sweep(mlr_app *app, const mlr_sweep *sweep)
{
    mlr_sweep *s = &app->desk.sweep;
    bool same = s->on == sweep->on && s->strategies == sweep->strategies &&
                s->levels == sweep->levels &&
                memcmp(s->level, sweep->level, sizeof s->level) == 0 &&
                memcmp(s->strategy, sweep->strategy, sizeof s->strategy) == 0;
    if (!same) {
        *s = *sweep;
        s->at = 0;
    }
}

void mlr_desk_want(mlr_app *app, int place, const mlr_pick *picks)
{
    app->desk.wanted[place] = picks;
    if (picks != NULL) {
        mlr_desk_hurry(app);
    }
}

void mlr_desk_set_scope(mlr_app *app, mlr_scope_kind kind, size_t rule)
{
    app->desk.scope = kind;
    app->desk.scope_rule = rule;
    mlr_desk_hurry(app);
}

void mlr_desk_what_if(mlr_app *app, mlr_pick pick)
{
    if (!mlr_pick_equal(app->desk.what_if, pick)) {
        app->desk.what_if = pick;
        mlr_desk_hurry(app);
    }
}

/* --- sums -------------------------------------------------------------------------------
 */

void mlr_desk_add(mlr_desk_sums *s, const mlr_ui_row *r, const mlr_cast *c)
{
    s->to_predict++;
    if (c == NULL || c->failed || (!c->structure && !c->p.fits)) {
        return;
    }
    s->predicted++;
    if (c->structure) {
        mlr_fact f = structure_bytes(r);
        s->bytes += f.value;
        s->error_bytes += f.value * (double)f.error;
        return;
    }
    const mlr_prediction *p = &c->p;
    s->bytes += (double)p->bytes;
    s->error_bytes += p->error * (double)p->bytes;
    s->encode_s += p->encode_bytes_s > 0 ? (double)r->bytes / p->encode_bytes_s : 0;
    /* By the fixed table: a sample's own time says more about the machine's other work. */
    s->decode_s += (double)mlr_price_decode_us(p->strategy, r->bytes, NULL) / 1e6;
    uint64_t memory = p->memory + ARENA_BESIDE;
    s->memory = memory > s->memory ? memory : s->memory;
    s->count_by[p->strategy % MLR_STRATEGY_LIMIT]++;
    s->bytes_by[p->strategy % MLR_STRATEGY_LIMIT] += (double)p->bytes;
    s->exact = s->exact && p->exact;
}

/* Small tensors and structure are one stream: known as a whole, or guessed row by row. */
static void add_row(const mlr_app *app, size_t row, const mlr_cast *c, mlr_desk_sums *out)
{
    bool known =
        app->desk.outlook != NULL && atomic_load(&app->desk.outlook->structure) > 0;
    double bytes = out->bytes;
    double error = out->error_bytes;
    mlr_desk_add(out, &app->session.rows.row[row], c);
    if (known && c != NULL && c->structure) {
        out->bytes = bytes;
        out->error_bytes = error;
    }
}

static mlr_desk_sums no_sums(const mlr_app *app)
{
    const mlr_desk *d = &app->desk;
    mlr_desk_sums s = {.picked = d->choices.picked, .exact = true};
    if (d->outlook != NULL) {
        s.bytes = (double)atomic_load(&d->outlook->structure);
    }
    return s;
}

void mlr_desk_sum(const mlr_app *app, mlr_pick what_if, mlr_desk_sums *out)
{
    const mlr_desk *d = &app->desk;
    *out = no_sums(app);
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        bool swap = what_if.level != 0 && mlr_desk_in_scope(app, row);
        const mlr_cast *c =
            swap ? mlr_desk_cast_of(d, row, what_if) : mlr_desk_cast(d, row);
        if (swap && c != NULL && !c->structure && !c->p.fits) {
            c = mlr_desk_cast(d, row); /* where it does not suit, all stays as it is */
        }
        add_row(app, row, c, out);
    }
}

bool mlr_desk_sum_under(const mlr_app *app, mlr_pick pick, mlr_desk_sums *out)
{
    const mlr_desk *d = &app->desk;
    size_t suited = 0;
    *out = no_sums(app);
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        const mlr_cast *c = mlr_desk_cast_of(d, row, pick);
        if (c == NULL) {
            return false;
        }
        bool suits = !c->failed && (c->structure || c->p.fits);
        suited += suits && !c->structure;
        add_row(app, row, suits ? c : mlr_desk_cast(d, row), out);
    }
    return suited > 0 && out->predicted == out->to_predict;
}

void mlr_desk_sum_picks(const mlr_app *app, const mlr_pick *picks, mlr_desk_sums *out)
{
    const mlr_desk *d = &app->desk;
    *out = no_sums(app);
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        mlr_pick pick = mlr_desk_full_pick(picks[row]);
        add_row(app, row, mlr_desk_cast_of(d, row, pick), out);
    }
}

const mlr_desk_sums *mlr_desk_total(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    if (d->summed != app->session.rows.generation) {
        mlr_desk_sum(app, (mlr_pick){0}, &d->sums);
        d->summed = app->session.rows.generation;
    }
    return &d->sums;
}
