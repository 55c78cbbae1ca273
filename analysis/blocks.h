/* Quantised blocks of ggml: exact values, and which bytes of a block hold scales. */
#ifndef MLR_ANALYSIS_BLOCKS_H
#define MLR_ANALYSIS_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"

/* Whether mlr_block_values() knows the type. */
bool mlr_block_known(const mlr_dtype *t);

/*
 * Values of one block of t->block_items elements, as the layout defines them in exact
 * arithmetic (the products fit a double). False where the type is not known.
 */
bool mlr_block_values(const mlr_dtype *t, const uint8_t *block, double *out);

#if defined(__x86_64__)
/* The same by a type's id, for processors with AVX2. */
bool mlr_block_values_avx2(unsigned dtype, const uint8_t *block, double *out);
#endif

/*
 * Up to two byte ranges of a block that hold scales and minima; the rest holds codes.
 * Returns how many there are, 0 for types that are no blocks.
 */
typedef struct mlr_byte_range {
    uint16_t begin, end;
} mlr_byte_range;
unsigned mlr_block_scales(const mlr_dtype *t, mlr_byte_range out[2]);

/* Reverses the bytes of every field of a block that is wider than a byte, for models stored
   most significant byte first. */
void mlr_block_swap(const mlr_dtype *t, uint8_t *block);

#endif
