/* How the export screen looks. */
#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"
#include "tui/export_view.h"

enum { FORM_ROWS = 11, ROOMY_ROWS = 16 };

static void put_value(mlr_pane v, int row, int col, const char *text)
{
    char fit[MLR_EXPORT_PATH];
    int room = v.cols - col - 1;
    mlr_elide_middle(fit, sizeof fit, text, strlen(text), room > 4 ? room : 4);
    mlr_put(v, row, col, MLR_ROLE_TEXT, fit);
}

static const char *value_of(const mlr_app *app, const mlr_export_view *x,
                            mlr_export_field f, char *to, size_t room)
{
    char bytes[16];
    switch (f) {
    case MLR_EXPORT_F_PATCH:
        return x->wish.patch;
    case MLR_EXPORT_F_PROFILE:
        return x->wish.profile[0] == '\0' ? "none" : x->wish.profile;
    case MLR_EXPORT_F_REPORT:
        return x->wish.report[0] == '\0' ? "none" : x->wish.report;
    case MLR_EXPORT_F_DICT:
        if (mlr_job_state_of((mlr_job *)(uintptr_t)&x->trainer.job) != MLR_JOB_IDLE) {
            return "being trained…";
        }
        return app->desk.dict_path[0] == '\0' ? "none" : app->desk.dict_path;
    case MLR_EXPORT_F_REPLACE:
        return x->wish.replace ? "[x] files that exist are replaced"
                               : "[ ] files that exist are kept";
    case MLR_EXPORT_F_MEMORY:
        if (app->desk.budgets.memory == 0) {
            return "no ceiling: blocks of 1M";
        }
        snprintf(to, room, "≤ %s for the applier",
                 mlr_fmt_bytes(bytes, sizeof bytes, app->desk.budgets.memory));
        return to;
    case MLR_EXPORT_F_THREADS:
        if (x->wish.threads == 0) {
            return "one per processor";
        }
        snprintf(to, room, "%u", x->wish.threads);
        return to;
    default:
        return "";
    }
}

static void draw_form(const mlr_app *app, const mlr_export_view *x, mlr_pane v)
{
    static const char *const labels[] = {"Patch",      "Profile",   "Report",
                                         "Dictionary", "Replace",   "Memory",
                                         "Threads",    "[ Start ]", "[ Dry run ]"};
    int room = v.rows < MLR_EXPORT_F_COUNT ? v.rows : MLR_EXPORT_F_COUNT;
    int top = (int)x->cursor >= room ? (int)x->cursor - room + 1 : 0;
    for (int i = top; i < MLR_EXPORT_F_COUNT && i - top < v.rows; i++) {
        char text[64];
        bool here = x->cursor == (size_t)i;
        mlr_pane line = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
        int row = i - top;
        if (here) {
            mlr_fill(mlr_pane_part(line, row, 0, 1, v.cols), MLR_ROLE_TEXT);
            mlr_put_glyph(line, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
            mlr_cursor_at(v, row, 2);
        }
        bool button = i >= MLR_EXPORT_F_START;
        mlr_put(line, row, 2, button ? MLR_ROLE_STRONG : MLR_ROLE_DIM, labels[i]);
        put_value(line, row, 14, value_of(app, x, (mlr_export_field)i, text, sizeof text));
        if (i == MLR_EXPORT_F_DRY) {
            put_value(line, row, 14, "encode and prove, write nothing");
        } else if (i == MLR_EXPORT_F_START) {
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
    double spent = (double)mlr_exporter_spent(e, app->now_ms) / 1000;
    bool held = atomic_load(&((mlr_exporter *)(uintptr_t)e)->paused);
    if (running && held) {
        snprintf(text, sizeof text, "paused; p goes on");
    } else if (running && spent > 0.3 && share > 0.01) {
        char left[32];
        mlr_fmt_seconds(left, sizeof left, (uint64_t)(spent * (1 - share) / share) + 1);
        snprintf(text, sizeof text, "%.1f MB/s  %s left", (double)done / spent / 1e6, left);
    } else if (e->state == MLR_EXPORT_DONE && e->result.seconds > 0) {
        snprintf(text, sizeof text, "%.1f MB/s  %.2f s",
                 (double)e->result.new_bytes / e->result.seconds / 1e6, e->result.seconds);
    }
    int width = v.cols - 14 - 30;
    width = width < 10 ? 10 : width > 72 ? 72 : width;
    mlr_meter m = {share > 1 ? 1 : share, -1,
                   held ? MLR_ROLE_METER_NEAR : MLR_ROLE_METER_OK};
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
    mlr_fmt_bytes(c, sizeof c, done ? e->result.need_bytes : 0); /* the job writes it */
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

static void draw_misses(const mlr_app *app, const mlr_export_view *x, mlr_pane v)
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

static void draw_progress(const mlr_app *app, const mlr_export_view *x, mlr_pane v)
{
    if (app->exporter.state == MLR_EXPORT_NONE) {
        draw_waiting(app, v);
        return;
    }
    draw_bar(app, v, 0);
    draw_headline(app, v, 1);
    if (v.rows >= 7) {
        draw_comparison(app, v, v.rows >= 8 ? 3 : 2);
    }
    if (v.rows >= 12) {
        draw_misses(app, x, mlr_pane_part(v, 9, 0, v.rows - 9, v.cols));
    }
}

void mlr_export_draw(const mlr_app *app, const mlr_export_view *x, mlr_pane body)
{
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
