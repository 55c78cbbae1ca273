#include "formats/path_rule.h"

#include <string.h>

#include "formats/limits.h"

/* C0, DEL, backslash (a separator elsewhere), and the C1 controls as UTF-8 spells them. */
static bool forbidden_at(const char *p, size_t i, size_t n)
{
    unsigned char c = (unsigned char)p[i];
    if (c < 0x20 || c == 0x7f || c == '\\') {
        return true;
    }
    return c == 0xc2 && i + 1 < n && (unsigned char)p[i + 1] < 0xa0;
}

static size_t part_length(const char *p, size_t n)
{
    const char *slash = memchr(p, '/', n);
    return slash == NULL ? n : (size_t)(slash - p);
}

static bool is_dot(const char *p, size_t n)
{
    return n == 1 && p[0] == '.';
}

static bool part_allowed(const char *p, size_t n)
{
    return n > 0 && n <= MLR_MAX_PATH_PART && !(n == 2 && p[0] == '.' && p[1] == '.');
}

bool mlr_path_contained(const char *p, size_t n)
{
    if (n == 0 || n > MLR_MAX_PATH) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (forbidden_at(p, i, n)) {
            return false;
        }
    }
    /* A leading or trailing slash shows as an empty part. */
    bool named = false;
    for (size_t at = 0; at <= n;) {
        size_t len = part_length(p + at, n - at);
        if (!part_allowed(p + at, len)) {
            return false;
        }
        named |= !is_dot(p + at, len);
        at += len + 1;
    }
    return named;
}

size_t mlr_path_plain(char *to, const char *p, size_t n)
{
    size_t used = 0;
    for (size_t at = 0; at < n;) {
        size_t len = part_length(p + at, n - at);
        if (!is_dot(p + at, len)) {
            if (used > 0) {
                to[used++] = '/';
            }
            memcpy(to + used, p + at, len);
            used += len;
        }
        at += len + 1;
    }
    to[used] = '\0';
    return used;
}
