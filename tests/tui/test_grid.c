#include "tui/grid.h"

#include <math.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"

static mlr_heap heap;
static mlr_glyphs glyphs;

static mlr_grid grid_of(int rows, int cols, mlr_glyph_level level)
{
    mlr_grid g;
    mlr_heap_init(&heap);
    mlr_glyphs_init(&glyphs, level);
    mlr_grid_init(&g, &heap.alloc, &glyphs);
    assert_int_equal(mlr_grid_resize(&g, rows, cols, NULL), MLR_OK);
    return g;
}

static void expect(mlr_grid *g, const char *text)
{
    size_t taken = 0;
    char *got = mlr_grid_text(g, &taken);
    assert_string_equal(got, text);
    mlr_give(&heap.alloc, got, taken);
    mlr_grid_release(g);
    assert_int_equal(heap.used, 0);
}

static void text_is_clipped_on_both_sides(void **state)
{
    (void)state;
    mlr_grid g = grid_of(2, 6, MLR_GLYPHS_BLOCK);
    mlr_pane v = mlr_pane_part(mlr_pane_all(&g), 0, 1, 1, 4);
    assert_int_equal(mlr_put(v, 0, -2, MLR_ROLE_TEXT, "abcdefgh"), 6);
    mlr_put(v, 1, 0, MLR_ROLE_TEXT, "below");
    mlr_put(v, -1, 0, MLR_ROLE_TEXT, "above");
    expect(&g, " cdef\n\n");
}

static void wide_glyph_takes_two_cells_and_never_half(void **state)
{
    (void)state;
    mlr_grid g = grid_of(3, 4, MLR_GLYPHS_BLOCK);
    mlr_pane v = mlr_pane_all(&g);
    assert_int_equal(mlr_put(v, 0, 0, MLR_ROLE_TEXT, "a\xe6\xbc\xa2z"), 4);
    mlr_put(v, 1, 3, MLR_ROLE_TEXT, "\xe6\xbc\xa2");
    mlr_put(v, 2, 0, MLR_ROLE_TEXT, "\xe6\xbc\xa2\xe6\xbc\xa2");
    mlr_put(v, 2, 1, MLR_ROLE_TEXT, "xy"); /* breaks both */
    expect(&g, "a\xe6\xbc\xa2z\n\n xy\n");
}

static void combining_mark_joins_the_cell_before(void **state)
{
    (void)state;
    mlr_grid g = grid_of(1, 4, MLR_GLYPHS_BLOCK);
    assert_int_equal(mlr_put(mlr_pane_all(&g), 0, 0, MLR_ROLE_TEXT, "e\xcc\x81x"), 2);
    assert_int_equal(g.cells[0].mark, 0x301);
    expect(&g, "e\xcc\x81x\n");
}

static void controls_and_overrides_never_reach_the_grid(void **state)
{
    (void)state;
    mlr_grid g = grid_of(1, 8, MLR_GLYPHS_BLOCK);
    mlr_put_n(mlr_pane_all(&g), 0, 0, MLR_ROLE_TEXT, "a\x1b[\xe2\x80\xae\xff\x07z", 9);
    expect(&g, "a?[?\xef\xbf\xbd?z\n");
}

static void ascii_level_exchanges_every_glyph(void **state)
{
    (void)state;
    mlr_grid g = grid_of(2, 12, MLR_GLYPHS_ASCII);
    mlr_pane v = mlr_pane_all(&g);
    mlr_put(v, 0, 0, MLR_ROLE_TEXT, "4×8 → ▸◆ é");
    mlr_bar(v, 1, 0, 4, 0.5, MLR_ROLE_BAR);
    expect(&g, "4x8 > >* ?\n##..\n");
}

static void every_glyph_has_one_cell_and_an_ascii_form(void **state)
{
    (void)state;
    mlr_glyphs a;
    mlr_glyphs_init(&a, MLR_GLYPHS_ASCII);
    for (int i = 0; i < MLR_GLYPH_COUNT; i++) {
        assert_in_range(a.as[i], 0x21, 0x7e);
        for (int k = 0; k < i; k++) {
            assert_int_not_equal(mlr_glyph_block((mlr_glyph_id)i),
                                 mlr_glyph_block((mlr_glyph_id)k));
        }
    }
}

