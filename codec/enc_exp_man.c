#include <string.h>

#include "apply/float_split.h"
#include "codec/forward.h"

static bool suits(const mlr_record *r)
{
    return r->dtype->cls == MLR_CLASS_FLOAT || r->dtype->cls == MLR_CLASS_COMPLEX;
}

static uint64_t lane_at(const uint8_t *p, unsigned width)
{
    uint64_t u = 0;
    for (unsigned j = 0; j < width; j++) {
        u |= (uint64_t)p[j] << (8 * j);
    }
    return u;
}

static void split_all(const mlr_float_split *s, const uint8_t *from, uint8_t *const plane[])
{
    memset(plane[0], 0, s->size[0]);
    for (size_t i = 0; i < s->lanes; i++) {
        uint64_t u = lane_at(from + i * s->width, s->width);
        uint64_t m = u & (((uint64_t)1 << s->man_bits) - 1);
        uint64_t e = (u >> s->man_bits) & (((uint64_t)1 << s->exp_bits) - 1);
        unsigned sign = (unsigned)(u >> (s->man_bits + s->exp_bits)) & 1;
        plane[0][i / 8] = (uint8_t)(plane[0][i / 8] | sign << (i % 8));
        for (unsigned j = 0; j < s->exp_planes; j++) {
            plane[1 + j][i] = (uint8_t)(e >> (8 * j));
        }
        for (unsigned j = 0; j < s->man_planes; j++) {
            plane[1 + s->exp_planes + j][i] = (uint8_t)(m >> (8 * j));
        }
    }
}

static void split_bf16(const uint8_t *restrict from, uint8_t *const plane[], size_t lanes)
{
    uint8_t *restrict sign = plane[0], *restrict e = plane[1], *restrict m = plane[2];
    for (size_t i = 0; i < lanes; i++) {
        uint16_t u = mlr_lane_get16(from + 2 * i);
        e[i] = (uint8_t)(u >> 7);
        m[i] = (uint8_t)(u & 0x7f);
    }
    for (size_t i = 0; i < lanes; i += 8) {
        unsigned bits = 0;
        size_t n = lanes - i < 8 ? lanes - i : 8;
        for (size_t k = 0; k < n; k++) {
            bits |= (unsigned)(from[2 * (i + k) + 1] >> 7) << k;
        }
        sign[i / 8] = (uint8_t)bits;
    }
}

static mlr_status put_all(const mlr_encoding *e, const mlr_float_split *s,
                          uint8_t *const plane[], mlr_buf *payload, mlr_err *err)
{
    mlr_streams_out out;
    mlr_streams_begin(&out, e);
    mlr_status st = MLR_OK;
    for (unsigned j = 0; j < s->streams && st == MLR_OK; j++) {
        st = mlr_streams_put(&out, e, plane[j], s->size[j], err);
    }
    mlr_status end = mlr_streams_end(&out, payload, err);
    return st == MLR_OK ? end : st;
}

static mlr_status encode(const mlr_encoding *e, const mlr_enc_block *b, mlr_buf *payload,
                         mlr_err *err)
{
    if (b->new_n == 0) {
        return MLR_OK;
    }
    mlr_float_split s;
    mlr_float_split_of(b->record->dtype, b->new_n, &s);
    size_t room = 0;
    for (unsigned j = 0; j < s.streams; j++) {
        room += s.size[j];
    }
    uint8_t *memory = mlr_take(e->alloc, room);
    if (memory == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for float parts");
    }
    uint8_t *plane[MLR_FLOAT_STREAMS];
    uint8_t *next = memory;
    for (unsigned j = 0; j < s.streams; j++) {
        plane[j] = next;
        next += s.size[j];
    }
    if (s.width == 2 && s.exp_bits == 8) {
        split_bf16(b->new_bytes, plane, s.lanes);
    } else {
        split_all(&s, b->new_bytes, plane);
    }
    size_t whole = s.lanes * s.width;
    memcpy(plane[s.streams - 1] + s.lanes, b->new_bytes + whole, b->new_n - whole);
    mlr_status st = put_all(e, &s, plane, payload, err);
    mlr_give(e->alloc, memory, room);
    return st;
}

const mlr_encoder mlr_encoder_exp_man = {
    .id = MLR_STRATEGY_exp_man,
    .summary =
        "Signs, exponents and mantissas of the new floats apart, then zstd; needs no "
        "base.",
    .suits = suits,
    .encode = encode,
};
