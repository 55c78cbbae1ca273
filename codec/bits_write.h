/* The writing half of apply/bits.h. */
#ifndef MLR_CODEC_BITS_WRITE_H
#define MLR_CODEC_BITS_WRITE_H

#include "apply/bits.h"
#include "codec/buf.h"

typedef struct mlr_bits_out {
    mlr_buf *to; /* borrowed */
    uint32_t low, high;
    size_t held_bytes;
    uint8_t held[256]; /* on their way to the buffer */
} mlr_bits_out;

void mlr_bits_out_pass_on(mlr_bits_out *e);

void mlr_bits_out_begin(mlr_bits_out *e, mlr_buf *to);

/* Ends the stream with as few bytes as decide it. */
void mlr_bits_out_end(mlr_bits_out *e);

static inline void mlr_bits_put_raw(mlr_bits_out *e, uint32_t p16, unsigned bit)
{
    uint32_t mid = e->low + (uint32_t)(((uint64_t)(e->high - e->low) * p16) >> 16);
    if (bit != 0) {
        e->high = mid;
    } else {
        e->low = mid + 1;
    }
    while (((e->low ^ e->high) & 0xff000000U) == 0) {
        e->held[e->held_bytes++] = (uint8_t)(e->high >> 24);
        if (e->held_bytes == sizeof e->held) {
            mlr_bits_out_pass_on(e);
        }
        e->low <<= 8;
        e->high = e->high << 8 | 255;
    }
}

void mlr_bits_put(mlr_bits_out *e, mlr_bit *b, unsigned bit);
void mlr_bits_put_even(mlr_bits_out *e, uint64_t v, unsigned n);
void mlr_bits_put_number(mlr_bits_out *e, mlr_bit *b, unsigned fine, uint64_t v);
void mlr_bits_put_number_in(mlr_bits_out *e, mlr_bit *b, unsigned fine, unsigned limit,
                            uint64_t v); /* v has fewer than `limit` bits */

#endif
