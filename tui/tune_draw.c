/* How the Tune screen looks; nothing here changes anything. */
#include <stdio.h>
#include <string.h>

#include "apply/host/printable.h"
#include "tui/cell_text.h"
#include "tui/tune_view.h"

enum {
    RIGHT_COLS = 54,
    NARROW_COLS = 42,
    WIDE = 100,
    NARROW = 70,
    TINY = 60,
    VALUE_AT = 13
};

/* --- what if ----------------------------------------------------------------------------
 */

static void put_slider(mlr_pane v, int row, int col, int width, int level)
{
    for (int i = 0; i < width; i++) {
        mlr_put_glyph(v, row, col + i, MLR_ROLE_FRAME, MLR_G_H_LINE);
    }
    int at = (level - 1) * (width - 1) / (MLR_TUNE_LEVELS - 1);
    mlr_put_glyph(v, row, col + at, MLR_ROLE_STRONG, MLR_G_BALL);
}

static void put_level(mlr_pane line, int row, const mlr_tune_view *t, int cols)
{
    int at = mlr_putf(line, row, VALUE_AT, MLR_ROLE_TEXT, "‹ %2d ›  1 ", t->what_if.level);
    int width = cols - at - 4;
    width = width > 24 ? 24 : width;
    if (width > 6) {
        put_slider(line, row, at, width, t->what_if.level);
        mlr_put(line, row, at + width + 1, MLR_ROLE_TEXT, "22");
    }
}

static void scope_text(const mlr_app *app, char *to, size_t room)
{
    const mlr_desk *d = &app->desk;
    char name[64];
    size_t n = mlr_desk_scope_count(app);
    if (d->scope == MLR_SCOPE_RULE) {
        snprintf(to, room, "r%zu %s, %zu", d->scope_rule + 1,
                 mlr_rule_name(&d->book.doc.profile, d->scope_rule, name, sizeof name), n);
    } else if (d->scope == MLR_SCOPE_FOCUS && app->focus < app->session.rows.count) {
        mlr_str s = app->session.rows.row[app->focus].name;
        (void)mlr_elide_name(to, room, s.p, s.n, 26);
    } else {
        snprintf(to, room, d->scope == MLR_SCOPE_MARKED ? "◆ %zu marked" : "all %zu", n);
    }
}

static void field_text(const mlr_app *app, const mlr_tune_view *t, mlr_tune_field f,
                       char *to, size_t room)
{
    const mlr_desk *d = &app->desk;
    char bytes[16];
    uint32_t device = d->outlook == NULL ? 0 : d->outlook->device.block_bytes;
    switch (f) {
    case MLR_TUNE_SCOPE:
        scope_text(app, to, room);
        break;
    case MLR_TUNE_STRATEGY:
        snprintf(to, room, "%s",
                 t->what_if.strategy == MLR_NEURAL
                     ? "auto"
                     : mlr_strategy_word(t->what_if.strategy));
        break;
    case MLR_TUNE_NEURAL:
        snprintf(to, room, "%s",
                 t->what_if.strategy == MLR_NEURAL ? "yes, only what knows floats"
                 : t->what_if.strategy == MLR_AUTO ? "no, best of all"
                                                   : "as the strategy is");
        break;
    case MLR_TUNE_DICT:
        snprintf(to, room, "%s",
                 d->dict == NULL        ? "none"
                 : t->what_if.dict == 0 ? "no"
                                        : mlr_path_leaf(d->dict_path));
        break;
    case MLR_TUNE_BLOCK:
        mlr_fmt_bytes(bytes, sizeof bytes,
                      t->what_if.block_bytes == 0 ? device : t->what_if.block_bytes);
        snprintf(to, room, "%s%s", bytes,
                 t->what_if.block_bytes == 0 ? ", the device's" : "");
        break;
    default:
        to[0] = '\0';
    }
}

