#include "tui/filter.h"

#include <string.h>

#include "tests/support/test.h"

static mlr_ui_row row_named(const char *name)
{
    mlr_ui_row r = {.name = {name, strlen(name)}, .level = -1};
    r.kind = MLR_ROW_CHANGED;
    r.bytes = 8716288;
    r.dtype = mlr_dtype_get(MLR_DTYPE_BF16);
    return r;
}

static bool shows(const char *text, const mlr_ui_row *row)
{
    mlr_filter f;
    size_t at = 0;
    const char *why = NULL;
    if (!mlr_filter_read(&f, text, &at, &why)) {
        fail_msg("'%s' at %zu: expected %s", text, at, why);
    }
    return mlr_filter_shows(&f, row);
}

static void the_sentence_of_the_manual_works(void **state)
{
    (void)state;
    mlr_ui_row r = row_named("model.layers.1.mlp.up");
    r.changed = mlr_known(0.06);
    r.by = MLR_BY_YOU;
    static const char text[] = "chg>5 dtype:bf16 size>1M by:me !same name:mlp";
    assert_true(shows(text, &r));
    r.changed.value = 0.05;
    assert_false(shows(text, &r));
    r.changed.value = 0.06;
    r.by = MLR_BY_AUTO;
    assert_false(shows(text, &r));
}

static void or_binds_weaker_than_and(void **state)
{
    (void)state;
    mlr_ui_row r = row_named("a.b");
    assert_true(shows("name:a | name:x name:y", &r));
    assert_false(shows("(name:a | name:x) name:y", &r));
    assert_true(shows("!(name:x | name:y)", &r));
    assert_true(shows("!!name:a", &r));
}

static void kinds_have_words_and_glyphs(void **state)
{
    (void)state;
    mlr_ui_row r = row_named("a");
    assert_true(shows("~", &r));
    assert_true(shows("changed", &r));
    assert_true(shows("kind:chan", &r));
    assert_true(shows("!=", &r));
    assert_false(shows("+ | - | #", &r));
    r.kind = MLR_ROW_PROBLEM;
    assert_true(shows("!", &r));
    r.kind = MLR_ROW_SAME;
    assert_true(shows("=", &r));
    assert_false(shows("!same", &r));
}

static void unknown_facts_are_neither_true_nor_false(void **state)
{
    (void)state;
    mlr_ui_row r = row_named("a");
    assert_false(shows("chg>5", &r));
    assert_false(shows("!chg>5", &r));
    assert_true(shows("chg>5 | name:a", &r));
    assert_false(shows("level>3", &r));
    r.changed = mlr_estimated(0.2, 0.1);
    assert_true(shows("chg>=20%", &r));
    assert_true(shows("chg<=20", &r));
    assert_false(shows("estimated", &r)); /* bytes out are what is estimated */
    r.out = mlr_estimated(1000, 0.05);
    assert_true(shows("estimated err>4", &r));
}

static void names_match_parts_or_globs(void **state)
{
    (void)state;
    mlr_ui_row r = row_named("model.layers.1.MLP.up");
    assert_true(shows("name:mlp", &r));
    assert_true(shows("name:*.MLP.*", &r));
    assert_false(shows("name:mlp*", &r));
    r.strategy = "xor+planes";
    assert_true(shows("strategy:xor*", &r));
    assert_false(shows("dict:any", &r));
}

static void sizes_take_units_and_numbers_take_signs(void **state)
{
    (void)state;
    mlr_ui_row r = row_named("a");
    r.cosine = mlr_known(-0.5);
    assert_true(shows("size>8M size<8.5MiB size=8716288", &r));
    assert_true(shows("cos<-0.4 cos:-0.5", &r));
    r.out = mlr_known(8716288 / 4);
    assert_true(shows("ratio:4", &r));
}

static void mistakes_are_placed_and_explained(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
        const char *why;
    } t[] = {
        {"chg>", 4, "a number"},
        {"chg>x", 4, "a number"},
        {"size>1Q", 5, "a size such as 4096 or 1.5M"},
        {"name:a sze>1", 7, "a field such as chg, size or name"},
        {"foo", 0, "a field such as chg, or a kind such as same"},
        {"(name:a", 7, "')'"},
        {"name:a)", 6, "'(' before ')'"},
        {"name:a |", 8, "a term such as chg>5 or name:mlp"},
        {"name>a", 5, "':' before a text"},
        {"name:", 5, "a text"},
        {"chg>5K", 4, "a number"},
        {"((((((((((((((((((a", 16, "at most 16 levels"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        mlr_filter f;
        size_t at = 99;
        const char *why = "";
        assert_false(mlr_filter_read(&f, t[i].text, &at, &why));
        assert_string_equal(why, t[i].why);
        if (strcmp(t[i].why, "':' before a text") != 0) {
            assert_int_equal(at, t[i].at);
        }
        assert_int_equal(f.count, 0);
    }
}

static void no_text_makes_it_stumble(void **state)
{
    (void)state;
    static const char alphabet[] = "(|)! <>=:ac9h~%.gM";
    mlr_ui_row r = row_named("a");
    uint32_t seed = 7;
    for (int i = 0; i < 200000; i++) {
        char text[24];
        size_t n = 0;
        do {
            seed = seed * 1664525 + 1013904223;
            text[n++] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        } while (n < 23 && (seed >> 28) != 0);
        text[n] = '\0';
        mlr_filter f;
        size_t at = 0;
        const char *why = NULL;
        if (mlr_filter_read(&f, text, &at, &why)) {
            mlr_filter_shows(&f, &r);
        } else {
            assert_true(at <= n && why != NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sentence_of_the_manual_works),
        cmocka_unit_test(or_binds_weaker_than_and),
        cmocka_unit_test(kinds_have_words_and_glyphs),
        cmocka_unit_test(unknown_facts_are_neither_true_nor_false),
        cmocka_unit_test(names_match_parts_or_globs),
        cmocka_unit_test(sizes_take_units_and_numbers_take_signs),
        cmocka_unit_test(mistakes_are_placed_and_explained),
        cmocka_unit_test(no_text_makes_it_stumble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
