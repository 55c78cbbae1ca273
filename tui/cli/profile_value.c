#include "tui/cli/profile_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "apply/base/checked.h"
#include "apply/host/printable.h"
#include "tui/cli/opt.h"

enum { SHOWN = 64 };

/* --- complaints ------------------------------------------------------------------------
 */

__attribute__((format(printf, 4, 0))) static bool complain(mlr_profile_reader *r,
                                                           mlr_yaml_at at, uint64_t byte,
                                                           const char *fmt, va_list list)
{
    if (r->err->status != MLR_OK) {
        return false;
    }
    char place[32];
    (void)vsnprintf(r->message, sizeof r->message, fmt, list);
    (void)snprintf(place, sizeof place, "%u:%u", at.line, at.column);
    r->at = at;
    mlr_err_about(r->err, place, strlen(place));
    mlr_fail(r->err, MLR_E_FORMAT, byte, "a profile as documented");
    return false;
}

bool mlr_value_fail(mlr_profile_reader *r, const mlr_yaml_node *n, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    (void)complain(r, n->at, n->begin, fmt, list);
    va_end(list);
    return false;
}

bool mlr_value_fail_key(mlr_profile_reader *r, const mlr_yaml_node *n, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    (void)complain(r, n->key == NULL ? n->at : n->key_at, n->begin, fmt, list);
    va_end(list);
    return false;
}

static const char *shown(char to[SHOWN], const mlr_yaml_node *n)
{
    if (n->kind != MLR_YAML_SCALAR) {
        return n->kind == MLR_YAML_LIST ? "a list" : "a map";
    }
    if (n->text_bytes == 0) {
        return "nothing";
    }
    char text[SHOWN - 2];
    (void)mlr_printable(text, sizeof text, n->text, n->text_bytes);
    (void)snprintf(to, SHOWN, "'%s'", text);
    return to;
}

bool mlr_value_expected(mlr_profile_reader *r, const mlr_yaml_node *n, const char *what)
{
    char text[SHOWN];
    return mlr_value_fail(r, n, "'%s' takes %s, not %s", r->key, what, shown(text, n));
}

