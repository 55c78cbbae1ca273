/* How an applier ends: cancelled, failed, done, without its dictionary, at a broken pipe.
 */
#include "apply/apply.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "apply/patch_format.h"
#include "tests/support/hand_patch.h"
#include "tests/support/memory.h"

enum { BASE = 64, LARGE = 20000, DICT = 40 };

static uint8_t base[BASE], target[LARGE], dict[DICT];

typedef struct run {
    hand_patch patch;
    mlr_patch_header header;
    mem_source source;
    const mlr_source *sources[1];
    mem_stream stream;
    mem_sink sink;
    mlr_target target;
    mlr_apply_io io;
    mlr_dict_bytes given[1];
    uint8_t *arena;
    mlr_apply *apply;
    mlr_err err;
} run;

static mlr_status on_open(void *ctx, uint32_t index, const mlr_patch_member *m,
                          mlr_err *err)
{
    (void)ctx, (void)index, (void)m, (void)err;
    return MLR_OK;
}

static mlr_status on_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    run *r = ctx;
    return r->sink.sink.write(r->sink.sink.ctx, src, n, err);
}

static mlr_status on_close(void *ctx, uint32_t index, mlr_err *err)
{
    (void)ctx, (void)index, (void)err;
    return MLR_OK;
}

/* A patch of one record with its bytes inline: longer than the input buffer. */
static void begin_patch(run *r)
{
    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < LARGE; i++) {
        target[i] = (uint8_t)(i * 31 + i / 256);
    }
    memset(base, 7, sizeof base);
    memset(dict, 9, sizeof dict);
    hand_patch_begin(&r->patch);
    hand_patch_base(&r->patch, "old", base, BASE);
    hand_patch_target(&r->patch, "new", target, LARGE);
}

static void add_record(run *r)
{
    hand_patch_record(
        &r->patch,
        &(hand_record){.new_bytes = LARGE, .payload = target, .payload_bytes = LARGE});
}

/* The patch is complete: everything up to the first step. */
static mlr_status begin(run *r)
{
    mlr_apply_need need;
    hand_patch_end(&r->patch);
    const uint8_t *p = r->patch.file.data;
    if (mlr_patch_header_read(&r->header, p, r->patch.file.size, &r->err) != MLR_OK ||
        mlr_apply_need_of(&r->header, NULL, 1, &need, &r->err) != MLR_OK) {
        return r->err.status;
    }
    mem_source_init(&r->source, base, BASE);
    r->sources[0] = &r->source.source;
    mem_stream_init(&r->stream, p + r->header.header_bytes,
                    r->patch.file.size - r->header.header_bytes);
    mem_sink_init(&r->sink);
    r->target =
        (mlr_target){.ctx = r, .open = on_open, .write = on_write, .close = on_close};
    r->io = (mlr_apply_io){.patch = &r->stream.stream,
                           .base = r->sources,
                           .target = &r->target,
                           .dicts = r->given};
    r->arena = malloc((size_t)need.arena_bytes);
    return mlr_apply_begin(&r->apply, r->arena, (size_t)need.arena_bytes, 1, &r->header,
                           &r->io, &r->err);
}

static void end(run *r)
{
    free(r->arena);
    mem_sink_release(&r->sink);
    hand_patch_release(&r->patch);
}

static bool never(void *ctx, uint64_t done, uint64_t total)
{
    (void)ctx, (void)done, (void)total;
    return false;
}

static void stays_done(void **state)
{
    (void)state;
    run r;
    begin_patch(&r);
    add_record(&r);
    assert_int_equal(begin(&r), MLR_OK);
    assert_int_equal(mlr_apply_run(r.apply, NULL, &r.err), MLR_OK);
    assert_no_err(&r.err);
    assert_int_equal(r.sink.n, LARGE);
    assert_memory_equal(r.sink.data, target, LARGE);
    assert_int_equal(mlr_apply_step(r.apply, &r.err), MLR_OK);
    assert_int_equal(r.sink.n, LARGE);
    end(&r);
}

static void can_be_cancelled_before_anything_is_written(void **state)
{
    (void)state;
    run r;
    mlr_tick tick = {.keep_going = never};
    begin_patch(&r);
    add_record(&r);
    assert_int_equal(begin(&r), MLR_OK);
    assert_int_equal(mlr_apply_run(r.apply, &tick, &r.err), MLR_E_CANCELLED);
    assert_int_equal(r.sink.n, 0);
    end(&r);
}

static void fails_again_as_it_failed_first(void **state)
{
    (void)state;
    run r;
    begin_patch(&r);
    add_record(&r);
    assert_int_equal(begin(&r), MLR_OK);
    r.stream.fail_at = 1;
    assert_int_equal(mlr_apply_run(r.apply, NULL, &r.err), MLR_E_IO);
    mlr_err again = {0};
    assert_int_equal(mlr_apply_step(r.apply, &again), MLR_E_IO);
    assert_string_equal(again.rule, r.err.rule);
    end(&r);
}

