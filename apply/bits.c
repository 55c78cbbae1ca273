#include "apply/bits.h"

enum { LIMIT = 60 };

void mlr_bits_begin(mlr_bits *d, const uint8_t *in, size_t size)
{
    *d = (mlr_bits){.in = in, .size = size, .high = UINT32_MAX};
    for (int i = 0; i < 4; i++) {
        d->code = d->code << 8 | (d->pos < size ? in[d->pos] : 0);
        d->pos++;
    }
}

unsigned mlr_bits_get(mlr_bits *d, mlr_bit *b)
{
    unsigned bit = mlr_bits_raw(d, mlr_bit_p16(*b));
    mlr_bit_learn(b, bit, LIMIT);
    return bit;
}

uint64_t mlr_bits_even(mlr_bits *d, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++) {
        v = v << 1 | mlr_bits_raw(d, 1U << 15);
    }
    return v;
}

uint64_t mlr_bits_number(mlr_bits *d, mlr_bit *b, unsigned fine)
{
    return mlr_bits_number_in(d, b, fine, 64);
}

uint64_t mlr_bits_number_in(mlr_bits *d, mlr_bit *b, unsigned fine, unsigned limit)
{
    unsigned length = 0;
    while (length < limit && mlr_bits_get(d, &b[length]) != 0) {
        length++;
    }
    if (length == limit && limit < 64) {
        return UINT64_MAX;
    }
    if (length < 2) {
        return length;
    }
    mlr_bit *tree = b + limit + ((size_t)length << fine);
    unsigned below = length - 1;
    unsigned learned = below < fine ? below : fine;
    unsigned node = 1;
    for (unsigned i = 0; i < learned; i++) {
        node = node << 1 | mlr_bits_get(d, &tree[node]);
    }
    unsigned rest = below - learned;
    return (uint64_t)node << rest | mlr_bits_even(d, rest);
}
