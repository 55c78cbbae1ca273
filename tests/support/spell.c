#include "tests/support/spell.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct speller {
    uint8_t *to;
    size_t room, n;
    bool big_endian;
} speller;

static void put(speller *s, uint8_t byte)
{
    if (s->n == s->room) {
        abort();
    }
    s->to[s->n++] = byte;
}

static void put_number(speller *s, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        put(s, (uint8_t)(v >> 8 * (s->big_endian ? bytes - 1 - i : i)));
    }
}

static void put_text(speller *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put(s, (uint8_t)p[i]);
    }
}

static void put_hex(speller *s, const char *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        char digits[3] = {p[i], p[i + 1], '\0'};
        put(s, (uint8_t)strtoul(digits, NULL, 16));
    }
}

static void put_many(speller *s, uint8_t byte, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        put(s, byte);
    }
}

/* One word of n characters, of which `value` stands after the colon. */
static void put_word(speller *s, const char *word, size_t n)
{
    const char *colon = memchr(word, ':', n);
    if (colon == NULL) {
        s->big_endian = true; /* "be" is the only word without a colon */
        return;
    }
    const char *value = colon + 1;
    size_t len = n - (size_t)(value - word);
    switch (word[0]) {
    case 'u':
    case 'i':
        put_number(s,
                   word[0] == 'u' ? strtoull(value, NULL, 0)
                                  : (uint64_t)strtoll(value, NULL, 0),
                   (unsigned)(word[1] - '0'));
        break;
    case 's':
        put_number(s, len, word[1] == '4' ? 4 : 8);
        put_text(s, value, len);
        break;
    case 't':
        put_text(s, value, len);
        break;
    case 'h':
        put_hex(s, value, len);
        break;
    case 'z':
        put_many(s, 0, strtoull(value, NULL, 0));
        break;
    case 'n':
        put_many(s, (uint8_t)value[0], strtoull(value + 2, NULL, 0));
        break;
    case 'a':
        while (s->n % strtoull(value, NULL, 0) != 0) {
            put(s, 0);
        }
        break;
    default:
        abort();
    }
}

size_t spell(uint8_t *to, size_t room, const char *text, uint64_t *mark)
{
    speller s = {.to = to, .room = room};
    for (const char *p = text + strspn(text, " "); *p != '\0'; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (*p == '^' && n == 1) {
            if (mark != NULL) {
                *mark = s.n;
            }
        } else {
            put_word(&s, p, n);
        }
        p += n;
    }
    return s.n;
}
