/* Headers, chunks and record headers: each rule with its status and offset. */
#include "apply/patch_read.h"
#include "tests/support/test.h"

#include <string.h>

#include "apply/patch_format.h"
#include "tests/support/hand_patch.h"
#include "tests/support/memory.h"

/* --- the header ----------------------------------------------------------------------- */

/*
 * Offsets in the header of start(): the body begins at 12 with the writer's version (length
 * and 5 bytes), the version of libzstd (1 byte: 0), strategies, records, tensors and seven
 * needs of one byte each, then the base: count at 29, size 30, digest 31, length of the
 * name 63, name 64.
 */
enum { AT_STRATEGIES = 19, AT_NEED = 22, AT_NAME = 63 };

static uint8_t header[512];
static size_t header_n;

static void start(void)
{
    hand_patch h;
    hand_patch_begin(&h);
    hand_patch_base(&h, "a/b.c", "old", 3);
    hand_patch_target(&h, "n", "new bytes", 9);
    hand_patch_end(&h);
    header_n = MLR_PATCH_PREFIX + mlr_load32(h.file.data + 8) + 8;
    assert_true(header_n <= sizeof header);
    memcpy(header, h.file.data, header_n);
    hand_patch_release(&h);
}

static void expect_header(mlr_status status, uint64_t offset)
{
    mlr_patch_header h;
    mlr_err err = {0};
    mlr_patch_header_read(&h, header, header_n, &err);
    assert_err(&err, status, offset);
    assert_int_equal(err.domain, MLR_IN_PATCH);
}

static void set(size_t at, uint8_t v)
{
    start();
    header[at] = v;
    hand_patch_seal_header(header);
}

static void reads_a_header(void **state)
{
    (void)state;
    start();
    mlr_patch_header h;
    mlr_err err = {0};
    mlr_patch_header_read(&h, header, header_n, &err);
    assert_no_err(&err);
    assert_int_equal(h.base_count, 1);
    assert_int_equal(h.target_count, 1);
    assert_int_equal(h.new_bytes, 9);
    assert_int_equal(h.header_bytes, header_n);
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    assert_true(mlr_patch_base(&h, &iter, &m));
    assert_int_equal(m.size, 3);
    assert_int_equal(m.name_bytes, 5);
    assert_memory_equal(m.name, "a/b.c", 5);
    assert_false(mlr_patch_base(&h, &iter, &m));
}

static void refuses_a_header_by_rule(void **state)
{
    (void)state;
    set(0, 'X');
    expect_header(MLR_E_FORMAT, 0);
    set(4, 0);
    expect_header(MLR_E_UNSUPPORTED, 4);
    set(4, 2);
    expect_header(MLR_E_UNSUPPORTED, 4);
    set(5, 2);
    expect_header(MLR_E_UNSUPPORTED, 5);
    set(6, 1);
    expect_header(MLR_E_UNSUPPORTED, 5);
    start();
    mlr_store32(header + 8, MLR_MAX_PATCH_HEADER + 1);
    expect_header(MLR_E_LIMIT, 8);
    start();
    header[20] ^= 1; /* not sealed */
    expect_header(MLR_E_FORMAT, header_n - 8);
    set(12, 65);
    expect_header(MLR_E_LIMIT, 12);
    set(AT_NEED, 0x80); /* runs on into the next number: everything shifts by one */
    mlr_err err = {0};
    mlr_patch_header h;
    assert_int_not_equal(mlr_patch_header_read(&h, header, header_n, &err), MLR_OK);
    set(AT_NAME, 6); /* takes a byte of what follows */
    err = (mlr_err){0};
    assert_int_not_equal(mlr_patch_header_read(&h, header, header_n, &err), MLR_OK);
    start();
    mlr_store32(header + 8,
                mlr_load32(header + 8) + 1); /* a byte more than the body says */
    memmove(header + header_n - 7, header + header_n - 8, 8);
    header_n++;
    hand_patch_seal_header(header);
    expect_header(MLR_E_FORMAT, header_n - 9);
}

