/* Factors of low-rank prediction: written in about their entropy, given back exactly, and
 * moved to where rounding agrees. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apply/factor_code.h"
#include "apply/host/heap.h"
#include "codec/factor_refine.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

enum { ROW = 96, ROWS = 64, RANK = 3, PAIRS = 2 };

typedef struct sample {
    mlr_heap heap;
    mlr_factors f;
    int16_t at[(ROW + ROWS) * 2 * PAIRS];
    mlr_buf out;
} sample;

static void begin(sample *s, double spread, uint64_t seed)
{
    rng r = rng_new(seed);
    memset(s, 0, sizeof *s);
    mlr_heap_init(&s->heap);
    mlr_buf_init(&s->out, &s->heap.alloc);
    s->f = (mlr_factors){.rank = RANK, .v = s->at, .u = s->at + (ptrdiff_t)ROW * 2 * PAIRS};
    for (size_t k = 0; k < RANK; k++) {
        for (size_t j = 0; j < ROW; j++) {
            s->f.v[(k / 2 * ROW + j) * 2 + k % 2] =
                (int16_t)lround(rng_normal(&r) * spread);
        }
        for (size_t i = 0; i < ROWS; i++) {
            s->f.u[i * 2 * PAIRS + k] = (int16_t)lround(rng_normal(&r) * spread);
        }
    }
}

static void read_column(mlr_bits *d, const int16_t *want, size_t n, size_t step)
{
    mlr_factor_model m;
    mlr_factor_model_begin(&m, (unsigned)mlr_bits_even(d, 6));
    for (size_t i = 0; i < n; i++) {
        int16_t q = 0;
        assert_true(mlr_factor_get(d, &m, &q));
        assert_int_equal(q, want[i * step]);
    }
}

static void expect_same(sample *s)
{
    mlr_bits d;
    mlr_factors_write(&s->f, ROWS, ROW, &s->out);
    mlr_bits_begin(&d, s->out.data, s->out.size);
    for (size_t k = 0; k < RANK; k++) {
        read_column(&d, s->f.v + k / 2 * ROW * 2 + k % 2, ROW, 2);
        read_column(&d, s->f.u + k, ROWS, (size_t)2 * PAIRS);
    }
    assert_true(mlr_bits_ok(&d));
}

static void gives_back_factors_of_every_spread(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 28; i++) {
        sample s;
        begin(&s, ldexp(0.2, (int)i / 2), i);
        s.f.v[0] = 32767; /* one far away from all others */
        s.f.u[1] = -32767;
        expect_same(&s);
        mlr_buf_release(&s.out);
    }
}

/* log2(spread) + 2.05 bits each, and little more. */
static void writes_normal_factors_near_their_entropy(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        sample s;
        double spread = 3.3 * (double)(1U << i);
        begin(&s, spread, 40 + i);
        expect_same(&s);
        double bits = 8.0 * (double)s.out.size / (RANK * (ROW + ROWS));
        double entropy = log2(spread) + 2.047;
        assert_true(bits < entropy + 0.25);
        assert_true(bits > entropy - 0.25);
        mlr_buf_release(&s.out);
    }
}

static void refuses_a_factor_out_of_range(void **state)
{
    (void)state;
    mlr_bits d;
    mlr_factor_model m;
    uint8_t ones[64] = {0}; /* low codes are ones: leaf 31, the longest number */
    int16_t q = 0;
    mlr_bits_begin(&d, ones, sizeof ones);
    mlr_factor_model_begin(&m, MLR_FACTOR_SPREADS - 1);
    assert_false(mlr_factor_get(&d, &m, &q));
}

/* Elements whose new value does not follow from the factors. */
static unsigned misses(const mlr_factors *f, const float *d, const uint8_t *fine)
{
    unsigned count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < ROW; j++) {
            double sum = 0;
            for (size_t k = 0; k < RANK; k++) {
                sum +=
                    (double)f->u[i * 2 * PAIRS + k] * f->v[(k / 2 * ROW + j) * 2 + k % 2];
            }
            double far = fabs(ldexp(sum, f->shift) - (double)d[i * ROW + j]);
            count += far > ldexp(0.5, fine[i * ROW + j]);
        }
    }
    return count;
}

static void refining_makes_more_elements_right_the_same_every_time(void **state)
{
    (void)state;
    sample s;
    static float d[ROWS * ROW];
    static uint8_t fine[ROWS * ROW];
    rng r = rng_new(7);
    begin(&s, 300, 3);
    s.f.shift = 4;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < ROW; j++) {
            double sum = 0;
            for (size_t k = 0; k < RANK; k++) {
                sum +=
                    (double)s.f.u[i * 2 * PAIRS + k] * s.f.v[(k / 2 * ROW + j) * 2 + k % 2];
            }
            unsigned unit = 12 + (unsigned)rng_below(&r, 5);
            fine[i * ROW + j] = (uint8_t)unit;
            /* whole units of the new value */
            d[i * ROW + j] = (float)ldexp(rint(ldexp(sum, 4 - (int)unit)), (int)unit);
        }
    }
    assert_int_equal(misses(&s.f, d, fine), 0);
    for (size_t i = 0; i < sizeof s.at / sizeof *s.at; i++) { /* as if rounded coarsely */
        s.at[i] = (int16_t)(s.at[i] == 0 ? 0 : (s.at[i] + 65536) / 8 * 8 - 65536);
    }
    unsigned before = misses(&s.f, d, fine);
    mlr_refining job = {.d = d,
                        .fine = fine,
                        .rows = ROWS,
                        .columns = ROW,
                        .turns = 4,
                        .alloc = &s.heap.alloc};
    sample twin = s;
    twin.f.v = twin.at;
    twin.f.u = twin.at + (ptrdiff_t)ROW * 2 * PAIRS;
    assert_true(mlr_factors_refine(&job, &s.f));
    assert_true(mlr_factors_refine(&job, &twin.f));
    assert_true(misses(&s.f, d, fine) < before / 2);
    assert_memory_equal(s.at, twin.at, sizeof s.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_factors_of_every_spread),
        cmocka_unit_test(writes_normal_factors_near_their_entropy),
        cmocka_unit_test(refuses_a_factor_out_of_range),
        cmocka_unit_test(refining_makes_more_elements_right_the_same_every_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
