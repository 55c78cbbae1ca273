/*
 * Moves integer factors, step by step, to where more elements round to what they are. That
 * costs nothing but time: least squares cannot see where the edges of rounding lie.
 */
#ifndef MLR_CODEC_FACTOR_REFINE_H
#define MLR_CODEC_FACTOR_REFINE_H

#include <stddef.h>
#include <stdint.h>

#include "codec/factors.h"

typedef struct mlr_refining {
    const float *d;      /* rows x columns: new - old in units of the model's fixed point */
    const uint8_t *fine; /* log2 of the new unit, 255: counts for nothing */
    size_t rows, columns;
    unsigned turns; /* of the search: more is smaller and slower */
    const mlr_allocator *alloc;
    const mlr_exec *exec;
} mlr_refining;

/* Changes what f->u and f->v hold; false where memory is short, with nothing changed. */
bool mlr_factors_refine(const mlr_refining *r, mlr_factors *f);

#endif
