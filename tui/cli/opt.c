#include "tui/cli/opt.h"

#include <string.h>
#include <strings.h>

#include "apply/base/checked.h"
#include "apply/host/printable.h"

enum { SHOWN = 80, LONGEST = 40 };

/* Text from the command line, made safe for a message. */
static const char *shown(char *to, const char *text)
{
    (void)mlr_printable(to, SHOWN, text, strlen(text));
    return to;
}

static bool read_digits(const char **text, uint64_t *out)
{
    const char *p = *text;
    uint64_t n = 0;
    if (*p < '0' || *p > '9') {
        return false;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        if (!mlr_mul_u64(n, 10, &n) || !mlr_add_u64(n, (uint64_t)(*p - '0'), &n)) {
            return false;
        }
    }
    *text = p;
    *out = n;
    return true;
}

bool mlr_opt_number(const char *text, uint64_t *out)
{
    uint64_t n;
    if (!read_digits(&text, &n) || *text != '\0') {
        return false;
    }
    *out = n;
    return true;
}

bool mlr_opt_size(const char *text, uint64_t *out)
{
    static const char letters[] = "KMGT";
    uint64_t n;
    if (!read_digits(&text, &n)) {
        return false;
    }
    if (*text == '\0' || strcmp(text, "B") == 0) {
        *out = n;
        return true;
    }
    const char *at = strchr(letters, *text == 'k' ? 'K' : *text);
    if (at == NULL) {
        return false;
    }
    bool thousands = strcmp(text + 1, "B") == 0;
    if (text[1] != '\0' && !thousands && strcmp(text + 1, "iB") != 0) {
        return false;
    }
    for (const char *p = letters; p <= at; p++) {
        if (!mlr_mul_u64(n, thousands ? 1000 : 1024, &n)) {
            return false;
        }
    }
    *out = n;
    return true;
}

bool mlr_opt_choice(const char *choices, size_t i, char *to, size_t room)
{
    const char *p = choices;
    for (; i > 0; i--) {
        p = strchr(p, '|');
        if (p == NULL) {
            return false;
        }
        p++;
    }
    size_t n = strcspn(p, "|");
    n = n < room ? n : room - 1;
    memcpy(to, p, n);
    to[n] = '\0';
    return true;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned mlr_opt_distance(const char *a, const char *b)
{
    size_t an = strlen(a) < LONGEST ? strlen(a) : LONGEST;
    size_t bn = strlen(b) < LONGEST ? strlen(b) : LONGEST;
    unsigned row[3][LONGEST + 1];
    for (size_t k = 0; k <= bn; k++) {
        row[0][k] = (unsigned)k;
    }
    for (size_t i = 1; i <= an; i++) {
        unsigned *now = row[i % 3];
        const unsigned *last = row[(i + 2) % 3];
        const unsigned *before = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t k = 1; k <= bn; k++) {
            unsigned cost = a[i - 1] == b[k - 1] ? 0 : 1;
            now[k] = least(least(last[k] + 1, now[k - 1] + 1), last[k - 1] + cost);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
                now[k] = least(now[k], before[k - 2] + 1);
            }
        }
    }
    return row[an % 3][bn];
}

bool mlr_opt_resembles(const char *typed, const char *candidate, unsigned *distance)
{
    size_t n = strlen(typed);
    if (n == 0) {
        return false;
    }
    if (strcasecmp(typed, candidate) == 0) {
        *distance = 0;
        return true;
    }
    *distance = mlr_opt_distance(typed, candidate);
    /* An abbreviation is no misspelling, but just as clear. */
    if (n >= 2 && strncmp(typed, candidate, n) == 0) {
        *distance = 1;
    }
    return *distance <= (n < 4 ? 1U : n < 8 ? 2U : 3U);
}

/* --- the parser
 * --------------------------------------------------------------------------- */

typedef struct parse_state {
    const mlr_opt_parser *p;
    const char *const *argv;
    int argc, at;
    mlr_err *err;
} parse_state;

static const mlr_opt *find_long(const mlr_opt_parser *p, const char *name, size_t n,
                                void **values)
{
    for (size_t s = 0; s < p->sets; s++) {
        for (size_t i = 0; i < p->set[s].count; i++) {
            const mlr_opt *o = &p->set[s].opt[i];
            if (strlen(o->name) == n && memcmp(o->name, name, n) == 0) {
                *values = p->set[s].values;
                return o;
            }
        }
    }
    return NULL;
}

