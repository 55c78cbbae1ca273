/* The inner loops of the neural decoder that a host may replace. */
#ifndef MLR_APPLY_NEURAL_KERNELS_H
#define MLR_APPLY_NEURAL_KERNELS_H

#include "apply/predict.h"
#include "apply/quant_predict.h"
#include "apply/rans.h"
#include "apply/residual.h"

typedef struct mlr_neural_kernels {
    mlr_rans_fn rans;
    mlr_dot_fn dot;
    void (*predict)(const mlr_chunk *c);
    void (*add)(const mlr_residual *r);
    mlr_rans_encode_fn rans_encode; /* NULL: the encoder's own */
    mlr_requant_fn requant;
} mlr_neural_kernels;

extern const mlr_neural_kernels mlr_neural_scalar;

#endif
