/* The neural strategies: exact for every type and value, the same on every processor, and
 * indifferent to damage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/base/cursor.h"
#include "apply/host/heap.h"
#include "apply/host/host_kernels.h"
#include "apply/host/threads.h"
#include "apply/neural.h"
#include "apply/neural_kernels.h"
#include "apply/number.h"
#include "apply/token.h"
#include "codec/cost.h"
#include "codec/rans_write.h"
#include "tests/support/rng.h"
#include "tests/support/strat.h"
#include "tests/support/test.h"

static const char *const number_types[] = {
    "bf16", "f16", "f32", "f64", "f8_e4m3", "f8_e5m2", "f8_e4m3fnuz", "f8_e8m0", "bool",
    "u8",   "i8",  "u16", "i16", "u32",     "i32",     "u64",         "i64"};
enum { TYPES = sizeof number_types / sizeof *number_types };

static const mlr_dtype *type(const char *name)
{
    return mlr_dtype_named(name, strlen(name));
}

/* Decodes with given loops, memory being exactly what was asked for. */
static mlr_status decode_with(const strat_case *c, const strat_coded *coded,
                              const mlr_kernels *kernels, uint8_t *out)
{
    const mlr_record *r = &coded->record;
    mlr_err err = {0};
    void *state = aligned_alloc(64, (coded->need.state_bytes + 63) & ~(size_t)63);
    void *work = aligned_alloc(64, (coded->need.work_bytes + 63) & ~(size_t)63);
    mlr_status st = r->decoder->prepare(state, r, &err);
    const uint8_t *payload = coded->payload.data;
    for (size_t i = 0; i < coded->blocks && st == MLR_OK; i++) {
        size_t first = i * r->block_new;
        size_t left = c->n - first;
        mlr_block b = {.record = r,
                       .state = state,
                       .payload = payload,
                       .payload_bytes = coded->size[i],
                       .out = out + first,
                       .out_bytes = left < r->block_new ? left : r->block_new,
                       .first = first,
                       .work = work,
                       .work_bytes = coded->need.work_bytes,
                       .kernels = kernels};
        size_t wide = r->dtype->block_bytes;
        size_t was = r->old_dtype->block_bytes;
        b.old = c->old + first / wide * was;
        b.old_bytes = b.out_bytes / wide * was;
        st = r->decoder->decode(&b, &err);
        payload += coded->size[i];
    }
    free(state);
    free(work);
    return st;
}

/* Encodes, decodes with both sets of loops, compares; returns the coded bytes. */
static size_t round_trip(const strat_case *c)
{
    strat_coded coded;
    mlr_err err = {0};
    assert_int_equal(strat_encode(c, &coded, &err), MLR_OK);
    uint8_t *out = malloc(c->n + 1);
    memset(out, 0xa5, c->n);
    assert_int_equal(decode_with(c, &coded, &mlr_kernels_scalar, out), MLR_OK);
    assert_memory_equal(out, c->now, c->n);
    memset(out, 0x5a, c->n);
    assert_int_equal(decode_with(c, &coded, mlr_host_kernels(), out), MLR_OK);
    assert_memory_equal(out, c->now, c->n);
    size_t bytes = coded.model.size + coded.payload.size;
    free(out);
    strat_release(&coded);
    return bytes;
}

static strat_case pair_of(const mlr_dtype *t, const uint8_t *old, const uint8_t *now,
                          size_t n)
{
    return (strat_case){.id = MLR_STRATEGY_neural,
                        .dtype = t,
                        .now = now,
                        .old = old,
                        .n = n,
                        .old_n = n,
                        .e.level = 6,
                        .e.search = true};
}

static void gives_back_every_length_of_every_type(void **state)
{
    (void)state;
    rng r = rng_new(1);
    uint8_t old[300 * 8];
    uint8_t now[300 * 8];
    for (unsigned t = 0; t < TYPES; t++) {
        const mlr_dtype *dtype = type(number_types[t]);
        for (size_t n = 1; n <= 300; n++) {
            size_t bytes = n * dtype->block_bytes;
            rng_fill(&r, old, bytes);
            memcpy(now, old, bytes);
            for (size_t i = 0; i < bytes; i++) {
                now[i] = (uint8_t)(now[i] + (rng_below(&r, 1 + n % 9) == 0));
            }
            strat_case c = pair_of(dtype, old, now, bytes);
            round_trip(&c);
        }
    }
}

