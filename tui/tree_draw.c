/* How the lines of the tree look. */
#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"
#include "tui/cli/meta_text.h"
#include "tui/tree_view.h"

enum { C_NAME, C_TENSORS, C_CHANGED, C_SIZE, C_OUT, C_RATIO, C_SHARE, C_CHG, COLUMNS };

static const mlr_ui_column columns[COLUMNS] = {
    [C_NAME] = {"Module", 16, 60, 0, 1, false}, [C_TENSORS] = {"Tensors", 7, 7, 4, 0, true},
    [C_CHANGED] = {"~chg", 5, 5, 6, 0, true},   [C_SIZE] = {"Size", 5, 5, 0, 0, true},
    [C_OUT] = {"Out", 6, 6, 5, 0, true},        [C_RATIO] = {"Ratio", 6, 6, 7, 0, true},
    [C_SHARE] = {"Share", 8, 30, 3, 2, false},  [C_CHG] = {"Chg%", 6, 6, 0, 0, true},
};

int mlr_tree_strip_rows(const mlr_tree *t, int rows)
{
    return t->modules.layers < 2 || rows < 16 ? 0 : rows >= 34 ? 7 : 5;
}

static void put_cell(mlr_pane v, int row, const mlr_columns_at *at, int c, mlr_role role,
                     const char *text)
{
    if (at->width[c] > 0) {
        mlr_put_right(v, row, at->x[c] + at->width[c], role, text);
    }
}

static void put_sums(const mlr_tree *t, const mlr_module *m, mlr_pane v, int row,
                     const mlr_columns_at *at)
{
    const mlr_module *all = &t->modules.module[0];
    char text[32];
    mlr_role role = mlr_module_frozen(m) ? MLR_ROLE_KIND_SAME : MLR_ROLE_TEXT;
    bool by_out = all->out_state != MLR_FACT_UNKNOWN && all->out > 0;
    snprintf(text, sizeof text, "%u", m->tensors);
    put_cell(v, row, at, C_TENSORS, MLR_ROLE_DIM, text);
    snprintf(text, sizeof text, "%u", m->changed);
    put_cell(v, row, at, C_CHANGED, MLR_ROLE_DIM, m->changed > 0 ? text : "");
    put_cell(v, row, at, C_SIZE, role, mlr_fmt_bytes(text, sizeof text, m->bytes));
    if (m->out_state != MLR_FACT_UNKNOWN) {
        char size[16];
        bool guess = m->out_state == MLR_FACT_ESTIMATED;
        mlr_role out = guess ? MLR_ROLE_ESTIMATE : role;
        snprintf(text, sizeof text, "%s%s",
                 mlr_fmt_bytes(size, sizeof size, (uint64_t)m->out), guess ? "~" : "");
        put_cell(v, row, at, C_OUT, out, text);
        if (m->out >= 1) {
            double ratio = (double)m->bytes / m->out;
            snprintf(text, sizeof text, ratio < 1000 ? "%.2f" : "%.0f", ratio);
            put_cell(v, row, at, C_RATIO, out, text);
        }
    }
    if (at->width[C_SHARE] > 0) {
        double whole = by_out ? all->out : (double)all->bytes;
        double part = by_out ? m->out : (double)m->bytes;
        mlr_bar(v, row, at->x[C_SHARE], at->width[C_SHARE], whole > 0 ? part / whole : 0,
                MLR_ROLE_BAR);
    }
    if (mlr_module_frozen(m)) {
        put_cell(v, row, at, C_CHG, MLR_ROLE_KIND_SAME, "=");
    } else if (m->elements > 0) {
        snprintf(text, sizeof text, "%.1f", 100 * m->changed_elements / m->elements);
        put_cell(v, row, at, C_CHG, MLR_ROLE_KIND_CHANGED, text);
    }
}

