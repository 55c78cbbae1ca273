#include "apply/host/err_text.h"

#include <errno.h>
#include <string.h>

#include "tests/support/test.h"

static void reads(const mlr_err *err, const char *expected)
{
    char to[512];
    assert_ptr_equal(mlr_err_text(err, to, sizeof to), to);
    assert_string_equal(to, expected);
}

static void a_full_record_becomes_one_line(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_err_in(&err, MLR_IN_MODEL, "a.gguf");
    mlr_err_about(&err, "x", 1);
    mlr_fail(&err, MLR_E_FORMAT, 1234, "offset that is a multiple of the alignment");
    reads(&err, "model a.gguf: 'x': data breaks a rule of its format: "
                "offset that is a multiple of the alignment (at byte 1234)");
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    mlr_err err = {0};
    reads(&err, "no error");
    mlr_fail(&err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, NULL);
    reads(&err, "memory budget exhausted");
}

static void limits_show_both_numbers(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_fail_limit(&err, 8, "number of dimensions", 9, 8);
    reads(&err, "data exceeds a limit of this build: number of dimensions "
                "(found 9, limit 8) (at byte 8)");
}

static void system_errors_are_named(void **state)
{
    (void)state;
    mlr_err err = {.status = MLR_E_IO, .offset = MLR_NO_OFFSET, .os_error = ENOENT};
    err.input = "m.onnx";
    err.rule = "file that can be opened";
    reads(&err, "m.onnx: input or output failed: file that can be opened: "
                "No such file or directory");
    err.os_error = 99999;
    err.rule = NULL;
    reads(&err, "m.onnx: input or output failed: system error 99999");
}

static void names_cannot_reach_the_terminal_raw(void **state)
{
    (void)state;
    mlr_err err = {.status = MLR_E_IO, .offset = MLR_NO_OFFSET, .input = "a\x1B[2Jb"};
    memcpy(err.subject, "t\xE2\x80\xAEx", 6);
    reads(&err, "a\\u{001B}[2Jb: 't\\u{202E}x': input or output failed");
}

static void every_room_is_respected_and_cuts_between_characters(void **state)
{
    (void)state;
    mlr_err err = {
        .status = MLR_E_IO, .offset = 5, .input = "caf\xC3\xA9", .os_error = EIO};
    char whole[256];
    mlr_err_text(&err, whole, sizeof whole);
    size_t full = strlen(whole);
    for (size_t room = 0; room <= full + 1; room++) {
        char to[256];
        memset(to, '#', sizeof to);
        mlr_err_text(&err, to, room);
        assert_int_equal(to[room], '#');
        if (room == 0) {
            continue;
        }
        size_t kept = strlen(to);
        size_t expected = room - 1 == 4 ? 3 : room - 1; /* byte 4 is inside a character */
        assert_int_equal(kept, expected);
        assert_memory_equal(to, whole, kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_record_becomes_one_line),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(limits_show_both_numbers),
        cmocka_unit_test(system_errors_are_named),
        cmocka_unit_test(names_cannot_reach_the_terminal_raw),
        cmocka_unit_test(every_room_is_respected_and_cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