static void gives_back_a_cut_last_element(void **state)
{
    (void)state;
    uint8_t old[64] = {1, 2, 3};
    uint8_t now[63];
    memset(now, 7, sizeof now);
    strat_case c = pair_of(type("f32"), old, now, sizeof now);
    c.old_n = sizeof old;
    round_trip(&c);
}

/* NaNs with payloads, infinities, both zeros, denormals, the largest and the smallest. */
static void gives_back_special_values(void **state)
{
    (void)state;
    enum { N = 20000 };
    rng r = rng_new(2);
    uint8_t *old = malloc(N * 8);
    uint8_t *now = malloc(N * 8);
    for (unsigned t = 0; t < TYPES; t++) {
        mlr_number n;
        const mlr_dtype *dtype = type(number_types[t]);
        assert_true(mlr_number_of(dtype, &n));
        uint64_t top = (uint64_t)n.exp_limit << n.mantissa;
        const uint64_t special[] = {
            0,      n.sign,  1,          n.sign | 1, top,      n.sign | top,  top | 1,
            n.mask, top - 1, n.sign - 1, n.sign | 2, top >> 1, (top >> 1) - 1};
        for (size_t i = 0; i < N; i++) {
            uint64_t a = special[rng_below(&r, 13)];
            uint64_t b =
                rng_below(&r, 3) == 0 ? special[rng_below(&r, 13)] : a + rng_below(&r, 3);
            mlr_number_store(old + i * n.bytes, n.bytes, a & n.mask);
            mlr_number_store(now + i * n.bytes, n.bytes, b & n.mask);
        }
        strat_case c = pair_of(dtype, old, now, (size_t)N * n.bytes);
        c.row = 100;
        round_trip(&c);
    }
    free(old);
    free(now);
}

static uint16_t bf16_of(double x)
{
    float f = (float)x;
    uint32_t bits = 0;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

typedef struct weights {
    uint8_t *old, *now;
    size_t rows, row, bytes;
} weights;

/* A matrix, and the same after a change of low rank and rounding. */
static weights merged(rng *r, size_t rows, size_t row, unsigned rank, double size)
{
    weights w = {.rows = rows, .row = row, .bytes = rows * row * 2};
    double *u = malloc(rows * rank * sizeof *u);
    double *v = malloc(row * rank * sizeof *v);
    w.old = malloc(w.bytes);
    w.now = malloc(w.bytes);
    for (size_t i = 0; i < rows * rank; i++) {
        u[i] = rng_normal(r);
    }
    for (size_t i = 0; i < row * rank; i++) {
        v[i] = rng_normal(r) * size;
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < row; j++) {
            uint16_t was = bf16_of(rng_normal(r) * 0.02);
            float f = 0;
            uint32_t bits = (uint32_t)was << 16;
            memcpy(&f, &bits, sizeof f);
            double x = (double)f;
            for (unsigned k = 0; k < rank; k++) {
                x += u[i * rank + k] * v[j * rank + k];
            }
            mlr_store16(w.old + 2 * (i * row + j), was);
            mlr_store16(w.now + 2 * (i * row + j), bf16_of(x));
        }
    }
    free(u);
    free(v);
    return w;
}

static void weights_free(weights *w)
{
    free(w->old);
    free(w->now);
}

static void finds_the_rank_of_a_merged_adapter(void **state)
{
    (void)state;
    rng r = rng_new(3);
    weights w = merged(&r, 384, 256, 4, 3e-4);
    strat_case c = pair_of(type("bf16"), w.old, w.now, w.bytes);
    size_t plain = round_trip(&c);
    c.row = w.row;
    c.block = 10000 * 2; /* blocks begin inside of rows */
    size_t low_rank = round_trip(&c);
    assert_true(low_rank * 3 < plain);
    weights_free(&w);
}

