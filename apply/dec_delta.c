/* Differences in the order of the elements: xor and sub. */
#include "apply/block.h"
#include "apply/undo.h"

static mlr_status terms(const mlr_record *r, mlr_decoder_terms *out, mlr_err *err)
{
    return mlr_scratch_terms(r, 0, out, err);
}

static mlr_status begin(const mlr_block *b, const uint8_t **base, mlr_err *err)
{
    mlr_scratch s;
    mlr_status st = mlr_scratch_begin(&s, b, err);
    if (st == MLR_OK) {
        st = mlr_block_base(b, &s, base, err);
    }
    mlr_stream_in in = {.data = b->payload, .size = b->payload_bytes};
    return st == MLR_OK ? mlr_stream_expand(b, &in, b->out, b->out_bytes, err) : st;
}

static mlr_status decode_xor(const mlr_block *b, mlr_err *err)
{
    const uint8_t *base = NULL;
    mlr_status st = begin(b, &base, err);
    if (st == MLR_OK) {
        mlr_undo_xor(b->out, base, b->out_bytes);
    }
    return st;
}

static mlr_status decode_sub(const mlr_block *b, mlr_err *err)
{
    const uint8_t *base = NULL;
    mlr_status st = begin(b, &base, err);
    if (st == MLR_OK) {
        mlr_undo_sub(mlr_lane_of(b->record->dtype), b->out, base, b->out_bytes);
    }
    return st;
}

const mlr_decoder mlr_decoder_xor = {.id = MLR_STRATEGY_xor,
                                     .traits = MLR_NEEDS_OLD | MLR_NEEDS_INFLATE,
                                     .name = "xor",
                                     .terms = terms,
                                     .decode = decode_xor};

const mlr_decoder mlr_decoder_sub = {.id = MLR_STRATEGY_sub,
                                     .traits = MLR_NEEDS_OLD | MLR_NEEDS_INFLATE,
                                     .name = "sub",
                                     .terms = terms,
                                     .decode = decode_sub};
