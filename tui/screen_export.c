/* Export: where the patch goes, how it is going, and how good the forecasts were. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/app_core.h"
#include "tui/cell_text.h"
#include "tui/command_line.h"
#include "tui/widget_table.h"

enum field {
    F_PATCH,
    F_PROFILE,
    F_REPORT,
    F_REPLACE,
    F_MEMORY,
    F_THREADS,
    F_START,
    F_DRY,
    F_COUNT
};

enum { MISSES = 64, FORM_ROWS = 10, ROOMY_ROWS = 16 };

typedef struct export_screen {
    mlr_export_wish wish;
    size_t cursor;
    uint32_t miss[MISSES]; /* rows, largest miss first */
    size_t misses;
} export_screen;

static void name_files(mlr_app *app, export_screen *x)
{
    mlr_patch_name(app, x->wish.patch, sizeof x->wish.patch - 16);
    snprintf(x->wish.report, sizeof x->wish.report, "%.1000s.json", x->wish.patch);
    snprintf(x->wish.profile, sizeof x->wish.profile, "%.1000s.yaml", x->wish.patch);
}

static mlr_status open_export(mlr_app *app, void **state, mlr_err *err)
{
    export_screen *x = mlr_take(app->alloc, sizeof *x);
    if (x == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the screen");
    }
    memset(x, 0, sizeof *x);
    name_files(app, x);
    *state = x;
    return MLR_OK;
}

static void close_export(mlr_app *app, void *state)
{
    mlr_give(app->alloc, state, sizeof(export_screen));
}

static void renew(mlr_app *app, void *state)
{
    name_files(app, state);
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    export_screen *x = state;
    (void)rows;
    (void)cols;
    x->misses = mlr_exporter_misses(&app->exporter, x->miss, MISSES);
    (void)mlr_desk_total(app);
}

/* --- starting ---------------------------------------------------------------------------
 */

static void fill_item(const mlr_app *app, mlr_exporter *e, size_t i)
{
    const mlr_ui_row *r = &app->session.rows.row[i];
    const mlr_desk *d = &app->desk;
    mlr_exported *item = &e->item[i];
    char *name = mlr_pool_copy(&e->pool, r->name.p, r->name.n);
    item->name = (mlr_str){name == NULL ? "" : name, name == NULL ? 0 : r->name.n};
    item->bytes = r->bytes;
    item->predicted = -1;
    bool decided = r->by == MLR_BY_YOU || r->by == MLR_BY_RULE;
    item->pick = decided ? mlr_desk_pick(d, i) : (mlr_pick){0};
    if (mlr_row_travels(r) && r->out.state != MLR_FACT_UNKNOWN) {
        const mlr_cast *c = mlr_desk_cast(d, i);
        item->predicted = c != NULL && c->structure ? -1 : r->out.value;
        item->error = (double)r->out.error;
        e->predicted += r->out.value;
        e->predicted_error += r->out.value * (double)r->out.error;
    }
}

static void start(mlr_app *app, export_screen *x, bool dry_run)
{
    mlr_exporter *e = &app->exporter;
    const mlr_ui_session *s = &app->session;
    mlr_err err = {0};
    if (s->new_model == NULL || s->new_opened == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "open two models first");
        return;
    }
    if (mlr_exporter_prepare(e, s->rows.count, &err) != MLR_OK) {
        mlr_app_say(app, MLR_ROLE_WARNING, "an export is running already; ^G stops it");
        return;
    }
    e->wish = x->wish;
    e->wish.dry_run = dry_run;
    e->wish.max_memory = app->desk.budgets.memory;
    e->plain = mlr_command_is_plain(app, &e->all);
    e->profile_text = mlr_desk_profile(app, &e->profile_taken);
    if (e->profile_text == NULL || app->desk.book.bad) {
        mlr_app_say(app, MLR_ROLE_ERROR,
                    "the rules have a mistake, so nothing was exported: 5 shows it");
        return;
    }
    e->predicted = 0;
    e->predicted_error = 0;
    memcpy(e->old_path, s->old_path, sizeof e->old_path);
    memcpy(e->new_path, s->new_path, sizeof e->new_path);
    for (size_t i = 0; i < s->rows.count; i++) {
        fill_item(app, e, i);
    }
    if (mlr_exporter_start(e, app->now_ms, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
    }
}

