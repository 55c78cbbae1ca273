#include "tui/theme.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"
#include "tui/color.h"

static mlr_heap heap;
static mlr_theme theme;

static int fresh(void **state)
{
    (void)state;
    mlr_heap_init(&heap);
    return 0;
}

static void load(const char *name)
{
    mlr_err err = {0};
    mlr_theme_load(&theme, name, NULL, &heap.alloc, &err);
    assert_no_err(&err);
    assert_string_equal(theme.warning, "");
    assert_int_equal(heap.used, 0);
}

static void every_theme_sets_every_role(void **state)
{
    (void)state;
    assert_true(mlr_theme_builtin_count() >= 8);
    for (size_t i = 0; i < mlr_theme_builtin_count(); i++) {
        load(mlr_theme_builtin_name(i));
        assert_string_equal(theme.name, mlr_theme_builtin_name(i));
        assert_true(theme.ground >= 0);
        for (int r = 0; r < MLR_ROLE_COUNT; r++) {
            if (!theme.roles[r].set) {
                fail_msg("%s: %s is not set", theme.name, mlr_role_name((mlr_role)r));
            }
        }
    }
}

static int readable(mlr_color_depth depth, mlr_ui_cell cell, double least)
{
    uint32_t fg = 0;
    uint32_t bg = 0;
    mlr_theme_rgb(&theme, depth, &cell, &fg, &bg);
    double c = mlr_contrast(fg, bg);
    if (c >= least) {
        return 1;
    }
    print_message("%s, depth %d: %s over %s: #%06x on #%06x has %.2f\n", theme.name, depth,
                  mlr_role_name((mlr_role)cell.role), mlr_role_name((mlr_role)cell.over),
                  fg, bg, c);
    return 0;
}

static void text_is_readable_on_the_ground_and_on_the_selection(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; i < mlr_theme_builtin_count(); i++) {
        load(mlr_theme_builtin_name(i));
        for (mlr_color_depth d = MLR_DEPTH_256; d <= MLR_DEPTH_RGB; d++) {
            for (int r = 0; r < MLR_ROLE_COUNT; r++) {
                if (mlr_role_kind_of((mlr_role)r) != MLR_ROLE_OF_TEXT) {
                    continue;
                }
                mlr_ui_cell c = {.role = (uint8_t)r};
                bad += !readable(d, c, 4.5);
                c.over = MLR_ROLE_SELECTION;
                bad += !readable(d, c, 4.5);
            }
        }
    }
    assert_int_equal(bad, 0);
}

static void heat_grows_lighter_at_every_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < mlr_theme_builtin_count(); i++) {
        load(mlr_theme_builtin_name(i));
        for (mlr_color_depth d = MLR_DEPTH_256; d <= MLR_DEPTH_RGB; d++) {
            double last = -1;
            for (int h = 0; h < MLR_HEAT_STEPS; h++) {
                mlr_ui_cell c = {.role = (uint8_t)(MLR_ROLE_HEAT_0 + h)};
                uint32_t fg = 0;
                uint32_t bg = 0;
                mlr_theme_rgb(&theme, d, &c, &fg, &bg);
                double now = mlr_luminance(fg);
                if (now <= last) {
                    fail_msg("%s, depth %d: heat.%d is not lighter", theme.name, d, h);
                }
                last = now;
            }
        }
    }
}

static void poor_terminals_never_see_colours_they_lack(void **state)
{
    (void)state;
    static const int most[] = {-1, 7, 15, 255, 0xffffff};
    for (size_t i = 0; i < mlr_theme_builtin_count(); i++) {
        load(mlr_theme_builtin_name(i));
        for (mlr_color_depth d = MLR_DEPTH_MONO; d <= MLR_DEPTH_RGB; d++) {
            for (int r = 0; r < MLR_ROLE_COUNT; r++) {
                mlr_ui_cell c = {.role = (uint8_t)r, .over = MLR_ROLE_SELECTION};
                mlr_ui_style s = mlr_theme_style(&theme, d, &c);
                assert_true(s.fg <= most[d] && s.bg <= most[d]);
                if (d <= MLR_DEPTH_16) { /* a selection nobody can miss */
                    assert_true((s.attr & MLR_REVERSE) != 0 || s.bg != MLR_COLOR_DEFAULT);
                }
            }
        }
    }
}

