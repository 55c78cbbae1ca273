/* Figures of small tensors computed by hand, and the ways two tensors can lie over each
   other. test_numpy.c covers every type. */
#include "analysis/measure.h"

#include <math.h>
#include <string.h>

#include "analysis/cells.h"
#include "analysis/compensated.h"
#include "analysis/measure_kernels.h"
#include "analysis/numeric.h"
#include "apply/host/heap.h"
#include "apply/host/threads.h"
#include "tests/support/hand_model.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

static hand_model A, B;
static mlr_heap heap;
static mlr_detail detail;
static mlr_measure M;

static int setup(void **state)
{
    (void)state;
    hand_begin(&A, 4 << 20);
    hand_begin(&B, 4 << 20);
    mlr_heap_init(&heap);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hand_release(&A);
    hand_release(&B);
    return heap.used != 0;
}

static mlr_pair pair_of(uint32_t i, uint32_t j)
{
    return (mlr_pair){&A.model, &B.model, &A.tensors[i], &B.tensors[j]};
}

static void measure_with(const mlr_pair *pair, mlr_depth depth, const mlr_exec *exec,
                         const mlr_measure_kernels *kernels)
{
    mlr_err err = {.status = MLR_OK};
    mlr_work work = {.alloc = &heap.alloc, .exec = exec};
    mlr_measure_options how = {.depth = depth, .kernels = kernels};
    mlr_measure_pair(&M, depth == MLR_DEPTH_FULL ? &detail : NULL, pair, &how, &work, &err);
    assert_no_err(&err);
}

static void measure(const char *dtype, const char *shape, const void *o, const void *n,
                    size_t bytes)
{
    mlr_pair p = pair_of(hand_add(&A, "t", dtype, shape, o, bytes),
                         hand_add(&B, "t", dtype, shape, n, bytes));
    measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * fabs(want))) {
        fail_msg("%.17g instead of %.17g", got, want);
    }
}

static void deltas_of_four_floats(void **state)
{
    (void)state;
    const float o[] = {1, -2, 0, 4}, n[] = {1, 2, 3, 2};
    measure("f32", "2x2", o, n, sizeof o); /* delta 0, 4, 3, -2 */
    const mlr_delta *d = &M.delta;
    assert_int_equal(M.elements, 4);
    assert_int_equal(M.changed_elements, 3);
    assert_int_equal(d->elements, 4);
    assert_int_equal(d->sign_flips, 1); /* -2 -> 2; 0 -> 3 has no sign before */
    near(d->mean, 1.25);
    near(d->deviation, sqrt(29.0 / 4 - 1.25 * 1.25));
    near(d->min, -2);
    near(d->max, 4);
    near(d->most, 4);
    assert_int_equal(d->most_index, 1);
    near(d->l1, 9);
    near(d->l2, sqrt(29));
    near(d->l1_relative, 9.0 / 7);
    near(d->l2_relative, sqrt(29.0 / 21));
    near(d->rmse, sqrt(29.0 / 4));
    near(d->snr_db, 10 * log10(21.0 / 29));
    near(d->cosine, 5 / sqrt(21.0 * 18)); /* 1 - 4 + 0 + 8 */
    near(d->scale, 5.0 / 21);
    near(d->scale_rest, sqrt(18 - 25.0 / 21) / sqrt(18));
    near(M.old_side.mean, 0.75);
    near(M.new_side.l2, sqrt(18));
    assert_int_equal(M.old_side.zero, 1);
    near(M.old_side.least, 1);
    near(M.old_side.dynamic_range_db, 20 * log10(4));
}

static void bytes_planes_and_entropies(void **state)
{
    (void)state;
    const uint8_t o[] = {0, 0, 1, 1}, n[] = {0, 0, 1, 3};
    measure("u8", "4", o, n, 4);
    near(M.bits.of_new, 1.5);                /* 1/2, 1/4, 1/4 */
    near(M.bits.of_xor, 2 - 0.75 * log2(3)); /* three of 0, one of 2 */
    near(M.bits.of_delta, 2 - 0.75 * log2(3));
    near(M.bits.plane_new[0], 1.5);
    assert_int_equal(detail.plane_delta[0][2], 1);
    assert_int_equal(detail.plane_delta[0][0], 3);
    assert_int_equal(M.changed_bytes, 1);
    assert_int_equal(M.bits.symbols, 4);
}