/* --- the form ---------------------------------------------------------------------------
 */

enum { ASK_PATCH, ASK_PROFILE, ASK_REPORT, ASK_THREADS };

static void press(mlr_app *app, export_screen *x, enum field f)
{
    char text[16];
    switch (f) {
    case F_PATCH:
        mlr_app_ask(app, ASK_PATCH, "write the patch to: ", x->wish.patch, NULL);
        break;
    case F_PROFILE:
        mlr_app_ask(app, ASK_PROFILE,
                    "choices as a profile (empty: none): ", x->wish.profile, NULL);
        break;
    case F_REPORT:
        mlr_app_ask(app, ASK_REPORT, "report (.json, .md; empty: none): ", x->wish.report,
                    NULL);
        break;
    case F_REPLACE:
        x->wish.replace = !x->wish.replace;
        break;
    case F_MEMORY:
        (void)mlr_desk_act(app, MLR_DO_BUDGET);
        break;
    case F_THREADS:
        snprintf(text, sizeof text, "%u", x->wish.threads);
        mlr_app_ask(app, ASK_THREADS, "threads (0: one per processor): ", text, NULL);
        break;
    case F_START:
    case F_DRY:
        start(app, x, f == F_DRY);
        break;
    case F_COUNT:
        break;
    }
}

static void answer(mlr_app *app, void *state, const mlr_answer *a)
{
    export_screen *x = state;
    (void)app;
    if (a->reply != MLR_REPLY_ACCEPTED) {
        return;
    }
    if (a->question == ASK_PATCH && a->text[0] != '\0') {
        snprintf(x->wish.patch, sizeof x->wish.patch, "%s", a->text);
    } else if (a->question == ASK_PROFILE) {
        snprintf(x->wish.profile, sizeof x->wish.profile, "%s", a->text);
    } else if (a->question == ASK_REPORT) {
        snprintf(x->wish.report, sizeof x->wish.report, "%s", a->text);
    } else if (a->question == ASK_THREADS) {
        long n = strtol(a->text, NULL, 10);
        x->wish.threads = n < 0 || n > 256 ? 0 : (unsigned)n;
    }
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    export_screen *x = state;
    mlr_ui_table t = {.count = F_COUNT, .cursor = x->cursor, .page = F_COUNT};
    if (mlr_table_act(&t, action)) {
        x->cursor = t.cursor;
        return true;
    }
    switch (action) {
    case MLR_DO_ENTER:
        press(app, x, (enum field)x->cursor);
        return true;
    case MLR_DO_START:
        start(app, x, false);
        return true;
    case MLR_DO_DRY_RUN:
        start(app, x, true);
        return true;
    case MLR_DO_UNDO:
    case MLR_DO_REDO:
    case MLR_DO_BUDGET:
    case MLR_DO_COPY_COMMAND:
        return mlr_desk_act(app, action);
    default:
        return false;
    }
}

static void put_value(mlr_pane v, int row, int col, const char *text)
{
    char fit[MLR_EXPORT_PATH];
    int room = v.cols - col - 1;
    mlr_elide_middle(fit, sizeof fit, text, strlen(text), room > 4 ? room : 4);
    mlr_put(v, row, col, MLR_ROLE_TEXT, fit);
}

