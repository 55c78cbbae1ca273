/* The cache of forecasts: remembers, forgets what changed, survives any file content. */
#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/base/xxh64.h"
#include "apply/host/heap.h"
#include "formats/open.h"
#include "tests/support/random_pair.h"
#include "tests/support/rng.h"
#include "tests/support/temp_dir.h"
#include "tui/cli/forecast_cache.h"

enum { PAIRS = 3, MUTATIONS = 400 };

typedef struct fixture {
    temp_dir dir;
    mlr_heap heap;
    char old_path[512], new_path[512], folder[600], file[900];
    mlr_opened *old_model, *new_model;
    mlr_pool pool;
    mlr_matching matching;
    mlr_plan plan;
} fixture;

static void open_models(fixture *f)
{
    mlr_err err = {0};
    mlr_work work = {.alloc = &f->heap.alloc};
    mlr_plan_options o = {.choice = {.strategy = MLR_AUTO, .level = 3}};
    mlr_pool_init(&f->pool, &f->heap.alloc);
    (void)mlr_model_open(&f->old_model, f->old_path, NULL, &f->heap.alloc, &err);
    (void)mlr_model_open(&f->new_model, f->new_path, NULL, &f->heap.alloc, &err);
    (void)mlr_match_headers(&f->matching, mlr_opened_model(f->old_model),
                            mlr_opened_model(f->new_model), NULL, &f->pool, &err);
    (void)mlr_match_contents(&f->matching, NULL, &work, &err);
    (void)mlr_plan_make(&f->plan, &f->matching, &o, &f->pool, &err);
    assert_no_err(&err);
    assert_true(f->matching.new_count >= PAIRS);
}

static void close_models(fixture *f)
{
    mlr_model_close(f->old_model);
    mlr_model_close(f->new_model);
    mlr_pool_release(&f->pool);
}

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    random_file old_file, new_file;
    rng r = rng_new(7);
    temp_dir_make(&f->dir);
    mlr_heap_init(&f->heap);
    random_pair(&r, RANDOM_ST, &old_file, &new_file);
    temp_dir_write(&f->dir, "old.safetensors", old_file.data, old_file.n);
    temp_dir_write(&f->dir, "new.safetensors", new_file.data, new_file.n);
    free(old_file.data);
    free(new_file.data);
    (void)temp_dir_at(&f->dir, "old.safetensors", f->old_path);
    (void)temp_dir_at(&f->dir, "new.safetensors", f->new_path);
    (void)snprintf(f->folder, sizeof f->folder, "%s/a/b", f->dir.path);
    open_models(f);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    close_models(f);
    assert_int_equal(f->heap.used, 0);
    temp_dir_remove(&f->dir);
    free(f);
    return 0;
}

static mlr_forecast_cache *cache_of(fixture *f)
{
    mlr_forecast_cache *c =
        mlr_forecast_cache_open(f->folder, f->old_model, f->new_model, &f->heap.alloc);
    assert_non_null(c);
    return c;
}

static mlr_choice choice_of(unsigned level)
{
    return (mlr_choice){.strategy = MLR_AUTO, .level = (uint8_t)level};
}

static mlr_forecast_key key_of(const fixture *f, uint32_t pair, const mlr_choice *choice)
{
    return (mlr_forecast_key){.plan = &f->plan,
                              .device = mlr_device_at(0),
                              .pair = pair,
                              .choice = choice,
                              .effort = MLR_EFFORT_DEFAULT};
}

static mlr_prediction answer(unsigned i)
{
    return (mlr_prediction){.bytes = 1000 + i,
                            .error = 0.25,
                            .encode_bytes_s = 3e6,
                            .decode_bytes_s = 4e8,
                            .memory = 77777,
                            .strategy = MLR_STRATEGY_xor,
                            .exact = i % 2 == 0,
                            .lossless = true,
                            .fits = true};
}

