#include "tui/tuner.h"

#include <stdio.h>
#include <string.h>

#include "tui/app_core.h"

enum { NO_GROUP = UINT16_MAX };

void mlr_tuner_init(mlr_tuner *t, const mlr_allocator *alloc)
{
    *t = (mlr_tuner){.alloc = alloc};
}

static void drop(mlr_tuner *t)
{
    mlr_give(t->alloc, t->group, MLR_TUNER_GROUPS * sizeof *t->group);
    mlr_give(t->alloc, t->group_of, MLR_TUNER_ROWS * sizeof *t->group_of);
    t->group = NULL;
    t->group_of = NULL;
    t->groups = 0;
    t->order_count = 0;
}

void mlr_tuner_release(mlr_tuner *t)
{
    drop(t);
    *t = (mlr_tuner){0};
}

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

static size_t rows_of(const mlr_app *app)
{
    size_t n = app->desk.travelling;
    return n < MLR_TUNER_ROWS ? n : MLR_TUNER_ROWS;
}

static bool usable(const mlr_cast *c)
{
    return c != NULL && !c->failed && (c->structure || c->p.fits);
}

/* --- whole patches ----------------------------------------------------------------------
 */

/* Rows a pick does not suit keep what they have; none may lack a forecast. */
static bool make_point(const mlr_app *app, mlr_pick pick, mlr_tuner_point *p)
{
    const mlr_desk *d = &app->desk;
    mlr_desk_sums s = {.exact = true};
    size_t suited = 0;
    for (size_t i = 0; i < rows_of(app); i++) {
        const mlr_ui_row *r = &app->session.rows.row[d->by_size[i]];
        const mlr_cast *c = mlr_desk_cast_of(d, d->by_size[i], pick);
        if (c == NULL) {
            return false;
        }
        suited += usable(c) && !c->structure;
        mlr_desk_add(&s, r, usable(c) ? c : mlr_desk_cast(d, d->by_size[i]));
    }
    *p = (mlr_tuner_point){pick, s.bytes, s.decode_s, s.memory, true};
    return suited > 0 && s.predicted == s.to_predict;
}

