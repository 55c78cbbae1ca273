#include "tui/totals_block.h"

#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"
#include "tui/screen_tensors.h"

enum { FULL_ROWS = 30, SOME_ROWS = 14, FULL_LINES = 7 };

int mlr_totals_lines(int rows)
{
    if (rows >= FULL_ROWS) {
        return FULL_LINES;
    }
    return rows >= SOME_ROWS ? 2 : mlr_tensor_totals_lines(rows);
}

static void amount(const mlr_budget_line *b, double value, char *to, size_t room)
{
    if (b->seconds) {
        snprintf(to, room, value < 10 ? "%.2f s" : "%.0f s", value);
    } else {
        mlr_fmt_bytes(to, room, (uint64_t)(value < 0 ? 0 : value));
    }
}

static bool is_over(const mlr_budget_line *b)
{
    return b->budget > 0 && b->value > b->budget;
}

static mlr_role describe(const mlr_budget_line *b, bool roomy, char *to, size_t room)
{
    char value[24];
    char limit[24];
    char off[24];
    bool over = is_over(b);
    const char *near = b->estimated ? "~" : "";
    amount(b, b->value, value, sizeof value);
    if (b->unknown) {
        snprintf(to, room, "not known yet");
        return MLR_ROLE_DIM;
    }
    if (b->budget <= 0) {
        amount(b, b->most, limit, sizeof limit);
        snprintf(to, room, "%s%s %s%s%s", value, near, b->what, b->most > 0 ? limit : "",
                 roomy ? "; b sets a budget" : "");
        return MLR_ROLE_TEXT;
    }
    amount(b, b->budget, limit, sizeof limit);
    amount(b, over ? b->value - b->budget : b->budget - b->value, off, sizeof off);
    snprintf(to, room, over ? "%s%s of %s%s  OVER +%s !" : "%s%s of %s%s  ok, %s left",
             value, near, limit, roomy ? " budget " : "", off);
    return over ? MLR_ROLE_WARNING : MLR_ROLE_OK;
}

void mlr_budget_line_draw(const mlr_budget_line *b, mlr_pane v, int row)
{
    char text[96];
    char fit[96];
    bool roomy = v.cols >= 110;
    mlr_role role = describe(b, roomy, text, sizeof text);
    int width = v.cols - 9 - (roomy ? 46 : 34);
    width = width < 8 ? 8 : width;
    mlr_put(v, row, 2, MLR_ROLE_DIM, b->label);
    if (b->budget <= 0 && b->most <= 0) { /* no bar without something to measure against */
        mlr_text_cut(fit, sizeof fit, text, v.cols - 9);
        mlr_put(v, row, 8, role, fit);
        return;
    }
    double scale = b->budget > 0 ? b->budget * 1.3 : b->most;
    scale = b->value * 1.02 > scale ? b->value * 1.02 : scale;
    bool near = b->budget > 0 && b->value > b->budget * 0.9;
    mlr_meter m = {.fraction = scale > 0 && !b->unknown ? b->value / scale : 0,
                   .budget = b->budget > 0 ? b->budget / scale : -1,
                   .role = is_over(b) ? MLR_ROLE_METER_OVER
                           : near     ? MLR_ROLE_METER_NEAR
                                      : MLR_ROLE_METER_OK};
    mlr_put_meter(v, row, 8, width, &m);
    mlr_text_cut(fit, sizeof fit, text, v.cols - 9 - width);
    mlr_put(v, row, 9 + width, role, fit);
}

enum { BUDGET_SIZE, BUDGET_MEMORY, BUDGET_TIME, BUDGETS };

static mlr_budget_line line_of(const mlr_totals_look *t, int which)
{
    const mlr_desk_sums *s = t->sums;
    bool part = !s->exact || s->predicted < s->to_predict;
    mlr_budget_line b = {.label = "Size",
                         .what = "of ",
                         .value = s->bytes,
                         .budget = (double)t->budgets->size,
                         .most = (double)t->view->all.bytes,
                         .estimated = part,
                         .unknown = s->predicted == 0};
    if (which == BUDGET_MEMORY) {
        b = (mlr_budget_line){.label = "RAM",
                              .what = "to apply, one block at a time",
                              .value = (double)s->memory,
                              .budget = (double)t->budgets->memory,
                              .estimated = true,
                              .unknown = s->memory == 0};
    } else if (which == BUDGET_TIME) {
        b = (mlr_budget_line){.label = "Time",
                              .what = "to decode on one thread",
                              .value = s->decode_s,
                              .budget = (double)t->budgets->decode_ms / 1000,
                              .seconds = true,
                              .estimated = true,
                              .unknown = s->predicted == 0};
    }
    return b;
}

