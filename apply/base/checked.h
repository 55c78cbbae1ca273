/*
 * Arithmetic on numbers that came from a file. Each function returns false where the true
 * result does not fit, and writes `out` only on success.
 */
#ifndef MLR_APPLY_BASE_CHECKED_H
#define MLR_APPLY_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool mlr_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b > UINT64_MAX - a) {
        return false;
    }
    *out = a + b;
    return true;
}

static inline bool mlr_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a != 0 && b > UINT64_MAX / a) {
        return false;
    }
    *out = a * b;
    return true;
}

/* The next multiple of `step`, which must be a power of two (false where it is not). */
static inline bool mlr_align_u64(uint64_t a, uint64_t step, uint64_t *out)
{
    uint64_t mask = step - 1;
    if (step == 0 || (step & mask) != 0 || a > UINT64_MAX - mask) {
        return false;
    }
    *out = (a + mask) & ~mask;
    return true;
}

static inline bool mlr_to_size(uint64_t a, size_t *out)
{
    if (a > SIZE_MAX) {
        return false;
    }
    *out = (size_t)a;
    return true;
}

/* Whether [off, off + len) lies inside [0, size); cannot wrap. */
static inline bool mlr_inside(uint64_t off, uint64_t len, uint64_t size)
{
    return len <= size && off <= size - len;
}

#endif
