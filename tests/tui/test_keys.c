#include "tui/keys.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"

static void keys_are_read_as_written(void **state)
{
    (void)state;
    const char *p = "j<Enter><C-p><lt>é<Space>";
    assert_int_equal(mlr_key_read(&p), 'j');
    assert_int_equal(mlr_key_read(&p), MLR_KEY_ENTER);
    assert_int_equal(mlr_key_read(&p), 16);
    assert_int_equal(mlr_key_read(&p), '<');
    assert_int_equal(mlr_key_read(&p), 0xe9);
    assert_int_equal(mlr_key_read(&p), ' ');
    assert_int_equal(mlr_key_read(&p), MLR_KEY_NONE);
    p = "<Nokey>";
    assert_int_equal(mlr_key_read(&p), MLR_KEY_NONE);
}

static void every_action_is_complete_and_its_keys_are_valid(void **state)
{
    (void)state;
    for (int i = 1; i < MLR_ACTION_COUNT; i++) {
        const mlr_action_row *a = mlr_action_get((mlr_action)i);
        assert_true(a->where != 0 && a->name[0] != '\0' && a->group[0] != '\0');
        assert_true(a->help[0] >= 'A' && a->help[0] <= 'Z');
        assert_true(a->help[strlen(a->help) - 1] != '.');
        for (const char *p = a->keys; *p != '\0';) {
            if (*p == ' ') {
                p++;
                continue;
            }
            mlr_key key = mlr_key_read(&p);
            assert_int_not_equal(key, MLR_KEY_NONE);
            assert_int_equal(mlr_action_for(key, a->where), i);
        }
    }
}

static void no_key_means_two_things_in_one_place(void **state)
{
    (void)state;
    static const unsigned screens[] = {MLR_IN_ALL | MLR_IN_LIST | MLR_IN_OPEN,
                                       MLR_IN_ALL | MLR_IN_LIST | MLR_IN_TENSORS,
                                       MLR_IN_ALL | MLR_IN_LIST | MLR_IN_THEMES};
    for (size_t s = 0; s < 3; s++) {
        for (int i = 1; i < MLR_ACTION_COUNT; i++) {
            const mlr_action_row *a = mlr_action_get((mlr_action)i);
            if ((a->where & screens[s]) == 0 || a->keys[0] == '\0') {
                continue;
            }
            const char *p = a->keys;
            mlr_key key = mlr_key_read(&p);
            if ((int)mlr_action_for(key, screens[s]) != i) {
                fail_msg("the key of '%s' means '%s' too", a->name,
                         mlr_action_get(mlr_action_for(key, screens[s]))->name);
            }
        }
    }
}

static void keys_show_as_people_write_them(void **state)
{
    (void)state;
    char to[32];
    assert_string_equal(mlr_action_keys(MLR_DO_DOWN, to, sizeof to), "j ↓");
    assert_string_equal(mlr_action_key(MLR_DO_PAGE_DOWN, to, sizeof to), "^D");
    assert_string_equal(mlr_key_show(' ', to, sizeof to), "Space");
    assert_string_equal(mlr_action_keys(MLR_DO_SCREENSHOT, to, sizeof to), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_as_written),
        cmocka_unit_test(every_action_is_complete_and_its_keys_are_valid),
        cmocka_unit_test(no_key_means_two_things_in_one_place),
        cmocka_unit_test(keys_show_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
