/*
 * The Tune screen: the what-if and whom it is for, rules that the tuner found as rows to
 * tick, history compared. MLR_GOLDEN=write rewrites the golden screens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "codec/strategy.h"
#include "tests/support/golden_screen.h"
#include "tests/support/sample_pair.h"
#include "tests/support/test.h"
#include "tui/script.h"
#include "tui/tune_view.h"

static mlr_heap heap;
static mlr_app app;
static sample_pair pair;
static mlr_matching matching;

static const char found[] = "version: 1\n"
                            "defaults: {strategy: neural, level: 3}\n"
                            "rules:\n"
                            "  - name: mlp bf16\n"
                            "    match: {kind: mlp, dtype: bf16}\n"
                            "    use: {strategy: neural, level: 12}\n"
                            "  - name: attention\n"
                            "    match: {names: \"*.self_attn.*\"}\n"
                            "    use: {strategy: sparse, level: 9}\n";

static const mlr_tuner_facts facts = {.patch_bytes = 140000000,
                                      .need_bytes = 4 << 20,
                                      .decode_us = 2100000,
                                      .rounds = 2,
                                      .tuned = 192,
                                      .fits = true,
                                      .front = {{140000000, 2100000}, {190000000, 900000}},
                                      .points = 2};

static void forecast_all(void)
{
    static const uint32_t blocks[] = {0, 512 << 10, 64 << 10};
    for (int level = 1; level <= 22; level++) {
        for (int id = MLR_NEURAL; id < MLR_STRATEGY_LIMIT; id++) {
            for (size_t b = 0; b < 3; b++) {
                sample_forecasts(&app, (mlr_pick){.strategy = (int16_t)id,
                                                  .level = (uint8_t)level,
                                                  .block_bytes = blocks[b]});
            }
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
    matching = sample_matching(&pair, &app.session.rows);
    mlr_desk_begin(&app);
    mlr_rule_book_match(&app.desk.book, &matching);
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

static mlr_tune_view *view(void)
{
    return app.state[MLR_SCREEN_TUNE];
}

static void take_found(void)
{
    run("@size 45 140\n4");
    assert_true(mlr_tuner_take(&view()->tuner, &app, found, sizeof found - 1, &facts));
    run("<Tab> <Tab>");
    assert_int_equal(view()->pane, MLR_TUNE_RESULTS);
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

static void what_if_for_the_marked(void **state)
{
    (void)state;
    run("@size 45 140\nf \"name:mlp !same\" <Enter> * e \"xor-pl\" <Enter> F\n"
        "b \"size\" <Enter> \"120M\" <Enter> 4 j j l l l l l l");
    golden_screen_sizes(&app, "tune_what_if");
}

static void rules_that_were_found(void **state)
{
    (void)state;
    run("@size 45 140\nb \"mem\" <Enter> \"8M\" <Enter>");
    forecast_all(); /* another device takes them away */
    take_found();
    golden_screen_sizes(&app, "tune_found");
    assert_true(view()->tuner.row[0].ticked);
    assert_true(view()->tuner.row[1].over); /* made up: sparse takes 9 MiB */
    assert_false(view()->tuner.row[1].ticked);
}

static void history_compared(void **state)
{
    (void)state;
    run("@size 45 140\nf \"name:mlp !same\" <Enter> * e \"zstd-ref\" <Enter> M F\n"
        "/ \"layers.20.self_attn.q_proj.w\" <Enter> > > e \"xor-pl\" <Enter>\n"
        "4 H");
    golden_screen_sizes(&app, "history");
}

/* --- the what-if ------------------------------------------------------------------------
 */

static void the_what_if_begins_with_what_holds(void **state)
{
    (void)state;
    run("@size 45 140\n/ \"layers.20.mlp.up\" <Enter> e \"zstd-ref\" <Enter> > 4 l");
    assert_int_equal(app.desk.scope, MLR_SCOPE_FOCUS); /* nothing is marked: left out */
    assert_int_equal(view()->what_if.strategy, MLR_STRATEGY_zstd_ref);
    assert_int_equal(view()->what_if.level, 4);
}

static void blocks_are_chosen_for_the_marked(void **state)
{
    (void)state;
    run("@size 45 140\nf \"name:layers.20.mlp.up\" <Enter> * F 4 j j j j j h <Enter>");
    const mlr_ui_row *r = row_named("model.layers.20.mlp.up_proj.weight");
    size_t row = (size_t)(r - app.session.rows.row);
    assert_int_equal(app.desk.choices.picked, 1);
    assert_int_equal(mlr_desk_pick(&app.desk, row).block_bytes, 512 << 10);
    run("y\n@expect --profile");
}

static void neural_is_asked_for_by_itself(void **state)
{
    (void)state;
    run("@size 45 140\n4 j j j l <Enter>");
    const mlr_ui_row *r = row_named("model.layers.20.mlp.up_proj.weight");
    size_t row = (size_t)(r - app.session.rows.row);
    assert_int_equal(mlr_desk_pick(&app.desk, row).strategy, MLR_NEURAL);
}