static void makes_the_same_bytes_on_any_number_of_lanes(void **state)
{
    (void)state;
    rng r = rng_new(15);
    mlr_heap heap;
    mlr_threads *threads = NULL;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    assert_int_equal(mlr_threads_start(&threads, 3, &heap.alloc, &err), MLR_OK);
    weights w = merged(&r, 200, 150, 3, 3e-4);
    strat_case c = pair_of(type("bf16"), w.old, w.now, w.bytes);
    c.row = w.row;
    strat_coded one;
    strat_coded three;
    assert_int_equal(strat_encode(&c, &one, &err), MLR_OK);
    c.e.exec = mlr_threads_exec(threads);
    assert_int_equal(strat_encode(&c, &three, &err), MLR_OK);
    assert_int_equal(one.model.data[0] & MLR_NEURAL_LOWRANK, MLR_NEURAL_LOWRANK);
    assert_int_equal(one.model.size, three.model.size);
    assert_memory_equal(one.model.data, three.model.data, one.model.size);
    assert_int_equal(one.payload.size, three.payload.size);
    assert_memory_equal(one.payload.data, three.payload.data, one.payload.size);
    strat_release(&one);
    strat_release(&three);
    mlr_threads_stop(threads);
    weights_free(&w);
}

/* Both neural strategies, every class of type; mixing never takes more than tables do. */
static void mixing_gives_back_and_is_no_larger(void **state)
{
    (void)state;
    enum { N = 30000 };
    rng r = rng_new(16);
    uint8_t *old = malloc(N * 8);
    uint8_t *now = malloc(N * 8);
    for (unsigned t = 0; t < TYPES; t++) {
        mlr_number n;
        assert_true(mlr_number_of(type(number_types[t]), &n));
        rng_fill(&r, old, (size_t)N * n.bytes);
        for (size_t i = 0; i < N; i++) {
            uint64_t x = mlr_number_load(old + i * n.bytes, n.bytes);
            uint64_t step = rng_below(&r, 4) == 0 ? rng_below(&r, 200) : rng_below(&r, 3);
            mlr_number_store(now + i * n.bytes, n.bytes, (x + step) & n.mask);
        }
        strat_case c = pair_of(type(number_types[t]), old, now, (size_t)N * n.bytes);
        c.row = 77;
        size_t tables = round_trip(&c);
        c.id = MLR_STRATEGY_neural_max;
        assert_in_range(round_trip(&c), 1, tables);
    }
    free(old);
    free(now);
}

static void spends_little_where_no_rank_helps(void **state)
{
    (void)state;
    rng r = rng_new(4);
    weights w = merged(&r, 128, 128, 1, 0);
    for (size_t i = 0; i < w.bytes; i += 2) {
        w.now[i] = (uint8_t)(w.now[i] ^ rng_below(&r, 2));
    }
    strat_case c = pair_of(type("bf16"), w.old, w.now, w.bytes);
    size_t plain = round_trip(&c);
    c.row = w.row;
    assert_int_equal(round_trip(&c), plain);
    weights_free(&w);
}

/* One bit for each element is what a coin flip costs; a little more is the tables'. */
static void codes_coin_flips_near_their_entropy(void **state)
{
    (void)state;
    enum { N = 100000 };
    rng r = rng_new(5);
    uint8_t *old = calloc(N, 2);
    uint8_t *now = malloc(N * 2);
    for (size_t i = 0; i < N; i++) {
        mlr_store16(old + 2 * i, 0x3c00);
        mlr_store16(now + 2 * i, (uint16_t)(0x3c00 + rng_below(&r, 2)));
    }
    strat_case c = pair_of(type("bf16"), old, now, (size_t)N * 2);
    size_t bytes = round_trip(&c);
    assert_in_range(bytes, N / 8, N / 8 + 220);
    free(old);
    free(now);
}

