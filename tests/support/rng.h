/* Small deterministic random numbers, so that a test that fails fails again. */
#ifndef MLR_TESTS_SUPPORT_RNG_H
#define MLR_TESTS_SUPPORT_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct rng {
    uint64_t state;
} rng;

static inline rng rng_new(uint64_t seed)
{
    return (rng){seed};
}

/* 64 even bits (splitmix64). */
uint64_t rng_next(rng *r);

/* A number in [0, limit); limit is at least 1. */
uint64_t rng_below(rng *r, uint64_t limit);

/* Fills n bytes. */
void rng_fill(rng *r, void *to, size_t n);

/* A number in [0, 1). */
double rng_unit(rng *r);

/* Roughly normal, mean 0 and deviation 1: what trained weights look like. */
double rng_normal(rng *r);

#endif
