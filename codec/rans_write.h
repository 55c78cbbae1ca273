/* The writing half of apply/rans.h: last element first, words from the end of a buffer. */
#ifndef MLR_CODEC_RANS_WRITE_H
#define MLR_CODEC_RANS_WRITE_H

#include "apply/rans.h"

/* Fills `tokens` symbols from frequencies that sum to MLR_RANS_SCALE. */
void mlr_rans_symbols(mlr_rans_symbol *s, const uint16_t *freq, unsigned tokens);

/* The reference of mlr_rans_encode_fn. */
size_t mlr_rans_encode(const mlr_rans_job *j, uint16_t *words,
                       uint32_t state[MLR_RANS_LANES]);

#endif
