#include "tui/app_core.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "apply/host/err_text.h"
#include "tui/app_open.h"
#include "tui/screen_tensors.h"

static const mlr_screen *const screens[MLR_SCREEN_COUNT] = {
#define MLR_SCREEN(sym, screen) &screen,
#include "tui/screens.def"
#undef MLR_SCREEN
};

/* Questions of the app itself. */
enum { ASK_PALETTE, ASK_QUIT, ASK_COMMAND };

const mlr_screen *mlr_screen_get(mlr_screen_id id)
{
    return screens[id];
}

mlr_screen_id mlr_app_top(const mlr_app *app)
{
    return app->over != MLR_SCREEN_NONE ? app->over : app->tab;
}

void mlr_app_say(mlr_app *app, mlr_role role, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(app->message, sizeof app->message, fmt, args);
    va_end(args);
    app->message_role = role;
}

void mlr_app_say_err(mlr_app *app, const mlr_err *err)
{
    char text[sizeof app->message];
    mlr_app_say(app, MLR_ROLE_ERROR, "%s", mlr_err_text(err, text, sizeof text));
}

mlr_status mlr_app_set_theme(mlr_app *app, const char *name, mlr_err *err)
{
    mlr_theme *t = mlr_take(app->alloc, sizeof *t);
    if (t == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a theme");
    }
    char folder[1024];
    const char *own = NULL;
    if (app->config_dir != NULL) {
        snprintf(folder, sizeof folder, "%s/themes", app->config_dir);
        own = folder;
    }
    mlr_status s = mlr_theme_load(t, name, own, app->alloc, err);
    if (s == MLR_OK) {
        app->theme = *t;
        mlr_theme_glyphs(&app->theme, app->level, &app->glyphs);
        if (t->warning[0] != '\0') {
            mlr_app_say(app, MLR_ROLE_WARNING, "%s", t->warning);
        }
    }
    mlr_give(app->alloc, t, sizeof *t);
    return s;
}

void mlr_app_set_level(mlr_app *app, mlr_glyph_level level)
{
    app->level = level;
    mlr_theme_glyphs(&app->theme, level, &app->glyphs);
}

mlr_status mlr_app_init(mlr_app *app, const mlr_allocator *alloc, int wake_fd, mlr_err *err)
{
    memset(app, 0, sizeof *app);
    app->alloc = alloc;
    app->tab = MLR_SCREEN_OPEN;
    app->over = MLR_SCREEN_NONE;
    app->depth = MLR_DEPTH_256;
    app->level = MLR_GLYPHS_BLOCK;
    app->rows = 24;
    app->cols = 80;
    app->job.wake_fd = wake_fd;
    app->focus = MLR_NO_ROW;
    mlr_watch_init(&app->watch);
    mlr_desk_init(&app->desk, alloc, wake_fd);
    mlr_exporter_init(&app->exporter, alloc, wake_fd);
    mlr_session_init(&app->session, alloc);
    return mlr_app_set_theme(app, "default", err);
}

void mlr_app_release(mlr_app *app)
{
    mlr_job_cancel(&app->job);
    (void)mlr_job_join(&app->job);
    mlr_job_drop_notes(&app->job);
    mlr_app_drop_opening(app);
    mlr_app_halt(app);
    mlr_desk_clear(&app->desk);
    mlr_exporter_release(&app->exporter);
    mlr_survey_release(app->survey);
    for (int i = 0; i < MLR_SCREEN_COUNT; i++) {
        if (app->state[i] != NULL) {
            screens[i]->close(app, app->state[i]);
            app->state[i] = NULL;
        }
    }
    mlr_watch_release(&app->watch);
    mlr_session_release(&app->session);
}

mlr_status mlr_app_show(mlr_app *app, mlr_screen_id id)
{
    mlr_err err = {0};
    if (app->state[id] == NULL) {
        mlr_status s = screens[id]->open(app, &app->state[id], &err);
        if (s != MLR_OK) {
            mlr_app_say_err(app, &err);
            return s;
        }
    }
    if (screens[id]->tab != 0) {
        app->tab = id;
        app->over = MLR_SCREEN_NONE;
    } else {
        app->over = id;
    }
    return MLR_OK;
}

void mlr_app_uncover(mlr_app *app)
{
    mlr_screen_id id = app->over;
    if (id != MLR_SCREEN_NONE) {
        app->over = MLR_SCREEN_NONE;
        screens[id]->close(app, app->state[id]);
        app->state[id] = NULL;
    }
}

void mlr_app_resize(mlr_app *app, int rows, int cols)
{
    app->rows = rows < 1 ? 1 : rows;
    app->cols = cols < 1 ? 1 : cols;
}

