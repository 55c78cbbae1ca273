/* Tune: what a choice would do to the whole patch, and what would be best in budgets. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/app_core.h"
#include "tui/cell_text.h"
#include "tui/totals_block.h"
#include "tui/tuner.h"
#include "tui/widget_table.h"

enum pane { P_WHAT_IF, P_RESULTS, P_COUNT };
enum field { F_STRATEGY, F_LEVEL, F_SIZE, F_MEMORY, F_TIME, F_COUNT };
enum { RIGHT_COLS = 54, WIDE_COLS = 100, TABLE_LEAST = 6, LEVELS = 22, STEADY_MS = 250 };

typedef struct tune {
    mlr_tuner tuner;
    enum pane pane;
    size_t field, result; /* under the cursor */
    mlr_pick what_if;
    mlr_desk_sums then;         /* with the what-if */
    uint64_t plotted, drawn_ms; /* generation of the rows that the plot is of */
    bool by_memory;             /* the plot shows memory instead of time */
} tune;

static mlr_status open_tune(mlr_app *app, void **state, mlr_err *err)
{
    tune *t = mlr_take(app->alloc, sizeof *t);
    if (t == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the screen");
    }
    memset(t, 0, sizeof *t);
    mlr_tuner_init(&t->tuner, app->alloc);
    t->what_if = (mlr_pick){.strategy = MLR_AUTO, .level = MLR_DESK_LEVEL};
    *state = t;
    return MLR_OK;
}

static void close_tune(mlr_app *app, void *state)
{
    tune *t = state;
    mlr_tuner_release(&t->tuner);
    mlr_give(app->alloc, t, sizeof *t);
}

static void renew(mlr_app *app, void *state)
{
    tune *t = state;
    mlr_tuner_release(&t->tuner);
    mlr_tuner_init(&t->tuner, app->alloc);
    t->plotted = 0;
    t->result = 0;
    t->pane = P_WHAT_IF;
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    tune *t = state;
    (void)rows;
    (void)cols;
    mlr_sweep sweep = mlr_tuner_sweep();
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
    if (t->tuner.group != NULL) {
        mlr_tuner_sum(&t->tuner, app);
    }
}

/* --- keys -------------------------------------------------------------------------------
 */

static void change_strategy(tune *t, int by)
{
    int s = t->what_if.strategy;
    do {
        s += by;
        s = s < MLR_NEURAL            ? MLR_STRATEGY_LIMIT - 1
            : s >= MLR_STRATEGY_LIMIT ? MLR_NEURAL
                                      : s;
    } while (mlr_strategy_word(s)[0] == '-' || s == MLR_STRATEGY_copy);
    t->what_if.strategy = (int16_t)s;
}

static void change(mlr_app *app, tune *t, int by)
{
    int level = t->what_if.level + by;
    if (t->pane != P_WHAT_IF) {
        return;
    }
    if (t->field == F_STRATEGY) {
        change_strategy(t, by);
    } else if (t->field == F_LEVEL && level >= 1 && level <= LEVELS) {
        t->what_if.level = (uint8_t)level;
    } else if (t->field > F_LEVEL) {
        mlr_app_say(app, MLR_ROLE_DIM, "Enter sets this budget");
    }
    t->plotted = 0;
}

static void tune_now(mlr_app *app, tune *t)
{
    if (app->desk.travelling == 0) {
        mlr_app_say(app, MLR_ROLE_WARNING, "nothing has to travel, as far as is known");
        return;
    }
    if (!mlr_tuner_solve(&t->tuner, app)) {
        mlr_app_say(app, MLR_ROLE_ERROR, "no memory to tune");
        return;
    }
    t->result = 0;
    t->pane = t->tuner.order_count > 0 ? P_RESULTS : P_WHAT_IF;
    if (t->tuner.order_count == 0) {
        mlr_app_say(app, MLR_ROLE_OK, "nothing better is known than what holds now");
    } else {
        mlr_app_say(app, MLR_ROLE_MESSAGE,
                    "Space ticks, Enter makes the ticked rows yours");
    }
}

static void tick(mlr_app *app, tune *t)
{
    if (t->pane == P_RESULTS && t->result < t->tuner.order_count) {
        mlr_tuner_group *g = &t->tuner.group[t->tuner.order[t->result]];
        g->ticked = !g->ticked;
        mlr_tuner_sum(&t->tuner, app);
    }
}

