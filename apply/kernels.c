#include "apply/kernels.h"

const mlr_kernels mlr_kernels_scalar = {.name = "scalar", .sha256 = mlr_sha256_blocks_c};
