/* One tensor: how its values moved, where, and what each strategy would make of it. */
#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"
#include "tui/detail_view.h"
#include "tui/screen_tensors.h"

static mlr_status open_detail(mlr_app *app, void **state, mlr_err *err)
{
    mlr_detail_view *d = mlr_take(app->alloc, sizeof *d);
    if (d == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for details");
    }
    memset(d, 0, sizeof *d);
    if (mlr_study_init(&d->study, app->alloc, app->job.wake_fd, err) != MLR_OK) {
        mlr_give(app->alloc, d, sizeof *d);
        return err->status;
    }
    d->row = SIZE_MAX;
    d->pane = MLR_PANE_MAP;
    *state = d;
    return MLR_OK;
}

static void close_detail(mlr_app *app, void *state)
{
    mlr_detail_view *d = state;
    mlr_study_release(&d->study);
    mlr_give(app->alloc, d, sizeof *d);
}

static void halt(mlr_app *app, void *state)
{
    (void)app;
    mlr_detail_view *d = state;
    mlr_study_halt(&d->study);
    d->row = SIZE_MAX;
}

/* The row shown, or NULL before the first one. */
const mlr_ui_row *mlr_detail_row(const mlr_app *app, const mlr_detail_view *d)
{
    return d->row < app->session.rows.count ? &app->session.rows.row[d->row] : NULL;
}

static void leave_zoom(mlr_detail_view *d)
{
    d->zooms = 0;
    d->zooming = false;
    d->hex = false;
    d->at_row = 0;
    d->at_col = 0;
}

/* Goes along with the app's focus. */
static void follow(mlr_app *app, mlr_detail_view *d)
{
    const mlr_ui_session *s = &app->session;
    const mlr_survey *survey = app->survey;
    if (s->new_model == NULL || s->new_model->member_count == 0 || s->rows.count == 0) {
        return; /* models of tests have no bytes */
    }
    if (app->focus >= s->rows.count) {
        app->focus = 0;
    }
    if (survey != NULL && survey->complete) {
        mlr_study_match(&d->study, &survey->diff.matching,
                        app->desk.outlook == NULL ? NULL : app->desk.outlook->cache);
    }
    if (d->row == app->focus && d->generation == s->generation) {
        return;
    }
    const mlr_ui_row *r = &s->rows.row[app->focus];
    mlr_pair pair = {s->old_model, s->new_model, r->old_tensor, r->new_tensor};
    d->row = app->focus;
    d->generation = s->generation;
    leave_zoom(d);
    d->numbers = (mlr_ui_table){0};
    d->forecasts = (mlr_ui_table){0};
    mlr_study_look(&d->study, &pair, (uint32_t)app->focus);
}

static bool poll(mlr_app *app, void *state)
{
    mlr_detail_view *d = state;
    if (mlr_app_top(app) == MLR_SCREEN_DETAIL) {
        follow(app, d);
    }
    bool busy = mlr_study_poll(&d->study);
    const mlr_cells_window *w = &d->study.map.window;
    if (d->zooming && (d->study.runs & MLR_STUDY_CELLS) == 0 &&
        (d->study.wants & MLR_STUDY_CELLS) == 0) {
        d->zooming = false;
        d->at_row = w->cell_rows / 2;
        d->at_col = w->cell_cols / 2;
    }
    return busy;
}

/* --- layout -----------------------------------------------------------------------------
 */

static void one_pane(mlr_detail_layout *l, mlr_detail_pane pane, int rows, int cols)
{
    l->pane[pane] = (mlr_rect){1, 0, rows - 1, cols};
}

