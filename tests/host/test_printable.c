#include "apply/host/printable.h"

#include <stdbool.h>
#include <string.h>

#include "tests/support/rng.h"
#include "tests/support/test.h"

static void shows(const char *bytes, size_t n, const char *expected)
{
    char to[256];
    memset(to, '#', sizeof to);
    size_t written = mlr_printable(to, sizeof to, bytes, n);
    assert_string_equal(to, expected);
    assert_int_equal(written, strlen(expected));
}

#define SHOWS(literal, expected) shows(literal, sizeof(literal) - 1, expected)

static void plain_text_passes_unchanged(void **state)
{
    (void)state;
    SHOWS("", "");
    SHOWS("blk.0.attn_q.weight ~!", "blk.0.attn_q.weight ~!");
    SHOWS("caf\xC3\xA9 \xE6\xA8\xA1\xE5\x9E\x8B \xF0\x9F\x8C\xB3",
          "caf\xC3\xA9 \xE6\xA8\xA1\xE5\x9E\x8B \xF0\x9F\x8C\xB3");
}

static void controls_are_spelled_out(void **state)
{
    (void)state;
    SHOWS("a\x1B[31mb", "a\\u{001B}[31mb");
    SHOWS("a\nb\tc\r", "a\\u{000A}b\\u{0009}c\\u{000D}");
    SHOWS("nul\0nul", "nul\\u{0000}nul");
    SHOWS("\x7F", "\\u{007F}");
    SHOWS("\xC2\x80\xC2\x9B\xC2\x9F", "\\u{0080}\\u{009B}\\u{009F}");
    SHOWS("\xC2\xA0", "\xC2\xA0");
}

static void direction_controls_are_spelled_out(void **state)
{
    (void)state;
    SHOWS("\xE2\x80\xAA\xE2\x80\xAE", "\\u{202A}\\u{202E}");
    SHOWS("\xE2\x81\xA6\xE2\x81\xA9", "\\u{2066}\\u{2069}");
    SHOWS("\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C", "\\u{200E}\\u{200F}\\u{061C}");
}

static void invisible_characters_are_spelled_out(void **state)
{
    (void)state;
    SHOWS("\xE2\x80\x8B\xE2\x80\x8D\xEF\xBB\xBF", "\\u{200B}\\u{200D}\\u{FEFF}");
    SHOWS("\xC2\xAD\xE2\x81\xA0\xE3\x85\xA4", "\\u{00AD}\\u{2060}\\u{3164}");
    SHOWS("\xE2\x80\xA8\xE2\x80\xA9", "\\u{2028}\\u{2029}");
    SHOWS("\xF3\xA0\x80\x81\xF3\xA0\x81\xBF", "\\u{E0001}\\u{E007F}");
    SHOWS("\xEF\xB8\x8F\xF3\xA0\x84\x80", "\\u{FE0F}\\u{E0100}");
    SHOWS("\xEF\xBF\xBE\xF4\x8F\xBF\xBF", "\\u{FFFE}\\u{10FFFF}");
    SHOWS("\xE2\x80\x8A\xE2\x80\x90", "\xE2\x80\x8A\xE2\x80\x90"); /* their neighbours */
}

static void bytes_that_are_no_utf8_are_shown_one_by_one(void **state)
{
    (void)state;
    SHOWS("\x80", "\\x{80}");
    SHOWS("a\xFF\xFE", "a\\x{FF}\\x{FE}");
    SHOWS("\xC0\xAF", "\\x{C0}\\x{AF}");                       /* overlong '/' */
    SHOWS("\xC1\xBF", "\\x{C1}\\x{BF}");                       /* overlong DEL */
    SHOWS("\xE0\x9F\xBF", "\\x{E0}\\x{9F}\\x{BF}");            /* overlong U+07FF */
    SHOWS("\xF0\x8F\xBF\xBF", "\\x{F0}\\x{8F}\\x{BF}\\x{BF}"); /* overlong U+FFFF */
    SHOWS("\xED\xA0\x80", "\\x{ED}\\x{A0}\\x{80}");            /* surrogate */
    SHOWS("\xF4\x90\x80\x80", "\\x{F4}\\x{90}\\x{80}\\x{80}"); /* beyond U+10FFFF */
    SHOWS("\xF5", "\\x{F5}");
}

static void sequences_cut_short_are_shown_and_the_rest_survives(void **state)
{
    (void)state;
    SHOWS("\xC3", "\\x{C3}");
    SHOWS("\xE6\xA8", "\\x{E6}\\x{A8}");
    SHOWS("\xF0\x9F\x8C", "\\x{F0}\\x{9F}\\x{8C}");
    SHOWS("\xE6\xA8z", "\\x{E6}\\x{A8}z");
    SHOWS("\xC3\xC3\xA9", "\\x{C3}\xC3\xA9");
}

static void what_does_not_fit_is_cut_at_a_whole_character(void **state)
{
    (void)state;
    const char *src = "a\xC3\xA9\x1B"; /* 1 byte, 2 bytes, 8 bytes shown */
    const size_t kept[] = {0, 0, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 11};
    for (size_t room = 0; room < sizeof kept / sizeof kept[0]; room++) {
        char to[16];
        memset(to, '#', sizeof to);
        assert_int_equal(mlr_printable(to, room, src, 4), kept[room]);
        assert_int_equal(to[room], '#');
        if (room > 0) {
            assert_int_equal(to[kept[room]], '\0');
        }
    }
}

/* Whether `text` has neither a control byte nor a C1 or stray byte. */
static bool is_safe(const char *text)
{
    char again[8192];
    mlr_printable(again, sizeof again, text, strlen(text));
    return strcmp(again, text) == 0;
}

static void random_bytes_become_text_that_needs_no_more_escaping(void **state)
{
    (void)state;
    rng r = rng_new(7);
    for (int round = 0; round < 3000; round++) {
        char src[64], to[1024];
        size_t n = (size_t)rng_below(&r, sizeof src + 1);
        rng_fill(&r, src, n);
        mlr_printable(to, sizeof to, src, n);
        assert_true(is_safe(to));
        for (const char *p = to; *p != '\0'; p++) {
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7F);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_passes_unchanged),
        cmocka_unit_test(controls_are_spelled_out),
        cmocka_unit_test(direction_controls_are_spelled_out),
        cmocka_unit_test(invisible_characters_are_spelled_out),
        cmocka_unit_test(bytes_that_are_no_utf8_are_shown_one_by_one),
        cmocka_unit_test(sequences_cut_short_are_shown_and_the_rest_survives),
        cmocka_unit_test(what_does_not_fit_is_cut_at_a_whole_character),
        cmocka_unit_test(random_bytes_become_text_that_needs_no_more_escaping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
