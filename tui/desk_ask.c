/* Deciding: steps, menus, budgets, the command line. What the desk knows is in desk.c. */
#include <stdio.h>
#include <string.h>

#include "tui/app_core.h"
#include "tui/cell_text.h"
#include "tui/command_line.h"
#include "tui/desk_parts.h"

/* --- deciding ---------------------------------------------------------------------------
 */

static void mind_unsaved(mlr_app *app)
{
    const mlr_desk *d = &app->desk;
    bool kept = d->log.path[0] != '\0' && !d->log.broken;
    app->unsaved[0] = '\0';
    if (!kept && d->choices.picked > 0) {
        snprintf(app->unsaved, sizeof app->unsaved, "%zu choice%s", d->choices.picked,
                 d->choices.picked == 1 ? "" : "s");
    }
    if (d->log.broken) {
        mlr_app_say(app, MLR_ROLE_WARNING,
                    "choices cannot be kept in %.120s: they are lost on quitting",
                    d->log.path);
    }
}

/* Rows, forecasts and file follow what a step changed. */
static void follow(mlr_app *app, const mlr_step *s)
{
    mlr_desk *d = &app->desk;
    if (s->text_before != s->text_after) {
        mlr_desk_read_rules(app);
    } else {
        mlr_rule_book_count(&d->book, &app->session.rows, d->choices.pick);
    }
    for (size_t i = 0; i < s->count; i++) {
        mlr_desk_show_row(app, d->choices.change[s->first + i].row);
    }
    mlr_rows_touch(&app->session.rows);
    d->first_at = 0;
    d->refined = false;
    mlr_desk_hurry(app);
    mind_unsaved(app);
}

void mlr_desk_step_begin(mlr_app *app, const char *label)
{
    mlr_choices_begin(&app->desk.choices, label);
}

void mlr_desk_step_end(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    const mlr_step *s = mlr_choices_end(&d->choices);
    if (s == NULL) {
        mlr_app_say(app, MLR_ROLE_DIM, "it is so already");
        return;
    }
    (void)mlr_choice_log_step(&d->log, &d->choices, s, &app->session.rows);
    mlr_app_say(app, MLR_ROLE_MESSAGE, "%s; u undoes", s->label);
    follow(app, s);
}

/* "3 tensors", or the name of the only one. */
static void name_scope(const mlr_app *app, char *to, size_t room)
{
    size_t n = mlr_desk_scope_count(app);
    snprintf(to, room, "%zu tensor%s", n, n == 1 ? "" : "s");
}

static bool nothing_to_choose(mlr_app *app)
{
    if (app->desk.choices.pick == NULL || app->session.new_model == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "open two models first");
        return true;
    }
    if (mlr_desk_scope_count(app) > 0) {
        return false;
    }
    bool here = app->focus < app->session.rows.count && app->session.rows.marked == 0;
    bool unknown = here && app->session.rows.row[app->focus].kind == MLR_ROW_UNKNOWN;
    mlr_app_say(app, MLR_ROLE_WARNING,
                unknown ? "this tensor was not compared yet; a moment"
                : here  ? "nothing of this tensor travels: there is nothing to choose"
                        : "no tensor is meant: go to one, or mark some with Space");
    return true;
}

void mlr_desk_choose(mlr_app *app, mlr_pick pick)
{
    mlr_desk *d = &app->desk;
    char scope[32];
    char label[56];
    if (nothing_to_choose(app)) {
        return;
    }
    name_scope(app, scope, sizeof scope);
    if (pick.level == 0) {
        snprintf(label, sizeof label, "auto for %s", scope);
    } else {
        snprintf(label, sizeof label, "%s %u for %s", mlr_strategy_word(pick.strategy),
                 pick.level, scope);
    }
    mlr_desk_step_begin(app, label);
    for (size_t i = 0; i < app->session.rows.count; i++) {
        if (mlr_desk_in_scope(app, i) && mlr_row_travels(&app->session.rows.row[i])) {
            mlr_choices_set(&d->choices, (uint32_t)i, pick);
        }
    }
    d->last = pick;
    d->has_last = true;
    mlr_desk_step_end(app);
}

