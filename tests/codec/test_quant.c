/* Quantised blocks: taken apart, predicted, coded, given back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apply/base/cursor.h"
#include "apply/host/host_kernels.h"
#include "apply/neural_kernels.h"
#include "apply/quant_model.h"
#include "apply/quantise.h"
#include "tests/support/rng.h"
#include "tests/support/strat.h"
#include "tests/support/test.h"

static const char *const block_types[] = {"q4_0", "q4_1", "q5_0",   "q5_1",
                                          "q8_0", "q2_k", "q3_k",   "q4_k",
                                          "q5_k", "q6_k", "iq4_nl", "mxfp4"};
static const char *const plain_types[] = {"i8", "u8", "i4", "u4"};
enum { BLOCK_TYPES = 12, PLAIN_TYPES = 4, ROOM = 1 << 16 };

static const mlr_dtype *type(const char *name)
{
    return mlr_dtype_named(name, strlen(name));
}

static const mlr_quant_shape *shape(const char *name)
{
    return mlr_quant_shape_of(type(name));
}

static mlr_quant_parts *parts_for(const mlr_quant_shape *s)
{
    mlr_quant_parts *p = calloc(1, sizeof *p);
    p->code = calloc(mlr_quant_chunk_blocks(s), mlr_quant_items(s));
    return p;
}

static void release(mlr_quant_parts *p)
{
    free(p->code);
    free(p);
}

/* --- taking apart ----------------------------------------------------------------------
 */

static void packs_back_what_it_took_apart(void **state)
{
    (void)state;
    rng r = rng_new(1);
    uint8_t in[MLR_QUANT_CHUNK * 256], out[sizeof in];
    for (unsigned t = 0; t < BLOCK_TYPES + PLAIN_TYPES; t++) {
        const char *name = t < BLOCK_TYPES ? block_types[t] : plain_types[t - BLOCK_TYPES];
        const mlr_quant_shape *s = shape(name);
        assert_non_null(s);
        for (size_t blocks = 1; blocks <= MLR_QUANT_CHUNK; blocks++) {
            size_t n = blocks * type(name)->block_bytes;
            mlr_quant_parts *p = parts_for(s);
            rng_fill(&r, in, n);
            mlr_quant_unpack(s, in, blocks, p);
            mlr_quant_pack(s, p, blocks, out);
            assert_memory_equal(in, out, n);
            size_t codes = blocks * mlr_quant_items(s);
            for (size_t i = 0; i < codes; i++) {
                assert_true(p->code[i] <= s->top);
            }
            release(p);
        }
    }
}

static uint8_t code_of(const char *name, const uint8_t *block, unsigned i)
{
    mlr_quant_parts *p = parts_for(shape(name));
    mlr_quant_unpack(shape(name), block, 1, p);
    uint8_t code = p->code[i];
    release(p);
    return code;
}

/* Places by hand, from the layouts of docs/FORMATS. */
static void finds_codes_where_the_formats_put_them(void **state)
{
    (void)state;
    uint8_t b[256] = {0};
    b[2 + 3] = 0x5a; /* q4_0: low nibble is code 3, high nibble code 19 */
    assert_int_equal(code_of("q4_0", b, 3), 10);
    assert_int_equal(code_of("q4_0", b, 19), 5);
    b[2 + 3] = 0xfe; /* q8_0: -2 */
    assert_int_equal(code_of("q8_0", b, 3), 126);
    memset(b, 0, sizeof b);
    b[16 + 32 + 1] = 0xa0; /* q4_k: second 64, byte 1, high nibble: code 64 + 32 + 1 */
    assert_int_equal(code_of("q4_k", b, 97), 10);
    memset(b, 0, sizeof b);
    b[16 + 5] = 1 << 3; /* q5_k: mask bit 3 of byte 5 is the fifth bit of code 101 */
    assert_int_equal(code_of("q5_k", b, 101), 16);
    memset(b, 0, sizeof b);
    b[64 + 33] = 0x70;      /* q6_k: second half, high nibble of byte 33 is code 225 */
    b[128 + 32 + 1] = 0xc0; /* its high bits are the top pair of byte 1 */
    assert_int_equal(code_of("q6_k", b, 225), 7 + 48);
    memset(b, 0, sizeof b);
    b[32 + 32 + 2] = 2 << 4; /* q3_k: second half, byte 2, bits 4 and 5: code 194 */
    b[2] = 1 << 6;           /* and its third bit */
    assert_int_equal(code_of("q3_k", b, 194), 6);
    memset(b, 0, sizeof b);
    b[1] = 0x8f; /* mxfp4: -6 is the lowest, negative zero has a place of its own */
    assert_int_equal(code_of("mxfp4", b, 0), 0);
    assert_int_equal(code_of("mxfp4", b, 16), 15);
    assert_int_equal(code_of("mxfp4", b, 1), 7);
    b[0] = 0x7f; /* i4: low nibble -1, high nibble 7 */
    assert_int_equal(code_of("i4", b, 0), 7);
    assert_int_equal(code_of("i4", b, 1), 15);
}

