/*
 * The file browser: what it lists, what Enter makes of it, how it looks.
 * MLR_GOLDEN=write rewrites its golden screens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "tests/support/golden_screen.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test.h"
#include "tui/open_view.h"
#include "tui/script.h"

static mlr_heap heap;
static mlr_app app;
static temp_dir dir;

static void folder(const char *name)
{
    char path[512];
    assert_int_equal(mkdir(temp_dir_at(&dir, name, path), 0777), 0);
}

/* A header of 64 bytes and a tensor of 16. */
static void model(const char *name)
{
    char bytes[96] = {64};
    char text[65];
    snprintf(text, sizeof text, "%-64s",
             "{\"t.weight\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}");
    memcpy(bytes + 8, text, 64);
    temp_dir_write(&dir, name, bytes, 88);
}

static void link_blob(const char *target, const char *name)
{
    char path[512];
    assert_int_equal(symlink(target, temp_dir_at(&dir, name, path)), 0);
}

/* A cache as huggingface_hub lays it out: two revisions of one model, one of another that
   holds two quantisations, and one repository without a model. */
static void make_cache(void)
{
    folder("models--org--tiny");
    folder("models--org--tiny/refs");
    folder("models--org--tiny/blobs");
    folder("models--org--tiny/snapshots");
    folder("models--org--tiny/snapshots/aaaa1111");
    folder("models--org--tiny/snapshots/bbbb2222");
    model("models--org--tiny/blobs/b1");
    model("models--org--tiny/blobs/b2");
    link_blob("../../blobs/b1", "models--org--tiny/snapshots/aaaa1111/model.safetensors");
    link_blob("../../blobs/b2", "models--org--tiny/snapshots/bbbb2222/model.safetensors");
    link_blob("../../blobs/gone", "models--org--tiny/snapshots/bbbb2222/lost.safetensors");
    temp_dir_write(&dir, "models--org--tiny/snapshots/bbbb2222/README.md", "hello", 5);
    temp_dir_write(&dir, "models--org--tiny/refs/main", "bbbb2222\n", 9);
    folder("models--plain");
    folder("models--plain/snapshots");
    folder("models--plain/snapshots/cccc3333");
    temp_dir_write(&dir, "models--plain/snapshots/cccc3333/a.gguf",
                   "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    temp_dir_write(&dir, "models--plain/snapshots/cccc3333/b.gguf",
                   "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    folder("models--org--text");
    folder("models--org--text/snapshots");
    folder("models--org--text/snapshots/dddd4444");
    temp_dir_write(&dir, "models--org--text/snapshots/dddd4444/config.json", "{}", 2);
    folder("datasets--org--rows");
}

static int fresh(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    temp_dir_make(&dir);
    setenv("HF_HUB_CACHE", dir.path, 1);
    setenv("TZ", "UTC", 1);
    mlr_app_init(&app, &heap.alloc, -1, &err);
    assert_no_err(&err);
    return 0;
}

static int done(void **state)
{
    (void)state;
    mlr_app_release(&app);
    temp_dir_remove(&dir);
    unsetenv("HF_HUB_CACHE");
    return heap.used == 0 ? 0 : -1;
}

static void run(const char *script)
{
    mlr_err err = {0};
    mlr_script_run(&app, script, &err);
    assert_no_err(&err);
}

static mlr_open_view *view(void)
{
    return app.state[MLR_SCREEN_OPEN];
}

static void the_cache_lists_revisions_that_hold_a_model(void **state)
{
    (void)state;
    mlr_hub h = {0};
    make_cache();
    mlr_hub_read(&h, &heap.alloc);
    assert_int_equal(h.count, 3);
    for (size_t i = 0; i < 2; i++) {
        bool main = strcmp(h.revision[i].commit, "bbbb2222") == 0;
        assert_string_equal(h.revision[i].name, "org/tiny");
        assert_string_equal(h.revision[i].ref, main ? "main" : "");
        assert_string_equal(h.revision[i].open,
                            main ? "hf://org/tiny@bbbb2222" : "hf://org/tiny@aaaa1111");
        assert_int_equal(h.revision[i].files, 1); /* a link that leads nowhere is none */
        assert_int_equal(h.revision[i].bytes, 88);
        assert_true(h.revision[i].whole);
    }
    assert_string_equal(h.revision[2].name, "plain");
    assert_string_equal(h.revision[2].open, h.revision[2].folder);
    assert_string_equal(h.revision[2].format, "GGUF");
    assert_int_equal(h.revision[2].files, 2);
    assert_false(h.revision[2].whole);
    mlr_hub_release(&h);
}

static void a_cache_that_is_missing_is_empty(void **state)
{
    (void)state;
    mlr_hub h = {0};
    setenv("HF_HUB_CACHE", "/nowhere/at/all", 1);
    mlr_hub_read(&h, &heap.alloc);
    assert_int_equal(h.count, 0);
    mlr_hub_release(&h);
}

static void two_revisions_open_as_a_pair(void **state)
{
    (void)state;
    make_cache();
    mlr_app_show(&app, MLR_SCREEN_OPEN);
    run("@size 24 80\n@expect Hugging Face cache\ng j <Enter>\n@expect New\nk "
        "<Enter>\n@wait\n"
        "@expect t.weight");
    assert_int_equal(app.tab, MLR_SCREEN_TENSORS);
    assert_true(strncmp(app.session.old_path, "hf://org/tiny@", 14) == 0);
    assert_true(strncmp(app.session.new_path, "hf://org/tiny@", 14) == 0);
    assert_string_not_equal(app.session.old_path, app.session.new_path);
}

static void a_revision_of_several_models_asks_for_one(void **state)
{
    (void)state;
    make_cache();
    mlr_app_show(&app, MLR_SCREEN_OPEN);
    run("@size 24 80\ng j j <Enter>\n@expect holds 2 models\n@expect a.gguf");
    assert_string_equal(view()->old_path, "");
    assert_non_null(strstr(view()->folder.path, "cccc3333"));
}

/* --- time -------------------------------------------------------------------------------
 */

static double ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* 290 tensors, as a language model has; only headers matter, so the data may be a hole. */
static void make_model(const char *name)
{
    enum { TENSORS = 290, BYTES = 1 << 20 };
    static char text[64 * 1024];
    size_t n = 8;
    char path[512];
    for (int i = 0; i < TENSORS; i++) {
        n += (size_t)snprintf(
            text + n, sizeof text - n,
            "%s\"model.layers.%d.mlp.part_%d.weight\":{\"dtype\":\"BF16\","
            "\"shape\":[512,1024],\"data_offsets\":[%d,%d]}",
            i == 0 ? "{" : ",", i / 12, i % 12, i * BYTES, (i + 1) * BYTES);
    }
    text[n++] = '}';
    uint64_t header = n - 8;
    memcpy(text, &header, 8);
    temp_dir_write(&dir, name, text, n);
    assert_int_equal(
        truncate(temp_dir_at(&dir, name, path), (off_t)n + (off_t)TENSORS * BYTES), 0);
}

static void the_table_is_usable_within_100_ms_from_headers(void **state)
{
    (void)state;
    char a[512];
    char b[512];
    double best = 1e9;
    mlr_grid g;
    make_model("old.safetensors");
    make_model("new.safetensors");
    mlr_grid_init(&g, &heap.alloc, &app.glyphs);
    mlr_app_resize(&app, 45, 140);
    for (int i = 0; i < 5 && best >= 50; i++) { /* the machine may be busy with others */
        double start = ms();
        mlr_app_open_pair(&app, temp_dir_at(&dir, "old.safetensors", a),
                          temp_dir_at(&dir, "new.safetensors", b));
        uint64_t before = app.session.generation;
        while (app.session.generation == before) {
            (void)usleep(200);
            mlr_app_poll(&app);
        }
        mlr_app_draw(&app, &g);
        mlr_app_key(&app, 'j');
        mlr_app_draw(&app, &g);
        double took = ms() - start;
        best = took < best ? took : best;
    }
    print_message("table of %zu tensors, a key and two frames after %.1f ms\n",
                  app.session.rows.count, best);
    assert_int_equal(app.session.rows.count, 290);
    assert_int_equal(app.focus, 1);
    assert_true(best < 100);
    mlr_grid_release(&g);
    mlr_app_key(&app, MLR_CTRL('g'));
}

/* --- looks ------------------------------------------------------------------------------
 */

static void made_up(void)
{
    static mlr_folder_entry entry[] = {
        {.name = "checkpoints", .is_folder = true},
        {.name = "base.bf16.safetensors",
         .format = "SafeTensors",
         .size = 24134128,
         .modified = 1767258000},
        {.name = "base.q4_k_m.gguf",
         .format = "GGUF",
         .size = 1474368,
         .modified = 1767258060},
        {.name = "classifier.with-a-name-that-is-longer-than-most-columns.onnx",
         .format = "ONNX",
         .size = 1657744,
         .modified = 1767258120},
    };
    static mlr_hub_revision revision[9];
    mlr_open_view *o = view();
    for (size_t i = 0; i < 9; i++) {
        revision[i] = (mlr_hub_revision){.name = i < 2 ? "org/tiny-1b" : "org/other-7b-it",
                                         .ref = i % 2 == 0 ? "main" : "",
                                         .commit = "0123456789abcdef",
                                         .format = i == 4 ? "GGUF" : "SafeTensors",
                                         .bytes = (i + 1) << 29,
                                         .modified = 1767258000 - 86400 * (int64_t)i,
                                         .files = i == 4  ? 12
                                                  : i < 2 ? 1
                                                          : 4,
                                         .whole = i != 4};
    }
    snprintf(o->folder.path, sizeof o->folder.path, "/home/me/models");
    snprintf(o->home, sizeof o->home, "/home/me");
    o->folder.entry = entry;
    o->folder.count = sizeof entry / sizeof *entry;
    o->folder.hidden = 3;
    o->hub.root = "/home/me/.cache/huggingface/hub";
    o->hub.revision = revision;
    o->hub.count = 9;
    mlr_recent_add(&o->recent, "/srv/a/base.gguf", "/home/me/other/tuned.gguf");
    mlr_recent_add(&o->recent, "/home/me/models/base.bf16.safetensors",
                   "/home/me/models/tuned.bf16.safetensors");
    o->table.cursor = 0;
}

static void the_browser_looks_right(void **state)
{
    (void)state;
    mlr_app_show(&app, MLR_SCREEN_OPEN);
    made_up();
    golden_screen_sizes(&app, "open");
    view()->table.cursor = mlr_open_folder_row(view()) + 2;
    run("@theme default\n@glyphs block\n@size 24 80\n<Enter> j");
    golden_screen_sizes(&app, "open_second");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)
    const struct CMUnitTest tests[] = {
        TEST(the_cache_lists_revisions_that_hold_a_model),
        TEST(a_cache_that_is_missing_is_empty),
        TEST(two_revisions_open_as_a_pair),
        TEST(a_revision_of_several_models_asks_for_one),
        TEST(the_table_is_usable_within_100_ms_from_headers),
        TEST(the_browser_looks_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
