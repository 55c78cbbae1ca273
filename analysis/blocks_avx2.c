/* Values of blocks for AVX2: the decoders of blocks.c, compiled with vectors. */
#include "analysis/blocks.h"

#if defined(__AVX2__)
#include "analysis/block_decoders.h"

bool mlr_block_values_avx2(unsigned dtype, const uint8_t *block, double *out)
{
    if (layouts[dtype].decode == NULL) {
        return false;
    }
    layouts[dtype].decode(block, out);
    return true;
}

#else
typedef int mlr_blocks_avx2_is_empty_here; /* ISO C wants a declaration */
#endif
