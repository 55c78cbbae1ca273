/* The figures behind `mallorn analyze`, gathered once for its text, JSON and CSV. */
#ifndef MLR_TUI_CLI_ANALYZE_H
#define MLR_TUI_CLI_ANALYZE_H

#include "analysis/hints.h"
#include "analysis/meta_diff.h"
#include "apply/host/host_kernels.h"
#include "codec/forecast.h"
#include "codec/rule_of_thumb.h"
#include "formats/open.h"
#include "tui/cli/forecast_cache.h"
#include "tui/cli/progress.h"

typedef struct mlr_analyze_wish {
    const char *tensor; /* key or name; NULL: all */
    uint64_t level, threads, max_memory;
    bool quick, full, predict, no_predict, no_cache, json, csv, single, quiet;
    unsigned progress;
} mlr_analyze_wish;

/* Tensors that have something in common. */
typedef struct mlr_analyze_group {
    mlr_str name; /* "model.layers.*.mlp.up_proj"; in the pool or a model */
    uint64_t number;
    uint64_t tensors, changed, new_bytes, elements, changed_elements, patch_bytes;
    double old_square, delta_square;
} mlr_analyze_group;

typedef struct mlr_analyze_groups {
    mlr_analyze_group *item;
    size_t count;
} mlr_analyze_groups;

/* A hint, and how often it was found. */
typedef struct mlr_analyze_hint {
    mlr_hint hint; /* of the pair with the most bytes */
    uint32_t pair; /* or MLR_NO_TENSOR: about the models */
    uint64_t tensors, bytes;
} mlr_analyze_hint;

enum { MLR_ANALYZE_HINTS = 2 * MLR_HINT_COUNT };

typedef struct mlr_analyze {
    mlr_cli *cli;
    const mlr_analyze_wish *wish;
    const char *old_path, *new_path;
    mlr_progress *progress;
    mlr_opened *old_opened, *new_opened;
    mlr_pool pool;
    mlr_diff diff;
    mlr_summary summary;
    mlr_meta_diff meta;
    mlr_vocabulary_diff vocabulary;
    mlr_analyze_hint hint[MLR_ANALYZE_HINTS];
    size_t hints;
    mlr_analyze_groups modules, layers;
    uint32_t *order; /* of pairs: most patch bytes first, then most changed */

    bool predicted;
    mlr_plan plan;
    mlr_inflater inflater;
    mlr_predictor predictor;
    mlr_effort effort;
    mlr_prediction *prediction; /* beside the pairs; all 0 where a pair has no record */
    mlr_prediction total;       /* of all records */
    uint64_t structure_bytes;   /* predicted, in the patch */
    mlr_forecast_cache *cache;  /* NULL: none */
} mlr_analyze;

/* Opens, compares, measures, predicts. Released by mlr_analyze_end(), also after a failure;
   `a` must not move. */
mlr_status mlr_analyze_begin(mlr_analyze *a, mlr_err *err);
void mlr_analyze_end(mlr_analyze *a);

/* Groups by module and by layer; sorted: modules by patch bytes, layers by number. */
mlr_status mlr_analyze_group_all(mlr_analyze *a, mlr_err *err);

/* The key of a pair: of its new tensor, or of its old one where there is none. */
mlr_str mlr_analyze_key(const mlr_analyze *a, size_t pair);
const mlr_tensor *mlr_analyze_tensor(const mlr_analyze *a, size_t pair);

/* sqrt(delta / old), or 0. */
double mlr_analyze_relative(double delta_square, double old_square);

void mlr_analyze_print_text(mlr_analyze *a);
void mlr_analyze_print_json(mlr_analyze *a);
void mlr_analyze_print_csv(mlr_analyze *a);

/* --- one tensor --------------------------------------------------------------------------
 */

enum { MLR_ANALYZE_LEVELS = 4, MLR_ANALYZE_STRATEGIES = 32 };

/* One strategy at every level shown. */
typedef struct mlr_analyze_strategy {
    uint8_t id;
    bool suits; /* else nothing was tried */
    mlr_prediction at[MLR_ANALYZE_LEVELS];
} mlr_analyze_strategy;

typedef struct mlr_analyze_one {
    uint32_t pair;
    mlr_measure measure;
    mlr_detail *detail; /* in the pool */
    mlr_low_rank low_rank;
    mlr_hint hint[MLR_HINT_COUNT];
    unsigned hints;
    unsigned levels, at; /* how many levels, and which of them was asked for */
    uint8_t level[MLR_ANALYZE_LEVELS];
    mlr_analyze_strategy strategy[MLR_ANALYZE_STRATEGIES];
    unsigned strategies; /* 0: not predicted, or nothing to choose */
    int best;            /* index of the recommended one, or -1 */
    int fastest;         /* of the one that is applied fastest, or -1 */
    uint64_t max_memory; /* both need no more; 0: no bound */
    mlr_rule_of_thumb thumb;
    int thumb_at; /* its strategy among those tried, or -1 */
    char tip[64]; /* why there is nothing to choose; "" */
} mlr_analyze_one;

/* Everything about the tensor that the wish names. */
mlr_status mlr_analyze_one_make(mlr_analyze *a, mlr_analyze_one *one, mlr_err *err);

/* Why a strategy is not recommended, as a clause without a full stop. */
enum { MLR_ANALYZE_REASON = 120 };
char *mlr_analyze_reason(const mlr_analyze_one *one, const mlr_analyze_strategy *s,
                         char *to);

void mlr_analyze_print_one(mlr_analyze *a, const mlr_analyze_one *one);
void mlr_analyze_one_json(mlr_analyze *a, const mlr_analyze_one *one);

/* Parts that both JSON reports have. */
void mlr_analyze_json_pair(mlr_json *j, const mlr_analyze *a, size_t pair);
void mlr_analyze_json_measure(mlr_json *j, const mlr_measure *m);
void mlr_analyze_json_prediction(mlr_json *j, const char *key, const mlr_prediction *p);
void mlr_analyze_json_hint(mlr_json *j, const mlr_hint *h);

/* Predicts by the cache where it knows; remembers what was computed. Any thread. */
mlr_status mlr_analyze_predict(mlr_analyze *a, uint32_t pair, const mlr_choice *choice,
                               mlr_prediction *out, mlr_err *err);

#endif
