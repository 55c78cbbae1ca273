#include "formats/unique_key.h"

#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"

/* A builder in the middle of a file of 1,000 bytes, the second of its model. */
typedef struct bench {
    mlr_heap heap;
    mlr_pool pool, scratch;
    mlr_builder *b;
    mlr_source source;
    mlr_parse parse;
    mlr_unique unique;
    mlr_err err;
} bench;

static void begin_file(bench *x, const char *name)
{
    mlr_builder_member(x->b, name, &mlr_format_opaque, &x->source, &x->parse.member,
                       &x->err);
    mlr_builder_begin_file(x->b, x->parse.member);
    mlr_unique_init(&x->unique, &x->parse);
}

static void begin(bench *x)
{
    *x = (bench){.source = {.size = 1000}};
    mlr_heap_init(&x->heap);
    mlr_pool_init(&x->pool, &x->heap.alloc);
    mlr_pool_init(&x->scratch, &x->heap.alloc);
    mlr_builder_begin(&x->b, &x->pool, &x->scratch, &x->err);
    x->parse = (mlr_parse){.builder = x->b, .scratch = &x->scratch, .size = 1000};
    begin_file(x, "one");
}

static void end(bench *x)
{
    mlr_pool_release(&x->pool);
    mlr_pool_release(&x->scratch);
}

static mlr_status add(bench *x, const char *key)
{
    mlr_tensor_spec t = {.key = {.p = key, .n = strlen(key)},
                         .dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                         .member = x->parse.member};
    return mlr_unique_tensor(&x->unique, &t, &x->err);
}

static void assert_key(const bench *x, uint32_t index, const char *key)
{
    const mlr_tensor *t = mlr_builder_tensor_at(x->b, index);
    assert_non_null(t);
    assert_int_equal(t->key.n, strlen(key));
    assert_memory_equal(t->key.p, key, strlen(key));
}

static void numbers_repeats_and_steps_over_keys_that_look_like_them(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    static const char *const added[] = {"W", "W#3", "W", "W", "W#3", "W"};
    static const char *const keys[] = {"W", "W#3", "W#2", "W#4", "W#3#2", "W#5"};
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(add(&x, added[i]), MLR_OK);
        assert_key(&x, i, keys[i]);
    }
    end(&x);
}

/* Another file's key gets the file's name before it; only the next repeat gets a number. */
static void leaves_keys_of_other_files_to_the_builder(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    assert_int_equal(add(&x, "W"), MLR_OK);
    begin_file(&x, "two");
    assert_int_equal(add(&x, "W"), MLR_OK);
    assert_int_equal(add(&x, "W"), MLR_OK);
    assert_key(&x, 0, "W");
    assert_key(&x, 1, "two:W");
    assert_key(&x, 2, "W#2");
    end(&x);
}

static void bounds_memory_by_the_file(void **state)
{
    (void)state;
    bench x;
    char key[4097];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    begin(&x);
    /* 4 MiB are free, and sixteen bytes for each of the file's thousand; a tensor costs
       128 bytes and its key. */
    const size_t fit = ((4 << 20) + 16 * 1000) / (4096 + 128);
    for (size_t i = 0; i < fit; i++) {
        assert_int_equal(add(&x, key), MLR_OK);
    }
    assert_int_equal(add(&x, key), MLR_E_LIMIT);
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_repeats_and_steps_over_keys_that_look_like_them),
        cmocka_unit_test(leaves_keys_of_other_files_to_the_builder),
        cmocka_unit_test(bounds_memory_by_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
