/* Tune: what a choice would do to the whole patch, and what would be best in budgets. */
#include <stdio.h>
#include <string.h>

#include "tui/rules_edit.h"
#include "tui/tune_view.h"
#include "tui/widget_table.h"

enum { STEADY_MS = 250, LEAST_BLOCK = 4096 };
enum { ASK_DICT = 1 };

static mlr_status open_tune(mlr_app *app, void **state, mlr_err *err)
{
    mlr_tune_view *t = mlr_take(app->alloc, sizeof *t);
    if (t == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the screen");
    }
    memset(t, 0, sizeof *t);
    mlr_tuner_init(&t->tuner, app->alloc, app->job.wake_fd);
    t->what_if = mlr_desk_full_pick((mlr_pick){0});
    *state = t;
    return MLR_OK;
}

static void close_tune(mlr_app *app, void *state)
{
    mlr_tune_view *t = state;
    mlr_tuner_release(&t->tuner, app);
    mlr_give(app->alloc, t, sizeof *t);
}

static void renew(mlr_app *app, void *state)
{
    mlr_tune_view *t = state;
    mlr_tuner_release(&t->tuner, app);
    mlr_tuner_init(&t->tuner, app->alloc, app->job.wake_fd);
    t->plotted = 0;
    t->result = 0;
    t->pane = MLR_TUNE_WHAT_IF;
    t->begun = false;
}

static bool poll(mlr_app *app, void *state)
{
    mlr_tune_view *t = state;
    bool busy = mlr_tuner_poll(&t->tuner, app);
    if (busy && mlr_job_state_of(&t->tuner.job) == MLR_JOB_IDLE && t->tuner.there &&
        app->message[0] == '\0') {
        t->result = 0;
        t->plotted = 0;
        t->pane = t->tuner.count > 0 ? MLR_TUNE_RESULTS : MLR_TUNE_WHAT_IF;
        mlr_app_say(app, MLR_ROLE_MESSAGE,
                    t->tuner.count > 0 ? "tuned: Space ticks, Enter takes what is ticked"
                                       : "tuned: what holds now is the best that is known");
    }
    return busy;
}

/* --- scope ------------------------------------------------------------------------------
 */

/* The what-if begins with what holds for those it is about. */
static void begin_what_if(mlr_app *app, mlr_tune_view *t)
{
    const mlr_desk *d = &app->desk;
    t->begun = d->travelling > 0;
    t->plotted = 0;
    if (d->scope == MLR_SCOPE_RULE) {
        t->what_if = mlr_rule_used(app, d->scope_rule);
        return;
    }
    for (size_t i = 0; i < d->travelling; i++) {
        if (mlr_desk_in_scope(app, d->by_size[i])) {
            t->what_if = mlr_desk_pick(d, d->by_size[i]);
            return;
        }
    }
}

static bool scope_is_possible(const mlr_app *app, mlr_scope_kind kind, size_t rule)
{
    const mlr_ui_rows *rows = &app->session.rows;
    switch (kind) {
    case MLR_SCOPE_MARKED:
        return rows->marked > 0;
    case MLR_SCOPE_FOCUS:
        return app->focus < rows->count && mlr_row_travels(&rows->row[app->focus]);
    case MLR_SCOPE_RULE:
        return rule < app->desk.book.rules;
    default:
        return true;
    }
}

/* All, marked, the tensor, then the rules one by one. */
static void change_scope(mlr_app *app, mlr_tune_view *t, int by)
{
    mlr_desk *d = &app->desk;
    int places = (int)MLR_SCOPE_RULE + (int)d->book.rules;
    int at = (int)d->scope + (d->scope == MLR_SCOPE_RULE ? (int)d->scope_rule : 0);
    mlr_scope_kind kind = MLR_SCOPE_ALL;
    size_t rule = 0;
    do {
        at = (at + by + places) % places;
        kind = at < (int)MLR_SCOPE_RULE ? (mlr_scope_kind)at : MLR_SCOPE_RULE;
        rule = at < (int)MLR_SCOPE_RULE ? 0 : (size_t)(at - (int)MLR_SCOPE_RULE);
    } while (!scope_is_possible(app, kind, rule));
    mlr_desk_set_scope(app, kind, rule);
    begin_what_if(app, t);
}

