/* Pairing of tensors: what matches what, and why. */
#include "analysis/match.h"

#include <string.h>

#include "apply/host/heap.h"
#include "apply/host/threads.h"
#include "tests/support/hand_model.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

typedef struct fixture {
    hand_model old_model, new_model;
    mlr_heap heap;
    mlr_pool pool;
    mlr_matching m;
} fixture;

static fixture F;

static int setup(void **state)
{
    (void)state;
    hand_begin(&F.old_model, 1 << 20);
    hand_begin(&F.new_model, 1 << 20);
    mlr_heap_init(&F.heap);
    mlr_pool_init(&F.pool, &F.heap.alloc);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mlr_pool_release(&F.pool);
    int leaked = F.heap.used != 0;
    hand_release(&F.old_model);
    hand_release(&F.new_model);
    return leaked;
}

static void headers(const mlr_match_options *options)
{
    mlr_err err = {.status = MLR_OK};
    mlr_match_headers(&F.m, &F.old_model.model, &F.new_model.model, options, &F.pool, &err);
    assert_no_err(&err);
}

static void contents(const mlr_match_options *options)
{
    mlr_err err = {.status = MLR_OK};
    mlr_work work = {.alloc = &F.heap.alloc};
    headers(options);
    mlr_match_contents(&F.m, options, &work, &err);
    assert_no_err(&err);
}

static void random_bytes(uint64_t seed, uint8_t *to, size_t n)
{
    rng r = rng_new(seed);
    rng_fill(&r, to, n);
}

static void assert_pair(size_t i, uint32_t old_tensor, mlr_change change, unsigned flags)
{
    assert_true(i < F.m.count);
    assert_int_equal(F.m.pairs[i].old_tensor, old_tensor);
    assert_int_equal(F.m.pairs[i].change, change);
    assert_int_equal(F.m.pairs[i].flags & ~MLR_PAIR_COMPARED, flags);
}

static void headers_pair_by_key_and_list_added_and_removed(void **state)
{
    (void)state;
    hand_add(&F.old_model, "a", "f32", "2", NULL, 8);
    hand_add(&F.old_model, "gone", "f32", "2", NULL, 8);
    hand_add(&F.old_model, "b", "f32", "2", NULL, 8);
    hand_add(&F.new_model, "a", "f32", "2", NULL, 8);
    hand_add(&F.new_model, "fresh", "f32", "3", NULL, 12);
    hand_add(&F.new_model, "b", "f32", "2", NULL, 8);
    headers(NULL);
    assert_int_equal(F.m.new_count, 3);
    assert_int_equal(F.m.count, 4);
    assert_pair(0, 0, MLR_CHANGE_PAIRED, 0);
    assert_pair(1, MLR_NO_TENSOR, MLR_CHANGE_ADDED, 0);
    assert_pair(2, 2, MLR_CHANGE_PAIRED, 0);
    assert_pair(3, 1, MLR_CHANGE_REMOVED, 0);
    assert_int_equal(F.m.pairs[0].by, MLR_BY_KEY);
    assert_int_equal(F.old_model.source.reads + F.new_model.source.reads, 0);
}

static void marks_the_fewest_moved_tensors(void **state)
{
    (void)state;
    const char *before[] = {"a", "b", "c", "d", "e"};
    const char *after[] = {"b", "c", "a", "d", "e"};
    for (int i = 0; i < 5; i++) {
        hand_add(&F.old_model, before[i], "u8", "1", NULL, 1);
        hand_add(&F.new_model, after[i], "u8", "1", NULL, 1);
    }
    headers(NULL);
    assert_pair(0, 1, MLR_CHANGE_PAIRED, 0);
    assert_pair(1, 2, MLR_CHANGE_PAIRED, 0);
    assert_pair(2, 0, MLR_CHANGE_PAIRED, MLR_PAIR_MOVED);
    assert_pair(3, 3, MLR_CHANGE_PAIRED, 0);
}