static void ulps_count_steps_along_the_number_line(void **state)
{
    (void)state;
    /* bf16: 1.0 is 0x3f80; -0 and +0 are one step apart; -denormal to +denormal three */
    const uint16_t o[] = {0x3f80, 0x3f80, 0x8000, 0x8001, 0x3f80, 0x7fc0};
    const uint16_t n[] = {0x3f80, 0x3f7f, 0x0000, 0x0001, 0x3fc0, 0x3f80};
    measure("bf16", "6", o, n, sizeof o);
    assert_int_equal(M.ulps.count[0], 1);
    assert_int_equal(M.ulps.count[1], 2); /* 1: across the power of two, across zero */
    assert_int_equal(M.ulps.count[2], 1); /* 3 */
    assert_int_equal(M.ulps.count[7], 1); /* 64 */
    assert_int_equal(M.ulps.max, 64);     /* the NaN is not counted */
    assert_int_equal(M.ulps.p50, 1);
    assert_int_equal(M.ulps.p90, 64);
    assert_int_equal(M.changed_elements, 5);
    assert_int_equal(M.delta.elements, 5);
    assert_int_equal(M.old_side.nan, 1);
    assert_int_equal(M.old_side.denormal, 1);
    assert_int_equal(M.old_side.zero, 1);
    assert_int_equal(M.delta.sign_flips, 1);
}

static void infinities_stay_out_of_the_sums(void **state)
{
    (void)state;
    const double inf = (double)INFINITY;
    const double o[] = {1, inf, -inf, (double)NAN, 2}, n[] = {2, inf, 1, (double)NAN, -0.0};
    measure("f64", "5", o, n, sizeof o);
    assert_int_equal(M.delta.elements, 2);
    near(M.delta.l1, 3);
    assert_int_equal(M.old_side.infinite, 2);
    assert_int_equal(M.new_side.infinite, 1);
    assert_int_equal(M.new_side.nan, 1);
    assert_int_equal(M.new_side.zero, 1);
    near(M.new_side.max, 2);
    assert_int_equal(detail.delta_values.nan, 3);
    assert_int_equal(M.changed_elements, 3);
}

static void a_scalar_and_an_empty_tensor_have_facts_too(void **state)
{
    (void)state;
    const float o = 2, n = 3;
    measure("f32", "", &o, &n, 4);
    near(M.delta.mean, 1);
    near(M.delta.scale, 1.5);
    assert_int_equal(detail.rows, 1);
    assert_int_equal(detail.grid_changed[0][0], 1);
    measure("f32", "0x7", NULL, NULL, 0);
    assert_int_equal(M.elements, 0);
    assert_true(M.delta.mean == 0 && M.bits.of_new == 0 && M.new_side.min == 0);
    assert_int_equal(M.have & MLR_HAVE_PAIR, MLR_HAVE_PAIR);
}

static void equal_tensors_have_an_infinite_ratio(void **state)
{
    (void)state;
    const float o[] = {1, 2, 3};
    measure("f32", "3", o, o, sizeof o);
    assert_true(isinf(M.delta.snr_db) && M.delta.snr_db > 0);
    near(M.delta.cosine, 1);
    near(M.delta.correlation, 1);
    assert_int_equal(M.changed_elements, 0);
    assert_int_equal(M.ulps.max, 0);
}

static void scales_and_codes_of_blocks_are_told_apart(void **state)
{
    (void)state;
    uint8_t o[4 * 18] = {0}, n[4 * 18];
    memcpy(n, o, sizeof n);
    n[18] = 1;         /* block 1: scale */
    n[2 * 18 + 5] = 1; /* block 2: code */
    n[3 * 18] = n[3 * 18 + 17] = 1;
    measure("q4_0", "128", o, n, sizeof o);
    assert_int_equal(M.blocks.blocks, 4);
    assert_int_equal(M.blocks.same, 1);
    assert_int_equal(M.blocks.scales_only, 1);
    assert_int_equal(M.blocks.codes_only, 1);
    assert_int_equal(M.blocks.both, 1);
    assert_int_equal(M.bits.symbols, sizeof o);
}

static void iq_types_have_bits_but_no_values(void **state)
{
    (void)state;
    uint8_t o[2 * 66] = {0}, n[2 * 66] = {0};
    n[70] = 1;
    measure("iq2_xxs", "512", o, n, sizeof o);
    assert_int_equal(M.have & (MLR_HAVE_NUMBERS | MLR_HAVE_ULPS), 0);
    assert_int_equal(M.changed_elements, 256);
    assert_false(M.changed_exact);
    assert_int_equal(M.changed_bytes, 1);
}

static void complex_numbers_count_twice(void **state)
{
    (void)state;
    const float o[] = {1, 2, 3, 4}, n[] = {1, 2, 3, 5};
    measure("c64", "2", o, n, sizeof o);
    assert_int_equal(M.elements, 4);
    assert_int_equal(M.changed_elements, 1);
    assert_int_equal(M.delta.most_index, 3);
}

