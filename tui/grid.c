#include "tui/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"

static const struct {
    const char *name;
    uint32_t as[3]; /* by level */
} table[MLR_GLYPH_COUNT] = {
#define MLR_GLYPH(sym, name, ascii, block, braille) {name, {ascii, block, braille}},
#include "tui/glyphs.def"
#undef MLR_GLYPH
};

void mlr_glyphs_init(mlr_glyphs *g, mlr_glyph_level level)
{
    g->level = level;
    for (int i = 0; i < MLR_GLYPH_COUNT; i++) {
        g->as[i] = table[i].as[level];
    }
}

mlr_glyph_id mlr_glyph_named(const char *name, size_t n)
{
    for (int i = 0; i < MLR_GLYPH_COUNT; i++) {
        if (strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0) {
            return (mlr_glyph_id)i;
        }
    }
    return MLR_GLYPH_COUNT;
}

uint32_t mlr_glyph_block(mlr_glyph_id id)
{
    return table[id].as[MLR_GLYPHS_BLOCK];
}

/* What a code point of our texts or of a name is drawn as. */
static uint32_t exchange(const mlr_glyphs *g, uint32_t cp)
{
    if (cp >= 0x20 && cp < 0x7f) {
        return cp;
    }
    if (mlr_cp_unsafe(cp)) {
        return '?';
    }
    for (int i = 0; i < MLR_GLYPH_COUNT; i++) {
        if (table[i].as[MLR_GLYPHS_BLOCK] == cp) {
            return g->as[i];
        }
    }
    return g->level == MLR_GLYPHS_ASCII ? '?' : cp;
}

void mlr_grid_init(mlr_grid *g, const mlr_allocator *alloc, const mlr_glyphs *glyphs)
{
    *g = (mlr_grid){.alloc = alloc, .glyphs = glyphs, .cursor_row = -1, .cursor_col = -1};
}

static size_t grid_bytes(int rows, int cols)
{
    return (size_t)rows * (size_t)cols * sizeof(mlr_ui_cell);
}

mlr_status mlr_grid_resize(mlr_grid *g, int rows, int cols, mlr_err *err)
{
    enum { MOST = 2000 }; /* cells a side; terminals stay far below */
    rows = rows < 1 ? 1 : rows > MOST ? MOST : rows;
    cols = cols < 1 ? 1 : cols > MOST ? MOST : cols;
    if (rows != g->rows || cols != g->cols) {
        mlr_ui_cell *cells = mlr_take(g->alloc, grid_bytes(rows, cols));
        if (cells == NULL) {
            return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the screen");
        }
        mlr_give(g->alloc, g->cells, grid_bytes(g->rows, g->cols));
        g->cells = cells;
        g->rows = rows;
        g->cols = cols;
    }
    mlr_grid_clear(g);
    return MLR_OK;
}

void mlr_grid_clear(mlr_grid *g)
{
    for (int i = 0; i < g->rows * g->cols; i++) {
        g->cells[i] = (mlr_ui_cell){.glyph = ' '};
    }
    g->cursor_row = -1;
    g->cursor_col = -1;
}

void mlr_grid_release(mlr_grid *g)
{
    if (g->alloc != NULL) {
        mlr_give(g->alloc, g->cells, grid_bytes(g->rows, g->cols));
    }
    *g = (mlr_grid){0};
}