static void is_answer(const mlr_prediction *p, unsigned i)
{
    mlr_prediction want = answer(i);
    assert_int_equal(p->bytes, want.bytes);
    assert_true(p->error == want.error && p->encode_bytes_s == want.encode_bytes_s &&
                p->decode_bytes_s == want.decode_bytes_s);
    assert_int_equal(p->memory, want.memory);
    assert_int_equal(p->strategy, want.strategy);
    assert_int_equal(p->exact, want.exact);
    assert_true(p->lossless && p->fits);
}

/* Three answers in a file; f->file becomes its path. */
static void fill(fixture *f)
{
    mlr_choice choice = choice_of(3);
    mlr_forecast_cache *c = cache_of(f);
    for (unsigned i = 0; i < PAIRS; i++) {
        mlr_forecast_key k = key_of(f, i, &choice);
        mlr_prediction p = answer(i);
        mlr_forecast_cache_put(c, &k, &p);
    }
    mlr_forecast_cache_close(c);
    DIR *d = opendir(f->folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.') {
            (void)snprintf(f->file, sizeof f->file, "%s/%s", f->folder, e->d_name);
        }
    }
    closedir(d);
}

static void what_was_put_is_found_by_the_next_run(void **state)
{
    fixture *f = *state;
    mlr_choice choice = choice_of(3);
    fill(f);
    mlr_forecast_cache *c = cache_of(f);
    assert_int_equal(mlr_forecast_cache_count(c), PAIRS);
    for (unsigned i = 0; i < PAIRS; i++) {
        mlr_prediction p;
        mlr_forecast_key k = key_of(f, i, &choice);
        assert_true(mlr_forecast_cache_get(c, &k, &p));
        is_answer(&p, i);
    }
    mlr_forecast_cache_close(c);
}

static void another_question_is_a_miss(void **state)
{
    fixture *f = *state;
    mlr_choice choice = choice_of(3), level = choice_of(4), block = choice_of(3),
               dict = choice_of(3), strategy = choice_of(3);
    mlr_prediction p;
    block.block_bytes = 4096;
    dict.dict = 1;
    strategy.strategy = MLR_STRATEGY_zstd;
    fill(f);
    mlr_forecast_cache *c = cache_of(f);
    mlr_forecast_key right = key_of(f, 0, &choice), k;
    assert_true(mlr_forecast_cache_get(c, &right, &p));
    const mlr_choice *const other[] = {&level, &block, &dict, &strategy};
    for (size_t i = 0; i < 4; i++) {
        k = key_of(f, 0, other[i]);
        assert_false(mlr_forecast_cache_get(c, &k, &p));
    }
    k = right;
    k.effort = MLR_EFFORT_EXACT;
    assert_false(mlr_forecast_cache_get(c, &k, &p));
    k = right;
    k.timed = true;
    assert_false(mlr_forecast_cache_get(c, &k, &p));
    k = right;
    k.device = mlr_device_named("1M");
    assert_false(mlr_forecast_cache_get(c, &k, &p));
    assert_false(mlr_forecast_cache_get(NULL, &right, &p));
    mlr_forecast_cache_close(c);
}

static void a_model_that_was_touched_is_another(void **state)
{
    fixture *f = *state;
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = 1234567}};
    fill(f);
    close_models(f);
    assert_int_equal(utimensat(AT_FDCWD, f->new_path, times, 0), 0);
    open_models(f);
    mlr_forecast_cache *c = cache_of(f);
    assert_int_equal(mlr_forecast_cache_count(c), 0);
    mlr_forecast_cache_close(c);
}

static size_t slurp(const char *path, uint8_t *to, size_t room)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t n = fread(to, 1, room, in);
    fclose(in);
    return n;
}

static void spill(const char *path, const uint8_t *p, size_t n)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(p, 1, n, out), n);
    fclose(out);
}

