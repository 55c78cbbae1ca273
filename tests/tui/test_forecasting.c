/* Forecasts and exports of real files, through the app: what they say, how they stop, and
   what the user interface spends on them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apply/base/xxh64.h"
#include "apply/host/heap.h"
#include "codec/strategy.h"
#include "tests/support/sample_pair.h"
#include "tests/support/test.h"
#include "tui/script.h"

enum { TENSORS = 6 };

static mlr_heap heap;
static mlr_app app;
static char folder[32];
static char old_path[64], new_path[64];

/* A SafeTensors file of f32 tensors; tensor 0 is the same in both, others drift. */
static void write_model(const char *path, size_t elements, bool is_new)
{
    char header[2048];
    size_t used = (size_t)snprintf(header, sizeof header, "{");
    for (size_t i = 0; i < TENSORS; i++) {
        used += (size_t)snprintf(header + used, sizeof header - used,
                                 "%s\"m.%zu.weight\":{\"dtype\":\"F32\",\"shape\":[%zu],"
                                 "\"data_offsets\":[%zu,%zu]}",
                                 i == 0 ? "" : ",", i, elements, i * elements * 4,
                                 (i + 1) * elements * 4);
    }
    used += (size_t)snprintf(header + used, sizeof header - used, "}");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    unsigned char size[8] = {(unsigned char)used, (unsigned char)(used >> 8)};
    fwrite(size, 1, 8, f);
    fwrite(header, 1, used, f);
    uint64_t seed = 7;
    for (size_t i = 0; i < TENSORS * elements; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        float x = (float)(int64_t)(seed >> 40) / 16777216.0F - 0.5F;
        bool moves = is_new && i >= elements && (seed >> 33 & 3) == 0;
        x = moves ? x * 1.0001F : x;
        fwrite(&x, sizeof x, 1, f);
    }
    fclose(f);
}

static void open_models(size_t elements)
{
    write_model(old_path, elements, false);
    write_model(new_path, elements, true);
    mlr_app_open_pair(&app, old_path, new_path);
}

