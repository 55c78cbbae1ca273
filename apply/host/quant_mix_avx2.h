/* The mixed decisions of quantised blocks, all inputs at once. */
#ifndef MLR_APPLY_HOST_QUANT_MIX_AVX2_H
#define MLR_APPLY_HOST_QUANT_MIX_AVX2_H

#include "apply/quant_mix.h"

unsigned mlr_quant_mixed_avx2(mlr_quant_mix *m, unsigned node, const mlr_quant_coder *c,
                              unsigned bit);

#endif
