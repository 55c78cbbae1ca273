/*
 * A grid of cells and what screens draw on it: text, bars, frames, sparklines. Nothing here
 * knows colours or terminals: a cell names a role, and the theme says how it looks.
 * Drawing never writes outside its view, whatever the size.
 */
#ifndef MLR_TUI_GRID_H
#define MLR_TUI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"
#include "apply/base/status.h"
#include "tui/roles.h"

typedef enum mlr_glyph_level {
    MLR_GLYPHS_ASCII,
    MLR_GLYPHS_BLOCK,
    MLR_GLYPHS_BRAILLE
} mlr_glyph_level;

typedef enum mlr_glyph_id {
#define MLR_GLYPH(sym, name, ascii, block, braille) MLR_G_##sym,
#include "tui/glyphs.def"
#undef MLR_GLYPH
    MLR_GLYPH_COUNT
} mlr_glyph_id;

/* What each glyph is drawn as; a theme may exchange single ones. */
typedef struct mlr_glyphs {
    mlr_glyph_level level;
    uint32_t as[MLR_GLYPH_COUNT];
} mlr_glyphs;

void mlr_glyphs_init(mlr_glyphs *g, mlr_glyph_level level);

/* The glyph of this name, or MLR_GLYPH_COUNT. */
mlr_glyph_id mlr_glyph_named(const char *name, size_t n);

/* The code point that text is written with. */
uint32_t mlr_glyph_block(mlr_glyph_id id);

enum { MLR_BOLD = 1, MLR_DIM = 2, MLR_UNDERLINE = 4, MLR_REVERSE = 8, MLR_ITALIC = 16 };

typedef struct mlr_ui_cell {
    uint32_t glyph; /* code point; 0: right half of the wide glyph before it */
    uint32_t mark;  /* a combining mark on it, or 0 */
    uint8_t role;
    uint8_t over; /* role whose background and attributes lie over it, or MLR_ROLE_TEXT */
    uint8_t attr; /* added to what the role says */
} mlr_ui_cell;

typedef struct mlr_grid {
    const mlr_allocator *alloc; /* borrowed */
    const mlr_glyphs *glyphs;   /* borrowed */
    mlr_ui_cell *cells;
    int rows, cols;
    int cursor_row, cursor_col; /* hardware cursor; -1: hidden */
} mlr_grid;

/* A grid without cells; resize gives it some. */
void mlr_grid_init(mlr_grid *g, const mlr_allocator *alloc, const mlr_glyphs *glyphs);

/* Makes it blank at this size; at least 1x1. The old cells stay where memory is short. */
mlr_status mlr_grid_resize(mlr_grid *g, int rows, int cols, mlr_err *err);
void mlr_grid_clear(mlr_grid *g);
void mlr_grid_release(mlr_grid *g); /* safe on a zeroed grid */

/* A rectangle of a grid, always inside it; drawing is relative to it and clipped by it. */
typedef struct mlr_pane {
    mlr_grid *grid;
    int row, col, rows, cols;
    uint8_t over; /* for every cell drawn through it */
    uint8_t attr;
} mlr_pane;

mlr_pane mlr_pane_all(mlr_grid *g);

/* Clipped to `v`; may be empty. */
mlr_pane mlr_pane_part(mlr_pane v, int row, int col, int rows, int cols);

/* `v` with everything on it under the look of `over`. */
mlr_pane mlr_pane_over(mlr_pane v, mlr_role over);

/* Places the hardware cursor, where it lies inside. */
void mlr_cursor_at(mlr_pane v, int row, int col);

void mlr_put_cp(mlr_pane v, int row, int col, mlr_role role, uint32_t cp);
void mlr_put_glyph(mlr_pane v, int row, int col, mlr_role role, mlr_glyph_id id);

/* Draws text and returns the column after it (clipped or not). */
int mlr_put(mlr_pane v, int row, int col, mlr_role role, const char *s);
int mlr_put_n(mlr_pane v, int row, int col, mlr_role role, const char *s, size_t n);
int mlr_putf(mlr_pane v, int row, int col, mlr_role role, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Ends at column `end`; what is too long loses its start. */
void mlr_put_right(mlr_pane v, int row, int end, mlr_role role, const char *s);

/* Role of `n` cells changes, their glyphs stay. */
void mlr_paint(mlr_pane v, int row, int col, int n, mlr_role role);

/* Blanks the view in this role. */
void mlr_fill(mlr_pane v, mlr_role role);
void mlr_h_line(mlr_pane v, int row, int col, int n, mlr_role role);

/* A bar of `width` cells, in eighths; what is not filled is drawn as dots. */
void mlr_bar(mlr_pane v, int row, int col, int width, double fraction, mlr_role role);

/* A bar between end marks, with a line at `budget` (a fraction; < 0: none). */
typedef struct mlr_meter {
    double fraction, budget;
    mlr_role role;
} mlr_meter;
void mlr_put_meter(mlr_pane v, int row, int col, int width, const mlr_meter *m);

/* One column per value from the bottom of the view up, in eighths of a row; `most` is the
   value that reaches the top. */
void mlr_columns(mlr_pane v, const double *values, size_t n, double most, mlr_role role);

/* A box round the view's edge with a title and a note at its right; returns the inside. */
mlr_pane mlr_frame(mlr_pane v, const char *title, const char *note);

/* The grid as UTF-8 lines, without blanks at line ends; NUL-terminated, or NULL. */
char *mlr_grid_text(const mlr_grid *g, size_t *bytes_taken);

#endif
