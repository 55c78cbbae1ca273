#include "tui/rows.h"

#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/sample_pair.h"
#include "tests/support/test.h"
#include "tui/rows_view.h"

static mlr_heap heap;

static mlr_str str(const char *s)
{
    return (mlr_str){s, strlen(s)};
}

static void pairs_by_key_and_lists_what_went_last(void **state)
{
    (void)state;
    sample_pair p;
    mlr_ui_rows r;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    sample_pair_make(&p, 2, true, &heap.alloc);
    mlr_rows_build(&r, &p.old_model, &p.new_model, &heap.alloc, &err);
    assert_no_err(&err);
    assert_int_equal(r.count, 28); /* 1 + 24 + 1, one added, one removed */
    assert_int_equal(r.row[0].kind, MLR_ROW_UNKNOWN);
    assert_int_equal(r.row[13].kind, MLR_ROW_RESHAPED);
    assert_int_equal(r.row[26].kind, MLR_ROW_ADDED);
    assert_int_equal(r.row[27].kind, MLR_ROW_REMOVED);
    assert_int_equal(r.row[27].bytes, 0);
    assert_ptr_equal(r.row[5].old_tensor, &p.old_model.tensors[5]);
    mlr_rows_release(&r);
    sample_pair_release(&p);
    assert_int_equal(heap.used, 0);
}

static void failing_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    sample_pair p;
    mlr_heap_init(&heap);
    sample_pair_make(&p, 2, false, &heap.alloc);
    size_t before = heap.used;
    for (size_t k = 1; k <= 4; k++) {
        mlr_ui_rows r;
        heap.fail_at = heap.takes + k;
        assert_int_equal(mlr_rows_build(&r, &p.old_model, &p.new_model, &heap.alloc, NULL),
                         MLR_E_NO_MEMORY);
        assert_int_equal(heap.used, before);
    }
    sample_pair_release(&p);
}

static void totals_are_as_sure_as_their_parts(void **state)
{
    (void)state;
    mlr_totals t = mlr_totals_none();
    mlr_ui_row a = {.bytes = 1000, .out = mlr_known(100), .kind = MLR_ROW_CHANGED};
    mlr_ui_row b = {.bytes = 1000, .out = mlr_estimated(300, 0.1), .kind = MLR_ROW_CHANGED};
    mlr_ui_row c = {.bytes = 10};
    mlr_totals_add(&t, &a);
    assert_int_equal(t.out.state, MLR_FACT_KNOWN);
    mlr_totals_add(&t, &b);
    assert_int_equal(t.out.state, MLR_FACT_ESTIMATED);
    assert_true(t.out.value == 400);
    assert_true(t.out.error > 0.0749F && t.out.error < 0.0751F); /* 30 of 400 */
    mlr_totals_add(&t, &c);
    assert_int_equal(t.out.state, MLR_FACT_UNKNOWN);
    assert_int_equal(t.bytes, 2010);
    assert_int_equal(t.by_kind[MLR_ROW_CHANGED], 2);
}

static void modules_end_at_their_number(void **state)
{
    (void)state;
    assert_int_equal(mlr_module_bytes(str("model.layers.21.mlp.up.weight")), 15);
    assert_int_equal(mlr_module_bytes(str("blk/3/w")), 5);
    assert_int_equal(mlr_module_bytes(str("model.norm.weight")), 10);
    assert_int_equal(mlr_module_bytes(str("bias")), 0);
    assert_int_equal(mlr_module_bytes(str("")), 0);
    assert_int_equal(mlr_module_bytes(str("a.7")), 3);
}

static void names_sort_by_number_and_the_rest_stays_in_order(void **state)
{
    (void)state;
    static mlr_tensor t[6];
    static const char *const names[6] = {"l.10.w", "l.9.w", "l.9.b", "l.09.w", "a", "l.9"};
    static const uint32_t want[6] = {4, 5, 2, 1, 3, 0};
    mlr_model m = {.tensors = t, .tensor_count = 6};
    mlr_ui_rows r;
    mlr_rows_view v;
    mlr_heap_init(&heap);
    for (int i = 0; i < 6; i++) {
        t[i] = (mlr_tensor){.name = str(names[i]), .key = str(names[i])};
        t[i].dtype = mlr_dtype_get(MLR_DTYPE_F32);
        t[i].data.len = 4;
    }
    assert_int_equal(mlr_rows_build(&r, NULL, &m, &heap.alloc, NULL), MLR_OK);
    mlr_rows_view_init(&v, &heap.alloc);
    v.sort = MLR_SORT_NAME;
    assert_int_equal(mlr_rows_view_make(&v, &r, NULL), MLR_OK);
    assert_memory_equal(v.entry, want, sizeof want);
    v.sort = MLR_SORT_SIZE; /* all equal */
    v.reverse = true;
    v.stale = true;
    assert_int_equal(mlr_rows_view_make(&v, &r, NULL), MLR_OK);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(v.entry[i], i);
    }
    mlr_rows_view_release(&v);
    mlr_rows_release(&r);
    assert_int_equal(heap.used, 0);
}

static void groups_hold_every_row_once(void **state)
{
    (void)state;
    sample_pair p;
    mlr_ui_rows r;
    mlr_rows_view v;
    mlr_heap_init(&heap);
    sample_pair_make(&p, 5000, false, &heap.alloc); /* more modules than groups */
    assert_int_equal(mlr_rows_build(&r, &p.old_model, &p.new_model, &heap.alloc, NULL),
                     MLR_OK);
    mlr_rows_view_init(&v, &heap.alloc);
    v.grouping = MLR_GROUP_MODULE;
    assert_int_equal(mlr_rows_view_make(&v, &r, NULL), MLR_OK);
    assert_int_equal(v.group_count, MLR_MAX_GROUPS);
    assert_int_equal(v.count, r.count + MLR_MAX_GROUPS);
    size_t rows = 0;
    for (size_t i = 0; i < v.count; i++) {
        if (!mlr_entry_is_group(v.entry[i])) {
            rows++;
            mlr_rows_mark(&r, v.entry[i], true);
        }
    }
    assert_int_equal(rows, r.count);
    assert_int_equal(r.marked, r.count);
    mlr_rows_view_release(&v);
    mlr_rows_release(&r);
    sample_pair_release(&p);
    assert_int_equal(heap.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_by_key_and_lists_what_went_last),
        cmocka_unit_test(failing_memory_leaves_nothing_behind),
        cmocka_unit_test(totals_are_as_sure_as_their_parts),
        cmocka_unit_test(modules_end_at_their_number),
        cmocka_unit_test(names_sort_by_number_and_the_rest_stays_in_order),
        cmocka_unit_test(groups_hold_every_row_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