static void tells_resized_reshaped_and_retyped(void **state)
{
    (void)state;
    hand_add(&F.old_model, "grown", "u8", "4x3", NULL, 12);
    hand_add(&F.old_model, "turned", "u8", "4x3", NULL, 12);
    hand_add(&F.old_model, "cast", "f32", "4", NULL, 16);
    hand_add(&F.old_model, "flat", "u8", "2x2", NULL, 4);
    hand_add(&F.new_model, "grown", "u8", "4x5", NULL, 20);
    hand_add(&F.new_model, "turned", "u8", "3x4", NULL, 12);
    hand_add(&F.new_model, "cast", "f16", "4", NULL, 8);
    hand_add(&F.new_model, "flat", "u8", "4", NULL, 4);
    headers(NULL);
    assert_pair(0, 0, MLR_CHANGE_CHANGED, MLR_PAIR_RESIZED);
    assert_int_equal(F.m.pairs[0].axis, 1);
    assert_pair(1, 1, MLR_CHANGE_CHANGED, MLR_PAIR_RESHAPED);
    assert_int_equal(F.m.pairs[1].axis, MLR_NO_AXIS);
    assert_pair(2, 2, MLR_CHANGE_CHANGED, MLR_PAIR_RETYPED);
    assert_pair(3, 3, MLR_CHANGE_CHANGED, MLR_PAIR_RESHAPED);
}

static void resharding_changes_only_a_flag(void **state)
{
    (void)state;
    hand_add(&F.old_model, "a", "u8", "1", "x", 1);
    hand_add(&F.old_model, "b", "u8", "1", "y", 1);
    hand_add(&F.new_model, "a", "u8", "1", "x", 1);
    hand_add(&F.new_model, "b", "u8", "1", "y", 1);
    F.new_model.tensors[1].member = 1;
    F.new_model.model.member_count = 2;
    contents(NULL);
    assert_pair(0, 0, MLR_CHANGE_SAME, 0);
    assert_pair(1, 1, MLR_CHANGE_SAME, MLR_PAIR_RESHARDED);
}

static void a_tie_that_appears_is_told(void **state)
{
    (void)state;
    hand_add(&F.old_model, "embed", "u8", "1", "x", 1);
    hand_add(&F.old_model, "head", "u8", "1", "x", 1);
    hand_add(&F.new_model, "embed", "u8", "1", "x", 1);
    hand_add(&F.new_model, "head", "u8", "1", "x", 1);
    F.new_model.tensors[1].tied_to = 0;
    F.new_model.tensors[1].data = F.new_model.tensors[0].data;
    contents(NULL);
    assert_pair(1, 1, MLR_CHANGE_SAME, MLR_PAIR_TIED | MLR_PAIR_RETIED);
}

static void same_name_pairs_where_keys_differ(void **state)
{
    (void)state;
    hand_add(&F.old_model, "g/init:W", "u8", "1", NULL, 1);
    hand_add(&F.new_model, "g/sub/init:W", "u8", "1", NULL, 1);
    F.old_model.tensors[0].name = F.new_model.tensors[0].name = (mlr_str){"W", 1};
    headers(NULL);
    assert_pair(0, 0, MLR_CHANGE_PAIRED, MLR_PAIR_RENAMED);
    assert_int_equal(F.m.pairs[0].by, MLR_BY_NAME);
    headers(&(mlr_match_options){.keys_only = true});
    assert_pair(0, MLR_NO_TENSOR, MLR_CHANGE_ADDED, 0);
}

static void a_map_rule_overrides_equal_keys(void **state)
{
    (void)state;
    hand_add(&F.old_model, "a", "u8", "1", NULL, 1);
    hand_add(&F.old_model, "b", "u8", "1", NULL, 1);
    hand_add(&F.new_model, "a", "u8", "1", NULL, 1);
    mlr_match_rule rule = {{"b", 1}, {"a", 1}};
    headers(&(mlr_match_options){.rules = &rule, .rule_count = 1});
    assert_pair(0, 1, MLR_CHANGE_PAIRED, MLR_PAIR_RENAMED);
    assert_int_equal(F.m.pairs[0].by, MLR_BY_MAP);
    assert_pair(1, 0, MLR_CHANGE_REMOVED, 0);
}