void mlr_app_ask(mlr_app *app, int number, const char *label, const char *text,
                 mlr_history *history)
{
    mlr_question *q = &app->question;
    q->open = true;
    q->number = number;
    q->owner = mlr_app_top(app);
    snprintf(q->label, sizeof q->label, "%s", label);
    mlr_prompt_begin(&q->prompt, text, history);
}

mlr_list *mlr_app_menu(mlr_app *app, int number, const char *title)
{
    mlr_menu *m = &app->menu;
    m->open = true;
    m->number = number;
    m->owner = mlr_app_top(app);
    snprintf(m->title, sizeof m->title, "%s", title);
    mlr_list_begin(&m->list);
    return &m->list;
}

/* --- news ------------------------------------------------------------------------------
 */

static bool poll_screens(mlr_app *app)
{
    bool busy = false;
    for (int i = 0; i < MLR_SCREEN_COUNT; i++) {
        if (app->state[i] != NULL && screens[i]->poll != NULL) {
            busy = screens[i]->poll(app, app->state[i]) || busy;
        }
    }
    return busy;
}

bool mlr_app_busy(mlr_app *app)
{
    return mlr_job_state_of(&app->job) != MLR_JOB_IDLE ||
           mlr_job_state_of(&app->desk.job) != MLR_JOB_IDLE ||
           mlr_job_state_of(&app->exporter.job) != MLR_JOB_IDLE || poll_screens(app);
}

/* An export reads both models whole: forecasts of other contents are forgotten. */
static void confirm_forecasts(mlr_app *app)
{
    const mlr_exporter *e = &app->exporter;
    bool same_pair = strcmp(e->old_path, app->session.old_path) == 0 &&
                     strcmp(e->new_path, app->session.new_path) == 0;
    if (app->desk.outlook != NULL && same_pair && e->state == MLR_EXPORT_DONE) {
        mlr_forecast_cache_confirm(app->desk.outlook->cache, e->result.made.models_sha256);
    }
}

/* Who looks at another screen hears how the export ended. */
static bool poll_export(mlr_app *app)
{
    mlr_exporter *e = &app->exporter;
    bool was_running = e->state == MLR_EXPORT_RUNNING;
    bool news = mlr_exporter_poll(e, app->now_ms);
    if (was_running) {
        confirm_forecasts(app);
    }
    if (!news || e->state == MLR_EXPORT_RUNNING || app->tab == MLR_SCREEN_EXPORT) {
        return news;
    }
    if (e->state == MLR_EXPORT_DONE) {
        mlr_app_say(app, MLR_ROLE_OK, "the export is done; 6 shows it");
    } else if (e->state == MLR_EXPORT_FAILED) {
        mlr_app_say(app, MLR_ROLE_ERROR, "the export failed: %.200s", e->failure);
    }
    return news;
}

bool mlr_app_poll(mlr_app *app)
{
    bool was_stale = app->stale_old || app->stale_new;
    bool stale = mlr_app_stale(app) != was_stale;
    bool job = mlr_app_poll_job(app);
    bool desk = mlr_desk_poll(app);
    bool export = poll_export(app);
    bool screens_busy = poll_screens(app);
    return stale || job || desk || export || screens_busy;
}

/* --- actions ----------------------------------------------------------------------------
 */

void mlr_app_list_actions(mlr_list *l, unsigned where)
{
    static const char *const groups[] = {"Move", "Find", "Mark", "Decide",
                                         "Do",   "Go",   "View", "Leave"};
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (int i = 1; i < MLR_ACTION_COUNT; i++) {
            const mlr_action_row *a = mlr_action_get((mlr_action)i);
            if ((a->where & where) == 0 || strcmp(a->group, groups[g]) != 0) {
                continue;
            }
            mlr_item item = {
                .heading = a->group, .label = a->name, .detail = a->help, .value = i};
            mlr_action_keys((mlr_action)i, item.keys, sizeof item.keys);
            mlr_list_add(l, &item);
        }
    }
}

static void open_palette(mlr_app *app)
{
    mlr_screen_id top = mlr_app_top(app);
    unsigned where = screens[top]->where | MLR_IN_ALL;
    mlr_list *l = mlr_app_menu(app, ASK_PALETTE, "Command");
    app->menu.owner = MLR_SCREEN_NONE;
    mlr_app_list_actions(l, where);
    for (size_t i = 0; i < l->count; i++) {
        l->item[i].heading = NULL;
    }
    l->none = "Enter runs: screen FILE, filter EXPR, theme NAME, rules FILE";
    mlr_list_ready(l);
}

