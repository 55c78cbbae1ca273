/* Decoders against payloads that nobody encoded: they refuse or fill, and never more. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apply/base/cursor.h"
#include "apply/block.h"
#include "apply/block_layout.h"
#include "apply/convert.h"
#include "apply/host/inflate_zstd.h"
#include "apply/mix_model.h"
#include "apply/mix_tables.h"
#include "apply/undo.h"
#include "tests/support/rng.h"
#include "tests/support/strat.h"
#include "tests/support/test.h"

enum { N = 1200 };

static void make(rng *r, uint8_t *old, uint8_t *now, size_t n)
{
    rng_fill(r, old, n);
    memcpy(now, old, n);
    for (size_t i = 0; i < n; i += 1 + (size_t)rng_below(r, 9)) {
        now[i] = (uint8_t)(now[i] + rng_below(r, 7) - 3);
    }
}

static const mlr_dtype *type_for(unsigned id)
{
    return mlr_dtype_get(id == MLR_STRATEGY_block_fields ? MLR_DTYPE_Q4_K : MLR_DTYPE_BF16);
}

static strat_case case_for(unsigned id, const uint8_t *old, const uint8_t *now, size_t n)
{
    return (strat_case){.id = id,
                        .dtype = type_for(id),
                        .now = now,
                        .old = old,
                        .n = n,
                        .old_n = n,
                        .e.level = 3};
}

/* Every id that has a decoder and encodes changed bytes. */
static bool codes_changes(unsigned id)
{
    return mlr_decoder_get(id) != NULL && id != MLR_STRATEGY_copy && id < 16;
}

static void damaged_payloads_never_write_outside(void **state)
{
    (void)state;
    rng r = rng_new(11);
    uint8_t old[N], now[N], out[N];
    make(&r, old, now, N);
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        if (!codes_changes(id)) {
            continue;
        }
        strat_case c = case_for(id, old, now, N);
        strat_coded coded;
        mlr_err err = {0};
        assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
        for (unsigned k = 0; k < 300; k++) {
            size_t at = (size_t)rng_below(&r, coded.payload.size);
            uint8_t was = coded.payload.data[at];
            coded.payload.data[at] = (uint8_t)rng_next(&r);
            mlr_err e = {0};
            mlr_status st = strat_decode(&c, &coded, out, &e);
            assert_true(st == MLR_OK || st == MLR_E_FORMAT);
            assert_int_equal(st, e.status);
            coded.payload.data[at] = was;
        }
        strat_release(&coded);
    }
}

static void cut_and_grown_payloads_are_refused(void **state)
{
    (void)state;
    rng r = rng_new(12);
    uint8_t old[N], now[N], out[N];
    make(&r, old, now, N);
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        if (!codes_changes(id) || id == MLR_STRATEGY_mix) {
            continue; /* a range coder reads zeros after its end */
        }
        strat_case c = case_for(id, old, now, N);
        strat_coded coded;
        mlr_err err = {0};
        assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
        size_t whole = coded.size[0];
        for (size_t n = 0; n < whole; n += 1 + n / 20) {
            mlr_err e = {0};
            coded.size[0] = n;
            assert_int_equal(strat_decode(&c, &coded, out, &e), MLR_E_FORMAT);
        }
        mlr_buf_u8(&coded.payload, 0);
        coded.size[0] = whole + 1;
        mlr_err e = {0};
        assert_int_equal(strat_decode(&c, &coded, out, &e), MLR_E_FORMAT);
        strat_release(&coded);
    }
}

