#include "tui/cli/json_out.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void mlr_json_init(mlr_json *j, FILE *out)
{
    memset(j, 0, sizeof *j);
    j->out = out;
}

size_t mlr_utf8_next(const char *p, size_t n, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *b = (const unsigned char *)p;
    if (b[0] < 0x80) {
        *code = b[0];
        return 1;
    }
    size_t len = b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : 2;
    if (b[0] < 0xC2 || b[0] > 0xF4 || len > n) {
        return 0;
    }
    uint32_t c = b[0] & (0xFFU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xC0) != 0x80) {
            return 0;
        }
        c = c << 6 | (b[i] & 0x3FU);
    }
    if (c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
        return 0;
    }
    *code = c;
    return len;
}

bool mlr_utf8_valid(const char *p, size_t n)
{
    uint32_t code;
    for (size_t i = 0; i < n;) {
        size_t len = mlr_utf8_next(p + i, n - i, &code);
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}

/* Characters that no reader of a log or terminal should meet raw. */
static bool must_escape(uint32_t c)
{
    return c < 0x20 || c == '"' || c == '\\' || (c >= 0x7F && c <= 0x9F) || c == 0xAD ||
           c == 0x61C || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE007F);
}

static void put_escape(FILE *out, uint32_t c)
{
    static const char named[] = "b\bf\fn\nr\rt\t\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof named; i += 2) {
        if ((uint32_t)(unsigned char)named[i + 1] == c) {
            fprintf(out, "\\%c", named[i]);
            return;
        }
    }
    if (c >= 0x10000) {
        fprintf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xD800 + ((c - 0x10000) >> 10),
                0xDC00 + ((c - 0x10000) & 0x3FF));
        return;
    }
    fprintf(out, "\\u%04" PRIx32, c);
}

/* Characters that stand for themselves are written in runs: a model may have a million
   names. */
static void put_string(FILE *out, const char *p, size_t n)
{
    size_t run = 0;
    putc_unlocked('"', out);
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        size_t len = mlr_utf8_next(p + i, n - i, &code);
        if (len != 0 && !must_escape(code)) {
            i += len;
            continue;
        }
        fwrite_unlocked(p + run, 1, i - run, out);
        if (len == 0) {
            fputs("\\ufffd", out);
            len = 1;
        } else {
            put_escape(out, code);
        }
        i += len;
        run = i;
    }
    fwrite_unlocked(p + run, 1, n - run, out);
    putc_unlocked('"', out);
}

static void put_number(FILE *out, uint64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    fwrite_unlocked(digits + at, 1, sizeof digits - at, out);
}

/* Objects deep inside stand on one line: a tensor a line is what people can read. */
static void put_break(const mlr_json *j, bool filled)
{
    if (j->depth > 2 || j->one_line) {
        if (filled) {
            putc_unlocked(' ', j->out);
        }
        return;
    }
    fputs(j->depth == 2 ? "\n    " : "\n  ", j->out);
}

static void before_value(mlr_json *j, const char *key)
{
    if (j->depth == 0) {
        return;
    }
    bool filled = j->level[j->depth - 1].filled;
    assert((key == NULL) == j->level[j->depth - 1].array);
    if (filled) {
        putc_unlocked(',', j->out);
    }
    put_break(j, filled);
    j->level[j->depth - 1].filled = true;
    if (key != NULL) {
        put_string(j->out, key, strlen(key));
        fputs_unlocked(": ", j->out);
    }
}

static void open_level(mlr_json *j, const char *key, bool array)
{
    before_value(j, key);
    assert(j->depth < MLR_JSON_DEPTH);
    j->level[j->depth].array = array;
    j->level[j->depth].filled = false;
    j->depth++;
    putc_unlocked(array ? '[' : '{', j->out);
}

void mlr_json_object(mlr_json *j, const char *key)
{
    open_level(j, key, false);
}

void mlr_json_array(mlr_json *j, const char *key)
{
    open_level(j, key, true);
}

void mlr_json_end(mlr_json *j)
{
    assert(j->depth > 0);
    bool array = j->level[j->depth - 1].array;
    bool filled = j->level[j->depth - 1].filled;
    bool inline_level = j->depth > 2 || j->one_line;
    j->depth--;
    if (filled && !inline_level) {
        fprintf(j->out, "\n%*s", (int)(2 * j->depth), "");
    }
    putc_unlocked(array ? ']' : '}', j->out);
    if (j->depth == 0) {
        putc_unlocked('\n', j->out);
    }
}

void mlr_json_str(mlr_json *j, const char *key, const char *p, size_t n)
{
    before_value(j, key);
    put_string(j->out, p, n);
}

void mlr_json_text(mlr_json *j, const char *key, const char *text)
{
    if (text == NULL) {
        mlr_json_null(j, key);
        return;
    }
    mlr_json_str(j, key, text, strlen(text));
}

void mlr_json_hex(mlr_json *j, const char *key, const uint8_t *p, size_t n)
{
    before_value(j, key);
    putc_unlocked('"', j->out);
    for (size_t i = 0; i < n; i++) {
        putc_unlocked("0123456789abcdef"[p[i] >> 4], j -> out);
        putc_unlocked("0123456789abcdef"[p[i] & 15], j -> out);
    }
    putc_unlocked('"', j->out);
}

void mlr_json_u64(mlr_json *j, const char *key, uint64_t value)
{
    before_value(j, key);
    put_number(j->out, value);
}

void mlr_json_i64(mlr_json *j, const char *key, int64_t value)
{
    before_value(j, key);
    if (value < 0) {
        putc_unlocked('-', j->out);
    }
    put_number(j->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void mlr_json_bool(mlr_json *j, const char *key, bool value)
{
    before_value(j, key);
    fputs(value ? "true" : "false", j->out);
}

void mlr_json_null(mlr_json *j, const char *key)
{
    before_value(j, key);
    fputs("null", j->out);
}

void mlr_json_real(mlr_json *j, const char *key, double value)
{
    if (value - value != 0.0) { /* only infinities and NaN */
        mlr_json_text(j, key, value > 0 ? "Infinity" : value < 0 ? "-Infinity" : "NaN");
        return;
    }
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    for (char *c = text; *c != '\0'; c++) { /* a locale may have put a comma */
        *c = strchr("+-0123456789eE", *c) == NULL ? '.' : *c;
    }
    before_value(j, key);
    fputs(text, j->out);
}

void mlr_json_unwind(mlr_json *j)
{
    while (j->depth > 1) {
        mlr_json_end(j);
    }
}