static void finds_six_bit_scales(void **state)
{
    (void)state;
    mlr_quant_parts *p = parts_for(shape("q4_k"));
    uint8_t b[144] = {0};
    b[4 + 1] = 0xc5;     /* scale 1 = 5, top bits of scale 5 = 3 */
    b[4 + 4 + 1] = 0x49; /* min 1 = 9, top bits of min 5 = 1 */
    b[4 + 8 + 1] = 0x72; /* scale 5 = 2 + 48, min 5 = 7 + 16 */
    mlr_quant_unpack(shape("q4_k"), b, 1, p);
    assert_int_equal(p->sub[1], 5);
    assert_int_equal(p->sub[5], 50);
    assert_int_equal(p->sub[8 + 1], 9);
    assert_int_equal(p->sub[8 + 5], 23);
    release(p);
}

/* --- positions -------------------------------------------------------------------------
 */

static void divides_scales_with_one_rounding(void **state)
{
    (void)state;
    int32_t q = 0;
    mlr_scale one = mlr_scale_of_f16(0x3c00), three = mlr_scale_of_f16(0x4200);
    mlr_scale least = mlr_scale_of_f16(1), minus = mlr_scale_of_f16(0xc000);
    assert_true(mlr_scale_ratio(one, three, &q));
    assert_int_equal(q, 21845); /* 65536 / 3 = 21845.3 */
    assert_true(mlr_scale_ratio(three, one, &q));
    assert_int_equal(q, 3 * 65536);
    assert_true(mlr_scale_ratio(minus, three, &q));
    assert_int_equal(q, -43691); /* 43690.7, away from zero */
    assert_true(mlr_scale_ratio(least, one, &q));
    assert_int_equal(q, 0); /* 2^-24 */
    assert_true(mlr_scale_ratio(mlr_scale_of_f16(3), mlr_scale_of_f16(2), &q));
    assert_int_equal(q, 98304);
    assert_false(mlr_scale_ratio(one, least, &q)); /* 2^24 is beyond any use */
    assert_false(mlr_scale_ratio(one, mlr_scale_of_f16(0), &q));
    assert_false(mlr_scale_ratio(one, mlr_scale_of_f16(0x7c00), &q));
    assert_true(
        mlr_scale_ratio(mlr_scale_of_f32(0x3f800000), mlr_scale_of_f32(0x40000000), &q));
    assert_int_equal(q, 32768);
    assert_int_equal(mlr_scale_size(one) - mlr_scale_size(mlr_scale_of_f16(0x3800)), 2);
    assert_int_equal(mlr_scale_size(mlr_scale_of_f16(0x3e00)) - mlr_scale_size(one), 1);
    assert_int_equal(mlr_scale_size(mlr_scale_of_f16(0)), INT32_MIN);
}

