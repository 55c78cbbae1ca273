/* The host's neural loops say what the reference says, whatever model and bytes they meet.
 */
#include <stdio.h>
#include <stdlib.h>
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

/* Every loop makes the same of ratios, shifts, ends, lengths. */
static void requantises_as_the_reference(void **state)
{
    (void)state;
    const mlr_neural_kernels *fast = mlr_host_kernels()->neural;
    rng r = rng_new(12);
    uint8_t map[MLR_QUANT_EDGES], old[77], a[4][77];
    for (unsigned i = 0; i < MLR_QUANT_EDGES; i++) {
        map[i] = (uint8_t)(63 - i);
    }
    for (unsigned round = 0; fast != NULL && round < 20000; round++) {
        static const uint8_t tops[] = {3, 7, 15, 31, 63, 255};
        mlr_requant q = {.top = tops[round % 6], .map = map};
        q.zero = (uint8_t)rng_below(&r, q.top + 1U);
        q.anchor = q.top == 255 && round % 4 != 0;
        q.ratio = round % 3 == 0 ? (int32_t)rng_below(&r, 1 << 23) - (1 << 22)
                                 : (int32_t)rng_below(&r, 11000) + 60000;
        q.ratio = round % 7 == 0 ? 1 << 16 : q.ratio;
        q.shift = round % 2 == 0 ? 0 : (int32_t)rng_below(&r, 1 << 23) - (1 << 22);
        size_t n = (size_t)rng_below(&r, sizeof old + 1);
        for (size_t i = 0; i < n; i++) {
            old[i] = (uint8_t)rng_below(&r, q.top + 1U);
        }
        mlr_requant_run(&q, old, n, a[0], a[1]);
        fast->requant(&q, old, n, a[2], a[3]);
        assert_memory_equal(a[0], a[2], n);
        assert_memory_equal(a[1], a[3], n);
    }
}

static void multiplies_as_the_reference(void **state)
{
    (void)state;
    const mlr_neural_kernels *fast = mlr_host_kernels()->neural;
    enum { STRIDE = 100, PAIRS = 5 };
    static int16_t u[2 * PAIRS], v[2 * PAIRS * STRIDE];
    int32_t want[STRIDE + 8], got[STRIDE + 8];
    rng r = rng_new(34);
    for (unsigned round = 0; fast != NULL && round < 2000; round++) {
        rng_fill(&r, u, sizeof u);
        rng_fill(&r, v, sizeof v);
        u[0] = v[0] = v[1] = u[1] = INT16_MIN; /* whose sum is beyond 31 bits */
        unsigned pairs = (unsigned)rng_below(&r, PAIRS + 1);
        size_t n = (size_t)rng_below(&r, STRIDE + 1);
        mlr_dot(want, u, v, STRIDE, pairs, n);
        fast->dot(got, u, v, STRIDE, pairs, n);
        assert_memory_equal(want, got, n * sizeof want[0]);
    }
}

/* Any sequence of decisions, few of them surprising: bits come from this, chances go. */
typedef struct said {
    rng r;
    uint32_t chance;
    unsigned skew;
} said;

static unsigned say(void *ctx, uint32_t p16, unsigned bit)
{
    said *s = ctx;
    (void)bit;
    s->chance = p16;
    return rng_below(&s->r, 65536) < (s->skew == 0 ? p16 : s->skew);
}

static void mixes_as_the_reference(void **state)
{
    (void)state;
    const mlr_neural_kernels *fast = mlr_host_kernels()->neural;
    if (fast == NULL || fast->quant_mixed == NULL) {
        printf("skipped: no vector loops here\n");
        return;
    }
    mlr_quant_mix *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    const mlr_quant_shape *all = mlr_quant_shape_of(mlr_dtype_get(MLR_DTYPE_Q4_K));
    mlr_quant_mix_reset(a, all);
    mlr_quant_mix_reset(b, all);
    rng r = rng_new(36);
    for (unsigned round = 0; round < 300000; round++) {
        static const unsigned skews[] = {0, 10, 60000, 65530, 30000, 1};
        unsigned node = (unsigned)rng_below(&r, MLR_QMIX_NODES);
        said from[2] = {{.r = r, .skew = skews[round / 3000 % 6]}};
        from[1] = from[0];
        for (unsigned i = 0; i + 1 < MLR_QMIX_INPUTS; i++) {
            size_t slot = (size_t)(i * 400 + rng_below(&r, 40));
            a->at[i] = a->codes.slot[slot];
            b->at[i] = b->codes.slot[slot];
        }
        a->lessons = round % 2 == 0 ? &a->subs : &a->codes;
        b->lessons = round % 2 == 0 ? &b->subs : &b->codes;
        a->rate_log = b->rate_log = 15 + round / 1000 % 2;
        a->rate = b->rate = 1 << a->rate_log;
        mlr_quant_coder coder[2] = {{say, &from[0]}, {say, &from[1]}};
        unsigned want = mlr_quant_mixed(a, node, &coder[0], 0);
        assert_int_equal(fast->quant_mixed(b, node, &coder[1], 0), want);
        assert_int_equal(from[0].chance, from[1].chance);
    }
    assert_memory_equal(&a->codes, &b->codes, sizeof a->codes);
    assert_memory_equal(a->subs.weight, b->subs.weight, sizeof a->subs.weight);
    free(a);
    free(b);
}

