/* Choices: steps, undo and redo, and the file that brings them back after a kill. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "codec/plan.h"
#include "codec/strategy.h"
#include "tests/support/sample_pair.h"
#include "tests/support/test.h"
#include "tui/choice_log.h"

static mlr_heap heap;
static mlr_choices choices;
static mlr_ui_rows rows;
static sample_pair pair;
static char folder[32];

static const mlr_pick none;

static mlr_pick pick(int strategy, int level)
{
    return (mlr_pick){.strategy = (int16_t)strategy, .level = (uint8_t)level};
}

static int fresh(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    sample_pair_make(&pair, 2, false, &heap.alloc);
    mlr_rows_build(&rows, &pair.old_model, &pair.new_model, &heap.alloc, &err);
    mlr_choices_init(&choices, rows.count, &heap.alloc, &err);
    assert_no_err(&err);
    snprintf(folder, sizeof folder, "/tmp/mlr-choice-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int done(void **state)
{
    (void)state;
    char command[64];
    mlr_choices_release(&choices);
    mlr_rows_release(&rows);
    sample_pair_release(&pair);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && heap.used == 0 ? 0 : -1;
}

static const mlr_step *step(uint32_t from, uint32_t to, mlr_pick p)
{
    mlr_choices_begin(&choices, "a step");
    for (uint32_t i = from; i < to; i++) {
        mlr_choices_set(&choices, i, p);
    }
    return mlr_choices_end(&choices);
}

static void undo_takes_back_a_whole_step(void **state)
{
    (void)state;
    step(0, 3, pick(11, 9));
    step(1, 2, pick(5, 3));
    assert_int_equal(choices.picked, 3);
    assert_int_equal(choices.pick[1].strategy, 5);
    assert_non_null(mlr_choices_undo(&choices));
    assert_int_equal(choices.pick[1].strategy, 11);
    assert_non_null(mlr_choices_undo(&choices));
    assert_int_equal(choices.picked, 0);
    assert_null(mlr_choices_undo(&choices));
    assert_non_null(mlr_choices_redo(&choices));
    assert_int_equal(choices.picked, 3);
    assert_int_equal(choices.pick[2].level, 9);
}

static void undo_has_no_limit(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        assert_non_null(step(0, 1, pick(i % 2 == 0 ? 11 : 5, 3)));
    }
    for (int i = 0; i < 10000; i++) {
        assert_non_null(mlr_choices_undo(&choices));
    }
    assert_null(mlr_choices_undo(&choices));
    assert_int_equal(choices.picked, 0);
    assert_int_equal(choices.step_count, 10000);
}

static void a_new_step_ends_what_could_be_redone(void **state)
{
    (void)state;
    step(0, 1, pick(11, 9));
    step(0, 1, pick(5, 9));
    mlr_choices_undo(&choices);
    step(1, 2, pick(4, 1));
    assert_null(mlr_choices_redo(&choices));
    assert_int_equal(choices.step_count, 2);
    assert_int_equal(choices.pick[0].strategy, 11);
}

static void a_step_that_changes_nothing_is_none(void **state)
{
    (void)state;
    step(0, 1, pick(11, 9));
    assert_null(step(0, 1, pick(11, 9)));
    assert_null(step(5, 6, none));
    assert_int_equal(choices.done, 1);
}

static void undo_reaches_the_rules_too(void **state)
{
    (void)state;
    mlr_choices_begin_text(&choices, "version: 1\n", 11);
    mlr_choices_begin(&choices, "rules");
    mlr_choices_set_text(&choices, "one", 3);
    mlr_choices_set(&choices, 0, pick(11, 9));
    assert_non_null(mlr_choices_end(&choices));
    mlr_choices_begin(&choices, "more rules");
    mlr_choices_set_text(&choices, "two", 3);
    assert_non_null(mlr_choices_end(&choices));
    mlr_choices_begin(&choices, "the same rules");
    mlr_choices_set_text(&choices, "two", 3);
    assert_null(mlr_choices_end(&choices));
    mlr_choices_undo(&choices);
    assert_string_equal(mlr_choices_text(&choices)->bytes, "one");
    assert_string_equal(mlr_choices_text_at(&choices, 0)->bytes, "version: 1\n");
    assert_string_equal(mlr_choices_text_at(&choices, 2)->bytes, "two");
    mlr_choices_undo(&choices);
    assert_string_equal(mlr_choices_text(&choices)->bytes, "version: 1\n");
    assert_int_equal(choices.picked, 0);
    mlr_choices_redo(&choices);
    assert_string_equal(mlr_choices_text(&choices)->bytes, "one");
}

static void any_state_of_the_history_can_be_looked_at(void **state)
{
    (void)state;
    mlr_pick at[64];
    assert_true(rows.count <= 64);
    step(0, 3, pick(11, 9));
    step(1, 2, pick(5, 3));
    step(1, 2, none);
    mlr_choices_undo(&choices);
    mlr_choices_at(&choices, 0, at);
    assert_int_equal(at[1].level, 0);
    mlr_choices_at(&choices, 1, at);
    assert_int_equal(at[1].strategy, 11);
    mlr_choices_at(&choices, 3, at);
    assert_int_equal(at[1].level, 0);
    assert_int_equal(at[2].strategy, 11);
    assert_int_equal(choices.pick[1].strategy, 5); /* looking changes nothing */
}

