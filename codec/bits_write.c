#include "codec/bits_write.h"

#include "apply/number.h"

enum { LIMIT = 60 }; /* as in apply/bits.c */

void mlr_bits_out_begin(mlr_bits_out *e, mlr_buf *to)
{
    e->to = to;
    e->low = 0;
    e->high = UINT32_MAX;
    e->held_bytes = 0;
}

void mlr_bits_out_pass_on(mlr_bits_out *e)
{
    mlr_buf_add(e->to, e->held, e->held_bytes);
    e->held_bytes = 0;
}

void mlr_bits_out_end(mlr_bits_out *e)
{
    mlr_bits_out_pass_on(e);
    for (unsigned n = 0; n <= 4; n++) {
        uint64_t unit = (uint64_t)1 << (32 - 8 * n);
        uint64_t value = (e->low + unit - 1) / unit * unit;
        if (value > e->high) {
            continue;
        }
        for (unsigned i = 0; i < n; i++) {
            mlr_buf_u8(e->to, (uint8_t)(value >> (24 - 8 * i)));
        }
        return;
    }
}

void mlr_bits_put(mlr_bits_out *e, mlr_bit *b, unsigned bit)
{
    mlr_bits_put_raw(e, mlr_bit_p16(*b), bit);
    mlr_bit_learn(b, bit, LIMIT);
}

void mlr_bits_put_even(mlr_bits_out *e, uint64_t v, unsigned n)
{
    while (n-- > 0) {
        mlr_bits_put_raw(e, 1U << 15, (unsigned)(v >> n) & 1);
    }
}

void mlr_bits_put_number(mlr_bits_out *e, mlr_bit *b, unsigned fine, uint64_t v)
{
    mlr_bits_put_number_in(e, b, fine, 64, v);
}

void mlr_bits_put_number_in(mlr_bits_out *e, mlr_bit *b, unsigned fine, unsigned limit,
                            uint64_t v)
{
    unsigned length = v == 0 ? 0 : mlr_log2_u64(v) + 1;
    for (unsigned i = 0; i < length; i++) {
        mlr_bits_put(e, &b[i], 1);
    }
    if (length < 64) {
        mlr_bits_put(e, &b[length], 0);
    }
    if (length < 2) {
        return;
    }
    mlr_bit *tree = b + limit + ((size_t)length << fine);
    unsigned below = length - 1;
    unsigned learned = below < fine ? below : fine;
    unsigned node = 1;
    for (unsigned i = 0; i < learned; i++) {
        unsigned bit = (unsigned)(v >> (below - 1 - i)) & 1;
        mlr_bits_put(e, &tree[node], bit);
        node = node << 1 | bit;
    }
    mlr_bits_put_even(e, v, below - learned);
}
