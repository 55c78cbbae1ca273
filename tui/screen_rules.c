/* Rules: the profile's text beside what its rules decide, and what is wrong with them. */
#include <stdio.h>
#include <string.h>

#include "tui/command_line.h"
#include "tui/rules_edit.h"
#include "tui/rules_view.h"
#include "tui/screen_tensors.h"
#include "tui/widget_table.h"

enum { ASK_STRATEGY = 1, ASK_PATTERN, ASK_OPEN, ASK_SAVE };
enum { STEADY_MS = 250, LEVELS = 22 };

static mlr_status open_rules(mlr_app *app, void **state, mlr_err *err)
{
    mlr_rules_view *v = mlr_take(app->alloc, sizeof *v);
    if (v == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the screen");
    }
    memset(v, 0, sizeof *v);
    *state = v;
    return MLR_OK;
}

static void drop(mlr_app *app, mlr_rules_view *v)
{
    if (app->desk.wanted[0] == v->was_pick) {
        mlr_desk_want(app, 0, NULL);
    }
    mlr_give(app->alloc, v->now, v->sums * sizeof *v->now);
    mlr_give(app->alloc, v->was, v->sums * sizeof *v->was);
    mlr_give(app->alloc, v->was_pick, v->was_rows * sizeof *v->was_pick);
    *v = (mlr_rules_view){.pane = v->pane};
}

static void close_rules(mlr_app *app, void *state)
{
    drop(app, state);
    mlr_give(app->alloc, state, sizeof(mlr_rules_view));
}

static void renew(mlr_app *app, void *state)
{
    drop(app, state);
}

size_t mlr_rules_lines(const mlr_app *app)
{
    return app->desk.book.rules + MLR_RULES_BEHIND;
}

void mlr_rules_span(const mlr_app *app, size_t rule, size_t *first, size_t *last)
{
    const mlr_rule_book *b = &app->desk.book;
    const mlr_rules_text *t = mlr_desk_rules(app);
    *first = *last = 0;
    if (!b->there || b->bad || rule >= b->rules || t->bytes == NULL) {
        return;
    }
    *first = b->doc.profile.rules[rule].line;
    size_t stop = rule + 1 < b->rules ? b->doc.profile.rules[rule + 1].line : SIZE_MAX;
    size_t line = 1;
    const char *p = t->bytes;
    *last = *first;
    for (; line < stop && *p != '\0'; line++) {
        size_t blanks = strspn(p, " ");
        bool inside = line > *first && blanks > 0 && p[blanks] != '\n' &&
                      p[blanks] != '#' && p[blanks] != '\0';
        bool left = line > *first && blanks == 0 && p[0] != '\n' && p[0] != '#';
        if (left) {
            break;
        }
        *last = inside ? line : *last;
        p = strchr(p, '\n');
        p = p == NULL ? "" : p + 1;
    }
}

/* --- sums -------------------------------------------------------------------------------
 */

/* The line of the table that a row that travels belongs to. */
static size_t line_of(const mlr_app *app, size_t row)
{
    const mlr_desk *d = &app->desk;
    if (d->choices.pick[row].level != 0) {
        return d->book.rules + MLR_RULES_YOU;
    }
    size_t rule = d->book.rule != NULL && row < d->book.rows ? d->book.rule[row] : 0;
    return rule > 0 ? rule - 1 : d->book.rules + MLR_RULES_DEFAULT;
}

static bool have_room(mlr_app *app, mlr_rules_view *v)
{
    size_t lines = mlr_rules_lines(app);
    if (v->sums != lines) {
        mlr_give(app->alloc, v->now, v->sums * sizeof *v->now);
        mlr_give(app->alloc, v->was, v->sums * sizeof *v->was);
        v->now = mlr_take(app->alloc, lines * sizeof *v->now);
        v->was = mlr_take(app->alloc, lines * sizeof *v->was);
        v->sums = lines;
    }
    size_t rows = app->desk.choices.rows + 1;
    if (v->was_pick == NULL) {
        v->was_pick = mlr_take(app->alloc, rows * sizeof *v->was_pick);
        v->was_rows = rows;
    }
    return v->now != NULL && v->was != NULL && v->was_pick != NULL;
}

