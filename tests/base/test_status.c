#include "apply/base/status.h"

#include <string.h>

#include "tests/support/test.h"

static void the_first_failure_stays(void **state)
{
    (void)state;
    mlr_err err = {0};
    assert_int_equal(mlr_fail(&err, MLR_E_FORMAT, 12, "first"), MLR_E_FORMAT);
    assert_int_equal(mlr_fail(&err, MLR_E_IO, 99, "second"), MLR_E_FORMAT);
    assert_int_equal(mlr_fail_limit(&err, 98, "third", 5, 4), MLR_E_FORMAT);
    assert_err(&err, MLR_E_FORMAT, 12);
    assert_string_equal(err.rule, "first");
    assert_true(err.found == 0 && err.limit == 0);
}

static void a_missing_record_still_returns_the_status(void **state)
{
    (void)state;
    assert_int_equal(mlr_fail(NULL, MLR_E_IO, 0, "x"), MLR_E_IO);
    assert_int_equal(mlr_fail_limit(NULL, 0, "x", 2, 1), MLR_E_LIMIT);
    mlr_err_about(NULL, "x", 1);
    mlr_err_in(NULL, MLR_IN_MODEL, "x");
}

static void a_limit_keeps_both_numbers(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_fail_limit(&err, 7, "rank", 9, 8);
    assert_err(&err, MLR_E_LIMIT, 7);
    assert_true(err.found == 9 && err.limit == 8);
}

static void subjects_become_printable_and_the_first_stays(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_err_about(&err, "a\x1b[31m\x80z", 8);
    assert_string_equal(err.subject, "a?[31m?z");
    mlr_err_about(&err, "other", 5);
    assert_string_equal(err.subject, "a?[31m?z");
}

static void long_subjects_are_cut_to_the_field(void **state)
{
    (void)state;
    char name[200];
    memset(name, 'n', sizeof name);
    mlr_err err = {0};
    mlr_err_about(&err, name, sizeof name);
    assert_int_equal(strlen(err.subject), sizeof err.subject - 1);
}

static void the_first_input_stays(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_err_in(&err, MLR_IN_PATCH, "p");
    mlr_err_in(&err, MLR_IN_MODEL, "m");
    assert_int_equal(err.domain, MLR_IN_PATCH);
    assert_string_equal(err.input, "p");
}

static int code(mlr_status status, mlr_domain domain)
{
    mlr_err err = {.status = status, .domain = domain};
    return mlr_exit_code(&err);
}

static void bad_content_exits_by_what_it_is_the_content_of(void **state)
{
    (void)state;
    assert_int_equal(code(MLR_E_FORMAT, MLR_IN_MODEL), 12);
    assert_int_equal(code(MLR_E_TRUNCATED, MLR_IN_PATCH), 4);
    assert_int_equal(code(MLR_E_LIMIT, MLR_IN_DICT), 4);
    assert_int_equal(code(MLR_E_FORMAT, MLR_IN_PROFILE), 2);
    assert_int_equal(code(MLR_E_FORMAT, MLR_IN_THEME), 2);
    assert_int_equal(code(MLR_E_FORMAT, MLR_IN_NONE), 1);
    assert_int_equal(code(MLR_E_FORMAT, (mlr_domain)99), 1);
    assert_int_equal(code((mlr_status)-99, MLR_IN_MODEL), 1);
}

static void other_failures_exit_by_their_row(void **state)
{
    (void)state;
    assert_int_equal(code(MLR_OK, MLR_IN_MODEL), 0);
    assert_int_equal(code(MLR_MORE, MLR_IN_MODEL), 0);
    assert_int_equal(code(MLR_E_INTERNAL, MLR_IN_MODEL), 1);
    assert_int_equal(code(MLR_E_USAGE, MLR_IN_MODEL), 2);
    assert_int_equal(code(MLR_E_BASE, MLR_IN_MODEL), 3);
    assert_int_equal(code(MLR_E_VERIFY, MLR_IN_PATCH), 5);
    assert_int_equal(code(MLR_E_IO, MLR_IN_PATCH), 6);
    assert_int_equal(code(MLR_E_NO_SPACE, MLR_IN_PATCH), 7);
    assert_int_equal(code(MLR_E_NO_MEMORY, MLR_IN_PATCH), 8);
    assert_int_equal(code(MLR_E_UNSUPPORTED, MLR_IN_PATCH), 9);
    assert_int_equal(code(MLR_E_GATE, MLR_IN_PATCH), 10);
    assert_int_equal(code(MLR_E_CHANGED, MLR_IN_PATCH), 6);
    assert_int_equal(code(MLR_E_BUSY, MLR_IN_PATCH), 75);
    assert_int_equal(code(MLR_E_CANCELLED, MLR_IN_PATCH), 130);
}

static void every_status_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(mlr_status_name(MLR_E_TRUNCATED), "truncated");
    assert_string_equal(mlr_status_text(MLR_E_TRUNCATED), "data ends too early");
    for (int s = MLR_E_CANCELLED; s <= MLR_MORE; s++) {
        assert_string_not_equal(mlr_status_name((mlr_status)s), "unknown");
        assert_true(strlen(mlr_status_text((mlr_status)s)) > 5);
    }
    assert_string_equal(mlr_status_name((mlr_status)-99), "unknown");
    assert_string_equal(mlr_status_text((mlr_status)-99), "an unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_stays),
        cmocka_unit_test(a_missing_record_still_returns_the_status),
        cmocka_unit_test(a_limit_keeps_both_numbers),
        cmocka_unit_test(subjects_become_printable_and_the_first_stays),
        cmocka_unit_test(long_subjects_are_cut_to_the_field),
        cmocka_unit_test(the_first_input_stays),
        cmocka_unit_test(bad_content_exits_by_what_it_is_the_content_of),
        cmocka_unit_test(other_failures_exit_by_their_row),
        cmocka_unit_test(every_status_has_a_name_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