static void big_endian_elements_measure_the_same(void **state)
{
    (void)state;
    const uint8_t o[] = {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0};
    const uint8_t n[] = {0x3f, 0x80, 0, 0, 0x40, 0x40, 0, 0};
    uint32_t i = hand_add(&A, "t", "f32", "2", o, 8),
             j = hand_add(&B, "t", "f32", "2", n, 8);
    A.tensors[i].big_endian = B.tensors[j].big_endian = 1;
    mlr_pair p = pair_of(i, j);
    measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
    near(M.old_side.max, 2);
    near(M.delta.max, 1);
}

static void rows_added_at_the_end_are_left_out(void **state)
{
    (void)state;
    const float o[] = {1, 2, 3, 4}, n[] = {1, 2, 3, 5, 100, 200};
    mlr_pair p = pair_of(hand_add(&A, "t", "f32", "2x2", o, sizeof o),
                         hand_add(&B, "t", "f32", "3x2", n, sizeof n));
    measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
    assert_int_equal(M.elements, 4);
    near(M.delta.l1, 1);
    near(M.new_side.max, 200); /* the side facts see all of it */
    assert_int_equal(M.new_side.elements, 6);
    assert_int_equal(M.bits.symbols, 6);
}

static void columns_added_are_left_out_row_by_row(void **state)
{
    (void)state;
    const float o[] = {1, 2, 3, 4}, n[] = {1, 2, 100, 3, 5, 200};
    mlr_pair p = pair_of(hand_add(&A, "t", "f32", "2x2", o, sizeof o),
                         hand_add(&B, "t", "f32", "2x3", n, sizeof n));
    measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
    assert_int_equal(M.elements, 4);
    near(M.delta.l1, 1);
    assert_int_equal(M.delta.most_index, 3);
    assert_int_equal(detail.grid_changed[1][1], 1);
}

static void other_shapes_are_not_compared(void **state)
{
    (void)state;
    const float o[] = {1, 2, 3, 4}, n[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    mlr_pair p = pair_of(hand_add(&A, "t", "f32", "2x2", o, sizeof o),
                         hand_add(&B, "t", "f32", "3x3", n, sizeof n));
    measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
    assert_int_equal(M.have & MLR_HAVE_PAIR, 0);
    near(M.old_side.max, 4);
    near(M.new_side.max, 9);
}

static void one_tensor_alone_has_its_side_only(void **state)
{
    (void)state;
    const float n[] = {1, -3};
    hand_add(&B, "t", "f32", "2", n, sizeof n);
    mlr_pair p = {&A.model, &B.model, NULL, &B.tensors[0]};
    measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
    assert_int_equal(M.have & (MLR_HAVE_PAIR | MLR_HAVE_OLD), 0);
    near(M.new_side.min, -3);
    near(M.bits.sign, 1);
}

static void a_cast_is_recognised_element_by_element(void **state)
{
    (void)state;
    float o[300];
    uint16_t n[300];
    rng r = rng_new(9);
    for (int i = 0; i < 300; i++) {
        uint32_t code = 0;
        o[i] = (float)rng_normal(&r);
        assert_true(mlr_from_f64(mlr_dtype_get(MLR_DTYPE_BF16), (double)o[i], &code));
        n[i] = (uint16_t)code;
    }
    n[7] ^= 1;
    mlr_pair p = pair_of(hand_add(&A, "t", "f32", "300", o, sizeof o),
                         hand_add(&B, "t", "bf16", "300", n, sizeof n));
    measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
    assert_int_equal(M.have & MLR_HAVE_CAST, MLR_HAVE_CAST);
    assert_int_equal(M.have & (MLR_HAVE_PAIR_BITS | MLR_HAVE_ULPS), 0);
    assert_int_equal(M.cast_exact, 299);
}

static void few_columns_are_grouped_into_rows(void **state)
{
    (void)state;
    uint8_t o[400] = {0}, n[400] = {0};
    n[399] = 1;
    measure("u8", "100x4", o, n, 400); /* groups of four rows, sixteen elements */
    assert_int_equal(detail.top_rows, 1);
    assert_int_equal(detail.top_row[0].first, 96);
    assert_int_equal(detail.top_row[0].count, 4);
    assert_int_equal(detail.top_col[0].first, 3);
}

/* --- larger random pairs -----------------------------------------------------------------
 */

enum { ROWS = 150, COLS = 513 };

static mlr_pair random_pair(unsigned dtype)
{
    const mlr_dtype *t = mlr_dtype_get(dtype);
    uint32_t i =
        hand_add(&A, "r", t->name, "150x513", NULL, (size_t)ROWS * COLS * t->block_bytes);
    uint32_t j =
        hand_add(&B, "r", t->name, "150x513", NULL, (size_t)ROWS * COLS * t->block_bytes);
    rng r = rng_new(dtype);
    for (size_t k = 0; k < (size_t)ROWS * COLS; k++) {
        double v = rng_normal(&r) * 0.1, w = v + 1e-3 * rng_normal(&r);
        v = rng_below(&r, 5000) == 0 ? (double)NAN : v;
        w = k / COLS % 3 == 0 ? v : w;
        uint32_t a = 0, b = 0;
        (void)mlr_from_f64(t, v, &a);
        (void)mlr_from_f64(t, w, &b);
        memcpy(hand_bytes(&A, i) + k * t->block_bytes, &a, t->block_bytes);
        memcpy(hand_bytes(&B, j) + k * t->block_bytes, &b, t->block_bytes);
    }
    return pair_of(i, j);
}

static const unsigned float_types[] = {MLR_DTYPE_BF16, MLR_DTYPE_F16, MLR_DTYPE_F32};

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    mlr_err err = {.status = MLR_OK};
    for (unsigned k = 0; k < 3; k++) {
        mlr_pair p = random_pair(float_types[k]);
        measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
        static mlr_detail alone;
        mlr_measure one = M;
        alone = detail;
        for (unsigned lanes = 2; lanes <= 3; lanes++) {
            mlr_threads *threads = NULL;
            mlr_threads_start(&threads, lanes, &heap.alloc, &err);
            assert_no_err(&err);
            measure_with(&p, MLR_DEPTH_FULL, mlr_threads_exec(threads), NULL);
            mlr_threads_stop(threads);
            assert_memory_equal(&one, &M, sizeof M);
            assert_memory_equal(&alone, &detail, sizeof detail);
        }
    }
}