/* 1 of 1000 values changes: log2(1000) + 1.44 bits for where, 1 for what. */
static void lists_rare_changes(void **state)
{
    (void)state;
    enum { N = 1 << 18 };
    rng r = rng_new(6);
    uint8_t *old = malloc(N * 2);
    uint8_t *now = malloc(N * 2);
    size_t changes = 0;
    for (size_t i = 0; i < N; i++) {
        uint16_t x = bf16_of(rng_normal(&r));
        bool change = rng_below(&r, 1000) == 0;
        changes += change;
        mlr_store16(old + 2 * i, x);
        mlr_store16(now + 2 * i, (uint16_t)(change ? x + 1 : x));
    }
    strat_case c = pair_of(type("bf16"), old, now, (size_t)N * 2);
    size_t bytes = round_trip(&c);
    assert_in_range(bytes, changes * 11 / 8, changes * 14 / 8 + 300);
    memcpy(now, old, (size_t)N * 2);
    assert_in_range(round_trip(&c), 1, 16);
    free(old);
    free(now);
}

/* Half of the rows frozen, the others all changed. */
static void leaves_frozen_rows_out(void **state)
{
    (void)state;
    enum { ROWS = 512, ROW = 256 };
    rng r = rng_new(7);
    uint8_t *old = malloc(ROWS * ROW * 2);
    uint8_t *now = malloc(ROWS * ROW * 2);
    for (size_t i = 0; i < ROWS * ROW; i++) {
        uint16_t x = bf16_of(rng_normal(&r));
        bool frozen = i / ROW % 4 < 2;
        mlr_store16(old + 2 * i, x);
        mlr_store16(now + 2 * i, (uint16_t)(frozen ? x : x ^ (1 + rng_below(&r, 2))));
    }
    strat_case c = pair_of(type("bf16"), old, now, (size_t)ROWS * ROW * 2);
    size_t bytes = round_trip(&c);
    /* two equal choices, whose zigzag values follow from the old bits or not: at most 2
     * bits */
    assert_in_range(bytes, 1, ROWS * ROW / 2 * 2 / 8 + 500);
    free(old);
    free(now);
}

/* Whole channels frozen, 600 bytes apart: tables look at the neighbour 600 back, for which
   mixing has no contexts. */
static void mixing_goes_without_a_lag(void **state)
{
    (void)state;
    enum { N = 60000, CHANNELS = 600 };
    rng r = rng_new(21);
    uint8_t *old = malloc(N);
    uint8_t *now = malloc(N);
    rng_fill(&r, old, N);
    for (size_t i = 0; i < N; i++) {
        bool frozen = i % CHANNELS * 7 % 11 < 5;
        now[i] = (uint8_t)(frozen ? old[i] : old[i] + 1 + rng_below(&r, 9));
    }
    strat_case c = pair_of(type("i8"), old, now, N);
    strat_coded coded;
    mlr_neural_head h;
    mlr_err err = {0};
    assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
    assert_int_equal(mlr_neural_head_read(&coded.record, &h, &err), MLR_OK);
    assert_int_equal(h.lag, CHANNELS);
    strat_release(&coded);
    c.id = MLR_STRATEGY_neural_max;
    round_trip(&c);
    free(old);
    free(now);
}

static void predicts_across_types(void **state)
{
    (void)state;
    static const char *const floats[] = {"f32", "bf16",    "f16",
                                         "f64", "f8_e4m3", "f8_e5m2fnuz"};
    enum { N = 5000 };
    rng r = rng_new(8);
    uint8_t *old = malloc(N * 8);
    uint8_t *now = malloc(N * 8);
    for (unsigned a = 0; a < 6; a++) {
        for (unsigned b = 0; b < 6; b++) {
            rng_fill(&r, old, (size_t)N * 8);
            rng_fill(&r, now, (size_t)N * 8);
            strat_case c = pair_of(type(floats[b]), old, now,
                                   (size_t)N * type(floats[b])->block_bytes);
            c.old_dtype = type(floats[a]);
            c.old_n = (size_t)N * type(floats[a])->block_bytes;
            c.row = 50;
            round_trip(&c);
        }
    }
    free(old);
    free(now);
}

