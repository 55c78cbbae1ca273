/* Quantising by integers: what ggml's reference rule makes with the processor's floats. */
#include <math.h>
#include <string.h>

#include "apply/quantise.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

enum { ITEMS = 32, ROUNDS = 30000 };

static const mlr_dtype *type(const char *name)
{
    return mlr_dtype_named(name, strlen(name));
}

/* --- the rule in floats ----------------------------------------------------------------
 */

/* By the double's bits: nearest, ties to even, denormals, what is too large endless. */
static uint16_t half_of(float f)
{
    uint16_t sign = signbit(f) ? 0x8000 : 0;
    double a = fabs((double)f);
    if (a >= 65520) {
        return (uint16_t)(sign | 0x7c00);
    }
    int e = 0;
    (void)frexp(a, &e);
    int unit = e - 11 < -24 ? -24 : e - 11;
    double n = nearbyint(ldexp(a, -unit));
    /* the leading bit adds 1 to the exponent field */
    return (uint16_t)(sign | (uint16_t)(((unsigned)(unit + 24) << 10) + (unsigned)n));
}

static void put_half(uint8_t *to, float f)
{
    uint16_t h = half_of(f);
    to[0] = (uint8_t)h;
    to[1] = (uint8_t)(h >> 8);
}

static void pack(const uint8_t *code, bool fifth, uint8_t *to)
{
    if (fifth) {
        memset(to, 0, 4);
        for (unsigned i = 0; i < ITEMS; i++) {
            to[i / 8] |= (uint8_t)((code[i] >> 4 & 1) << i % 8);
        }
        to += 4;
    }
    for (unsigned i = 0; i < 16; i++) {
        to[i] = (uint8_t)((code[i] & 15) | (code[i + 16] & 15) << 4);
    }
}

