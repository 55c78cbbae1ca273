/*
 * Golden screens: a script's keys in, text and roles out, compared with files under
 * tests/golden/screens. MLR_GOLDEN=write rewrites them; MLR_GOLDEN=svg draws pictures into
 * build/screens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/host/heap.h"
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

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = f == NULL ? NULL : calloc(1, 1 << 20);
    if (text != NULL && fread(text, 1, (1 << 20) - 1, f) == 0) {
        text[0] = '\0';
    }
    if (f != NULL) {
        fclose(f);
    }
    return text;
}

static void compare(const char *name)
{
    char path[256];
    size_t taken = 0;
    const char *mode = getenv("MLR_GOLDEN");
    char *got = mlr_script_golden(&app, &taken);
    assert_non_null(got);
    snprintf(path, sizeof path, "tests/golden/screens/%s.txt", name);
    if (mode != NULL && strcmp(mode, "write") == 0) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fputs(got, f);
        fclose(f);
    }
    if (mode != NULL && strcmp(mode, "svg") == 0) {
        mlr_err err = {0};
        mkdir("build/screens", 0777);
        snprintf(path, sizeof path, "build/screens/%s.svg", name);
        mlr_app_screenshot(&app, path, &err);
        assert_no_err(&err);
    }
    snprintf(path, sizeof path, "tests/golden/screens/%s.txt", name);
    char *want = read_file(path);
    if (want == NULL || strcmp(want, got) != 0) {
        print_message("%s differs; it is now:\n%s\n", path, got);
    }
    assert_non_null(want);
    assert_string_equal(got, want);
    free(want);
    mlr_give(&heap.alloc, got, taken);
}

/* The sizes of the manual, and the two poorer ways of drawing. */
static void at_every_size(const char *name)
{
    static const struct {
        const char *suffix, *script;
    } t[] = {
        {"40x12", "@size 12 40\n"},
        {"80x24", "@size 24 80\n"},
        {"140x45", "@size 45 140\n"},
        {"80x24.ascii", "@size 24 80\n@glyphs ascii\n@theme mono\n@depth mono\n"},
    };
    for (size_t i = 0; i < 4; i++) {
        char file[128];
        run(t[i].script);
        snprintf(file, sizeof file, "%s_%s", name, t[i].suffix);
        compare(file);
    }
}

static void tensors_from_headers_alone(void **state)
{
    (void)state;
    at_every_size("tensors_headers");
}

static void tensors_with_every_fact(void **state)
{
    (void)state;
    sample_facts(&app.session.rows);
    run("@size 24 80\ns \"bytes in the\" <Enter> j j <Space> <Space> j");
    at_every_size("tensors");
}

static void tensors_in_groups(void **state)
{
    (void)state;
    sample_facts(&app.session.rows);
    run("@size 24 80\no \"module\" <Enter> j <Space>");
    at_every_size("tensors_groups");
}

static void a_filter_that_is_wrong_says_where(void **state)
{
    (void)state;
    sample_facts(&app.session.rows);
    run("@size 24 80\nf \"chg>5 sise>1M\" <Enter>");
    at_every_size("filter_wrong");
}

static void a_filter_narrows_and_totals_follow(void **state)
{
    (void)state;
    sample_facts(&app.session.rows);
    run("@size 24 80\nf \"chg>80 dtype:bf16 name:mlp\" <Enter> *");
    at_every_size("filter");
}

static void help_lists_every_action(void **state)
{
    (void)state;
    run("@size 24 80\n?");
    at_every_size("help");
}

static void palette_narrows_as_you_type(void **state)
{
    (void)state;
    run("@size 24 80\n: \"mark\"");
    at_every_size("palette");
}

static void themes_show_what_they_do(void **state)
{
    (void)state;
    run("@size 24 80\nT");
    at_every_size("themes");
}

static void too_small_says_what_is_needed(void **state)
{
    (void)state;
    run("@size 5 20\n");
    compare("too_small");
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
