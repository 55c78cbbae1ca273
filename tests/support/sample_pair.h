/* A pair of models in memory, shaped like a small language model, and facts about it: for
 * screens, which show facts and do not care where they come from. */
#ifndef MLR_TESTS_SUPPORT_SAMPLE_PAIR_H
#define MLR_TESTS_SUPPORT_SAMPLE_PAIR_H

#include "analysis/match.h"
#include "apply/base/pool.h"
#include "tui/outlook.h"
#include "tui/rows.h"

typedef struct sample_pair {
    mlr_pool pool;
    mlr_model old_model, new_model;
} sample_pair;

/* `layers` layers of twelve tensors, an embedding and a norm; one tensor was added, one
   removed and one reshaped where `edits`. */
void sample_pair_make(sample_pair *p, unsigned layers, bool edits,
                      const mlr_allocator *alloc);
void sample_pair_release(sample_pair *p);

/* What analysis and prediction would say: the first layers are the same, later ones differ
   more; every fifth result is an estimate; the last rows stay unknown. */
void sample_facts(mlr_ui_rows *rows);

/* What matching would say of these rows: for rules, which are held against pairs. */
mlr_matching sample_matching(sample_pair *p, const mlr_ui_rows *rows);

/* Forecasts of every row that travels, easy to add up by hand: see sample_cast(). */
struct mlr_app;
mlr_cast sample_cast(const struct mlr_app *app, size_t row, mlr_pick pick);
void sample_forecasts(struct mlr_app *app, mlr_pick pick);

#endif
