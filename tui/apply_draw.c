/* The meters of an applier, its history, and what became of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/apply_view.h"
#include "tui/cell_text.h"

/* --- the form ---------------------------------------------------------------------------
 */

static const char *const field_names[MLR_FIELDS] = {
    "Base", "Patch", "Output", "Memory ceiling", "Replace output", "Run"};

static void field_value(const mlr_apply_view *a, int i, char *to, size_t room)
{
    const mlr_run_wish *w = &a->wish;
    char size[16];
    char count[32];
    switch (i) {
    case MLR_FIELD_BASE:
        snprintf(to, room, "%s", w->base);
        break;
    case MLR_FIELD_PATCH:
        snprintf(to, room, "%s", w->patch);
        break;
    case MLR_FIELD_OUT:
        snprintf(to, room, "%s", w->out);
        break;
    case MLR_FIELD_CEILING:
        if (w->ceiling == 0) {
            snprintf(to, room, "none");
        } else {
            snprintf(to, room, "%s  (%s bytes)",
                     mlr_fmt_bytes(size, sizeof size, w->ceiling),
                     mlr_fmt_count(count, sizeof count, w->ceiling));
        }
        break;
    case MLR_FIELD_REPLACE:
        snprintf(to, room, "%s", w->replace ? "yes" : "no");
        break;
    default:
        snprintf(to, room, "Enter starts it");
        break;
    }
}

static int draw_facts(const mlr_apply_view *a, mlr_pane v, int row)
{
    const mlr_patch_facts *f = &a->facts;
    char size[16];
    char made[16];
    char need[16];
    if (!f->known) {
        mlr_put(v, row, 1, f->why[0] == '\0' ? MLR_ROLE_DIM : MLR_ROLE_ERROR,
                f->why[0] == '\0' ? "choose a patch to see what it needs" : f->why);
        return row + 1;
    }
    mlr_putf(v, row, 1, MLR_ROLE_TEXT, "patch %s  makes %s in %llu records of %u file%s",
             mlr_fmt_bytes(size, sizeof size, f->size),
             mlr_fmt_bytes(made, sizeof made, f->new_bytes), (unsigned long long)f->records,
             f->members, f->members == 1 ? "" : "s");
    mlr_putf(v, row + 1, 1, MLR_ROLE_TEXT, "needs %s of arena, one block at a time",
             mlr_fmt_bytes(need, sizeof need, f->need));
    mlr_putf(v, row + 2, 1, MLR_ROLE_DIM, "sha256 %s", f->digest[0]);
    return row + 3;
}

static const char *outcome(const mlr_past_run *p)
{
    static const char *const words[] = {"",        "runs",   "paused", "proven",
                                        "refused", "failed", "stopped"};
    return words[p->state];
}

static mlr_role outcome_role(mlr_run_state s)
{
    return s == MLR_RUN_DONE      ? MLR_ROLE_OK
           : s == MLR_RUN_FAILED  ? MLR_ROLE_ERROR
           : s == MLR_RUN_REFUSED ? MLR_ROLE_WARNING
                                  : MLR_ROLE_TEXT;
}