/* Ratio 1.5, zero at 8: 10 is at 11 exactly, 9 half way, 15 beyond the end. */
static void requantises_by_hand(void **state)
{
    (void)state;
    uint8_t map[MLR_QUANT_EDGES], old[4] = {10, 9, 15, 7}, expected[4], context[4];
    for (unsigned i = 0; i < MLR_QUANT_EDGES; i++) {
        map[i] = (uint8_t)i;
    }
    mlr_requant r = {.ratio = 98304, .zero = 8, .top = 15, .map = map};
    mlr_requant_run(&r, old, 4, expected, context);
    assert_int_equal(expected[0], 11);
    assert_int_equal(context[0], 0);
    assert_int_equal(expected[1], 10); /* 9.5 rounds up */
    assert_int_equal(context[1], 15 | MLR_QUANT_FLIP);
    assert_int_equal(expected[2], 15); /* 18.5 is cut: certain */
    assert_int_equal(context[2], 0);
    assert_int_equal(expected[3], 7); /* 6.5 */
    assert_int_equal(context[3], 15 | MLR_QUANT_FLIP);
}

/* --- round trips -----------------------------------------------------------------------
 */

typedef enum change {
    RANDOM,
    CODES,
    SCALES,
    ODD_SCALES,
    ZERO_SCALES,
    FROZEN,
    CHANGES
} change;

/* Old blocks with sane scales, new ones that differ in the given way. */
static void make_pair(rng *r, const mlr_dtype *t, change how, uint8_t *old, uint8_t *now,
                      size_t n)
{
    static const uint16_t odd[] = {0x0000, 0x8000, 0x0001, 0x83ff, 0x7c00, 0xfc00,
                                   0x7e01, 0xffff, 0x7bff, 0xfbff, 0x3c00, 0x0400};
    const mlr_quant_shape *s = mlr_quant_shape_of(t);
    rng_fill(r, old, n);
    for (size_t b = 0; b + t->block_bytes <= n && s->supers > 0; b += t->block_bytes) {
        for (unsigned k = 0; k < s->supers; k++) {
            old[b + s->super_at[k]] = (uint8_t)(s->tiny_super ? 120 : rng_next(r));
            if (!s->tiny_super) {
                old[b + s->super_at[k] + 1] = (uint8_t)(0x20 + rng_below(r, 6));
            }
        }
    }
    memcpy(now, old, n);
    for (size_t i = 0; i < n; i++) {
        size_t at = i % t->block_bytes;
        bool super = false;
        for (unsigned k = 0; k < s->supers; k++) {
            super = super || at == s->super_at[k] ||
                    (at == s->super_at[k] + 1U && !s->tiny_super);
        }
        uint16_t special = odd[rng_below(r, 12)];
        if (how == RANDOM || (how == CODES && !super && rng_below(r, 4) == 0)) {
            now[i] = (uint8_t)rng_next(r);
        } else if (how == SCALES && super && (at & 1) == 0) {
            now[i] = (uint8_t)(now[i] + rng_below(r, 9));
        } else if (how == ODD_SCALES && super) {
            old[i] = (uint8_t)(rng_below(r, 2) == 0 ? special : special >> 8);
            now[i] = (uint8_t)(special >> 8);
        } else if (how == ZERO_SCALES && super) {
            old[i] = rng_below(r, 2) == 0 ? 0 : old[i];
            now[i] = 0;
        }
    }
}

static strat_case case_of(const mlr_dtype *t, const uint8_t *old, const uint8_t *now,
                          size_t n, int level)
{
    return (strat_case){.id = MLR_STRATEGY_neural_quant,
                        .dtype = t,
                        .now = now,
                        .old = old,
                        .n = n,
                        .old_n = n,
                        .e.level = level};
}

/* By mixing, and by tables: those are taken where memory does not suffice for mixing. */
static void both_ways(strat_case c)
{
    strat_round_trip(&c);
    c.e.max_work = mlr_quant_work_terms(mlr_quant_shape_of(c.dtype), 0);
    strat_round_trip(&c);
    c.e.max_state = 4096;
    strat_round_trip(&c);
}

