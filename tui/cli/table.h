/*
 * Aligned columns. Rows are made on demand and asked for twice (to measure, to print), so a
 * million rows cost no memory.
 */
#ifndef MLR_TUI_CLI_TABLE_H
#define MLR_TUI_CLI_TABLE_H

#include <stddef.h>

#include "tui/cli/cli.h"

enum { MLR_TABLE_COLUMNS = 10, MLR_TABLE_CELL = 512 };

typedef enum mlr_align {
    MLR_LEFT,
    MLR_RIGHT,
    MLR_ELASTIC, /* left; gives way, from its middle */
    MLR_NAMES    /* likewise, but the parts of dotted names that say least go first */
} mlr_align;

typedef struct mlr_column {
    const char *title; /* "" for none */
    mlr_align align;
    mlr_style style;
} mlr_column;

typedef struct mlr_row {
    char cell[MLR_TABLE_COLUMNS][MLR_TABLE_CELL];
} mlr_row;

typedef struct mlr_table {
    const mlr_column *column;
    size_t columns, rows;
    unsigned indent;
    unsigned max_width; /* 0: as wide as it gets */
    /* Fills the cells, which come empty, with printable text. */
    void (*row)(void *ctx, size_t i, mlr_row *row);
    void *ctx;
} mlr_table;

/* Prints a header line (unless every title is "") and the rows to cli->out. */
void mlr_table_print(const mlr_table *t, mlr_cli *cli);

/* What a line is longer than `max_width` is taken from the elastic column; this is the
   limit that suits the output: none where it is not a terminal. */
unsigned mlr_table_limit(const mlr_cli *cli);

#endif
