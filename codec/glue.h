/*
 * The structure bytes of the new model (headers, metadata, framing, small tensors) as one
 * run, matched against the structure bytes of the old one.
 */
#ifndef MLR_CODEC_GLUE_H
#define MLR_CODEC_GLUE_H

#include "codec/plan.h"

typedef struct mlr_glue {
    const uint8_t *bytes; /* all structure bytes of the new model in output order */
    uint32_t size;
    const mlr_ref *refs; /* old bytes for all of them: copies and gaps, in order */
    size_t ref_count;
    mlr_buf bytes_memory, refs_memory; /* own the two above */
    mlr_source source;                 /* over `bytes` */
} mlr_glue;

/* Loads and matches. Released by mlr_glue_release(), also after a failure. */
mlr_status mlr_glue_make(mlr_glue *g, const mlr_plan *plan, const mlr_allocator *alloc,
                         mlr_err *err);

/*
 * References of the bytes [at, at + n): appended to `out` as an array of mlr_ref. Where all
 * of it is a gap, none are.
 */
void mlr_glue_refs(const mlr_glue *g, uint64_t at, uint64_t n, mlr_buf *out);

void mlr_glue_release(mlr_glue *g); /* safe on a zeroed object */

#endif