void mlr_tuner_plot(mlr_tuner *t, const mlr_app *app)
{
    mlr_sweep s = mlr_tuner_sweep();
    t->points = 0;
    for (size_t k = 0; k < s.strategies * s.levels && t->points < MLR_TUNER_POINTS; k++) {
        mlr_pick pick = {.strategy = s.strategy[k % s.strategies],
                         .level = s.level[k / s.strategies]};
        t->points += make_point(app, pick, &t->point[t->points]);
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

/* --- groups -----------------------------------------------------------------------------
 */

/* "model.layers.*.mlp.up_proj.weight": numbers between dots become stars. */
static void make_pattern(mlr_str name, char *to, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n + 2 < room;) {
        size_t digits = 0;
        bool begins = i == 0 || name.p[i - 1] == '.';
        while (begins && i + digits < name.n && name.p[i + digits] >= '0' &&
               name.p[i + digits] <= '9') {
            digits++;
        }
        bool number = digits > 0 && (i + digits == name.n || name.p[i + digits] == '.');
        unsigned char c = (unsigned char)name.p[i];
        to[n++] = number ? '*' : c < 0x20 || c == 0x7f ? '?' : (char)c;
        i += number ? digits : 1;
    }
    to[n] = '\0';
}

static size_t group_named(mlr_tuner *t, const char *pattern)
{
    for (size_t g = 0; g < t->groups; g++) {
        if (strcmp(t->group[g].pattern, pattern) == 0) {
            return g;
        }
    }
    if (t->groups == MLR_TUNER_GROUPS) {
        return NO_GROUP;
    }
    mlr_tuner_group *g = &t->group[t->groups];
    memset(g, 0, sizeof *g);
    snprintf(g->pattern, sizeof g->pattern, "%s", pattern);
    return t->groups++;
}

static bool make_groups(mlr_tuner *t, const mlr_app *app)
{
    const mlr_desk *d = &app->desk;
    drop(t);
    t->group = mlr_take(t->alloc, MLR_TUNER_GROUPS * sizeof *t->group);
    t->group_of = mlr_take(t->alloc, MLR_TUNER_ROWS * sizeof *t->group_of);
    if (t->group == NULL || t->group_of == NULL) {
        drop(t);
        return false;
    }
    t->rows = rows_of(app);
    for (size_t i = 0; i < t->rows; i++) {
        char pattern[96];
        size_t row = d->by_size[i];
        t->group_of[i] = NO_GROUP;
        const mlr_cast *now = mlr_desk_cast(d, row);
        bool structure = now != NULL && now->structure;
        if (structure || (app->session.rows.marked > 0 && !mlr_desk_in_scope(app, row))) {
            continue; /* nothing to choose there */
        }
        make_pattern(app->session.rows.row[row].name, pattern, sizeof pattern);
        t->group_of[i] = (uint16_t)group_named(t, pattern);
        if (t->group_of[i] == NO_GROUP) {
            continue;
        }
        mlr_tuner_group *g = &t->group[t->group_of[i]];
        mlr_pick pick = mlr_desk_pick(d, row);
        bool same = g->count == 0 || mlr_pick_equal(g->from, pick);
        g->from = same ? pick : (mlr_pick){0};
        g->count++;
    }
    return true;
}

/* One option of every group at once; an option with a gap is left out. */
static void add_options(mlr_tuner *t, const mlr_app *app, mlr_pick pick)
{
    const mlr_desk *d = &app->desk;
    mlr_desk_sums sums[MLR_TUNER_GROUPS] = {{0}};
    for (size_t i = 0; i < t->rows; i++) {
        size_t g = t->group_of[i];
        if (g == NO_GROUP) {
            continue;
        }
        size_t row = d->by_size[i];
        const mlr_cast *c =
            pick.level == 0 ? mlr_desk_cast(d, row) : mlr_desk_cast_of(d, row, pick);
        mlr_desk_add(&sums[g], &app->session.rows.row[row], c);
    }
    for (size_t g = 0; g < t->groups; g++) {
        mlr_tuner_group *to = &t->group[g];
        bool whole = sums[g].predicted == to->count;
        if ((whole || pick.level == 0) && to->options < MLR_TUNER_OPTIONS) {
            to->option[to->options++] = (mlr_tuner_option){
                pick, sums[g].bytes, sums[g].error_bytes, sums[g].decode_s, sums[g].memory};
        }
    }
}

/* --- solving ----------------------------------------------------------------------------
 */

/* The best option of a group where a second costs `price` bytes. */
static size_t best_at(const mlr_tuner_group *g, double price, uint64_t memory)
{
    size_t best = 0;
    double cost = -1;
    for (size_t i = 0; i < g->options; i++) {
        const mlr_tuner_option *o = &g->option[i];
        double c = o->bytes + price * o->decode_s;
        bool allowed = memory == 0 || o->memory <= memory;
        if (allowed && (cost < 0 || c < cost)) {
            best = i;
            cost = c;
        }
    }
    return best;
}

/* Decoding time of all groups at a price. */
static double time_at(const mlr_tuner *t, double price, uint64_t memory)
{
    double s = 0;
    for (size_t g = 0; g < t->groups; g++) {
        s += t->group[g].option[best_at(&t->group[g], price, memory)].decode_s;
    }
    return s;
}

/* The lowest price of a second at which the time budget holds: bisected, as dearer seconds
   never make the sum of times longer. */
static double price_for(const mlr_tuner *t, const mlr_budgets *b)
{
    double limit = (double)b->decode_ms / 1000;
    double low = 0;
    double high = 1e3;
    if (b->decode_ms == 0 || time_at(t, 0, b->memory) <= limit) {
        return 0;
    }
    while (high < 1e15 && time_at(t, high, b->memory) > limit) {
        high *= 10;
    }
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (time_at(t, middle, b->memory) > limit) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

/* A gain within the errors of both forecasts is none. */
static bool certain(const mlr_tuner_group *g, size_t i)
{
    const mlr_tuner_option *now = &g->option[0];
    const mlr_tuner_option *then = &g->option[i];
    return now->bytes - then->bytes > now->error_bytes + then->error_bytes;
}

static double saving(const mlr_tuner_group *g)
{
    return g->option[0].bytes - g->option[g->best].bytes;
}

/* Groups with something to tell, largest saving first. */
static void put_in_order(mlr_tuner *t)
{
    t->order_count = 0;
    for (size_t g = 0; g < t->groups; g++) {
        if (t->group[g].best == 0) {
            continue;
        }
        size_t at = t->order_count++;
        for (; at > 0 && saving(&t->group[t->order[at - 1]]) < saving(&t->group[g]); at--) {
            t->order[at] = t->order[at - 1];
        }
        t->order[at] = g;
    }
}

/* What would be smaller but breaks the memory budget is worth seeing. */
static void look_beyond(mlr_tuner_group *g, const mlr_budgets *b)
{
    size_t free_best = best_at(g, 0, 0);
    if (g->best == 0 && g->option[free_best].bytes < g->option[0].bytes * 0.99 &&
        b->memory > 0 && g->option[free_best].memory > b->memory) {
        g->best = free_best;
        g->over = true;
    }
}

bool mlr_tuner_solve(mlr_tuner *t, const mlr_app *app)
{
    const mlr_budgets *b = &app->desk.budgets;
    mlr_sweep s = mlr_tuner_sweep();
    if (!make_groups(t, app)) {
        return false;
    }
    add_options(t, app, (mlr_pick){0});
    for (size_t k = 0; k < s.strategies * s.levels; k++) {
        add_options(t, app,
                    (mlr_pick){.strategy = s.strategy[k % s.strategies],
                               .level = s.level[k / s.strategies]});
    }
    double price = price_for(t, b);
    for (size_t g = 0; g < t->groups; g++) {
        mlr_tuner_group *to = &t->group[g];
        to->best = best_at(to, price, b->memory);
        bool must = price > 0 || (b->memory > 0 && to->option[0].memory > b->memory);
        to->best = must || certain(to, to->best) ? to->best : 0;
        to->ticked = to->best != 0;
        look_beyond(to, b);
    }
    put_in_order(t);
    mlr_tuner_sum(t, app);
    return true;
}

void mlr_tuner_sum(mlr_tuner *t, const mlr_app *app)
{
    const mlr_budgets *b = &app->desk.budgets;
    mlr_desk_sums s = {0};
    for (size_t i = 0; i < app->desk.travelling; i++) {
        size_t row = app->desk.by_size[i];
        size_t g = i < t->rows ? t->group_of[i] : NO_GROUP;
        const mlr_cast *c = mlr_desk_cast(&app->desk, row);
        if (g != NO_GROUP && t->group[g].ticked) {
            c = mlr_desk_cast_of(&app->desk, row,
                                 t->group[g].option[t->group[g].best].pick);
        }
        mlr_desk_add(&s, &app->session.rows.row[row], c);
    }
    t->best =
        (mlr_tuner_point){.bytes = s.bytes, .decode_s = s.decode_s, .memory = s.memory};
    t->fits = (b->size == 0 || s.bytes <= (double)b->size) &&
              (b->memory == 0 || s.memory <= b->memory) &&
              (b->decode_ms == 0 || s.decode_s * 1000 <= (double)b->decode_ms);
}

void mlr_tuner_apply(const mlr_tuner *t, mlr_app *app)
{
    char label[56];
    size_t n = 0;
    for (size_t g = 0; g < t->groups; g++) {
        n += t->group[g].ticked;
    }
    snprintf(label, sizeof label, "auto-tune: %zu group%s", n, n == 1 ? "" : "s");
    mlr_desk_step_begin(app, label);
    for (size_t i = 0; i < t->rows && i < app->desk.travelling; i++) {
        size_t g = t->group_of[i];
        if (g != NO_GROUP && t->group[g].ticked) {
            mlr_choices_set(&app->desk.choices, app->desk.by_size[i],
                            t->group[g].option[t->group[g].best].pick);
        }
    }
    mlr_desk_step_end(app);
}
