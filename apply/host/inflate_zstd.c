#define ZSTD_STATIC_LINKING_ONLY /* static contexts; frame headers */
#include "apply/host/inflate_zstd.h"

#include <zstd.h>

static mlr_status refuse(mlr_err *err, const char *rule)
{
    return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, rule);
}

/* One frame from the first byte to the last, of the size that is expected. */
static mlr_status check_frame(const mlr_inflate_job *job, mlr_err *err)
{
    ZSTD_frameHeader h;
    if (ZSTD_getFrameHeader(&h, job->in, job->in_bytes) != 0 || h.frameType != ZSTD_frame) {
        return refuse(err, "header of a zstd frame");
    }
    if (h.frameContentSize != job->out_bytes) {
        return refuse(err, "zstd frame of the block's size");
    }
    if (ZSTD_findFrameCompressedSize(job->in, job->in_bytes) != job->in_bytes) {
        return refuse(err, "one zstd frame and no more");
    }
    return MLR_OK;
}

static mlr_status run(void *state, size_t state_bytes, const mlr_inflate_job *job,
                      mlr_err *err)
{
    mlr_status st = check_frame(job, err);
    if (st != MLR_OK) {
        return st;
    }
    ZSTD_DCtx *ctx = ZSTD_initStaticDCtx(state, state_bytes);
    if (ctx == NULL) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "work memory for zstd", state_bytes,
                              ZSTD_estimateDCtxSize());
    }
    /* a prefix that does not begin with the dictionary magic is taken as plain content */
    const uint8_t *dict = job->prefix != NULL ? job->prefix : job->dict;
    size_t n = job->prefix != NULL ? job->prefix_bytes : job->dict_bytes;
    size_t made = ZSTD_decompress_usingDict(ctx, job->out, job->out_bytes, job->in,
                                            job->in_bytes, dict, dict == NULL ? 0 : n);
    if (ZSTD_isError(made) || made != job->out_bytes) {
        return refuse(err, "content of a zstd frame");
    }
    return MLR_OK;
}

mlr_inflater mlr_inflate_zstd(void)
{
    return (mlr_inflater){.state_bytes = ZSTD_estimateDCtxSize(), .run = run};
}
