/* Rules in a profile's text: added, moved and taken away, with everything else untouched.
 */
#include "tui/cli/profile_rules.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"
#include "tui/cli/profile_yaml.h"

static mlr_heap heap;
static mlr_pool pool;
static mlr_err err;
static mlr_rules_edit edit;

static int fresh(void **state)
{
    (void)state;
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    err = (mlr_err){0};
    return 0;
}

static int done(void **state)
{
    (void)state;
    mlr_pool_release(&pool);
    return heap.used == 0 ? 0 : -1;
}

static mlr_rules_edit *of(const char *text)
{
    edit = (mlr_rules_edit){.text = text, .n = strlen(text), .pool = &pool};
    return &edit;
}

/* What came out, proven to be a profile with so many rules. */
static void gives(size_t rules, const char *want)
{
    mlr_profile_doc doc;
    mlr_err read = {0};
    assert_no_err(&err);
    assert_string_equal(edit.out, want);
    assert_int_equal(edit.out_n, strlen(want));
    assert_int_equal(mlr_profile_read(&doc, edit.out, edit.out_n, &heap.alloc, &read),
                     MLR_OK);
    assert_int_equal(doc.profile.rule_count, rules);
    mlr_profile_release(&doc);
}

static const char two[] = "# mine\n"
                          "version: 1\n"
                          "rules:   # first wins\n"
                          "  # about attention\n"
                          "  - match: {names: a}   # a comment\n"
                          "    use: {level: 1}\n"
                          "    # deep\n"
                          "\n"
                          "  # second\n"
                          "  - name: b\n"
                          "    use:\n"
                          "      level: 2\n"
                          "gates: {no-new-nan: true}\n";

static const char more[] = "version: 1\n"
                           "rules: # made\n"
                           "  - name: new\n"
                           "    match:\n"
                           "      names:\n"
                           "        - \"x.*\"\n"
                           "    use: {level: 9}\n";

static void swapped_rules_keep_their_comments(void **state)
{
    (void)state;
    mlr_rules_swap(of(two), 0, &err);
    gives(2, "# mine\n"
             "version: 1\n"
             "rules:   # first wins\n"
             "  # second\n"
             "  - name: b\n"
             "    use:\n"
             "      level: 2\n"
             "\n"
             "  # about attention\n"
             "  - match: {names: a}   # a comment\n"
             "    use: {level: 1}\n"
             "    # deep\n"
             "gates: {no-new-nan: true}\n");
}

static void swapping_twice_changes_nothing(void **state)
{
    (void)state;
    mlr_rules_swap(of(two), 0, &err);
    char *once = edit.out;
    mlr_rules_swap(of(once), 0, &err);
    gives(2, two);
}

static void inserted_rules_stand_above_or_below(void **state)
{
    (void)state;
    mlr_rules_insert(of("version: 1\nrules:\n- use: {level: 2}\n"), 0, more, strlen(more),
                     &err);
    gives(2, "version: 1\nrules:\n"
             "- name: new\n"
             "  match:\n"
             "    names:\n"
             "      - \"x.*\"\n"
             "  use: {level: 9}\n"
             "- use: {level: 2}\n");
    mlr_rules_insert(of("version: 1\nrules:\n    - use: {level: 2}\n"), 9, more,
                     strlen(more), &err);
    gives(2, "version: 1\nrules:\n"
             "    - use: {level: 2}\n"
             "    - name: new\n"
             "      match:\n"
             "        names:\n"
             "          - \"x.*\"\n"
             "      use: {level: 9}\n");
}

static void rules_begin_where_there_were_none(void **state)
{
    (void)state;
    static const char want[] = "version: 1 # one\nrules:\n"
                               "  - name: new\n"
                               "    match:\n"
                               "      names:\n"
                               "        - \"x.*\"\n"
                               "    use: {level: 9}\n";
    mlr_rules_insert(of("version: 1 # one"), 0, more, strlen(more), &err);
    gives(1, want);
    mlr_rules_insert(of("version: 1\nrules: [] # none\ndevice: 16M\n"), 0, more,
                     strlen(more), &err);
    gives(1, "version: 1\nrules:  # none\n"
             "  - name: new\n"
             "    match:\n"
             "      names:\n"
             "        - \"x.*\"\n"
             "    use: {level: 9}\n"
             "device: 16M\n");
}

static void a_removed_rule_takes_its_comments_along(void **state)
{
    (void)state;
    mlr_rules_remove(of(two), 1, &err);
    gives(1, "# mine\n"
             "version: 1\n"
             "rules:   # first wins\n"
             "  # about attention\n"
             "  - match: {names: a}   # a comment\n"
             "    use: {level: 1}\n"
             "    # deep\n"
             "\n"
             "gates: {no-new-nan: true}\n");
    char *one = edit.out;
    mlr_rules_remove(of(one), 0, &err);
    gives(0, "# mine\nversion: 1\nrules: []   # first wins\n\ngates: {no-new-nan: true}\n");
}

static void what_is_no_list_of_lines_is_refused(void **state)
{
    (void)state;
    static const char flow[] =
        "version: 1\nrules: [{use: {level: 1}}, {use: {level: 2}}]\n";
    assert_int_equal(mlr_rules_swap(of(flow), 0, &err), MLR_E_USAGE);
    err = (mlr_err){0};
    assert_int_equal(mlr_rules_insert(of(flow), 0, more, strlen(more), &err), MLR_E_USAGE);
    err = (mlr_err){0};
    assert_int_equal(mlr_rules_swap(of(two), 1, &err), MLR_E_USAGE);
    err = (mlr_err){0};
    assert_int_equal(mlr_rules_remove(of(two), 2, &err), MLR_E_USAGE);
    err = (mlr_err){0};
    assert_int_equal(mlr_rules_remove(of("rules: [\n"), 0, &err), MLR_E_FORMAT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)
    const struct CMUnitTest tests[] = {
        TEST(swapped_rules_keep_their_comments),
        TEST(swapping_twice_changes_nothing),
        TEST(inserted_rules_stand_above_or_below),
        TEST(rules_begin_where_there_were_none),
        TEST(a_removed_rule_takes_its_comments_along),
        TEST(what_is_no_list_of_lines_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