/* Where one line has to do: the budget that is nearest to its limit or over it. */
static mlr_budget_line tightest(const mlr_totals_look *t)
{
    mlr_budget_line best = line_of(t, BUDGET_SIZE);
    for (int i = BUDGET_MEMORY; i < BUDGETS; i++) {
        mlr_budget_line b = line_of(t, i);
        bool tighter = b.budget > 0 && !b.unknown &&
                       (best.budget <= 0 || b.value / b.budget > best.value / best.budget);
        best = tighter ? b : best;
    }
    return best;
}

/* What is predicted, how well, and what it costs in time. */
static void draw_forecast(const mlr_totals_look *t, mlr_pane v, int row)
{
    const mlr_desk_sums *s = t->sums;
    char text[200];
    char out[16];
    if (s->to_predict == 0) {
        mlr_put(v, row, 2, MLR_ROLE_DIM, "nothing has to travel, as far as is known");
        return;
    }
    if (s->predicted == 0) {
        mlr_put(v, row, 2, MLR_ROLE_DIM, "no forecast yet");
        return;
    }
    mlr_fmt_bytes(out, sizeof out, (uint64_t)s->bytes);
    snprintf(text, sizeof text,
             "%zu of %zu forecast: %s ±%.1f%%   encode %.2f s on one thread", s->predicted,
             s->to_predict, out, s->bytes > 0 ? s->error_bytes / s->bytes * 100 : 0,
             s->encode_s);
    mlr_put(v, row, 2, s->predicted < s->to_predict ? MLR_ROLE_ESTIMATE : MLR_ROLE_TEXT,
            text);
}

/* Strategies with their share of the bytes out. */
static void draw_strategies(const mlr_totals_look *t, mlr_pane v, int row)
{
    enum { BAR = 8 };
    const mlr_desk_sums *s = t->sums;
    bool shown[MLR_STRATEGY_LIMIT] = {false};
    int at = 2;
    char decided[64];
    snprintf(decided, sizeof decided, "auto %zu  you %zu", s->to_predict - s->picked,
             s->picked);
    int room = v.cols - (int)strlen(decided) - 4;
    for (;;) {
        int best = -1;
        for (int i = 0; i < MLR_STRATEGY_LIMIT; i++) {
            if (!shown[i] && s->count_by[i] > 0 &&
                (best < 0 || s->bytes_by[i] > s->bytes_by[best])) {
                best = i;
            }
        }
        const char *word = best < 0 ? "" : mlr_strategy_word(best);
        if (best < 0 || at + (int)strlen(word) + BAR + 10 > room) {
            break;
        }
        shown[best] = true;
        at = mlr_putf(v, row, at, MLR_ROLE_TEXT, "%s %zu ", word, s->count_by[best]);
        mlr_bar(v, row, at, BAR, s->bytes > 0 ? s->bytes_by[best] / s->bytes : 0,
                MLR_ROLE_BAR);
        at += BAR + 2;
    }
    if (s->to_predict > 0) {
        mlr_put_right(v, row, v.cols - 1, MLR_ROLE_DIM, decided);
    }
}

void mlr_totals_draw(const mlr_totals_look *t, mlr_pane v)
{
    if (v.rows < 1) {
        return;
    }
    if (v.rows < FULL_LINES) {
        mlr_tensor_totals_draw(&t->view->shown, v, 0);
        if (v.rows > 1) {
            mlr_budget_line b = tightest(t);
            mlr_budget_line_draw(&b, v, 1);
        }
        return;
    }
    mlr_h_line(v, 0, 0, v.cols, MLR_ROLE_FRAME);
    mlr_put(v, 0, 2, MLR_ROLE_FRAME_TITLE, " Totals ");
    mlr_tensor_totals_draw(&t->view->shown, v, 1);
    draw_forecast(t, v, 2);
    for (int i = 0; i < BUDGETS; i++) {
        mlr_budget_line b = line_of(t, i);
        mlr_budget_line_draw(&b, v, 3 + i);
    }
    draw_strategies(t, v, 3 + BUDGETS);
}
