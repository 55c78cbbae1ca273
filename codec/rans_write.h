/* The writing half of apply/rans.h: last element first, words from the end of a buffer. */
#ifndef MLR_CODEC_RANS_WRITE_H
#define MLR_CODEC_RANS_WRITE_H

#include "apply/rans.h"
#include "codec/buf.h"

/* What encoding one token of one table takes; freq 0: the table lacks it. */
typedef struct mlr_rans_symbol {
    uint32_t inverse; /* of freq, so that no division is needed */
    uint16_t freq, start;
    uint8_t shift;
} mlr_rans_symbol;

/* Fills `tokens` symbols from frequencies that sum to MLR_RANS_SCALE. */
void mlr_rans_symbols(mlr_rans_symbol *s, const uint16_t *freq, unsigned tokens);

typedef struct mlr_rans_job {
    const mlr_rans_symbol *symbols; /* `stride` a table */
    size_t stride;
    const uint8_t *context, *token; /* n each */
    size_t n;
    unsigned lanes;
} mlr_rans_job;

/*
 * Encodes into the end of `words`, which has room for n words, and returns how many were
 * used; `state` receives the lanes' first states. Every token must have a frequency.
 */
size_t mlr_rans_encode(const mlr_rans_job *j, uint16_t *words, uint32_t *state);

#endif