static void sum(mlr_app *app, mlr_rules_view *v)
{
    const mlr_desk *d = &app->desk;
    const mlr_ui_rows *rows = &app->session.rows;
    memset(v->now, 0, v->sums * sizeof *v->now);
    memset(v->was, 0, v->sums * sizeof *v->was);
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        size_t line = line_of(app, row);
        mlr_desk_add(&v->now[line], &rows->row[row], mlr_desk_cast(d, row));
        if (v->was_known) {
            mlr_pick was = mlr_desk_full_pick(v->was_pick[row]);
            mlr_desk_add(&v->was[line], &rows->row[row], mlr_desk_cast_of(d, row, was));
        }
    }
    v->same = 0;
    for (size_t i = 0; i < rows->count; i++) {
        v->same += rows->row[i].kind == MLR_ROW_SAME;
    }
}

static size_t count_lines(const mlr_rules_text *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        n += t->bytes[i] == '\n';
    }
    return n + (t->n > 0 && t->bytes[t->n - 1] != '\n');
}

/* The text shows the rule, or the problem, under the cursor. */
static void scroll_to(mlr_rules_view *v, size_t first, size_t last)
{
    if (first == 0 || v->page == 0) {
        return;
    }
    size_t above = first > 2 ? first - 2 : 0; /* a line of what stands before it */
    if (above < v->text_top) {
        v->text_top = above;
    } else if (last > v->text_top + v->page) {
        v->text_top = last - v->page < above ? last - v->page : above;
    }
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    mlr_rules_view *v = state;
    mlr_grid none = {.rows = rows, .cols = cols};
    mlr_rules_places p = mlr_rules_place(app, v, mlr_pane_all(&none));
    const mlr_rule_book *b = &app->desk.book;
    size_t lines = mlr_rules_lines(app);
    v->lines = count_lines(mlr_desk_rules(app));
    v->page = p.text.rows > 2 ? (size_t)p.text.rows - 2 : 0;
    v->cursor = v->cursor < lines ? v->cursor : lines - 1;
    v->problem = v->problem < b->problems ? v->problem : 0;
    size_t most = v->lines > v->page ? v->lines - v->page : 0;
    v->text_top = v->text_top < most ? v->text_top : most;
    if (!have_room(app, v)) {
        return;
    }
    /* Compared with how it began; before any step with what auto alone would do. */
    bool changed = app->desk.choices.done > 0;
    if (!v->was_known || v->was_changed != changed) {
        memset(v->was_pick, 0, v->was_rows * sizeof *v->was_pick);
        v->was_known = !changed || mlr_desk_picks_at(app, 0, v->was_pick);
        v->was_changed = changed;
        v->summed = 0;
        mlr_desk_want(app, 0, v->was_known ? v->was_pick : NULL);
    }
    bool steady = mlr_app_busy(app) && app->now_ms - v->summed_ms < STEADY_MS;
    bool fresh = v->summed != 0;
    if (v->summed != app->session.rows.generation && (!fresh || !steady)) {
        sum(app, v);
        v->summed = app->session.rows.generation;
        v->summed_ms = app->now_ms;
    }
}

/* --- keys -------------------------------------------------------------------------------
 */

/* The rule under the cursor; MLR_DEFAULTS for what no rule decides; false: none of both. */
static bool rule_at(const mlr_app *app, const mlr_rules_view *v, size_t *rule)
{
    size_t rules = app->desk.book.rules;
    *rule = v->cursor < rules ? v->cursor : MLR_DEFAULTS;
    return v->cursor <= rules + MLR_RULES_DEFAULT;
}

static void show_rule(mlr_app *app, mlr_rules_view *v)
{
    size_t first;
    size_t last;
    mlr_rules_span(app, v->cursor, &first, &last);
    scroll_to(v, first, last);
}