static void write_screen(mlr_app *app, const char *path)
{
    mlr_err err = {0};
    if (mlr_app_screenshot(app, path, &err) == MLR_OK) {
        mlr_app_say(app, MLR_ROLE_OK, "wrote %s", path);
    } else {
        mlr_app_say_err(app, &err);
    }
}

/* A command with its argument, as typed into the palette: "screen shot.svg". */
static bool run_command(mlr_app *app, const char *text)
{
    static const char *const words[] = {"screen ", "theme ", "filter ", "rules "};
    mlr_err err = {0};
    size_t k = 0;
    while (k < 4 && strncmp(text, words[k], strlen(words[k])) != 0) {
        k++;
    }
    const char *rest = k < 4 ? text + strlen(words[k]) : "";
    rest += strspn(rest, " ");
    bool pair = app->session.new_model != NULL;
    if (rest[0] == '\0' || (k >= 2 && !pair)) {
        return false;
    }
    if (k == 0) {
        write_screen(app, rest);
    } else if (k == 1 && mlr_app_set_theme(app, rest, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
    } else if (k == 2) {
        mlr_tensors_narrow(app, rest);
    } else if (k == 3 && mlr_desk_load_rules(app, rest)) {
        (void)mlr_app_show(app, MLR_SCREEN_RULES);
    }
    return true;
}

static void ask_screenshot(mlr_app *app)
{
    mlr_app_ask(app, ASK_COMMAND, "Write screen to: ", "screen.svg", &app->command_history);
    app->question.owner = MLR_SCREEN_NONE;
}

static void quit(mlr_app *app)
{
    bool exports = app->exporter.state == MLR_EXPORT_RUNNING;
    if ((app->unsaved[0] == '\0' && !exports) || app->wishes.quit) {
        app->wishes.quit = true;
        return;
    }
    char label[40];
    if (exports) {
        snprintf(label, sizeof label, "the export would stop; quit? y/n ");
    } else {
        snprintf(label, sizeof label, "%.16s not saved; quit? y/n ", app->unsaved);
    }
    mlr_app_ask(app, ASK_QUIT, label, "", NULL);
    app->question.owner = MLR_SCREEN_NONE;
}

static void next_level(mlr_app *app)
{
    static const char *const names[] = {"ASCII", "block", "braille"};
    mlr_app_set_level(app, (mlr_glyph_level)((app->level + 1) % 3));
    mlr_app_say(app, MLR_ROLE_MESSAGE, "%s glyphs", names[app->level]);
}

static void show_pair_screen(mlr_app *app, mlr_screen_id id)
{
    if (app->session.new_model == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "no models are open: choose two files first");
        return;
    }
    (void)mlr_app_show(app, id);
}

static void cancel_job(mlr_app *app)
{
    if (mlr_job_state_of(&app->exporter.job) == MLR_JOB_RUNNING) {
        mlr_job_cancel(&app->exporter.job);
        mlr_app_say(app, MLR_ROLE_MESSAGE, "stopping the export; every choice is kept");
    } else if (mlr_job_state_of(&app->job) == MLR_JOB_RUNNING) {
        mlr_job_cancel(&app->job);
        mlr_app_say(app, MLR_ROLE_MESSAGE, "stopping %s", app->job.title);
    } else if (app->aside != NULL && mlr_job_state_of(app->aside) == MLR_JOB_RUNNING) {
        mlr_job_cancel(app->aside);
        mlr_app_say(app, MLR_ROLE_MESSAGE, "stopping %s", app->aside->title);
    } else if (mlr_job_state_of(&app->desk.job) == MLR_JOB_RUNNING) {
        mlr_desk_pause(app);
        mlr_app_say(app, MLR_ROLE_MESSAGE, "forecasts stopped; a choice starts them again");
    } else {
        mlr_app_say(app, MLR_ROLE_DIM, "no job is running");
    }
}

