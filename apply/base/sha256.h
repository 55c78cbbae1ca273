/* SHA-256, which identifies whole files: base, target, dictionary. */
#ifndef MLR_APPLY_BASE_SHA256_H
#define MLR_APPLY_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { MLR_SHA256_BYTES = 32 };

/* Absorbs `blocks` blocks of 64 bytes. A host may supply a version for its processor. */
typedef void (*mlr_sha256_blocks)(uint32_t state[8], const uint8_t *data, size_t blocks);

typedef struct mlr_sha256 {
    mlr_sha256_blocks absorb;
    uint32_t state[8];
    uint64_t total;    /* bytes so far */
    uint8_t block[64]; /* the last total % 64 bytes wait here */
} mlr_sha256;

/* The round constants, for every version. */
extern const uint32_t mlr_sha256_k[64];

/* The reference, in plain C. */
void mlr_sha256_blocks_c(uint32_t state[8], const uint8_t *data, size_t blocks);

/* `absorb` NULL means the reference. */
void mlr_sha256_begin(mlr_sha256 *h, mlr_sha256_blocks absorb);
void mlr_sha256_add(mlr_sha256 *h, const void *data, size_t n);

/* Ends the computation; `h` must begin again before further use. */
void mlr_sha256_end(mlr_sha256 *h, uint8_t digest[MLR_SHA256_BYTES]);

#endif
