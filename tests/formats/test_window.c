#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "apply/host/file.h"
#include "apply/host/heap.h"
#include "formats/window.h"
#include "tests/support/memory.h"
#include "tests/support/rng.h"

enum { SIZE = 20 * MLR_WINDOW_BYTES + 12345, HALF = MLR_WINDOW_BYTES / 2 };

/* A window over bytes that all differ from their neighbours, without a view. */
typedef struct bench {
    uint8_t *data;
    mem_source source;
    mlr_heap heap;
    mlr_window window;
    mlr_err err;
} bench;

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 31 + (i >> 8) * 7);
}

static void begin(bench *x)
{
    *x = (bench){0};
    x->data = malloc(SIZE);
    assert_non_null(x->data);
    for (size_t i = 0; i < SIZE; i++) {
        x->data[i] = byte_at(i);
    }
    mem_source_init(&x->source, x->data, SIZE);
    mlr_heap_init(&x->heap);
    mlr_window_init(&x->window, &x->source.source, &x->heap.alloc, &x->err);
    assert_no_err(&x->err);
}

static void end(bench *x)
{
    mlr_window_release(&x->window);
    mlr_window_release(&x->window); /* twice is fine */
    assert_int_equal(x->heap.used, 0);
    free(x->data);
}

static void shows_every_range_as_it_is(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    rng r = rng_new(1);
    for (int i = 0; i < 20000; i++) {
        size_t n = (size_t)rng_below(&r, i % 10 == 0 ? HALF + 1 : 64);
        uint64_t off = rng_below(&r, SIZE - n + 1);
        const uint8_t *p = mlr_window_at(&x.window, off, n, "bytes", &x.err);
        assert_no_err(&x.err);
        assert_memory_equal(p, x.data + off, n);
    }
    end(&x);
}

static void memory_does_not_grow_with_the_file(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    for (uint64_t off = 0; off + 8 <= SIZE; off += 1000) {
        mlr_window_at(&x.window, off, 8, "bytes", &x.err);
    }
    assert_int_equal(x.heap.peak, MLR_WINDOW_SLOTS * MLR_WINDOW_BYTES);
    end(&x);
}

static void reading_forward_reads_each_byte_about_once(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    for (uint64_t off = 0; off + 4 <= SIZE; off += 4) {
        mlr_window_at(&x.window, off, 4, "bytes", &x.err);
    }
    assert_true(x.source.reads <= SIZE / MLR_WINDOW_BYTES + 1);
    end(&x);
}

static void eight_places_stay_cached_and_the_oldest_goes(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t k = 0; k < MLR_WINDOW_SLOTS; k++) {
            mlr_window_at(&x.window, k * MLR_WINDOW_BYTES, 8, "bytes", &x.err);
        }
    }
    assert_int_equal(x.source.reads, MLR_WINDOW_SLOTS);
    mlr_window_at(&x.window, 0, 8, "bytes", &x.err); /* now slot 1 is the oldest */
    mlr_window_at(&x.window, 9 * MLR_WINDOW_BYTES, 8, "bytes", &x.err);
    assert_int_equal(x.source.reads, MLR_WINDOW_SLOTS + 1);
    mlr_window_at(&x.window, 0, 8, "bytes", &x.err);
    assert_int_equal(x.source.reads, MLR_WINDOW_SLOTS + 1);
    mlr_window_at(&x.window, MLR_WINDOW_BYTES, 8, "bytes", &x.err);
    assert_int_equal(x.source.reads, MLR_WINDOW_SLOTS + 2);
    end(&x);
}

