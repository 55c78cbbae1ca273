/* History: any two states of the choices side by side, in total and tensor by tensor. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/app_core.h"
#include "tui/cell_text.h"
#include "tui/tune_view.h"
#include "tui/widget_table.h"

enum { LEFT_COLS = 48, NARROW = 70, LEFT_NARROW = 34, TOTALS = 5 };

/* A tensor whose pick differs. */
typedef struct difference {
    uint32_t row;
    double by; /* bytes; 0 where a forecast is missing */
} difference;

typedef struct history {
    size_t a, b; /* states: after so many steps */
    size_t top;  /* first state that shows */
    mlr_pick *pick_a, *pick_b;
    mlr_desk_sums sum_a, sum_b;
    difference *diff;
    size_t rows, diffs;
    size_t steps; /* of the choices when it was opened */
    uint64_t summed;
    bool known;
} history;

static void drop(mlr_app *app, history *h)
{
    if (app->desk.wanted[1] == h->pick_b && h->pick_b != NULL) {
        mlr_desk_want(app, 0, NULL);
        mlr_desk_want(app, 1, NULL);
    }
    mlr_give(app->alloc, h->pick_a, h->rows * sizeof *h->pick_a);
    mlr_give(app->alloc, h->pick_b, h->rows * sizeof *h->pick_b);
    mlr_give(app->alloc, h->diff, h->rows * sizeof *h->diff);
    h->pick_a = h->pick_b = NULL;
    h->diff = NULL;
}

static mlr_status open_history(mlr_app *app, void **state, mlr_err *err)
{
    const mlr_choices *c = &app->desk.choices;
    history *h = mlr_take(app->alloc, sizeof *h);
    if (h == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the screen");
    }
    *h = (history){.rows = c->rows + 1, .steps = c->step_count, .b = c->done};
    h->a = c->done > 0 ? c->done - 1 : 0;
    h->pick_a = mlr_take(app->alloc, h->rows * sizeof *h->pick_a);
    h->pick_b = mlr_take(app->alloc, h->rows * sizeof *h->pick_b);
    h->diff = mlr_take(app->alloc, h->rows * sizeof *h->diff);
    if (h->pick_a == NULL || h->pick_b == NULL || h->diff == NULL) {
        drop(app, h);
        mlr_give(app->alloc, h, sizeof *h);
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the screen");
    }
    *state = h;
    return MLR_OK;
}

static void close_history(mlr_app *app, void *state)
{
    drop(app, state);
    mlr_give(app->alloc, state, sizeof(history));
}

/* --- comparing --------------------------------------------------------------------------
 */

static double bytes_of(const mlr_app *app, size_t row, mlr_pick pick, bool *known)
{
    const mlr_cast *c = mlr_desk_cast_of(&app->desk, row, mlr_desk_full_pick(pick));
    *known = *known && c != NULL && !c->failed && !c->structure && c->p.fits;
    return *known ? (double)c->p.bytes : 0;
}

static int larger_first(const void *pa, const void *pb)
{
    const difference *a = pa;
    const difference *b = pb;
    double x = fabs(a->by);
    double y = fabs(b->by);
    return x != y ? (x > y ? -1 : 1) : (a->row > b->row) - (a->row < b->row);
}

static void compare(mlr_app *app, history *h)
{
    const mlr_desk *d = &app->desk;
    h->known =
        mlr_desk_picks_at(app, h->a, h->pick_a) && mlr_desk_picks_at(app, h->b, h->pick_b);
    h->diffs = 0;
    if (!h->known) {
        return;
    }
    mlr_desk_want(app, 0, h->pick_a);
    mlr_desk_want(app, 1, h->pick_b);
    mlr_desk_sum_picks(app, h->pick_a, &h->sum_a);
    mlr_desk_sum_picks(app, h->pick_b, &h->sum_b);
    for (size_t i = 0; i < d->travelling; i++) {
        size_t row = d->by_size[i];
        mlr_pick a = mlr_desk_full_pick(h->pick_a[row]);
        mlr_pick b = mlr_desk_full_pick(h->pick_b[row]);
        if (mlr_pick_equal(a, b)) {
            continue;
        }
        bool known = true;
        double from = bytes_of(app, row, a, &known);
        double to = bytes_of(app, row, b, &known);
        h->diff[h->diffs++] = (difference){(uint32_t)row, known ? to - from : 0};
    }
    qsort(h->diff, h->diffs, sizeof *h->diff, larger_first);
}

