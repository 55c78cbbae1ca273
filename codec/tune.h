/*
 * The tuner: for every changed tensor a table of what choices cost, and the best choice for
 * each under budgets for all. Times come from fixed prices, so equal inputs give equal
 * plans on every machine.
 */
#ifndef MLR_CODEC_TUNE_H
#define MLR_CODEC_TUNE_H

#include "codec/forecast.h"
#include "codec/price.h"

/* What is made small. Balanced and speed count the time to fetch the patch and to decode
   it, over a link of 100 Mbit/s or 1 Gbit/s: so many bytes are worth a microsecond. */
typedef enum mlr_goal { MLR_GOAL_SIZE, MLR_GOAL_BALANCED, MLR_GOAL_SPEED } mlr_goal;

/* 0: no limit. */
typedef struct mlr_tune_limits {
    uint64_t bytes;  /* of the patch */
    uint64_t us;     /* to decode */
    uint64_t memory; /* that blocks and tables of one record take */
} mlr_tune_limits;

typedef struct mlr_tune_option {
    mlr_choice choice;
    uint64_t bytes, us, memory;
    bool exact; /* bytes were really encoded */
} mlr_tune_option;

enum { MLR_TUNE_OPTIONS = 40, MLR_TUNE_POINTS = 24 };

/* One tensor that has records of its own and is not just copied. */
typedef struct mlr_tune_item {
    uint32_t pair;
    size_t first, records; /* in the plan */
    uint64_t new_bytes;
    mlr_tune_option *option; /* in the pool; no two cost the same in everything */
    size_t count;            /* at least 1 */
    uint32_t group;          /* of items alike; only where the table is sampled */
} mlr_tune_item;

typedef struct mlr_tune_table {
    mlr_tune_item *items;
    size_t count;
    uint64_t fixed_bytes, fixed_us; /* structure, header, copies: whatever is chosen */
    bool sampled;   /* a few items were tried, and speak for those that are alike */
    size_t groups;  /* of items alike, where sampled */
    uint32_t *like; /* where sampled: items by group, in a group by the price of change */
} mlr_tune_table;

/* One choice for every item, and what all of them cost together. */
typedef struct mlr_tune_plan {
    uint8_t *pick;      /* index of the option by item; in the pool */
    uint64_t bytes, us; /* with what is fixed */
    bool fits;          /* within the limits; else the nearest there is */
} mlr_tune_plan;

typedef struct mlr_tune_point {
    uint64_t bytes, us;
} mlr_tune_point;

/*
 * Fills the table by trials on samples, side by side on `exec`. Options that need more than
 * limits->memory are left out. Everything lives in `pool`.
 */
mlr_status mlr_tune_measure(mlr_tune_table *t, const mlr_predictor *p, mlr_goal goal,
                            const mlr_tune_limits *limits, const mlr_exec *exec,
                            mlr_pool *pool, mlr_err *err);

/* How a sampled table is verified. */
typedef struct mlr_tune_proof {
    const mlr_predictor *p;
    const mlr_exec *exec;
    unsigned turn; /* 0, 1: another tensor of each group */
    double error;  /* by how much figures were wrong, as a part of 1; 0 before turn 0 */
} mlr_tune_proof;

/*
 * Of a sampled table: really encodes what weighs most, one tensor of a group, under the
 * choices of `plan`, and corrects the figures of all that are alike.
 */
mlr_status mlr_tune_verify(mlr_tune_table *t, const mlr_tune_plan *plan,
                           mlr_tune_proof *proof, mlr_pool *pool, mlr_err *err);

/* The best plan. plan->fits tells whether it keeps the limits. */
mlr_status mlr_tune_solve(mlr_tune_plan *plan, const mlr_tune_table *t, mlr_goal goal,
                          const mlr_tune_limits *limits, mlr_pool *pool, mlr_err *err);

/* Plans of which none is better in both: smallest first. Returns how many. */
size_t mlr_tune_front(const mlr_tune_table *t, mlr_tune_point point[MLR_TUNE_POINTS]);

/* What a plan costs under a goal: lower is better. */
double mlr_tune_cost(mlr_goal goal, uint64_t bytes, uint64_t us);

/* "size", "balanced", "speed". */
const char *mlr_goal_name(mlr_goal goal);

#endif
