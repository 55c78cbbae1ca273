/* Drawing of tensor rows: columns, facts that may be unknown, groups, totals. */
#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"
#include "tui/screen_tensors.h"

enum {
    C_LEAD, /* cursor, mark, kind */
    C_NAME,
    C_TYPE,
    C_SHAPE,
    C_SIZE,
    C_CHANGED,
    C_BAR,
    C_COSINE,
    C_ENTROPY,
    C_STRATEGY,
    C_BY,
    C_LEVEL,
    C_DICTIONARY,
    C_RATIO,
    C_ERROR,
    C_OUT,
    C_COUNT
};

static const mlr_ui_column columns[C_COUNT] = {
    [C_LEAD] = {"", 3, 3, 0, 0, false},
    [C_NAME] = {"Tensor", 16, 48, 0, 1, false},
    [C_TYPE] = {"Type", 4, 8, 5, 4, false},
    [C_SHAPE] = {"Shape", 10, 17, 8, 4, false},
    [C_SIZE] = {"Size", 5, 5, 9, 0, true},
    [C_CHANGED] = {"Chg%", 5, 5, 1, 0, true},
    [C_BAR] = {"Δ", 5, 14, 7, 3, false},
    [C_COSINE] = {"Cosine", 7, 7, 13, 0, true},
    [C_ENTROPY] = {"Ent", 5, 5, 14, 0, true},
    [C_STRATEGY] = {"Strategy", 10, 12, 4, 2, false},
    [C_BY] = {"By", 4, 4, 11, 0, false},
    [C_LEVEL] = {"Lv", 2, 2, 6, 0, true},
    [C_DICTIONARY] = {"Dict", 6, 6, 15, 0, false},
    [C_RATIO] = {"Ratio", 6, 6, 3, 0, true},
    [C_ERROR] = {"±", 4, 4, 12, 0, true},
    [C_OUT] = {"Out", 6, 6, 2, 0, true},
};

static int column_of(mlr_ui_sort sort)
{
    static const int of[MLR_SORT_COUNT] = {
        [MLR_SORT_FILE] = -1,
        [MLR_SORT_KIND] = C_LEAD,
        [MLR_SORT_NAME] = C_NAME,
        [MLR_SORT_DTYPE] = C_TYPE,
        [MLR_SORT_SHAPE] = C_SHAPE,
        [MLR_SORT_SIZE] = C_SIZE,
        [MLR_SORT_CHANGED] = C_CHANGED,
        [MLR_SORT_COSINE] = C_COSINE,
        [MLR_SORT_ENTROPY] = C_ENTROPY,
        [MLR_SORT_STRATEGY] = C_STRATEGY,
        [MLR_SORT_BY] = C_BY,
        [MLR_SORT_LEVEL] = C_LEVEL,
        [MLR_SORT_DICTIONARY] = C_DICTIONARY,
        [MLR_SORT_RATIO] = C_RATIO,
        [MLR_SORT_ERROR] = C_ERROR,
        [MLR_SORT_OUT] = C_OUT,
    };
    return of[sort];
}

static const mlr_role kind_roles[MLR_ROW_KINDS] = {
    MLR_ROLE_KIND_UNKNOWN, MLR_ROLE_KIND_SAME,    MLR_ROLE_KIND_CHANGED,
    MLR_ROLE_KIND_ADDED,   MLR_ROLE_KIND_REMOVED, MLR_ROLE_KIND_RESHAPED,
    MLR_ROLE_KIND_PROBLEM};

/* A column's cells in one row, and how its text is aligned. */
typedef struct slot {
    mlr_pane v;
    int row, x, width;
    bool right;
} slot;

static void put_slot(const slot *s, mlr_role role, const char *text)
{
    if (s->width <= 0) {
        return;
    }
    mlr_pane v = mlr_pane_part(s->v, s->row, s->x, 1, s->width);
    if (s->right) {
        mlr_put_right(v, 0, s->width, role, text);
    } else {
        mlr_put(v, 0, 0, role, text);
    }
}

static void put_unknown(const slot *s)
{
    put_slot(s, MLR_ROLE_FAINT, "·");
}