static void ends_at_the_last_byte(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    assert_non_null(mlr_window_at(&x.window, SIZE - 1, 1, "last", &x.err));
    assert_non_null(mlr_window_at(&x.window, SIZE, 0, "nothing", &x.err));
    assert_no_err(&x.err);
    assert_null(mlr_window_at(&x.window, SIZE, 1, "one more", &x.err));
    assert_err(&x.err, MLR_E_TRUNCATED, SIZE);
    assert_string_equal(x.err.rule, "one more");
    x.err = (mlr_err){0};
    assert_null(mlr_window_at(&x.window, UINT64_MAX, 2, "wraps", &x.err));
    assert_err(&x.err, MLR_E_TRUNCATED, UINT64_MAX);
    x.err = (mlr_err){0};
    assert_null(mlr_window_at(&x.window, 0, HALF + 1, "too much", &x.err));
    assert_err(&x.err, MLR_E_INTERNAL, 0);
    end(&x);
}

static void failing_read_is_passed_on_and_not_cached(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    x.source.fail_at = 1;
    assert_null(mlr_window_at(&x.window, 10, 4, "bytes", &x.err));
    assert_int_equal(x.err.status, MLR_E_IO);
    x.err = (mlr_err){0};
    const uint8_t *p = mlr_window_at(&x.window, 10, 4, "bytes", &x.err);
    assert_no_err(&x.err);
    assert_memory_equal(p, x.data + 10, 4);
    end(&x);
}

static void missing_memory_is_an_error(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    x.heap.fail_at = 1;
    assert_null(mlr_window_at(&x.window, 10, 4, "bytes", &x.err));
    assert_int_equal(x.err.status, MLR_E_NO_MEMORY);
    end(&x);
}

static void source_with_a_view_needs_no_memory(void **state)
{
    (void)state;
    static const uint8_t data[100] = {1, 2, 3};
    mlr_bytes bytes;
    mlr_window w;
    mlr_heap heap;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    mlr_bytes_init(&bytes, data, sizeof data);
    mlr_window_init(&w, &bytes.source, &heap.alloc, &err);
    assert_ptr_equal(mlr_window_at(&w, 1, 50, "bytes", &err), data + 1);
    assert_int_equal(heap.takes, 0);
    mlr_window_release(&w);
}

/* 01 | 0302 | 07060504 | 0f...08 | ac02 = 300 */
static const uint8_t numbers[] = {1,  2,  3,  4,  5,  6,  7,    8, 9,
                                  10, 11, 12, 13, 14, 15, 0xac, 2};

static mlr_walk walk_over(mlr_window *w, mlr_bytes *b, const void *data, size_t n,
                          mlr_err *err)
{
    mlr_bytes_init(b, data, n);
    mlr_window_init(w, &b->source, NULL, err);
    return (mlr_walk){.window = w, .end = n, .err = err};
}

static void walk_reads_numbers_in_both_byte_orders(void **state)
{
    (void)state;
    mlr_window win;
    mlr_bytes b;
    mlr_err err = {0};
    mlr_walk w = walk_over(&win, &b, numbers, sizeof numbers, &err);
    assert_int_equal(mlr_walk_u8(&w, "u8"), 1);
    assert_int_equal(mlr_walk_u16(&w, "u16"), 0x0302);
    assert_int_equal(mlr_walk_u32(&w, "u32"), 0x07060504);
    assert_true(mlr_walk_u64(&w, "u64") == 0x0f0e0d0c0b0a0908);
    assert_int_equal(mlr_walk_varint(&w, "varint"), 300);
    assert_int_equal(w.pos, w.end);
    assert_no_err(&err);
    w = walk_over(&win, &b, numbers, sizeof numbers, &err);
    w.big_endian = true;
    assert_int_equal(mlr_walk_u8(&w, "u8"), 1);
    assert_int_equal(mlr_walk_u16(&w, "u16"), 0x0203);
    assert_int_equal(mlr_walk_u32(&w, "u32"), 0x04050607);
    assert_true(mlr_walk_u64(&w, "u64") == 0x08090a0b0c0d0e0f);
    assert_no_err(&err);
}

