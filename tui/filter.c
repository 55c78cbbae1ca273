#include "tui/filter.h"

#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"

enum { OP_TERM, OP_NOT, OP_AND, OP_OR };

typedef enum field_kind { WORD, NUMBER, PERCENT, BYTES, TEXT } field_kind;

typedef enum field_id {
    F_KIND,
    F_MARKED,
    F_LOSSY,
    F_ESTIMATED,
    F_CHANGED,
    F_COSINE,
    F_ENTROPY,
    F_SIZE,
    F_OUT,
    F_RATIO,
    F_ERROR,
    F_LEVEL,
    F_NAME,
    F_DTYPE,
    F_STRATEGY,
    F_DICTIONARY,
    F_BY,
} field_id;

static const struct {
    const char *name;
    field_kind kind;
    field_id id;
} fields[] = {
    {"chg", PERCENT, F_CHANGED},
    {"cos", NUMBER, F_COSINE},
    {"ent", NUMBER, F_ENTROPY},
    {"size", BYTES, F_SIZE},
    {"out", BYTES, F_OUT},
    {"ratio", NUMBER, F_RATIO},
    {"err", PERCENT, F_ERROR},
    {"level", NUMBER, F_LEVEL},
    {"name", TEXT, F_NAME},
    {"dtype", TEXT, F_DTYPE},
    {"strategy", TEXT, F_STRATEGY},
    {"dict", TEXT, F_DICTIONARY},
    {"by", TEXT, F_BY},
    {"kind", TEXT, F_KIND},
};

enum { LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL };

enum { MAX_NESTING = 16 };

typedef struct reader {
    mlr_filter *f;
    size_t pos;
    size_t wrong; /* where */
    const char *why;
    int depth;
} reader;

static char at(const reader *r)
{
    return r->f->source[r->pos];
}

static void blanks(reader *r)
{
    while (at(r) == ' ') {
        r->pos++;
    }
}

static bool wrong(reader *r, size_t where, const char *why)
{
    if (r->why == NULL) {
        r->wrong = where;
        r->why = why;
    }
    return false;
}

static mlr_filter_node *emit(reader *r, int op)
{
    if (r->f->count == MLR_FILTER_NODES) {
        wrong(r, r->pos, "at most 64 terms");
        return &r->f->node[0];
    }
    mlr_filter_node *n = &r->f->node[r->f->count++];
    *n = (mlr_filter_node){.op = (uint8_t)op};
    return n;
}

static bool word_char(char c)
{
    return c != '\0' && strchr(" |()<>=:!", c) == NULL;
}

static bool value_char(char c)
{
    return c != '\0' && strchr(" |()", c) == NULL;
}

static bool spelled(const char *word, const char *s, size_t n)
{
    return strlen(word) == n && memcmp(word, s, n) == 0;
}

/* Words that stand alone: kinds by name or glyph, and properties. */
static bool read_word(reader *r, size_t from, size_t n)
{
    const char *s = r->f->source + from;
    for (int k = 0; k < MLR_ROW_KINDS; k++) {
        bool glyph = n == 1 && k > 0 &&
                     (uint32_t)(unsigned char)s[0] == mlr_row_kind_glyph((mlr_row_kind)k);
        if (glyph || spelled(mlr_row_kind_word((mlr_row_kind)k), s, n)) {
            mlr_filter_node *t = emit(r, OP_TERM);
            t->field = F_KIND;
            t->number = k;
            return r->why == NULL;
        }
    }
    static const struct {
        const char *word;
        field_id id;
    } props[] = {{"marked", F_MARKED}, {"lossy", F_LOSSY}, {"estimated", F_ESTIMATED}};
    for (size_t i = 0; i < 3; i++) {
        if (spelled(props[i].word, s, n)) {
            emit(r, OP_TERM)->field = (uint8_t)props[i].id;
            return r->why == NULL;
        }
    }
    return wrong(r, from, "a field such as chg, or a kind such as same");
}

static int read_compare(reader *r)
{
    char c = at(r);
    bool equal = c != '\0' && r->f->source[r->pos + 1] == '=';
    switch (c) {
    case '<':
        r->pos += equal ? 2 : 1;
        return equal ? LESS_EQUAL : LESS;
    case '>':
        r->pos += equal ? 2 : 1;
        return equal ? GREATER_EQUAL : GREATER;
    default:
        r->pos += c == '=' && equal ? 2 : 1;
        return EQUAL;
    }
}

