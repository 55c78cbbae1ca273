/*
 * Differences with the bytes of the elements sorted into planes: xor-planes and sub-planes.
 * One stream per byte of the lane, lowest first; the last one ends with the bytes that are
 * no whole lane.
 */
#include "apply/base/mem.h"
#include "apply/block.h"
#include "apply/undo.h"

enum { MOST_PLANES = 8, CHUNK = 2048 };

static mlr_status terms(const mlr_record *r, mlr_decoder_terms *out, mlr_err *err)
{
    return mlr_scratch_terms(r, r->block_new, out, err);
}

/* Expands all planes into scratch; *rest is where the bytes that are no lane lie. */
static mlr_status expand_planes(const mlr_block *b, mlr_scratch *s, unsigned width,
                                const uint8_t **planes, mlr_err *err)
{
    size_t lanes = b->out_bytes / width;
    size_t plain[MOST_PLANES];
    mlr_stream_in in[MOST_PLANES];
    for (unsigned j = 0; j < width; j++) {
        plain[j] = lanes;
    }
    plain[width - 1] += b->out_bytes % width;
    uint8_t *to = mlr_scratch_take(s, b->out_bytes);
    if (to == NULL) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "work memory for planes", s->left,
                              b->out_bytes);
    }
    mlr_status st = mlr_streams_split(b->payload, b->payload_bytes, plain, width, in, err);
    for (unsigned j = 0; j < width && st == MLR_OK; j++) {
        st = mlr_stream_expand(b, &in[j], to + j * lanes, plain[j], err);
    }
    *planes = to;
    return st;
}

/* A difference as it is taken back: by exclusive or, or by lanes. */
typedef struct taking_back {
    mlr_lane lane;
    bool by_xor;
} taking_back;

static void take_back(const taking_back *t, uint8_t *out, const uint8_t *base, size_t n)
{
    if (t->by_xor) {
        mlr_undo_xor(out, base, n);
    } else {
        mlr_undo_sub(t->lane, out, base, n);
    }
}

static mlr_status decode_planes(const mlr_block *b, bool by_xor, mlr_err *err)
{
    taking_back t = {.lane = mlr_lane_of(b->record->dtype), .by_xor = by_xor};
    size_t width = t.lane.width;
    mlr_scratch s;
    const uint8_t *base = NULL, *planes = NULL;
    mlr_status st = mlr_scratch_begin(&s, b, err);
    if (st == MLR_OK) {
        st = mlr_block_base(b, &s, &base, err);
    }
    if (st == MLR_OK) {
        st = expand_planes(b, &s, t.lane.width, &planes, err);
    }
    if (st != MLR_OK || b->out_bytes == 0) {
        return st;
    }
    size_t lanes = b->out_bytes / width, rest = b->out_bytes % width;
    mlr_planes p = {.bytes = planes, .stride = lanes, .width = t.lane.width};
    for (size_t at = 0; at < lanes; at += CHUNK) {
        size_t n = lanes - at < CHUNK ? lanes - at : CHUNK;
        mlr_join_planes(b->out + at * width, &p, at, n);
        take_back(&t, b->out + at * width, base + at * width, n * width);
    }
    if (rest > 0) {
        memcpy(b->out + lanes * width, planes + lanes * width, rest);
        take_back(&t, b->out + lanes * width, base + lanes * width, rest);
    }
    return MLR_OK;
}

static mlr_status decode_xor(const mlr_block *b, mlr_err *err)
{
    return decode_planes(b, true, err);
}

static mlr_status decode_sub(const mlr_block *b, mlr_err *err)
{
    return decode_planes(b, false, err);
}

const mlr_decoder mlr_decoder_xor_planes = {.id = MLR_STRATEGY_xor_planes,
                                            .traits = MLR_NEEDS_OLD | MLR_NEEDS_INFLATE,
                                            .name = "xor-planes",
                                            .terms = terms,
                                            .decode = decode_xor};

const mlr_decoder mlr_decoder_sub_planes = {.id = MLR_STRATEGY_sub_planes,
                                            .traits = MLR_NEEDS_OLD | MLR_NEEDS_INFLATE,
                                            .name = "sub-planes",
                                            .terms = terms,
                                            .decode = decode_sub};