static void a_star_stands_for_the_same_text_on_both_sides(void **state)
{
    (void)state;
    hand_add(&F.old_model, "blk.0.w", "u8", "1", NULL, 1);
    hand_add(&F.old_model, "blk.11.w", "u8", "1", NULL, 1);
    hand_add(&F.new_model, "layers.11.weight", "u8", "1", NULL, 1);
    hand_add(&F.new_model, "layers.0.weight", "u8", "1", NULL, 1);
    hand_add(&F.new_model, "layers.weight", "u8", "1", NULL, 1);
    mlr_match_rule rule = {{"blk.*.w", 7}, {"layers.*.weight", 15}};
    headers(&(mlr_match_options){.rules = &rule, .rule_count = 1});
    assert_int_equal(F.m.pairs[0].old_tensor, 1);
    assert_int_equal(F.m.pairs[1].old_tensor, 0);
    assert_int_equal(F.m.pairs[2].old_tensor, MLR_NO_TENSOR);
}

static void refuses_a_rule_that_names_no_tensor(void **state)
{
    (void)state;
    hand_add(&F.old_model, "a", "u8", "1", NULL, 1);
    hand_add(&F.new_model, "a", "u8", "1", NULL, 1);
    mlr_match_rule rule = {{"nowhere", 7}, {"a", 1}};
    mlr_match_options options = {.rules = &rule, .rule_count = 1};
    mlr_err err = {.status = MLR_OK};
    mlr_match_headers(&F.m, &F.old_model.model, &F.new_model.model, &options, &F.pool,
                      &err);
    assert_err(&err, MLR_E_USAGE, MLR_NO_OFFSET);
    assert_string_equal(err.subject, "a");
}

static void contents_tell_same_from_changed_in_the_last_byte(void **state)
{
    (void)state;
    enum { N = 300000 };
    static uint8_t data[N];
    random_bytes(1, data, N);
    hand_add(&F.old_model, "a", "u8", "300000", data, N);
    hand_add(&F.old_model, "b", "u8", "300000", data, N);
    hand_add(&F.old_model, "empty", "u8", "0", NULL, 0);
    hand_add(&F.new_model, "a", "u8", "300000", data, N);
    hand_add(&F.new_model, "b", "u8", "300000", data, N);
    hand_add(&F.new_model, "empty", "u8", "0", NULL, 0);
    hand_bytes(&F.new_model, 1)[N - 1] ^= 1;
    contents(NULL);
    assert_pair(0, 0, MLR_CHANGE_SAME, 0);
    assert_pair(1, 1, MLR_CHANGE_CHANGED, 0);
    assert_pair(2, 2, MLR_CHANGE_SAME, 0);
    assert_int_not_equal(F.m.pairs[0].flags & MLR_PAIR_COMPARED, 0);
}

static void finds_a_renamed_tensor_by_its_bytes(void **state)
{
    (void)state;
    uint8_t a[64], b[64];
    random_bytes(2, a, 64);
    random_bytes(3, b, 64);
    hand_add(&F.old_model, "one", "f32", "16", a, 64);
    hand_add(&F.old_model, "two", "f32", "16", b, 64);
    hand_add(&F.new_model, "zwei", "f32", "16", b, 64);
    hand_add(&F.new_model, "drei", "u8", "64", a, 64);
    contents(NULL);
    assert_pair(0, 1, MLR_CHANGE_SAME, MLR_PAIR_RENAMED);
    assert_int_equal(F.m.pairs[0].by, MLR_BY_CONTENT);
    /* equal bytes of another type are no pair, but they are a repetition */
    assert_pair(1, MLR_NO_TENSOR, MLR_CHANGE_ADDED, MLR_PAIR_REPEATED);
    assert_int_equal(F.m.pairs[1].repeat_of, 0);
    assert_int_equal(F.m.pairs[1].repeat_old, 1);
    assert_int_equal(F.m.count, 3);
}

