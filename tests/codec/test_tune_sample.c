/* Sampled tables against the truth: a few stretches of alike tensors speak for all of them,
   and verification brings their figures closer. */
#include "codec/tune_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"
#include "formats/open.h"
#include "tests/support/rng.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test.h"

enum { LAYERS = 4, ROWS = 2176, ROW = 1024, WIDE = LAYERS * ROWS * ROW, SMALL = 4096 };

typedef struct fixture {
    temp_dir dir;
    mlr_heap heap;
    mlr_inflater inflater;
    mlr_opened *old_model, *new_model;
    mlr_pool pool;
    mlr_matching matching;
    mlr_plan plan;
    mlr_predictor predictor;
} fixture;

/* bf16 weights, four large matrices that are alike, one small one. */
static size_t header_of(char *to, size_t room)
{
    size_t n = 0, at = 0;
    for (unsigned i = 0; i < LAYERS; i++, at += 2 * ROWS * ROW) {
        n += (size_t)snprintf(to + n, room - n,
                              "%s\"model.layers.%u.mlp.up_proj.weight\":{\"dtype\":"
                              "\"BF16\",\"shape\":[%d,%d],"
                              "\"data_offsets\":[%zu,%zu]}",
                              i == 0 ? "{" : ",", i, ROWS, ROW, at, at + 2 * ROWS * ROW);
    }
    n += (size_t)snprintf(to + n, room - n,
                          ",\"model.norm.weight\":{\"dtype\":\"BF16\",\"shape\":[%d],"
                          "\"data_offsets\":[%zu,%zu]}}",
                          SMALL, at, at + 2 * SMALL);
    while (n % 8 != 0) {
        to[n++] = ' ';
    }
    return n;
}

/* Later layers change in more of their values; later rows, too. */
static void write_pair(fixture *f)
{
    char header[2048];
    size_t head = header_of(header, sizeof header), count = WIDE + SMALL;
    size_t n = 8 + head + 2 * count;
    uint8_t *p = calloc(n, 1);
    assert_non_null(p);
    rng r = rng_new(11);
    p[0] = (uint8_t)head;
    p[1] = (uint8_t)(head >> 8);
    memcpy(p + 8, header, head);
    uint8_t *data = p + 8 + head;
    for (size_t i = 0; i < count; i++) {
        uint64_t v = 0x3c00 + (rng_next(&r) & 0x80ff);
        data[2 * i] = (uint8_t)v;
        data[2 * i + 1] = (uint8_t)(v >> 8);
    }
    temp_dir_write(&f->dir, "old.safetensors", p, n);
    for (size_t i = 0; i < count; i++) {
        uint64_t dice = rng_next(&r);
        if (dice % (2 * (uint64_t)count) < count / 4 + i) {
            unsigned v = data[2 * i] + 256U * data[2 * i + 1] + 1 + (dice >> 40 & 3);
            data[2 * i] = (uint8_t)v;
            data[2 * i + 1] = (uint8_t)(v >> 8);
        }
    }
    temp_dir_write(&f->dir, "new.safetensors", p, n);
    free(p);
}

static void begin(fixture *f)
{
    char path[512];
    mlr_err err = {0};
    memset(f, 0, sizeof *f);
    temp_dir_make(&f->dir);
    mlr_heap_init(&f->heap);
    const mlr_allocator *alloc = &f->heap.alloc;
    mlr_pool_init(&f->pool, alloc);
    f->inflater = mlr_inflate_zstd();
    write_pair(f);
    const mlr_work work = {.alloc = alloc};
    const mlr_plan_options po = {.choice = {.strategy = MLR_AUTO, .level = 3}};
    (void)mlr_model_open(&f->old_model, temp_dir_at(&f->dir, "old.safetensors", path), NULL,
                         alloc, &err);
    (void)mlr_model_open(&f->new_model, temp_dir_at(&f->dir, "new.safetensors", path), NULL,
                         alloc, &err);
    (void)mlr_match_headers(&f->matching, mlr_opened_model(f->old_model),
                            mlr_opened_model(f->new_model), NULL, &f->pool, &err);
    (void)mlr_match_contents(&f->matching, NULL, &work, &err);
    (void)mlr_plan_make(&f->plan, &f->matching, &po, &f->pool, &err);
    assert_no_err(&err);
    f->predictor = (mlr_predictor){.plan = &f->plan,
                                   .inflater = &f->inflater,
                                   .kernels = mlr_host_kernels(),
                                   .alloc = alloc};
}

