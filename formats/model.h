/*
 * A model as the rest of the program sees it: one file or several (members), each covered
 * without gap or overlap by spans. A span is tensor payload or glue (headers, metadata,
 * padding). Code that reproduces every span reproduces the files, whatever their format.
 */
#ifndef MLR_FORMATS_MODEL_H
#define MLR_FORMATS_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"
#include "apply/base/io.h"

/* Bytes from a file, counted, not NUL-terminated. Data, not text, until made printable. */
typedef struct mlr_str {
    const char *p;
    size_t n;
} mlr_str;

typedef struct mlr_region {
    uint64_t off, len;
} mlr_region;

/* Values that stand somewhere in the model: scales, zero points. Read when needed. */
typedef struct mlr_values {
    const mlr_dtype *dtype; /* NULL: absent */
    uint64_t count;
    mlr_region bytes;
    uint32_t member;
} mlr_values;

/* Quantization: value = scale * (code - zero). */
typedef struct mlr_quant {
    mlr_values scale;
    mlr_values zero; /* absent: zero point 0 */
    int32_t axis; /* dimension that scales run along; -1: one scale for all, or unknown */
    uint32_t
        block; /* elements along `axis` (the last dimension) per scale; 0: per channel */
    const char *scheme; /* literal: "affine", "gptq", "awq", "matmul-nbits", "fp8-scale" */
} mlr_quant;

#define MLR_NO_TENSOR UINT32_MAX

/* One row of the tensor table. All pointers live in the model. */
typedef struct mlr_tensor {
    mlr_str name; /* as the file says it; may be empty or repeat in ONNX, TFLite */
    mlr_str key;  /* identity: unique in the set, survives reordering */
    const mlr_dtype *dtype; /* never NULL; opaque where the type or layout is unknown */
    const uint64_t *dim;    /* `rank` sizes, outermost first (as NumPy shows them) */
    const mlr_quant *quant; /* NULL where the format tells none */
    uint64_t elements;
    mlr_region data;      /* proven to lie inside its member */
    uint32_t member;      /* index into members */
    uint32_t tied_to;     /* first tensor with the same payload range, or MLR_NO_TENSOR */
    uint32_t native_type; /* the format's own type number */
    uint8_t rank;
    uint8_t big_endian; /* elements are stored most significant byte first */
} mlr_tensor;

typedef struct mlr_span {
    mlr_region bytes;
    uint32_t tensor; /* index into tensors, or MLR_NO_TENSOR for glue */
} mlr_span;

typedef struct mlr_member {
    const char *name;                /* path relative to the model's directory */
    const struct mlr_format *format; /* the opaque format where none fits */
    const mlr_source *source;
    size_t first_span, span_count; /* its tiling, in offset order */
    uint64_t glue_bytes;
} mlr_member;

typedef enum mlr_meta_kind {
    MLR_META_UINT,
    MLR_META_INT,
    MLR_META_FLOAT,
    MLR_META_BOOL,
    MLR_META_STRING,
    MLR_META_ARRAY,
    MLR_META_BYTES
} mlr_meta_kind;

/* One key of the model's metadata. */
typedef struct mlr_meta {
    mlr_str key;
    mlr_meta_kind kind;
    mlr_meta_kind element; /* of an array; nested arrays are MLR_META_ARRAY */
    union {
        uint64_t u; /* also bool */
        int64_t i;
        double f;
    } value;
    mlr_str text;     /* of a string: all of it up to 4,096 bytes */
    uint64_t count;   /* elements of an array, bytes of a string */
    mlr_region bytes; /* where the value stands, after its type and length */
    uint32_t member;
    uint32_t native_type; /* the format's own number of the value's (or element's) type */
} mlr_meta;

typedef struct mlr_model {
    const mlr_member *members;
    const mlr_tensor *tensors; /* in the order of the files */
    const mlr_span *spans;
    const mlr_meta *metas;
    const char *note;                  /* why a file was not read as its format, or NULL */
    const struct mlr_key_index *index; /* of keys, for mlr_model_find() */
    size_t member_count, tensor_count, span_count, meta_count;
} mlr_model;

/* The tensor with this identity key, or NULL. Constant time. */
const mlr_tensor *mlr_model_find(const mlr_model *m, mlr_str key);

#endif
