#include "codec/forward.h"

#include <string.h>

#include "apply/convert.h"

void mlr_make_xor(uint8_t *restrict to, const uint8_t *restrict now,
                  const uint8_t *restrict old, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = now[i] ^ old[i];
    }
}

#define MAKE_LOOPS(bits)                                                                   \
    static void make_int##bits(uint8_t *restrict to, const uint8_t *restrict now,          \
                               const uint8_t *restrict old, size_t n)                      \
    {                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                   \
            size_t at = i * (bits / 8);                                                    \
            uint##bits##_t d = (uint##bits##_t)(mlr_lane_get##bits(now + at) -             \
                                                mlr_lane_get##bits(old + at));             \
            mlr_lane_put##bits(to + at, mlr_fold##bits(d));                                \
        }                                                                                  \
    }                                                                                      \
    static void make_float##bits(uint8_t *restrict to, const uint8_t *restrict now,        \
                                 const uint8_t *restrict old, size_t n)                    \
    {                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                   \
            size_t at = i * (bits / 8);                                                    \
            uint##bits##_t d =                                                             \
                (uint##bits##_t)(mlr_order##bits(mlr_lane_get##bits(now + at)) -           \
                                 mlr_order##bits(mlr_lane_get##bits(old + at)));           \
            mlr_lane_put##bits(to + at, mlr_fold##bits(d));                                \
        }                                                                                  \
    }

MAKE_LOOPS(8)
MAKE_LOOPS(16)
MAKE_LOOPS(32)
MAKE_LOOPS(64)

/* fold() of codes of `bits` bits, each in its own place of a byte. */
static uint8_t fold_codes(unsigned now, unsigned old, unsigned bits)
{
    unsigned mask = (1U << bits) - 1, byte = 0;
    for (unsigned at = 0; at < 8; at += bits) {
        unsigned d = ((now >> at) - (old >> at)) & mask;
        unsigned z = ((d << 1) ^ (d >> (bits - 1) ? mask : 0)) & mask;
        byte |= z << at;
    }
    return (uint8_t)byte;
}

static void make_codes(uint8_t *restrict to, const mlr_sides *s, unsigned bits)
{
    for (size_t i = 0; i < s->n; i++) {
        to[i] = fold_codes(s->now[i], s->old[i], bits);
    }
}

typedef void (*make_fn)(uint8_t *restrict to, const uint8_t *restrict now,
                        const uint8_t *restrict old, size_t n);

static make_fn maker(mlr_lane lane)
{
    bool is_float = lane.kind == MLR_LANE_FLOAT;
    switch (lane.width) {
    case 1:
        return is_float ? make_float8 : make_int8;
    case 2:
        return is_float ? make_float16 : make_int16;
    case 4:
        return is_float ? make_float32 : make_int32;
    default:
        return is_float ? make_float64 : make_int64;
    }
}

void mlr_make_sub(mlr_lane lane, uint8_t *to, const mlr_sides *s)
{
    if (lane.kind == MLR_LANE_NIBBLE || lane.kind == MLR_LANE_CRUMB) {
        make_codes(to, s, lane.kind == MLR_LANE_NIBBLE ? 4 : 2);
        return;
    }
    size_t lanes = s->n / lane.width;
    size_t whole = lanes * lane.width;
    maker(lane)(to, s->now, s->old, lanes);
    make_int8(to + whole, s->now + whole, s->old + whole, s->n - whole);
}

static void split2(uint8_t *restrict a, uint8_t *restrict b, const uint8_t *restrict from,
                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t v = mlr_lane_get16(from + 2 * i);
        a[i] = (uint8_t)v;
        b[i] = (uint8_t)(v >> 8);
    }
}

void mlr_split_planes(uint8_t *restrict to, const uint8_t *restrict from, size_t lanes,
                      unsigned width)
{
    if (width == 2) {
        split2(to, to + lanes, from, lanes);
        return;
    }
    for (unsigned j = 0; j < width; j++) {
        uint8_t *plane = to + j * lanes;
        for (size_t i = 0; i < lanes; i++) {
            plane[i] = from[i * width + j];
        }
    }
}

void mlr_streams_begin(mlr_streams_out *s, const mlr_encoding *e)
{
    *s = (mlr_streams_out){.count = 0};
    mlr_buf_init(&s->data, e->alloc);
}

mlr_status mlr_streams_put(mlr_streams_out *s, const mlr_encoding *e, const uint8_t *plain,
                           size_t n, mlr_err *err)
{
    size_t before = s->data.size;
    mlr_status st = mlr_block_deflate(e, plain, n, NULL, 0, &s->data, err);
    s->plain[s->count] = n;
    s->size[s->count++] = s->data.size - before;
    return st;
}

mlr_status mlr_streams_end(mlr_streams_out *s, mlr_buf *payload, mlr_err *err)
{
    unsigned last = s->count;
    for (unsigned i = 0; i < s->count; i++) {
        last = s->plain[i] > 0 ? i : last;
    }
    for (unsigned i = 0; i < s->count; i++) {
        if (s->plain[i] > 0 && i != last) {
            mlr_buf_varint(payload, s->size[i]);
        }
    }
    mlr_buf_add(payload, s->data.data, s->data.size);
    bool failed = payload->failed || s->data.failed;
    mlr_buf_release(&s->data);
    return failed ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a payload")
                  : MLR_OK;
}

const uint8_t *mlr_base_bytes(const mlr_encoding *e, const mlr_enc_block *b, uint8_t **own)
{
    const mlr_dtype *to = b->record->dtype, *from = b->record->old_dtype;
    *own = NULL;
    if (from == to) {
        return b->old;
    }
    uint8_t *made = mlr_take(e->alloc, b->new_n);
    if (made == NULL) {
        return NULL;
    }
    size_t elements = b->new_n / to->block_bytes;
    mlr_convert(from, b->old, to, made, elements);
    memset(made + elements * to->block_bytes, 0, b->new_n % to->block_bytes);
    *own = made;
    return made;
}