static bool read_value(reader *r, mlr_filter_node *t, field_kind kind)
{
    size_t from = r->pos;
    while (value_char(at(r))) {
        r->pos++;
    }
    size_t n = r->pos - from;
    const char *s = r->f->source + from;
    if (n == 0) {
        return wrong(r, from, kind == TEXT ? "a text" : "a number");
    }
    if (kind == TEXT) {
        t->text = (uint16_t)from;
        t->text_bytes = (uint16_t)n;
        return t->compare == EQUAL ? true : wrong(r, from - 1, "':' before a text");
    }
    if (kind == PERCENT && s[n - 1] == '%') {
        n--;
    }
    double sign = 1;
    if (kind == NUMBER && n > 1 && s[0] == '-') {
        sign = -1;
        s++;
        n--;
    }
    bool unit = n > 0 && (s[n - 1] < '0' || s[n - 1] > '9') && s[n - 1] != '.';
    if ((unit && kind != BYTES) || !mlr_parse_bytes(s, n, &t->number)) {
        return wrong(r, from, kind == BYTES ? "a size such as 4096 or 1.5M" : "a number");
    }
    t->number *= sign * (kind == PERCENT ? 0.01 : 1);
    return true;
}

static bool read_term(reader *r)
{
    size_t from = r->pos;
    while (word_char(at(r))) {
        r->pos++;
    }
    size_t n = r->pos - from;
    if (n == 0) {
        return wrong(r, from, "a term such as chg>5 or name:mlp");
    }
    if (at(r) == '\0' || strchr("<>=:", at(r)) == NULL) {
        return read_word(r, from, n);
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (spelled(fields[i].name, r->f->source + from, n)) {
            int compare = read_compare(r);
            mlr_filter_node *t = emit(r, OP_TERM);
            t->field = (uint8_t)fields[i].id;
            t->compare = (uint8_t)compare;
            return r->why == NULL && read_value(r, t, fields[i].kind);
        }
    }
    return wrong(r, from, "a field such as chg, size or name");
}

static bool read_or(reader *r);

static bool read_not(reader *r)
{
    blanks(r);
    if (++r->depth > MAX_NESTING) {
        return wrong(r, r->pos, "at most 16 levels");
    }
    bool ok = false;
    if (at(r) == '!' && r->f->source[r->pos + 1] != '\0' &&
        strchr(" |)", r->f->source[r->pos + 1]) == NULL) {
        r->pos++;
        ok = read_not(r);
        emit(r, OP_NOT);
    } else if (at(r) == '!') { /* alone: the kind */
        r->pos++;
        ok = read_word(r, r->pos - 1, 1);
    } else if (at(r) == '=' || at(r) == '~') {
        r->pos++;
        ok = read_word(r, r->pos - 1, 1);
    } else if (at(r) == '(') {
        r->pos++;
        ok = read_or(r);
        blanks(r);
        ok = ok && (at(r) == ')' ? true : wrong(r, r->pos, "')'"));
        r->pos += ok;
    } else {
        ok = read_term(r);
    }
    r->depth--;
    return ok && r->why == NULL;
}

static bool read_and(reader *r)
{
    bool ok = read_not(r);
    for (blanks(r); ok && at(r) != '\0' && at(r) != '|' && at(r) != ')'; blanks(r)) {
        ok = read_not(r);
        emit(r, OP_AND);
    }
    return ok && r->why == NULL;
}

static bool read_or(reader *r)
{
    bool ok = read_and(r);
    for (blanks(r); ok && at(r) == '|'; blanks(r)) {
        r->pos++;
        ok = read_and(r);
        emit(r, OP_OR);
    }
    return ok && r->why == NULL;
}

bool mlr_filter_read(mlr_filter *f, const char *text, size_t *where, const char **why)
{
    *f = (mlr_filter){0};
    reader r = {.f = f};
    size_t n = strlen(text);
    if (n >= sizeof f->source) {
        *where = sizeof f->source - 1;
        *why = "at most 511 bytes";
        return false;
    }
    memcpy(f->source, text, n);
    blanks(&r);
    if (at(&r) == '\0') {
        return true;
    }
    bool ok = read_or(&r);
    if (ok && at(&r) != '\0') {
        ok = wrong(&r, r.pos, "'(' before ')'");
    }
    if (!ok) {
        *where = r.wrong;
        *why = r.why;
        f->count = 0;
    }
    return ok;
}

/* Three-valued: -1 false, 0 unknown, 1 true. */
static int truth(bool b)
{
    return b ? 1 : -1;
}

