/*
 * One pass over a view: chunks of elements are measured as independent tasks, whose sums
 * are merged in the order of the chunks. Counts go to tables of each lane, where order does
 * not matter.
 */
#ifndef MLR_ANALYSIS_MEASURE_PASS_H
#define MLR_ANALYSIS_MEASURE_PASS_H

#include "analysis/compensated.h"
#include "analysis/measure.h"
#include "analysis/measure_kernels.h"
#include "analysis/measure_tables.h"
#include "analysis/overlay.h"

enum {
    MLR_CHUNK = 32768,      /* elements of a task, at most */
    MLR_PIECE = 2048,       /* elements worked on at once; a multiple of every block */
    MLR_CHUNK_LINES = 2050, /* row groups of a task, at most */
    MLR_MOST_LINES = 1 << 20,
    MLR_MOST_COLUMNS = 1 << 16,
    MLR_SIDES = 2
};

/* What the tasks share, fixed before they start. */
typedef struct mlr_pass {
    mlr_overlay view;
    const mlr_measure_kernels *kernels;
    bool pair; /* both sides; else `alone` */
    unsigned alone;
    bool full;
    bool numbers; /* values are known on every side read */
    bool codes;   /* code streams: one side, or both of one type */
    bool bits;    /* changed elements are told by codes */
    bool bytes;   /* codes are raw bytes of blocks or opaque data */
    bool tables;  /* side facts come from the tables (at most 16 bits) */
    bool cast;    /* retyped floats: count exact casts */
    bool places;  /* grid, rows, columns */
    bool values;  /* histograms of values */
    mlr_code_kind kind;
    uint64_t chunks, chunk_elements, pieces_per_row;
    uint64_t row_group, col_group;
    uint32_t grid_rows, grid_cols;
    uint64_t col_bound[MLR_GRID + 1];
    bool by_table[MLR_SIDES]; /* one-byte codes: values come from here */
    double value[MLR_SIDES][256];
} mlr_pass;

/* Sums of a chunk, or of all. */
typedef struct mlr_part {
    mlr_err err;
    uint64_t first, elements; /* which */
    mlr_sums sums;
    double min, max, most;
    uint64_t most_index;
    uint64_t differ[2]; /* elements, bytes */
    uint64_t cast_exact;
    mlr_blocks_changed blocks;
    mlr_side_sums side[MLR_SIDES];
    uint64_t largest; /* distance of codes */
    /* places: rows of the grid and groups of rows this chunk touches */
    uint32_t grid_first, grid_end;
    uint64_t line_first;
    uint32_t lines;
    uint64_t grid_changed[MLR_GRID][MLR_GRID];
    double grid_sum[MLR_GRID][MLR_GRID];
    uint64_t line_changed[MLR_CHUNK_LINES];
    double line_sum[MLR_CHUNK_LINES];
} mlr_part;

/* Scratch of one lane. */
typedef struct mlr_pass_lane {
    uint8_t *room[MLR_SIDES]; /* of a chunk */
    uint32_t *tables;         /* NULL unless full */
    uint32_t *columns;        /* NULL unless places */
    double v[MLR_SIDES][MLR_PIECE], d[MLR_PIECE];
    uint8_t flags[MLR_PIECE], skip[MLR_PIECE];
    uint8_t code[MLR_SIDES][MLR_PIECE];
    uint16_t moved[MLR_PIECE];
} mlr_pass_lane;

/* Fixes what follows from the view and the depth. */
void mlr_pass_plan(mlr_pass *p, const mlr_measure_options *options, bool detail);

/* Measures chunk `index` into `part`. */
void mlr_pass_chunk(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, uint64_t index);

#endif
