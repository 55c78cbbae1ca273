/*
 * The index at the end of a patch: names, types and shapes of the tensors behind each
 * record. It serves people and inspection; applying a patch never needs it.
 */
#ifndef MLR_CODEC_PATCH_INDEX_H
#define MLR_CODEC_PATCH_INDEX_H

#include "apply/base/pool.h"
#include "codec/make.h"

typedef struct mlr_index_writer {
    mlr_buf body;
    size_t tensors;
    mlr_buf last_name; /* names share their beginning with the one before */
} mlr_index_writer;

void mlr_index_begin(mlr_index_writer *w, const mlr_allocator *alloc);
void mlr_index_add(mlr_index_writer *w, const mlr_plan *p, const mlr_made_record *r);

/* Adds the tensors that travel as structure and yields the chunk's content. */
mlr_status mlr_index_finish(mlr_index_writer *w, const mlr_plan *p, mlr_buf *content,
                            mlr_err *err);
void mlr_index_release(mlr_index_writer *w);

typedef struct mlr_index_tensor {
    mlr_str name;
    const mlr_dtype *dtype;
    const uint64_t *dim;
    uint64_t bytes;
    uint16_t flags; /* mlr_pair_flag */
    uint8_t change; /* mlr_change */
    uint8_t rank;
} mlr_index_tensor;

typedef struct mlr_index_record {
    uint64_t stored_bytes; /* of all its chunks; 0 for the last entry, the structure's */
    size_t first_tensor, tensor_count;
} mlr_index_record;

typedef struct mlr_index {
    const mlr_index_record *records; /* in order, then one for tensors in the structure */
    const mlr_index_tensor *tensors;
    size_t record_count, tensor_count;
} mlr_index;

/* Reads the content of an INDEX chunk; all memory comes from `pool`. */
mlr_status mlr_index_read(mlr_index *out, const uint8_t *content, size_t n,
                          const mlr_inflater *inflater, mlr_pool *pool, mlr_err *err);

#endif
