/* Totals of a diff: over all, by layer, by element type, and as a tree of modules. */
#ifndef MLR_ANALYSIS_SUMMARY_H
#define MLR_ANALYSIS_SUMMARY_H

#include "analysis/diff.h"

typedef struct mlr_tally {
    uint64_t tensors[MLR_CHANGE_COUNT];
    uint64_t renamed, moved, resized, retyped, tied;
    uint64_t old_bytes, new_bytes;
    uint64_t same_bytes; /* of new tensors whose payload did not change */
    /* over the pairs that were measured */
    uint64_t elements, changed_elements;
    double old_square, delta_square; /* sums of squares: sqrt(delta / old) is the relative
                                        change of the group */
} mlr_tally;

/* Tensors that share a layer or a type. */
typedef struct mlr_group {
    mlr_str name;    /* "model.layers.12", "bf16"; in a model or a literal */
    uint64_t number; /* of the layer */
    mlr_tally tally;
} mlr_group;

/* A module: what tensors with a common beginning of their keys have in common. */
typedef struct mlr_node {
    mlr_str name;    /* its own part: "self_attn" */
    uint32_t parent; /* index; of the root: itself */
    uint32_t next;   /* index behind the last node below this one: node i holds the nodes
                        i + 1 .. next - 1 */
    uint32_t pair;   /* of a leaf: index into matching.pairs; else MLR_NO_TENSOR */
    uint32_t depth;  /* of the root: 0 */
    mlr_tally tally;
} mlr_node;

typedef struct mlr_summary {
    mlr_tally all;
    mlr_group *layers; /* by number, then name */
    mlr_group
        *dtypes;     /* by new bytes, largest first; a removed tensor counts for its own */
    mlr_node *nodes; /* nodes[0] is the root; children in natural order (2 before 10) */
    size_t layer_count, dtype_count, node_count;
} mlr_summary;

/* Everything lives in `pool`; names point into the models. */
mlr_status mlr_summary_make(mlr_summary *out, const mlr_diff *d, mlr_pool *pool,
                            mlr_err *err);

/*
 * The layer a key belongs to: its beginning up to and with the first part that is a number
 * or ends in one behind '_' ("blk.12", "/encoder/layer_3"). Parts are split by '.' and '/'.
 * False where there is none.
 */
bool mlr_layer_of(mlr_str key, mlr_str *layer, uint64_t *number);

/* Less than, equal to or greater than 0, as a is before b; runs of digits compare as
   numbers. */
int mlr_natural_order(mlr_str a, mlr_str b);

#endif
