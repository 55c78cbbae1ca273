/*
 * How roles look: a theme read from YAML (docs: mallorn-theme.5) and brought down to what
 * the terminal can show. Themes of themes/ are compiled in, so none can be missing.
 */
#ifndef MLR_TUI_THEME_H
#define MLR_TUI_THEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"
#include "apply/base/status.h"
#include "tui/grid.h"

typedef enum mlr_color_depth {
    MLR_DEPTH_MONO,
    MLR_DEPTH_8,
    MLR_DEPTH_16,
    MLR_DEPTH_256,
    MLR_DEPTH_RGB
} mlr_color_depth;

enum { MLR_THEME_PAINTS = 96, MLR_THEME_ANCHORS = 8, MLR_COLOR_DEFAULT = -1 };

typedef struct mlr_tint {
    char name[24];
    uint32_t rgb;
    int16_t c256, c16; /* -1: derived from rgb */
    bool is_default;   /* the terminal's own colour; rgb is what it stands for */
} mlr_tint;

typedef struct mlr_role_look {
    int16_t fg, bg;                    /* index into paints; -1: not set */
    uint8_t attr, attr_low, attr_mono; /* always; at 8 and 16 colours; without colour */
    bool set;
} mlr_role_look;

typedef struct mlr_theme {
    char name[32], title[48];
    bool light;
    bool paint_ground; /* fill the screen with the ground; else the terminal's own */
    int16_t ground;    /* paint that text stands on */
    mlr_tint paints[MLR_THEME_PAINTS];
    size_t paint_count;
    mlr_role_look roles[MLR_ROLE_COUNT];
    int16_t heat[MLR_THEME_ANCHORS]; /* anchors of the gradient */
    size_t heat_count;
    uint32_t glyphs[MLR_GLYPH_COUNT]; /* 0: as the table says */
    char warning[96];                 /* the first thing that was ignored, or "" */
} mlr_theme;

/* A look on one terminal: colours are MLR_COLOR_DEFAULT, 0xRRGGBB or an index, by depth. */
typedef struct mlr_ui_style {
    int32_t fg, bg;
    uint8_t attr;
} mlr_ui_style;

/* Themes that are compiled in, in the order of their names. */
size_t mlr_theme_builtin_count(void);
const char *mlr_theme_builtin_name(size_t i);

/* Reads YAML. `name` is used where the file gives none. Inherited themes are builtin. */
mlr_status mlr_theme_read(mlr_theme *t, const char *bytes, size_t n, const char *name,
                          const mlr_allocator *alloc, mlr_err *err);

/* By name: the user's folder first (may be NULL), then the builtin ones; a name with '/' is
   a path. */
mlr_status mlr_theme_load(mlr_theme *t, const char *name, const char *folder,
                          const mlr_allocator *alloc, mlr_err *err);

/* What a cell looks like at this depth. */
mlr_ui_style mlr_theme_style(const mlr_theme *t, mlr_color_depth depth,
                             const mlr_ui_cell *cell);

/* The true colours behind a style, for pictures and for measuring contrast. */
void mlr_theme_rgb(const mlr_theme *t, mlr_color_depth depth, const mlr_ui_cell *cell,
                   uint32_t *fg, uint32_t *bg);

/* The glyph table for this theme. */
void mlr_theme_glyphs(const mlr_theme *t, mlr_glyph_level level, mlr_glyphs *out);

#endif