static void gives_back_every_type_and_change(void **state)
{
    (void)state;
    rng r = rng_new(2);
    uint8_t *old = malloc(ROOM), *now = malloc(ROOM);
    for (unsigned t = 0; t < BLOCK_TYPES + PLAIN_TYPES; t++) {
        const mlr_dtype *d =
            type(t < BLOCK_TYPES ? block_types[t] : plain_types[t - BLOCK_TYPES]);
        for (unsigned how = 0; how < CHANGES; how++) {
            for (size_t blocks = 1; blocks <= 130; blocks += 1 + blocks / 2) {
                size_t n = blocks * d->block_bytes;
                make_pair(&r, d, (change)how, old, now, n);
                both_ways(case_of(d, old, now, n, 3));
            }
        }
    }
    free(old);
    free(now);
}

static void gives_back_a_cut_last_block(void **state)
{
    (void)state;
    rng r = rng_new(3);
    uint8_t old[1000], now[1000];
    for (unsigned t = 0; t < BLOCK_TYPES; t++) {
        for (size_t n = 0; n < 1000; n += 1 + n / 9) {
            make_pair(&r, type(block_types[t]), CODES, old, now, n);
            strat_case c = case_of(type(block_types[t]), old, now, n, 3);
            if (strat_suits(&c)) {
                both_ways(c);
            }
        }
    }
}

static void blocks_of_a_record_decode_alone(void **state)
{
    (void)state;
    rng r = rng_new(4);
    uint8_t *old = malloc(ROOM), *now = malloc(ROOM);
    for (unsigned t = 0; t < BLOCK_TYPES + PLAIN_TYPES; t++) {
        const mlr_dtype *d =
            type(t < BLOCK_TYPES ? block_types[t] : plain_types[t - BLOCK_TYPES]);
        size_t n = (size_t)ROOM / d->block_bytes * d->block_bytes;
        make_pair(&r, d, CODES, old, now, n);
        strat_case c = case_of(d, old, now, n, 3);
        c.block = 37U * d->block_bytes;
        c.row = 96;
        both_ways(c);
    }
    free(old);
    free(now);
}

/* --- predictions pay -------------------------------------------------------------------
 */

/* Codes of weights under one scale, four bits, zero at 8. */
static void quantise(const double *w, double d, uint8_t *block)
{
    for (unsigned i = 0; i < 16; i++) {
        double low = floor(w[i] / d + 8.5), high = floor(w[i + 16] / d + 8.5);
        low = low < 0 ? 0 : low > 15 ? 15 : low;
        high = high < 0 ? 0 : high > 15 ? 15 : high;
        block[2 + i] = (uint8_t)((unsigned)low | (unsigned)high << 4);
    }
}

/* New scales, a tenth smaller, of the same weights: a code's place is known to one step,
   so that one bit says which of two it is. What was requantised from the old codes costs
   only the scales: each is a token and six raw bits. */
static void follows_a_change_of_scale(void **state)
{
    (void)state;
    enum { BLOCKS = 20000 };
    rng r = rng_new(5);
    uint8_t *old = malloc(18 * BLOCKS), *now = malloc(18 * BLOCKS);
    for (unsigned again = 0; again < 2; again++) {
        for (size_t b = 0; b < BLOCKS; b++) {
            double w[32];
            for (unsigned i = 0; i < 32; i++) {
                w[i] = rng_normal(&r) / 2;
                w[i] = again == 0 ? w[i] : floor(w[i] / 0.25 + 0.5) * 0.25;
            }
            mlr_store16(old + 18 * b, 0x3400); /* 0.25 */
            mlr_store16(now + 18 * b, 0x3333); /* 0.22498 */
            quantise(w, 0.25, old + 18 * b);
            quantise(w, 0.2249755859375, now + 18 * b);
        }
        strat_case c = case_of(type("q4_0"), old, now, 18 * BLOCKS, 3);
        size_t requantised = strat_round_trip(&c);
        c.id = MLR_STRATEGY_block_fields;
        c.e.level = 19;
        size_t fields = strat_round_trip(&c);
        print_message("codes under new scales: %zu bytes, by fields %zu\n", requantised,
                      fields);
        assert_true(requantised < (again == 0 ? 32 * BLOCKS / 8 : BLOCKS * 4 / 5));
        assert_true(requantised < fields);
    }
    free(old);
    free(now);
}

