/* What the detail screen shows and how its panes are drawn; the screen itself only acts. */
#ifndef MLR_TUI_DETAIL_VIEW_H
#define MLR_TUI_DETAIL_VIEW_H

#include "tui/app_core.h"
#include "tui/study.h"
#include "tui/widget_table.h"

typedef enum mlr_detail_pane {
    MLR_PANE_MAP,
    MLR_PANE_NUMBERS,
    MLR_PANE_FORECASTS,
    MLR_PANE_HISTOGRAM,
    MLR_PANE_COUNT
} mlr_detail_pane;

enum { MLR_DETAIL_ZOOMS = 12 };

typedef struct mlr_detail_view {
    mlr_study study;
    size_t row;          /* of the session; SIZE_MAX: nothing was looked at yet */
    uint64_t generation; /* of the session */
    mlr_detail_pane pane;
    bool large;     /* this pane has the screen */
    bool log_scale; /* of the histogram */
    bool turned;    /* strips where an overlay would be drawn, and the other way round */
    bool by_delta;  /* the map shows mean |delta| instead of changed elements */
    bool hex;
    uint64_t element;                        /* under the cursor of the byte view */
    uint32_t at_row, at_col;                 /* the map's cell under the cursor */
    int map_rows, map_cols;                  /* cells drawn, at most those of the map */
    mlr_cells_window zoom[MLR_DETAIL_ZOOMS]; /* windows above the one that is shown */
    unsigned zooms;
    bool zooming; /* the next map is another window: the cursor goes to its middle */
    mlr_ui_table numbers, forecasts;
    mlr_pick pick; /* what holds for the row; level 0: auto */
} mlr_detail_view;

typedef struct mlr_rect {
    int row, col, rows, cols; /* rows 0: not shown */
} mlr_rect;

typedef struct mlr_detail_layout {
    mlr_rect pane[MLR_PANE_COUNT];
    mlr_rect cell; /* the read-out of the map's cursor, where there is room for a pane */
    bool wide;
} mlr_detail_layout;

mlr_detail_layout mlr_detail_arrange(const mlr_detail_view *d, int rows, int cols);

const mlr_ui_row *mlr_detail_row(const mlr_app *app, const mlr_detail_view *d);

/* --- numbers --- */

enum { MLR_DETAIL_LINES = 56 };

typedef struct mlr_number_line {
    char label[28], value[96];
    mlr_role role; /* of the value */
} mlr_number_line;

/* Everything that is known about the tensor, most telling first. */
size_t mlr_detail_numbers(const mlr_study *s, mlr_number_line line[MLR_DETAIL_LINES]);

/* "low-rank: 0.912, share of the change's energy within rank 16 (bound 0.9)". */
void mlr_detail_hint(const mlr_hint *h, char *to, size_t room);

void mlr_detail_draw_numbers(const mlr_detail_view *d, mlr_pane v, bool focused);
void mlr_detail_draw_histogram(const mlr_detail_view *d, mlr_pane v, bool focused);
void mlr_detail_draw_forecasts(const mlr_detail_view *d, mlr_pane v, bool focused);

/* --- where it changed --- */

/* Elements of the map's cells that one drawn cell stands for. */
typedef struct mlr_map_spot {
    uint64_t row, rows, col, cols; /* in the compared part */
    mlr_cell sum;                  /* values only where it is one element */
} mlr_map_spot;

mlr_map_spot mlr_map_spot_at(const mlr_detail_view *d, int row, int col);

/* The drawn cell that holds the cursor. */
void mlr_map_cursor(const mlr_detail_view *d, int *row, int *col);

/* Moves the cursor by drawn cells. */
void mlr_map_move(mlr_detail_view *d, int down, int right);

void mlr_detail_draw_map(const mlr_detail_view *d, mlr_pane v, bool focused);
void mlr_detail_draw_cell(const mlr_detail_view *d, mlr_pane v);
/* One line about the cell under the cursor. */
void mlr_map_tell(const mlr_detail_view *d, char *to, size_t room);

/* --- bytes --- */

/* Bytes of one unit: an element, or a block of them, and how many elements that is. */
unsigned mlr_hex_unit(const mlr_detail_view *d, unsigned *elements);
int mlr_hex_line_bytes(int cols);
void mlr_detail_draw_hex(const mlr_detail_view *d, mlr_pane v);

#endif
