/* The app as a whole: keys in, state out; any key at any size. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "tests/support/sample_pair.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test.h"
#include "tui/recent.h"
#include "tui/rules_edit.h"
#include "tui/script.h"

static mlr_heap heap;
static mlr_app app;
static sample_pair pair;

static void begin(unsigned layers)
{
    mlr_err err = {0};
    mlr_heap_init(&heap);
    sample_pair_make(&pair, layers, true, &heap.alloc);
    mlr_app_init(&app, &heap.alloc, -1, &err);
    mlr_session_show(&app.session, &pair.old_model, "a/base.safetensors", &pair.new_model,
                     "b/tuned.safetensors", &err);
    assert_no_err(&err);
    mlr_app_show(&app, MLR_SCREEN_TENSORS);
}

static int fresh(void **state)
{
    (void)state;
    begin(24);
    sample_facts(&app.session.rows);
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

static size_t marked(void)
{
    return app.session.rows.marked;
}

static void marks_follow_space_range_filter_and_group(void **state)
{
    (void)state;
    run("<Space> <Space> <Space>");
    assert_int_equal(marked(), 3);
    run("k <Space>"); /* a second time takes it away */
    assert_int_equal(marked(), 2);
    run("M G v k k v");
    assert_int_equal(marked(), 3);
    run("M f \"name:*.mlp.up_proj.weight\" <Enter> *");
    assert_int_equal(marked(), 24);
    run("F M o \"module\" <Enter> g j j <Space>");
    assert_int_equal(marked(), 12);
}

static void search_moves_and_escape_goes_back(void **state)
{
    (void)state;
    run("@size 24 140\nj j / \"layers.7.mlp.up\" <Enter>\n@expect "
        "model.layers.7.mlp.up_proj\n");
    run("@size 24 140\n@expect 94/292");
    run("/ \"norm\" <Esc>\n@expect 94/292");
    run("/ \"model.norm\" <Enter> n\n@expect 290/292");
    run("/ \"zzzz\"\n@expect no name contains 'zzzz'\n<Esc>");
}

static void sorting_puts_unknown_facts_last_either_way(void **state)
{
    (void)state;
    run("@size 24 140\ns \"changed\" <Enter>\n@expect changed ▼");
    run("G\n@expect model.rotary.inv_freq");
    run("S G\n@expect model.rotary.inv_freq");
}

static void actions_run_from_help_and_palette(void **state)
{
    (void)state;
    run("@size 24 100\n? \"group\" <Enter>\n@expect Group by\n<Esc>");
    run(": \"mark shown\" <Enter>");
    assert_int_equal(marked(), 292);
    run("<C-p> \"unmark\" <Enter>");
    assert_int_equal(marked(), 0);
}

static void quitting_asks_only_when_something_would_be_lost(void **state)
{
    (void)state;
    snprintf(app.unsaved, sizeof app.unsaved, "2 choices");
    run("q\n@expect 2 choices not saved; quit? y/n\n\"n\" <Enter>");
    assert_false(app.wishes.quit);
    run("q \"y\" <Enter>");
    assert_true(app.wishes.quit);
    app.wishes.quit = false;
    app.unsaved[0] = '\0';
    run("q");
    assert_true(app.wishes.quit);
}

static void escape_never_quits(void **state)
{
    (void)state;
    run("<Esc> <Esc> T <Esc> ? <Esc> : <Esc> / <Esc> f <Esc> 0 <Esc> <Esc>");
    assert_false(app.wishes.quit);
}

static void a_tried_theme_is_given_back_by_escape_and_kept_by_enter(void **state)
{
    (void)state;
    run("T j j <Esc>");
    assert_string_equal(app.theme.name, "default");
    run("T j j j <Enter>");
    assert_string_equal(app.theme.name, "light");
}

static void clicks_select_rows_and_sort_by_headers(void **state)
{
    (void)state;
    run("@size 24 140\n");
    mlr_app_mouse(&app, 5, 10, 1);
    run("@expect 3/292");
    mlr_app_mouse(&app, 2, 70, 1);
    run("@expect size ▼");
    mlr_app_mouse(&app, 8, 10, 5);
    run("@expect 4/292");
    mlr_app_mouse(&app, 1, 3, 1);
    run("@expect Folder");
}

static void the_cursor_of_the_terminal_sits_on_the_row(void **state)
{
    (void)state;
    mlr_grid g;
    run("@size 24 80\nj j");
    mlr_grid_init(&g, &heap.alloc, &app.glyphs);
    mlr_app_draw(&app, &g);
    assert_int_equal(g.cursor_row, 5);
    assert_int_equal(g.cursor_col, 4);
    mlr_grid_release(&g);
}