static void vector_and_scalar_paths_agree_to_the_bit(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 6; k++) {
        mlr_pair p = random_pair(float_types[k / 2]);
        mlr_depth depth = k % 2 == 0 ? MLR_DEPTH_QUICK : MLR_DEPTH_FULL;
        measure_with(&p, depth, NULL, &mlr_measure_scalar);
        static mlr_detail reference;
        mlr_measure one = M;
        reference = detail;
        measure_with(&p, depth, NULL, mlr_measure_best());
        assert_memory_equal(&one, &M, sizeof M);
        assert_memory_equal(&reference, &detail, sizeof detail);
    }
}

static void quick_and_full_agree_on_what_both_have(void **state)
{
    (void)state;
    mlr_pair p = random_pair(MLR_DTYPE_BF16);
    measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
    mlr_measure full = M;
    measure_with(&p, MLR_DEPTH_QUICK, NULL, NULL);
    assert_memory_equal(&full.delta, &M.delta, sizeof M.delta);
    assert_int_equal(full.changed_elements, M.changed_elements);
    assert_int_equal(full.changed_bytes, M.changed_bytes);
}

static void asking_for_details_changes_no_figure(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        mlr_pair p = random_pair(float_types[k]);
        measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
        mlr_measure bare;
        mlr_work work = {.alloc = &heap.alloc};
        mlr_measure_options how = {.depth = MLR_DEPTH_FULL};
        assert_int_equal(mlr_measure_pair(&bare, NULL, &p, &how, &work, NULL), MLR_OK);
        assert_memory_equal(&bare, &M, sizeof M);
    }
}

static void sums_over_blocks_lose_nothing(void **state)
{
    (void)state;
    mlr_compensated c = {1e16, 0};
    for (int i = 0; i < 30000; i++) { /* as many blocks as 10^9 elements make */
        mlr_compensated_add(&c, 0.5); /* a plain sum would not move */
    }
    mlr_compensated_add(&c, -1e16);
    near(mlr_compensated_value(&c), 15000);
}

static void a_window_refines_to_single_elements(void **state)
{
    (void)state;
    const float o[] = {1, 2, 3, 4, 5, 6}, n[] = {1, 2, 3, 4, 7, 6};
    mlr_pair p = pair_of(hand_add(&A, "t", "f32", "2x3", o, sizeof o),
                         hand_add(&B, "t", "f32", "2x3", n, sizeof n));
    mlr_work work = {.alloc = &heap.alloc};
    mlr_err err = {.status = MLR_OK};
    mlr_cell cells[4];
    mlr_cells_window w = {
        .row = 0, .rows = 2, .col = 1, .cols = 2, .cell_rows = 2, .cell_cols = 2};
    mlr_measure_cells(cells, &w, &p, &work, &err);
    assert_no_err(&err);
    assert_int_equal(cells[2].elements, 1);
    assert_int_equal(cells[2].changed, 1);
    near(cells[2].old_value, 5);
    near(cells[2].new_value, 7);
    near(cells[2].sum, 2);
    assert_int_equal(cells[0].changed + cells[1].changed + cells[3].changed, 0);
}

