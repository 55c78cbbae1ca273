/* Conversions and quantisers behind the demo models, against the formats' own definitions.
 */
#include "tests/support/test.h"

#include <stdbool.h>
#include <string.h>

#include "tui/cli/demo_num.h"
#include "tui/cli/demo_quant.h"

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void rounds_to_bf16(void **state)
{
    (void)state;
    assert_int_equal(mlr_demo_bf16(1.0F), 0x3F80);
    assert_int_equal(mlr_demo_bf16(-2.5F), 0xC020);
    assert_int_equal(mlr_demo_bf16(from_bits(0x3F808000)), 0x3F80); /* tie, even below */
    assert_int_equal(mlr_demo_bf16(from_bits(0x3F818000)), 0x3F82); /* tie, even above */
    assert_int_equal(mlr_demo_bf16(from_bits(0x3F808001)), 0x3F81);
}

static void rounds_to_f16(void **state)
{
    (void)state;
    assert_int_equal(mlr_demo_f16(0.0F), 0);
    assert_int_equal(mlr_demo_f16(1.0F), 0x3C00);
    assert_int_equal(mlr_demo_f16(-0.1F), 0xAE66);
    assert_int_equal(mlr_demo_f16(65504.0F), 0x7BFF);
    assert_int_equal(mlr_demo_f16(1e9F), 0x7BFF);          /* saturates */
    assert_int_equal(mlr_demo_f16(5.9604645e-8F), 0x0001); /* least subnormal */
    assert_int_equal(mlr_demo_f16(2.9802322e-8F), 0x0000); /* half of it: tie to even */
    assert_int_equal(mlr_demo_f16(6.1035156e-5F), 0x0400); /* least normal */
    assert_int_equal(mlr_demo_f16(6.0975552e-5F), 0x03FF); /* greatest subnormal */
    assert_int_equal(mlr_demo_f16(1.99999988F), 0x4000);   /* carries into the exponent */
}

static void reads_back_every_finite_f16(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        if ((bits & 0x7C00) != 0x7C00) {
            assert_int_equal(mlr_demo_f16(mlr_demo_from_f16((uint16_t)bits)), bits);
        }
    }
}

static void rounds_to_e4m3(void **state)
{
    (void)state;
    assert_int_equal(mlr_demo_e4m3(1.0F), 0x38);
    assert_int_equal(mlr_demo_e4m3(448.0F), 0x7E);
    assert_int_equal(mlr_demo_e4m3(-1000.0F), 0xFE);     /* saturates; 0x7F is NaN */
    assert_int_equal(mlr_demo_e4m3(0.001953125F), 0x01); /* 2^-9 */
    assert_int_equal(mlr_demo_e4m3(1.0625F), 0x38);      /* tie */
    assert_int_equal(mlr_demo_e4m3(1.1875F), 0x3A);      /* tie, even above */
}

static void makes_known_random_numbers(void **state)
{
    mlr_demo_rng r = {1234567};
    (void)state;
    /* SplitMix64's published first outputs for this seed. */
    assert_true(mlr_demo_next(&r) == 6457827717110365317U);
    assert_true(mlr_demo_next(&r) == 3203168211198807973U);
    assert_true(mlr_demo_next(&r) == 9817491932198370423U);
}

static void gauss_has_mean_0_and_deviation_1(void **state)
{
    mlr_demo_rng r = mlr_demo_seed("gauss", 1);
    double sum = 0;
    double squares = 0;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        double g = mlr_demo_gauss(&r);
        sum += g;
        squares += g * g;
    }
    assert_true(sum / 200000 > -0.01 && sum / 200000 < 0.01);
    assert_true(squares / 200000 > 0.99 && squares / 200000 < 1.01);
}

/* --- blocks, decoded by the formulas of the formats
 * --------------------------------------- */

static double half_at(const uint8_t *p)
{
    return (double)mlr_demo_from_f16((uint16_t)(p[0] | p[1] << 8));
}

static void decode_q8_0(const uint8_t *b, double *y)
{
    for (int i = 0; i < 32; i++) {
        y[i] = half_at(b) * (int8_t)b[2 + i];
    }
}

static void decode_q4_0(const uint8_t *b, double *y)
{
    for (int i = 0; i < 16; i++) {
        y[i] = half_at(b) * ((b[2 + i] & 15) - 8);
        y[i + 16] = half_at(b) * ((b[2 + i] >> 4) - 8);
    }
}