static void by_floats(const float *x, const char *name, uint8_t *to)
{
    uint8_t code[ITEMS];
    bool fifth = name[1] == '5', least_first = name[3] == '1';
    int top = fifth ? 31 : 15;
    float most = 0, size = 0, low = x[0], high = x[0];
    for (unsigned i = 0; i < ITEMS; i++) {
        most = size < fabsf(x[i]) ? x[i] : most;
        size = fmaxf(size, fabsf(x[i]));
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float d = least_first      ? (high - low) / (float)top
              : name[1] == '8' ? size / 127.0F
                               : most / (float)-((top + 1) / 2);
    float by = d != 0 ? 1.0F / d : 0.0F;
    put_half(to, d);
    for (unsigned i = 0; i < ITEMS; i++) {
        if (name[1] == '8') {
            float v = x[i] * by;
            to[2 + i] = (uint8_t)(int8_t)roundf(v);
            continue;
        }
        float v = (least_first ? x[i] - low : x[i]) * by;
        float moved = v + (least_first ? 0.5F : (float)((top + 1) / 2) + 0.5F);
        int n = (int)moved;
        code[i] = (uint8_t)(n > top ? top : n);
    }
    if (name[1] != '8') {
        if (least_first) {
            put_half(to + 2, low);
        }
        pack(code, fifth, to + (least_first ? 4 : 2));
    }
}

/* --- tests -----------------------------------------------------------------------------
 */

static float load(const char *from, const uint8_t *p)
{
    float f = 0;
    uint32_t bits = 0;
    uint16_t half = (uint16_t)(p[0] | p[1] << 8);
    if (strcmp(from, "f16") == 0) {
        int field = half >> 10 & 31;
        double m = (half & 1023) + (field > 0 ? 1024 : 0);
        f = (float)ldexp(m, (field > 0 ? field : 1) - 25);
        return (half & 0x8000) != 0 ? -f : f;
    }
    bits = strcmp(from, "bf16") == 0
               ? (uint32_t)half << 16
               : (uint32_t)half | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Weights of one size, or of all; all but the last of a kind far from where f32 ends. */
static void random_values(rng *r, const char *from, unsigned round, uint8_t *in, float *x)
{
    size_t wide = strcmp(from, "f32") == 0 ? 4 : 2;
    for (unsigned i = 0; i < ITEMS; i++) {
        uint8_t *p = in + wide * i;
        do {
            rng_fill(r, p, wide);
            if (strcmp(from, "f16") == 0) {
                unsigned span = round % 3 == 0 ? 31 : 3;
                p[1] = (uint8_t)((p[1] & 0x83) | ((round % 28 + rng_below(r, span)) % 31)
                                                     << 2);
            } else {
                unsigned span = round % 3 == 0 ? 90 : 2;
                uint32_t field = 90 + round % 40 + (uint32_t)rng_below(r, span) / 2;
                p[wide - 1] = (uint8_t)((p[wide - 1] & 0x80) | field >> 1);
                p[wide - 2] = (uint8_t)((p[wide - 2] & 0x7f) | (field & 1) << 7);
            }
            if (round % 5 == 0 && i % 3 == 0) {
                memset(p, 0, wide);
                p[wide - 1] = (uint8_t)(rng_below(r, 2) << 7);
            }
            x[i] = load(from, p);
        } while (!isfinite(x[i]));
    }
}

static void makes_what_floats_make(void **state)
{
    (void)state;
    static const char *const to[] = {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1"};
    static const char *const from[] = {"f16", "bf16", "f32"};
    rng r = rng_new(51);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const char *a = from[round % 3], *b = to[round / 3 % 5];
        uint8_t in[ITEMS * 4], want[40] = {0}, got[40] = {0};
        float x[ITEMS];
        random_values(&r, a, round / 15, in, x);
        by_floats(x, b, want);
        mlr_quantise(type(a), in, type(b), got, 1);
        assert_memory_equal(want, got, type(b)->block_bytes);
    }
}

/* Everything there is in f16 with a scale that is not of two: 1/d and products round. */
static void makes_what_floats_make_of_every_half(void **state)
{
    (void)state;
    for (uint32_t base = 1; base < 0x7c00; base += 7) {
        uint8_t in[ITEMS * 2], want[40] = {0}, got[40] = {0};
        float x[ITEMS];
        for (unsigned i = 0; i < ITEMS; i++) {
            uint16_t h = (uint16_t)(base * (i + 1) / ITEMS | (i & 1) << 15);
            in[2 * i] = (uint8_t)h;
            in[2 * i + 1] = (uint8_t)(h >> 8);
            x[i] = load("f16", in + 2 * i);
        }
        by_floats(x, "q8_0", want);
        mlr_quantise(type("f16"), in, type("q8_0"), got, 1);
        assert_memory_equal(want, got, 34);
    }
}

static uint8_t *halves(uint8_t *to, unsigned at, uint16_t h)
{
    to[2 * at] = (uint8_t)h;
    to[2 * at + 1] = (uint8_t)(h >> 8);
    return to;
}

/* 1.0 and -0.5 among zeros: d = 1 / 127 is 0x2008 in f16, codes 127 and -64 (63.5 goes away
   from zero); Q4_0's scale is -1 / 8, its codes 0, 12 and 8. */
static void quantises_by_hand(void **state)
{
    (void)state;
    uint8_t in[64] = {0}, out[34];
    halves(halves(in, 3, 0x3c00), 20, 0xb800);
    mlr_quantise(type("f16"), in, type("q8_0"), out, 1);
    assert_int_equal(out[0] | out[1] << 8, 0x2008);
    assert_int_equal(out[2 + 3], 127);
    assert_int_equal((int8_t)out[2 + 20], -64);
    assert_int_equal(out[2], 0);
    mlr_quantise(type("f16"), in, type("q4_0"), out, 1);
    assert_int_equal(out[0] | out[1] << 8, 0xb000);
    assert_int_equal(out[2 + 3], 0x80);
    assert_int_equal(out[2 + 4], 0xc8);
    assert_int_equal(out[2], 0x88);
}

/* Nothing but zeros has the scale that the rule's division gives: -0 in Q4_0. */
static void quantises_zeros(void **state)
{
    (void)state;
    uint8_t in[64] = {0}, out[34];
    mlr_quantise(type("f16"), in, type("q4_0"), out, 1);
    assert_int_equal(out[0] | out[1] << 8, 0x8000);
    assert_int_equal(out[2], 0x88);
    mlr_quantise(type("f16"), in, type("q8_0"), out, 1);
    assert_int_equal(out[0] | out[1] << 8, 0);
}

/* Any bits at all: something comes out, the same every time. */
static void bears_what_is_no_number(void **state)
{
    (void)state;
    static const char *const to[] = {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1"};
    rng r = rng_new(52);
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t in[ITEMS * 4], out[2][40];
        const mlr_dtype *t = type(to[round % 5]);
        rng_fill(&r, in, sizeof in);
        for (unsigned k = 0; k < 2; k++) {
            mlr_quantise(type("f32"), in, t, out[k], 1);
        }
        assert_memory_equal(out[0], out[1], t->block_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantises_by_hand), cmocka_unit_test(quantises_zeros),
        cmocka_unit_test(makes_what_floats_make),
        cmocka_unit_test(makes_what_floats_make_of_every_half),
        cmocka_unit_test(bears_what_is_no_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