static void end(fixture *f)
{
    mlr_model_close(f->old_model);
    mlr_model_close(f->new_model);
    mlr_pool_release(&f->pool);
    assert_int_equal(f->heap.used, 0);
    temp_dir_remove(&f->dir);
}

/* The table as a large model has it, though this one is small. */
static void sample(fixture *f, mlr_tune_table *t, mlr_goal goal)
{
    static const mlr_tune_limits none;
    mlr_err err = {0};
    const mlr_tune_row like = {
        .p = &f->predictor, .limits = &none, .goal = goal, .effort = MLR_EFFORT_DEFAULT};
    *t = (mlr_tune_table){0};
    t->items = mlr_pool_take(&f->pool, (f->plan.record_count + 1) * sizeof *t->items);
    assert_non_null(t->items);
    for (size_t i = 0; i < f->plan.record_count; i++) {
        const mlr_plan_record *r = &f->plan.records[i];
        t->items[t->count] = (mlr_tune_item){
            .pair = r->pair, .first = i, .records = 1, .new_bytes = r->bytes.len};
        t->items[t->count++].option =
            mlr_pool_take(&f->pool, MLR_TUNE_OPTIONS * sizeof(mlr_tune_option));
    }
    (void)mlr_tune_sample(t, &like, NULL, &f->pool, &err);
    assert_no_err(&err);
}

/* What the plan's choices really take, by item. */
static void truth(fixture *f, const mlr_tune_table *t, const mlr_tune_plan *plan,
                  uint64_t bytes[LAYERS + 1])
{
    for (size_t i = 0; i < t->count; i++) {
        const mlr_tune_option *o = &t->items[i].option[plan->pick[i]];
        mlr_prediction one;
        mlr_err err = {0};
        (void)mlr_predict_record(&f->predictor, t->items[i].first, &o->choice,
                                 MLR_EFFORT_EXACT, &one, &err);
        assert_no_err(&err);
        bytes[i] = one.bytes;
    }
}

/* The largest miss of one item, and that of all together. */
static double miss(const mlr_tune_table *t, const mlr_tune_plan *plan,
                   const uint64_t bytes[LAYERS + 1], double *together)
{
    double worst = 0, said = 0, sum = 0;
    for (size_t i = 0; i < t->count; i++) {
        const mlr_tune_option *o = &t->items[i].option[plan->pick[i]];
        worst = fmax(worst, fabs((double)o->bytes / (double)bytes[i] - 1));
        said += (double)o->bytes;
        sum += (double)bytes[i];
    }
    *together = fabs(said / sum - 1);
    return worst;
}

static void a_few_stretches_speak_for_all(void **state)
{
    fixture f;
    mlr_tune_table t;
    mlr_tune_plan plan;
    mlr_err err = {0};
    static const mlr_tune_limits none;
    (void)state;
    begin(&f);
    sample(&f, &t, MLR_GOAL_SIZE);
    assert_true(t.sampled);
    assert_int_equal(t.groups, 2);
    assert_int_equal(t.count, LAYERS + 1);
    (void)mlr_tune_solve(&plan, &t, MLR_GOAL_SIZE, &none, &f.pool, &err);
    assert_no_err(&err);
    uint64_t bytes[LAYERS + 1];
    double all, worst;
    truth(&f, &t, &plan, bytes);
    worst = miss(&t, &plan, bytes, &all);
    print_message("estimated: off by %.1f%%, one by %.1f%%\n", 100 * all, 100 * worst);
    assert_true(worst < 0.15); /* a high level is foreseen from a glance */
    assert_true(all < 0.06);

    /* what two tensors teach helps those that nobody looked at */
    mlr_tune_proof proof = {.p = &f.predictor};
    for (; proof.turn < 2; proof.turn++) {
        (void)mlr_tune_verify(&t, &plan, &proof, &f.pool, &err);
        assert_no_err(&err);
    }
    size_t exact = 0;
    for (size_t i = 0; i < t.count; i++) {
        const mlr_tune_option *o = &t.items[i].option[plan.pick[i]];
        exact += o->exact;
        assert_true(!o->exact || o->bytes == bytes[i]);
    }
    assert_in_range(exact, 2, 3);
    worst = miss(&t, &plan, bytes, &all);
    print_message("verified: off by %.1f%%, one by %.1f%%; said %.1f%%\n", 100 * all,
                  100 * worst, 100 * proof.error);
    assert_true(worst < 0.05);
    assert_true(all <= proof.error + 0.005);
    assert_true(proof.error < 0.12);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_stretches_speak_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