/* An estimate ends in '~'; what is known leaves that cell blank, so that digits align. */
static void put_fact(const slot *s, const mlr_fact *f, const char *digits)
{
    char text[24];
    if (f->state == MLR_FACT_UNKNOWN) {
        put_unknown(s);
        return;
    }
    bool estimated = f->state == MLR_FACT_ESTIMATED;
    snprintf(text, sizeof text, "%s%c", digits, estimated ? '~' : ' ');
    put_slot(s, estimated ? MLR_ROLE_ESTIMATE : MLR_ROLE_TEXT, text);
}

/* One decimal; what is not quite 0 or 100 says so. */
static const char *percent(char *to, size_t room, double fraction)
{
    double p = fraction * 100;
    if (p > 0 && p < 0.05) {
        snprintf(to, room, "<0.1");
    } else if (p < 100 && p >= 99.95) {
        snprintf(to, room, ">99.9");
    } else {
        snprintf(to, room, "%.1f", p);
    }
    return to;
}

static void put_changed(const slot *s, const mlr_fact *f)
{
    char text[16];
    if (f->state == MLR_FACT_UNKNOWN) {
        put_unknown(s);
        return;
    }
    bool none = f->value == 0 && f->state == MLR_FACT_KNOWN;
    put_slot(s, none ? MLR_ROLE_DIM : MLR_ROLE_TEXT,
             none ? "=" : percent(text, sizeof text, f->value));
}

