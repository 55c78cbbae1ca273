#include "tui/tuner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/err_text.h"
#include "tui/app_core.h"
#include "tui/cli/profile_init.h"
#include "tui/rules_edit.h"

void mlr_tuner_init(mlr_tuner *t, const mlr_allocator *alloc, int wake_fd)
{
    memset(t, 0, sizeof *t);
    t->alloc = alloc;
    t->job.wake_fd = wake_fd;
}

static void drop(mlr_tuner *t, mlr_app *app)
{
    if (app->desk.wanted[1] == t->then) {
        mlr_desk_want(app, 1, NULL);
    }
    mlr_give(t->alloc, t->pick, t->rows * sizeof *t->pick);
    mlr_give(t->alloc, t->then, t->rows * sizeof *t->then);
    mlr_give(t->alloc, t->rule, t->rows * sizeof *t->rule);
    if (t->there) {
        mlr_profile_release(&t->found);
    }
    t->pick = t->then = NULL;
    t->rule = NULL;
    t->rows = t->count = 0;
    t->there = false;
}

void mlr_tuner_release(mlr_tuner *t, mlr_app *app)
{
    mlr_job_cancel(&t->job);
    (void)mlr_job_join(&t->job);
    if (app->aside == &t->job) {
        app->aside = NULL;
    }
    free(t->text);
    t->text = NULL;
    drop(t, app);
}

/* --- the job ----------------------------------------------------------------------------
 */

static bool keep_going(void *ctx, uint64_t done, uint64_t total)
{
    mlr_tuner *t = ctx;
    (void)done;
    (void)total;
    return !atomic_load_explicit(&t->job.cancel, memory_order_relaxed);
}

static void keep_result(mlr_tuner *t, const mlr_tune_result *r)
{
    size_t n = 0;
    FILE *f = open_memstream(&t->text, &n);
    if (f != NULL) {
        mlr_profile_print(f, &r->profile);
        (void)fclose(f);
    }
    t->facts = (mlr_tuner_facts){.patch_bytes = r->patch_bytes,
                                 .need_bytes = r->need_bytes,
                                 .decode_us = r->decode_us,
                                 .rounds = r->rounds,
                                 .tuned = r->tuned,
                                 .fits = r->fits,
                                 .points = r->points};
    memcpy(t->facts.front, r->front, sizeof t->facts.front);
}

static mlr_status work(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    mlr_tuner *t = arg;
    mlr_threads *threads = NULL;
    mlr_err quiet = {0}; /* without threads it only takes longer */
    mlr_tune_job *tune = mlr_take(t->alloc, sizeof *tune);
    (void)job;
    (void)tick;
    if (tune == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to tune with");
    }
    t->tick = (mlr_tick){t, keep_going};
    t->cli = (mlr_cli){.alloc = t->alloc, .tick = &t->tick, .width = 80};
    (void)mlr_threads_start(&threads, 0, t->alloc, &quiet);
    t->cli.exec = threads == NULL ? NULL : mlr_threads_exec(threads);
    if (mlr_tune_run(tune, &t->wish, &t->cli, err) == MLR_OK) {
        keep_result(t, &tune->result);
    }
    mlr_tune_end(tune, &t->cli, err);
    mlr_threads_stop(threads);
    mlr_give(t->alloc, tune, sizeof *tune);
    return err->status;
}

