/* Figures for people, display width, elision, tables. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/cli/table.h"
#include "tui/cli/text.h"

static void writes_sizes(void **state)
{
    char t[MLR_TEXT];
    (void)state;
    assert_string_equal(mlr_text_size(t, 0), "0 B");
    assert_string_equal(mlr_text_size(t, 999), "999 B");
    assert_string_equal(mlr_text_size(t, 1000), "1.0 KiB");
    assert_string_equal(mlr_text_size(t, 1536), "1.5 KiB");
    assert_string_equal(mlr_text_size(t, 24117248), "23.0 MiB");
    assert_string_equal(mlr_text_size(t, UINT64_MAX), "16384.0 PiB");
}

static void writes_counts(void **state)
{
    char t[MLR_TEXT];
    (void)state;
    assert_string_equal(mlr_text_count(t, 9999), "9999");
    assert_string_equal(mlr_text_count(t, 10000), "10.0 K");
    assert_string_equal(mlr_text_count(t, 2097152), "2.1 M");
    assert_string_equal(mlr_text_exact(t, 0), "0");
    assert_string_equal(mlr_text_exact(t, 1234567), "1,234,567");
}

static void writes_shares(void **state)
{
    char t[MLR_TEXT];
    (void)state;
    assert_string_equal(mlr_text_share(t, 0, 0), "-");
    assert_string_equal(mlr_text_share(t, 0, 5), "0.0%");
    assert_string_equal(mlr_text_share(t, 1, 1000000), "<0.1%");
    assert_string_equal(mlr_text_share(t, 1, 3), "33.3%");
    assert_string_equal(mlr_text_share(t, UINT64_MAX, UINT64_MAX), "100.0%");
}

static void writes_shapes(void **state)
{
    char t[20];
    const uint64_t dim[] = {1024, 256, 3, 333333};
    (void)state;
    assert_string_equal(mlr_text_shape(t, sizeof t, dim, 0), "[]");
    assert_string_equal(mlr_text_shape(t, sizeof t, dim, 2), "[1024, 256]");
    assert_string_equal(mlr_text_shape(t, sizeof t, dim, 4), "[1024, 256, 3...");
}

static void draws_bars(void **state)
{
    char t[64];
    (void)state;
    assert_string_equal(mlr_text_bar(t, sizeof t, 1, 2, 4, true), "██");
    assert_string_equal(mlr_text_bar(t, sizeof t, 5, 8, 1, true), "▋");
    assert_string_equal(mlr_text_bar(t, sizeof t, 1, 2, 4, false), "##");
    assert_string_equal(mlr_text_bar(t, sizeof t, 0, 0, 4, true), "");
}

static void counts_columns_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(mlr_text_columns("abc"), 3);
    assert_int_equal(mlr_text_columns("é"), 1);
    assert_int_equal(mlr_text_columns("e\xCC\x81"), 1); /* combining accent */
    assert_int_equal(mlr_text_columns("中文"), 4);
}

static void elides_to(const char *text, size_t columns, const char *expected)
{
    char t[64];
    (void)snprintf(t, sizeof t, "%s", text);
    mlr_text_elide(t, sizeof t, columns, true);
    assert_string_equal(t, expected);
    assert_true(mlr_text_columns(t) <= columns);
}

static void elides_the_middle(void **state)
{
    (void)state;
    elides_to("short", 5, "short");
    elides_to("model.layers.3.mlp.up_proj", 16, "model.…p.up_proj");
    elides_to("中文中文中文", 7, "中…中文");
}

