/* Every action of the screen below: typing filters, Enter runs. */
#include <stdio.h>
#include <string.h>

#include "tui/app_core.h"

typedef struct help {
    mlr_list list;
} help;

static mlr_status open_help(mlr_app *app, void **state, mlr_err *err)
{
    help *h = mlr_take(app->alloc, sizeof *h);
    if (h == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for help");
    }
    mlr_list_begin(&h->list);
    mlr_app_list_actions(&h->list, mlr_screen_get(app->tab)->where | MLR_IN_ALL);
    mlr_list_ready(&h->list);
    *state = h;
    return MLR_OK;
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    (void)app;
    (void)state;
    (void)rows;
    (void)cols;
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    const help *h = state;
    char title[48];
    snprintf(title, sizeof title, "Help: %s", mlr_screen_get(app->tab)->title);
    int side = body.cols >= 80 ? 2 : 0;
    mlr_pane box = mlr_pane_part(body, 0, side, body.rows, body.cols - 2 * side);
    mlr_pane in = mlr_frame(box, title, "type to filter · Enter runs · Esc closes");
    mlr_list_draw(&h->list, mlr_pane_part(in, 0, 1, in.rows, in.cols - 2));
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    (void)app;
    (void)state;
    (void)action;
    return false;
}

static bool key(mlr_app *app, void *state, mlr_key k)
{
    help *h = state;
    if (k == MLR_CTRL('z') || k == MLR_CTRL('l')) {
        return false;
    }
    mlr_list_result r = mlr_list_key(&h->list, k);
    if (r == MLR_LIST_CLOSED) {
        mlr_app_uncover(app);
    } else if (r == MLR_LIST_CHOSEN) {
        const mlr_item *item = mlr_list_at(&h->list);
        mlr_action chosen = item == NULL ? MLR_DO_NOTHING : (mlr_action)item->value;
        mlr_app_uncover(app);
        mlr_app_act(app, chosen);
    }
    return true;
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    (void)app;
    const help *h = state;
    snprintf(to, room, "%zu of %zu actions", h->list.shown_count, h->list.count);
}

static void close_help(mlr_app *app, void *state)
{
    mlr_give(app->alloc, state, sizeof(help));
}

const mlr_screen mlr_screen_help = {
    .title = "Help",
    .hints = "↑↓ move|Enter run|Esc close",
    .open = open_help,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .key = key,
    .status = status,
    .close = close_help,
};