bool mlr_value_room(mlr_profile_reader *r, size_t n, size_t size, void *pointer)
{
    void *p = mlr_pool_take(r->pool, (n + 1) * size);
    memcpy(pointer, &p, sizeof p);
    if (p == NULL) {
        mlr_fail(r->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a profile");
    }
    return p != NULL;
}

/* --- words -----------------------------------------------------------------------------
 */

const char *mlr_nearest_word(const char *typed, mlr_word_at word)
{
    const char *best = NULL;
    unsigned least = 0;
    for (size_t i = 0; word(i) != NULL; i++) {
        unsigned distance;
        if (mlr_opt_resembles(typed, word(i), &distance) &&
            (best == NULL || distance < least)) {
            best = word(i);
            least = distance;
        }
    }
    return best;
}

/* "a, b, c"; nothing where they do not fit. */
static void list_words(char *to, size_t room, mlr_word_at word)
{
    size_t used = 0;
    for (size_t i = 0; word(i) != NULL; i++) {
        int n = snprintf(to + used, room - used, "%s%s", i == 0 ? "" : ", ", word(i));
        if (n < 0 || (size_t)n >= room - used) {
            to[0] = '\0';
            return;
        }
        used += (size_t)n;
    }
}

bool mlr_value_word(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_word_at word,
                    const char *what, size_t *place)
{
    char text[SHOWN];
    if (n->kind != MLR_YAML_SCALAR || n->text_bytes == 0) {
        return mlr_value_expected(r, n, what);
    }
    for (size_t i = 0; word(i) != NULL; i++) {
        if (mlr_yaml_is(n, word(i))) {
            *place = i;
            return true;
        }
    }
    const char *near = mlr_nearest_word(n->text, word);
    if (near != NULL) {
        return mlr_value_fail(r, n, "'%s' takes %s, not %s; did you mean '%s'?", r->key,
                              what, shown(text, n), near);
    }
    char list[192] = "";
    if (strncmp(what, "one of", 6) != 0) { /* else they were named already */
        list_words(list, sizeof list, word);
    }
    return mlr_value_fail(r, n, "'%s' takes %s, not %s%s%s", r->key, what, shown(text, n),
                          list[0] == '\0' ? "" : "; there are ", list);
}

/* --- numbers ---------------------------------------------------------------------------
 */

bool mlr_value_bool(mlr_profile_reader *r, const mlr_yaml_node *n, bool *to)
{
    return mlr_yaml_bool(n, to) || mlr_value_expected(r, n, "true or false");
}

bool mlr_value_number(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_bounds range,
                      uint64_t *to)
{
    char what[80];
    if (mlr_yaml_u64(n, to) && *to >= range.least && *to <= range.most) {
        return true;
    }
    if (range.most == UINT64_MAX) {
        (void)snprintf(what, sizeof what, "a number of at least %llu",
                       (unsigned long long)range.least);
    } else {
        (void)snprintf(what, sizeof what, "a number from %llu to %llu",
                       (unsigned long long)range.least, (unsigned long long)range.most);
    }
    return mlr_value_expected(r, n, what);
}

bool mlr_value_size(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_bounds range,
                    uint64_t *to)
{
    char what[96];
    if (n->kind == MLR_YAML_SCALAR && !n->quoted && mlr_opt_size(n->text, to)) {
        if (*to >= range.least && *to <= range.most) {
            return true;
        }
        (void)snprintf(what, sizeof what, "a size from %llu to %llu bytes",
                       (unsigned long long)range.least, (unsigned long long)range.most);
        return mlr_value_expected(r, n, what);
    }
    return mlr_value_expected(r, n, "a size such as 512K, 64MiB or 1000000");
}

/* "12", "12.5" or "12.504" into thousandths; what follows in *rest. */
static bool read_decimal(const char *text, uint64_t *thousandths, const char **rest)
{
    uint64_t n = 0;
    const char *p = text;
    if (*p < '0' || *p > '9') {
        return false;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        if (!mlr_mul_u64(n, 10, &n) || !mlr_add_u64(n, (uint64_t)(*p - '0'), &n)) {
            return false;
        }
    }
    if (!mlr_mul_u64(n, 1000, &n)) {
        return false;
    }
    if (*p == '.') {
        uint64_t place = 100;
        if (p[1] < '0' || p[1] > '9') {
            return false;
        }
        for (p++; *p >= '0' && *p <= '9'; p++) {
            if (place == 0 || !mlr_add_u64(n, place * (uint64_t)(*p - '0'), &n)) {
                return false; /* finer than a thousandth */
            }
            place /= 10;
        }
    }
    *thousandths = n;
    *rest = p;
    return true;
}

bool mlr_time_text(const char *text, uint64_t *us)
{
    static const struct {
        const char *unit;
        uint64_t us; /* of a thousandth */
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}};
    const char *rest;
    uint64_t thousandths;
    if (!read_decimal(text, &thousandths, &rest)) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(rest, units[i].unit) == 0) {
            return mlr_mul_u64(thousandths, units[i].us, us) && *us > 0;
        }
    }
    return false;
}

bool mlr_value_time(mlr_profile_reader *r, const mlr_yaml_node *n, uint64_t *us)
{
    return (n->kind == MLR_YAML_SCALAR && mlr_time_text(n->text, us)) ||
           mlr_value_expected(r, n, "a time such as 250ms, 1.5s or 2min");
}

bool mlr_is_share(const mlr_yaml_node *n)
{
    return n->kind == MLR_YAML_SCALAR && n->text_bytes > 0 &&
           n->text[n->text_bytes - 1] == '%';
}

bool mlr_value_share(mlr_profile_reader *r, const mlr_yaml_node *n, uint64_t *millionths)
{
    const char *rest;
    uint64_t thousandths;
    if (n->kind == MLR_YAML_SCALAR && read_decimal(n->text, &thousandths, &rest) &&
        strcmp(rest, "%") == 0 && thousandths <= 100000) {
        *millionths = thousandths * 10;
        return true;
    }
    return mlr_value_expected(r, n, "a share such as 12.5%, at most 100%");
}

/* Digits of `text` up to `stop`, as all there is before it. */
static bool read_end(const char *text, size_t n, uint64_t *to)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || !mlr_mul_u64(v, 10, &v) ||
            !mlr_add_u64(v, (uint64_t)(text[i] - '0'), &v)) {
            return false;
        }
    }
    *to = v;
    return n > 0;
}

