#include "tui/widget_table.h"

static int width_of(const mlr_ui_column *c, size_t n, const mlr_columns_at *at)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += at->width[i] > 0 ? at->width[i] + (sum > 0) : 0;
    }
    (void)c;
    return sum;
}

static bool drop_one(const mlr_ui_column *c, size_t n, mlr_columns_at *at)
{
    size_t worst = n;
    for (size_t i = 0; i < n; i++) {
        bool may = at->width[i] > 0 && c[i].drop > 0;
        if (may && (worst == n || c[i].drop > c[worst].drop)) {
            worst = i;
        }
    }
    if (worst == n) {
        return false;
    }
    at->width[worst] = 0;
    return true;
}

static void share_spare(const mlr_ui_column *c, size_t n, int cols, mlr_columns_at *at)
{
    for (int turn = 1; turn <= 4; turn++) {
        for (size_t i = 0; i < n; i++) {
            int spare = cols - width_of(c, n, at);
            if (c[i].grow == turn && at->width[i] > 0 && spare > 0) {
                int want = c[i].most - at->width[i];
                at->width[i] += want < 0 ? 0 : want < spare ? want : spare;
            }
        }
    }
}

void mlr_table_layout(const mlr_ui_column *c, size_t n, int cols, mlr_columns_at *out)
{
    *out = (mlr_columns_at){0};
    n = n > MLR_UI_COLUMNS ? MLR_UI_COLUMNS : n;
    for (size_t i = 0; i < n; i++) {
        out->width[i] = c[i].least;
    }
    while (width_of(c, n, out) > cols && drop_one(c, n, out)) {
    }
    share_spare(c, n, cols, out);
    int x = 0;
    for (size_t i = 0; i < n; i++) {
        out->x[i] = x;
        x += out->width[i] > 0 ? out->width[i] + 1 : 0;
    }
}

void mlr_table_arrange(mlr_ui_table *t, size_t count, int lines)
{
    t->count = count;
    t->page = lines > 0 ? (size_t)lines : 1;
    if (t->cursor >= count) {
        t->cursor = count == 0 ? 0 : count - 1;
    }
    if (t->cursor < t->top) {
        t->top = t->cursor;
    }
    if (t->cursor >= t->top + t->page) {
        t->top = t->cursor - t->page + 1;
    }
    size_t most = count > t->page ? count - t->page : 0;
    t->top = t->top > most ? most : t->top;
}

void mlr_table_go(mlr_ui_table *t, size_t to)
{
    t->cursor = to;
    mlr_table_arrange(t, t->count, (int)t->page);
}

bool mlr_table_act(mlr_ui_table *t, mlr_action action)
{
    size_t page = t->page > 1 ? t->page - 1 : 1;
    size_t last = t->count == 0 ? 0 : t->count - 1;
    size_t c = t->cursor;
    switch (action) {
    case MLR_DO_DOWN:
        c = c < last ? c + 1 : last;
        break;
    case MLR_DO_UP:
        c -= c > 0;
        break;
    case MLR_DO_PAGE_DOWN:
        c = last - c > page ? c + page : last;
        break;
    case MLR_DO_PAGE_UP:
        c = c > page ? c - page : 0;
        break;
    case MLR_DO_TOP:
        c = 0;
        break;
    case MLR_DO_BOTTOM:
        c = last;
        break;
    default:
        return false;
    }
    mlr_table_go(t, c);
    return true;
}
