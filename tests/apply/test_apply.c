/* The applier on patches made by hand: what it makes, and all that it refuses. */
#include "apply/apply.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/threads.h"
#include "apply/patch_format.h"
#include "tests/support/apply_run.h"
#include "tests/support/hand_patch.h"

enum { BASE = 256, FIRST = 8 + 64 + 53, SECOND = 10 + 4 + 6, TARGET = FIRST + SECOND };

static uint8_t base[BASE], target[TARGET];
static mlr_heap heap;
static mlr_threads *threads;

static const mlr_ref whole_ref = {.off = 16, .len = 64};

/*
 * Two members: glue, a copy, a record of blocks | an inline record, glue, a copy of
 * nothing.
 */
static void make_bytes(void)
{
    for (size_t i = 0; i < BASE; i++) {
        base[i] = (uint8_t)(i * 7 + 3);
    }
    for (size_t i = 0; i < TARGET; i++) {
        target[i] = (uint8_t)(i * 13 + 5);
    }
    memcpy(target + 8, base + 16, 64);
}

static void add_copy(hand_patch *h)
{
    hand_patch_record(h, &(hand_record){.glue_before = 8,
                                        .new_bytes = 64,
                                        .block = 32,
                                        .strategy = MLR_STRATEGY_copy,
                                        .refs = &whole_ref,
                                        .ref_count = 1});
}

static void add_blocks(hand_patch *h)
{
    hand_patch_record(h, &(hand_record){.new_bytes = 53, .block = 16});
    for (size_t at = 0; at < 53; at += 16) {
        hand_patch_chunk(h, MLR_CHUNK_BLOCK, target + 72 + at, at + 16 < 53 ? 16 : 53 - at);
    }
}

/* Begins a patch with both files named. */
static void start(hand_patch *h)
{
    hand_patch_begin(h);
    hand_patch_base(h, "old.bin", base, BASE);
    hand_patch_target(h, "a.bin", target, FIRST);
    hand_patch_target(h, "b.bin", target + FIRST, SECOND);
}

static void add_glue(hand_patch *h, size_t at, size_t n)
{
    hand_patch_glue(
        h, &(hand_record){.new_bytes = n, .payload = target + at, .payload_bytes = n});
}

static void add_inline(hand_patch *h)
{
    hand_patch_record(
        h, &(hand_record){.new_bytes = 10, .payload = target + FIRST, .payload_bytes = 10});
}

static void make_good(hand_patch *h)
{
    start(h);
    add_copy(h);
    add_glue(h, 0, 8);
    add_blocks(h);
    add_inline(h);
    add_glue(h, FIRST + 10, 10);
    hand_patch_chunk(h, MLR_CHUNK_INDEX, "names", 5);
    hand_patch_end(h);
}

static apply_run run_of(const hand_patch *h)
{
    return (apply_run){.base = {base},
                       .base_bytes = {BASE},
                       .patch = h->file.data,
                       .patch_bytes = h->file.size};
}

static void expect_target(const apply_run *r)
{
    apply_outcome o;
    apply_run_do(r, &o);
    assert_no_err(&o.err);
    assert_int_equal(o.overran, 0);
    assert_int_equal(o.opened, 2);
    assert_int_equal(o.closed, 2);
    assert_int_equal(o.out.n, TARGET);
    assert_memory_equal(o.out.data, target, TARGET);
    apply_outcome_release(&o);
}

static void makes_every_member_for_any_lanes_and_reads(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    for (unsigned lanes = 1; lanes <= 5; lanes++) {
        for (size_t most = 0; most <= 7; most++) {
            apply_run r = run_of(&h);
            r.lanes = lanes;
            r.most = most;
            expect_target(&r);
            r.exec =
                mlr_threads_exec(threads); /* has three lanes, whatever the arena has */
            expect_target(&r);
        }
    }
    hand_patch_release(&h);
}

