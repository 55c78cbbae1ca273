#include "tui/cli/profile_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"
#include "tui/cli/profile_edit.h"
#include "tui/cli/profile_init.h"

static mlr_heap heap;
static mlr_err err;
static mlr_profile_doc doc;

static int fresh(void **state)
{
    (void)state;
    mlr_heap_init(&heap);
    err = (mlr_err){0};
    return 0;
}

static int empty(void **state)
{
    (void)state;
    mlr_profile_release(&doc);
    return heap.used == 0 ? 0 : -1;
}

static mlr_status read(const char *text)
{
    return mlr_profile_read(&doc, text, strlen(text), &heap.alloc, &err);
}

/* --- what is wrong ---------------------------------------------------------------------
 */

typedef struct bad_row {
    const char *text;
    unsigned line, column;
    const char *message;
} bad_row;

#define V                                "version: 1\n"
#define BAD(text, line, column, message) {text, line, column, message},
static const bad_row bad[] = {
#include "tests/cli/bad_profiles.def"
};
#undef BAD

static void complains_with_line_column_and_advice(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fresh(NULL);
        mlr_status s = read(bad[i].text);
        bool same = s != MLR_OK && doc.at.line == bad[i].line &&
                    doc.at.column == bad[i].column &&
                    strcmp(doc.message, bad[i].message) == 0 && mlr_exit_code(&err) == 2;
        if (!same) {
            printf("%s=> %u:%u: %s\n\n", bad[i].text, doc.at.line, doc.at.column,
                   doc.message);
            wrong++;
        }
        mlr_profile_release(&doc);
        assert_int_equal(heap.used, 0);
    }
    assert_int_equal(wrong, 0);
    assert_true(sizeof bad / sizeof bad[0] >= 300);
}

static void refuses_deep_nesting_at_once(void **state)
{
    (void)state;
    enum { DEEP = 64 << 10 };
    char *text = malloc(DEEP);
    assert_non_null(text);
    memset(text, '[', DEEP);
    clock_t start = clock();
    assert_int_equal(mlr_profile_read(&doc, text, DEEP, &heap.alloc, &err), MLR_E_FORMAT);
    assert_true(clock() - start < CLOCKS_PER_SEC / 10);
    assert_string_equal(doc.message, "a profile needs nesting of at most 32 levels");
    free(text);
}

static void refuses_too_many_rules_and_bytes(void **state)
{
    (void)state;
    enum { RULES = MLR_MAX_RULES + 1, ROOM = RULES * 16 + 64 };
    char *text = malloc(ROOM);
    assert_non_null(text);
    int used = snprintf(text, ROOM, V "rules:\n");
    for (int i = 0; i < RULES; i++) {
        used += snprintf(text + used, (size_t)(ROOM - used), "- use: {}\n");
    }
    assert_int_equal(read(text), MLR_E_FORMAT);
    assert_string_equal(doc.message, "a profile has at most 1000 rules, not 1001");
    free(text);
    mlr_profile_release(&doc);
    fresh(NULL);
    char *large = calloc(1, MLR_YAML_MAX_BYTES + 1);
    assert_non_null(large);
    assert_int_equal(
        mlr_profile_read(&doc, large, MLR_YAML_MAX_BYTES + 1, &heap.alloc, &err),
        MLR_E_LIMIT);
    free(large);
}

/* --- what is right ---------------------------------------------------------------------
 */

static const char full[] =
    "version: 1\n"
    "device: 16M\n"
    "dictionary: \"house.dict\"\n"
    "embed-dictionary: true\n"
    "structure-below: 64KiB\n"
    "budgets:\n"
    "  changed-layers: 4\n"
    "  changed-tensors: 9\n"
    "  changed-elements: 7\n"
    "  patch-size: 40MiB\n"
    "  patch-ratio: 12.500%\n"
    "  apply-memory: 16MiB\n"
    "  apply-time: 1500.000ms\n"
    "defaults:\n"
    "  strategy: auto\n"
    "  neural: true\n"
    "  level: 6\n"
    "  dictionary: false\n"
    "  block: 64KiB\n"
    "rules:\n"
    "  - name: \"late attention\"\n"
    "    enabled: false\n"
    "    match:\n"
    "      names: [\"*.q_proj.*\", \"a\\\"b\"]\n"
    "      except: [\"*.bias\"]\n"
    "      dtype: [f32, bf16]\n"
    "      size: {min: 4KiB, max: 1MiB}\n"
    "      shape: [\"*\", 64-128]\n"
    "      layers: [3, 8-]\n"
    "      kind: [attention, mlp]\n"
    "      change: [changed, added, resized]\n"
    "    use:\n"
    "      strategy: xor-planes\n"
    "      level: 19\n"
    "gates:\n"
    "  frozen: [\"embed*\"]\n"
    "  only: [\"*\"]\n"
    "  no-new-nan: true\n"
    "  no-new-inf: true\n"
    "  base-sha256:\n"
    "    - 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";

