/* The factor that takes the base nearest to the new elements: what weight decay leaves. */
#ifndef MLR_CODEC_SCALE_H
#define MLR_CODEC_SCALE_H

#include "codec/strategy.h"

/*
 * In parts of 2^32 of the base, from a sample; 0 where a scale explains too little of the
 * change, or where the elements are no floats of one type.
 */
mlr_status mlr_find_scale(const mlr_encoding *e, const mlr_view *v, int32_t *scale,
                          mlr_err *err);

#endif