static void finds_a_renamed_tensor_by_close_values(void **state)
{
    (void)state;
    enum { N = 2000 };
    static float x[N], y[N], z[N];
    rng r = rng_new(4);
    for (int i = 0; i < N; i++) {
        x[i] = (float)rng_normal(&r);
        y[i] = (float)rng_normal(&r);
        z[i] = x[i] + 0.1f * (float)rng_normal(&r);
    }
    hand_add(&F.old_model, "other", "f32", "50x40", y, sizeof y);
    hand_add(&F.old_model, "mine", "f32", "50x40", x, sizeof x);
    hand_add(&F.new_model, "renamed", "f32", "50x40", z, sizeof z);
    contents(NULL);
    assert_pair(0, 1, MLR_CHANGE_CHANGED, MLR_PAIR_RENAMED);
    assert_int_equal(F.m.pairs[0].by, MLR_BY_VALUES);
    assert_true(F.m.pairs[0].similarity > 0.97F && F.m.pairs[0].similarity <= 1.0F);
    assert_pair(1, 0, MLR_CHANGE_REMOVED, 0);
}

static void unrelated_values_are_no_pair(void **state)
{
    (void)state;
    uint8_t a[2048], b[2048];
    random_bytes(5, a, sizeof a);
    random_bytes(6, b, sizeof b);
    hand_add(&F.old_model, "a", "u8", "2048", a, sizeof a);
    hand_add(&F.new_model, "b", "u8", "2048", b, sizeof b);
    contents(NULL);
    assert_pair(0, MLR_NO_TENSOR, MLR_CHANGE_ADDED, 0);
    assert_pair(1, 0, MLR_CHANGE_REMOVED, 0);
}

static void finds_content_repeated_within_the_new_model(void **state)
{
    (void)state;
    uint8_t a[9000], b[9000];
    random_bytes(7, a, sizeof a);
    random_bytes(8, b, sizeof b);
    hand_add(&F.old_model, "x", "u8", "9000", b, sizeof b);
    hand_add(&F.new_model, "x", "u8", "9000", a, sizeof a);
    hand_add(&F.new_model, "copy", "u8", "9000", a, sizeof a);
    hand_add(&F.new_model, "near", "u8", "9000", a, sizeof a);
    hand_bytes(&F.new_model, 2)[4200] ^= 1;
    contents(NULL);
    assert_pair(0, 0, MLR_CHANGE_CHANGED, 0);
    assert_pair(1, MLR_NO_TENSOR, MLR_CHANGE_ADDED, MLR_PAIR_REPEATED);
    assert_int_equal(F.m.pairs[1].repeat_of, 0);
    assert_int_equal(F.m.pairs[1].repeat_old, 0);
    assert_pair(2, MLR_NO_TENSOR, MLR_CHANGE_ADDED, 0);
}

static void fill_pair_of_models(void)
{
    uint8_t data[5000];
    static char names[40][8];
    for (int i = 0; i < 40; i++) {
        random_bytes(100 + (uint64_t)i, data, sizeof data);
        names[i][0] = (char)('a' + i % 20);
        names[i][1] = (char)('0' + i / 20);
        hand_add(&F.old_model, names[i], "u8", "5000", data, sizeof data);
        data[i * 100] ^= i % 3 == 0;
        hand_add(&F.new_model, i % 7 == 0 ? names[i] + 1 : names[i], "u8", "5000", data,
                 sizeof data);
    }
}

static void threads_do_not_change_the_result(void **state)
{
    (void)state;
    fill_pair_of_models();
    contents(NULL);
    mlr_matching alone = F.m;
    mlr_err err = {.status = MLR_OK};
    mlr_threads *threads = NULL;
    mlr_threads_start(&threads, 4, &F.heap.alloc, &err);
    assert_no_err(&err);
    mlr_work work = {.alloc = &F.heap.alloc, .exec = mlr_threads_exec(threads)};
    headers(NULL);
    mlr_match_contents(&F.m, NULL, &work, &err);
    mlr_threads_stop(threads);
    assert_no_err(&err);
    assert_int_equal(alone.count, F.m.count);
    assert_memory_equal(alone.pairs, F.m.pairs, F.m.count * sizeof *F.m.pairs);
}

