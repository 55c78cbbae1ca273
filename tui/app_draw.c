/* The frame round every screen: title, tabs, status, keys, and what is asked on top. */
#include <stdio.h>
#include <string.h>

#include "tui/app_core.h"
#include "tui/cell_text.h"
#include "tui/screenshot.h"

static const mlr_glyph_id spinner[4] = {MLR_G_SPIN_1, MLR_G_SPIN_2, MLR_G_SPIN_3,
                                        MLR_G_SPIN_4};

/* " 74%  4 s": how much is done and, once that can be told, how long it still takes. */
static void put_left(const mlr_app *app, const mlr_job *job, double share, char *to,
                     size_t room)
{
    char left[32] = "";
    uint64_t ms = app->now_ms - job->started_ms;
    if (ms > 1000 && share > 0.02 && share < 1) {
        mlr_fmt_seconds(left, sizeof left,
                        (uint64_t)((double)ms * (1 - share) / share / 1000) + 1);
    }
    snprintf(to, room, " %.0f%%%s%s", share * 100, left[0] == '\0' ? "" : "  ", left);
}

/* "reading 74%  4 s", and a spinner; returns the columns it takes. */
static int draw_job(const mlr_app *app, mlr_pane v)
{
    /* Atomics are read, nothing changes. */
    mlr_job *job = (mlr_job *)(uintptr_t)&app->exporter.job;
    job = mlr_job_state_of(job) == MLR_JOB_RUNNING ? job : (mlr_job *)(uintptr_t)&app->job;
    bool main_job = mlr_job_state_of(job) == MLR_JOB_RUNNING;
    job = !main_job && app->aside != NULL ? app->aside : job;
    uint64_t done = atomic_load(&job->done);
    uint64_t total = atomic_load(&job->total);
    if (mlr_job_state_of(job) != MLR_JOB_RUNNING) {
        job = (mlr_job *)(uintptr_t)&app->desk.job;
        mlr_desk_progress(&app->desk, &done, &total);
    }
    if (mlr_job_state_of(job) != MLR_JOB_RUNNING) {
        return 0;
    }
    char text[96];
    bool held = job == &app->exporter.job &&
                atomic_load(&((mlr_app *)(uintptr_t)app)->exporter.paused);
    int n = snprintf(text, sizeof text, "%s", held ? "export paused" : job->title);
    if (total > 0 && n > 0 && !held) {
        double share = (double)done / (double)total;
        put_left(app, job, share < 1 ? share : 1, text + n, sizeof text - (size_t)n);
    }
    int width = mlr_text_width(text, strlen(text)) + 3;
    mlr_put(v, 0, v.cols - width + 2, MLR_ROLE_TITLE_JOB, text);
    mlr_put_glyph(v, 0, v.cols - width, MLR_ROLE_TITLE_JOB, spinner[app->now_ms / 120 % 4]);
    return width + 1;
}

static void draw_title(const mlr_app *app, mlr_pane v)
{
    int at = mlr_put(v, 0, 1, MLR_ROLE_TITLE, "mallorn") + 2;
    int room = v.cols - at - draw_job(app, v) - 1;
    room -= app->stale_old || app->stale_new ? 14 : 0;
    const mlr_ui_session *s = &app->session;
    const char *a = s->old_path;
    const char *b = s->new_path;
    if (app->opening != NULL) {
        a = app->opening->old_path;
        b = app->opening->new_path;
    }
    if (a[0] == '\0' || room < 12) {
        return;
    }
    a = mlr_path_leaf(a);
    b = mlr_path_leaf(b);
    char text[256];
    int wa = mlr_text_width(a, strlen(a));
    int wb = mlr_text_width(b, strlen(b));
    if (wa + wb + 3 > room) {
        int half = (room - 3) / 2;
        wa = wa < half ? wa : room - 3 - (wb < half ? wb : half);
        wb = room - 3 - wa;
    }
    mlr_elide_middle(text, sizeof text, a, strlen(a), wa);
    at = mlr_put(v, 0, at, MLR_ROLE_TITLE_PATH, text);
    if (app->stale_old) {
        at = mlr_put(v, 0, at, MLR_ROLE_WARNING, "!");
    }
    at = mlr_put(v, 0, at, MLR_ROLE_DIM, " → ");
    mlr_elide_middle(text, sizeof text, b, strlen(b), wb);
    at = mlr_put(v, 0, at, MLR_ROLE_TITLE_PATH, text);
    if (app->stale_new) {
        at = mlr_put(v, 0, at, MLR_ROLE_WARNING, "!");
    }
    if (app->stale_old || app->stale_new) {
        mlr_put(v, 0, at + 2, MLR_ROLE_WARNING, "! stale: R");
    }
}

/* How tabs are drawn: with spaces round them, tightly, or by their keys alone. */
enum { TABS_WIDE, TABS_TIGHT, TABS_KEYS };