mlr_detail_layout mlr_detail_arrange(const mlr_detail_view *d, int rows, int cols)
{
    mlr_detail_layout l = {0};
    l.wide = cols >= 120 && rows >= 34;
    if (d->large || cols < 76 || rows < 18) {
        one_pane(&l, d->pane, rows, cols);
        return l;
    }
    if (!l.wide) {
        int top = (rows - 1) * 9 / 19;
        int left = cols * 5 / 8;
        int low = rows - 1 - top;
        l.pane[MLR_PANE_HISTOGRAM] = (mlr_rect){1, 0, top, left};
        l.pane[MLR_PANE_NUMBERS] = (mlr_rect){1, left, top, cols - left};
        l.pane[MLR_PANE_MAP] = (mlr_rect){1 + top, 0, low, cols - 46};
        l.pane[MLR_PANE_FORECASTS] = (mlr_rect){1 + top, cols - 46, low, 46};
        return l;
    }
    int left = cols * 6 / 10;
    int top = (rows - 1) * 2 / 5;
    int mid = (rows - 1) * 3 / 10;
    int low = rows - 1 - top - mid;
    l.pane[MLR_PANE_HISTOGRAM] = (mlr_rect){1, 0, top, left};
    l.pane[MLR_PANE_NUMBERS] = (mlr_rect){1, left, top, cols - left};
    l.pane[MLR_PANE_MAP] = (mlr_rect){1 + top, 0, mid, left};
    l.cell = (mlr_rect){1 + top, left, mid, cols - left};
    l.pane[MLR_PANE_FORECASTS] = (mlr_rect){1 + top + mid, 0, low, cols};
    return l;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    mlr_detail_view *d = state;
    follow(app, d);
    mlr_detail_layout l = mlr_detail_arrange(d, rows, cols);
    d->pick = d->row < app->session.rows.count ? mlr_desk_pick(&app->desk, d->row)
                                               : (mlr_pick){0};
    const mlr_cells_window *w = &d->study.map.window;
    const mlr_rect *map = &l.pane[MLR_PANE_MAP];
    int lines = map->rows - 2 - (l.cell.rows == 0 ? 1 : 0);
    d->map_rows = map->rows == 0 ? 1 : least((int)w->cell_rows, lines > 1 ? lines : 1);
    d->map_cols = map->rows == 0 ? 1 : least((int)w->cell_cols, map->cols - 2);
    mlr_number_line line[MLR_DETAIL_LINES];
    size_t n = d->study.measured ? mlr_detail_numbers(&d->study, line) : 0;
    int shown = l.pane[MLR_PANE_NUMBERS].rows - 2;
    size_t tops = n > (size_t)(shown > 0 ? shown : 0) ? n - (size_t)shown + 1 : 1;
    mlr_table_arrange(&d->numbers, tops, 1);
    mlr_table_arrange(&d->forecasts, d->study.forecasts,
                      l.pane[MLR_PANE_FORECASTS].rows - 3);
}

/* --- drawing ----------------------------------------------------------------------------
 */