static void uses_its_arena_to_the_last_byte_and_refuses_one_less(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    for (unsigned lanes = 1; lanes <= 3; lanes++) {
        apply_run r = run_of(&h);
        apply_outcome o;
        r.lanes = lanes;
        r.less = 1;
        apply_run_do(&r, &o);
        assert_err(&o.err, MLR_E_NO_MEMORY, MLR_NO_OFFSET);
        assert_int_equal(o.err.limit, o.need.arena_bytes);
        assert_int_equal(o.err.found, o.need.arena_bytes - 1);
        assert_int_equal(o.opened, 0);
        assert_int_equal(o.out.writes, 0);
        apply_outcome_release(&o);
    }
    hand_patch_release(&h);
}

static void goes_on_from_any_byte_of_an_earlier_run(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    for (size_t done = 0; done <= TARGET; done++) {
        for (unsigned lanes = 1; lanes <= 2; lanes++) {
            apply_run r = run_of(&h);
            apply_outcome o;
            r.lanes = lanes;
            r.done = target;
            r.done_bytes = done;
            apply_run_do(&r, &o);
            assert_no_err(&o.err);
            assert_int_equal(o.out.n, TARGET - done);
            assert_memory_equal(o.out.data == NULL ? target : o.out.data,
                                o.out.data == NULL ? target : target + done, TARGET - done);
            apply_outcome_release(&o);
        }
    }
    hand_patch_release(&h);
}

static void refuses_an_earlier_run_of_something_else(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    uint8_t wrong[TARGET];
    memcpy(wrong, target, TARGET);
    wrong[100] ^= 1;
    apply_run r = run_of(&h);
    apply_outcome o;
    r.done = wrong;
    r.done_bytes = TARGET;
    apply_run_do(&r, &o);
    assert_err(&o.err, MLR_E_VERIFY, MLR_NO_OFFSET);
    apply_outcome_release(&o);
    hand_patch_release(&h);
}

static void checks_the_base_before_any_output(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    for (size_t i = 0; i < BASE; i++) {
        uint8_t wrong[BASE];
        memcpy(wrong, base, BASE);
        wrong[i] ^= 0x10;
        apply_run r = run_of(&h);
        apply_outcome o;
        r.base[0] = wrong;
        apply_run_do(&r, &o);
        assert_err(&o.err, MLR_E_BASE, MLR_NO_OFFSET);
        assert_string_equal(o.err.subject, "old.bin");
        assert_int_equal(o.opened, 0);
        apply_outcome_release(&o);
    }
    apply_run r = run_of(&h);
    apply_outcome o;
    r.base_bytes[0] = BASE - 1;
    apply_run_do(&r, &o);
    assert_err(&o.err, MLR_E_BASE, MLR_NO_OFFSET);
    assert_int_equal(o.steps, 0);
    apply_outcome_release(&o);
    hand_patch_release(&h);
}

static void passes_on_what_the_target_says(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    for (unsigned lanes = 1; lanes <= 3; lanes++) {
        apply_run r = run_of(&h);
        apply_outcome o;
        r.lanes = lanes;
        r.refuse_write = 3;
        apply_run_do(&r, &o);
        assert_int_equal(o.err.status, MLR_E_NO_SPACE);
        assert_int_equal(o.out.writes, 2);
        apply_outcome_release(&o);
    }
    hand_patch_release(&h);
}

/* --- damage --------------------------------------------------------------------------- */

