/* Real files on disk, opened and analysed through the app. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"
#include "tui/script.h"

static mlr_heap heap;
static mlr_app app;
static char folder[32];
static char old_path[64], new_path[64];

/* A SafeTensors file: its header, then the tensors of four f32 each. */
static void write_model(const char *path, const char *names, const float *values, size_t n)
{
    char header[1024];
    size_t used = (size_t)snprintf(header, sizeof header, "{");
    size_t count = 0;
    for (const char *p = names; *p != '\0'; p++, count++) {
        used += (size_t)snprintf(header + used, sizeof header - used,
                                 "%s\"m.%c.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],"
                                 "\"data_offsets\":[%zu,%zu]}",
                                 count == 0 ? "" : ",", *p, count * 16, count * 16 + 16);
    }
    used += (size_t)snprintf(header + used, sizeof header - used, "}");
    assert_int_equal(count * 4, n);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    unsigned char size[8] = {(unsigned char)used, (unsigned char)(used >> 8)};
    fwrite(size, 1, 8, f);
    fwrite(header, 1, used, f);
    fwrite(values, sizeof *values, n, f);
    fclose(f);
}

static int fresh(void **state)
{
    (void)state;
    static const float a[12] = {1, 2, 3, 4, 5, 6, 7, 8, 1.5F, 2.5F, 3.5F, 9};
    static const float b[12] = {1, 2, 3, 4, 5, 6, 7, 9, -4, 7, 1, 0.25F};
    mlr_err err = {0};
    snprintf(folder, sizeof folder, "/tmp/mlr-survey-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(old_path, sizeof old_path, "%s/old.safetensors", folder);
    snprintf(new_path, sizeof new_path, "%s/new.safetensors", folder);
    write_model(old_path, "abc", a, 12);
    write_model(new_path, "abd", b, 12);
    mlr_heap_init(&heap);
    mlr_app_init(&app, &heap.alloc, -1, &err);
    assert_no_err(&err);
    mlr_app_resize(&app, 24, 140);
    mlr_app_show(&app, MLR_SCREEN_OPEN);
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

static void facts_arrive_in_their_rows(void **state)
{
    (void)state;
    mlr_app_open_pair(&app, old_path, new_path);
    mlr_script_settle(&app);
    assert_int_equal(mlr_app_top(&app), MLR_SCREEN_TENSORS);
    const mlr_ui_rows *rows = &app.session.rows;
    assert_int_equal(rows->count, 4);
    assert_int_equal(rows->row[0].kind, MLR_ROW_SAME);
    assert_int_equal(rows->row[1].kind, MLR_ROW_CHANGED);
    assert_int_equal(rows->row[1].changed.state, MLR_FACT_KNOWN);
    assert_true(rows->row[1].changed.value == 0.25); /* one of four elements */
    assert_true(rows->row[1].cosine.value > 0.99 && rows->row[1].cosine.value < 1);
    assert_int_equal(rows->row[2].kind, MLR_ROW_ADDED);
    assert_int_equal(rows->row[3].kind, MLR_ROW_REMOVED);
    assert_true(app.survey->complete);
    assert_string_equal(app.message, "");
}

static void another_pair_replaces_the_first_while_it_is_analysed(void **state)
{
    (void)state;
    mlr_app_open_pair(&app, old_path, new_path);
    mlr_script_settle(&app);
    for (int i = 0; i < 20; i++) {
        mlr_app_analyse(&app);
        mlr_app_open_pair(&app, new_path, old_path); /* without waiting */
        mlr_script_settle(&app);
        assert_string_equal(app.session.old_path, new_path);
        mlr_app_open_pair(&app, old_path, new_path);
        mlr_script_settle(&app);
        assert_int_equal(app.session.rows.row[1].kind, MLR_ROW_CHANGED);
    }
}

static void a_failure_is_told_where_it_happened(void **state)
{
    (void)state;
    assert_int_equal(truncate(new_path, 40), 0);
    mlr_app_open_pair(&app, old_path, "/nonexistent/model.gguf");
    mlr_script_settle(&app);
    assert_int_equal(mlr_app_top(&app), MLR_SCREEN_OPEN);
    assert_int_equal(app.message_role, MLR_ROLE_ERROR);
    assert_non_null(strstr(app.message, "/nonexistent/model.gguf"));
    assert_null(app.session.new_model);
}

static void quitting_in_the_middle_waits_for_nothing(void **state)
{
    (void)state;
    mlr_app_open_pair(&app, old_path, new_path); /* done() releases at once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts_arrive_in_their_rows, fresh, done),
        cmocka_unit_test_setup_teardown(
            another_pair_replaces_the_first_while_it_is_analysed, fresh, done),
        cmocka_unit_test_setup_teardown(a_failure_is_told_where_it_happened, fresh, done),
        cmocka_unit_test_setup_teardown(quitting_in_the_middle_waits_for_nothing, fresh,
                                        done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
