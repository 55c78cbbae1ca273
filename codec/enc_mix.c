#include <string.h>

#include "apply/block.h"
#include "apply/mix_model.h"
#include "codec/forward.h"

/* A binary range coder that carries into bytes already written. */
typedef struct range_out {
    mlr_buf *to;
    size_t start;
    uint64_t low; /* below 2^32; bit 32 is a carry */
    uint32_t range;
} range_out;

static void carry(range_out *c)
{
    for (size_t i = c->to->size; i > c->start; i--) {
        if (++c->to->data[i - 1] != 0) {
            return;
        }
    }
}

static void add_low(range_out *c, uint32_t add)
{
    c->low += add;
    if (c->low >> 32 != 0) {
        carry(c);
        c->low &= UINT32_MAX;
    }
}

static void shift_out(range_out *c)
{
    mlr_buf_u8(c->to, (uint8_t)(c->low >> 24));
    c->low = c->low << 8 & UINT32_MAX;
}

static void put_bit(range_out *c, unsigned bit, uint32_t chance)
{
    uint32_t bound = (uint32_t)(((uint64_t)c->range * chance) >> 16);
    if (bit != 0) {
        c->range = bound;
    } else {
        add_low(c, bound);
        c->range -= bound;
    }
    while (c->range < 1U << 24) {
        shift_out(c);
        c->range <<= 8;
    }
}

/* The value in the range that ends in most zeros: they need not be written. */
static void range_end(range_out *c)
{
    for (unsigned keep = 0; keep <= 4; keep++) {
        uint64_t unit = (uint64_t)1 << (32 - 8 * keep);
        uint64_t up = (c->low + unit - 1) / unit * unit;
        if (up - c->low < c->range) {
            add_low(c, (uint32_t)(up - c->low));
            for (unsigned i = 0; i < keep; i++) {
                shift_out(c);
            }
            break;
        }
    }
    while (!c->to->failed && c->to->size > c->start && c->to->data[c->to->size - 1] == 0) {
        c->to->size--;
    }
}

static void put_byte(mlr_mix *m, range_out *c, uint8_t byte)
{
    int expected = mlr_mix_expected(m);
    if (expected >= 0) {
        unsigned hit = expected == byte;
        put_bit(c, hit, mlr_mix_hit_chance(m));
        mlr_mix_hit(m, hit);
        if (hit != 0) {
            return;
        }
    }
    mlr_mix_bits_begin(m);
    unsigned so_far = 1;
    for (int i = 7; i >= 0; i--) {
        unsigned bit = (byte >> i) & 1U;
        uint32_t chance = mlr_mix_bit_chance(m, so_far);
        if (chance != 0 && chance != 65536) {
            put_bit(c, bit, chance);
            mlr_mix_bit(m, bit);
        }
        so_far = so_far << 1 | bit;
    }
}

static mlr_status encode_with(const mlr_encoding *e, const mlr_mix_params *p,
                              const mlr_mix_sides *s, mlr_buf *payload, mlr_err *err)
{
    size_t bytes = mlr_mix_bytes(p), start = payload->size;
    void *memory = mlr_take(e->alloc, bytes);
    if (memory == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for mix");
    }
    mlr_status st = MLR_OK;
    mlr_mix *m = mlr_mix_begin(memory, p, s);
    range_out c = {.to = payload, .start = start, .range = UINT32_MAX};
    for (size_t i = 0; i < s->n; i++) {
        if ((i & 0x7fff) == 0 && !mlr_keep_going(e->tick, i, s->n)) {
            st = mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "encoding");
            break;
        }
        uint8_t byte = s->now[mlr_mix_place(m)];
        put_byte(m, &c, byte);
        mlr_mix_byte(m, byte);
    }
    range_end(&c);
    mlr_give(e->alloc, memory, bytes);
    if (payload->failed) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a payload");
    }
    return st;
}

static bool suits(const mlr_record *r)
{
    return r->old_bytes == 0 || r->old_dtype == r->dtype || mlr_record_pairs(r);
}

