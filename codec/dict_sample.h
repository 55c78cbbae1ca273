/* Samples for dictionaries: what zstd would see of an update, a bit from everywhere. */
#ifndef MLR_CODEC_DICT_SAMPLE_H
#define MLR_CODEC_DICT_SAMPLE_H

#include "codec/plan.h"

typedef struct mlr_dict_samples {
    mlr_buf bytes; /* one behind the other */
    mlr_buf sizes; /* of each, as size_t */
} mlr_dict_samples;

void mlr_dict_samples_begin(mlr_dict_samples *s, const mlr_allocator *alloc);
void mlr_dict_samples_release(mlr_dict_samples *s);

/*
 * Adds about `most` bytes of the update: of changed tensors the difference from the old
 * ones, plane by plane, of new ones their bytes; and structure bytes.
 */
mlr_status mlr_dict_samples_add(mlr_dict_samples *s, const mlr_plan *plan, uint64_t most,
                                const mlr_tick *tick, mlr_err *err);

#endif
