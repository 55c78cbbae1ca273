/* Any bytes as a name on a terminal: what comes out is UTF-8 without a control, direction
 * or invisible character, in every room that it may get. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/printable.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
    if (!held) {
        abort();
    }
}

/* One character of strict UTF-8 at p: its bytes, and its number in *code. */
static size_t character(const unsigned char *p, uint32_t *code)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    must(p[0] < 0x80 || (p[0] >= 0xC2 && p[0] < 0xF5));
    *code = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        must((p[i] & 0xC0) == 0x80);
        *code = *code << 6 | (p[i] & 0x3Fu);
    }
    must(*code >= least[n] && *code <= 0x10FFFF && !(*code >= 0xD800 && *code < 0xE000));
    return n;
}

static bool harmless(uint32_t c)
{
    return c >= 0x20 && c != 0x7F && !(c >= 0x80 && c < 0xA0) && c != 0xAD &&
           !(c >= 0x200B && c <= 0x200F) && !(c >= 0x202A && c <= 0x202E) &&
           !(c >= 0x2060 && c <= 0x206F) && c != 0xFEFF && c != 0x061C &&
           !(c >= 0xE0000 && c <= 0xE0FFF);
}

static void check(const uint8_t *data, size_t size, size_t room)
{
    char *to = malloc(room + 1);
    memset(to, 'x', room + 1);
    size_t n = mlr_printable(to, room, (const char *)data, size);
    must(n < room && to[n] == '\0' && strlen(to) == n && to[room] == 'x');
    for (size_t i = 0; i < n;) {
        uint32_t code;
        i += character((const unsigned char *)to + i, &code);
        must(harmless(code));
    }
    free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096) {
        return 0;
    }
    check(data, size, 12 * size + 1);
    check(data, size, 1);
    check(data, size, 1 + (size > 0 ? data[0] : 0));
    return 0;
}
