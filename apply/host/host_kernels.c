#include "apply/host/host_kernels.h"

#include "apply/host/cpu.h"
#include "apply/host/neural_avx2.h"
#include "apply/host/neural_neon.h"
#include "apply/host/sha256_fast.h"

#if defined(__x86_64__)
/* One row for each set of features, since nothing writable may be kept. */
static const mlr_kernels table[2][2] = {
    {{.name = "scalar", .sha256 = mlr_sha256_blocks_c},
     {.name = "shani", .sha256 = mlr_sha256_blocks_shani}},
    {{.name = "avx2", .sha256 = mlr_sha256_blocks_c, .neural = &mlr_neural_avx2},
     {.name = "avx2+shani",
      .sha256 = mlr_sha256_blocks_shani,
      .neural = &mlr_neural_avx2}}};

const mlr_kernels *mlr_host_kernels(void)
{
    return &table[mlr_cpu_has_avx2()][mlr_cpu_has_shani()];
}
#elif MLR_HAS_NEON
static const mlr_kernels table[2] = {
    {.name = "neon", .sha256 = mlr_sha256_blocks_c, .neural = &mlr_neural_neon},
    {.name = "neon+sha2", .sha256 = mlr_sha256_blocks_armv8, .neural = &mlr_neural_neon}};

const mlr_kernels *mlr_host_kernels(void)
{
    return &table[mlr_cpu_has_arm_sha2()];
}
#else
const mlr_kernels *mlr_host_kernels(void)
{
    return &mlr_kernels_scalar;
}
#endif
