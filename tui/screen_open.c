/* Choosing two models: recent pairs, and a file browser that knows models by content. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tui/app_core.h"
#include "tui/cell_text.h"
#include "tui/folder.h"
#include "tui/recent.h"
#include "tui/widget_table.h"

typedef struct opener {
    mlr_folder folder;
    mlr_folder_wish wish;
    mlr_recent recent;
    mlr_ui_table table; /* recent pairs first, then the folder above, then its entries */
    char old_path[MLR_PATH_BYTES]; /* "": not chosen yet */
} opener;

static void enter_folder(mlr_app *app, opener *o, const char *path)
{
    mlr_err err = {0};
    if (mlr_folder_read(&o->folder, path, o->wish, app->alloc, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
        return;
    }
    o->table.cursor = o->recent.count;
    o->table.top = 0;
}

static mlr_status open_opener(mlr_app *app, void **state, mlr_err *err)
{
    opener *o = mlr_take(app->alloc, sizeof *o);
    if (o == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the browser");
    }
    memset(o, 0, sizeof *o);
    mlr_recent_load(&o->recent, app->state_dir, app->alloc);
    enter_folder(app, o, ".");
    o->table.cursor = 0;
    *state = o;
    return MLR_OK;
}

static void close_opener(mlr_app *app, void *state)
{
    opener *o = state;
    mlr_folder_release(&o->folder);
    mlr_give(app->alloc, o, sizeof *o);
}

/* Recent pairs must open from any folder; what is no file (hf://) stays as it is. */
static const char *absolute(const char *path, char to[MLR_PATH_BYTES])
{
    char *full = realpath(path, NULL);
    if (full == NULL || strlen(full) >= MLR_PATH_BYTES) {
        free(full);
        return path;
    }
    memcpy(to, full, strlen(full) + 1);
    free(full);
    return to;
}

/* A pair was opened: it is the newest one now. */
static void renew(mlr_app *app, void *state)
{
    opener *o = state;
    mlr_err err = {0};
    size_t before = o->recent.count;
    char old_path[MLR_PATH_BYTES];
    char new_path[MLR_PATH_BYTES];
    mlr_recent_add(&o->recent, absolute(app->session.old_path, old_path),
                   absolute(app->session.new_path, new_path));
    if (mlr_recent_save(&o->recent, app->state_dir, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
    }
    o->old_path[0] = '\0';
    o->table.cursor += o->recent.count - before;
}

static size_t rows_of(const opener *o)
{
    return o->recent.count + 1 + o->folder.count;
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    (void)app;
    (void)cols;
    opener *o = state;
    int titles = o->recent.count > 0 ? 4 : 2; /* headings between the parts */
    mlr_table_arrange(&o->table, rows_of(o), rows - titles - 1);
}

static const char *age(char *to, size_t room, int64_t modified)
{
    struct tm tm;
    time_t t = (time_t)modified;
    if (localtime_r(&t, &tm) == NULL || strftime(to, room, "%Y-%m-%d %H:%M", &tm) == 0) {
        to[0] = '\0';
    }
    return to;
}

static void draw_recent(const opener *o, mlr_pane v, int row, size_t i)
{
    char text[256];
    int half = (v.cols - 10) / 2;
    const char *a = o->recent.old_path[i];
    const char *b = o->recent.new_path[i];
    mlr_elide_middle(text, sizeof text, a, strlen(a), half);
    int at = mlr_put(v, row, 3, MLR_ROLE_TEXT, text);
    at = mlr_put(v, row, at, MLR_ROLE_DIM, " → ");
    mlr_elide_middle(text, sizeof text, b, strlen(b), v.cols - at - 1);
    mlr_put(v, row, at, MLR_ROLE_TEXT, text);
}

static void draw_entry(const opener *o, mlr_pane v, int row, size_t i)
{
    const mlr_folder_entry *e = &o->folder.entry[i];
    char text[512];
    char size[16];
    char when[32];
    bool wide = v.cols >= 70;
    int name = v.cols - (wide ? 42 : 22);
    mlr_elide_middle(text, sizeof text, e->name, strlen(e->name), name - 4);
    int end = mlr_put(v, row, 3, e->is_folder ? MLR_ROLE_FOLDER : MLR_ROLE_TEXT, text);
    if (e->is_folder) {
        mlr_put(v, row, end, MLR_ROLE_FOLDER, "/");
        return;
    }
    mlr_put(v, row, name, MLR_ROLE_FORMAT, e->format == NULL ? "" : e->format);
    mlr_put_right(v, row, name + 20, MLR_ROLE_TEXT,
                  mlr_fmt_bytes(size, sizeof size, e->size));
    if (wide) {
        mlr_put(v, row, name + 23, MLR_ROLE_DIM, age(when, sizeof when, e->modified));
    }
}

/* Where the first of two models stands: shown until the second is chosen. */
static void draw_chosen(const opener *o, mlr_pane v)
{
    char text[1024];
    int at = mlr_put(v, 0, 1, MLR_ROLE_INPUT_LABEL, "Old  ");
    if (o->old_path[0] == '\0') {
        mlr_put(v, 0, at, MLR_ROLE_DIM, "choose with Enter; the new model follows");
        return;
    }
    const char *leaf = mlr_path_leaf(o->old_path);
    mlr_elide_middle(text, sizeof text, leaf, strlen(leaf), v.cols - 34);
    at = mlr_put(v, 0, at, MLR_ROLE_STRONG, text);
    at = mlr_put(v, 0, at + 2, MLR_ROLE_INPUT_LABEL, "New  ");
    mlr_put(v, 0, at, MLR_ROLE_DIM, "choose with Enter");
}

static void draw_heading(mlr_pane v, int row, const char *label, const char *text)
{
    char fit[1024];
    int at = mlr_put(v, row, 1, MLR_ROLE_GROUP, label) + 2;
    mlr_elide_middle(fit, sizeof fit, text, strlen(text), v.cols - at - 1);
    mlr_put(v, row, at, MLR_ROLE_DIM, fit);
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    (void)app;
    const opener *o = state;
    int row = 1;
    draw_chosen(o, body);
    for (size_t i = o->table.top; i < rows_of(o) && i < o->table.top + o->table.page; i++) {
        bool cursor = i == o->table.cursor;
        if (i == 0 && o->recent.count > 0) {
            draw_heading(body, row++, "Recent", "");
        }
        if (i == o->recent.count || (i == o->table.top && i > o->recent.count)) {
            row += i == o->recent.count && o->recent.count > 0;
            draw_heading(body, row++, "Folder", o->folder.path);
        }
        mlr_pane line = cursor ? mlr_pane_over(body, MLR_ROLE_SELECTION) : body;
        if (cursor) {
            mlr_fill(mlr_pane_part(line, row, 0, 1, body.cols), MLR_ROLE_TEXT);
            mlr_put_glyph(line, row, 1, MLR_ROLE_STRONG, MLR_G_CURSOR);
            mlr_cursor_at(body, row, 3);
        }
        if (i < o->recent.count) {
            draw_recent(o, line, row, i);
        } else if (i == o->recent.count) {
            mlr_put(line, row, 3, MLR_ROLE_FOLDER, "../");
        } else {
            draw_entry(o, line, row, i - o->recent.count - 1);
        }
        row++;
    }
}

static bool path_of(const opener *o, const char *name, char *to, size_t room)
{
    const char *slash = strcmp(o->folder.path, "/") == 0 ? "" : "/";
    int n = snprintf(to, room, "%s%s%s", o->folder.path, slash, name);
    return n > 0 && (size_t)n < room;
}

static void leave_folder(mlr_app *app, opener *o)
{
    char from[256];
    char path[MLR_PATH_BYTES];
    snprintf(from, sizeof from, "%s", mlr_path_leaf(o->folder.path));
    if (!path_of(o, "..", path, sizeof path)) {
        return;
    }
    enter_folder(app, o, path);
    for (size_t i = 0; i < o->folder.count; i++) {
        if (strcmp(o->folder.entry[i].name, from) == 0) {
            o->table.cursor = o->recent.count + 1 + i;
        }
    }
}

static void choose_file(mlr_app *app, opener *o, const char *path)
{
    if (o->old_path[0] == '\0') {
        snprintf(o->old_path, sizeof o->old_path, "%s", path);
        return;
    }
    mlr_app_open_pair(app, o->old_path, path);
}

static void choose(mlr_app *app, opener *o)
{
    size_t i = o->table.cursor;
    if (i < o->recent.count) {
        mlr_app_open_pair(app, o->recent.old_path[i], o->recent.new_path[i]);
        return;
    }
    if (i == o->recent.count) {
        leave_folder(app, o);
        return;
    }
    const mlr_folder_entry *e = &o->folder.entry[i - o->recent.count - 1];
    char path[MLR_PATH_BYTES];
    if (!path_of(o, e->name, path, sizeof path)) {
        mlr_app_say(app, MLR_ROLE_ERROR, "the path is longer than 4,096 bytes");
    } else if (e->is_folder) {
        enter_folder(app, o, path);
    } else {
        choose_file(app, o, path);
    }
}

static void again(mlr_app *app, opener *o)
{
    char path[MLR_PATH_BYTES];
    size_t cursor = o->table.cursor;
    memcpy(path, o->folder.path, sizeof path);
    enter_folder(app, o, path);
    o->table.cursor = cursor;
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    opener *o = state;
    if (mlr_table_act(&o->table, action)) {
        return true;
    }
    mlr_err err = {0};
    bool on_entry = o->table.cursor > o->recent.count;
    switch (action) {
    case MLR_DO_ENTER:
        choose(app, o);
        return true;
    case MLR_DO_FOLDER_UP:
        leave_folder(app, o);
        return true;
    case MLR_DO_FOLDER_IN:
        if (on_entry && o->folder.entry[o->table.cursor - o->recent.count - 1].is_folder) {
            choose(app, o);
        }
        return true;
    case MLR_DO_HIDDEN:
        o->wish.hidden = !o->wish.hidden;
        again(app, o);
        return true;
    case MLR_DO_ALL_FILES:
        o->wish.all_files = !o->wish.all_files;
        again(app, o);
        return true;
    case MLR_DO_FORGET:
        if (o->table.cursor < o->recent.count) {
            mlr_recent_drop(&o->recent, o->table.cursor);
            if (mlr_recent_save(&o->recent, app->state_dir, &err) != MLR_OK) {
                mlr_app_say_err(app, &err);
            }
        }
        return true;
    case MLR_DO_BACK:
        if (o->old_path[0] != '\0') {
            o->old_path[0] = '\0';
            return true;
        }
        return false;
    default:
        return false;
    }
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    (void)app;
    const opener *o = state;
    size_t models = 0;
    for (size_t i = 0; i < o->folder.count; i++) {
        models += o->folder.entry[i].format != NULL;
    }
    int n = snprintf(to, room, "%zu model%s", models, models == 1 ? "" : "s");
    if (n > 0 && o->folder.hidden > 0) {
        snprintf(to + n, room - (size_t)n, " · %zu other name%s not shown",
                 o->folder.hidden, o->folder.hidden == 1 ? "" : "s");
    }
    if (o->folder.cut) {
        snprintf(to, room, "only the first %d names are shown", MLR_FOLDER_ENTRIES);
    }
}

const mlr_screen mlr_screen_open = {
    .title = "Open",
    .where = MLR_IN_LIST | MLR_IN_OPEN,
    .tab = '0',
    .open = open_opener,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .status = status,
    .renew = renew,
    .close = close_opener,
};
