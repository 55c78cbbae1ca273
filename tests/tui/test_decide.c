/*
 * Screens on which one decides: golden screens over forecasts that are made up, and whole
 * sessions of keys. MLR_GOLDEN=write rewrites the files under tests/golden/screens.
 */
#include <stdio.h>
#include <string.h>

#include "apply/host/heap.h"
#include "codec/strategy.h"
#include "tests/support/golden_screen.h"
#include "tests/support/sample_pair.h"
#include "tests/support/test.h"
#include "tui/script.h"
#include "tui/tuner.h"

static mlr_heap heap;
static mlr_app app;
static sample_pair pair;

/* Larger levels are smaller, every strategy has its own ratio: easy to add up by hand. */
static mlr_cast made_up(uint32_t row, mlr_pick pick)
{
    uint64_t bytes = app.session.rows.row[row].bytes;
    int id = pick.strategy < 0 ? MLR_STRATEGY_neural : pick.strategy;
    double ratio = id == MLR_STRATEGY_neural ? 5 : 2 + id * 0.1;
    mlr_cast c = {.query = mlr_query_of(row, pick, MLR_EFFORT_DEFAULT)};
    c.p = (mlr_prediction){.bytes = (uint64_t)((double)bytes / (ratio + pick.level * 0.05)),
                           .error = 0.02,
                           .encode_bytes_s = 5e7,
                           .decode_bytes_s = 2e8,
                           .memory = (uint64_t)(id == MLR_STRATEGY_sparse ? 9 : 3) << 20,
                           .strategy = (uint8_t)id,
                           .lossless = true,
                           .fits = id != MLR_STRATEGY_block_fields};
    return c;
}

static void forecast_all(void)
{
    mlr_sweep s = mlr_tuner_sweep();
    for (size_t i = 0; i < app.desk.travelling; i++) {
        for (size_t k = 0; k < s.strategies * s.levels; k++) {
            mlr_pick pick = {.strategy = s.strategy[k % s.strategies],
                             .level = s.level[k / s.strategies]};
            mlr_cast c = made_up(app.desk.by_size[i], pick);
            mlr_outlook_put(app.desk.outlook, &c);
        }
    }
    mlr_desk_show(&app);
}

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
    for (size_t i = 0; i < app.session.rows.count;
         i++) { /* facts, but nobody decided yet */
        mlr_ui_row *r = &app.session.rows.row[i];
        r->strategy = NULL;
        r->dictionary = NULL;
        r->level = -1;
        r->by = MLR_BY_NOBODY;
        r->out = (mlr_fact){0};
    }
    mlr_desk_begin(&app);
    mlr_desk_matched(&app, NULL);
    forecast_all();
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

static const mlr_ui_row *row_named(const char *name)
{
    for (size_t i = 0; i < app.session.rows.count; i++) {
        const mlr_ui_row *r = &app.session.rows.row[i];
        if (r->name.n == strlen(name) && memcmp(r->name.p, name, r->name.n) == 0) {
            return r;
        }
    }
    fail_msg("no row %s", name);
    return NULL;
}

/* --- screens ----------------------------------------------------------------------------
 */

static void the_table_with_forecasts_and_budgets(void **state)
{
    (void)state;
    run("@size 45 140\ns \"bytes in the\" <Enter> b \"size\" <Enter> \"100M\" <Enter>\n"
        "b \"mem\" <Enter> \"8M\" <Enter>");
    forecast_all(); /* another device takes them away */
    run("<Esc>");
    golden_screen_sizes(&app, "decide_tensors");
}

static void the_menu_of_strategies(void **state)
{
    (void)state;
    run("@size 45 140\nf \"name:mlp !same\" <Enter> * e");
    golden_screen_sizes(&app, "decide_strategy");
}

static void the_command_line(void **state)
{
    (void)state;
    run("@size 45 140\nf \"name:mlp !same\" <Enter> * e \"xor-pl\" <Enter> y");
    golden_screen_sizes(&app, "decide_command");
    assert_non_null(strstr(app.wishes.copy, "--profile tuned.sftp.yaml"));
}

static void an_export_before_it_starts(void **state)
{
    (void)state;
    run("@size 45 140\nx");
    golden_screen_sizes(&app, "decide_export");
}

/* As if the first `made` of the tensors had been written, with misses of up to 12 %. */
static void export_up_to(size_t made)
{
    mlr_exporter *e = &app.exporter;
    mlr_err err = {0};
    mlr_exporter_prepare(e, app.session.rows.count, &err);
    assert_no_err(&err);
    snprintf(e->wish.patch, sizeof e->wish.patch, "out/tuned.sftp");
    for (size_t i = 0; i < app.desk.travelling; i++) {
        uint32_t row = app.desk.by_size[i];
        mlr_exported *x = &e->item[row];
        const mlr_ui_row *r = &app.session.rows.row[row];
        *x = (mlr_exported){.name = r->name, .bytes = r->bytes, .made = i < made};
        x->predicted = r->out.value;
        x->strategy = MLR_STRATEGY_neural;
        x->level = 3;
        e->predicted += x->predicted;
        e->to_make++;
        if (x->made) {
            x->actual = (uint64_t)(r->out.value * (1 + ((int)(i % 9) - 4) * 0.03));
            e->actual += x->actual;
            e->predicted_made += x->predicted;
            e->made++;
            e->last = row;
        }
    }
}