static bool stop(void *ctx, uint64_t done, uint64_t total)
{
    (void)ctx, (void)done, (void)total;
    return false;
}

static void cancels(void **state)
{
    (void)state;
    fill_pair_of_models();
    headers(NULL);
    mlr_err err = {.status = MLR_OK};
    mlr_tick tick = {.keep_going = stop};
    mlr_work work = {.alloc = &F.heap.alloc, .tick = &tick};
    mlr_match_contents(&F.m, NULL, &work, &err);
    assert_err(&err, MLR_E_CANCELLED, MLR_NO_OFFSET);
}

static void every_failed_read_is_reported(void **state)
{
    (void)state;
    fill_pair_of_models();
    mlr_work work = {.alloc = &F.heap.alloc};
    for (size_t n = 1;; n++) {
        headers(NULL);
        F.new_model.source.reads = 0;
        F.new_model.source.fail_at = n;
        mlr_err err = {.status = MLR_OK};
        mlr_status status = mlr_match_contents(&F.m, NULL, &work, &err);
        if (F.new_model.source.reads < n) {
            assert_int_equal(status, MLR_OK);
            assert_true(n > 40);
            return;
        }
        assert_int_equal(status, MLR_E_IO);
        assert_int_equal(err.status, MLR_E_IO);
    }
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    fill_pair_of_models();
    size_t n = 1;
    for (mlr_status status = MLR_E_NO_MEMORY; status != MLR_OK; n++) {
        mlr_err err = {.status = MLR_OK};
        mlr_heap heap;
        mlr_pool pool;
        mlr_heap_init(&heap);
        mlr_pool_init(&pool, &heap.alloc);
        heap.fail_at = n;
        mlr_work work = {.alloc = &heap.alloc};
        status = mlr_match_headers(&F.m, &F.old_model.model, &F.new_model.model, NULL,
                                   &pool, &err);
        if (status == MLR_OK) {
            status = mlr_match_contents(&F.m, NULL, &work, &err);
        }
        mlr_pool_release(&pool);
        assert_int_equal(heap.used, 0);
        assert_true(status == MLR_OK || status == MLR_E_NO_MEMORY);
    }
    assert_true(n > 5);
}

static void names_every_change_and_flag(void **state)
{
    (void)state;
    assert_string_equal(mlr_change_name(MLR_CHANGE_REMOVED), "removed");
    assert_string_equal(mlr_change_name(99), "unknown");
    assert_string_equal(mlr_paired_by_name(MLR_BY_VALUES), "values");
    assert_string_equal(mlr_paired_by_name(99), "unknown");
    uint16_t flags = MLR_PAIR_MOVED | MLR_PAIR_REPEATED;
    assert_string_equal(mlr_pair_flag_next(&flags), "moved");
    assert_string_equal(mlr_pair_flag_next(&flags), "repeated");
    assert_null(mlr_pair_flag_next(&flags));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(headers_pair_by_key_and_list_added_and_removed),
        TEST(marks_the_fewest_moved_tensors),
        TEST(tells_resized_reshaped_and_retyped),
        TEST(resharding_changes_only_a_flag),
        TEST(a_tie_that_appears_is_told),
        TEST(same_name_pairs_where_keys_differ),
        TEST(a_map_rule_overrides_equal_keys),
        TEST(a_star_stands_for_the_same_text_on_both_sides),
        TEST(refuses_a_rule_that_names_no_tensor),
        TEST(contents_tell_same_from_changed_in_the_last_byte),
        TEST(finds_a_renamed_tensor_by_its_bytes),
        TEST(finds_a_renamed_tensor_by_close_values),
        TEST(unrelated_values_are_no_pair),
        TEST(finds_content_repeated_within_the_new_model),
        TEST(threads_do_not_change_the_result),
        TEST(cancels),
        TEST(every_failed_read_is_reported),
        TEST(every_failed_allocation_is_reported),
        TEST(names_every_change_and_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
