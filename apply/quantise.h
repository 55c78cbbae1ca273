/*
 * What ggml's reference quantisers make of floats, by integers alone: the same bytes on
 * every machine, and those that a quantised file holds whose writer was the reference. They
 * predict tensors that were quantised.
 */
#ifndef MLR_APPLY_QUANTISE_H
#define MLR_APPLY_QUANTISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"

/* f16, bf16 and f32 become Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0. */
bool mlr_can_quantise(const mlr_dtype *from, const mlr_dtype *to);

/* Makes `blocks` blocks of 32 * blocks floats; the two runs do not overlap. Values that are
   no numbers count as 0. */
void mlr_quantise(const mlr_dtype *from, const uint8_t *in, const mlr_dtype *to,
                  uint8_t *out, size_t blocks);

#endif