static void the_window_of_everything_is_the_grid(void **state)
{
    (void)state;
    mlr_pair p = random_pair(MLR_DTYPE_F32);
    measure_with(&p, MLR_DEPTH_FULL, NULL, NULL);
    static mlr_cell cells[64 * 64];
    mlr_cells_window w = {.rows = 1000, .cols = 1000, .cell_rows = 64, .cell_cols = 64};
    mlr_work work = {.alloc = &heap.alloc};
    mlr_err err = {.status = MLR_OK};
    mlr_measure_cells(cells, &w, &p, &work, &err);
    assert_no_err(&err);
    for (unsigned i = 0; i < 64 * 64; i++) {
        assert_int_equal(cells[i].changed, detail.grid_changed[i / 64][i % 64]);
        assert_true(fabs(cells[i].sum - detail.grid_sum[i / 64][i % 64]) < 1e-12);
    }
}

static void every_failed_allocation_and_read_is_reported(void **state)
{
    (void)state;
    mlr_pair p = random_pair(MLR_DTYPE_BF16);
    mlr_measure_options how = {.depth = MLR_DEPTH_FULL};
    mlr_status status = MLR_E_NO_MEMORY;
    for (size_t n = 1; status != MLR_OK; n++) {
        mlr_heap h;
        mlr_heap_init(&h);
        h.fail_at = n;
        mlr_err err = {.status = MLR_OK};
        mlr_work work = {.alloc = &h.alloc};
        status = mlr_measure_pair(&M, &detail, &p, &how, &work, &err);
        assert_true(status == MLR_OK || status == MLR_E_NO_MEMORY);
        assert_int_equal(h.used, 0);
    }
    mlr_work work = {.alloc = &heap.alloc};
    for (size_t n = 1; n <= 3; n++) {
        B.source.reads = 0;
        B.source.fail_at = n;
        mlr_err err = {.status = MLR_OK};
        assert_int_equal(mlr_measure_pair(&M, &detail, &p, &how, &work, &err), MLR_E_IO);
        assert_int_equal(err.status, MLR_E_IO);
    }
}

static bool stop(void *ctx, uint64_t done, uint64_t total)
{
    (void)ctx, (void)done, (void)total;
    return false;
}

static void cancels(void **state)
{
    (void)state;
    mlr_pair p = random_pair(MLR_DTYPE_BF16);
    mlr_tick tick = {.keep_going = stop};
    mlr_work work = {.alloc = &heap.alloc, .tick = &tick};
    mlr_measure_options how = {.depth = MLR_DEPTH_FULL};
    mlr_err err = {.status = MLR_OK};
    mlr_measure_pair(&M, &detail, &p, &how, &work, &err);
    assert_err(&err, MLR_E_CANCELLED, MLR_NO_OFFSET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deltas_of_four_floats),
        TEST(bytes_planes_and_entropies),
        TEST(ulps_count_steps_along_the_number_line),
        TEST(infinities_stay_out_of_the_sums),
        TEST(a_scalar_and_an_empty_tensor_have_facts_too),
        TEST(equal_tensors_have_an_infinite_ratio),
        TEST(scales_and_codes_of_blocks_are_told_apart),
        TEST(iq_types_have_bits_but_no_values),
        TEST(complex_numbers_count_twice),
        TEST(big_endian_elements_measure_the_same),
        TEST(rows_added_at_the_end_are_left_out),
        TEST(columns_added_are_left_out_row_by_row),
        TEST(other_shapes_are_not_compared),
        TEST(one_tensor_alone_has_its_side_only),
        TEST(a_cast_is_recognised_element_by_element),
        TEST(few_columns_are_grouped_into_rows),
        TEST(threads_do_not_change_a_bit),
        TEST(vector_and_scalar_paths_agree_to_the_bit),
        TEST(quick_and_full_agree_on_what_both_have),
        TEST(asking_for_details_changes_no_figure),
        TEST(sums_over_blocks_lose_nothing),
        TEST(a_window_refines_to_single_elements),
        TEST(the_window_of_everything_is_the_grid),
        TEST(every_failed_allocation_and_read_is_reported),
        TEST(cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