/* --- the file ---------------------------------------------------------------------------
 */

static mlr_choice_log opened(void)
{
    mlr_choice_log l;
    mlr_choice_log_open(&l, folder, "/models/old", "/models/new", &heap.alloc);
    return l;
}

static void keep_three_steps(void)
{
    mlr_choice_log l = opened();
    mlr_budgets b = {.size = 100, .memory = 1 << 20, .decode_ms = 250};
    assert_true(
        mlr_choice_log_step(&l, &choices, step(0, 3, pick(MLR_STRATEGY_mix, 19)), &rows));
    assert_true(mlr_choice_log_step(&l, &choices, step(2, 4, pick(MLR_AUTO, 9)), &rows));
    assert_true(mlr_choice_log_budgets(&l, &b));
    assert_true(mlr_choice_log_step(&l, &choices, step(0, 1, none), &rows));
    mlr_choices_undo(&choices);
    assert_true(mlr_choice_log_word(&l, "undo"));
}

/* Reads the file into choices of its own and compares; the budgets it had. */
static mlr_budgets replay_equals(size_t steps)
{
    mlr_choices again;
    mlr_err err = {0};
    mlr_budgets b = {0};
    mlr_choice_log l = opened();
    mlr_choices_init(&again, rows.count, &heap.alloc, &err);
    assert_int_equal(mlr_choice_log_replay(&l, &again, &b, &rows), steps);
    if (steps == choices.done) {
        assert_memory_equal(again.pick, choices.pick, rows.count * sizeof *again.pick);
        assert_int_equal(again.step_count, choices.step_count);
    }
    mlr_choices_release(&again);
    return b;
}

static void choices_come_back_with_their_history(void **state)
{
    (void)state;
    keep_three_steps();
    mlr_budgets b = replay_equals(2);
    assert_int_equal(b.memory, 1 << 20);
    assert_int_equal(b.decode_ms, 250);
    assert_int_equal(choices.picked, 4);
}

static void an_entry_cut_anywhere_loses_only_itself(void **state)
{
    (void)state;
    keep_three_steps();
    mlr_choice_log l = opened();
    struct stat st;
    assert_int_equal(stat(l.path, &st), 0);
    for (off_t n = st.st_size; n >= 0; n--) {
        mlr_choices again;
        mlr_err err = {0};
        mlr_budgets b = {0};
        l = opened();
        mlr_choices_init(&again, rows.count, &heap.alloc, &err);
        assert_int_equal(truncate(l.path, n), 0);
        assert_true(mlr_choice_log_replay(&l, &again, &b, &rows) <= 3);
        struct stat cut;
        assert_int_equal(stat(l.path, &cut), 0);
        assert_true(cut.st_size <= n);
        n = cut.st_size < n ? cut.st_size : n; /* what was left is whole */
        mlr_choices_release(&again);
    }
    assert_true(mlr_choice_log_step(&l, &choices, step(7, 8, pick(4, 4)), &rows));
    mlr_choices_release(&choices);
    mlr_err err = {0};
    mlr_choices_init(&choices, rows.count, &heap.alloc, &err);
    step(7, 8, pick(4, 4));
    replay_equals(1);
}

