/*
 * Observations worth a sentence, each with the figure that triggers it and the bound it was
 * held against. They say what is there, not what to do about it.
 */
#ifndef MLR_ANALYSIS_HINTS_H
#define MLR_ANALYSIS_HINTS_H

#include "analysis/rank_energy.h"
#include "analysis/summary.h"

/* Identifier, name for machines, what the figure is. */
#define MLR_HINT_TABLE(X)                                                                  \
    X(MLR_HINT_FROZEN_LAYERS, "frozen-layers", "layers whose payloads did not change")     \
    X(MLR_HINT_LOW_RANK, "low-rank", "share of the change's energy within `rank`")         \
    X(MLR_HINT_REQUANTISED, "requantised", "correlation of the values across the types")   \
    X(MLR_HINT_RESCALED, "rescaled", "share of changed blocks whose scale changed")        \
    X(MLR_HINT_SCALED, "scaled", "share of the change that new = factor * old explains")   \
    X(MLR_HINT_GROWN, "grown", "rows added to the first dimension")                        \
    X(MLR_HINT_GROWN_VOCABULARY, "grown-vocabulary", "tokens added")                       \
    X(MLR_HINT_UNRELATED, "unrelated", "correlation of old and new values")                \
    X(MLR_HINT_CAST, "cast", "share of elements that are the old ones rounded")

typedef enum mlr_hint_kind {
#define MLR_HINT_ENUM(id, name, figure) id,
    MLR_HINT_TABLE(MLR_HINT_ENUM)
#undef MLR_HINT_ENUM
        MLR_HINT_COUNT
} mlr_hint_kind;

typedef struct mlr_hint {
    mlr_hint_kind kind;
    double figure; /* what mlr_hint_figure() names */
    double bound;  /* what it was compared with */
    uint64_t of;   /* whole that the figure is a part of, where it is a count; else 0 */
    double factor; /* of MLR_HINT_SCALED */
    uint32_t rank; /* of MLR_HINT_LOW_RANK */
} mlr_hint;

/* Hints about one pair, at most MLR_HINT_COUNT. `m` as measured in full; `low_rank` may be
   NULL. Returns how many there are. */
unsigned mlr_hints_of_pair(mlr_hint out[MLR_HINT_COUNT], const mlr_pair *pair,
                           const mlr_measure *m, const mlr_low_rank *low_rank);

struct mlr_vocabulary_diff;

/* Hints about the models as a whole. `vocabulary` may be NULL. */
unsigned mlr_hints_of_models(mlr_hint out[MLR_HINT_COUNT], const mlr_diff *d,
                             const mlr_summary *s,
                             const struct mlr_vocabulary_diff *vocabulary);

/* Names for machines and for people; never NULL. */
const char *mlr_hint_name(mlr_hint_kind kind);
const char *mlr_hint_figure(mlr_hint_kind kind);

#endif
