/*
 * Element types of tensors. The ids are stored in patches, so this table belongs to the
 * device half; formats map their own type numbers onto it.
 */
#ifndef MLR_APPLY_BASE_DTYPE_H
#define MLR_APPLY_BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mlr_dtype_class {
    MLR_CLASS_OPAQUE, /* bytes without known meaning: strings, unknown types, sparse data */
    MLR_CLASS_FLOAT,  /* sign, exponent, mantissa; a whole number of bytes */
    MLR_CLASS_INT,    /* two's complement, a whole number of bytes */
    MLR_CLASS_UINT,   /* unsigned, a whole number of bytes; booleans too */
    MLR_CLASS_COMPLEX, /* two floats of half the width */
    MLR_CLASS_PACKED,  /* several elements share a byte */
    MLR_CLASS_BLOCK    /* ggml block: scales and codes of block_items elements */
} mlr_dtype_class;

typedef enum mlr_dtype_id {
#define MLR_DTYPE(id, sym, name, cls, bits, items, bytes, exp_bits) MLR_DTYPE_##sym = (id),
#include "apply/base/dtypes.def"
#undef MLR_DTYPE
    MLR_DTYPE_LIMIT /* one above the largest id */
} mlr_dtype_id;

typedef struct mlr_dtype {
    const char *name; /* "bf16", "q4_k" */
    uint8_t id;       /* mlr_dtype_id */
    uint8_t cls;      /* mlr_dtype_class */
    uint8_t
        exp_bits;  /* of floats; the mantissa has bits - 1 - exp_bits (e8m0: bits - exp) */
    uint16_t bits; /* of one element; 0 where elements are not told apart */
    uint16_t block_items; /* elements that are stored together; 1 for whole-byte types */
    uint16_t block_bytes; /* bytes of block_items elements */
} mlr_dtype;

/* Returns NULL for an id that does not exist. */
const mlr_dtype *mlr_dtype_get(unsigned id);

/* Returns NULL for an unknown name. Compares the table's lower-case names. */
const mlr_dtype *mlr_dtype_named(const char *name, size_t n);

/*
 * Bytes of `elements` elements: false where a block is left incomplete (ggml) or the
 * product does not fit. Packed types round the last byte up.
 */
bool mlr_dtype_bytes(const mlr_dtype *t, uint64_t elements, uint64_t *out);

#endif
