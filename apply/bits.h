/*
 * Adaptive binary arithmetic decoding: each decision has a probability that learns. Serves
 * what is small or sparse (tables, factors, maps, changes) and the mixing coder.
 */
#ifndef MLR_APPLY_BITS_H
#define MLR_APPLY_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Probability of a one in the upper 22 bits, number of updates so far in the lower 10. */
typedef uint32_t mlr_bit;

#define MLR_BIT_HALF ((mlr_bit)1 << 31)

/* The carry-less interval coder: low <= code <= high while the stream is well formed. */
typedef struct mlr_bits {
    const uint8_t *in; /* borrowed */
    size_t size, pos;  /* pos may pass size by the bytes that were read as zero */
    uint32_t low, high, code;
} mlr_bits;

void mlr_bits_begin(mlr_bits *d, const uint8_t *in, size_t size);

/* Whether no more was read than the writer's end can account for. */
static inline bool mlr_bits_ok(const mlr_bits *d)
{
    return d->pos <= d->size + 4;
}

/* Moves a probability towards `bit`, fast at first; `limit` below 255 sets the last rate.
 */
static inline void mlr_bit_learn(mlr_bit *b, unsigned bit, unsigned limit)
{
    uint32_t n = *b & 1023;
    int32_t p = (int32_t)(*b >> 10);
    int32_t to = bit != 0 ? (1 << 22) - 1 : 0;
    /* 2^16 / (n + 1.5), computed so that no table is needed */
    int32_t rate = (int32_t)((1U << 17) / (2 * n + 3));
    p += (int32_t)(((int64_t)(to - p) * rate) >> 16);
    *b = (uint32_t)p << 10 | (n < limit ? n + 1 : n);
}

/* Decodes one decision whose probability of a one is p16 / 65536, 0 < p16 < 65536. */
static inline unsigned mlr_bits_raw(mlr_bits *d, uint32_t p16)
{
    uint32_t range = d->high - d->low;
    uint32_t mid = d->low + (uint32_t)(((uint64_t)range * p16) >> 16);
    unsigned bit = d->code <= mid;
    if (bit != 0) {
        d->high = mid;
    } else {
        d->low = mid + 1;
    }
    while (((d->low ^ d->high) & 0xff000000U) == 0) {
        d->low <<= 8;
        d->high = d->high << 8 | 255;
        d->code = d->code << 8 | (d->pos < d->size ? d->in[d->pos] : 0);
        d->pos++;
    }
    return bit;
}

/* The probability as the coder wants it: never 0, never certain. */
static inline uint32_t mlr_bit_p16(mlr_bit b)
{
    uint32_t p = b >> 16;
    return p < 24 ? 24 : p > 65512 ? 65512 : p;
}

unsigned mlr_bits_get(mlr_bits *d, mlr_bit *b);

/* `n` bits at even odds, highest first; n <= 64. */
uint64_t mlr_bits_even(mlr_bits *d, unsigned n);

/*
 * A number by bit length (unary, one probability a step) and the bits below the highest, of
 * which the first `fine` learn. Needs mlr_bits_number_room(fine) probabilities.
 */
uint64_t mlr_bits_number(mlr_bits *d, mlr_bit *b, unsigned fine);

/*
 * The same for numbers that have fewer than `limit` bits, with MLR_BITS_ROOM(fine, limit)
 * probabilities; UINT64_MAX where the stream has a longer one.
 */
uint64_t mlr_bits_number_in(mlr_bits *d, mlr_bit *b, unsigned fine, unsigned limit);

/* Probabilities of lengths, then a tree for each length. */
#define MLR_BITS_ROOM(fine, limit) ((limit) + (((limit) + 1) << (fine)))

static inline unsigned mlr_bits_number_room(unsigned fine)
{
    return 65 + (65U << fine);
}

static inline void mlr_bit_reset(mlr_bit *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        b[i] = MLR_BIT_HALF;
    }
}

#endif