/* How many random symbols meet both rANS decoders. */
static unsigned long symbols = 1 << 20;

enum { TABLES = 7, TOKENS = 60 };

static void random_table(rng *r, uint32_t *wide)
{
    uint32_t left = MLR_RANS_SCALE;
    for (uint32_t t = 0; left > 0; t++) {
        uint32_t most = t + 1 == TOKENS ? left : 1 + left / (uint32_t)(1 + rng_below(r, 4));
        uint32_t freq = t + 1 == TOKENS ? left : (uint32_t)rng_below(r, most + 1);
        freq = freq > left ? left : freq;
        wide += mlr_rans_widen(wide, t, freq);
        left -= freq;
    }
}

/* Any words are a stream, well formed or not, too short or too long. */
static void decodes_as_the_reference(void **state)
{
    (void)state;
    const mlr_neural_kernels *fast = mlr_host_kernels()->neural;
    if (fast == NULL) {
        printf("skipped: no vector loops here\n");
        return;
    }
    enum { BLOCK = 1 << 16 };
    static uint32_t wide[TABLES * MLR_RANS_SCALE];
    static uint8_t context[BLOCK], out[2][BLOCK], words[2 * BLOCK];
    rng r = rng_new(35);
    mlr_rans_tables tables = {.wide = wide, .count = TABLES, .tokens = TOKENS};
    for (unsigned long done = 0; done < symbols; done += BLOCK) {
        for (unsigned t = 0; t < TABLES; t++) {
            random_table(&r, wide + (size_t)t * MLR_RANS_SCALE);
        }
        rng_fill(&r, words, sizeof words);
        for (size_t i = 0; i < BLOCK; i++) {
            context[i] = (uint8_t)(rng_next(&r) % TABLES | 64U * (i % 4));
        }
        mlr_rans a = {.tables = &tables,
                      .words = words,
                      .word_count = rng_below(&r, 4) == 0 ? rng_below(&r, BLOCK) : BLOCK,
                      .lanes = MLR_RANS_LANES};
        for (unsigned i = 0; i < MLR_RANS_LANES; i++) {
            a.state[i] = (uint32_t)rng_next(&r) | MLR_RANS_FLOOR;
        }
        mlr_rans b = a;
        size_t n = BLOCK - (size_t)rng_below(&r, 100);
        for (size_t i = 0; i < n; i += MLR_NEURAL_CHUNK) {
            size_t part = n - i < MLR_NEURAL_CHUNK ? n - i : MLR_NEURAL_CHUNK;
            mlr_rans_decode(&a, context + i, out[0] + i, part);
            fast->rans(&b, context + i, out[1] + i, part);
        }
        assert_memory_equal(out[0], out[1], n);
        assert_memory_equal(a.state, b.state, sizeof a.state);
        assert_int_equal(a.next, b.next);
    }
}

/* test_neural_loops [SYMBOLS] */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(predicts_as_the_reference),
                                       cmocka_unit_test(adds_as_the_reference),
                                       cmocka_unit_test(tokenises_as_without_it),
                                       cmocka_unit_test(requantises_as_the_reference),
                                       cmocka_unit_test(multiplies_as_the_reference),
                                       cmocka_unit_test(mixes_as_the_reference),
                                       cmocka_unit_test(decodes_as_the_reference)};
    symbols = argc > 1 ? strtoul(argv[1], NULL, 10) : symbols;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