/* Weight decay is a product, known but for rounding, whatever the type and block. */
static void costs_little_to_shrink(void **state)
{
    (void)state;
    enum { N = 40000 };
    rng r = rng_new(19);
    uint8_t *old = malloc(N * 4);
    uint8_t *now = malloc(N * 4);
    for (size_t i = 0; i < N; i++) {
        float was = (float)(rng_normal(&r) * 0.02);
        float is = was * 0.9995F;
        memcpy(old + 4 * i, &was, sizeof was);
        memcpy(now + 4 * i, &is, sizeof is);
    }
    strat_case c = pair_of(type("f32"), old, now, (size_t)N * 4);
    c.block = 10000 * 4;
    assert_true(round_trip(&c) < N / 40); /* a fifth of a bit each */
    for (size_t i = 0; i < N; i++) {
        uint16_t was = bf16_of(rng_normal(&r) * 0.02);
        uint32_t bits = (uint32_t)was << 16;
        float x = 0;
        memcpy(&x, &bits, sizeof x);
        mlr_store16(old + 2 * i, was);
        mlr_store16(now + 2 * i, bf16_of((double)x * -1.03)); /* signs turn: no scale */
    }
    c = pair_of(type("bf16"), old, now, (size_t)N * 2);
    (void)round_trip(&c);
    for (size_t i = 0; i < N; i++) {
        uint32_t bits = (uint32_t)mlr_load16(old + 2 * i) << 16;
        float x = 0;
        memcpy(&x, &bits, sizeof x);
        mlr_store16(now + 2 * i, bf16_of((double)x * 1.03));
    }
    assert_true(round_trip(&c) < N / 16); /* half a bit: a few dozen mantissas in all */
    free(old);
    free(now);
}

/* A scale of zero, of integers, or beside factors is refused. */
static void refuses_a_scale_without_sense(void **state)
{
    (void)state;
    const char *const types[] = {"bf16", "i16"};
    for (unsigned i = 0; i < 4; i++) {
        uint8_t edges = i == 2 ? 1 : MLR_NEURAL_EDGES;
        uint8_t scale = i == 1 ? 0 : 9;
        const mlr_dtype *t = type(types[i == 3]);
        uint8_t model[] = {MLR_NEURAL_SCALED, 3, edges, 1, 1, 127, 0, scale};
        mlr_record r = {.dtype = t,
                        .old_dtype = t,
                        .new_bytes = 4096,
                        .old_bytes = 4096,
                        .model = model,
                        .model_bytes = sizeof model};
        mlr_neural_head h;
        mlr_err err = {0};
        mlr_status want = i == 0 ? MLR_OK : MLR_E_FORMAT;
        assert_int_equal(mlr_neural_head_read(&r, &h, &err), want);
        if (i == 0) {
            assert_int_equal(h.scale, -5);
        }
    }
}

/* A cast to bf16 by rounding to nearest even is predicted exactly, bit for bit. */
static void costs_nothing_to_cast(void **state)
{
    (void)state;
    enum { N = 50000 };
    rng r = rng_new(9);
    uint8_t *old = malloc(N * 4);
    uint8_t *now = malloc(N * 2);
    for (size_t i = 0; i < N; i++) {
        float f = (float)(rng_normal(&r) * 0.02);
        uint32_t bits = 0;
        memcpy(&bits, &f, sizeof bits);
        bits = i % 100 == 0 ? (bits & 0xffff0000U) | 0x8000U : bits; /* ties */
        memcpy(&f, &bits, sizeof f);
        mlr_store32(old + 4 * i, bits);
        mlr_store16(now + 2 * i, bf16_of((double)f));
    }
    strat_case c = pair_of(type("bf16"), old, now, (size_t)N * 2);
    c.old_dtype = type("f32");
    c.old_n = (size_t)N * 4;
    assert_in_range(round_trip(&c), 1, 64);
    free(old);
    free(now);
}

static void fits_a_small_device(void **state)
{
    (void)state;
    rng r = rng_new(10);
    weights w = merged(&r, 128, 128, 2, 2e-4);
    strat_case c = pair_of(type("bf16"), w.old, w.now, w.bytes);
    c.e.max_state = 4096;
    c.e.max_work = 8192;
    c.block = 4096;
    strat_coded coded;
    mlr_err err = {0};
    assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
    assert_in_range(coded.need.state_bytes, 1, 4096);
    assert_in_range(coded.need.work_bytes, 1, 4096);
    strat_release(&coded);
    round_trip(&c);
    weights_free(&w);
}