static void follows_scales_of_channels(void **state)
{
    (void)state;
    enum { CHANNELS = 32, INNER = 600, N = CHANNELS * INNER };
    rng r = rng_new(6);
    int8_t *old = malloc(N), *now = malloc(N);
    float was[CHANNELS], is[CHANNELS];
    for (size_t c = 0; c < CHANNELS; c++) {
        was[c] = 0.01F;
        is[c] = 0.01F * (float)(0.8 + 0.4 * rng_unit(&r));
        for (size_t i = 0; i < INNER; i++) {
            double w = rng_normal(&r) * 0.2;
            old[c * INNER + i] = (int8_t)fmax(-127, fmin(127, rint(w / was[c])));
            now[c * INNER + i] =
                (int8_t)fmax(-127, fmin(127, rint(old[c * INNER + i] * was[c] / is[c])));
        }
    }
    mlr_quant_view q = {.old_side = {.scale = was, .count = CHANNELS},
                        .new_side = {.scale = is, .count = CHANNELS},
                        .inner = INNER};
    strat_case c = case_of(type("i8"), (uint8_t *)old, (uint8_t *)now, N, 3);
    size_t without = strat_round_trip(&c);
    c.quant = &q;
    size_t with = strat_round_trip(&c);
    print_message("%u int8 codes under new scales: %zu bytes, %zu with scales\n",
                  (unsigned)N, without, with);
    assert_true(with * 8 < without);
    free(old);
    free(now);
}

/* Scales that are no numbers, or absurd, cost bytes and nothing else. */
static void bears_absurd_scales_of_channels(void **state)
{
    (void)state;
    float was[5] = {0, INFINITY, NAN, 1e-38F, -1}, is[5] = {1, 2, 3, 1e38F, 1e-30F};
    int64_t zero[5] = {3, 3, 3, 3, 3}, far[5] = {-1000000, 5, 127, INT64_MAX, INT64_MIN};
    mlr_quant_view q = {.old_side = {.scale = was, .zero = zero, .count = 5},
                        .new_side = {.scale = is, .zero = far, .count = 5},
                        .inner = 7};
    rng r = rng_new(7);
    uint8_t old[333], now[333];
    for (unsigned t = 0; t < PLAIN_TYPES; t++) {
        make_pair(&r, type(plain_types[t]), CODES, old, now, sizeof old);
        strat_case c = case_of(type(plain_types[t]), old, now, sizeof old, 3);
        c.quant = &q;
        both_ways(c);
        q.old_side.zero = q.old_side.zero == zero ? far : zero;
        q.inner = 1;
        both_ways(c);
        q.inner = UINT64_MAX;
        both_ways(c);
        q.inner = 7;
    }
}

/* --- hostile bytes ---------------------------------------------------------------------
 */

/* Floats about as large as weights; of f32 the lower half of the mantissa is noise. */
static void random_floats(rng *r, const mlr_dtype *t, uint8_t *to, size_t n)
{
    rng_fill(r, to, n * t->block_bytes);
    for (size_t i = 0; i < n; i++) {
        uint8_t *top = to + (i + 1) * t->block_bytes - 1;
        uint8_t fields = t->id == MLR_DTYPE_F16 ? 0x28 : 0x3c;
        *top = (uint8_t)((*top & 0x83) | fields);
    }
}

