/*
 * Finds, for two runs of bytes in memory, which stretches of the new one resemble which
 * stretches of the old one. Stretches may differ in single bytes, as headers do in which a
 * few numbers changed: what remains is for an entropy coder.
 */
#ifndef MLR_CODEC_DELTA_H
#define MLR_CODEC_DELTA_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"
#include "apply/base/status.h"

typedef struct mlr_likeness {
    uint32_t new_at, old_at, len;
} mlr_likeness;

typedef struct mlr_bytes_view {
    const uint8_t *p;
    uint32_t n;
} mlr_bytes_view;

/*
 * Calls `found` for stretches in the order of the new bytes, never overlapping there. What
 * lies between them resembles nothing. `found` returns false when it is out of memory.
 */
mlr_status mlr_delta_find(mlr_bytes_view old_bytes, mlr_bytes_view new_bytes,
                          const mlr_allocator *alloc,
                          int (*found)(void *ctx, mlr_likeness like), void *ctx,
                          mlr_err *err);

#endif
