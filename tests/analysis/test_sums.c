/*
 * Sums over very many elements: generated ones, so that no file is needed and the sums are
 * known in whole numbers. Ten million elements in every run; MLR_SUMS=1000000000 (as
 * tests/long/sums.sh has it) makes it a thousand million.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/measure.h"
#include "analysis/measure_kernels.h"
#include "apply/host/heap.h"
#include "apply/host/threads.h"
#include "tests/support/test.h"

/* Values repeat after PERIOD elements; as whole multiples of STEP they are exact in f32. */
enum { PERIOD = 65521, EXPONENT = -20 };

__extension__ typedef __int128 big;

static int32_t old_units(uint64_t i)
{
    uint64_t x = (i % PERIOD + 1) * 0x9e3779b97f4a7c15ULL;
    int32_t v = (int32_t)(x >> 41); /* 23 bits: up to 8 */
    return i % 7 == 0 ? -v : v;
}

/* A small step up for most, so that the deltas do not cancel. */
static int32_t new_units(uint64_t i)
{
    i %= PERIOD;
    return old_units(i) + (int32_t)(i % 5) * 3 - 1;
}

typedef struct endless {
    mlr_source source;
    float *twice; /* two periods, so that a read never wraps but once */
} endless;

static mlr_status read_at(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    const endless *e = ctx;
    uint8_t *to = dst;
    (void)err;
    while (n > 0) {
        size_t from = (size_t)(off % (4ULL * PERIOD));
        size_t some = 8 * (size_t)PERIOD - from < n ? 8 * (size_t)PERIOD - from : n;
        memcpy(to, (const uint8_t *)e->twice + from, some);
        to += some;
        off += some;
        n -= some;
    }
    return MLR_OK;
}

typedef struct side {
    endless data;
    mlr_member member;
    mlr_tensor tensor;
    mlr_model model;
} side;

static void make_side(side *s, const uint64_t *dim, int32_t (*units)(uint64_t))
{
    s->data.twice = malloc(2 * PERIOD * sizeof *s->data.twice);
    assert_non_null(s->data.twice);
    for (uint64_t i = 0; i < 2 * PERIOD; i++) {
        s->data.twice[i] = ldexpf((float)units(i % PERIOD), EXPONENT);
    }
    s->data.source = (mlr_source){&s->data, *dim * 4, read_at, NULL};
    s->member = (mlr_member){.name = "generated", .source = &s->data.source};
    s->tensor = (mlr_tensor){.dtype = mlr_dtype_named("f32", 3),
                             .dim = dim,
                             .rank = 1,
                             .elements = *dim,
                             .data = {0, *dim * 4},
                             .tied_to = MLR_NO_TENSOR};
    s->model = (mlr_model){
        .members = &s->member, .member_count = 1, .tensors = &s->tensor, .tensor_count = 1};
}

/* Sums in units: of a, |a|, a^2. */
typedef struct whole {
    big sum, abs, square;
} whole;

static int64_t size_of(int64_t v)
{
    return v < 0 ? -v : v;
}

/* Over `n` elements of one of: old, new, new - old. */
static whole sums_over(uint64_t n, bool o, bool w)
{
    whole period = {0}, rest = {0};
    for (uint64_t i = 0; i < PERIOD; i++) {
        int64_t v = (w ? new_units(i) : 0) - (o && w ? old_units(i) : 0) +
                    (o && !w ? old_units(i) : 0);
        whole *to = &period;
        for (int twice = 0; twice < 2; twice++) {
            to->sum += v;
            to->abs += size_of(v);
            to->square += (big)v * v;
            if (i >= n % PERIOD) {
                break;
            }
            to = &rest;
        }
    }
    big times = (big)(n / PERIOD);
    return (whole){period.sum * times + rest.sum, period.abs * times + rest.abs,
                   period.square * times + rest.square};
}

