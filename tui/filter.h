/*
 * The filter language of the tensor table: "chg>5 dtype:bf16 size>1M by:me !same name:mlp".
 * Terms side by side must all hold, '|' means or, '!' not, parentheses group. A fact that
 * is still unknown makes a term neither true nor false, and the row is not shown.
 */
#ifndef MLR_TUI_FILTER_H
#define MLR_TUI_FILTER_H

#include <stdbool.h>

#include "tui/rows.h"

enum { MLR_FILTER_NODES = 64, MLR_FILTER_BYTES = 512 };

typedef struct mlr_filter_node {
    uint8_t op, field, compare;
    uint16_t text, text_bytes; /* in `source` */
    double number;
} mlr_filter_node;

typedef struct mlr_filter {
    char source[MLR_FILTER_BYTES];
    mlr_filter_node node[MLR_FILTER_NODES]; /* operands before operators */
    size_t count;                           /* 0: shows everything */
} mlr_filter;

/*
 * False where the text is no filter: `*at` is the byte that is wrong and `why` a literal
 * that says what is expected there. `f` shows everything then.
 */
bool mlr_filter_read(mlr_filter *f, const char *text, size_t *at, const char **why);

bool mlr_filter_shows(const mlr_filter *f, const mlr_ui_row *row);

#endif
