/* Any bytes as a dictionary file: what is accepted lies inside the file, has the digest
 * that it claims, and can be handed to a decompressor. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "apply/dict.h"
#include "apply/host/host_kernels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int held)
{
    if (!held) {
        abort();
    }
}

static void view(const uint8_t *data, size_t size)
{
    mlr_dict d;
    mlr_err err = {0};
    if (mlr_dict_view(&d, data, size, mlr_host_kernels()->sha256, &err) != MLR_OK) {
        return;
    }
    must(d.bytes >= data && d.size <= size && d.bytes + d.size <= data + size);
    uint8_t digest[MLR_SHA256_BYTES];
    mlr_sha256 h;
    mlr_sha256_begin(&h, NULL);
    mlr_sha256_add(&h, d.bytes, d.size);
    mlr_sha256_end(&h, digest);
    must(memcmp(digest, d.digest, sizeof digest) == 0);
    ZSTD_freeDDict(ZSTD_createDDict(d.bytes, d.size));
}

/* As it is, and once more with size and digest as the rest of the bytes should have them.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    view(data, size);
    if (size > MLR_DICT_HEADER && size < 1 << 17) {
        uint8_t *own = malloc(size);
        size_t body = size - MLR_DICT_HEADER;
        mlr_sha256 h;
        memcpy(own, data, size);
        for (int i = 0; i < 4; i++) {
            own[28 + i] = (uint8_t)(body >> (8 * i));
        }
        mlr_sha256_begin(&h, NULL);
        mlr_sha256_add(&h, own + MLR_DICT_HEADER, body);
        mlr_sha256_end(&h, own + 32);
        view(own, size);
        free(own);
    }
    return 0;
}
