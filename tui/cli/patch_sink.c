#include "tui/cli/patch_sink.h"

#include <string.h>

#include "apply/patch_format.h"

static mlr_status keep_header(mlr_patch_sink *s, const void *src, size_t n, mlr_err *err)
{
    const uint8_t *p = src;
    bool whole = n >= MLR_PATCH_PREFIX && memcmp(p, MLR_PATCH_MAGIC, 4) == 0;
    if (s->header != NULL || !whole) {
        return MLR_OK;
    }
    s->header = mlr_take(s->alloc, n);
    if (s->header == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "patch header");
    }
    memcpy(s->header, src, n);
    s->header_bytes = n;
    return MLR_OK;
}

static mlr_status sink_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    mlr_patch_sink *s = ctx;
    if (keep_header(s, src, n, err) != MLR_OK || s->file == NULL) {
        return err->status;
    }
    return s->file->sink.write(s->file->sink.ctx, src, n, err);
}

static mlr_status sink_rewrite(void *ctx, uint64_t off, const void *src, size_t n,
                               mlr_err *err)
{
    mlr_patch_sink *s = ctx;
    if (keep_header(s, src, n, err) != MLR_OK || s->file == NULL) {
        return err->status;
    }
    return mlr_out_rewrite(s->file, off, src, n, err);
}

mlr_patch_out mlr_patch_sink_out(mlr_patch_sink *s)
{
    return (mlr_patch_out){.ctx = s, .write = sink_write, .rewrite = sink_rewrite};
}
