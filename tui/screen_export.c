/* Export: where the patch goes, how it is going, and how good the forecasts were. */
#include "tui/screen_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/cell_text.h"
#include "tui/cli/profile_edit.h"
#include "tui/command_line.h"
#include "tui/export_view.h"
#include "tui/widget_table.h"

static void name_files(mlr_app *app, mlr_export_view *x)
{
    mlr_patch_name(app, x->wish.patch, sizeof x->wish.patch - 16);
    snprintf(x->wish.report, sizeof x->wish.report, "%.1000s.json", x->wish.patch);
    snprintf(x->wish.profile, sizeof x->wish.profile, "%.1000s.yaml", x->wish.patch);
}

static mlr_status open_export(mlr_app *app, void **state, mlr_err *err)
{
    mlr_export_view *x = mlr_take(app->alloc, sizeof *x);
    if (x == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the screen");
    }
    memset(x, 0, sizeof *x);
    mlr_trainer_init(&x->trainer, app->alloc, app->job.wake_fd);
    name_files(app, x);
    *state = x;
    return MLR_OK;
}

static void close_export(mlr_app *app, void *state)
{
    mlr_trainer_release(&((mlr_export_view *)state)->trainer);
    mlr_give(app->alloc, state, sizeof(mlr_export_view));
}

