/* The change of a window of a tensor, cell by cell, down to one element. */
#ifndef MLR_ANALYSIS_CELLS_H
#define MLR_ANALYSIS_CELLS_H

#include "analysis/measure.h"

typedef struct mlr_cell {
    uint64_t elements, changed;
    double sum, most;            /* of |delta|, finite ones */
    double old_value, new_value; /* of the cell's first element; 0 where unknown */
} mlr_cell;

/* Rows and columns as mlr_detail counts them. The window is cut to the tensor. */
typedef struct mlr_cells_window {
    uint64_t row, rows, col, cols;
    uint32_t cell_rows, cell_cols; /* at most as many as there are rows and columns */
} mlr_cells_window;

/*
 * Fills cell_rows * cell_cols cells, row by row. Cell (r, c) holds the rows i of the window
 * with i * cell_rows / rows == r, columns alike; where there are more cells than elements
 * the rest is empty. MLR_E_USAGE where the pair cannot be compared.
 */
mlr_status mlr_measure_cells(mlr_cell *out, const mlr_cells_window *window,
                             const mlr_pair *pair, const mlr_work *work, mlr_err *err);

#endif
