/*
 * The terminal: the only user of curses. Set-up and return, keys, mouse, resizing, stopping
 * and continuing, painting of a grid by what changed. One terminal a process.
 */
#ifndef MLR_TUI_TERM_H
#define MLR_TUI_TERM_H

#include <stdbool.h>

#include "tui/keys.h"
#include "tui/theme.h"

typedef struct mlr_term mlr_term;

typedef struct mlr_term_options {
    const mlr_allocator *alloc;
    bool no_color; /* attributes only */
    bool no_mouse;
} mlr_term_options;

typedef enum mlr_event_kind {
    MLR_EVENT_NONE, /* time is up */
    MLR_EVENT_KEY,
    MLR_EVENT_MOUSE,
    MLR_EVENT_RESIZE,
    MLR_EVENT_WAKE, /* the wake descriptor was written */
    MLR_EVENT_END   /* asked to end by signal `key`, or the terminal went away */
} mlr_event_kind;

typedef struct mlr_event {
    mlr_event_kind kind;
    mlr_key key;
    int row, col, button; /* of the mouse: 1 click, 4 and 5 the wheel */
} mlr_event;

/* Takes the terminal over. The signals of the process are handled here until close. */
mlr_status mlr_term_open(mlr_term **out, const mlr_term_options *o, mlr_err *err);

/* Gives it back as it was. NULL is fine. */
void mlr_term_close(mlr_term *t);

void mlr_term_size(const mlr_term *t, int *rows, int *cols);
mlr_color_depth mlr_term_depth(const mlr_term *t);

/* An eventfd that any thread may write to end a wait. */
int mlr_term_wake_fd(const mlr_term *t);

/* A descriptor whose input ends a wait as a wake does; -1: none. */
void mlr_term_watch(mlr_term *t, int fd);

/* Whether the locale and every glyph agree that block glyphs take one cell. */
bool mlr_term_has_blocks(void);

/* The next event, waiting at most `wait_ms` (-1: without end, using no CPU). */
mlr_event mlr_term_wait(mlr_term *t, int wait_ms);

/* Shows a grid: only cells that changed since the last one are sent. */
void mlr_term_paint(mlr_term *t, const mlr_grid *g, const mlr_theme *theme);

/* The next paint sends everything. */
void mlr_term_forget(mlr_term *t);

/* Offers text to the terminal's clipboard (OSC 52); terminals that do not know it drop it.
 */
void mlr_term_copy(mlr_term *t, const char *text);

/* Stops the process as ^Z does and returns when it continues. */
void mlr_term_suspend(mlr_term *t);

/* Runs a program on the terminal and waits; its exit status, or -1. */
int mlr_term_run(mlr_term *t, char *const argv[]);

#endif