static void draw_runs(const mlr_apply_view *a, mlr_pane v)
{
    mlr_pane in = mlr_frame(v, "Runs", NULL);
    if (a->pasts == 0) {
        mlr_put(in, 0, 1, MLR_ROLE_DIM, "none yet");
        return;
    }
    bool wide = in.cols >= 74;
    mlr_put(in, 0, 1, MLR_ROLE_HEADER, "run  ceiling  memory   time   MB/s  result");
    mlr_put(in, 0, wide ? 48 : in.cols, MLR_ROLE_HEADER, "arena  lanes  resident");
    for (size_t i = 0; i < a->pasts && (int)i + 1 < in.rows; i++) {
        const mlr_past_run *p = &a->past[i];
        int row = (int)i + 1;
        char text[24];
        mlr_putf(in, row, 1, MLR_ROLE_DIM, "#%u", p->number);
        mlr_put_right(in, row, 13, MLR_ROLE_TEXT,
                      p->ceiling == 0 ? "none"
                                      : mlr_fmt_bytes(text, sizeof text, p->ceiling));
        mlr_put_right(in, row, 21, MLR_ROLE_TEXT,
                      mlr_fmt_bytes(text, sizeof text, p->peak_data));
        snprintf(text, sizeof text, "%.2f", p->seconds);
        mlr_put_right(in, row, 28, MLR_ROLE_TEXT, text);
        if (p->state == MLR_RUN_DONE && p->seconds > 0) {
            snprintf(text, sizeof text, "%.0f", (double)p->new_bytes / p->seconds / 1e6);
            mlr_put_right(in, row, 35, MLR_ROLE_TEXT, text);
        }
        mlr_put(in, row, 37, outcome_role(p->state), outcome(p));
        if (wide) {
            mlr_put_right(in, row, 53, MLR_ROLE_TEXT,
                          mlr_fmt_bytes(text, sizeof text, p->arena));
            mlr_putf(in, row, 57, MLR_ROLE_TEXT, "%llu", (unsigned long long)p->lanes);
            mlr_put_right(in, row, 70, MLR_ROLE_TEXT,
                          mlr_fmt_bytes(text, sizeof text, p->peak_rss));
        }
    }
}

void mlr_apply_draw_form(const mlr_apply_view *a, mlr_pane v)
{
    int gap = v.rows >= 18 ? 1 : 0;
    int label = v.cols >= 60 ? 18 : 16;
    for (int i = 0; i < MLR_FIELDS; i++) {
        char value[MLR_PATH_BYTES];
        char fit[512];
        bool here = (size_t)i == a->field;
        int row = gap + i;
        mlr_pane at = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
        if (here) {
            mlr_fill(mlr_pane_part(at, row, 0, 1, at.cols), MLR_ROLE_TEXT);
            mlr_put_glyph(at, row, 0, MLR_ROLE_TEXT, MLR_G_CURSOR);
            mlr_cursor_at(v, row, 0);
        }
        field_value(a, i, value, sizeof value);
        mlr_put(at, row, 2, i == MLR_FIELD_RUN ? MLR_ROLE_STRONG : MLR_ROLE_DIM,
                field_names[i]);
        mlr_elide_middle(fit, sizeof fit, value, strlen(value), v.cols - label - 1);
        bool missing = i < MLR_FIELD_CEILING && value[0] == '\0';
        mlr_put(at, row, label, missing ? MLR_ROLE_WARNING : MLR_ROLE_TEXT,
                missing ? "not chosen yet; Enter" : fit);
    }
    int row = draw_facts(a, v, MLR_FIELDS + 2 * gap);
    if (row + gap + 3 <= v.rows) {
        draw_runs(a, mlr_pane_part(v, row + gap, 0, v.rows - row - gap, v.cols));
    }
}

/* --- meters -----------------------------------------------------------------------------
 */

/* The next of 1, 1.5, 2, 3, 4, 6, 8, 12 ...: a scale that seldom moves costs few bytes. */
static double round_up(double x)
{
    double p = 1;
    while (p * 2 <= x) {
        p *= 2;
    }
    return x <= p ? p : x <= p * 1.5 ? p * 1.5 : p * 2;
}

typedef struct meter_line {
    const char *label;
    uint64_t now, whole;
    uint64_t budget; /* 0: none */
    char text[64];
} meter_line;