static int fresh(void **state)
{
    (void)state;
    mlr_err err = {0};
    snprintf(folder, sizeof folder, "/tmp/mlr-forecast-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(old_path, sizeof old_path, "%s/old.safetensors", folder);
    snprintf(new_path, sizeof new_path, "%s/new.safetensors", folder);
    mlr_heap_init(&heap);
    mlr_app_init(&app, &heap.alloc, -1, &err);
    assert_no_err(&err);
    mlr_app_resize(&app, 45, 140);
    mlr_app_show(&app, MLR_SCREEN_OPEN);
    return 0;
}

static int done(void **state)
{
    (void)state;
    char command[64];
    mlr_app_release(&app);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && heap.used == 0 ? 0 : -1;
}

static void run(const char *script)
{
    mlr_err err = {0};
    mlr_script_run(&app, script, &err);
    assert_no_err(&err);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- what they say ----------------------------------------------------------------------
 */

static void every_row_that_travels_gets_a_forecast(void **state)
{
    (void)state;
    open_models(16384); /* 64 KiB each: encoded whole */
    run("@wait\n1");
    for (size_t i = 0; i < TENSORS; i++) {
        const mlr_ui_row *r = &app.session.rows.row[i];
        assert_non_null(r->strategy);
        assert_int_equal(r->out.state, MLR_FACT_KNOWN);
        assert_int_equal(r->by, i == 0 ? MLR_BY_NOBODY : MLR_BY_AUTO);
    }
    assert_int_equal(mlr_desk_total(&app)->predicted, TENSORS - 1);
}

static void an_export_takes_what_was_predicted(void **state)
{
    (void)state;
    char script[512];
    open_models(16384);
    snprintf(script, sizeof script,
             "@wait\nG e \"sub-planes\" <Enter> 6 <Enter> <C-u> \"%s/p.sftp\" <Enter>\n"
             "j <Enter> <C-u> \"%s/p.yaml\" <Enter> j <Enter> <C-u> \"%s/p.md\" <Enter>\n"
             "S\n@wait\n@expect every block proved",
             folder, folder, folder);
    run(script);
    const mlr_exporter *e = &app.exporter;
    assert_int_equal(e->made, TENSORS - 1);
    for (size_t i = 1; i < TENSORS; i++) {
        assert_true(fabs(e->item[i].predicted - (double)e->item[i].actual) <= 64);
    }
    assert_int_equal(e->item[TENSORS - 1].strategy, MLR_STRATEGY_sub_planes);
    snprintf(script, sizeof script, "%s/p.md", folder);
    assert_int_equal(access(script, R_OK), 0);
    snprintf(script, sizeof script, "%s/p.yaml", folder);
    assert_int_equal(access(script, R_OK), 0);
}

/* --- what they remember -----------------------------------------------------------------
 */

static char kept[64];

/* Opens the pair with a cache and returns the forecasts the cache had before. */
static size_t reopen(void)
{
    app.forecast_dir = kept;
    mlr_app_open_pair(&app, old_path, new_path);
    run("@wait\n1");
    mlr_forecast_cache *c = mlr_forecast_cache_open(kept, app.session.old_opened,
                                                    app.session.new_opened, app.alloc);
    assert_non_null(c);
    size_t n = mlr_forecast_cache_count(c);
    mlr_forecast_cache_close(c);
    return n;
}

static void start_over(void)
{
    mlr_err err = {0};
    mlr_app_release(&app);
    assert_int_equal(heap.used, 0);
    mlr_app_init(&app, &heap.alloc, -1, &err);
    assert_no_err(&err);
    mlr_app_resize(&app, 45, 140);
    mlr_app_show(&app, MLR_SCREEN_OPEN);
}

/* The file of the cache, whose entries follow the head. */
static FILE *open_kept(const char *mode)
{
    char command[128], path[300] = "";
    snprintf(command, sizeof command, "ls %s/*.mlrf", kept);
    FILE *list = popen(command, "r");
    assert_non_null(list);
    assert_int_equal(fscanf(list, "%299s", path), 1);
    pclose(list);
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    return f;
}

static void a_pair_seen_before_shows_what_was_forecast_then(void **state)
{
    (void)state;
    snprintf(kept, sizeof kept, "%s/cache/forecast", folder);
    app.forecast_dir = kept;
    open_models(16384);
    run("@wait\n1");
    double bytes = mlr_desk_total(&app)->bytes;
    start_over();
    size_t first = reopen();
    assert_true(first >= TENSORS - 1);
    assert_true(mlr_desk_total(&app)->bytes == bytes);
    start_over();
    assert_int_equal(reopen(), first); /* nothing was computed anew */
    start_over();

    /* An answer that nobody would compute comes from the file, if its checksum is right...
     */
    uint8_t entry[MLR_CACHE_ENTRY];
    FILE *f = open_kept("r+b");
    fseek(f, MLR_CACHE_HEAD, SEEK_SET);
    assert_int_equal(fread(entry, 1, sizeof entry, f), sizeof entry);
    entry[16] ^= 0x55; /* of the bytes predicted */
    uint64_t sum = mlr_xxh64_of(entry, sizeof entry - 8);
    for (size_t i = 0; i < 8; i++) {
        entry[sizeof entry - 8 + i] = (uint8_t)(sum >> (8 * i));
    }
    fseek(f, MLR_CACHE_HEAD, SEEK_SET);
    fwrite(entry, 1, sizeof entry, f);
    fclose(f);
    (void)reopen();
    assert_true(mlr_desk_total(&app)->bytes != bytes);
    start_over();

    /* ... and a damaged one is computed again. */
    f = open_kept("r+b");
    fseek(f, MLR_CACHE_HEAD + 16, SEEK_SET);
    fputc(0xff, f);
    fclose(f);
    (void)reopen();
    assert_true(mlr_desk_total(&app)->bytes == bytes);
}

/* --- how they stop ----------------------------------------------------------------------
 */

static void a_cancelled_export_writes_nothing_and_keeps_choices(void **state)
{
    (void)state;
    char path[64];
    open_models(1 << 17); /* 512 KiB each: `mix` takes seconds for them */
    run("@wait\nf \"!same\" <Enter> * e \"mix\" <Enter> M 6");
    snprintf(path, sizeof path, "%s/p.sftp", folder);
    run("j <Enter> <C-u> <Enter> j <Enter> <C-u> <Enter> k k");
    mlr_app_key(&app, MLR_KEY_ENTER);
    mlr_app_key(&app, MLR_CTRL('u'));
    for (const char *p = path; *p != '\0'; p++) {
        mlr_app_key(&app, (mlr_key)*p);
    }
    mlr_app_key(&app, MLR_KEY_ENTER);
    mlr_app_key(&app, 'S');
    while (!app.exporter.was_encoding && app.exporter.state == MLR_EXPORT_RUNNING) {
        mlr_app_poll(&app);
    }
    assert_int_equal(app.exporter.state, MLR_EXPORT_RUNNING);
    mlr_app_key(&app, '1'); /* other screens stay usable */
    assert_int_equal(mlr_app_top(&app), MLR_SCREEN_TENSORS);
    double start = seconds(CLOCK_MONOTONIC);
    mlr_app_key(&app, MLR_CTRL('g'));
    while (app.exporter.state == MLR_EXPORT_RUNNING) {
        mlr_app_poll(&app);
    }
    double took = seconds(CLOCK_MONOTONIC) - start;
    print_message("stopped after %.0f ms\n", took * 1000);
    assert_true(took < 2);
    assert_int_equal(app.exporter.state, MLR_EXPORT_CANCELLED);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(app.desk.choices.picked, TENSORS - 1);
}

static void a_paused_export_stands_still_and_goes_on(void **state)
{
    (void)state;
    char script[256];
    open_models(1 << 16);
    snprintf(script, sizeof script,
             "@wait\nf \"!same\" <Enter> * e \"mix\" <Enter> M 6 <Enter> <C-u> "
             "\"%s/p.sftp\" <Enter> j <Enter> <C-u> <Enter> j <Enter> <C-u> <Enter>",
             folder);
    run(script);
    run("@hurry S p\n@expect paused; p goes on");
    assert_true(atomic_load(&app.exporter.paused));
    double start = seconds(CLOCK_MONOTONIC);
    uint64_t before = 0;
    do { /* blocks at work may still be finished, then nothing moves */
        before = atomic_load(&app.exporter.job.done);
        usleep(300000);
        mlr_app_poll(&app);
    } while (atomic_load(&app.exporter.job.done) != before &&
             seconds(CLOCK_MONOTONIC) - start < 20);
    assert_int_equal(app.exporter.state, MLR_EXPORT_RUNNING);
    run("@expect paused; p goes on\np\n@wait\n@expect every block proved");
    assert_int_equal(app.exporter.made, TENSORS - 1);
    /* Held again, it still hears that it is to stop. */
    run("S\n@expect exists\nj j <Enter>"); /* replace files */
    mlr_app_key(&app, 'S');
    mlr_app_key(&app, 'p');
    mlr_app_key(&app, MLR_CTRL('g'));
    run("@wait\n@expect stopped; nothing was written");
}

static void a_dictionary_is_trained_used_and_named(void **state)
{
    (void)state;
    char script[512];
    char text[1024] = "";
    open_models(16384);
    snprintf(
        script, sizeof script,
        "@wait\n6 <Enter> <C-u> \"%s/p.sftp\" <Enter> j <Enter> <C-u> \"%s/p.yaml\" "
        "<Enter> j <Enter> <C-u> <Enter> j <Enter>\n@expect train one\n\"train\" <Enter>\n"
        "@wait\n@expect trained\nS\n@wait\n@expect every block proved",
        folder, folder);
    run(script);
    snprintf(script, sizeof script, "%s/p.sftp.dict", folder);
    assert_int_equal(access(script, R_OK), 0);
    assert_string_equal(app.desk.dict_path, script);
    snprintf(script, sizeof script, "%s/p.yaml", folder);
    FILE *f = fopen(script, "rb");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_non_null(strstr(text, "dictionary: \""));
    assert_non_null(strstr(text, "dictionary: true"));
    run("y\n@expect --profile\n<Esc>");
}

static void forecasts_stop_and_start_again(void **state)
{
    (void)state;
    open_models(1 << 18);
    while (app.desk.outlook == NULL) {
        mlr_app_poll(&app);
    }
    mlr_app_key(&app, MLR_CTRL('g')); /* the survey, and then forecasts */
    mlr_app_key(&app, MLR_CTRL('g'));
    run("@wait\nG >\n@wait");
    assert_int_equal(mlr_desk_total(&app)->predicted, TENSORS - 1);
}

/* --- models that change under it --------------------------------------------------------
 */

static void wait_stale(void)
{
    for (int i = 0; i < 2000 && !(app.stale_old || app.stale_new); i++) {
        usleep(1000);
        mlr_app_poll(&app);
    }
}

static void a_model_that_changes_on_disk_is_marked_and_read_again(void **state)
{
    (void)state;
    char state_dir[64];
    snprintf(state_dir, sizeof state_dir, "%s/state", folder);
    app.state_dir = state_dir;
    open_models(16384);
    run("@wait\nG e \"sub-planes\" <Enter>\n@wait");
    assert_false(mlr_app_stale(&app));
    assert_int_equal(truncate(new_path, 3000), 0); /* the header stays, data goes */
    wait_stale();
    assert_true(app.stale_new);
    assert_false(app.stale_old);
    run("@expect new.safetensors changed on disk\n@expect ! stale: R");
    /* Nothing that reads the rest of the file may fall over. */
    run("3\n@wait\n<Enter> <Enter> B z z X ] ]\n@wait\n2\n@wait\nl l\n4\n@wait\n1 f "
        "\"chg>0\" <Enter> F g e <Esc> > <lt> u <C-r>\n@wait");
    run("6 S\n@expect R reads it again\n1");
    run("R\n@wait\n@expect taken as plain bytes"); /* what is there now is no model */
    assert_false(app.stale_new);
    write_model(new_path, 16384, true);
    wait_stale();
    run("R\n@wait");
    assert_false(app.stale_new);
    assert_int_equal(app.session.rows.count, TENSORS);
    assert_int_equal(app.desk.choices.picked, 1); /* replayed by name */
    run("1\n@expect sub-planes");
    assert_int_equal(mlr_desk_total(&app)->predicted, TENSORS - 1);
}

static void a_model_that_is_replaced_by_another_file_is_noticed(void **state)
{
    (void)state;
    char other[80];
    open_models(16384);
    run("@wait");
    snprintf(other, sizeof other, "%s/other.safetensors", folder);
    write_model(other, 4096, false);
    assert_int_equal(rename(other, old_path), 0);
    wait_stale();
    assert_true(app.stale_old);
    run("@expect old.safetensors changed on disk");
}

/* --- what they cost ---------------------------------------------------------------------
 */

static void keys_are_answered_while_everything_runs(void **state)
{
    (void)state;
    mlr_grid g;
    double worst = 0;
    open_models(1 << 18);
    mlr_grid_init(&g, &heap.alloc, &app.glyphs);
    do {
        double start = seconds(CLOCK_THREAD_CPUTIME_ID);
        mlr_app_key(&app, 'j');
        mlr_app_draw(&app, &g);
        double took = seconds(CLOCK_THREAD_CPUTIME_ID) - start;
        worst = took > worst ? took : worst;
    } while (mlr_app_poll(&app));
    mlr_grid_release(&g);
    print_message("at most %.1f ms of CPU for a key and a frame\n", worst * 1000);
    assert_true(worst < 0.05);
}

static double cpu_of(const char *keys, mlr_grid *g)
{
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (const char *p = keys; *p != '\0';) {
        mlr_app_key(&app, mlr_key_read(&p));
    }
    mlr_app_draw(&app, g);
    double took = seconds(CLOCK_THREAD_CPUTIME_ID) - start;
    print_message("%-8s %6.1f ms of CPU\n", keys, took * 1000);
    return took;
}

static void a_hundred_thousand_tensors_stay_quick(void **state)
{
    (void)state;
    sample_pair pair;
    mlr_grid g;
    mlr_err err = {0};
    sample_pair_make(&pair, 8334, false, &heap.alloc);
    mlr_session_show(&app.session, &pair.old_model, "a", &pair.new_model, "b", &err);
    assert_no_err(&err);
    for (size_t i = 0; i < app.session.rows.count; i++) {
        app.session.rows.row[i].kind = MLR_ROW_CHANGED;
    }
    mlr_desk_begin(&app);
    mlr_desk_matched(&app, NULL);
    for (uint32_t i = 0; i < app.session.rows.count; i++) {
        mlr_cast c = {.query = {.row = i,
                                .strategy = MLR_AUTO,
                                .level = MLR_DESK_LEVEL,
                                .effort = MLR_EFFORT_DEFAULT},
                      .p = {.bytes = 1000, .error = 0.01, .strategy = 16, .fits = true}};
        mlr_outlook_put(app.desk.outlook, &c);
    }
    mlr_desk_show(&app);
    mlr_app_show(&app, MLR_SCREEN_TENSORS);
    mlr_grid_init(&g, &heap.alloc, &app.glyphs);
    (void)cpu_of("j", &g); /* sorts and adds up once */
    assert_true(cpu_of("j", &g) < 0.05);
    assert_true(cpu_of("G", &g) < 0.05);
    print_message("all rows at once:\n");
    (void)cpu_of("*", &g);
    (void)cpu_of(">", &g);
    (void)cpu_of("u", &g);
    (void)cpu_of("4", &g);
    assert_true(cpu_of("j", &g) < 0.05);
    print_message("strategies for all, tree, detail:\n");
    (void)cpu_of("1", &g);
    assert_true(cpu_of("e", &g) < 0.05);
    assert_true(cpu_of("n", &g) < 0.05);
    (void)cpu_of("<Esc>", &g);
    (void)cpu_of("2", &g); /* is made once */
    (void)cpu_of("o", &g); /* opens every module */
    assert_true(cpu_of("j", &g) < 0.05);
    assert_true(cpu_of("G", &g) < 0.05);
    assert_true(cpu_of("k", &g) < 0.05);
    assert_true(cpu_of("3", &g) < 0.05);
    assert_true(cpu_of("]", &g) < 0.05);
    assert_true(cpu_of("[", &g) < 0.05);
    mlr_grid_release(&g);
    mlr_desk_clear(&app.desk);
    mlr_session_release(&app.session);
    sample_pair_release(&pair);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)
    const struct CMUnitTest tests[] = {
        TEST(every_row_that_travels_gets_a_forecast),
        TEST(an_export_takes_what_was_predicted),
        TEST(a_pair_seen_before_shows_what_was_forecast_then),
        TEST(a_cancelled_export_writes_nothing_and_keeps_choices),
        TEST(a_paused_export_stands_still_and_goes_on),
        TEST(a_dictionary_is_trained_used_and_named),
        TEST(forecasts_stop_and_start_again),
        TEST(a_model_that_changes_on_disk_is_marked_and_read_again),
        TEST(a_model_that_is_replaced_by_another_file_is_noticed),
        TEST(keys_are_answered_while_everything_runs),
        TEST(a_hundred_thousand_tensors_stay_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
