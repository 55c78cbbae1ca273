#include "tests/support/fb_build.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 8 << 20 };

/* Not assert(), which a release build leaves out. */
static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void put(fb_bytes *b, uint64_t value, unsigned width)
{
    must(b->n + width <= MAX_BYTES);
    for (unsigned i = 0; i < width; i++) {
        b->data[b->n++] = (uint8_t)(value >> (8 * i));
    }
}

static size_t word_length(const char *p)
{
    size_t n = 0;
    while (isalnum((unsigned char)p[n]) || p[n] == '_') {
        n++;
    }
    return n;
}

static const fb_place *find(const fb_bytes *b, const char *name, size_t n)
{
    for (size_t i = 0; i < b->places; i++) {
        if (strlen(b->place[i].name) == n && memcmp(b->place[i].name, name, n) == 0) {
            return &b->place[i];
        }
    }
    return NULL;
}

size_t fb_at(const fb_bytes *b, const char *where)
{
    size_t n = word_length(where);
    const fb_place *p = find(b, where, n);
    must(p != NULL);
    return where[n] == '+' ? p->at + strtoul(where + n + 1, NULL, 10) : p->at;
}

static void add_place(fb_bytes *b, const char *name, size_t n)
{
    must(b->places < FB_PLACES && n < sizeof b->place[0].name && find(b, name, n) == NULL);
    memcpy(b->place[b->places].name, name, n);
    b->place[b->places].name[n] = '\0';
    b->place[b->places++].at = b->n;
}

/* In the first of two passes places ahead are not known yet; any value will do. */
static const char *put_reference(fb_bytes *b, const fb_bytes *known, const char *p)
{
    char kind = *p++;
    size_t n = word_length(p);
    const fb_place *to = known == NULL ? NULL : find(known, p, n);
    must(known == NULL || to != NULL);
    int64_t at = to == NULL ? 0 : (int64_t)to->at, here = (int64_t)b->n;
    int64_t value = kind == '>' ? at - here : kind == '<' ? here - at : at;
    put(b, (uint64_t)value, 4);
    return p + n;
}

static const char *put_number(fb_bytes *b, const char *p)
{
    unsigned width = *p == '=' ? 4 : *p == 'h' ? 2 : 8;
    char *end = NULL;
    bool negative = p[1] == '-';
    uint64_t value = strtoull(p + 1 + negative, &end, 10);
    put(b, negative ? 0 - value : value, width);
    return end;
}

static const char *put_fill(fb_bytes *b, const char *p)
{
    char *end = NULL;
    unsigned long count = strtoul(p, &end, 10);
    must(*end == ':');
    uint64_t byte = strtoull((char[]){end[1], end[2], 0}, NULL, 16);
    for (unsigned long i = 0; i < count; i++) {
        put(b, byte, 1);
    }
    return end + 3;
}

static const char *put_word(fb_bytes *b, const char *p)
{
    size_t n = word_length(p);
    if (p[n] == ':') {
        add_place(b, p, n);
        return p + n + 1;
    }
    if ((*p == 'h' || *p == 'q') && (isdigit((unsigned char)p[1]) || p[1] == '-')) {
        return put_number(b, p);
    }
    must(n % 2 == 0 && n > 0);
    for (size_t i = 0; i < n; i += 2) {
        must(isxdigit((unsigned char)p[i]) && isxdigit((unsigned char)p[i + 1]));
        put(b, strtoull((char[]){p[i], p[i + 1], 0}, NULL, 16), 1);
    }
    return p + n;
}

static void assemble(fb_bytes *b, const fb_bytes *known, const char *p)
{
    while (*p != '\0') {
        if (*p == '>' || *p == '<' || *p == '%') {
            p = put_reference(b, known, p);
        } else if (*p == '=') {
            p = put_number(b, p);
        } else if (*p == '~') {
            p = put_fill(b, p + 1);
        } else if (*p == '\'') {
            for (p++; *p != '\''; p++) {
                must(*p != '\0');
                put(b, (unsigned char)*p, 1);
            }
            p++;
        } else if (*p == '.') {
            put(b, 0, (unsigned)(-b->n % 4));
            p++;
        } else if (isalnum((unsigned char)*p)) {
            p = put_word(b, p);
        } else {
            p++;
        }
    }
}

fb_bytes fb_build(const char *notation)
{
    fb_bytes first = {.data = malloc(MAX_BYTES)}, b = {.data = malloc(MAX_BYTES)};
    must(first.data != NULL && b.data != NULL);
    assemble(&first, NULL, notation);
    assemble(&b, &first, notation);
    free(first.data);
    uint8_t *exact = realloc(b.data, b.n == 0 ? 1 : b.n);
    b.data = exact != NULL ? exact : b.data;
    return b;
}