static void is_near(double got, long double want)
{
    long double off = fabsl((long double)got - want);
    if (off > 1e-13L * fabsl(want)) {
        print_message("%.17g is not %.17Lg\n", got, want);
    }
    assert_true(off <= 1e-13L * fabsl(want));
}

static void side_is(const mlr_side *got, uint64_t n, whole want)
{
    assert_int_equal(got->elements, n);
    is_near(got->l1, ldexpl((long double)want.abs, EXPONENT));
    is_near(got->l2, sqrtl(ldexpl((long double)want.square, 2 * EXPONENT)));
    is_near(got->mean, ldexpl((long double)want.sum, EXPONENT) / (long double)n);
}

static void figures_are(const mlr_measure *m, uint64_t n)
{
    whole d = sums_over(n, true, true), o = sums_over(n, true, false);
    assert_int_equal(m->elements, n);
    is_near(m->delta.mean, ldexpl((long double)d.sum, EXPONENT) / (long double)n);
    is_near(m->delta.l1, ldexpl((long double)d.abs, EXPONENT));
    is_near(m->delta.l2, sqrtl(ldexpl((long double)d.square, 2 * EXPONENT)));
    is_near(m->delta.rmse,
            sqrtl(ldexpl((long double)d.square, 2 * EXPONENT) / (long double)n));
    is_near(m->delta.l2_relative,
            sqrtl((long double)d.square) / sqrtl((long double)o.square));
    is_near(m->delta.l1_relative, (long double)d.abs / (long double)o.abs);
    if ((m->have & MLR_HAVE_SIDES) != 0) {
        side_is(&m->old_side, n, o);
        side_is(&m->new_side, n, sums_over(n, false, true));
    }
}

static void measure(const side *o, const side *n, mlr_depth depth, unsigned lanes,
                    mlr_measure *out)
{
    mlr_heap heap;
    mlr_err err = {0};
    mlr_threads *threads = NULL;
    mlr_heap_init(&heap);
    if (lanes > 1) {
        mlr_threads_start(&threads, lanes, &heap.alloc, &err);
        assert_no_err(&err);
    }
    mlr_work work = {.alloc = &heap.alloc,
                     .exec = threads == NULL ? NULL : mlr_threads_exec(threads)};
    mlr_pair pair = {&o->model, &n->model, &o->tensor, &n->tensor};
    mlr_measure_options how = {.depth = depth};
    memset(out, 0, sizeof *out);
    (void)mlr_measure_pair(out, NULL, &pair, &how, &work, &err);
    assert_no_err(&err);
    mlr_threads_stop(threads);
    assert_int_equal(heap.used, 0);
}

static void sums_of_many_elements_are_right_and_the_same_on_any_threads(void **state)
{
    (void)state;
    const char *wish = getenv("MLR_SUMS");
    uint64_t dim = wish != NULL ? strtoull(wish, NULL, 10) : 10000000;
    side o, n;
    mlr_measure first, again;
    make_side(&o, &dim, old_units);
    make_side(&n, &dim, new_units);
    for (int depth = MLR_DEPTH_QUICK; depth <= MLR_DEPTH_FULL; depth++) {
        measure(&o, &n, (mlr_depth)depth, 1, &first);
        figures_are(&first, dim);
        for (unsigned lanes = 2; lanes <= 5; lanes += lanes == 2 ? 1 : 2) {
            measure(&o, &n, (mlr_depth)depth, lanes, &again);
            assert_memory_equal(&again.delta, &first.delta, sizeof first.delta);
            assert_memory_equal(&again.new_side, &first.new_side, sizeof first.new_side);
            assert_memory_equal(&again.bits, &first.bits, sizeof first.bits);
            assert_memory_equal(&again.ulps, &first.ulps, sizeof first.ulps);
        }
    }
    print_message("%llu elements\n", (unsigned long long)dim);
    free(o.data.twice);
    free(n.data.twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_many_elements_are_right_and_the_same_on_any_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
