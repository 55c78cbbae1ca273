/* The solver against exhaustive search over made-up tables; the rules against the plan. */
#include "codec/tune.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/heap.h"
#include "codec/profile.h"
#include "codec/verdict.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

enum { MOST_ITEMS = 7, MOST_OPTIONS = 5 };

typedef struct made_table {
    mlr_tune_table table;
    mlr_tune_item items[MOST_ITEMS];
    mlr_tune_option options[MOST_ITEMS][MOST_OPTIONS];
} made_table;

/* Items of different sizes whose options trade bytes for time, as strategies do. */
static void make_table(made_table *m, rng *r)
{
    *m = (made_table){.table = {.fixed_bytes = 300, .fixed_us = 20}};
    m->table.items = m->items;
    m->table.count = 2 + rng_below(r, MOST_ITEMS - 1);
    for (size_t i = 0; i < m->table.count; i++) {
        uint64_t size = 1000 + rng_below(r, 1000000);
        m->items[i] = (mlr_tune_item){.new_bytes = size,
                                      .option = m->options[i],
                                      .count = 1 + rng_below(r, MOST_OPTIONS)};
        for (size_t o = 0; o < m->items[i].count; o++) {
            uint64_t part = 20 + rng_below(r, 980);
            m->options[i][o] = (mlr_tune_option){
                .bytes = size * part / 1000,
                .us = 1 + size / (1 + part + rng_below(r, 200)) / (1 + rng_below(r, 3))};
        }
    }
}

/* The least cost of all plans within the limits; -1 where there is none. */
static double search(const mlr_tune_table *t, mlr_goal goal, const mlr_tune_limits *limits)
{
    size_t pick[MOST_ITEMS] = {0};
    double best = -1;
    for (size_t i = 0; i < t->count;) {
        uint64_t bytes = t->fixed_bytes, us = t->fixed_us;
        for (size_t k = 0; k < t->count; k++) {
            bytes += t->items[k].option[pick[k]].bytes;
            us += t->items[k].option[pick[k]].us;
        }
        bool fits = (limits->bytes == 0 || bytes <= limits->bytes) &&
                    (limits->us == 0 || us <= limits->us);
        double cost = mlr_tune_cost(goal, bytes, us);
        best = fits && (best < 0 || cost < best) ? cost : best;
        for (i = 0; i < t->count && ++pick[i] == t->items[i].count; i++) {
            pick[i] = 0;
        }
    }
    return best;
}

/* A limit somewhere between what is least and what is taken without one. */
static uint64_t between(rng *r, const mlr_tune_table *t, bool time)
{
    uint64_t least = time ? t->fixed_us : t->fixed_bytes, most = least;
    for (size_t i = 0; i < t->count; i++) {
        uint64_t low = UINT64_MAX, high = 0;
        for (size_t o = 0; o < t->items[i].count; o++) {
            const mlr_tune_option *x = &t->items[i].option[o];
            uint64_t n = time ? x->us : x->bytes;
            low = n < low ? n : low;
            high = n > high ? n : high;
        }
        least += low;
        most += high;
    }
    return least + rng_below(r, most - least + 1);
}

static void one_goal(mlr_heap *heap, const made_table *m, mlr_goal goal,
                     const mlr_tune_limits *limits, unsigned *found, unsigned *missed)
{
    mlr_pool pool;
    mlr_err err = {0};
    mlr_tune_plan plan;
    mlr_pool_init(&pool, &heap->alloc);
    assert_int_equal(mlr_tune_solve(&plan, &m->table, goal, limits, &pool, &err), MLR_OK);
    double best = search(&m->table, goal, limits);
    if (best < 0) {
        assert_false(plan.fits);
    } else if (!plan.fits) {
        (*missed)++; /* counted: only two limits at once can hide a plan */
        assert_true(limits->bytes > 0 && limits->us > 0);
    } else {
        assert_true(limits->bytes == 0 || plan.bytes <= limits->bytes);
        assert_true(limits->us == 0 || plan.us <= limits->us);
        double cost = mlr_tune_cost(goal, plan.bytes, plan.us);
        if (cost > best * 1.005 + 1e-6) {
            printf("goal %d: %.0f, best %.0f\n", goal, cost, best);
        }
        (*found)++;
        bool one_limit = limits->bytes == 0 || limits->us == 0;
        assert_true(!one_limit || cost <= best * 1.005 + 1e-6);
    }
    mlr_pool_release(&pool);
}

static void finds_what_exhaustive_search_finds(void **state)
{
    (void)state;
    mlr_heap heap;
    rng r = rng_new(20240);
    unsigned found = 0, missed = 0;
    mlr_heap_init(&heap);
    for (unsigned i = 0; i < 60; i++) {
        made_table m;
        make_table(&m, &r);
        for (int goal = 0; goal < 3; goal++) {
            const mlr_tune_limits none = {0};
            const mlr_tune_limits time = {.us = between(&r, &m.table, true)};
            const mlr_tune_limits size = {.bytes = between(&r, &m.table, false)};
            one_goal(&heap, &m, (mlr_goal)goal, &none, &found, &missed);
            one_goal(&heap, &m, (mlr_goal)goal, &time, &found, &missed);
            one_goal(&heap, &m, (mlr_goal)goal, &size, &found, &missed);
        }
    }
    assert_int_equal(missed, 0);
    assert_true(found > 500);
    assert_int_equal(heap.used, 0);
}