static void refuses_a_header_cut_anywhere(void **state)
{
    (void)state;
    start();
    for (size_t n = 0; n < header_n; n++) {
        mlr_patch_header h;
        mlr_err err = {0};
        mlr_patch_header_read(&h, header, n, &err);
        assert_err(&err, MLR_E_TRUNCATED, n);
    }
}

static void refuses_names_that_leave_their_directory(void **state)
{
    (void)state;
    static const char *const bad[] = {"/b.c.",
                                      "../bc",
                                      "a/../",
                                      "a/./b",
                                      "a//bc",
                                      ".\0b.c",
                                      "a/b./",
                                      "a\\b.c",
                                      "a/\nbc",
                                      "a/..\0",
                                      "a/b\x7f"
                                      "c"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        start();
        memcpy(header + AT_NAME + 1, bad[i], 5);
        hand_patch_seal_header(header);
        expect_header(MLR_E_FORMAT, AT_NAME);
    }
    set(AT_NAME + 1, '.'); /* "./b.c" */
    expect_header(MLR_E_FORMAT, AT_NAME);
    start(); /* ".../b" is odd, but stays */
    memcpy(header + AT_NAME + 1, ".../b", 5);
    hand_patch_seal_header(header);
    mlr_patch_header h;
    mlr_err err = {0};
    assert_int_equal(mlr_patch_header_read(&h, header, header_n, &err), MLR_OK);
}

static void refuses_strategies_it_does_not_know(void **state)
{
    (void)state;
    start();
    /* Strategy 63: nine bytes in place of one. */
    static const uint8_t many[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1};
    memmove(header + AT_STRATEGIES + 10, header + AT_STRATEGIES + 1,
            header_n - AT_STRATEGIES - 1);
    memcpy(header + AT_STRATEGIES, many, sizeof many);
    header_n += 9;
    mlr_store32(header + 8, mlr_load32(header + 8) + 9);
    hand_patch_seal_header(header);
    mlr_patch_header h;
    mlr_err err = {0};
    mlr_patch_header_read(&h, header, header_n, &err);
    assert_err(&err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET);
    assert_int_equal(err.found, 63);
    assert_int_equal(mlr_exit_code(&err), 9);
}

/* --- chunks --------------------------------------------------------------------------- */

static mlr_status next(const uint8_t *bytes, size_t n, mlr_chunk *chunk, mlr_err *err)
{
    static uint8_t buffer[16];
    static mem_stream s;
    mem_stream_init(&s, bytes, n);
    s.most = 1;
    mlr_chunks c = {.stream = &s.stream,
                    .buffer = buffer,
                    .room = sizeof buffer,
                    .offset = 1000,
                    .err = err};
    mlr_status status = mlr_chunks_next(&c, chunk);
    uint8_t content[8];
    return status == MLR_OK ? mlr_chunks_content(&c, chunk, content, 8) : status;
}