static void decode_q4_k(const uint8_t *b, double *y)
{
    const uint8_t *s = b + 4;
    for (int j = 0; j < 8; j++) {
        int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        int low = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | (s[j] >> 6) << 4;
        for (int i = 0; i < 32; i++) {
            uint8_t pair = b[16 + j / 2 * 32 + i];
            int q = j % 2 == 0 ? pair & 15 : pair >> 4;
            y[32 * j + i] = half_at(b) * scale * q - half_at(b + 2) * low;
        }
    }
}

static void decode_q6_k(const uint8_t *b, double *y)
{
    for (int i = 0; i < 256; i++) {
        int half = i / 128;
        int quarter = i % 128 / 32;
        int l = i % 32;
        int low = b[64 * half + 32 * (quarter % 2) + l] >> (quarter / 2 * 4) & 15;
        int high = b[128 + 32 * half + l] >> (2 * quarter) & 3;
        y[i] = half_at(b + 208) * (int8_t)b[192 + i / 16] * ((low | high << 4) - 32);
    }
}

/* Root of the mean square error over the deviation of what went in, by squares. */
static double relative_error(mlr_dtype_id type, mlr_demo_effort effort,
                             void (*decode)(const uint8_t *b, double *y))
{
    const mlr_dtype *t = mlr_dtype_get(type);
    mlr_demo_rng r = mlr_demo_seed("blocks", type);
    double miss = 0;
    double power = 0;
    for (int block = 0; block < 64; block++) {
        float x[256];
        double y[256];
        uint8_t bytes[256];
        for (int i = 0; i < t->block_items; i++) {
            x[i] = (float)(0.02 * mlr_demo_gauss(&r));
        }
        assert_int_equal(mlr_demo_blocks(bytes, x, t->block_items, type, effort),
                         t->block_bytes);
        decode(bytes, y);
        for (int i = 0; i < t->block_items; i++) {
            miss += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
            power += (double)x[i] * (double)x[i];
        }
    }
    return miss / power;
}

static void blocks_read_back_close_to_what_went_in(void **state)
{
    (void)state;
    assert_true(relative_error(MLR_DTYPE_Q8_0, MLR_DEMO_PLAIN, decode_q8_0) < 0.0001);
    assert_true(relative_error(MLR_DTYPE_Q6_K, MLR_DEMO_PLAIN, decode_q6_k) < 0.0006);
    assert_true(relative_error(MLR_DTYPE_Q4_K, MLR_DEMO_PLAIN, decode_q4_k) < 0.009);
    assert_true(relative_error(MLR_DTYPE_Q4_0, MLR_DEMO_PLAIN, decode_q4_0) < 0.012);
}

static void searching_beats_extremes(void **state)
{
    (void)state;
    assert_true(relative_error(MLR_DTYPE_Q4_K, MLR_DEMO_SEARCH, decode_q4_k) <
                relative_error(MLR_DTYPE_Q4_K, MLR_DEMO_PLAIN, decode_q4_k));
}

static void zeros_stay_zeros(void **state)
{
    static const mlr_dtype_id type[] = {MLR_DTYPE_Q8_0, MLR_DTYPE_Q4_0, MLR_DTYPE_Q4_K,
                                        MLR_DTYPE_Q6_K};
    static void (*const decode[])(const uint8_t *b, double *y) = {decode_q8_0, decode_q4_0,
                                                                  decode_q4_k, decode_q6_k};
    static const float x[256];
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        uint8_t bytes[256];
        double y[256];
        (void)mlr_demo_blocks(bytes, x, mlr_dtype_get(type[k])->block_items, type[k],
                              MLR_DEMO_SEARCH);
        decode[k](bytes, y);
        for (int i = 0; i < mlr_dtype_get(type[k])->block_items; i++) {
            assert_true(y[i] == 0);
        }
    }
}

static void codes_hit_the_extremes(void **state)
{
    const float x[] = {-0.5F, 0.25F, 0.1F};
    float scale = mlr_demo_scale(x, 3, 127.0F);
    (void)state;
    assert_int_equal(mlr_demo_code(x[0], scale), -127);
    assert_int_equal(mlr_demo_code(x[1], scale), 64); /* 63.5 away from zero */
    assert_int_equal(mlr_demo_code(x[2], scale), 25);
    assert_true(mlr_demo_scale(x, 0, 127.0F) == 1.0F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_to_bf16),
        cmocka_unit_test(rounds_to_f16),
        cmocka_unit_test(reads_back_every_finite_f16),
        cmocka_unit_test(rounds_to_e4m3),
        cmocka_unit_test(makes_known_random_numbers),
        cmocka_unit_test(gauss_has_mean_0_and_deviation_1),
        cmocka_unit_test(blocks_read_back_close_to_what_went_in),
        cmocka_unit_test(searching_beats_extremes),
        cmocka_unit_test(zeros_stay_zeros),
        cmocka_unit_test(codes_hit_the_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
