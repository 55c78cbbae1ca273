/* How the file browser looks. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tui/cell_text.h"
#include "tui/open_view.h"

/* --- rows -------------------------------------------------------------------------------
 */

static size_t hub_shown(const mlr_open_view *o)
{
    bool all = o->hub_open || o->hub.count <= MLR_HUB_FEW;
    return all ? o->hub.count : MLR_HUB_FEW;
}

static size_t hub_rows(const mlr_open_view *o)
{
    return hub_shown(o) + (o->hub.count > MLR_HUB_FEW);
}

size_t mlr_open_folder_row(const mlr_open_view *o)
{
    return o->recent.count + hub_rows(o);
}

size_t mlr_open_rows(const mlr_open_view *o)
{
    return mlr_open_folder_row(o) + 1 + o->folder.count;
}

mlr_open_spot mlr_open_at(const mlr_open_view *o, size_t row)
{
    size_t folder = mlr_open_folder_row(o);
    if (row < o->recent.count) {
        return (mlr_open_spot){MLR_OPEN_RECENT, row};
    }
    if (row < folder) {
        size_t i = row - o->recent.count;
        return (mlr_open_spot){i < hub_shown(o) ? MLR_OPEN_HUB : MLR_OPEN_HUB_MORE, i};
    }
    return row == folder ? (mlr_open_spot){MLR_OPEN_UP, 0}
                         : (mlr_open_spot){MLR_OPEN_ENTRY, row - folder - 1};
}

static bool begins_part(const mlr_open_view *o, size_t row)
{
    return row == 0 || row == o->recent.count || row == mlr_open_folder_row(o);
}

int mlr_open_headings(const mlr_open_view *o, size_t top, size_t row)
{
    if (row == top) {
        return 1; /* a page says what its first rows are */
    }
    return begins_part(o, row) ? 1 + o->roomy : 0;
}