static void wrong_sizes_of_the_base_are_refused(void **state)
{
    (void)state;
    rng r = rng_new(13);
    uint8_t old[N], now[N], out[N];
    make(&r, old, now, N);
    for (unsigned id = MLR_STRATEGY_xor; id <= MLR_STRATEGY_block_fields; id++) {
        if (id == MLR_STRATEGY_exp_man) {
            continue; /* does not look at the base */
        }
        strat_case c = case_for(id, old, now, N);
        strat_coded coded;
        mlr_err err = {0};
        assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
        c.old_n = N - 2;
        mlr_err e = {0};
        assert_int_equal(strat_decode(&c, &coded, out, &e), MLR_E_FORMAT);
        strat_release(&coded);
    }
    strat_case copy = case_for(MLR_STRATEGY_copy, old, old, N);
    strat_coded coded;
    mlr_err err = {0};
    assert_int_equal(strat_encode(&copy, &coded, &err), MLR_OK);
    copy.old_n = N - 1;
    assert_int_equal(strat_decode(&copy, &coded, out, &err), MLR_E_FORMAT);
    strat_release(&coded);
}

static void one_byte_of_work_less_is_refused(void **state)
{
    (void)state;
    rng r = rng_new(14);
    uint8_t *old = malloc(1 << 16), *now = malloc(1 << 16), *out = malloc(1 << 16);
    size_t n = 1 << 16;
    rng_fill(&r, old, n);
    rng_fill(&r, now, n);
    for (unsigned id = MLR_STRATEGY_xor_planes; id <= MLR_STRATEGY_mix; id++) {
        strat_case c = case_for(id, old, now, n - n % 144);
        c.old_n = c.n;
        strat_coded coded;
        mlr_err err = {0};
        assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
        assert_int_equal(strat_decode(&c, &coded, out, &err), MLR_OK);
        c.cut_work =
            id == MLR_STRATEGY_sub ? 64 : 1; /* sub uses the inflater's part alone */
        assert_int_equal(strat_decode(&c, &coded, out, &err), MLR_E_LIMIT);
        strat_release(&coded);
    }
    free(old);
    free(now);
    free(out);
}

static void random_parameters_of_mix_are_checked(void **state)
{
    (void)state;
    rng r = rng_new(15);
    unsigned good = 0;
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t model[MLR_MIX_MODEL], again[MLR_MIX_MODEL];
        rng_fill(&r, model, sizeof model);
        mlr_mix_params p;
        mlr_err err = {0};
        if (mlr_mix_load(&p, model, sizeof model, &err) == MLR_OK) {
            mlr_mix_store(&p, again);
            assert_memory_equal(model, again, sizeof model);
            assert_true(mlr_mix_bytes(&p) < 32u << 20);
            good++;
        }
    }
    assert_true(good > 0);
    mlr_mix_params p;
    mlr_err err = {0};
    assert_int_equal(mlr_mix_load(&p, NULL, 0, &err), MLR_E_FORMAT);
}

/* The tables against the formulas they state. */
static void logits_agree_with_their_formula(void **state)
{
    (void)state;
    for (uint32_t p = 1; p < 65536; p++) {
        double exact = 256 * log2((double)p / (65536.0 - p));
        double off = fabs(exact - mlr_stretch(p));
        assert_true(off <= 256 * 0.04);
        if (p != 32768) {
            assert_int_equal(mlr_stretch(65536 - p), -mlr_stretch(p));
        }
    }
    for (int32_t x = -5000; x <= 5000; x++) {
        double bound = x > 4095 ? 4095 : x < -4095 ? -4095 : x;
        double exact = 65536 / (1 + exp2(-bound / 256));
        assert_true(fabs(exact - mlr_squash(x)) <= 2 + exact * 0.002);
        assert_true(mlr_squash(x) >= 1 && mlr_squash(x) <= 65535);
    }
}

static void layouts_cover_their_blocks(void **state)
{
    (void)state;
    unsigned found = 0;
    for (unsigned id = 0; id < MLR_DTYPE_LIMIT; id++) {
        const mlr_dtype *t = mlr_dtype_get(id);
        const mlr_block_layout *l = t == NULL ? NULL : mlr_block_layout_of(t);
        if (t != NULL && t->cls == MLR_CLASS_BLOCK) {
            assert_non_null(l);
        }
        if (l == NULL) {
            continue;
        }
        found++;
        unsigned at = 0;
        for (unsigned i = 0; i < l->count; i++) {
            assert_int_equal(l->field[i].offset, at);
            assert_int_equal(l->field[i].bytes % l->field[i].lane.width, 0);
            at += l->field[i].bytes;
        }
        assert_int_equal(at, t->block_bytes);
    }
    assert_int_equal(found, 27);
}

