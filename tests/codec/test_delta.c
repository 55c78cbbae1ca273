/* Stretches of new bytes that resemble old ones. */
#include "tests/support/test.h"

#include <string.h>

#include "apply/host/heap.h"
#include "codec/delta.h"
#include "tests/support/rng.h"

typedef struct seen {
    uint32_t covered, pieces, end;
    const uint8_t *old_bytes, *new_bytes;
    uint32_t equal;
} seen;

static int take(void *ctx, mlr_likeness like)
{
    seen *s = ctx;
    assert_true(like.new_at >= s->end);
    s->end = like.new_at + like.len;
    s->covered += like.len;
    s->pieces++;
    for (uint32_t i = 0; i < like.len; i++) {
        s->equal += s->old_bytes[like.old_at + i] == s->new_bytes[like.new_at + i];
    }
    return 1;
}

static seen find(const uint8_t *a, uint32_t an, const uint8_t *b, uint32_t bn)
{
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_err err = {0};
    seen s = {.old_bytes = a, .new_bytes = b};
    mlr_delta_find((mlr_bytes_view){a, an}, (mlr_bytes_view){b, bn}, &heap.alloc, take, &s,
                   &err);
    assert_no_err(&err);
    assert_true(s.end <= bn);
    assert_int_equal(heap.used, 0);
    return s;
}

static void covers_what_moved_and_what_changed_in_places(void **state)
{
    (void)state;
    static uint8_t a[4096], b[4200];
    rng r = rng_new(7);
    rng_fill(&r, a, sizeof a);
    memcpy(b, a, 1000);
    rng_fill(&r, b + 1000, 104);
    memcpy(b + 1104, a + 1000, 3096);
    for (size_t i = 1200; i < sizeof b; i += 100) {
        b[i] ^= 1;
    }
    seen s = find(a, sizeof a, b, sizeof b);
    assert_int_equal(s.pieces, 2);
    assert_true(s.covered >= 4096 - 4 && s.covered <= 4096 + 16);
    assert_true(s.equal >= 4060);
}

/* Small alphabets make many alignments equally good: the search must still come to an end.
 */
static void ends_on_bytes_that_repeat_everywhere(void **state)
{
    (void)state;
    static uint8_t a[6000], b[6000];
    for (uint64_t seed = 0; seed < 200; seed++) {
        rng r = rng_new(seed);
        uint64_t letters = 1 + rng_below(&r, 4), period = 1 + rng_below(&r, 40);
        for (size_t i = 0; i < sizeof a; i++) {
            a[i] = i < period || rng_below(&r, 20) == 0 ? (uint8_t)rng_below(&r, letters)
                                                        : a[i - period];
            b[i] = i < period || rng_below(&r, 30) == 0 ? (uint8_t)rng_below(&r, letters)
                                                        : b[i - period];
        }
        (void)find(a, (uint32_t)rng_below(&r, sizeof a), b,
                   (uint32_t)rng_below(&r, sizeof b));
    }
}

static void takes_no_bytes_at_all(void **state)
{
    (void)state;
    const uint8_t byte = 0;
    assert_int_equal(find(&byte, 0, &byte, 1).covered, 0);
    assert_int_equal(find(&byte, 1, &byte, 0).covered, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covers_what_moved_and_what_changed_in_places),
        cmocka_unit_test(ends_on_bytes_that_repeat_everywhere),
        cmocka_unit_test(takes_no_bytes_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