static void renew(mlr_app *app, void *state)
{
    name_files(app, state);
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    mlr_export_view *x = state;
    (void)rows;
    (void)cols;
    x->misses = mlr_exporter_misses(&app->exporter, x->miss, MLR_EXPORT_MISSES);
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

/* Known before minutes are spent on a patch that could not get its name. */
static const char *in_the_way(const mlr_export_wish *w)
{
    const char *const paths[] = {w->patch, w->profile, w->report};
    for (size_t i = 0; i < 3 && !w->replace; i++) {
        if (paths[i][0] != '\0' && access(paths[i], F_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}

static bool start(mlr_app *app, mlr_export_view *x, bool dry_run)
{
    mlr_exporter *e = &app->exporter;
    const mlr_ui_session *s = &app->session;
    mlr_err err = {0};
    if (s->new_model == NULL || s->new_opened == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "open two models first");
        return false;
    }
    if (mlr_app_stale(app)) {
        mlr_app_say(app, MLR_ROLE_WARNING,
                    "a model changed on disk: R reads it again, then export");
        return false;
    }
    const char *taken = dry_run ? NULL : in_the_way(&x->wish);
    if (taken != NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "%.160s exists: tick Replace or name another",
                    taken);
        return false;
    }
    if (mlr_trainer_runs(&x->trainer)) {
        mlr_app_say(app, MLR_ROLE_WARNING, "the dictionary is not ready; ^G stops it");
        return false;
    }
    if (mlr_exporter_prepare(e, s->rows.count, &err) != MLR_OK) {
        mlr_app_say(app, MLR_ROLE_WARNING, "an export is running already; ^G stops it");
        return false;
    }
    e->wish = x->wish;
    e->wish.dry_run = dry_run;
    e->wish.max_memory = app->desk.budgets.memory;
    e->plain = mlr_command_is_plain(app, &e->all);
    e->profile_text = mlr_desk_profile(app, &e->profile_taken);
    if (e->profile_text == NULL || app->desk.book.bad) {
        mlr_app_say(app, MLR_ROLE_ERROR,
                    "the rules have a mistake, so nothing was exported: 5 shows it");
        return false;
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
    return e->state == MLR_EXPORT_RUNNING;
}

/* "name-64K.sftp" for "name.sftp". */
static void name_for_ceiling(const mlr_app *app, mlr_export_view *x, uint64_t ceiling)
{
    char name[512];
    char size[16];
    mlr_patch_name(app, name, sizeof name);
    (void)mlr_fmt_bytes(size, sizeof size, ceiling);
    const char *dot = strrchr(name, '.');
    int stem = (int)(dot == NULL ? strlen(name) : (size_t)(dot - name));
    snprintf(x->wish.patch, sizeof x->wish.patch, "%.*s-%s%s", stem, name, size,
             dot == NULL ? "" : dot);
    snprintf(x->wish.report, sizeof x->wish.report, "%.1000s.json", x->wish.patch);
    snprintf(x->wish.profile, sizeof x->wish.profile, "%.1000s.yaml", x->wish.patch);
}

bool mlr_export_fit(mlr_app *app, uint64_t ceiling)
{
    if (app->session.new_opened == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING,
                    "only the two models can make another patch: open them with 0");
        return false;
    }
    if (app->exporter.state == MLR_EXPORT_RUNNING ||
        mlr_app_show(app, MLR_SCREEN_EXPORT) != MLR_OK) {
        mlr_app_say(app, MLR_ROLE_WARNING, "an export is running already; ^G stops it");
        return false;
    }
    mlr_export_view *x = app->state[MLR_SCREEN_EXPORT];
    mlr_desk_set_memory(app, ceiling);
    name_for_ceiling(app, x, ceiling);
    return start(app, x, false);
}

/* --- a dictionary -----------------------------------------------------------------------
 */

enum { DICT_NONE, DICT_TRAIN, DICT_FILE };

static void ask_dict(mlr_app *app, int question)
{
    static const char *const labels[] = {"none", "train one", "choose a file"};
    static const char *const details[] = {
        "each tensor on its own", "from the changes of this pair, for later updates too",
        "from 'mallorn dict train'; appliers need it too"};
    mlr_list *l = mlr_app_menu(app, question, "Dictionary");
    for (int i = 0; i < 3; i++) {
        mlr_list_add(l, &(mlr_item){.label = labels[i], .detail = details[i], .value = i});
    }
    mlr_list_ready(l);
}

/* A quoted text of YAML. */
static void quote(char *to, size_t room, const char *text)
{
    size_t n = 0;
    to[n++] = '"';
    for (; *text != '\0' && n + 4 < room; text++) {
        if (*text == '"' || *text == '\\') {
            to[n++] = '\\';
        }
        to[n++] = *text;
    }
    to[n++] = '"';
    to[n] = '\0';
}

/* One step: the rules name this dictionary for all that they do not decide otherwise; NULL:
   by default there is none. */
static void use_dict(mlr_app *app, const char *path)
{
    char value[2100];
    mlr_pool pool;
    mlr_err err = {0};
    char *bytes = NULL;
    size_t n = 0;
    const mlr_rules_text *now = mlr_desk_rules(app);
    static const char none[] = "version: 1\n";
    const char *text = now->bytes == NULL ? none : now->bytes;
    size_t length = now->bytes == NULL ? sizeof none - 1 : now->n;
    mlr_pool_init(&pool, app->alloc);
    mlr_status s = MLR_OK;
    if (path != NULL) {
        quote(value, sizeof value, path);
        s = mlr_yaml_set(text, length, "dictionary", value, &pool, &bytes, &n, &err);
        text = bytes;
        length = n;
    }
    if (s == MLR_OK) {
        s = mlr_yaml_set(text, length, "defaults.dictionary",
                         path == NULL ? "false" : "true", &pool, &bytes, &n, &err);
    }
    if (s == MLR_OK) {
        mlr_desk_set_rules(app, bytes, n,
                           path == NULL ? "no dictionary" : "a dictionary for all");
    } else {
        mlr_app_say_err(app, &err);
    }
    mlr_pool_release(&pool);
}

static void train(mlr_app *app, mlr_export_view *x)
{
    mlr_trainer *t = &x->trainer;
    mlr_err err = {0};
    if (mlr_trainer_runs(t) || app->session.new_opened == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING,
                    "open two models first, and train one at a time");
        return;
    }
    memcpy(t->old_path, app->session.old_path, sizeof t->old_path);
    memcpy(t->new_path, app->session.new_path, sizeof t->new_path);
    snprintf(t->out, sizeof t->out, "%.1000s.dict", x->wish.patch);
    t->replace = x->wish.replace;
    if (mlr_trainer_start(t, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
    }
}

static bool poll(mlr_app *app, void *state)
{
    mlr_export_view *x = state;
    mlr_status s = MLR_OK;
    char size[16];
    if (!mlr_trainer_poll(&x->trainer, &s)) {
        return mlr_trainer_runs(&x->trainer);
    }
    if (s == MLR_OK) {
        use_dict(app, x->trainer.out);
        mlr_app_say(app, MLR_ROLE_OK, "trained %s: %s, beside the patch for its appliers",
                    x->trainer.out, mlr_fmt_bytes(size, sizeof size, x->trainer.bytes));
    } else if (s == MLR_E_CANCELLED) {
        mlr_app_say(app, MLR_ROLE_WARNING, "no dictionary was trained");
    } else {
        mlr_app_say(app, MLR_ROLE_ERROR, "no dictionary: %.200s", x->trainer.sentence);
    }
    return true;
}

/* --- the form ---------------------------------------------------------------------------
 */

enum { ASK_PATCH, ASK_PROFILE, ASK_REPORT, ASK_THREADS, ASK_DICT, ASK_DICT_FILE };

static void press(mlr_app *app, mlr_export_view *x, mlr_export_field f)
{
    char text[16];
    switch (f) {
    case MLR_EXPORT_F_PATCH:
        mlr_app_ask(app, ASK_PATCH, "write the patch to: ", x->wish.patch, NULL);
        break;
    case MLR_EXPORT_F_PROFILE:
        mlr_app_ask(app, ASK_PROFILE,
                    "choices as a profile (empty: none): ", x->wish.profile, NULL);
        break;
    case MLR_EXPORT_F_REPORT:
        mlr_app_ask(app, ASK_REPORT, "report (.json, .md; empty: none): ", x->wish.report,
                    NULL);
        break;
    case MLR_EXPORT_F_DICT:
        ask_dict(app, ASK_DICT);
        break;
    case MLR_EXPORT_F_REPLACE:
        x->wish.replace = !x->wish.replace;
        break;
    case MLR_EXPORT_F_MEMORY:
        (void)mlr_desk_act(app, MLR_DO_BUDGET);
        break;
    case MLR_EXPORT_F_THREADS:
        snprintf(text, sizeof text, "%u", x->wish.threads);
        mlr_app_ask(app, ASK_THREADS, "threads (0: one per processor): ", text, NULL);
        break;
    case MLR_EXPORT_F_START:
    case MLR_EXPORT_F_DRY:
        (void)start(app, x, f == MLR_EXPORT_F_DRY);
        break;
    case MLR_EXPORT_F_COUNT:
        break;
    }
}

static void answer_dict(mlr_app *app, mlr_export_view *x, int value)
{
    if (value == DICT_TRAIN) {
        train(app, x);
    } else if (value == DICT_FILE) {
        mlr_app_ask(app, ASK_DICT_FILE, "dictionary: ", app->desk.dict_path, NULL);
    } else if (value == DICT_NONE && app->desk.dict_path[0] != '\0') {
        use_dict(app, NULL);
    }
}

static void answer(mlr_app *app, void *state, const mlr_answer *a)
{
    mlr_export_view *x = state;
    if (a->reply != MLR_REPLY_ACCEPTED) {
        return;
    }
    if (a->question == ASK_PATCH && a->text[0] != '\0') {
        snprintf(x->wish.patch, sizeof x->wish.patch, "%s", a->text);
    } else if (a->question == ASK_PROFILE) {
        snprintf(x->wish.profile, sizeof x->wish.profile, "%s", a->text);
    } else if (a->question == ASK_REPORT) {
        snprintf(x->wish.report, sizeof x->wish.report, "%s", a->text);
    } else if (a->question == ASK_DICT) {
        answer_dict(app, x, a->value);
    } else if (a->question == ASK_DICT_FILE) {
        if (a->text[0] != '\0') {
            use_dict(app, a->text);
        }
    } else if (a->question == ASK_THREADS) {
        long n = strtol(a->text, NULL, 10);
        x->wish.threads = n < 0 || n > 256 ? 0 : (unsigned)n;
    }
}

static void hold(mlr_app *app)
{
    mlr_exporter *e = &app->exporter;
    if (e->state != MLR_EXPORT_RUNNING) {
        mlr_app_say(app, MLR_ROLE_DIM, "nothing is being exported");
        return;
    }
    bool held = atomic_load(&e->paused);
    mlr_exporter_pause(e, !held, app->now_ms);
    mlr_app_say(app, MLR_ROLE_MESSAGE,
                held ? "the export goes on" : "paused; p goes on, ^G stops it");
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    mlr_export_view *x = state;
    mlr_ui_table t = {
        .count = MLR_EXPORT_F_COUNT, .cursor = x->cursor, .page = MLR_EXPORT_F_COUNT};
    if (mlr_table_act(&t, action)) {
        x->cursor = t.cursor;
        return true;
    }
    switch (action) {
    case MLR_DO_ENTER:
        press(app, x, (mlr_export_field)x->cursor);
        return true;
    case MLR_DO_START:
        (void)start(app, x, false);
        return true;
    case MLR_DO_DRY_RUN:
        (void)start(app, x, true);
        return true;
    case MLR_DO_PAUSE:
        hold(app);
        return true;
    case MLR_DO_CANCEL:
        if (!mlr_trainer_runs(&x->trainer)) {
            return false;
        }
        mlr_job_cancel(&x->trainer.job);
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

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    mlr_export_draw(app, state, body);
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    (void)state;
    if (app->exporter.state == MLR_EXPORT_RUNNING) {
        snprintf(to, room,
                 "p pauses · ^G stops it and keeps every choice · go on browsing");
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
    .poll = poll,
    .close = close_export,
};
