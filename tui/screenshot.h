/*
 * A grid as a picture. Blocks, shades, braille and lines are drawn as shapes and only plain
 * characters as text, so that every viewer puts every cell where a terminal would.
 */
#ifndef MLR_TUI_SCREENSHOT_H
#define MLR_TUI_SCREENSHOT_H

#include "tui/theme.h"

/* Writes SVG, or text where `path` ends in ".txt". */
mlr_status mlr_screenshot_write(const mlr_grid *g, const mlr_theme *t,
                                mlr_color_depth depth, const char *path, mlr_err *err);

/* The same into memory: NUL-terminated; `*taken` bytes were taken from g->alloc. */
char *mlr_screenshot_svg(const mlr_grid *g, const mlr_theme *t, mlr_color_depth depth,
                         size_t *taken);

#endif
