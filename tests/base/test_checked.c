#include "apply/base/checked.h"

#include "tests/support/test.h"

static void sums_that_fit_are_written(void **state)
{
    (void)state;
    uint64_t out = 0;
    assert_true(mlr_add_u64(2, 3, &out));
    assert_true(out == 5);
    assert_true(mlr_add_u64(UINT64_MAX, 0, &out));
    assert_true(out == UINT64_MAX);
    assert_true(mlr_add_u64(UINT64_MAX - 1, 1, &out));
    assert_true(out == UINT64_MAX);
}

static void sums_that_wrap_are_refused_and_not_written(void **state)
{
    (void)state;
    uint64_t out = 7;
    assert_false(mlr_add_u64(UINT64_MAX, 1, &out));
    assert_false(mlr_add_u64(1, UINT64_MAX, &out));
    assert_false(mlr_add_u64(UINT64_MAX, UINT64_MAX, &out));
    assert_true(out == 7);
}

static void products_that_fit_are_written(void **state)
{
    (void)state;
    uint64_t out = 1;
    assert_true(mlr_mul_u64(0, UINT64_MAX, &out));
    assert_true(out == 0);
    assert_true(mlr_mul_u64(UINT64_MAX, 0, &out));
    assert_true(out == 0);
    assert_true(mlr_mul_u64(UINT64_MAX, 1, &out));
    assert_true(out == UINT64_MAX);
    assert_true(mlr_mul_u64(UINT32_MAX, (uint64_t)UINT32_MAX + 2, &out));
    assert_true(out == UINT64_MAX);
}

static void products_that_wrap_are_refused_and_not_written(void **state)
{
    (void)state;
    uint64_t out = 7;
    assert_false(mlr_mul_u64((uint64_t)1 << 32, (uint64_t)1 << 32, &out));
    assert_false(mlr_mul_u64(2, (uint64_t)1 << 63, &out));
    assert_false(mlr_mul_u64(UINT64_MAX, 2, &out));
    assert_true(out == 7);
}

static void aligning_goes_up_to_the_next_multiple(void **state)
{
    (void)state;
    uint64_t out = 1;
    assert_true(mlr_align_u64(0, 32, &out));
    assert_true(out == 0);
    assert_true(mlr_align_u64(1, 32, &out));
    assert_true(out == 32);
    assert_true(mlr_align_u64(32, 32, &out));
    assert_true(out == 32);
    assert_true(mlr_align_u64(33, 32, &out));
    assert_true(out == 64);
    assert_true(mlr_align_u64(UINT64_MAX, 1, &out));
    assert_true(out == UINT64_MAX);
    assert_true(mlr_align_u64(UINT64_MAX - 31, 32, &out));
    assert_true(out == UINT64_MAX - 31);
}

static void aligning_refuses_odd_steps_and_what_does_not_fit(void **state)
{
    (void)state;
    uint64_t out = 7;
    assert_false(mlr_align_u64(5, 0, &out));
    assert_false(mlr_align_u64(5, 3, &out));
    assert_false(mlr_align_u64(5, 48, &out));
    assert_false(mlr_align_u64(UINT64_MAX - 30, 32, &out));
    assert_true(out == 7);
}

static void a_size_is_what_memory_can_hold(void **state)
{
    (void)state;
    size_t out = 7;
    assert_true(mlr_to_size(SIZE_MAX, &out));
    assert_true(out == SIZE_MAX);
#if SIZE_MAX < UINT64_MAX
    assert_false(mlr_to_size((uint64_t)SIZE_MAX + 1, &out));
#endif
}

static void inside_accepts_edges_and_survives_huge_numbers(void **state)
{
    (void)state;
    assert_true(mlr_inside(0, 0, 0));
    assert_true(mlr_inside(10, 0, 10));
    assert_true(mlr_inside(4, 6, 10));
    assert_false(mlr_inside(5, 6, 10));
    assert_false(mlr_inside(11, 0, 10));
    assert_false(mlr_inside(0, 11, 10));
    assert_false(mlr_inside(UINT64_MAX, 2, 10));
    assert_false(mlr_inside(2, UINT64_MAX, 10));
    assert_false(mlr_inside(UINT64_MAX, UINT64_MAX, UINT64_MAX));
    assert_true(mlr_inside(1, UINT64_MAX - 1, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_that_fit_are_written),
        cmocka_unit_test(sums_that_wrap_are_refused_and_not_written),
        cmocka_unit_test(products_that_fit_are_written),
        cmocka_unit_test(products_that_wrap_are_refused_and_not_written),
        cmocka_unit_test(aligning_goes_up_to_the_next_multiple),
        cmocka_unit_test(aligning_refuses_odd_steps_and_what_does_not_fit),
        cmocka_unit_test(a_size_is_what_memory_can_hold),
        cmocka_unit_test(inside_accepts_edges_and_survives_huge_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
