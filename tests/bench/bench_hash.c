/* Bytes per second of the hashes, the median of several passes over memory that no cache
 * holds and over a block that stays in one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply/base/sha256.h"
#include "apply/base/xxh64.h"
#include "apply/host/cpu.h"

enum { LARGE = 64 << 20, SMALL = 64 << 10, PASSES = 7 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t sum; /* keeps the results alive */

static mlr_sha256_blocks absorb;

static void sha256(const uint8_t *data, size_t n)
{
    uint8_t digest[MLR_SHA256_BYTES];
    mlr_sha256 h;
    mlr_sha256_begin(&h, absorb);
    mlr_sha256_add(&h, data, n);
    mlr_sha256_end(&h, digest);
    sum += digest[0];
}

static void xxh64(const uint8_t *data, size_t n)
{
    sum += mlr_xxh64_of(data, n);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* `repeat` calls over n bytes make a pass. */
static void measure(const char *name, void (*hash)(const uint8_t *data, size_t n),
                    const uint8_t *data, size_t n, int repeat)
{
    double rate[PASSES];
    for (int pass = 0; pass < PASSES; pass++) {
        double start = now();
        for (int i = 0; i < repeat; i++) {
            hash(data, n);
        }
        rate[pass] = (double)n * repeat / (now() - start) / 1e9;
    }
    qsort(rate, PASSES, sizeof rate[0], by_value);
    printf("%s\t%zu KiB\t%.2f\tGB/s\n", name, n >> 10, rate[PASSES / 2]);
}

int main(void)
{
    uint8_t *data = malloc(LARGE);
    if (data == NULL) {
        return 1;
    }
    memset(data, 0x5a, LARGE);
    measure("sha256 reference", sha256, data, LARGE, 1);
    absorb = mlr_host_sha256();
    const char *name = absorb == mlr_sha256_blocks_c ? "sha256 host (none)" : "sha256 host";
    measure(name, sha256, data, LARGE, 1);
    measure(name, sha256, data, SMALL, 1000);
    measure("xxh64", xxh64, data, LARGE, 1);
    measure("xxh64", xxh64, data, SMALL, 1000);
    free(data);
    return sum == 0;
}
