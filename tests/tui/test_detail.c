/* The detail screen on files made here: what it measures, shows and does with keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "tests/support/golden_screen.h"
#include "tests/support/test.h"
#include "tui/detail_view.h"
#include "tui/script.h"

enum { ROWS = 48, COLS = 40, N = ROWS * COLS };

static mlr_heap heap;
static mlr_app app;
static char folder[32];
static char old_path[64], new_path[64];
static float values[2 * N];

static void write_model(const char *path)
{
    char header[512];
    int used = snprintf(header, sizeof header,
                        "{\"m.0.up.weight\":{\"dtype\":\"F32\",\"shape\":[48,40],"
                        "\"data_offsets\":[0,7680]},\"m.1.up.weight\":{\"dtype\":\"F32\","
                        "\"shape\":[48,40],\"data_offsets\":[7680,15360]}}");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    unsigned char size[8] = {(unsigned char)used, (unsigned char)(used >> 8)};
    fwrite(size, 1, 8, f);
    fwrite(header, 1, (size_t)used, f);
    fwrite(values, sizeof *values, 2 * N, f);
    fclose(f);
}

/* The first tensor changes in rows 10 to 19 of columns 0 to 19, and at [30, 35] by 0.5. */
static int fresh(void **state)
{
    (void)state;
    mlr_err err = {0};
    snprintf(folder, sizeof folder, "/tmp/mlr-detail-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(old_path, sizeof old_path, "%s/old.safetensors", folder);
    snprintf(new_path, sizeof new_path, "%s/new.safetensors", folder);
    for (int i = 0; i < 2 * N; i++) {
        values[i] = (float)(i % 97 - 48) / 64;
    }
    write_model(old_path);
    for (int r = 10; r < 20; r++) {
        for (int c = 0; c < 20; c++) {
            values[r * COLS + c] += 0.015625F; /* 2^-6, exact */
        }
    }
    values[30 * COLS + 35] += 0.5F;
    write_model(new_path);
    mlr_heap_init(&heap);
    mlr_app_init(&app, &heap.alloc, -1, &err);
    assert_no_err(&err);
    mlr_app_resize(&app, 24, 80);
    mlr_app_show(&app, MLR_SCREEN_OPEN);
    mlr_app_open_pair(&app, old_path, new_path);
    mlr_script_settle(&app);
    return 0;
}

static int done(void **state)
{
    (void)state;
    mlr_app_release(&app);
    unlink(old_path);
    unlink(new_path);
    rmdir(folder);
    return heap.used == 0 ? 0 : -1;
}

static void run(const char *script)
{
    mlr_err err = {0};
    mlr_script_run(&app, script, &err);
    assert_no_err(&err);
}

static mlr_detail_view *view(void)
{
    return app.state[MLR_SCREEN_DETAIL];
}

static void enter_measures_the_tensor(void **state)
{
    (void)state;
    run("<Enter>");
    assert_int_equal(mlr_app_top(&app), MLR_SCREEN_DETAIL);
    const mlr_measure *m = &view()->study.facts.measure;
    assert_true(view()->study.measured);
    assert_int_equal(m->changed_elements, 201);
    assert_true(m->delta.most == 0.5);
    assert_int_equal(m->delta.most_index, 30 * COLS + 35);
}

static void numbers_have_names_and_units(void **state)
{
    (void)state;
    run("<Enter>");
    mlr_number_line line[MLR_DETAIL_LINES];
    size_t n = mlr_detail_numbers(&view()->study, line);
    assert_true(n > 12);
    assert_string_equal(line[0].label, "changed elements");
    assert_string_equal(line[0].value, "10.47 %  201"); /* 201 of 1,920 */
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(line[i].label, "max |Δ|") == 0) {
            assert_string_equal(line[i].value, "0.5  at [30, 35]");
            found = true;
        }
    }
    assert_true(found);
}

/* 48 rows and 40 columns are one cell each, so the cursor's cell is the element. */
static void map_cursor_reads_single_elements(void **state)
{
    (void)state;
    run("@size 60 140\n<Enter> z g");
    char text[96];
    mlr_detail_view *d = view();
    assert_int_equal(d->map_rows, 48);
    assert_int_equal(d->map_cols, 40);
    for (int i = 0; i < 30; i++) {
        run("j");
    }
    for (int i = 0; i < 35; i++) {
        run("l");
    }
    mlr_map_tell(d, text, sizeof text);
    assert_non_null(strstr(text, "row 30 col 35"));
    mlr_map_spot s = mlr_map_spot_at(d, 30, 35);
    assert_int_equal(s.sum.elements, 1);
    assert_int_equal(s.sum.changed, 1);
    assert_true(s.sum.sum == 0.5);
}