static const mlr_opt *find_letter(const mlr_opt_parser *p, char letter, void **values)
{
    for (size_t s = 0; s < p->sets; s++) {
        for (size_t i = 0; i < p->set[s].count; i++) {
            if (p->set[s].opt[i].letter == letter) {
                *values = p->set[s].values;
                return &p->set[s].opt[i];
            }
        }
    }
    return NULL;
}

static const mlr_opt *closest(const mlr_opt_parser *p, const char *typed)
{
    const mlr_opt *best = NULL;
    unsigned best_distance = 0;
    for (size_t s = 0; s < p->sets; s++) {
        for (size_t i = 0; i < p->set[s].count; i++) {
            unsigned distance;
            if (mlr_opt_resembles(typed, p->set[s].opt[i].name, &distance) &&
                (best == NULL || distance < best_distance)) {
                best = &p->set[s].opt[i];
                best_distance = distance;
            }
        }
    }
    return best;
}

static mlr_status unknown_long(parse_state *s, const char *name, size_t n)
{
    char typed[LONGEST + 1];
    char text[SHOWN];
    size_t keep = n < LONGEST ? n : LONGEST;
    memcpy(typed, name, keep);
    typed[keep] = '\0';
    const mlr_opt *near = closest(s->p, typed);
    if (near == NULL) {
        return mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE, "unknown option '--%s'",
                            shown(text, typed));
    }
    return mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE,
                        "unknown option '--%s'; did you mean '--%s'?", shown(text, typed),
                        near->name);
}

static mlr_status wrong_value(parse_state *s, const mlr_opt *o, const char *value)
{
    char text[SHOWN];
    const char *what =
        o->kind == MLR_OPT_SIZE ? "a size such as 1048576, 64K or 1GiB" : "a whole number";
    return mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE, "option '--%s' needs %s, not '%s'",
                        o->name, what, shown(text, value));
}

static mlr_status set_number(parse_state *s, const mlr_opt *o, void *field,
                             const char *value)
{
    uint64_t n;
    bool good =
        o->kind == MLR_OPT_SIZE ? mlr_opt_size(value, &n) : mlr_opt_number(value, &n);
    if (!good) {
        return wrong_value(s, o, value);
    }
    uint64_t most = o->most == 0 ? UINT64_MAX : o->most;
    if (n < o->least || n > most) {
        char text[SHOWN];
        if (o->most == 0) {
            return mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE,
                                "option '--%s' must be at least %llu, not %s", o->name,
                                (unsigned long long)o->least, shown(text, value));
        }
        return mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE,
                            "option '--%s' must be from %llu to %llu, not %s", o->name,
                            (unsigned long long)o->least, (unsigned long long)o->most,
                            shown(text, value));
    }
    memcpy(field, &n, sizeof n);
    return MLR_OK;
}

static mlr_status set_choice(parse_state *s, const mlr_opt *o, void *field,
                             const char *value)
{
    char text[SHOWN];
    char choice[LONGEST];
    const char *suggestion = NULL;
    char near[LONGEST];
    for (unsigned i = 0; mlr_opt_choice(o->choices, i, choice, sizeof choice); i++) {
        unsigned distance;
        if (strcmp(choice, value) == 0) {
            memcpy(field, &i, sizeof i);
            return MLR_OK;
        }
        if (suggestion == NULL && mlr_opt_resembles(value, choice, &distance)) {
            memcpy(near, choice, sizeof near);
            suggestion = near;
        }
    }
    if (suggestion != NULL) {
        return mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE,
                            "option '--%s' knows no '%s'; did you mean '%s'?", o->name,
                            shown(text, value), suggestion);
    }
    return mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE,
                        "option '--%s' is one of %s, not '%s'", o->name, o->choices,
                        shown(text, value));
}

