/*
 * Collects what a parser finds, proves the rules common to all formats (inside the file, no
 * overlap, unique keys, sizes that follow from type and shape) and makes the tiling.
 */
#ifndef MLR_FORMATS_BUILDER_H
#define MLR_FORMATS_BUILDER_H

#include "apply/base/pool.h"
#include "formats/limits.h"
#include "formats/model.h"

typedef struct mlr_builder mlr_builder;

/* What a parser knows of a tensor. Pointers are borrowed for the call; bytes are copied. */
typedef struct mlr_tensor_spec {
    mlr_str name;
    mlr_str key; /* empty: the name is the key */
    const mlr_dtype *dtype;
    const uint64_t *dim; /* outermost first */
    uint8_t rank;
    uint8_t big_endian;
    uint32_t member;
    uint32_t native_type;
    mlr_region data;
    uint64_t defined_at;    /* offset in the member that an error about this tensor names */
    const mlr_quant *quant; /* NULL, or copied */
} mlr_tensor_spec;

/* The model will live in `pool`; the builder and its working tables live in `scratch`,
   which may be released after finish(). */
mlr_status mlr_builder_begin(mlr_builder **out, mlr_pool *pool, mlr_pool *scratch,
                             mlr_err *err);

/* Adds a file of the model; `name` is copied. The index is its place in members. */
mlr_status mlr_builder_member(mlr_builder *b, const char *name,
                              const struct mlr_format *format, const mlr_source *source,
                              uint32_t *index, mlr_err *err);

/*
 * One file's parse stands between begin_file and settle (which proves that nothing it added
 * overlaps) or undo (which forgets all it added, members too, and makes it opaque). A key
 * that another file of the model has taken already is told apart by the file's name before
 * it; within one file a repeated key is an error.
 */
void mlr_builder_begin_file(mlr_builder *b, uint32_t member);
mlr_status mlr_builder_settle(mlr_builder *b, mlr_err *err);
void mlr_builder_undo_file(mlr_builder *b);

/*
 * Adds a tensor. Its data must lie inside its member (else MLR_E_TRUNCATED); the element
 * count must not overflow; a typed tensor's length must equal what dtype and shape say (a
 * parser that tolerates another length passes dtype opaque); its key must be new in its
 * file. All of these fail with offset `defined_at`. Ranges that equal an earlier one are
 * tied; a partial overlap fails in settle() and finish() at the later definition.
 */
mlr_status mlr_builder_tensor(mlr_builder *b, const mlr_tensor_spec *t, mlr_err *err);

/* Proves that the tensors of the file being parsed cover `data` of it without hole, overlap
   or tie, in whatever order they were defined. Fails at the definition at fault, or at the
   first byte left over. */
mlr_status mlr_builder_gapless(mlr_builder *b, mlr_region data, mlr_err *err);

/* Sets the quantization of the tensor added with this key, once it becomes known. False
   where there is no such tensor. */
bool mlr_builder_quantize(mlr_builder *b, mlr_str key, const mlr_quant *quant);

/* Adds a metadata entry; key and text are copied. Repeated keys are the parser's business.
 */
mlr_status mlr_builder_meta(mlr_builder *b, const mlr_meta *m, mlr_err *err);

/* The newest metadata entry of this file with this key, or NULL. Constant time. */
const mlr_meta *mlr_builder_meta_find(const mlr_builder *b, mlr_str key);

/* Index of the tensor with this key, or MLR_NO_TENSOR. Constant time. */
uint32_t mlr_builder_find(const mlr_builder *b, mlr_str key);
const mlr_tensor *mlr_builder_tensor_at(const mlr_builder *b, uint32_t index);
size_t mlr_builder_tensor_count(const mlr_builder *b);

/* First tensor of the file being parsed: its tensors are [start, count). */
uint32_t mlr_builder_file_start(const mlr_builder *b);

/* Sorts, proves, tiles. The model lives in the pool; the builder must not be used again. */
mlr_status mlr_builder_finish(mlr_builder *b, mlr_model *out, mlr_err *err);

#endif
