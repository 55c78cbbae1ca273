#include "apply/host/kernels.h"

#include "apply/host/cpu.h"

#if defined(__x86_64__)
#include "apply/host/sha256_fast.h"

static const mlr_kernels shani = {.name = "sha-ni", .sha256 = mlr_sha256_blocks_shani};

const mlr_kernels *mlr_host_kernels(void)
{
    return mlr_cpu_has_shani() ? &shani : &mlr_kernels_scalar;
}
#else
const mlr_kernels *mlr_host_kernels(void)
{
    return &mlr_kernels_scalar;
}
#endif
