#include "apply/base/mem.h"
#include "apply/decoder.h"

static mlr_status decode(const mlr_block *b, mlr_err *err)
{
    if (b->payload_bytes != b->out_bytes) {
        return mlr_fail(err, MLR_E_FORMAT, b->first, "as many bytes as the block has");
    }
    if (b->out_bytes > 0) {
        memcpy(b->out, b->payload, b->out_bytes);
    }
    return MLR_OK;
}

const mlr_decoder mlr_decoder_raw = {
    .id = MLR_STRATEGY_raw, .traits = 0, .name = "raw", .decode = decode};