static void any_key_at_any_size_is_survived(void **state)
{
    (void)state;
    static const mlr_key keys[] = {'j',
                                   'k',
                                   'g',
                                   'G',
                                   ' ',
                                   'v',
                                   '*',
                                   'o',
                                   's',
                                   'S',
                                   'f',
                                   'F',
                                   '/',
                                   'n',
                                   'N',
                                   'T',
                                   'A',
                                   '?',
                                   ':',
                                   '0',
                                   '1',
                                   'M',
                                   'x',
                                   'h',
                                   'a',
                                   '.',
                                   '<',
                                   '>',
                                   '=',
                                   '5',
                                   '4',
                                   '7',
                                   'P',
                                   'K',
                                   'J',
                                   'D',
                                   'i',
                                   'E',
                                   'w',
                                   'u',
                                   'e',
                                   't',
                                   'H',
                                   MLR_KEY_TAB,
                                   MLR_KEY_ESC,
                                   MLR_KEY_ENTER,
                                   MLR_KEY_UP,
                                   MLR_KEY_DOWN,
                                   MLR_KEY_LEFT,
                                   MLR_KEY_PAGE_DOWN,
                                   MLR_KEY_BACKSPACE,
                                   MLR_CTRL('l'),
                                   MLR_CTRL('g'),
                                   0x6f22};
    uint32_t seed = 1;
    mlr_grid g;
    temp_dir d; /* whatever is exported or saved on the way stays there */
    int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    temp_dir_make(&d);
    temp_dir_write(&d, "README.md", "no model", 8);
    assert_true(home >= 0 && fchdir(d.fd) == 0 && setenv("TMPDIR", d.path, 1) == 0);
    mlr_matching m = sample_matching(&pair, &app.session.rows);
    mlr_desk_begin(&app);
    mlr_rule_book_match(&app.desk.book, &m);
    mlr_desk_matched(&app, NULL);
    mlr_grid_init(&g, &heap.alloc, &app.glyphs);
    for (int i = 0; i < 6000; i++) {
        seed = seed * 1664525 + 1013904223;
        mlr_key key = keys[(seed >> 8) % (sizeof keys / sizeof *keys)];
        if (key == MLR_KEY_ENTER && app.question.open &&
            app.question.owner == MLR_SCREEN_NONE) {
            key = MLR_KEY_ESC; /* writes no pictures */
        }
        mlr_app_key(&app, key);
        if (app.wishes.edit != NULL) {
            app.wishes.edit = NULL;
            mlr_rules_edited(&app, i % 2);
        }
        mlr_script_settle(&app);
        mlr_app_resize(&app, 1 + (int)(seed >> 20 & 31), 1 + (int)(seed >> 12 & 127));
        mlr_app_draw(&app, &g);
        assert_true(g.cursor_row < g.rows && g.cursor_col < g.cols);
    }
    mlr_grid_release(&g);
    assert_int_equal(fchdir(home), 0);
    (void)close(home);
    temp_dir_remove(&d);
}

static double ms_since(const struct timespec *t)
{
    struct timespec n;
    clock_gettime(CLOCK_MONOTONIC, &n);
    return (double)(n.tv_sec - t->tv_sec) * 1e3 + (double)(n.tv_nsec - t->tv_nsec) / 1e6;
}

static void a_hundred_thousand_tensors_answer_at_once(void **state)
{
    (void)state;
    static const mlr_key keys[] = {'j', MLR_CTRL('d'), 'G', 'S', 'g', ' ', '*', 'M'};
    begin(8400);
    assert_true(app.session.rows.count > 100000);
    sample_facts(&app.session.rows);
    mlr_grid g;
    mlr_grid_init(&g, &heap.alloc, &app.glyphs);
    mlr_app_resize(&app, 45, 140);
    mlr_app_draw(&app, &g);
    double worst = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        mlr_app_key(&app, keys[i]);
        mlr_app_draw(&app, &g);
        double ms = ms_since(&t);
        worst = ms > worst ? ms : worst;
    }
    print_message("%zu rows: slowest key %.1f ms\n", app.session.rows.count, worst);
    assert_true(worst < 1000); /* a bound for sanitizers and busy machines */
    mlr_grid_release(&g);
}

static void recent_pairs_survive_and_forget(void **state)
{
    (void)state;
    char folder[] = "/tmp/mlr-recent-XXXXXX";
    char deep[64];
    mlr_recent r;
    mlr_heap_init(&heap);
    assert_non_null(mkdtemp(folder));
    snprintf(deep, sizeof deep, "%s/a/b", folder);
    mlr_recent_load(&r, deep, &heap.alloc);
    assert_int_equal(r.count, 0);
    for (int i = 0; i < 10; i++) {
        char path[16];
        snprintf(path, sizeof path, "/m/%d", i);
        mlr_recent_add(&r, path, "/m/new");
    }
    mlr_recent_add(&r, "/m/5", "/m/new");
    mlr_recent_add(&r, "bad\nname", "/m/new");
    assert_int_equal(r.count, MLR_RECENT_PAIRS);
    assert_int_equal(mlr_recent_save(&r, deep, NULL), MLR_OK);
    mlr_recent_load(&r, deep, &heap.alloc);
    assert_int_equal(r.count, MLR_RECENT_PAIRS);
    assert_string_equal(r.old_path[0], "/m/5");
    assert_string_equal(r.old_path[1], "/m/9");
    mlr_recent_drop(&r, 0);
    assert_string_equal(r.old_path[0], "/m/9");
    snprintf(deep, sizeof deep, "%s/a/b/recent", folder);
    assert_int_equal(unlink(deep), 0);
    snprintf(deep, sizeof deep, "%s/a/b", folder);
    assert_int_equal(rmdir(deep), 0);
    snprintf(deep, sizeof deep, "%s/a", folder);
    assert_int_equal(rmdir(deep), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(heap.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(marks_follow_space_range_filter_and_group, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(search_moves_and_escape_goes_back, fresh, done),
        cmocka_unit_test_setup_teardown(sorting_puts_unknown_facts_last_either_way, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(actions_run_from_help_and_palette, fresh, done),
        cmocka_unit_test_setup_teardown(quitting_asks_only_when_something_would_be_lost,
                                        fresh, done),
        cmocka_unit_test_setup_teardown(escape_never_quits, fresh, done),
        cmocka_unit_test_setup_teardown(
            a_tried_theme_is_given_back_by_escape_and_kept_by_enter, fresh, done),
        cmocka_unit_test_setup_teardown(clicks_select_rows_and_sort_by_headers, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(the_cursor_of_the_terminal_sits_on_the_row, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(any_key_at_any_size_is_survived, fresh, done),
        cmocka_unit_test_teardown(a_hundred_thousand_tensors_answer_at_once, done),
        cmocka_unit_test(recent_pairs_survive_and_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
