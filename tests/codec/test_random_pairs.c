/*
 * Random updates of random models under random options: what apply makes of the patch is
 * the new model, byte for byte. MALLORN_PAIRS sets how many per format, MALLORN_SEED where
 * to start; a failure prints the seed that shows it.
 */
#include "tests/support/patching.h"
#include "tests/support/random_pair.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "apply/host/heap.h"
#include "apply/host/threads.h"

enum { PAIRS = 125 };

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
    const char *value = getenv(name);
    return value == NULL ? otherwise : strtoul(value, NULL, 10);
}

static void random_options(rng *r, patching *p)
{
    static const uint8_t levels[] = {1, 3, 6, 9, 19};
    p->choice = (mlr_choice){.strategy = MLR_AUTO,
                             .level = levels[rng_below(r, sizeof levels)],
                             .block_bytes = rng_below(r, 2) ? 4096 : 0};
    unsigned pick = (unsigned)rng_below(r, 24);
    if (mlr_encoder_get(pick) != NULL && pick != MLR_STRATEGY_copy) {
        p->choice.strategy = (int16_t)pick;
    } else if (pick > 20) {
        p->choice.strategy = MLR_NEURAL;
    }
    p->device = mlr_device_at(rng_below(r, 4));
    p->lanes = 1 + (unsigned)rng_below(r, 3);
}

static void one_pair(patching *p, const temp_dir *dir, random_format format, uint64_t seed)
{
    char old_path[512], new_path[512];
    rng r = rng_new(seed);
    random_file a, b;
    random_pair(&r, format, &a, &b);
    temp_dir_write(dir, "old", a.data, a.n);
    temp_dir_write(dir, "new", b.data, b.n);
    free(a.data);
    free(b.data);
    random_options(&r, p);
    temp_dir_at(dir, "old", old_path);
    temp_dir_at(dir, "new", new_path);
    mlr_err err = {0};
    patch_bytes patch = {0};
    if (patching_diff(p, old_path, new_path, &patch, &err) != MLR_OK ||
        patching_apply(p, old_path, new_path, &patch, &err) != MLR_OK) {
        printf("format %d, seed %llu, strategy %d, level %u, lanes %u\n", format,
               (unsigned long long)seed, p->choice.strategy, p->choice.level, p->lanes);
    }
    assert_no_err(&err);
    /* A patch is never much larger than what it makes. */
    if (patch.n > b.n + b.n / 1000 + 4096) {
        printf("format %d, seed %llu: %zu bytes for %zu\n", format,
               (unsigned long long)seed, patch.n, b.n);
    }
    assert_true(patch.n <= b.n + b.n / 1000 + 4096);
    patch_bytes_release(p, &patch);
}

static void gives_back_random_updates(void **state)
{
    (void)state;
    unsigned long pairs = from_environment("MALLORN_PAIRS", PAIRS);
    unsigned long first = from_environment("MALLORN_SEED", 1);
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_threads *threads = NULL;
    mlr_err err = {0};
    mlr_threads_start(&threads, 3, &heap.alloc, &err);
    assert_no_err(&err);
    patching p;
    patching_init(&p, &heap.alloc);
    p.exec = mlr_threads_exec(threads);
    temp_dir dir;
    temp_dir_make(&dir);
    for (unsigned long i = 0; i < pairs; i++) {
        for (int format = RANDOM_ST; format <= RANDOM_BYTES; format++) {
            one_pair(&p, &dir, (random_format)format, first + i);
        }
    }
    printf("%lu pairs in each of 4 formats\n", pairs);
    temp_dir_remove(&dir);
    mlr_threads_stop(threads);
    assert_int_equal(heap.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_random_updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