/* Levels stay, strategies change. */
static void choose_strategy(mlr_app *app, int strategy)
{
    mlr_desk *d = &app->desk;
    char scope[32];
    char label[56];
    name_scope(app, scope, sizeof scope);
    snprintf(label, sizeof label, "%s for %s", mlr_strategy_word(strategy), scope);
    mlr_desk_step_begin(app, label);
    for (size_t i = 0; i < app->session.rows.count; i++) {
        if (mlr_desk_in_scope(app, i) && mlr_row_travels(&app->session.rows.row[i])) {
            d->last = mlr_desk_pick_at(app, i, strategy);
            d->has_last = true;
            mlr_choices_set(&d->choices, (uint32_t)i, d->last);
        }
    }
    mlr_desk_step_end(app);
}

/* Strategies stay, levels move: each row's own. */
static void shift_level(mlr_app *app, int by)
{
    enum { MOST_LEVEL = 22 };
    mlr_desk *d = &app->desk;
    char scope[32];
    char label[56];
    if (nothing_to_choose(app)) {
        return;
    }
    name_scope(app, scope, sizeof scope);
    snprintf(label, sizeof label, "level %s for %s", by > 0 ? "up" : "down", scope);
    mlr_desk_step_begin(app, label);
    for (size_t i = 0; i < app->session.rows.count; i++) {
        mlr_pick p = mlr_desk_pick(d, i);
        int level = p.level + by;
        if (mlr_desk_in_scope(app, i) && mlr_row_travels(&app->session.rows.row[i]) &&
            level >= 1 && level <= MOST_LEVEL) {
            p.level = (uint8_t)level;
            mlr_choices_set(&d->choices, (uint32_t)i, p);
            d->last = p;
            d->has_last = true;
        }
    }
    mlr_desk_step_end(app);
}

static void repeat(mlr_app *app)
{
    if (!app->desk.has_last) {
        mlr_app_say(app, MLR_ROLE_DIM, "nothing to repeat yet: choose with e, < or >");
        return;
    }
    mlr_desk_choose(app, app->desk.last);
}

static void turn_back(mlr_app *app, bool undo)
{
    mlr_desk *d = &app->desk;
    const mlr_step *s =
        undo ? mlr_choices_undo(&d->choices) : mlr_choices_redo(&d->choices);
    if (s == NULL) {
        mlr_app_say(app, MLR_ROLE_DIM, undo ? "nothing to undo" : "nothing to redo");
        return;
    }
    (void)mlr_choice_log_word(&d->log, undo ? "undo" : "redo");
    mlr_app_say(app, MLR_ROLE_MESSAGE, "%s: %s; %zu of %zu steps hold",
                undo ? "undone" : "done again", s->label, d->choices.done,
                d->choices.step_count);
    follow(app, s);
}

/* --- menus ------------------------------------------------------------------------------
 */

enum {
    ASK_STRATEGY = 100,
    ASK_BUDGET,
    ASK_BUDGET_SIZE,
    ASK_BUDGET_MEMORY,
    ASK_BUDGET_TIME,
    ASK_COMMAND_LINE
};

bool mlr_desk_in_menu(const mlr_app *app)
{
    return app->menu.open && app->menu.number == ASK_STRATEGY &&
           app->menu.owner == MLR_SCREEN_NONE;
}

/* "1.78~ ±2%   4.7M   118 MB/s" for the rows in scope under one strategy. */
static void describe(const mlr_app *app, int strategy, char *to, size_t room)
{
    const mlr_desk *d = &app->desk;
    mlr_desk_sums s = {.exact = true};
    uint64_t in = 0;
    size_t unsuited = 0;
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        if (!mlr_desk_in_scope(app, row)) {
            continue;
        }
        const mlr_cast *c = mlr_desk_cast_of(d, row, mlr_desk_pick_at(app, row, strategy));
        unsuited += c != NULL && !c->structure && !c->failed && !c->p.fits;
        mlr_desk_add(&s, &app->session.rows.row[row], c);
        in += app->session.rows.row[row].bytes;
    }
    if (s.to_predict == 0 || unsuited == s.to_predict) {
        snprintf(to, room, "does not suit");
        return;
    }
    if (s.predicted + unsuited < s.to_predict) {
        snprintf(to, room, "%zu of %zu forecast", s.predicted + unsuited, s.to_predict);
        return;
    }
    char out[16];
    char speed[24] = "";
    char except[32] = "";
    if (s.decode_s > 0) {
        snprintf(speed, sizeof speed, "%6.0f MB/s", (double)in / s.decode_s / 1e6);
    }
    if (unsuited > 0) {
        snprintf(except, sizeof except, "  not %zu", unsuited);
    }
    snprintf(to, room, "%6.2f× %s±%.0f%%  %5s  %s%s",
             s.bytes > 0 ? (double)in / s.bytes : 0, s.exact ? "=" : "~",
             s.bytes > 0 ? s.error_bytes / s.bytes * 100 : 0,
             mlr_fmt_bytes(out, sizeof out, (uint64_t)s.bytes), speed, except);
}