/* Whatever the damage: a documented refusal, or the right bytes. Says whether refused. */
static bool refused_or_right(const uint8_t *patch, size_t n, unsigned lanes)
{
    apply_outcome o;
    apply_run_do(&(apply_run){.base = {base},
                              .base_bytes = {BASE},
                              .patch = patch,
                              .patch_bytes = n,
                              .lanes = lanes,
                              .memory_limit = 1 << 20},
                 &o);
    int code = mlr_exit_code(&o.err);
    bool known = code == 0 || code == 3 || code == 4 || code == 5 || code == 9 ||
                 (code == 8 && o.need.arena_bytes > 1 << 20);
    if (!known) {
        assert_no_err(&o.err);
    }
    if (code == 0) {
        assert_int_equal(o.out.n, TARGET);
        assert_memory_equal(o.out.data, target, TARGET);
    }
    assert_int_equal(o.overran, 0);
    apply_outcome_release(&o);
    return code != 0;
}

static void refuses_every_flipped_byte(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    for (size_t i = 0; i < h.file.size; i++) {
        for (unsigned x = 1; x < 256; x++) {
            h.file.data[i] ^= (uint8_t)x;
            if (!refused_or_right(h.file.data, h.file.size, 1 + x % 2)) {
                fail_msg("byte %zu may be changed by %02x", i, x);
            }
            h.file.data[i] ^= (uint8_t)x;
        }
    }
    hand_patch_release(&h);
}

static void refuses_every_truncation_and_every_extension(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    for (size_t n = 0; n < h.file.size; n++) {
        assert_true(refused_or_right(h.file.data, n, 1 + (unsigned)(n % 2)));
    }
    mlr_buf_add(&h.file, "", 1);
    assert_true(refused_or_right(h.file.data, h.file.size, 1));
    hand_patch_release(&h);
}

/* Checks that lie no longer protect: the rules behind them must. */
static void survives_damage_under_right_checks(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    size_t starts[HAND_CHUNKS];
    size_t chunks = hand_patch_chunks(h.file.data, h.file.size, starts);
    uint8_t *copy = malloc(h.file.size);
    assert_non_null(copy);
    for (size_t i = MLR_PATCH_PREFIX; i < h.file.size; i++) {
        for (unsigned x = 1; x < 256; x++) {
            memcpy(copy, h.file.data, h.file.size);
            copy[i] ^= (uint8_t)x;
            size_t c = 0;
            while (c + 1 < chunks && starts[c + 1] <= i) {
                c++;
            }
            if (i < starts[0]) {
                hand_patch_seal_header(copy);
            } else if (i >= starts[c] + 2 && i + 4 < starts[c + 1]) {
                hand_patch_seal_chunk(copy, starts[c]);
            }
            refused_or_right(copy, h.file.size, 1 + x % 3);
        }
    }
    free(copy);
    hand_patch_release(&h);
}

/* Writes chunk order[0], order[1] ... behind the header. */
static size_t splice(const hand_patch *h, const size_t *starts, const size_t *order,
                     size_t n, uint8_t *to)
{
    size_t at = starts[0];
    memcpy(to, h->file.data, at);
    for (size_t i = 0; i < n; i++) {
        size_t from = starts[order[i]], len = starts[order[i] + 1] - from;
        memcpy(to + at, h->file.data + from, len);
        at += len;
    }
    return at;
}

static void refuses_chunks_swapped_doubled_and_left_out(void **state)
{
    (void)state;
    hand_patch h;
    make_good(&h);
    size_t starts[HAND_CHUNKS], order[HAND_CHUNKS];
    size_t n = hand_patch_chunks(h.file.data, h.file.size, starts);
    uint8_t *to = malloc(2 * h.file.size);
    assert_non_null(to);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            for (size_t k = 0; k < n; k++) { /* i and j exchanged */
                order[k] = k == i ? j : k == j ? i : k;
            }
            size_t bytes = splice(&h, starts, order, n, to);
            assert_int_equal(refused_or_right(to, bytes, 2), i != j);
            for (size_t k = 0; k <= n; k++) { /* j once more before i */
                order[k] = k < i ? k : k == i ? j : k - 1;
            }
            bytes = splice(&h, starts, order, n + 1, to);
            assert_true(refused_or_right(to, bytes, 2));
        }
        for (size_t k = 0; k + 1 < n; k++) {
            order[k] = k < i ? k : k + 1;
        }
        size_t bytes = splice(&h, starts, order, n - 1, to);
        bool is_index = h.file.data[starts[i]] == MLR_CHUNK_INDEX; /* nobody relies on it */
        assert_int_equal(refused_or_right(to, bytes, 2), !is_index);
    }
    free(to);
    hand_patch_release(&h);
}

