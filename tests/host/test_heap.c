#include "apply/host/heap.h"

#include <stdint.h>
#include <string.h>

#include "apply/host/threads.h"
#include "tests/support/test.h"

static void use_and_peak_are_counted_in_bytes(void **state)
{
    (void)state;
    mlr_heap h;
    mlr_heap_init(&h);
    void *a = mlr_take(&h.alloc, 100);
    void *b = mlr_take(&h.alloc, 50);
    memset(a, 1, 100);
    memset(b, 1, 50);
    assert_int_equal(h.used, 150);
    mlr_give(&h.alloc, a, 100);
    assert_int_equal(h.used, 50);
    assert_int_equal(h.peak, 150);
    assert_int_equal(h.takes, 2);
    mlr_give(&h.alloc, b, 50);
    assert_int_equal(h.used, 0);
}

static void giving_nothing_changes_nothing(void **state)
{
    (void)state;
    mlr_heap h;
    mlr_heap_init(&h);
    mlr_give(&h.alloc, NULL, 100);
    h.alloc.give(h.alloc.ctx, NULL, 100);
    assert_int_equal(h.used, 0);
}

static void no_bytes_are_still_an_address(void **state)
{
    (void)state;
    mlr_heap h;
    mlr_heap_init(&h);
    void *p = mlr_take(&h.alloc, 0);
    assert_non_null(p);
    assert_int_equal(h.used, 0);
    mlr_give(&h.alloc, p, 0);
}

static void a_budget_holds_to_the_byte(void **state)
{
    (void)state;
    mlr_heap h;
    mlr_heap_init(&h);
    h.budget = 1000;
    void *a = mlr_take(&h.alloc, 600);
    assert_null(mlr_take(&h.alloc, 401));
    void *b = mlr_take(&h.alloc, 400);
    assert_non_null(b);
    assert_null(mlr_take(&h.alloc, 1));
    assert_null(mlr_take(&h.alloc, SIZE_MAX));
    assert_int_equal(h.used, 1000);
    mlr_give(&h.alloc, a, 600);
    a = mlr_take(&h.alloc, 600);
    assert_non_null(a);
    mlr_give(&h.alloc, a, 600);
    mlr_give(&h.alloc, b, 400);
    assert_int_equal(h.used, 0);
}

static void impossible_sizes_fail_and_are_not_booked(void **state)
{
    (void)state;
    mlr_heap h;
    mlr_heap_init(&h);
    void *p = mlr_take(&h.alloc, 10);
    assert_null(mlr_take(&h.alloc, SIZE_MAX));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_null(mlr_take(&h.alloc, SIZE_MAX / 2));
#endif
    assert_int_equal(h.used, 10);
    mlr_give(&h.alloc, p, 10);
}

static void the_nth_request_fails_once(void **state)
{
    (void)state;
    for (size_t nth = 1; nth <= 5; nth++) {
        mlr_heap h;
        mlr_heap_init(&h);
        h.fail_at = nth;
        for (size_t i = 1; i <= 5; i++) {
            void *p = mlr_take(&h.alloc, 8);
            assert_int_equal(p == NULL, i == nth);
            mlr_give(&h.alloc, p, 8);
        }
        assert_int_equal(h.used, 0);
    }
}

static void every_request_from_the_nth_on_fails(void **state)
{
    (void)state;
    mlr_heap h;
    mlr_heap_init(&h);
    h.fail_at = 3;
    h.fail_from_then_on = 1;
    for (size_t i = 1; i <= 6; i++) {
        void *p = mlr_take(&h.alloc, 8);
        assert_int_equal(p == NULL, i >= 3);
        mlr_give(&h.alloc, p, 8);
    }
}

typedef struct contest {
    mlr_heap heap;
    atomic_size_t refused;
    atomic_size_t beyond;
} contest;

static void take_and_give(void *arg, size_t i, unsigned lane)
{
    (void)lane;
    contest *c = arg;
    size_t n = 1 + i % 700;
    void *p = mlr_take(&c->heap.alloc, n);
    if (p == NULL) {
        c->refused++;
        return;
    }
    if (c->heap.used > 1000) {
        c->beyond++;
    }
    mlr_give(&c->heap.alloc, p, n);
}

static void threads_together_stay_inside_the_budget(void **state)
{
    (void)state;
    mlr_heap own;
    mlr_heap_init(&own);
    mlr_threads *t = NULL;
    assert_int_equal(mlr_threads_start(&t, 4, &own.alloc, NULL), MLR_OK);
    contest c;
    mlr_heap_init(&c.heap);
    c.refused = c.beyond = 0;
    c.heap.budget = 1000;
    mlr_exec_run(mlr_threads_exec(t), take_and_give, &c, 20000);
    assert_int_equal(c.beyond, 0);
    assert_int_equal(c.heap.used, 0);
    assert_int_equal(c.heap.takes, 20000);
    assert_true(c.heap.peak <= 1000 && c.heap.peak >= 700);
    mlr_threads_stop(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(use_and_peak_are_counted_in_bytes),
        cmocka_unit_test(giving_nothing_changes_nothing),
        cmocka_unit_test(no_bytes_are_still_an_address),
        cmocka_unit_test(a_budget_holds_to_the_byte),
        cmocka_unit_test(impossible_sizes_fail_and_are_not_booked),
        cmocka_unit_test(the_nth_request_fails_once),
        cmocka_unit_test(every_request_from_the_nth_on_fails),
        cmocka_unit_test(threads_together_stay_inside_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
