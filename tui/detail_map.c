/* The map of where a tensor changed, and the bytes below it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/blocks.h"
#include "analysis/numeric.h"
#include "tui/cell_text.h"
#include "tui/detail_view.h"

static uint64_t start_of(uint64_t c, uint64_t parts, uint64_t whole)
{
    return (c * whole + parts - 1) / parts;
}

void mlr_map_cursor(const mlr_detail_view *d, int *row, int *col)
{
    const mlr_cells_window *w = &d->study.map.window;
    *row = w->cell_rows == 0 ? 0 : (int)(d->at_row * (uint32_t)d->map_rows / w->cell_rows);
    *col = w->cell_cols == 0 ? 0 : (int)(d->at_col * (uint32_t)d->map_cols / w->cell_cols);
}

mlr_map_spot mlr_map_spot_at(const mlr_detail_view *d, int row, int col)
{
    const mlr_study_map *m = &d->study.map;
    const mlr_cells_window *w = &m->window;
    mlr_map_spot s = {0};
    if (w->cell_rows == 0 || d->map_rows == 0 || d->map_cols == 0) {
        return s;
    }
    uint64_t r0 = start_of((uint64_t)row, (uint64_t)d->map_rows, w->cell_rows);
    uint64_t r1 = start_of((uint64_t)row + 1, (uint64_t)d->map_rows, w->cell_rows);
    uint64_t c0 = start_of((uint64_t)col, (uint64_t)d->map_cols, w->cell_cols);
    uint64_t c1 = start_of((uint64_t)col + 1, (uint64_t)d->map_cols, w->cell_cols);
    s.row = w->row + start_of(r0, w->cell_rows, w->rows);
    s.rows = w->row + start_of(r1, w->cell_rows, w->rows) - s.row;
    s.col = w->col + start_of(c0, w->cell_cols, w->cols);
    s.cols = w->col + start_of(c1, w->cell_cols, w->cols) - s.col;
    for (uint64_t r = r0; r < r1; r++) {
        for (uint64_t c = c0; c < c1; c++) {
            const mlr_cell *cell = &m->cell[r * w->cell_cols + c];
            s.sum.elements += cell->elements;
            s.sum.changed += cell->changed;
            s.sum.sum += cell->sum;
            s.sum.most = cell->most > s.sum.most ? cell->most : s.sum.most;
            s.sum.old_value = cell->old_value;
            s.sum.new_value = cell->new_value;
        }
    }
    return s;
}

static uint32_t moved(uint32_t at, int drawn, uint32_t cells, int step)
{
    if (cells == 0 || drawn == 0 || step == 0) {
        return at;
    }
    int64_t to = (int64_t)(at * (uint32_t)drawn / cells) + step;
    to = to < 0 ? 0 : to >= drawn ? drawn - 1 : to;
    return (uint32_t)start_of((uint64_t)to, (uint64_t)drawn, cells);
}

void mlr_map_move(mlr_detail_view *d, int down, int right)
{
    const mlr_cells_window *w = &d->study.map.window;
    d->at_row = moved(d->at_row, d->map_rows, w->cell_rows, down);
    d->at_col = moved(d->at_col, d->map_cols, w->cell_cols, right);
}

static double share_of(const mlr_detail_view *d, const mlr_cell *c, double most)
{
    if (c->elements == 0) {
        return 0;
    }
    if (!d->by_delta) {
        return (double)c->changed / (double)c->elements;
    }
    return most > 0 ? c->sum / (double)c->elements / most : 0;
}

static double most_mean(const mlr_detail_view *d)
{
    double most = 0;
    for (int r = 0; d->by_delta && r < d->map_rows; r++) {
        for (int c = 0; c < d->map_cols; c++) {
            mlr_map_spot s = mlr_map_spot_at(d, r, c);
            double mean = s.sum.elements > 0 ? s.sum.sum / (double)s.sum.elements : 0;
            most = mean > most ? mean : most;
        }
    }
    return most;
}

/* Shade and heat say the same twice. */
static void put_heat(mlr_pane v, int row, int col, double share)
{
    static const mlr_glyph_id shade[] = {MLR_G_SHADE_1, MLR_G_SHADE_2, MLR_G_SHADE_3,
                                         MLR_G_FULL};
    if (!(share > 0)) {
        mlr_put_cp(v, row, col, MLR_ROLE_FAINT, ' ');
        return;
    }
    int step = 2 + (int)(share * 6); /* the darkest steps are lost on dark grounds */
    int dark = (int)ceil(share * 4) - 1;
    step = step > 7 ? 7 : step;
    mlr_put_glyph(v, row, col, (mlr_role)(MLR_ROLE_HEAT_0 + step),
                  shade[dark > 3   ? 3
                        : dark < 0 ? 0
                                   : dark]);
}

