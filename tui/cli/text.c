#include "tui/cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cli/json_out.h"
#include "tui/cli/name_fit.h"

/* One decimal by integers, so that no locale and no rounding mode has a say. */
static char *scaled(char *to, uint64_t n, uint64_t base, const char *const *unit)
{
    uint64_t one = 1;
    size_t step = 0;
    /* The next unit begins where rounding would show 1000 or more of this one. */
    while (step < 5 && n / one >= 1000) {
        one *= base;
        step++;
    }
    uint64_t whole = n / one;
    uint64_t rest = n % one;
    uint64_t tenths = (rest * 10 + one / 2) / one; /* one <= 1024^5: no overflow */
    whole += tenths / 10;
    tenths %= 10;
    (void)snprintf(to, MLR_TEXT, "%" PRIu64 ".%" PRIu64 " %s", whole, tenths, unit[step]);
    return to;
}

char *mlr_text_size(char *to, uint64_t bytes)
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    if (bytes < 1000) {
        (void)snprintf(to, MLR_TEXT, "%" PRIu64 " B", bytes);
        return to;
    }
    return scaled(to, bytes, 1024, unit);
}

char *mlr_text_count(char *to, uint64_t n)
{
    static const char *const unit[] = {"", "K", "M", "G", "T", "P"};
    if (n < 10000) {
        (void)snprintf(to, MLR_TEXT, "%" PRIu64, n);
        return to;
    }
    return scaled(to, n, 1000, unit);
}

char *mlr_text_exact(char *to, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            to[at++] = ',';
        }
        to[at++] = digits[i];
    }
    to[at] = '\0';
    return to;
}

/* part * scale / whole without overflow, rounded down; part <= whole. */
static uint64_t ratio(uint64_t part, uint64_t whole, uint64_t scale)
{
    while (whole > UINT64_MAX / scale) {
        part >>= 1;
        whole >>= 1;
    }
    return part * scale / whole;
}

char *mlr_text_share(char *to, uint64_t part, uint64_t whole)
{
    if (whole == 0) {
        (void)snprintf(to, MLR_TEXT, "-");
        return to;
    }
    uint64_t mille = ratio(part, whole, 2000);
    mille = (mille + 1) / 2;
    (void)snprintf(to, MLR_TEXT, "%" PRIu64 ".%" PRIu64 "%%", mille / 10, mille % 10);
    if (mille == 0 && part != 0) {
        (void)snprintf(to, MLR_TEXT, "<0.1%%");
    }
    return to;
}

char *mlr_text_shape(char *to, size_t room, const uint64_t *dim, size_t rank)
{
    size_t at = 0;
    to[0] = '\0';
    for (size_t i = 0; i < rank; i++) {
        int n = snprintf(to + at, room - at, "%s%" PRIu64, i == 0 ? "[" : ", ", dim[i]);
        if (n < 0 || (size_t)n + 6 > room - at) {
            (void)snprintf(to + at, room - at, "...");
            return to;
        }
        at += (size_t)n;
    }
    (void)snprintf(to + at, room - at, rank == 0 ? "[]" : "]");
    return to;
}

char *mlr_text_bar(char *to, size_t room, uint64_t part, uint64_t whole, unsigned cells,
                   bool utf8)
{
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    uint64_t filled = whole == 0 ? 0 : ratio(part, whole, 8ULL * cells);
    size_t at = 0;
    to[0] = '\0';
    for (uint64_t i = 0; i < filled / 8 && at + 4 < room; i++) {
        at += (size_t)snprintf(to + at, room - at, "%s", utf8 ? "█" : "#");
    }
    if (utf8 && at + 4 < room) {
        (void)snprintf(to + at, room - at, "%s", eighth[filled % 8]);
    }
    return to;
}

static bool is_wide(uint32_t c)
{
    return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
           (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
           (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) ||
           (c >= 0x20000 && c <= 0x3FFFD);
}

static bool is_combining(uint32_t c)
{
    return (c >= 0x300 && c <= 0x36F) || (c >= 0x1AB0 && c <= 0x1AFF) ||
           (c >= 0x20D0 && c <= 0x20FF) || (c >= 0xFE00 && c <= 0xFE0F);
}

static size_t next_columns(const char *p, size_t n, size_t *columns)
{
    uint32_t code = 0;
    size_t len = mlr_utf8_next(p, n, &code);
    *columns = len == 0 ? 1 : is_combining(code) ? 0 : is_wide(code) ? 2 : 1;
    return len == 0 ? 1 : len;
}

size_t mlr_text_columns(const char *text)
{
    size_t n = strlen(text);
    size_t total = 0;
    for (size_t i = 0; i < n;) {
        size_t columns;
        i += next_columns(text + i, n - i, &columns);
        total += columns;
    }
    return total;
}

void mlr_text_elide(char *text, size_t room, size_t columns, bool utf8)
{
    size_t total = mlr_text_columns(text);
    if (total <= columns) {
        return;
    }
    const char *mark = utf8 ? "…" : "..";
    size_t keep = columns - (utf8 ? 1 : 2);
    size_t head_columns = keep * 2 / 5; /* the tail says which parameter it is */
    size_t n = strlen(text);
    size_t head = 0;
    size_t seen = 0;
    size_t width;
    while (head < n) {
        size_t len = next_columns(text + head, n - head, &width);
        if (seen + width > head_columns) {
            break;
        }
        head += len;
        seen += width;
    }
    size_t tail = head;
    size_t left = total - seen;
    while (tail < n && left > keep - seen) {
        tail += next_columns(text + tail, n - tail, &width);
        left -= width;
    }
    size_t mark_len = strlen(mark);
    if (head + mark_len + (n - tail) + 1 > room) {
        return;
    }
    memmove(text + head + mark_len, text + tail, n - tail + 1);
    memcpy(text + head, mark, mark_len);
}

void mlr_text_elide_name(char *text, size_t room, size_t columns, bool utf8)
{
    char whole[512];
    size_t n = strlen(text);
    if (n < sizeof whole && mlr_text_columns(text) > columns) {
        memcpy(whole, text, n + 1);
        (void)mlr_name_fit(text, room, whole, n, columns, utf8 ? "…" : "..");
    }
    mlr_text_elide(text, room, columns, utf8);
}
