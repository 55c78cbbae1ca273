/* Applies a patch in a child process and shows its memory while it works. */
#include "tui/screen_apply.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tui/apply_view.h"
#include "tui/cell_text.h"
#include "tui/screen_export.h"

/* Questions: the fields by their numbers, and these. */
enum { ASK_LOWER = MLR_FIELDS, ASK_TRACE };

static void read_facts(mlr_app *app, mlr_apply_view *a)
{
    if (strcmp(a->facts_of, a->wish.patch) != 0) {
        snprintf(a->facts_of, sizeof a->facts_of, "%s", a->wish.patch);
        mlr_patch_facts_read(&a->facts, a->wish.patch, app->alloc);
        mlr_pool_release(&a->names_pool);
        mlr_pool_init(&a->names_pool, app->alloc);
        a->names = (mlr_index){0};
        if (a->facts.known) {
            mlr_patch_names_read(&a->names, a->wish.patch, &a->names_pool);
        }
    }
}

static bool exists(const char *path)
{
    return path[0] != '\0' && access(path, F_OK) == 0;
}

/* Beside the patch, under the name the patch gives its result; where that is taken, most
   often by the very model that the patch was made for, "name.applied.gguf". */
static void suggest_output(mlr_apply_view *a)
{
    const char *leaf = mlr_path_leaf(a->wish.patch);
    size_t folder = (size_t)(leaf - a->wish.patch);
    if (a->wish.out[0] != '\0' || !a->facts.known || a->facts.target[0] == '\0' ||
        folder + strlen(a->facts.target) + 32 >= sizeof a->wish.out) {
        return;
    }
    bool one = a->facts.members == 1;
    const char *name = one ? mlr_path_leaf(a->facts.target) : "new";
    const char *dot = strrchr(name, '.');
    const char *tail = one && dot != NULL && dot > name ? dot : "";
    int stem = (int)(strlen(name) - strlen(tail));
    for (int i = 0; i < 100; i++) {
        char nth[24] = "";
        if (i > 0) {
            snprintf(nth, sizeof nth, i == 1 ? ".applied" : ".applied-%d", i);
        }
        snprintf(a->wish.out, sizeof a->wish.out, "%.*s%.*s%s%s%s", (int)folder,
                 a->wish.patch, stem, name, nth, tail, one ? "" : "/");
        if (!exists(a->wish.out)) {
            return;
        }
    }
}

static void fill_in(mlr_app *app, mlr_apply_view *a)
{
    if (a->wish.base[0] == '\0') {
        snprintf(a->wish.base, sizeof a->wish.base, "%s", app->session.old_path);
    }
    if (a->wish.patch[0] == '\0' && app->exporter.state == MLR_EXPORT_DONE &&
        !app->exporter.wish.dry_run) {
        snprintf(a->wish.patch, sizeof a->wish.patch, "%s", app->exporter.wish.patch);
    }
    if (app->patch_path != NULL && a->wish.patch[0] == '\0') {
        snprintf(a->wish.patch, sizeof a->wish.patch, "%s", app->patch_path);
    }
    read_facts(app, a);
    suggest_output(a);
}

static mlr_status open_apply(mlr_app *app, void **state, mlr_err *err)
{
    mlr_apply_view *a = mlr_take(app->alloc, sizeof *a);
    if (a == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the meters");
    }
    memset(a, 0, sizeof *a);
    a->wish.program = app->program;
    a->form = true;
    *state = a;
    fill_in(app, a);
    return MLR_OK;
}

static void close_apply(mlr_app *app, void *state)
{
    mlr_apply_view *a = state;
    mlr_run_release(&a->run);
    mlr_pool_release(&a->names_pool);
    mlr_give(app->alloc, a, sizeof *a);
}

void mlr_apply_suggest(mlr_app *app, const char *base, const char *patch)
{
    mlr_apply_view *a = app->state[MLR_SCREEN_APPLY];
    if (a != NULL && a->run.pid <= 0) {
        snprintf(a->wish.base, sizeof a->wish.base, "%s", base);
        snprintf(a->wish.patch, sizeof a->wish.patch, "%s", patch);
        a->wish.out[0] = '\0';
        fill_in(app, a);
    }
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    mlr_apply_view *a = state;
    (void)rows;
    (void)cols;
    if (a->wish.base[0] == '\0') {
        fill_in(app, a);
    }
}

