/* The builder's tables, shared by builder.c, which fills them, and tiling.c, which proves
   that the ranges tile the files. Not for anyone else. */
#ifndef MLR_FORMATS_BUILDER_ROWS_H
#define MLR_FORMATS_BUILDER_ROWS_H

#include "formats/builder.h"
#include "formats/key_index.h"

/*
 * Rows live in chunks, so that a table grows without moving or copying and pointers to rows
 * stay valid. finish() copies them once into tables of their exact size.
 */
enum { MLR_ROWS_PER_CHUNK = 512, MLR_MAX_METAS = 1 << 20 };

typedef struct mlr_tensor_row {
    mlr_tensor tensor;
    uint64_t defined_at;
} mlr_tensor_row;

typedef struct mlr_rows {
    void **chunk;
    size_t row_bytes, count, chunks, chunk_room;
} mlr_rows;

/* Appends a zeroed row; NULL when memory is gone. */
void *mlr_rows_add(mlr_rows *r, mlr_pool *pool);

static inline void *mlr_rows_at(const mlr_rows *r, size_t i)
{
    uint8_t *chunk = r->chunk[i / MLR_ROWS_PER_CHUNK];
    return chunk + i % MLR_ROWS_PER_CHUNK * r->row_bytes;
}

/* Tensors [from, upto) in the order of their offsets, proven not to overlap. */
typedef struct mlr_placement {
    struct mlr_place *at; /* NULL: none yet */
    size_t count;         /* without empty and tied tensors */
    size_t from, upto;
} mlr_placement;

struct mlr_builder {
    mlr_pool *pool, *scratch;
    mlr_rows members; /* mlr_member */
    mlr_rows tensors; /* mlr_tensor_row */
    mlr_rows metas;   /* mlr_meta */
    mlr_key_index keys, meta_keys;
    /* counts when the file being parsed began */
    size_t file_tensors, file_metas, file_members;
    uint32_t file;        /* its member */
    mlr_placement proven; /* what settle() found, which finish() need not find again */
    bool out_of_memory;
    uint64_t text_bytes; /* of names, keys and texts, so that a vast file stays cheap */
};

/* Proves that tensors [from, count) do not partly overlap each other, and ties equal ones.
 */
mlr_status mlr_tiling_prove(mlr_builder *b, size_t from, mlr_err *err);

/* The same for all of them, and makes the spans and per-member figures. */
mlr_status mlr_tiling_make(mlr_builder *b, mlr_model *out, mlr_member *members,
                           mlr_err *err);

#endif