static void show_tensors(mlr_app *app, const mlr_rules_view *v)
{
    char filter[32];
    size_t rules = app->desk.book.rules;
    if (v->cursor < rules) {
        snprintf(filter, sizeof filter, "by:r%zu !same", v->cursor + 1);
    } else {
        static const char *const words[] = {"by:auto !same", "by:me", "same"};
        snprintf(filter, sizeof filter, "%s", words[v->cursor - rules]);
    }
    mlr_tensors_narrow(app, filter);
}

static void change_level(mlr_app *app, const mlr_rules_view *v, int by)
{
    size_t rule;
    if (!rule_at(app, v, &rule)) {
        mlr_app_say(app, MLR_ROLE_DIM, "no rule is under the cursor");
        return;
    }
    mlr_pick p = mlr_rule_used(app, rule);
    int level = p.level + by;
    if (level >= 1 && level <= LEVELS) {
        p.level = (uint8_t)level;
        mlr_rule_use(app, rule, p);
    }
}

static void ask_strategy(mlr_app *app, const mlr_rules_view *v)
{
    size_t rule;
    char title[40];
    if (!rule_at(app, v, &rule)) {
        mlr_app_say(app, MLR_ROLE_DIM, "no rule is under the cursor");
        return;
    }
    if (rule == MLR_DEFAULTS) {
        snprintf(title, sizeof title, "Strategy where no rule decides");
    } else {
        snprintf(title, sizeof title, "Strategy of r%zu", rule + 1);
    }
    mlr_list *l = mlr_app_menu(app, ASK_STRATEGY, title);
    for (int id = MLR_NEURAL; id < MLR_STRATEGY_LIMIT; id++) {
        int strategy = id == MLR_NEURAL ? MLR_AUTO : id == MLR_AUTO ? MLR_NEURAL : id;
        const char *word = mlr_strategy_word(strategy);
        if (word[0] != '-' && strategy != MLR_STRATEGY_copy) {
            mlr_list_add(l,
                         &(mlr_item){.label = word, .detail = "", .value = strategy + 10});
        }
    }
    mlr_list_ready(l);
    mlr_list_select(l, mlr_rule_used(app, rule).strategy + 10);
}

static void next_problem(mlr_app *app, mlr_rules_view *v)
{
    const mlr_rule_book *b = &app->desk.book;
    if (b->problems == 0) {
        mlr_app_say(app, MLR_ROLE_OK, "nothing is wrong with these rules");
        return;
    }
    v->problem =
        v->pane == MLR_RULES_PROBLEMS ? (v->problem + 1) % b->problems : v->problem;
    v->pane = MLR_RULES_PROBLEMS;
    scroll_to(v, b->problem[v->problem].line, b->problem[v->problem].line);
}

static void save(mlr_app *app)
{
    char name[300];
    char text[312];
    if (app->desk.profile[0] != '\0') {
        (void)mlr_desk_save_rules(app, app->desk.profile);
        return;
    }
    if (mlr_desk_rules(app)->bytes == NULL) {
        mlr_app_say(app, MLR_ROLE_DIM,
                    "there are no rules to save: P pins what you chose by hand");
        return;
    }
    mlr_patch_name(app, name, sizeof name);
    snprintf(text, sizeof text, "%s.yaml", name);
    mlr_app_ask(app, ASK_SAVE, "save the rules to: ", text, NULL);
}

/* "model.layers.*.mlp.up_proj.weight" for the tensor that has the focus. */
static void ask_pattern(mlr_app *app)
{
    char text[MLR_PROMPT_BYTES] = "*";
    if (app->focus < app->session.rows.count) {
        mlr_str name = app->session.rows.row[app->focus].name;
        size_t n = 0;
        for (size_t i = 0; i < name.n && n + 2 < sizeof text; i++) {
            bool digit = name.p[i] >= '0' && name.p[i] <= '9';
            bool in_number = digit && n > 0 && text[n - 1] == '*';
            bool begins = i == 0 || name.p[i - 1] == '.';
            if (digit && (begins || in_number)) {
                text[n] = '*';
                n += !in_number;
            } else {
                text[n++] = name.p[i];
            }
        }
        text[n] = '\0';
    }
    mlr_app_ask(app, ASK_PATTERN, "a rule for names like: ", text, NULL);
}

