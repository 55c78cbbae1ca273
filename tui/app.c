#include "tui/app.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apply/host/file.h"
#include "apply/host/heap.h"
#include "tui/rules_edit.h"
#include "tui/script.h"
#include "tui/term.h"

enum { FRAME_MS = 33, SPIN_MS = 120 }; /* at most 30 frames a second; a spinner's step */

typedef struct places {
    char config[1024], state[1024], forecasts[1024];
} places;

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* $XDG_x/mallorn, or ~/fallback/mallorn; "" where neither is known. */
static void find_place(char *to, size_t room, const char *xdg, const char *fallback)
{
    const char *base = getenv(xdg);
    const char *home = getenv("HOME");
    to[0] = '\0';
    if (base != NULL && base[0] == '/') {
        snprintf(to, room, "%s/mallorn", base);
    } else if (home != NULL && home[0] == '/') {
        snprintf(to, room, "%s/%s/mallorn", home, fallback);
    }
}

static bool no_color(const mlr_tui_options *o)
{
    const char *env = getenv("NO_COLOR");
    return o->color == MLR_COLOR_NEVER ||
           (o->color == MLR_COLOR_AUTO && env != NULL && env[0] != '\0');
}

static mlr_glyph_level find_level(const mlr_tui_options *o)
{
    static const char *const names[] = {"ascii", "block", "braille"};
    for (int i = 0; i < 3 && o->glyphs != NULL; i++) {
        if (strcmp(o->glyphs, names[i]) == 0) {
            return (mlr_glyph_level)i;
        }
    }
    const char *term = getenv("TERM");
    bool plain =
        term != NULL && (strcmp(term, "linux") == 0 || strncmp(term, "vt", 2) == 0);
    return plain || !mlr_term_has_blocks() ? MLR_GLYPHS_ASCII : MLR_GLYPHS_BLOCK;
}

static const char *find_theme(const mlr_tui_options *o, mlr_color_depth depth)
{
    const char *env = getenv("MALLORN_THEME");
    if (o->theme != NULL) {
        return o->theme;
    }
    if (env != NULL && env[0] != '\0') {
        return env;
    }
    return depth == MLR_DEPTH_MONO ? "mono" : depth == MLR_DEPTH_8 ? "console8" : "default";
}

/* Everything but the terminal; the app is in `app` afterwards. */
static mlr_status begin(mlr_app *app, const mlr_tui_options *o, const places *p,
                        int wake_fd, mlr_err *err)
{
    mlr_status s = mlr_app_init(app, o->alloc, wake_fd, err);
    if (s != MLR_OK) {
        return s;
    }
    app->config_dir = p->config[0] == '\0' ? NULL : p->config;
    app->state_dir = p->state[0] == '\0' ? NULL : p->state;
    app->forecast_dir = p->forecasts[0] == '\0' ? NULL : p->forecasts;
    return MLR_OK;
}

static mlr_status set_looks(mlr_app *app, const mlr_tui_options *o, mlr_color_depth depth,
                            mlr_glyph_level level, mlr_err *err)
{
    app->depth = depth;
    mlr_app_set_level(app, level);
    mlr_status s = mlr_app_set_theme(app, find_theme(o, depth), err);
    if (s != MLR_OK && o->theme == NULL) { /* a bad MALLORN_THEME is no reason to fail */
        mlr_app_say_err(app, err);
        *err = (mlr_err){0};
        return MLR_OK;
    }
    return s;
}

static void show_first(mlr_app *app, const mlr_tui_options *o)
{
    app->patch_path = o->patch_path;
    app->profile_path = o->profile;
    (void)mlr_app_show(app, o->patch_path != NULL ? MLR_SCREEN_APPLY : MLR_SCREEN_OPEN);
    if (o->old_path != NULL && o->new_path != NULL) {
        mlr_app_open_pair(app, o->old_path, o->new_path);
    }
}

static void on_event(mlr_app *app, mlr_term *t, const mlr_event *e)
{
    int rows = 0;
    int cols = 0;
    switch (e->kind) {
    case MLR_EVENT_KEY:
        mlr_app_key(app, e->key);
        break;
    case MLR_EVENT_MOUSE:
        mlr_app_mouse(app, e->row, e->col, e->button);
        break;
    case MLR_EVENT_RESIZE:
        mlr_term_size(t, &rows, &cols);
        mlr_app_resize(app, rows, cols);
        break;
    default:
        break;
    }
    if (app->wishes.redraw) {
        app->wishes.redraw = false;
        mlr_term_forget(t);
    }
    if (app->wishes.copy != NULL) {
        mlr_term_copy(t, app->wishes.copy);
        app->wishes.copy = NULL;
    }
    if (app->wishes.edit != NULL) {
        char *word[5];
        mlr_editor_words(app->wishes.edit, word);
        app->wishes.edit = NULL;
        mlr_rules_edited(app, mlr_term_run(t, word));
        mlr_term_size(t, &rows, &cols);
        mlr_app_resize(app, rows, cols);
    }
    if (app->wishes.suspend) {
        app->wishes.suspend = false;
        mlr_term_suspend(t);
        mlr_term_size(t, &rows, &cols);
        mlr_app_resize(app, rows, cols);
    }
}