void mlr_tuner_start(mlr_tuner *t, mlr_app *app, mlr_goal goal)
{
    const mlr_desk *d = &app->desk;
    mlr_err err = {0};
    if (mlr_job_state_of(&t->job) != MLR_JOB_IDLE) {
        mlr_app_say(app, MLR_ROLE_WARNING, "it is tuning already; ^G stops it");
        return;
    }
    memcpy(t->old_path, app->session.old_path, sizeof t->old_path);
    memcpy(t->new_path, app->session.new_path, sizeof t->new_path);
    bool own = d->book.there && d->book.doc.profile.device != NULL;
    t->device = own ? *d->book.doc.profile.device : *mlr_device_at(0);
    t->wish = (mlr_tune_wish){.old_path = t->old_path,
                              .new_path = t->new_path,
                              .device = &t->device,
                              .goal = goal,
                              .max_bytes = d->budgets.size,
                              .max_memory = d->budgets.memory,
                              .max_us = d->budgets.decode_ms * 1000};
    t->failure[0] = '\0';
    t->job.started_ms = app->now_ms;
    if (mlr_job_start(&t->job, "tuning", work, t, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
        return;
    }
    app->aside = &t->job;
}

bool mlr_tuner_poll(mlr_tuner *t, mlr_app *app)
{
    mlr_job_state state = mlr_job_state_of(&t->job);
    if (state != MLR_JOB_ENDED) {
        return state == MLR_JOB_RUNNING;
    }
    mlr_status s = mlr_job_join(&t->job);
    app->aside = NULL;
    if (s == MLR_OK && t->text != NULL) {
        (void)mlr_tuner_take(t, app, t->text, strlen(t->text), &t->facts);
    } else if (s == MLR_E_CANCELLED) {
        mlr_app_say(app, MLR_ROLE_WARNING, "tuning stopped; nothing changed");
    } else {
        (void)mlr_err_text(&t->job.err, t->failure, sizeof t->failure);
        mlr_app_say(app, MLR_ROLE_ERROR, "tuning failed: %.200s",
                    t->cli.message[0] != '\0' ? t->cli.message : t->failure);
    }
    free(t->text);
    t->text = NULL;
    return true;
}

/* --- what was found ---------------------------------------------------------------------
 */

static bool in_scope(const mlr_tuner *t, const mlr_app *app, size_t row)
{
    bool by_hand = app->desk.choices.pick[row].level != 0;
    bool all = t->scope == MLR_SCOPE_ALL;
    return all ? !by_hand : mlr_desk_in_scope(app, row);
}

/* Rows of the table: rules that would change something. */
static void list_rows(mlr_tuner *t, const mlr_app *app)
{
    const mlr_desk *d = &app->desk;
    size_t rules = t->found.profile.rule_count;
    t->count = 0;
    for (size_t i = 0; i <= rules && t->count < MLR_TUNER_ROWS; i++) {
        mlr_tuner_row r = {.rule = i};
        for (size_t k = 0; k < d->travelling; k++) {
            size_t row = d->by_size[k];
            size_t by = t->rule[row] == 0 ? rules : (size_t)t->rule[row] - 1;
            mlr_pick now = mlr_desk_pick(d, row);
            const mlr_cast *c = mlr_desk_cast(d, row);
            bool moot = c != NULL && c->structure; /* there is nothing to choose */
            if (by != i || moot || !in_scope(t, app, row) ||
                mlr_pick_equal(now, mlr_desk_full_pick(t->pick[row]))) {
                continue;
            }
            r.from = r.count == 0 || mlr_pick_equal(r.from, now) ? now : (mlr_pick){0};
            r.to = mlr_desk_full_pick(t->pick[row]);
            r.count++;
        }
        if (r.count > 0) {
            r.ticked = true;
            t->row[t->count++] = r;
        }
    }
}

static bool have_room(mlr_tuner *t, mlr_app *app)
{
    size_t rows = app->desk.choices.rows + 1;
    drop(t, app);
    t->rows = rows;
    t->pick = mlr_take(t->alloc, rows * sizeof *t->pick);
    t->then = mlr_take(t->alloc, rows * sizeof *t->then);
    t->rule = mlr_take(t->alloc, rows * sizeof *t->rule);
    if (t->pick == NULL || t->then == NULL || t->rule == NULL) {
        drop(t, app);
        return false;
    }
    memset(t->pick, 0, rows * sizeof *t->pick);
    memset(t->rule, 0, rows * sizeof *t->rule);
    return true;
}

static void evaluate(mlr_tuner *t, mlr_app *app);

bool mlr_tuner_take(mlr_tuner *t, mlr_app *app, const char *text, size_t n,
                    const mlr_tuner_facts *facts)
{
    mlr_err err = {0};
    const mlr_desk *d = &app->desk;
    const mlr_matching *m = d->book.matching;
    if (m == NULL || !have_room(t, app)) {
        return false;
    }
    if (mlr_profile_read(&t->found, text, n, app->alloc, &err) != MLR_OK) {
        mlr_profile_release(&t->found);
        drop(t, app);
        return false;
    }
    t->there = true;
    t->facts = *facts;
    t->scope = d->scope;
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        if (row < m->count) {
            t->pick[row] = mlr_rule_book_pick(&t->found.profile, m, row, &t->rule[row]);
        }
    }
    list_rows(t, app);
    evaluate(t, app);
    for (size_t i = 0; i < t->count; i++) {
        uint64_t most = d->budgets.memory;
        t->row[i].over = most > 0 && t->row[i].then.memory > most;
        t->row[i].ticked = !t->row[i].over;
    }
    evaluate(t, app);
    return true;
}

