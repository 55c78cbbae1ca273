#include "tui/cli/name_fit.h"

#include <stdbool.h>
#include <string.h>

#include "tui/cli/text.h"

enum { MOST_PARTS = 32, LAST_PARTS = 2 };

typedef struct part {
    const char *p;
    size_t n; /* without the separator before it */
    bool number, left_out;
    bool cut; /* its end is left out */
} part;

typedef struct name {
    part part[MOST_PARTS];
    size_t count;
    size_t numbered; /* the first that is a number; `count` where none is */
    const char *mark;
} name;

static bool separates(char c)
{
    return c == '.' || c == '/';
}

/* Parts that count something: "12", "conv4", and the "0-3" or "*" that stand for several.
 */
static bool is_number(const part *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if ((p->p[i] >= '0' && p->p[i] <= '9') || p->p[i] == '*') {
            return true;
        }
    }
    return false;
}

static bool split(name *x, const char *s, size_t n)
{
    size_t from = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && (!separates(s[i]) || i == 0)) {
            continue;
        }
        if (x->count == MOST_PARTS) {
            return false;
        }
        x->part[x->count++] = (part){.p = s + from, .n = i - from};
        from = i + 1;
    }
    for (x->numbered = 0; x->numbered < x->count; x->numbered++) {
        if (is_number(&x->part[x->numbered])) {
            break;
        }
    }
    for (size_t i = x->numbered; i < x->count; i++) {
        x->part[i].number = is_number(&x->part[i]);
    }
    return true;
}

static size_t append(char *to, size_t room, size_t at, const char *s, size_t n)
{
    if (n < room - at) {
        memcpy(to + at, s, n);
        at += n;
    }
    to[at] = '\0';
    return at;
}

static void join(const name *x, char *to, size_t room)
{
    size_t at = 0;
    bool gap = false;
    to[0] = '\0';
    for (size_t i = 0; i < x->count; i++) {
        const part *p = &x->part[i];
        if (!p->left_out) {
            bool lead = i > 0 && !gap;
            at = append(to, room, at, p->p - lead, p->n + lead);
            gap = false;
        }
        if (!gap && (p->left_out || p->cut)) {
            at = append(to, room, at, x->mark, strlen(x->mark));
        }
        gap = p->left_out || p->cut;
    }
}

static bool fits(const name *x, char *to, size_t room, size_t columns)
{
    join(x, to, room);
    return mlr_text_columns(to) <= columns;
}

/* As much of the beginning of a part that was left out as there is room for; of "layers",
   which tells nothing, all or none. */
static void take_back(name *x, size_t i, char *to, size_t room, size_t columns)
{
    enum { FEWEST = 3 };
    part *p = &x->part[i];
    size_t n = p->n;
    if (!p->left_out || (i > 0 && i < x->numbered)) {
        return;
    }
    *p = (part){.p = p->p, .n = n, .cut = true};
    do {
        p->n = p->n < FEWEST ? 0 : p->n - 1;
        while (p->n > 0 && ((unsigned char)p->p[p->n] & 0xc0) == 0x80) {
            p->n--;
        }
    } while (p->n >= FEWEST && !fits(x, to, room, columns));
    if (p->n < FEWEST) {
        *p = (part){.p = p->p, .n = n, .left_out = true};
        (void)fits(x, to, room, columns);
    }
}

/* Leaves out what is no number in [from, end), the last first, until the rest fits. */
static bool leave_out(name *x, size_t from, size_t end, char *to, size_t room,
                      size_t columns)
{
    for (size_t i = end; i-- > from;) {
        x->part[i].left_out = !x->part[i].number;
        if (x->part[i].left_out && fits(x, to, room, columns)) {
            take_back(x, i, to, room, columns);
            return true;
        }
    }
    return false;
}

/* What nearly every tensor ends in says least. */
static void shorten_leaf(name *x)
{
    part *leaf = &x->part[x->count - 1];
    bool common = (leaf->n == 6 && memcmp(leaf->p, "weight", 6) == 0) ||
                  (leaf->n == 4 && memcmp(leaf->p, "bias", 4) == 0);
    if (x->count > 1 && common) {
        leaf->n = 1;
    }
}

char *mlr_name_fit(char *to, size_t room, const char *s, size_t n, size_t columns,
                   const char *mark)
{
    name x = {.mark = mark};
    if (!split(&x, s, n)) {
        (void)append(to, room, 0, s, n);
        return to;
    }
    if (fits(&x, to, room, columns)) {
        return to;
    }
    size_t last = x.count > LAST_PARTS ? x.count - LAST_PARTS : 0;
    size_t lead = x.numbered < last ? x.numbered : last;
    if (leave_out(&x, 0, lead, to, room, columns)) {
        return to;
    }
    shorten_leaf(&x);
    if (!fits(&x, to, room, columns)) {
        (void)leave_out(&x, lead, last, to, room, columns);
    }
    return to;
}
