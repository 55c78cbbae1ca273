#include "formats/path_rule.h"

#include <string.h>

#include "tests/support/test.h"

#define PATH(text, verdict)                                                                \
    {                                                                                      \
        text, sizeof text - 1, verdict                                                     \
    }

static const struct {
    const char *text;
    size_t n;
    bool contained;
} rows[] = {
    PATH("model.onnx.data", true),
    PATH("weights/a/b.bin", true),
    PATH("./w.bin", true),
    PATH("a/./b", true),
    PATH("..a/b..", true),
    PATH("...", true),
    PATH("caf\xc3\xa9.bin", true),
    PATH("", false),
    PATH(".", false),
    PATH("./.", false),
    PATH("..", false),
    PATH("../w", false),
    PATH("a/../../w", false),
    PATH("a/..", false),
    PATH("/etc/passwd", false),
    PATH("//host/share", false),
    PATH("a//b", false),
    PATH("a/", false),
    PATH("..\\w", false),
    PATH("C:\\w", false),
    PATH("a\0b", false),
    PATH("a\nb", false),
    PATH("a\x1b[2Jb", false),
    PATH("a\x7f", false),
    PATH("a\xc2\x9b"
         "b",
         false),
};

static void decides_by_the_text_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool got = mlr_path_contained(rows[i].text, rows[i].n);
        if (got != rows[i].contained) {
            print_message("row %zu: %s\n", i, rows[i].text);
        }
        assert_int_equal(got, rows[i].contained);
    }
}

static void limits_lengths_of_path_and_part(void **state)
{
    (void)state;
    char path[4200];
    memset(path, 'a', sizeof path);
    assert_true(mlr_path_contained(path, 255));
    assert_false(mlr_path_contained(path, 256));
    for (size_t i = 255; i < sizeof path; i += 256) {
        path[i] = '/';
    }
    assert_true(mlr_path_contained(path, 4095));
    path[4095] = '/';
    assert_false(mlr_path_contained(path, 4096)); /* an empty last part */
    path[4094] = '/';
    path[4095] = 'a';
    assert_true(mlr_path_contained(path, 4096));
    assert_false(mlr_path_contained(path, 4097));
}

static void plain_form_drops_dot_parts(void **state)
{
    (void)state;
    char to[32];
    assert_int_equal(mlr_path_plain(to, "./a/./b", 7), 3);
    assert_string_equal(to, "a/b");
    assert_int_equal(mlr_path_plain(to, "a/b/.", 5), 3);
    assert_string_equal(to, "a/b");
    assert_int_equal(mlr_path_plain(to, "w.bin", 5), 5);
    assert_string_equal(to, "w.bin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_by_the_text_alone),
        cmocka_unit_test(limits_lengths_of_path_and_part),
        cmocka_unit_test(plain_form_drops_dot_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
