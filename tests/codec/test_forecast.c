/* Forecasts against real encodings: whole records to the byte, sampled ones within reason.
 */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "apply/host/inflate_zstd.h"
#include "codec/forecast.h"
#include "codec/make.h"
#include "codec/rule_of_thumb.h"
#include "formats/open.h"
#include "tests/support/random_pair.h"
#include "tests/support/temp_dir.h"

enum { MOST_RECORDS = 256 };

typedef struct fixture {
    temp_dir dir;
    mlr_heap heap;
    mlr_inflater inflater;
    mlr_opened *old_model, *new_model;
    mlr_pool pool;
    mlr_matching matching;
    mlr_plan plan;
    uint64_t stored[MOST_RECORDS];
    size_t records;
    mlr_made made;
} fixture;

static void begin(fixture *f)
{
    memset(f, 0, sizeof *f);
    temp_dir_make(&f->dir);
    mlr_heap_init(&f->heap);
    mlr_pool_init(&f->pool, &f->heap.alloc);
    f->inflater = mlr_inflate_zstd();
}

static void open_pair(fixture *f, const char *old_name, const char *new_name)
{
    char path[512];
    mlr_err err = {0};
    mlr_work work = {.alloc = &f->heap.alloc};
    const mlr_allocator *alloc = &f->heap.alloc;
    (void)mlr_model_open(&f->old_model, temp_dir_at(&f->dir, old_name, path), NULL, alloc,
                         &err);
    (void)mlr_model_open(&f->new_model, temp_dir_at(&f->dir, new_name, path), NULL, alloc,
                         &err);
    (void)mlr_match_headers(&f->matching, mlr_opened_model(f->old_model),
                            mlr_opened_model(f->new_model), NULL, &f->pool, &err);
    (void)mlr_match_contents(&f->matching, NULL, &work, &err);
    assert_no_err(&err);
}

static void end(fixture *f)
{
    mlr_model_close(f->old_model);
    mlr_model_close(f->new_model);
    mlr_pool_release(&f->pool);
    assert_int_equal(f->heap.used, 0);
    temp_dir_remove(&f->dir);
}

static mlr_status drop(void *ctx, const void *src, size_t n, mlr_err *err)
{
    (void)ctx, (void)src, (void)n, (void)err;
    return MLR_OK;
}

static mlr_status drop_at(void *ctx, uint64_t off, const void *src, size_t n, mlr_err *err)
{
    (void)off;
    return drop(ctx, src, n, err);
}

static void keep(void *ctx, const mlr_made_record *r)
{
    fixture *f = ctx;
    assert_true(f->records < MOST_RECORDS);
    f->stored[f->records++] = r->stored_bytes;
}

/* Plans with one choice for all and really encodes. */
static void encode(fixture *f, mlr_choice choice)
{
    mlr_err err = {0};
    mlr_plan_options po = {.choice = choice};
    (void)mlr_plan_make(&f->plan, &f->matching, &po, &f->pool, &err);
    mlr_make_options o = {.plan = &f->plan,
                          .inflater = &f->inflater,
                          .alloc = &f->heap.alloc,
                          .made = keep,
                          .made_ctx = f};
    mlr_patch_out out = {.write = drop, .rewrite = drop_at};
    f->records = 0;
    (void)mlr_patch_make(&o, &out, &f->made, &err);
    assert_no_err(&err);
}

static mlr_predictor predictor(const fixture *f)
{
    return (mlr_predictor){
        .plan = &f->plan, .inflater = &f->inflater, .alloc = &f->heap.alloc};
}

static void write_random(fixture *f, random_format format, uint64_t seed)
{
    random_file old_file, new_file;
    rng r = rng_new(seed);
    random_pair(&r, format, &old_file, &new_file);
    temp_dir_write(&f->dir, "old", old_file.data, old_file.n);
    temp_dir_write(&f->dir, "new", new_file.data, new_file.n);
    free(old_file.data);
    free(new_file.data);
}

/* Every strategy on random models in each format: sizes of records and of the structure. */
static void whole_records_are_forecast_to_the_byte(void **state)
{
    static const random_format formats[] = {RANDOM_ST, RANDOM_GGUF, RANDOM_ONNX};
    (void)state;
    unsigned compared = 0;
    for (unsigned i = 0; i < 18; i++) {
        fixture f;
        begin(&f);
        write_random(&f, formats[i % 3], 100 + i);
        open_pair(&f, "old", "new");
        for (unsigned id = 1; id < MLR_STRATEGY_LIMIT; id++) {
            if (mlr_encoder_get(id) == NULL || id % 3 != i % 3 || id == 1) {
                continue;
            }
            mlr_choice choice = {.strategy = (int16_t)id, .level = 3};
            encode(&f, choice);
            mlr_predictor p = predictor(&f);
            mlr_err err = {0};
            uint64_t structure;
            for (size_t k = 0; k < f.plan.record_count; k++) {
                mlr_prediction one;
                (void)mlr_predict_record(&p, k, &choice, MLR_EFFORT_EXACT, &one, &err);
                if (one.fits) {
                    assert_true(one.exact && one.lossless && one.error == 0);
                    assert_int_equal(one.bytes, f.stored[k]);
                    compared++;
                }
            }
            (void)mlr_predict_structure(&p, &structure, &err);
            assert_no_err(&err);
            assert_int_equal(structure, f.made.glue_bytes);
        }
        end(&f);
    }
    print_message("%u records\n", compared);
    assert_true(compared > 100);
}

