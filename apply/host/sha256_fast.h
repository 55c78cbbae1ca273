/* Versions of the SHA-256 block function for processors with instructions for it. Each is
 * equal to mlr_sha256_blocks_c; mlr_host_sha256() says which may be called. */
#ifndef MLR_APPLY_HOST_SHA256_FAST_H
#define MLR_APPLY_HOST_SHA256_FAST_H

#include "apply/base/sha256.h"

#if defined(__x86_64__)
void mlr_sha256_blocks_shani(uint32_t state[8], const uint8_t *data, size_t blocks);
#endif

#if defined(__aarch64__)
void mlr_sha256_blocks_armv8(uint32_t state[8], const uint8_t *data, size_t blocks);
#endif

#endif
