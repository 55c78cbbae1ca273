/*
 * The Rules screen: what rules decide, live; edits by keys that keep comments and order;
 * the way through an editor; pinning. MLR_GOLDEN=write rewrites the golden screens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "codec/strategy.h"
#include "tests/support/golden_screen.h"
#include "tests/support/sample_pair.h"
#include "tests/support/test.h"
#include "tui/rules_edit.h"
#include "tui/script.h"

static mlr_heap heap;
static mlr_app app;
static sample_pair pair;
static mlr_matching matching;
static char folder[32];
static char file[64];

static const char house[] = "# house rules\n"
                            "version: 1\n"
                            "budgets: {patch-size: 120MiB}   # what the network takes\n"
                            "rules:        # the first that matches wins\n"
                            "  - name: attention\n"
                            "    match: {names: \"*.self_attn.*\"}\n"
                            "    use: {strategy: xor-planes, level: 9}  # measured\n"
                            "\n"
                            "  # the big ones\n"
                            "  - name: feed forward\n"
                            "    match:\n"
                            "      kind: [mlp]\n"
                            "    use:\n"
                            "      level: 12\n"
                            "  - match: {names: \"*.mlp.up_proj.*\"}\n"
                            "    use: {strategy: exp-man, level: 5}\n"
                            "  - match: {names: \"lm_hed.*\"}\n"
                            "    use: {level: 20}\n";

static void forecast_all(void)
{
    for (int level = 1; level <= 22; level++) {
        for (int id = MLR_NEURAL; id < MLR_STRATEGY_LIMIT; id++) {
            sample_forecasts(&app,
                             (mlr_pick){.strategy = (int16_t)id, .level = (uint8_t)level});
        }
    }
    mlr_desk_show(&app);
}

static void put_file(const char *text)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static char *get_file(void)
{
    static char text[8192];
    FILE *f = fopen(file, "rb");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static int fresh(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    snprintf(folder, sizeof folder, "/tmp/mlr-rules-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/house.yaml", folder);
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
    char command[64];
    mlr_app_release(&app);
    sample_pair_release(&pair);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && heap.used == 0 ? 0 : -1;
}

static void run(const char *script)
{
    mlr_err err = {0};
    mlr_script_run(&app, script, &err);
    assert_no_err(&err);
}

static void read_house(void)
{
    mlr_desk_set_rules(&app, house, sizeof house - 1, "house rules");
    snprintf(app.desk.profile, sizeof app.desk.profile, "house.yaml");
    app.desk.saved_text = app.desk.choices.text_now;
    run("@size 45 140\n5");
}

static const mlr_rule_facts *facts(size_t rule)
{
    return &app.desk.book.facts[rule];
}

static const char *text(void)
{
    return mlr_desk_rules(&app)->bytes;
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

static void rules_beside_what_they_decide(void **state)
{
    (void)state;
    read_house();
    run("j");
    golden_screen_sizes(&app, "rules");
}

static void no_rules_say_how_to_get_some(void **state)
{
    (void)state;
    run("@size 45 140\n5 <Tab>");
    golden_screen_sizes(&app, "rules_none");
}

static void a_mistake_has_its_line_and_column(void **state)
{
    (void)state;
    read_house();
    char *bad = strdup(house);
    memcpy(strstr(bad, "level: 12"), "levle: 12", 9);
    mlr_desk_set_rules(&app, bad, strlen(bad), "edited");
    free(bad);
    run("n");
    golden_screen_sizes(&app, "rules_mistake");
    assert_int_equal(app.desk.book.problem[0].line, 14);
    assert_int_equal(app.desk.book.problem[0].column, 7);
    assert_string_equal(app.desk.book.problem[0].fix, "level");
    assert_int_equal(facts(0)->hits, 113); /* the rules before still hold */
    run("F");
    assert_string_equal(text(), house);
    assert_false(app.desk.book.bad);
}

/* --- what rules decide ------------------------------------------------------------------
 */

/* 24 layers, of which the first 8 are the same but for one tensor that was reshaped; the
   last 3 tensors of the last one are not known yet. That leaves 16 layers of 7 attention
   tensors and 1, and 16 of 3 of the feed forward without 1. */
