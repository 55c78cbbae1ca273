/*
 * How the elements of a pair lie over each other: the part both tensors have, as rows, and
 * where each of its elements stands in either payload.
 */
#ifndef MLR_ANALYSIS_OVERLAY_H
#define MLR_ANALYSIS_OVERLAY_H

#include "analysis/measure.h"

/* One side: slab i (of view->slab elements) starts at element i * stride. */
typedef struct mlr_overlay_side {
    const mlr_source *source; /* NULL: this side is absent */
    const mlr_dtype *dtype;   /* the unit type */
    uint64_t off;             /* of the payload */
    uint64_t stride;          /* elements */
    uint64_t elements;        /* of the whole tensor */
    bool big_endian;
} mlr_overlay_side;

typedef struct mlr_overlay {
    mlr_overlay_side side[2]; /* old, new */
    bool comparable;
    uint64_t elements;   /* compared, or of the one side there is */
    uint64_t rows, cols; /* rows * cols == elements */
    uint64_t slab;       /* elements that lie in one piece in both */
    uint64_t align;      /* pieces are read from multiples of this many elements */
} mlr_overlay;

/* Lays the pair out. A tensor whose payload is shorter than its shape says is taken as
   opaque bytes. */
void mlr_overlay_of(mlr_overlay *v, const mlr_pair *pair);

/* The same for one side of it alone (0: old, 1: new). */
void mlr_overlay_alone(mlr_overlay *v, const mlr_pair *pair, unsigned side);

/* Bytes of n elements of a side, rounded up to whole blocks. */
size_t mlr_overlay_bytes(const mlr_overlay_side *s, size_t n);

/*
 * Bytes of elements [first, first + n) of one side; in place or in `room`. `first` and n
 * are multiples of v->align unless they end the slab. NULL with the error recorded.
 */
const uint8_t *mlr_overlay_read(const mlr_overlay *v, unsigned side, uint64_t first,
                                size_t n, uint8_t *room, mlr_err *err);

#endif