/* "▾ layers", "= norm.weight": fold or kind, then the name; returns nothing. */
static void put_name(mlr_pane v, int row, int indent, int width, mlr_glyph_id fold,
                     const char *text, size_t n, mlr_role role)
{
    char fit[160];
    int x = 2 + indent * 2;
    if (fold != MLR_GLYPH_COUNT) {
        mlr_put_glyph(v, row, x, MLR_ROLE_DIM, fold);
    }
    mlr_elide_name(fit, sizeof fit, text, n, width - x - 2 > 4 ? width - x - 2 : 4);
    mlr_put(v, row, x + 2, role, fit);
}

static void draw_module(const mlr_app *app, const mlr_tree *t, const mlr_tree_item *i,
                        mlr_pane v, int row, const mlr_columns_at *at)
{
    const mlr_module *m = &t->modules.module[i->index];
    const mlr_module *last = &t->modules.module[i->last];
    const mlr_ui_row *r = &app->session.rows.row[m->row];
    mlr_role role = mlr_module_frozen(m) ? MLR_ROLE_KIND_SAME : MLR_ROLE_TEXT;
    int x = 2 + i->indent * 2;
    if (i->index == 0) {
        put_name(v, row, 0, at->width[C_NAME],
                 (t->open[0] & 1) ? MLR_G_FOLD_OPEN : MLR_G_CURSOR, "all tensors", 11,
                 MLR_ROLE_STRONG);
    } else if (last->leaf) {
        put_name(v, row, i->indent, at->width[C_NAME], MLR_GLYPH_COUNT,
                 r->name.p + m->begin, last->end - m->begin, role);
        mlr_put_cp(v, row, x, role, mlr_row_kind_glyph((mlr_row_kind)r->kind));
    } else {
        put_name(v, row, i->indent, at->width[C_NAME],
                 (t->open[i->index] & 1) ? MLR_G_FOLD_OPEN : MLR_G_CURSOR,
                 r->name.p + m->begin, last->end - m->begin, role);
    }
    put_sums(t, m, v, row, at);
}

static void draw_frozen(const mlr_app *app, const mlr_tree *t, const mlr_tree_item *i,
                        mlr_pane v, int row, const mlr_columns_at *at)
{
    const mlr_module *m = t->modules.module;
    const mlr_module *a = &m[i->index];
    const mlr_module *b = &m[i->last];
    const mlr_ui_row *ra = &app->session.rows.row[a->row];
    const mlr_ui_row *rb = &app->session.rows.row[b->row];
    char text[64];
    mlr_module sum = {.out_state = MLR_FACT_KNOWN};
    for (uint32_t k = i->index; k <= i->last; k = m[k].next) {
        sum.tensors += m[k].tensors;
        sum.same += m[k].same;
        sum.bytes += m[k].bytes;
        sum.out += m[k].out;
        sum.out_state = m[k].out_state < sum.out_state ? m[k].out_state : sum.out_state;
    }
    int n =
        snprintf(text, sizeof text, "%.*s-%.*s unchanged", (int)(a->end - a->begin),
                 ra->name.p + a->begin, (int)(b->end - b->begin), rb->name.p + b->begin);
    put_name(v, row, i->indent, at->width[C_NAME], MLR_GLYPH_COUNT, text, (size_t)n,
             MLR_ROLE_KIND_SAME);
    mlr_put(v, row, 2 + i->indent * 2, MLR_ROLE_KIND_SAME, "=");
    put_sums(t, &sum, v, row, at);
}

