#include "tui/cli/progress.h"

#include <string.h>
#include <time.h>

#include "apply/host/own_memory.h"
#include "apply/host/printable.h"
#include "tui/cli/text.h"

enum { BAR_CELLS = 24, LINE = 512 };
static const double interval = 0.1, line_interval = 0.03; /* a bar, a line for meters */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Rate and rest of the present phase. */
typedef struct pace {
    double per_second, left; /* seconds; below 0: unknown */
} pace;

static pace pace_of(const mlr_progress *p, double t, uint64_t done, uint64_t total)
{
    double spent = t - p->phase_start;
    uint64_t moved = done > p->phase_from ? done - p->phase_from : 0;
    pace r = {.per_second = spent > 0 ? (double)moved / spent : 0, .left = -1};
    if (r.per_second > 0 && total >= done && spent > 0.3) {
        r.left = (double)(total - done) / r.per_second;
    }
    return r;
}

/* Whether it is time to say something; a new phase always is. */
static bool due(mlr_progress *p, double t, uint64_t done)
{
    if (p->phase != p->last_phase) {
        p->last_phase = p->phase;
        p->phase_start = t;
        p->phase_from = done;
        p->last = t;
        return true;
    }
    if (t - p->last < (p->how == MLR_PROGRESS_JSON ? line_interval : interval)) {
        return false;
    }
    p->last = t;
    return true;
}

/* --- the bar -------------------------------------------------------------------------- */

static void draw_bar(mlr_progress *p, double t, uint64_t done, uint64_t total)
{
    mlr_cli *cli = p->cli;
    char bar[3 * BAR_CELLS + 1], rate[MLR_TEXT], share[MLR_TEXT], line[LINE], eta[32] = "";
    pace r = pace_of(p, t, done, total);
    mlr_text_bar(bar, sizeof bar, done, total, BAR_CELLS, cli->utf8);
    if (r.left >= 0) {
        unsigned s = (unsigned)(r.left < 359999 ? r.left + 0.5 : 359999);
        (void)snprintf(eta, sizeof eta, "  %u:%02u left", s / 60, s % 60);
    }
    (void)snprintf(line, sizeof line, "%-7s %s %s  %s/s%s  %s", p->phase, bar,
                   mlr_text_share(share, done, total),
                   mlr_text_size(rate, (uint64_t)r.per_second), eta, p->tensor);
    mlr_text_elide(line, sizeof line, cli->width > 6 ? cli->width - 1 : 5, cli->utf8);
    fprintf(cli->err, "\r\033[K%s", line);
    (void)fflush(cli->err);
    p->shown = true;
}

/* --- JSON lines ----------------------------------------------------------------------- */

static void begin_line(const mlr_progress *p, mlr_json *j, double t, uint64_t done,
                       uint64_t total)
{
    pace r = pace_of(p, t, done, total);
    mlr_json_init(j, p->cli->err);
    j->one_line = true;
    mlr_json_object(j, NULL);
    mlr_json_text(j, "schema", "mallorn.progress/1");
    mlr_json_text(j, "phase", p->phase);
    mlr_json_u64(j, "done", done);
    mlr_json_u64(j, "total", total);
    mlr_json_u64(j, "bytes_per_s", (uint64_t)r.per_second);
    if (r.left >= 0) {
        mlr_json_real(j, "left_s", r.left);
    }
    mlr_json_real(j, "elapsed_s", t - p->start);
    mlr_json_u64(j, "rss_bytes", mlr_own_resident_bytes());
    mlr_json_u64(j, "data_bytes", mlr_own_data_bytes());
}

static void end_line(mlr_progress *p, mlr_json *j)
{
    mlr_json_end(j);
    (void)fflush(p->cli->err);
}

