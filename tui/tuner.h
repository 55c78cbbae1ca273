/*
 * What could be stored better: tensors whose names differ in numbers alone form a group,
 * and each group gets the pick that, with those of the others, makes the patch smallest
 * within the budgets. Works on forecasts only and asks for none.
 */
#ifndef MLR_TUI_TUNER_H
#define MLR_TUI_TUNER_H

#include "tui/desk.h"

enum { MLR_TUNER_GROUPS = 200, MLR_TUNER_OPTIONS = 48, MLR_TUNER_ROWS = 4096 };

typedef struct mlr_tuner_option {
    mlr_pick pick; /* level 0: as decided now */
    double bytes, error_bytes, decode_s;
    uint64_t memory;
} mlr_tuner_option;

typedef struct mlr_tuner_group {
    char pattern[96];
    size_t count;                               /* tensors */
    mlr_tuner_option option[MLR_TUNER_OPTIONS]; /* [0]: as decided now */
    size_t options, best;                       /* best 0: nothing better is known */
    mlr_pick from;                              /* level 0: several */
    bool ticked, over; /* over: breaks a budget, shown but never ticked */
} mlr_tuner_group;

/* One whole patch under one pick. */
typedef struct mlr_tuner_point {
    mlr_pick pick;
    double bytes, decode_s;
    uint64_t memory;
    bool front; /* no other is smaller and faster */
} mlr_tuner_point;

enum { MLR_TUNER_POINTS = 48 };

typedef struct mlr_tuner {
    const mlr_allocator *alloc;
    mlr_tuner_group *group;                       /* MLR_TUNER_GROUPS of them, or NULL */
    uint16_t *group_of;                           /* by place in desk.by_size */
    size_t groups, rows, order[MLR_TUNER_GROUPS]; /* groups, largest saving first */
    size_t order_count;
    bool fits;            /* the budgets hold with what is ticked */
    mlr_tuner_point best; /* with what is ticked */
    mlr_tuner_point point[MLR_TUNER_POINTS];
    size_t points;
} mlr_tuner;

void mlr_tuner_init(mlr_tuner *t, const mlr_allocator *alloc);
void mlr_tuner_release(mlr_tuner *t);

/* The strategies and levels that are compared. */
mlr_sweep mlr_tuner_sweep(void);

/* Points of whole patches as far as forecasts are complete. */
void mlr_tuner_plot(mlr_tuner *t, const mlr_app *app);

/* Solves. False where memory is short. */
bool mlr_tuner_solve(mlr_tuner *t, const mlr_app *app);

/* Sums of what is ticked, into `best`. */
void mlr_tuner_sum(mlr_tuner *t, const mlr_app *app);

/* Makes what is ticked choices: one step. */
void mlr_tuner_apply(const mlr_tuner *t, mlr_app *app);

#endif
