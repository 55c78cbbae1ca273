/* The meters of an applier, its history, and what became of it. */
#include <stdio.h>
#include <string.h>

#include "tui/apply_view.h"
#include "tui/cell_text.h"

enum { LABEL = 9, FULL_ROWS = 34, SOME_ROWS = 16 };

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
    char text[80];
    char brief[40]; /* the same where there is little room */
} meter_line;

static void draw_meter(mlr_pane v, int row, const meter_line *l)
{
    int text = v.cols >= 120 ? 56 : v.cols >= 70 ? 38 : 16;
    int width = v.cols - LABEL - 2 - text;
    double whole = l->whole > 0 ? (double)l->whole : 1;
    bool over = l->budget > 0 && l->now > l->budget;
    bool near = l->budget > 0 && !over && (double)l->now > 0.9 * (double)l->budget;
    mlr_meter m = {.fraction = (double)l->now / whole,
                   .budget = l->budget > 0 ? (double)l->budget / whole : -1,
                   .role = over   ? MLR_ROLE_METER_OVER
                           : near ? MLR_ROLE_METER_NEAR
                                  : MLR_ROLE_METER_OK};
    char fit[96];
    mlr_put(v, row, 1, MLR_ROLE_DIM, l->label);
    mlr_put_meter(v, row, LABEL, width, &m);
    mlr_text_cut(fit, sizeof fit, v.cols >= 70 ? l->text : l->brief, text - 1);
    mlr_put(v, row, LABEL + 2 + width, over ? MLR_ROLE_ERROR : MLR_ROLE_TEXT, fit);
}

/* A ceiling from 1 MiB on holds for the whole process, a smaller one for the arena alone.
 */
static bool holds_for_all(const mlr_patch_run *r)
{
    return r->wish.ceiling >= 1 << 20;
}

/* "  of 1.0M  ok": only where there is a ceiling to keep. */
static void add_budget(meter_line *l, uint64_t ceiling, uint64_t most)
{
    char size[16];
    size_t n = strlen(l->text);
    l->budget = ceiling;
    l->whole = ceiling > l->whole ? ceiling + ceiling / 8 : l->whole;
    snprintf(l->text + n, sizeof l->text - n, "  of %s  %s",
             mlr_fmt_bytes(size, sizeof size, ceiling), most > ceiling ? "OVER !" : "ok");
    n = strlen(l->brief);
    snprintf(l->brief + n, sizeof l->brief - n, "/%s %s", size,
             most > ceiling ? "OVER" : "ok");
}

static meter_line memory_line(const mlr_patch_run *r)
{
    char now[16];
    char peak[16];
    meter_line l = {.label = "memory", .now = r->at.data, .whole = r->peak_data};
    snprintf(l.text, sizeof l.text, "%s now  %s peak",
             mlr_fmt_bytes(now, sizeof now, r->at.data),
             mlr_fmt_bytes(peak, sizeof peak, r->peak_data));
    snprintf(l.brief, sizeof l.brief, "%s", now);
    if (holds_for_all(r)) {
        add_budget(&l, r->wish.ceiling, r->peak_data);
    }
    l.whole = (uint64_t)round_up((double)l.whole);
    return l;
}

static meter_line resident_line(const mlr_patch_run *r, uint64_t whole)
{
    char now[16];
    char peak[16];
    meter_line l = {.label = "RSS", .now = r->at.rss, .whole = whole};
    l.whole = r->peak_rss > whole ? (uint64_t)round_up((double)r->peak_rss) : whole;
    snprintf(l.text, sizeof l.text, "%s now  %s peak, program too",
             mlr_fmt_bytes(now, sizeof now, r->at.rss),
             mlr_fmt_bytes(peak, sizeof peak, r->peak_rss));
    snprintf(l.brief, sizeof l.brief, "%s", now);
    return l;
}

/* A run that ended early told nothing of its arena. */
static bool told(const mlr_patch_run *r)
{
    return r->at.arena > 0;
}

