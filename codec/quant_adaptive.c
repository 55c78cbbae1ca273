/* What tensors without scales of their own, and small ones, take: ratios and mixing. */
#include <string.h>

#include "codec/bits_write.h"
#include "codec/quant_study.h"

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for encoding a tensor");
}

/* --- scales of channels ------------------------------------------------------------------
 */

static mlr_scale scale_of(float f)
{
    uint32_t bits = 0;
    memcpy(&bits, &f, sizeof bits);
    return mlr_scale_of_f32(bits);
}

/* The ratio in steps of 2^-fine; 1 where there is none, or an absurd one. */
static int32_t ratio_at(const mlr_quant_view *q, uint64_t i, unsigned fine)
{
    enum { ONE = 1 << MLR_QUANT_POINT, MOST = 1 << 22 };
    int32_t ratio = ONE;
    if (q == NULL || !mlr_scale_ratio(scale_of(q->old_side.scale[i]),
                                      scale_of(q->new_side.scale[i]), &ratio)) {
        ratio = ONE;
    }
    unsigned down = MLR_QUANT_POINT - fine;
    int32_t half = down == 0 ? 0 : 1 << (down - 1);
    int32_t step = ratio >= 0 ? (ratio + half) >> down : -((half - ratio) >> down);
    return step > MOST >> down      ? MOST >> down
           : step < -(MOST >> down) ? -(MOST >> down)
                                    : step;
}

/* The zero point all channels have, as ordered code; the shape's where they differ. */
static uint8_t zero_of(const mlr_quant_shape *s, const mlr_quant_side *side)
{
    bool is_signed = s->dtype == MLR_DTYPE_I8 || s->dtype == MLR_DTYPE_I4;
    if (side->zero == NULL) {
        return is_signed ? s->zero : 0;
    }
    for (uint64_t i = 1; i < side->count; i++) {
        if (side->zero[i] != side->zero[0]) {
            return s->zero;
        }
    }
    int64_t zero = side->zero[0] + (is_signed ? s->zero : 0);
    return zero >= 0 && zero <= s->top ? (uint8_t)zero : s->zero;
}

/* Codes are off by half a step at most; more channels pay for fewer bits each. */
static unsigned precision(const mlr_quant_channels *c)
{
    return c->inner >= 2048 ? 11 : c->inner >= 256 ? 10 : c->inner >= 32 ? 9 : 8;
}

mlr_status mlr_quant_write_channels(const mlr_encoding *e, const mlr_view *v,
                                    mlr_quant_plan *p, mlr_buf *out, mlr_err *err)
{
    const mlr_quant_view *q = v->quant;
    const mlr_record *r = v->record;
    mlr_quant_channels *c = &p->model.channels;
    const mlr_quant_shape *s = p->model.shape;
    uint64_t elements = r->new_bytes / r->dtype->block_bytes * r->dtype->block_items;
    if (q != NULL && (q->new_side.count == 0 || q->new_side.count > elements)) {
        q = NULL;
    }
    *c = (mlr_quant_channels){.count = q == NULL ? 1 : q->new_side.count,
                              .inner = q == NULL ? elements : q->inner};
    if (elements == 0) {
        c->inner = 1;
    }
    c->zero = q == NULL ? s->zero : zero_of(s, &q->old_side);
    uint8_t zero_now = q == NULL ? s->zero : zero_of(s, &q->new_side);
    c->shift = ((int32_t)zero_now - c->zero) * (1 << MLR_QUANT_POINT);
    p->ratio_bytes = (size_t)c->count * sizeof *p->ratio;
    p->ratio = mlr_take(e->alloc, p->ratio_bytes);
    if (p->ratio == NULL) {
        return no_memory(err);
    }
    c->ratio = p->ratio;
    unsigned fine = precision(c);
    mlr_buf stream;
    mlr_bits_out bits;
    mlr_bit model[MLR_QUANT_RATIO_ROOM];
    mlr_buf_init(&stream, e->alloc);
    mlr_bits_out_begin(&bits, &stream);
    mlr_bit_reset(model, MLR_QUANT_RATIO_ROOM);
    for (uint64_t i = 0; i < c->count; i++) {
        int32_t step = ratio_at(q, i, fine);
        int64_t off = (int64_t)step - ((int64_t)1 << fine);
        mlr_bits_put_number(&bits, model, 1,
                            off < 0 ? (uint64_t)(-2 * off - 1) : (uint64_t)(2 * off));
        p->ratio[i] = step * (1 << (MLR_QUANT_POINT - fine));
    }
    mlr_bits_out_end(&bits);
    mlr_buf_varint(out, c->inner);
    mlr_buf_varint(out, c->count);
    mlr_buf_u8(out, c->zero);
    mlr_buf_u8(out, zero_now);
    mlr_buf_u8(out, (uint8_t)fine);
    mlr_buf_varint(out, stream.size);
    mlr_buf_add(out, stream.data, stream.size);
    out->failed |= stream.failed;
    mlr_buf_release(&stream);
    return MLR_OK;
}

