/* Finds how far back a record's pattern of changed elements repeats: frozen columns,
 * filters. */
#ifndef MLR_CODEC_LAG_H
#define MLR_CODEC_LAG_H

#include "codec/strategy.h"

/*
 * Looks at the first elements of the record. *lag becomes a distance that a neural model
 * may use as context and at which changes agree clearly more often than by chance, or 0.
 */
mlr_status mlr_find_lag(const mlr_encoding *e, const mlr_view *v, uint64_t *lag,
                        mlr_err *err);

#endif