static void records_of_a_tensor_are_found_in_any_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        fixture f;
        begin(&f);
        write_random(&f, RANDOM_ST, 500 + i);
        open_pair(&f, "old", "new");
        mlr_plan_options po = {.choice = {.strategy = MLR_AUTO, .level = 3}};
        mlr_err err = {0};
        (void)mlr_plan_make(&f.plan, &f.matching, &po, &f.pool, &err);
        assert_no_err(&err);
        size_t total = 0;
        for (uint32_t pair = 0; pair < f.matching.count; pair++) {
            size_t first = 0, n = mlr_plan_records_of(&f.plan, pair, &first), want = 0;
            for (size_t k = 0; k < f.plan.record_count; k++) {
                want += f.plan.records[k].pair == pair;
            }
            assert_int_equal(n, want);
            for (size_t k = 0; k < n; k++) {
                assert_int_equal(f.plan.records[first + k].pair, pair);
            }
            total += n;
        }
        assert_int_equal(total, f.plan.record_count);
        end(&f);
    }
}

/* One bf16 tensor of 6 MiB whose later rows change more and more: hard for any sample. */
static void write_uneven(fixture *f)
{
    enum { N = 3 << 20 };
    static const char header[] = "{\"w\":{\"dtype\":\"BF16\",\"shape\":[3072,1024],\"data_"
                                 "offsets\":[0,6291456]}}   ";
    size_t head = sizeof header - 1, n = 8 + head + 2 * (size_t)N;
    uint8_t *p = calloc(n, 1);
    rng r = rng_new(3);
    p[0] = (uint8_t)head;
    memcpy(p + 8, header, head);
    for (size_t i = 0; i < N; i++) {
        uint64_t v = 0x3c00 + rng_below(&r, 0x300) + (rng_below(&r, 2) << 15);
        p[8 + head + 2 * i] = (uint8_t)v;
        p[8 + head + 2 * i + 1] = (uint8_t)(v >> 8);
    }
    temp_dir_write(&f->dir, "old.safetensors", p, n);
    for (size_t i = 0; i < N; i++) {
        if (rng_below(&r, N) < i / 2) {
            p[8 + head + 2 * i] ^= (uint8_t)(1 + rng_below(&r, 7));
        }
    }
    temp_dir_write(&f->dir, "new.safetensors", p, n);
    free(p);
}

static void samples_of_uneven_tensors_come_close(void **state)
{
    static const char *const names[] = {"zstd-ref", "xor",    "xor-planes", "sub-planes",
                                        "sparse",   "neural", "exp-man"};
    fixture f;
    (void)state;
    begin(&f);
    write_uneven(&f);
    open_pair(&f, "old.safetensors", "new.safetensors");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mlr_choice choice = {.strategy = (int16_t)mlr_strategy_named(names[i]), .level = 3};
        mlr_prediction one;
        mlr_err err = {0};
        encode(&f, choice);
        mlr_predictor p = predictor(&f);
        (void)mlr_predict_tensor(&p, 0, &choice, MLR_EFFORT_DEFAULT, &one, &err);
        assert_no_err(&err);
        assert_true(one.fits && one.lossless && !one.exact);
        double off = (double)one.bytes / (double)f.stored[0] - 1;
        print_message("%s: %+.2f%%, said %.2f%%\n", names[i], 100 * off, 100 * one.error);
        /* what repeats in zstd's window depends on the change in no simple way */
        assert_true(fabs(off) <= (i == 0 ? 0.2 : 0.05));
        assert_true(fabs(off) <= 3 * one.error + 0.005);
    }
    end(&f);
}

/* Hand-made measures, one for each rule. */
static void the_rule_of_thumb_follows_its_thresholds(void **state)
{
    (void)state;
    mlr_measure m = {.have = MLR_HAVE_PAIR | MLR_HAVE_NUMBERS | MLR_HAVE_PAIR_BITS,
                     .elements = 100,
                     .changed_elements = 5,
                     .bits = {.symbol_bits = 16, .of_delta = 8}};
    m.old_side.deviation = 1;
    m.old_side.min = -2;
    m.old_side.max = 2;
    m.delta.deviation = 0.5;
    m.delta.min = -1;
    m.delta.max = 1.5;
    mlr_rule_of_thumb r = mlr_rule_of_thumb_for(&m);
    assert_int_equal(r.strategy, MLR_STRATEGY_sparse);
    assert_true(r.above && fabs(r.figure - 0.95) < 1e-12 && r.bound == 0.9);
    m.changed_elements = 50; /* range 2.5 / 4 is above a half */
    assert_int_equal(mlr_rule_of_thumb_for(&m).strategy, MLR_STRATEGY_xor_planes);
    m.delta.max = 1; /* range 2 / 4 */
    assert_int_equal(mlr_rule_of_thumb_for(&m).strategy, MLR_STRATEGY_sub);
    m.delta.deviation = 0.05;
    assert_int_equal(mlr_rule_of_thumb_for(&m).strategy, MLR_STRATEGY_sub_planes);
    m.bits.of_delta = 15;
    r = mlr_rule_of_thumb_for(&m);
    assert_int_equal(r.strategy, MLR_STRATEGY_raw);
    assert_true(r.figure == 15.0 / 16);
    m.changed_elements = 0;
    assert_int_equal(mlr_rule_of_thumb_for(&m).strategy, MLR_STRATEGY_copy);
    m.have = MLR_HAVE_NEW;
    assert_int_equal(mlr_rule_of_thumb_for(&m).strategy, MLR_STRATEGY_zstd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_records_are_forecast_to_the_byte),
        cmocka_unit_test(records_of_a_tensor_are_found_in_any_order),
        cmocka_unit_test(samples_of_uneven_tensors_come_close),
        cmocka_unit_test(the_rule_of_thumb_follows_its_thresholds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
