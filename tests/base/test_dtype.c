#include "apply/base/dtype.h"

#include <string.h>

#include "tests/support/test.h"

static uint64_t bytes_of(const char *name, uint64_t elements)
{
    uint64_t out = 0;
    const mlr_dtype *t = mlr_dtype_named(name, strlen(name));
    assert_non_null(t);
    assert_true(mlr_dtype_bytes(t, elements, &out));
    return out;
}

static bool fits(const char *name, uint64_t elements)
{
    uint64_t out = 0;
    return mlr_dtype_bytes(mlr_dtype_named(name, strlen(name)), elements, &out);
}

static void stored_ids_never_move(void **state)
{
    (void)state;
    assert_string_equal(mlr_dtype_get(0)->name, "opaque");
    assert_string_equal(mlr_dtype_get(4)->name, "bf16");
    assert_string_equal(mlr_dtype_get(18)->name, "i8");
    assert_string_equal(mlr_dtype_get(64)->name, "q4_0");
    assert_string_equal(mlr_dtype_get(86)->name, "tq2_0");
}

static void ids_without_a_row_are_nothing(void **state)
{
    (void)state;
    assert_null(mlr_dtype_get(13));
    assert_null(mlr_dtype_get(MLR_DTYPE_LIMIT));
    assert_null(mlr_dtype_get(UINT32_MAX));
}

static void names_match_whole(void **state)
{
    (void)state;
    assert_ptr_equal(mlr_dtype_named("f16", 3), mlr_dtype_get(MLR_DTYPE_F16));
    assert_ptr_equal(mlr_dtype_named("f16x", 3), mlr_dtype_get(MLR_DTYPE_F16));
    assert_null(mlr_dtype_named("f16x", 4));
    assert_null(mlr_dtype_named("f1", 2));
    assert_null(mlr_dtype_named("F16", 3));
    assert_null(mlr_dtype_named("", 0));
    assert_null(mlr_dtype_named("f16", 4)); /* its NUL is no part of the name */
}

static void whole_byte_types_multiply(void **state)
{
    (void)state;
    assert_true(bytes_of("bf16", 0) == 0);
    assert_true(bytes_of("bf16", 3) == 6);
    assert_true(bytes_of("f32", 1000003) == 4000012);
    assert_true(bytes_of("c128", 2) == 32);
}

static void packed_types_round_the_last_byte_up(void **state)
{
    (void)state;
    assert_true(bytes_of("i4", 1) == 1);
    assert_true(bytes_of("i4", 2) == 1);
    assert_true(bytes_of("i4", 3) == 2);
    assert_true(bytes_of("u2", 4) == 1);
    assert_true(bytes_of("u2", 5) == 2);
    assert_true(bytes_of("f6_e2m3", 4) == 3);
    assert_true(bytes_of("f6_e2m3", 5) == 4);
    assert_true(bytes_of("f6_e2m3", 6) == 5);
    assert_true(bytes_of("f6_e2m3", 7) == 6);
}

static void block_types_take_whole_blocks_only(void **state)
{
    (void)state;
    assert_true(bytes_of("q4_0", 64) == 36);
    assert_true(bytes_of("q6_k", 512) == 420);
    assert_false(fits("q4_0", 33));
    assert_false(fits("q6_k", 255));
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    assert_true(fits("u8", UINT64_MAX));
    assert_false(fits("f32", UINT64_MAX / 4 + 1));
    assert_true(fits("f32", UINT64_MAX / 4));
    assert_false(fits("q8_1", UINT64_MAX - 31));
}

static void every_row_is_consistent(void **state)
{
    (void)state;
    for (unsigned id = 0; id < MLR_DTYPE_LIMIT; id++) {
        const mlr_dtype *t = mlr_dtype_get(id);
        if (t == NULL) {
            continue;
        }
        assert_int_equal(t->id, id);
        assert_ptr_equal(mlr_dtype_named(t->name, strlen(t->name)), t);
        assert_true(t->block_items > 0 && t->block_bytes > 0);
        if (t->cls != MLR_CLASS_BLOCK && t->cls != MLR_CLASS_OPAQUE) {
            assert_int_equal(t->bits * t->block_items, t->block_bytes * 8);
        }
        if (t->cls == MLR_CLASS_FLOAT) {
            assert_true(t->exp_bits > 0 && t->exp_bits < t->bits);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_ids_never_move),
        cmocka_unit_test(ids_without_a_row_are_nothing),
        cmocka_unit_test(names_match_whole),
        cmocka_unit_test(whole_byte_types_multiply),
        cmocka_unit_test(packed_types_round_the_last_byte_up),
        cmocka_unit_test(block_types_take_whole_blocks_only),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
        cmocka_unit_test(every_row_is_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