/* Lines of totals above the states, where both stand in one column. */
static int totals_above(int rows)
{
    return TOTALS < rows / 2 ? TOTALS : rows / 2;
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    history *h = state;
    int room = rows - 2 - (cols < NARROW ? totals_above(rows) : 0);
    size_t lines = room > 1 ? (size_t)room : 1;
    size_t last = h->steps + 1 > lines ? h->steps + 1 - lines : 0;
    h->top = h->top < last ? h->top : last;
    if (h->b < h->top) {
        h->top = h->b;
    } else if (h->b >= h->top + lines) {
        h->top = h->b - lines + 1;
    }
    if (h->rows != app->desk.choices.rows + 1) {
        return; /* another pair: Esc leaves */
    }
    if (h->summed != app->session.rows.generation) {
        h->summed = app->session.rows.generation;
        compare(app, h);
    }
}

static void go_to(mlr_app *app, const history *h)
{
    const mlr_choices *c = &app->desk.choices;
    while (c->done > h->b) {
        (void)mlr_desk_act(app, MLR_DO_UNDO);
    }
    while (c->done < h->b && c->done < c->step_count) {
        (void)mlr_desk_act(app, MLR_DO_REDO);
    }
    mlr_app_say(app, MLR_ROLE_MESSAGE,
                "what held after step %zu holds again; nothing is lost", h->b);
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    history *h = state;
    mlr_ui_table t = {.count = h->steps + 1, .cursor = h->b, .page = 8};
    if (mlr_table_act(&t, action)) {
        h->b = t.cursor;
        h->summed = 0;
        return true;
    }
    switch (action) {
    case MLR_DO_HISTORY_FROM:
        h->a = h->b;
        h->summed = 0;
        return true;
    case MLR_DO_ENTER:
        go_to(app, h);
        mlr_app_uncover(app);
        return true;
    default:
        return false;
    }
}

/* --- drawing ----------------------------------------------------------------------------
 */

