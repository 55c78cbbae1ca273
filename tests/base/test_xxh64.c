#include "apply/base/xxh64.h"

#include <string.h>
#include <xxhash.h>

#include "tests/support/rng.h"
#include "tests/support/test.h"

enum { BYTES = 4096 };

static void fill(uint8_t *to, size_t n)
{
    rng r = rng_new(64);
    rng_fill(&r, to, n);
}

static void known_values_hold(void **state)
{
    (void)state;
    assert_true(mlr_xxh64_of("", 0) == 0xEF46DB3751D8E999u);
    assert_true(mlr_xxh64_of(NULL, 0) == 0xEF46DB3751D8E999u);
    assert_true(mlr_xxh64_of("a", 1) == 0xD24EC4F1A98C6E5Bu);
    assert_true(mlr_xxh64_of("abc", 3) == 0x44BC2CF5AD770999u);
}

static void every_length_agrees_with_libxxhash(void **state)
{
    (void)state;
    uint8_t data[BYTES];
    fill(data, sizeof data);
    for (size_t n = 0; n <= 300; n++) {
        for (size_t at = 0; at < 9; at++) {
            assert_true(mlr_xxh64_of(data + at, n) == XXH64(data + at, n, 0));
        }
    }
    assert_true(mlr_xxh64_of(data, BYTES) == XXH64(data, BYTES, 0));
}

static void chunks_of_any_size_make_no_difference(void **state)
{
    (void)state;
    uint8_t data[BYTES];
    fill(data, sizeof data);
    rng r = rng_new(1);
    for (int round = 0; round < 2000; round++) {
        size_t n = (size_t)rng_below(&r, BYTES + 1);
        size_t most = 1 + (size_t)rng_below(&r, 100);
        mlr_xxh64 h;
        mlr_xxh64_begin(&h);
        for (size_t at = 0; at < n;) {
            size_t take = (size_t)rng_below(&r, most + 1);
            take = take < n - at ? take : n - at;
            mlr_xxh64_add(&h, data + at, take);
            at += take;
        }
        assert_true(mlr_xxh64_end(&h) == XXH64(data, n, 0));
    }
}

static void the_hash_so_far_can_be_asked_at_every_byte(void **state)
{
    (void)state;
    uint8_t data[300];
    fill(data, sizeof data);
    mlr_xxh64 h;
    mlr_xxh64_begin(&h);
    for (size_t n = 0; n < sizeof data; n++) {
        assert_true(mlr_xxh64_end(&h) == XXH64(data, n, 0));
        mlr_xxh64_add(&h, data + n, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_hold),
        cmocka_unit_test(every_length_agrees_with_libxxhash),
        cmocka_unit_test(chunks_of_any_size_make_no_difference),
        cmocka_unit_test(the_hash_so_far_can_be_asked_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