/* The base as its writer quantised it costs next to nothing; a tuned one is given back. */
static void predicts_what_the_reference_quantises(void **state)
{
    (void)state;
    static const char *const from[] = {"f16", "bf16", "f32"};
    static const char *const to[] = {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1"};
    enum { BLOCKS = 300 };
    static uint8_t old[BLOCKS * 32 * 4], now[BLOCKS * 34];
    rng r = rng_new(21);
    for (unsigned k = 0; k < 15; k++) {
        const mlr_dtype *was = type(from[k % 3]), *is = type(to[k / 3]);
        random_floats(&r, was, old, (size_t)BLOCKS * 32);
        mlr_quantise(was, old, is, now, BLOCKS);
        strat_case c = case_of(is, old, now, (size_t)BLOCKS * is->block_bytes, 9);
        c.old_dtype = was;
        c.old_n = (size_t)BLOCKS * 32 * was->block_bytes;
        assert_in_range(strat_round_trip(&c), 1, 12);
        for (size_t b = 0; b < BLOCKS; b += 3) {
            now[b * is->block_bytes] ^= (uint8_t)rng_below(&r, 8);
            now[b * is->block_bytes + 5] ^= 1;
        }
        both_ways(c);
        c.block = 7 * is->block_bytes;
        both_ways(c);
    }
}

static void bears_garbage(void **state)
{
    (void)state;
    rng r = rng_new(8);
    uint8_t old[4000], now[4000], out[4000];
    for (unsigned round = 0; round < 320; round++) {
        unsigned t = round % (BLOCK_TYPES + PLAIN_TYPES);
        const mlr_dtype *d =
            type(t < BLOCK_TYPES ? block_types[t] : plain_types[t - BLOCK_TYPES]);
        size_t n = 4000U / d->block_bytes * d->block_bytes;
        make_pair(&r, d, CODES, old, now, n);
        strat_case c = case_of(d, old, now, n, 3);
        if (round % 3 != 0) {
            c.e.max_work = mlr_quant_work_terms(mlr_quant_shape_of(d), 0);
        }
        strat_coded coded;
        mlr_err err = {0};
        assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
        bool model = round % 2 == 0;
        mlr_buf *b = model ? &coded.model : &coded.payload;
        for (unsigned k = 0; k < 3; k++) {
            b->data[rng_below(&r, b->size)] = (uint8_t)rng_next(&r);
        }
        mlr_decoder_need need = {0};
        if (mlr_decoder_need_of(&coded.record, &need, &err) == MLR_OK) {
            coded.need = need;
            mlr_status s = strat_decode(&c, &coded, out, &err);
            assert_true(s == MLR_OK || s == MLR_E_FORMAT);
        }
        strat_release(&coded);
    }
}

static void refuses_a_cut_payload(void **state)
{
    (void)state;
    rng r = rng_new(9);
    uint8_t old[1800], now[1800], out[1800];
    make_pair(&r, type("q4_0"), CODES, old, now, sizeof old);
    strat_case c = case_of(type("q4_0"), old, now, sizeof old, 3);
    c.e.max_work = mlr_quant_work_terms(shape("q4_0"), 0);
    strat_coded coded;
    mlr_err err = {0};
    assert_int_equal(strat_encode(&c, &coded, &err), MLR_OK);
    size_t whole = coded.size[0];
    for (size_t n = 0; n < whole; n++) {
        coded.size[0] = n;
        err = (mlr_err){0};
        assert_int_equal(strat_decode(&c, &coded, out, &err), MLR_E_FORMAT);
    }
    strat_release(&coded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_back_what_it_took_apart),
        cmocka_unit_test(finds_codes_where_the_formats_put_them),
        cmocka_unit_test(finds_six_bit_scales),
        cmocka_unit_test(divides_scales_with_one_rounding),
        cmocka_unit_test(requantises_by_hand),
        cmocka_unit_test(gives_back_every_type_and_change),
        cmocka_unit_test(gives_back_a_cut_last_block),
        cmocka_unit_test(blocks_of_a_record_decode_alone),
        cmocka_unit_test(follows_a_change_of_scale),
        cmocka_unit_test(follows_scales_of_channels),
        cmocka_unit_test(bears_absurd_scales_of_channels),
        cmocka_unit_test(predicts_what_the_reference_quantises),
        cmocka_unit_test(bears_garbage),
        cmocka_unit_test(refuses_a_cut_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