/* Marks that were set since mean that they are meant; one that went means nothing. */
static void mind_scope(mlr_app *app, mlr_tune_view *t)
{
    mlr_desk *d = &app->desk;
    bool marked = app->session.rows.marked > 0;
    if (!scope_is_possible(app, d->scope, d->scope_rule)) {
        mlr_desk_set_scope(app, MLR_SCOPE_ALL, 0);
        t->begun = false;
    }
    if (!t->begun && marked && d->scope == MLR_SCOPE_ALL) {
        mlr_desk_set_scope(app, MLR_SCOPE_MARKED, 0);
    }
    if (!t->begun) {
        begin_what_if(app, t);
    }
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    mlr_tune_view *t = state;
    (void)rows;
    (void)cols;
    mlr_sweep sweep = mlr_tuner_sweep();
    mind_scope(app, t);
    mlr_desk_sweep(app, &sweep);
    mlr_desk_what_if(app, t->what_if);
    (void)mlr_desk_total(app);
    bool steady = mlr_app_busy(app) && app->now_ms - t->drawn_ms < STEADY_MS;
    if (t->plotted == app->session.rows.generation || (t->plotted != 0 && steady)) {
        return;
    }
    t->plotted = app->session.rows.generation;
    t->drawn_ms = app->now_ms;
    mlr_desk_sum(app, t->what_if, &t->then);
    mlr_tuner_plot(&t->tuner, app);
    mlr_tuner_sum(&t->tuner, app);
}

/* --- the what-if ------------------------------------------------------------------------
 */

static void change_strategy(mlr_tune_view *t, int by)
{
    int s = t->what_if.strategy == MLR_NEURAL ? MLR_AUTO : t->what_if.strategy;
    do {
        s += by;
        s = s < MLR_AUTO ? MLR_STRATEGY_LIMIT - 1 : s >= MLR_STRATEGY_LIMIT ? MLR_AUTO : s;
    } while (mlr_strategy_word(s)[0] == '-' || s == MLR_STRATEGY_copy);
    t->what_if.strategy = (int16_t)s;
}

/* 0 (the device's), then powers of two from 4 KiB to below the device's. */
static void change_block(const mlr_app *app, mlr_tune_view *t, int by)
{
    const mlr_outlook *o = app->desk.outlook;
    uint32_t most =
        o == NULL || o->device.block_bytes == 0 ? 1U << 20 : o->device.block_bytes;
    uint32_t b = t->what_if.block_bytes;
    if (by < 0) {
        b = b == 0 ? most / 2 : b / 2;
        t->what_if.block_bytes = b < LEAST_BLOCK ? 0 : b;
    } else {
        b = b == 0 ? LEAST_BLOCK : b * 2;
        t->what_if.block_bytes = b >= most ? 0 : b;
    }
}

static void change_dict(mlr_app *app, mlr_tune_view *t)
{
    if (app->desk.dict == NULL) {
        mlr_app_say(app, MLR_ROLE_DIM,
                    "Enter names a dictionary from `mallorn dict train`");
        return;
    }
    t->what_if.dict = t->what_if.dict == 0;
}

static void change_field(mlr_app *app, mlr_tune_view *t, int by)
{
    int level = t->what_if.level + by;
    switch ((mlr_tune_field)t->field) {
    case MLR_TUNE_SCOPE:
        change_scope(app, t, by);
        break;
    case MLR_TUNE_STRATEGY:
        change_strategy(t, by);
        break;
    case MLR_TUNE_LEVEL:
        if (level >= 1 && level <= MLR_TUNE_LEVELS) {
            t->what_if.level = (uint8_t)level;
        }
        break;
    case MLR_TUNE_NEURAL:
        t->what_if.strategy =
            t->what_if.strategy == MLR_NEURAL ? (int16_t)MLR_AUTO : (int16_t)MLR_NEURAL;
        break;
    case MLR_TUNE_DICT:
        change_dict(app, t);
        break;
    case MLR_TUNE_BLOCK:
        change_block(app, t, by);
        break;
    case MLR_TUNE_FIELDS:
        break;
    }
    t->plotted = 0;
}

static void change(mlr_app *app, mlr_tune_view *t, int by)
{
    if (t->pane == MLR_TUNE_WHAT_IF) {
        change_field(app, t, by);
    } else if (t->pane == MLR_TUNE_GOAL && t->aim == MLR_AIM_GOAL) {
        t->goal = (mlr_goal)(((int)t->goal + by + 3) % 3);
    } else if (t->pane == MLR_TUNE_GOAL) {
        mlr_app_say(app, MLR_ROLE_DIM, "Enter sets this budget");
    }
}

static void keep_what_if(mlr_app *app, mlr_tune_view *t)
{
    const mlr_desk *d = &app->desk;
    if (d->scope == MLR_SCOPE_RULE) {
        mlr_rule_use(app, d->scope_rule, t->what_if);
    } else {
        mlr_desk_choose(app, t->what_if);
    }
}

/* --- keys -------------------------------------------------------------------------------
 */

static void tune_now(mlr_app *app, mlr_tune_view *t)
{
    if (app->desk.travelling == 0) {
        mlr_app_say(app, MLR_ROLE_WARNING, "nothing has to travel, as far as is known");
    } else if (app->desk.book.bad) {
        mlr_app_say(app, MLR_ROLE_ERROR,
                    "the rules have a mistake: mend it in 5 Rules first");
    } else {
        mlr_tuner_start(&t->tuner, app, t->goal);
    }
}