static void an_export_that_is_done(void **state)
{
    (void)state;
    mlr_exporter *e = &app.exporter;
    export_up_to(app.desk.travelling);
    e->result = (mlr_diff_result){.new_bytes = 990000000, .seconds = 12.5};
    e->result.made.patch_bytes = e->actual + 1000;
    e->result.need_bytes = 4 << 20;
    e->state = MLR_EXPORT_DONE;
    run("@size 45 140\n6");
    golden_screen_sizes(&app, "decide_export_done");
}

/* Eight seconds on, 400 of 990 MB: 50 MB/s. */
static void an_export_that_runs(void **state)
{
    (void)state;
    mlr_exporter *e = &app.exporter;
    export_up_to(app.desk.travelling / 3);
    e->state = MLR_EXPORT_RUNNING;
    e->was_encoding = true;
    atomic_store(&e->encoding, true);
    atomic_store(&e->job.total, 990000000);
    atomic_store(&e->job.done, 400000000);
    run("@size 45 140\n6");
    e->encode_ms = app.now_ms - 8000;
    golden_screen_sizes(&app, "decide_export_running");
}

/* --- sessions ---------------------------------------------------------------------------
 */

static void a_choice_shows_who_decided(void **state)
{
    (void)state;
    const mlr_ui_row *r = row_named("model.layers.20.mlp.up_proj.weight");
    assert_int_equal(r->by, MLR_BY_AUTO);
    assert_string_equal(r->strategy, "neural");
    run("/ \"layers.20.mlp.up\" <Enter> e \"zstd-ref\" <Enter>");
    assert_int_equal(r->by, MLR_BY_YOU);
    assert_string_equal(r->strategy, "zstd-ref");
    assert_int_equal(r->level, 3);
    run("> > <lt>");
    assert_int_equal(r->level, 4);
    run("u u u u");
    assert_int_equal(r->by, MLR_BY_AUTO);
    assert_int_equal(r->level, 3);
    run("<C-r>");
    assert_string_equal(r->strategy, "zstd-ref");
    run("a");
    assert_int_equal(r->by, MLR_BY_AUTO);
}

static void dot_repeats_on_the_next_row(void **state)
{
    (void)state;
    run("@size 45 140\nf \"name:mlp !same\" <Enter> e \"xor-pl\" <Enter> . .");
    assert_int_equal(app.desk.choices.picked, 3);
    assert_int_equal(app.desk.choices.done, 3);
}

static void marked_rows_change_as_one_step(void **state)
{
    (void)state;
    run("@size 45 140\nf \"name:mlp !same\" <Enter> * e \"xor-pl\" <Enter>");
    size_t picked = app.desk.choices.picked;
    assert_true(picked > 30);
    assert_int_equal(app.desk.choices.done, 1);
    run("u");
    assert_int_equal(app.desk.choices.picked, 0);
}

static void what_does_not_travel_offers_no_choice(void **state)
{
    (void)state;
    run("f \"same\" <Enter> e\n@expect nothing to choose");
    assert_false(app.menu.open);
    assert_int_equal(app.desk.choices.done, 0);
}

static void quitting_asks_only_where_something_would_be_lost(void **state)
{
    (void)state; /* no state folder: choices cannot be kept */
    run("/ \"layers.20.mlp.up\" <Enter> e \"zstd-ref\" <Enter> q");
    assert_true(app.question.open);
    assert_false(app.wishes.quit);
    run("\"n\" <Enter> u q");
    assert_true(app.wishes.quit);
}

static void glance(size_t row, uint64_t bytes, double error, bool exact)
{
    mlr_cast c = {.query =
                      mlr_query_of(row, mlr_desk_pick(&app.desk, row), MLR_EFFORT_GLANCE),
                  .p = {.bytes = bytes, .error = error, .exact = exact, .fits = true}};
    mlr_outlook_put(app.desk.outlook, &c);
}

/* Neither the largest nor the one with the largest relative error comes first. */
static void what_leaves_most_bytes_uncertain_is_looked_at_first(void **state)
{
    uint32_t got[16];
    const uint32_t *row = app.desk.by_size;
    (void)state;
    assert_true(app.desk.travelling >= 5);
    mlr_outlook_forget(app.desk.outlook);
    assert_int_equal(mlr_desk_uncertain(&app.desk, got, 16), 0);
    glance(row[0], 1000000, 0.001, false); /* 1,000 bytes */
    glance(row[1], 9000, 0.5, false);      /* 4,500 */
    glance(row[2], 5000000, 0, true);      /* known */
    glance(row[3], 100000, 0.09, false);   /* 9,000 */
    glance(row[4], 2000, 0.9, false);      /* 1,800 */
    assert_int_equal(mlr_desk_uncertain(&app.desk, got, 16), 4);
    const uint32_t want[] = {row[3], row[1], row[4], row[0]};
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(mlr_desk_uncertain(&app.desk, got, 2), 2);
    assert_memory_equal(got, want, 2 * sizeof *want);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)
    const struct CMUnitTest tests[] = {
        TEST(the_table_with_forecasts_and_budgets),
        TEST(the_menu_of_strategies),
        TEST(the_command_line),
        TEST(what_leaves_most_bytes_uncertain_is_looked_at_first),
        TEST(an_export_before_it_starts),
        TEST(an_export_that_is_done),
        TEST(an_export_that_runs),
        TEST(a_choice_shows_who_decided),
        TEST(dot_repeats_on_the_next_row),
        TEST(marked_rows_change_as_one_step),
        TEST(what_does_not_travel_offers_no_choice),
        TEST(quitting_asks_only_where_something_would_be_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