static mlr_status add_item(parse_state *s, void *field, const char *value)
{
    mlr_opt_list list;
    memcpy(&list, field, sizeof list);
    if (list.item == NULL) {
        list.item = mlr_pool_take(s->p->pool, (size_t)s->argc * sizeof *list.item);
        if (list.item == NULL) {
            return mlr_fail(s->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for arguments");
        }
    }
    list.item[list.count++] = value;
    memcpy(field, &list, sizeof list);
    return MLR_OK;
}

static mlr_status set_value(parse_state *s, const mlr_opt *o, void *values,
                            const char *value)
{
    void *field = (char *)values + o->field;
    switch (o->kind) {
    case MLR_OPT_FLAG:
        *(bool *)field = true;
        return MLR_OK;
    case MLR_OPT_NUMBER:
    case MLR_OPT_SIZE:
        return set_number(s, o, field, value);
    case MLR_OPT_CHOICE:
        return set_choice(s, o, field, value);
    case MLR_OPT_EACH:
        return add_item(s, field, value);
    default:
        memcpy(field, &value, sizeof value);
        return MLR_OK;
    }
}

static mlr_status set_defaults(parse_state *s)
{
    for (size_t k = 0; k < s->p->sets; k++) {
        const mlr_opt_set *set = &s->p->set[k];
        for (size_t i = 0; i < set->count; i++) {
            const mlr_opt *o = &set->opt[i];
            const char *text =
                s->p->configured == NULL ? NULL : s->p->configured(s->p->ctx, o);
            text = text == NULL ? o->fallback : text;
            if (text != NULL && set_value(s, o, set->values, text) != MLR_OK) {
                return s->err->status;
            }
        }
    }
    return MLR_OK;
}

/* The argument of an option that needs one: attached, or the next word. */
static const char *value_of(parse_state *s, const mlr_opt *o, const char *attached)
{
    if (attached != NULL) {
        return attached;
    }
    if (s->at + 1 >= s->argc) {
        (void)mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE, "option '--%s' needs %s",
                           o->name, o->metavar);
        return NULL;
    }
    return s->argv[++s->at];
}

static bool is_choice(const mlr_opt *o, const char *value)
{
    char choice[32];
    for (size_t i = 0; mlr_opt_choice(o->choices, i, choice, sizeof choice); i++) {
        if (strcmp(value, choice) == 0) {
            return true;
        }
    }
    return false;
}

/* "--report json FILE": the word behind a choice belongs to it, as in json=FILE. */
static const char *with_next(parse_state *s, const mlr_opt *o, const char *value)
{
    if (value == NULL || o->kind != MLR_OPT_EACH || o->choices == NULL ||
        !is_choice(o, value)) {
        return value;
    }
    if (s->at + 1 >= s->argc) {
        (void)mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE, "option '--%s' needs %s",
                           o->name, o->metavar);
        return NULL;
    }
    const char *next = s->argv[++s->at];
    size_t a = strlen(value), b = strlen(next);
    char *both = mlr_pool_take(s->p->pool, a + b + 2);
    if (both == NULL) {
        mlr_fail(s->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for arguments");
        return NULL;
    }
    memcpy(both, value, a);
    both[a] = '=';
    memcpy(both + a + 1, next, b + 1);
    return both;
}

static mlr_status read_long(parse_state *s, const char *word)
{
    size_t n = strcspn(word, "=");
    const char *attached = word[n] == '=' ? word + n + 1 : NULL;
    void *values;
    const mlr_opt *o = find_long(s->p, word, n, &values);
    if (o == NULL) {
        return unknown_long(s, word, n);
    }
    if (o->kind == MLR_OPT_FLAG) {
        if (attached != NULL) {
            return mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE,
                                "option '--%s' takes no value", o->name);
        }
        return set_value(s, o, values, NULL);
    }
    const char *value = with_next(s, o, value_of(s, o, attached));
    return value == NULL ? s->err->status : set_value(s, o, values, value);
}

static mlr_status read_letters(parse_state *s, const char *letters)
{
    for (const char *p = letters; *p != '\0'; p++) {
        void *values;
        const mlr_opt *o = find_letter(s->p, *p, &values);
        if (o == NULL) {
            char text[SHOWN];
            (void)mlr_printable(text, sizeof text, p, 1);
            return mlr_cli_fail(s->p->cli, s->err, MLR_E_USAGE, "unknown option '-%s'",
                                text);
        }
        if (o->kind != MLR_OPT_FLAG) {
            const char *value = value_of(s, o, p[1] == '\0' ? NULL : p + 1);
            return value == NULL ? s->err->status : set_value(s, o, values, value);
        }
        if (set_value(s, o, values, NULL) != MLR_OK) {
            return s->err->status;
        }
    }
    return MLR_OK;
}

mlr_status mlr_opt_parse(const mlr_opt_parser *p, int argc, const char *const *argv,
                         mlr_args *args, mlr_err *err)
{
    parse_state s = {.p = p, .argv = argv, .argc = argc, .err = err};
    bool only_operands = false;
    args->count = 0;
    args->operand = mlr_pool_take(p->pool, ((size_t)argc + 1) * sizeof *args->operand);
    if (args->operand == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for arguments");
    }
    if (set_defaults(&s) != MLR_OK) {
        return err->status;
    }
    for (; s.at < argc; s.at++) {
        const char *word = argv[s.at];
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            args->operand[args->count++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (word[1] == '-') {
            (void)read_long(&s, word + 2);
        } else {
            (void)read_letters(&s, word + 1);
        }
        if (err->status != MLR_OK) {
            return err->status;
        }
    }
    return MLR_OK;
}
