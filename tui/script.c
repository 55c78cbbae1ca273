#include "tui/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply/base/checked.h"
#include "tui/rules_edit.h"

typedef struct runner {
    mlr_app *app;
    bool hurried;  /* keys do not wait for jobs */
    uint64_t line; /* from 1 */
    mlr_err *err;
} runner;

static mlr_status wrong(runner *r, const char *rule, const char *what)
{
    mlr_err_about(r->err, what, strlen(what));
    mlr_err_in(r->err, MLR_IN_NONE, "script");
    return mlr_fail(r->err, MLR_E_USAGE, r->line, rule);
}

void mlr_script_settle(mlr_app *app)
{
    if (!mlr_app_poll(app)) {
        return;
    }
    do { /* the end of one job may start the next */
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    } while (mlr_app_poll(app));
}

char *mlr_script_text(mlr_app *app, size_t *taken)
{
    mlr_grid g;
    mlr_grid_init(&g, app->alloc, &app->glyphs);
    mlr_app_draw(app, &g);
    char *text = mlr_grid_text(&g, taken);
    mlr_grid_release(&g);
    return text;
}

static bool same_look(const mlr_ui_cell *a, const mlr_ui_cell *b)
{
    return a->role == b->role && a->over == b->over && a->attr == b->attr;
}

static size_t put_runs(const mlr_grid *g, int row, char *to, size_t room)
{
    const mlr_ui_cell *c = &g->cells[row * g->cols];
    int n = snprintf(to, room, "%3d", row);
    size_t used = (size_t)n;
    for (int col = 0; col < g->cols;) {
        int end = col;
        while (end < g->cols && same_look(&c[end], &c[col])) {
            end++;
        }
        n = snprintf(to + used, room - used, " %d %s", end - col,
                     mlr_role_name((mlr_role)c[col].role));
        used += (size_t)n;
        if (c[col].over != MLR_ROLE_TEXT) {
            n = snprintf(to + used, room - used, "/%s",
                         mlr_role_name((mlr_role)c[col].over));
            used += (size_t)n;
        }
        if (c[col].attr != 0) {
            n = snprintf(to + used, room - used, "+%d", c[col].attr);
            used += (size_t)n;
        }
        col = end;
    }
    to[used++] = '\n';
    return used;
}

char *mlr_script_golden(mlr_app *app, size_t *taken)
{
    enum { RUN = 48 }; /* bytes of one cell's run at most */
    mlr_grid g;
    size_t text_taken = 0;
    mlr_grid_init(&g, app->alloc, &app->glyphs);
    mlr_app_draw(app, &g);
    char *text = mlr_grid_text(&g, &text_taken);
    *taken = text_taken + (size_t)g.rows * ((size_t)g.cols * RUN + 8) + 64;
    char *all = text == NULL ? NULL : mlr_take(app->alloc, *taken);
    if (all != NULL) {
        size_t used = strlen(text);
        memcpy(all, text, used);
        int n = snprintf(all + used, *taken - used, "-- cursor %d,%d\n", g.cursor_row,
                         g.cursor_col);
        used += (size_t)n;
        for (int r = 0; r < g.rows; r++) {
            used += put_runs(&g, r, all + used, *taken - used);
        }
        all[used] = '\0';
    }
    mlr_give(app->alloc, text, text_taken);
    mlr_grid_release(&g);
    return all;
}

static mlr_status set_size(runner *r, const char *arg)
{
    char *end = NULL;
    long rows = strtol(arg, &end, 10);
    long cols = strtol(end, &end, 10);
    if (*end != '\0' || rows < 1 || cols < 1 || rows > 1000 || cols > 1000) {
        return wrong(r, "@size ROWS COLS", arg);
    }
    mlr_app_resize(r->app, (int)rows, (int)cols);
    return MLR_OK;
}

static int index_of(const char *const *names, const char *name)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static mlr_status expect(runner *r, const char *text)
{
    size_t taken = 0;
    mlr_script_settle(r->app);
    char *screen = mlr_script_text(r->app, &taken);
    bool found = screen != NULL && strstr(screen, text) != NULL;
    if (screen != NULL) {
        mlr_give(r->app->alloc, screen, taken);
    }
    return found ? MLR_OK : wrong(r, "a text on the screen", text);
}

