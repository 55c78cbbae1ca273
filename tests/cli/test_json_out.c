/* JSON output: exact text, and that a strict reader takes whatever bytes went in. */
#include "tests/support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/cli/json_out.h"

static char *text;
static size_t length;
static FILE *out;
static mlr_json json;

static int begin(void **state)
{
    (void)state;
    out = open_memstream(&text, &length);
    mlr_json_init(&json, out);
    return out == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    (void)fclose(out);
    free(text);
    return 0;
}

static void wrote(const char *expected)
{
    (void)fflush(out);
    assert_string_equal(text, expected);
}

static void string_becomes(const char *p, size_t n, const char *expected)
{
    (void)fflush(out);
    size_t before = length;
    mlr_json_str(&json, NULL, p, n);
    (void)fflush(out);
    assert_string_equal(text + before, expected);
}

static void writes_shallow_levels_on_lines_and_deep_ones_inline(void **state)
{
    (void)state;
    mlr_json_object(&json, NULL);
    mlr_json_text(&json, "schema", "x/1");
    mlr_json_array(&json, "rows");
    mlr_json_object(&json, NULL);
    mlr_json_u64(&json, "n", UINT64_MAX);
    mlr_json_array(&json, "shape");
    mlr_json_i64(&json, NULL, INT64_MIN);
    mlr_json_i64(&json, NULL, 3);
    mlr_json_end(&json);
    mlr_json_end(&json);
    mlr_json_end(&json);
    mlr_json_array(&json, "none");
    mlr_json_end(&json);
    mlr_json_bool(&json, "yes", true);
    mlr_json_null(&json, "nothing");
    mlr_json_end(&json);
    wrote("{\n  \"schema\": \"x/1\",\n  \"rows\": [\n"
          "    {\"n\": 18446744073709551615, \"shape\": [-9223372036854775808, 3]}\n  ],\n"
          "  \"none\": [],\n  \"yes\": true,\n  \"nothing\": null\n}\n");
}

static void escapes_what_could_harm(void **state)
{
    (void)state;
    string_becomes("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    string_becomes("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    string_becomes("\0\033\177", 3, "\"\\u0000\\u001b\\u007f\"");
    string_becomes("\xC2\x9B", 2, "\"\\u009b\"");     /* C1: CSI */
    string_becomes("\xE2\x80\xAE", 3, "\"\\u202e\""); /* right-to-left override */
    string_becomes("\xE2\x80\x8B", 3, "\"\\u200b\""); /* zero width space */
    string_becomes("\xF3\xA0\x81\x81", 4, "\"\\udb40\\udc41\""); /* tag letter A */
}

static void keeps_good_utf8(void **state)
{
    (void)state;
    string_becomes("\xC3\xA9 \xE4\xB8\xAD \xF0\x9F\x8C\xB3", 11,
                   "\"\xC3\xA9 \xE4\xB8\xAD \xF0\x9F\x8C\xB3\"");
}

static void replaces_bytes_that_are_no_utf8(void **state)
{
    (void)state;
    string_becomes("a\xFFz", 3, "\"a\\ufffdz\"");
    string_becomes("\xC3", 1, "\"\\ufffd\"");                       /* cut off */
    string_becomes("\xC0\xAF", 2, "\"\\ufffd\\ufffd\"");            /* overlong */
    string_becomes("\xED\xA0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""); /* surrogate */
    string_becomes("\xF4\x90\x80\x80", 4, "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

static void knows_valid_utf8(void **state)
{
    (void)state;
    assert_true(mlr_utf8_valid("", 0));
    assert_true(mlr_utf8_valid("\xF4\x8F\xBF\xBF", 4));
    assert_false(mlr_utf8_valid("ok\x80", 3));
}

static void real_becomes(double value, const char *expected)
{
    (void)fflush(out);
    size_t before = length;
    mlr_json_real(&json, NULL, value);
    (void)fflush(out);
    assert_string_equal(text + before, expected);
}

static void writes_the_shortest_digits_that_read_back(void **state)
{
    (void)state;
    real_becomes(0.1, "0.1");
    real_becomes(-2.5, "-2.5");
    real_becomes(1.0 / 3.0, "0.3333333333333333");
    real_becomes(1e300, "1e+300");
    real_becomes(0.1 + 0.2, "0.30000000000000004");
}

static void writes_numbers_json_lacks_as_strings(void **state)
{
    (void)state;
    real_becomes(strtod("inf", NULL), "\"Infinity\"");
    real_becomes(strtod("-inf", NULL), "\"-Infinity\"");
    real_becomes(strtod("nan", NULL), "\"NaN\"");
}

static void unwinds_to_the_outermost_object(void **state)
{
    (void)state;
    mlr_json_object(&json, NULL);
    mlr_json_array(&json, "a");
    mlr_json_object(&json, NULL);
    mlr_json_array(&json, "b");
    mlr_json_u64(&json, NULL, 1);
    mlr_json_unwind(&json);
    mlr_json_text(&json, "error", "e");
    mlr_json_end(&json);
    wrote("{\n  \"a\": [\n    {\"b\": [1]}\n  ],\n  \"error\": \"e\"\n}\n");
}

/* 2,000 strings of random bytes: a strict reader accepts every one, and gets well-formed
   ones back unchanged. */
static void survives_any_bytes(void **state)
{
    (void)state;
    uint64_t seed = 7;
    json_error_t why;
    mlr_json_array(&json, NULL);
    for (int i = 0; i < 2000; i++) {
        char bytes[24];
        for (size_t k = 0; k < sizeof bytes; k++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            bytes[k] = (char)(seed >> 56);
        }
        mlr_json_str(&json, NULL, bytes, sizeof bytes);
    }
    mlr_json_end(&json);
    (void)fflush(out);
    json_t *doc = json_loadb(text, length, JSON_ALLOW_NUL, &why);
    if (doc == NULL) {
        print_message("%s at %d\n", why.text, why.position);
    }
    assert_non_null(doc);
    assert_int_equal(json_array_size(doc), 2000);
    json_decref(doc);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(writes_shallow_levels_on_lines_and_deep_ones_inline),
        CASE(escapes_what_could_harm),
        CASE(keeps_good_utf8),
        CASE(replaces_bytes_that_are_no_utf8),
        CASE(knows_valid_utf8),
        CASE(writes_the_shortest_digits_that_read_back),
        CASE(writes_numbers_json_lacks_as_strings),
        CASE(unwinds_to_the_outermost_object),
        CASE(survives_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