size_t mlr_open_row_of_line(const mlr_open_view *o, int line)
{
    int at = 1;
    const mlr_ui_table *t = &o->table;
    for (size_t i = t->top; i < t->top + t->page && i < mlr_open_rows(o); i++) {
        at += mlr_open_headings(o, t->top, i);
        if (at++ == line) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* --- lines ------------------------------------------------------------------------------
 */

static const char *day(char *to, size_t room, int64_t modified)
{
    struct tm tm;
    time_t t = (time_t)modified;
    if (localtime_r(&t, &tm) == NULL || strftime(to, room, "%Y-%m-%d %H:%M", &tm) == 0) {
        to[0] = '\0';
    }
    return to;
}

/* "~/models" for what lies at home. */
static const char *at_home(const mlr_open_view *o, char *to, size_t room, const char *path,
                           size_t n)
{
    size_t home = strlen(o->home);
    bool below = home > 1 && n >= home && memcmp(path, o->home, home) == 0 &&
                 (n == home || path[home] == '/');
    snprintf(to, room, "%s%.*s", below ? "~" : "", (int)(below ? n - home : n),
             below ? path + home : path);
    return to;
}

/* Names first, the folder they share behind them; else both paths. */
static void draw_recent(const mlr_open_view *o, mlr_pane v, int row, size_t i)
{
    char text[512];
    const char *a = o->recent.old_path[i];
    const char *b = o->recent.new_path[i];
    const char *la = mlr_path_leaf(a);
    const char *lb = mlr_path_leaf(b);
    size_t folder = (size_t)(la - a);
    bool shared = folder > 1 && folder == (size_t)(lb - b) && memcmp(a, b, folder) == 0;
    a = shared ? la : a;
    b = shared ? lb : b;
    int half = (v.cols - 8) / 2;
    mlr_elide_middle(text, sizeof text, a, strlen(a), half);
    int at = mlr_put(v, row, 3, MLR_ROLE_TEXT, text);
    at = mlr_put(v, row, at, MLR_ROLE_DIM, " → ");
    mlr_elide_middle(text, sizeof text, b, strlen(b), v.cols - at - 1);
    at = mlr_put(v, row, at, MLR_ROLE_TEXT, text) + 3;
    if (shared && at + 12 < v.cols) {
        char path[MLR_RECENT_PATH + 2];
        at_home(o, path, sizeof path, o->recent.old_path[i], folder - 1);
        mlr_elide_middle(text, sizeof text, path, strlen(path), v.cols - at - 1);
        mlr_put(v, row, at, MLR_ROLE_DIM, text);
    }
}

/* Where format, size and time stand; `when` 0: there is no room for it. */
typedef struct tail_columns {
    int format, size, when;
} tail_columns;

static tail_columns tail_of(int cols)
{
    bool wide = cols >= 70;
    int from = cols - (wide ? 40 : 20);
    return (tail_columns){from, from + 19, wide ? from + 22 : 0};
}

static void draw_tail(mlr_pane v, int row, const char *format, uint64_t bytes, int64_t when)
{
    char text[32];
    tail_columns c = tail_of(v.cols);
    mlr_put(v, row, c.format, MLR_ROLE_FORMAT, format == NULL ? "" : format);
    mlr_put_right(v, row, c.size, MLR_ROLE_TEXT, mlr_fmt_bytes(text, sizeof text, bytes));
    if (c.when > 0) {
        mlr_put(v, row, c.when, MLR_ROLE_DIM, day(text, sizeof text, when));
    }
}

static void draw_revision(const mlr_open_view *o, mlr_pane v, int row, size_t i)
{
    const mlr_hub_revision *r = &o->hub.revision[i];
    char text[256];
    char note[64];
    int room = tail_of(v.cols).format - 4;
    bool again = o->recent.count + i > o->table.top && i > 0 &&
                 strcmp(r->name, o->hub.revision[i - 1].name) == 0;
    snprintf(note, sizeof note, "%.16s%s%.8s", r->ref, r->ref[0] == '\0' ? "" : " ",
             r->commit);
    int taken = room >= 30 ? (int)strlen(note) + 2 : 0;
    mlr_elide_middle(text, sizeof text, again && taken == 0 ? note : r->name,
                     again && taken == 0 ? strlen(note) : strlen(r->name), room - taken);
    if (!again || taken == 0) {
        mlr_put(v, row, again ? 5 : 3, again ? MLR_ROLE_DIM : MLR_ROLE_TEXT, text);
    }
    if (taken > 0) {
        mlr_put_right(v, row, 2 + room, MLR_ROLE_DIM, note);
    }
    if (r->files > 1) {
        snprintf(note, sizeof note, "%ux%.12s", r->files, r->format);
    }
    draw_tail(v, row, r->files > 1 ? note : r->format, r->bytes, r->modified);
}

static void draw_entry(const mlr_open_view *o, mlr_pane v, int row, size_t i)
{
    const mlr_folder_entry *e = &o->folder.entry[i];
    char text[512];
    mlr_elide_middle(text, sizeof text, e->name, strlen(e->name),
                     tail_of(v.cols).format - 4);
    int end = mlr_put(v, row, 3, e->is_folder ? MLR_ROLE_FOLDER : MLR_ROLE_TEXT, text);
    if (e->is_folder) {
        mlr_put(v, row, end, MLR_ROLE_FOLDER, "/");
        return;
    }
    draw_tail(v, row, e->format, e->size, e->modified);
}

static void draw_row(const mlr_open_view *o, mlr_pane v, int row, size_t at)
{
    mlr_open_spot s = mlr_open_at(o, at);
    switch (s.part) {
    case MLR_OPEN_RECENT:
        draw_recent(o, v, row, s.index);
        break;
    case MLR_OPEN_HUB:
        draw_revision(o, v, row, s.index);
        break;
    case MLR_OPEN_HUB_MORE:
        if (o->hub_open) {
            mlr_put(v, row, 3, MLR_ROLE_FOLDER, "fewer");
        } else {
            mlr_putf(v, row, 3, MLR_ROLE_FOLDER, "%zu more", o->hub.count - MLR_HUB_FEW);
        }
        break;
    case MLR_OPEN_UP:
        mlr_put(v, row, 3, MLR_ROLE_FOLDER, "../");
        break;
    case MLR_OPEN_ENTRY:
        draw_entry(o, v, row, s.index);
        break;
    }
}

/* Where the first of two models stands: shown until the second is chosen. */
static void draw_chosen(const mlr_open_view *o, mlr_pane v)
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

static void draw_heading(const mlr_open_view *o, mlr_pane v, int row, mlr_open_part part)
{
    char fit[1024];
    const char *label = part == MLR_OPEN_RECENT ? "Recent"
                        : part < MLR_OPEN_UP    ? "Hugging Face cache"
                                                : "Folder";
    const char *text = part == MLR_OPEN_RECENT ? ""
                       : part < MLR_OPEN_UP    ? o->hub.root
                                               : o->folder.path;
    int at = mlr_put(v, row, 1, MLR_ROLE_GROUP, label) + 2;
    char path[MLR_PATH_BYTES + 2];
    at_home(o, path, sizeof path, text, strlen(text));
    mlr_elide_middle(fit, sizeof fit, path, strlen(path), v.cols - at - 1);
    mlr_put(v, row, at, MLR_ROLE_DIM, fit);
}

void mlr_open_draw(const mlr_open_view *o, mlr_pane body)
{
    int row = 1;
    const mlr_ui_table *t = &o->table;
    draw_chosen(o, body);
    for (size_t i = t->top; i < mlr_open_rows(o) && i < t->top + t->page; i++) {
        int lines = mlr_open_headings(o, t->top, i);
        bool cursor = i == t->cursor;
        row += lines;
        if (lines > 0) {
            draw_heading(o, body, row - 1, mlr_open_at(o, i).part);
        }
        mlr_pane line = cursor ? mlr_pane_over(body, MLR_ROLE_SELECTION) : body;
        if (cursor) {
            mlr_fill(mlr_pane_part(line, row, 0, 1, body.cols), MLR_ROLE_TEXT);
            mlr_put_glyph(line, row, 1, MLR_ROLE_STRONG, MLR_G_CURSOR);
            mlr_cursor_at(body, row, 3);
        }
        draw_row(o, line, row++, i);
    }
}
