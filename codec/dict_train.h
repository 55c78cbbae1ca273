/* Makes dictionary files (apply/dict.h) from samples: zstd's trainer, and our header. */
#ifndef MLR_CODEC_DICT_TRAIN_H
#define MLR_CODEC_DICT_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "codec/buf.h"

typedef struct mlr_dict_training {
    const uint8_t *samples; /* one behind the other */
    const size_t *sizes;    /* of each */
    unsigned count;
    size_t most;   /* bytes the whole file may have; at least 1 KiB */
    uint64_t date; /* seconds since 1970, from the caller: SOURCE_DATE_EPOCH or a clock */
    int level;     /* that patches will use; 0: any */
} mlr_dict_training;

/*
 * Appends the file. The same samples and settings give the same bytes. Too few or too small
 * samples are MLR_E_UNSUPPORTED.
 */
mlr_status mlr_dict_train(const mlr_dict_training *t, mlr_buf *file, mlr_err *err);

#endif
