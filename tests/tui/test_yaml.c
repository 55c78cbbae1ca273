#include "tui/cli/yaml.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"

static mlr_heap heap;
static mlr_err err;
static mlr_yaml y;

static int fresh(void **state)
{
    (void)state;
    mlr_heap_init(&heap);
    err = (mlr_err){0};
    y = (mlr_yaml){0};
    return 0;
}

static int empty(void **state)
{
    (void)state;
    mlr_yaml_release(&y);
    return heap.used == 0 ? 0 : -1;
}

static mlr_status read(const char *text)
{
    return mlr_yaml_read(&y, text, strlen(text), &heap.alloc, &err);
}

static void refused(const char *text, const char *rule, unsigned line, unsigned column)
{
    fresh(NULL);
    assert_int_equal(read(text), MLR_E_FORMAT);
    assert_string_equal(err.rule, rule);
    assert_int_equal(y.failed.line, line);
    assert_int_equal(y.failed.column, column);
    assert_int_equal(heap.used, 0);
}

static void nodes_carry_values_and_places(void **state)
{
    (void)state;
    static const char text[] = "a: 1\nb:\n  - x\n  - {c: \"true\", d: true}\n";
    read(text);
    assert_no_err(&err);
    const mlr_yaml_node *b = mlr_yaml_get(&y, y.nodes, "b");
    assert_int_equal(b->kind, MLR_YAML_LIST);
    assert_int_equal(b->count, 2);
    const mlr_yaml_node *x = mlr_yaml_first(&y, b);
    assert_true(mlr_yaml_is(x, "x"));
    assert_int_equal(x->at.line, 3);
    assert_int_equal(x->at.column, 5);
    assert_memory_equal(text + x->begin, "x", x->end - x->begin);
    const mlr_yaml_node *map = mlr_yaml_next(&y, x);
    assert_true(map->flow);
    assert_memory_equal(text + map->begin, "{c: \"true\", d: true}", map->end - map->begin);
    bool v = false;
    assert_false(mlr_yaml_bool(mlr_yaml_get(&y, map, "c"), &v));
    assert_true(mlr_yaml_bool(mlr_yaml_get(&y, map, "d"), &v));
    assert_true(v);
    uint64_t n = 0;
    assert_true(mlr_yaml_u64(mlr_yaml_get(&y, y.nodes, "a"), &n));
    assert_int_equal(n, 1);
    assert_null(mlr_yaml_get(&y, y.nodes, "z"));
}

static void places_count_bytes_and_columns_count_characters(void **state)
{
    (void)state;
    static const char text[] =
        "# \xc3\xa9\xe6\xbc\xa2\na: \xc3\xa9\nb: {c: \xc3\xa9, d: zz}\n";
    assert_int_equal(read(text), MLR_OK);
    const mlr_yaml_node *d = mlr_yaml_get(&y, mlr_yaml_get(&y, y.nodes, "b"), "d");
    assert_int_equal(d->end - d->begin, 2);
    assert_memory_equal(text + d->begin, "zz", 2);
    assert_int_equal(d->at.column, 14);
}

static void empty_file_is_an_empty_map(void **state)
{
    (void)state;
    assert_int_equal(read("# nothing\n"), MLR_OK);
    assert_int_equal(y.nodes[0].kind, MLR_YAML_MAP);
    assert_null(mlr_yaml_first(&y, y.nodes));
}

static void refuses_what_the_subset_lacks(void **state)
{
    (void)state;
    refused("a: &x 1\n", "no anchors and no tags", 1, 4);
    refused("a: [1, *x]\n", "no aliases", 1, 8);
    refused("a: !!str 1\n", "no anchors and no tags", 1, 4);
    refused("a:\n  <<: {b: 1}\n", "no merge keys", 2, 3);
    refused("a: 1\n---\nb: 2\n", "one document", 2, 1);
    refused("%YAML 1.1\n---\na: 1\n", "no directives", 1, 1);
    refused("[a]: 1\n", "a plain text as key", 1, 1);
    refused("a: \"x\\0y\"\n", "text without NUL", 1, 4);
}

static void refuses_a_key_given_twice_in_one_map_only(void **state)
{
    (void)state;
    refused("a: 1\nb: 2\na: 3\n", "a key given once", 3, 1);
    refused("r:\n  x: {k: 1, k: 2}\n", "a key given once", 2, 13);
    fresh(NULL);
    assert_int_equal(read("a: {k: 1}\nb: {k: 1}\nk: 1\n"), MLR_OK);
}

static void refuses_broken_text_with_its_line(void **state)
{
    (void)state;
    refused("a: [1, 2\nb: 3\n", "well-formed YAML", 2, 2);
    fresh(NULL);
    assert_int_equal(read("a: \xff\n"), MLR_E_FORMAT);
    assert_string_equal(err.rule, "UTF-8 text without control characters");
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    char deep[70];
    memset(deep, '[', 33);
    memset(deep + 33, ']', 33);
    deep[66] = '\0';
    refused(deep, "nesting of at most 32 levels", 1, 33);
    fresh(NULL);
    deep[0] = ' ';
    deep[65] = '\0';
    assert_int_equal(read(deep), MLR_OK);
    mlr_yaml_release(&y);
    static char big[MLR_YAML_MAX_BYTES + 1];
    memset(big, '#', sizeof big);
    assert_int_equal(mlr_yaml_read(&y, big, sizeof big, &heap.alloc, &err), MLR_E_LIMIT);
    fresh(NULL);
    assert_int_equal(mlr_yaml_read(&y, big, sizeof big - 1, &heap.alloc, &err), MLR_OK);
}

static void many_keys_stay_fast(void **state)
{
    (void)state;
    static char text[200000];
    size_t used = 0;
    for (int i = 0; i < 20000; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "k%d:\n", i);
    }
    assert_int_equal(mlr_yaml_read(&y, text, used, &heap.alloc, &err), MLR_OK);
    assert_int_equal(y.nodes[0].count, 20000);
}

static void every_prefix_and_every_missing_allocation_is_survived(void **state)
{
    (void)state;
    static const char text[] = "a: {b: [1, 'x', \"y\\n\"], c: }\n- ? d\n: |\n  e\n";
    for (size_t n = 0; n < sizeof text; n++) {
        mlr_yaml t;
        mlr_yaml_read(&t, text, n, &heap.alloc, NULL);
        mlr_yaml_release(&t);
        assert_int_equal(heap.used, 0);
    }
    for (size_t k = 1; k <= 4; k++) {
        fresh(NULL);
        heap.fail_at = k;
        assert_int_equal(read("a: 1\n"), MLR_E_NO_MEMORY);
        assert_int_equal(heap.used, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nodes_carry_values_and_places, fresh, empty),
        cmocka_unit_test_setup_teardown(places_count_bytes_and_columns_count_characters,
                                        fresh, empty),
        cmocka_unit_test_setup_teardown(empty_file_is_an_empty_map, fresh, empty),
        cmocka_unit_test_setup_teardown(refuses_what_the_subset_lacks, fresh, empty),
        cmocka_unit_test_setup_teardown(refuses_a_key_given_twice_in_one_map_only, fresh,
                                        empty),
        cmocka_unit_test_setup_teardown(refuses_broken_text_with_its_line, fresh, empty),
        cmocka_unit_test_setup_teardown(depth_and_size_are_bounded, fresh, empty),
        cmocka_unit_test_setup_teardown(many_keys_stay_fast, fresh, empty),
        cmocka_unit_test_setup_teardown(
            every_prefix_and_every_missing_allocation_is_survived, fresh, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
