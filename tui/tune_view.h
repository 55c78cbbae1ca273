/* The state of the Tune screen, shared by its keys (screen_tune.c), its drawing
   (tune_draw.c) and its plot (tune_plot.c). */
#ifndef MLR_TUI_TUNE_VIEW_H
#define MLR_TUI_TUNE_VIEW_H

#include "tui/app_core.h"
#include "tui/tuner.h"

typedef enum mlr_tune_pane {
    MLR_TUNE_WHAT_IF,
    MLR_TUNE_GOAL,
    MLR_TUNE_RESULTS,
    MLR_TUNE_PANES
} mlr_tune_pane;

typedef enum mlr_tune_field {
    MLR_TUNE_SCOPE,
    MLR_TUNE_STRATEGY,
    MLR_TUNE_LEVEL,
    MLR_TUNE_NEURAL,
    MLR_TUNE_DICT,
    MLR_TUNE_BLOCK,
    MLR_TUNE_FIELDS
} mlr_tune_field;

/* What auto-tune aims at, in its pane. */
typedef enum mlr_tune_aim {
    MLR_AIM_GOAL,
    MLR_AIM_SIZE,
    MLR_AIM_MEMORY,
    MLR_AIM_TIME,
    MLR_TUNE_AIMS
} mlr_tune_aim;

typedef struct mlr_tune_view {
    mlr_tuner tuner;
    mlr_tune_pane pane;
    size_t field, aim, result; /* under the cursor */
    mlr_goal goal;
    mlr_pick what_if;
    bool begun;                 /* the what-if was taken from what holds */
    mlr_desk_sums then;         /* with the what-if */
    uint64_t plotted, drawn_ms; /* generation of the rows that the plot is of */
    bool by_memory;             /* the plot shows memory instead of time */
} mlr_tune_view;

enum { MLR_TUNE_LEVELS = 22 };

void mlr_tune_draw(const mlr_app *app, const mlr_tune_view *t, mlr_pane body);

/* Patch size against time to decode, or against memory. */
void mlr_tune_plot_draw(const mlr_app *app, const mlr_tune_view *t, mlr_pane frame);

/* "xor-planes 9, block 64K", or "several". */
const char *mlr_tune_pick_text(mlr_pick p, char *to, size_t room);

#endif