static void enter(mlr_app *app, mlr_tune_view *t)
{
    if (t->pane == MLR_TUNE_RESULTS) {
        mlr_tuner_accept(&t->tuner, app);
        t->pane = MLR_TUNE_WHAT_IF;
        t->begun = t->begun && app->desk.scope != MLR_SCOPE_ALL;
    } else if (t->pane == MLR_TUNE_GOAL && t->aim == MLR_AIM_GOAL) {
        tune_now(app, t);
    } else if (t->pane == MLR_TUNE_GOAL) {
        mlr_desk_ask_budget(app, (int)t->aim - MLR_AIM_SIZE);
    } else if (t->field == MLR_TUNE_DICT && app->desk.dict == NULL) {
        mlr_app_ask(app, ASK_DICT, "dictionary file: ", app->desk.dict_path, NULL);
    } else {
        keep_what_if(app, t);
    }
    t->plotted = 0;
}

static void answer(mlr_app *app, void *state, const mlr_answer *a)
{
    mlr_tune_view *t = state;
    if (a->question == ASK_DICT && a->reply == MLR_REPLY_ACCEPTED && a->text[0] != '\0') {
        mlr_rules_set_dict(app, a->text);
        t->what_if.dict = app->desk.dict != NULL;
        t->plotted = 0;
    }
}

static bool has_results(const mlr_tune_view *t)
{
    return t->tuner.there && t->tuner.count > 0;
}

/* Down from the last field leads into the next pane, as the eye goes. */
static bool move(mlr_tune_view *t, mlr_action action)
{
    size_t *at = t->pane == MLR_TUNE_RESULTS ? &t->result
                 : t->pane == MLR_TUNE_GOAL  ? &t->aim
                                             : &t->field;
    size_t n = t->pane == MLR_TUNE_RESULTS ? t->tuner.count
               : t->pane == MLR_TUNE_GOAL  ? (size_t)MLR_TUNE_AIMS
                                           : (size_t)MLR_TUNE_FIELDS;
    mlr_ui_table table = {.count = n, .cursor = *at, .page = 8};
    size_t before = *at;
    if (!mlr_table_act(&table, action)) {
        return false;
    }
    *at = table.cursor;
    bool stuck = *at == before;
    if (stuck && action == MLR_DO_DOWN && t->pane == MLR_TUNE_WHAT_IF) {
        t->pane = MLR_TUNE_GOAL;
        t->aim = 0;
    } else if (stuck && action == MLR_DO_DOWN && t->pane == MLR_TUNE_GOAL &&
               has_results(t)) {
        t->pane = MLR_TUNE_RESULTS;
        t->result = 0;
    } else if (stuck && action == MLR_DO_UP && t->pane == MLR_TUNE_GOAL) {
        t->pane = MLR_TUNE_WHAT_IF;
    } else if (stuck && action == MLR_DO_UP && t->pane == MLR_TUNE_RESULTS) {
        t->pane = MLR_TUNE_GOAL;
    }
    return true;
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    mlr_tune_view *t = state;
    if (move(t, action)) {
        return true;
    }
    switch (action) {
    case MLR_DO_LESS:
        change(app, t, -1);
        return true;
    case MLR_DO_MORE:
        change(app, t, 1);
        return true;
    case MLR_DO_TUNE_PANE:
        t->pane = (t->pane + 1) % (has_results(t) ? MLR_TUNE_PANES : MLR_TUNE_RESULTS);
        return true;
    case MLR_DO_TUNE_NOW:
        tune_now(app, t);
        return true;
    case MLR_DO_TICK:
        if (t->pane == MLR_TUNE_RESULTS) {
            mlr_tuner_tick(&t->tuner, app, t->result);
        }
        return true;
    case MLR_DO_PLOT_AXIS:
        t->by_memory = !t->by_memory;
        return true;
    case MLR_DO_WHAT_HOLDS:
        begin_what_if(app, t);
        return true;
    case MLR_DO_ENTER:
        enter(app, t);
        return true;
    default:
        return false;
    }
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    mlr_tune_draw(app, state, body);
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    (void)state;
    snprintf(to, room, "RAM · <4M • 4-8M ● >8M   ★ tuned  ◆ now%s",
             app->cols < 120 ? ""
                             : "   a auto n neural S sub-planes X xor-planes Z zstd-ref p "
                               "sparse e exp-man z zstd");
}

const mlr_screen mlr_screen_tune = {
    .title = "Tune",
    .where = MLR_IN_LIST | MLR_IN_TUNE | MLR_IN_PAIR,
    .tab = '4',
    .open = open_tune,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .answer = answer,
    .status = status,
    .renew = renew,
    .poll = poll,
    .close = close_tune,
};