static void rules_blocks_and_dictionaries_come_back(void **state)
{
    (void)state;
    mlr_choice_log l = opened();
    mlr_pick p = pick(MLR_STRATEGY_zstd_ref, 9);
    p.dict = 1;
    p.block_bytes = 65536;
    mlr_choices_begin(&choices, "both");
    mlr_choices_set_text(&choices, "version: 1\nend\nstep x\n", 23);
    mlr_choices_set(&choices, 1, p);
    assert_true(mlr_choice_log_step(&l, &choices, mlr_choices_end(&choices), &rows));
    assert_true(mlr_choice_log_profile(&l, "my rules.yaml"));
    replay_equals(1);
    mlr_choices again;
    mlr_err err = {0};
    mlr_budgets b = {0};
    l = opened();
    mlr_choices_init(&again, rows.count, &heap.alloc, &err);
    mlr_choice_log_replay(&l, &again, &b, &rows);
    assert_string_equal(mlr_choices_text(&again)->bytes, "version: 1\nend\nstep x\n");
    assert_string_equal(l.profile, "my rules.yaml");
    assert_int_equal(again.pick[1].block_bytes, 65536);
    assert_int_equal(again.pick[1].dict, 1);
    mlr_choices_release(&again);
}

static void names_that_are_gone_are_left_out(void **state)
{
    (void)state;
    keep_three_steps();
    rows.row[2].name = (mlr_str){"renamed", 7};
    mlr_choices again;
    mlr_err err = {0};
    mlr_budgets b = {0};
    mlr_choice_log l = opened();
    mlr_choices_init(&again, rows.count, &heap.alloc, &err);
    assert_int_equal(mlr_choice_log_replay(&l, &again, &b, &rows), 2);
    assert_int_equal(again.pick[2].level, 0);
    assert_int_equal(again.pick[3].level, 9);
    mlr_choices_release(&again);
}

static void another_pair_has_another_file(void **state)
{
    (void)state;
    mlr_choice_log a = opened();
    mlr_choice_log b;
    mlr_choice_log_open(&b, folder, "/models/new", "/models/old", &heap.alloc);
    assert_string_not_equal(a.path, b.path);
    mlr_choice_log_open(&b, NULL, "/models/new", "/models/old", &heap.alloc);
    assert_string_equal(b.path, "");
    assert_false(mlr_choice_log_word(&b, "undo"));
}

static void a_folder_that_cannot_be_written_is_told(void **state)
{
    (void)state;
    mlr_choice_log l;
    mlr_choice_log_open(&l, "/dev/null/here", "/a", "/b", &heap.alloc);
    assert_false(mlr_choice_log_word(&l, "undo"));
    assert_true(l.broken);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)
    const struct CMUnitTest tests[] = {
        TEST(undo_takes_back_a_whole_step),
        TEST(undo_has_no_limit),
        TEST(a_new_step_ends_what_could_be_redone),
        TEST(a_step_that_changes_nothing_is_none),
        TEST(undo_reaches_the_rules_too),
        TEST(any_state_of_the_history_can_be_looked_at),
        TEST(choices_come_back_with_their_history),
        TEST(rules_blocks_and_dictionaries_come_back),
        TEST(an_entry_cut_anywhere_loses_only_itself),
        TEST(names_that_are_gone_are_left_out),
        TEST(another_pair_has_another_file),
        TEST(a_folder_that_cannot_be_written_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
