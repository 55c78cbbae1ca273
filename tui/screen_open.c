/* Choosing two models: recent pairs, the Hugging Face cache, and a file browser that knows
 * models by content. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/open_view.h"

typedef mlr_open_view opener;

static void enter_folder(mlr_app *app, opener *o, const char *path)
{
    mlr_err err = {0};
    if (mlr_folder_read(&o->folder, path, o->wish, app->alloc, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
        return;
    }
    o->table.cursor = mlr_open_folder_row(o);
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
    const char *home = getenv("HOME");
    snprintf(o->home, sizeof o->home, "%s", home != NULL && home[0] == '/' ? home : "");
    mlr_hub_read(&o->hub, app->alloc);
    enter_folder(app, o, ".");
    o->table.cursor = 0;
    *state = o;
    return MLR_OK;
}

static void close_opener(mlr_app *app, void *state)
{
    opener *o = state;
    mlr_folder_release(&o->folder);
    mlr_hub_release(&o->hub);
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

/* As many rows as fit beside the headings of the parts they belong to. */
static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    (void)app;
    (void)cols;
    opener *o = state;
    size_t top = o->table.top;
    o->roomy = rows >= 18;
    for (int page = rows - 2; page >= 1; page--) {
        int lines = 1; /* which model is wanted */
        o->table.top = top;
        mlr_table_arrange(&o->table, mlr_open_rows(o), page);
        size_t end = o->table.top + o->table.page;
        for (size_t i = o->table.top; i < end && i < mlr_open_rows(o); i++) {
            lines += 1 + mlr_open_headings(o, o->table.top, i);
        }
        if (lines <= rows) {
            return;
        }
    }
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    (void)app;
    mlr_open_draw(state, body);
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
            o->table.cursor = mlr_open_folder_row(o) + 1 + i;
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

static void choose_entry(mlr_app *app, opener *o, const mlr_folder_entry *e)
{
    char path[MLR_PATH_BYTES];
    if (!path_of(o, e->name, path, sizeof path)) {
        mlr_app_say(app, MLR_ROLE_ERROR, "the path is longer than 4,096 bytes");
    } else if (e->is_folder) {
        enter_folder(app, o, path);
    } else {
        choose_file(app, o, path);
    }
}

/* A snapshot that is one model is chosen; of one that holds several a file has to be. */
static void choose_revision(mlr_app *app, opener *o, const mlr_hub_revision *r)
{
    if (r->whole) {
        choose_file(app, o, r->open);
        return;
    }
    enter_folder(app, o, r->folder);
    mlr_app_say(app, MLR_ROLE_MESSAGE, "this revision holds %u models: choose one",
                r->files);
}

static void choose(mlr_app *app, opener *o)
{
    mlr_open_spot s = mlr_open_at(o, o->table.cursor);
    switch (s.part) {
    case MLR_OPEN_RECENT:
        mlr_app_open_pair(app, o->recent.old_path[s.index], o->recent.new_path[s.index]);
        break;
    case MLR_OPEN_HUB:
        choose_revision(app, o, &o->hub.revision[s.index]);
        break;
    case MLR_OPEN_HUB_MORE:
        o->hub_open = !o->hub_open;
        o->table.cursor = o->recent.count + (o->hub_open ? MLR_HUB_FEW : 0);
        break;
    case MLR_OPEN_UP:
        leave_folder(app, o);
        break;
    case MLR_OPEN_ENTRY:
        choose_entry(app, o, &o->folder.entry[s.index]);
        break;
    }
}

static void go_in(mlr_app *app, opener *o)
{
    mlr_open_spot s = mlr_open_at(o, o->table.cursor);
    if (s.part == MLR_OPEN_HUB) {
        enter_folder(app, o, o->hub.revision[s.index].folder);
    } else if (s.part == MLR_OPEN_ENTRY && o->folder.entry[s.index].is_folder) {
        choose(app, o);
    }
}

static bool click(mlr_app *app, void *state, int row, int col)
{
    opener *o = state;
    size_t at = mlr_open_row_of_line(o, row);
    (void)col;
    if (at == SIZE_MAX) {
        return false;
    }
    if (at == o->table.cursor) {
        choose(app, o);
    } else {
        mlr_table_go(&o->table, at);
    }
    return true;
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
    switch (action) {
    case MLR_DO_ENTER:
        choose(app, o);
        return true;
    case MLR_DO_FOLDER_UP:
        leave_folder(app, o);
        return true;
    case MLR_DO_FOLDER_IN:
        go_in(app, o);
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
    if (mlr_open_at(o, o->table.cursor).part == MLR_OPEN_HUB) {
        snprintf(to, room, "Enter takes this revision · l shows its files");
        return;
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
    .click = click,
    .status = status,
    .renew = renew,
    .close = close_opener,
};