static void walk_freezes_at_its_first_failure(void **state)
{
    (void)state;
    mlr_window win;
    mlr_bytes b;
    mlr_err err = {0};
    mlr_walk w = walk_over(&win, &b, numbers, sizeof numbers, &err);
    w.end = 6;
    mlr_walk_u32(&w, "first");
    assert_int_equal(mlr_walk_u32(&w, "second"), 0);
    assert_err(&err, MLR_E_TRUNCATED, 4);
    assert_string_equal(err.rule, "second");
    assert_int_equal(mlr_walk_u8(&w, "third"), 0);
    assert_int_equal(mlr_walk_varint(&w, "fourth"), 0);
    mlr_walk_skip(&w, 1, "fifth");
    assert_int_equal(w.pos, 4);
    assert_err(&err, MLR_E_TRUNCATED, 4);
}

static void walk_skips_and_reads_within_its_end(void **state)
{
    (void)state;
    mlr_window win;
    mlr_bytes b;
    mlr_err err = {0};
    uint8_t to[8] = {0};
    mlr_walk w = walk_over(&win, &b, numbers, sizeof numbers, &err);
    mlr_walk_skip(&w, 10, "skip");
    assert_true(mlr_walk_read(&w, to, 3, "read"));
    assert_int_equal(to[2], 13);
    mlr_walk_skip(&w, UINT64_MAX, "far");
    assert_err(&err, MLR_E_TRUNCATED, 13);
    err = (mlr_err){0};
    assert_false(mlr_walk_read(&w, to, 5, "more"));
    assert_err(&err, MLR_E_TRUNCATED, 13);
    assert_int_equal(w.pos, 13); /* nothing is read where not all is there */
}

static void walk_reads_more_than_a_window(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    uint8_t *to = malloc(SIZE);
    assert_non_null(to);
    mlr_walk w = {.window = &x.window, .pos = 1, .end = SIZE, .err = &x.err};
    assert_true(mlr_walk_read(&w, to, SIZE - 1, "all"));
    assert_memory_equal(to, x.data + 1, SIZE - 1);
    free(to);
    end(&x);
}

static void varints_have_at_most_64_bits(void **state)
{
    (void)state;
    static const uint8_t most[] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 1};
    static const uint8_t over[] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 2};
    static const uint8_t endless[] = {128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0};
    mlr_window win;
    mlr_bytes b;
    mlr_err err = {0};
    mlr_walk w = walk_over(&win, &b, most, sizeof most, &err);
    assert_true(mlr_walk_varint(&w, "varint") == UINT64_MAX);
    assert_no_err(&err);
    w = walk_over(&win, &b, over, sizeof over, &err);
    mlr_walk_varint(&w, "varint");
    assert_err(&err, MLR_E_FORMAT, 0);
    err = (mlr_err){0};
    w = walk_over(&win, &b, endless, sizeof endless, &err);
    mlr_walk_varint(&w, "varint");
    assert_err(&err, MLR_E_FORMAT, 0);
    err = (mlr_err){0};
    w = walk_over(&win, &b, endless, 3, &err);
    mlr_walk_varint(&w, "varint");
    assert_err(&err, MLR_E_TRUNCATED, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_every_range_as_it_is),
        cmocka_unit_test(memory_does_not_grow_with_the_file),
        cmocka_unit_test(reading_forward_reads_each_byte_about_once),
        cmocka_unit_test(eight_places_stay_cached_and_the_oldest_goes),
        cmocka_unit_test(ends_at_the_last_byte),
        cmocka_unit_test(failing_read_is_passed_on_and_not_cached),
        cmocka_unit_test(missing_memory_is_an_error),
        cmocka_unit_test(source_with_a_view_needs_no_memory),
        cmocka_unit_test(walk_reads_numbers_in_both_byte_orders),
        cmocka_unit_test(walk_freezes_at_its_first_failure),
        cmocka_unit_test(walk_skips_and_reads_within_its_end),
        cmocka_unit_test(walk_reads_more_than_a_window),
        cmocka_unit_test(varints_have_at_most_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
