/* The fastest kernels this processor runs. */
#ifndef MLR_APPLY_HOST_KERNELS_H
#define MLR_APPLY_HOST_KERNELS_H

#include "apply/kernels.h"

/* Chosen by what the processor says it can do; never NULL. Keep the answer: asking costs. */
const mlr_kernels *mlr_host_kernels(void);

#endif