static void apply_fields(mlr_json *j, const mlr_apply_at *at, uint64_t records,
                         const mlr_apply_need *need)
{
    const mlr_decoder *d = at->record > 0 ? mlr_decoder_get(at->strategy) : NULL;
    mlr_json_u64(j, "base_done", at->base_done);
    mlr_json_u64(j, "base_total", at->base_total);
    mlr_json_u64(j, "new_done", at->new_done);
    mlr_json_u64(j, "new_total", at->new_total);
    mlr_json_u64(j, "patch_done", at->patch_done);
    mlr_json_u64(j, "record", at->record);
    mlr_json_u64(j, "records", records);
    mlr_json_u64(j, "block", at->block);
    mlr_json_u64(j, "blocks", at->blocks);
    mlr_json_text(j, "strategy", d == NULL ? NULL : d->name);
    mlr_json_u64(j, "arena_bytes", need->arena_bytes);
    mlr_json_u64(j, "lanes", need->lanes);
    mlr_json_object(j, "arena");
    mlr_json_u64(j, "fixed_bytes", need->fixed_bytes);
    mlr_json_u64(j, "input_bytes", need->input_bytes);
    mlr_json_u64(j, "record_bytes", need->record_bytes);
    mlr_json_u64(j, "state_bytes", need->state_bytes);
    mlr_json_u64(j, "glue_bytes", need->glue_bytes);
    mlr_json_u64(j, "dict_bytes", need->dict_bytes);
    mlr_json_u64(j, "lane_bytes", need->lane_bytes);
    mlr_json_end(j);
}

/* --- public --------------------------------------------------------------------------- */

static bool on_tick(void *ctx, uint64_t done, uint64_t total)
{
    mlr_progress *p = ctx;
    double t = p->how == MLR_PROGRESS_NONE ? 0 : now();
    if (p->how != MLR_PROGRESS_NONE && total > 0 && due(p, t, done)) {
        if (p->how == MLR_PROGRESS_BAR) {
            draw_bar(p, t, done, total);
        } else {
            mlr_json j;
            begin_line(p, &j, t, done, total);
            if (p->tensor[0] != '\0') {
                mlr_json_text(&j, "tensor", p->tensor);
            }
            end_line(p, &j);
        }
    }
    return mlr_keep_going(p->cli->tick, done, total);
}

void mlr_progress_begin(mlr_progress *p, mlr_cli *cli, mlr_progress_when when, bool quiet)
{
    double t = now();
    *p = (mlr_progress){.cli = cli, .how = when, .phase = "work", .start = t};
    p->tick = (mlr_tick){.ctx = p, .keep_going = on_tick};
    bool able = cli->err_tty && strcmp(mlr_cli_env(cli, "TERM"), "dumb") != 0;
    if (when == MLR_PROGRESS_AUTO) {
        p->how = able ? MLR_PROGRESS_BAR : MLR_PROGRESS_NONE;
    }
    if (quiet && p->how == MLR_PROGRESS_BAR) {
        p->how = MLR_PROGRESS_NONE;
    }
}

void mlr_progress_tensor(mlr_progress *p, const char *name, size_t n)
{
    mlr_printable(p->tensor, sizeof p->tensor, name, n);
}

void mlr_progress_apply(mlr_progress *p, const mlr_apply_at *at, uint64_t records,
                        const mlr_apply_need *need)
{
    static const char *const phase[] = {
        [MLR_PHASE_BASE] = "base", [MLR_PHASE_DECODE] = "apply", [MLR_PHASE_DONE] = "sync"};
    if (p->how == MLR_PROGRESS_NONE) {
        return;
    }
    double t = now();
    uint64_t done = at->base_done + at->new_done, total = at->base_total + at->new_total;
    p->phase = phase[at->phase];
    if (!due(p, t, done)) {
        return;
    }
    if (p->how == MLR_PROGRESS_JSON) {
        mlr_json j;
        begin_line(p, &j, t, done, total);
        apply_fields(&j, at, records, need);
        end_line(p, &j);
        return;
    }
    const mlr_decoder *d = at->record > 0 ? mlr_decoder_get(at->strategy) : NULL;
    (void)snprintf(p->tensor, sizeof p->tensor, "%llu of %llu %s",
                   (unsigned long long)at->record, (unsigned long long)records,
                   d == NULL ? "" : d->name);
    draw_bar(p, t, done, total);
}

void mlr_progress_end(mlr_progress *p, bool done)
{
    if (p->how == MLR_PROGRESS_JSON) {
        mlr_json j;
        p->phase = done ? "done" : "failed";
        begin_line(p, &j, now(), 0, 0);
        end_line(p, &j);
    }
    if (p->shown) {
        fputs("\r\033[K", p->cli->err);
        (void)fflush(p->cli->err);
        p->shown = false;
    }
}