/* Draws when something happened, waits without end when nothing runs. */
static int loop(mlr_app *app, mlr_term *t)
{
    mlr_grid grid;
    bool dirty = true;
    int ended_by = 0;
    uint64_t drawn = 0;
    mlr_grid_init(&grid, app->alloc, &app->glyphs);
    while (!app->wishes.quit && ended_by == 0) {
        app->now_ms = now_ms();
        bool busy = mlr_app_poll(app);
        if (dirty && app->now_ms - drawn >= FRAME_MS) {
            mlr_app_draw(app, &grid);
            mlr_term_paint(t, &grid, &app->theme);
            drawn = app->now_ms;
            dirty = false;
        }
        mlr_term_watch(t, app->watch.fd);
        mlr_event e = mlr_term_wait(t, dirty ? FRAME_MS : busy ? SPIN_MS : -1);
        app->now_ms = now_ms();
        on_event(app, t, &e);
        ended_by = e.kind == MLR_EVENT_END ? (int)e.key : 0;
        dirty = dirty || busy || e.kind != MLR_EVENT_NONE;
    }
    mlr_grid_release(&grid);
    return ended_by;
}

static mlr_status run_terminal(const mlr_tui_options *o, const places *p, mlr_err *err)
{
    mlr_term *t = NULL;
    mlr_app *app = mlr_take(o->alloc, sizeof *app);
    mlr_term_options options = {o->alloc, no_color(o), o->no_mouse};
    int ended_by = 0;
    if (app == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the program");
    }
    mlr_status s = mlr_term_open(&t, &options, err);
    bool begun = false;
    if (s == MLR_OK) {
        s = begin(app, o, p, mlr_term_wake_fd(t), err);
        begun = s == MLR_OK;
    }
    if (s == MLR_OK) {
        mlr_term_size(t, &app->rows, &app->cols);
        s = set_looks(app, o, mlr_term_depth(t), find_level(o), err);
    }
    if (s == MLR_OK) {
        show_first(app, o);
        ended_by = loop(app, t);
    }
    if (begun) {
        mlr_app_release(app);
    }
    mlr_term_close(t);
    mlr_give(o->alloc, app, sizeof *app);
    if (s == MLR_OK && ended_by != 0) {
        s = mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "a signal asked it to end");
    }
    return s;
}

static mlr_status read_script(const mlr_tui_options *o, char **text, size_t *taken,
                              mlr_err *err)
{
    mlr_file f = {0};
    mlr_status s = mlr_file_open(&f, o->script, NULL, err);
    if (s != MLR_OK) {
        return s;
    }
    *taken = f.source.size > 1 << 20 ? 0 : (size_t)f.source.size + 1;
    *text = *taken == 0 ? NULL : mlr_take(o->alloc, *taken);
    if (*text == NULL) {
        s = mlr_fail(err, MLR_E_LIMIT, 0, "a script of at most 1 MiB");
    } else {
        (*text)[*taken - 1] = '\0';
        s = f.source.read_at(f.source.ctx, 0, *text, *taken - 1, err);
    }
    mlr_file_close(&f);
    return s;
}

static mlr_status run_script(const mlr_tui_options *o, const places *p, mlr_err *err)
{
    char *text = NULL;
    size_t taken = 0;
    mlr_app *app = mlr_take(o->alloc, sizeof *app);
    mlr_status s = read_script(o, &text, &taken, err);
    if (s == MLR_OK && app == NULL) {
        s = mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the program");
    }
    s = s == MLR_OK ? begin(app, o, p, -1, err) : s;
    if (s == MLR_OK) {
        mlr_glyph_level level = MLR_GLYPHS_BLOCK;
        if (o->glyphs != NULL) {
            level = find_level(o);
        }
        s = set_looks(app, o, no_color(o) ? MLR_DEPTH_MONO : MLR_DEPTH_RGB, level, err);
        if (s == MLR_OK) {
            show_first(app, o);
            s = mlr_script_run(app, text, err);
        }
        mlr_app_release(app);
    }
    mlr_give(o->alloc, text, taken);
    mlr_give(o->alloc, app, sizeof *app);
    return s;
}

static const char *environment(const char *name)
{
    return getenv(name);
}

mlr_status mlr_tui_run(const mlr_tui_options *o, mlr_err *err)
{
    mlr_heap heap;
    places p;
    mlr_tui_options own = *o;
    mlr_heap_init(&heap);
    if (own.alloc == NULL) {
        own.alloc = &heap.alloc;
    }
    (void)setlocale(LC_CTYPE, "");
    find_place(p.config, sizeof p.config, "XDG_CONFIG_HOME", ".config");
    find_place(p.state, sizeof p.state, "XDG_STATE_HOME", ".local/state");
    if (mlr_forecast_folder(p.forecasts, sizeof p.forecasts, environment) == NULL) {
        p.forecasts[0] = '\0';
    }
    if (own.script != NULL) {
        return run_script(&own, &p, err);
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET,
                        "a terminal for the terminal interface");
    }
    return run_terminal(&own, &p, err);
}
