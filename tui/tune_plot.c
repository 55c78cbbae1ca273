/* The plot of the Tune screen: whole patches by size and time, or by size and memory. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"
#include "tui/tune_view.h"

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

static double x_of(const mlr_tune_view *t, double decode_s, uint64_t memory)
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

static void put_mark(const mlr_tune_view *t, const plot *p, const mlr_desk_sums *s,
                     mlr_glyph_id g, const char *word)
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

static void put_points(const mlr_tune_view *t, const plot *p)
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

/* What the tuner could have had, from small to fast. */
static void put_front(const mlr_tune_view *t, const plot *p)
{
    const mlr_tuner_facts *f = &t->tuner.facts;
    for (size_t i = 0; t->tuner.there && !t->by_memory && i < f->points; i++) {
        double x = x_of(t, (double)f->front[i].us / 1e6, 0);
        double y = y_of((double)f->front[i].bytes);
        if (x >= p->x0 && x <= p->x1 && y >= p->y0 && y <= p->y1) {
            mlr_put_glyph(p->v, row_of(p, y), col_of(p, x), MLR_ROLE_OK, MLR_G_BULLET);
        }
    }
}

static void put_budgets(const mlr_app *app, const mlr_tune_view *t, const plot *p)
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

static void axis_text(const mlr_tune_view *t, double x, char *to, size_t room)
{
    if (t->by_memory) {
        mlr_fmt_bytes(to, room, (uint64_t)exp(x));
    } else {
        snprintf(to, room, exp(x) < 1 ? "%.0f ms" : "%.1f s",
                 exp(x) < 1 ? exp(x) * 1000 : exp(x));
    }
}

static void put_axes(const mlr_tune_view *t, const plot *p, mlr_pane frame)
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

void mlr_tune_plot_draw(const mlr_app *app, const mlr_tune_view *t, mlr_pane frame)
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
    if (t->tuner.there) {
        const mlr_desk_sums *best = &t->tuner.sums;
        widen(&p, x_of(t, best->decode_s, best->memory), y_of(best->bytes));
    }
    widen(&p, x_of(t, now->decode_s, now->memory), y_of(now->bytes));
    if (t->then.predicted == t->then.to_predict) {
        widen(&p, x_of(t, t->then.decode_s, t->then.memory), y_of(t->then.bytes));
    }
    put_axes(t, &p, frame);
    put_budgets(app, t, &p);
    put_front(t, &p);
    put_points(t, &p);
    if (t->then.bytes != now->bytes || t->then.decode_s != now->decode_s) {
        put_mark(t, &p, &t->then, MLR_G_BALL, "what-if");
    }
    put_mark(t, &p, now, MLR_G_MARK, "now");
    if (t->tuner.there) {
        put_mark(t, &p, &t->tuner.sums, MLR_G_STAR, "tuned");
    }
}