static const char *range(uint64_t at, uint64_t n, char *to, size_t room)
{
    if (n == 1) {
        snprintf(to, room, "%llu", (unsigned long long)at);
    } else {
        snprintf(to, room, "%llu-%llu", (unsigned long long)at,
                 (unsigned long long)(at + n - 1));
    }
    return to;
}

void mlr_map_tell(const mlr_detail_view *d, char *to, size_t room)
{
    int row = 0;
    int col = 0;
    char a[48];
    char b[48];
    mlr_map_cursor(d, &row, &col);
    mlr_map_spot s = mlr_map_spot_at(d, row, col);
    if (s.sum.elements == 0) {
        snprintf(to, room, "nothing to compare here");
        return;
    }
    int n = snprintf(to, room, "row %s col %s", range(s.row, s.rows, a, sizeof a),
                     range(s.col, s.cols, b, sizeof b));
    size_t used = n > 0 && (size_t)n < room ? (size_t)n : 0;
    bool numbers = (d->study.facts.measure.have & MLR_HAVE_NUMBERS) != 0;
    if (s.sum.elements > 1 || !numbers) {
        snprintf(to + used, room - used, " · %.4g%% changed",
                 100 * (double)s.sum.changed / (double)s.sum.elements);
    } else {
        snprintf(to + used, room - used, " · %.6g → %.6g", s.sum.old_value,
                 s.sum.new_value);
    }
}

static void draw_scale(mlr_pane v, int row)
{
    static const struct {
        double share;
        const char *text;
    } step[] = {{0.2, "25 %"}, {0.45, "50 %"}, {0.7, "75 %"}, {1, "100 %"}};
    int at = mlr_put(v, row, 1, MLR_ROLE_DIM, "share of elements") + 2;
    for (size_t i = 0; i < 4; i++) {
        put_heat(v, row, at, step[i].share);
        at = mlr_put(v, row, at + 2, MLR_ROLE_DIM, step[i].text) + 2;
    }
}

void mlr_detail_draw_cell(const mlr_detail_view *d, mlr_pane v)
{
    int row = 0;
    int col = 0;
    char a[48];
    char b[48];
    mlr_map_cursor(d, &row, &col);
    mlr_map_spot s = mlr_map_spot_at(d, row, col);
    if (s.sum.elements == 0) {
        mlr_put(v, 0, 1, MLR_ROLE_DIM, "nothing to compare here");
        return;
    }
    mlr_putf(v, 0, 1, MLR_ROLE_TEXT, "rows %s", range(s.row, s.rows, a, sizeof a));
    mlr_putf(v, 1, 1, MLR_ROLE_TEXT, "cols %s", range(s.col, s.cols, b, sizeof b));
    mlr_putf(v, 2, 1, MLR_ROLE_TEXT, "changed %s of %s elements  %.2f %%",
             mlr_fmt_count(a, sizeof a, s.sum.changed),
             mlr_fmt_count(b, sizeof b, s.sum.elements),
             100 * (double)s.sum.changed / (double)s.sum.elements);
    int at = 3;
    if ((d->study.facts.measure.have & MLR_HAVE_NUMBERS) != 0) {
        mlr_putf(v, at++, 1, MLR_ROLE_TEXT, "mean |Δ| %.4g",
                 s.sum.sum / (double)s.sum.elements);
        if (d->zooms > 0) {
            mlr_putf(v, at++, 1, MLR_ROLE_TEXT, "max |Δ|  %.4g", s.sum.most);
        }
        if (s.sum.elements == 1) {
            mlr_putf(v, at++, 1, MLR_ROLE_STRONG, "%.8g → %.8g", s.sum.old_value,
                     s.sum.new_value);
        }
    }
    mlr_put(v, at + 1, 1, MLR_ROLE_DIM,
            s.sum.elements == 1 ? "Enter or B shows its bytes" : "Enter zooms in, - out");
    draw_scale(v, v.rows - 1);
}

