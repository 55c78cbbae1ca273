/* The fastest inner loops this processor runs. */
#ifndef MLR_APPLY_HOST_HOST_KERNELS_H
#define MLR_APPLY_HOST_HOST_KERNELS_H

#include "apply/kernels.h"

/* Never NULL; the choice is made anew at each call, so keep the answer. */
const mlr_kernels *mlr_host_kernels(void);

#endif