/* Keys act on what was drawn: arranging happens there, as it does with people. */
static void show(runner *r)
{
    mlr_grid g;
    mlr_grid_init(&g, r->app->alloc, &r->app->glyphs);
    mlr_app_draw(r->app, &g);
    mlr_grid_release(&g);
}

static mlr_status type_keys(runner *r, const char *p);

static mlr_status direct(runner *r, const char *name, const char *arg)
{
    static const char *const depths[] = {"mono", "8", "16", "256", "rgb", NULL};
    static const char *const levels[] = {"ascii", "block", "braille", NULL};
    if (strcmp(name, "size") == 0) {
        return set_size(r, arg);
    }
    if (strcmp(name, "theme") == 0) {
        return mlr_app_set_theme(r->app, arg, r->err);
    }
    if (strcmp(name, "glyphs") == 0 && index_of(levels, arg) >= 0) {
        mlr_app_set_level(r->app, (mlr_glyph_level)index_of(levels, arg));
        return MLR_OK;
    }
    if (strcmp(name, "depth") == 0 && index_of(depths, arg) >= 0) {
        r->app->depth = (mlr_color_depth)index_of(depths, arg);
        return MLR_OK;
    }
    if (strcmp(name, "hurry") == 0) {
        r->hurried = true;
        mlr_status s = type_keys(r, arg);
        r->hurried = false;
        return s;
    }
    if (strcmp(name, "wait") == 0) {
        mlr_script_settle(r->app);
        return MLR_OK;
    }
    if (strcmp(name, "screen") == 0) {
        mlr_script_settle(r->app);
        return mlr_app_screenshot(r->app, arg, r->err);
    }
    if (strcmp(name, "expect") == 0) {
        return expect(r, arg);
    }
    return wrong(r, "a directive that exists", name);
}

static void press(runner *r, mlr_key key)
{
    mlr_app_key(r->app, key);
    if (r->app->wishes.edit != NULL) {
        const char *path = r->app->wishes.edit;
        r->app->wishes.edit = NULL;
        mlr_rules_edited(r->app, mlr_editor_run(path));
    }
    if (!r->hurried) {
        mlr_script_settle(r->app);
    }
    show(r);
}

static mlr_status type_keys(runner *r, const char *p)
{
    while (*p != '\0') {
        if (*p == ' ' || *p == '\t') {
            p++;
            continue;
        }
        if (*p == '#' && (p[1] == ' ' || p[1] == '\0')) {
            return MLR_OK;
        }
        if (*p == '"') {
            for (p++; *p != '\0' && *p != '"';) {
                mlr_key key = *p == '<' ? (mlr_key)*p++ : mlr_key_read(&p);
                press(r, key);
            }
            p += *p == '"';
            continue;
        }
        mlr_key key = mlr_key_read(&p);
        if (key == MLR_KEY_NONE) {
            return wrong(r, "a key in script notation", p);
        }
        press(r, key);
    }
    return MLR_OK;
}

static mlr_status run_line(runner *r, char *line)
{
    if (line[0] != '@') {
        return type_keys(r, line);
    }
    char *arg = strchr(line, ' ');
    if (arg != NULL) {
        *arg++ = '\0';
    }
    return direct(r, line + 1, arg == NULL ? "" : arg);
}

mlr_status mlr_script_run(mlr_app *app, const char *text, mlr_err *err)
{
    mlr_err own = {0};
    runner r = {.app = app, .err = err == NULL ? &own : err};
    mlr_status s = MLR_OK;
    mlr_script_settle(app);
    show(&r);
    while (*text != '\0' && s == MLR_OK) {
        char line[1024];
        size_t n = strcspn(text, "\n");
        r.line++;
        if (n >= sizeof line) {
            return wrong(&r, "a line of at most 1,023 bytes", "");
        }
        memcpy(line, text, n);
        line[n] = '\0';
        s = run_line(&r, line);
        text += n;
        text += *text == '\n';
    }
    return s;
}