static void draw_section(const mlr_tree *t, mlr_tree_section s, mlr_pane v, int row)
{
    static const char *const names[MLR_SECTIONS] = {"Metadata", "Vocabulary", "Graph"};
    char text[96];
    mlr_put_glyph(v, row, 2, MLR_ROLE_DIM,
                  t->section_open[s] ? MLR_G_FOLD_OPEN : MLR_G_CURSOR);
    int at = mlr_put(v, row, 4, MLR_ROLE_STRONG, names[s]) + 2;
    if (s == MLR_SECTION_VOCABULARY) {
        const mlr_vocabulary_diff *d = &t->vocabulary;
        snprintf(text, sizeof text, "%llu → %llu tokens  +%llu -%llu moved %llu",
                 (unsigned long long)d->old_count, (unsigned long long)d->new_count,
                 (unsigned long long)d->added, (unsigned long long)d->removed,
                 (unsigned long long)d->moved);
    } else {
        size_t n = mlr_tree_changes(t, s);
        snprintf(text, sizeof text, n == 0 ? "unchanged" : "%zu changed", n);
    }
    mlr_put(v, row, at, MLR_ROLE_DIM, text);
}

static mlr_role change_role(unsigned change)
{
    return change == MLR_CHANGE_ADDED     ? MLR_ROLE_KIND_ADDED
           : change == MLR_CHANGE_REMOVED ? MLR_ROLE_KIND_REMOVED
                                          : MLR_ROLE_KIND_CHANGED;
}

static const char *change_sign(unsigned change)
{
    return change == MLR_CHANGE_ADDED ? "+" : change == MLR_CHANGE_REMOVED ? "-" : "~";
}

static void draw_meta(const mlr_tree *t, const mlr_meta_change *c, mlr_pane v, int row)
{
    (void)t;
    char a[160] = "";
    char b[160] = "";
    char name[96];
    char fit[512];
    const mlr_meta *m = c->new_meta != NULL ? c->new_meta : c->old_meta;
    mlr_put(v, row, 4, change_role(c->change), change_sign(c->change));
    mlr_elide_middle(name, sizeof name, m->key.p, m->key.n, v.cols / 3);
    int at = mlr_put(v, row, 6, MLR_ROLE_TEXT, name) + 2;
    if (c->old_meta != NULL) {
        mlr_meta_text(c->old_meta, a, sizeof a);
    }
    if (c->new_meta != NULL) {
        mlr_meta_text(c->new_meta, b, sizeof b);
    }
    bool both = c->old_meta != NULL && c->new_meta != NULL;
    int n = both ? snprintf(fit, sizeof fit, "%s → %s", a, b)
                 : snprintf(fit, sizeof fit, "%s%s", a, b);
    char shown[512];
    if (n > 0 && at < v.cols - 1) {
        mlr_elide_middle(shown, sizeof shown, fit, strlen(fit), v.cols - at - 1);
        mlr_put(v, row, at, MLR_ROLE_DIM, shown);
    }
}

static void draw_token(const mlr_token_change *c, mlr_pane v, int row)
{
    unsigned change = c->old_id == MLR_NO_TOKEN   ? MLR_CHANGE_ADDED
                      : c->new_id == MLR_NO_TOKEN ? MLR_CHANGE_REMOVED
                                                  : MLR_CHANGE_CHANGED;
    char name[128];
    mlr_put(v, row, 4, change_role(change), change_sign(change));
    mlr_elide_middle(name, sizeof name, c->text.p, c->text.n, v.cols / 2);
    int at = mlr_put(v, row, 6, MLR_ROLE_TEXT, name) + 2;
    if (change == MLR_CHANGE_CHANGED) {
        mlr_putf(v, row, at, MLR_ROLE_DIM, "id %u → %u", c->old_id, c->new_id);
    } else {
        mlr_putf(v, row, at, MLR_ROLE_DIM, "id %u",
                 change == MLR_CHANGE_ADDED ? c->new_id : c->old_id);
    }
}

static void draw_item(const mlr_app *app, const mlr_tree *t, size_t at, mlr_pane v, int row,
                      const mlr_columns_at *columns_at)
{
    const mlr_tree_item *i = &t->item[at];
    switch (i->kind) {
    case MLR_TREE_MODULE:
        draw_module(app, t, i, v, row, columns_at);
        break;
    case MLR_TREE_FROZEN:
        draw_frozen(app, t, i, v, row, columns_at);
        break;
    case MLR_TREE_SECTION:
        draw_section(t, (mlr_tree_section)i->index, v, row);
        break;
    case MLR_TREE_META:
        draw_meta(t, &t->meta.changes[i->index], v, row);
        break;
    case MLR_TREE_TOKEN:
        draw_token(&t->vocabulary.changes[i->index], v, row);
        break;
    default:
        mlr_put(v, row, 6, MLR_ROLE_DIM, "nothing changed here");
        break;
    }
}

