/* What to apply, the patch's own facts, and the runs so far. */
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

void mlr_apply_draw_runs(const mlr_apply_view *a, mlr_pane v)
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
        mlr_apply_draw_runs(a, mlr_pane_part(v, row + gap, 0, v.rows - row - gap, v.cols));
    }
}
