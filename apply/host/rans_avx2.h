/* The 32-lane rANS decoder, eight lanes at a time. */
#ifndef MLR_APPLY_HOST_RANS_AVX2_H
#define MLR_APPLY_HOST_RANS_AVX2_H

#include "apply/rans.h"

void mlr_rans_decode_avx2(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n);

#endif
