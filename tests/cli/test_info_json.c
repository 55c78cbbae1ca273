/* The JSON of `info` on models of each format: valid, as the schema says, and consistent.
 */
#include "tests/support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/temp_dir.h"
#include "tui/cli/cmd.h"

static temp_dir folder;
static json_t *schema;

static int run(char **out, const char *const *argv)
{
    mlr_heap heap;
    size_t n = 0;
    size_t said_len = 0;
    char *said = NULL;
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    mlr_heap_init(&heap);
    mlr_cli cli = {.alloc = &heap.alloc, .width = 80};
    cli.out = open_memstream(out, &n);
    cli.err = open_memstream(&said, &said_len);
    int code = mlr_cli_run(&cli, argc, argv);
    (void)fclose(cli.out);
    (void)fclose(cli.err);
    free(said);
    return code;
}

/* Every member of `object` is one the schema knows; every required one is there. */
static void follows(json_t *object, json_t *rules, json_t *required)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach(object, key, value)
    {
        if (json_object_get(json_object_get(rules, "properties"), key) == NULL) {
            print_message("unknown member %s\n", key);
            fail();
        }
    }
    json_array_foreach(required, i, value)
    {
        if (json_object_get(object, json_string_value(value)) == NULL) {
            print_message("missing member %s\n", json_string_value(value));
            fail();
        }
    }
}

static void items_follow(json_t *report, const char *list)
{
    json_t *rules = json_object_get(
        json_object_get(json_object_get(schema, "properties"), list), "items");
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(report, list), i, item)
    {
        follows(item, rules, json_object_get(rules, "required"));
    }
}

static json_int_t number(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static json_int_t sum(json_t *list, const char *key)
{
    json_int_t total = 0;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        total += number(item, key);
    }
    return total;
}

/* Spans of a file follow each other without gap or overlap and end where it ends. */
static void spans_tile(json_t *report)
{
    json_t *members = json_object_get(report, "members");
    json_int_t member = -1;
    json_int_t end = 0;
    json_int_t in_tensors = 0;
    size_t i;
    json_t *span;
    json_array_foreach(json_object_get(report, "spans"), i, span)
    {
        if (number(span, "member") != member) {
            member = number(span, "member");
            end = 0;
        }
        assert_int_equal(number(span, "offset"), end);
        end += number(span, "bytes");
        assert_true(end <= number(json_array_get(members, (size_t)member), "bytes"));
        in_tensors += json_object_get(span, "tensor") == NULL ? 0 : number(span, "bytes");
    }
    assert_int_equal(sum(json_object_get(report, "spans"), "bytes"),
                     number(report, "bytes"));
    assert_int_equal(in_tensors, number(json_object_get(report, "tensor_totals"), "bytes"));
}

static void totals_agree(json_t *report)
{
    json_t *totals = json_object_get(report, "tensor_totals");
    static const char *const list[] = {"dtypes", "modules"};
    static const char *const figure[] = {"tensors", "elements", "bytes"};
    assert_int_equal(json_array_size(json_object_get(report, "tensors")),
                     number(totals, "tensors"));
    for (size_t l = 0; l < 2; l++) {
        for (size_t f = 0; f < 3; f++) {
            assert_int_equal(sum(json_object_get(report, list[l]), figure[f]),
                             number(totals, figure[f]));
        }
    }
    assert_int_equal(number(totals, "bytes") + number(report, "structure_bytes"),
                     number(report, "bytes"));
}

static void check_model(const char *only, const char *format)
{
    static const char *const lists[] = {"members",  "dtypes",  "modules",
                                        "metadata", "tensors", "spans"};
    char path[512];
    char *text = NULL;
    json_error_t why;
    const char *make[] = {"mallorn", "make-demo", "-qf", "--only", only, folder.path, NULL};
    const char *info[] = {"mallorn", "info", "-jsd", "--strict", path, NULL};
    (void)temp_dir_at(&folder, only, path);
    assert_int_equal(run(&text, make), 0);
    free(text);
    assert_int_equal(run(&text, info), 0);
    json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (report == NULL) {
        print_message("line %d: %s\n", why.line, why.text);
    }
    assert_non_null(report);
    follows(report, schema, json_object_get(json_object_get(schema, "then"), "required"));
    assert_string_equal(json_string_value(json_object_get(report, "format")), format);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        items_follow(report, lists[i]);
    }
    totals_agree(report);
    if (json_array_size(json_object_get(report, "members")) == 1) {
        spans_tile(report);
    }
    json_decref(report);
    free(text);
}

static void describes_safetensors(void **state)
{
    (void)state;
    check_model("base.int8.safetensors", "safetensors");
}

static void describes_gguf(void **state)
{
    (void)state;
    check_model("base.q4_k_m.gguf", "gguf");
}

static void describes_onnx(void **state)
{
    (void)state;
    check_model("base.int8.onnx", "onnx");
}

static void describes_tflite(void **state)
{
    (void)state;
    check_model("base.int8.tflite", "tflite");
}

static void an_error_is_an_object_too(void **state)
{
    char *text = NULL;
    json_error_t why;
    const char *info[] = {"mallorn", "info", "--json", "/nonexistent", NULL};
    (void)state;
    assert_int_equal(run(&text, info), 6);
    json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    assert_non_null(report);
    json_t *error = json_object_get(report, "error");
    json_t *rules = json_object_get(json_object_get(schema, "properties"), "error");
    follows(report, schema, json_object_get(schema, "required"));
    follows(error, rules, json_object_get(rules, "required"));
    assert_int_equal(number(error, "exit_code"), 6);
    json_decref(report);
    free(text);
}

static int begin(void **state)
{
    json_error_t why;
    (void)state;
    temp_dir_make(&folder);
    schema = json_load_file("docs/json/info.schema.json", JSON_REJECT_DUPLICATES, &why);
    return schema == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    json_decref(schema);
    temp_dir_remove(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_safetensors),
        cmocka_unit_test(describes_gguf),
        cmocka_unit_test(describes_onnx),
        cmocka_unit_test(describes_tflite),
        cmocka_unit_test(an_error_is_an_object_too),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
