/*
 * What every table shares: which columns fit, where the cursor and the page stand. Rows are
 * virtual: only those on the page are ever asked for.
 */
#ifndef MLR_TUI_WIDGET_TABLE_H
#define MLR_TUI_WIDGET_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/keys.h"

enum { MLR_UI_COLUMNS = 24 };

typedef struct mlr_ui_column {
    const char *title;
    int least, most; /* cells */
    int drop;        /* 0: always there; else the highest number goes first */
    int grow;        /* 0: not; else the lowest number takes spare room first */
    bool right;      /* aligned */
} mlr_ui_column;

/* Where columns stand; width 0: dropped. One blank lies between columns. */
typedef struct mlr_columns_at {
    int x[MLR_UI_COLUMNS], width[MLR_UI_COLUMNS];
} mlr_columns_at;

void mlr_table_layout(const mlr_ui_column *columns, size_t n, int cols,
                      mlr_columns_at *out);

typedef struct mlr_ui_table {
    size_t count, cursor, top;
    size_t page; /* rows shown */
} mlr_ui_table;

/* Fits cursor and page to the numbers of rows and of lines. */
void mlr_table_arrange(mlr_ui_table *t, size_t count, int lines);
void mlr_table_go(mlr_ui_table *t, size_t to);

/* Moves the cursor; false where the action is none of movement. */
bool mlr_table_act(mlr_ui_table *t, mlr_action action);

#endif
