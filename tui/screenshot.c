#include "tui/screenshot.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "apply/host/file.h"
#include "tui/cell_text.h"

/* A cell of DejaVu Sans Mono at 14 px: 8.4287 px wide; lines stand 18 px apart. */
static const double cell_w = 8.4287;
enum { CELL_H = 18, MARGIN = 10, BASELINE = 13 };

typedef struct canvas {
    const mlr_grid *g;
    const mlr_theme *t;
    mlr_color_depth depth;
    char *to; /* NULL: only counts */
    size_t used;
} canvas;

static void put(canvas *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(canvas *c, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    if (c->to != NULL) {
        memcpy(c->to + c->used, text, len);
    }
    c->used += len;
}

static double x_of(int col)
{
    return MARGIN + col * cell_w;
}

static double y_of(int row)
{
    return MARGIN + row * CELL_H;
}

typedef struct box {
    double x, y, w, h;
} box;

static void rect(canvas *c, box b, uint32_t rgb, double opacity)
{
    put(c, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"#%06x\"", b.x,
        b.y, b.w, b.h, (unsigned)rgb);
    if (opacity < 1) {
        put(c, " fill-opacity=\"%.2f\"", opacity);
    }
    put(c, "/>\n");
}

static void colors(const canvas *c, const mlr_ui_cell *cell, uint32_t *fg, uint32_t *bg)
{
    mlr_theme_rgb(c->t, c->depth, cell, fg, bg);
}

static uint32_t halfway(uint32_t a, uint32_t b)
{
    return ((a >> 1) & 0x7f7f7f) + ((b >> 1) & 0x7f7f7f);
}

static uint8_t attrs(const canvas *c, const mlr_ui_cell *cell)
{
    return mlr_theme_style(c->t, c->depth, cell).attr;
}

static uint32_t ink(const canvas *c, const mlr_ui_cell *cell)
{
    uint32_t fg = 0;
    uint32_t bg = 0;
    colors(c, cell, &fg, &bg);
    return (attrs(c, cell) & MLR_DIM) != 0 ? halfway(fg, bg) : fg;
}

/* Backgrounds of a row, in runs. */
static void draw_grounds(canvas *c, int row, uint32_t page)
{
    for (int col = 0; col < c->g->cols;) {
        uint32_t fg = 0;
        uint32_t bg = 0;
        uint32_t next = 0;
        int end = col;
        colors(c, &c->g->cells[row * c->g->cols + col], &fg, &bg);
        do {
            end++;
            if (end < c->g->cols) {
                colors(c, &c->g->cells[row * c->g->cols + end], &fg, &next);
            }
        } while (end < c->g->cols && next == bg);
        if (bg != page) {
            rect(c, (box){x_of(col), y_of(row), (end - col) * cell_w, CELL_H}, bg, 1);
        }
        col = end;
    }
}

/* Parts of box-drawing glyphs: left, right, up, down. */
static int arms(uint32_t g)
{
    switch (g) {
    case 0x2500:
    case 0x2508:
        return 3;
    case 0x2502:
    case 0x2503:
    case 0x250a:
        return 12;
    case 0x250c:
        return 2 | 8;
    case 0x2510:
        return 1 | 8;
    case 0x2514:
        return 2 | 4;
    case 0x2518:
        return 1 | 4;
    case 0x251c:
        return 2 | 12;
    case 0x2524:
        return 1 | 12;
    case 0x253c:
        return 15;
    default:
        return 0;
    }
}

static bool draw_lines(canvas *c, uint32_t g, double x, double y, uint32_t rgb)
{
    int a = arms(g);
    double w = g == 0x2503 ? 2.2 : 1.2;
    double mx = x + cell_w / 2;
    double my = y + CELL_H / 2.0;
    if (g == 0x2508) {
        rect(c, (box){x + 1, my - 0.6, 2, 1.2}, rgb, 1);
        rect(c, (box){x + 5, my - 0.6, 2, 1.2}, rgb, 1);
        return true;
    }
    if (g == 0x250a) {
        rect(c, (box){mx - 0.6, y + 2, 1.2, 4}, rgb, 1);
        rect(c, (box){mx - 0.6, y + 11, 1.2, 4}, rgb, 1);
        return true;
    }
    if ((a & 3) != 0) {
        double from = (a & 1) != 0 ? x : mx - w / 2;
        double to = (a & 2) != 0 ? x + cell_w : mx + w / 2;
        rect(c, (box){from, my - w / 2, to - from, w}, rgb, 1);
    }
    if ((a & 12) != 0) {
        double from = (a & 4) != 0 ? y : my - w / 2;
        double to = (a & 8) != 0 ? y + CELL_H : my + w / 2;
        rect(c, (box){mx - w / 2, from, w, to - from}, rgb, 1);
    }
    return a != 0;
}

static bool draw_blocks(canvas *c, uint32_t g, double x, double y, uint32_t rgb)
{
    static const double shade[3] = {0.25, 0.5, 0.75};
    if (g >= 0x2581 && g <= 0x2588) {
        double h = CELL_H * (double)(g - 0x2580) / 8;
        rect(c, (box){x, y + CELL_H - h, cell_w, h}, rgb, 1);
        return true;
    }
    if (g >= 0x2589 && g <= 0x258f) {
        /* Bars and meters are a little lower than the line, so that rows stay apart. */
        double w = cell_w * (double)(0x2590 - g) / 8;
        rect(c, (box){x, y, w, CELL_H}, rgb, 1);
        return true;
    }
    if (g >= 0x2591 && g <= 0x2593) {
        rect(c, (box){x, y, cell_w, CELL_H}, rgb, shade[g - 0x2591]);
        return true;
    }
    if (g == 0x2595) {
        rect(c, (box){x + cell_w * 7 / 8, y, cell_w / 8, CELL_H}, rgb, 1);
        return true;
    }
    if (g >= 0x2596 && g <= 0x259d) { /* the quadrants used by the spinner */
        double qx = g == 0x2597 || g == 0x259d ? x + cell_w / 2 : x;
        double qy = g == 0x2596 || g == 0x2597 ? y + CELL_H / 2.0 : y;
        rect(c, (box){qx, qy, cell_w / 2, CELL_H / 2.0}, rgb, 1);
        return true;
    }
    return false;
}

static bool draw_braille(canvas *c, uint32_t g, double x, double y, uint32_t rgb)
{
    static const uint8_t col[8] = {0, 0, 0, 1, 1, 1, 0, 1};
    static const uint8_t row[8] = {0, 1, 2, 0, 1, 2, 3, 3};
    if (g < 0x2800 || g > 0x28ff) {
        return false;
    }
    for (int i = 0; i < 8; i++) {
        if ((g - 0x2800) >> i & 1) {
            put(c, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"1.1\" fill=\"#%06x\"/>\n",
                x + cell_w * (0.3 + 0.4 * col[i]), y + 3 + row[i] * 4.0, (unsigned)rgb);
        }
    }
    return true;
}

/* Signs whose size and place differ between fonts. */
static bool draw_signs(canvas *c, uint32_t g, double x, double y, uint32_t rgb)
{
    double mx = x + cell_w / 2;
    double my = y + CELL_H / 2.0;
    unsigned color = (unsigned)rgb;
    switch (g) {
    case 0xb7:
        put(c, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"1\" fill=\"#%06x\"/>\n", mx, my, color);
        return true;
    case 0x2022:
    case 0x25cf:
        put(c, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.1f\" fill=\"#%06x\"/>\n", mx, my,
            g == 0x2022 ? 2.2 : 3.4, color);
        return true;
    case 0x25b8:
    case 0x25b6:
        put(c, "<path d=\"M%.2f %.2fl6 4l-6 4z\" fill=\"#%06x\"/>\n", mx - 3, my - 4,
            color);
        return true;
    case 0x25be:
    case 0x25bc:
        put(c, "<path d=\"M%.2f %.2fh7l-3.5 6z\" fill=\"#%06x\"/>\n", mx - 3.5, my - 3,
            color);
        return true;
    case 0x25b2:
        put(c, "<path d=\"M%.2f %.2fh7l-3.5 -6z\" fill=\"#%06x\"/>\n", mx - 3.5, my + 3,
            color);
        return true;
    case 0x25c6:
        put(c, "<path d=\"M%.2f %.2fl3.7 4.2l-3.7 4.2l-3.7 -4.2z\" fill=\"#%06x\"/>\n", mx,
            my - 4.2, color);
        return true;
    default:
        return false;
    }
}

static bool is_text(uint32_t g)
{
    return g > ' ' && !(g >= 0x2500 && g <= 0x25ff) && g != 0xb7 && g != 0x2022 &&
           !(g >= 0x2800 && g <= 0x28ff);
}

static void draw_shape(canvas *c, const mlr_ui_cell *cell, int row, int col)
{
    double x = x_of(col);
    double y = y_of(row);
    uint32_t rgb = ink(c, cell);
    uint32_t g = cell->glyph;
    if (!draw_lines(c, g, x, y, rgb) && !draw_blocks(c, g, x, y, rgb) &&
        !draw_braille(c, g, x, y, rgb)) {
        (void)draw_signs(c, g, x, y, rgb);
    }
}

static void put_glyph(canvas *c, uint32_t g)
{
    char utf8[4];
    switch (g) {
    case '&':
        put(c, "&amp;");
        break;
    case '<':
        put(c, "&lt;");
        break;
    case '>':
        put(c, "&gt;");
        break;
    default:
        put(c, "%.*s", (int)mlr_cp_put(utf8, g), utf8);
    }
}

/* Plain characters in one colour and weight become one run; others stand alone, so that a
   font with other widths cannot shift what follows. */
static int draw_run(canvas *c, int row, int col)
{
    const mlr_ui_cell *cells = &c->g->cells[row * c->g->cols];
    uint32_t rgb = ink(c, &cells[col]);
    uint8_t a = attrs(c, &cells[col]);
    int end = col + 1;
    while (end < c->g->cols && cells[col].glyph < 0x7f && cells[end].glyph < 0x7f &&
           cells[end].glyph >= ' ' && ink(c, &cells[end]) == rgb &&
           attrs(c, &cells[end]) == a && cells[end].mark == 0) {
        end++;
    }
    while (end > col + 1 && cells[end - 1].glyph == ' ') {
        end--;
    }
    put(c, "<text x=\"%.2f\" y=\"%.2f\" fill=\"#%06x\"", x_of(col), y_of(row) + BASELINE,
        (unsigned)rgb);
    put(c, "%s%s>", (a & MLR_BOLD) != 0 ? " font-weight=\"bold\"" : "",
        (a & MLR_ITALIC) != 0 ? " font-style=\"italic\"" : "");
    for (int i = col; i < end; i++) {
        put_glyph(c, cells[i].glyph);
        if (cells[i].mark != 0) {
            put_glyph(c, cells[i].mark);
        }
    }
    put(c, "</text>\n");
    return end;
}

/* Full blocks and lines side by side become one rectangle: no seams between cells. */
static int shape_run(const canvas *c, int row, int col)
{
    const mlr_ui_cell *cells = &c->g->cells[row * c->g->cols];
    uint32_t g = cells[col].glyph;
    int end = col + 1;
    while ((g == 0x2588 || g == 0x2500) && end < c->g->cols && cells[end].glyph == g &&
           ink(c, &cells[end]) == ink(c, &cells[col])) {
        end++;
    }
    return end;
}

static int draw_shapes(canvas *c, int row, int col)
{
    const mlr_ui_cell *cell = &c->g->cells[row * c->g->cols + col];
    int end = shape_run(c, row, col);
    if (end == col + 1) {
        draw_shape(c, cell, row, col);
        return end;
    }
    double top = cell->glyph == 0x2588 ? 0 : CELL_H / 2.0 - 0.6;
    double height = cell->glyph == 0x2588 ? CELL_H : 1.2;
    rect(c, (box){x_of(col), y_of(row) + top, (end - col) * cell_w, height}, ink(c, cell),
         1);
    return end;
}

static void draw_row(canvas *c, int row)
{
    const mlr_ui_cell *cells = &c->g->cells[row * c->g->cols];
    for (int col = 0; col < c->g->cols;) {
        if ((attrs(c, &cells[col]) & MLR_UNDERLINE) != 0 && cells[col].glyph != 0) {
            rect(c, (box){x_of(col), y_of(row) + CELL_H - 2.5, cell_w, 1},
                 ink(c, &cells[col]), 1);
        }
        if (is_text(cells[col].glyph)) {
            int end = draw_run(c, row, col);
            for (int i = col + 1; i < end; i++) {
                if ((attrs(c, &cells[i]) & MLR_UNDERLINE) != 0) {
                    rect(c, (box){x_of(i), y_of(row) + CELL_H - 2.5, cell_w, 1},
                         ink(c, &cells[i]), 1);
                }
            }
            col = end;
            continue;
        }
        col = cells[col].glyph > ' ' ? draw_shapes(c, row, col) : col + 1;
    }
}

static void draw_cursor(canvas *c)
{
    const mlr_grid *g = c->g;
    if (g->cursor_row < 0) {
        return;
    }
    const mlr_ui_cell *cell = &g->cells[g->cursor_row * g->cols + g->cursor_col];
    box b = {x_of(g->cursor_col), y_of(g->cursor_row) + CELL_H - 2.0, cell_w, 2};
    rect(c, b, ink(c, cell), 0.9);
}

static void draw(canvas *c)
{
    mlr_ui_cell blank = {.glyph = ' '};
    uint32_t fg = 0;
    uint32_t page = 0;
    colors(c, &blank, &fg, &page);
    double w = 2 * MARGIN + c->g->cols * cell_w;
    double h = 2 * MARGIN + c->g->rows * CELL_H;
    put(c,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
        "font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\" "
        "xml:space=\"preserve\">\n",
        ceil(w), ceil(h));
    put(c, "<rect width=\"100%%\" height=\"100%%\" rx=\"6\" fill=\"#%06x\"/>\n",
        (unsigned)page);
    for (int r = 0; r < c->g->rows; r++) {
        draw_grounds(c, r, page);
    }
    for (int r = 0; r < c->g->rows; r++) {
        draw_row(c, r);
    }
    draw_cursor(c);
    put(c, "</svg>\n");
}

char *mlr_screenshot_svg(const mlr_grid *g, const mlr_theme *t, mlr_color_depth depth,
                         size_t *taken)
{
    canvas c = {.g = g, .t = t, .depth = depth};
    draw(&c);
    *taken = c.used + 1;
    c.to = mlr_take(g->alloc, *taken);
    if (c.to != NULL) {
        c.used = 0;
        draw(&c);
        c.to[c.used] = '\0';
    }
    return c.to;
}

mlr_status mlr_screenshot_write(const mlr_grid *g, const mlr_theme *t,
                                mlr_color_depth depth, const char *path, mlr_err *err)
{
    size_t n = strlen(path);
    bool as_text = n > 4 && strcmp(path + n - 4, ".txt") == 0;
    size_t taken = 0;
    char *text =
        as_text ? mlr_grid_text(g, &taken) : mlr_screenshot_svg(g, t, depth, &taken);
    if (text == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a picture");
    }
    mlr_out_file out = {0};
    mlr_status s = mlr_out_open(&out, path, 0, MLR_REPLACE_EXISTING, NULL, err);
    if (s == MLR_OK) {
        s = out.sink.write(out.sink.ctx, text, strlen(text), err);
    }
    if (s == MLR_OK) {
        s = mlr_out_sync(&out, err);
    }
    if (s == MLR_OK) {
        s = mlr_out_publish(&out, err);
    }
    mlr_out_discard(&out);
    mlr_give(g->alloc, text, taken);
    return s;
}