static void enter(mlr_app *app, tune *t)
{
    if (t->pane == P_RESULTS) {
        mlr_tuner_apply(&t->tuner, app);
        (void)mlr_tuner_solve(&t->tuner, app);
        t->pane = P_WHAT_IF;
    } else if (t->field > F_LEVEL) {
        mlr_desk_ask_budget(app, (int)t->field - F_SIZE);
    } else {
        mlr_desk_choose(app, t->what_if);
    }
    t->plotted = 0;
}

static bool move(tune *t, mlr_action action)
{
    size_t *at = t->pane == P_RESULTS ? &t->result : &t->field;
    size_t n = t->pane == P_RESULTS ? t->tuner.order_count : F_COUNT;
    mlr_ui_table table = {.count = n, .cursor = *at, .page = 8};
    if (!mlr_table_act(&table, action)) {
        return false;
    }
    *at = table.cursor;
    return true;
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    tune *t = state;
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
        t->pane = t->pane == P_WHAT_IF && t->tuner.order_count > 0 ? P_RESULTS : P_WHAT_IF;
        return true;
    case MLR_DO_TUNE_NOW:
        tune_now(app, t);
        return true;
    case MLR_DO_TICK:
        tick(app, t);
        return true;
    case MLR_DO_PLOT_AXIS:
        t->by_memory = !t->by_memory;
        return true;
    case MLR_DO_ENTER:
        enter(app, t);
        return true;
    default:
        return false;
    }
}

/* --- the plot ---------------------------------------------------------------------------
 */

static char letter_of(int strategy)
{
    static const struct {
        int strategy;
        char letter;
    } letters[] = {{MLR_AUTO, 'a'},
                   {MLR_STRATEGY_neural, 'n'},
                   {MLR_STRATEGY_block_fields, 'b'},
                   {MLR_STRATEGY_sub_planes, 'S'},
                   {MLR_STRATEGY_xor_planes, 'X'},
                   {MLR_STRATEGY_zstd_ref, 'Z'},
                   {MLR_STRATEGY_sparse, 'p'},
                   {MLR_STRATEGY_exp_man, 'e'},
                   {MLR_STRATEGY_zstd, 'z'}};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (letters[i].strategy == strategy) {
            return letters[i].letter;
        }
    }
    return '?';
}

static double x_of(const tune *t, double decode_s, uint64_t memory)
{
    double x = t->by_memory ? (double)memory : decode_s;
    return log(x > 1e-6 ? x : 1e-6);
}

typedef struct plot {
    mlr_pane v;
    double x0, x1, y0, y1;
} plot;

static void widen(plot *p, double x, double y)
{
    p->x0 = x < p->x0 ? x : p->x0;
    p->x1 = x > p->x1 ? x : p->x1;
    p->y0 = y < p->y0 ? y : p->y0;
    p->y1 = y > p->y1 ? y : p->y1;
}

/* Sizes spread over a factor of ten or more as well. */
static double y_of(double bytes)
{
    return log(bytes > 1 ? bytes : 1);
}

static int col_of(const plot *p, double x)
{
    double share = p->x1 > p->x0 ? (x - p->x0) / (p->x1 - p->x0) : 0;
    return (int)(share * (p->v.cols - 4) + 0.5) + 1;
}

static int row_of(const plot *p, double y)
{
    double share = p->y1 > p->y0 ? (p->y1 - y) / (p->y1 - p->y0) : 0;
    return (int)(share * (p->v.rows - 1) + 0.5);
}

static void put_mark(const tune *t, const plot *p, const mlr_desk_sums *s, mlr_glyph_id g,
                     const char *word)
{
    if (s->predicted == 0 || s->predicted < s->to_predict) {
        return;
    }
    int row = row_of(p, y_of(s->bytes));
    int col = col_of(p, x_of(t, s->decode_s, s->memory));
    int n = (int)strlen(word);
    mlr_put_glyph(p->v, row, col, MLR_ROLE_MARKED, g);
    mlr_put(p->v, row, col + 2 + n > p->v.cols ? col - 1 - n : col + 2, MLR_ROLE_MARKED,
            word);
}

