/* The host's neural loops say what the reference says, whatever model and bytes they meet.
 */
#include <stdio.h>
#include <string.h>

#include "apply/base/cursor.h"
#include "apply/host/host_kernels.h"
#include "apply/neural_kernels.h"
#include "apply/token.h"
#include "codec/tokens.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

enum { N = MLR_NEURAL_CHUNK, MODELS = 4000 };

static const char *const float_types[] = {"bf16", "f16", "f32"};

typedef struct made {
    uint8_t expected[N * 4 + 64], context[N + 64];
} made;

static void random_model(rng *r, mlr_neural *m, bool with_factors)
{
    const char *name = float_types[rng_below(r, 3)];
    mlr_record record = {.dtype = mlr_dtype_named(name, strlen(name)), .row = N};
    record.old_dtype = record.dtype;
    uint64_t limit = rng_below(r, 8) == 0 ? UINT16_MAX : 300;
    mlr_neural_head h = {.classes = (uint8_t)(1 + rng_below(r, MLR_NEURAL_CLASSES)),
                         .edges = with_factors ? MLR_NEURAL_EDGES : 1,
                         .rank = with_factors ? (uint8_t)(1 + rng_below(r, 3)) : 0,
                         .top = rng_below(r, limit + 1),
                         .rows = 1,
                         .shift = (int)rng_below(r, 61) - 30};
    mlr_neural_shape(m, &record, &h);
    for (unsigned i = 0; i < MLR_NEURAL_RAW; i++) {
        m->map[i] = (uint8_t)rng_below(r, MLR_RANS_TABLES);
    }
}

/* Bits of every kind: plain weights near the top scale, zeros, infinities, anything. */
static void random_olds(rng *r, const mlr_neural *m, uint8_t *old)
{
    unsigned bytes = m->now.bytes;
    for (size_t i = 0; i < N; i++) {
        uint64_t x = rng_next(r);
        uint64_t field = m->top - rng_below(r, 24);
        if (rng_below(r, 8) != 0 && field <= m->now.exp_limit) {
            uint64_t fields = (uint64_t)m->now.exp_limit << m->now.mantissa;
            x = (x & ~fields) | field << m->now.mantissa;
        }
        mlr_number_store(old + i * bytes, bytes, x & m->now.mask);
    }
}

static void predicts_as_the_reference(void **state)
{
    (void)state;
    const mlr_neural_kernels *fast = mlr_host_kernels()->neural;
    if (fast == NULL) {
        printf("skipped: no vector loops here\n");
        return;
    }
    rng r = rng_new(31);
    static made want, got;
    static uint8_t old[N * 4 + 64];
    static int32_t sums[N + 16];
    for (unsigned round = 0; round < MODELS; round++) {
        mlr_neural m;
        random_model(&r, &m, round % 4 != 0);
        random_olds(&r, &m, old);
        unsigned drop = (unsigned)rng_below(&r, 32);
        for (size_t i = 0; i < N; i++) {
            sums[i] = (int32_t)rng_next(&r) >> drop;
        }
        mlr_chunk c = {.model = &m, .n = N - rng_below(&r, 40), .old = old, .sums = sums};
        c.expected = want.expected;
        c.context = want.context;
        mlr_neural_scalar.predict(&c);
        c.expected = got.expected;
        c.context = got.context;
        fast->predict(&c);
        assert_memory_equal(want.expected, got.expected, c.n * m.now.bytes);
        assert_memory_equal(want.context, got.context, c.n);
    }
}

static void adds_as_the_reference(void **state)
{
    (void)state;
    const mlr_neural_kernels *fast = mlr_host_kernels()->neural;
    if (fast == NULL) {
        printf("skipped: no vector loops here\n");
        return;
    }
    rng r = rng_new(32);
    static made in;
    static uint8_t token[N], bits[N * 4], want[N * 4], got[N * 4];
    for (unsigned round = 0; round < MODELS; round++) {
        mlr_neural m;
        random_model(&r, &m, false);
        rng_fill(&r, in.expected, sizeof in.expected);
        rng_fill(&r, in.context, sizeof in.context);
        rng_fill(&r, bits, sizeof bits);
        uint64_t tokens = rng_below(&r, 3) == 0 ? 32 : mlr_token_count(m.now.bytes);
        for (size_t i = 0; i < N; i++) {
            token[i] = (uint8_t)rng_below(&r, tokens);
        }
        /* often too few of them */
        mlr_rawbits raw[2] = {{.in = bits, .size = rng_below(&r, sizeof bits)}};
        raw[1] = raw[0];
        mlr_residual a = {.now = &m.now,
                          .expected = in.expected,
                          .context = in.context,
                          .token = token,
                          .out = want,
                          .n = N - rng_below(&r, 40),
                          .raw = &raw[0]};
        mlr_neural_scalar.add(&a);
        a.out = got;
        a.raw = &raw[1];
        fast->add(&a);
        assert_memory_equal(want, got, a.n * m.now.bytes);
        assert_int_equal(raw[0].pos, raw[1].pos);
    }
}

static void tokenises_as_without_it(void **state)
{
    (void)state;
    const mlr_neural_kernels *fast = mlr_host_kernels()->neural;
    if (fast == NULL || fast->values16 == NULL) {
        printf("skipped: no vector loops here\n");
        return;
    }
    rng r = rng_new(33);
    static made in;
    static uint8_t is[N * 2], token[2][N], bits[2][N * 2 + 8];
    for (unsigned round = 0; round < MODELS; round++) {
        mlr_number now;
        (void)mlr_number_of(mlr_dtype_named("bf16", 4), &now);
        rng_fill(&r, in.expected, sizeof in.expected);
        rng_fill(&r, in.context, sizeof in.context);
        for (size_t i = 0; i < N; i++) { /* mostly near what was expected */
            uint64_t o = mlr_load16(in.expected + 2 * i) + (rng_next(&r) >> (48 + i % 16));
            mlr_store16(is + 2 * i, (uint16_t)mlr_from_ordered(&now, o & now.mask));
        }
        mlr_rawbits_out raw[2] = {{.at = bits[0]}, {.at = bits[1]}};
        mlr_tokens_job j = {.now = &now,
                            .expected = in.expected,
                            .context = in.context,
                            .new_bytes = is,
                            .n = N - rng_below(&r, 70),
                            .token = token[0],
                            .raw = &raw[0]};
        mlr_tokens_of(&j);
        j.values16 = fast->values16;
        j.token = token[1];
        j.raw = &raw[1];
        mlr_tokens_of(&j);
        size_t raw_bytes = (size_t)(raw[0].at - bits[0]);
        assert_memory_equal(token[0], token[1], j.n);
        assert_int_equal(raw[1].at - bits[1], raw_bytes);
        assert_memory_equal(bits[0], bits[1], raw_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(predicts_as_the_reference),
                                       cmocka_unit_test(adds_as_the_reference),
                                       cmocka_unit_test(tokenises_as_without_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