static meter_line arena_line(const mlr_patch_run *r)
{
    char all[16];
    const mlr_run_at *at = &r->at;
    meter_line l = {.label = "arena", .now = at->arena, .whole = at->arena};
    snprintf(l.text, sizeof l.text, "%s in one piece",
             mlr_fmt_bytes(all, sizeof all, at->arena));
    snprintf(l.brief, sizeof l.brief, "%s", all);
    if (r->wish.ceiling > 0 && !holds_for_all(r)) {
        snprintf(l.text, sizeof l.text, "%s", mlr_fmt_bytes(all, sizeof all, at->arena));
        add_budget(&l, r->wish.ceiling, at->arena);
    }
    return l;
}

/* What the arena is made of: blocks being rebuilt, and all that is read through. */
static meter_line window_line(const mlr_run_at *at)
{
    char each[16];
    meter_line l = {.label = "window", .now = at->lanes * at->lane, .whole = at->arena};
    snprintf(l.text, sizeof l.text, "%llu block%s of %s at once",
             (unsigned long long)at->lanes, at->lanes == 1 ? "" : "s",
             mlr_fmt_bytes(each, sizeof each, at->lane));
    return l;
}

static meter_line buffer_line(const mlr_run_at *at)
{
    char in[16];
    char tables[16];
    char glue[16];
    uint64_t window = at->lanes * at->lane;
    meter_line l = {.label = "buffers",
                    .now = at->arena > window ? at->arena - window : 0,
                    .whole = at->arena};
    snprintf(l.text, sizeof l.text, "in %s  tables %s  rest %s",
             mlr_fmt_bytes(in, sizeof in, at->input + at->dict),
             mlr_fmt_bytes(tables, sizeof tables, at->state + at->record_bytes + at->fixed),
             mlr_fmt_bytes(glue, sizeof glue, at->glue));
    return l;
}

static int draw_memory(const mlr_patch_run *r, mlr_pane v, int row, bool parts)
{
    meter_line l = memory_line(r);
    meter_line rss = resident_line(r, l.whole);
    draw_meter(v, row++, &l);
    draw_meter(v, row++, &rss);
    if (!told(r)) {
        mlr_put(v, row, 1, MLR_ROLE_DIM, "arena");
        mlr_put(v, row, LABEL, MLR_ROLE_DIM,
                r->pid > 0 ? "not taken yet" : "it ended before one was taken");
        return row + 1;
    }
    l = arena_line(r);
    draw_meter(v, row++, &l);
    if (parts) {
        l = window_line(&r->at);
        draw_meter(v, row++, &l);
        l = buffer_line(&r->at);
        draw_meter(v, row++, &l);
    }
    return row;
}

static int draw_progress(const mlr_patch_run *r, mlr_pane v, int row)
{
    char done[16];
    char all[16];
    char left[32] = "";
    const mlr_run_at *at = &r->at;
    meter_line l = {.label = "base", .now = at->base_done, .whole = at->base_total};
    snprintf(l.text, sizeof l.text, "%s of %s checked",
             mlr_fmt_bytes(done, sizeof done, at->base_done),
             mlr_fmt_bytes(all, sizeof all, at->base_total));
    snprintf(l.brief, sizeof l.brief, "%s of %s", done, all);
    draw_meter(v, row++, &l);
    l = (meter_line){.label = "new", .now = at->new_done, .whole = at->new_total};
    int n = snprintf(l.text, sizeof l.text, "%s of %s",
                     mlr_fmt_bytes(done, sizeof done, at->new_done),
                     mlr_fmt_bytes(all, sizeof all, at->new_total));
    snprintf(l.brief, sizeof l.brief, "%s of %s", done, all);
    if (at->left >= 0.5 && r->state == MLR_RUN_RUNNING && n > 0) {
        snprintf(l.text + n, sizeof l.text - (size_t)n, "  %s left",
                 mlr_fmt_seconds(left, sizeof left, (uint64_t)(at->left + 0.5)));
    }
    draw_meter(v, row++, &l);
    return row;
}

