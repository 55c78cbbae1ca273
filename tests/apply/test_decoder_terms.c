/* What every decoder says to every pair of element types, before any payload is there. */
#include "apply/decoder.h"
#include "tests/support/test.h"

#include <string.h>

#include "apply/block.h"

static mlr_record record_of(unsigned id, unsigned now, unsigned old, uint32_t block)
{
    const mlr_dtype *to = mlr_dtype_get(now), *from = mlr_dtype_get(old);
    return (mlr_record){.decoder = mlr_decoder_get(id),
                        .dtype = to,
                        .old_dtype = from,
                        .new_bytes = 4 * (uint64_t)block,
                        .old_bytes = 4 * (uint64_t)block,
                        .row = 64,
                        .block_new = block,
                        .block_old = block / to->block_bytes * from->block_bytes};
}

static mlr_status terms_of(unsigned id, unsigned now, unsigned old, uint32_t block,
                           mlr_err *err)
{
    mlr_record r = record_of(id, now, old, block);
    mlr_decoder_need need;
    memset(err, 0, sizeof *err);
    return mlr_decoder_need_of(&r, &need, err);
}

static void answer_or_refuse_with_a_rule(void **state)
{
    (void)state;
    size_t answered = 0;
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        for (unsigned now = 0; mlr_decoder_get(id) != NULL && now < MLR_DTYPE_LIMIT;
             now++) {
            for (unsigned old = 0; old < MLR_DTYPE_LIMIT; old++) {
                mlr_err err;
                if (mlr_dtype_get(now) == NULL || mlr_dtype_get(old) == NULL) {
                    continue; /* ids have gaps */
                }
                mlr_status s = terms_of(id, now, old, 1680, &err);
                bool refused =
                    s == MLR_E_FORMAT || s == MLR_E_TRUNCATED || s == MLR_E_LIMIT;
                assert_true(s == MLR_OK || refused);
                assert_true(s == MLR_OK || err.rule != NULL);
                answered += s == MLR_OK;
            }
        }
    }
    assert_in_range(answered, 200, 100000);
}

static void refuse_types_that_are_not_theirs(void **state)
{
    (void)state;
    static const struct {
        unsigned id, now, old;
        const char *rule;
    } cases[] = {
        {MLR_STRATEGY_exp_man, MLR_DTYPE_I8, MLR_DTYPE_I8, "floats for exp-man"},
        {MLR_STRATEGY_exp_man, MLR_DTYPE_OPAQUE, MLR_DTYPE_OPAQUE, "floats for exp-man"},
        {MLR_STRATEGY_block_fields, MLR_DTYPE_F32, MLR_DTYPE_F32,
         "ggml blocks for block-fields"},
        {MLR_STRATEGY_block_fields, MLR_DTYPE_Q4_K, MLR_DTYPE_Q4_0,
         "ggml blocks for block-fields"},
        {MLR_STRATEGY_neural, MLR_DTYPE_Q4_K, MLR_DTYPE_Q4_K,
         "neural record of plain numbers"},
        {MLR_STRATEGY_neural, MLR_DTYPE_I8, MLR_DTYPE_F32,
         "neural record of plain numbers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mlr_err err;
        assert_int_equal(terms_of(cases[i].id, cases[i].now, cases[i].old, 1680, &err),
                         MLR_E_FORMAT);
        assert_string_equal(err.rule, cases[i].rule);
    }
}

static void refuse_blocks_beyond_the_limit(void **state)
{
    (void)state;
    static const unsigned ids[] = {MLR_STRATEGY_exp_man, MLR_STRATEGY_xor_planes,
                                   MLR_STRATEGY_sub_planes};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        mlr_err err;
        assert_int_equal(terms_of(ids[i], MLR_DTYPE_F32, MLR_DTYPE_F32, 4096, &err),
                         MLR_OK);
        assert_int_equal(
            terms_of(ids[i], MLR_DTYPE_F32, MLR_DTYPE_F32, MLR_BLOCK_LIMIT + 4, &err),
            MLR_E_LIMIT);
        assert_int_equal(err.found, MLR_BLOCK_LIMIT + 4);
        assert_int_equal(err.limit, MLR_BLOCK_LIMIT);
    }
}

/* Copies carry no payload, and converted elements need the old ones and room. */
static void refuse_payloads_that_cannot_be(void **state)
{
    (void)state;
    uint8_t old[64] = {0}, out[64], work[8];
    mlr_record r = record_of(MLR_STRATEGY_copy, MLR_DTYPE_F32, MLR_DTYPE_F32, 64);
    mlr_block b = {.record = &r,
                   .payload = old,
                   .payload_bytes = 1,
                   .old = old,
                   .old_bytes = 64,
                   .out = out,
                   .out_bytes = 64,
                   .kernels = &mlr_kernels_scalar};
    mlr_err err = {0};
    assert_int_equal(r.decoder->decode(&b, &err), MLR_E_FORMAT);
    assert_string_equal(err.rule, "copy without a payload");
    const uint8_t *base;
    mlr_record cast = record_of(MLR_STRATEGY_sub, MLR_DTYPE_F32, MLR_DTYPE_BF16, 64);
    b.record = &cast;
    b.old_bytes = 30; /* 15 old elements for 16 new ones */
    mlr_scratch scratch = {.next = work, .left = sizeof work};
    memset(&err, 0, sizeof err);
    assert_int_equal(mlr_block_base(&b, &scratch, &base, &err), MLR_E_FORMAT);
    assert_string_equal(err.rule, "an old element for each new one");
    b.old_bytes = 32;
    memset(&err, 0, sizeof err);
    assert_int_equal(mlr_block_base(&b, &scratch, &base, &err), MLR_E_LIMIT);
    assert_int_equal(err.found, sizeof work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_or_refuse_with_a_rule),
        cmocka_unit_test(refuse_types_that_are_not_theirs),
        cmocka_unit_test(refuse_blocks_beyond_the_limit),
        cmocka_unit_test(refuse_payloads_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