/* One column a layer, as wide as the view allows. */
static void draw_strip(const mlr_tree *t, mlr_pane v, bool of_out)
{
    double value[MLR_TREE_LAYERS] = {0};
    double wide[1024] = {0};
    double most = of_out ? 0 : 1;
    size_t n = t->modules.layers;
    for (size_t i = 0; i < n; i++) {
        const mlr_layer_change *l = &t->modules.layer[i];
        value[i] = of_out ? l->out : l->elements > 0 ? l->changed / l->elements : 0;
        most = value[i] > most ? value[i] : most;
    }
    size_t cols = v.cols < 1024 ? (size_t)v.cols : 1024;
    size_t each = n > 0 && n <= cols ? cols / n : 1;
    each = each > 4 ? 4 : each;
    size_t used = 0;
    for (size_t i = 0; i < cols; i++) {
        size_t from = n <= cols ? i / each : i * n / cols;
        bool gap = n <= cols && each > 2 && i % each == each - 1;
        if (from < n) {
            wide[i] = gap ? 0 : value[from];
            used = i + 1;
        }
    }
    mlr_columns(v, wide, used, most, of_out ? MLR_ROLE_SPARK : MLR_ROLE_HIST_DELTA);
}

static void draw_depth(const mlr_tree *t, mlr_pane v)
{
    char note[32];
    snprintf(note, sizeof note, "layers 0-%zu", t->modules.layers - 1);
    mlr_pane in = mlr_frame(v, "Change by depth", note);
    bool out = t->modules.module[0].out > 0;
    int each = in.rows >= 5 && out ? 2 : out ? 1 : in.rows;
    mlr_put(in, 0, 1, MLR_ROLE_DIM, "changed");
    draw_strip(t, mlr_pane_part(in, 0, 10, each, in.cols - 11), false);
    if (out) {
        mlr_put(in, each, 1, MLR_ROLE_DIM, "out");
        draw_strip(t, mlr_pane_part(in, each, 10, each, in.cols - 11), true);
    }
}

void mlr_tree_draw(const mlr_app *app, const mlr_tree *t, mlr_pane body)
{
    mlr_columns_at at;
    mlr_table_layout(columns, COLUMNS, body.cols - 1, &at);
    for (int c = 0; c < COLUMNS; c++) {
        mlr_role role = MLR_ROLE_HEADER;
        if (at.width[c] > 0 && columns[c].right) {
            mlr_put_right(body, 0, at.x[c] + at.width[c], role, columns[c].title);
        } else if (at.width[c] > 0) {
            mlr_put(body, 0, at.x[c] + (c == C_NAME ? 4 : 0), role, columns[c].title);
        }
    }
    for (size_t i = 0; i < t->table.page && t->table.top + i < t->items; i++) {
        bool here = t->table.top + i == t->table.cursor;
        int row = (int)i + 1;
        mlr_pane v = here ? mlr_pane_over(body, MLR_ROLE_SELECTION) : body;
        if (here) {
            mlr_fill(mlr_pane_part(v, row, 0, 1, v.cols), MLR_ROLE_TEXT);
            mlr_put_glyph(v, row, 0, MLR_ROLE_TEXT, MLR_G_CURSOR);
            mlr_cursor_at(body, row, 0);
        }
        draw_item(app, t, t->table.top + i, v, row, &at);
    }
    int strip = mlr_tree_strip_rows(t, body.rows);
    if (strip > 0) {
        draw_depth(t, mlr_pane_part(body, body.rows - strip, 0, strip, body.cols));
    }
}