static void draw_cells(const mlr_detail_view *d, mlr_pane v, bool focused)
{
    double most = most_mean(d);
    int row = 0;
    int col = 0;
    mlr_map_cursor(d, &row, &col);
    for (int r = 0; r < d->map_rows; r++) {
        for (int c = 0; c < d->map_cols; c++) {
            mlr_map_spot s = mlr_map_spot_at(d, r, c);
            bool here = focused && r == row && c == col;
            if (here) {
                mlr_put_glyph(mlr_pane_over(v, MLR_ROLE_SELECTION), r, c, MLR_ROLE_STRONG,
                              MLR_G_CROSSING);
            } else {
                put_heat(v, r, c, share_of(d, &s.sum, most));
            }
        }
    }
    if (focused) {
        mlr_cursor_at(v, row, col);
    }
}

void mlr_detail_draw_map(const mlr_detail_view *d, mlr_pane v, bool focused)
{
    const mlr_study *s = &d->study;
    char title[64];
    char note[64];
    const mlr_cells_window *w = &s->map.window;
    snprintf(title, sizeof title, "%sWhere it changed%s", focused ? "▸ " : "",
             d->by_delta ? ", mean |Δ|" : "");
    snprintf(note, sizeof note, "%llux%llu", (unsigned long long)w->rows,
             (unsigned long long)w->cols);
    mlr_pane in = mlr_frame(v, title, s->mapped && v.cols > 40 ? note : NULL);
    if (!s->mapped) {
        const char *why = !s->measured ? "measuring…"
                          : s->pair.old_tensor == NULL || s->pair.new_tensor == NULL
                              ? "no counterpart to compare with"
                              : "the shapes cannot be compared";
        mlr_put(in, 0, 1, MLR_ROLE_DIM, s->err.status != MLR_OK ? "not measured" : why);
        return;
    }
    draw_cells(d, in, focused);
    if (in.rows > d->map_rows) {
        char text[96];
        char fit[96];
        mlr_map_tell(d, text, sizeof text);
        mlr_text_cut(fit, sizeof fit, text, in.cols);
        mlr_put(in, in.rows - 1, 0, MLR_ROLE_DIM, fit);
    }
}

/* --- bytes ------------------------------------------------------------------------------
 */

static const mlr_tensor *shown_tensor(const mlr_detail_view *d)
{
    const mlr_pair *p = &d->study.pair;
    return p->new_tensor != NULL ? p->new_tensor : p->old_tensor;
}

unsigned mlr_hex_unit(const mlr_detail_view *d, unsigned *elements)
{
    const mlr_dtype *t = shown_tensor(d)->dtype;
    unsigned bytes = t->block_bytes > 0 ? t->block_bytes : 1;
    *elements =
        t->cls == MLR_CLASS_BLOCK || t->cls == MLR_CLASS_PACKED ? t->block_items : 1;
    *elements = *elements == 0 ? 1 : *elements;
    if (t->cls == MLR_CLASS_COMPLEX) {
        bytes /= 2; /* elements are counted as numbers */
    }
    return bytes;
}

int mlr_hex_line_bytes(int cols)
{
    return cols >= 126 ? 16 : cols >= 72 ? 8 : 4;
}

/* Byte at distance `p` from the element that was asked for; -1: not held. */
static int byte_at(const uint8_t *bytes, size_t n, uint64_t off, uint64_t at, int64_t p)
{
    int64_t i = (int64_t)(at - off) + p;
    return i < 0 || (uint64_t)i >= n ? -1 : bytes[i];
}

typedef struct hex_line {
    const mlr_detail_view *d;
    mlr_pane v;
    int row, per;
    int64_t begin, end; /* of the unit under the cursor */
} hex_line;

/* Whether byte `i` of a block holds scales or minima. */
static bool is_scale(const mlr_dtype *t, unsigned i)
{
    mlr_byte_range range[2];
    unsigned n = mlr_block_scales(t, range);
    for (unsigned k = 0; k < n; k++) {
        if (i >= range[k].begin && i < range[k].end) {
            return true;
        }
    }
    return false;
}

static void draw_hex_byte(const hex_line *l, int col, int value, int64_t p, mlr_role role)
{
    bool here = p >= l->begin && p < l->end;
    mlr_pane v = here ? mlr_pane_over(l->v, MLR_ROLE_SELECTION) : l->v;
    int64_t unit = l->end - l->begin;
    int64_t in_block = ((p - l->begin) % unit + unit) % unit;
    if (value >= 0 && is_scale(shown_tensor(l->d)->dtype, (unsigned)in_block)) {
        v.attr |= MLR_UNDERLINE;
    }
    if (value < 0) {
        mlr_put(v, l->row, col, MLR_ROLE_FAINT, "··");
    } else {
        mlr_putf(v, l->row, col, role, "%02x", (unsigned)value);
    }
}

