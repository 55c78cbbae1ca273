/* Modules folded from names, and the screen that shows them. */
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/golden_screen.h"
#include "tests/support/sample_pair.h"
#include "tests/support/test.h"
#include "tui/module_tree.h"
#include "tui/script.h"

static mlr_heap heap;
static mlr_app app;
static sample_pair pair;

static int fresh(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    sample_pair_make(&pair, 24, true, &heap.alloc);
    mlr_app_init(&app, &heap.alloc, -1, &err);
    mlr_session_show(&app.session, &pair.old_model, "models/base.safetensors",
                     &pair.new_model, "models/tuned.safetensors", &err);
    assert_no_err(&err);
    sample_facts(&app.session.rows);
    mlr_app_show(&app, MLR_SCREEN_TENSORS);
    return 0;
}

static int done(void **state)
{
    (void)state;
    mlr_app_release(&app);
    sample_pair_release(&pair);
    return heap.used == 0 ? 0 : -1;
}

static void run(const char *script)
{
    mlr_err err = {0};
    mlr_script_run(&app, script, &err);
    assert_no_err(&err);
}

static void modules_hold_what_their_names_say(void **state)
{
    (void)state;
    mlr_modules m = {0};
    mlr_err err = {0};
    const mlr_ui_rows *rows = &app.session.rows;
    assert_int_equal(mlr_modules_make(&m, rows, &heap.alloc, &err), MLR_OK);
    assert_int_equal(m.module[0].tensors, rows->count);
    assert_int_equal(m.module[0].next, m.count);
    uint64_t bytes = 0;
    size_t leaves = 0;
    for (size_t i = 0; i < m.count; i++) {
        const mlr_module *at = &m.module[i];
        assert_true(at->next > i && at->next <= m.count);
        if (at->leaf) {
            leaves++;
            bytes += at->bytes;
            assert_int_equal(at->next, i + 1);
            assert_int_equal(at->end, rows->row[at->row].name.n);
        }
        if (i > 0) {
            const mlr_module *p = &m.module[at->parent];
            assert_int_equal(p->depth + 1, at->depth);
            assert_true(at->parent < i && i < p->next);
        }
    }
    assert_int_equal(leaves, rows->count);
    assert_true(bytes == m.module[0].bytes);
    mlr_modules_release(&m);
}

static void layers_are_counted_and_summed(void **state)
{
    (void)state;
    mlr_modules m = {0};
    mlr_err err = {0};
    assert_int_equal(mlr_modules_make(&m, &app.session.rows, &heap.alloc, &err), MLR_OK);
    assert_int_equal(m.layers, 24);
    assert_true(m.layer[3].changed == 0);
    double last = m.layer[22].changed / m.layer[22].elements;
    assert_true(last > m.layer[9].changed / m.layer[9].elements);
    mlr_modules_release(&m);
}

/* Rows of any names: dots and slashes in odd places, one name inside another. */
static void odd_names_make_a_tree_too(void **state)
{
    (void)state;
    static const char *const names[] = {"",      ".",      "a",     "a.b",
                                        "/a/b/", "a..b.",  "a/b.c", "a.b.c.d",
                                        "1.2.3", "a.10.x", "a.9.x"};
    enum { COUNT = sizeof names / sizeof *names };
    mlr_ui_row row[COUNT] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        row[i].name = (mlr_str){names[i], strlen(names[i])};
        row[i].name_rank = (uint32_t)i;
        row[i].bytes = 1;
    }
    mlr_ui_rows rows = {.row = row, .count = COUNT, .generation = 1};
    mlr_modules m = {0};
    mlr_err err = {0};
    assert_int_equal(mlr_modules_make(&m, &rows, &heap.alloc, &err), MLR_OK);
    assert_int_equal(m.module[0].tensors, COUNT);
    assert_int_equal(m.module[0].bytes, COUNT);
    mlr_modules_release(&m);
}

static void tree_looks_right(void **state)
{
    (void)state;
    run("@size 24 80\n2 j j j j l");
    golden_screen_sizes(&app, "tree");
}

static void frozen_layers_are_one_line_until_asked(void **state)
{
    (void)state;
    run("@size 45 140\n2\n@expect 2-7 unchanged");
    run("/ <Esc> s \"changed\" <Enter>\n@expect by changed");
    golden_screen(&app, "tree_by_change_140x45");
}

static void a_module_filters_the_table(void **state)
{
    (void)state;
    run("@size 45 140\n2 G k k <Enter>");
    assert_int_equal(mlr_app_top(&app), MLR_SCREEN_TENSORS);
    run("@expect filter name:model.");
}

static void a_leaf_opens_its_detail(void **state)
{
    (void)state;
    run("@size 45 140\n2 j <Enter>");
    assert_int_equal(mlr_app_top(&app), MLR_SCREEN_DETAIL);
}

static void sums_follow_the_rows(void **state)
{
    (void)state;
    run("@size 45 140\n2");
    mlr_ui_rows *rows = &app.session.rows;
    for (size_t i = 0; i < rows->count; i++) {
        rows->row[i].kind = MLR_ROW_SAME;
    }
    mlr_rows_touch(rows);
    run("@expect 0-23 unchanged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(modules_hold_what_their_names_say, fresh, done),
        cmocka_unit_test_setup_teardown(layers_are_counted_and_summed, fresh, done),
        cmocka_unit_test_setup_teardown(odd_names_make_a_tree_too, fresh, done),
        cmocka_unit_test_setup_teardown(tree_looks_right, fresh, done),
        cmocka_unit_test_setup_teardown(frozen_layers_are_one_line_until_asked, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(a_module_filters_the_table, fresh, done),
        cmocka_unit_test_setup_teardown(a_leaf_opens_its_detail, fresh, done),
        cmocka_unit_test_setup_teardown(sums_follow_the_rows, fresh, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
