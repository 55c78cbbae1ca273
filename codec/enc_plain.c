/* Encoders without a transform: raw, copy, zstd, zstd-ref. */
#include <string.h>

#include "apply/block.h"
#include "codec/forward.h"

static mlr_status out_of_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a payload");
}

static bool suits_all(const mlr_record *r)
{
    (void)r;
    return true;
}

static bool suits_old(const mlr_record *r)
{
    return r->old_bytes > 0;
}

static mlr_status encode_raw(const mlr_encoding *e, const mlr_enc_block *b,
                             mlr_buf *payload, mlr_err *err)
{
    (void)e;
    mlr_buf_add(payload, b->new_bytes, b->new_n);
    return payload->failed ? out_of_memory(err) : MLR_OK;
}

static mlr_status encode_copy(const mlr_encoding *e, const mlr_enc_block *b,
                              mlr_buf *payload, mlr_err *err)
{
    (void)payload;
    uint8_t *own = NULL;
    const uint8_t *base = mlr_base_bytes(e, b, &own);
    if (base == NULL) {
        return out_of_memory(err);
    }
    bool same = memcmp(base, b->new_bytes, b->new_n) == 0;
    mlr_give(e->alloc, own, b->new_n);
    return same ? MLR_OK
                : mlr_fail(err, MLR_E_UNSUPPORTED, b->first, "equal bytes for copy");
}

static mlr_status encode_zstd(const mlr_encoding *e, const mlr_enc_block *b,
                              mlr_buf *payload, mlr_err *err)
{
    return mlr_block_deflate(e, b->new_bytes, b->new_n, NULL, 0, payload, err);
}

static mlr_status encode_ref(const mlr_encoding *e, const mlr_enc_block *b,
                             mlr_buf *payload, mlr_err *err)
{
    return mlr_block_deflate(e, b->new_bytes, b->new_n, b->old, b->old_n, payload, err);
}

const mlr_encoder mlr_encoder_raw = {
    .id = MLR_STRATEGY_raw,
    .summary = "Stores the new bytes as they are.",
    .suits = suits_all,
    .encode = encode_raw,
};

const mlr_encoder mlr_encoder_copy = {
    .id = MLR_STRATEGY_copy,
    .summary =
        "Takes the base's bytes, or its floats converted to the new type, unchanged.",
    .suits = mlr_record_pairs,
    .encode = encode_copy,
};

const mlr_encoder mlr_encoder_zstd = {
    .id = MLR_STRATEGY_zstd,
    .summary = "Compresses the new bytes with zstd, without looking at the base.",
    .suits = suits_all,
    .encode = encode_zstd,
};

const mlr_encoder mlr_encoder_zstd_ref = {
    .id = MLR_STRATEGY_zstd_ref,
    .summary = "Compresses the new bytes with zstd, the base's bytes being its history.",
    .suits = suits_old,
    .encode = encode_ref,
};