static int tab_width(const mlr_app *app, int i, int how)
{
    const mlr_screen *s = mlr_screen_get((mlr_screen_id)i);
    bool named =
        how != TABS_KEYS || (app->tab == (mlr_screen_id)i && app->over == MLR_SCREEN_NONE);
    int text = named ? mlr_text_width(s->title, strlen(s->title)) + 1 : 0;
    return s->tab == 0 ? 0 : text + 3 + (how == TABS_WIDE);
}

static int tabs_fit(const mlr_app *app)
{
    int over = app->over == MLR_SCREEN_NONE ? 0 : 12;
    for (int how = TABS_WIDE; how < TABS_KEYS; how++) {
        int width = 1 + over;
        for (int i = 0; i < MLR_SCREEN_COUNT; i++) {
            width += tab_width(app, i, how);
        }
        if (width <= app->cols - (how == TABS_TIGHT ? 2 : 7)) {
            return how;
        }
    }
    return TABS_KEYS;
}

static void draw_tabs(const mlr_app *app, mlr_pane v)
{
    int at = 1;
    int how = tabs_fit(app);
    for (int i = 0; i < MLR_SCREEN_COUNT; i++) {
        const mlr_screen *s = mlr_screen_get((mlr_screen_id)i);
        if (s->tab == 0) {
            continue;
        }
        bool here = app->tab == (mlr_screen_id)i;
        bool active = here && app->over == MLR_SCREEN_NONE;
        mlr_role role = active ? MLR_ROLE_TAB_ACTIVE : MLR_ROLE_TAB;
        bool named = how != TABS_KEYS || active;
        (void)mlr_putf(v, 1, at, role, active ? "[%c%s%s]" : " %c%s%s ", s->tab,
                       named ? " " : "", named ? s->title : "");
        at += tab_width(app, i, how);
    }
    if (app->over != MLR_SCREEN_NONE) {
        at = mlr_putf(v, 1, at, MLR_ROLE_TAB_ACTIVE, "[%s]",
                      mlr_screen_get(app->over)->title);
    }
    if (at < v.cols - 6) {
        mlr_put_right(v, 1, v.cols - 1, MLR_ROLE_KEY_TEXT, "help");
        mlr_put_right(v, 1, v.cols - 6, MLR_ROLE_KEY, "?");
    } else {
        mlr_put_right(v, 1, v.cols - 1, MLR_ROLE_KEY, "?");
    }
}

static void draw_status(const mlr_app *app, mlr_pane v, int row)
{
    char text[sizeof app->message] = "";
    mlr_role role = MLR_ROLE_STATUS;
    mlr_screen_id top = mlr_app_top(app);
    mlr_h_line(v, row, 0, v.cols, MLR_ROLE_FRAME);
    if (app->message[0] != '\0') {
        role = app->message_role;
        snprintf(text, sizeof text, "%s", app->message);
    } else if (app->state[top] != NULL && mlr_screen_get(top)->status != NULL) {
        mlr_screen_get(top)->status(app, app->state[top], text, sizeof text);
    }
    if (text[0] == '\0') {
        return;
    }
    char fit[sizeof text];
    mlr_elide_middle(fit, sizeof fit, text, strlen(text), v.cols - 5);
    int end = mlr_put(v, row, 3, role, fit);
    mlr_put(v, row, 2, role, " ");
    mlr_put(v, row, end, role, " ");
}

static int bar_item(mlr_pane v, int row, int at, mlr_action action)
{
    char key[16];
    const char *word = mlr_action_get(action)->bar;
    mlr_action_key(action, key, sizeof key);
    int width = mlr_text_width(key, strlen(key)) + 1 + mlr_text_width(word, strlen(word));
    if (at + width > v.cols) {
        return -1;
    }
    at = mlr_put(v, row, at, MLR_ROLE_KEY, key);
    return mlr_put(v, row, at + 1, MLR_ROLE_KEY_TEXT, word) + 2;
}

/* "Enter run|Esc close": keys and words, where typing goes into a list. */
static void draw_hints(mlr_pane v, int row, const char *hints)
{
    int at = 1;
    while (*hints != '\0') {
        size_t n = strcspn(hints, "|");
        size_t key = strcspn(hints, " ");
        at = mlr_put_n(v, row, at, MLR_ROLE_KEY, hints, key);
        at = mlr_put_n(v, row, at, MLR_ROLE_KEY_TEXT, hints + key, n - key) + 2;
        hints += n;
        hints += *hints == '|';
    }
}

