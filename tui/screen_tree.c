/* Modules folded from the tensors' names, then what changed beside the tensors: metadata,
 * vocabulary, graph. */
#include <stdio.h>
#include <string.h>

#include "tui/screen_tensors.h"
#include "tui/tree_view.h"

enum { ASK_SORT };

/* --- the rest of the models -------------------------------------------------------------
 */

static mlr_status compare_rest(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    mlr_tree *t = arg;
    mlr_work work = {t->alloc, NULL, tick};
    (void)job;
    if (mlr_meta_diff_make(&t->meta, t->old_model, t->new_model, &work, &t->pool, err) !=
        MLR_OK) {
        return err->status;
    }
    return mlr_vocabulary_diff_make(&t->vocabulary, t->old_model, t->new_model, &work,
                                    &t->pool, err);
}

static void halt(mlr_app *app, void *state)
{
    mlr_tree *t = state;
    (void)app;
    mlr_job_cancel(&t->job);
    (void)mlr_job_join(&t->job);
    mlr_pool_release(&t->pool);
    mlr_pool_init(&t->pool, t->alloc);
    t->meta = (mlr_meta_diff){0};
    t->vocabulary = (mlr_vocabulary_diff){0};
    t->compared = false;
    t->started = false;
    t->stale = true;
}

static bool poll(mlr_app *app, void *state)
{
    mlr_tree *t = state;
    const mlr_ui_session *s = &app->session;
    mlr_job_state job = mlr_job_state_of(&t->job);
    if (job == MLR_JOB_ENDED) {
        t->compared = mlr_job_join(&t->job) == MLR_OK;
        t->err = t->job.err;
        t->stale = true;
        return true;
    }
    bool wanted = !t->started && s->new_model != NULL && s->old_model != NULL &&
                  s->new_model->member_count > 0 && t->generation == s->generation;
    if (job == MLR_JOB_IDLE && wanted) {
        t->old_model = s->old_model;
        t->new_model = s->new_model;
        t->started = true;
        if (mlr_job_start(&t->job, "comparing metadata", compare_rest, t, &t->err) !=
            MLR_OK) {
            return false;
        }
        return true;
    }
    return job == MLR_JOB_RUNNING;
}

/* --- showing ----------------------------------------------------------------------------
 */

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    mlr_tree_draw(app, state, body);
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    mlr_tree *t = state;
    (void)cols;
    mlr_tree_refresh(app, t);
    mlr_table_arrange(&t->table, t->items, rows - 1 - mlr_tree_strip_rows(t, rows));
}

/* --- acting -----------------------------------------------------------------------------
 */

static mlr_tree_item *here(mlr_tree *t)
{
    return t->table.cursor < t->items ? &t->item[t->table.cursor] : NULL;
}

static bool is_leaf(const mlr_tree *t, const mlr_tree_item *i)
{
    return i->kind == MLR_TREE_MODULE && t->modules.module[i->last].leaf;
}

static void go_to_parent(mlr_tree *t)
{
    size_t c = t->table.cursor;
    uint16_t indent = t->item[c].indent;
    while (c > 0 && t->item[c].indent >= indent) {
        c--;
    }
    mlr_table_go(&t->table, c);
}

static void fold(mlr_tree *t, bool open)
{
    const mlr_tree_item *i = here(t);
    if (i == NULL) {
        return;
    }
    t->stale = true;
    if (i->kind == MLR_TREE_SECTION && t->section_open[i->index] != open) {
        t->section_open[i->index] = open;
    } else if (i->kind == MLR_TREE_FROZEN && open) {
        for (uint32_t k = i->index; k <= i->last; k = t->modules.module[k].next) {
            t->open[k] |= 2;
        }
    } else if (i->kind == MLR_TREE_MODULE && !is_leaf(t, i) &&
               ((t->open[i->index] & 1) != 0) != open) {
        t->open[i->index] ^= 1;
    } else if (!open) {
        go_to_parent(t);
    }
}

static void fold_all(mlr_tree *t)
{
    bool any = false;
    for (size_t i = 1; i < t->modules.count; i++) {
        any = any || (!t->modules.module[i].leaf && (t->open[i] & 1) == 0);
    }
    for (size_t i = 0; i < t->modules.count; i++) {
        t->open[i] = any || i == 0 ? 1 : 0;
    }
    t->stale = true;
    t->table.cursor = 0;
}

/* A module's tensors in the table; a tensor in detail. */
static void enter(mlr_app *app, mlr_tree *t)
{
    const mlr_tree_item *i = here(t);
    if (i == NULL) {
        return;
    }
    if (i->kind == MLR_TREE_SECTION) {
        fold(t, !t->section_open[i->index]);
        return;
    }
    if (i->kind == MLR_TREE_FROZEN) {
        fold(t, true);
        return;
    }
    if (i->kind != MLR_TREE_MODULE) {
        return;
    }
    const mlr_module *m = &t->modules.module[i->last];
    const mlr_ui_row *r = &app->session.rows.row[m->row];
    if (m->leaf) {
        app->focus = m->row;
        (void)mlr_app_show(app, MLR_SCREEN_DETAIL);
        return;
    }
    char filter[MLR_FILTER_BYTES] = "";
    if (i->index != 0) {
        snprintf(filter, sizeof filter, "name:%.*s%c*", (int)m->end, r->name.p,
                 r->name.p[m->end]);
    }
    mlr_tensors_narrow(app, filter);
}

