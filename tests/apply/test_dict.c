/* Dictionary files: what they hold, and what is refused. */
#include "apply/dict.h"
#include "tests/support/test.h"

#include <string.h>

#include "apply/base/cursor.h"

enum { CONTENT = 24, FILE_BYTES = MLR_DICT_HEADER + CONTENT };

static uint8_t file[FILE_BYTES];

/* A dictionary of 24 bytes, made 1,700,000,000 seconds after 1970 from 3 samples of 999. */
static int make(void **state)
{
    (void)state;
    memset(file, 0, sizeof file);
    memcpy(file, MLR_DICT_MAGIC, 7);
    mlr_store64(file + 8, 1700000000);
    mlr_store64(file + 16, 999);
    mlr_store32(file + 24, 3);
    mlr_store32(file + 28, CONTENT);
    for (size_t i = 0; i < CONTENT; i++) {
        file[MLR_DICT_HEADER + i] = (uint8_t)(i * 5 + 1);
    }
    mlr_sha256 h;
    mlr_sha256_begin(&h, NULL);
    mlr_sha256_add(&h, file + MLR_DICT_HEADER, CONTENT);
    mlr_sha256_end(&h, file + 32);
    return 0;
}

static void shows_what_it_was_made_from(void **state)
{
    (void)state;
    mlr_dict d;
    mlr_err err = {0};
    mlr_dict_view(&d, file, FILE_BYTES, NULL, &err);
    assert_no_err(&err);
    assert_int_equal(d.date, 1700000000);
    assert_int_equal(d.sample_bytes, 999);
    assert_int_equal(d.samples, 3);
    assert_int_equal(d.size, CONTENT);
    assert_ptr_equal(d.bytes, file + MLR_DICT_HEADER);
    assert_memory_equal(d.digest, file + 32, MLR_SHA256_BYTES);
}

static void takes_a_bare_zstd_dictionary(void **state)
{
    (void)state;
    static const uint8_t bare[] = {0x37, 0xa4, 0x30, 0xec, 1, 2, 3, 4, 5, 6};
    uint8_t digest[MLR_SHA256_BYTES];
    mlr_sha256 h;
    mlr_sha256_begin(&h, NULL);
    mlr_sha256_add(&h, bare, sizeof bare);
    mlr_sha256_end(&h, digest);
    mlr_dict d;
    mlr_err err = {0};
    mlr_dict_view(&d, bare, sizeof bare, NULL, &err);
    assert_no_err(&err);
    assert_ptr_equal(d.bytes, bare);
    assert_int_equal(d.size, sizeof bare);
    assert_int_equal(d.date, 0);
    assert_memory_equal(d.digest, digest, sizeof digest);
    mlr_dict_view(&d, bare, 7, NULL, &err); /* too short to be one */
    assert_err(&err, MLR_E_FORMAT, 0);
}

static void expect(size_t n, mlr_status status, uint64_t offset)
{
    mlr_dict d;
    mlr_err err = {0};
    mlr_dict_view(&d, file, n, NULL, &err);
    assert_err(&err, status, offset);
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    expect(MLR_DICT_HEADER - 1, MLR_E_FORMAT, 0);
    expect(FILE_BYTES - 1, MLR_E_FORMAT, 28);
    file[0] ^= 1;
    expect(FILE_BYTES, MLR_E_FORMAT, 0);
    file[0] ^= 1;
    file[7] = MLR_DICT_VERSION + 1;
    expect(FILE_BYTES, MLR_E_UNSUPPORTED, 7);
    file[7] = MLR_DICT_VERSION;
    mlr_store32(file + 28, 7);
    expect(MLR_DICT_HEADER + 7, MLR_E_FORMAT, 28);
    mlr_store32(file + 28, CONTENT);
    for (size_t i = MLR_DICT_HEADER; i < FILE_BYTES; i++) {
        file[i] ^= 0x80;
        expect(FILE_BYTES, MLR_E_VERIFY, 32);
        file[i] ^= 0x80;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(shows_what_it_was_made_from, make),
        cmocka_unit_test(takes_a_bare_zstd_dictionary),
        cmocka_unit_test_setup(refuses_what_is_none, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