static void put_points(const tune *t, const plot *p)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < t->tuner.points; i++) {
            const mlr_tuner_point *q = &t->tuner.point[i];
            if (q->front != (pass == 1)) {
                continue;
            }
            int row = row_of(p, y_of(q->bytes));
            int col = col_of(p, x_of(t, q->decode_s, q->memory));
            mlr_role role = q->front ? MLR_ROLE_STRONG : MLR_ROLE_DIM;
            mlr_glyph_id size = q->memory < 4U << 20    ? MLR_G_DOT
                                : q->memory <= 8U << 20 ? MLR_G_BULLET
                                                        : MLR_G_BALL;
            char text[2] = {letter_of(q->pick.strategy), '\0'};
            mlr_put(p->v, row, col, role, text);
            mlr_put_glyph(p->v, row, col + 1, role, size);
        }
    }
}

static void put_budgets(const mlr_app *app, const tune *t, const plot *p)
{
    const mlr_budgets *b = &app->desk.budgets;
    double x = t->by_memory ? (double)b->memory : (double)b->decode_ms / 1000;
    double y = y_of((double)b->size);
    if (b->size > 0 && y >= p->y0 && y <= p->y1) {
        for (int i = 0; i < p->v.cols; i++) {
            mlr_put_glyph(p->v, row_of(p, y), i, MLR_ROLE_METER_BUDGET, MLR_G_H_DOTS);
        }
        if (p->v.cols > 50) {
            mlr_put(p->v, row_of(p, y), 1, MLR_ROLE_METER_BUDGET, " size budget ");
        }
    }
    if (x > 0 && log(x) >= p->x0 && log(x) <= p->x1) {
        for (int i = 0; i < p->v.rows; i++) {
            mlr_put_glyph(p->v, i, col_of(p, log(x)), MLR_ROLE_METER_BUDGET, MLR_G_V_DOTS);
        }
    }
}

static void axis_text(const tune *t, double x, char *to, size_t room)
{
    if (t->by_memory) {
        mlr_fmt_bytes(to, room, (uint64_t)exp(x));
    } else {
        snprintf(to, room, exp(x) < 1 ? "%.0f ms" : "%.1f s",
                 exp(x) < 1 ? exp(x) * 1000 : exp(x));
    }
}

static void put_axes(const tune *t, const plot *p, mlr_pane frame)
{
    char text[16];
    for (int i = 0; i < 3; i++) {
        double y = p->y1 + (p->y0 - p->y1) * i / 2;
        mlr_put_right(frame, i * (p->v.rows - 1) / 2, 6, MLR_ROLE_DIM,
                      mlr_fmt_bytes(text, sizeof text, (uint64_t)exp(y)));
        axis_text(t, p->x0 + (p->x1 - p->x0) * i / 2, text, sizeof text);
        int at = 7 + i * (p->v.cols - 2) / 2;
        int width = mlr_text_width(text, strlen(text));
        at = i == 2 ? frame.cols - width : i == 1 ? at - width / 2 : at;
        mlr_put(frame, frame.rows - 1, at, MLR_ROLE_DIM, text);
    }
}

static void draw_plot(const mlr_app *app, const tune *t, mlr_pane frame)
{
    const mlr_desk_sums *now = &app->desk.sums;
    plot p = {.v = mlr_pane_part(frame, 0, 7, frame.rows - 1, frame.cols - 7),
              .x0 = 1e300,
              .x1 = -1e300,
              .y0 = 1e300,
              .y1 = -1e300};
    if (t->tuner.points == 0 || frame.rows < 4 || frame.cols < 24) {
        mlr_put(frame, 0, 1, MLR_ROLE_DIM,
                "whole patches appear here once they are forecast");
        return;
    }
    for (size_t i = 0; i < t->tuner.points; i++) {
        const mlr_tuner_point *q = &t->tuner.point[i];
        widen(&p, x_of(t, q->decode_s, q->memory), y_of(q->bytes));
    }
    widen(&p, x_of(t, now->decode_s, now->memory), y_of(now->bytes));
    if (t->then.predicted == t->then.to_predict) {
        widen(&p, x_of(t, t->then.decode_s, t->then.memory), y_of(t->then.bytes));
    }
    put_axes(t, &p, frame);
    put_budgets(app, t, &p);
    put_points(t, &p);
    if (t->then.bytes != now->bytes || t->then.decode_s != now->decode_s) {
        bool tuned = t->tuner.order_count > 0 && row_of(&p, y_of(t->then.bytes)) ==
                                                     row_of(&p, y_of(t->tuner.best.bytes));
        put_mark(t, &p, &t->then, MLR_G_BALL, tuned ? "" : "what-if");
    }
    put_mark(t, &p, now, MLR_G_MARK, "now");
    if (t->tuner.group != NULL && t->tuner.order_count > 0) {
        mlr_desk_sums best = {.bytes = t->tuner.best.bytes,
                              .decode_s = t->tuner.best.decode_s,
                              .memory = t->tuner.best.memory,
                              .predicted = 1,
                              .to_predict = 1};
        put_mark(t, &p, &best, MLR_G_STAR, "tuned");
    }
}