static void draw_hex_line(const hex_line *l, int64_t first)
{
    const mlr_study_bytes *b = &l->d->study.bytes;
    int width = l->per * 2 + l->per / 2 - 1 + 3;
    for (int i = 0; i < l->per; i++) {
        int64_t p = first + i;
        int o = byte_at(b->old_bytes, b->old_n, b->old_off, b->old_at, p);
        int n = byte_at(b->new_bytes, b->new_n, b->new_off, b->new_at, p);
        int x = o < 0 || n < 0 ? -1 : o ^ n;
        int col = 13 + i * 2 + i / 2;
        bool same = x == 0;
        draw_hex_byte(l, col, o, p, same ? MLR_ROLE_DIM : MLR_ROLE_KIND_REMOVED);
        draw_hex_byte(l, col + width, n, p, same ? MLR_ROLE_DIM : MLR_ROLE_KIND_ADDED);
        draw_hex_byte(l, col + 2 * width, x, p,
                      same ? MLR_ROLE_FAINT : MLR_ROLE_KIND_CHANGED);
    }
    int64_t at = (int64_t)b->new_at + first;
    if (at >= 0) {
        mlr_putf(l->v, l->row, 0, MLR_ROLE_DIM, "%11llu", (unsigned long long)at);
    }
}

/* Value and code of the element at `at` of the n bytes held. */
static bool value_of(const mlr_tensor *t, const uint8_t *held, size_t n, int64_t at,
                     double *value, uint64_t *code)
{
    unsigned per = 1;
    const mlr_dtype *unit = mlr_numeric_unit(t->dtype, &per);
    uint8_t c8[8] = {0};
    bool whole = unit->cls == MLR_CLASS_FLOAT || unit->cls == MLR_CLASS_INT ||
                 unit->cls == MLR_CLASS_UINT;
    if (!whole || at < 0 || (uint64_t)at + unit->block_bytes > n) {
        return false;
    }
    const uint8_t *bytes = held + at;
    if (!mlr_to_f64(unit, bytes, 1, value, t->big_endian != 0)) {
        return false;
    }
    mlr_to_codes(unit, bytes, 1, c8, t->big_endian != 0);
    *code = 0;
    memcpy(code, c8, mlr_code_bytes(unit));
    return true;
}

static void draw_values(const mlr_detail_view *d, mlr_pane v, int64_t p)
{
    const mlr_study_bytes *b = &d->study.bytes;
    const mlr_pair *pair = &d->study.pair;
    double o = 0;
    double n = 0;
    uint64_t oc = 0;
    uint64_t nc = 0;
    int64_t io = (int64_t)(b->old_at - b->old_off) + p;
    int64_t in = (int64_t)(b->new_at - b->new_off) + p;
    bool old_known = pair->old_tensor != NULL &&
                     value_of(pair->old_tensor, b->old_bytes, b->old_n, io, &o, &oc);
    bool new_known = pair->new_tensor != NULL &&
                     value_of(pair->new_tensor, b->new_bytes, b->new_n, in, &n, &nc);
    int row = v.rows - 1;
    int at = mlr_putf(v, row, 1, MLR_ROLE_STRONG, "element %llu",
                      (unsigned long long)d->element);
    if (old_known) {
        at = mlr_putf(v, row, at + 2, MLR_ROLE_TEXT, "old %.7g", o);
    }
    if (new_known) {
        at = mlr_putf(v, row, at + 2, MLR_ROLE_TEXT, "new %.7g", n);
    }
    if (old_known && new_known && pair->old_tensor->dtype == pair->new_tensor->dtype) {
        unsigned per = 1;
        const mlr_dtype *t = mlr_numeric_unit(pair->new_tensor->dtype, &per);
        unsigned bits = mlr_code_bits(t);
        uint64_t a = mlr_ordered(oc, mlr_code_order(t), bits);
        uint64_t c = mlr_ordered(nc, mlr_code_order(t), bits);
        mlr_putf(v, row, at + 2, MLR_ROLE_TEXT, "Δ %.4g  ulp %llu", n - o,
                 (unsigned long long)(a > c ? a - c : c - a));
    }
}