mlr_pane mlr_pane_all(mlr_grid *g)
{
    return (mlr_pane){.grid = g, .rows = g->rows, .cols = g->cols};
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

mlr_pane mlr_pane_part(mlr_pane v, int row, int col, int rows, int cols)
{
    int top = clamp(row, 0, v.rows);
    int left = clamp(col, 0, v.cols);
    mlr_pane part = v;
    part.row = v.row + top;
    part.col = v.col + left;
    part.rows = clamp(row + (rows < 0 ? 0 : rows), top, v.rows) - top;
    part.cols = clamp(col + (cols < 0 ? 0 : cols), left, v.cols) - left;
    return part;
}

mlr_pane mlr_pane_over(mlr_pane v, mlr_role over)
{
    v.over = (uint8_t)over;
    return v;
}

static bool visible(mlr_pane v, int row, int col)
{
    return row >= 0 && row < v.rows && col >= 0 && col < v.cols;
}

void mlr_cursor_at(mlr_pane v, int row, int col)
{
    if (visible(v, row, col)) {
        v.grid->cursor_row = v.row + row;
        v.grid->cursor_col = v.col + col;
    }
}

static mlr_ui_cell *cell_at(mlr_pane v, int row, int col)
{
    return &v.grid->cells[(v.row + row) * v.grid->cols + v.col + col];
}

/* Writing over half of a wide glyph blanks its other half. */
static void heal(mlr_pane v, int row, int col)
{
    mlr_grid *g = v.grid;
    int at = (v.row + row) * g->cols + v.col + col;
    if (g->cells[at].glyph == 0 && v.col + col > 0) {
        g->cells[at - 1].glyph = ' ';
    }
    if (v.col + col + 1 < g->cols && g->cells[at + 1].glyph == 0) {
        g->cells[at + 1].glyph = ' ';
    }
}

static void set(mlr_pane v, int row, int col, mlr_role role, uint32_t glyph)
{
    if (!visible(v, row, col)) {
        return;
    }
    heal(v, row, col);
    *cell_at(v, row, col) = (mlr_ui_cell){
        .glyph = glyph, .role = (uint8_t)role, .over = v.over, .attr = v.attr};
}

/* Draws one code point and returns the cells it took. */
static int put_cp(mlr_pane v, int row, int col, mlr_role role, uint32_t cp)
{
    uint32_t glyph = exchange(v.grid->glyphs, cp);
    int width = mlr_cp_width(glyph);
    if (width == 0) {
        if (visible(v, row, col - 1) && cell_at(v, row, col - 1)->glyph > ' ') {
            cell_at(v, row, col - 1)->mark = glyph;
        }
        return 0;
    }
    if (width == 2 && (!visible(v, row, col) || !visible(v, row, col + 1))) {
        set(v, row, col, role, ' ');
        set(v, row, col + 1, role, ' ');
        return 2;
    }
    set(v, row, col, role, glyph);
    if (width == 2) {
        heal(v, row, col + 1);
        *cell_at(v, row, col + 1) = *cell_at(v, row, col);
        cell_at(v, row, col)->glyph = glyph;
        cell_at(v, row, col + 1)->glyph = 0;
    }
    return width;
}

void mlr_put_cp(mlr_pane v, int row, int col, mlr_role role, uint32_t cp)
{
    put_cp(v, row, col, role, cp);
}

void mlr_put_glyph(mlr_pane v, int row, int col, mlr_role role, mlr_glyph_id id)
{
    set(v, row, col, role, v.grid->glyphs->as[id]);
}

int mlr_put_n(mlr_pane v, int row, int col, mlr_role role, const char *s, size_t n)
{
    for (const char *p = s, *end = s + n; p < end;) {
        uint32_t cp = mlr_cp_next(&p, end);
        col += put_cp(v, row, col, role, cp);
    }
    return col;
}

int mlr_put(mlr_pane v, int row, int col, mlr_role role, const char *s)
{
    return mlr_put_n(v, row, col, role, s, strlen(s));
}

int mlr_putf(mlr_pane v, int row, int col, mlr_role role, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return mlr_put(v, row, col, role, text);
}

void mlr_put_right(mlr_pane v, int row, int end, mlr_role role, const char *s)
{
    mlr_put(v, row, end - mlr_text_width(s, strlen(s)), role, s);
}

void mlr_paint(mlr_pane v, int row, int col, int n, mlr_role role)
{
    for (int i = 0; i < n; i++) {
        if (visible(v, row, col + i)) {
            cell_at(v, row, col + i)->role = (uint8_t)role;
        }
    }
}

void mlr_fill(mlr_pane v, mlr_role role)
{
    for (int r = 0; r < v.rows; r++) {
        for (int c = 0; c < v.cols; c++) {
            set(v, r, c, role, ' ');
        }
    }
}

void mlr_h_line(mlr_pane v, int row, int col, int n, mlr_role role)
{
    for (int i = 0; i < n; i++) {
        mlr_put_glyph(v, row, col + i, role, MLR_G_H_LINE);
    }
}

static const mlr_glyph_id eighths[9] = {MLR_G_DOT,      MLR_G_METER_RIGHT, MLR_G_EIGHTH_2,
                                        MLR_G_EIGHTH_3, MLR_G_EIGHTH_4,    MLR_G_EIGHTH_5,
                                        MLR_G_EIGHTH_6, MLR_G_EIGHTH_7,    MLR_G_FULL};

/* The left eighth shares its code point with the right end of meters; in ASCII a bracket
   would be wrong inside a bar. */
static void put_eighth(mlr_pane v, int row, int col, mlr_role role, int eighth)
{
    if (eighth == 1 && v.grid->glyphs->level == MLR_GLYPHS_ASCII) {
        set(v, row, col, MLR_ROLE_BAR_REST, '.');
        return;
    }
    mlr_put_glyph(v, row, col, eighth == 0 ? MLR_ROLE_BAR_REST : role, eighths[eighth]);
}

void mlr_bar(mlr_pane v, int row, int col, int width, double fraction, mlr_role role)
{
    double f = fraction > 0 ? (fraction < 1 ? fraction : 1) : 0; /* NaN becomes 0 */
    int total = (int)(f * width * 8 + 0.5);
    if (f > 0 && total == 0) {
        total = 1; /* something is not nothing */
    }
    if (f < 1 && total == width * 8) {
        total--; /* nearly all is not all */
    }
    for (int i = 0; i < width; i++) {
        put_eighth(v, row, col + i, role, clamp(total - i * 8, 0, 8));
    }
}

void mlr_put_meter(mlr_pane v, int row, int col, int width, const mlr_meter *m)
{
    int inner = width - 2;
    if (inner < 1) {
        return;
    }
    mlr_put_glyph(v, row, col, MLR_ROLE_FRAME, MLR_G_METER_LEFT);
    mlr_bar(v, row, col + 1, inner, m->fraction, m->role);
    mlr_put_glyph(v, row, col + width - 1, MLR_ROLE_FRAME, MLR_G_METER_RIGHT);
    if (m->budget >= 0 && m->budget <= 1) {
        int at = clamp((int)(m->budget * inner), 0, inner - 1);
        mlr_put_glyph(v, row, col + 1 + at, MLR_ROLE_METER_BUDGET, MLR_G_BUDGET);
    }
}

void mlr_columns(mlr_pane v, const double *values, size_t n, double most, mlr_role role)
{
    static const mlr_glyph_id level[9] = {MLR_GLYPH_COUNT, MLR_G_LEVEL_1, MLR_G_LEVEL_2,
                                          MLR_G_LEVEL_3,   MLR_G_LEVEL_4, MLR_G_LEVEL_5,
                                          MLR_G_LEVEL_6,   MLR_G_LEVEL_7, MLR_G_FULL};
    for (int c = 0; c < v.cols && (size_t)c < n; c++) {
        double f = most > 0 ? values[c] / most : 0;
        f = f > 0 ? (f < 1 ? f : 1) : 0;
        int total = (int)(f * v.rows * 8 + 0.5);
        total = f > 0 && total == 0 ? 1 : total;
        for (int r = 0; r < v.rows; r++) {
            int e = clamp(total - (v.rows - 1 - r) * 8, 0, 8);
            if (e > 0) {
                mlr_put_glyph(v, r, c, role, level[e]);
            }
        }
    }
}

mlr_pane mlr_frame(mlr_pane v, const char *title, const char *note)
{
    int right = v.cols - 1;
    int bottom = v.rows - 1;
    if (right < 1 || bottom < 1) {
        return mlr_pane_part(v, 0, 0, 0, 0);
    }
    mlr_h_line(v, 0, 1, right - 1, MLR_ROLE_FRAME);
    mlr_h_line(v, bottom, 1, right - 1, MLR_ROLE_FRAME);
    for (int r = 1; r < bottom; r++) {
        mlr_put_glyph(v, r, 0, MLR_ROLE_FRAME, MLR_G_V_LINE);
        mlr_put_glyph(v, r, right, MLR_ROLE_FRAME, MLR_G_V_LINE);
    }
    mlr_put_glyph(v, 0, 0, MLR_ROLE_FRAME, MLR_G_TOP_LEFT);
    mlr_put_glyph(v, 0, right, MLR_ROLE_FRAME, MLR_G_TOP_RIGHT);
    mlr_put_glyph(v, bottom, 0, MLR_ROLE_FRAME, MLR_G_BOTTOM_LEFT);
    mlr_put_glyph(v, bottom, right, MLR_ROLE_FRAME, MLR_G_BOTTOM_RIGHT);
    mlr_pane edge = mlr_pane_part(v, 0, 2, 1, v.cols - 4);
    int used = 0;
    if (title != NULL && title[0] != '\0') {
        used = mlr_putf(edge, 0, 0, MLR_ROLE_FRAME_TITLE, " %s ", title);
    }
    int need = note == NULL ? 0 : mlr_text_width(note, strlen(note)) + 2;
    if (need > 2 && used + need < edge.cols) {
        mlr_putf(edge, 0, edge.cols - need, MLR_ROLE_DIM, " %s ", note);
    }
    return mlr_pane_part(v, 1, 1, v.rows - 2, v.cols - 2);
}

static size_t put_cell_text(char *to, const mlr_ui_cell *c)
{
    if (c->glyph == 0) {
        return 0;
    }
    size_t n = mlr_cp_put(to, c->glyph);
    return c->mark == 0 ? n : n + mlr_cp_put(to + n, c->mark);
}

char *mlr_grid_text(const mlr_grid *g, size_t *bytes_taken)
{
    *bytes_taken = (size_t)g->rows * ((size_t)g->cols * 8 + 1) + 1;
    char *text = mlr_take(g->alloc, *bytes_taken);
    if (text == NULL) {
        return NULL;
    }
    size_t used = 0;
    for (int r = 0; r < g->rows; r++) {
        size_t line = used;
        for (int c = 0; c < g->cols; c++) {
            used += put_cell_text(text + used, &g->cells[r * g->cols + c]);
        }
        while (used > line && text[used - 1] == ' ') {
            used--;
        }
        text[used++] = '\n';
    }
    text[used] = '\0';
    return text;
}