static const char *shape(char *to, size_t room, const mlr_tensor *t)
{
    size_t used = 0;
    to[0] = '\0';
    if (t == NULL || t->rank == 0) {
        snprintf(to, room, t == NULL ? "" : "scalar");
        return to;
    }
    for (int i = 0; i < t->rank && used + 24 < room; i++) {
        int n = snprintf(to + used, room - used, i == 0 ? "%llu" : "×%llu",
                         (unsigned long long)t->dim[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return to;
}

/* A tensor that is the same asks for no attention. */
static mlr_role quiet(const mlr_ui_row *r)
{
    return r->kind == MLR_ROW_SAME ? MLR_ROLE_DIM : MLR_ROLE_TEXT;
}

static void put_shape(const slot *s, const mlr_ui_row *r)
{
    const mlr_tensor *t = r->new_tensor != NULL ? r->new_tensor : r->old_tensor;
    char text[512];
    char fit[128];
    shape(text, sizeof text, t);
    put_slot(s, quiet(r), mlr_elide_middle(fit, sizeof fit, text, strlen(text), s->width));
}

/* Bytes of a shortened name up to its layer. */
static size_t quiet_bytes(const char *text)
{
    static const char ellipsis[] = "…";
    size_t n = sizeof ellipsis - 1;
    if (strncmp(text, ellipsis, n) == 0) {
        return n + strspn(text + n, "0123456789");
    }
    return mlr_module_bytes((mlr_str){text, strlen(text)});
}

/* The part up to the layer is quieter than what tells tensors of one layer apart. */
static void put_name(const slot *s, const mlr_ui_row *r, const char *search)
{
    mlr_role role = r->marked                 ? MLR_ROLE_MARKED
                    : r->kind == MLR_ROW_SAME ? MLR_ROLE_DIM
                                              : MLR_ROLE_TEXT;
    char text[1024];
    size_t n = r->name.n < 256 ? r->name.n : 256;
    mlr_elide_name(text, sizeof text, r->name.p, n, s->width);
    put_slot(s, role, text);
    size_t module = quiet_bytes(text);
    if (!r->marked && module > 0 && module + 1 < strlen(text)) {
        int quiet = mlr_text_width(text, module) + 1;
        mlr_paint(s->v, s->row, s->x, quiet < s->width ? quiet : s->width,
                  MLR_ROLE_NAME_PATH);
    }
    size_t m = strlen(search);
    for (size_t i = 0; m > 0 && i + m <= strlen(text); i++) {
        if (mlr_text_contains(text + i, m, search, m)) {
            mlr_pane hit = s->v;
            hit.attr |= MLR_UNDERLINE | MLR_BOLD;
            mlr_pane part = mlr_pane_part(hit, s->row, s->x, 1, s->width);
            mlr_put_n(part, 0, mlr_text_width(text, i), MLR_ROLE_STRONG, text + i, m);
        }
    }
}

static const char *decider(char *to, size_t room, const mlr_ui_row *r)
{
    static const char *const words[] = {"-", "", "auto", "you"};
    if (r->by == MLR_BY_RULE) {
        snprintf(to, room, "r%u", r->rule);
    } else {
        snprintf(to, room, "%s", words[r->by]);
    }
    return to;
}

static const mlr_role by_roles[] = {MLR_ROLE_DIM, MLR_ROLE_BY_RULE, MLR_ROLE_BY_AUTO,
                                    MLR_ROLE_BY_YOU};

static void put_choice(const slot *s, int column, const mlr_ui_row *r)
{
    char text[24];
    switch (column) {
    case C_STRATEGY:
        if (r->strategy == NULL) {
            put_unknown(s);
            return;
        }
        snprintf(text, sizeof text, "%s%s", r->strategy, r->lossy ? "≈" : "");
        put_slot(s, r->lossy ? MLR_ROLE_LOSSY : quiet(r), text);
        break;
    case C_BY:
        if (r->by == MLR_BY_NOBODY && r->strategy == NULL) {
            put_unknown(s);
            return;
        }
        put_slot(s, by_roles[r->by], decider(text, sizeof text, r));
        break;
    case C_LEVEL:
        if (r->level < 0) {
            put_unknown(s);
            return;
        }
        snprintf(text, sizeof text, "%d", r->level);
        put_slot(s, MLR_ROLE_TEXT, text);
        break;
    default:
        put_slot(s, r->dictionary == NULL ? MLR_ROLE_FAINT : MLR_ROLE_TEXT,
                 r->dictionary == NULL ? (r->strategy == NULL ? "·" : "-") : r->dictionary);
        break;
    }
}

static void put_result(const slot *s, int column, const mlr_ui_row *r)
{
    char text[24];
    mlr_fact ratio = mlr_row_ratio(r);
    switch (column) {
    case C_RATIO:
        snprintf(text, sizeof text, ratio.value < 1000 ? "%.2f" : "%.0f", ratio.value);
        put_fact(s, &ratio, text);
        break;
    case C_ERROR:
        if (r->out.state == MLR_FACT_ESTIMATED) {
            double e = (double)r->out.error * 100;
            snprintf(text, sizeof text, e < 1 ? "<1%%" : "%.0f%%", e);
            put_slot(s, MLR_ROLE_ESTIMATE, text);
        } else if (r->out.state == MLR_FACT_KNOWN) {
            put_slot(s, MLR_ROLE_DIM, "=");
        } else {
            put_unknown(s);
        }
        break;
    default:
        put_fact(s, &r->out, mlr_fmt_bytes(text, sizeof text, (uint64_t)r->out.value));
        break;
    }
}

static void put_number(const slot *s, const mlr_ui_row *r, const char *fmt,
                       const mlr_fact *f)
{
    char text[24];
    if (f->state == MLR_FACT_UNKNOWN) {
        put_unknown(s);
        return;
    }
    bool five = fmt[0] == '5';
    if (five && f->value < 1 && f->value >= 0.999995) {
        snprintf(text, sizeof text, ">.99999"); /* close to equal is not equal */
    } else {
        snprintf(text, sizeof text, five ? "%.5f" : "%.2f", f->value);
    }
    put_slot(s, f->state == MLR_FACT_ESTIMATED ? MLR_ROLE_ESTIMATE : quiet(r), text);
}

static void put_fact_column(const slot *s, int column, const mlr_ui_row *r)
{
    char text[24];
    switch (column) {
    case C_TYPE:
        put_slot(s, MLR_ROLE_DIM, r->dtype->name);
        break;
    case C_SHAPE:
        put_shape(s, r);
        break;
    case C_SIZE:
        put_slot(s, quiet(r),
                 r->new_tensor == NULL ? "gone"
                                       : mlr_fmt_bytes(text, sizeof text, r->bytes));
        break;
    case C_CHANGED:
        put_changed(s, &r->changed);
        break;
    case C_BAR:
        if (r->changed.state == MLR_FACT_UNKNOWN) {
            put_unknown(s);
        } else if (r->changed.value > 0) {
            mlr_bar(s->v, s->row, s->x, s->width, r->changed.value, MLR_ROLE_BAR);
        }
        break;
    case C_COSINE:
        put_number(s, r, "5", &r->cosine);
        break;
    case C_ENTROPY:
        put_number(s, r, "2", &r->entropy);
        break;
    default:
        break;
    }
}

static void put_lead(mlr_pane v, int row, const mlr_ui_row *r, bool cursor)
{
    if (cursor) {
        mlr_put_glyph(v, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
    }
    if (r->marked) {
        mlr_put_glyph(v, row, 1, MLR_ROLE_MARKED, MLR_G_MARK);
    }
    mlr_put_cp(v, row, 2, kind_roles[r->kind], mlr_row_kind_glyph((mlr_row_kind)r->kind));
}

static void draw_row(const mlr_tensor_table *t, const mlr_columns_at *at, mlr_pane v,
                     int row, const mlr_ui_row *r)
{
    for (int c = C_NAME; c < C_COUNT; c++) {
        slot s = {v, row, at->x[c], at->width[c], columns[c].right};
        if (s.width <= 0) {
            continue;
        }
        if (c == C_NAME) {
            put_name(&s, r, t->search);
        } else if (c <= C_ENTROPY) {
            put_fact_column(&s, c, r);
        } else if (c <= C_DICTIONARY) {
            put_choice(&s, c, r);
        } else {
            put_result(&s, c, r);
        }
    }
}

static void draw_group(const mlr_row_group *g, mlr_pane v, int row,
                       const mlr_columns_at *at)
{
    char text[1024];
    size_t n = g->label_bytes < 256 ? g->label_bytes : 256;
    mlr_put_glyph(v, row, 1, MLR_ROLE_GROUP, MLR_G_FOLD_OPEN);
    int room = at->width[C_NAME] - 2;
    const char *label = n == 0 ? "(top)" : g->label;
    mlr_elide_name(text, sizeof text, label, n == 0 ? 5 : n, room > 1 ? room : 1);
    int end = mlr_put(v, row, 3, MLR_ROLE_GROUP, text) + 1;
    char size[16];
    char count[64];
    snprintf(count, sizeof count, "%zu tensor%s  %s", g->totals.rows,
             g->totals.rows == 1 ? "" : "s",
             mlr_fmt_bytes(size, sizeof size, g->totals.bytes));
    mlr_put(v, row, end + 1, MLR_ROLE_DIM, count);
    slot out = {v, row, at->x[C_OUT], at->width[C_OUT], true};
    if (g->totals.out.state != MLR_FACT_UNKNOWN) {
        put_fact(&out, &g->totals.out,
                 mlr_fmt_bytes(size, sizeof size, (uint64_t)g->totals.out.value));
    }
}

static void draw_header(const mlr_tensor_table *t, const mlr_columns_at *at, mlr_pane v)
{
    int sorted = column_of(t->view->sort);
    mlr_pane line = mlr_pane_part(v, 0, 0, 1, v.cols);
    mlr_fill(line, MLR_ROLE_HEADER);
    for (int c = 0; c < C_COUNT; c++) {
        char text[24];
        slot s = {line, 0, at->x[c], at->width[c], columns[c].right};
        const char *arrow = t->view->reverse ? "▼" : "▲";
        bool here = c == sorted;
        const char *title = c == C_LEAD ? (here ? " S" : "  S") : columns[c].title;
        /* Numbers leave their last cell to '~'. */
        const char *tail = here ? arrow : c == C_RATIO || c == C_OUT ? " " : "";
        char fit[16];
        mlr_text_cut(fit, sizeof fit, title, s.width - (tail[0] != '\0'));
        snprintf(text, sizeof text, "%s%s", fit, tail);
        put_slot(&s, here ? MLR_ROLE_HEADER_SORT : MLR_ROLE_HEADER, text);
    }
}

static void place_columns(const mlr_tensor_table *t, int cols, mlr_columns_at *at)
{
    mlr_ui_column fitted[C_COUNT];
    memcpy(fitted, columns, sizeof columns);
    int longest = t->rows->longest_name;
    fitted[C_NAME].most = longest < 14 ? 14 : longest > 60 ? 60 : longest;
    if (t->view->all.with_dictionary == 0) {
        fitted[C_DICTIONARY].least = 0; /* a column of dashes says nothing */
    }
    mlr_table_layout(fitted, C_COUNT, cols - 1, at);
}

mlr_ui_sort mlr_tensor_table_header(const mlr_tensor_table *t, int cols, int col)
{
    mlr_columns_at at;
    place_columns(t, cols, &at);
    for (int s = MLR_SORT_KIND; s < MLR_SORT_COUNT; s++) {
        int c = column_of((mlr_ui_sort)s);
        if (at.width[c] > 0 && col >= at.x[c] && col < at.x[c] + at.width[c]) {
            return (mlr_ui_sort)s;
        }
    }
    return MLR_SORT_COUNT;
}

void mlr_tensor_table_draw(const mlr_tensor_table *t, mlr_pane v)
{
    mlr_columns_at at;
    place_columns(t, v.cols, &at);
    draw_header(t, &at, v);
    for (size_t i = 0; i < t->table->page && t->table->top + i < t->view->count; i++) {
        size_t e = t->table->top + i;
        int row = (int)i + 1;
        bool cursor = e == t->table->cursor;
        mlr_pane line = cursor ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
        if (cursor) {
            mlr_fill(mlr_pane_part(line, row, 0, 1, v.cols), MLR_ROLE_TEXT);
            mlr_cursor_at(v, row, mlr_entry_is_group(t->view->entry[e]) ? 3 : at.x[C_NAME]);
        }
        uint32_t index = mlr_entry_index(t->view->entry[e]);
        if (mlr_entry_is_group(t->view->entry[e])) {
            draw_group(&t->view->group[index], line, row, &at);
            if (cursor) {
                mlr_put_glyph(line, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
            }
            continue;
        }
        put_lead(line, row, &t->rows->row[index], cursor);
        draw_row(t, &at, line, row, &t->rows->row[index]);
    }
    if (t->view->count == 0) {
        mlr_put(v, 1, 4, MLR_ROLE_DIM,
                t->rows->count == 0 ? "the models hold no tensors"
                                    : "no tensor matches; F shows all");
    }
}

/* " 290: 96 same 194 changed" with words where there is room, glyphs where not. */
static int put_kinds(const mlr_totals *t, mlr_pane v, int row, int col, bool words)
{
    for (int k = 0; k < MLR_ROW_KINDS; k++) {
        if (t->by_kind[k] == 0) {
            continue;
        }
        char text[48];
        char count[24];
        mlr_fmt_count(count, sizeof count, t->by_kind[k]);
        mlr_put_cp(v, row, col, kind_roles[k], mlr_row_kind_glyph((mlr_row_kind)k));
        const char *word =
            k == MLR_ROW_UNKNOWN ? "not compared" : mlr_row_kind_word((mlr_row_kind)k);
        snprintf(text, sizeof text, words ? " %s %s" : "%s", count, word);
        col = mlr_put(v, row, col + 1, MLR_ROLE_TEXT, text) + (words ? 3 : 1);
    }
    return col;
}

static void put_sizes(const mlr_totals *t, mlr_pane v, int row, int end, int from)
{
    char in[16];
    char out[16];
    char text[96];
    if (t->rows == 0) {
        return;
    }
    mlr_fmt_bytes(in, sizeof in, t->bytes);
    if (t->out.state == MLR_FACT_UNKNOWN) {
        snprintf(text, sizeof text, "%s", in);
    } else {
        mlr_fmt_bytes(out, sizeof out, (uint64_t)t->out.value);
        char near[16] = "";
        if (t->out.state == MLR_FACT_ESTIMATED) {
            snprintf(near, sizeof near, " ±%.0f%%", (double)t->out.error * 100);
        }
        double ratio = t->out.value > 0 ? (double)t->bytes / t->out.value : 0;
        snprintf(text, sizeof text, "%s → %s%s  %.2f×", in, out, near, ratio);
    }
    int width = mlr_text_width(text, strlen(text));
    if (end - width >= from) {
        mlr_put(v, row, end - width, MLR_ROLE_TOTAL, text);
    }
}

void mlr_tensor_totals_draw(const mlr_totals *t, mlr_pane v, int row)
{
    char count[24];
    mlr_put(v, row, 2, MLR_ROLE_TOTAL, "Σ");
    int col =
        mlr_put(v, row, 4, MLR_ROLE_TOTAL, mlr_fmt_count(count, sizeof count, t->rows));
    bool words = v.cols >= 100;
    col = put_kinds(t, v, row, col + 2, words);
    if (t->changed_known == t->rows && t->elements > 0) {
        char p[16];
        col = mlr_putf(v, row, col + 1, MLR_ROLE_TEXT, "%s%% of elements",
                       percent(p, sizeof p, t->changed_elements / t->elements));
    }
    put_sizes(t, v, row, v.cols - 1, col + 1);
}

int mlr_tensor_totals_lines(int rows)
{
    return rows >= 6 ? 1 : 0;
}

void mlr_tensor_totals_block(const mlr_rows_view *view, mlr_pane v)
{
    if (v.rows >= 1) {
        mlr_tensor_totals_draw(&view->shown, v, 0);
    }
}