static void hits_are_counted_by_the_rule_that_decides(void **state)
{
    (void)state;
    read_house();
    assert_int_equal(facts(0)->hits, 16 * 7 + 1);
    assert_int_equal(facts(1)->hits, 16 * 3 - 1);
    assert_int_equal(facts(2)->hits, 0);
    assert_int_equal(facts(2)->shadowed, 16);
    assert_int_equal(facts(2)->matched, 24);
    assert_int_equal(facts(3)->matched, 0);
    assert_int_equal(app.desk.budgets.size, 120 << 20);
    const mlr_ui_row *r = row_named("model.layers.20.mlp.up_proj.weight");
    assert_int_equal(r->by, MLR_BY_RULE);
    assert_int_equal(r->rule, 2);
    assert_int_equal(r->level, 12);
    assert_string_equal(
        app.desk.book.problem[1].text,
        "r4 matches no tensor of this pair; the closest is 'lm_head.weight'");
}

static void a_choice_by_hand_stands_above_every_rule(void **state)
{
    (void)state;
    read_house();
    run("1 / \"layers.20.mlp.up\" <Enter> e \"zstd-ref\" <Enter>");
    const mlr_ui_row *r = row_named("model.layers.20.mlp.up_proj.weight");
    assert_int_equal(r->by, MLR_BY_YOU);
    assert_int_equal(facts(1)->by_you, 1);
    run("a"); /* taken back: the rule decides again */
    assert_int_equal(r->by, MLR_BY_RULE);
    assert_int_equal(facts(1)->by_you, 0);
}

static void enter_shows_the_tensors_of_a_rule(void **state)
{
    (void)state;
    read_house();
    run("j <Enter>\n@expect 47 of");
    assert_int_equal(app.tab, MLR_SCREEN_TENSORS);
}

/* --- edits ------------------------------------------------------------------------------
 */

static void a_rule_moves_with_its_comments_and_back(void **state)
{
    (void)state;
    read_house();
    run("j K");
    assert_int_equal(facts(0)->hits, 47);
    assert_non_null(strstr(text(), "rules:        # the first that matches wins\n"
                                   "  # the big ones\n"
                                   "  - name: feed forward\n"));
    run("u");
    assert_string_equal(text(), house);
    run("<C-r> J");
    assert_string_equal(text(), house);
}

static void a_rule_switched_off_decides_nothing(void **state)
{
    (void)state;
    read_house();
    run("j <Space>");
    assert_int_equal(facts(1)->hits, 0);
    assert_int_equal(facts(2)->hits, 16); /* the one below comes into its own */
    assert_non_null(strstr(text(), "      level: 12\n    enabled: false\n"));
    run("<Space>");
    assert_int_equal(facts(1)->hits, 47);
}

static void level_and_strategy_are_patched_into_the_text(void **state)
{
    (void)state;
    read_house();
    run("> j <lt>");
    assert_non_null(
        strstr(text(), "    use: {strategy: xor-planes, level: 10}  # measured\n"));
    assert_non_null(strstr(text(), "      level: 11\n"));
    run("e \"best-aware\" <Enter>");
    assert_non_null(
        strstr(text(), "      level: 11\n      strategy: auto\n      neural: true\n"));
    run("e \"zstd-ref\" <Enter>");
    assert_false(app.desk.book.bad);
    assert_int_equal(app.desk.book.doc.profile.rules[1].then.choice.strategy,
                     MLR_STRATEGY_zstd_ref);
    run("u u u u");
    assert_string_equal(text(), house);
}

static void what_no_rule_decides_has_its_defaults(void **state)
{
    (void)state;
    read_house();
    run("j j j j > >");
    assert_non_null(strstr(text(), "defaults:\n  level: 5\n"));
    const mlr_ui_row *r = row_named("model.embed_tokens.weight");
    assert_int_equal(r->level, 5);
    assert_int_equal(r->by, MLR_BY_AUTO);
}

static void a_rule_is_removed_and_comes_back(void **state)
{
    (void)state;
    read_house();
    run("D D D D");
    assert_int_equal(app.desk.book.rules, 0);
    assert_false(app.desk.book.bad);
    run("u u u u");
    assert_string_equal(text(), house);
}

static void a_new_rule_takes_names_like_the_tensor(void **state)
{
    (void)state;
    run("/ \"layers.20.mlp.up\" <Enter> 5 i <Enter>");
    assert_non_null(
        strstr(text(), "match: {names: \"model.layers.*.mlp.up_proj.weight\"}"));
    assert_int_equal(facts(0)->hits, 16);
}

/* --- pinning ----------------------------------------------------------------------------
 */