/* "0.0125 -0.25 …": as many values of a block as fit into `room`. */
static void list_values(const mlr_dtype *t, const uint8_t *block, char *to, size_t room)
{
    enum { MOST = 1024, SHOWN = 4 };
    double value[MOST];
    size_t used = 0;
    to[0] = '\0';
    if (t->block_items > MOST || !mlr_block_values(t, block, value)) {
        return;
    }
    for (unsigned i = 0; i < t->block_items && i < SHOWN && used + 16 < room; i++) {
        int n = snprintf(to + used, room - used, "%.3g ", value[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    snprintf(to + used, room - used, "…");
}

/* What happened to one quantised block: scales and codes apart, then its first values. */
static void draw_block(const mlr_detail_view *d, mlr_pane v, int64_t p)
{
    const mlr_study_bytes *b = &d->study.bytes;
    const mlr_dtype *t = shown_tensor(d)->dtype;
    unsigned scales = 0;
    unsigned changed[2] = {0, 0}; /* codes, scales */
    char text[160];
    char values[96];
    int64_t io = (int64_t)(b->old_at - b->old_off) + p;
    int64_t in = (int64_t)(b->new_at - b->new_off) + p;
    bool has_old = io >= 0 && (uint64_t)io + t->block_bytes <= b->old_n;
    bool has_new = in >= 0 && (uint64_t)in + t->block_bytes <= b->new_n;
    for (unsigned i = 0; i < t->block_bytes; i++) {
        bool scale = is_scale(t, i);
        scales += scale;
        changed[scale] +=
            has_old && has_new && b->old_bytes[io + i] != b->new_bytes[in + i];
    }
    snprintf(text, sizeof text, "block %llu  scales %u of %u bytes changed  codes %u of %u",
             (unsigned long long)(d->element / t->block_items), changed[1], scales,
             changed[0], t->block_bytes - scales);
    int at = mlr_put(v, v.rows - 1, 1, MLR_ROLE_STRONG, text) + 2;
    if (has_old && v.cols - at > 40) {
        list_values(t, b->old_bytes + io, values, sizeof values);
        at = mlr_put(v, v.rows - 1, at, MLR_ROLE_KIND_REMOVED, values) + 1;
    }
    if (has_new && v.cols - at > 24) {
        list_values(t, b->new_bytes + in, values, sizeof values);
        mlr_put(v, v.rows - 1, at, MLR_ROLE_KIND_ADDED, values);
    }
}

void mlr_detail_draw_hex(const mlr_detail_view *d, mlr_pane v)
{
    char note[64];
    bool block = mlr_block_known(shown_tensor(d)->dtype);
    snprintf(note, sizeof note, "%s%s", shown_tensor(d)->dtype->name,
             block ? ", scales underlined" : "");
    mlr_pane in = mlr_frame(v, "▸ Bytes", note);
    if (!d->study.read) {
        mlr_put(in, 0, 1, MLR_ROLE_DIM, "reading…");
        return;
    }
    unsigned elements = 1;
    unsigned unit = mlr_hex_unit(d, &elements);
    int per = mlr_hex_line_bytes(in.cols);
    int width = per * 2 + per / 2 - 1 + 3;
    int64_t p =
        ((int64_t)d->element - (int64_t)d->study.bytes.element) / (int64_t)elements * unit;
    int lines = in.rows - 2;
    int64_t line = p >= 0 ? p / per : (p - per + 1) / per;
    int64_t start = -(int64_t)(d->study.pair.new_tensor != NULL ? d->study.bytes.new_at
                                                                : d->study.bytes.old_at);
    int64_t first = start >= 0 ? start / per : (start - per + 1) / per;
    int64_t top = line - lines / 2;
    top = top < first ? first : top; /* nothing lies before the tensor */
    mlr_put_right(in, 0, 11, MLR_ROLE_HEADER, "byte");
    mlr_put(in, 0, 13, MLR_ROLE_HEADER, "old");
    mlr_put(in, 0, 13 + width, MLR_ROLE_HEADER, "new");
    mlr_put(in, 0, 13 + 2 * width, MLR_ROLE_HEADER, "xor");
    for (int i = 0; i < lines; i++) {
        hex_line l = {d, in, i + 1, per, p, p + (int64_t)unit};
        draw_hex_line(&l, (top + i) * per);
    }
    int64_t in_line = p - line * per;
    mlr_cursor_at(in, 1 + (int)(line - top), (int)(13 + in_line * 2 + in_line / 2));
    if (block) {
        draw_block(d, in, p);
    } else {
        draw_values(d, in, p);
    }
}
