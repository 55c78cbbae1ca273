#include "formats/protobuf.h"

#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/memory.h"
#include "tests/support/pb_build.h"
#include "tests/support/test.h"

typedef struct reader {
    pb_bytes file;
    mem_source source;
    mlr_heap heap;
    mlr_window window;
    mlr_walk walk;
    mlr_err err;
} reader;

static void begin(reader *r, const char *notation)
{
    *r = (reader){.file = pb_build(notation)};
    mlr_heap_init(&r->heap);
    mem_source_init(&r->source, r->file.data, r->file.n);
    mlr_window_init(&r->window, &r->source.source, &r->heap.alloc, &r->err);
    r->walk = (mlr_walk){.window = &r->window, .end = r->file.n, .err = &r->err};
}

static void end(reader *r)
{
    mlr_window_release(&r->window);
    free(r->file.data);
}

static void reads_the_four_kinds_of_value(void **state)
{
    (void)state;
    reader r;
    mlr_pb_field f;
    begin(&r, "08 96 01  12{'abc'}  1d 04030201  21 0807060504030201  28 ~9:ff 01");
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_int_equal(f.number, 1);
    assert_int_equal(f.wire, MLR_PB_VARINT);
    assert_int_equal(f.value, 150); /* the encoding guide's own example */
    assert_int_equal(f.at, 0);
    assert_int_equal(f.bytes.off, 1);
    assert_int_equal(f.bytes.len, 2);
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_int_equal(f.number, 2);
    assert_int_equal(f.wire, MLR_PB_BYTES);
    assert_int_equal(f.bytes.off, 5);
    assert_int_equal(f.bytes.len, 3);
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_int_equal(f.number, 3);
    assert_int_equal(f.value, 0x01020304);
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_int_equal(f.number, 4);
    assert_int_equal(f.value, 0x0102030405060708);
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_int_equal(f.value, UINT64_MAX);
    assert_false(mlr_pb_next(&r.walk, &f));
    assert_no_err(&r.err);
    end(&r);
}

static void walks_inside_a_field_and_no_further(void **state)
{
    (void)state;
    reader r;
    mlr_pb_field f, inner;
    begin(&r, "0a{ 10 07 18 09 } 10 01");
    assert_true(mlr_pb_next(&r.walk, &f));
    mlr_walk w = mlr_pb_inside(&r.walk, f.bytes);
    assert_true(mlr_pb_next(&w, &inner));
    assert_int_equal(inner.value, 7);
    assert_true(mlr_pb_next(&w, &inner));
    assert_int_equal(inner.value, 9);
    assert_false(mlr_pb_next(&w, &inner));
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_int_equal(f.at, 6);
    end(&r);
}

/* Running past the file is truncation; past the message around it is a broken rule. */
static void tells_a_cut_file_from_a_broken_message(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        mlr_status outer, inner;
        uint64_t at;
    } rows[] = {
        {"0a{ @10 } 18 00", MLR_OK, MLR_E_FORMAT, 2},
        {"0a{ 12 05 00 } 18 00", MLR_OK, MLR_E_FORMAT, 2},
        {"0a{ 1d 00 } 18 00", MLR_OK, MLR_E_FORMAT, 2},
        {"0a{ 12 05 00 }", MLR_OK, MLR_E_TRUNCATED, 2},
        {"0a 09 00", MLR_E_TRUNCATED, MLR_OK, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        reader r;
        mlr_pb_field f;
        begin(&r, rows[i].file);
        bool read = mlr_pb_next(&r.walk, &f);
        assert_int_equal(read, rows[i].outer == MLR_OK);
        if (read) {
            mlr_walk w = mlr_pb_inside(&r.walk, f.bytes);
            assert_false(mlr_pb_next(&w, &f));
        }
        assert_err(&r.err, read ? rows[i].inner : rows[i].outer, rows[i].at);
        end(&r);
    }
}

static void freezes_after_the_first_failure(void **state)
{
    (void)state;
    reader r;
    mlr_pb_field f;
    begin(&r, "0b 08 01");
    assert_false(mlr_pb_next(&r.walk, &f));
    assert_false(mlr_pb_next(&r.walk, &f));
    assert_err(&r.err, MLR_E_FORMAT, 0);
    end(&r);
}

static void expects_the_wire_type_it_is_told(void **state)
{
    (void)state;
    reader r;
    mlr_pb_field f;
    begin(&r, "10 01 08 01");
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_true(mlr_pb_expect(&r.walk, &f, MLR_PB_VARINT));
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_false(mlr_pb_expect(&r.walk, &f, MLR_PB_BYTES));
    assert_err(&r.err, MLR_E_FORMAT, 2);
    end(&r);
}

/* Skipping a payload reads none of it. */
static void skips_large_fields_without_reading_them(void **state)
{
    (void)state;
    reader r;
    mlr_pb_field f;
    begin(&r, "0a{ ~2000000:55 } 10 2a");
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_int_equal(f.bytes.len, 2000000);
    assert_true(mlr_pb_next(&r.walk, &f));
    assert_int_equal(f.value, 42);
    assert_int_equal(r.source.reads, 2);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_four_kinds_of_value),
        cmocka_unit_test(walks_inside_a_field_and_no_further),
        cmocka_unit_test(tells_a_cut_file_from_a_broken_message),
        cmocka_unit_test(freezes_after_the_first_failure),
        cmocka_unit_test(expects_the_wire_type_it_is_told),
        cmocka_unit_test(skips_large_fields_without_reading_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
