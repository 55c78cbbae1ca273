/* How the library reaches bytes it does not own. */
#ifndef MLR_APPLY_BASE_IO_H
#define MLR_APPLY_BASE_IO_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/status.h"

/* Random-access input. Callbacks may be called from several threads at once. */
typedef struct mlr_source {
    void *ctx; /* borrowed; passed back to every callback */
    uint64_t size;
    /* Fills exactly n bytes or fails: there are no short reads. */
    mlr_status (*read_at)(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err);
    /* Optional zero-copy access (may be NULL). NULL, or valid until the source closes. */
    const void *(*view)(void *ctx, uint64_t off, size_t n);
} mlr_source;

/* Sequential input, such as a pipe. Sets *got to 1..n, or to 0 at the end. */
typedef struct mlr_stream {
    void *ctx;
    mlr_status (*read)(void *ctx, void *dst, size_t n, size_t *got, mlr_err *err);
} mlr_stream;

/* Sequential output. Accepts all n bytes or fails. */
typedef struct mlr_sink {
    void *ctx;
    mlr_status (*write)(void *ctx, const void *src, size_t n, mlr_err *err);
} mlr_sink;

#endif