/* --- what if ----------------------------------------------------------------------------
 */

static void put_slider(mlr_pane v, int row, int col, int width, int level)
{
    for (int i = 0; i < width; i++) {
        mlr_put_glyph(v, row, col + i, MLR_ROLE_FRAME, MLR_G_H_LINE);
    }
    mlr_put_glyph(v, row, col + (level - 1) * (width - 1) / (LEVELS - 1), MLR_ROLE_STRONG,
                  MLR_G_BALL);
}

static void budget_text(const mlr_budgets *b, size_t field, char *to, size_t room)
{
    if (field == F_TIME) {
        snprintf(to, room, b->decode_ms == 0 ? "none" : "%.2f s",
                 (double)b->decode_ms / 1000);
        return;
    }
    uint64_t n = field == F_SIZE ? b->size : b->memory;
    if (n == 0) {
        snprintf(to, room, "none");
    } else {
        mlr_fmt_bytes(to, room, n);
    }
}

static void draw_field(const mlr_app *app, const tune *t, mlr_pane v, int row, size_t f)
{
    static const char *const labels[] = {"Strategy", "Level", "Size  ≤", "RAM   ≤",
                                         "Decode≤"};
    char text[40];
    bool here = t->pane == P_WHAT_IF && t->field == f;
    mlr_pane line = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
    if (here) {
        mlr_fill(mlr_pane_part(line, row, 0, 1, v.cols), MLR_ROLE_TEXT);
        mlr_put_glyph(line, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
        mlr_cursor_at(v, row, 2);
    }
    mlr_put(line, row, 2, MLR_ROLE_DIM, labels[f]);
    if (f == F_STRATEGY) {
        mlr_putf(line, row, 12, MLR_ROLE_TEXT, "‹ %s ›",
                 mlr_strategy_word(t->what_if.strategy));
    } else if (f == F_LEVEL) {
        int at = mlr_putf(line, row, 12, MLR_ROLE_TEXT, "‹ %2d › 1 ", t->what_if.level);
        int width = v.cols - at - 5;
        if (width > 6) {
            put_slider(line, row, at, width > 24 ? 24 : width, t->what_if.level);
            mlr_put(line, row, at + (width > 24 ? 24 : width) + 1, MLR_ROLE_TEXT, "22");
        }
    } else {
        budget_text(&app->desk.budgets, f, text, sizeof text);
        mlr_put(line, row, 12, strcmp(text, "none") == 0 ? MLR_ROLE_DIM : MLR_ROLE_TEXT,
                text);
    }
}

static void put_change(mlr_pane v, int row, int col, double now, double then)
{
    double share = now > 0 ? then / now - 1 : 0;
    bool same = share > -0.0005 && share < 0.0005;
    mlr_putf(v, row, col,
             same        ? MLR_ROLE_DIM
             : share < 0 ? MLR_ROLE_OK
                         : MLR_ROLE_WARNING,
             same        ? "="
             : share < 0 ? "%+.1f%% ▼"
                         : "%+.1f%% ▲",
             share * 100);
}

static void draw_sums(const mlr_app *app, const tune *t, mlr_pane v, int row)
{
    const mlr_desk_sums *now = &app->desk.sums;
    const mlr_desk_sums *then = &t->then;
    char text[24];
    const struct {
        const char *label;
        double now, then;
        bool bytes;
    } lines[] = {{"size", now->bytes, then->bytes, true},
                 {"decode", now->decode_s, then->decode_s, false},
                 {"RAM", (double)now->memory, (double)then->memory, true},
                 {"encode", now->encode_s, then->encode_s, false}};
    mlr_put_right(v, row, 18, MLR_ROLE_HEADER, "now");
    mlr_put_right(v, row, 29, MLR_ROLE_HEADER, "what-if");
    for (int i = 0; i < 4; i++) {
        mlr_put(v, row + 1 + i, 2, MLR_ROLE_DIM, lines[i].label);
        for (int k = 0; k < 2; k++) {
            double x = k == 0 ? lines[i].now : lines[i].then;
            if (lines[i].bytes) {
                mlr_fmt_bytes(text, sizeof text, (uint64_t)x);
            } else {
                snprintf(text, sizeof text, "%.2f s", x);
            }
            mlr_put_right(v, row + 1 + i, k == 0 ? 18 : 29, MLR_ROLE_TEXT, text);
        }
        put_change(v, row + 1 + i, 31, lines[i].now, lines[i].then);
    }
    if (then->predicted < then->to_predict) {
        mlr_putf(v, row + 5, 2, MLR_ROLE_ESTIMATE, "%zu of %zu forecast: sums grow still",
                 then->predicted, then->to_predict);
    } else {
        mlr_put(v, row + 5, 2, MLR_ROLE_DIM, "all lossless; Enter keeps it, u undoes");
    }
}

static void draw_what_if(const mlr_app *app, const tune *t, mlr_pane v)
{
    int row = 0;
    for (size_t f = 0; f < F_COUNT && row < v.rows; f++, row++) {
        draw_field(app, t, v, row, f);
    }
    if (v.rows >= row + 6) {
        draw_sums(app, t, v, v.rows >= row + 7 ? row + 1 : row);
        row += 7;
    }
    const mlr_choices *c = &app->desk.choices;
    if (v.rows < row + 4 || c->step_count == 0) {
        return;
    }
    mlr_put(v, row + 1, 2, MLR_ROLE_HEADER, "History");
    int room = v.rows - row - 2;
    size_t first = c->step_count > (size_t)room ? c->step_count - (size_t)room : 0;
    for (size_t i = first; i < c->step_count; i++) {
        char fit[64];
        bool held = i < c->done;
        mlr_text_cut(fit, sizeof fit, c->step[i].label, v.cols - 14);
        mlr_putf(v, row + 2 + (int)(i - first), 2, held ? MLR_ROLE_TEXT : MLR_ROLE_DIM,
                 "%3zu %s%s", i + 1, fit, held ? "" : " (undone)");
    }
}

/* --- auto-tune --------------------------------------------------------------------------
 */

static void pick_text(mlr_pick p, char *to, size_t room)
{
    if (p.level == 0) {
        snprintf(to, room, "several");
    } else {
        snprintf(to, room, "%s %u", mlr_strategy_word(p.strategy), p.level);
    }
}

static void draw_result(const tune *t, mlr_pane v, int row, size_t i, int name_cols)
{
    const mlr_tuner_group *g = &t->tuner.group[t->tuner.order[i]];
    const mlr_tuner_option *now = &g->option[0];
    const mlr_tuner_option *then = &g->option[g->best];
    char name[128];
    char from[32];
    char to[32];
    char a[16];
    char b[16];
    bool here = t->pane == P_RESULTS && t->result == i;
    mlr_pane line = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
    if (here) {
        mlr_fill(mlr_pane_part(line, row, 0, 1, v.cols), MLR_ROLE_TEXT);
        mlr_cursor_at(v, row, 1);
        mlr_put_glyph(line, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
    }
    mlr_put(line, row, 2, g->ticked ? MLR_ROLE_OK : MLR_ROLE_DIM,
            g->ticked ? "[x]" : "[ ]");
    mlr_elide_middle(name, sizeof name, g->pattern, strlen(g->pattern), name_cols);
    mlr_put(line, row, 6, MLR_ROLE_TEXT, name);
    pick_text(g->from, from, sizeof from);
    pick_text(then->pick, to, sizeof to);
    int at = 6 + name_cols + 1;
    bool wide = v.cols >= WIDE_COLS;
    mlr_putf(line, row, at, MLR_ROLE_TEXT,
             wide ? "%-13.13s → %-13.13s" : "%-7.7s → %-13.13s", from, to);
    at += wide ? 31 : 24;
    mlr_fmt_bytes(a, sizeof a, (uint64_t)now->bytes);
    mlr_fmt_bytes(b, sizeof b, (uint64_t)then->bytes);
    at = mlr_putf(line, row, at, MLR_ROLE_TEXT, "%5s → %5s ", a, b);
    at = mlr_putf(line, row, at, MLR_ROLE_OK, "%+.1f%%",
                  now->bytes > 0 ? (then->bytes / now->bytes - 1) * 100 : 0);
    if (wide) {
        double slower = now->decode_s > 0 ? (then->decode_s / now->decode_s - 1) * 100 : 0;
        mlr_putf(line, row, v.cols - 36, MLR_ROLE_TEXT, "%+.0f%% dec  %s RAM", slower,
                 mlr_fmt_bytes(a, sizeof a, then->memory));
        mlr_putf(line, row, v.cols - 13, MLR_ROLE_DIM, "%zu tensor%s", g->count,
                 g->count == 1 ? "" : "s");
    }
    if (g->over) {
        mlr_put(line, row, v.cols - 16, MLR_ROLE_WARNING, " RAM over ! ");
    }
}

static void draw_results(const mlr_app *app, const tune *t, mlr_pane v)
{
    const mlr_tuner *n = &t->tuner;
    char size[16];
    char memory[16];
    if (n->group == NULL) {
        mlr_put(v, 0, 1, MLR_ROLE_DIM,
                "t finds the smallest patch within the budgets, from the forecasts so far");
        return;
    }
    if (n->order_count == 0) {
        mlr_put(v, 0, 1, MLR_ROLE_OK, "nothing better is known than what holds now");
        return;
    }
    mlr_fmt_bytes(size, sizeof size, (uint64_t)n->best.bytes);
    mlr_fmt_bytes(memory, sizeof memory, n->best.memory);
    int at = mlr_putf(v, 0, 1, MLR_ROLE_STRONG, "★ %s~  %.2f s  %s", size, n->best.decode_s,
                      memory);
    bool any =
        app->desk.budgets.size + app->desk.budgets.memory + app->desk.budgets.decode_ms > 0;
    mlr_put(v, 0, at + 2,
            !any      ? MLR_ROLE_DIM
            : n->fits ? MLR_ROLE_OK
                      : MLR_ROLE_WARNING,
            !any      ? "no budgets: smallest of all"
            : n->fits ? "within the budgets"
                      : "over budget: the best there is !");
    int name_cols = v.cols - (v.cols >= WIDE_COLS ? 103 : 62);
    size_t lines = v.rows > 1 ? (size_t)v.rows - 1 : 0;
    size_t top = t->result >= lines ? t->result - lines + 1 : 0;
    for (size_t i = 0; i < lines && top + i < n->order_count; i++) {
        draw_result(t, v, 1 + (int)i, top + i, name_cols < 10 ? 10 : name_cols);
    }
}

/* --- the whole --------------------------------------------------------------------------
 */

static void scope_text(const mlr_app *app, char *to, size_t room)
{
    if (app->session.rows.marked > 0) {
        snprintf(to, room, "What if · ◆ %zu marked", mlr_desk_scope_count(app));
    } else {
        snprintf(to, room, "What if · all %zu that travel", app->desk.travelling);
    }
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    const tune *t = state;
    char title[64];
    char note[64];
    char plot_title[64];
    int below = body.rows >= 34 ? 14 : body.rows >= 16 ? TABLE_LEAST : 0;
    int above = body.rows - below;
    int right = body.cols >= WIDE_COLS ? RIGHT_COLS : body.cols >= 70 ? 42 : body.cols;
    int left = body.cols - right;
    scope_text(app, title, sizeof title);
    snprintf(plot_title, sizeof plot_title, "Patch size × %s",
             t->by_memory ? "memory to apply" : "time to decode");
    snprintf(note, sizeof note, "%zu of %zu", t->tuner.points,
             mlr_tuner_sweep().strategies * mlr_tuner_sweep().levels);
    if (left > 0) {
        mlr_pane p = mlr_frame(mlr_pane_part(body, 0, 0, above, left), plot_title, note);
        draw_plot(app, t, p);
    }
    mlr_pane w = mlr_frame(mlr_pane_part(body, 0, left, above, right), title, "");
    draw_what_if(app, t, w);
    if (below > 0) {
        mlr_pane r = mlr_frame(mlr_pane_part(body, above, 0, below, body.cols), "Auto-tune",
                               "t start · Space tick · Enter accept");
        draw_results(app, t, r);
    }
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    (void)app;
    (void)state;
    snprintf(
        to, room,
        "RAM · <4M • 4-8M ● >8M   a auto n neural S sub-planes X xor-planes Z zstd-ref p "
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
    .status = status,
    .renew = renew,
    .close = close_tune,
};