static void says_when_nothing_fits_and_comes_near(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_pool pool;
    mlr_err err = {0};
    mlr_tune_plan plan;
    mlr_tune_option o[] = {{.bytes = 100, .us = 1000}, {.bytes = 900, .us = 10}};
    mlr_tune_item item = {.new_bytes = 1000, .option = o, .count = 2};
    const mlr_tune_table t = {.items = &item, .count = 1};
    const mlr_tune_limits small = {.bytes = 50}, quick = {.us = 5}, both = {150, 20, 0};
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    mlr_tune_solve(&plan, &t, MLR_GOAL_SIZE, &small, &pool, &err);
    assert_false(plan.fits);
    assert_int_equal(plan.bytes, 100);
    mlr_tune_solve(&plan, &t, MLR_GOAL_SIZE, &quick, &pool, &err);
    assert_false(plan.fits);
    assert_int_equal(plan.us, 10);
    mlr_tune_solve(&plan, &t, MLR_GOAL_SIZE, &both, &pool, &err);
    assert_false(plan.fits);
    assert_int_equal(plan.bytes, 900); /* 6 times too large; else 50 times too slow */
    mlr_pool_release(&pool);
}

static void front_falls_in_time_and_rises_in_size(void **state)
{
    (void)state;
    rng r = rng_new(7);
    for (unsigned i = 0; i < 50; i++) {
        made_table m;
        mlr_tune_point p[MLR_TUNE_POINTS];
        make_table(&m, &r);
        size_t n = mlr_tune_front(&m.table, p);
        assert_true(n >= 1);
        for (size_t k = 1; k < n; k++) {
            assert_true(p[k].us < p[k - 1].us);
            assert_true(p[k].bytes >= p[k - 1].bytes);
        }
    }
}

static bool glob(const char *pattern, const char *text)
{
    return mlr_glob((mlr_str){pattern, strlen(pattern)}, (mlr_str){text, strlen(text)});
}

static void patterns_match_as_people_expect(void **state)
{
    (void)state;
    assert_true(glob("*", ""));
    assert_true(glob("a*c", "abbbc"));
    assert_true(glob("*.q_proj.*", "model.layers.1.q_proj.weight"));
    assert_true(glob("a?c", "abc"));
    assert_true(glob("*a*a*a*", "aaa"));
    assert_true(glob("**", "x"));
    assert_false(glob("", "x"));
    assert_false(glob("a?c", "ac"));
    assert_false(glob("a*c", "abd"));
    assert_false(glob("*a*a*a*a*", "aaa"));
}

static mlr_module_kind kind(const char *name)
{
    return mlr_module_kind_of((mlr_str){name, strlen(name)});
}

static void names_tell_the_kind_of_module(void **state)
{
    (void)state;
    assert_int_equal(kind("model.embed_tokens.weight"), MLR_KIND_EMBEDDING);
    assert_int_equal(kind("token_embd.weight"), MLR_KIND_EMBEDDING);
    assert_int_equal(kind("blk.0.attn_q.weight"), MLR_KIND_ATTENTION);
    assert_int_equal(kind("blk.0.attn_norm.weight"), MLR_KIND_NORM);
    assert_int_equal(kind("model.layers.1.mlp.up_proj.weight"), MLR_KIND_MLP);
    assert_int_equal(kind("blk.3.ffn_gate_exps.weight"), MLR_KIND_EXPERTS);
    assert_int_equal(kind("lm_head.weight"), MLR_KIND_HEAD);
    assert_int_equal(kind("output.weight"), MLR_KIND_HEAD);
    assert_int_equal(kind("layer1.0.conv1.weight"), MLR_KIND_CONV);
    assert_int_equal(kind("x.lora_A.weight"), MLR_KIND_LORA);
    assert_int_equal(kind("something"), MLR_KIND_OTHER);
}

static void prices_grow_with_bytes_and_on_small_devices(void **state)
{
    (void)state;
    const mlr_device *small = mlr_device_named("256K");
    assert_int_equal(mlr_price_decode_us(MLR_STRATEGY_raw, 4000000, NULL), 1000);
    assert_int_equal(mlr_price_decode_us(MLR_STRATEGY_raw, 1, NULL), 1);
    assert_true(mlr_price_decode_us(MLR_STRATEGY_zstd, 1 << 20, small) >
                mlr_price_decode_us(MLR_STRATEGY_zstd, 1 << 20, NULL));
    assert_true(mlr_price_decode_us(MLR_STRATEGY_mix, UINT64_MAX, small) == UINT64_MAX);
    assert_int_equal(mlr_price_speed(63), 0);
    for (unsigned id = 0; id < 63; id++) { /* a row for each: the fallback is 1 */
        bool known = mlr_encoder_get(id) != NULL && id != MLR_STRATEGY_mix;
        assert_true(!known || mlr_price_speed(id) > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_exhaustive_search_finds),
        cmocka_unit_test(says_when_nothing_fits_and_comes_near),
        cmocka_unit_test(front_falls_in_time_and_rises_in_size),
        cmocka_unit_test(patterns_match_as_people_expect),
        cmocka_unit_test(names_tell_the_kind_of_module),
        cmocka_unit_test(prices_grow_with_bytes_and_on_small_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
