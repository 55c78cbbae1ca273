#include "apply/base/cursor.h"

#include <string.h>

#include "tests/support/test.h"

static mlr_cursor over(const void *data, size_t n, mlr_err *err)
{
    return (mlr_cursor){.base = data, .size = n, .origin = 1000, .err = err};
}

static void numbers_are_little_endian(void **state)
{
    (void)state;
    const uint8_t data[] = {0xfe, 2, 1, 4, 3, 2, 0x81, 8, 7, 6, 5, 4, 3, 2, 0x91};
    mlr_err err = {0};
    mlr_cursor c = over(data, sizeof data, &err);
    assert_int_equal(mlr_cur_u8(&c, "byte"), 0xfe);
    assert_int_equal(mlr_cur_u16(&c, "short"), 0x0102);
    assert_true(mlr_cur_u32(&c, "word") == 0x81020304u);
    assert_true(mlr_cur_u64(&c, "long") == 0x9102030405060708u);
    assert_true(mlr_cur_ok(&c));
    assert_int_equal(mlr_cur_left(&c), 0);
    assert_int_equal(mlr_cur_offset(&c), 1015);
}

static void stores_undo_loads(void **state)
{
    (void)state;
    uint8_t b[8];
    mlr_store16(b, 0xfedc);
    assert_int_equal(mlr_load16(b), 0xfedc);
    assert_int_equal(b[0], 0xdc);
    mlr_store32(b, 0xfedcba98u);
    assert_true(mlr_load32(b) == 0xfedcba98u);
    assert_int_equal(b[0], 0x98);
    mlr_store64(b, 0xfedcba9876543210u);
    assert_true(mlr_load64(b) == 0xfedcba9876543210u);
    assert_int_equal(b[0], 0x10);
}

static void a_view_is_the_bytes_in_place(void **state)
{
    (void)state;
    const uint8_t data[] = {1, 2, 3};
    mlr_err err = {0};
    mlr_cursor c = over(data, sizeof data, &err);
    assert_ptr_equal(mlr_cur_take(&c, 2, "pair"), data);
    assert_ptr_equal(mlr_cur_take(&c, 1, "last"), data + 2);
    assert_ptr_equal(mlr_cur_take(&c, 0, "nothing"), data + 3);
    assert_true(mlr_cur_ok(&c));
}

static void every_read_past_the_end_names_its_offset_and_rule(void **state)
{
    (void)state;
    const uint8_t data[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    for (size_t n = 0; n < 8; n++) {
        mlr_err err = {0};
        mlr_cursor c = over(data, n, &err);
        assert_true(mlr_cur_u64(&c, "eight bytes") == 0);
        assert_err(&err, MLR_E_TRUNCATED, 1000);
        assert_string_equal(err.rule, "eight bytes");
    }
}

static void the_first_failure_freezes_the_cursor(void **state)
{
    (void)state;
    const uint8_t data[] = {9, 9, 9};
    mlr_err err = {0};
    mlr_cursor c = over(data, sizeof data, &err);
    mlr_cur_u8(&c, "fine");
    assert_true(mlr_cur_u32(&c, "first") == 0);
    assert_int_equal(mlr_cur_u8(&c, "second"), 0);
    assert_null(mlr_cur_take(&c, 1, "third"));
    assert_true(mlr_cur_varint(&c, "fourth") == 0);
    assert_err(&err, MLR_E_TRUNCATED, 1001);
    assert_string_equal(err.rule, "first");
    assert_int_equal(c.pos, 1);
}

static void a_take_of_everything_there_is_not_cannot_wrap(void **state)
{
    (void)state;
    const uint8_t data[] = {9, 9, 9};
    mlr_err err = {0};
    mlr_cursor c = over(data, sizeof data, &err);
    mlr_cur_u8(&c, "fine");
    assert_null(mlr_cur_take(&c, SIZE_MAX, "huge"));
    assert_err(&err, MLR_E_TRUNCATED, 1001);
}

static uint64_t varint(const char *bytes, size_t n, mlr_err *err)
{
    mlr_cursor c = over(bytes, n, err);
    return mlr_cur_varint(&c, "varint");
}

static void varints_hold_up_to_64_bits(void **state)
{
    (void)state;
    mlr_err err = {0};
    assert_true(varint("\x00", 1, &err) == 0);
    assert_true(varint("\x7f", 1, &err) == 127);
    assert_true(varint("\x80\x01", 2, &err) == 128);
    assert_true(varint("\xac\x02", 2, &err) == 300);
    assert_true(varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, &err) == UINT64_MAX);
    assert_no_err(&err);
}

static void varints_beyond_64_bits_or_ten_bytes_are_refused(void **state)
{
    (void)state;
    mlr_err err = {0};
    varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &err);
    assert_err(&err, MLR_E_FORMAT, 1000);
    err = (mlr_err){0};
    varint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11, &err);
    assert_err(&err, MLR_E_FORMAT, 1000);
}

static void a_varint_cut_anywhere_is_truncated(void **state)
{
    (void)state;
    for (size_t n = 0; n < 10; n++) {
        mlr_err err = {0};
        varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", n, &err);
        assert_err(&err, MLR_E_TRUNCATED, 1000 + n);
    }
}

static void a_bounded_varint_reports_found_and_limit(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_cursor c = over("\xac\x02\xac\x02", 4, &err);
    assert_true(mlr_cur_varint_to(&c, 300, "count") == 300);
    assert_no_err(&err);
    assert_true(mlr_cur_varint_to(&c, 299, "count") == 0);
    assert_err(&err, MLR_E_LIMIT, 1002);
    assert_true(err.found == 300);
    assert_true(err.limit == 299);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(stores_undo_loads),
        cmocka_unit_test(a_view_is_the_bytes_in_place),
        cmocka_unit_test(every_read_past_the_end_names_its_offset_and_rule),
        cmocka_unit_test(the_first_failure_freezes_the_cursor),
        cmocka_unit_test(a_take_of_everything_there_is_not_cannot_wrap),
        cmocka_unit_test(varints_hold_up_to_64_bits),
        cmocka_unit_test(varints_beyond_64_bits_or_ten_bytes_are_refused),
        cmocka_unit_test(a_varint_cut_anywhere_is_truncated),
        cmocka_unit_test(a_bounded_varint_reports_found_and_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
