/* Every strategy gives back what it was given: every type, length, level and reference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/base/cursor.h"
#include "apply/convert.h"
#include "apply/dict.h"
#include "apply/host/heap.h"
#include "apply/host/threads.h"
#include "codec/dict_train.h"
#include "codec/zstd_pool.h"
#include "tests/support/rng.h"
#include "tests/support/strat.h"
#include "tests/support/test.h"

enum { MOST = 1 << 16 };

typedef enum likeness { EQUAL, CLOSE, FEW_CHANGES, UNRELATED, LIKENESSES } likeness;

/* New bytes that relate to the old ones in one of the ways that models do. */
static void make_pair(rng *r, likeness like, uint8_t *old, uint8_t *now, size_t n)
{
    rng_fill(r, old, n);
    memcpy(now, old, n);
    if (like == UNRELATED) {
        rng_fill(r, now, n);
    }
    for (size_t i = 0; i < n; i++) {
        if (like == CLOSE && rng_below(r, 3) == 0) {
            now[i] = (uint8_t)(now[i] + rng_below(r, 5) - 2);
        }
        if (like == FEW_CHANGES && rng_below(r, 97) == 0) {
            now[i] = (uint8_t)rng_next(r);
        }
    }
}

/* Calls back for every strategy and type that go together. */
static void each_pairing(const uint8_t *now, const uint8_t *old, size_t n, int level)
{
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        for (unsigned t = 0; t < MLR_DTYPE_LIMIT; t++) {
            const mlr_dtype *dtype = mlr_dtype_get(t);
            if (mlr_encoder_get(id) == NULL || dtype == NULL) {
                continue;
            }
            strat_case c = {.id = id,
                            .dtype = dtype,
                            .now = now,
                            .old = old,
                            .n = n,
                            .old_n = old == NULL ? 0 : n,
                            .e.level = level};
            /* mix sees a type's width alone, and is slow: one type of each width will do */
            bool sampled =
                id != MLR_STRATEGY_mix || t <= MLR_DTYPE_F16 || t == MLR_DTYPE_Q4_0;
            bool differs = old == NULL || memcmp(now, old, n) != 0;
            if (sampled && strat_suits(&c) && !(id == MLR_STRATEGY_copy && differs)) {
                strat_round_trip(&c);
            }
        }
    }
}

static void gives_back_short_runs_of_every_type(void **state)
{
    (void)state;
    rng r = rng_new(1);
    uint8_t old[200], now[200];
    for (size_t n = 0; n <= 200; n += n < 20 ? 1 : 1 + n % 7) {
        make_pair(&r, (likeness)(n % LIKENESSES), old, now, n);
        each_pairing(now, old, n, 3);
        if (n % 3 == 0) {
            each_pairing(now, NULL, n, 1);
        }
    }
}

static void gives_back_long_runs_at_every_level(void **state)
{
    (void)state;
    static const int levels[] = {1, 3, 9, 19};
    rng r = rng_new(2);
    uint8_t *old = malloc(MOST), *now = malloc(MOST);
    for (unsigned i = 0; i < 8; i++) {
        size_t n = 3000 + (size_t)rng_below(&r, 6000) + i % 2;
        make_pair(&r, (likeness)(i % LIKENESSES), old, now, n);
        each_pairing(now, old, n, levels[i % 4]);
    }
    free(old);
    free(now);
}

static void blocks_of_a_record_decode_alone(void **state)
{
    (void)state;
    static const mlr_dtype_id types[] = {MLR_DTYPE_BF16, MLR_DTYPE_F32,  MLR_DTYPE_I8,
                                         MLR_DTYPE_Q4_K, MLR_DTYPE_Q8_0, MLR_DTYPE_OPAQUE};
    rng r = rng_new(3);
    uint8_t *old = malloc(MOST), *now = malloc(MOST);
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        const mlr_dtype *t = mlr_dtype_get(types[k]);
        size_t n = MOST - 5;
        make_pair(&r, CLOSE, old, now, n);
        for (unsigned id = 2; id < MLR_STRATEGY_LIMIT; id++) {
            strat_case c = {.id = id,
                            .dtype = t,
                            .now = now,
                            .old = old,
                            .n = n,
                            .old_n = n,
                            .block =
                                29U * t->block_bytes * (4096U / t->block_bytes / 29 + 1),
                            .e.level = 3};
            if (mlr_encoder_get(id) != NULL && strat_suits(&c)) {
                strat_round_trip(&c);
            }
        }
    }
    free(old);
    free(now);
}

