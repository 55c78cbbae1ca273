/* Requantising sixteen codes at a time. */
#ifndef MLR_APPLY_HOST_QUANT_AVX2_H
#define MLR_APPLY_HOST_QUANT_AVX2_H

#include "apply/quant_predict.h"

void mlr_requant_run_avx2(const mlr_requant *r, const uint8_t *restrict old, size_t n,
                          uint8_t *restrict expected, uint8_t *restrict context);

#endif
