#include <string.h>

#include "apply/block.h"
#include "codec/forward.h"

typedef struct found {
    mlr_lane lane;
    const uint8_t *now, *base;
    size_t n, lanes;
    mlr_buf gaps;
    uint8_t *delta; /* of the changed lanes, in order */
    size_t count;
} found;

/* Lanes from `i` on that are equal; eight bytes at a time where they can be. */
static size_t equal_run(const found *f, size_t i)
{
    size_t width = f->lane.width, at = i * width, end = f->lanes * width;
    while (at + 8 <= end && mlr_lane_get64(f->now + at) == mlr_lane_get64(f->base + at)) {
        at += 8;
    }
    size_t k = at / width;
    while (k < f->lanes && memcmp(f->now + k * width, f->base + k * width, width) == 0) {
        k++;
    }
    return k - i;
}

static void find(found *f)
{
    size_t width = f->lane.width;
    for (size_t i = 0; i < f->lanes;) {
        size_t gap = equal_run(f, i);
        i += gap;
        if (i == f->lanes) {
            break;
        }
        mlr_buf_varint(&f->gaps, gap);
        mlr_sides s = {.now = f->now + i * width, .old = f->base + i * width, .n = width};
        mlr_make_sub(f->lane, f->delta + f->count * width, &s);
        f->count++;
        i++;
    }
}

/* Bytes that are no whole lane travel in the last stream. */
static size_t add_rest(const found *f, uint8_t *to)
{
    size_t whole = f->lanes * f->lane.width;
    mlr_sides s = {.now = f->now + whole, .old = f->base + whole, .n = f->n - whole};
    mlr_make_sub((mlr_lane){.width = 1, .kind = MLR_LANE_INT}, to, &s);
    return s.n;
}

static mlr_status put_all(const mlr_encoding *e, const found *f, uint8_t *planes,
                          mlr_buf *payload, mlr_err *err)
{
    unsigned width = f->lane.width;
    mlr_split_planes(planes, f->delta, f->count, width);
    size_t rest = add_rest(f, planes + f->count * width);
    mlr_buf_varint(payload, f->count);
    mlr_buf_varint(payload, f->gaps.size);
    mlr_streams_out out;
    mlr_streams_begin(&out, e);
    mlr_status st = mlr_streams_put(&out, e, f->gaps.data, f->gaps.size, err);
    for (unsigned j = 0; j < width && st == MLR_OK; j++) {
        size_t n = f->count + (j + 1 == width ? rest : 0);
        st = mlr_streams_put(&out, e, planes + j * f->count, n, err);
    }
    mlr_status end = mlr_streams_end(&out, payload, err);
    return st == MLR_OK ? end : st;
}

static mlr_status encode_from(const mlr_encoding *e, const mlr_enc_block *b,
                              const uint8_t *base, mlr_buf *payload, mlr_err *err)
{
    size_t room = 2 * b->new_n;
    uint8_t *memory = mlr_take(e->alloc, room);
    if (memory == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for changes");
    }
    found f = {.lane = mlr_lane_of(b->record->dtype),
               .now = b->new_bytes,
               .base = base,
               .n = b->new_n,
               .delta = memory};
    f.lanes = f.n / f.lane.width;
    mlr_buf_init(&f.gaps, e->alloc);
    find(&f);
    mlr_status st =
        f.gaps.failed ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for changes")
                      : put_all(e, &f, memory + b->new_n, payload, err);
    mlr_buf_release(&f.gaps);
    mlr_give(e->alloc, memory, room);
    return st;
}

static mlr_status encode(const mlr_encoding *e, const mlr_enc_block *b, mlr_buf *payload,
                         mlr_err *err)
{
    uint8_t *own = NULL;
    const uint8_t *base = mlr_base_bytes(e, b, &own);
    if (base == NULL || b->new_n == 0) {
        mlr_buf_varint(payload, 0);
        mlr_buf_varint(payload, 0);
        return b->new_n == 0 && !payload->failed
                   ? MLR_OK
                   : mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for changes");
    }
    mlr_status st = encode_from(e, b, base, payload, err);
    mlr_give(e->alloc, own, b->new_n);
    return st;
}

const mlr_encoder mlr_encoder_sparse = {
    .id = MLR_STRATEGY_sparse,
    .summary =
        "Only the elements that changed: their distances and differences, then zstd.",
    .suits = mlr_record_pairs,
    .encode = encode,
};
