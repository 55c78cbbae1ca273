/* Codes, values and order of element types against cases worked out by hand. */
#include "analysis/numeric.h"

#include <math.h>
#include <string.h>

#include "analysis/blocks.h"
#include "analysis/histogram.h"
#include "apply/base/cursor.h"
#include "tests/support/test.h"

static double value_of(const char *dtype, uint32_t code)
{
    uint8_t bytes[4];
    double v = 0;
    mlr_store32(bytes, code);
    assert_true(mlr_to_f64(mlr_dtype_named(dtype, strlen(dtype)), bytes, 1, &v, false));
    return v;
}

static void is(double got, double want)
{
    bool same = got == want && signbit(got) == signbit(want);
    if (!same && !(isnan(got) && isnan(want))) {
        fail_msg("%.17g instead of %.17g", got, want);
    }
}

static void small_floats_have_their_published_extremes(void **state)
{
    (void)state;
    is(value_of("f8_e4m3", 0x7e), 448);
    is(value_of("f8_e4m3", 0x7f), (double)NAN);
    is(value_of("f8_e4m3", 0x01), 0x1p-9);
    is(value_of("f8_e4m3", 0x80), -0.0);
    is(value_of("f8_e5m2", 0x7b), 57344);
    is(value_of("f8_e5m2", 0x7c), (double)INFINITY);
    is(value_of("f8_e5m2", 0x01), 0x1p-16);
    is(value_of("f8_e4m3fnuz", 0x7f), 240);
    is(value_of("f8_e4m3fnuz", 0x80), (double)NAN);
    is(value_of("f8_e4m3fnuz", 0x01), 0x1p-10);
    is(value_of("f8_e5m2fnuz", 0x7f), 57344);
    is(value_of("f8_e5m2fnuz", 0x01), 0x1p-17);
    is(value_of("f8_e8m0", 127), 1);
    is(value_of("f8_e8m0", 255), (double)NAN);
    is(value_of("f8_e8m0", 0), 0x1p-127);
    is(value_of("f4_e2m1", 0x7), 6);
    is(value_of("f4_e2m1", 0x9), -0.5);
    is(value_of("f6_e2m3", 0x1f), 7.5);
    is(value_of("f6_e2m3", 0x01), 0.125);
    is(value_of("f6_e3m2", 0x1f), 28);
    is(value_of("f6_e3m2", 0x21), -0.0625);
}

static void halves_and_bf16_keep_every_kind_of_value(void **state)
{
    (void)state;
    is(value_of("f16", 0x3c00), 1);
    is(value_of("f16", 0x0001), 0x1p-24);
    is(value_of("f16", 0x83ff), -1023 * 0x1p-24);
    is(value_of("f16", 0x7bff), 65504);
    is(value_of("f16", 0xfc00), -(double)INFINITY);
    is(value_of("f16", 0x7c01), (double)NAN);
    is(value_of("f16", 0x8000), -0.0);
    is(value_of("bf16", 0x3f80), 1);
    is(value_of("bf16", 0x0001), 0x1p-133);
    is(value_of("bf16", 0x7f80), (double)INFINITY);
}

static void integers_keep_their_sign(void **state)
{
    (void)state;
    is(value_of("i8", 0x80), -128);
    is(value_of("u8", 0x80), 128);
    is(value_of("i16", 0x8000), -32768);
    is(value_of("u16", 0xffff), 65535);
    is(value_of("i32", 0xffffffff), -1);
    is(value_of("u32", 0xffffffff), 4294967295.0);
    is(value_of("i4", 0xf), -1);
    is(value_of("u4", 0xf), 15);
    is(value_of("i2", 0x2), -2);
    is(value_of("u2", 0x3), 3);
}

static void packed_elements_come_low_bits_first(void **state)
{
    (void)state;
    const uint8_t nibbles[] = {0x21, 0x43};
    const uint8_t pairs[] = {0xe4};
    const uint8_t six[] = {0x41, 0x20, 0x0c}; /* 1, 1, 2, 3 */
    uint8_t code[4];
    mlr_to_codes(mlr_dtype_get(MLR_DTYPE_U4), nibbles, 3, code, false);
    assert_memory_equal(code, ((uint8_t[]){1, 2, 3}), 3);
    mlr_to_codes(mlr_dtype_get(MLR_DTYPE_U2), pairs, 4, code, false);
    assert_memory_equal(code, ((uint8_t[]){0, 1, 2, 3}), 4);
    mlr_to_codes(mlr_dtype_get(MLR_DTYPE_F6_E2M3), six, 4, code, false);
    assert_memory_equal(code, ((uint8_t[]){1, 1, 2, 3}), 4);
}

