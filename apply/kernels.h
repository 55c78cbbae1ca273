/*
 * Inner loops that a host may supply for its processor. The scalar functions in this folder
 * are the reference: every kernel accepts and rejects the same input and makes the same
 * bytes.
 */
#ifndef MLR_APPLY_KERNELS_H
#define MLR_APPLY_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/sha256.h"

struct mlr_neural_kernels;

typedef struct mlr_kernels {
    const char *name; /* "scalar", "avx2" */
    mlr_sha256_blocks sha256;
    const struct mlr_neural_kernels *neural; /* NULL: the reference */
} mlr_kernels;

extern const mlr_kernels mlr_kernels_scalar;

#endif
