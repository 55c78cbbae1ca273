/* The neural decoder's inner loops for processors with NEON: every 64-bit ARM. */
#ifndef MLR_APPLY_HOST_NEURAL_NEON_H
#define MLR_APPLY_HOST_NEURAL_NEON_H

#include "apply/neural_kernels.h"

#if defined(__aarch64__) && defined(__AARCH64EL__)
#define MLR_HAS_NEON 1
extern const mlr_neural_kernels mlr_neural_neon;

/* The 32-lane rANS decoder, four lanes at a time. */
void mlr_rans_decode_neon(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n);

/* Requantising, sixteen codes at a time. */
void mlr_requant_run_neon(const mlr_requant *r, const uint8_t *restrict old, size_t n,
                          uint8_t *restrict expected, uint8_t *restrict context);
#else
#define MLR_HAS_NEON 0
#endif

#endif