static uint8_t log_of(uint64_t n)
{
    uint8_t log = 0;
    while (log < 40 && (uint64_t)1 << log < n) {
        log++;
    }
    return log;
}

static uint8_t clamp(int v, int low, int high)
{
    return (uint8_t)(v < low ? low : v > high ? high : v);
}

/* Sizes that a block of this length can fill, and no more than the device affords. */
static mlr_mix_params sized(const mlr_encoding *e, const mlr_record *r, int less)
{
    (void)e;
    uint64_t n = r->block_new < r->new_bytes ? r->block_new : r->new_bytes;
    int log = log_of(n);
    mlr_mix_params p = {.slot_bits = clamp(log + 4 - less, 6, 20),
                        .flag_bits = clamp(log + 1 - less, 6, 16),
                        .match_bits = clamp(log + 1 - less, 6, 18),
                        .diff_bits = less > 8 ? MLR_MIX_NO_DIFF : clamp(4 - less, 0, 4),
                        .wide = less < 8};
    if (less > 11) {
        p.match_bits = 0;
    }
    return p;
}

static void set_columns(mlr_mix_params *p, const mlr_record *r)
{
    mlr_lane lane = mlr_lane_of(r->dtype);
    p->column = 8;
    if (r->dtype->cls == MLR_CLASS_OPAQUE) {
        return;
    }
    p->column = lane.width;
    p->column_flip = (uint8_t)(lane.width - 1);
    if (r->dtype->cls == MLR_CLASS_BLOCK) {
        p->column = clamp(r->dtype->block_bytes, 1, 64);
    }
}

static bool affordable(const mlr_encoding *e, const mlr_record *r, const mlr_mix_params *p)
{
    mlr_decoder_need need = {0};
    mlr_err err = {0};
    return mlr_need_scratch(r, mlr_mix_bytes(p), &need, &err) == MLR_OK &&
           (e->max_work == 0 || need.work_bytes <= e->max_work);
}

static mlr_status study(const mlr_encoding *e, const mlr_view *v, mlr_buf *model,
                        void **state, mlr_err *err)
{
    *state = NULL;
    mlr_mix_params p;
    int less = 0;
    do {
        p = sized(e, v->record, less);
        set_columns(&p, v->record);
    } while (!affordable(e, v->record, &p) && ++less < 24);
    if (less == 24) {
        return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET, "memory for mix");
    }
    uint8_t bytes[MLR_MIX_MODEL];
    mlr_mix_store(&p, bytes);
    mlr_buf_add(model, bytes, sizeof bytes);
    return model->failed
               ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a model")
               : MLR_OK;
}

static void forget(const mlr_encoding *e, void *state)
{
    (void)e;
    (void)state;
}

static mlr_status encode(const mlr_encoding *e, const mlr_enc_block *b, mlr_buf *payload,
                         mlr_err *err)
{
    mlr_mix_params p;
    mlr_status st = mlr_mix_load(&p, b->record->model, b->record->model_bytes, err);
    if (st != MLR_OK || b->new_n == 0) {
        return st;
    }
    uint8_t *own = NULL;
    mlr_mix_sides s = {
        .old = b->old, .old_n = b->old_n, .now = b->new_bytes, .n = b->new_n};
    if (b->old_n > 0 && b->record->old_dtype != b->record->dtype) {
        s.old = mlr_base_bytes(e, b, &own);
        s.old_n = b->new_n;
        if (s.old == NULL) {
            return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for mix");
        }
    }
    st = encode_with(e, &p, &s, payload, err);
    mlr_give(e->alloc, own, b->new_n);
    return st;
}

const mlr_encoder mlr_encoder_mix = {
    .id = MLR_STRATEGY_mix,
    .summary = "Predicts each byte from the base and from what came before, mixing many "
               "contexts; for structure and small tensors.",
    .suits = suits,
    .study = study,
    .forget = forget,
    .encode = encode,
};