/* --- running ----------------------------------------------------------------------------
 */

static void remember(mlr_apply_view *a)
{
    const mlr_patch_run *r = &a->run;
    memmove(&a->past[1], &a->past[0], (MLR_APPLY_RUNS - 1) * sizeof a->past[0]);
    a->past[0] = (mlr_past_run){.number = a->number,
                                .state = r->state,
                                .ceiling = r->wish.ceiling,
                                .peak_data = r->peak_data,
                                .peak_rss = r->peak_rss,
                                .arena = r->arena > 0 ? r->arena : r->at.arena,
                                .lanes = r->at.lanes,
                                .new_bytes = r->new_bytes,
                                .smallest = r->smallest,
                                .seconds = r->seconds};
    a->pasts += a->pasts < MLR_APPLY_RUNS;
}

static void tell_end(mlr_app *app, const mlr_patch_run *r)
{
    char size[16];
    char count[32];
    switch (r->state) {
    case MLR_RUN_DONE:
        mlr_app_say(app, MLR_ROLE_OK, "applied: %s is in place and proven",
                    mlr_path_leaf(r->wish.out));
        break;
    case MLR_RUN_REFUSED:
        mlr_app_say(app, MLR_ROLE_WARNING,
                    "refused: this patch needs %s (%s bytes); m takes that, f fits it",
                    mlr_fmt_bytes(size, sizeof size, r->smallest),
                    mlr_fmt_count(count, sizeof count, r->smallest));
        break;
    case MLR_RUN_STOPPED:
        mlr_app_say(app, MLR_ROLE_WARNING, "stopped; nothing was left behind");
        break;
    default:
        mlr_app_say(app, MLR_ROLE_ERROR, "%s", r->message);
        break;
    }
}

/* The export that was to fit the ceiling has ended: its patch is the one to apply. */
static void take_fitted(mlr_app *app, mlr_apply_view *a)
{
    const mlr_exporter *e = &app->exporter;
    char size[16];
    if (!a->fitting || e->state == MLR_EXPORT_RUNNING) {
        return;
    }
    a->fitting = false;
    if (e->state != MLR_EXPORT_DONE || e->wish.dry_run) {
        return; /* how it ended is said where exports are */
    }
    snprintf(a->wish.patch, sizeof a->wish.patch, "%s", e->wish.patch);
    a->facts_of[0] = '\0';
    read_facts(app, a);
    (void)mlr_app_show(app, MLR_SCREEN_APPLY);
    a->form = true;
    a->field = MLR_FIELD_RUN;
    mlr_app_say(app, MLR_ROLE_OK, "the patch for %s is made; r applies it",
                mlr_fmt_bytes(size, sizeof size, a->wish.ceiling));
}

static bool poll(mlr_app *app, void *state)
{
    mlr_apply_view *a = state;
    take_fitted(app, a);
    if (a->run.pid <= 0) {
        return false;
    }
    if (mlr_run_poll(&a->run)) {
        return true;
    }
    remember(a);
    a->out_is_ours = a->out_is_ours || a->run.state == MLR_RUN_DONE;
    tell_end(app, &a->run);
    return true;
}