/* The tensor and the block at work: names are the patch's own. */
static void draw_tensor(const mlr_apply_view *a, mlr_pane v, int row)
{
    const mlr_run_at *at = &a->run.at;
    char where[64];
    char name[256];
    size_t more = 0;
    mlr_str s = mlr_apply_tensor(a, at->record, &more);
    mlr_put(v, row, 1, MLR_ROLE_DIM, "tensor");
    if (at->record == 0) {
        mlr_put(v, row, LABEL, MLR_ROLE_DIM,
                a->run.state == MLR_RUN_RUNNING ? "checking the base first"
                                                : "none reached");
        return;
    }
    snprintf(where, sizeof where, "record %llu/%llu  block %llu/%llu",
             (unsigned long long)at->record, (unsigned long long)at->records,
             (unsigned long long)at->block, (unsigned long long)at->blocks);
    int room = v.cols - LABEL - (v.cols >= 70 ? (int)strlen(where) + 18 : 1);
    mlr_elide_name(name, sizeof name, s.n > 0 ? s.p : "unnamed", s.n > 0 ? s.n : 7, room);
    int col = mlr_put(v, row, LABEL, MLR_ROLE_STRONG, name);
    if (more > 0 && col + 8 < LABEL + room) {
        col = mlr_putf(v, row, col, MLR_ROLE_DIM, " +%zu", more);
    }
    if (v.cols >= 70) {
        mlr_put(v, row, LABEL + room + 2, MLR_ROLE_TEXT, at->strategy);
        mlr_put_right(v, row, v.cols - 1, MLR_ROLE_TEXT, where);
    }
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

/* Where a sample's columns begin. While more come a sample takes a power of two of columns,
   or a column of samples, so that what stands seldom shifts; then they share all there is.
 */
static size_t column_of(const mlr_patch_run *r, size_t sample, size_t cols)
{
    size_t wide = 8;
    size_t each = 1;
    if (r->pid <= 0 && r->samples > 0 && r->samples <= cols) {
        return sample * cols / r->samples;
    }
    while (wide > 1 && r->samples * wide > cols) {
        wide /= 2;
    }
    while (cols > 0 && (r->samples + each - 1) / each > cols) {
        each *= 2;
    }
    return sample / each * wide;
}

/* Behind the last column of a sample: at least one. */
static size_t column_end(const mlr_patch_run *r, size_t sample, size_t cols)
{
    size_t from = column_of(r, sample, cols);
    size_t to = column_of(r, sample + 1, cols);
    to = to > from ? to : from + 1;
    return to < cols ? to : cols;
}

static void draw_history(const mlr_patch_run *r, mlr_pane v, pick value, mlr_role role)
{
    double column[512] = {0};
    double most = 1;
    size_t cols = v.cols < 512 ? (size_t)(v.cols > 0 ? v.cols : 0) : 512;
    for (size_t i = 0; i < r->samples; i++) {
        double x = value(&r->sample[i]);
        most = x > most ? x : most;
        for (size_t c = column_of(r, i, cols); c < column_end(r, i, cols); c++) {
            column[c] = x > column[c] ? x : column[c];
        }
    }
    mlr_columns(v, column, cols, round_up(most), role);
}

static void draw_phase_strip(const mlr_patch_run *r, mlr_pane v)
{
    size_t cols = v.cols > 0 ? (size_t)v.cols : 0;
    for (size_t i = 0; i < r->samples; i++) {
        for (size_t c = column_of(r, i, cols); c < column_end(r, i, cols); c++) {
            mlr_put_cp(v, 0, (int)c, MLR_ROLE_DIM, r->sample[i].phase);
        }
    }
}

/* What stands beside a graph: the rate of a run that is over is its mean. */
static void put_value(const mlr_patch_run *r, mlr_pane v, int row, pick value)
{
    char text[32] = "";
    const mlr_run_sample *last = r->samples > 0 ? &r->sample[r->samples - 1] : NULL;
    if (last == NULL) {
        return;
    }
    double rate = value(last);
    if (value == pick_data) {
        (void)mlr_fmt_bytes(text, sizeof text, last->data);
    } else {
        if (r->state == MLR_RUN_DONE && r->seconds > 0) {
            uint64_t bytes =
                value == pick_out ? r->new_bytes : r->at.base_total + r->at.patch_done;
            rate = (double)bytes / r->seconds;
        }
        snprintf(text, sizeof text, "%.0f MB/s", rate / 1e6);
    }
    mlr_put_right(v, row, v.cols - 1, MLR_ROLE_TEXT, text);
}

static int draw_sparks(const mlr_patch_run *r, mlr_pane v, int row, int each)
{
    static const struct {
        const char *label;
        pick value;
    } graph[] = {{"memory", pick_data}, {"in", pick_in}, {"out", pick_out}};
    int right = v.cols >= 60 ? 12 : 0;
    for (size_t i = 0; i < 3; i++, row += each) {
        mlr_put(v, row + each - 1, 1, MLR_ROLE_DIM, graph[i].label);
        draw_history(r, mlr_pane_part(v, row, LABEL, each, v.cols - LABEL - right),
                     graph[i].value, MLR_ROLE_SPARK);
        if (right > 0) {
            put_value(r, v, row + each - 1, graph[i].value);
        }
    }
    mlr_put(v, row, 1, MLR_ROLE_DIM, "phase");
    draw_phase_strip(r, mlr_pane_part(v, row, LABEL, 1, v.cols - LABEL - right));
    if (right > 0) {
        mlr_putf(v, row, v.cols - right + 2, MLR_ROLE_DIM, "%6.2f s", r->at.elapsed);
    }
    return row + 1;
}

/* --- phases -----------------------------------------------------------------------------
 */

static const char *const phase_names[MLR_RUN_PHASES] = {"base check", "apply",
                                                        "sync, rename"};

static double phase_total(const mlr_patch_run *r)
{
    double all = 0;
    for (int i = 0; i < MLR_RUN_PHASES; i++) {
        all += r->phase_s[i];
    }
    return all;
}

static void draw_phases(const mlr_patch_run *r, mlr_pane v)
{
    char note[32];
    double all = phase_total(r);
    snprintf(note, sizeof note, "%.2f s", all);
    mlr_pane in = mlr_frame(v, "Phases", note);
    for (int i = 0; i < MLR_RUN_PHASES && i < in.rows; i++) {
        double share = all > 0 ? r->phase_s[i] / all : 0;
        int bar = in.cols - 14 - 17;
        mlr_put(in, i, 1, MLR_ROLE_DIM, phase_names[i]);
        mlr_bar(in, i, 14, bar > 4 ? bar : 4, share, MLR_ROLE_BAR);
        mlr_putf(in, i, in.cols - 16, MLR_ROLE_TEXT, "%7.2f s %4.0f%%", r->phase_s[i],
                 share * 100);
    }
    if (r->peak_data > 0 && r->peak_in[0] != '\0' && in.rows > MLR_RUN_PHASES) {
        mlr_putf(in, MLR_RUN_PHASES, 1, MLR_ROLE_DIM, "memory peaks in %s", r->peak_in);
    }
}

static void draw_phase_line(const mlr_patch_run *r, mlr_pane v, int row)
{
    int at = LABEL;
    mlr_put(v, row, 1, MLR_ROLE_DIM, "times");
    for (int i = 0; i < MLR_RUN_PHASES; i++) {
        at = mlr_put(v, row, at, MLR_ROLE_DIM, phase_names[i]);
        at = mlr_putf(v, row, at, MLR_ROLE_TEXT, " %.2f s", r->phase_s[i]) + 2;
    }
}

/* --- what became of it ------------------------------------------------------------------
 */

static mlr_role verdict(const mlr_apply_view *a, char *to, size_t room)
{
    const mlr_patch_run *r = &a->run;
    char size[16];
    char count[32];
    switch (r->state) {
    case MLR_RUN_DONE:
        snprintf(to, room, "✓ proven: %s bytes in %.2f s, SHA-256 matches",
                 mlr_fmt_count(count, sizeof count, r->new_bytes), r->seconds);
        return MLR_ROLE_OK;
    case MLR_RUN_REFUSED:
        snprintf(to, room, "✗ this patch needs %s, more than it may",
                 mlr_fmt_bytes(size, sizeof size, r->smallest));
        return MLR_ROLE_WARNING;
    case MLR_RUN_FAILED:
        snprintf(to, room, "✗ %s", r->message);
        return MLR_ROLE_ERROR;
    case MLR_RUN_STOPPED:
        snprintf(to, room, "%s", r->message);
        return MLR_ROLE_WARNING;
    case MLR_RUN_PAUSED:
        snprintf(to, room, "paused; p goes on");
        return MLR_ROLE_WARNING;
    default:
        snprintf(to, room, "%s", r->at.phase[0] == '\0' ? "starting" : "working");
        return MLR_ROLE_TEXT;
    }
}

static void draw_verdict(const mlr_apply_view *a, mlr_pane v, int row)
{
    const mlr_patch_run *r = &a->run;
    char size[16];
    char text[320];
    char fit[320];
    mlr_role role = verdict(a, text, sizeof text);
    mlr_text_cut(fit, sizeof fit, text, v.cols - 2);
    mlr_put(v, row, 1, role, fit);
    if (row + 1 >= v.rows) {
        return;
    }
    if (r->state == MLR_RUN_DONE && a->facts.known) {
        mlr_putf(v, row + 1, 1, MLR_ROLE_DIM, "sha256 %s", a->facts.digest[0]);
    } else if (r->state == MLR_RUN_REFUSED) {
        mlr_putf(v, row + 1, 1, MLR_ROLE_DIM,
                 v.cols >= 60 ? "m runs with that · f makes another patch, for %s"
                              : "m takes that · f: patch for %s",
                 mlr_fmt_bytes(size, sizeof size, r->wish.ceiling));
    } else if (r->state == MLR_RUN_FAILED) {
        mlr_put(v, row + 1, 1, MLR_ROLE_DIM, "e changes the run, r tries again");
    } else if (r->peak_data > 0 && r->peak_in[0] != '\0') {
        mlr_putf(v, row + 1, 1, MLR_ROLE_DIM, "memory peaks in %s", r->peak_in);
    }
}

/* --- layouts ----------------------------------------------------------------------------
 */

static void draw_small(const mlr_apply_view *a, mlr_pane v)
{
    const mlr_patch_run *r = &a->run;
    int row = draw_memory(r, v, 0, false);
    row = draw_progress(r, v, row);
    draw_tensor(a, v, row++);
    draw_verdict(a, v, row);
}

static void draw_some(const mlr_apply_view *a, mlr_pane v)
{
    const mlr_patch_run *r = &a->run;
    int row = draw_memory(r, v, 0, true);
    row = draw_progress(r, v, row);
    draw_tensor(a, v, row++);
    row = draw_sparks(r, v, row, v.rows >= 24 ? 2 : 1);
    draw_phase_line(r, v, row++);
    draw_verdict(a, v, row);
    row += 2;
    if (v.rows - row >= 4) {
        mlr_apply_draw_runs(a, mlr_pane_part(v, row, 0, v.rows - row, v.cols));
    }
}

static void draw_full(const mlr_apply_view *a, mlr_pane v)
{
    enum { MEMORY = 7, NOW = 7, LOW = 9 };
    const mlr_patch_run *r = &a->run;
    char note[48] = "";
    char size[16];
    if (r->wish.ceiling > 0) {
        snprintf(note, sizeof note, "ceiling %s%s",
                 mlr_fmt_bytes(size, sizeof size, r->wish.ceiling),
                 holds_for_all(r) ? "" : ", of the arena");
    }
    mlr_pane in = mlr_frame(mlr_pane_part(v, 0, 0, MEMORY, v.cols), "Memory", note);
    (void)draw_memory(r, in, 0, true);
    in = mlr_frame(mlr_pane_part(v, MEMORY, 0, NOW, v.cols), "Now", NULL);
    (void)draw_progress(r, in, 0);
    draw_tensor(a, in, 2);
    draw_verdict(a, in, 3);
    int mid = v.rows - MEMORY - NOW - LOW;
    in = mlr_frame(mlr_pane_part(v, MEMORY + NOW, 0, mid, v.cols), "History", NULL);
    (void)draw_sparks(r, in, 0, (in.rows - 1) / 3);
    int left = v.cols * 2 / 5;
    draw_phases(r, mlr_pane_part(v, v.rows - LOW, 0, LOW, left));
    mlr_apply_draw_runs(a, mlr_pane_part(v, v.rows - LOW, left, LOW, v.cols - left));
}

void mlr_apply_draw_run(const mlr_apply_view *a, mlr_pane v)
{
    mlr_cursor_at(v, 0, 1);
    if (v.rows < SOME_ROWS) {
        draw_small(a, v);
    } else if (v.rows < FULL_ROWS) {
        draw_some(a, v);
    } else {
        draw_full(a, v);
    }
}