/* Special values: zeros of both signs, infinities, NaNs with payloads, denormals. */
static void gives_back_special_floats(void **state)
{
    (void)state;
    static const uint16_t odd[] = {0x0000, 0x8000, 0x7f80, 0xff80, 0x7fc1, 0xffff,
                                   0x0001, 0x8001, 0x7f7f, 0x3f80, 0x7f81, 0x0080};
    enum { N = sizeof odd / sizeof *odd };
    uint8_t old[2 * N * N], now[2 * N * N];
    for (size_t i = 0; i < N * N; i++) {
        mlr_store16(old + 2 * i, odd[i / N]);
        mlr_store16(now + 2 * i, odd[i % N]);
    }
    each_pairing(now, old, sizeof now, 3);
}

/* bf16 made from f32 by rounding costs nothing: the reference converts exactly. */
static void predicts_converted_types(void **state)
{
    (void)state;
    enum { N = 4000 };
    rng r = rng_new(4);
    const mlr_dtype *types[] = {mlr_dtype_get(MLR_DTYPE_F32), mlr_dtype_get(MLR_DTYPE_BF16),
                                mlr_dtype_get(MLR_DTYPE_F16), mlr_dtype_get(MLR_DTYPE_F64)};
    uint8_t *old = malloc(8 * N), *now = malloc(8 * N);
    rng_fill(&r, old, 8 * N);
    for (unsigned k = 0; k < 16; k++) {
        const mlr_dtype *from = types[k / 4], *to = types[k % 4];
        if (from == to) {
            continue;
        }
        mlr_convert(from, old, to, now, N);
        strat_case c = {.id = MLR_STRATEGY_copy,
                        .dtype = to,
                        .old_dtype = from,
                        .now = now,
                        .old = old,
                        .n = (size_t)N * to->block_bytes,
                        .old_n = (size_t)N * from->block_bytes,
                        .block = 512U * to->block_bytes,
                        .e.level = 3};
        assert_true(strat_suits(&c));
        assert_int_equal(strat_round_trip(&c), 0);
        now[77] ^= 1;
        static const unsigned ids[] = {MLR_STRATEGY_xor, MLR_STRATEGY_sub,
                                       MLR_STRATEGY_xor_planes, MLR_STRATEGY_sub_planes,
                                       MLR_STRATEGY_sparse};
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
            c.id = ids[i];
            assert_true(strat_round_trip(&c) < 400);
        }
    }
    free(old);
    free(now);
}

static void higher_levels_are_never_larger(void **state)
{
    (void)state;
    rng r = rng_new(5);
    uint8_t *old = malloc(MOST), *now = malloc(MOST);
    for (unsigned like = 0; like < LIKENESSES; like++) {
        size_t n = 20000;
        make_pair(&r, (likeness)like, old, now, n);
        for (unsigned id = 2; id <= 11; id++) {
            size_t before = SIZE_MAX;
            for (int level = 1; level <= 22; level += 3) {
                strat_case c = {
                    .id = id,
                    .dtype = mlr_dtype_get(id == 10 ? MLR_DTYPE_Q4_0 : MLR_DTYPE_BF16),
                    .now = now,
                    .old = old,
                    .n = n,
                    .old_n = n,
                    .e.level = level};
                size_t bytes = strat_round_trip(&c);
                assert_true(bytes <= before);
                before = bytes;
            }
        }
    }
    free(old);
    free(now);
}

static void names_and_ids_agree(void **state)
{
    (void)state;
    assert_int_equal(mlr_strategy_named("raw"), 0);
    assert_int_equal(mlr_strategy_named("sub-planes"), 7);
    assert_int_equal(mlr_strategy_named("block-fields"), 10);
    assert_int_equal(mlr_strategy_named("nothing"), -1);
    for (unsigned id = 0; id < 300; id++) {
        const mlr_decoder *d = mlr_decoder_get(id);
        const mlr_encoder *e = mlr_encoder_get(id);
        assert_int_equal(d == NULL, e == NULL);
        if (d != NULL) {
            assert_int_equal(d->id, id);
            assert_int_equal(e->id, id);
            assert_int_equal(mlr_strategy_named(d->name), id);
            assert_true(strlen(e->summary) > 20);
        }
    }
}

