/* The two sides of a planned record as encoders read them, by random access to both models.
 */
#ifndef MLR_CODEC_PAIR_VIEW_H
#define MLR_CODEC_PAIR_VIEW_H

#include "codec/plan.h"
#include "codec/strategy.h"

typedef struct mlr_pair_view {
    mlr_view view; /* for encoders; refers to this object, which must not move */
    mlr_record record;
    const mlr_model *old_model;
    const mlr_source *new_source; /* the record's new bytes stand there, from new_off on */
    uint64_t new_off;
    const mlr_ref *refs;
    size_t ref_count;
    uint64_t *ref_start; /* offset of each reference in the record's old bytes */
    mlr_quant_view quant;
} mlr_pair_view;

/*
 * Sets `v` up for a record whose blocks have at most `block_bytes` new bytes. Memory is
 * taken from `pool`; the models are borrowed through the plan.
 */
mlr_status mlr_pair_view_init(mlr_pair_view *v, const mlr_plan *plan,
                              const mlr_plan_record *r, uint32_t block_bytes,
                              mlr_pool *pool, mlr_err *err);

/* The same for structure bytes, which stand at `at` in `source` and are one block. */
mlr_status mlr_pair_view_glue(mlr_pair_view *v, const mlr_model *old_model,
                              const mlr_source *source, mlr_region at, const mlr_ref *refs,
                              size_t ref_count, mlr_pool *pool, mlr_err *err);

/* Bytes of the i-th block, and where it begins. */
size_t mlr_pair_view_block(const mlr_pair_view *v, uint64_t i, uint64_t *first);
uint64_t mlr_pair_view_blocks(const mlr_pair_view *v);

/* Old bytes that belong to `n` new bytes at `first`. */
size_t mlr_record_old_bytes(const mlr_record *r, uint64_t first, size_t n);

#endif