static void names_keep_layers_and_leaves(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t columns;
        const char *want;
    } t[] = {
        {"model.layers.12.self_attn.q_proj.weight", 39,
         "model.layers.12.self_attn.q_proj.weight"},
        {"model.layers.12.self_attn.q_proj.weight", 37, "model…12.self_attn.q_proj.weight"},
        {"model.layers.12.self_attn.q_proj.weight", 38, "model…12.self_attn.q_proj.weight"},
        {"model.layers.12.self_attn.q_proj.weight", 31, "mode…12.self_attn.q_proj.weight"},
        {"model.layers.12.self_attn.q_proj.weight", 26, "…12.self_attn.q_proj.w"},
        {"model.layers.12.self_attn.q_proj.weight", 21, "…12.self_att…q_proj.w"},
        {"model.layers.3.mlp.experts.117.up_proj.bias", 40,
         "model…3.mlp.experts.117.up_proj.bias"},
        {"model.layers.3.mlp.experts.117.up_proj.bias", 24, "…3.mlp.exp…117.up_proj.b"},
        {"model.layers.3.mlp.experts.117.up_proj.bias", 17, "…3…117.up_proj.b"},
        {"encoder.layers.*.self_attn.o_proj", 24, "encod…*.self_attn.o_proj"},
        {"model.embed_tokens.weight", 22, "…embed_tokens.weight"},
        {"/model/layers.5/attn/MatMul", 20, "/model…5/attn/MatMul"},
        {"main/cnn/conv4/BiasAdd/ReadVariableOp", 32, "mai…conv4/BiasAdd/ReadVariableOp"},
        {"12", 5, "12"},
        {"", 5, ""},
        {"..", 5, ".."},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s", t[i].name);
        mlr_text_elide_name(text, sizeof text, t[i].columns, true);
        assert_string_equal(text, t[i].want);
        assert_true(mlr_text_columns(text) <= t[i].columns);
    }
    char ascii[64] = "model.layers.12.self_attn.q_proj.weight";
    mlr_text_elide_name(ascii, sizeof ascii, 33, false);
    assert_string_equal(ascii, "model..12.self_attn.q_proj.weight");
}

static void example_row(void *ctx, size_t i, mlr_row *row)
{
    (void)ctx;
    (void)snprintf(row->cell[0], MLR_TABLE_CELL, "%s",
                   i == 0 ? "a" : "a.very.long.tensor.name");
    (void)snprintf(row->cell[1], MLR_TABLE_CELL, "%zu", i * 1000);
    (void)snprintf(row->cell[2], MLR_TABLE_CELL, "%s", i == 0 ? "x" : "");
}

static void prints(const mlr_table *t, bool colour, const char *expected)
{
    char *text = NULL;
    size_t n = 0;
    mlr_cli cli = {.width = 80, .utf8 = true, .out_colour = colour};
    cli.out = open_memstream(&text, &n);
    mlr_table_print(t, &cli);
    (void)fclose(cli.out);
    assert_string_equal(text, expected);
    free(text);
}

static const mlr_column columns[] = {{"Name", MLR_ELASTIC, MLR_STYLE_ACCENT},
                                     {"N", MLR_RIGHT, MLR_STYLE_PLAIN},
                                     {"", MLR_LEFT, MLR_STYLE_PLAIN}};

static void aligns_and_leaves_no_trailing_blanks(void **state)
{
    (void)state;
    const mlr_table t = {.column = columns, .columns = 3, .rows = 2, .row = example_row};
    prints(&t, false,
           "Name                        N\n"
           "a                           0  x\n"
           "a.very.long.tensor.name  1000\n");
}

static void shortens_the_elastic_column(void **state)
{
    (void)state;
    const mlr_table t = {
        .column = columns, .columns = 3, .rows = 2, .max_width = 24, .row = example_row};
    prints(&t, false,
           "Name                N\n"
           "a                   0  x\n"
           "a.ver…nsor.name  1000\n");
}

static void colours_text_not_padding(void **state)
{
    (void)state;
    const mlr_table t = {.column = columns, .columns = 2, .rows = 1, .row = example_row};
    prints(&t, true, "\033[2mName\033[0m  \033[2mN\033[0m\n\033[36ma\033[0m     0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_sizes),
        cmocka_unit_test(writes_counts),
        cmocka_unit_test(writes_shares),
        cmocka_unit_test(writes_shapes),
        cmocka_unit_test(draws_bars),
        cmocka_unit_test(counts_columns_not_bytes),
        cmocka_unit_test(elides_the_middle),
        cmocka_unit_test(names_keep_layers_and_leaves),
        cmocka_unit_test(aligns_and_leaves_no_trailing_blanks),
        cmocka_unit_test(shortens_the_elastic_column),
        cmocka_unit_test(colours_text_not_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