static void draw_head(const mlr_app *app, const mlr_detail_view *d, mlr_pane v)
{
    const mlr_ui_row *r = mlr_detail_row(app, d);
    char facts[96] = "";
    char name[256];
    char size[16];
    size_t used = 0;
    if (r == NULL) {
        mlr_put(v, 0, 1, MLR_ROLE_DIM, "no tensor is chosen");
        return;
    }
    const mlr_tensor *t = r->new_tensor != NULL ? r->new_tensor : r->old_tensor;
    int n = snprintf(facts, sizeof facts, "%s ", r->dtype->name);
    used = n > 0 ? (size_t)n : 0;
    for (unsigned i = 0; i < t->rank && used < sizeof facts - 24; i++) {
        n = snprintf(facts + used, sizeof facts - used, "%s%llu", i == 0 ? "" : "×",
                     (unsigned long long)t->dim[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    snprintf(facts + used, sizeof facts - used, " %s  %s",
             mlr_fmt_bytes(size, sizeof size, t->data.len),
             mlr_row_kind_word((mlr_row_kind)r->kind));
    int room = v.cols - mlr_text_width(facts, strlen(facts)) - 6;
    mlr_put_cp(v, 0, 1, MLR_ROLE_STRONG, mlr_row_kind_glyph((mlr_row_kind)r->kind));
    mlr_elide_name(name, sizeof name, r->name.p, r->name.n, room > 8 ? room : 8);
    int at = mlr_put(v, 0, 3, MLR_ROLE_STRONG, name);
    mlr_put(v, 0, at + 2, MLR_ROLE_DIM, facts);
}

static mlr_pane part(mlr_pane body, const mlr_rect *r)
{
    return mlr_pane_part(body, r->row, r->col, r->rows, r->cols);
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    const mlr_detail_view *d = state;
    mlr_detail_layout l = mlr_detail_arrange(d, body.rows, body.cols);
    draw_head(app, d, body);
    if (mlr_detail_row(app, d) == NULL) {
        return;
    }
    if (d->hex) {
        mlr_detail_draw_hex(d, mlr_pane_part(body, 1, 0, body.rows - 1, body.cols));
        return;
    }
    static void (*const draws[])(const mlr_detail_view *, mlr_pane, bool) = {
        [MLR_PANE_MAP] = mlr_detail_draw_map,
        [MLR_PANE_NUMBERS] = mlr_detail_draw_numbers,
        [MLR_PANE_FORECASTS] = mlr_detail_draw_forecasts,
        [MLR_PANE_HISTOGRAM] = mlr_detail_draw_histogram,
    };
    for (int i = 0; i < MLR_PANE_COUNT; i++) {
        if (l.pane[i].rows > 0) {
            draws[i](d, part(body, &l.pane[i]), d->pane == (mlr_detail_pane)i);
        }
    }
    if (l.cell.rows > 0) {
        mlr_pane in = mlr_frame(part(body, &l.cell), "Under the cursor", NULL);
        if (d->study.mapped) {
            mlr_detail_draw_cell(d, in);
        }
    }
}

/* --- acting -----------------------------------------------------------------------------
 */

static void open_hex(mlr_detail_view *d, uint64_t element)
{
    const mlr_pair *p = &d->study.pair;
    const mlr_tensor *t = p->new_tensor != NULL ? p->new_tensor : p->old_tensor;
    if (t == NULL || t->elements == 0) {
        return;
    }
    unsigned elements = 1;
    (void)mlr_hex_unit(d, &elements);
    d->hex = true;
    d->element = element / elements * elements;
    mlr_study_hex(&d->study, d->element);
}

static mlr_map_spot spot(const mlr_detail_view *d)
{
    int row = 0;
    int col = 0;
    mlr_map_cursor(d, &row, &col);
    return mlr_map_spot_at(d, row, col);
}

static void hex_here(mlr_detail_view *d)
{
    mlr_map_spot s = spot(d);
    uint64_t cols = d->study.facts.detail.cols;
    open_hex(d, s.row * (cols > 0 ? cols : 1) + s.col);
}

/* Into the cell under the cursor; at one element, to its bytes. */
static void zoom_in(mlr_app *app, mlr_detail_view *d)
{
    mlr_map_spot s = spot(d);
    const mlr_cells_window *w = &d->study.map.window;
    if (!d->study.mapped || s.sum.elements == 0) {
        return;
    }
    if (s.sum.elements == 1 || (s.rows == w->rows && s.cols == w->cols)) {
        hex_here(d);
        return;
    }
    if (d->zooms == MLR_DETAIL_ZOOMS) {
        mlr_app_say(app, MLR_ROLE_WARNING, "this is as deep as it goes");
        return;
    }
    d->zoom[d->zooms++] = *w;
    mlr_cells_window in = {.row = s.row, .rows = s.rows, .col = s.col, .cols = s.cols};
    in.cell_rows = (uint32_t)(s.rows < MLR_STUDY_MAP ? s.rows : MLR_STUDY_MAP);
    in.cell_cols = (uint32_t)(s.cols < MLR_STUDY_MAP ? s.cols : MLR_STUDY_MAP);
    d->zooming = true;
    mlr_study_zoom(&d->study, &in);
}

static bool zoom_out(mlr_detail_view *d)
{
    if (d->hex) {
        d->hex = false;
        return true;
    }
    if (d->zooms == 0) {
        return false;
    }
    d->zooms--;
    if (d->zooms == 0) {
        mlr_study_whole(&d->study);
        d->at_row = d->study.map.window.cell_rows / 2;
        d->at_col = d->study.map.window.cell_cols / 2;
    } else {
        d->zooming = true;
        mlr_study_zoom(&d->study, &d->zoom[d->zooms]);
    }
    return true;
}

/* By units; bytes are read again where the window ends. */
static void hex_move(mlr_app *app, mlr_detail_view *d, int64_t units)
{
    const mlr_tensor *t = d->study.pair.new_tensor != NULL ? d->study.pair.new_tensor
                                                           : d->study.pair.old_tensor;
    unsigned elements = 1;
    unsigned unit = mlr_hex_unit(d, &elements);
    int64_t to = (int64_t)d->element + units * (int64_t)elements;
    int64_t last = (int64_t)((t->elements - 1) / elements * elements);
    (void)app;
    to = to < 0 ? 0 : to > last ? last : to;
    d->element = (uint64_t)to;
    int64_t away = (to - (int64_t)d->study.bytes.element) / (int64_t)elements * unit;
    if (away < -(MLR_STUDY_BYTES / 8) || away > MLR_STUDY_BYTES / 3) {
        mlr_study_hex(&d->study, d->element);
    }
}

static bool act_hex(mlr_app *app, mlr_detail_view *d, mlr_action action)
{
    unsigned elements = 1;
    int unit = (int)mlr_hex_unit(d, &elements);
    int line = mlr_hex_line_bytes(app->cols - 2) / unit;
    line = line > 1 ? line : 1;
    switch (action) {
    case MLR_DO_LEFT:
        hex_move(app, d, -1);
        return true;
    case MLR_DO_RIGHT:
        hex_move(app, d, 1);
        return true;
    case MLR_DO_UP:
        hex_move(app, d, -line);
        return true;
    case MLR_DO_DOWN:
        hex_move(app, d, line);
        return true;
    case MLR_DO_PAGE_UP:
        hex_move(app, d, -line * (app->rows - 10));
        return true;
    case MLR_DO_PAGE_DOWN:
        hex_move(app, d, line * (app->rows - 10));
        return true;
    case MLR_DO_TOP:
        hex_move(app, d, -(int64_t)d->element);
        return true;
    case MLR_DO_BOTTOM:
        hex_move(app, d, INT32_MAX);
        return true;
    default:
        return false;
    }
}

static bool act_map(mlr_detail_view *d, mlr_action action)
{
    switch (action) {
    case MLR_DO_LEFT:
        mlr_map_move(d, 0, -1);
        return true;
    case MLR_DO_RIGHT:
        mlr_map_move(d, 0, 1);
        return true;
    case MLR_DO_UP:
        mlr_map_move(d, -1, 0);
        return true;
    case MLR_DO_DOWN:
        mlr_map_move(d, 1, 0);
        return true;
    case MLR_DO_PAGE_UP:
        mlr_map_move(d, -8, 0);
        return true;
    case MLR_DO_PAGE_DOWN:
        mlr_map_move(d, 8, 0);
        return true;
    case MLR_DO_TOP:
        d->at_row = 0;
        d->at_col = 0;
        return true;
    case MLR_DO_BOTTOM:
        mlr_map_move(d, MLR_STUDY_MAP, MLR_STUDY_MAP);
        return true;
    default:
        return false;
    }
}

static bool act_pane(mlr_app *app, mlr_detail_view *d, mlr_action action)
{
    if (d->hex) {
        return act_hex(app, d, action);
    }
    switch (d->pane) {
    case MLR_PANE_MAP:
        return act_map(d, action);
    case MLR_PANE_NUMBERS:
        return mlr_table_act(&d->numbers, action);
    case MLR_PANE_FORECASTS:
        return mlr_table_act(&d->forecasts, action);
    default:
        return action == MLR_DO_UP || action == MLR_DO_DOWN;
    }
}

static void step(mlr_app *app, int by)
{
    if (!mlr_tensors_step(app, by)) {
        mlr_app_say(app, MLR_ROLE_DIM,
                    by > 0 ? "this is the last tensor" : "this is the first tensor");
    }
}

static void exactly(mlr_app *app, mlr_detail_view *d)
{
    if (d->forecasts.cursor >= d->study.forecasts) {
        mlr_app_say(app, MLR_ROLE_DIM, "there is no forecast to make exact yet");
        return;
    }
    const mlr_study_forecast *f = &d->study.forecast[d->forecasts.cursor];
    mlr_study_exact(&d->study, f->strategy, f->level);
    mlr_app_say(app, MLR_ROLE_MESSAGE, "encoding all of it with %s at level %u",
                mlr_decoder_get(f->strategy)->name, f->level);
}

static void next_pane(mlr_detail_view *d)
{
    d->pane = (mlr_detail_pane)((d->pane + 1) % MLR_PANE_COUNT);
    d->hex = false;
}

/* The strategy and level under the cursor, for this tensor or the marked ones. */
static void choose(mlr_app *app, mlr_detail_view *d)
{
    if (d->forecasts.cursor >= d->study.forecasts) {
        return;
    }
    const mlr_study_forecast *f = &d->study.forecast[d->forecasts.cursor];
    if (f->verdict != MLR_STUDY_FITS) {
        mlr_app_say(app, MLR_ROLE_WARNING, "this strategy does not suit this tensor");
        return;
    }
    mlr_desk_choose(app, (mlr_pick){.strategy = f->strategy, .level = f->level});
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    mlr_detail_view *d = state;
    if (mlr_detail_row(app, d) != NULL && act_pane(app, d, action)) {
        return true;
    }
    switch (action) {
    case MLR_DO_TENSOR_NEXT:
        step(app, 1);
        return true;
    case MLR_DO_TENSOR_BACK:
        step(app, -1);
        return true;
    case MLR_DO_PANE:
        next_pane(d);
        return true;
    case MLR_DO_PANE_LARGE:
        d->large = !d->large;
        return true;
    case MLR_DO_STRIPS:
        d->turned = !d->turned;
        return true;
    case MLR_DO_LOG_SCALE:
        d->log_scale = !d->log_scale;
        return true;
    case MLR_DO_METRIC:
        d->by_delta = !d->by_delta;
        return true;
    case MLR_DO_EXACT:
        exactly(app, d);
        return true;
    case MLR_DO_HEX:
        if (d->study.mapped && !d->hex) {
            hex_here(d);
        }
        return true;
    case MLR_DO_ENTER:
        if (d->pane == MLR_PANE_MAP && !d->hex) {
            zoom_in(app, d);
        } else if (d->pane == MLR_PANE_FORECASTS && !d->hex) {
            choose(app, d);
        }
        return true;
    case MLR_DO_ZOOM_OUT:
        (void)zoom_out(d);
        return true;
    case MLR_DO_BACK:
        if (!zoom_out(d)) {
            if (d->large) {
                d->large = false;
            } else {
                (void)mlr_app_show(app, MLR_SCREEN_TENSORS);
            }
        }
        return true;
    default:
        return false;
    }
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    const mlr_detail_view *d = state;
    if (mlr_detail_row(app, d) == NULL) {
        return;
    }
    int n = snprintf(to, room, "tensor %zu of %zu · ", d->row + 1, app->session.rows.count);
    size_t used = n > 0 && (size_t)n < room ? (size_t)n : 0;
    if (d->study.runs != 0 && d->study.job.title != NULL) {
        snprintf(to + used, room - used, "%s", d->study.job.title);
    } else if (d->study.mapped && d->pane == MLR_PANE_MAP) {
        mlr_map_tell(d, to + used, room - used);
    } else if (used > 4) {
        to[used - 4] = '\0';
    }
}

const mlr_screen mlr_screen_detail = {
    .title = "Detail",
    .where = MLR_IN_LIST | MLR_IN_DETAIL | MLR_IN_PAIR,
    .tab = '3',
    .open = open_detail,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .status = status,
    .poll = poll,
    .halt = halt,
    .close = close_detail,
};