/* What mix promises for structure bytes, with room to spare over what it does. */
static void mix_pays_for_changes_only(void **state)
{
    (void)state;
    enum { ROOM = 1 << 17 };
    rng r = rng_new(7);
    char *old = malloc(ROOM), *now = malloc(ROOM + 64);
    size_t n = 0;
    for (int i = 0; n + 100 < ROOM; i++) {
        n += (size_t)snprintf(
            old + n, ROOM - n, "\"layer.%d.w\":{\"shape\":[%u,512],\"offset\":%u},", i,
            (unsigned)rng_below(&r, 9999), (unsigned)rng_next(&r) % 99999);
    }
    strat_case c = {.id = MLR_STRATEGY_mix,
                    .dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                    .now = (const uint8_t *)now,
                    .old = (const uint8_t *)old,
                    .n = n,
                    .old_n = n,
                    .e.level = 9};
    memcpy(now, old, n);
    size_t same = strat_round_trip(&c);
    for (size_t i = 0; i < 10; i++) {
        now[5000 + i * 9001] ^= 1;
    }
    size_t changed = strat_round_trip(&c);
    memcpy(now, old, 40000);
    memcpy(now + 40000, "\"one.more\":{\"shape\":[1,2]},", 28);
    memcpy(now + 40028, old + 40000, n - 40000);
    c.n = n + 28;
    size_t inserted = strat_round_trip(&c);
    memset(now, 'x', n);
    c.n = n;
    c.old = NULL;
    c.old_n = 0;
    size_t repeated = strat_round_trip(&c);
    print_message("%zu bytes of structure: same %zu, ten changes %zu, insertion %zu, "
                  "one byte repeated %zu\n",
                  n, same, changed, inserted, repeated);
    assert_true(same <= 12);
    assert_true(changed <= 60);
    assert_true(inserted <= 60);
    assert_true(repeated <= 32);
    free(old);
    free(now);
}

static void mix_fits_the_memory_it_is_given(void **state)
{
    (void)state;
    enum { LENGTH = 8192 };
    rng r = rng_new(8);
    uint8_t old[LENGTH], now[LENGTH], out[LENGTH];
    make_pair(&r, CLOSE, old, now, LENGTH);
    for (size_t most = 4096; most <= 1 << 21; most *= 2) {
        strat_case c = {.id = MLR_STRATEGY_mix,
                        .dtype = mlr_dtype_get(MLR_DTYPE_I8),
                        .now = now,
                        .old = old,
                        .n = LENGTH,
                        .old_n = LENGTH,
                        .block = 4096,
                        .e.level = 3,
                        .e.max_work = most};
        strat_coded coded;
        mlr_err err = {0};
        assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
        assert_true(coded.need.terms.work <= most);
        assert_int_equal(strat_decode(&c, &coded, out, &err), MLR_OK);
        assert_memory_equal(out, now, LENGTH);
        strat_release(&coded);
    }
}

typedef struct pooled {
    strat_case c;
    strat_coded plain;
    _Atomic int wrong;
} pooled;

static void encode_again(void *arg, size_t i, unsigned lane)
{
    pooled *p = arg;
    mlr_err err = {0};
    strat_coded again;
    (void)i;
    (void)lane;
    if (strat_encode(&p->c, &again, &err) != MLR_OK ||
        again.payload.size != p->plain.payload.size ||
        memcmp(again.payload.data, p->plain.payload.data, again.payload.size) != 0) {
        p->wrong = 1;
    }
    strat_release(&again);
}

static void shared_contexts_change_no_byte(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_err err = {0};
    mlr_threads *threads = NULL;
    assert_int_equal(mlr_threads_start(&threads, 3, &heap.alloc, &err), MLR_OK);
    rng r = rng_new(9);
    uint8_t *old = malloc(MOST), *now = malloc(MOST);
    make_pair(&r, CLOSE, old, now, MOST);
    static const unsigned ids[] = {MLR_STRATEGY_zstd_ref, MLR_STRATEGY_sub_planes};
    for (size_t k = 0; k < 2; k++) {
        pooled p = {.c = {.id = ids[k],
                          .dtype = mlr_dtype_get(MLR_DTYPE_BF16),
                          .now = now,
                          .old = old,
                          .n = MOST,
                          .old_n = MOST,
                          .block = MOST / 4,
                          .e.level = 7}};
        assert_int_equal(strat_encode(&p.c, &p.plain, &err), MLR_OK);
        assert_int_equal(mlr_zstd_pool_open(&p.c.e.zstd, &heap.alloc, &err), MLR_OK);
        mlr_exec_run(mlr_threads_exec(threads), encode_again, &p, 12);
        assert_int_equal(p.wrong, 0);
        mlr_zstd_pool_close(p.c.e.zstd);
        strat_release(&p.plain);
    }
    mlr_threads_stop(threads);
    assert_int_equal(heap.used, 0);
    free(old);
    free(now);
}