static void the_sum_of_the_what_if_is_the_desks(void **state)
{
    (void)state;
    mlr_desk_sums s;
    run("@size 45 140\nf \"name:mlp !same\" <Enter> * F 4 j l l l");
    mlr_desk_sum(&app, view()->what_if, &s);
    assert_true(s.bytes == view()->then.bytes);
    run("<Enter>"); /* what was shown is what comes */
    assert_true(mlr_desk_total(&app)->bytes == s.bytes);
}

static void a_rule_is_tuned_in_its_text(void **state)
{
    (void)state;
    static const char rules[] = "version: 1\nrules:\n"
                                "  # mine\n"
                                "  - match: {kind: mlp}\n"
                                "    use: {level: 5} # why\n";
    mlr_desk_set_rules(&app, rules, sizeof rules - 1, "rules");
    run("@size 45 140\n4 h\n@expect r1"); /* backwards from all: the last rule */
    assert_int_equal(app.desk.scope, MLR_SCOPE_RULE);
    run("j j l l <Enter>");
    assert_non_null(strstr(mlr_desk_rules(&app)->bytes, "    use: {level: 7} # why\n"));
    assert_int_equal(app.desk.choices.picked, 0);
}

/* --- auto-tune --------------------------------------------------------------------------
 */

static void what_is_ticked_becomes_rules(void **state)
{
    (void)state;
    take_found();
    assert_int_equal(view()->tuner.count, 3);
    run("j <Space>"); /* attention stays as it is */
    double promised = view()->tuner.sums.bytes;
    run("<Enter>");
    assert_non_null(strstr(mlr_desk_rules(&app)->bytes, "mlp bf16"));
    assert_null(strstr(mlr_desk_rules(&app)->bytes, "attention"));
    const mlr_ui_row *r = row_named("model.layers.20.mlp.up_proj.weight");
    assert_int_equal(r->by, MLR_BY_RULE);
    assert_int_equal(r->level, 12);
    assert_true(mlr_desk_total(&app)->bytes == promised);
    run("u");
    assert_null(mlr_desk_rules(&app)->bytes);
    assert_int_equal(r->by, MLR_BY_AUTO);
}

static void found_rules_stand_above_those_there_are(void **state)
{
    (void)state;
    static const char rules[] = "version: 1 # mine\nrules:\n"
                                "  - match: {kind: norm}   # keep\n"
                                "    use: {strategy: zstd, level: 1}\n";
    mlr_desk_set_rules(&app, rules, sizeof rules - 1, "rules");
    take_found();
    double promised = view()->tuner.sums.bytes;
    run("<Enter>");
    assert_int_equal(app.desk.book.rules, 4);
    assert_non_null(strstr(mlr_desk_rules(&app)->bytes, "version: 1 # mine\n"));
    assert_non_null(strstr(mlr_desk_rules(&app)->bytes, "{kind: norm}   # keep\n"));
    assert_true(mlr_desk_total(&app)->bytes == promised);
}

static void choices_by_hand_are_kept(void **state)
{
    (void)state;
    run("@size 45 140\n/ \"layers.20.mlp.up\" <Enter> e \"zstd-ref\" <Enter>");
    take_found();
    run("<Enter>");
    const mlr_ui_row *r = row_named("model.layers.20.mlp.up_proj.weight");
    assert_int_equal(r->by, MLR_BY_YOU);
    assert_string_equal(r->strategy, "zstd-ref");
}

static void only_the_marked_are_tuned_by_hand(void **state)
{
    (void)state;
    run("@size 45 140\nf \"name:layers.20.mlp\" <Enter> * F");
    take_found();
    assert_int_equal(app.desk.scope, MLR_SCOPE_MARKED);
    assert_int_equal(view()->tuner.count, 1);
    assert_int_equal(view()->tuner.row[0].count, 3);
    run("<Enter>");
    assert_int_equal(app.desk.choices.picked, 3);
    assert_null(mlr_desk_rules(&app)->bytes);
}

static void a_text_that_is_no_profile_is_not_taken(void **state)
{
    (void)state;
    run("@size 45 140\n4");
    assert_false(mlr_tuner_take(&view()->tuner, &app, "rules: 3\n", 9, &facts));
    assert_false(view()->tuner.there);
    run("t"); /* models that are in no file: it fails and says so */
    assert_false(view()->tuner.there);
    run("@expect tun");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)
    const struct CMUnitTest tests[] = {
        TEST(what_if_for_the_marked),
        TEST(rules_that_were_found),
        TEST(history_compared),
        TEST(the_what_if_begins_with_what_holds),
        TEST(blocks_are_chosen_for_the_marked),
        TEST(neural_is_asked_for_by_itself),
        TEST(the_sum_of_the_what_if_is_the_desks),
        TEST(a_rule_is_tuned_in_its_text),
        TEST(what_is_ticked_becomes_rules),
        TEST(found_rules_stand_above_those_there_are),
        TEST(choices_by_hand_are_kept),
        TEST(only_the_marked_are_tuned_by_hand),
        TEST(a_text_that_is_no_profile_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
