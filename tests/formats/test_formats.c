#include "tests/support/test.h"

#include <string.h>

#include "apply/host/file.h"
#include "formats/format.h"
#include "formats/probe.h"

static const mlr_format *probe(const void *data, size_t n, const char *name)
{
    mlr_bytes bytes;
    mlr_err err = {0};
    const mlr_format *f = NULL;
    mlr_bytes_init(&bytes, data, n);
    assert_int_equal(mlr_format_probe(&f, &bytes.source, name, &err), MLR_OK);
    return f;
}

static void formats_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(mlr_format_named("gguf"), &mlr_format_gguf);
    assert_ptr_equal(mlr_format_named("safetensors"), &mlr_format_safetensors);
    assert_ptr_equal(mlr_format_named("onnx"), &mlr_format_onnx);
    assert_ptr_equal(mlr_format_named("tflite"), &mlr_format_tflite);
    assert_ptr_equal(mlr_format_named("opaque"), &mlr_format_opaque);
    assert_null(mlr_format_named("GGUF"));
    assert_null(mlr_format_named(""));
}

static void names_and_suffixes_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; mlr_formats[i] != NULL; i++) {
        assert_non_null(mlr_formats[i]->probe);
        assert_non_null(mlr_formats[i]->parse);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(mlr_formats[i]->name, mlr_formats[k]->name);
            assert_string_not_equal(mlr_formats[i]->patch_suffix,
                                    mlr_formats[k]->patch_suffix);
        }
    }
}

static void suffixes_are_whole_words(void **state)
{
    (void)state;
    assert_true(mlr_format_has_suffix(&mlr_format_gguf, "a.b.gguf"));
    assert_true(mlr_format_has_suffix(&mlr_format_tflite, "a.tflite"));
    assert_false(mlr_format_has_suffix(&mlr_format_gguf, "a.gguf2"));
    assert_false(mlr_format_has_suffix(&mlr_format_gguf, "a.gg"));
    assert_false(mlr_format_has_suffix(&mlr_format_gguf, "gguf"));
    assert_false(mlr_format_has_suffix(&mlr_format_gguf, "a."));
    assert_false(mlr_format_has_suffix(&mlr_format_opaque, "a."));
}

static void content_decides_whatever_the_suffix(void **state)
{
    (void)state;
    static const char gguf[] = "GGUF\3\0\0\0";
    static const char st[] = "\2\0\0\0\0\0\0\0{}";
    static const char json[] = "{\"weight_map\":{}}";
    assert_ptr_equal(probe(gguf, 8, "x.safetensors"), &mlr_format_gguf);
    assert_ptr_equal(probe(st, 10, "x.gguf"), &mlr_format_safetensors);
    assert_ptr_equal(probe(json, sizeof json - 1, "x.safetensors"), &mlr_format_opaque);
    assert_ptr_equal(probe(json, sizeof json - 1, "model.safetensors.index.json"),
                     &mlr_format_opaque);
    assert_ptr_equal(probe("", 0, "x.gguf"), &mlr_format_opaque);
    assert_ptr_equal(probe("GGU", 3, "x.gguf"), &mlr_format_opaque);
    assert_ptr_equal(probe("\2\0\0\0\0\0\0\0", 8, "x.safetensors"), &mlr_format_opaque);
}

static mlr_status no_read(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    (void)ctx, (void)dst, (void)n;
    return mlr_fail(err, MLR_E_IO, off, "readable file");
}

static void unreadable_file_is_no_opaque_one(void **state)
{
    (void)state;
    mlr_source source = {.size = 10, .read_at = no_read};
    mlr_err err = {0};
    const mlr_format *f = NULL;
    assert_int_equal(mlr_format_probe(&f, &source, "", &err), MLR_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_found_by_name),
        cmocka_unit_test(names_and_suffixes_are_unique),
        cmocka_unit_test(suffixes_are_whole_words),
        cmocka_unit_test(content_decides_whatever_the_suffix),
        cmocka_unit_test(unreadable_file_is_no_opaque_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