static void rans_lanes_agree_on_random_tokens(void **state)
{
    (void)state;
    const mlr_neural_kernels *fast = mlr_host_kernels()->neural;
    if (fast == NULL) {
        printf("skipped: no vector loops here\n");
        return;
    }
    enum { N = 40000 + 17, TABLES = 5, TOKENS = 50, ROUNDS = 20 };
    static uint16_t freq[TABLES][TOKENS];
    static uint32_t wide[TABLES * MLR_RANS_SCALE];
    static mlr_rans_symbol symbols[TABLES * TOKENS];
    static uint8_t context[N], token[N], out[2][N];
    static uint16_t words[2][N + 8];
    rng r = rng_new(11);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned t = 0; t < TABLES; t++) {
            uint32_t left = MLR_RANS_SCALE;
            for (unsigned k = 0; k + 1 < TOKENS; k++) {
                freq[t][k] = (uint16_t)rng_below(&r, left / (1 + rng_below(&r, 6)) + 1);
                left -= freq[t][k];
            }
            freq[t][TOKENS - 1] = (uint16_t)left;
            uint32_t slot = t * MLR_RANS_SCALE;
            for (uint32_t k = 0; k < TOKENS; k++) {
                slot += mlr_rans_widen(wide + slot, k, freq[t][k]);
            }
            mlr_rans_symbols(symbols + t * TOKENS, freq[t], TOKENS);
        }
        for (size_t i = 0; i < N; i++) {
            context[i] = (uint8_t)(rng_below(&r, TABLES) | (rng_below(&r, 2) << 7));
            token[i] = (uint8_t)
                wide[(context[i] & 63) * MLR_RANS_SCALE + rng_below(&r, MLR_RANS_SCALE)];
        }
        mlr_rans_job job = {symbols, TOKENS, context, token, N, 32};
        uint32_t first[2][32];
        size_t n = mlr_rans_encode(&job, words[0], first[0]);
        assert_int_equal(fast->rans_encode(&job, words[1], first[1]), n);
        assert_memory_equal(first[0], first[1], sizeof first[0]);
        assert_memory_equal(words[0] + N + 8 - n, words[1] + N + 8 - n, 2 * n);
        mlr_rans_tables tables = {.wide = wide, .count = TABLES, .tokens = TOKENS};
        size_t cut = round % 3 == 2 ? n / 2 : n;
        mlr_rans a = {.tables = &tables,
                      .words = (uint8_t *)(words[0] + N + 8 - n),
                      .word_count = cut,
                      .lanes = 32};
        memcpy(a.state, first[0], sizeof first[0]);
        mlr_rans b = a;
        for (size_t i = 0; i < N; i += MLR_NEURAL_CHUNK) {
            size_t part = N - i < MLR_NEURAL_CHUNK ? N - i : MLR_NEURAL_CHUNK;
            mlr_rans_decode(&a, context + i, out[0] + i, part);
            fast->rans(&b, context + i, out[1] + i, part);
        }
        assert_memory_equal(out[0], out[1], N);
        assert_memory_equal(a.state, b.state, sizeof a.state);
        assert_int_equal(a.next, b.next);
        assert_int_equal(mlr_rans_ended(&a), cut == n);
        if (cut == n) {
            assert_memory_equal(out[0], token, N);
        }
    }
}

/* A model of 3 classes without tables or factors. */
static mlr_status head_of(uint8_t form, uint8_t edges, uint8_t lag_low, uint8_t lag_high)
{
    const uint8_t table_free = (form & MLR_NEURAL_SPARSE) != 0 ? 0 : 1;
    uint8_t model[] = {form, 3, edges, table_free, table_free, 127, lag_low, lag_high};
    mlr_record r = {.dtype = type("bf16"),
                    .old_dtype = type("bf16"),
                    .new_bytes = 4096,
                    .old_bytes = 4096,
                    .model = model,
                    .model_bytes = sizeof model};
    mlr_neural_head h;
    mlr_err err = {0};
    return mlr_neural_head_read(&r, &h, &err);
}