static int compare(const mlr_filter_node *t, double v)
{
    switch (t->compare) {
    case LESS:
        return truth(v < t->number);
    case LESS_EQUAL:
        return truth(v <= t->number);
    case GREATER:
        return truth(v > t->number);
    case GREATER_EQUAL:
        return truth(v >= t->number);
    default:
        return truth(v == t->number);
    }
}

static int compare_fact(const mlr_filter_node *t, mlr_fact f)
{
    return f.state == MLR_FACT_UNKNOWN ? 0 : compare(t, f.value);
}

/* A pattern with magic matches the whole, one without matches a part. */
static int compare_text(const mlr_filter *f, const mlr_filter_node *t, const char *s,
                        size_t n)
{
    const char *pattern = f->source + t->text;
    bool magic = memchr(pattern, '*', t->text_bytes) != NULL ||
                 memchr(pattern, '?', t->text_bytes) != NULL;
    return truth(magic ? mlr_text_glob(s, n, pattern, t->text_bytes)
                       : mlr_text_contains(s, n, pattern, t->text_bytes));
}

static int compare_maybe(const mlr_filter *f, const mlr_filter_node *t, const char *s)
{
    return s == NULL ? -1 : compare_text(f, t, s, strlen(s));
}

static int compare_by(const mlr_filter *f, const mlr_filter_node *t, const mlr_ui_row *row)
{
    static const char *const words[][2] = {
        {"nobody", "-"}, {"rule", "rule"}, {"auto", "auto"}, {"me", "you"}};
    const char *s = f->source + t->text;
    char rule[8];
    snprintf(rule, sizeof rule, "r%u", row->rule);
    if (row->by == MLR_BY_RULE && spelled(rule, s, t->text_bytes)) {
        return truth(true);
    }
    return truth(spelled(words[row->by][0], s, t->text_bytes) ||
                 spelled(words[row->by][1], s, t->text_bytes));
}

static mlr_fact error_of(const mlr_ui_row *row)
{
    mlr_fact e = row->out;
    e.value = e.state == MLR_FACT_ESTIMATED ? (double)e.error : 0;
    return e;
}

static int term(const mlr_filter *f, const mlr_filter_node *t, const mlr_ui_row *row)
{
    switch (t->field) {
    case F_KIND:
        return t->text_bytes > 0
                   ? compare_text(f, t, mlr_row_kind_word((mlr_row_kind)row->kind),
                                  strlen(mlr_row_kind_word((mlr_row_kind)row->kind)))
                   : truth(row->kind == (uint8_t)t->number);
    case F_MARKED:
        return truth(row->marked);
    case F_LOSSY:
        return truth(row->lossy);
    case F_ESTIMATED:
        return truth(row->out.state == MLR_FACT_ESTIMATED);
    case F_CHANGED:
        return compare_fact(t, row->changed);
    case F_COSINE:
        return compare_fact(t, row->cosine);
    case F_ENTROPY:
        return compare_fact(t, row->entropy);
    case F_SIZE:
        return compare(t, (double)row->bytes);
    case F_OUT:
        return compare_fact(t, row->out);
    case F_RATIO:
        return compare_fact(t, mlr_row_ratio(row));
    case F_ERROR:
        return compare_fact(t, error_of(row));
    case F_LEVEL:
        return row->level < 0 ? 0 : compare(t, row->level);
    case F_NAME:
        return compare_text(f, t, row->name.p, row->name.n);
    case F_DTYPE:
        return compare_maybe(f, t, row->dtype == NULL ? NULL : row->dtype->name);
    case F_STRATEGY:
        return compare_maybe(f, t, row->strategy);
    case F_DICTIONARY:
        return compare_maybe(f, t, row->dictionary);
    default:
        return compare_by(f, t, row);
    }
}

bool mlr_filter_shows(const mlr_filter *f, const mlr_ui_row *row)
{
    int stack[MLR_FILTER_NODES + 1];
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++) {
        const mlr_filter_node *t = &f->node[i];
        if (t->op == OP_TERM) {
            stack[n++] = term(f, t, row);
        } else if (t->op == OP_NOT) {
            stack[n - 1] = -stack[n - 1];
        } else {
            int b = stack[--n];
            int a = stack[n - 1];
            stack[n - 1] = t->op == OP_AND ? (a < b ? a : b) : (a > b ? a : b);
        }
    }
    return f->count == 0 || stack[0] > 0;
}