static const char *value_of(const mlr_app *app, const export_screen *x, enum field f,
                            char *to, size_t room)
{
    char bytes[16];
    switch (f) {
    case F_PATCH:
        return x->wish.patch;
    case F_PROFILE:
        return x->wish.profile[0] == '\0' ? "none" : x->wish.profile;
    case F_REPORT:
        return x->wish.report[0] == '\0' ? "none" : x->wish.report;
    case F_REPLACE:
        return x->wish.replace ? "[x] files that exist are replaced"
                               : "[ ] files that exist are kept";
    case F_MEMORY:
        if (app->desk.budgets.memory == 0) {
            return "no ceiling: blocks of 1M";
        }
        snprintf(to, room, "≤ %s for the applier",
                 mlr_fmt_bytes(bytes, sizeof bytes, app->desk.budgets.memory));
        return to;
    case F_THREADS:
        if (x->wish.threads == 0) {
            return "one per processor";
        }
        snprintf(to, room, "%u", x->wish.threads);
        return to;
    default:
        return "";
    }
}

static void draw_form(const mlr_app *app, const export_screen *x, mlr_pane v)
{
    static const char *const labels[] = {"Patch",  "Profile", "Report",    "Replace",
                                         "Memory", "Threads", "[ Start ]", "[ Dry run ]"};
    int room = v.rows < F_COUNT ? v.rows : F_COUNT;
    int top = (int)x->cursor >= room ? (int)x->cursor - room + 1 : 0;
    for (int i = top; i < F_COUNT && i - top < v.rows; i++) {
        char text[64];
        bool here = x->cursor == (size_t)i;
        mlr_pane line = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
        int row = i - top;
        if (here) {
            mlr_fill(mlr_pane_part(line, row, 0, 1, v.cols), MLR_ROLE_TEXT);
            mlr_put_glyph(line, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
            mlr_cursor_at(v, row, 2);
        }
        bool button = i >= F_START;
        mlr_put(line, row, 2, button ? MLR_ROLE_STRONG : MLR_ROLE_DIM, labels[i]);
        put_value(line, row, 14, value_of(app, x, (enum field)i, text, sizeof text));
        if (i == F_DRY) {
            put_value(line, row, 14, "encode and prove, write nothing");
        } else if (i == F_START) {
            put_value(line, row, 14, "every block is decoded and compared");
        }
    }
}

/* --- progress ---------------------------------------------------------------------------
 */

static const char *ratio_text(char *to, size_t room, double in, double out)
{
    snprintf(to, room, out > 0 ? "%.2f×" : "·", out > 0 ? in / out : 0);
    return to;
}

static void draw_bar(const mlr_app *app, mlr_pane v, int row)
{
    const mlr_exporter *e = &app->exporter;
    mlr_job *job = (mlr_job *)(uintptr_t)&e->job; /* atomics are read, nothing changes */
    uint64_t done = atomic_load(&job->done);
    uint64_t total = atomic_load(&job->total);
    double share = total > 0 ? (double)done / (double)total : 0;
    bool running = e->state == MLR_EXPORT_RUNNING;
    char text[96] = "";
    if (e->state == MLR_EXPORT_DONE) {
        share = 1;
    }
    double spent = e->was_encoding ? (double)(app->now_ms - e->encode_ms) / 1000 : 0;
    if (running && spent > 0.3 && share > 0.01) {
        char left[32];
        mlr_fmt_seconds(left, sizeof left, (uint64_t)(spent * (1 - share) / share) + 1);
        snprintf(text, sizeof text, "%.1f MB/s  %s left", (double)done / spent / 1e6, left);
    } else if (e->state == MLR_EXPORT_DONE && e->result.seconds > 0) {
        snprintf(text, sizeof text, "%.1f MB/s  %.2f s",
                 (double)e->result.new_bytes / e->result.seconds / 1e6, e->result.seconds);
    }
    int width = v.cols - 14 - 30;
    width = width < 10 ? 10 : width > 72 ? 72 : width;
    mlr_meter m = {share > 1 ? 1 : share, -1, MLR_ROLE_METER_OK};
    mlr_put(v, row, 1, MLR_ROLE_DIM, running && !e->was_encoding ? "match" : "encode");
    mlr_put_meter(v, row, 9, width, &m);
    mlr_putf(v, row, 10 + width, MLR_ROLE_STRONG, "%3.0f%%  %s", share * 100, text);
}

/* Columns of the comparison. */
enum { AT_PREDICTED = 25, AT_NOW = 38, AT_END = 54 };

static void put_three(mlr_pane v, int row, const char *label, const char *const three[3])
{
    mlr_put(v, row, 1, MLR_ROLE_DIM, label);
    mlr_put_right(v, row, AT_PREDICTED, MLR_ROLE_ESTIMATE, three[0]);
    mlr_put_right(v, row, AT_NOW, MLR_ROLE_TEXT, three[1]);
    mlr_put_right(v, row, AT_END, MLR_ROLE_STRONG, three[2]);
}

static void put_miss_note(mlr_pane v, int row, int col, double miss, double error)
{
    double off = miss < 0 ? -miss : miss;
    double band = error > 0.03 ? error : 0.03;
    mlr_putf(v, row, col, off <= band ? MLR_ROLE_OK : MLR_ROLE_WARNING, "%+.1f%% %s",
             miss * 100, off <= band ? "within" : "off  !");
}

static void draw_comparison(const mlr_app *app, mlr_pane v, int row)
{
    const mlr_exporter *e = &app->exporter;
    bool done = e->state == MLR_EXPORT_DONE;
    char a[24];
    char b[24];
    char c[24];
    double in = done ? (double)e->result.new_bytes : 0;
    double end = done ? (double)e->result.made.patch_bytes
                      : (double)e->actual + e->predicted - e->predicted_made;
    for (size_t i = 0; i < e->count && !done; i++) {
        in += (double)e->item[i].bytes;
    }
    mlr_put_right(v, row, AT_PREDICTED, MLR_ROLE_HEADER, "predicted");
    mlr_put_right(v, row, AT_NOW, MLR_ROLE_HEADER, "so far");
    mlr_put_right(v, row, AT_END, MLR_ROLE_HEADER, done ? "actual" : "at end");
    mlr_fmt_bytes(a, sizeof a, (uint64_t)e->predicted);
    mlr_fmt_bytes(b, sizeof b, e->actual);
    mlr_fmt_bytes(c, sizeof c, (uint64_t)end);
    put_three(v, row + 1, "patch size", (const char *const[]){a, b, c});
    if (e->predicted > 0 && v.cols > AT_END + 16) {
        put_miss_note(v, row + 1, AT_END + 3, end / e->predicted - 1,
                      e->predicted_error / e->predicted);
    }
    put_three(v, row + 2, "ratio",
              (const char *const[]){ratio_text(a, sizeof a, in, e->predicted), "",
                                    ratio_text(c, sizeof c, in, end)});
    mlr_fmt_bytes(a, sizeof a, app->desk.sums.memory);
    mlr_fmt_bytes(c, sizeof c, e->result.need_bytes);
    put_three(
        v, row + 3, "memory to apply",
        (const char *const[]){app->desk.sums.memory > 0 ? a : "·", "", done ? c : "·"});
    snprintf(b, sizeof b, "%zu/%zu", e->made, e->to_make);
    put_three(v, row + 4, "tensors", (const char *const[]){"", b, ""});
}

/* "▕    |  ●  ▏": where the actual size lies round the predicted one. */
static void draw_scale(mlr_pane v, int row, int col, double miss)
{
    enum { HALF = 6 };
    double most = 0.12;
    double at = miss / most * HALF;
    at = at < -HALF ? -HALF : at > HALF ? HALF : at;
    int cell = HALF + (int)(at + (at < 0 ? -0.5 : 0.5));
    mlr_put_glyph(v, row, col, MLR_ROLE_FRAME, MLR_G_METER_LEFT);
    mlr_put_glyph(v, row, col + 1 + HALF, MLR_ROLE_METER_BUDGET, MLR_G_V_LINE);
    mlr_put_glyph(v, row, col + 1 + cell, MLR_ROLE_STRONG, MLR_G_BALL);
    mlr_put_glyph(v, row, col + 2 + 2 * HALF, MLR_ROLE_FRAME, MLR_G_METER_RIGHT);
}

static void draw_miss(const mlr_exported *x, mlr_pane v, int row, int name_cols)
{
    char name[256];
    char text[48];
    char bytes[16];
    double miss = x->predicted > 0 ? (double)x->actual / x->predicted - 1 : 0;
    bool off = miss > 0.1 || miss < -0.1;
    mlr_elide_name(name, sizeof name, x->name.p, x->name.n < 200 ? x->name.n : 200,
                   name_cols);
    mlr_put(v, row, 1, MLR_ROLE_TEXT, name);
    snprintf(text, sizeof text, "%s %u", mlr_strategy_word(x->strategy), x->level);
    int at = name_cols + 3;
    mlr_put(v, row, at, x->pick.level == 0 ? MLR_ROLE_BY_AUTO : MLR_ROLE_BY_YOU, text);
    mlr_put_right(v, row, at + 23, MLR_ROLE_ESTIMATE,
                  mlr_fmt_bytes(bytes, sizeof bytes, (uint64_t)x->predicted));
    mlr_put_right(v, row, at + 32, MLR_ROLE_TEXT,
                  mlr_fmt_bytes(bytes, sizeof bytes, x->actual));
    snprintf(text, sizeof text, "%+.1f%% %s", miss * 100, off ? "!" : " ");
    mlr_put_right(v, row, at + 43, off ? MLR_ROLE_WARNING : MLR_ROLE_TEXT, text);
    if (v.cols > at + 60) {
        draw_scale(v, row, at + 45, miss);
    }
}

static void draw_misses(const mlr_app *app, const export_screen *x, mlr_pane v)
{
    const mlr_exporter *e = &app->exporter;
    int name_cols = v.cols - 66;
    name_cols = name_cols < 16 ? v.cols - 50 : name_cols;
    name_cols = name_cols > 46 ? 46 : name_cols;
    if (x->misses == 0 || v.rows < 3 || name_cols < 8) {
        return;
    }
    int at = name_cols + 3;
    mlr_put(v, 0, 1, MLR_ROLE_HEADER, "Largest misses first");
    mlr_put(v, 0, at, MLR_ROLE_HEADER, "strategy");
    mlr_put_right(v, 0, at + 23, MLR_ROLE_HEADER, "predicted");
    mlr_put_right(v, 0, at + 32, MLR_ROLE_HEADER, "actual");
    mlr_put_right(v, 0, at + 41, MLR_ROLE_HEADER, "miss");
    int lines = v.rows - 3;
    for (int i = 0; i < lines && (size_t)i < x->misses; i++) {
        draw_miss(&e->item[x->miss[i]], v, 1 + i, name_cols);
    }
    size_t of = 0;
    size_t near = mlr_exporter_within(e, 0.03, &of);
    size_t wide = mlr_exporter_within(e, 0.10, &of);
    mlr_putf(v, v.rows - 1, 1, MLR_ROLE_DIM,
             "%zu of %zu within ±3%%   %zu within ±10%%   %zu beyond", near, of,
             wide - near, of - wide);
}

/* One sentence on how it stands. */
static void draw_headline(const mlr_app *app, mlr_pane v, int row)
{
    const mlr_exporter *e = &app->exporter;
    char in[16];
    char out[16];
    char text[640] = "";
    mlr_role role = MLR_ROLE_TEXT;
    switch (e->state) {
    case MLR_EXPORT_DONE:
        role = MLR_ROLE_OK;
        mlr_fmt_bytes(in, sizeof in, e->result.new_bytes);
        mlr_fmt_bytes(out, sizeof out, e->result.made.patch_bytes);
        snprintf(text, sizeof text, "✓ %s → %s, every block proved; %s %.400s", in, out,
                 e->wish.dry_run ? "nothing written:" : "wrote",
                 e->wish.dry_run ? "a dry run" : e->wish.patch);
        break;
    case MLR_EXPORT_CANCELLED:
        role = MLR_ROLE_WARNING;
        snprintf(text, sizeof text, "stopped; nothing was written, every choice is kept");
        break;
    case MLR_EXPORT_FAILED:
        role = MLR_ROLE_ERROR;
        snprintf(text, sizeof text, "✗ %s", e->failure);
        break;
    case MLR_EXPORT_RUNNING:
        if (e->last < e->count) {
            mlr_str name = e->item[e->last].name;
            snprintf(text, sizeof text, "wrote %.*s", (int)(name.n < 200 ? name.n : 200),
                     name.p);
        }
        break;
    case MLR_EXPORT_NONE:
        break;
    }
    char fit[640];
    mlr_elide_middle(fit, sizeof fit, text, strlen(text), v.cols - 2);
    mlr_put(v, row, 1, role, fit);
}

static void draw_waiting(const mlr_app *app, mlr_pane v)
{
    const mlr_desk_sums *s = &app->desk.sums;
    char out[16];
    char memory[16];
    mlr_put(v, 0, 1, MLR_ROLE_DIM, "Nothing exported yet. As things stand:");
    if (s->predicted == 0) {
        mlr_put(v, 1, 1, MLR_ROLE_DIM, "no forecast yet");
        return;
    }
    mlr_fmt_bytes(out, sizeof out, (uint64_t)s->bytes);
    mlr_fmt_bytes(memory, sizeof memory, s->memory);
    mlr_putf(v, 1, 1, MLR_ROLE_TEXT, "patch ~%s ±%.0f%%   memory to apply ~%s", out,
             s->bytes > 0 ? s->error_bytes / s->bytes * 100 : 0, memory);
    mlr_putf(v, 2, 1, MLR_ROLE_TEXT, "%zu tensor%s decided by you, %zu by auto", s->picked,
             s->picked == 1 ? "" : "s", s->to_predict - s->picked);
}

static void draw_progress(const mlr_app *app, const export_screen *x, mlr_pane v)
{
    if (app->exporter.state == MLR_EXPORT_NONE) {
        draw_waiting(app, v);
        return;
    }
    draw_bar(app, v, 0);
    draw_headline(app, v, 1);
    if (v.rows >= 8) {
        draw_comparison(app, v, 3);
    }
    if (v.rows >= 12) {
        draw_misses(app, x, mlr_pane_part(v, 9, 0, v.rows - 9, v.cols));
    }
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    const export_screen *x = state;
    if (body.rows < ROOMY_ROWS) {
        int form = body.rows - (app->exporter.state == MLR_EXPORT_NONE ? 0 : 2);
        draw_form(app, x, mlr_pane_part(body, 0, 0, form, body.cols));
        if (app->exporter.state != MLR_EXPORT_NONE) {
            mlr_pane v = mlr_pane_part(body, form, 0, 2, body.cols);
            draw_bar(app, v, 0);
            draw_headline(app, v, 1);
        }
        return;
    }
    char note[48] = "";
    const mlr_exporter *e = &app->exporter;
    if (e->state != MLR_EXPORT_NONE) {
        snprintf(note, sizeof note, "tensor %zu of %zu", e->made, e->to_make);
    }
    mlr_pane form =
        mlr_frame(mlr_pane_part(body, 0, 0, FORM_ROWS, body.cols), "Export patch", "");
    draw_form(app, x, form);
    mlr_pane in = mlr_frame(
        mlr_pane_part(body, FORM_ROWS, 0, body.rows - FORM_ROWS, body.cols),
        e->wish.dry_run && e->state != MLR_EXPORT_NONE ? "Dry run" : "Progress", note);
    draw_progress(app, x, in);
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    (void)state;
    if (app->exporter.state == MLR_EXPORT_RUNNING) {
        snprintf(to, room,
                 "^G stops it and keeps every choice · other screens stay usable");
    } else {
        snprintf(to, room, "%zu tensor%s by you · y shows the same as a command",
                 app->desk.choices.picked, app->desk.choices.picked == 1 ? "" : "s");
    }
}

const mlr_screen mlr_screen_export = {
    .title = "Export",
    .where = MLR_IN_LIST | MLR_IN_EXPORT | MLR_IN_PAIR,
    .tab = '6',
    .open = open_export,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .answer = answer,
    .status = status,
    .renew = renew,
    .close = close_export,
};
