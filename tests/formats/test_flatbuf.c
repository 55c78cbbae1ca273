#include "formats/flatbuf.h"

#include <stdlib.h>

#include "apply/host/heap.h"
#include "formats/limits.h"
#include "tests/support/fb_build.h"
#include "tests/support/memory.h"
#include "tests/support/test.h"

typedef struct reader {
    fb_bytes file;
    mem_source source;
    mlr_heap heap;
    mlr_window window;
    mlr_fb fb;
    mlr_err err;
} reader;

static void begin(reader *r, const char *notation)
{
    *r = (reader){.file = fb_build(notation)};
    mlr_heap_init(&r->heap);
    mem_source_init(&r->source, r->file.data, r->file.n);
    mlr_window_init(&r->window, &r->source.source, &r->heap.alloc, &r->err);
    mlr_fb_init(&r->fb, &r->window, r->file.n, &r->err);
}

static void end(reader *r)
{
    mlr_window_release(&r->window);
    free(r->file.data);
}

/* Fields: 0 u8, 1 u32, 2 absent, 3 u64, 4 string, 5 vector of u16, 6 table, 7 tables. */
#define SAMPLE                                                                             \
    "%root ~4:00 vt: h20 h40 h36 h4 h0 h8 h16 h20 h24 h28 "                                \
    "root: <vt u32: =-2 u64: q-3 str: >str0 vec: >vec0 sub: >sub0 list: >list0 ~4:00 07 "  \
    "~3:00 str0: =2 'hi' 00 . vec0: =3 h1 h2 h3 . "                                        \
    "list0: =2 item: >sub0 >sub1 svt: h6 h8 h4 . sub0: <svt =5 sub1: <svt =6 "

static void reads_fields_and_defaults(void **state)
{
    (void)state;
    reader r;
    mlr_fb_table t;
    begin(&r, SAMPLE);
    assert_true(mlr_fb_root(&r.fb, &t));
    assert_int_equal(mlr_fb_u8(&r.fb, &t, 0, 9), 7);
    assert_int_equal(mlr_fb_u32(&r.fb, &t, 1, 9), UINT32_MAX - 1);
    assert_int_equal(mlr_fb_i32(&r.fb, &t, 1, 9), -2);
    assert_int_equal(mlr_fb_u32(&r.fb, &t, 2, 9), 9);    /* zero in the vtable */
    assert_int_equal(mlr_fb_i32(&r.fb, &t, 50, -9), -9); /* beyond the vtable */
    assert_true(mlr_fb_u64(&r.fb, &t, 3, 0) == UINT64_MAX - 2);
    assert_int_equal(mlr_fb_where(&r.fb, &t, 1, 4), fb_at(&r.file, "u32"));
    assert_int_equal(mlr_fb_where(&r.fb, &t, 2, 4), 0);
    assert_no_err(&r.err);
    end(&r);
}

static void follows_strings_vectors_and_tables(void **state)
{
    (void)state;
    reader r;
    mlr_fb_table t, sub;
    begin(&r, SAMPLE);
    assert_true(mlr_fb_root(&r.fb, &t));
    mlr_region s = mlr_fb_string(&r.fb, &t, 4);
    assert_int_equal(s.off, fb_at(&r.file, "str0+4"));
    assert_int_equal(s.len, 2);
    mlr_fb_vector v = mlr_fb_vec(&r.fb, &t, 5, 2);
    assert_int_equal(v.at, fb_at(&r.file, "vec0+4"));
    assert_int_equal(v.count, 3);
    assert_int_equal(mlr_fb_vec(&r.fb, &t, 2, 4).count, 0);
    assert_int_equal(mlr_fb_string(&r.fb, &t, 2).off, 0);
    assert_true(mlr_fb_child(&r.fb, &t, 6, &sub));
    assert_int_equal(mlr_fb_u32(&r.fb, &sub, 0, 0), 5);
    assert_false(mlr_fb_child(&r.fb, &t, 2, &sub));
    mlr_fb_vector list = mlr_fb_vec(&r.fb, &t, 7, 4);
    assert_true(mlr_fb_item(&r.fb, &list, 1, &sub));
    assert_int_equal(mlr_fb_u32(&r.fb, &sub, 0, 0), 6);
    assert_int_equal(r.fb.visits, 3);
    assert_no_err(&r.err);
    end(&r);
}

static void refuses_a_vector_that_its_width_carries_out_of_the_buffer(void **state)
{
    (void)state;
    reader r;
    mlr_fb_table t;
    begin(&r, SAMPLE);
    assert_true(mlr_fb_root(&r.fb, &t));
    assert_int_equal(mlr_fb_vec(&r.fb, &t, 5, 8).count, 3);
    assert_no_err(&r.err);
    assert_int_equal(mlr_fb_vec(&r.fb, &t, 5, 20).count, 0);
    assert_err(&r.err, MLR_E_TRUNCATED, fb_at(&r.file, "vec0"));
    end(&r);
}

static void bounds_elements_of_a_vector(void **state)
{
    (void)state;
    reader r;
    mlr_fb_table t;
    begin(&r, "%root ~4:00 vt: h6 h8 h4 . root: <vt >v v: =3 =-1 =5 bad: =6");
    assert_true(mlr_fb_root(&r.fb, &t));
    mlr_fb_vector v = mlr_fb_vec(&r.fb, &t, 0, 4);
    assert_true(mlr_fb_ints_within(&r.fb, &v, -1, 7, "small number"));
    assert_false(mlr_fb_ints_within(&r.fb, &v, -1, 6, "small number"));
    assert_err(&r.err, MLR_E_FORMAT, fb_at(&r.file, "bad"));
    end(&r);
}

/* Visits are allowed by the size of the buffer, and never beyond the limit of the build. */
static void counts_visits_however_often_a_table_is_shared(void **state)
{
    (void)state;
    reader r;
    mlr_fb_table t;
    begin(&r, SAMPLE);
    uint64_t limit = r.fb.limit;
    assert_int_equal(limit, 1024 + r.file.n / 4);
    for (uint64_t i = 0; i < limit; i++) {
        assert_true(mlr_fb_root(&r.fb, &t));
    }
    assert_false(mlr_fb_root(&r.fb, &t));
    assert_err(&r.err, MLR_E_LIMIT, 0);
    mlr_err none = {0};
    mlr_fb_init(&r.fb, &r.window, UINT32_MAX, &none);
    assert_int_equal(r.fb.limit, MLR_MAX_FLATBUF_TABLES);
    end(&r);
}

static void freezes_after_the_first_failure(void **state)
{
    (void)state;
    reader r;
    mlr_fb_table t;
    begin(&r, SAMPLE);
    assert_true(mlr_fb_root(&r.fb, &t));
    mlr_fail(&r.err, MLR_E_FORMAT, 1, "some rule");
    assert_int_equal(mlr_fb_u32(&r.fb, &t, 1, 9), 9);
    assert_int_equal(mlr_fb_vec(&r.fb, &t, 5, 2).count, 0);
    assert_false(mlr_fb_root(&r.fb, &t));
    assert_err(&r.err, MLR_E_FORMAT, 1);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_fields_and_defaults),
        cmocka_unit_test(follows_strings_vectors_and_tables),
        cmocka_unit_test(refuses_a_vector_that_its_width_carries_out_of_the_buffer),
        cmocka_unit_test(bounds_elements_of_a_vector),
        cmocka_unit_test(counts_visits_however_often_a_table_is_shared),
        cmocka_unit_test(freezes_after_the_first_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
