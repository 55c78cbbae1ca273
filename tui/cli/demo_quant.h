/* Quantises rows of floats to the block layouts of ggml and to 8-bit codes with a scale. */
#ifndef MLR_TUI_CLI_DEMO_QUANT_H
#define MLR_TUI_CLI_DEMO_QUANT_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"

/* How scales are found: at once from the extremes, or by trying a few for the least error.
 */
typedef enum mlr_demo_effort { MLR_DEMO_PLAIN, MLR_DEMO_SEARCH } mlr_demo_effort;

/*
 * Writes n elements (whole blocks) as F32, F16, BF16, Q4_0, Q8_0, Q4_K or Q6_K and returns
 * the bytes written.
 */
size_t mlr_demo_blocks(uint8_t *to, const float *x, size_t n, mlr_dtype_id type,
                       mlr_demo_effort effort);

/* The scale by which the largest magnitude becomes `most`; 1 for a row of zeros. */
float mlr_demo_scale(const float *x, size_t n, float most);

/* x / scale, rounded to -127..127. */
int8_t mlr_demo_code(float x, float scale);

#endif
