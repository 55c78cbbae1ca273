#include "apply/base/arena.h"

#include <stdalign.h>

#include "tests/support/test.h"

static void pieces_follow_each_other_aligned(void **state)
{
    (void)state;
    alignas(64) uint8_t memory[256];
    mlr_arena a;
    mlr_arena_init(&a, memory, sizeof memory);
    assert_ptr_equal(mlr_arena_take(&a, 3, 1), memory);
    assert_ptr_equal(mlr_arena_take(&a, 8, 8), memory + 8);
    assert_ptr_equal(mlr_arena_take(&a, 1, 64), memory + 64);
    assert_int_equal(a.used, 65);
}

static void alignment_counts_from_the_address_not_the_start(void **state)
{
    (void)state;
    alignas(64) uint8_t memory[64];
    mlr_arena a;
    mlr_arena_init(&a, memory + 1, sizeof memory - 1);
    assert_ptr_equal(mlr_arena_take(&a, 4, 16), memory + 16);
    assert_int_equal(a.used, 19);
}

static void a_full_arena_takes_nothing(void **state)
{
    (void)state;
    alignas(16) uint8_t memory[32];
    mlr_arena a;
    mlr_arena_init(&a, memory, sizeof memory);
    assert_null(mlr_arena_take(&a, 33, 1));
    assert_null(mlr_arena_take(&a, SIZE_MAX, 16));
    assert_int_equal(a.used, 0);
    assert_non_null(mlr_arena_take(&a, 17, 1));
    assert_null(mlr_arena_take(&a, 1, 16)); /* padding alone fills the rest */
    assert_int_equal(a.used, 17);
    assert_non_null(mlr_arena_take(&a, 15, 1));
    assert_null(mlr_arena_take(&a, 1, 1));
    assert_non_null(mlr_arena_take(&a, 0, 1));
}

static void padding_beyond_the_end_cannot_wrap(void **state)
{
    (void)state;
    alignas(64) uint8_t memory[32];
    mlr_arena a;
    mlr_arena_init(&a, memory, sizeof memory);
    assert_non_null(mlr_arena_take(&a, 17, 1));
    assert_null(mlr_arena_take(&a, 1, 64)); /* 47 bytes of padding, 15 are left */
    assert_int_equal(a.used, 17);
}

static void rewinding_gives_back_and_keeps_the_peak(void **state)
{
    (void)state;
    alignas(16) uint8_t memory[64];
    mlr_arena a;
    mlr_arena_init(&a, memory, sizeof memory);
    mlr_arena_take(&a, 10, 1);
    size_t mark = a.used;
    mlr_arena_take(&a, 30, 1);
    mlr_arena_rewind(&a, mark);
    assert_int_equal(a.used, 10);
    assert_int_equal(a.peak, 40);
    assert_ptr_equal(mlr_arena_take(&a, 20, 1), memory + 10);
    assert_int_equal(a.peak, 40);
}

static void an_arena_of_nothing_is_full(void **state)
{
    (void)state;
    mlr_arena a;
    mlr_arena_init(&a, NULL, 0);
    assert_null(mlr_arena_take(&a, 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_follow_each_other_aligned),
        cmocka_unit_test(alignment_counts_from_the_address_not_the_start),
        cmocka_unit_test(a_full_arena_takes_nothing),
        cmocka_unit_test(padding_beyond_the_end_cannot_wrap),
        cmocka_unit_test(rewinding_gives_back_and_keeps_the_peak),
        cmocka_unit_test(an_arena_of_nothing_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