/* --- mixing ----------------------------------------------------------------------------
 */

static unsigned write_bit(void *ctx, uint32_t p16, unsigned bit)
{
    mlr_bits_put_raw(ctx, p16, bit);
    return bit;
}

static void residuals_of(const mlr_quant_chunk *c, const mlr_number *t, const uint8_t *now,
                         size_t n, uint16_t *z)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t turn = 0 - (uint64_t)(c->context[i] >> 7);
        uint64_t d = mlr_to_ordered(t, mlr_number_load(now + i * t->bytes, t->bytes)) -
                     mlr_number_load(c->expected + i * t->bytes, t->bytes);
        z[i] = (uint16_t)mlr_zigzag(t, ((d ^ turn) - turn) & t->mask);
    }
}

mlr_status mlr_quant_mix_block(const mlr_encoding *e, const mlr_quant_plan *p,
                               const mlr_enc_block *b, mlr_buf *out, mlr_err *err)
{
    const mlr_quant_model *q = &p->model;
    size_t wide = b->record->dtype->block_bytes;
    size_t blocks = b->new_n / wide;
    size_t bytes = mlr_quant_work_bytes(q->shape, q->form) + 64;
    uint8_t *memory = mlr_take(e->alloc, bytes);
    if (memory == NULL) {
        return no_memory(err);
    }
    mlr_quant_work *w = mlr_quant_work_begin(q->shape, q->form,
                                             memory + (64 - (uintptr_t)memory % 64) % 64);
    mlr_bits_out bits;
    mlr_quant_coder coder = {.code = write_bit, .ctx = &bits};
    mlr_buf_u8(out, MLR_QUANT_BITS);
    mlr_bits_out_begin(&bits, out);
    mlr_quant_mix_reset(w->mix, q->shape);
    size_t step = mlr_quant_chunk_blocks(q->shape);
    for (size_t at = 0; at < blocks; at += step) {
        size_t n = blocks - at < step ? blocks - at : step;
        mlr_quant_unpack_old(q, w, b->old + mlr_quant_old_bytes(q, at), n);
        mlr_quant_unpack(q->shape, b->new_bytes + at * wide, n, &w->now);
        mlr_quant_chunk c = mlr_quant_chunk_of(q, w, b->first / wide + at, n);
        for (unsigned kind = 0; kind < MLR_QUANT_KINDS; kind++) {
            c.map = q->map[kind];
            mlr_quant_predict(&c, kind);
            residuals_of(&c, &q->number[kind], mlr_quant_numbers_at(&w->now, kind),
                         mlr_quant_numbers(q->shape, kind, n), w->z);
            mlr_quant_mixing m = {.model = w->mix,
                                  .chunk = &c,
                                  .kind = kind,
                                  .row = b->record->row,
                                  .coder = &coder,
                                  .mixed = e->kernels->neural == NULL
                                               ? NULL
                                               : e->kernels->neural->quant_mixed,
                                  .z = w->z};
            mlr_quant_mix_code(&m);
        }
    }
    mlr_bits_out_end(&bits);
    mlr_give(e->alloc, memory, bytes);
    return MLR_OK;
}
