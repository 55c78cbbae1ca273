#include "apply/base/mem.h"
#include "apply/block.h"

static mlr_status expand(const mlr_block *b, const uint8_t *prefix, size_t n, mlr_err *err)
{
    if (b->out_bytes == 0) {
        return b->payload_bytes == 0
                   ? MLR_OK
                   : mlr_fail(err, MLR_E_FORMAT, b->first, "size of a stream");
    }
    const uint8_t *plain = NULL;
    mlr_status st = mlr_block_inflate(b, prefix, n, b->out, b->out_bytes, &plain, err);
    if (st == MLR_OK && plain != b->out) {
        memcpy(b->out, plain, b->out_bytes);
    }
    return st;
}

static mlr_status decode(const mlr_block *b, mlr_err *err)
{
    return expand(b, NULL, 0, err);
}

/* The reference serves as content to refer back to, whatever its length and type. */
static mlr_status decode_ref(const mlr_block *b, mlr_err *err)
{
    return expand(b, b->old, b->old_bytes, err);
}

const mlr_decoder mlr_decoder_zstd = {
    .id = MLR_STRATEGY_zstd, .traits = MLR_NEEDS_INFLATE, .name = "zstd", .decode = decode};

const mlr_decoder mlr_decoder_zstd_ref = {.id = MLR_STRATEGY_zstd_ref,
                                          .traits = MLR_NEEDS_OLD | MLR_NEEDS_INFLATE,
                                          .name = "zstd-ref",
                                          .decode = decode_ref};
