/*
 * Inverse transforms, in place: a difference becomes the new bytes. Plain loops that
 * compilers vectorise. Bytes after the last whole lane are combined one by one.
 */
#ifndef MLR_APPLY_UNDO_H
#define MLR_APPLY_UNDO_H

#include <stddef.h>
#include <stdint.h>

#include "apply/lane.h"

/* bytes ^= old. */
void mlr_undo_xor(uint8_t *restrict bytes, const uint8_t *restrict old, size_t n);

/* bytes = old + unfold(bytes), in the order of the values where the lane is a float. */
void mlr_undo_sub(mlr_lane lane, uint8_t *restrict bytes, const uint8_t *restrict old,
                  size_t n);

/*
 * Joins planes: byte j of lane first + i comes from planes[j * stride + first + i]. Writes
 * count lanes of `width` bytes.
 */
typedef struct mlr_planes {
    const uint8_t *bytes; /* plane after plane */
    size_t stride;        /* lanes in each */
    unsigned width;
} mlr_planes;

void mlr_join_planes(uint8_t *restrict out, const mlr_planes *p, size_t first,
                     size_t count);

#endif
