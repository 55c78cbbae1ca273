/* Encoders of dense differences: xor, sub, and both by planes. */
#include "apply/block.h"
#include "codec/forward.h"

typedef enum delta_kind { BY_XOR, BY_SUB } delta_kind;

/* The difference in `to`, of b->new_n bytes. */
static mlr_status make_delta(const mlr_encoding *e, const mlr_enc_block *b, delta_kind kind,
                             uint8_t *to, mlr_err *err)
{
    uint8_t *own = NULL;
    const uint8_t *base = mlr_base_bytes(e, b, &own);
    if (base == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a difference");
    }
    if (kind == BY_XOR) {
        mlr_make_xor(to, b->new_bytes, base, b->new_n);
    } else {
        mlr_make_sub(mlr_lane_of(b->record->dtype), to,
                     &(mlr_sides){.now = b->new_bytes, .old = base, .n = b->new_n});
    }
    mlr_give(e->alloc, own, b->new_n);
    return MLR_OK;
}

static mlr_status encode_whole(const mlr_encoding *e, const mlr_enc_block *b,
                               delta_kind kind, mlr_buf *payload, mlr_err *err)
{
    if (b->new_n == 0) {
        return MLR_OK;
    }
    uint8_t *delta = mlr_take(e->alloc, b->new_n);
    if (delta == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a difference");
    }
    mlr_status st = make_delta(e, b, kind, delta, err);
    if (st == MLR_OK) {
        st = mlr_block_deflate(e, delta, b->new_n, NULL, 0, payload, err);
    }
    mlr_give(e->alloc, delta, b->new_n);
    return st;
}

static mlr_status put_planes(const mlr_encoding *e, const uint8_t *planes, size_t n,
                             unsigned width, mlr_buf *payload, mlr_err *err)
{
    size_t lanes = n / width;
    mlr_streams_out s;
    mlr_streams_begin(&s, e);
    mlr_status st = MLR_OK;
    for (unsigned j = 0; j < width && st == MLR_OK; j++) {
        size_t rest = j + 1 == width ? n % width : 0;
        st = mlr_streams_put(&s, e, planes + j * lanes, lanes + rest, err);
    }
    mlr_status end = mlr_streams_end(&s, payload, err);
    return st == MLR_OK ? end : st;
}

static mlr_status encode_planes(const mlr_encoding *e, const mlr_enc_block *b,
                                delta_kind kind, mlr_buf *payload, mlr_err *err)
{
    if (b->new_n == 0) {
        return MLR_OK;
    }
    unsigned width = mlr_lane_of(b->record->dtype).width;
    size_t lanes = b->new_n / width, room = 2 * b->new_n;
    uint8_t *delta = mlr_take(e->alloc, room);
    if (delta == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a difference");
    }
    uint8_t *planes = delta + b->new_n;
    mlr_status st = make_delta(e, b, kind, delta, err);
    if (st == MLR_OK) {
        mlr_split_planes(planes, delta, lanes, width);
        for (size_t i = lanes * width; i < b->new_n; i++) {
            planes[i] = delta[i];
        }
        st = put_planes(e, planes, b->new_n, width, payload, err);
    }
    mlr_give(e->alloc, delta, room);
    return st;
}

static mlr_status encode_xor(const mlr_encoding *e, const mlr_enc_block *b,
                             mlr_buf *payload, mlr_err *err)
{
    return encode_whole(e, b, BY_XOR, payload, err);
}

static mlr_status encode_sub(const mlr_encoding *e, const mlr_enc_block *b,
                             mlr_buf *payload, mlr_err *err)
{
    return encode_whole(e, b, BY_SUB, payload, err);
}

static mlr_status encode_xor_planes(const mlr_encoding *e, const mlr_enc_block *b,
                                    mlr_buf *payload, mlr_err *err)
{
    return encode_planes(e, b, BY_XOR, payload, err);
}

static mlr_status encode_sub_planes(const mlr_encoding *e, const mlr_enc_block *b,
                                    mlr_buf *payload, mlr_err *err)
{
    return encode_planes(e, b, BY_SUB, payload, err);
}

const mlr_encoder mlr_encoder_xor = {
    .id = MLR_STRATEGY_xor,
    .summary = "Exclusive or with the base, then zstd.",
    .suits = mlr_record_pairs,
    .encode = encode_xor,
};

const mlr_encoder mlr_encoder_sub = {
    .id = MLR_STRATEGY_sub,
    .summary = "Difference from the base in the order of the values, then zstd.",
    .suits = mlr_record_pairs,
    .encode = encode_sub,
};

const mlr_encoder mlr_encoder_xor_planes = {
    .id = MLR_STRATEGY_xor_planes,
    .summary = "Exclusive or with the base, bytes of equal weight together, then zstd.",
    .suits = mlr_record_pairs,
    .encode = encode_xor_planes,
};

const mlr_encoder mlr_encoder_sub_planes = {
    .id = MLR_STRATEGY_sub_planes,
    .summary =
        "Difference in the order of the values, bytes of equal weight together, then "
        "zstd.",
    .suits = mlr_record_pairs,
    .encode = encode_sub_planes,
};
