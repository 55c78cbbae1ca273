#include "apply/host/printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Characters that show nothing, move the cursor or turn the direction of writing: controls,
 * and what Unicode calls default ignorable or format characters. In rising order.
 */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x0000, 0x001F},   /* C0 */
    {0x007F, 0x009F},   /* DEL, C1 */
    {0x00AD, 0x00AD},   /* soft hyphen */
    {0x034F, 0x034F},   /* combining grapheme joiner */
    {0x061C, 0x061C},   /* Arabic letter mark */
    {0x115F, 0x1160},   /* Hangul fillers */
    {0x17B4, 0x17B5},   /* Khmer inherent vowels */
    {0x180B, 0x180F},   /* Mongolian selectors */
    {0x200B, 0x200F},   /* zero width, direction marks */
    {0x2028, 0x202E},   /* line and paragraph separators, direction overrides */
    {0x2060, 0x206F},   /* joiners, isolates, deprecated formats */
    {0x3164, 0x3164},   /* Hangul filler */
    {0xFDD0, 0xFDEF},   /* noncharacters */
    {0xFE00, 0xFE0F},   /* variation selectors */
    {0xFEFF, 0xFEFF},   /* byte order mark */
    {0xFFA0, 0xFFA0},   /* halfwidth Hangul filler */
    {0xFFF0, 0xFFFB},   /* interlinear annotations */
    {0x13430, 0x13455}, /* hieroglyph formats */
    {0x1BCA0, 0x1BCA3}, /* shorthand formats */
    {0x1D173, 0x1D17A}, /* musical formats */
    {0xE0000, 0xE0FFF}, /* tags, more variation selectors */
};

static bool is_hidden(uint32_t c)
{
    if ((c & 0xFFFE) == 0xFFFE) {
        return true; /* the last two of each plane are no characters */
    }
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0] && c >= hidden[i].first; i++) {
        if (c <= hidden[i].last) {
            return true;
        }
    }
    return false;
}

/* Bytes of the sequence that `lead` begins, 0 where it begins none. */
static size_t sequence_bytes(uint8_t lead)
{
    return lead < 0x80                   ? 1
           : lead >= 0xC2 && lead < 0xE0 ? 2
           : lead >= 0xE0 && lead < 0xF0 ? 3
           : lead >= 0xF0 && lead < 0xF5 ? 4
                                         : 0;
}

/* Reads one character and returns its length, or 0 where the bytes are not UTF-8. */
static size_t decode(const uint8_t *p, size_t left, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = sequence_bytes(p[0]);
    if (n == 0 || n > left) {
        return 0;
    }
    uint32_t c = n == 1 ? p[0] : p[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
        c = c << 6 | (p[i] & 0x3Fu);
    }
    bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    if (c < least[n] || surrogate || c > 0x10FFFF) {
        return 0;
    }
    *out = c;
    return n;
}

/* Writes \u{200B} or \x{FF}, at least `digits` digits; returns its length. */
static size_t escape(char *to, char kind, uint32_t value, unsigned digits)
{
    while (digits < 8 && value >> (4 * digits) != 0) {
        digits++;
    }
    size_t n = 0;
    to[n++] = '\\';
    to[n++] = kind;
    to[n++] = '{';
    while (digits > 0) {
        digits--;
        to[n++] = "0123456789ABCDEF"[value >> (4 * digits) & 15];
    }
    to[n++] = '}';
    return n;
}

size_t mlr_printable(char *to, size_t room, const char *src, size_t n)
{
    if (room == 0) {
        return 0;
    }
    const uint8_t *p = (const uint8_t *)src;
    size_t used = 0;
    for (size_t at = 0; at < n;) {
        char escaped[16];
        uint32_t c = 0;
        size_t take = decode(p + at, n - at, &c);
        const char *piece = src + at;
        size_t length = take;
        if (take == 0) {
            length = escape(escaped, 'x', p[at], 2);
            piece = escaped;
            take = 1;
        } else if (is_hidden(c)) {
            length = escape(escaped, 'u', c, 4);
            piece = escaped;
        }
        if (length >= room - used) {
            break;
        }
        memcpy(to + used, piece, length);
        used += length;
        at += take;
    }
    to[used] = '\0';
    return used;
}
