/* Loops of the neural decoder for 32-bit floats on processors with AVX2. */
#ifndef MLR_APPLY_HOST_NEURAL32_AVX2_H
#define MLR_APPLY_HOST_NEURAL32_AVX2_H

#if defined(__x86_64__)

#include "apply/predict.h"
#include "apply/residual.h"

/* As mlr_predict() for models without conversion and lag; both return how many elements are
   done, the rest being the caller's. */
size_t mlr_expect_base32_avx2(const mlr_chunk *c);  /* no factors, one edge */
size_t mlr_expect_moved32_avx2(const mlr_chunk *c); /* factors, all edges */

/* As mlr_residual_add(). */
void mlr_add32_avx2(const mlr_residual *r);

#endif

#endif
