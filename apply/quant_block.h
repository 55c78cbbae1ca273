/*
 * A ggml block taken apart: super-scales, scales and mins of its groups, and its codes, as
 * small unsigned numbers that sort like the values they stand for; and put together again.
 */
#ifndef MLR_APPLY_QUANT_BLOCK_H
#define MLR_APPLY_QUANT_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"

enum {
    MLR_QUANT_CHUNK = 32,   /* blocks with scales that are decoded together */
    MLR_QUANT_PLAIN = 4096, /* bytes of plain codes that are decoded together */
    MLR_QUANT_ITEMS = 256,  /* most codes of a block */
    MLR_QUANT_GROUPS = 16,  /* most groups of a block */
    MLR_QUANT_SUPERS = 2
};

enum { MLR_ANCHOR_NONE, MLR_ANCHOR_NEXT_TO_ENDS };

/* What the numbers of a block type mean: value = scale * (code - zero) + sign * min. */
typedef struct mlr_quant_shape {
    uint8_t dtype;        /* mlr_dtype_id */
    uint8_t supers;       /* scales of the whole block: the second one is the min's */
    bool tiny_super;      /* the super-scale is a power of two in one byte */
    uint8_t groups;       /* that share a scale; the codes of a group lie together */
    uint8_t group_log;    /* log2 of a group's codes */
    uint8_t subs;         /* 0: groups have the block's scale; 1: a scale; 2: also a min */
    uint8_t sub_top[2];   /* largest number of a group's scale and min */
    uint8_t sub_zero;     /* number of a group's scale that stands for 0 */
    uint8_t zero, top;    /* code that stands for 0; largest code */
    int8_t min_sign;      /* how the min enters a value; 0: there is none */
    const int8_t *value;  /* of each code, where they are not evenly spaced; else NULL */
    uint8_t levels;       /* where `value` is: codes below this one sort like it */
    uint8_t anchor;       /* MLR_ANCHOR_: codes that the largest value of a group takes */
    uint16_t super_at[2]; /* byte offsets of the super-scales */
    uint8_t code_at, high_at; /* byte offsets of codes and of their high bits */
    uint8_t sub_at;
} mlr_quant_shape;

/*
 * NULL where the type is none this strategy knows. Small integers count as blocks without
 * scales: those are in the record's model.
 */
const mlr_quant_shape *mlr_quant_shape_of(const mlr_dtype *t);

static inline size_t mlr_quant_chunk_blocks(const mlr_quant_shape *s)
{
    return s->supers > 0 ? MLR_QUANT_CHUNK : MLR_QUANT_PLAIN;
}

static inline unsigned mlr_quant_items(const mlr_quant_shape *s)
{
    return (unsigned)s->groups << s->group_log;
}

/*
 * One side of a chunk. All first super-scales stand before all second ones, 16 bits each,
 * lowest byte first; all scales of groups before all mins.
 */
typedef struct mlr_quant_parts {
    uint8_t super[MLR_QUANT_SUPERS * MLR_QUANT_CHUNK * 2];
    uint8_t sub[2 * MLR_QUANT_CHUNK * MLR_QUANT_GROUPS];
    uint8_t *code; /* codes of a chunk; not owned */
} mlr_quant_parts;

/* Takes `blocks` of them apart, at most MLR_QUANT_CHUNK. */
void mlr_quant_unpack(const mlr_quant_shape *s, const uint8_t *in, size_t blocks,
                      mlr_quant_parts *p);

/* The exact inverse: packing what was unpacked gives the same bytes. */
void mlr_quant_pack(const mlr_quant_shape *s, const mlr_quant_parts *p, size_t blocks,
                    uint8_t *out);

#endif
