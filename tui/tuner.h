/*
 * The codec's tuner at work behind the Tune screen, as a job: what `mallorn tune` finds, as
 * rules to tick. What they would cost is asked of the desk's forecasts, like every figure.
 */
#ifndef MLR_TUI_TUNER_H
#define MLR_TUI_TUNER_H

#include "apply/host/threads.h"
#include "tui/cli/tune_job.h"
#include "tui/desk.h"
#include "tui/model_pair.h"

enum { MLR_TUNER_ROWS = 256, MLR_TUNER_POINTS = 48 };

/* One rule that was found; the last row is for what no rule of them matches. */
typedef struct mlr_tuner_row {
    size_t rule;             /* of the profile found; its rule_count: the defaults */
    size_t count;            /* tensors that would change */
    mlr_pick from, to;       /* from: level 0 for several */
    mlr_desk_sums now, then; /* of those tensors */
    bool ticked, over;       /* over: breaks the memory budget, never ticked by itself */
} mlr_tuner_row;

/* One whole patch under one pick. */
typedef struct mlr_tuner_point {
    mlr_pick pick;
    double bytes, decode_s;
    uint64_t memory;
    bool front; /* no other is smaller and faster */
} mlr_tuner_point;

/* What the job brought. */
typedef struct mlr_tuner_facts {
    uint64_t patch_bytes, need_bytes, decode_us; /* of the patch that was made */
    unsigned rounds;
    size_t tuned; /* tensors */
    bool fits;
    mlr_tune_point front[MLR_TUNE_POINTS];
    size_t points;
} mlr_tuner_facts;

typedef struct mlr_tuner {
    const mlr_allocator *alloc; /* borrowed, thread-safe */
    mlr_job job;
    /* The worker's while it runs. */
    mlr_cli cli;
    mlr_tick tick;
    mlr_tune_wish wish;
    char old_path[MLR_PATH_BYTES], new_path[MLR_PATH_BYTES];
    mlr_device device;
    char *text; /* the profile found, from malloc's stream, as YAML */
    mlr_tuner_facts facts;
    char failure[512];
    /* What was found. */
    bool there;
    mlr_profile_doc found;
    mlr_scope_kind scope;  /* that it was found for */
    mlr_pick *pick, *then; /* by row: as found; with what is ticked */
    uint16_t *rule;        /* by row: of the profile found */
    size_t rows;
    mlr_tuner_row row[MLR_TUNER_ROWS];
    size_t count;
    mlr_desk_sums sums; /* with what is ticked */
    mlr_tuner_point point[MLR_TUNER_POINTS];
    size_t points;
} mlr_tuner;

void mlr_tuner_init(mlr_tuner *t, const mlr_allocator *alloc, int wake_fd);
/* Ends the job first. */
void mlr_tuner_release(mlr_tuner *t, mlr_app *app);

/* Starts to tune the open pair under the desk's budgets. */
void mlr_tuner_start(mlr_tuner *t, mlr_app *app, mlr_goal goal);
/* Takes what the job brought; whether it runs, or ended just now. */
bool mlr_tuner_poll(mlr_tuner *t, mlr_app *app);

/* Makes rows of a profile that was found. False where the text is none. */
bool mlr_tuner_take(mlr_tuner *t, mlr_app *app, const char *text, size_t n,
                    const mlr_tuner_facts *facts);

/* Ticks or unticks a row. */
void mlr_tuner_tick(mlr_tuner *t, mlr_app *app, size_t row);

/* Sums anew, from the forecasts there are now. */
void mlr_tuner_sum(mlr_tuner *t, mlr_app *app);

/* Whether the budgets hold with what is ticked. */
bool mlr_tuner_fits(const mlr_tuner *t, const mlr_app *app);

/* What is ticked becomes rules, or choices by hand where only some tensors were meant: one
   step. */
void mlr_tuner_accept(mlr_tuner *t, mlr_app *app);

/* The strategies and levels that the plot compares. */
mlr_sweep mlr_tuner_sweep(void);

/* Points of whole patches as far as forecasts are complete. */
void mlr_tuner_plot(mlr_tuner *t, const mlr_app *app);

#endif