/* Every element lies in exactly one drawn cell, whatever the size of the map. */
static void drawn_cells_cover_the_tensor(void **state)
{
    (void)state;
    run("<Enter>");
    mlr_detail_view *d = view();
    uint64_t elements = 0;
    uint64_t changed = 0;
    for (int r = 0; r < d->map_rows; r++) {
        for (int c = 0; c < d->map_cols; c++) {
            mlr_map_spot s = mlr_map_spot_at(d, r, c);
            assert_int_equal(s.rows * s.cols, s.sum.elements);
            elements += s.sum.elements;
            changed += s.sum.changed;
        }
    }
    assert_int_equal(elements, N);
    assert_int_equal(changed, 201);
}

static void zoom_goes_down_to_an_element_and_its_bytes(void **state)
{
    (void)state;
    run("<Enter> g <Enter>");
    const mlr_study *s = &view()->study;
    assert_true(s->map.window.rows < ROWS);
    assert_int_equal(view()->zooms, 1);
    run("g <Enter>"); /* one element now: its bytes */
    assert_true(view()->hex);
    assert_true(s->read);
    assert_int_equal(view()->element, 0);
    assert_int_equal(s->bytes.old_at, 0);
    float old_value = 0;
    memcpy(&old_value, s->bytes.old_bytes, sizeof old_value);
    assert_true(old_value == -0.75F); /* -48 / 64 */
    run("<Esc>");
    assert_false(view()->hex);
    run("<Esc>");
    assert_int_equal(view()->zooms, 0);
    assert_int_equal(s->map.window.rows, ROWS);
    run("<Esc>");
    assert_int_equal(mlr_app_top(&app), MLR_SCREEN_TENSORS);
}

static void bytes_follow_the_cursor_over_the_window(void **state)
{
    (void)state;
    run("<Enter> g B");
    run("G");
    const mlr_detail_view *d = view();
    assert_int_equal(d->element, N - 1);
    assert_int_equal(d->study.bytes.new_at - d->study.bytes.new_at % 4,
                     d->study.bytes.new_at);
    run("<PgUp> <PgUp>");
    assert_true(d->element < N - 1);
}

static void brackets_go_through_the_table(void **state)
{
    (void)state;
    run("<Enter> ]");
    assert_int_equal(view()->row, 1);
    assert_int_equal(view()->study.facts.measure.changed_elements, 0);
    run("]\n@expect last tensor");
    run("[");
    assert_int_equal(view()->row, 0);
    assert_int_equal(view()->study.facts.measure.changed_elements, 201);
}

static void forecasts_come_and_can_be_made_exact(void **state)
{
    (void)state;
    run("<Enter>");
    const mlr_study *s = &view()->study;
    assert_true(s->forecast_done);
    assert_true(s->forecasts > 4);
    for (size_t i = 1; i < s->forecasts; i++) {
        if (s->forecast[i].verdict == MLR_STUDY_FITS) {
            assert_true(s->forecast[i - 1].p.bytes <= s->forecast[i].p.bytes);
        }
    }
    assert_true(s->forecast[0].p.bytes < 7680);
    run("X");
    assert_true(s->forecast[0].p.exact);
}

/* A row that is larger, no faster and no leaner than another one. */
static void dominated_rows_are_told(void **state)
{
    (void)state;
    mlr_study s = {.forecasts = 3};
    s.forecast[0].p = (mlr_prediction){.bytes = 10, .decode_bytes_s = 5, .memory = 100};
    s.forecast[1].p = (mlr_prediction){.bytes = 20, .decode_bytes_s = 9, .memory = 100};
    s.forecast[2].p = (mlr_prediction){.bytes = 30, .decode_bytes_s = 9, .memory = 100};
    assert_false(mlr_study_dominated(&s, 0));
    assert_false(mlr_study_dominated(&s, 1)); /* faster than the first */
    assert_true(mlr_study_dominated(&s, 2));
}

