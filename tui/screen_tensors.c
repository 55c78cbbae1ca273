/* The table of tensors: find, filter, sort, group, mark. */
#include "tui/screen_tensors.h"

#include <stdio.h>
#include <string.h>

#include "tui/app_core.h"
#include "tui/cell_text.h"
#include "tui/totals_block.h"

enum { ASK_SEARCH, ASK_FILTER, ASK_SORT, ASK_GROUP };

enum { NO_ANCHOR = -1 };

typedef struct tensors {
    mlr_rows_view view;
    mlr_ui_table table;
    char search[MLR_PROMPT_BYTES];
    char filter[MLR_PROMPT_BYTES];
    size_t search_from; /* where the cursor stood when the search began */
    int64_t anchor;     /* entry where a range of marks began */
    uint64_t made_ms;   /* when the view was made last */
    bool follow;        /* the cursor stays on its row when the order changes */
} tensors;

static mlr_status open_tensors(mlr_app *app, void **state, mlr_err *err)
{
    tensors *t = mlr_take(app->alloc, sizeof *t);
    if (t == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the table");
    }
    memset(t, 0, sizeof *t);
    mlr_rows_view_init(&t->view, app->alloc);
    t->anchor = NO_ANCHOR;
    t->follow = true;
    *state = t;
    return MLR_OK;
}

static void close_tensors(mlr_app *app, void *state)
{
    tensors *t = state;
    mlr_rows_view_release(&t->view);
    mlr_give(app->alloc, t, sizeof *t);
}

static void renew(mlr_app *app, void *state)
{
    (void)app;
    tensors *t = state;
    t->view.stale = true;
    t->table = (mlr_ui_table){0};
    t->anchor = NO_ANCHOR;
}

/* The row under the cursor, or NULL on a heading. */
static mlr_ui_row *row_at(mlr_app *app, const tensors *t)
{
    if (t->table.cursor >= t->view.count ||
        mlr_entry_is_group(t->view.entry[t->table.cursor])) {
        return NULL;
    }
    return &app->session.rows.row[t->view.entry[t->table.cursor]];
}

/* While facts stream in, cells follow at once but the order only four times a second: a
   table that jumps cannot be read, and sorting 100,000 rows takes a frame. */
static bool waits(mlr_app *app, const tensors *t)
{
    enum { STEADY_MS = 250 };
    return mlr_app_busy(app) && app->now_ms - t->made_ms < STEADY_MS;
}