static void pinned_choices_become_rules_and_decide_the_same(void **state)
{
    (void)state;
    read_house();
    run("1 f \"name:mlp !same\" <Enter> * e \"xor-pl\" <Enter> M F\n"
        "/ \"layers.20.self_attn.q_proj.w\" <Enter> > >");
    mlr_desk_sums before = *mlr_desk_total(&app);
    run("P");
    assert_int_equal(app.desk.choices.picked, 0);
    assert_int_equal(app.desk.book.rules, 6);
    mlr_desk_sums after = *mlr_desk_total(&app);
    assert_true(before.bytes == after.bytes);
    const mlr_ui_row *r = row_named("model.layers.20.mlp.up_proj.weight");
    assert_int_equal(r->by, MLR_BY_RULE);
    assert_string_equal(r->strategy, "xor-planes");
    assert_non_null(strstr(text(), "        - \"model.layers.*.mlp.up_proj.weight\"\n"));
    assert_non_null(strstr(text(), "  # the big ones\n"));
    run("u"); /* rules and choices at once */
    assert_string_equal(text(), house);
    assert_int_equal(r->by, MLR_BY_YOU);
}

/* --- files and the editor ---------------------------------------------------------------
 */

static void an_editor_changes_the_file_and_it_is_read_again(void **state)
{
    (void)state;
    put_file(house);
    assert_true(mlr_desk_load_rules(&app, file));
    setenv("EDITOR", "sed -i 's/level: 12/level: 13/'", 1);
    unsetenv("VISUAL");
    run("5 E");
    assert_non_null(strstr(get_file(), "level: 13"));
    assert_int_equal(row_named("model.layers.20.mlp.up_proj.weight")->level, 13);
    assert_false(mlr_desk_rules_unsaved(&app));
    run("u");
    assert_int_equal(row_named("model.layers.20.mlp.up_proj.weight")->level, 12);
    assert_true(mlr_desk_rules_unsaved(&app));
}

static void rules_that_are_in_no_file_are_edited_in_a_copy(void **state)
{
    (void)state;
    setenv("EDITOR", "sed -i 's/^version: 1/version: 1 # mine/'", 1);
    run("5 E");
    assert_non_null(strstr(text(), "version: 1 # mine"));
    assert_non_null(strstr(text(), "name: attention")); /* begun from what the pair shows */
    assert_int_not_equal(access(app.edit_path, F_OK), 0);
}

static void an_editor_that_fails_changes_nothing(void **state)
{
    (void)state;
    put_file(house);
    assert_true(mlr_desk_load_rules(&app, file));
    setenv("EDITOR", "false", 1);
    run("5 E\n@expect as they were");
    setenv("EDITOR", "no-such-editor-here", 1);
    run("E\n@expect set EDITOR");
    assert_string_equal(text(), house);
}

static void saved_rules_are_what_is_shown(void **state)
{
    (void)state;
    put_file(house);
    assert_true(mlr_desk_load_rules(&app, file));
    run("5 >");
    assert_true(mlr_desk_rules_unsaved(&app));
    run("w");
    assert_false(mlr_desk_rules_unsaved(&app));
    assert_string_equal(get_file(), text());
}

static void rules_with_a_mistake_stop_an_export(void **state)
{
    (void)state;
    mlr_desk_set_rules(&app, "version: 1\nrules: 3\n", 20, "bad");
    run("@size 45 140\n5\n@expect blocks export");
    run("P\n@expect nothing is decided by hand");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)
    const struct CMUnitTest tests[] = {
        TEST(rules_beside_what_they_decide),
        TEST(no_rules_say_how_to_get_some),
        TEST(a_mistake_has_its_line_and_column),
        TEST(hits_are_counted_by_the_rule_that_decides),
        TEST(a_choice_by_hand_stands_above_every_rule),
        TEST(enter_shows_the_tensors_of_a_rule),
        TEST(a_rule_moves_with_its_comments_and_back),
        TEST(a_rule_switched_off_decides_nothing),
        TEST(level_and_strategy_are_patched_into_the_text),
        TEST(what_no_rule_decides_has_its_defaults),
        TEST(a_rule_is_removed_and_comes_back),
        TEST(a_new_rule_takes_names_like_the_tensor),
        TEST(pinned_choices_become_rules_and_decide_the_same),
        TEST(an_editor_changes_the_file_and_it_is_read_again),
        TEST(rules_that_are_in_no_file_are_edited_in_a_copy),
        TEST(an_editor_that_fails_changes_nothing),
        TEST(saved_rules_are_what_is_shown),
        TEST(rules_with_a_mistake_stop_an_export),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
