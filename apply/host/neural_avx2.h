/* The neural decoder's inner loops for processors with AVX2. */
#ifndef MLR_APPLY_HOST_NEURAL_AVX2_H
#define MLR_APPLY_HOST_NEURAL_AVX2_H

#include "apply/neural_kernels.h"

#if defined(__x86_64__)
extern const mlr_neural_kernels mlr_neural_avx2;
#endif

#endif
