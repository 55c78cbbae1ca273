#include "apply/base/pool.h"

#include <stdalign.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_pool p;
    mlr_pool_init(&p, &heap.alloc);
    rng r = rng_new(5);
    unsigned char *at[2000];
    size_t n[2000];
    for (size_t i = 0; i < 2000; i++) {
        n[i] = (size_t)rng_below(&r, i % 100 == 0 ? 20000 : 90);
        at[i] = mlr_pool_take(&p, n[i]);
        assert_non_null(at[i]);
        assert_int_equal((uintptr_t)at[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < n[i]; j++) {
            assert_int_equal(at[i][j], 0);
        }
        memset(at[i], (int)(i & 0xff), n[i]);
    }
    for (size_t i = 0; i < 2000; i++) {
        for (size_t j = 0; j < n[i]; j++) {
            assert_int_equal(at[i][j], i & 0xff);
        }
    }
    assert_int_equal(p.total, heap.used);
    mlr_pool_release(&p);
    assert_int_equal(heap.used, 0);
}

static void a_copy_ends_in_nul_and_keeps_nuls_inside(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_pool p;
    mlr_pool_init(&p, &heap.alloc);
    char *s = mlr_pool_copy(&p, "a\0b", 3);
    assert_memory_equal(s, "a\0b\0", 4);
    assert_string_equal(mlr_pool_copy(&p, NULL, 0), "");
    mlr_pool_release(&p);
}

static void sizes_that_would_wrap_are_refused(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_pool p;
    mlr_pool_init(&p, &heap.alloc);
    assert_null(mlr_pool_take(&p, SIZE_MAX));
    assert_null(mlr_pool_take(&p, SIZE_MAX - 8));
    assert_null(mlr_pool_take(&p, SIZE_MAX / 4 + 1));
    assert_null(mlr_pool_copy(&p, "x", SIZE_MAX));
    assert_int_equal(heap.takes, 0);
    mlr_pool_release(&p);
}

static void small_pieces_share_few_chunks(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_pool p;
    mlr_pool_init(&p, &heap.alloc);
    for (int i = 0; i < 100000; i++) {
        assert_non_null(mlr_pool_take(&p, 64));
    }
    assert_true(heap.takes < 20);
    assert_true(p.total < 2 * 6400000);
    mlr_pool_release(&p);
}

static void every_failing_allocation_is_told_and_leaks_nothing(void **state)
{
    (void)state;
    for (size_t nth = 1; nth <= 8; nth++) {
        mlr_heap heap;
        mlr_heap_init(&heap);
        heap.fail_at = nth;
        mlr_pool p;
        mlr_pool_init(&p, &heap.alloc);
        int refused = 0;
        for (int i = 0; i < 2000; i++) {
            refused += mlr_pool_take(&p, 200) == NULL;
        }
        assert_int_equal(refused, heap.takes >= nth);
        mlr_pool_release(&p);
        mlr_pool_release(&p);
        assert_int_equal(heap.used, 0);
    }
}

static void releasing_a_zeroed_pool_is_harmless(void **state)
{
    (void)state;
    mlr_pool p = {0};
    mlr_pool_release(&p);
    assert_null(p.chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_copy_ends_in_nul_and_keeps_nuls_inside),
        cmocka_unit_test(sizes_that_would_wrap_are_refused),
        cmocka_unit_test(small_pieces_share_few_chunks),
        cmocka_unit_test(every_failing_allocation_is_told_and_leaks_nothing),
        cmocka_unit_test(releasing_a_zeroed_pool_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