static void draw_states(const mlr_app *app, const history *h, mlr_pane v)
{
    const mlr_choices *c = &app->desk.choices;
    for (int i = 0; i < v.rows && h->top + (size_t)i <= h->steps; i++) {
        size_t state = h->top + (size_t)i;
        bool here = state == h->b;
        mlr_pane line = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
        char fit[96];
        if (here) {
            mlr_fill(mlr_pane_part(line, i, 0, 1, v.cols), MLR_ROLE_TEXT);
            mlr_put_glyph(line, i, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
            mlr_cursor_at(v, i, 2);
        }
        mlr_put(line, i, 1, MLR_ROLE_MARKED, state == h->a ? "A" : here ? "B" : " ");
        mlr_text_cut(fit, sizeof fit,
                     state == 0                  ? "as it began"
                     : state - 1 < c->step_count ? c->step[state - 1].label
                                                 : "",
                     v.cols - 14);
        mlr_putf(line, i, 3, state <= c->done ? MLR_ROLE_TEXT : MLR_ROLE_DIM, "%3zu %s",
                 state, fit);
        if (state == c->done) {
            mlr_put_right(line, i, v.cols - 1, MLR_ROLE_OK, "now");
        } else if (state > c->done) {
            mlr_put_right(line, i, v.cols - 1, MLR_ROLE_DIM, "undone");
        }
    }
}

static void put_total(mlr_pane v, int row, const char *label, double a, double b,
                      bool bytes)
{
    char text[24];
    double share = a > 0 ? b / a - 1 : 0;
    bool same = share > -0.0005 && share < 0.0005;
    mlr_put(v, row, 2, MLR_ROLE_DIM, label);
    for (int k = 0; k < 2; k++) {
        double x = k == 0 ? a : b;
        if (bytes) {
            mlr_fmt_bytes(text, sizeof text, (uint64_t)x);
        } else {
            snprintf(text, sizeof text, x < 0.9995 ? "%.0f ms" : "%.2f s",
                     x < 0.9995 ? x * 1e3 : x);
        }
        mlr_put_right(v, row, k == 0 ? 19 : 29, MLR_ROLE_TEXT, text);
    }
    mlr_putf(v, row, 31,
             same        ? MLR_ROLE_DIM
             : share < 0 ? MLR_ROLE_OK
                         : MLR_ROLE_WARNING,
             same        ? "="
             : share < 0 ? "%+.1f%% ▼"
                         : "%+.1f%% ▲",
             share * 100);
}

static void draw_difference(const mlr_app *app, const history *h, mlr_pane v, int row,
                            const difference *x)
{
    char name[256];
    char a[48];
    char b[48];
    char bytes[24];
    char by[32];
    mlr_str s = app->session.rows.row[x->row].name;
    bool wide = v.cols >= 84;
    int name_cols = wide ? v.cols - 52 : v.cols - 28;
    mlr_elide_name(name, sizeof name, s.p, s.n, name_cols < 12 ? 12 : name_cols);
    mlr_put(v, row, 2, MLR_ROLE_TEXT, name);
    mlr_tune_pick_text(mlr_desk_full_pick(h->pick_a[x->row]), a, sizeof a);
    mlr_tune_pick_text(mlr_desk_full_pick(h->pick_b[x->row]), b, sizeof b);
    if (wide) {
        mlr_putf(v, row, v.cols - 47, MLR_ROLE_TEXT, "%-16.16s → %-16.16s", a, b);
    } else {
        mlr_putf(v, row, v.cols - 24, MLR_ROLE_TEXT, "→ %.14s", b);
    }
    mlr_fmt_bytes(bytes, sizeof bytes, (uint64_t)fabs(x->by));
    snprintf(by, sizeof by, x->by == 0 ? "=" : "%s%s", x->by < 0 ? "-" : "+", bytes);
    mlr_put_right(v, row, v.cols - 1,
                  x->by == 0  ? MLR_ROLE_DIM
                  : x->by < 0 ? MLR_ROLE_OK
                              : MLR_ROLE_WARNING,
                  by);
}

static void draw_comparison(const mlr_app *app, const history *h, mlr_pane v)
{
    char text[24];
    if (!h->known) {
        mlr_put(v, 0, 1, MLR_ROLE_DIM, "once the models are compared");
        return;
    }
    snprintf(text, sizeof text, "A (%zu)", h->a);
    mlr_put_right(v, 0, 19, MLR_ROLE_HEADER, text);
    snprintf(text, sizeof text, "B (%zu)", h->b);
    mlr_put_right(v, 0, 29, MLR_ROLE_HEADER, text);
    put_total(v, 1, "size", h->sum_a.bytes, h->sum_b.bytes, true);
    put_total(v, 2, "decode", h->sum_a.decode_s, h->sum_b.decode_s, false);
    put_total(v, 3, "RAM", (double)h->sum_a.memory, (double)h->sum_b.memory, true);
    int row = TOTALS;
    if (v.rows <= row) {
        return;
    }
    if (h->sum_a.predicted < h->sum_a.to_predict ||
        h->sum_b.predicted < h->sum_b.to_predict) {
        mlr_put(v, row - 1, 2, MLR_ROLE_ESTIMATE, "forecasts are still coming in");
    }
    mlr_putf(v, row, 2, MLR_ROLE_GROUP,
             h->diffs == 1 ? "1 tensor differs" : "%zu tensors differ", h->diffs);
    for (size_t i = 0; i < h->diffs && row + 1 + (int)i < v.rows; i++) {
        draw_difference(app, h, v, row + 1 + (int)i, &h->diff[i]);
    }
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    const history *h = state;
    if (body.cols < NARROW) { /* totals above, states below */
        int above = totals_above(body.rows);
        mlr_pane below = mlr_pane_part(body, above, 0, body.rows - above, body.cols);
        draw_comparison(app, h, mlr_pane_part(body, 0, 0, above, body.cols));
        draw_states(app, h, mlr_frame(below, "States", ""));
        return;
    }
    int left = body.cols >= 100 ? LEFT_COLS : LEFT_NARROW;
    draw_states(app, h,
                mlr_frame(mlr_pane_part(body, 0, 0, body.rows, left), "States", ""));
    draw_comparison(app, h,
                    mlr_frame(mlr_pane_part(body, 0, left, body.rows, body.cols - left),
                              "A and B", ""));
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    const history *h = state;
    (void)app;
    snprintf(to, room, "%zu steps; the cursor is B, Space makes it A, Enter goes there",
             h->steps);
}

const mlr_screen mlr_screen_history = {
    .title = "History",
    .where = MLR_IN_LIST | MLR_IN_HISTORY,
    .open = open_history,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .status = status,
    .close = close_history,
};