static void big_endian_is_swapped_by_element(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x3f, 0x80, 0xc0, 0x00};
    double v[2];
    uint16_t code[2];
    const mlr_dtype *t = mlr_dtype_get(MLR_DTYPE_BF16);
    assert_true(mlr_to_f64(t, bytes, 2, v, true));
    is(v[0], 1);
    is(v[1], -2);
    mlr_to_codes(t, bytes, 2, code, true);
    assert_int_equal(code[0], 0x3f80);
    assert_int_equal(code[1], 0xc000);
}

static void order_follows_the_values(void **state)
{
    (void)state;
    for (unsigned id = 0; id < MLR_DTYPE_LIMIT; id++) {
        const mlr_dtype *t = mlr_dtype_get(id);
        if (t == NULL || !mlr_numeric_known(t) || t->cls == MLR_CLASS_BLOCK ||
            mlr_code_bits(t) > 16) {
            continue;
        }
        double last = -(double)INFINITY;
        static uint32_t at[65536];
        for (uint32_t code = 0; code < 1u << mlr_code_bits(t); code++) {
            at[mlr_ordered(code, mlr_code_order(t), mlr_code_bits(t))] = code;
        }
        for (uint32_t i = 0; i < 1u << mlr_code_bits(t); i++) {
            double v = value_of(t->name, at[i]);
            if (!isnan(v)) {
                assert_true(v >= last);
                last = v;
            }
        }
    }
}

static void rounding_goes_to_the_nearest_and_ties_to_even(void **state)
{
    (void)state;
    const mlr_dtype *h = mlr_dtype_get(MLR_DTYPE_F16), *b = mlr_dtype_get(MLR_DTYPE_BF16);
    uint32_t code = 0;
    mlr_from_f64(h, 2049, &code);
    assert_int_equal(code, 0x6800); /* 2048 */
    mlr_from_f64(h, 2051, &code);
    assert_int_equal(code, 0x6802); /* 2052 */
    mlr_from_f64(h, 65520, &code);
    assert_int_equal(code, 0x7c00);
    mlr_from_f64(h, 65519, &code);
    assert_int_equal(code, 0x7bff);
    mlr_from_f64(h, -0x1p-25, &code);
    assert_int_equal(code, 0x8000);
    mlr_from_f64(b, 1 + 0x1p-8, &code);
    assert_int_equal(code, 0x3f80);
    mlr_from_f64(b, 1 + 0x1p-8 + 0x1p-40, &code); /* a second rounding would lose this */
    assert_int_equal(code, 0x3f81);
    mlr_from_f64(b, 0x1.ffp127, &code);
    assert_int_equal(code, 0x7f80);
    assert_false(mlr_from_f64(mlr_dtype_get(MLR_DTYPE_I8), 1, &code));
}

static void every_narrow_value_rounds_to_itself(void **state)
{
    (void)state;
    const unsigned types[] = {MLR_DTYPE_F16, MLR_DTYPE_BF16};
    for (unsigned k = 0; k < 2; k++) {
        const mlr_dtype *t = mlr_dtype_get(types[k]);
        for (uint32_t code = 0; code < 65536; code++) {
            uint32_t back = 0;
            double v = value_of(t->name, code);
            assert_true(mlr_from_f64(t, v, &back));
            assert_true(isnan(v) || back == code);
        }
    }
}

/* --- blocks ------------------------------------------------------------------------------
 */

static double block[256];

static void decode(unsigned id, const uint8_t *bytes)
{
    assert_true(mlr_block_values(mlr_dtype_get(id), bytes, block));
}

static void q4_0_takes_low_nibbles_first(void **state)
{
    (void)state;
    uint8_t b[18] = {0x00, 0x40}; /* scale 2 */
    memset(b + 2, 0x88, 16);
    b[2] = 0xf0;
    decode(MLR_DTYPE_Q4_0, b);
    is(block[0], -16);
    is(block[16], 14);
    is(block[1], 0);
}

static void q8_0_multiplies_signed_bytes(void **state)
{
    (void)state;
    uint8_t b[34] = {0x00, 0x38, 0x80, 0x7f}; /* scale 0.5 */
    decode(MLR_DTYPE_Q8_0, b);
    is(block[0], -64);
    is(block[1], 63.5);
}

static void q4_k_unpacks_six_bit_scales(void **state)
{
    (void)state;
    uint8_t b[144] = {0x00, 0x3c, 0x00, 0x3c}; /* d = dmin = 1 */
    b[4] = 0x41;                               /* scale 0 = 1; two high bits of scale 4 */
    b[8] = 0x02;                               /* min 0 = 2 */
    b[12] = 0x35;                              /* scale 4 low 5, min 4 low 3 */
    b[16] = 0x0f;                              /* element 0 = 15 */
    b[16 + 64] = 0x03;                         /* element 128 = 3: sub-block 4 */
    decode(MLR_DTYPE_Q4_K, b);
    is(block[0], 15 * 1 - 2);
    is(block[1], -2);
    is(block[128], 3 * (5 + 16) - 3);
}

