/* How the table of tensors draws one row; shared with the theme preview. */
#ifndef MLR_TUI_SCREEN_TENSORS_H
#define MLR_TUI_SCREEN_TENSORS_H

#include "tui/grid.h"
#include "tui/rows_view.h"
#include "tui/widget_table.h"

struct mlr_app;

/* What a table drawing needs; pointers are borrowed. */
typedef struct mlr_tensor_table {
    const mlr_ui_rows *rows;
    const mlr_rows_view *view;
    const mlr_ui_table *table;
    const char *search; /* marked where it occurs in names; "": none */
} mlr_tensor_table;

/* The row that is `step` rows further in the table's order becomes the app's focus and the
   table's cursor goes there; false at either end. */
bool mlr_tensors_step(struct mlr_app *app, int step);

/* Narrows the table and shows it. */
void mlr_tensors_narrow(struct mlr_app *app, const char *filter);

/* Header line and rows; the view's height is the table's page plus one. */
void mlr_tensor_table_draw(const mlr_tensor_table *t, mlr_pane v);

/* What the header has at column `col` of a view this wide; MLR_SORT_COUNT: nothing. */
mlr_ui_sort mlr_tensor_table_header(const mlr_tensor_table *t, int cols, int col);

/* The line of totals. */
void mlr_tensor_totals_draw(const mlr_totals *t, mlr_pane v, int row);

/* Lines of totals at this height of the screen's body. */
int mlr_tensor_totals_lines(int rows);
void mlr_tensor_totals_block(const mlr_rows_view *view, mlr_pane v);

#endif