static void ask_sort(mlr_app *app, const mlr_tree *t)
{
    mlr_list *l = mlr_app_menu(app, ASK_SORT, "Sort modules by");
    for (int i = 0; i < MLR_TREE_SORTS; i++) {
        mlr_list_add(l, &(mlr_item){.label = mlr_tree_sort_name((mlr_tree_sort)i),
                                    .detail = "",
                                    .value = i});
    }
    mlr_list_ready(l);
    mlr_list_select(l, (int)t->sort);
}

static void answer(mlr_app *app, void *state, const mlr_answer *a)
{
    mlr_tree *t = state;
    (void)app;
    if (a->reply == MLR_REPLY_ACCEPTED && a->value >= 0) {
        t->sort = (mlr_tree_sort)a->value;
        t->stale = true;
    }
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    mlr_tree *t = state;
    if (mlr_table_act(&t->table, action)) {
        return true;
    }
    switch (action) {
    case MLR_DO_FOLD:
        fold(t, false);
        return true;
    case MLR_DO_UNFOLD:
        fold(t, true);
        return true;
    case MLR_DO_FOLD_ALL:
        fold_all(t);
        return true;
    case MLR_DO_TREE_SORT:
        ask_sort(app, t);
        return true;
    case MLR_DO_ENTER:
        enter(app, t);
        return true;
    default:
        return false;
    }
}

static bool click(mlr_app *app, void *state, int row, int col)
{
    mlr_tree *t = state;
    size_t at = t->table.top + (size_t)row - 1;
    (void)app;
    if (row < 1 || (size_t)row > t->table.page || at >= t->items) {
        return false;
    }
    mlr_table_go(&t->table, at);
    const mlr_tree_item *i = here(t);
    int x = i->kind == MLR_TREE_SECTION ? 2 : 2 + i->indent * 2;
    if (col >= x && col <= x + 1) {
        fold(t, i->kind == MLR_TREE_SECTION ? !t->section_open[i->index]
                                            : (t->open[i->index] & 1) == 0);
    }
    return true;
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    const mlr_tree *t = state;
    if (t->table.cursor >= t->items) {
        return;
    }
    const mlr_tree_item *i = &t->item[t->table.cursor];
    if (t->err.status != MLR_OK && i->kind != MLR_TREE_MODULE) {
        snprintf(to, room, "metadata could not be compared: %s", t->err.rule);
        return;
    }
    const char *what = i->kind == MLR_TREE_FROZEN  ? "Enter shows each of them"
                       : i->kind == MLR_TREE_TOKEN ? "token"
                       : i->kind == MLR_TREE_META  ? "metadata"
                       : is_leaf(t, i)             ? "Enter shows this tensor"
                       : i->kind == MLR_TREE_MODULE
                           ? "Enter filters the table by this module"
                           : "";
    if (i->kind == MLR_TREE_MODULE && i->index > 0) {
        const mlr_module *m = &t->modules.module[i->last];
        const mlr_ui_row *r = &app->session.rows.row[m->row];
        snprintf(to, room, "%.*s · by %s · %s", (int)m->end, r->name.p,
                 mlr_tree_sort_name(t->sort), what);
    } else {
        snprintf(to, room, "by %s%s%s", mlr_tree_sort_name(t->sort),
                 what[0] == '\0' ? "" : " · ", what);
    }
}

static mlr_status open_tree(mlr_app *app, void **state, mlr_err *err)
{
    mlr_tree *t = mlr_take(app->alloc, sizeof *t);
    if (t == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the tree");
    }
    memset(t, 0, sizeof *t);
    t->alloc = app->alloc;
    t->job.wake_fd = app->job.wake_fd;
    t->row_count = SIZE_MAX;
    mlr_pool_init(&t->pool, app->alloc);
    *state = t;
    return MLR_OK;
}

static void close_tree(mlr_app *app, void *state)
{
    mlr_tree *t = state;
    halt(app, t);
    mlr_pool_release(&t->pool);
    mlr_modules_release(&t->modules);
    if (t->open != NULL) {
        mlr_give(t->alloc, t->open, t->open_room);
    }
    if (t->item != NULL) {
        mlr_give(t->alloc, t->item, t->room * sizeof *t->item);
    }
    if (t->order != NULL) {
        mlr_give(t->alloc, t->order, t->order_room * sizeof *t->order);
    }
    mlr_give(app->alloc, t, sizeof *t);
}

const mlr_screen mlr_screen_tree = {
    .title = "Tree",
    .where = MLR_IN_LIST | MLR_IN_TREE,
    .tab = '2',
    .open = open_tree,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .click = click,
    .answer = answer,
    .status = status,
    .poll = poll,
    .halt = halt,
    .close = close_tree,
};
