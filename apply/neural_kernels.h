/* The inner loops of the neural decoder that a host may replace. */
#ifndef MLR_APPLY_NEURAL_KERNELS_H
#define MLR_APPLY_NEURAL_KERNELS_H

#include "apply/predict.h"
#include "apply/quant_mix.h"
#include "apply/quant_predict.h"
#include "apply/rans.h"
#include "apply/residual.h"

/* 16-bit floats to zigzag residuals z, and to tokens where these are below
   MLR_TOKEN_DIRECT, 255 elsewhere; n of each. */
typedef struct mlr_values16 {
    const uint8_t *new_bytes, *expected, *context;
    size_t n;
    uint16_t *z;
    uint8_t *token;
} mlr_values16;
typedef void (*mlr_values16_fn)(const mlr_values16 *v);

typedef struct mlr_neural_kernels {
    mlr_rans_fn rans;
    mlr_dot_fn dot;
    void (*predict)(const mlr_chunk *c);
    void (*add)(const mlr_residual *r);
    mlr_requant_fn requant;
    mlr_quant_mixed_fn quant_mixed; /* NULL: the reference */
    /* the encoder's; NULL: its own */
    mlr_rans_encode_fn rans_encode;
    mlr_values16_fn values16;
} mlr_neural_kernels;

extern const mlr_neural_kernels mlr_neural_scalar;

#endif
