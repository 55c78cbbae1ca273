#include <stdio.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"
#include "tui/widget_list.h"
#include "tui/widget_prompt.h"
#include "tui/widget_table.h"

static mlr_prompt_result type(mlr_prompt *p, const char *script)
{
    mlr_prompt_result r = MLR_PROMPT_IGNORED;
    while (*script != '\0') {
        r = mlr_prompt_key(p, mlr_key_read(&script));
    }
    return r;
}

static void prompt_edits_whole_characters(void **state)
{
    (void)state;
    mlr_prompt p;
    mlr_prompt_begin(&p, "", NULL);
    type(&p, "aéb<Left><Left>x");
    assert_string_equal(p.text, "axéb");
    type(&p, "<Del><Home>z<End><BS>");
    assert_string_equal(p.text, "zax");
    type(&p, "<Space>one<Space>two<C-w>");
    assert_string_equal(p.text, "zax one ");
    type(&p, "<Left><Left><C-k>");
    assert_string_equal(p.text, "zax on");
    type(&p, "<C-u>");
    assert_string_equal(p.text, "");
    assert_int_equal(type(&p, "<BS>"), MLR_PROMPT_MOVED);
    assert_int_equal(type(&p, "<Esc>"), MLR_PROMPT_CANCELLED);
}

static void prompt_recalls_lines_and_gives_the_draft_back(void **state)
{
    (void)state;
    static mlr_history h;
    mlr_prompt p;
    mlr_prompt_begin(&p, "", &h);
    assert_int_equal(type(&p, "one<Enter>"), MLR_PROMPT_ACCEPTED);
    mlr_prompt_begin(&p, "", &h);
    type(&p, "two<Enter>");
    mlr_prompt_begin(&p, "", &h);
    type(&p, "two<Enter>"); /* the same again is not kept twice */
    assert_int_equal(h.count, 2);
    mlr_prompt_begin(&p, "", &h);
    type(&p, "dr<Up>");
    assert_string_equal(p.text, "two");
    type(&p, "<Up><Up>");
    assert_string_equal(p.text, "one");
    type(&p, "<Down><Down>");
    assert_string_equal(p.text, "dr");
    for (int i = 0; i < 40; i++) {
        char line[16];
        snprintf(line, sizeof line, "%d", i);
        mlr_prompt_begin(&p, line, &h);
        type(&p, "<Enter>");
    }
    assert_int_equal(h.count, MLR_PROMPT_HISTORY);
    assert_string_equal(h.line[MLR_PROMPT_HISTORY - 1], "39");
}

static void prompt_never_outgrows_its_room(void **state)
{
    (void)state;
    mlr_prompt p;
    mlr_prompt_begin(&p, "", NULL);
    for (int i = 0; i < 1000; i++) {
        mlr_prompt_key(&p, 0x20ac);
    }
    assert_int_equal(p.n, 510); /* 170 characters of 3 bytes */
    assert_int_equal(strlen(p.text), 510);
}

static void table_keeps_its_cursor_on_the_page(void **state)
{
    (void)state;
    mlr_ui_table t = {0};
    mlr_table_arrange(&t, 100, 10);
    assert_true(mlr_table_act(&t, MLR_DO_BOTTOM));
    assert_int_equal(t.cursor, 99);
    assert_int_equal(t.top, 90);
    mlr_table_act(&t, MLR_DO_PAGE_UP);
    assert_int_equal(t.cursor, 90);
    mlr_table_act(&t, MLR_DO_UP);
    assert_int_equal(t.top, 89);
    mlr_table_arrange(&t, 5, 10); /* rows went away */
    assert_int_equal(t.cursor, 4);
    assert_int_equal(t.top, 0);
    mlr_table_arrange(&t, 0, 10);
    mlr_table_act(&t, MLR_DO_BOTTOM);
    mlr_table_act(&t, MLR_DO_PAGE_DOWN);
    assert_int_equal(t.cursor, 0);
    assert_false(mlr_table_act(&t, MLR_DO_HELP));
}

static void columns_go_by_priority_and_share_what_is_left(void **state)
{
    (void)state;
    static const mlr_ui_column c[4] = {{"a", 5, 9, 0, 1, false},
                                       {"b", 4, 4, 2, 0, false},
                                       {"c", 4, 6, 1, 2, false},
                                       {"d", 3, 3, 0, 0, false}};
    mlr_columns_at at;
    mlr_table_layout(c, 4, 19, &at); /* 5+4+4+3 and three blanks */
    assert_int_equal(at.x[3], 16);
    assert_int_equal(at.width[1], 4);
    mlr_table_layout(c, 4, 18, &at); /* b goes, a grows by its room */
    assert_int_equal(at.width[1], 0);
    assert_int_equal(at.width[0], 9);
    assert_int_equal(at.x[2], 10);
    assert_int_equal(at.x[3], 15);
    mlr_table_layout(c, 4, 40, &at);
    assert_int_equal(at.width[0], 9);
    assert_int_equal(at.width[2], 6);
    mlr_table_layout(c, 4, 1, &at); /* what must stay stays, whatever fits */
    assert_int_equal(at.width[0], 5);
    assert_int_equal(at.width[2], 0);
    assert_int_equal(at.width[3], 3);
}

static void list_narrows_by_every_word(void **state)
{
    (void)state;
    static mlr_list l;
    static const char *const labels[4] = {"mark", "unmark all", "sort", "sort reversed"};
    mlr_list_begin(&l);
    for (int i = 0; i < 4; i++) {
        mlr_item item = {.label = labels[i], .detail = "rows of the table", .value = i};
        mlr_list_add(&l, &item);
    }
    mlr_list_ready(&l);
    assert_int_equal(l.shown_count, 4);
    const char *p = "mark";
    while (*p != '\0') {
        mlr_list_key(&l, mlr_key_read(&p));
    }
    assert_int_equal(l.shown_count, 2);
    assert_int_equal(mlr_list_at(&l)->value, 0);
    p = " all";
    while (*p != '\0') {
        mlr_list_key(&l, mlr_key_read(&p));
    }
    assert_int_equal(mlr_list_at(&l)->value, 1);
    mlr_list_key(&l, 'z');
    assert_null(mlr_list_at(&l));
    assert_int_equal(mlr_list_key(&l, MLR_KEY_ENTER), MLR_LIST_CHOSEN);
    assert_int_equal(mlr_list_key(&l, MLR_KEY_ESC), MLR_LIST_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompt_edits_whole_characters),
        cmocka_unit_test(prompt_recalls_lines_and_gives_the_draft_back),
        cmocka_unit_test(prompt_never_outgrows_its_room),
        cmocka_unit_test(table_keeps_its_cursor_on_the_page),
        cmocka_unit_test(columns_go_by_priority_and_share_what_is_left),
        cmocka_unit_test(list_narrows_by_every_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