static void *test_take(void *ctx, size_t n)
{
    (void)ctx;
    return malloc(n);
}

static void test_give(void *ctx, void *p, size_t n)
{
    (void)ctx;
    (void)n;
    free(p);
}

/* Texts of one kind, of which a dictionary knows the common part. */
static size_t make_text(rng *r, char *to, size_t room)
{
    size_t n = 0;
    for (int i = 0; i < 12; i++) {
        n += (size_t)snprintf(to + n, room - n,
                              "\"model.layers.%u.self_attn.%c_proj.weight\":{\"dtype\":"
                              "\"BF16\",\"shape\":[%u,512]},",
                              (unsigned)rng_below(r, 32), "qkvo"[rng_below(r, 4)],
                              (unsigned)rng_below(r, 4000));
    }
    return n;
}

static void a_dictionary_makes_small_records_smaller(void **state)
{
    (void)state;
    enum { COUNT = 200, ROOM = 2048 };
    static const mlr_allocator a = {.take = test_take, .give = test_give};
    rng r = rng_new(6);
    char *samples = malloc((size_t)COUNT * ROOM);
    size_t sizes[COUNT], n = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        sizes[i] = make_text(&r, samples + n, ROOM);
        n += sizes[i];
    }
    mlr_dict_training t = {.samples = (const uint8_t *)samples,
                           .sizes = sizes,
                           .count = COUNT,
                           .most = 8192,
                           .date = 1700000000,
                           .level = 19};
    mlr_buf file, again;
    mlr_buf_init(&file, &a);
    mlr_buf_init(&again, &a);
    mlr_err err = {0};
    assert_int_equal(mlr_dict_train(&t, &file, &err), MLR_OK);
    assert_int_equal(mlr_dict_train(&t, &again, &err), MLR_OK);
    assert_int_equal(file.size, again.size);
    assert_memory_equal(file.data, again.data, file.size);
    assert_true(file.size <= 8192);
    mlr_dict d;
    assert_int_equal(mlr_dict_view(&d, file.data, file.size, NULL, &err), MLR_OK);
    assert_int_equal(d.samples, COUNT);
    assert_int_equal(d.sample_bytes, n);
    assert_int_equal(d.date, 1700000000);
    char text[ROOM];
    size_t length = make_text(&r, text, sizeof text);
    strat_case c = {.id = MLR_STRATEGY_zstd,
                    .dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                    .now = (const uint8_t *)text,
                    .n = length,
                    .e.level = 3};
    size_t without = strat_round_trip(&c);
    c.e.dict = d.bytes;
    c.e.dict_bytes = d.size;
    size_t with = strat_round_trip(&c);
    print_message("a text of %zu bytes: %zu, with a dictionary %zu\n", length, without,
                  with);
    assert_true(with * 3 < without * 2);
    file.data[MLR_DICT_HEADER + 20] ^= 1;
    assert_int_equal(mlr_dict_view(&d, file.data, file.size, NULL, &err), MLR_E_VERIFY);
    mlr_buf_release(&file);
    mlr_buf_release(&again);
    free(samples);
}

static void refuses_to_train_on_nothing(void **state)
{
    (void)state;
    static const mlr_allocator a = {.take = test_take, .give = test_give};
    mlr_err err = {0};
    mlr_buf file;
    mlr_buf_init(&file, &a);
    mlr_dict_training t = {.most = 4096};
    assert_int_equal(mlr_dict_train(&t, &file, &err), MLR_E_UNSUPPORTED);
    assert_int_equal(file.size, 0);
    mlr_buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_short_runs_of_every_type),
        cmocka_unit_test(gives_back_long_runs_at_every_level),
        cmocka_unit_test(blocks_of_a_record_decode_alone),
        cmocka_unit_test(gives_back_special_floats),
        cmocka_unit_test(predicts_converted_types),
        cmocka_unit_test(higher_levels_are_never_larger),
        cmocka_unit_test(mix_pays_for_changes_only),
        cmocka_unit_test(mix_fits_the_memory_it_is_given),
        cmocka_unit_test(shared_contexts_change_no_byte),
        cmocka_unit_test(names_and_ids_agree),
        cmocka_unit_test(a_dictionary_makes_small_records_smaller),
        cmocka_unit_test(refuses_to_train_on_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