static void act_everywhere(mlr_app *app, mlr_action action)
{
    switch (action) {
    case MLR_DO_BACK:
        mlr_app_uncover(app);
        break;
    case MLR_DO_TAB_0:
        (void)mlr_app_show(app, MLR_SCREEN_OPEN);
        break;
    case MLR_DO_TAB_1:
        show_pair_screen(app, MLR_SCREEN_TENSORS);
        break;
    case MLR_DO_TAB_4:
        show_pair_screen(app, MLR_SCREEN_TUNE);
        break;
    case MLR_DO_TAB_5:
        show_pair_screen(app, MLR_SCREEN_RULES);
        break;
    case MLR_DO_TAB_6:
        show_pair_screen(app, MLR_SCREEN_EXPORT);
        break;
    case MLR_DO_TAB_2:
        show_pair_screen(app, MLR_SCREEN_TREE);
        break;
    case MLR_DO_TAB_3:
        show_pair_screen(app, MLR_SCREEN_DETAIL);
        break;
    case MLR_DO_TAB_7:
        (void)mlr_app_show(app, MLR_SCREEN_APPLY);
        break;
    case MLR_DO_CANCEL:
        cancel_job(app);
        break;
    case MLR_DO_PALETTE:
        open_palette(app);
        break;
    case MLR_DO_RELOAD:
        mlr_app_reload(app);
        break;
    case MLR_DO_THEMES:
        (void)mlr_app_show(app, MLR_SCREEN_THEMES);
        break;
    case MLR_DO_GLYPHS:
        next_level(app);
        break;
    case MLR_DO_SCREENSHOT:
        ask_screenshot(app);
        break;
    case MLR_DO_REDRAW:
        app->wishes.redraw = true;
        break;
    case MLR_DO_SUSPEND:
        app->wishes.suspend = true;
        break;
    case MLR_DO_QUIT:
        quit(app);
        break;
    case MLR_DO_HISTORY:
        show_pair_screen(app, MLR_SCREEN_HISTORY);
        break;
    case MLR_DO_HELP:
        (void)mlr_app_show(app, MLR_SCREEN_HELP);
        break;
    default:
        (void)mlr_desk_act(app, action);
        break;
    }
}

void mlr_app_act(mlr_app *app, mlr_action action)
{
    mlr_screen_id top = mlr_app_top(app);
    if (app->state[top] == NULL || !screens[top]->act(app, app->state[top], action)) {
        act_everywhere(app, action);
    }
}

/* --- questions --------------------------------------------------------------------------
 */

static void answer(mlr_app *app, mlr_screen_id owner, const mlr_answer *a)
{
    if (owner < MLR_SCREEN_COUNT && app->state[owner] != NULL &&
        screens[owner]->answer != NULL) {
        screens[owner]->answer(app, app->state[owner], a);
        return;
    }
    if (owner == MLR_SCREEN_NONE && mlr_desk_answer(app, a)) {
        return;
    }
    if (owner != MLR_SCREEN_NONE || a->reply != MLR_REPLY_ACCEPTED) {
        return;
    }
    if (a->question == ASK_PALETTE && run_command(app, app->menu.list.prompt.text)) {
        return;
    }
    if (a->question == ASK_PALETTE && a->value > 0) {
        mlr_app_act(app, (mlr_action)a->value);
    } else if (a->question == ASK_QUIT) {
        app->wishes.quit = a->text[0] == 'y' || a->text[0] == 'Y';
    } else if (a->question == ASK_COMMAND) {
        write_screen(app, a->text);
    }
}

static void question_key(mlr_app *app, mlr_key key)
{
    mlr_question *q = &app->question;
    mlr_prompt_result r = mlr_prompt_key(&q->prompt, key);
    if (r == MLR_PROMPT_IGNORED || r == MLR_PROMPT_MOVED) {
        return;
    }
    char text[MLR_PROMPT_BYTES];
    memcpy(text, q->prompt.text, sizeof text);
    mlr_answer a = {.question = q->number, .text = text, .value = -1};
    a.reply = r == MLR_PROMPT_ACCEPTED    ? MLR_REPLY_ACCEPTED
              : r == MLR_PROMPT_CANCELLED ? MLR_REPLY_CANCELLED
                                          : MLR_REPLY_CHANGED;
    q->open = r == MLR_PROMPT_CHANGED;
    answer(app, q->owner, &a);
}

static void menu_key(mlr_app *app, mlr_key key)
{
    mlr_menu *m = &app->menu;
    mlr_list_result r = mlr_list_key(&m->list, key);
    if (r == MLR_LIST_NONE) {
        return;
    }
    const mlr_item *item = mlr_list_at(&m->list);
    mlr_answer a = {.question = m->number, .text = ""};
    a.value = item == NULL ? -1 : item->value;
    a.reply = r == MLR_LIST_CHOSEN   ? MLR_REPLY_ACCEPTED
              : r == MLR_LIST_CLOSED ? MLR_REPLY_CANCELLED
                                     : MLR_REPLY_CHANGED;
    m->open = r == MLR_LIST_MOVED;
    answer(app, m->owner, &a);
}

void mlr_app_key(mlr_app *app, mlr_key key)
{
    app->message[0] = '\0';
    if (app->question.open) {
        question_key(app, key);
        return;
    }
    if (app->menu.open) {
        menu_key(app, key);
        return;
    }
    mlr_screen_id top = mlr_app_top(app);
    const mlr_screen *s = screens[top];
    if (app->state[top] != NULL && s->key != NULL && s->key(app, app->state[top], key)) {
        return;
    }
    mlr_app_act(app, mlr_action_for(key, s->where | MLR_IN_ALL));
}
