/* The terminal program as main sees it. */
#ifndef MLR_TUI_APP_H
#define MLR_TUI_APP_H

#include <stdbool.h>

#include "apply/base/alloc.h"
#include "apply/base/status.h"

typedef enum mlr_color_mode {
    MLR_COLOR_AUTO,
    MLR_COLOR_NEVER,
    MLR_COLOR_ALWAYS
} mlr_color_mode;

typedef struct mlr_tui_options {
    const mlr_allocator *alloc; /* thread-safe; NULL: a heap of its own */
    const char *old_path;       /* NULL: start with the file browser */
    const char *new_path;
    const char *patch_path; /* not NULL: opens where it is applied */
    const char *profile;    /* rules to begin with; NULL: none */
    const char *theme;  /* a name, or a path with '/'; NULL: MALLORN_THEME, then default */
    const char *glyphs; /* "ascii", "block", "braille"; NULL: from the locale */
    const char *script; /* keys to run without a terminal; NULL: use the terminal */
    mlr_color_mode color;
    bool no_mouse;
} mlr_tui_options;

/* Runs until the user quits. A signal that asked it to end is MLR_E_CANCELLED. The terminal
   is as it was before, whatever happened. */
mlr_status mlr_tui_run(const mlr_tui_options *o, mlr_err *err);

#endif
