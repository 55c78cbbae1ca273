#include "apply/base/sha256.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/cpu.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

static const char *hex(const uint8_t digest[MLR_SHA256_BYTES])
{
    static char text[2 * MLR_SHA256_BYTES + 1];
    for (size_t i = 0; i < MLR_SHA256_BYTES; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    return text;
}

static void digest_of(mlr_sha256_blocks absorb, const void *data, size_t n, uint8_t *to)
{
    mlr_sha256 h;
    mlr_sha256_begin(&h, absorb);
    mlr_sha256_add(&h, data, n);
    mlr_sha256_end(&h, to);
}

static void assert_digest(mlr_sha256_blocks absorb, const char *text, const char *expected)
{
    uint8_t digest[MLR_SHA256_BYTES];
    digest_of(absorb, text, strlen(text), digest);
    assert_string_equal(hex(digest), expected);
}

/* The examples of FIPS 180-4, and the empty message. */
static void check_published_examples(mlr_sha256_blocks absorb)
{
    assert_digest(absorb, "",
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(absorb, "abc",
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest(absorb, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_digest(absorb,
                  "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    mlr_sha256 h;
    uint8_t digest[MLR_SHA256_BYTES];
    mlr_sha256_begin(&h, absorb);
    for (int i = 0; i < 100000; i++) {
        mlr_sha256_add(&h, "aaaaaaaaaa", 10);
    }
    mlr_sha256_end(&h, digest);
    assert_string_equal(hex(digest),
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The digest of the digests of every prefix, computed by another implementation. */
static void check_every_length(mlr_sha256_blocks absorb)
{
    uint8_t data[300];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)((i * 7 + 3) % 251);
    }
    mlr_sha256 all;
    uint8_t digest[MLR_SHA256_BYTES];
    mlr_sha256_begin(&all, absorb);
    for (size_t n = 0; n <= sizeof data; n++) {
        digest_of(absorb, data, n, digest);
        mlr_sha256_add(&all, digest, sizeof digest);
    }
    mlr_sha256_end(&all, digest);
    assert_string_equal(hex(digest),
                        "f3020111b64a62a31251a1fe087e6b70729bffa197e5b9bff5e767adf7bbfccf");
}

static void the_reference_gives_the_published_digests(void **state)
{
    (void)state;
    check_published_examples(NULL);
    check_published_examples(mlr_sha256_blocks_c);
}

static void the_reference_is_right_at_every_length(void **state)
{
    (void)state;
    check_every_length(NULL);
}

static void the_processors_version_gives_the_published_digests(void **state)
{
    (void)state;
    check_published_examples(mlr_host_sha256());
}

static void the_processors_version_is_right_at_every_length(void **state)
{
    (void)state;
    check_every_length(mlr_host_sha256());
}

static void the_processors_version_equals_the_reference(void **state)
{
    (void)state;
    if (mlr_host_sha256() == mlr_sha256_blocks_c) {
        print_message("skipped: no instructions for it here\n");
        return;
    }
    static uint8_t data[64 * 40 + 16];
    rng r = rng_new(256);
    for (int round = 0; round < 500; round++) {
        uint32_t a[8], b[8];
        rng_fill(&r, a, sizeof a);
        memcpy(b, a, sizeof a);
        rng_fill(&r, data, sizeof data);
        size_t blocks = (size_t)rng_below(&r, 41);
        size_t at = (size_t)rng_below(&r, 17);
        mlr_sha256_blocks_c(a, data + at, blocks);
        mlr_host_sha256()(b, data + at, blocks);
        assert_memory_equal(a, b, sizeof a);
    }
}

static void chunks_of_any_size_make_no_difference(void **state)
{
    (void)state;
    uint8_t data[2048], whole[MLR_SHA256_BYTES], parts[MLR_SHA256_BYTES];
    rng r = rng_new(2);
    rng_fill(&r, data, sizeof data);
    for (int round = 0; round < 1000; round++) {
        size_t n = (size_t)rng_below(&r, sizeof data + 1);
        size_t most = 1 + (size_t)rng_below(&r, 200);
        digest_of(NULL, data, n, whole);
        mlr_sha256 h;
        mlr_sha256_begin(&h, round % 2 == 0 ? NULL : mlr_host_sha256());
        for (size_t at = 0; at < n;) {
            size_t take = (size_t)rng_below(&r, most + 1);
            take = take < n - at ? take : n - at;
            mlr_sha256_add(&h, take == 0 ? NULL : data + at, take);
            at += take;
        }
        mlr_sha256_end(&h, parts);
        assert_memory_equal(whole, parts, sizeof whole);
    }
}

/* Keeps the last block in place of a state. */
static uint8_t last_block[64];

static void keep_block(uint32_t s[8], const uint8_t *data, size_t blocks)
{
    (void)s;
    memcpy(last_block, data + 64 * (blocks - 1), sizeof last_block);
}

static void the_length_is_written_in_64_bits(void **state)
{
    (void)state;
    mlr_sha256 h;
    uint8_t digest[MLR_SHA256_BYTES];
    mlr_sha256_begin(&h, keep_block);
    h.total = 0x0102030405060740u; /* whole blocks: nothing waits */
    mlr_sha256_end(&h, digest);
    /* eight times that number, big-endian */
    const uint8_t bits[] = {0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x3a, 0x00};
    assert_memory_equal(last_block + 56, bits, sizeof bits);
    assert_int_equal(last_block[0], 0x80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_gives_the_published_digests),
        cmocka_unit_test(the_reference_is_right_at_every_length),
        cmocka_unit_test(the_processors_version_gives_the_published_digests),
        cmocka_unit_test(the_processors_version_is_right_at_every_length),
        cmocka_unit_test(the_processors_version_equals_the_reference),
        cmocka_unit_test(chunks_of_any_size_make_no_difference),
        cmocka_unit_test(the_length_is_written_in_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