typedef struct conversion {
    mlr_dtype_id from, to;
    uint64_t in, out;
} conversion;

/* By hand from IEEE 754: rounding to nearest, ties to even; NaN payloads cut at the top. */
static void conversions_round_as_ieee_754_says(void **state)
{
    (void)state;
    static const conversion cases[] = {
        {MLR_DTYPE_F32, MLR_DTYPE_BF16, 0x3f800000, 0x3f80},
        {MLR_DTYPE_F32, MLR_DTYPE_BF16, 0x3f808000, 0x3f80}, /* tie to even: down */
        {MLR_DTYPE_F32, MLR_DTYPE_BF16, 0x3f818000, 0x3f82}, /* tie to even: up */
        {MLR_DTYPE_F32, MLR_DTYPE_BF16, 0x3f808001, 0x3f81},
        {MLR_DTYPE_F32, MLR_DTYPE_BF16, 0x7f7fffff, 0x7f80}, /* rounds to infinity */
        {MLR_DTYPE_F32, MLR_DTYPE_BF16, 0x7f800001, 0x7fc0}, /* stays a NaN */
        {MLR_DTYPE_F32, MLR_DTYPE_BF16, 0xffc12345, 0xffc1},
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0x3f800000, 0x3c00},
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0xc2f6e979, 0xd7b7}, /* -123.456 */
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0x477fe000, 0x7bff}, /* 65504, the largest */
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0x477ff000, 0x7c00}, /* 65520 rounds to infinity */
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0x33800000, 0x0001}, /* 2^-24, the smallest */
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0x33000000, 0x0000}, /* half of it: tie to even */
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0x33000001, 0x0001},
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0x387fc000, 0x03ff}, /* largest subnormal */
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0x387fe000, 0x0400}, /* rounds to a normal one */
        {MLR_DTYPE_F32, MLR_DTYPE_F16, 0x80000000, 0x8000},
        {MLR_DTYPE_F16, MLR_DTYPE_F32, 0x0001, 0x33800000},
        {MLR_DTYPE_F16, MLR_DTYPE_F32, 0xfc00, 0xff800000},
        {MLR_DTYPE_F16, MLR_DTYPE_F32, 0x3555, 0x3eaaa000},
        {MLR_DTYPE_BF16, MLR_DTYPE_F32, 0x4049, 0x40490000},
        {MLR_DTYPE_F64, MLR_DTYPE_F32, 0x400921fb54442d18, 0x40490fdb}, /* pi */
        {MLR_DTYPE_F64, MLR_DTYPE_F32, 0x0000000000000001, 0x00000000},
        {MLR_DTYPE_F32, MLR_DTYPE_F64, 0x00000001, 0x36a0000000000000},
        {MLR_DTYPE_BF16, MLR_DTYPE_F16, 0x3f81, 0x3c08},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mlr_dtype *from = mlr_dtype_get(cases[i].from);
        const mlr_dtype *to = mlr_dtype_get(cases[i].to);
        uint8_t in[8], out[8] = {0};
        mlr_store64(in, cases[i].in);
        mlr_convert(from, in, to, out, 1);
        assert_int_equal(mlr_load64(out), cases[i].out);
    }
}

/* Every f32 made by the hardware's own conversion, over many exponents. */
static void conversions_agree_with_the_processor(void **state)
{
    (void)state;
    rng r = rng_new(16);
    const mlr_dtype *f64 = mlr_dtype_get(MLR_DTYPE_F64),
                    *f32 = mlr_dtype_get(MLR_DTYPE_F32);
    for (unsigned i = 0; i < 100000; i++) {
        double wide = ldexp(rng_unit(&r) - 0.5, (int)rng_below(&r, 320) - 170);
        float narrow = (float)wide;
        uint8_t in[8], out[4], expected[4];
        memcpy(in, &wide, sizeof in);
        memcpy(expected, &narrow, sizeof expected);
        mlr_convert(f64, in, f32, out, 1);
        assert_memory_equal(out, expected, 4);
    }
}

