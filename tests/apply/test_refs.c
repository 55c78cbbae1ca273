/* Lists of references: what is read, what is refused, and walking them in any steps. */
#include "apply/refs.h"
#include "tests/support/test.h"

#include <string.h>

#include "tests/support/hand_patch.h"
#include "tests/support/memory.h"

enum { A_BYTES = 40, B_BYTES = 30 };

static uint8_t a_bytes[A_BYTES], b_bytes[B_BYTES];
static const uint64_t sizes[] = {A_BYTES, B_BYTES};

/* Reads a list, with one byte of something else behind it, at offset 100 of a patch. */
static mlr_status read_list(mlr_refs *r, const uint8_t *bytes, size_t n, uint32_t members,
                            mlr_err *err)
{
    mlr_cursor c = {.base = bytes, .size = n, .origin = 100, .err = err};
    return mlr_refs_read(r, &c, sizes, members);
}

static void expect_refusal(const uint8_t *bytes, size_t n, uint32_t members,
                           mlr_status status, uint64_t offset)
{
    mlr_err err = {0};
    mlr_refs r;
    read_list(&r, bytes, n, members, &err);
    assert_err(&err, status, offset);
}

static void refuses_what_is_not_inside_its_member(void **state)
{
    (void)state;
    /* count, then length * 2 + gap, (member), zigzag offset */
    expect_refusal((uint8_t[]){1, 82, 0}, 3, 1, MLR_E_FORMAT, 101);        /* 41 of 40 */
    expect_refusal((uint8_t[]){1, 2, 80}, 3, 1, MLR_E_FORMAT, 101);        /* at 40 */
    expect_refusal((uint8_t[]){1, 2, 1}, 3, 1, MLR_E_FORMAT, 101);         /* at -1 */
    expect_refusal((uint8_t[]){2, 2, 76, 4, 0}, 5, 1, MLR_E_FORMAT, 103);  /* 39 + 2 */
    expect_refusal((uint8_t[]){1, 62, 1, 0}, 4, 2, MLR_E_FORMAT, 101);     /* 31 of 30 */
    expect_refusal((uint8_t[]){1, 2, 2, 0}, 4, 2, MLR_E_LIMIT, 102);       /* no third */
    expect_refusal((uint8_t[]){1, 2, 0}, 3, 0, MLR_E_FORMAT, 101);         /* no base */
    expect_refusal((uint8_t[]){1, 0, 0}, 3, 1, MLR_E_FORMAT, 101);         /* empty copy */
    expect_refusal((uint8_t[]){1, 1}, 2, 1, MLR_E_FORMAT, 101);            /* empty gap */
    expect_refusal((uint8_t[]){0x81, 0x80, 0x40}, 3, 1, MLR_E_LIMIT, 100); /* 2^20 + 1 */
    expect_refusal((uint8_t[]){1, 2}, 2, 1, MLR_E_TRUNCATED, 102);
    expect_refusal((uint8_t[]){2, 2, 0}, 3, 1, MLR_E_TRUNCATED, 103);
}

static void refuses_lengths_that_wrap(void **state)
{
    (void)state;
    /* three gaps of 2^63 - 1 bytes */
    uint8_t list[31] = {3};
    for (size_t i = 1; i < 31; i++) {
        list[i] = i % 10 == 0 ? 1 : 0xff;
    }
    expect_refusal(list, sizeof list, 1, MLR_E_FORMAT, 121);
    /* a copy of 2^63 - 1 bytes whose end would wrap to a small number */
    uint8_t copy[12] = {1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 20};
    expect_refusal(copy, sizeof copy, 1, MLR_E_FORMAT, 101);
}

static void gives_the_same_bytes_in_any_steps(void **state)
{
    (void)state;
    static const mlr_ref refs[] = {
        {.off = 30, .len = 7},             /* forward */
        {.off = 3, .len = 5, .member = 1}, /* another member */
        {.len = 6, .gap = 1},
        {.off = 8, .len = 4, .member = 1}, /* right behind the last */
        {.off = 0, .len = 40},             /* back, and all of it */
        {.off = 1, .len = 1},
    };
    uint8_t want[63];
    memcpy(want, a_bytes + 30, 7);
    memcpy(want + 7, b_bytes + 3, 5);
    memset(want + 12, 0, 6);
    memcpy(want + 18, b_bytes + 8, 4);
    memcpy(want + 22, a_bytes, 40);
    want[62] = a_bytes[1];

    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_buf b;
    mlr_buf_init(&b, &heap.alloc);
    mlr_write_refs(&b, refs, 6, 2);
    mlr_buf_u8(&b, 77);
    mlr_err err = {0};
    mlr_refs r;
    read_list(&r, b.data, b.size, 2, &err);
    assert_no_err(&err);
    assert_int_equal(r.total, 63);
    assert_int_equal(r.size, b.size - 2); /* neither count nor what follows */

    mem_source a, second;
    mem_source_init(&a, a_bytes, A_BYTES);
    mem_source_init(&second, b_bytes, B_BYTES);
    const mlr_source *const base[] = {&a.source, &second.source};
    for (size_t step = 1; step <= 63; step++) {
        uint8_t got[63];
        mlr_refs_at at = {0};
        for (size_t done = 0; done < 63; done += step) {
            size_t n = 63 - done < step ? 63 - done : step;
            bool skip = done / step % 2 == 1; /* every other piece is only passed over */
            mlr_refs_at mark = at;
            mlr_refs_gather(&r, &at, base, skip ? NULL : got + done, n, &err);
            if (skip) {
                mlr_refs_gather(&r, &mark, base, got + done, n, &err);
                assert_int_equal(mark.pos, at.pos);
                assert_int_equal(mark.left, at.left);
            }
        }
        assert_no_err(&err);
        assert_memory_equal(got, want, 63);
    }
    mlr_refs_at at = {0};
    mlr_refs_gather(&r, &at, base, NULL, 64, &err);
    assert_err(&err, MLR_E_FORMAT, MLR_NO_OFFSET);
    mlr_buf_release(&b);
}

static void passes_on_a_base_that_cannot_be_read(void **state)
{
    (void)state;
    mlr_err err = {0};
    mlr_refs r;
    uint8_t list[] = {2, 10, 0, 10, 0}, got[10];
    read_list(&r, list, sizeof list, 1, &err);
    mem_source a;
    mem_source_init(&a, a_bytes, A_BYTES);
    a.fail_at = 2;
    const mlr_source *const base[] = {&a.source};
    mlr_refs_at at = {0};
    mlr_refs_gather(&r, &at, base, got, 10, &err);
    assert_int_equal(err.status, MLR_E_IO);
}

int main(void)
{
    for (size_t i = 0; i < A_BYTES; i++) {
        a_bytes[i] = (uint8_t)(200 + i);
    }
    for (size_t i = 0; i < B_BYTES; i++) {
        b_bytes[i] = (uint8_t)(100 + i);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_inside_its_member),
        cmocka_unit_test(refuses_lengths_that_wrap),
        cmocka_unit_test(gives_the_same_bytes_in_any_steps),
        cmocka_unit_test(passes_on_a_base_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
