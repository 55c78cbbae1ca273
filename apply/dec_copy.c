#include "apply/base/mem.h"
#include "apply/block.h"

static mlr_status terms(const mlr_record *r, mlr_decoder_terms *out, mlr_err *err)
{
    return mlr_scratch_terms(r, 0, out, err);
}

static mlr_status decode(const mlr_block *b, mlr_err *err)
{
    if (b->payload_bytes != 0) {
        return mlr_fail(err, MLR_E_FORMAT, b->first, "copy without a payload");
    }
    mlr_scratch s;
    const uint8_t *base = NULL;
    mlr_status st = mlr_scratch_begin(&s, b, err);
    if (st == MLR_OK) {
        st = mlr_block_base(b, &s, &base, err);
    }
    if (st == MLR_OK && b->out_bytes > 0) {
        memcpy(b->out, base, b->out_bytes);
    }
    return st;
}

const mlr_decoder mlr_decoder_copy = {.id = MLR_STRATEGY_copy,
                                      .traits = MLR_NEEDS_OLD,
                                      .name = "copy",
                                      .terms = terms,
                                      .decode = decode};
