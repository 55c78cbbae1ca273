/*
 * Which bytes of a ggml block are what: scales, low bits, high bits, masks. The fields of a
 * layout cover the block without gap or overlap.
 */
#ifndef MLR_APPLY_BLOCK_LAYOUT_H
#define MLR_APPLY_BLOCK_LAYOUT_H

#include <stdint.h>

#include "apply/lane.h"

enum { MLR_MOST_FIELDS = 6 };

typedef struct mlr_field {
    uint16_t offset, bytes;
    mlr_lane lane;
} mlr_field;

typedef struct mlr_block_layout {
    uint8_t dtype; /* mlr_dtype_id */
    uint8_t count;
    mlr_field field[MLR_MOST_FIELDS];
} mlr_block_layout;

/* NULL where the type is no ggml block. */
const mlr_block_layout *mlr_block_layout_of(const mlr_dtype *t);

/*
 * The streams of block-fields for a run of n bytes: every field of all blocks, plane after
 * plane. Bytes that are no whole block go to the last stream's end.
 */
enum { MLR_FIELD_STREAMS = 16 };

typedef struct mlr_field_split {
    const mlr_block_layout *layout;
    size_t blocks, rest;
    unsigned streams;
    size_t size[MLR_FIELD_STREAMS];
} mlr_field_split;

void mlr_field_split_of(const mlr_dtype *t, size_t n, mlr_field_split *split);

/* How the difference of a field is made; two bits per field in the payload's first bytes.
 */
typedef enum mlr_field_mode {
    MLR_FIELD_PLAIN,
    MLR_FIELD_XOR,
    MLR_FIELD_SUB
} mlr_field_mode;

#endif