/* Lists have a gap for each class, mixing a context for each class and edge: no more. */
static void refuses_contexts_without_room(void **state)
{
    (void)state;
    enum { LOW = 0x80, HIGH = 4, ZERO = 0x80 }; /* varints: 512, and 0 in two bytes */
    assert_int_equal(head_of(MLR_NEURAL_SPARSE, 1, ZERO, 0), MLR_OK);
    assert_int_equal(head_of(MLR_NEURAL_SPARSE, 8, ZERO, 0), MLR_E_FORMAT);
    assert_int_equal(head_of(MLR_NEURAL_SPARSE, 1, LOW, HIGH), MLR_E_FORMAT);
    assert_int_equal(head_of(MLR_NEURAL_MIX, 8, ZERO, 0), MLR_OK);
    assert_int_equal(head_of(MLR_NEURAL_MIX, 1, LOW, HIGH), MLR_E_FORMAT);
    assert_int_equal(head_of(0, 1, LOW, HIGH), MLR_OK);
}

static void refuses_a_token_the_table_lacks(void **state)
{
    (void)state;
    mlr_rans_symbol symbols[2];
    const uint16_t freq[2] = {MLR_RANS_SCALE, 0};
    uint8_t context[64] = {0};
    uint8_t token[64] = {0};
    uint16_t words[72];
    uint32_t first[32];
    mlr_rans_symbols(symbols, freq, 2);
    mlr_rans_job job = {symbols, 2, context, token, 64, 32};
    assert_int_equal(mlr_rans_encode(&job, words, first), 0);
    token[40] = 1;
    assert_true(mlr_rans_encode(&job, words, first) == SIZE_MAX);
}

/* Damage anywhere, to model or payload: both loops say the same, and nothing is touched
   that is not theirs (which the sanitizers watch). */
static void survives_damage_alike(void **state)
{
    (void)state;
    rng r = rng_new(12);
    weights w = merged(&r, 96, 128, 2, 2e-4);
    for (unsigned form = 0; form < 4; form++) {
        strat_case c = pair_of(type("bf16"), w.old, w.now, w.bytes);
        c.id = form == 3 ? MLR_STRATEGY_neural_max : MLR_STRATEGY_neural;
        c.row = form == 0 ? w.row : 0;
        c.e.max_state = form == 2 ? 4096 : 0;
        strat_coded coded;
        mlr_err err = {0};
        assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
        uint8_t *out[2] = {calloc(1, w.bytes), calloc(1, w.bytes)};
        unsigned refused = 0;
        for (unsigned i = 0; i < 600; i++) {
            mlr_buf *b = i % 3 == 0 ? &coded.model : &coded.payload;
            size_t at = rng_below(&r, i % 2 == 0 && b->size > 40 ? 40 : b->size);
            uint8_t was = b->data[at];
            b->data[at] = (uint8_t)rng_next(&r);
            mlr_err none = {0};
            if (mlr_decoder_need_of(&coded.record, &coded.need, &none) == MLR_OK) {
                mlr_status a = decode_with(&c, &coded, &mlr_kernels_scalar, out[0]);
                assert_int_equal(decode_with(&c, &coded, mlr_host_kernels(), out[1]), a);
                refused += a != MLR_OK;
                if (a == MLR_OK) {
                    assert_memory_equal(out[0], out[1], w.bytes);
                }
            }
            b->data[at] = was;
        }
        assert_true(refused > (form == 3 ? 20 : 200));
        free(out[0]);
        free(out[1]);
        strat_release(&coded);
    }
    weights_free(&w);
}

static void refuses_every_cut_payload(void **state)
{
    (void)state;
    rng r = rng_new(13);
    weights w = merged(&r, 64, 64, 2, 2e-4);
    strat_case c = pair_of(type("bf16"), w.old, w.now, w.bytes);
    strat_coded coded;
    mlr_err err = {0};
    assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
    uint8_t *out = malloc(w.bytes);
    size_t whole = coded.size[0];
    for (size_t n = 0; n < whole; n++) {
        coded.size[0] = n;
        assert_int_not_equal(decode_with(&c, &coded, mlr_host_kernels(), out), MLR_OK);
    }
    free(out);
    strat_release(&coded);
    weights_free(&w);
}

