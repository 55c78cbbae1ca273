/*
 * Golden screens: a script's keys in, text and roles out, compared with files under
 * tests/golden/screens. MLR_GOLDEN=write rewrites them; MLR_GOLDEN=svg draws pictures into
 * build/screens.
 */
#include <stdio.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/golden_screen.h"
#include "tests/support/sample_pair.h"
#include "tests/support/test.h"
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

static void tensors_from_headers_alone(void **state)
{
    (void)state;
    golden_screen_sizes(&app, "tensors_headers");
}

static void tensors_with_every_fact(void **state)
{
    (void)state;
    sample_facts(&app.session.rows);
    run("@size 24 80\ns \"bytes in the\" <Enter> j j <Space> <Space> j");
    golden_screen_sizes(&app, "tensors");
}

static void tensors_in_groups(void **state)
{
    (void)state;
    sample_facts(&app.session.rows);
    run("@size 24 80\no \"module\" <Enter> j <Space>");
    golden_screen_sizes(&app, "tensors_groups");
}

static void a_filter_that_is_wrong_says_where(void **state)
{
    (void)state;
    sample_facts(&app.session.rows);
    run("@size 24 80\nf \"chg>5 sise>1M\" <Enter>");
    golden_screen_sizes(&app, "filter_wrong");
}

static void a_filter_narrows_and_totals_follow(void **state)
{
    (void)state;
    sample_facts(&app.session.rows);
    run("@size 24 80\nf \"chg>80 dtype:bf16 name:mlp\" <Enter> *");
    golden_screen_sizes(&app, "filter");
}

static void help_lists_every_action(void **state)
{
    (void)state;
    run("@size 24 80\n?");
    golden_screen_sizes(&app, "help");
}

static void palette_narrows_as_you_type(void **state)
{
    (void)state;
    run("@size 24 80\n: \"mark\"");
    golden_screen_sizes(&app, "palette");
}

static void themes_show_what_they_do(void **state)
{
    (void)state;
    run("@size 24 80\nT");
    golden_screen_sizes(&app, "themes");
}

static void too_small_says_what_is_needed(void **state)
{
    (void)state;
    run("@size 5 20\n");
    golden_screen(&app, "too_small");
    run("@size 24 80\n@expect Tensor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tensors_from_headers_alone, fresh, done),
        cmocka_unit_test_setup_teardown(tensors_with_every_fact, fresh, done),
        cmocka_unit_test_setup_teardown(tensors_in_groups, fresh, done),
        cmocka_unit_test_setup_teardown(a_filter_that_is_wrong_says_where, fresh, done),
        cmocka_unit_test_setup_teardown(a_filter_narrows_and_totals_follow, fresh, done),
        cmocka_unit_test_setup_teardown(help_lists_every_action, fresh, done),
        cmocka_unit_test_setup_teardown(palette_narrows_as_you_type, fresh, done),
        cmocka_unit_test_setup_teardown(themes_show_what_they_do, fresh, done),
        cmocka_unit_test_setup_teardown(too_small_says_what_is_needed, fresh, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