static void draw_field(const mlr_app *app, const mlr_tune_view *t, mlr_pane v, int row,
                       mlr_tune_field f)
{
    static const char *const labels[] = {"For",    "Strategy",   "Level",
                                         "Neural", "Dictionary", "Window"};
    char text[96];
    char fit[128];
    bool here = t->pane == MLR_TUNE_WHAT_IF && t->field == (size_t)f;
    mlr_pane line = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
    if (here) {
        mlr_fill(mlr_pane_part(line, row, 0, 1, v.cols), MLR_ROLE_TEXT);
        mlr_put_glyph(line, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
        mlr_cursor_at(v, row, 2);
    }
    mlr_put(line, row, 2, MLR_ROLE_DIM, labels[f]);
    if (f == MLR_TUNE_LEVEL) {
        put_level(line, row, t, v.cols);
        return;
    }
    field_text(app, t, f, text, sizeof text);
    mlr_elide_middle(fit, sizeof fit, text, strlen(text), v.cols - VALUE_AT - 5);
    bool settled = f == MLR_TUNE_NEURAL && t->what_if.strategy >= 0;
    mlr_putf(line, row, VALUE_AT, settled ? MLR_ROLE_DIM : MLR_ROLE_TEXT, "‹ %s ›", fit);
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

static void put_amount(mlr_pane v, int row, int end, double x, bool bytes)
{
    char text[24];
    if (bytes) {
        mlr_fmt_bytes(text, sizeof text, (uint64_t)x);
    } else {
        snprintf(text, sizeof text, x < 0.9995 ? "%.0f ms" : "%.2f s",
                 x < 0.9995 ? x * 1e3 : x);
    }
    mlr_put_right(v, row, end, MLR_ROLE_TEXT, text);
}

/* Times to encode were measured here and now: no figure that is compared. */
static void draw_sums(const mlr_app *app, const mlr_tune_view *t, mlr_pane v, int row)
{
    const mlr_desk_sums *now = &app->desk.sums;
    const mlr_desk_sums *then = &t->then;
    const mlr_budgets *b = &app->desk.budgets;
    bool whole = then->predicted == then->to_predict;
    const struct {
        const char *label;
        double now, then, most;
        bool bytes;
    } lines[] = {
        {"size", now->bytes, then->bytes, (double)b->size, true},
        {"decode", now->decode_s, then->decode_s, (double)b->decode_ms / 1000, false},
        {"RAM", (double)now->memory, (double)then->memory, (double)b->memory, true},
        {"encode", now->encode_s, then->encode_s, 0, false}};
    mlr_put_right(v, row, 17, MLR_ROLE_HEADER, "now");
    mlr_put_right(v, row, 26, MLR_ROLE_HEADER, "what-if");
    for (int i = 0; i < 4; i++) {
        mlr_put(v, row + 1 + i, 2, MLR_ROLE_DIM, lines[i].label);
        put_amount(v, row + 1 + i, 17, lines[i].now, lines[i].bytes);
        if (!whole) { /* a sum of some says nothing about all */
            mlr_put_right(v, row + 1 + i, 26, MLR_ROLE_ESTIMATE, "…");
            continue;
        }
        put_amount(v, row + 1 + i, 26, lines[i].then, lines[i].bytes);
        put_change(v, row + 1 + i, 28, lines[i].now, lines[i].then);
        if (lines[i].most > 0 && lines[i].then > lines[i].most) {
            mlr_put_right(v, row + 1 + i, v.cols, MLR_ROLE_WARNING,
                          v.cols >= 46 ? "OVER !" : "!");
        }
    }
    if (!whole) {
        mlr_putf(v, row + 5, 2, MLR_ROLE_ESTIMATE, "%zu of %zu forecast so far",
                 then->predicted, then->to_predict);
    } else {
        mlr_put(v, row + 5, 2, MLR_ROLE_DIM, "all lossless; Enter keeps it, R resets");
    }
}

static void draw_history(const mlr_app *app, mlr_pane v)
{
    const mlr_choices *c = &app->desk.choices;
    if (v.rows < 2 || c->step_count == 0) {
        return;
    }
    mlr_put(v, 0, 2, MLR_ROLE_HEADER, "History");
    mlr_put_right(v, 0, v.cols - 1, MLR_ROLE_DIM, "H compares");
    size_t room = (size_t)v.rows - 1;
    size_t first = c->step_count > room ? c->step_count - room : 0;
    for (size_t i = first; i < c->step_count; i++) {
        char fit[64];
        bool held = i < c->done;
        mlr_text_cut(fit, sizeof fit, c->step[i].label, v.cols - 16);
        mlr_putf(v, 1 + (int)(i - first), 2, held ? MLR_ROLE_TEXT : MLR_ROLE_DIM,
                 "%3zu %s%s", i + 1, fit, held ? "" : " (undone)");
    }
}

static void draw_what_if(const mlr_app *app, const mlr_tune_view *t, mlr_pane v)
{
    int row = 0;
    size_t first = v.rows < MLR_TUNE_FIELDS && t->field >= (size_t)v.rows
                       ? t->field - (size_t)v.rows + 1
                       : 0;
    for (size_t f = first; f < MLR_TUNE_FIELDS && row < v.rows; f++, row++) {
        draw_field(app, t, v, row, (mlr_tune_field)f);
    }
    if (v.rows >= row + 5) {
        bool loose = v.rows >= row + 7;
        draw_sums(app, t, v, loose ? row + 1 : row);
        row += loose ? 8 : 6;
    }
    draw_history(app, mlr_pane_part(v, row, 0, v.rows - row, v.cols));
}

/* --- auto-tune --------------------------------------------------------------------------
 */

const char *mlr_tune_pick_text(mlr_pick p, char *to, size_t room)
{
    char block[16];
    if (p.level == 0) {
        snprintf(to, room, "several");
        return to;
    }
    snprintf(to, room, "%s %u%s", mlr_strategy_word(p.strategy), p.level,
             p.dict != 0 ? " dict" : "");
    if (p.block_bytes != 0) {
        size_t n = strlen(to);
        snprintf(to + n, room - n, " %s",
                 mlr_fmt_bytes(block, sizeof block, p.block_bytes));
    }
    return to;
}

static int put_aim(const mlr_tune_view *t, mlr_pane v, int at, mlr_tune_aim aim,
                   const char *label, const char *value)
{
    bool here = t->pane == MLR_TUNE_GOAL && t->aim == (size_t)aim;
    int gap = v.cols < TINY ? 0 : 1;
    int width = mlr_text_width(label, strlen(label)) + mlr_text_width(value, strlen(value));
    mlr_pane line = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
    if (here) {
        mlr_fill(mlr_pane_part(line, 0, at, 1, width + 2 + gap), MLR_ROLE_TEXT);
        mlr_cursor_at(v, 0, at);
    }
    at = mlr_put(line, 0, at, MLR_ROLE_DIM, label);
    return mlr_putf(line, 0, at + gap, MLR_ROLE_TEXT, "‹%s›", value) + 1 + gap;
}

static void draw_aims(const mlr_app *app, const mlr_tune_view *t, mlr_pane v)
{
    const mlr_budgets *b = &app->desk.budgets;
    char text[24];
    bool tiny = v.cols < TINY;
    int at = put_aim(t, v, !tiny, MLR_AIM_GOAL, tiny ? "" : "Goal", mlr_goal_name(t->goal));
    const uint64_t most[] = {b->size, b->memory};
    static const char *const labels[][2] = {{"size ≤", "size≤"}, {"RAM ≤", "RAM≤"}};
    for (int i = 0; i < 2; i++) {
        at = put_aim(t, v, at, (mlr_tune_aim)(MLR_AIM_SIZE + i), labels[i][tiny],
                     most[i] == 0 ? "any" : mlr_fmt_bytes(text, sizeof text, most[i]));
    }
    snprintf(text, sizeof text, b->decode_ms == 0 ? "any" : "%.2f s",
             (double)b->decode_ms / 1000);
    (void)put_aim(t, v, at, MLR_AIM_TIME, tiny ? "dec≤" : "decode ≤", text);
}

/* Columns of a result. */
typedef struct places {
    int name_cols, from, now, then, change, decode, count;
    bool wide, tiny;
} places;

static places lay_out(int cols)
{
    places p = {.wide = cols >= WIDE, .tiny = cols < TINY};
    p.count = cols;
    p.decode = p.wide ? cols - 12 : 0;
    p.change = p.wide ? cols - 24 : cols;
    if (p.tiny) {
        p.from = cols - 23;
        p.name_cols = p.from - 7;
        return p;
    }
    p.then = p.change - 9;
    p.now = p.then - 8;
    p.from = p.now - 6 - (p.wide ? 36 : 16);
    p.name_cols = p.from - 7;
    return p;
}

static void put_bytes(mlr_pane v, int row, int end, const mlr_desk_sums *s)
{
    char text[16];
    bool known = s->predicted > 0;
    mlr_put_right(v, row, end,
                  s->predicted == s->to_predict ? MLR_ROLE_TEXT : MLR_ROLE_ESTIMATE,
                  known ? mlr_fmt_bytes(text, sizeof text, (uint64_t)s->bytes) : "…");
}

static void put_share(mlr_pane v, int row, int end, double now, double then,
                      const char *what)
{
    char text[32];
    double share = now > 0 ? then / now - 1 : 0;
    bool same = share > -0.0005 && share < 0.0005;
    if (same) {
        snprintf(text, sizeof text, "=%s", what);
    } else {
        snprintf(text, sizeof text, "%+.1f%%%s", share * 100, what);
    }
    mlr_put_right(v, row, end,
                  same        ? MLR_ROLE_DIM
                  : share < 0 ? MLR_ROLE_OK
                              : MLR_ROLE_WARNING,
                  text);
}

static void result_name(const mlr_tune_view *t, const mlr_tuner_row *r, char *to,
                        size_t room)
{
    const mlr_profile *p = &t->tuner.found.profile;
    char match[128];
    if (r->rule >= p->rule_count) {
        snprintf(to, room, p->rule_count > 0 ? "everything else" : "everything");
        return;
    }
    mlr_rule_match_text(&p->rules[r->rule], match, sizeof match);
    snprintf(to, room, "%s", match);
}

static void draw_result(const mlr_tune_view *t, mlr_pane v, int row, size_t i)
{
    const mlr_tuner_row *r = &t->tuner.row[i];
    places p = lay_out(v.cols);
    char name[160];
    char fit[160];
    char from[48];
    char to[48];
    char count[24];
    bool here = t->pane == MLR_TUNE_RESULTS && t->result == i;
    mlr_pane line = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
    if (here) {
        mlr_fill(mlr_pane_part(line, row, 0, 1, v.cols), MLR_ROLE_TEXT);
        mlr_cursor_at(v, row, 2);
        mlr_put_glyph(line, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
    }
    mlr_put(line, row, 2, r->ticked ? MLR_ROLE_OK : MLR_ROLE_DIM,
            r->ticked ? "[x]" : "[ ]");
    result_name(t, r, name, sizeof name);
    mlr_elide_middle(fit, sizeof fit, name, strlen(name), p.name_cols);
    mlr_put(line, row, 6, MLR_ROLE_TEXT, fit);
    mlr_tune_pick_text(r->from, from, sizeof from);
    mlr_tune_pick_text(r->to, to, sizeof to);
    mlr_putf(line, row, p.from, MLR_ROLE_TEXT, p.wide ? "%-15.15s → %.17s" : "→ %s%.13s",
             p.wide ? from : "", to);
    if (!p.tiny) {
        put_bytes(line, row, p.now, &r->now);
        mlr_put(line, row, p.now + 1, MLR_ROLE_DIM, "→");
        put_bytes(line, row, p.then, &r->then);
    }
    put_share(line, row, p.change, r->now.bytes, r->then.bytes, "");
    if (p.wide) {
        put_share(line, row, p.decode, r->now.decode_s, r->then.decode_s, " dec");
        snprintf(count, sizeof count, "%zu tensor%s", r->count, r->count == 1 ? "" : "s");
        mlr_put_right(line, row, p.count, MLR_ROLE_DIM, count);
    }
    if (r->over) {
        mlr_put(line, row, p.from, MLR_ROLE_WARNING, " RAM over ! ");
    }
}

/* The outcome in one line: what was made and proven, and what is ticked. */
static void draw_outcome(const mlr_app *app, const mlr_tune_view *t, mlr_pane v)
{
    const mlr_tuner_facts *f = &t->tuner.facts;
    const mlr_desk_sums *s = &t->tuner.sums;
    char size[16];
    char memory[16];
    char made[16];
    mlr_fmt_bytes(made, sizeof made, f->patch_bytes);
    if (t->tuner.count == 0) {
        mlr_putf(v, 0, 1, MLR_ROLE_OK,
                 "✓ what holds now is the best that is known (%s, made and proven)", made);
        return;
    }
    mlr_fmt_bytes(size, sizeof size, (uint64_t)s->bytes);
    mlr_fmt_bytes(memory, sizeof memory, s->memory);
    int at = mlr_putf(v, 0, 1, MLR_ROLE_STRONG, "★ %s~  ", size);
    put_amount(v, 0, at + 6, s->decode_s, false);
    at = mlr_putf(v, 0, at + 8, MLR_ROLE_TEXT, "%s RAM", memory) + 2;
    bool tiny = v.cols < TINY;
    const mlr_budgets *b = &app->desk.budgets;
    bool any = b->size + b->memory + b->decode_ms > 0;
    bool fits = mlr_tuner_fits(&t->tuner, app);
    at = mlr_put(v, 0, at,
                 !any   ? MLR_ROLE_DIM
                 : fits ? MLR_ROLE_OK
                        : MLR_ROLE_WARNING,
                 !any   ? (tiny ? "" : "no budgets")
                 : fits ? (tiny ? "ok" : "within budgets")
                        : (tiny ? "over !" : "over budget !"));
    if (v.cols >= WIDE) {
        mlr_putf(v, 0, at + 2, MLR_ROLE_DIM,
                 "all of it was made, structure too: %s, %.0f ms, %u round%s; choices by "
                 "hand stay",
                 made, (double)f->decode_us / 1e3, f->rounds, f->rounds == 1 ? "" : "s");
    }
}

static void draw_auto(const mlr_app *app, const mlr_tune_view *t, mlr_pane v)
{
    /* Atomics are read, nothing changes. */
    mlr_job *job = (mlr_job *)(uintptr_t)&t->tuner.job;
    draw_aims(app, t, v);
    mlr_pane rest = mlr_pane_part(v, 1, 0, v.rows - 1, v.cols);
    if (mlr_job_state_of(job) == MLR_JOB_RUNNING) {
        mlr_putf(rest, 0, 1, MLR_ROLE_MESSAGE,
                 "measuring, solving and making the patch, %llu s; ^G stops it",
                 (unsigned long long)((app->now_ms - job->started_ms) / 1000));
        return;
    }
    if (!t->tuner.there) {
        mlr_put(rest, 0, 1, MLR_ROLE_DIM,
                rest.cols < NARROW ? "t finds the best rules"
                                   : "t finds the best rules, as `mallorn tune` does");
        return;
    }
    draw_outcome(app, t, rest);
    size_t lines = rest.rows > 1 ? (size_t)rest.rows - 1 : 0;
    size_t top = lines > 0 && t->result >= lines ? t->result - lines + 1 : 0;
    for (size_t i = 0; i < lines && top + i < t->tuner.count; i++) {
        draw_result(t, rest, 1 + (int)i, top + i);
    }
}

/* --- the whole --------------------------------------------------------------------------
 */

void mlr_tune_draw(const mlr_app *app, const mlr_tune_view *t, mlr_pane body)
{
    char title[64];
    char note[64];
    bool small = body.rows < 16 || body.cols < NARROW; /* one pane at a time */
    static const char keys[] = "t start · Space tick · Enter take";
    if (small && t->pane != MLR_TUNE_WHAT_IF) {
        draw_auto(app, t, mlr_frame(body, "Auto-tune", body.cols < 60 ? "t start" : keys));
        return;
    }
    int below = small ? 0 : body.rows >= 34 ? 14 : 6;
    int above = body.rows - below;
    int right = small ? body.cols : body.cols >= WIDE ? RIGHT_COLS : NARROW_COLS;
    int left = body.cols - right;
    if (left > 0) {
        mlr_sweep s = mlr_tuner_sweep();
        snprintf(title, sizeof title, "Patch size × %s",
                 t->by_memory ? "memory to apply" : "time to decode");
        snprintf(note, sizeof note, "%zu of %zu", t->tuner.points, s.strategies * s.levels);
        mlr_tune_plot_draw(app, t,
                           mlr_frame(mlr_pane_part(body, 0, 0, above, left), title, note));
    }
    snprintf(title, sizeof title, "What if");
    draw_what_if(app, t,
                 mlr_frame(mlr_pane_part(body, 0, left, above, right), title, "live"));
    if (below > 0) {
        draw_auto(
            app, t,
            mlr_frame(mlr_pane_part(body, above, 0, below, body.cols), "Auto-tune", keys));
    }
}
