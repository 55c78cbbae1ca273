/* Themes on the left, what each looks like on the right; moving tries, Enter keeps. */
#include <stdio.h>
#include <string.h>

#include "tui/app_core.h"
#include "tui/cell_text.h"
#include "tui/widget_table.h"

typedef struct themes {
    mlr_ui_table table;
    char before[32]; /* the theme to go back to */
    bool kept;
} themes;

static mlr_status open_themes(mlr_app *app, void **state, mlr_err *err)
{
    themes *t = mlr_take(app->alloc, sizeof *t);
    if (t == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for themes");
    }
    memset(t, 0, sizeof *t);
    memcpy(t->before, app->theme.name, sizeof t->before);
    for (size_t i = 0; i < mlr_theme_builtin_count(); i++) {
        if (strcmp(mlr_theme_builtin_name(i), app->theme.name) == 0) {
            t->table.cursor = i;
        }
    }
    *state = t;
    return MLR_OK;
}

static void close_themes(mlr_app *app, void *state)
{
    themes *t = state;
    mlr_err err = {0};
    if (!t->kept && mlr_app_set_theme(app, t->before, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
    }
    mlr_give(app->alloc, t, sizeof *t);
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    (void)app;
    (void)cols;
    themes *t = state;
    mlr_table_arrange(&t->table, mlr_theme_builtin_count(), rows - 2);
}

static void draw_names(const themes *t, mlr_pane v)
{
    for (size_t i = t->table.top; i < t->table.count && i - t->table.top < t->table.page;
         i++) {
        int row = (int)(i - t->table.top);
        bool here = i == t->table.cursor;
        mlr_pane line = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
        if (here) {
            mlr_fill(mlr_pane_part(line, row, 0, 1, v.cols), MLR_ROLE_TEXT);
            mlr_put_glyph(line, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
            mlr_cursor_at(v, row, 2);
        }
        mlr_put(line, row, 2, MLR_ROLE_TEXT, mlr_theme_builtin_name(i));
    }
}

static int draw_kinds(mlr_pane v, int row)
{
    static const struct {
        const char *glyph, *word;
        mlr_role role;
    } kinds[] = {
        {"~", "changed", MLR_ROLE_KIND_CHANGED},   {"=", "same", MLR_ROLE_KIND_SAME},
        {"+", "added", MLR_ROLE_KIND_ADDED},       {"-", "removed", MLR_ROLE_KIND_REMOVED},
        {"#", "reshaped", MLR_ROLE_KIND_RESHAPED}, {"!", "problem", MLR_ROLE_KIND_PROBLEM},
        {"◆", "marked", MLR_ROLE_MARKED},          {"≈", "lossy", MLR_ROLE_LOSSY}};
    int col = 1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (col + 12 > v.cols) {
            col = 1;
            row++;
        }
        mlr_put(v, row, col, kinds[i].role, kinds[i].glyph);
        mlr_put(v, row, col + 2, kinds[i].role, kinds[i].word);
        col += 12;
    }
    return row + 2;
}

static int draw_meters(mlr_pane v, int row)
{
    static const struct {
        const char *label, *verdict;
        mlr_meter meter;
        mlr_role role;
    } rows[] = {
        {"size", "ok", {0.55, 0.8, MLR_ROLE_METER_OK}, MLR_ROLE_OK},
        {"memory", "near", {0.76, 0.8, MLR_ROLE_METER_NEAR}, MLR_ROLE_WARNING},
        {"time", "OVER !", {0.93, 0.8, MLR_ROLE_METER_OVER}, MLR_ROLE_ERROR},
    };
    int step = v.rows >= 24 ? 2 : 1;
    for (size_t i = 0; i < 3; i++, row += step) {
        mlr_put(v, row, 1, MLR_ROLE_TEXT, rows[i].label);
        mlr_put_meter(v, row, 8, v.cols - 17, &rows[i].meter);
        mlr_put(v, row, v.cols - 7, rows[i].role, rows[i].verdict);
    }
    return step == 2 ? row : row + 1;
}

static int draw_plots(mlr_pane v, int row)
{
    static const double old_bins[16] = {0, 0, 1, 1, 2, 4, 7, 11, 15, 16, 12, 7, 4, 2, 1, 0};
    static const double new_bins[16] = {0, 1, 1, 2, 3, 5, 8, 12, 16, 14, 10, 6, 3, 1, 1, 0};
    mlr_pane a = mlr_pane_part(v, row, 1, 3, 16);
    mlr_pane b = mlr_pane_part(v, row, 19, 3, 16);
    mlr_columns(a, old_bins, 16, 16, MLR_ROLE_HIST_OLD);
    mlr_columns(b, new_bins, 16, 16, MLR_ROLE_HIST_NEW);
    mlr_put(v, row + 3, 1, MLR_ROLE_DIM, "old");
    mlr_put(v, row + 3, 19, MLR_ROLE_DIM, "new");
    for (int i = 0; i < MLR_HEAT_STEPS && 37 + i * 2 < v.cols; i++) {
        for (int r = 0; r < 3; r++) {
            mlr_role role = (mlr_role)(MLR_ROLE_HEAT_0 + i);
            mlr_put_glyph(v, row + r, 37 + i * 2, role, MLR_G_FULL);
            mlr_put_glyph(v, row + r, 38 + i * 2, role, MLR_G_FULL);
        }
    }
    mlr_put(v, row + 3, 37, MLR_ROLE_DIM, "heat");
    return row + 5;
}

static void draw_words(mlr_pane v, int row)
{
    int at = mlr_put(v, row, 1, MLR_ROLE_TEXT, "text ");
    at = mlr_put(v, row, at + 1, MLR_ROLE_DIM, "quiet");
    at = mlr_put(v, row, at + 2, MLR_ROLE_STRONG, "strong");
    at = mlr_put(v, row, at + 2, MLR_ROLE_ESTIMATE, "4.6M~");
    at = mlr_put(v, row, at + 2, MLR_ROLE_BY_RULE, "r2");
    at = mlr_put(v, row, at + 2, MLR_ROLE_BY_AUTO, "auto");
    mlr_put(v, row, at + 2, MLR_ROLE_BY_YOU, "you");
    mlr_pane line = mlr_pane_over(v, MLR_ROLE_SELECTION);
    mlr_fill(mlr_pane_part(line, row + 1, 0, 1, v.cols), MLR_ROLE_TEXT);
    mlr_put(line, row + 1, 1, MLR_ROLE_TEXT, "the row under the cursor");
    at = mlr_put(v, row + 2, 1, MLR_ROLE_MESSAGE, "message");
    at = mlr_put(v, row + 2, at + 2, MLR_ROLE_OK, "ok");
    at = mlr_put(v, row + 2, at + 2, MLR_ROLE_WARNING, "warning");
    mlr_put(v, row + 2, at + 2, MLR_ROLE_ERROR, "error");
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    const themes *t = state;
    int left = body.cols >= 48 ? 26 : body.cols;
    mlr_pane list = mlr_frame(mlr_pane_part(body, 0, 0, body.rows, left), "Themes", NULL);
    draw_names(t, mlr_pane_part(list, 0, 1, list.rows, list.cols - 2));
    mlr_pane box = mlr_pane_part(body, 0, left, body.rows, body.cols - left);
    mlr_pane in = mlr_frame(box, app->theme.title, NULL);
    mlr_pane v = mlr_pane_part(in, 1, 1, in.rows - 1, in.cols - 2);
    if (v.cols < 20) {
        return;
    }
    int row = draw_kinds(v, 0);
    row = draw_meters(v, row);
    if (row + 8 <= v.rows) {
        row = draw_plots(v, row);
    }
    draw_words(v, row);
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    themes *t = state;
    mlr_err err = {0};
    if (mlr_table_act(&t->table, action)) {
        if (mlr_app_set_theme(app, mlr_theme_builtin_name(t->table.cursor), &err) !=
            MLR_OK) {
            mlr_app_say_err(app, &err);
        }
        return true;
    }
    if (action == MLR_DO_ENTER) {
        t->kept = true;
        mlr_app_say(app, MLR_ROLE_OK, "theme %s for this session", app->theme.name);
        mlr_app_uncover(app);
        return true;
    }
    return false;
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    (void)state;
    snprintf(to, room, "%s · moving tries a theme, Enter keeps it, Esc goes back",
             app->theme.name);
}

const mlr_screen mlr_screen_themes = {
    .title = "Themes",
    .where = MLR_IN_LIST | MLR_IN_THEMES,
    .open = open_themes,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .status = status,
    .close = close_themes,
};
