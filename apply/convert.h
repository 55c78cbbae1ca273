/*
 * Float elements in another float type, by integers alone: what rounding to nearest, ties
 * to even, makes of them on every machine. It predicts tensors whose type changed.
 */
#ifndef MLR_APPLY_CONVERT_H
#define MLR_APPLY_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"

/* f16, bf16, f32 and f64 convert into each other. */
bool mlr_can_convert(const mlr_dtype *from, const mlr_dtype *to);

/* `n` elements; the two runs do not overlap. */
void mlr_convert(const mlr_dtype *from, const uint8_t *in, const mlr_dtype *to,
                 uint8_t *out, size_t n);

#endif