/* Whatever is damaged, an answer is the one that was put or none. */
static void a_damaged_file_gives_right_answers_or_none(void **state)
{
    fixture *f = *state;
    uint8_t good[1024], bad[1024];
    mlr_choice choice = choice_of(3);
    rng r = rng_new(99);
    fill(f);
    size_t n = slurp(f->file, good, sizeof good), hits = 0, misses = 0;
    assert_int_equal(n, MLR_CACHE_HEAD + PAIRS * MLR_CACHE_ENTRY);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        size_t size = i % 5 == 0 ? rng_below(&r, (uint32_t)n + 1) : n;
        memcpy(bad, good, n);
        for (unsigned k = 0; k <= i % 3; k++) {
            bad[rng_below(&r, (uint32_t)n)] ^= (uint8_t)(1u << rng_below(&r, 8));
        }
        spill(f->file, bad, size);
        mlr_forecast_cache *c = cache_of(f);
        for (unsigned k = 0; k < PAIRS; k++) {
            mlr_prediction p;
            mlr_forecast_key key = key_of(f, k, &choice);
            if (mlr_forecast_cache_get(c, &key, &p)) {
                is_answer(&p, k);
                hits++;
            } else {
                misses++;
            }
        }
        mlr_forecast_cache_close(c);
    }
    assert_true(hits > MUTATIONS / 2 && misses > MUTATIONS / 2);
}

/* Entries with a right checksum that no forecast could have written. */
static void nonsense_with_a_right_checksum_is_a_miss(void **state)
{
    fixture *f = *state;
    uint8_t good[1024];
    fill(f);
    size_t n = slurp(f->file, good, sizeof good);
    static const struct {
        size_t at;
        uint8_t value;
    } lies[] = {{56, 200}, {57, 2}, {59, 9}, {31, 0xff}, {39, 0x80}, {23, 0x80}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint8_t bad[1024];
        memcpy(bad, good, n);
        uint8_t *entry = bad + MLR_CACHE_HEAD;
        entry[lies[i].at] = lies[i].value;
        uint64_t sum = mlr_xxh64_of(entry, MLR_CACHE_ENTRY - 8);
        for (unsigned k = 0; k < 8; k++) {
            entry[MLR_CACHE_ENTRY - 8 + k] = (uint8_t)(sum >> (8 * k));
        }
        spill(f->file, bad, n);
        mlr_forecast_cache *c = cache_of(f);
        assert_int_equal(mlr_forecast_cache_count(c), PAIRS - 1);
        mlr_forecast_cache_close(c);
    }
}

/* What a run that read the models whole would have left: the digest is 32 times `byte`. */
static void forge_contents(const fixture *f, uint8_t byte)
{
    uint8_t all[1024];
    size_t n = slurp(f->file, all, sizeof all);
    memset(all + 40, byte, 32);
    uint64_t sum = mlr_xxh64_of(all, MLR_CACHE_HEAD - 8);
    for (unsigned k = 0; k < 8; k++) {
        all[MLR_CACHE_HEAD - 8 + k] = (uint8_t)(sum >> (8 * k));
    }
    spill(f->file, all, n);
}

static size_t left_after_confirming(fixture *f, uint8_t byte)
{
    uint8_t contents[MLR_SHA256_BYTES];
    memset(contents, byte, sizeof contents);
    mlr_forecast_cache *c = cache_of(f);
    assert_int_equal(mlr_forecast_cache_count(c), PAIRS);
    mlr_forecast_cache_confirm(c, contents);
    mlr_choice choice = choice_of(3);
    mlr_forecast_key k = key_of(f, 0, &choice);
    mlr_prediction p;
    size_t now = mlr_forecast_cache_count(c);
    assert_int_equal(mlr_forecast_cache_get(c, &k, &p), now > 0);
    mlr_forecast_cache_close(c);
    c = cache_of(f);
    assert_int_equal(mlr_forecast_cache_count(c), now);
    mlr_forecast_cache_close(c);
    return now;
}

static void forecasts_of_other_contents_are_forgotten_once_digests_are_known(void **state)
{
    fixture *f = *state;
    fill(f);
    forge_contents(f, 7);
    assert_int_equal(left_after_confirming(f, 8), 0);
    fill(f); /* of contents that are known now */
    assert_int_equal(left_after_confirming(f, 8), PAIRS);
    assert_int_equal(left_after_confirming(f, 7), 0);
}