static void draw_meter(mlr_pane v, int row, const meter_line *l)
{
    int text = v.cols >= 120 ? 56 : v.cols >= 70 ? 36 : 16;
    int width = v.cols - 9 - text;
    double whole = l->whole > 0 ? (double)l->whole : 1;
    bool over = l->budget > 0 && l->now > l->budget;
    bool near = l->budget > 0 && !over && (double)l->now > 0.9 * (double)l->budget;
    mlr_role role = over   ? MLR_ROLE_METER_OVER
                    : near ? MLR_ROLE_METER_NEAR
                           : MLR_ROLE_METER_OK;
    mlr_meter m = {.fraction = (double)l->now / whole,
                   .budget = l->budget > 0 ? (double)l->budget / whole : -1,
                   .role = role};
    char fit[96];
    mlr_put(v, row, 1, MLR_ROLE_TEXT, l->label);
    mlr_put_meter(v, row, 8, width, &m);
    mlr_text_cut(fit, sizeof fit, l->text, text - 1);
    mlr_put(v, row, 9 + width, over ? MLR_ROLE_ERROR : MLR_ROLE_TEXT, fit);
}

static void draw_memory(const mlr_patch_run *r, mlr_pane v, int *row)
{
    char now[16];
    char peak[16];
    char most[16];
    uint64_t c = r->wish.ceiling;
    bool whole_process = c >= 1 << 20;
    uint64_t shown = r->peak_rss > r->peak_data ? r->peak_rss : r->peak_data;
    shown = c > shown ? c : shown;
    meter_line l = {.label = "memory",
                    .now = r->at.data,
                    .whole = (uint64_t)round_up((double)shown * 1.1),
                    .budget = whole_process ? c : 0};
    int n = snprintf(l.text, sizeof l.text, "%s now  %s peak",
                     mlr_fmt_bytes(now, sizeof now, r->at.data),
                     mlr_fmt_bytes(peak, sizeof peak, r->peak_data));
    if (whole_process && n > 0) {
        snprintf(l.text + n, sizeof l.text - (size_t)n, "  %s max  %s",
                 mlr_fmt_bytes(most, sizeof most, c), r->peak_data > c ? "OVER !" : "ok");
    }
    draw_meter(v, (*row)++, &l);
    l = (meter_line){.label = "RSS", .now = r->at.rss, .whole = l.whole};
    snprintf(l.text, sizeof l.text, "%s now  %s peak, with code",
             mlr_fmt_bytes(now, sizeof now, r->at.rss),
             mlr_fmt_bytes(peak, sizeof peak, r->peak_rss));
    draw_meter(v, (*row)++, &l);
}

static void draw_arena(const mlr_patch_run *r, mlr_pane v, int *row)
{
    char all[16];
    char lane[16];
    char state[16];
    const mlr_run_at *at = &r->at;
    uint64_t c = r->wish.ceiling;
    meter_line l = {
        .label = "arena", .now = at->arena, .whole = c > at->arena ? c : at->arena};
    l.budget = c > 0 && c < 1 << 20 ? c : 0;
    snprintf(l.text, sizeof l.text, "%s  blocks %llux%s  tables %s",
             mlr_fmt_bytes(all, sizeof all, at->arena), (unsigned long long)at->lanes,
             mlr_fmt_bytes(lane, sizeof lane, at->lane),
             mlr_fmt_bytes(state, sizeof state, at->state + at->record_bytes));
    draw_meter(v, (*row)++, &l);
    l = (meter_line){.label = "block", .now = at->block, .whole = at->blocks};
    snprintf(l.text, sizeof l.text, "%llu of %llu  record %llu of %llu",
             (unsigned long long)at->block, (unsigned long long)at->blocks,
             (unsigned long long)at->record, (unsigned long long)at->records);
    draw_meter(v, (*row)++, &l);
}

