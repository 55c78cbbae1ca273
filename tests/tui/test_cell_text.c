#include "tui/cell_text.h"

#include <string.h>

#include "tests/support/test.h"

static void broken_utf8_yields_one_replacement_a_byte(void **state)
{
    (void)state;
    static const char s[] = "\xc0\xaf\xe2\x82\xf4\x90\x80\x80\xed\xa0\x80";
    int n = 0;
    for (const char *p = s, *end = s + sizeof s - 1; p < end; n++) {
        assert_int_equal(mlr_cp_next(&p, end), 0xfffd);
    }
    assert_int_equal(n, 11);
}

static void utf8_survives_a_round_trip(void **state)
{
    (void)state;
    static const uint32_t cps[] = {0x24, 0xe9, 0x20ac, 0x1f600, 0x10ffff};
    for (size_t i = 0; i < 5; i++) {
        char b[4];
        size_t n = mlr_cp_put(b, cps[i]);
        const char *p = b;
        assert_int_equal(mlr_cp_next(&p, b + n), cps[i]);
        assert_ptr_equal(p, b + n);
    }
}

static void names_keep_layer_and_leaf(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int cols;
        const char *want;
    } t[] = {
        {"model.layers.21.mlp.up_proj.weight", 40, "model.layers.21.mlp.up_proj.weight"},
        {"model.layers.21.mlp.up_proj.weight", 30, "model…21.mlp.up_proj.weight"},
        {"model.layers.21.mlp.up_proj.weight", 18, "…21.mlp.up_proj.w"},
        {"model.layers.21.mlp.up_proj.weight", 24, "…21.mlp.up_proj.weight"},
        {"model.embed_tokens.weight", 22, "…embed_tokens.weight"},
        {"model.embed_tokens.weight", 14, "…embe…tokens.w"},
        {"abcdef", 2, "ab"},
        {"abcdef", 0, ""},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char to[64];
        mlr_elide_name(to, sizeof to, t[i].name, strlen(t[i].name), t[i].cols);
        assert_string_equal(to, t[i].want);
        assert_true(mlr_text_width(to, strlen(to)) <= t[i].cols);
    }
}

static void bytes_take_five_cells_at_most(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *want;
    } t[] = {{0, "0"},
             {999, "999"},
             {1000, "1.0K"},
             {1024, "1.0K"},
             {8716288, "8.3M"},
             {29779558, "28.4M"},
             {272629760, "260M"},
             {1023ULL << 20, "1.0G"},
             {UINT64_MAX, "16.0E"}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char to[16];
        assert_string_equal(mlr_fmt_bytes(to, sizeof to, t[i].n), t[i].want);
    }
}

static void counts_and_times_read_well(void **state)
{
    (void)state;
    char to[32];
    assert_string_equal(mlr_fmt_count(to, sizeof to, 1234567), "1,234,567");
    assert_string_equal(mlr_fmt_count(to, sizeof to, 12), "12");
    assert_string_equal(mlr_fmt_seconds(to, sizeof to, 125), "2 min 05 s");
    assert_string_equal(mlr_fmt_seconds(to, sizeof to, 11520), "3 h 12 min");
}

static void sizes_are_read_with_units(void **state)
{
    (void)state;
    double v = 0;
    assert_true(mlr_parse_bytes("1.5M", 4, &v));
    assert_true(v == 1572864);
    assert_true(mlr_parse_bytes("4 KiB", 5, &v));
    assert_true(v == 4096);
    assert_true(mlr_parse_bytes("12", 2, &v));
    assert_true(v == 12);
    assert_false(mlr_parse_bytes("", 0, &v));
    assert_false(mlr_parse_bytes("M", 1, &v));
    assert_false(mlr_parse_bytes("1x", 2, &v));
    assert_false(mlr_parse_bytes("1\0", 2, &v));
}

static void globs_match_whole_names(void **state)
{
    (void)state;
    assert_true(mlr_text_glob("a.mlp.w", 7, "*.mlp.*", 7));
    assert_true(mlr_text_glob("abc", 3, "a?c", 3));
    assert_true(mlr_text_glob("", 0, "*", 1));
    assert_false(mlr_text_glob("abc", 3, "ab", 2));
    assert_false(mlr_text_glob("abc", 3, "", 0));
    assert_true(mlr_text_contains("Model.MLP", 9, "mlp", 3));
    assert_false(mlr_text_contains("ab", 2, "abc", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_utf8_yields_one_replacement_a_byte),
        cmocka_unit_test(utf8_survives_a_round_trip),
        cmocka_unit_test(names_keep_layer_and_leaf),
        cmocka_unit_test(bytes_take_five_cells_at_most),
        cmocka_unit_test(counts_and_times_read_well),
        cmocka_unit_test(sizes_are_read_with_units),
        cmocka_unit_test(globs_match_whole_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
