/*
 * Random updates of random models under random options: what apply makes of the patch is
 * the new model, byte for byte. MALLORN_PAIRS sets how many per format, MALLORN_SEED where
 * to start; a failure prints the seed that shows it.
 */
#include "tests/support/random_trip.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "apply/host/heap.h"
#include "apply/host/threads.h"

enum { PAIRS = 100 };

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
    const char *value = getenv(name);
    return value == NULL ? otherwise : strtoul(value, NULL, 10);
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
        for (int format = 0; format < RANDOM_FORMATS; format++) {
            char why[256];
            if (!random_trip(&p, &dir, (random_format)format, first + i, why)) {
                fail_msg("%s", why);
            }
        }
    }
    printf("%lu pairs in each of %d formats\n", pairs, RANDOM_FORMATS);
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
