#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "formats/builder.h"
#include "formats/format.h"

static void *take(void *ctx, size_t n)
{
    (void)ctx;
    return malloc(n);
}

static void give(void *ctx, void *p, size_t n)
{
    (void)ctx, (void)n;
    free(p);
}

static const mlr_allocator plain = {.take = take, .give = give};

/* A builder over members of 1000 bytes each. */
typedef struct bench {
    mlr_pool pool, scratch;
    mlr_builder *b;
    mlr_source source;
    mlr_model model;
    mlr_err err;
} bench;

static void begin(bench *x)
{
    *x = (bench){.source = {.size = 1000}};
    mlr_pool_init(&x->pool, &plain);
    mlr_pool_init(&x->scratch, &plain);
    uint32_t index = 99;
    mlr_builder_begin(&x->b, &x->pool, &x->scratch, &x->err);
    mlr_builder_member(x->b, "one", &mlr_format_opaque, &x->source, &index, &x->err);
    assert_int_equal(index, 0);
    mlr_builder_member(x->b, "two", &mlr_format_opaque, &x->source, &index, &x->err);
    assert_int_equal(index, 1);
    mlr_builder_begin_file(x->b, 0);
    assert_no_err(&x->err);
}

static void end(bench *x)
{
    mlr_pool_release(&x->pool);
    mlr_pool_release(&x->scratch);
}

static mlr_str str(const char *s)
{
    return (mlr_str){.p = s, .n = strlen(s)};
}

/* A u8 tensor of one dimension, defined at byte 10 * its number. */
static mlr_status add(bench *x, const char *name, uint32_t member, uint64_t off,
                      uint64_t len)
{
    uint64_t at = 10 * (mlr_builder_tensor_count(x->b) + 1);
    mlr_tensor_spec t = {.name = str(name),
                         .dtype = mlr_dtype_get(MLR_DTYPE_U8),
                         .dim = &len,
                         .rank = 1,
                         .member = member,
                         .data = {off, len},
                         .defined_at = at};
    return mlr_builder_tensor(x->b, &t, &x->err);
}

static void assert_span(const mlr_model *m, size_t i, uint64_t off, uint64_t len,
                        uint32_t t)
{
    assert_int_equal(m->spans[i].bytes.off, off);
    assert_int_equal(m->spans[i].bytes.len, len);
    assert_int_equal(m->spans[i].tensor, t);
}

static void spans_cover_every_member_without_gap(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    add(&x, "c", 0, 500, 500);
    add(&x, "a", 0, 100, 50);
    add(&x, "b", 0, 150, 10);
    add(&x, "d", 1, 0, 7);
    add(&x, "zero", 1, 3, 0);
    mlr_builder_finish(x.b, &x.model, &x.err);
    assert_no_err(&x.err);
    assert_int_equal(x.model.span_count, 7);
    assert_int_equal(x.model.members[0].first_span, 0);
    assert_int_equal(x.model.members[0].span_count, 5);
    assert_int_equal(x.model.members[0].glue_bytes, 100 + 340);
    assert_span(&x.model, 0, 0, 100, MLR_NO_TENSOR);
    assert_span(&x.model, 1, 100, 50, 1);
    assert_span(&x.model, 2, 150, 10, 2);
    assert_span(&x.model, 3, 160, 340, MLR_NO_TENSOR);
    assert_span(&x.model, 4, 500, 500, 0);
    assert_int_equal(x.model.members[1].first_span, 5);
    assert_int_equal(x.model.members[1].glue_bytes, 993);
    assert_span(&x.model, 5, 0, 7, 3);
    assert_span(&x.model, 6, 7, 993, MLR_NO_TENSOR);
    end(&x);
}