/* Remakes the view and keeps the cursor on its row, wherever that goes. */
static void refresh(mlr_app *app, tensors *t)
{
    mlr_err err = {0};
    uint32_t entry = t->table.cursor < t->view.count ? t->view.entry[t->table.cursor] : 0;
    bool keep = t->view.count > 0 && !mlr_entry_is_group(entry);
    bool same = !t->view.stale && t->view.generation == app->session.rows.generation;
    if (same || (!t->view.stale && waits(app, t))) {
        return;
    }
    t->made_ms = app->now_ms;
    if (mlr_rows_view_make(&t->view, &app->session.rows, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
        return;
    }
    keep = keep && t->follow;
    t->follow = true; /* facts that arrive later move rows, not the reader */
    t->table.cursor = 0;
    t->table.top = keep ? t->table.top : 0;
    for (size_t i = 0; keep && i < t->view.count; i++) {
        if (t->view.entry[i] == entry) {
            t->table.cursor = i;
            return;
        }
    }
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    (void)cols;
    tensors *t = state;
    refresh(app, t);
    mlr_table_arrange(&t->table, t->view.count, rows - 1 - mlr_totals_lines(rows));
    const mlr_ui_row *r = row_at(app, t);
    app->focus = r == NULL ? MLR_NO_ROW : (size_t)(r - app->session.rows.row);
    (void)mlr_desk_total(app); /* drawing must not change anything */
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    const tensors *t = state;
    int totals = mlr_totals_lines(body.rows);
    mlr_tensor_table table = {&app->session.rows, &t->view, &t->table, t->search};
    mlr_tensor_table_draw(&table, mlr_pane_part(body, 0, 0, body.rows - totals, body.cols));
    mlr_totals_look look = {&t->view, &app->desk.sums, &app->desk.budgets};
    mlr_totals_draw(&look, mlr_pane_part(body, body.rows - totals, 0, totals, body.cols));
}

/* --- finding ----------------------------------------------------------------------------
 */

static bool hit(const mlr_app *app, const tensors *t, size_t entry)
{
    uint32_t e = t->view.entry[entry];
    if (mlr_entry_is_group(e)) {
        return false;
    }
    mlr_str name = app->session.rows.row[e].name;
    return mlr_text_contains(name.p, name.n, t->search, strlen(t->search));
}

/* Goes to the next match from `from` on (itself included), round the end. */
static bool find(mlr_app *app, tensors *t, size_t from, int step)
{
    size_t n = t->view.count;
    size_t at = from;
    for (size_t i = 0; i < n; i++) {
        if (hit(app, t, at)) {
            mlr_table_go(&t->table, at);
            return true;
        }
        at = step > 0 ? (at + 1 < n ? at + 1 : 0) : (at > 0 ? at - 1 : n - 1);
    }
    return false;
}

static void find_again(mlr_app *app, tensors *t, int step)
{
    size_t n = t->view.count;
    if (t->search[0] == '\0' || n == 0) {
        mlr_app_say(app, MLR_ROLE_DIM, "nothing was searched for yet");
        return;
    }
    size_t c = t->table.cursor;
    size_t from = step > 0 ? (c + 1 < n ? c + 1 : 0) : (c > 0 ? c - 1 : n - 1);
    if (!find(app, t, from, step)) {
        mlr_app_say(app, MLR_ROLE_WARNING, "no name contains '%.60s'", t->search);
    }
}

static void answer_search(mlr_app *app, tensors *t, const mlr_answer *a)
{
    if (a->reply == MLR_REPLY_CANCELLED) {
        t->search[0] = '\0';
        mlr_table_go(&t->table, t->search_from);
        return;
    }
    snprintf(t->search, sizeof t->search, "%s", a->text);
    if (a->text[0] != '\0' && !find(app, t, t->search_from, 1)) {
        mlr_app_say(app, MLR_ROLE_WARNING, "no name contains '%.60s'", a->text);
    }
}

static void set_filter(mlr_app *app, tensors *t, const char *text, bool quiet)
{
    mlr_filter f;
    size_t at = 0;
    const char *why = NULL;
    if (!mlr_filter_read(&f, text, &at, &why)) {
        if (!quiet) {
            mlr_app_say(app, MLR_ROLE_ERROR, "column %zu: expected %s", at + 1, why);
        }
        return;
    }
    t->view.filter = f;
    t->view.stale = true;
    t->anchor = NO_ANCHOR;
    refresh(app, t);
}

static void answer_filter(mlr_app *app, tensors *t, const mlr_answer *a)
{
    if (a->reply == MLR_REPLY_CANCELLED) {
        set_filter(app, t, t->filter, true);
        return;
    }
    if (a->reply == MLR_REPLY_ACCEPTED) {
        mlr_filter f;
        size_t at = 0;
        const char *why = NULL;
        if (!mlr_filter_read(&f, a->text, &at, &why)) {
            mlr_app_ask(app, ASK_FILTER, "filter: ", a->text, &app->filter_history);
            app->question.prompt.cursor =
                at < app->question.prompt.n ? at : app->question.prompt.n;
            mlr_app_say(app, MLR_ROLE_ERROR, "column %zu: expected %s", at + 1, why);
            return;
        }
        snprintf(t->filter, sizeof t->filter, "%s", a->text);
    }
    set_filter(app, t, a->text, false);
}

static void ask_sort(mlr_app *app, const tensors *t)
{
    static const char *const details[MLR_SORT_COUNT] = {
        "as tensors stand in the new file",
        "what happened to the tensor",
        "layers in numeric order",
        "element type",
        "number of elements",
        "bytes in the new file",
        "share of elements that differ",
        "between old and new",
        "bits an element of the delta carries",
        "how the tensor is stored in the patch",
        "rule, auto or you",
        "compression level",
        "dictionary used",
        "bytes in to bytes out",
        "of the predicted bytes out",
        "bytes in the patch"};
    mlr_list *l = mlr_app_menu(app, ASK_SORT, "Sort by");
    for (int i = 0; i < MLR_SORT_COUNT; i++) {
        mlr_item item = {
            .label = mlr_sort_name((mlr_ui_sort)i), .detail = details[i], .value = i};
        mlr_list_add(l, &item);
    }
    mlr_list_ready(l);
    mlr_list_select(l, (int)t->view.sort);
}

static void ask_group(mlr_app *app, const tensors *t)
{
    static const char *const details[MLR_GROUP_COUNT] = {
        "one flat list", "layer, or what stands before the last part", "element type",
        "how tensors are stored"};
    mlr_list *l = mlr_app_menu(app, ASK_GROUP, "Group by");
    for (int i = 0; i < MLR_GROUP_COUNT; i++) {
        mlr_item item = {
            .label = mlr_grouping_name((mlr_grouping)i), .detail = details[i], .value = i};
        mlr_list_add(l, &item);
    }
    mlr_list_ready(l);
    mlr_list_select(l, (int)t->view.grouping);
}

/* Names, types and words read from A to Z, numbers from the largest down. */
static bool starts_reversed(mlr_ui_sort s)
{
    return s != MLR_SORT_FILE && s != MLR_SORT_NAME && s != MLR_SORT_DTYPE &&
           s != MLR_SORT_STRATEGY && s != MLR_SORT_DICTIONARY && s != MLR_SORT_COSINE;
}

static void sort_by(tensors *t, mlr_ui_sort s)
{
    t->view.reverse = s == t->view.sort ? !t->view.reverse : starts_reversed(s);
    t->view.sort = s;
    t->view.stale = true;
    t->follow = false;
}

static bool click(mlr_app *app, void *state, int row, int col)
{
    tensors *t = state;
    mlr_tensor_table table = {&app->session.rows, &t->view, &t->table, ""};
    if (row == 0) {
        mlr_ui_sort s = mlr_tensor_table_header(&table, app->cols, col);
        if (s != MLR_SORT_COUNT) {
            sort_by(t, s);
        }
        return s != MLR_SORT_COUNT;
    }
    size_t at = t->table.top + (size_t)row - 1;
    if ((size_t)row > t->table.page || at >= t->view.count) {
        return false;
    }
    mlr_table_go(&t->table, at);
    return true;
}

static void answer(mlr_app *app, void *state, const mlr_answer *a)
{
    tensors *t = state;
    switch (a->question) {
    case ASK_SEARCH:
        answer_search(app, t, a);
        break;
    case ASK_FILTER:
        answer_filter(app, t, a);
        break;
    case ASK_SORT:
        if (a->reply == MLR_REPLY_ACCEPTED && a->value >= 0) {
            sort_by(t, (mlr_ui_sort)a->value);
        }
        break;
    default:
        if (a->reply == MLR_REPLY_ACCEPTED && a->value >= 0) {
            t->view.grouping = (mlr_grouping)a->value;
            t->view.stale = true;
        }
        break;
    }
}

/* --- marking ----------------------------------------------------------------------------
 */

static void mark_entries(mlr_app *app, tensors *t, size_t from, size_t to)
{
    for (size_t i = from; i <= to && i < t->view.count; i++) {
        if (!mlr_entry_is_group(t->view.entry[i])) {
            mlr_rows_mark(&app->session.rows, t->view.entry[i], true);
        }
    }
}

/* On a heading: its whole group. */
static void mark_group(mlr_app *app, tensors *t)
{
    size_t i = t->table.cursor + 1;
    bool all = true;
    for (size_t k = i; k < t->view.count && !mlr_entry_is_group(t->view.entry[k]); k++) {
        all &= app->session.rows.row[t->view.entry[k]].marked;
    }
    for (; i < t->view.count && !mlr_entry_is_group(t->view.entry[i]); i++) {
        mlr_rows_mark(&app->session.rows, t->view.entry[i], !all);
    }
}

static void mark(mlr_app *app, tensors *t)
{
    mlr_ui_row *r = row_at(app, t);
    if (t->view.count == 0) {
        return;
    }
    if (r == NULL) {
        mark_group(app, t);
        return;
    }
    mlr_rows_mark(&app->session.rows, (size_t)(r - app->session.rows.row), !r->marked);
    (void)mlr_table_act(&t->table, MLR_DO_DOWN);
}

static void mark_range(mlr_app *app, tensors *t)
{
    if (t->anchor == NO_ANCHOR) {
        t->anchor = (int64_t)t->table.cursor;
        mlr_app_say(app, MLR_ROLE_MESSAGE, "range begins here; v ends it");
        return;
    }
    size_t a = (size_t)t->anchor;
    size_t b = t->table.cursor;
    mark_entries(app, t, a < b ? a : b, a < b ? b : a);
    t->anchor = NO_ANCHOR;
    mlr_app_say(app, MLR_ROLE_MESSAGE, "%zu marked", app->session.rows.marked);
}

static void unmark(mlr_app *app)
{
    for (size_t i = 0; i < app->session.rows.count; i++) {
        mlr_rows_mark(&app->session.rows, i, false);
    }
}

static void enter(mlr_app *app, tensors *t)
{
    const mlr_ui_row *r = row_at(app, t);
    if (r != NULL) {
        app->focus = (size_t)(r - app->session.rows.row);
        (void)mlr_app_show(app, MLR_SCREEN_DETAIL);
    }
}

bool mlr_tensors_step(mlr_app *app, int step)
{
    tensors *t = app->state[MLR_SCREEN_TENSORS];
    if (t == NULL) {
        return false;
    }
    refresh(app, t);
    size_t at = 0;
    while (at < t->view.count && t->view.entry[at] != app->focus) {
        at++;
    }
    at = at == t->view.count && step > 0 ? SIZE_MAX : at; /* not shown: from the start */
    do {
        at += step > 0 ? 1 : SIZE_MAX;
    } while (at < t->view.count && mlr_entry_is_group(t->view.entry[at]));
    if (at >= t->view.count) {
        return false;
    }
    app->focus = t->view.entry[at];
    mlr_table_go(&t->table, at);
    return true;
}

void mlr_tensors_narrow(mlr_app *app, const char *filter)
{
    if (mlr_app_show(app, MLR_SCREEN_TENSORS) == MLR_OK) {
        tensors *t = app->state[MLR_SCREEN_TENSORS];
        snprintf(t->filter, sizeof t->filter, "%s", filter);
        set_filter(app, t, filter, false);
    }
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    tensors *t = state;
    if (mlr_table_act(&t->table, action)) {
        return true;
    }
    switch (action) {
    case MLR_DO_ENTER:
        enter(app, t);
        return true;
    case MLR_DO_SEARCH:
        t->search_from = t->table.cursor;
        mlr_app_ask(app, ASK_SEARCH, "/", "", &app->search_history);
        return true;
    case MLR_DO_SEARCH_NEXT:
        find_again(app, t, 1);
        return true;
    case MLR_DO_SEARCH_BACK:
        find_again(app, t, -1);
        return true;
    case MLR_DO_FILTER:
        mlr_app_ask(app, ASK_FILTER, "filter: ", t->filter, &app->filter_history);
        return true;
    case MLR_DO_FILTER_OFF:
        t->filter[0] = '\0';
        set_filter(app, t, "", true);
        return true;
    case MLR_DO_SORT:
        ask_sort(app, t);
        return true;
    case MLR_DO_SORT_REVERSE:
        sort_by(t, t->view.sort);
        return true;
    case MLR_DO_GROUP:
        ask_group(app, t);
        return true;
    case MLR_DO_MARK:
        mark(app, t);
        return true;
    case MLR_DO_MARK_RANGE:
        mark_range(app, t);
        return true;
    case MLR_DO_MARK_SHOWN:
        mark_entries(app, t, 0, t->view.count);
        mlr_app_say(app, MLR_ROLE_MESSAGE, "%zu marked", app->session.rows.marked);
        return true;
    case MLR_DO_UNMARK:
        unmark(app);
        return true;
    case MLR_DO_REPEAT:
        (void)mlr_table_act(&t->table, MLR_DO_DOWN);
        if (row_at(app, t) != NULL) {
            app->focus = (size_t)(row_at(app, t) - app->session.rows.row);
        }
        return mlr_desk_act(app, action);
    case MLR_DO_BACK: /* Esc takes back the last narrowing first */
        t->anchor = NO_ANCHOR;
        if (t->search[0] != '\0') {
            t->search[0] = '\0';
            return true;
        }
        return false;
    default:
        return false;
    }
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    const tensors *t = state;
    const mlr_ui_rows *rows = &app->session.rows;
    char a[24];
    char b[24];
    size_t at = t->table.cursor + (t->view.count > 0);
    int n = snprintf(to, room, "%s/%s", mlr_fmt_count(a, sizeof a, at),
                     mlr_fmt_count(b, sizeof b, t->view.count));
    size_t used = n > 0 ? (size_t)n : 0;
    if (t->view.shown.rows != rows->count && used < room) {
        n = snprintf(to + used, room - used, " · %s of %s shown · filter %.40s",
                     mlr_fmt_count(a, sizeof a, t->view.shown.rows),
                     mlr_fmt_count(b, sizeof b, rows->count), t->view.filter.source);
        used += n > 0 ? (size_t)n : 0;
    }
    if (used < room) {
        n = snprintf(to + used, room - used, " · %s %s", mlr_sort_name(t->view.sort),
                     t->view.reverse ? "▼" : "▲");
        used += n > 0 ? (size_t)n : 0;
    }
    if (t->view.grouping != MLR_GROUP_NONE && used < room) {
        n = snprintf(to + used, room - used, " · %zu groups by %s", t->view.group_count,
                     mlr_grouping_name(t->view.grouping));
        used += n > 0 ? (size_t)n : 0;
    }
    if (rows->marked > 0 && used < room) {
        n = snprintf(to + used, room - used, " · ◆ %zu marked", rows->marked);
        used += n > 0 ? (size_t)n : 0;
    }
    if (t->anchor != NO_ANCHOR && used < room) {
        snprintf(to + used, room - used, " · range from %lld", (long long)t->anchor + 1);
    }
}

const mlr_screen mlr_screen_tensors = {
    .title = "Tensors",
    .where = MLR_IN_LIST | MLR_IN_TENSORS | MLR_IN_PAIR,
    .tab = '1',
    .open = open_tensors,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .click = click,
    .answer = answer,
    .status = status,
    .renew = renew,
    .close = close_tensors,
};
