/* Tokens and raw bits to elements: the last step of decoding a chunk. */
#ifndef MLR_APPLY_RESIDUAL_H
#define MLR_APPLY_RESIDUAL_H

#include "apply/neural.h"

/* Bits, lowest first; reads beyond the end yield 0 and show in `pos`. */
typedef struct mlr_rawbits {
    const uint8_t *in; /* borrowed */
    size_t size;       /* bytes; below 2^61 */
    uint64_t pos;      /* bits taken */
} mlr_rawbits;

static inline uint64_t mlr_rawbits_take(mlr_rawbits *b, unsigned n)
{
    uint64_t at = b->pos >> 3;
    unsigned skip = (unsigned)(b->pos & 7);
    uint64_t v = 0;
    b->pos += n;
    if (at + 8 <= b->size) {
        v = mlr_load64(b->in + at);
    } else {
        for (unsigned i = 0; at + i < b->size; i++) {
            v |= (uint64_t)b->in[at + i] << (8 * i);
        }
    }
    return v >> skip & (((uint64_t)1 << n) - 1);
}

/* Whether nothing but the padding of the last byte is left. */
static inline bool mlr_rawbits_ended(const mlr_rawbits *b)
{
    return (b->pos + 7) >> 3 == b->size;
}

typedef struct mlr_residual {
    const mlr_number *now;
    const uint8_t *expected, *context, *token; /* n each */
    uint8_t *out;
    size_t n;
    mlr_rawbits *raw;
} mlr_residual;

void mlr_residual_add(const mlr_residual *r);

#endif