static void equal_ranges_are_tied_to_the_first(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    add(&x, "a", 0, 8, 8);
    add(&x, "b", 0, 8, 8);
    add(&x, "other", 1, 8, 8);
    add(&x, "c", 0, 8, 8);
    mlr_builder_finish(x.b, &x.model, &x.err);
    assert_no_err(&x.err);
    assert_int_equal(x.model.tensors[0].tied_to, MLR_NO_TENSOR);
    assert_int_equal(x.model.tensors[1].tied_to, 0);
    assert_int_equal(x.model.tensors[2].tied_to, MLR_NO_TENSOR);
    assert_int_equal(x.model.tensors[3].tied_to, 0);
    assert_int_equal(x.model.members[0].span_count, 3);
    end(&x);
}

static void partial_overlap_names_the_later_definition(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    add(&x, "high", 0, 100, 100);
    add(&x, "low", 0, 50, 51);
    mlr_builder_settle(x.b, &x.err);
    assert_err(&x.err, MLR_E_FORMAT, 20);
    assert_string_equal(x.err.subject, "low");
    end(&x);
    begin(&x);
    add(&x, "short", 0, 100, 1);
    add(&x, "long", 0, 100, 2);
    mlr_builder_finish(x.b, &x.model, &x.err);
    assert_err(&x.err, MLR_E_FORMAT, 20);
    end(&x);
}

static void overlap_inside_a_long_tensor_is_seen_past_a_tie(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    add(&x, "a", 0, 0, 500);
    add(&x, "a2", 0, 0, 500);
    add(&x, "b", 0, 499, 1);
    mlr_builder_settle(x.b, &x.err);
    assert_err(&x.err, MLR_E_FORMAT, 30);
    end(&x);
}

static void repeated_key_in_a_file_is_refused(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    add(&x, "a", 0, 0, 1);
    assert_int_equal(add(&x, "a", 0, 1, 1), MLR_E_FORMAT);
    assert_err(&x.err, MLR_E_FORMAT, 20);
    end(&x);
}

static void key_of_another_file_gets_the_file_name(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    add(&x, "a", 0, 0, 1);
    mlr_builder_begin_file(x.b, 1);
    add(&x, "a", 1, 0, 1);
    mlr_builder_finish(x.b, &x.model, &x.err);
    assert_no_err(&x.err);
    assert_ptr_equal(mlr_model_find(&x.model, str("a")), &x.model.tensors[0]);
    assert_ptr_equal(mlr_model_find(&x.model, str("two:a")), &x.model.tensors[1]);
    assert_null(mlr_model_find(&x.model, str("one:a")));
    assert_int_equal(x.model.tensors[1].name.n, 1);
    end(&x);
}

static void data_outside_its_file_is_truncated(void **state)
{
    (void)state;
    static const mlr_region bad[] = {{1000, 1},       {0, 1001},       {999, 2},
                                     {UINT64_MAX, 1}, {1, UINT64_MAX}, {1001, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench x;
        begin(&x);
        assert_int_equal(add(&x, "a", 0, bad[i].off, bad[i].len), MLR_E_TRUNCATED);
        assert_err(&x.err, MLR_E_TRUNCATED, 10);
        end(&x);
    }
}

static void length_must_follow_from_type_and_shape(void **state)
{
    (void)state;
    static const uint64_t wraps[2] = {(uint64_t)1 << 32, (uint64_t)1 << 32};
    static const uint64_t two_by_three[2] = {2, 3};
    bench x;
    begin(&x);
    mlr_tensor_spec t = {.name = str("t"),
                         .dtype = mlr_dtype_get(MLR_DTYPE_F32),
                         .dim = wraps,
                         .rank = 2,
                         .defined_at = 77};
    mlr_builder_tensor(x.b, &t, &x.err);
    assert_err(&x.err, MLR_E_FORMAT, 77);
    x.err = (mlr_err){0};
    t.dim = two_by_three;
    t.data = (mlr_region){0, 23};
    mlr_builder_tensor(x.b, &t, &x.err);
    assert_err(&x.err, MLR_E_FORMAT, 77);
    x.err = (mlr_err){0};
    t.data.len = 24;
    mlr_builder_tensor(x.b, &t, &x.err);
    assert_no_err(&x.err);
    assert_int_equal(mlr_builder_tensor_at(x.b, 0)->elements, 6);
    t.name = str("opaque");
    t.data = (mlr_region){24, 5};
    t.dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE);
    mlr_builder_tensor(x.b, &t, &x.err);
    assert_no_err(&x.err);
    end(&x);
}

