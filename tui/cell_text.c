#include "tui/cell_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/cli/name_fit.h"

uint32_t mlr_cp_next(const char **p, const char *end)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)*p;
    size_t left = (size_t)(end - *p);
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    *p += 1;
    if (n == 1) {
        return s[0];
    }
    if (n == 0 || s[0] > 0xf4 || n > left) {
        return 0xfffd;
    }
    uint32_t cp = s[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0xfffd;
        }
        cp = cp << 6 | (s[i] & 0x3f);
    }
    if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) {
        return 0xfffd;
    }
    *p += n - 1;
    return cp;
}

size_t mlr_cp_put(char to[4], uint32_t cp)
{
    if (cp < 0x80) {
        to[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        to[0] = (char)(0xc0 | cp >> 6);
        to[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        to[0] = (char)(0xe0 | cp >> 12);
        to[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        to[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | cp >> 18);
    to[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    to[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    to[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

typedef struct range {
    uint32_t first, last;
} range;

static bool in(const range *r, size_t n, uint32_t cp)
{
    for (size_t i = 0; i < n; i++) {
        if (cp >= r[i].first && cp <= r[i].last) {
            return true;
        }
    }
    return false;
}

int mlr_cp_width(uint32_t cp)
{
    static const range zero[] = {
        {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},
        {0x64b, 0x65f},   {0x6d6, 0x6dc},   {0x900, 0x902},   {0x93c, 0x93c},
        {0x941, 0x948},   {0xe31, 0xe31},   {0xe34, 0xe3a},   {0xe47, 0xe4e},
        {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0x302a, 0x302d},
        {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    };
    static const range wide[] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
        {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
    };
    if (cp < 0x300) {
        return 1;
    }
    if (in(zero, sizeof zero / sizeof *zero, cp)) {
        return 0;
    }
    return in(wide, sizeof wide / sizeof *wide, cp) ? 2 : 1;
}

bool mlr_cp_unsafe(uint32_t cp)
{
    static const range bad[] = {
        {0, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},          {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200f},   {0x2028, 0x202e},      {0x2060, 0x206f},
        {0xd800, 0xdfff}, {0xfeff, 0xfeff},   {0xfff9, 0xfffb},      {0x1d173, 0x1d17a},
        {0xe000, 0xf8ff}, {0xe0000, 0xe0fff}, {0xf0000, UINT32_MAX},
    };
    return in(bad, sizeof bad / sizeof *bad, cp);
}

int mlr_text_width(const char *s, size_t n)
{
    int cells = 0;
    for (const char *p = s, *end = s + n; p < end;) {
        uint32_t cp = mlr_cp_next(&p, end);
        cells += mlr_cp_unsafe(cp) ? 1 : mlr_cp_width(cp);
    }
    return cells;
}

/* Bytes at the start of [s, s + n) that fill at most `cols` cells. */
static size_t head_bytes(const char *s, size_t n, int cols)
{
    const char *p = s;
    const char *end = s + n;
    int used = 0;
    while (p < end) {
        const char *next = p;
        uint32_t cp = mlr_cp_next(&next, end);
        used += mlr_cp_unsafe(cp) ? 1 : mlr_cp_width(cp);
        if (used > cols) {
            break;
        }
        p = next;
    }
    return (size_t)(p - s);
}

/* Where a tail of at most `cols` cells starts. */
static size_t tail_start(const char *s, size_t n, int cols)
{
    const char *p = s;
    const char *end = s + n;
    int left = mlr_text_width(s, n);
    while (p < end && left > cols) {
        left -= mlr_cp_width(mlr_cp_next(&p, end));
    }
    while (p < end && ((unsigned char)*p & 0xc0) == 0x80) {
        p++;
    }
    return (size_t)(p - s);
}

typedef struct out_text {
    char *to;
    size_t room, used;
} out_text;

static void add(out_text *o, const char *s, size_t n)
{
    if (n < o->room - o->used) {
        memcpy(o->to + o->used, s, n);
        o->used += n;
    }
    o->to[o->used] = '\0';
}

static const char ellipsis[] = "…";

static void add_elided(out_text *o, const char *s, size_t n, int cols)
{
    if (mlr_text_width(s, n) <= cols) {
        add(o, s, n);
        return;
    }
    if (cols < 3) {
        add(o, s, head_bytes(s, n, cols));
        return;
    }
    int tail = (cols - 1) * 2 / 3; /* the end of a name tells more than its start */
    int head = cols - 1 - tail;
    size_t from = tail_start(s, n, tail);
    add(o, s, head_bytes(s, n, head));
    add(o, ellipsis, sizeof ellipsis - 1);
    add(o, s + from, n - from);
}

char *mlr_elide_middle(char *to, size_t room, const char *s, size_t n, int cols)
{
    out_text o = {to, room, 0};
    to[0] = '\0';
    add_elided(&o, s, n, cols);
    return to;
}

char *mlr_elide_name(char *to, size_t room, const char *s, size_t n, int cols)
{
    out_text o = {to, room, 0};
    char brief[512];
    to[0] = '\0';
    if (mlr_text_width(s, n) <= cols || cols < 8 || n >= sizeof brief) {
        add_elided(&o, s, n, cols);
        return to;
    }
    (void)mlr_name_fit(brief, sizeof brief, s, n, (size_t)cols, ellipsis);
    add_elided(&o, brief, strlen(brief), cols);
    return to;
}

char *mlr_text_cut(char *to, size_t room, const char *s, int cols)
{
    out_text o = {to, room, 0};
    to[0] = '\0';
    add(&o, s, head_bytes(s, strlen(s), cols));
    return to;
}

char *mlr_fmt_bytes(char *to, size_t room, uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    if (bytes < 1000) {
        snprintf(to, room, "%" PRIu64, bytes);
        return to;
    }
    double v = (double)bytes / 1024;
    size_t u = 0;
    while (v >= 999.5 && u + 2 < sizeof units) {
        v /= 1024;
        u++;
    }
    snprintf(to, room, v < 99.95 ? "%.1f%c" : "%.0f%c", v, units[u]);
    return to;
}

char *mlr_fmt_count(char *to, size_t room, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    size_t used = 0;
    for (int i = 0; i < len && used + 2 < room; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            to[used++] = ',';
        }
        to[used++] = digits[i];
    }
    to[used] = '\0';
    return to;
}

char *mlr_fmt_seconds(char *to, size_t room, uint64_t s)
{
    if (s < 60) {
        snprintf(to, room, "%" PRIu64 " s", s);
    } else if (s < 3600) {
        snprintf(to, room, "%" PRIu64 " min %02" PRIu64 " s", s / 60, s % 60);
    } else {
        snprintf(to, room, "%" PRIu64 " h %02" PRIu64 " min", s / 3600, s / 60 % 60);
    }
    return to;
}

bool mlr_parse_bytes(const char *s, size_t n, double *out)
{
    double v = 0;
    double step = 1;
    size_t i = 0;
    bool any = false;
    bool fraction = false;
    for (; i < n && ((s[i] >= '0' && s[i] <= '9') || (s[i] == '.' && !fraction)); i++) {
        if (s[i] == '.') {
            fraction = true;
            continue;
        }
        any = true;
        step = fraction ? step / 10 : 1;
        v = fraction ? v + step * (s[i] - '0') : v * 10 + (s[i] - '0');
    }
    while (i < n && s[i] == ' ') {
        i++;
    }
    static const char units[] = "KMGTPE";
    if (any && i < n) {
        char up = (char)(s[i] >= 'a' ? s[i] - 32 : s[i]);
        const char *u = up == '\0' ? NULL : strchr(units, up);
        for (const char *k = units; u != NULL && k <= u; k++) {
            v *= 1024;
        }
        i += u != NULL;
        i += u != NULL && i < n && s[i] == 'i';
        i += i < n && s[i] == 'B';
    }
    if (!any || i != n) {
        return false;
    }
    *out = v;
    return true;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool mlr_text_contains(const char *s, size_t n, const char *part, size_t m)
{
    for (size_t i = 0; m <= n && i <= n - m; i++) {
        size_t k = 0;
        while (k < m && lower(s[i + k]) == lower(part[k])) {
            k++;
        }
        if (k == m) {
            return true;
        }
    }
    return false;
}

bool mlr_text_glob(const char *s, size_t n, const char *pattern, size_t m)
{
    size_t i = 0;
    size_t j = 0;
    size_t star = m;
    size_t resume = 0;
    while (i < n) {
        if (j < m && pattern[j] == '*') {
            star = j++;
            resume = i;
        } else if (j < m && (pattern[j] == '?' || pattern[j] == s[i])) {
            i++;
            j++;
        } else if (star < m) {
            j = star + 1;
            i = ++resume;
        } else {
            return false;
        }
    }
    while (j < m && pattern[j] == '*') {
        j++;
    }
    return j == m;
}