static void run(mlr_app *app, mlr_apply_view *a)
{
    mlr_err err = {0};
    if (a->run.pid > 0) {
        mlr_app_say(app, MLR_ROLE_WARNING, "a run goes on; t stops it");
        return;
    }
    for (int i = 0; i < MLR_FIELD_CEILING; i++) {
        const char *text[] = {a->wish.base, a->wish.patch, a->wish.out};
        if (text[i][0] == '\0') {
            a->form = true;
            a->field = (size_t)i;
            mlr_app_say(app, MLR_ROLE_WARNING, "%s is not chosen yet; Enter asks for it",
                        i == 0   ? "the base"
                        : i == 1 ? "the patch"
                                 : "the output");
            return;
        }
    }
    if (exists(a->wish.out) && !a->wish.replace && !a->out_is_ours &&
        a->facts.members < 2) {
        a->form = true;
        a->field = MLR_FIELD_OUT;
        mlr_app_say(app, MLR_ROLE_WARNING,
                    "the output exists: Enter names another, or set Replace output");
        return;
    }
    mlr_run_wish wish = a->wish;
    wish.replace = wish.replace || a->out_is_ours;
    a->number++;
    a->form = false;
    if (mlr_run_start(&a->run, &wish, &err) != MLR_OK) {
        remember(a);
        mlr_app_say_err(app, &err);
    }
}

/* --- fields -----------------------------------------------------------------------------
 */

static void ask_field(mlr_app *app, mlr_apply_view *a)
{
    static const char *const labels[] = {"Base: ", "Patch: ", "Output: "};
    char *const text[] = {a->wish.base, a->wish.patch, a->wish.out};
    char number[32] = "";
    if (a->field < MLR_FIELD_CEILING) {
        mlr_app_ask(app, (int)a->field, labels[a->field], text[a->field], NULL);
    } else if (a->field == MLR_FIELD_CEILING) {
        if (a->wish.ceiling > 0) {
            snprintf(number, sizeof number, "%llu", (unsigned long long)a->wish.ceiling);
        }
        mlr_app_ask(app, MLR_FIELD_CEILING, "Most memory (1M, 64K; none): ", number, NULL);
    } else if (a->field == MLR_FIELD_REPLACE) {
        a->wish.replace = !a->wish.replace;
    } else {
        run(app, a);
    }
}

static bool take_ceiling(mlr_app *app, mlr_apply_view *a, const char *text)
{
    double bytes = 0;
    if (text[0] == '\0' || strcmp(text, "none") == 0 || strcmp(text, "0") == 0) {
        a->wish.ceiling = 0;
        return true;
    }
    if (!mlr_parse_bytes(text, strlen(text), &bytes) || bytes < 1 || bytes > 1e15) {
        mlr_app_say(app, MLR_ROLE_ERROR, "'%.40s' is no size: try 1M, 512K or 1048576",
                    text);
        return false;
    }
    a->wish.ceiling = (uint64_t)bytes;
    return true;
}

/* Paths may begin with "~/" as in a shell. */
static void take_path(mlr_app *app, mlr_apply_view *a, int field, const char *text)
{
    char *const to[] = {a->wish.base, a->wish.patch, a->wish.out};
    if (strlen(text) >= MLR_PATH_BYTES) {
        mlr_app_say(app, MLR_ROLE_ERROR, "a path above 4,096 bytes");
        return;
    }
    if (field == MLR_FIELD_OUT && strcmp(text, a->wish.out) != 0) {
        a->out_is_ours = false;
    }
    snprintf(to[field], MLR_PATH_BYTES, "%s", text);
    if (field == MLR_FIELD_PATCH) {
        read_facts(app, a);
        suggest_output(a);
    }
}

static void write_trace(mlr_app *app, const mlr_apply_view *a, const char *path)
{
    mlr_err err = {0};
    if (mlr_run_trace(&a->run, path, &err) == MLR_OK) {
        mlr_app_say(app, MLR_ROLE_OK, "wrote %zu samples to %s", a->run.samples, path);
    } else {
        mlr_app_say_err(app, &err);
    }
}

static void answer(mlr_app *app, void *state, const mlr_answer *q)
{
    mlr_apply_view *a = state;
    if (q->reply != MLR_REPLY_ACCEPTED) {
        return;
    }
    if (q->question == ASK_TRACE) {
        write_trace(app, a, q->text);
    } else if (q->question == ASK_LOWER) {
        if (take_ceiling(app, a, q->text)) {
            run(app, a);
        }
    } else if (q->question == MLR_FIELD_CEILING) {
        (void)take_ceiling(app, a, q->text);
    } else if (q->question < MLR_FIELD_CEILING) {
        take_path(app, a, q->question, q->text);
    }
}