static void refuses_chunks_by_rule(void **state)
{
    (void)state;
    mlr_chunk chunk;
    mlr_err err = {0};
    next((uint8_t[]){2, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 7, &chunk, &err);
    assert_err(&err, MLR_E_FORMAT, 1000); /* six bytes of length */
    err = (mlr_err){0};
    next((uint8_t[]){2, 9}, 2, &chunk, &err);
    assert_err(&err, MLR_E_LIMIT, 1000); /* more than the header announced */
    assert_int_equal(err.found, 9);
    assert_int_equal(err.limit, 8);
    err = (mlr_err){0};
    next((uint8_t[]){2, 3, 'a', 'b'}, 4, &chunk, &err);
    assert_err(&err, MLR_E_TRUNCATED, 1004);
    err = (mlr_err){0};
    next((uint8_t[]){2, 1, 'a', 0, 0, 0, 0}, 7, &chunk, &err);
    assert_err(&err, MLR_E_FORMAT, 1000); /* check */
}

/* --- records -------------------------------------------------------------------------- */

static mlr_patch_header limits(void)
{
    return (mlr_patch_header){.need = {.record_bytes = 100,
                                       .work_terms = 64,
                                       .block_bytes = 100,
                                       .block_new = 64,
                                       .block_old = 64,
                                       .glue_new = 16},
                              .strategies = 1u << MLR_STRATEGY_raw |
                                            1u << MLR_STRATEGY_copy |
                                            1u << MLR_STRATEGY_xor,
                              .base_count = 1};
}

static mlr_status read_head(mlr_record_head *r, const uint8_t *bytes, size_t n, bool glue,
                            mlr_err *err)
{
    static const uint64_t size = 64;
    mlr_patch_header h = limits();
    mlr_cursor c = {.base = bytes, .size = n, .origin = 500, .err = err};
    return mlr_record_read(r, &c, &h, &size, glue);
}

static mlr_status read_record(const uint8_t *bytes, size_t n, bool glue, mlr_err *err)
{
    mlr_record_head r;
    return read_head(&r, bytes, n, glue, err);
}

/* strategy, type, flags, glue, new bytes, row, level, dictionary, references, block, model
 */
#define RECORD(...) (uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})

static void expect_record(const uint8_t *bytes, size_t n, mlr_status status,
                          uint64_t offset)
{
    mlr_err err = {0};
    read_record(bytes, n, false, &err);
    assert_err(&err, status, offset);
}

static void refuses_records_by_rule(void **state)
{
    (void)state;
    const uint8_t opaque = mlr_dtype_get(MLR_DTYPE_OPAQUE)->id;
    const uint8_t f32 = mlr_dtype_get(MLR_DTYPE_F32)->id,
                  f16 = mlr_dtype_get(MLR_DTYPE_F16)->id;
    mlr_err err = {0};
    read_record(RECORD(0, opaque, 0, 0, 32, 0, 0, 0, 0, 16, 0), false, &err);
    assert_no_err(&err);
    /* strategies: one that the header leaves out, one that does not exist */
    expect_record(RECORD(2, opaque, 0, 0, 32, 0, 0, 0, 0, 16, 0), MLR_E_FORMAT, 500);
    expect_record(RECORD(250, opaque, 0, 0, 32, 0, 0, 0, 0, 16, 0), MLR_E_FORMAT, 500);
    expect_record(RECORD(0, 255, 0, 0, 32, 0, 0, 0, 0, 16, 0), MLR_E_UNSUPPORTED, 501);
    expect_record(RECORD(0, opaque, 4, 0, 32, 0, 0, 0, 0, 16, 0), MLR_E_UNSUPPORTED, 502);
    expect_record(RECORD(0, opaque, 0, 0, 32, 0, 0, 1, 0, 16, 0), MLR_E_FORMAT, 500);
    expect_record(RECORD(0, opaque, 0, 0, 32, 0, 0, 0, 0, 0, 0), MLR_E_FORMAT, 509);
    expect_record(RECORD(0, opaque, 0, 0, 99, 0, 0, 0, 0, 65, 0), MLR_E_LIMIT, 509);
    expect_record(RECORD(0, f32, 0, 0, 32, 0, 0, 0, 0, 15, 0), MLR_E_FORMAT, 509);
    expect_record(RECORD(0, opaque, 2, 0, 65, 0, 0, 0, 0, 0), MLR_E_LIMIT, 509);
    /* references: none where they are needed, too few, too many, of the wrong ratio */
    expect_record(RECORD(1, opaque, 0, 0, 32, 0, 0, 0, 0, 16, 0), MLR_E_FORMAT, 500);
    expect_record(RECORD(1, opaque, 0, 0, 32, 0, 0, 0, 1, 62, 0, 16, 0), MLR_E_FORMAT, 500);
    expect_record(RECORD(1, opaque, 0, 0, 32, 0, 0, 0, 1, 66, 0, 16, 0), MLR_E_FORMAT, 500);
    expect_record(RECORD(4, f32, 1, f16, 0, 32, 0, 0, 0, 1, 64, 0, 16, 0), MLR_E_FORMAT,
                  500);
    expect_record(RECORD(4, f32, 1, f16, 0, 30, 0, 0, 0, 1, 30, 0, 16, 0), MLR_E_FORMAT,
                  500);
    /* an announced block that needs more old bytes than were announced */
    expect_record(RECORD(4, f16, 1, f32, 0, 32, 0, 0, 0, 1, 128, 1, 0, 34, 0), MLR_E_LIMIT,
                  500);
    /* model and payload */
    expect_record(RECORD(0, opaque, 0, 0, 32, 0, 0, 0, 0, 16, 1), MLR_E_TRUNCATED, 511);
    expect_record(RECORD(0, opaque, 0, 0, 32, 0, 0, 0, 0, 16, 2), MLR_E_LIMIT, 510);
    expect_record(RECORD(0, opaque, 0, 0, 32, 0, 0, 0, 0, 16, 0, 9), MLR_E_FORMAT, 500);
    expect_record(RECORD(0, opaque, 2, 0, 0, 0, 0, 0, 0, 0, 9), MLR_E_FORMAT, 500);
    expect_record(RECORD(0, opaque, 0), MLR_E_TRUNCATED, 503);
    err = (mlr_err){0}; /* a copy that converts comes in blocks, another does not */
    mlr_record_head r;
    read_head(&r, RECORD(1, f32, 1, f16, 0, 32, 0, 0, 0, 1, 32, 0, 16, 0), false, &err);
    assert_no_err(&err);
    assert_int_equal(r.blocks, 2);
    read_head(&r, RECORD(1, f32, 0, 0, 32, 0, 0, 0, 1, 64, 0, 16, 0), false, &err);
    assert_no_err(&err);
    assert_int_equal(r.blocks, 0);
    err = (mlr_err){0}; /* a glue block has its own limit */
    read_record(RECORD(0, 17, 0, 0, 0, 0), true, &err);
    assert_err(&err, MLR_E_LIMIT, 505);
}

/* mix with 64 slots, 64 flags, few sets of weights and nothing else:
   4 * (64 + 64) + 4 * 77 = 820, whatever the structures of this build take. */
static void holds_records_to_the_announced_memory_terms(void **state)
{
    (void)state;
    static const uint64_t size = 64;
    const uint8_t record[] = {11, 0, 0, 0, 32, 0, 0, 0, 0, 16, 5, 6, 6, 0, 15, 1};
    for (uint64_t announced = 819; announced <= 821; announced++) {
        mlr_patch_header h = limits();
        h.strategies = 1u << MLR_STRATEGY_mix;
        h.need.work_terms = announced;
        mlr_err err = {0};
        mlr_record_head r;
        mlr_cursor c = {.base = record, .size = sizeof record, .err = &err};
        mlr_record_read(&r, &c, &h, &size, false);
        if (announced < 820) {
            assert_err(&err, MLR_E_LIMIT, 0);
            assert_int_equal(err.found, 820);
            continue;
        }
        assert_no_err(&err);
        assert_int_equal(r.need.terms.work, 820);
        assert_int_equal(r.need.work_bytes, 820 + r.record.decoder->own_work);
        assert_int_equal(r.need.state_bytes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_header),
        cmocka_unit_test(refuses_a_header_by_rule),
        cmocka_unit_test(refuses_a_header_cut_anywhere),
        cmocka_unit_test(refuses_names_that_leave_their_directory),
        cmocka_unit_test(refuses_strategies_it_does_not_know),
        cmocka_unit_test(refuses_chunks_by_rule),
        cmocka_unit_test(refuses_records_by_rule),
        cmocka_unit_test(holds_records_to_the_announced_memory_terms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
