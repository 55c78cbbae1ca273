#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "formats/json_scan.h"
#include "tests/support/memory.h"

/* A scanner over text that is read through windows, as files are. */
typedef struct bench {
    mem_source source;
    mlr_heap heap;
    mlr_window window;
    mlr_json json;
    mlr_err err;
} bench;

static void begin(bench *x, const char *text, size_t n)
{
    *x = (bench){0};
    mem_source_init(&x->source, text, n);
    mlr_heap_init(&x->heap);
    mlr_window_init(&x->window, &x->source.source, &x->heap.alloc, &x->err);
    mlr_json_begin(&x->json, &x->window, 0, n, &x->err);
}

static void end(bench *x)
{
    mlr_window_release(&x->window);
    assert_int_equal(x->heap.used, 0);
}

static void strings_are_unescaped_and_counted(void **state)
{
    (void)state;
    bench x;
    mlr_json_text t;
    const char *text = "  \"a\\n\\u00e9\\ud83d\\ude00\" 7";
    begin(&x, text, strlen(text));
    assert_true(mlr_json_string(&x.json, &t));
    assert_int_equal(t.bytes, 8);
    assert_memory_equal(t.text.p, "a\n\xc3\xa9\xf0\x9f\x98\x80", 8);
    assert_int_equal(t.raw.off, 3);
    assert_int_equal(t.raw.len, 21);
    assert_true(t.has_control);
    assert_int_equal(mlr_json_peek(&x.json), '7');
    end(&x);
}

static void long_strings_are_cut_but_counted(void **state)
{
    (void)state;
    bench x;
    mlr_json_text t;
    char text[10002];
    memset(text, 'x', sizeof text);
    text[0] = text[sizeof text - 1] = '"';
    begin(&x, text, sizeof text);
    assert_true(mlr_json_string(&x.json, &t));
    assert_int_equal(t.bytes, 10000);
    assert_int_equal(t.text.n, MLR_JSON_TEXT);
    assert_int_equal(mlr_json_at(&x.json), sizeof text);
    end(&x);
}

/* Every token, moved byte by byte over the border between two windows. */
static void tokens_may_lie_across_windows(void **state)
{
    (void)state;
    static const char token[] = "{\"k\\u20ac\xf0\x9f\x98\x80\" : [ 1234567 , "
                                "\"\\ud83d\\ude00\" , -1.5e+7 , null ]}";
    enum { BORDER = MLR_WINDOW_BYTES / 2, LONG = BORDER + 200 };
    char *text = malloc(LONG);
    assert_non_null(text);
    for (size_t shift = 0; shift <= sizeof token; shift++) {
        bench x;
        mlr_json_text t;
        uint64_t number = 0;
        bool first = true;
        memset(text, ' ', LONG);
        memcpy(text + BORDER - shift, token, sizeof token - 1);
        begin(&x, text, LONG);
        assert_true(mlr_json_expect(&x.json, '{', "brace"));
        assert_true(mlr_json_next(&x.json, '}', &first));
        assert_true(mlr_json_key(&x.json, &t));
        assert_int_equal(t.bytes, 8);
        assert_memory_equal(t.text.p, "k\xe2\x82\xac\xf0\x9f\x98\x80", 8);
        assert_true(mlr_json_expect(&x.json, '[', "bracket"));
        assert_true(mlr_json_uint(&x.json, &number));
        assert_int_equal(number, 1234567);
        assert_true(mlr_json_expect(&x.json, ',', "comma"));
        assert_true(mlr_json_string(&x.json, &t));
        assert_int_equal(t.bytes, 4);
        for (int i = 0; i < 2; i++) {
            assert_true(mlr_json_expect(&x.json, ',', "comma"));
            assert_true(mlr_json_skip(&x.json));
        }
        assert_true(mlr_json_expect(&x.json, ']', "bracket"));
        assert_false(mlr_json_next(&x.json, '}', &first));
        assert_no_err(&x.err);
        assert_int_equal(mlr_json_peek(&x.json), 0);
        assert_int_equal(mlr_json_at(&x.json), LONG);
        end(&x);
    }
    free(text);
}

static void skips_values_up_to_32_deep(void **state)
{
    (void)state;
    static const char *const fine[] = {
        "1",
        "-0",
        "0.5",
        "1e9",
        "-1.25E-3",
        "\"s\"",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[1,[2,{\"a\":[]}],{}]",
        "{\"a\":{\"b\":[{},[],\"]\"]},\"c\":0}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        bench x;
        begin(&x, fine[i], strlen(fine[i]));
        assert_true(mlr_json_skip(&x.json));
        assert_int_equal(mlr_json_at(&x.json), strlen(fine[i]));
        end(&x);
    }
}

static void stays_failed_after_the_first_failure(void **state)
{
    (void)state;
    bench x;
    mlr_json_text t;
    uint64_t number = 5;
    const char *text = "x \"good\" 7";
    begin(&x, text, strlen(text));
    assert_false(mlr_json_string(&x.json, &t));
    assert_err(&x.err, MLR_E_FORMAT, 0);
    assert_false(mlr_json_uint(&x.json, &number));
    assert_false(mlr_json_skip(&x.json));
    assert_int_equal(mlr_json_peek(&x.json), 0);
    assert_err(&x.err, MLR_E_FORMAT, 0);
    assert_int_equal(number, 5);
    end(&x);
}

static void failing_read_is_reported_as_such(void **state)
{
    (void)state;
    bench x;
    begin(&x, "[1]", 3);
    x.source.fail_at = 1;
    assert_false(mlr_json_expect(&x.json, '[', "bracket"));
    assert_int_equal(x.err.status, MLR_E_IO);
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_unescaped_and_counted),
        cmocka_unit_test(long_strings_are_cut_but_counted),
        cmocka_unit_test(tokens_may_lie_across_windows),
        cmocka_unit_test(skips_values_up_to_32_deep),
        cmocka_unit_test(stays_failed_after_the_first_failure),
        cmocka_unit_test(failing_read_is_reported_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