/* --- rules, one by one ---------------------------------------------------------------- */

/* Ends the patch, applies it, and expects this refusal, at chunk number `chunk`. */
static void expect_refusal(hand_patch *h, mlr_status status, size_t chunk, const char *rule)
{
    hand_patch_end(h);
    size_t starts[HAND_CHUNKS];
    size_t n = hand_patch_chunks(h->file.data, h->file.size, starts);
    for (unsigned lanes = 1; lanes <= 2; lanes++) {
        apply_run r = run_of(h);
        apply_outcome o;
        r.lanes = lanes;
        apply_run_do(&r, &o);
        if (o.err.rule == NULL || strcmp(o.err.rule, rule) != 0) {
            print_message("wanted: %s\n", rule);
            assert_err(&o.err, status, 0);
        }
        assert_err(&o.err, status, chunk < n ? starts[chunk] : MLR_NO_OFFSET);
        assert_int_equal(o.overran, 0);
        apply_outcome_release(&o);
    }
    hand_patch_release(h);
}

enum { NOWHERE = HAND_CHUNKS };

static void refuses_what_chunks_may_not_do(void **state)
{
    (void)state;
    hand_patch h;
    start(&h);
    hand_patch_chunk(&h, 9, "x", 1);
    expect_refusal(&h, MLR_E_UNSUPPORTED, 0, "chunk type of this version");

    start(&h);
    hand_patch_chunk(&h, MLR_CHUNK_BLOCK, "x", 1); /* belongs to no record */
    expect_refusal(&h, MLR_E_UNSUPPORTED, 0, "chunk type of this version");

    start(&h);
    add_copy(&h);
    hand_patch_chunk(&h, MLR_CHUNK_INDEX, "x", 1);
    expect_refusal(&h, MLR_E_FORMAT, 1, "glue that a record waits for");

    start(&h);
    hand_patch_record(&h, &(hand_record){.new_bytes = 32, .block = 16});
    hand_patch_chunk(&h, MLR_CHUNK_BLOCK, target, 16);
    hand_patch_chunk(&h, MLR_CHUNK_INDEX, target, 16);
    expect_refusal(&h, MLR_E_FORMAT, 2, "a block of the current record");

    start(&h);
    hand_patch_chunk(&h, MLR_CHUNK_INDEX, "x", 1);
    add_glue(&h, 0, 8);
    expect_refusal(&h, MLR_E_FORMAT, 1, "end after the index");

    start(&h);
    hand_patch_chunk(&h, MLR_CHUNK_DICT, "x", 1);
    expect_refusal(&h, MLR_E_FORMAT, 0, "dictionary that the header names");

    start(&h);
    add_glue(&h, 0, 8);
    hand_patch_chunk(&h, MLR_CHUNK_DICT, "x", 1);
    expect_refusal(&h, MLR_E_FORMAT, 1, "dictionary before any record");

    start(&h);
    add_glue(&h, 0, 0);
    expect_refusal(&h, MLR_E_FORMAT, 0, "glue block of at least one byte");

    start(&h);
    hand_patch_chunk(&h, MLR_CHUNK_END, "x", 1);
    expect_refusal(&h, MLR_E_FORMAT, 0, "size of the end chunk");
}