static void draw_key_bar(const mlr_app *app, mlr_pane v, int row)
{
    const char *hints = app->menu.open ? "↑↓ move|Enter choose|Esc close"
                                       : mlr_screen_get(mlr_app_top(app))->hints;
    if (hints != NULL) {
        draw_hints(v, row, hints);
        return;
    }
    unsigned where = mlr_screen_get(mlr_app_top(app))->where;
    int at = 1;
    if (app->over != MLR_SCREEN_NONE) {
        at = mlr_put(v, row, at, MLR_ROLE_KEY, "Esc");
        at = mlr_put(v, row, at + 1, MLR_ROLE_KEY_TEXT, "back") + 2;
    }
    /* What is this screen's own, what all screens of a pair share, what works everywhere.
     */
    const unsigned shared = MLR_IN_PAIR | MLR_IN_LIST | MLR_IN_ALL;
    const unsigned passes[] = {where & ~shared, where & MLR_IN_PAIR, MLR_IN_ALL};
    for (size_t pass = 0; pass < sizeof passes / sizeof *passes; pass++) {
        for (int i = 1; i < MLR_ACTION_COUNT && at >= 0; i++) {
            const mlr_action_row *a = mlr_action_get((mlr_action)i);
            bool wanted = (a->where & passes[pass]) != 0;
            if (a->bar[0] != '\0' && wanted && i != MLR_DO_HELP) {
                at = bar_item(v, row, at, (mlr_action)i);
            }
        }
    }
}

static void draw_menu(const mlr_app *app, mlr_pane body)
{
    const mlr_menu *m = &app->menu;
    int label = 0;
    int detail = 0;
    mlr_list_widths(&m->list, &label, &detail);
    int cols = label + detail + 18;
    cols = cols < 36 ? 36 : cols;
    cols = cols > body.cols - 4 ? body.cols - 4 : cols;
    cols = body.cols - cols <= 8 ? body.cols : cols; /* slivers beside it only disturb */
    int rows = (int)m->list.count + 3;
    rows = rows > body.rows ? body.rows : rows;
    rows = rows > 20 ? 20 : rows;
    mlr_pane box =
        mlr_pane_part(body, (body.rows - rows) / 3, (body.cols - cols) / 2, rows, cols);
    box.grid->cursor_row = -1;
    mlr_fill(box, MLR_ROLE_TEXT);
    mlr_pane in = mlr_frame(box, m->title, "type to filter");
    mlr_list_draw(&m->list, mlr_pane_part(in, 0, 1, in.rows, in.cols - 2));
}

static void draw_too_small(const mlr_app *app, mlr_pane v)
{
    char text[64];
    snprintf(text, sizeof text, "needs %dx%d, has %dx%d", MLR_LEAST_COLS, MLR_LEAST_ROWS,
             app->cols, app->rows);
    mlr_put(v, (v.rows - 1) / 2, 0, MLR_ROLE_WARNING, text);
}

void mlr_app_draw(mlr_app *app, mlr_grid *g)
{
    g->glyphs = &app->glyphs;
    if (mlr_grid_resize(g, app->rows, app->cols, NULL) != MLR_OK) {
        return;
    }
    mlr_pane v = mlr_pane_all(g);
    if (app->rows < MLR_LEAST_ROWS || app->cols < MLR_LEAST_COLS) {
        draw_too_small(app, v);
        return;
    }
    mlr_screen_id top = mlr_app_top(app);
    mlr_pane body = mlr_pane_part(v, 2, 0, v.rows - 4, v.cols);
    draw_title(app, v);
    draw_tabs(app, v);
    if (app->state[top] != NULL) {
        mlr_screen_get(top)->arrange(app, app->state[top], body.rows, body.cols);
        mlr_screen_get(top)->draw(app, app->state[top], body);
    }
    draw_status(app, v, v.rows - 2);
    if (app->question.open) {
        g->cursor_row = -1;
        mlr_prompt_draw(&app->question.prompt, mlr_pane_part(v, 0, 1, v.rows, v.cols - 2),
                        v.rows - 1, app->question.label);
    } else {
        draw_key_bar(app, v, v.rows - 1);
    }
    if (app->menu.open) {
        draw_menu(app, body);
    }
}

void mlr_app_mouse(mlr_app *app, int row, int col, int button)
{
    if (button >= 4) {
        for (int i = 0; i < 3; i++) {
            mlr_app_key(app, button == 4 ? MLR_KEY_UP : MLR_KEY_DOWN);
        }
        return;
    }
    mlr_screen_id top = mlr_app_top(app);
    const mlr_screen *screen = mlr_screen_get(top);
    if (app->menu.open || app->question.open) {
        return;
    }
    if (row >= 2 && row < app->rows - 2 && screen->click != NULL) {
        (void)screen->click(app, app->state[top], row - 2, col);
        return;
    }
    if (row != 1) {
        return;
    }
    int at = 1; /* as draw_tabs lays them out */
    int how = tabs_fit(app);
    for (int i = 0; i < MLR_SCREEN_COUNT; i++) {
        int width = tab_width(app, i, how);
        if (width > 0 && col >= at && col < at + width) {
            mlr_app_key(app, (mlr_key)mlr_screen_get((mlr_screen_id)i)->tab);
            return;
        }
        at += width;
    }
    if (col >= app->cols - 7) {
        mlr_app_key(app, '?');
    }
}

mlr_status mlr_app_screenshot(mlr_app *app, const char *path, mlr_err *err)
{
    mlr_grid g;
    mlr_grid_init(&g, app->alloc, &app->glyphs);
    mlr_app_draw(app, &g);
    mlr_status s = mlr_screenshot_write(&g, &app->theme, app->depth, path, err);
    mlr_grid_release(&g);
    return s;
}
