/*
 * Dictionary files: a header that says what a dictionary was made from, then the zstd
 * dictionary itself. Patches name the dictionary they need by its digest.
 *
 *   0  8  "MLRDICT" and a version byte, 0
 *   8  8  when it was made, seconds since 1970
 *  16  8  bytes of the samples
 *  24  4  samples
 *  28  4  bytes of the zstd dictionary
 *  32 32  SHA-256 of the zstd dictionary
 *  64     the zstd dictionary
 *
 * All numbers are little-endian. A bare zstd dictionary is accepted too.
 */
#ifndef MLR_APPLY_DICT_H
#define MLR_APPLY_DICT_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/sha256.h"
#include "apply/base/status.h"

enum { MLR_DICT_HEADER = 64, MLR_DICT_VERSION = 0 };
#define MLR_DICT_MAGIC "MLRDICT"

typedef struct mlr_dict {
    const uint8_t *bytes; /* the zstd dictionary, inside the file's bytes */
    size_t size;
    uint8_t digest[MLR_SHA256_BYTES]; /* of those */
    uint64_t date, sample_bytes;      /* 0 for a bare zstd dictionary */
    uint32_t samples;
} mlr_dict;

/*
 * Views a dictionary in n bytes that outlive it. Proves size and digest; whether zstd likes
 * the content shows when it is used. `absorb` as in mlr_sha256_begin().
 */
mlr_status mlr_dict_view(mlr_dict *d, const uint8_t *file, size_t n,
                         mlr_sha256_blocks absorb, mlr_err *err);

#endif
