/* What changed beside the tensors: metadata key by key (operators and opsets of a graph are
   among them) and the vocabulary. */
#ifndef MLR_ANALYSIS_META_DIFF_H
#define MLR_ANALYSIS_META_DIFF_H

#include "analysis/match.h"

typedef enum mlr_meta_area {
    MLR_META_GENERAL,
    MLR_META_TOKENIZER, /* "tokenizer." */
    MLR_META_OPSET,     /* "opset." */
    MLR_META_OPERATOR   /* "graph.ops.": how often an operator is used */
} mlr_meta_area;

typedef struct mlr_meta_change {
    const mlr_meta *old_meta, *new_meta; /* in the models; NULL where there is none */
    uint8_t change;                      /* mlr_change: same, changed, added, removed */
    uint8_t area;                        /* mlr_meta_area */
} mlr_meta_change;

typedef struct mlr_meta_diff {
    mlr_meta_change *changes; /* in the order of the new model, then the removed ones */
    size_t count;
    size_t counts[MLR_CHANGE_COUNT];
} mlr_meta_diff;

/* Values are compared whole: of long ones the bytes are read, by windows. */
mlr_status mlr_meta_diff_make(mlr_meta_diff *out, const mlr_model *old_model,
                              const mlr_model *new_model, const mlr_work *work,
                              mlr_pool *pool, mlr_err *err);

#define MLR_NO_TOKEN UINT32_MAX

typedef struct mlr_token_change { /* a token that was added, removed or moved */
    mlr_str text;
    uint32_t old_id, new_id; /* or MLR_NO_TOKEN */
} mlr_token_change;

typedef struct mlr_vocabulary_diff {
    bool known; /* both models have a token list that could be read */
    uint64_t old_count, new_count;
    uint64_t same, added, removed, moved;
    mlr_token_change *changes; /* added by id, then removed by id, then moved by new id */
    size_t count;
} mlr_vocabulary_diff;

/* Reads "tokenizer.ggml.tokens" of both models, at most 64 MiB each. */
mlr_status mlr_vocabulary_diff_make(mlr_vocabulary_diff *out, const mlr_model *old_model,
                                    const mlr_model *new_model, const mlr_work *work,
                                    mlr_pool *pool, mlr_err *err);

#endif
