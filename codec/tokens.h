/* From new elements and what was expected of them to tokens and raw bits. */
#ifndef MLR_CODEC_TOKENS_H
#define MLR_CODEC_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "apply/neural_kernels.h"

/* Bits, lowest first. The owner provides room for all of them and 8 bytes more. */
typedef struct mlr_rawbits_out {
    uint8_t *at;
    uint64_t held; /* below 8 bits between calls */
    unsigned count;
} mlr_rawbits_out;

static inline void mlr_rawbits_put(mlr_rawbits_out *b, uint64_t v, unsigned n)
{
    b->held |= v << b->count;
    b->count += n;
    mlr_store64(b->at, b->held);
    unsigned whole = b->count / 8;
    b->at += whole;
    b->held = whole == 8 ? 0 : b->held >> (8 * whole);
    b->count &= 7;
}

enum { MLR_TOKENS_AT_ONCE = 512 };

typedef struct mlr_tokens_job {
    const mlr_number *now;
    mlr_values16_fn values16;                      /* NULL: none */
    const uint8_t *expected, *context, *new_bytes; /* n elements */
    size_t n;                                      /* at most MLR_TOKENS_AT_ONCE */
    uint8_t *token;                                /* n of them, out */
    mlr_rawbits_out *raw;                          /* NULL: not wanted */
} mlr_tokens_job;

void mlr_tokens_of(const mlr_tokens_job *j);

#endif
