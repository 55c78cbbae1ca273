#include "tests/support/rng.h"

#include <string.h>

uint64_t rng_next(rng *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint64_t rng_below(rng *r, uint64_t limit)
{
    return rng_next(r) % limit;
}

void rng_fill(rng *r, void *to, size_t n)
{
    unsigned char *p = to;
    while (n > 0) {
        uint64_t word = rng_next(r);
        size_t take = n < sizeof word ? n : sizeof word;
        memcpy(p, &word, take);
        p += take;
        n -= take;
    }
}

double rng_unit(rng *r)
{
    return (double)(rng_next(r) >> 11) / 9007199254740992.0;
}

/* The sum of twelve even numbers is close enough and needs no logarithm. */
double rng_normal(rng *r)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++) {
        sum += rng_unit(r);
    }
    return sum;
}
