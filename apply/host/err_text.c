#include "apply/host/err_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "apply/host/printable.h"

typedef struct line {
    char *to;
    size_t room, used;
    bool full; /* something was cut; nothing may follow it */
} line;

/* Adds UTF-8 text, cut before the character that does not fit. */
static void add(line *l, const char *text)
{
    if (l->full) {
        return;
    }
    size_t n = strlen(text);
    size_t left = l->room - 1 - l->used;
    if (n > left) {
        l->full = true;
        n = left;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) {
            n--;
        }
    }
    memcpy(l->to + l->used, text, n);
    l->used += n;
    l->to[l->used] = '\0';
}

/* Adds text of unknown origin. */
static void add_name(line *l, const char *name)
{
    char shown[1024];
    mlr_printable(shown, sizeof shown, name, strlen(name));
    add(l, shown);
}

static void add_number(line *l, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    add(l, digits);
}

static const char *domain_word(mlr_domain domain)
{
    switch (domain) {
#define DOMAIN_CASE(id, exit_code, word)                                                   \
    case id:                                                                               \
        return word;
        MLR_DOMAIN_TABLE(DOMAIN_CASE)
#undef DOMAIN_CASE
    }
    return "input";
}

static void add_where(line *l, const mlr_err *err)
{
    if (err->input != NULL) {
        if (err->domain != MLR_IN_NONE) {
            add(l, domain_word(err->domain));
            add(l, " ");
        }
        add_name(l, err->input);
        add(l, ": ");
    }
    if (err->subject[0] != '\0') {
        add(l, "'");
        add_name(l, err->subject);
        add(l, "': ");
    }
}

static void add_os_error(line *l, int os_error)
{
    char text[128] = "";
#if defined(__GLIBC__)
    /* In the same words whatever the locale. */
    const char *known = strerrordesc_np(os_error);
    snprintf(text, sizeof text, "%s", known == NULL ? "" : known);
#else
    if (strerror_r(os_error, text, sizeof text) != 0) {
        text[0] = '\0';
    }
#endif
    add(l, ": ");
    if (text[0] != '\0') {
        add(l, text);
        return;
    }
    add(l, "system error ");
    add_number(l, (uint64_t)(os_error < 0 ? 0 : os_error));
}

char *mlr_err_text(const mlr_err *err, char *to, size_t n)
{
    if (n == 0) {
        return to;
    }
    to[0] = '\0';
    line l = {.to = to, .room = n};
    add_where(&l, err);
    add(&l, mlr_status_text(err->status));
    if (err->rule != NULL) {
        add(&l, ": ");
        add(&l, err->rule);
    }
    if (err->found != 0 || err->limit != 0) {
        add(&l, " (found ");
        add_number(&l, err->found);
        add(&l, ", limit ");
        add_number(&l, err->limit);
        add(&l, ")");
    }
    if (err->status != MLR_OK && err->offset != MLR_NO_OFFSET) {
        add(&l, " (at byte ");
        add_number(&l, err->offset);
        add(&l, ")");
    }
    if (err->os_error != 0) {
        add_os_error(&l, err->os_error);
    }
    return to;
}