static void move_rule(mlr_app *app, mlr_rules_view *v, bool up)
{
    size_t rules = app->desk.book.rules;
    if (v->cursor >= rules || (up && v->cursor == 0) || (!up && v->cursor + 1 >= rules)) {
        mlr_app_say(app, MLR_ROLE_DIM,
                    v->cursor >= rules ? "only rules have an order"
                                       : "it is at the end already");
        return;
    }
    if (mlr_rule_swap(app, up ? v->cursor - 1 : v->cursor)) {
        v->cursor += up ? (size_t)-1 : 1;
        show_rule(app, v);
    }
}

static bool scroll_text(mlr_rules_view *v, mlr_action action)
{
    mlr_ui_table t = {.count = v->lines > v->page ? v->lines - v->page + 1 : 1,
                      .cursor = v->text_top,
                      .page = v->page > 0 ? v->page : 1};
    bool moved = mlr_table_act(&t, action);
    v->text_top = t.cursor;
    return moved;
}

static bool move(mlr_app *app, mlr_rules_view *v, mlr_action action)
{
    if (v->pane == MLR_RULES_TEXT) {
        return scroll_text(v, action);
    }
    const mlr_rule_book *b = &app->desk.book;
    bool problems = v->pane == MLR_RULES_PROBLEMS;
    mlr_ui_table t = {.count = problems ? b->problems : mlr_rules_lines(app),
                      .cursor = problems ? v->problem : v->cursor,
                      .page = 8};
    if (!mlr_table_act(&t, action)) {
        return false;
    }
    if (problems && b->problems > 0) {
        v->problem = t.cursor;
        scroll_to(v, b->problem[t.cursor].line, b->problem[t.cursor].line);
    } else if (!problems) {
        v->cursor = t.cursor;
        show_rule(app, v);
    }
    return true;
}

static bool act_on_rule(mlr_app *app, mlr_rules_view *v, mlr_action action)
{
    size_t rule;
    switch (action) {
    case MLR_DO_STRATEGY:
        ask_strategy(app, v);
        return true;
    case MLR_DO_LEVEL_DOWN:
    case MLR_DO_LEVEL_UP:
        change_level(app, v, action == MLR_DO_LEVEL_UP ? 1 : -1);
        return true;
    case MLR_DO_AUTO:
        if (rule_at(app, v, &rule)) {
            mlr_pick p = mlr_rule_used(app, rule);
            p.strategy = MLR_AUTO;
            mlr_rule_use(app, rule, p);
        }
        return true;
    case MLR_DO_RULE_UP:
    case MLR_DO_RULE_DOWN:
        move_rule(app, v, action == MLR_DO_RULE_UP);
        return true;
    case MLR_DO_RULE_TOGGLE:
        mlr_rule_toggle(app, v->cursor);
        return true;
    case MLR_DO_RULE_REMOVE:
        mlr_rule_remove(app, v->cursor);
        return true;
    default:
        return false;
    }
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    mlr_rules_view *v = state;
    if (move(app, v, action) || act_on_rule(app, v, action)) {
        return true;
    }
    switch (action) {
    case MLR_DO_PANE:
        v->pane = (v->pane + 1) % MLR_RULES_PANES;
        return true;
    case MLR_DO_ENTER:
        show_tensors(app, v);
        return true;
    case MLR_DO_RULE_NEW:
        ask_pattern(app);
        return true;
    case MLR_DO_RULES_EDIT:
        mlr_rules_open_editor(app);
        return true;
    case MLR_DO_RULES_OPEN:
        mlr_app_ask(app, ASK_OPEN, "rules from the profile: ", app->desk.profile, NULL);
        return true;
    case MLR_DO_RULES_SAVE:
        save(app);
        return true;
    case MLR_DO_PROBLEM_NEXT:
        next_problem(app, v);
        return true;
    case MLR_DO_PROBLEM_FIX:
        if (app->desk.book.problems > 0) {
            mlr_rules_fix(app, &app->desk.book.problem[v->problem]);
        } else {
            mlr_app_say(app, MLR_ROLE_OK, "nothing is wrong with these rules");
        }
        return true;
    default:
        return false;
    }
}

