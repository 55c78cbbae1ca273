/* XXH64, which guards the parts of a patch against damage. It is no defence against malice.
 */
#ifndef MLR_APPLY_BASE_XXH64_H
#define MLR_APPLY_BASE_XXH64_H

#include <stddef.h>
#include <stdint.h>

typedef struct mlr_xxh64 {
    uint64_t lane[4];
    uint64_t total;
    uint8_t stripe[32]; /* the last total % 32 bytes wait here */
} mlr_xxh64;

void mlr_xxh64_begin(mlr_xxh64 *h);
void mlr_xxh64_add(mlr_xxh64 *h, const void *data, size_t n);

/* The hash of all bytes so far; more may be added afterwards. */
uint64_t mlr_xxh64_end(const mlr_xxh64 *h);

/* The hash of n bytes at once (seed 0, as everywhere here). */
uint64_t mlr_xxh64_of(const void *data, size_t n);

#endif
