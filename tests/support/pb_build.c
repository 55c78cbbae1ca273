#include "tests/support/pb_build.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 4 << 20, MAX_DEPTH = 512, LENGTH_ROOM = 5 };

/* Not assert(), which a release build leaves out. */
static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void put(pb_bytes *b, unsigned byte)
{
    must(b->n < MAX_BYTES);
    b->data[b->n++] = (uint8_t)byte;
}

static size_t varint(uint8_t to[10], uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        to[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    to[n++] = (uint8_t)v;
    return n;
}

/* Moves the content from `start` to make room for its length. */
static void close_group(pb_bytes *b, size_t start)
{
    uint8_t length[10];
    size_t n = varint(length, b->n - start);
    must(b->n + n <= MAX_BYTES);
    memmove(b->data + start + n, b->data + start, b->n - start);
    memcpy(b->data + start, length, n);
    b->n += n;
    if (b->mark != UINT64_MAX && b->mark >= start) {
        b->mark += n;
    }
}

static unsigned hex(char c)
{
    must(isxdigit((unsigned char)c));
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(tolower(c) - 'a' + 10);
}

static const char *put_fill(pb_bytes *b, const char *p)
{
    char *end = NULL;
    unsigned long count = strtoul(p, &end, 10);
    must(*end == ':');
    for (unsigned long i = 0; i < count; i++) {
        put(b, hex(end[1]) << 4 | hex(end[2]));
    }
    return end + 3;
}

static const char *put_number(pb_bytes *b, const char *p)
{
    char *end = NULL;
    uint8_t bytes[10];
    size_t n = varint(bytes, strtoull(p, &end, 10));
    for (size_t i = 0; i < n; i++) {
        put(b, bytes[i]);
    }
    return end;
}

static const char *put_text(pb_bytes *b, const char *p)
{
    while (*p != '\'') {
        must(*p != '\0');
        put(b, (unsigned char)*p++);
    }
    return p + 1;
}

pb_bytes pb_build(const char *p)
{
    pb_bytes b = {.data = malloc(MAX_BYTES), .mark = UINT64_MAX};
    size_t start[MAX_DEPTH], depth = 0;
    must(b.data != NULL);
    while (*p != '\0') {
        char c = *p++;
        if (c == '{') {
            must(depth < MAX_DEPTH);
            start[depth++] = b.n;
        } else if (c == '}') {
            must(depth > 0);
            close_group(&b, start[--depth]);
        } else if (c == '\'') {
            p = put_text(&b, p);
        } else if (c == '~') {
            p = put_fill(&b, p);
        } else if (c == '!') {
            p = put_number(&b, p);
        } else if (c == '@') {
            b.mark = b.n;
        } else if (isxdigit((unsigned char)c)) {
            put(&b, hex(c) << 4 | hex(*p++));
        }
    }
    must(depth == 0);
    uint8_t *exact = realloc(b.data, b.n == 0 ? 1 : b.n);
    b.data = exact != NULL ? exact : b.data;
    return b;
}