static mlr_status read(const char *text, mlr_err *err)
{
    return mlr_theme_read(&theme, text, strlen(text), "test", &heap.alloc, err);
}

static void palette_of_a_child_recolours_inherited_roles(void **state)
{
    (void)state;
    mlr_err err = {0};
    read("inherits: default\npalette: {ink: {rgb: \"#010203\", c256: 99}}\n"
         "glyphs: {mark: \"+\"}\n",
         &err);
    assert_no_err(&err);
    mlr_ui_cell c = {.role = MLR_ROLE_TEXT};
    assert_int_equal(mlr_theme_style(&theme, MLR_DEPTH_RGB, &c).fg, 0x010203);
    assert_int_equal(mlr_theme_style(&theme, MLR_DEPTH_256, &c).fg, 99);
    mlr_glyphs g;
    mlr_theme_glyphs(&theme, MLR_GLYPHS_BLOCK, &g);
    assert_int_equal(g.as[MLR_G_MARK], '+');
    assert_string_equal(theme.name, "test");
}

static void unknown_roles_warn_with_their_line(void **state)
{
    (void)state;
    mlr_err err = {0};
    assert_int_equal(read("roles:\n  text: \"#ffffff\"\n  tittle: \"#ffffff\"\n", &err),
                     MLR_OK);
    assert_string_equal(theme.warning, "test:3: unknown role 'tittle'");
}

static void broken_values_are_refused_where_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rule, *place;
    } t[] = {
        {"roles: {text: inky}\n", "a colour of the palette", "1:15"},
        {"palette:\n  a: {c256: 256}\n", "a number from 0 to 255", "2:13"},
        {"palette: {a: \"#12\"}\n", "a colour written \"#rrggbb\"", "1:14"},
        {"roles: {text: {attr: [bald]}}\n", "bold, dim, underline, reverse or italic",
         "1:23"},
        {"inherits: nobody\n", "the name of a builtin theme", "1:11"},
        {"glyphs: {mark: \"ab\"}\n", "one character of one cell", "1:16"},
        {"variant: blue\n", "dark or light", "1:10"},
        {"roles: {heat: {gradient: [\"#000000\"]}}\n", "a gradient of 2 to 8 colours",
         "1:15"},
        {"- a\n", "a map at the top", "1:1"},
        {"roles: [a]\n", "a map", "1:8"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        mlr_err err = {0};
        assert_int_equal(read(t[i].text, &err), MLR_E_FORMAT);
        assert_string_equal(err.rule, t[i].rule);
        assert_string_equal(err.subject, t[i].place);
        assert_int_equal(heap.used, 0);
    }
}

static void contrast_and_cube_are_those_of_the_standards(void **state)
{
    (void)state;
    assert_true(mlr_contrast(0x000000, 0xffffff) > 20.99);
    assert_true(mlr_contrast(0x777777, 0xffffff) < 4.5); /* the well-known near miss */
    assert_true(mlr_contrast(0x767676, 0xffffff) > 4.5);
    assert_int_equal(mlr_nearest_256(0xff0000), 196);
    assert_int_equal(mlr_nearest_256(0x080808), 232);
    assert_int_equal(mlr_rgb_of_256(75), 0x5fafff);
    assert_int_equal(mlr_rgb_mix(0x000000, 0xffffff, 0.5), 0xbcbcbc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_theme_sets_every_role, fresh),
        cmocka_unit_test_setup(text_is_readable_on_the_ground_and_on_the_selection, fresh),
        cmocka_unit_test_setup(heat_grows_lighter_at_every_step, fresh),
        cmocka_unit_test_setup(poor_terminals_never_see_colours_they_lack, fresh),
        cmocka_unit_test_setup(palette_of_a_child_recolours_inherited_roles, fresh),
        cmocka_unit_test_setup(unknown_roles_warn_with_their_line, fresh),
        cmocka_unit_test_setup(broken_values_are_refused_where_they_stand, fresh),
        cmocka_unit_test_setup(contrast_and_cube_are_those_of_the_standards, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