static void answer(mlr_app *app, void *state, const mlr_answer *a)
{
    mlr_rules_view *v = state;
    size_t rule;
    if (a->reply != MLR_REPLY_ACCEPTED) {
        return;
    }
    if (a->question == ASK_STRATEGY && a->value >= 0 && rule_at(app, v, &rule)) {
        mlr_pick p = mlr_rule_used(app, rule);
        p.strategy = (int16_t)(a->value - 10);
        mlr_rule_use(app, rule, p);
    } else if (a->question == ASK_PATTERN && a->text[0] != '\0') {
        size_t rules = app->desk.book.rules;
        size_t at = v->cursor < rules ? v->cursor : rules;
        mlr_rule_add(app, at, a->text);
        v->cursor = at;
        show_rule(app, v);
    } else if (a->question == ASK_OPEN && a->text[0] != '\0') {
        (void)mlr_desk_load_rules(app, a->text);
    } else if (a->question == ASK_SAVE && a->text[0] != '\0') {
        (void)mlr_desk_save_rules(app, a->text);
    }
}

static bool click(mlr_app *app, void *state, int row, int col)
{
    mlr_rules_view *v = state;
    mlr_grid none = {.rows = app->rows - 4, .cols = app->cols};
    mlr_rules_places p = mlr_rules_place(app, v, mlr_pane_all(&none));
    const struct {
        mlr_pane pane;
        mlr_rules_pane id;
    } panes[] = {{p.text, MLR_RULES_TEXT},
                 {p.matches, MLR_RULES_MATCHES},
                 {p.problems, MLR_RULES_PROBLEMS}};
    for (int i = 0; i < 3; i++) {
        const mlr_pane *q = &panes[i].pane;
        bool inside = row >= q->row && row < q->row + q->rows && col >= q->col &&
                      col < q->col + q->cols;
        if (!inside) {
            continue;
        }
        v->pane = panes[i].id;
        int line = row - q->row - 1;
        if (v->pane == MLR_RULES_MATCHES && line >= 1) {
            size_t at = (size_t)line - 1;
            v->cursor = at < mlr_rules_lines(app) ? at : v->cursor;
            show_rule(app, v);
        } else if (v->pane == MLR_RULES_PROBLEMS && line >= 0) {
            v->problem = (size_t)line < app->desk.book.problems ? (size_t)line : v->problem;
        }
        return true;
    }
    return false;
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    const mlr_rules_view *v = state;
    const mlr_rule_book *b = &app->desk.book;
    size_t errors = 0;
    for (size_t i = 0; i < b->problems; i++) {
        errors += b->problem[i].error;
    }
    if (errors > 0) {
        const mlr_rule_problem *p = &b->problem[v->problem];
        snprintf(to, room, "%u:%u %s%s%s%s; until then the rules before hold", p->line,
                 p->column, p->text, p->fix[0] == '\0' ? "" : " (F puts ", p->fix,
                 p->fix[0] == '\0' ? "" : ")");
    } else if (mlr_desk_rules(app)->bytes == NULL) {
        snprintf(to, room, "no rules: every tensor is decided by auto, or by you");
    } else {
        snprintf(to, room, "the first rule that matches decides%s%s",
                 mlr_desk_rules_unsaved(app) ? "; kept for this pair, w saves a file" : "",
                 b->problems > 0 ? "; n shows what to know" : "");
    }
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    mlr_rules_draw(app, state, body);
}

const mlr_screen mlr_screen_rules = {
    .title = "Rules",
    .where = MLR_IN_LIST | MLR_IN_RULES | MLR_IN_PAIR,
    .tab = '5',
    .open = open_rules,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .click = click,
    .answer = answer,
    .status = status,
    .renew = renew,
    .close = close_rules,
};