/* What was refused is offered what works; else half of what was used. */
static void ask_ceiling(mlr_app *app, const mlr_apply_view *a)
{
    char number[32] = "1M";
    if (a->run.pid > 0) {
        mlr_app_say(app, MLR_ROLE_WARNING, "a run goes on; t stops it, then m");
        return;
    }
    if (a->run.state == MLR_RUN_REFUSED) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)a->run.smallest);
    } else if (a->wish.ceiling > 0) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)a->wish.ceiling / 2);
    }
    mlr_app_ask(app, ASK_LOWER, "Run again with at most: ", number, NULL);
}

/* Another patch of the open pair, whose blocks leave room under the ceiling. */
static void fit(mlr_app *app, mlr_apply_view *a)
{
    if (a->run.pid > 0) {
        mlr_app_say(app, MLR_ROLE_WARNING, "a run goes on; t stops it");
    } else if (a->wish.ceiling == 0) {
        mlr_app_say(app, MLR_ROLE_WARNING, "there is no ceiling to fit: m sets one");
    } else {
        a->fitting = mlr_export_fit(app, a->wish.ceiling);
    }
}

static void ask_trace(mlr_app *app, const mlr_apply_view *a)
{
    char name[64];
    if (a->number == 0) {
        mlr_app_say(app, MLR_ROLE_WARNING, "there is no run to save yet");
        return;
    }
    snprintf(name, sizeof name, "apply-%u.trace.json", a->number);
    mlr_app_ask(app, ASK_TRACE, "Save the trace as: ", name, NULL);
}

static void pause_run(mlr_app *app, mlr_apply_view *a)
{
    if (a->run.pid <= 0) {
        mlr_app_say(app, MLR_ROLE_DIM, "nothing runs");
        return;
    }
    mlr_run_pause(&a->run, a->run.state != MLR_RUN_PAUSED);
}

static bool move(mlr_apply_view *a, mlr_action action)
{
    if (!a->form || (action != MLR_DO_DOWN && action != MLR_DO_UP)) {
        return false;
    }
    if (action == MLR_DO_DOWN) {
        a->field += a->field + 1 < MLR_FIELDS;
    } else {
        a->field -= a->field > 0;
    }
    return true;
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    mlr_apply_view *a = state;
    if (move(a, action)) {
        return true;
    }
    switch (action) {
    case MLR_DO_ENTER:
        if (a->form) {
            ask_field(app, a);
        }
        return true;
    case MLR_DO_RUN:
        run(app, a);
        return true;
    case MLR_DO_PAUSE:
        pause_run(app, a);
        return true;
    case MLR_DO_STOP:
        if (a->run.pid > 0) {
            mlr_run_stop(&a->run);
        } else {
            mlr_app_say(app, MLR_ROLE_DIM, "nothing runs");
        }
        return true;
    case MLR_DO_CEILING:
        ask_ceiling(app, a);
        return true;
    case MLR_DO_FIT:
        fit(app, a);
        return true;
    case MLR_DO_EDIT:
        a->form = !a->form;
        return true;
    case MLR_DO_TRACE:
        ask_trace(app, a);
        return true;
    default:
        return false;
    }
}

/* --- drawing ----------------------------------------------------------------------------
 */

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    const mlr_apply_view *a = state;
    (void)app;
    if (a->form) {
        mlr_apply_draw_form(a, body);
    } else {
        mlr_apply_draw_run(a, body);
    }
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    const mlr_apply_view *a = state;
    (void)app;
    if (a->run.pid > 0) {
        snprintf(to, room, "run %u · process %d · Esc lets it run", a->number,
                 (int)a->run.pid);
    } else if (a->form) {
        snprintf(to, room, "the applier runs as a process of its own");
    } else {
        snprintf(to, room, "run %u · %zu samples", a->number, a->run.samples);
    }
}

const mlr_screen mlr_screen_apply = {
    .title = "Apply",
    .where = MLR_IN_LIST | MLR_IN_APPLY,
    .tab = '7',
    .open = open_apply,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .answer = answer,
    .status = status,
    .poll = poll,
    .close = close_apply,
};