static void draw_progress(const mlr_patch_run *r, mlr_pane v, int *row)
{
    char done[16];
    char all[16];
    char left[32] = "";
    const mlr_run_at *at = &r->at;
    meter_line l = {.label = "base", .now = at->base_done, .whole = at->base_total};
    snprintf(l.text, sizeof l.text, "%s of %s checked",
             mlr_fmt_bytes(done, sizeof done, at->base_done),
             mlr_fmt_bytes(all, sizeof all, at->base_total));
    draw_meter(v, (*row)++, &l);
    l = (meter_line){.label = "new", .now = at->new_done, .whole = at->new_total};
    int n = snprintf(l.text, sizeof l.text, "%s of %s",
                     mlr_fmt_bytes(done, sizeof done, at->new_done),
                     mlr_fmt_bytes(all, sizeof all, at->new_total));
    if (at->left >= 0.5 && r->state == MLR_RUN_RUNNING && n > 0) {
        snprintf(l.text + n, sizeof l.text - (size_t)n, "  %s left",
                 mlr_fmt_seconds(left, sizeof left, (uint64_t)(at->left + 0.5)));
    }
    draw_meter(v, (*row)++, &l);
}

/* --- history ----------------------------------------------------------------------------
 */

typedef double (*pick)(const mlr_run_sample *s);

static double pick_data(const mlr_run_sample *s)
{
    return (double)s->data;
}

static double pick_in(const mlr_run_sample *s)
{
    return (double)s->in_rate;
}

static double pick_out(const mlr_run_sample *s)
{
    return (double)s->out_rate;
}

/* Samples that share a column: a power of two, so that columns seldom shift. */
static size_t per_column(size_t samples, size_t cols)
{
    size_t each = 1;
    while (cols > 0 && (samples + each - 1) / each > cols) {
        each *= 2;
    }
    return each;
}

static void draw_history(const mlr_patch_run *r, mlr_pane v, pick value, double floor_most,
                         mlr_role role)
{
    double column[512] = {0};
    double most = floor_most;
    size_t cols = v.cols < 512 ? (size_t)(v.cols > 0 ? v.cols : 0) : 512;
    size_t each = per_column(r->samples, cols);
    for (size_t i = 0; i < r->samples && i / each < cols; i++) {
        double x = value(&r->sample[i]);
        column[i / each] = x > column[i / each] ? x : column[i / each];
        most = x > most ? x : most;
    }
    mlr_columns(v, column, cols, round_up(most), role);
}

static void draw_phases(const mlr_patch_run *r, mlr_pane v)
{
    size_t cols = v.cols > 0 ? (size_t)v.cols : 0;
    size_t each = per_column(r->samples, cols);
    for (size_t i = 0; i < r->samples; i += each) {
        mlr_put_cp(v, 0, (int)(i / each), MLR_ROLE_DIM, r->sample[i].phase);
    }
}

static void rate_text(char *to, size_t room, double bytes_s)
{
    snprintf(to, room, "%.0f MB/s", bytes_s / 1e6);
}

static void draw_spark(const mlr_patch_run *r, mlr_pane v, int row, int rows,
                       const char *label, pick value)
{
    char text[32] = "";
    char size[16];
    const mlr_run_sample *last = r->samples > 0 ? &r->sample[r->samples - 1] : NULL;
    int right = v.cols >= 60 ? 12 : 0;
    mlr_put(v, row, 1, MLR_ROLE_TEXT, label);
    draw_history(r, mlr_pane_part(v, row, 8, rows, v.cols - 8 - right), value, 1,
                 MLR_ROLE_SPARK);
    if (last != NULL && value == pick_data) {
        snprintf(text, sizeof text, "%s", mlr_fmt_bytes(size, sizeof size, last->data));
    } else if (last != NULL && r->state == MLR_RUN_DONE && r->seconds > 0) {
        uint64_t bytes =
            value == pick_out ? r->new_bytes : r->at.base_total + r->at.patch_done;
        rate_text(text, sizeof text, (double)bytes / r->seconds);
    } else if (last != NULL) {
        rate_text(text, sizeof text, value(last));
    }
    if (right > 0) {
        mlr_put_right(v, row + rows - 1, v.cols - 1, MLR_ROLE_TEXT, text);
    }
}

/* --- what became of it ------------------------------------------------------------------
 */

