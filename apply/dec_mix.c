/*
 * mix: adaptive context mixing over bytes. The payload is one run of a binary range coder:
 * 32 bits of range, chances in 1/65536, carries already resolved by the encoder; bytes
 * after its end read as zeros.
 */
#include "apply/base/mem.h"
#include "apply/block.h"
#include "apply/mix_model.h"

typedef struct range_in {
    const uint8_t *in;
    size_t n, pos;
    uint32_t range, code;
} range_in;

static uint32_t next_byte(range_in *c)
{
    return c->pos < c->n ? c->in[c->pos++] : 0;
}

static void range_begin(range_in *c, const mlr_block *b)
{
    *c = (range_in){.in = b->payload, .n = b->payload_bytes, .range = UINT32_MAX};
    for (int i = 0; i < 4; i++) {
        c->code = c->code << 8 | next_byte(c);
    }
}

static unsigned range_bit(range_in *c, uint32_t chance)
{
    uint32_t bound = (uint32_t)(((uint64_t)c->range * chance) >> 16);
    unsigned bit = c->code < bound;
    if (bit != 0) {
        c->range = bound;
    } else {
        c->code -= bound;
        c->range -= bound;
    }
    while (c->range < 1U << 24) {
        c->range <<= 8;
        c->code = c->code << 8 | next_byte(c);
    }
    return bit;
}

static uint8_t decode_bits(mlr_mix *m, range_in *c)
{
    unsigned so_far = 1;
    mlr_mix_bits_begin(m);
    while (so_far < 256) {
        uint32_t chance = mlr_mix_bit_chance(m, so_far);
        unsigned bit = chance != 0;
        if (chance != 0 && chance != 65536) {
            bit = range_bit(c, chance);
            mlr_mix_bit(m, bit);
        }
        so_far = so_far << 1 | bit;
    }
    return (uint8_t)so_far;
}

static unsigned decode_aside(mlr_mix *m, range_in *c, unsigned i)
{
    unsigned bit = range_bit(c, mlr_mix_aside_chance(m, i));
    mlr_mix_aside(m, i, bit);
    return bit;
}

/*
 * The place where the base goes on: bit length of the distance as a tree of five decisions,
 * its sign, the bit below the highest, and the others as they are.
 */
static uint64_t decode_place(mlr_mix *m, range_in *c)
{
    unsigned tree = 1;
    while (tree < 32) {
        tree = tree << 1 | decode_aside(m, c, tree);
    }
    unsigned length = tree & 31;
    if (length == 0) {
        return mlr_mix_base(m);
    }
    unsigned negative = decode_aside(m, c, MLR_MIX_ASIDE_SIGN);
    uint64_t far = 1;
    for (unsigned i = 1; i < length; i++) {
        unsigned bit = i == 1 ? decode_aside(m, c, MLR_MIX_ASIDE_TOP + length - 1)
                              : range_bit(c, 32768);
        far = far << 1 | bit;
    }
    return negative != 0 ? mlr_mix_base(m) - far : mlr_mix_base(m) + far;
}

/* Where the decoder stands: one byte further, or at a payload that makes no sense. */
typedef enum step_result { WENT_ON, WENT_WRONG } step_result;

static step_result decode_jump(mlr_mix *m, range_in *c, const mlr_mix_sides *s,
                               uint8_t *byte)
{
    uint64_t place = decode_place(m, c);
    if (place >= s->old_n) {
        return WENT_WRONG;
    }
    *byte = mlr_mix_land(m, (size_t)place);
    return WENT_ON;
}

static step_result decode_byte(mlr_mix *m, range_in *c, const mlr_mix_sides *s,
                               uint8_t *byte)
{
    int expected = mlr_mix_expected(m);
    if (expected >= 0) {
        unsigned hit = range_bit(c, mlr_mix_hit_chance(m));
        mlr_mix_hit(m, hit);
        if (hit != 0) {
            *byte = (uint8_t)expected;
            return WENT_ON;
        }
    }
    if (mlr_mix_may_jump(m)) {
        unsigned jumps = range_bit(c, mlr_mix_jump_chance(m));
        mlr_mix_jump(m, jumps);
        if (jumps != 0) {
            return decode_jump(m, c, s, byte);
        }
    }
    *byte = decode_bits(m, c);
    return WENT_ON;
}

static mlr_status terms(const mlr_record *r, mlr_decoder_terms *out, mlr_err *err)
{
    mlr_mix_params p;
    mlr_status st = mlr_mix_load(&p, r->model, r->model_bytes, err);
    if (st != MLR_OK) {
        return st;
    }
    return mlr_scratch_terms(r, mlr_mix_terms(&p), out, err);
}

static mlr_status decode(const mlr_block *b, mlr_err *err)
{
    mlr_mix_params p;
    mlr_scratch s;
    mlr_status st = mlr_mix_load(&p, b->record->model, b->record->model_bytes, err);
    if (st == MLR_OK) {
        st = mlr_scratch_begin(&s, b, err);
    }
    if (st != MLR_OK) {
        return st;
    }
    void *memory = mlr_scratch_take(&s, mlr_mix_bytes(&p));
    if (memory == NULL) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "work memory for mix", s.left,
                              mlr_mix_bytes(&p));
    }
    mlr_mix_sides sides = {
        .old = b->old, .old_n = b->old_bytes, .now = b->out, .n = b->out_bytes};
    if (b->old_bytes > 0 && b->record->old_dtype != b->record->dtype) {
        st = mlr_block_base(b, &s, &sides.old, err);
        sides.old_n = b->out_bytes;
    }
    if (st != MLR_OK || b->out_bytes == 0) {
        return st;
    }
    mlr_mix *m = mlr_mix_begin(memory, &p, &sides);
    range_in c;
    range_begin(&c, b);
    for (size_t i = 0; i < b->out_bytes; i++) {
        uint8_t *to = b->out + mlr_mix_place(m);
        if (decode_byte(m, &c, &sides, to) != WENT_ON) {
            return mlr_fail(err, MLR_E_FORMAT, b->first, "a place in the base");
        }
        mlr_mix_byte(m, *to);
    }
    if (c.pos < c.n) {
        return mlr_fail(err, MLR_E_FORMAT, b->first, "payload without a rest");
    }
    return MLR_OK;
}

const mlr_decoder mlr_decoder_mix = {.id = MLR_STRATEGY_mix,
                                     .traits = 0,
                                     .name = "mix",
                                     .own_work = MLR_MIX_OWN,
                                     .terms = terms,
                                     .decode = decode};
