/* Code lengths in integers, so that every machine decides alike. */
#ifndef MLR_CODEC_COST_H
#define MLR_CODEC_COST_H

#include <stddef.h>
#include <stdint.h>

/* log2(n) * 65536, exact to about 2^-15; 0 for n = 0. */
uint32_t mlr_log2_q16(uint64_t n);

/* Bits * 65536 that an ideal static code spends on these counts. */
uint64_t mlr_entropy_q16(const uint32_t *count, size_t n);

#endif