static void quantised_tensors_tell_scales_from_codes(void **state)
{
    (void)state;
    static mlr_study s;
    mlr_number_line line[MLR_DETAIL_LINES];
    s.facts.measure = (mlr_measure){
        .have = MLR_HAVE_PAIR | MLR_HAVE_BLOCKS,
        .elements = 64,
        .changed_exact = true,
        .blocks = {
            .blocks = 200, .same = 100, .scales_only = 50, .codes_only = 40, .both = 10}};
    size_t n = mlr_detail_numbers(&s, line);
    unsigned seen = 0;
    for (size_t i = 0; i < n; i++) {
        seen += strcmp(line[i].label, "  scales only") == 0 &&
                strcmp(line[i].value, "25 %") == 0;
        seen += strcmp(line[i].label, "  codes only") == 0 &&
                strcmp(line[i].value, "20 %") == 0;
    }
    assert_int_equal(seen, 2);
}

static void hints_name_their_figure(void **state)
{
    (void)state;
    char text[160];
    mlr_hint h = {.kind = MLR_HINT_LOW_RANK, .figure = 0.91234, .bound = 0.9, .rank = 16};
    mlr_detail_hint(&h, text, sizeof text);
    assert_string_equal(
        text, "low-rank: 0.9123, share of the change's energy within rank 16 (bound 0.9)");
}

/* Offsets in both sides where a row grew. */
static void elements_are_found_where_rows_have_other_lengths(void **state)
{
    (void)state;
    static const uint64_t dim[] = {4, 10};
    mlr_tensor t = {.dtype = mlr_dtype_get(MLR_DTYPE_BF16), .dim = dim, .rank = 2};
    assert_int_equal(mlr_study_offset(&t, 2 * 8 + 3, 8), (2 * 10 + 3) * 2);
    assert_int_equal(mlr_study_offset(&t, 23, 10), 46);
    t.dtype = mlr_dtype_get(MLR_DTYPE_Q8_0);
    assert_int_equal(mlr_study_offset(&t, 33, 10), 34); /* the second block of 32 */
}

static void a_pair_that_closes_takes_its_study_along(void **state)
{
    (void)state;
    run("<Enter>");
    mlr_app_open_pair(&app, new_path, old_path);
    mlr_script_settle(&app);
    assert_int_equal(mlr_app_top(&app), MLR_SCREEN_TENSORS);
    run("<Enter>");
    assert_int_equal(view()->study.facts.measure.changed_elements, 201);
    assert_true(view()->study.facts.measure.delta.max == 0); /* nothing grew this way */
}

static void put_forecasts(void)
{
    mlr_study *s = &view()->study;
    static const struct {
        uint8_t id, level, verdict;
        mlr_prediction p;
    } rows[] = {
        {16, 9, 0, {900, 0, 4e6, 45e6, 1900000, 16, true, true, true}},
        {5, 19, 0, {1200, 0.02, 1e6, 760e6, 210000, 5, false, true, true}},
        {5, 9, 0, {1400, 0.03, 48e6, 800e6, 200000, 5, false, true, true}},
        {2, 9, 0, {6100, 0.05, 60e6, 700e6, 220000, 2, false, true, true}},
        {10, 9, 1, {0}},
    };
    s->forecasts = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < s->forecasts; i++) {
        s->forecast[i] =
            (mlr_study_forecast){rows[i].id, rows[i].level, rows[i].verdict, rows[i].p};
    }
}

static void detail_looks_right(void **state)
{
    (void)state;
    run("<Enter> j l");
    put_forecasts();
    golden_screen_sizes(&app, "detail");
}

static void every_pane_stands_alone_on_small_screens(void **state)
{
    (void)state;
    run("@size 12 40\n<Enter> <Tab>");
    put_forecasts();
    golden_screen(&app, "detail_numbers_40x12");
    run("<Tab>");
    golden_screen(&app, "detail_forecasts_40x12");
    run("<Tab> L");
    golden_screen(&app, "detail_histogram_40x12");
}

static void histograms_lie_over_each_other_or_apart(void **state)
{
    (void)state;
    run("@size 24 80\n<Enter> <Tab> <Tab> <Tab> z");
    golden_screen(&app, "detail_overlay_80x24");
    run("O");
    golden_screen(&app, "detail_strips_80x24");
    run("O");
    golden_screen(&app, "detail_overlay_80x24");
}