static void undo_forgets_a_file_and_its_keys(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    add(&x, "kept", 0, 0, 1);
    mlr_builder_begin_file(x.b, 1);
    char name[16];
    for (int i = 0; i < 2000; i++) { /* past several growths of the index */
        name[0] = (char)('a' + i % 26);
        name[1] = (char)('a' + i / 26 % 26);
        name[2] = (char)('a' + i / 676);
        name[3] = '\0';
        add(&x, name, 1, 0, 1);
    }
    mlr_builder_undo_file(x.b);
    assert_no_err(&x.err);
    assert_int_equal(mlr_builder_tensor_count(x.b), 1);
    assert_int_equal(mlr_builder_find(x.b, str("aaa")), MLR_NO_TENSOR);
    assert_int_equal(mlr_builder_find(x.b, str("kept")), 0);
    add(&x, "aaa", 1, 0, 1);
    mlr_builder_finish(x.b, &x.model, &x.err);
    assert_no_err(&x.err);
    assert_int_equal(x.model.tensor_count, 2);
    assert_ptr_equal(mlr_model_find(&x.model, str("aaa")), &x.model.tensors[1]);
    end(&x);
}

static void metadata_is_found_within_its_own_file(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    mlr_meta m = {.key = str("k"), .kind = MLR_META_UINT, .value.u = 7};
    mlr_builder_meta(x.b, &m, &x.err);
    assert_int_equal(mlr_builder_meta_find(x.b, str("k"))->value.u, 7);
    mlr_builder_begin_file(x.b, 1);
    assert_null(mlr_builder_meta_find(x.b, str("k")));
    mlr_builder_finish(x.b, &x.model, &x.err);
    assert_int_equal(x.model.meta_count, 1);
    end(&x);
}

static void text_of_a_model_has_a_limit(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    uint64_t len = 1;
    mlr_tensor_spec t = {.name = str("t"),
                         .key = {.p = "k", .n = MLR_MAX_TEXT}, /* is not looked at */
                         .dtype = mlr_dtype_get(MLR_DTYPE_U8),
                         .dim = &len,
                         .rank = 1,
                         .data = {0, 1},
                         .defined_at = 55};
    mlr_builder_tensor(x.b, &t, &x.err);
    assert_err(&x.err, MLR_E_LIMIT, 55);
    assert_int_equal(x.err.found, MLR_MAX_TEXT + 1);
    end(&x);
}

static void quantization_is_set_by_key(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    add(&x, "w", 0, 0, 1);
    mlr_quant q = {.axis = 3, .scheme = "affine"};
    assert_true(mlr_builder_quantize(x.b, str("w"), &q));
    assert_false(mlr_builder_quantize(x.b, str("v"), &q));
    mlr_builder_finish(x.b, &x.model, &x.err);
    assert_int_equal(x.model.tensors[0].quant->axis, 3);
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_cover_every_member_without_gap),
        cmocka_unit_test(equal_ranges_are_tied_to_the_first),
        cmocka_unit_test(partial_overlap_names_the_later_definition),
        cmocka_unit_test(overlap_inside_a_long_tensor_is_seen_past_a_tie),
        cmocka_unit_test(repeated_key_in_a_file_is_refused),
        cmocka_unit_test(key_of_another_file_gets_the_file_name),
        cmocka_unit_test(data_outside_its_file_is_truncated),
        cmocka_unit_test(length_must_follow_from_type_and_shape),
        cmocka_unit_test(undo_forgets_a_file_and_its_keys),
        cmocka_unit_test(metadata_is_found_within_its_own_file),
        cmocka_unit_test(text_of_a_model_has_a_limit),
        cmocka_unit_test(quantization_is_set_by_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
