#include "formats/strmap.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"

static mlr_str str(const char *s)
{
    return (mlr_str){.p = s, .n = strlen(s)};
}

static void keeps_values_by_key_in_order_of_insertion(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_pool pool;
    mlr_strmap m;
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    mlr_strmap_init(&m, &pool);
    assert_null(mlr_strmap_find(&m, str("a")));
    *mlr_strmap_at(&m, str("b")) = 2;
    *mlr_strmap_at(&m, str("a")) = 1;
    ++*mlr_strmap_at(&m, str("b"));
    assert_int_equal(*mlr_strmap_find(&m, str("a")), 1);
    assert_int_equal(*mlr_strmap_find(&m, str("b")), 3);
    assert_null(mlr_strmap_find(&m, str("")));
    assert_int_equal(m.index.count, 2);
    assert_memory_equal(m.row[0].key.p, "b", 1);
    assert_memory_equal(m.row[1].key.p, "a", 1);
    mlr_pool_release(&pool);
    assert_int_equal(heap.used, 0);
}

static void tells_keys_apart_by_every_byte(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_pool pool;
    mlr_strmap m;
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    mlr_strmap_init(&m, &pool);
    *mlr_strmap_at(&m, (mlr_str){.p = "a\0b", .n = 3}) = 1;
    *mlr_strmap_at(&m, (mlr_str){.p = "a\0c", .n = 3}) = 2;
    *mlr_strmap_at(&m, (mlr_str){.p = "a", .n = 1}) = 3;
    *mlr_strmap_at(&m, (mlr_str){.p = "", .n = 0}) = 4;
    assert_int_equal(*mlr_strmap_find(&m, (mlr_str){.p = "a\0b", .n = 3}), 1);
    assert_int_equal(*mlr_strmap_find(&m, (mlr_str){.p = "a\0c", .n = 3}), 2);
    assert_int_equal(*mlr_strmap_find(&m, str("a")), 3);
    assert_int_equal(*mlr_strmap_find(&m, str("")), 4);
    mlr_pool_release(&pool);
}

static void grows_and_finds_ten_thousand(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_pool pool;
    mlr_strmap m;
    char key[16];
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    mlr_strmap_init(&m, &pool);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%u", i);
        *mlr_strmap_at(&m, str(key)) = i;
    }
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%u", i);
        assert_int_equal(*mlr_strmap_find(&m, str(key)), i);
    }
    assert_null(mlr_strmap_find(&m, str("10000")));
    mlr_pool_release(&pool);
}

static void says_when_memory_is_gone(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        mlr_heap heap;
        mlr_pool pool;
        mlr_strmap m;
        mlr_heap_init(&heap);
        heap.fail_at = n;
        mlr_pool_init(&pool, &heap.alloc);
        mlr_strmap_init(&m, &pool);
        bool failed = false;
        for (unsigned i = 0; i < 500 && !failed; i++) {
            failed = mlr_strmap_at(&m, (mlr_str){.p = (const char *)&i, .n = 4}) == NULL;
        }
        assert_int_equal(failed, heap.takes >= n);
        mlr_pool_release(&pool);
        assert_int_equal(heap.used, 0);
        if (!failed) {
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_values_by_key_in_order_of_insertion),
        cmocka_unit_test(tells_keys_apart_by_every_byte),
        cmocka_unit_test(grows_and_finds_ten_thousand),
        cmocka_unit_test(says_when_memory_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