/* --- what it would mean -----------------------------------------------------------------
 */

static bool is_ticked(const mlr_tuner *t, size_t rule)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->row[i].rule == rule) {
            return t->row[i].ticked;
        }
    }
    return false;
}

/* The profile with what is ticked; taken from the app's allocator, or NULL. */
static char *text_with(const mlr_tuner *t, const mlr_app *app, size_t *taken)
{
    const mlr_profile *p = &t->found.profile;
    mlr_profile ticked = {0};
    mlr_rule *rules = mlr_take(t->alloc, (p->rule_count + 1) * sizeof *rules);
    char *text = NULL;
    char *out = NULL;
    size_t n = 0;
    FILE *f = rules == NULL ? NULL : open_memstream(&text, &n);
    if (f == NULL) {
        mlr_give(t->alloc, rules, (p->rule_count + 1) * sizeof *rules);
        return NULL;
    }
    for (size_t i = 0; i < p->rule_count; i++) {
        if (is_ticked(t, i)) {
            rules[ticked.rule_count++] = p->rules[i];
        }
    }
    /* Under rules that stand already, "everything else" has to be a rule, too. */
    bool rest = is_ticked(t, p->rule_count);
    bool as_rule = rest && app->desk.book.rules > 0;
    if (as_rule) {
        rules[ticked.rule_count++] = (mlr_rule){.label = "tuned", .then = p->defaults};
    }
    ticked.rules = rules;
    mlr_profile_print(f, &ticked);
    if (fclose(f) == 0) {
        const mlr_setting *defaults = rest && !as_rule ? &p->defaults : NULL;
        out = mlr_rules_with(app, ticked.rule_count > 0 ? text : NULL, n, defaults, taken);
    }
    free(text);
    mlr_give(t->alloc, rules, (p->rule_count + 1) * sizeof *rules);
    return out;
}

/* Picks by row with what is ticked: exactly what accepting it would make. */
static void make_then(mlr_tuner *t, mlr_app *app)
{
    const mlr_desk *d = &app->desk;
    mlr_profile_doc doc = {0};
    mlr_err err = {0};
    size_t taken = 0;
    bool all = t->scope == MLR_SCOPE_ALL;
    char *text = all ? text_with(t, app, &taken) : NULL;
    bool good =
        text != NULL && mlr_profile_read(&doc, text, taken - 1, app->alloc, &err) == MLR_OK;
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        size_t rules = t->found.profile.rule_count;
        size_t by = t->rule[row] == 0 ? rules : (size_t)t->rule[row] - 1;
        bool by_hand = d->choices.pick[row].level != 0;
        t->then[row] = mlr_desk_pick(d, row);
        if (good && !by_hand && row < d->book.matching->count) {
            t->then[row] = mlr_rule_book_pick(&doc.profile, d->book.matching, row, NULL);
        } else if (!all && mlr_desk_in_scope(app, row) && is_ticked(t, by)) {
            t->then[row] = mlr_desk_full_pick(t->pick[row]);
        }
    }
    if (text != NULL) {
        mlr_profile_release(&doc);
        mlr_give(app->alloc, text, taken);
    }
}

static void evaluate(mlr_tuner *t, mlr_app *app)
{
    make_then(t, app);
    mlr_desk_want(app, 1, t->then);
    mlr_tuner_sum(t, app);
}

void mlr_tuner_sum(mlr_tuner *t, mlr_app *app)
{
    const mlr_desk *d = &app->desk;
    size_t rules = t->found.profile.rule_count;
    if (!t->there) {
        return;
    }
    mlr_desk_sum_picks(app, t->then, &t->sums);
    for (size_t i = 0; i < t->count; i++) {
        t->row[i].now = t->row[i].then = (mlr_desk_sums){.exact = true};
    }
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        size_t by = t->rule[row] == 0 ? rules : (size_t)t->rule[row] - 1;
        mlr_pick to = mlr_desk_full_pick(t->pick[row]);
        if (!in_scope(t, app, row)) {
            continue;
        }
        for (size_t k = 0; k < t->count; k++) {
            if (t->row[k].rule == by) {
                const mlr_ui_row *r = &app->session.rows.row[row];
                mlr_desk_add(&t->row[k].now, r, mlr_desk_cast(d, row));
                mlr_desk_add(&t->row[k].then, r, mlr_desk_cast_of(d, row, to));
            }
        }
    }
}

