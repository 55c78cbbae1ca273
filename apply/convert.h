/*
 * Float elements in another float type, by integers alone: what rounding to nearest, ties
 * to even, makes of them on every machine; or quantised, as ggml's reference does it. It
 * predicts tensors whose type changed.
 */
#ifndef MLR_APPLY_CONVERT_H
#define MLR_APPLY_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"

/* f16, bf16, f32 and f64 convert into each other; what of them can be quantised, and into
   what, apply/quantise.h says. */
bool mlr_can_convert(const mlr_dtype *from, const mlr_dtype *to);

/* Old bytes that become one group of new elements (a block, or one element); 0 where old
   groups do not fill a new one. */
static inline uint64_t mlr_group_source(const mlr_dtype *from, const mlr_dtype *to)
{
    if (to->block_items % from->block_items != 0) {
        return 0;
    }
    return (uint64_t)(to->block_items / from->block_items) * from->block_bytes;
}

/* Makes `n` groups of the new type; the two runs do not overlap. */
void mlr_convert(const mlr_dtype *from, const uint8_t *in, const mlr_dtype *to,
                 uint8_t *out, size_t n);

#endif