static void draw_verdict(const mlr_apply_view *a, mlr_pane v, int row)
{
    const mlr_patch_run *r = &a->run;
    char size[16];
    char text[320];
    char fit[320];
    char count[32];
    mlr_role role = MLR_ROLE_TEXT;
    switch (r->state) {
    case MLR_RUN_DONE:
        role = MLR_ROLE_OK;
        snprintf(text, sizeof text, "✓ proven: %s bytes in %.2f s, SHA-256 matches",
                 mlr_fmt_count(count, sizeof count, r->new_bytes), r->seconds);
        break;
    case MLR_RUN_REFUSED:
        role = MLR_ROLE_WARNING;
        snprintf(text, sizeof text, "✗ too little memory: %s is the smallest that works; m",
                 mlr_fmt_bytes(size, sizeof size, r->smallest));
        break;
    case MLR_RUN_FAILED:
        role = MLR_ROLE_ERROR;
        snprintf(text, sizeof text, "✗ %s", r->message);
        break;
    case MLR_RUN_STOPPED:
        role = MLR_ROLE_WARNING;
        snprintf(text, sizeof text, "%s", r->message);
        break;
    case MLR_RUN_PAUSED:
        role = MLR_ROLE_WARNING;
        snprintf(text, sizeof text, "paused; p goes on");
        break;
    default:
        snprintf(text, sizeof text, "%s %s",
                 r->at.phase[0] == '\0' ? "starting" : r->at.phase, r->at.strategy);
        break;
    }
    mlr_text_cut(fit, sizeof fit, text, v.cols - 2);
    mlr_put(v, row, 1, role, fit);
    if (r->state == MLR_RUN_DONE && a->facts.known && row + 1 < v.rows) {
        mlr_putf(v, row + 1, 1, MLR_ROLE_DIM, "sha256 %s", a->facts.digest[0]);
    } else if (r->state == MLR_RUN_FAILED && row + 1 < v.rows) {
        mlr_put(v, row + 1, 1, MLR_ROLE_DIM, "e changes the run, r tries again");
    } else if (r->peak_data > 0 && r->peak_in[0] != '\0' && row + 1 < v.rows) {
        mlr_putf(v, row + 1, 1, MLR_ROLE_DIM, "peak in %s", r->peak_in);
    }
}

static int draw_sparks(const mlr_patch_run *r, mlr_pane v, int row, int spare)
{
    int each = spare >= 19 ? 5 : spare >= 13 ? 3 : spare >= 9 ? 2 : spare >= 4 ? 1 : 0;
    if (each == 0) {
        return row;
    }
    draw_spark(r, v, row, each, "memory", pick_data);
    draw_spark(r, v, row + each, each, "in", pick_in);
    draw_spark(r, v, row + 2 * each, each, "out", pick_out);
    row += 3 * each;
    mlr_put(v, row, 1, MLR_ROLE_TEXT, "phase");
    int right = v.cols >= 60 ? 22 : 0;
    draw_phases(r, mlr_pane_part(v, row, 8, 1, v.cols - 8 - right));
    if (right > 0) {
        mlr_put_right(v, row, v.cols - 1, MLR_ROLE_DIM, "base apply sync");
    }
    return row + 1;
}

void mlr_apply_draw_run(const mlr_apply_view *a, mlr_pane v)
{
    const mlr_patch_run *r = &a->run;
    int row = 0;
    int runs = v.rows < 20 ? 0 : v.rows >= 34 ? (int)a->pasts + 3 : 5;
    mlr_cursor_at(v, 0, 1);
    draw_memory(r, v, &row);
    if (v.rows >= 12) {
        draw_arena(r, v, &row);
    }
    draw_progress(r, v, &row);
    row += v.rows >= 30;
    row = draw_sparks(r, v, row, v.rows - row - runs - 2);
    row += v.rows >= 30;
    draw_verdict(a, v, row);
    row += 2;
    if (runs > 0 && v.rows - row >= 4) {
        draw_runs(a, mlr_pane_part(v, v.rows - (v.rows - row), 0, v.rows - row, v.cols));
    }
}
