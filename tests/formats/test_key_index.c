#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/heap.h"
#include "formats/key_index.h"
#include "formats/place_sort.h"
#include "tests/support/rng.h"

enum { KEYS = 5000, PLACES = 3000 };

typedef struct bench {
    mlr_heap heap;
    mlr_pool pool;
    mlr_key_index index;
    char names[KEYS][16];
} bench;

static mlr_str key_of(const bench *x, uint32_t row)
{
    return (mlr_str){.p = x->names[row], .n = strlen(x->names[row])};
}

static bool same(const void *table, uint32_t row, mlr_str key)
{
    return mlr_str_same(key_of(table, row), key);
}

static bench *begin(void)
{
    static bench x;
    mlr_heap_init(&x.heap);
    mlr_pool_init(&x.pool, &x.heap.alloc);
    mlr_key_index_init(&x.index);
    for (uint32_t i = 0; i < KEYS; i++) {
        snprintf(x.names[i], sizeof x.names[i], "key%u", (unsigned)i);
    }
    return &x;
}

static uint32_t find(const bench *x, mlr_str key)
{
    return mlr_key_find(&x->index, mlr_key_tag(&x->index, key), key, same, x);
}

static void insert(bench *x, uint32_t row)
{
    assert_true(
        mlr_key_insert(&x->index, mlr_key_tag(&x->index, key_of(x, row)), &x->pool));
}

static void finds_every_key_and_no_other(void **state)
{
    (void)state;
    bench *x = begin();
    assert_int_equal(find(x, key_of(x, 0)), MLR_NO_TENSOR);
    for (uint32_t i = 0; i < KEYS; i++) {
        insert(x, i);
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_int_equal(find(x, key_of(x, i)), i);
    }
    assert_int_equal(find(x, (mlr_str){.p = "key", .n = 3}), MLR_NO_TENSOR);
    assert_int_equal(find(x, (mlr_str){.p = "key5000", .n = 7}), MLR_NO_TENSOR);
    assert_int_equal(find(x, (mlr_str){.p = NULL, .n = 0}), MLR_NO_TENSOR);
    mlr_pool_release(&x->pool);
}

static void newest_keys_can_be_taken_back_in_turn(void **state)
{
    (void)state;
    bench *x = begin();
    for (uint32_t i = 0; i < KEYS; i++) {
        insert(x, i);
    }
    for (uint32_t i = KEYS; i-- > 100;) {
        mlr_key_remove_last(&x->index, mlr_key_tag(&x->index, key_of(x, i)));
        assert_int_equal(find(x, key_of(x, i)), MLR_NO_TENSOR);
    }
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(find(x, key_of(x, i)), i);
    }
    insert(x, 100);
    assert_int_equal(find(x, key_of(x, 100)), 100);
    mlr_pool_release(&x->pool);
}

static void two_indexes_hash_differently(void **state)
{
    (void)state;
    mlr_key_index a, b;
    mlr_key_index_init(&a);
    mlr_key_index_init(&b);
    assert_true(a.seed[0] != b.seed[0] || a.seed[1] != b.seed[1]);
}

static void missing_memory_leaves_the_index_as_it_was(void **state)
{
    (void)state;
    bench *x = begin();
    x->heap.budget = 64 << 10;
    uint32_t n = 0;
    while (n < KEYS &&
           mlr_key_insert(&x->index, mlr_key_tag(&x->index, key_of(x, n)), &x->pool)) {
        n++;
    }
    assert_true(n > 64 && n < KEYS);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(find(x, key_of(x, i)), i);
    }
    mlr_pool_release(&x->pool);
}

static void sorts_by_member_offset_and_rank(void **state)
{
    (void)state;
    static mlr_place at[PLACES];
    mlr_heap heap;
    mlr_pool pool;
    rng r = rng_new(7);
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    for (size_t n = 0; n < PLACES; n = n * 2 + 1) {
        uint64_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            at[i] = (mlr_place){.off = rng_below(&r, 50) << 40,
                                .member = (uint32_t)rng_below(&r, 3),
                                .rank = (uint32_t)i};
            sum += at[i].off + i;
        }
        const mlr_place *p = mlr_place_sort(at, n, &pool);
        for (size_t i = 0; i < n; i++) {
            sum -= p[i].off + p[i].rank;
            if (i > 0 && p[i - 1].member == p[i].member) {
                assert_true(p[i - 1].off < p[i].off ||
                            (p[i - 1].off == p[i].off && p[i - 1].rank < p[i].rank));
            } else if (i > 0) {
                assert_true(p[i - 1].member < p[i].member);
            }
        }
        assert_int_equal(sum, 0);
    }
    mlr_pool_release(&pool);
}

static void sorted_places_need_no_memory(void **state)
{
    (void)state;
    mlr_place at[3] = {{1, 0, 0}, {1, 0, 1}, {0, 1, 2}};
    mlr_place bad[2] = {{2, 0, 0}, {1, 0, 1}};
    mlr_heap heap;
    mlr_pool pool;
    mlr_heap_init(&heap);
    heap.fail_at = 1;
    mlr_pool_init(&pool, &heap.alloc);
    assert_ptr_equal(mlr_place_sort(at, 3, &pool), at);
    assert_null(mlr_place_sort(bad, 2, &pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_key_and_no_other),
        cmocka_unit_test(newest_keys_can_be_taken_back_in_turn),
        cmocka_unit_test(two_indexes_hash_differently),
        cmocka_unit_test(missing_memory_leaves_the_index_as_it_was),
        cmocka_unit_test(sorts_by_member_offset_and_rank),
        cmocka_unit_test(sorted_places_need_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