static void digests_are_remembered_with_the_forecasts_that_were_there(void **state)
{
    fixture *f = *state;
    fill(f);
    assert_int_equal(left_after_confirming(f, 5), PAIRS);
    assert_int_equal(left_after_confirming(f, 5), PAIRS);
    assert_int_equal(left_after_confirming(f, 6), 0);
    mlr_forecast_cache_confirm(NULL, (const uint8_t[MLR_SHA256_BYTES]){1});
}

/* Opened before the digests were known, written after: what it loaded may be wrong. */
static void who_does_not_know_the_digests_overwrites_nobody_who_does(void **state)
{
    fixture *f = *state;
    mlr_choice choice = choice_of(5);
    mlr_prediction p = answer(0);
    fill(f);
    mlr_forecast_cache *early = cache_of(f);
    forge_contents(f, 7);
    assert_int_equal(left_after_confirming(f, 8), 0);
    mlr_forecast_key k = key_of(f, 0, &choice);
    mlr_forecast_cache_put(early, &k, &p);
    mlr_forecast_cache_close(early);
    mlr_forecast_cache *c = cache_of(f);
    assert_int_equal(mlr_forecast_cache_count(c), 0);
    mlr_forecast_cache_close(c);
}

static void the_folder_keeps_the_newest_files(void **state)
{
    fixture *f = *state;
    fill(f);
    for (unsigned i = 0; i < MLR_CACHE_FILES + 6; i++) {
        char path[900];
        struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
        (void)snprintf(path, sizeof path, "%s/%032u.mlrf", f->folder, i);
        spill(path, (const uint8_t *)"x", 1);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    fill(f);
    size_t left = 0;
    DIR *d = opendir(f->folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        left += e->d_name[0] != '.';
    }
    closedir(d);
    assert_int_equal(left, MLR_CACHE_FILES);
    assert_int_equal(access(f->file, R_OK), 0);
}

static const char *no_home(const char *name)
{
    return strcmp(name, "XDG_CACHE_HOME") == 0 ? "relative" : "";
}

static const char *home(const char *name)
{
    return strcmp(name, "HOME") == 0 ? "/home/x" : NULL;
}

static void the_folder_is_an_absolute_path_or_none(void **state)
{
    char path[64], tight[8];
    (void)state;
    assert_null(mlr_forecast_folder(path, sizeof path, no_home));
    assert_null(mlr_forecast_folder(tight, sizeof tight, home));
    assert_string_equal(mlr_forecast_folder(path, sizeof path, home),
                        "/home/x/.cache/mallorn/forecast");
}

static void a_folder_that_cannot_be_made_is_no_error(void **state)
{
    fixture *f = *state;
    char own[600];
    (void)snprintf(own, sizeof own, "%s", f->folder);
    (void)snprintf(f->folder, sizeof f->folder, "%s/x", f->old_path);
    mlr_forecast_cache *c = cache_of(f);
    mlr_choice choice = choice_of(3);
    mlr_forecast_key k = key_of(f, 0, &choice);
    mlr_prediction p = answer(0);
    mlr_forecast_cache_put(c, &k, &p);
    assert_true(mlr_forecast_cache_get(c, &k, &p));
    mlr_forecast_cache_close(c);
    (void)snprintf(f->folder, sizeof f->folder, "%s", own);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(what_was_put_is_found_by_the_next_run),
        CASE(another_question_is_a_miss),
        CASE(a_model_that_was_touched_is_another),
        CASE(a_damaged_file_gives_right_answers_or_none),
        CASE(nonsense_with_a_right_checksum_is_a_miss),
        CASE(forecasts_of_other_contents_are_forgotten_once_digests_are_known),
        CASE(digests_are_remembered_with_the_forecasts_that_were_there),
        CASE(who_does_not_know_the_digests_overwrites_nobody_who_does),
        CASE(the_folder_keeps_the_newest_files),
        cmocka_unit_test(the_folder_is_an_absolute_path_or_none),
        CASE(a_folder_that_cannot_be_made_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