static void bar_counts_eighths_and_shows_little_and_nearly_all(void **state)
{
    (void)state;
    mlr_grid g = grid_of(6, 4, MLR_GLYPHS_BLOCK);
    mlr_pane v = mlr_pane_all(&g);
    const double f[6] = {0, 1e-9, 0.40625, 0.999999, 1, NAN};
    for (int i = 0; i < 6; i++) {
        mlr_bar(v, i, 0, 4, f[i], MLR_ROLE_BAR);
    }
    expect(&g, "····\n▏···\n█▋··\n███▉\n████\n····\n"); /* 0.40625 * 32 = 13 */
}

static void meter_marks_its_budget(void **state)
{
    (void)state;
    mlr_grid g = grid_of(2, 12, MLR_GLYPHS_BLOCK);
    mlr_meter m = {.fraction = 0.5, .budget = 0.8, .role = MLR_ROLE_METER_OK};
    mlr_put_meter(mlr_pane_all(&g), 0, 0, 12, &m);
    m.budget = -1;
    mlr_put_meter(mlr_pane_all(&g), 1, 0, 12, &m);
    expect(&g, "▕█████···┃·▏\n▕█████·····▏\n");
}

static void columns_rise_from_the_bottom(void **state)
{
    (void)state;
    mlr_grid g = grid_of(2, 4, MLR_GLYPHS_BLOCK);
    const double v[4] = {0, 1, 8, 16};
    mlr_columns(mlr_pane_all(&g), v, 4, 16, MLR_ROLE_SPARK);
    expect(&g, "   █\n ▁██\n");
}

static void frame_keeps_its_title_and_drops_the_note_first(void **state)
{
    (void)state;
    mlr_grid g = grid_of(3, 12, MLR_GLYPHS_BLOCK);
    mlr_pane in = mlr_frame(mlr_pane_all(&g), "Open", "a longer note");
    assert_int_equal(in.rows, 1);
    assert_int_equal(in.cols, 10);
    expect(&g, "┌─ Open ───┐\n│          │\n└──────────┘\n");
}

static void drawing_stays_inside_at_every_size(void **state)
{
    (void)state;
    static const double v[4] = {1, 2, 3, 4};
    for (int rows = 1; rows < 6; rows++) {
        for (int cols = 1; cols < 9; cols++) {
            mlr_grid g = grid_of(rows, cols, MLR_GLYPHS_BLOCK);
            mlr_pane all = mlr_pane_all(&g);
            mlr_pane in = mlr_frame(all, "Title", "note");
            mlr_put(in, 0, 0, MLR_ROLE_TEXT, "\xe6\xbc\xa2\xe6\xbc\xa2 text");
            mlr_bar(all, rows - 1, -2, 30, 0.7, MLR_ROLE_BAR);
            mlr_columns(all, v, 4, 4, MLR_ROLE_SPARK);
            mlr_meter m = {.fraction = 0.5, .budget = 1, .role = MLR_ROLE_METER_OK};
            mlr_put_meter(all, 0, 0, cols, &m);
            mlr_pane odd = mlr_pane_part(all, -3, cols - 1, 5, 9);
            assert_true(odd.rows <= rows && odd.cols <= 1);
            mlr_fill(odd, MLR_ROLE_DIM);
            mlr_cursor_at(odd, 0, 0);
            mlr_grid_release(&g);
            assert_int_equal(heap.used, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_clipped_on_both_sides),
        cmocka_unit_test(wide_glyph_takes_two_cells_and_never_half),
        cmocka_unit_test(combining_mark_joins_the_cell_before),
        cmocka_unit_test(controls_and_overrides_never_reach_the_grid),
        cmocka_unit_test(ascii_level_exchanges_every_glyph),
        cmocka_unit_test(every_glyph_has_one_cell_and_an_ascii_form),
        cmocka_unit_test(bar_counts_eighths_and_shows_little_and_nearly_all),
        cmocka_unit_test(meter_marks_its_budget),
        cmocka_unit_test(columns_rise_from_the_bottom),
        cmocka_unit_test(frame_keeps_its_title_and_drops_the_note_first),
        cmocka_unit_test(drawing_stays_inside_at_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