/* Lines are told anew in turn, so many at once as a frame can spare. */
bool mlr_desk_refresh_menu(mlr_app *app)
{
    enum { LOOKUPS = 100000 };
    mlr_desk *d = &app->desk;
    size_t lines = app->menu.list.count;
    lines = lines < MLR_DESK_STRATEGIES ? lines : MLR_DESK_STRATEGIES;
    if (!mlr_desk_in_menu(app) || d->menu_due == 0 || lines == 0) {
        return false;
    }
    size_t some = LOOKUPS / (d->travelling + 1) + 1;
    d->menu_due = d->menu_due < lines ? d->menu_due : lines;
    for (; some > 0 && d->menu_due > 0; some--, d->menu_due--) {
        size_t i = d->menu_line++ % lines;
        describe(app, app->menu.list.item[i].value - 10, d->detail[i], sizeof d->detail[i]);
    }
    return true;
}

static void ask_strategy(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    char title[40];
    char scope[24];
    int16_t now = MLR_AUTO;
    if (nothing_to_choose(app)) {
        return;
    }
    for (size_t i = 0; i < app->session.rows.count; i++) {
        if (mlr_desk_in_scope(app, i) && mlr_row_travels(&app->session.rows.row[i])) {
            now = mlr_desk_pick(d, i).strategy;
            break;
        }
    }
    name_scope(app, scope, sizeof scope);
    snprintf(title, sizeof title, "Strategy for %s", scope);
    mlr_list *l = mlr_app_menu(app, ASK_STRATEGY, title);
    app->menu.owner = MLR_SCREEN_NONE;
    for (int id = MLR_NEURAL; id < MLR_STRATEGY_LIMIT && l->count < MLR_DESK_STRATEGIES;
         id++) {
        int strategy = id == MLR_NEURAL ? MLR_AUTO : id == MLR_AUTO ? MLR_NEURAL : id;
        const char *word = mlr_strategy_word(strategy);
        if (word[0] == '-' || strategy == MLR_STRATEGY_copy) {
            continue;
        }
        snprintf(d->detail[l->count], sizeof d->detail[0], "…");
        mlr_item item = {
            .label = word, .detail = d->detail[l->count], .value = strategy + 10};
        mlr_list_add(l, &item);
    }
    mlr_list_ready(l);
    mlr_list_select(l, now + 10);
    d->menu_line = 0;
    d->menu_row = 0;
    d->menu_due = MLR_DESK_STRATEGIES;
    (void)mlr_desk_refresh_menu(app);
    mlr_desk_hurry(app);
}

static void ask_budget(mlr_app *app)
{
    if (app->session.new_model == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "open two models first");
        return;
    }
    static const char *const labels[] = {"size of the patch", "memory of the applier",
                                         "time to decode"};
    static const char *const details[] = {"bytes, such as 210M; 0 for none",
                                          "bytes, such as 8M; 0 for none",
                                          "seconds on one thread; 0 for none"};
    mlr_list *l = mlr_app_menu(app, ASK_BUDGET, "Budget for");
    app->menu.owner = MLR_SCREEN_NONE;
    for (int i = 0; i < 3; i++) {
        mlr_item item = {.label = labels[i], .detail = details[i], .value = i};
        mlr_list_add(l, &item);
    }
    mlr_list_ready(l);
}

void mlr_desk_ask_budget(mlr_app *app, int which)
{
    static const char *const labels[] = {
        "most bytes of the patch: ", "most memory to apply: ", "most seconds to decode: "};
    mlr_app_ask(app, ASK_BUDGET_SIZE + which, labels[which], "", NULL);
    app->question.owner = MLR_SCREEN_NONE;
}

