/* The state of the Rules screen, shared by its keys (screen_rules.c) and its drawing. */
#ifndef MLR_TUI_RULES_VIEW_H
#define MLR_TUI_RULES_VIEW_H

#include "tui/app_core.h"

typedef enum mlr_rules_pane {
    MLR_RULES_MATCHES,
    MLR_RULES_TEXT,
    MLR_RULES_PROBLEMS,
    MLR_RULES_PANES
} mlr_rules_pane;

/* Lines of the table behind those of the rules. */
enum { MLR_RULES_DEFAULT, MLR_RULES_YOU, MLR_RULES_SAME, MLR_RULES_BEHIND };

typedef struct mlr_rules_view {
    mlr_rules_pane pane;
    size_t cursor;      /* line of the table: a rule, or one behind them */
    size_t problem;     /* under the cursor */
    size_t text_top;    /* first line of the text that shows */
    size_t lines;       /* of the text */
    size_t page;        /* lines of the text that fit */
    mlr_desk_sums *now; /* by line of the table */
    mlr_desk_sums *was; /* before the first step */
    size_t sums;        /* how many of each */
    mlr_pick *was_pick; /* by row */
    size_t was_rows;
    bool was_known, was_changed; /* whether steps had been taken then */
    size_t same;                 /* tensors that did not change */
    uint64_t summed, summed_ms;  /* generation of the rows that sums are of; when */
} mlr_rules_view;

/* Lines of the table: rules and what stands behind them. */
size_t mlr_rules_lines(const mlr_app *app);

/* First and last line (from 1) of a rule in the text; 0: not known. */
void mlr_rules_span(const mlr_app *app, size_t rule, size_t *first, size_t *last);

void mlr_rules_draw(const mlr_app *app, const mlr_rules_view *v, mlr_pane body);

/* How the panes lie in a body: text, matches, problems; rows 0: not shown. */
typedef struct mlr_rules_places {
    mlr_pane text, matches, problems;
} mlr_rules_places;
mlr_rules_places mlr_rules_place(const mlr_app *app, const mlr_rules_view *v,
                                 mlr_pane body);

#endif
