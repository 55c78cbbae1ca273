#include "apply/dict.h"

#include "apply/base/cursor.h"
#include "apply/base/mem.h"
#include "apply/block.h"

static void digest_of(mlr_dict *d, mlr_sha256_blocks absorb, uint8_t digest[])
{
    mlr_sha256 h;
    mlr_sha256_begin(&h, absorb);
    mlr_sha256_add(&h, d->bytes, d->size);
    mlr_sha256_end(&h, digest);
}

static mlr_status check_magic(const uint8_t *file, size_t n, mlr_err *err)
{
    if (n < MLR_DICT_HEADER || memcmp(file, MLR_DICT_MAGIC, 7) != 0) {
        return mlr_fail(err, MLR_E_FORMAT, 0, "header of a dictionary");
    }
    if (file[7] != MLR_DICT_VERSION) {
        return mlr_fail(err, MLR_E_UNSUPPORTED, 7, "version of a dictionary");
    }
    return MLR_OK;
}

mlr_status mlr_dict_view(mlr_dict *d, const uint8_t *file, size_t n,
                         mlr_sha256_blocks absorb, mlr_err *err)
{
    *d = (mlr_dict){.bytes = file, .size = n};
    if (n >= 8 && mlr_load32(file) == MLR_ZSTD_DICT_MAGIC) {
        digest_of(d, absorb, d->digest);
        return MLR_OK;
    }
    mlr_status st = check_magic(file, n, err);
    if (st != MLR_OK) {
        return st;
    }
    d->date = mlr_load64(file + 8);
    d->sample_bytes = mlr_load64(file + 16);
    d->samples = mlr_load32(file + 24);
    d->bytes = file + MLR_DICT_HEADER;
    d->size = n - MLR_DICT_HEADER;
    if (mlr_load32(file + 28) != d->size || d->size < 8) {
        return mlr_fail(err, MLR_E_FORMAT, 28, "size of a dictionary");
    }
    digest_of(d, absorb, d->digest);
    if (memcmp(d->digest, file + 32, MLR_SHA256_BYTES) != 0) {
        return mlr_fail(err, MLR_E_VERIFY, 32, "digest of a dictionary");
    }
    return MLR_OK;
}