static void refuses_too_much_and_too_little(void **state)
{
    (void)state;
    hand_patch h;
    start(&h);
    expect_refusal(&h, MLR_E_FORMAT, NOWHERE, "all bytes of the new files");

    start(&h); /* more glue than both members hold; the first is complete by then */
    add_glue(&h, 0, TARGET);
    add_glue(&h, 0, 1);
    expect_refusal(&h, MLR_E_FORMAT, NOWHERE, "end of the new files");

    start(&h);
    hand_patch_record(&h, &(hand_record){.new_bytes = FIRST + 1, .block = 16});
    expect_refusal(&h, MLR_E_FORMAT, 0, "record inside its member");

    start(&h);
    hand_patch_record(&h, &(hand_record){.new_bytes = UINT64_MAX, .block = 16});
    expect_refusal(&h, MLR_E_FORMAT, 0, "record inside its member");

    start(
        &h); /* the second record fits only without the first, which waits to be written */
    hand_patch_record(&h, &(hand_record){.new_bytes = 100, .block = 50});
    hand_patch_chunk(&h, MLR_CHUNK_BLOCK, target, 50);
    hand_patch_chunk(&h, MLR_CHUNK_BLOCK, target + 50, 50);
    hand_patch_record(&h, &(hand_record){.new_bytes = 26, .block = 26});
    expect_refusal(&h, MLR_E_FORMAT, 3, "record inside its member");

    start(&h);
    add_glue(&h, 1, FIRST);
    add_inline(&h);
    expect_refusal(&h, MLR_E_VERIFY, NOWHERE, "digest of the new file");
}

static void refuses_another_count_of_records(void **state)
{
    (void)state;
    hand_patch h;
    start(&h);
    add_glue(&h, 0, TARGET);
    h.writer.records = 1;
    expect_refusal(&h, MLR_E_FORMAT, 1, "records that the header counts");
}

static void refuses_a_dictionary_that_never_came(void **state)
{
    (void)state;
    hand_patch h;
    start(&h);
    h.desc.dicts = &h.dict;
    h.desc.dict_count = 1;
    h.dict = (mlr_dict_desc){.data = base, .size = 8};
    mlr_record r = {.decoder = mlr_decoder_get(MLR_STRATEGY_raw),
                    .dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                    .old_dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                    .new_bytes = FIRST,
                    .block_new = FIRST,
                    .block_old = FIRST,
                    .dict = 1};
    mlr_write_record(&h.content, &r, 0, 1, NULL, 0, 1);
    mlr_patch_writer_need(&h.writer, &r, &(mlr_decoder_need){0}, 0);
    hand_patch_chunk(&h, MLR_CHUNK_RECORD, target, FIRST);
    expect_refusal(&h, MLR_E_FORMAT, NOWHERE, "dictionary before its use");
}

static int begin_all(void **state)
{
    mlr_err err = {0};
    (void)state;
    make_bytes();
    mlr_heap_init(&heap);
    return mlr_threads_start(&threads, 3, &heap.alloc, &err);
}

static int end_all(void **state)
{
    (void)state;
    mlr_threads_stop(threads);
    return heap.used != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_every_member_for_any_lanes_and_reads),
        cmocka_unit_test(uses_its_arena_to_the_last_byte_and_refuses_one_less),
        cmocka_unit_test(goes_on_from_any_byte_of_an_earlier_run),
        cmocka_unit_test(refuses_an_earlier_run_of_something_else),
        cmocka_unit_test(checks_the_base_before_any_output),
        cmocka_unit_test(passes_on_what_the_target_says),
        cmocka_unit_test(refuses_every_flipped_byte),
        cmocka_unit_test(refuses_every_truncation_and_every_extension),
        cmocka_unit_test(survives_damage_under_right_checks),
        cmocka_unit_test(refuses_chunks_swapped_doubled_and_left_out),
        cmocka_unit_test(refuses_what_chunks_may_not_do),
        cmocka_unit_test(refuses_too_much_and_too_little),
        cmocka_unit_test(refuses_another_count_of_records),
        cmocka_unit_test(refuses_a_dictionary_that_never_came),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}
