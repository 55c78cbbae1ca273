#include "apply/output.h"

#include "apply/apply.h"
#include "apply/base/mem.h"

void mlr_output_init(mlr_output *o, const mlr_patch_header *h,
                     const struct mlr_target *target, const mlr_kernels *kernels,
                     const mlr_source *done)
{
    *o = (mlr_output){.header = h, .target = target, .kernels = kernels};
    o->done = done == NULL ? 0 : done->size;
}

static mlr_status close_member(mlr_output *o, mlr_err *err)
{
    uint8_t digest[MLR_SHA256_BYTES];
    mlr_sha256_end(&o->hash, digest);
    o->open = false;
    if (memcmp(digest, o->member.sha256, sizeof digest) != 0) {
        mlr_err_about(err, o->member.name, o->member.name_bytes);
        return mlr_fail(err, MLR_E_VERIFY, MLR_NO_OFFSET, "digest of the new file");
    }
    return o->target->close(o->target->ctx, o->iter.index - 1, err);
}

/* Closes a finished member and opens the next, past empty ones, as long as there is one. */
static mlr_status advance(mlr_output *o, mlr_err *err)
{
    while (o->left == 0) {
        if (o->open && close_member(o, err) != MLR_OK) {
            return err->status;
        }
        if (!mlr_patch_target(o->header, &o->iter, &o->member)) {
            return MLR_OK;
        }
        mlr_sha256_begin(&o->hash, o->kernels->sha256);
        o->left = o->member.size;
        o->open = true;
        mlr_status status =
            o->target->open(o->target->ctx, o->iter.index - 1, &o->member, err);
        if (status != MLR_OK) {
            return status;
        }
    }
    return MLR_OK;
}

mlr_status mlr_output_begin(mlr_output *o, mlr_err *err)
{
    return advance(o, err);
}

/* Writes the part of n bytes that no earlier run has written. */
static mlr_status write_new(mlr_output *o, const uint8_t *bytes, size_t n, mlr_err *err)
{
    uint64_t old = o->done > o->written ? o->done - o->written : 0;
    if (old >= n) {
        return MLR_OK;
    }
    return o->target->write(o->target->ctx, bytes + old, n - (size_t)old, err);
}

mlr_status mlr_output_put(mlr_output *o, const uint8_t *bytes, size_t n, mlr_err *err)
{
    while (n > 0) {
        if (advance(o, err) != MLR_OK) {
            return err->status;
        }
        if (!o->open) {
            return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "end of the new files");
        }
        size_t now = o->left < n ? (size_t)o->left : n;
        mlr_sha256_add(&o->hash, bytes, now);
        mlr_status status = write_new(o, bytes, now, err);
        if (status != MLR_OK) {
            return status;
        }
        o->written += now;
        o->left -= now;
        bytes += now;
        n -= now;
    }
    return MLR_OK;
}

uint64_t mlr_output_room(mlr_output *o, mlr_err *err)
{
    return advance(o, err) == MLR_OK ? o->left : 0;
}

mlr_status mlr_output_end(mlr_output *o, mlr_err *err)
{
    if (advance(o, err) != MLR_OK) {
        return err->status;
    }
    if (o->open) {
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "all bytes of the new files");
    }
    return MLR_OK;
}