static void means_what_it_says(void **state)
{
    (void)state;
    assert_int_equal(read(full), MLR_OK);
    const mlr_profile *p = &doc.profile;
    assert_string_equal(p->device->name, "16M");
    assert_int_equal(p->small_bytes, 64 << 10);
    assert_int_equal(p->bound[MLR_CHECK_PATCH_SIZE].most, 40 << 20);
    assert_int_equal(p->bound[MLR_CHECK_PATCH_RATIO].most, 125000);
    assert_int_equal(p->bound[MLR_CHECK_TIME].most, 1500000);
    assert_int_equal(p->bound[MLR_CHECK_TIME].line, 13);
    assert_int_equal(p->bound[MLR_CHECK_TIME].column, 3);
    assert_int_equal(p->defaults.choice.strategy, MLR_NEURAL);
    assert_int_equal(p->rule_count, 1);
    const mlr_rule *r = &p->rules[0];
    assert_int_equal(r->line, 21);
    assert_true(r->off);
    assert_int_equal(r->then.choice.strategy, MLR_STRATEGY_xor_planes);
    assert_int_equal(r->when.layers.item[1].least, 8);
    assert_true(r->when.layers.item[1].most == UINT64_MAX);
    assert_int_equal(r->when.kinds, 1U << MLR_KIND_ATTENTION | 1U << MLR_KIND_MLP);
    assert_int_equal(p->base[0][1], 0x11);
}

static void printed_profile_reads_back_the_same(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    assert_int_equal(read(full), MLR_OK);
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    mlr_profile_print(f, &doc.profile);
    fclose(f);
    assert_string_equal(text, full);
    free(text);
}

static void window_and_block_are_one_limit(void **state)
{
    (void)state;
    assert_int_equal(read(V "defaults: {window: 64K, block: 1M}\n"), MLR_OK);
    assert_int_equal(doc.profile.defaults.choice.block_bytes, 64 << 10);
}

/* --- edits -----------------------------------------------------------------------------
 */

static void edited(const char *text, const char *path, const char *value, const char *want)
{
    mlr_pool pool;
    char *out = NULL;
    size_t n = 0;
    fresh(NULL);
    mlr_pool_init(&pool, &heap.alloc);
    mlr_yaml_set(text, strlen(text), path, value, &pool, &out, &n, &err);
    if (want == NULL) {
        assert_int_equal(err.status, MLR_E_USAGE);
    } else {
        assert_no_err(&err);
        assert_string_equal(out, want);
        assert_int_equal(n, strlen(want));
    }
    mlr_pool_release(&pool);
}

static void edits_leave_comments_and_order_alone(void **state)
{
    (void)state;
    edited("# top\nb: 1   # one\na: 2\n", "b", "7", "# top\nb: 7   # one\na: 2\n");
    edited("a:\n  b: 1 # x\n\n# tail\n", "a.c", "2", "a:\n  b: 1 # x\n  c: 2\n\n# tail\n");
    edited("a: {b: 1}\n", "a.c", "2", "a: {b: 1, c: 2}\n");
    edited("a: { b: 1 }\n", "a.c", "2", "a: { b: 1, c: 2 }\n");
    edited("a: {}\n", "a.c", "2", "a: {c: 2}\n");
    edited("a: [1, 2] # l\n", "a", "[3]", "a: [3] # l\n");
    edited("r:\n  - x: 1\n  - x: 2\n", "r[1].x", "5", "r:\n  - x: 1\n  - x: 5\n");
    edited("r:\n  - x: 1\n  - x: 2\n", "r[0].y", "5", "r:\n  - x: 1\n    y: 5\n  - x: 2\n");
    edited("a: 1\n", "m.n", "2", "a: 1\nm:\n  n: 2\n");
    edited("a: 1", "b", "2", "a: 1\nb: 2\n");
    edited("", "b", "2", "b: 2\n");
    edited("a: \xc3\xa9 # \xc3\xa9\nb: 1\n", "b", "2", "a: \xc3\xa9 # \xc3\xa9\nb: 2\n");
    edited("a:\nb: 1\n", "a", "2", "a: 2\nb: 1\n");
}

static void edits_refuse_what_is_no_place(void **state)
{
    (void)state;
    edited("a: 1\n", "", "2", NULL);
    edited("a: 1\n", "a.b", "2", NULL);
    edited("a: [1]\n", "a[4]", "2", NULL);
    edited("a: [1]\n", "a[x]", "2", NULL);
    edited("a:\n  b: 1\n", "a", "2", NULL);
    edited("a: 1\n", "a", "2\nb: 3", NULL);
    edited("a: 1\n", "a", "", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(complains_with_line_column_and_advice, fresh,
                                        empty),
        cmocka_unit_test_setup_teardown(refuses_deep_nesting_at_once, fresh, empty),
        cmocka_unit_test_setup_teardown(refuses_too_many_rules_and_bytes, fresh, empty),
        cmocka_unit_test_setup_teardown(means_what_it_says, fresh, empty),
        cmocka_unit_test_setup_teardown(printed_profile_reads_back_the_same, fresh, empty),
        cmocka_unit_test_setup_teardown(window_and_block_are_one_limit, fresh, empty),
        cmocka_unit_test_setup_teardown(edits_leave_comments_and_order_alone, fresh, empty),
        cmocka_unit_test_setup_teardown(edits_refuse_what_is_no_place, fresh, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