static void q6_k_joins_low_and_high_bits(void **state)
{
    (void)state;
    uint8_t b[210] = {0};
    b[0] = 0x21;       /* elements 0 and 64: low bits 1 and 2 */
    b[128] = 0x32;     /* high bits: 2, 0, 3, 0 of elements 0, 32, 64, 96 */
    b[192] = 2;        /* scale of elements 0..15 */
    b[192 + 4] = 0xff; /* -1: elements 64..79 */
    b[209] = 0x3c;
    decode(MLR_DTYPE_Q6_K, b);
    is(block[0], 2 * ((1 | 2 << 4) - 32));
    is(block[64], -1.0 * ((2 | 3 << 4) - 32));
}

static void mxfp4_scales_e2m1_by_a_power_of_two(void **state)
{
    (void)state;
    uint8_t b[17] = {128, 0xf7};
    decode(MLR_DTYPE_MXFP4, b);
    is(block[0], 12);
    is(block[16], -12);
    b[0] = 255;
    decode(MLR_DTYPE_MXFP4, b);
    is(block[0], (double)NAN);
}

static void ternary_types_read_digits(void **state)
{
    (void)state;
    uint8_t b[66] = {0};
    b[64 + 1] = 0x3c;
    b[0] = 0x02;
    decode(MLR_DTYPE_TQ2_0, b);
    is(block[0], 1);
    is(block[32], -1);
    uint8_t t[54] = {0};
    t[53] = 0x3c;
    t[0] = 0xab; /* 171 / 256 = 0.2000.. in base 3: first digit 2 */
    decode(MLR_DTYPE_TQ1_0, t);
    is(block[0], 1);
    is(block[32], -1);
}

static void swapping_a_block_turns_only_its_wide_fields(void **state)
{
    (void)state;
    uint8_t b[22] = {1, 2, 3, 4, 5, 6, 7, 8};
    mlr_block_swap(mlr_dtype_get(MLR_DTYPE_Q5_0), b);
    assert_memory_equal(b, ((uint8_t[]){2, 1, 6, 5, 4, 3, 7, 8}), 8);
}

static void every_scale_range_lies_in_its_block(void **state)
{
    (void)state;
    for (unsigned id = 0; id < MLR_DTYPE_LIMIT; id++) {
        const mlr_dtype *t = mlr_dtype_get(id);
        mlr_byte_range r[2];
        unsigned n = t == NULL ? 0 : mlr_block_scales(t, r);
        assert_true(t == NULL || (n > 0) == (t->cls == MLR_CLASS_BLOCK));
        for (unsigned i = 0; i < n; i++) {
            assert_true(r[i].begin < r[i].end && r[i].end <= t->block_bytes);
        }
    }
}

static void unknown_values_are_refused(void **state)
{
    (void)state;
    uint8_t b[256] = {0};
    double v[256];
    assert_false(mlr_to_f64(mlr_dtype_get(MLR_DTYPE_IQ2_XS), b, 256, v, false));
    assert_false(mlr_to_f64(mlr_dtype_get(MLR_DTYPE_Q4_0), b, 31, v, false));
    assert_false(mlr_to_f64(mlr_dtype_get(MLR_DTYPE_STRING), b, 1, v, false));
}

static void distance_bins_hold_what_they_say(void **state)
{
    (void)state;
    for (unsigned bin = 0; bin < MLR_DISTANCE_BINS; bin++) {
        uint64_t top = mlr_distance_of_bin(bin);
        assert_int_equal(mlr_distance_bin(top), bin);
        assert_true(top == UINT64_MAX || mlr_distance_bin(top + 1) == bin + 1);
    }
    assert_int_equal(mlr_distance_of_bin(MLR_DISTANCE_BINS - 1), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_floats_have_their_published_extremes),
        cmocka_unit_test(halves_and_bf16_keep_every_kind_of_value),
        cmocka_unit_test(integers_keep_their_sign),
        cmocka_unit_test(packed_elements_come_low_bits_first),
        cmocka_unit_test(big_endian_is_swapped_by_element),
        cmocka_unit_test(order_follows_the_values),
        cmocka_unit_test(rounding_goes_to_the_nearest_and_ties_to_even),
        cmocka_unit_test(every_narrow_value_rounds_to_itself),
        cmocka_unit_test(q4_0_takes_low_nibbles_first),
        cmocka_unit_test(q8_0_multiplies_signed_bytes),
        cmocka_unit_test(q4_k_unpacks_six_bit_scales),
        cmocka_unit_test(q6_k_joins_low_and_high_bits),
        cmocka_unit_test(mxfp4_scales_e2m1_by_a_power_of_two),
        cmocka_unit_test(ternary_types_read_digits),
        cmocka_unit_test(swapping_a_block_turns_only_its_wide_fields),
        cmocka_unit_test(every_scale_range_lies_in_its_block),
        cmocka_unit_test(unknown_values_are_refused),
        cmocka_unit_test(distance_bins_hold_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