/* A payload larger than the buffer is read straight to its place. */
static void tells_where_a_long_read_broke(void **state)
{
    (void)state;
    for (size_t keep = 0; keep < 3; keep++) {
        run r;
        begin_patch(&r);
        add_record(&r);
        assert_int_equal(begin(&r), MLR_OK);
        r.stream.most = 3000;
        r.stream.n = 9000 + keep * 3000; /* the pipe ends here */
        assert_int_equal(mlr_apply_run(r.apply, NULL, &r.err), MLR_E_TRUNCATED);
        assert_int_equal(r.err.offset, r.header.header_bytes + r.stream.n);
        end(&r);
        begin_patch(&r);
        add_record(&r);
        assert_int_equal(begin(&r), MLR_OK);
        r.stream.most = 3000;
        r.stream.fail_at = 2 + keep;
        assert_int_equal(mlr_apply_run(r.apply, NULL, &r.err), MLR_E_IO);
        assert_int_equal(r.sink.n, 0);
        end(&r);
    }
}

/* --- dictionaries ----------------------------------------------------------------------
 */

/* A patch that names a dictionary, and a record that is coded with it. */
static void begin_with_dict(run *r, bool embedded)
{
    mlr_sha256 hash;
    begin_patch(r);
    r->patch.desc.dicts = &r->patch.dict;
    r->patch.desc.dict_count = 1;
    r->patch.dict = (mlr_dict_desc){.data = embedded ? dict : NULL, .size = DICT};
    mlr_sha256_begin(&hash, NULL);
    mlr_sha256_add(&hash, dict, DICT);
    mlr_sha256_end(&hash, r->patch.dict.sha256);
}

static void add_dict_record(run *r)
{
    mlr_record rec = {.decoder = mlr_decoder_get(MLR_STRATEGY_raw),
                      .dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                      .old_dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                      .new_bytes = LARGE,
                      .block_new = LARGE,
                      .block_old = LARGE,
                      .dict = 1};
    mlr_write_record(&r->patch.content, &rec, 0, false, NULL, 0, 1);
    mlr_patch_writer_need(&r->patch.writer, &rec, &(mlr_decoder_need){0}, 0);
    hand_patch_chunk(&r->patch, MLR_CHUNK_RECORD, NULL, 0);
    hand_patch_chunk(&r->patch, MLR_CHUNK_BLOCK, target, LARGE);
}

static void names_the_dictionary_that_nobody_gave(void **state)
{
    (void)state;
    run r;
    begin_with_dict(&r, false);
    add_dict_record(&r);
    assert_int_equal(begin(&r), MLR_OK);
    assert_int_equal(mlr_apply_run(r.apply, NULL, &r.err), MLR_E_UNSUPPORTED);
    assert_string_equal(r.err.rule, "the dictionary that the patch names");
    end(&r);
    begin_with_dict(&r, false);
    add_dict_record(&r);
    r.given[0] = (mlr_dict_bytes){.data = dict, .size = DICT};
    assert_int_equal(begin(&r), MLR_OK);
    mlr_apply_run(r.apply, NULL, &r.err);
    assert_no_err(&r.err);
    assert_memory_equal(r.sink.data, target, LARGE);
    end(&r);
}

static void proves_an_embedded_dictionary(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        uint8_t change;
        mlr_status status;
    } cases[] = {{DICT, 0, MLR_OK},
                 {DICT, 1, MLR_E_VERIFY},
                 {DICT - 1, 0, MLR_E_FORMAT},
                 {DICT + 1, 0, MLR_E_FORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run r;
        uint8_t bytes[DICT + 1];
        memset(bytes, 9, sizeof bytes);
        bytes[5] ^= cases[i].change;
        begin_with_dict(&r, true);
        hand_patch_chunk(&r.patch, MLR_CHUNK_DICT, bytes, cases[i].n);
        add_dict_record(&r);
        assert_int_equal(begin(&r), MLR_OK);
        assert_int_equal(mlr_apply_run(r.apply, NULL, &r.err), cases[i].status);
        assert_int_equal(r.sink.n, cases[i].status == MLR_OK ? LARGE : 0);
        end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_done),
        cmocka_unit_test(can_be_cancelled_before_anything_is_written),
        cmocka_unit_test(fails_again_as_it_failed_first),
        cmocka_unit_test(tells_where_a_long_read_broke),
        cmocka_unit_test(names_the_dictionary_that_nobody_gave),
        cmocka_unit_test(proves_an_embedded_dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
