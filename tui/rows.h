/*
 * One row per tensor of a pair: what is known of it so far. Headers fill the first facts;
 * analysis and prediction fill the others later. Nothing here measures or decides.
 */
#ifndef MLR_TUI_ROWS_H
#define MLR_TUI_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"
#include "formats/model.h"

typedef enum mlr_row_kind {
    MLR_ROW_UNKNOWN, /* same name, type and shape; the bytes were not compared yet */
    MLR_ROW_SAME,
    MLR_ROW_CHANGED,
    MLR_ROW_ADDED,
    MLR_ROW_REMOVED,
    MLR_ROW_RESHAPED, /* other shape or element type */
    MLR_ROW_PROBLEM,  /* `problem` says what */
    MLR_ROW_KINDS
} mlr_row_kind;

/* ".=~+-#!" in the order of the kinds, and words for filters and totals. */
uint32_t mlr_row_kind_glyph(mlr_row_kind kind);
const char *mlr_row_kind_word(mlr_row_kind kind);

typedef enum mlr_fact_state {
    MLR_FACT_UNKNOWN,
    MLR_FACT_ESTIMATED,
    MLR_FACT_KNOWN
} mlr_fact_state;

/* A number that may still be unknown, or estimated with a relative error. */
typedef struct mlr_fact {
    double value;
    float error;   /* 0.02: plus or minus 2 %, where estimated */
    uint8_t state; /* mlr_fact_state */
} mlr_fact;

static inline mlr_fact mlr_known(double value)
{
    return (mlr_fact){.value = value, .state = MLR_FACT_KNOWN};
}

static inline mlr_fact mlr_estimated(double value, double error)
{
    return (mlr_fact){.value = value, .error = (float)error, .state = MLR_FACT_ESTIMATED};
}

/* Who decided how a tensor is stored. */
typedef enum mlr_decider {
    MLR_BY_NOBODY,
    MLR_BY_RULE,
    MLR_BY_AUTO,
    MLR_BY_YOU
} mlr_decider;

typedef struct mlr_ui_row {
    mlr_str name;                 /* lives in the model */
    const mlr_tensor *old_tensor; /* either may be NULL */
    const mlr_tensor *new_tensor;
    const mlr_dtype *dtype; /* of the new tensor, or of the old one that went */
    uint64_t bytes;         /* of the new tensor; 0 where it went */
    mlr_fact changed;       /* fraction of elements that differ */
    mlr_fact cosine;        /* between old and new */
    mlr_fact entropy;       /* bits an element of the delta carries */
    mlr_fact out;           /* bytes in the patch */
    const char *strategy;   /* NULL: not decided */
    const char *dictionary; /* NULL: none */
    const char *problem;    /* NULL: none */
    int16_t level;          /* -1: not decided */
    uint16_t rule;          /* number of the deciding rule, from 1 */
    uint32_t name_rank;     /* place among all names, layers in numeric order */
    uint8_t kind, by;       /* mlr_row_kind, mlr_decider */
    bool lossy, marked;
} mlr_ui_row;

typedef struct mlr_ui_rows {
    const mlr_allocator *alloc; /* borrowed */
    mlr_ui_row *row;
    size_t count, room;  /* rows; rows that were taken */
    size_t marked;       /* rows with a mark */
    int longest_name;    /* cells, at most 255 */
    uint64_t generation; /* grows with every change; views compare it */
} mlr_ui_rows;

/*
 * Pairs the tensors of two models by key, in the order of the new model; what went follows
 * at the end. `old_model` may be NULL: every row is added then. Rows borrow the models.
 */
mlr_status mlr_rows_build(mlr_ui_rows *r, const mlr_model *old_model,
                          const mlr_model *new_model, const mlr_allocator *alloc,
                          mlr_err *err);
void mlr_rows_release(mlr_ui_rows *r); /* safe on zeroed rows */

/* Ranks the names anew: after a row got another one. Ranks stay where memory is short. */
void mlr_rows_rank(mlr_ui_rows *r);

/* Call after facts were written into rows. */
void mlr_rows_touch(mlr_ui_rows *r);
void mlr_rows_mark(mlr_ui_rows *r, size_t i, bool marked);

/* Ratio of bytes in to bytes out; unknown where either is. */
mlr_fact mlr_row_ratio(const mlr_ui_row *row);

/* Sums over rows; an unknown part makes `out` unknown, an estimate makes it estimated. */
typedef struct mlr_totals {
    size_t rows, by_kind[MLR_ROW_KINDS], lossy, marked, with_dictionary;
    uint64_t bytes;
    double elements, changed_elements;
    size_t changed_known; /* rows whose share of change is known */
    mlr_fact out;
} mlr_totals;

void mlr_totals_add(mlr_totals *t, const mlr_ui_row *row);
/* Starts a sum of nothing. */
mlr_totals mlr_totals_none(void);

#endif