/* Differences by hand: floats count steps between neighbours, across zero too. */
static void differences_follow_the_order_of_the_values(void **state)
{
    (void)state;
    uint8_t old[8] = {0x00, 0x80, 0xff, 0x3f, 0x01, 0x00, 0x80, 0x3f};
    uint8_t bytes[8] = {2, 0, 2, 0, 3, 0, 0, 0}; /* folded +1, +1, -2, 0 */
    static const uint8_t expected[8] = {0x00, 0x00, 0x00, 0x40, 0x00, 0x80, 0x80, 0x3f};
    mlr_undo_sub((mlr_lane){.width = 2, .kind = MLR_LANE_FLOAT}, bytes, old, 8);
    assert_memory_equal(bytes, expected, 8); /* -0 + 1 = +0; 1 - 2 steps = -0 */
    uint8_t ints[3] = {1, 0, 5}, was[3] = {0x00, 0x01, 9};
    mlr_undo_sub((mlr_lane){.width = 2, .kind = MLR_LANE_INT}, ints, was, 3);
    static const uint8_t minus[3] = {0xff, 0x00, 6}; /* 256 - 1; the rest bytewise: 9 - 3 */
    assert_memory_equal(ints, minus, 3);
    uint8_t codes[1] = {0x21}, base[1] = {0xf0}; /* high +1, low -1 */
    mlr_undo_sub((mlr_lane){.width = 1, .kind = MLR_LANE_NIBBLE}, codes, base, 1);
    assert_int_equal(codes[0], 0x0f);
}

static void the_inflater_refuses_what_it_was_not_asked_for(void **state)
{
    (void)state;
    rng r = rng_new(17);
    uint8_t now[N], out[N + 1];
    memset(now, 7, N);
    rng_fill(&r, now, N / 4);
    strat_case c = case_for(MLR_STRATEGY_zstd, NULL, now, N);
    c.old_n = 0;
    strat_coded coded;
    mlr_err err = {0};
    assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
    assert_int_equal(coded.payload.data[0], MLR_FORM_ZSTD);
    mlr_inflater f = mlr_inflate_zstd();
    void *memory = aligned_alloc(64, (f.state_bytes + 63) & ~(size_t)63);
    mlr_inflate_job job = {.in = coded.payload.data + 1,
                           .in_bytes = coded.payload.size - 1,
                           .out = out,
                           .out_bytes = N};
    assert_int_equal(f.run(memory, f.state_bytes, &job, &err), MLR_OK);
    assert_memory_equal(out, now, N);
    for (unsigned k = 0; k < 4; k++) {
        mlr_err e = {0};
        mlr_inflate_job bad = job;
        size_t state_bytes = f.state_bytes - (k == 0);
        bad.out_bytes = k == 1 ? N - 1 : k == 2 ? N + 1 : N;
        bad.in_bytes -= k == 3;
        assert_int_equal(f.run(memory, state_bytes, &bad, &e),
                         k == 0 ? MLR_E_LIMIT : MLR_E_FORMAT);
    }
    free(memory);
    strat_release(&coded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_payloads_never_write_outside),
        cmocka_unit_test(cut_and_grown_payloads_are_refused),
        cmocka_unit_test(wrong_sizes_of_the_base_are_refused),
        cmocka_unit_test(one_byte_of_work_less_is_refused),
        cmocka_unit_test(random_parameters_of_mix_are_checked),
        cmocka_unit_test(logits_agree_with_their_formula),
        cmocka_unit_test(layouts_cover_their_blocks),
        cmocka_unit_test(conversions_round_as_ieee_754_says),
        cmocka_unit_test(conversions_agree_with_the_processor),
        cmocka_unit_test(differences_follow_the_order_of_the_values),
        cmocka_unit_test(the_inflater_refuses_what_it_was_not_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