/* --- a quantised pair -------------------------------------------------------------------
 */

enum { Q8_BLOCK = 34, Q8_BLOCKS = 4 };

static void put_number(FILE *f, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        fputc((int)(value >> (8 * i) & 255), f);
    }
}

static void put_text(FILE *f, const char *text)
{
    put_number(f, strlen(text), 8);
    fputs(text, f);
}

/* GGUF 3: one text of metadata, one Q8_0 tensor of 4 rows of 32. */
static void write_gguf(const char *path, const char *name, const uint8_t *data)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("GGUF", f);
    put_number(f, 3, 4);
    put_number(f, 1, 8); /* tensors */
    put_number(f, 1, 8); /* pairs of metadata */
    put_text(f, "general.name");
    put_number(f, 8, 4); /* a text */
    put_text(f, name);
    put_text(f, "blk.0.ffn_up.weight");
    put_number(f, 2, 4); /* dimensions */
    put_number(f, 32, 8);
    put_number(f, Q8_BLOCKS, 8);
    put_number(f, 8, 4); /* Q8_0 */
    put_number(f, 0, 8); /* offset */
    while (ftell(f) % 32 != 0) {
        fputc(0, f);
    }
    fwrite(data, 1, Q8_BLOCK * Q8_BLOCKS, f);
    fclose(f);
}

/* Block 1 changes in one byte of its scale and three codes; the name changes as well. */
static void open_quantised(void)
{
    uint8_t data[Q8_BLOCK * Q8_BLOCKS];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i % Q8_BLOCK < 2 ? 0x28 : i * 7);
    }
    write_gguf(old_path, "first", data);
    data[Q8_BLOCK] ^= 1;
    data[Q8_BLOCK + 2] ^= 1;
    data[Q8_BLOCK + 9] ^= 1;
    data[Q8_BLOCK + 33] ^= 1;
    write_gguf(new_path, "second", data);
    mlr_app_open_pair(&app, old_path, new_path);
    mlr_script_settle(&app);
}

static void bytes_of_a_block_tell_scales_from_codes(void **state)
{
    (void)state;
    open_quantised();
    run("@size 24 100\n<Enter> g B\n@expect scales underlined\n"
        "@expect block 0  scales 0 of 2 bytes changed  codes 0 of 32");
    run("G\n@expect block 3  scales 0 of 2 bytes changed  codes 0 of 32");
    run("g l\n@expect block 1  scales 1 of 2 bytes changed  codes 3 of 32");
}

static void changed_metadata_is_a_leaf_of_the_tree(void **state)
{
    (void)state;
    open_quantised();
    run("@size 45 140\n2\n@expect Metadata  1 changed\nG l\n@expect general.name\n@expect "
        "first\n@expect second");
}

static void bytes_look_right(void **state)
{
    (void)state;
    run("<Enter> g j j B");
    golden_screen_sizes(&app, "bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(enter_measures_the_tensor, fresh, done),
        cmocka_unit_test_setup_teardown(numbers_have_names_and_units, fresh, done),
        cmocka_unit_test_setup_teardown(map_cursor_reads_single_elements, fresh, done),
        cmocka_unit_test_setup_teardown(drawn_cells_cover_the_tensor, fresh, done),
        cmocka_unit_test_setup_teardown(zoom_goes_down_to_an_element_and_its_bytes, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(bytes_follow_the_cursor_over_the_window, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(brackets_go_through_the_table, fresh, done),
        cmocka_unit_test_setup_teardown(forecasts_come_and_can_be_made_exact, fresh, done),
        cmocka_unit_test(dominated_rows_are_told),
        cmocka_unit_test(quantised_tensors_tell_scales_from_codes),
        cmocka_unit_test(hints_name_their_figure),
        cmocka_unit_test(elements_are_found_where_rows_have_other_lengths),
        cmocka_unit_test_setup_teardown(a_pair_that_closes_takes_its_study_along, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(detail_looks_right, fresh, done),
        cmocka_unit_test_setup_teardown(every_pane_stands_alone_on_small_screens, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(histograms_lie_over_each_other_or_apart, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(bytes_of_a_block_tell_scales_from_codes, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(changed_metadata_is_a_leaf_of_the_tree, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(bytes_look_right, fresh, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