void mlr_desk_change_device(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    if (d->outlook == NULL) {
        return;
    }
    mlr_job_cancel(&d->job);
    (void)mlr_job_join(&d->job);
    mlr_job_drop_notes(&d->job);
    mlr_outlook_forget(d->outlook);
    d->outlook->device = mlr_desk_device(d);
    d->outlook->dict = d->dict;
    d->outlook->dict_bytes = d->dict_bytes;
    d->first_at = 0;
    d->refined = false;
    d->sweep.at = 0;
    d->paused = false;
    mlr_desk_show(app);
}

void mlr_desk_set_memory(mlr_app *app, uint64_t bytes)
{
    app->desk.budgets.memory = bytes;
    mlr_desk_change_device(app);
    (void)mlr_choice_log_budgets(&app->desk.log, &app->desk.budgets);
    mlr_rows_touch(&app->session.rows);
}

static void set_budget(mlr_app *app, int which, const char *text)
{
    mlr_budgets *b = &app->desk.budgets;
    double amount = 0;
    if (!mlr_parse_bytes(text, strlen(text), &amount) || amount < 0 || amount > 1e15) {
        mlr_app_say(app, MLR_ROLE_ERROR,
                    "a number is wanted, such as 8M or 1.5; not '%.40s'", text);
        return;
    }
    if (which == 0) {
        b->size = (uint64_t)amount;
    } else if (which == 1) {
        b->memory = (uint64_t)amount;
        mlr_desk_change_device(app);
    } else {
        b->decode_ms = (uint64_t)(amount * 1000);
    }
    (void)mlr_choice_log_budgets(&app->desk.log, b);
    mlr_rows_touch(&app->session.rows);
    mlr_app_say(app, MLR_ROLE_MESSAGE, "budget set; 0 takes it away");
}

static void show_command(mlr_app *app)
{
    if (app->session.new_model == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "open two models first");
        return;
    }
    mlr_desk *d = &app->desk;
    mlr_command_line(app, d->command, sizeof d->command);
    mlr_list *l = mlr_app_menu(app, ASK_COMMAND_LINE, "Copied: the same as a command");
    app->menu.owner = MLR_SCREEN_NONE;
    memcpy(d->shown, d->command, sizeof d->shown);
    mlr_command_lines(d->shown, l);
    mlr_list_ready(l);
    app->wishes.copy = d->command;
}

bool mlr_desk_answer(mlr_app *app, const mlr_answer *a)
{
    bool yes = a->reply == MLR_REPLY_ACCEPTED;
    switch (a->question) {
    case ASK_STRATEGY:
        if (yes && a->value >= 0) {
            choose_strategy(app, a->value - 10);
        }
        return true;
    case ASK_BUDGET:
        if (yes && a->value >= 0) {
            mlr_desk_ask_budget(app, a->value);
        }
        return true;
    case ASK_BUDGET_SIZE:
    case ASK_BUDGET_MEMORY:
    case ASK_BUDGET_TIME:
        if (yes) {
            set_budget(app, a->question - ASK_BUDGET_SIZE, a->text);
        }
        return true;
    case ASK_COMMAND_LINE:
        return true;
    default:
        return false;
    }
}

bool mlr_desk_act(mlr_app *app, mlr_action action)
{
    switch (action) {
    case MLR_DO_STRATEGY:
        ask_strategy(app);
        return true;
    case MLR_DO_LEVEL_DOWN:
        shift_level(app, -1);
        return true;
    case MLR_DO_LEVEL_UP:
        shift_level(app, 1);
        return true;
    case MLR_DO_AUTO:
        mlr_desk_choose(app, (mlr_pick){0});
        return true;
    case MLR_DO_REPEAT:
        repeat(app);
        return true;
    case MLR_DO_UNDO:
        turn_back(app, true);
        return true;
    case MLR_DO_REDO:
        turn_back(app, false);
        return true;
    case MLR_DO_PIN:
        mlr_desk_pin(app);
        return true;
    case MLR_DO_BUDGET:
        ask_budget(app);
        return true;
    case MLR_DO_COPY_COMMAND:
        show_command(app);
        return true;
    default:
        return false;
    }
}