bool mlr_tuner_fits(const mlr_tuner *t, const mlr_app *app)
{
    const mlr_budgets *b = &app->desk.budgets;
    const mlr_desk_sums *s = &t->sums;
    return (b->size == 0 || s->bytes <= (double)b->size) &&
           (b->memory == 0 || s->memory <= b->memory) &&
           (b->decode_ms == 0 || s->decode_s * 1000 <= (double)b->decode_ms);
}

void mlr_tuner_tick(mlr_tuner *t, mlr_app *app, size_t row)
{
    if (t->there && row < t->count) {
        t->row[row].ticked = !t->row[row].ticked;
        evaluate(t, app);
    }
}

/* --- taking it --------------------------------------------------------------------------
 */

static void accept_as_picks(mlr_tuner *t, mlr_app *app, const char *label)
{
    mlr_desk *d = &app->desk;
    mlr_desk_step_begin(app, label);
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        if (mlr_desk_in_scope(app, row) &&
            !mlr_pick_equal(t->then[row], mlr_desk_pick(d, row))) {
            mlr_choices_set(&d->choices, (uint32_t)row, t->then[row]);
        }
    }
    mlr_desk_step_end(app);
}

void mlr_tuner_accept(mlr_tuner *t, mlr_app *app)
{
    char label[56];
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        n += t->row[i].ticked;
    }
    if (!t->there || n == 0) {
        mlr_app_say(app, MLR_ROLE_DIM, "nothing is ticked: Space ticks a row");
        return;
    }
    snprintf(label, sizeof label, "auto-tune: %zu rule%s", n, n == 1 ? "" : "s");
    if (t->scope != MLR_SCOPE_ALL) {
        accept_as_picks(t, app, label);
    } else {
        size_t taken = 0;
        char *text = text_with(t, app, &taken);
        if (text == NULL) {
            mlr_app_say(app, MLR_ROLE_ERROR,
                        "the rules cannot take more: mend them in 5 Rules first");
            return;
        }
        mlr_desk_set_rules(app, text, taken - 1, label);
        mlr_give(app->alloc, text, taken);
    }
    drop(t, app);
}

/* --- whole patches ----------------------------------------------------------------------
 */

mlr_sweep mlr_tuner_sweep(void)
{
    static const int16_t strategies[] = {MLR_AUTO,
                                         MLR_STRATEGY_neural,
                                         MLR_STRATEGY_block_fields,
                                         MLR_STRATEGY_sub_planes,
                                         MLR_STRATEGY_xor_planes,
                                         MLR_STRATEGY_zstd_ref,
                                         MLR_STRATEGY_sparse,
                                         MLR_STRATEGY_exp_man,
                                         MLR_STRATEGY_zstd};
    static const uint8_t levels[] = {3, 9};
    mlr_sweep s = {.on = true,
                   .strategies = sizeof strategies / sizeof *strategies,
                   .levels = sizeof levels};
    memcpy(s.strategy, strategies, sizeof strategies);
    memcpy(s.level, levels, sizeof levels);
    return s;
}

void mlr_tuner_plot(mlr_tuner *t, const mlr_app *app)
{
    mlr_sweep s = mlr_tuner_sweep();
    t->points = 0;
    for (size_t k = 0; k < s.strategies * s.levels && t->points < MLR_TUNER_POINTS; k++) {
        mlr_pick pick = {.strategy = s.strategy[k % s.strategies],
                         .level = s.level[k / s.strategies]};
        mlr_desk_sums sums;
        if (mlr_desk_sum_under(app, pick, &sums)) {
            t->point[t->points++] =
                (mlr_tuner_point){pick, sums.bytes, sums.decode_s, sums.memory, true};
        }
    }
    for (size_t i = 0; i < t->points; i++) {
        for (size_t k = 0; k < t->points; k++) {
            const mlr_tuner_point *a = &t->point[i];
            const mlr_tuner_point *b = &t->point[k];
            if (b->bytes < a->bytes && b->decode_s < a->decode_s) {
                t->point[i].front = false;
            }
        }
    }
}
