#include "formats/json_scan.h"

#include <string.h>

static const char ends_early[] = "JSON that is complete";

void mlr_json_begin(mlr_json *j, mlr_window *window, uint64_t from, uint64_t end,
                    mlr_err *err)
{
    j->window = window;
    j->err = err;
    j->end = end;
    j->loaded = from;
    j->p = j->stop = NULL;
}

/* Makes at least one byte available; false at the end or after a failure. */
static bool refill(mlr_json *j)
{
    if (!mlr_json_ok(j) || j->loaded >= j->end) {
        return false;
    }
    uint64_t left = j->end - j->loaded;
    size_t n = left < MLR_WINDOW_BYTES / 2 ? (size_t)left : MLR_WINDOW_BYTES / 2;
    j->p = mlr_window_at(j->window, j->loaded, n, ends_early, j->err);
    if (j->p == NULL) {
        j->stop = NULL;
        return false;
    }
    j->stop = j->p + n;
    j->loaded += n;
    return true;
}

static inline bool more(mlr_json *j)
{
    return (j->p != j->stop && mlr_json_ok(j)) || refill(j);
}

/* The next byte, taken; fails at the end. */
static inline uint8_t take(mlr_json *j)
{
    if (!more(j)) {
        mlr_fail(j->err, MLR_E_TRUNCATED, mlr_json_at(j), ends_early);
        return 0;
    }
    return *j->p++;
}

