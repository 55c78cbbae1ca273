/*
 * How the applier decompresses zstd frames. No decompressor is compiled in: a host hands
 * over one built on libzstd, firmware its own or none.
 */
#ifndef MLR_APPLY_INFLATE_H
#define MLR_APPLY_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/status.h"

/* One frame, decompressed at once into its final place, so that no window is needed. */
typedef struct mlr_inflate_job {
    const uint8_t *in;
    size_t in_bytes;
    uint8_t *out;
    size_t out_bytes;      /* exact: a frame of any other size is MLR_E_FORMAT */
    const uint8_t *prefix; /* content the frame may refer back to, or NULL */
    size_t prefix_bytes;
    const uint8_t *dict; /* zstd dictionary, or NULL; never together with a prefix */
    size_t dict_bytes;
} mlr_inflate_job;

typedef struct mlr_inflater {
    size_t state_bytes; /* working memory of one decompression, 16-byte aligned */
    mlr_status (*run)(void *state, size_t state_bytes, const mlr_inflate_job *job,
                      mlr_err *err);
} mlr_inflater;

#endif
