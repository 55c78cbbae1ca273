#include "apply/host/host_kernels.h"

#include "apply/host/cpu.h"

const mlr_kernels *mlr_host_kernels(void)
{
    return &mlr_kernels_scalar;
}
