/* The lines under the table of tensors: totals, budgets, who stores what how. */
#ifndef MLR_TUI_TOTALS_BLOCK_H
#define MLR_TUI_TOTALS_BLOCK_H

#include "tui/desk.h"
#include "tui/grid.h"
#include "tui/rows_view.h"

/* What the lines are drawn from; pointers are borrowed. */
typedef struct mlr_totals_look {
    const mlr_rows_view *view;
    const mlr_desk_sums *sums;
    const mlr_budgets *budgets;
} mlr_totals_look;

/* Lines at this height of the screen's body. */
int mlr_totals_lines(int rows);
void mlr_totals_draw(const mlr_totals_look *t, mlr_pane v);

/* "Size ▕███┃··▏ 222M of 210M  OVER +12M !"; `budget` 0: measured against `most`, and where
   that is 0 too there is no bar. */
typedef struct mlr_budget_line {
    const char *label,
        *what; /* "0.04 s `to decode`", "2.3M `of `23M": where there is no budget */
    double value, budget, most;
    bool seconds;   /* else bytes */
    bool estimated; /* an estimate is marked */
    bool unknown;   /* nothing is known yet */
} mlr_budget_line;
void mlr_budget_line_draw(const mlr_budget_line *b, mlr_pane v, int row);

#endif