bool mlr_value_range(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_bounds *to)
{
    static const char what[] = "a number, a range such as 3-9 or 3-, or '*'";
    if (mlr_yaml_is(n, "*")) {
        *to = (mlr_bounds){0, UINT64_MAX};
        return true;
    }
    if (n->kind != MLR_YAML_SCALAR) {
        return mlr_value_expected(r, n, what);
    }
    size_t dash = strcspn(n->text, "-");
    bool open = n->text[dash] == '-' && n->text[dash + 1] == '\0';
    bool good = read_end(n->text, dash, &to->least);
    to->most = open ? UINT64_MAX : to->least;
    if (good && n->text[dash] == '-' && !open) {
        good = read_end(n->text + dash + 1, n->text_bytes - dash - 1, &to->most);
    }
    if (!good) {
        return mlr_value_expected(r, n, what);
    }
    if (to->most < to->least) {
        return mlr_value_fail(r, n, "a range of '%s' ends before it begins", r->key);
    }
    return true;
}

/* --- texts -----------------------------------------------------------------------------
 */

bool mlr_value_text(mlr_profile_reader *r, const mlr_yaml_node *n, const char **to)
{
    if (n->kind != MLR_YAML_SCALAR || n->text_bytes == 0) {
        return mlr_value_expected(r, n, "a text");
    }
    *to = mlr_pool_copy(r->pool, n->text, n->text_bytes);
    if (*to == NULL) {
        mlr_fail(r->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a profile");
    }
    return *to != NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool mlr_value_digest(mlr_profile_reader *r, const mlr_yaml_node *n, uint8_t to[32])
{
    bool good = n->kind == MLR_YAML_SCALAR && n->text_bytes == 64;
    for (size_t i = 0; good && i < 32; i++) {
        int high = hex_digit(n->text[2 * i]), low = hex_digit(n->text[2 * i + 1]);
        good = high >= 0 && low >= 0;
        to[i] = good ? (uint8_t)(high * 16 + low) : 0;
    }
    return good || mlr_value_expected(r, n, "the 64 hexadecimal digits of a SHA-256");
}

/* --- lists -----------------------------------------------------------------------------
 */

bool mlr_value_each(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_value_item item,
                    void *to)
{
    if (n->kind == MLR_YAML_SCALAR) {
        return item(r, n, to);
    }
    if (n->kind == MLR_YAML_MAP) {
        return mlr_value_expected(r, n, "one value or a list");
    }
    const char *key = r->key;
    const mlr_yaml_node *i = mlr_yaml_first(r->yaml, n);
    if (i == NULL) {
        return mlr_value_fail(r, n, "the list of '%s' is empty", key);
    }
    for (; i != NULL; i = mlr_yaml_next(r->yaml, i)) {
        r->key = key;
        if (!item(r, i, to)) {
            return false;
        }
    }
    return true;
}

typedef struct pattern_list {
    mlr_str *item;
    size_t count;
} pattern_list;

static bool add_pattern(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    pattern_list *l = to;
    const char *text;
    if (n->kind != MLR_YAML_SCALAR || n->text_bytes == 0) {
        return mlr_value_expected(r, n, "names or patterns");
    }
    if (!mlr_value_text(r, n, &text)) {
        return false;
    }
    l->item[l->count++] = (mlr_str){text, n->text_bytes};
    return true;
}

bool mlr_value_patterns(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_str_list *to)
{
    pattern_list l = {0};
    if (!mlr_value_room(r, n->count + 1, sizeof *l.item, &l.item) ||
        !mlr_value_each(r, n, add_pattern, &l)) {
        return false;
    }
    *to = (mlr_str_list){l.item, l.count};
    return true;
}

typedef struct range_list {
    mlr_bounds *item;
    size_t count;
} range_list;

static bool add_range(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    range_list *l = to;
    return mlr_value_range(r, n, &l->item[l->count++]);
}

bool mlr_value_ranges(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_bounds_list *to)
{
    range_list l = {0};
    if (!mlr_value_room(r, n->count + 1, sizeof *l.item, &l.item) ||
        !mlr_value_each(r, n, add_range, &l)) {
        return false;
    }
    *to = (mlr_bounds_list){l.item, l.count};
    return true;
}