static bool fail(mlr_json *j, uint64_t at, const char *rule)
{
    mlr_fail(j->err, MLR_E_FORMAT, at, rule);
    return false;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

uint8_t mlr_json_peek(mlr_json *j)
{
    while (more(j)) {
        if (!is_space(*j->p)) {
            return *j->p;
        }
        j->p++;
    }
    return 0;
}

/* Like peek, but the end of the text is an error. */
static bool ahead(mlr_json *j, uint8_t *c)
{
    *c = mlr_json_peek(j);
    if (!more(j)) {
        mlr_fail(j->err, MLR_E_TRUNCATED, mlr_json_at(j), ends_early);
    }
    return mlr_json_ok(j);
}

bool mlr_json_expect(mlr_json *j, char c, const char *rule)
{
    uint8_t found = 0;
    if (!ahead(j, &found)) {
        return false;
    }
    if (found != (uint8_t)c) {
        return fail(j, mlr_json_at(j), rule);
    }
    j->p++;
    return true;
}

bool mlr_json_next(mlr_json *j, char close, bool *first)
{
    uint8_t c = 0;
    if (!ahead(j, &c)) {
        return false;
    }
    if (c == (uint8_t)close) {
        j->p++;
        return false;
    }
    bool leading = *first;
    *first = false;
    if (leading) {
        return true;
    }
    if (!mlr_json_expect(j, ',', "comma or end of the list") || !ahead(j, &c)) {
        return false;
    }
    if (c == (uint8_t)close) {
        return fail(j, mlr_json_at(j), "element after a comma");
    }
    return true;
}

/* Appends to the text what still fits; counts everything. */
static void put(mlr_json *j, mlr_json_text *s, uint8_t byte)
{
    if (s->bytes < MLR_JSON_TEXT) {
        j->text[s->bytes] = (char)byte;
    }
    s->bytes++;
    s->has_control = s->has_control || byte < 0x20 || byte == 0x7f;
}

static void put_code(mlr_json *j, mlr_json_text *s, uint32_t c)
{
    if (c < 0x80) {
        put(j, s, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        put(j, s, (uint8_t)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        put(j, s, (uint8_t)(0xe0 | c >> 12));
        put(j, s, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    } else {
        put(j, s, (uint8_t)(0xf0 | c >> 18));
        put(j, s, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        put(j, s, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    }
    put(j, s, (uint8_t)(0x80 | (c & 0x3f)));
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex4(mlr_json *j, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t at = mlr_json_at(j);
        int digit = hex_digit(take(j));
        if (!mlr_json_ok(j)) {
            return false;
        }
        if (digit < 0) {
            return fail(j, at, "four hexadecimal digits after \\u");
        }
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* After "\u". A high surrogate must be followed by an escaped low one. `at`: the backslash.
 */
static bool unicode_escape(mlr_json *j, mlr_json_text *s, uint64_t at)
{
    static const char rule[] = "surrogates in pairs";
    uint32_t c = 0, low = 0;
    if (!hex4(j, &c)) {
        return false;
    }
    if (c >= 0xdc00 && c <= 0xdfff) {
        return fail(j, at, rule);
    }
    if (c >= 0xd800 && c <= 0xdbff) {
        if (take(j) != '\\' || take(j) != 'u') {
            return fail(j, at, rule);
        }
        if (!hex4(j, &low)) {
            return false;
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return fail(j, at, rule);
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_code(j, s, c);
    return true;
}

/* After the backslash, which stands at `at`. */
static bool escape(mlr_json *j, mlr_json_text *s, uint64_t at)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    uint8_t c = take(j);
    if (!mlr_json_ok(j)) {
        return false;
    }
    if (c == 'u') {
        return unicode_escape(j, s, at);
    }
    const char *found = c == 0 ? NULL : strchr(from, c);
    if (found == NULL) {
        return fail(j, at, "known escape sequence");
    }
    put(j, s, (uint8_t)to[found - from]);
    return true;
}

/* A character of two to four bytes that starts with `lead` at `at`. */
static bool multibyte(mlr_json *j, mlr_json_text *s, uint8_t lead, uint64_t at)
{
    static const char rule[] = "text in UTF-8";
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    int extra = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4) {
        return fail(j, at, rule);
    }
    uint32_t c = lead & (0x3fu >> extra);
    for (int i = 0; i < extra; i++) {
        uint8_t next = take(j);
        if (!mlr_json_ok(j)) {
            return false;
        }
        if ((next & 0xc0) != 0x80) {
            return fail(j, at, rule);
        }
        c = c << 6 | (next & 0x3f);
    }
    if (c < least[extra] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return fail(j, at, rule);
    }
    put_code(j, s, c);
    return true;
}

bool mlr_json_string(mlr_json *j, mlr_json_text *out)
{
    *out = (mlr_json_text){0};
    if (!mlr_json_expect(j, '"', "string")) {
        return false;
    }
    out->raw.off = mlr_json_at(j);
    for (;;) {
        uint64_t at = mlr_json_at(j);
        uint8_t c = take(j);
        if (!mlr_json_ok(j)) {
            return false;
        }
        if (c == '"') {
            out->raw.len = at - out->raw.off;
            out->text.p = j->text;
            out->text.n = out->bytes < MLR_JSON_TEXT ? (size_t)out->bytes : MLR_JSON_TEXT;
            return true;
        }
        if (c < 0x20) {
            return fail(j, at, "control characters escaped");
        }
        if (c == '\\' ? !escape(j, out, at) : c >= 0x80 && !multibyte(j, out, c, at)) {
            return false;
        }
        if (c != '\\' && c < 0x80) {
            put(j, out, c);
        }
    }
}

bool mlr_json_key(mlr_json *j, mlr_json_text *out)
{
    return mlr_json_string(j, out) && mlr_json_expect(j, ':', "colon after a key");
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

bool mlr_json_uint(mlr_json *j, uint64_t *out)
{
    static const char rule[] = "whole number below 2^63, in digits alone";
    uint8_t c = 0;
    if (!ahead(j, &c)) {
        return false;
    }
    uint64_t at = mlr_json_at(j);
    uint64_t value = 0;
    size_t digits = 0;
    bool leading_zero = c == '0';
    while (more(j) && is_digit(*j->p)) {
        uint64_t digit = (uint64_t)(*j->p++ - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10) {
            return fail(j, at, rule);
        }
        value = value * 10 + digit;
        digits++;
    }
    if (!mlr_json_ok(j)) {
        return false;
    }
    bool goes_on = more(j) && (*j->p == '.' || (*j->p | 0x20) == 'e');
    if (digits == 0 || (leading_zero && digits > 1) || goes_on) {
        return fail(j, at, rule);
    }
    *out = value;
    return true;
}

static size_t skip_digits(mlr_json *j)
{
    size_t n = 0;
    while (more(j) && is_digit(*j->p)) {
        j->p++;
        n++;
    }
    return n;
}

static bool next_is(mlr_json *j, char c)
{
    if (!more(j) || *j->p != (uint8_t)c) {
        return false;
    }
    j->p++;
    return true;
}

static bool skip_number(mlr_json *j)
{
    uint64_t at = mlr_json_at(j);
    next_is(j, '-');
    bool fine = next_is(j, '0') || skip_digits(j) > 0;
    if (fine && next_is(j, '.')) {
        fine = skip_digits(j) > 0;
    }
    if (fine && (next_is(j, 'e') || next_is(j, 'E'))) {
        if (!next_is(j, '+')) {
            next_is(j, '-');
        }
        fine = skip_digits(j) > 0;
    }
    return mlr_json_ok(j) && (fine || fail(j, at, "JSON value"));
}

static bool skip_word(mlr_json *j, const char *word)
{
    uint64_t at = mlr_json_at(j);
    for (; *word != '\0'; word++) {
        if (!next_is(j, *word)) {
            return fail(j, at, "JSON value");
        }
    }
    return true;
}

/* A value that holds no others. */
static bool skip_scalar(mlr_json *j, uint8_t c)
{
    mlr_json_text text;
    switch (c) {
    case '"':
        return mlr_json_string(j, &text);
    case 't':
        return skip_word(j, "true");
    case 'f':
        return skip_word(j, "false");
    case 'n':
        return skip_word(j, "null");
    default:
        return skip_number(j);
    }
}

/* The closing bytes of what is open form a stack, so that depth costs no recursion. */
bool mlr_json_skip(mlr_json *j)
{
    char close[MLR_JSON_DEPTH];
    size_t depth = 0;
    bool first = true;
    mlr_json_text key;
    do {
        uint8_t c = 0;
        if (!ahead(j, &c)) {
            return false;
        }
        if (c == '{' || c == '[') {
            if (depth == MLR_JSON_DEPTH) {
                mlr_fail_limit(j->err, mlr_json_at(j), "nesting of JSON", depth + 1, depth);
                return false;
            }
            j->p++;
            close[depth++] = c == '{' ? '}' : ']';
            first = true;
        } else if (!skip_scalar(j, c)) {
            return false;
        }
        while (depth > 0 && !mlr_json_next(j, close[depth - 1], &first)) {
            if (!mlr_json_ok(j)) {
                return false;
            }
            depth--;
            first = false;
        }
        if (depth > 0 && close[depth - 1] == '}' && !mlr_json_key(j, &key)) {
            return false;
        }
    } while (depth > 0);
    return mlr_json_ok(j);
}