static void tokens_cover_every_value_once(void **state)
{
    (void)state;
    for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
        unsigned fine = mlr_token_fine(bytes);
        assert_true(mlr_token_count(bytes) <= MLR_TOKEN_LIMIT);
        for (unsigned t = 0; t + 1 < mlr_token_count(bytes); t++) {
            uint64_t last =
                mlr_token_base(t, fine) + (((uint64_t)1 << mlr_token_bits(t, fine)) - 1);
            assert_int_equal(mlr_token_of(mlr_token_base(t, fine), fine), t);
            assert_int_equal(mlr_token_of(last, fine), t);
            assert_int_equal(mlr_token_base(t + 1, fine), last + 1);
        }
    }
}

static void frequencies_always_sum_to_the_scale(void **state)
{
    (void)state;
    rng r = rng_new(14);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t q[MLR_TOKEN_LIMIT];
        mlr_table_norm norm;
        unsigned fine = 1 + i % 4;
        unsigned tokens = 1 + (unsigned)rng_below(&r, MLR_TOKEN_LIMIT);
        uint32_t present = 0;
        for (unsigned t = 0; t < tokens; t++) {
            q[t] = (uint8_t)(rng_below(&r, 3) == 0 ? 0 : rng_below(&r, 3 + (14U << fine)));
            present += q[t] != 0;
        }
        bool ok = mlr_table_norm_of(&norm, q, tokens, fine);
        assert_int_equal(ok, present > 0);
        uint32_t sum = 0;
        for (unsigned t = 0; t < tokens && ok; t++) {
            uint32_t freq = mlr_table_frequency(&norm, t);
            assert_int_equal(freq != 0, q[t] != 0);
            sum += freq;
        }
        assert_int_equal(sum, ok ? MLR_RANS_SCALE : 0);
    }
}

static void logarithms_are_near(void **state)
{
    (void)state;
    assert_int_equal(mlr_log2_q16(1), 0);
    assert_int_equal(mlr_log2_q16(2), 65536);
    assert_int_equal(mlr_log2_q16((uint64_t)1 << 40), 40 * 65536);
    assert_in_range(mlr_log2_q16(3), 103870, 103874); /* 1.5849625 * 65536 = 103872.1 */
    const uint32_t count[3] = {2, 1, 1};
    assert_int_equal(mlr_entropy_q16(count, 3), 6 * 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_every_length_of_every_type),
        cmocka_unit_test(gives_back_a_cut_last_element),
        cmocka_unit_test(gives_back_special_values),
        cmocka_unit_test(finds_the_rank_of_a_merged_adapter),
        cmocka_unit_test(makes_the_same_bytes_on_any_number_of_lanes),
        cmocka_unit_test(mixing_gives_back_and_is_no_larger),
        cmocka_unit_test(spends_little_where_no_rank_helps),
        cmocka_unit_test(codes_coin_flips_near_their_entropy),
        cmocka_unit_test(lists_rare_changes),
        cmocka_unit_test(leaves_frozen_rows_out),
        cmocka_unit_test(mixing_goes_without_a_lag),
        cmocka_unit_test(predicts_across_types),
        cmocka_unit_test(costs_nothing_to_cast),
        cmocka_unit_test(costs_little_to_shrink),
        cmocka_unit_test(refuses_a_scale_without_sense),
        cmocka_unit_test(fits_a_small_device),
        cmocka_unit_test(rans_lanes_agree_on_random_tokens),
        cmocka_unit_test(refuses_a_token_the_table_lacks),
        cmocka_unit_test(refuses_contexts_without_room),
        cmocka_unit_test(survives_damage_alike),
        cmocka_unit_test(refuses_every_cut_payload),
        cmocka_unit_test(tokens_cover_every_value_once),
        cmocka_unit_test(frequencies_always_sum_to_the_scale),
        cmocka_unit_test(logarithms_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
