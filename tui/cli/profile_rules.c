#include "tui/cli/profile_rules.h"

#include <stdio.h>
#include <string.h>

#include "tui/cli/yaml.h"

/* Where the lines of one rule are: bytes [begin, end), whole lines. */
typedef struct span {
    size_t begin, end;
} span;

typedef struct layout {
    const char *text; /* ends with a line end */
    size_t n;
    span *rule;
    size_t count;
    size_t indent;   /* blanks before every '-' */
    size_t list_end; /* where another rule would go */
    bool absent;     /* there is no list */
    span empty;      /* the value of "rules: []", where it is that */
} layout;

static size_t next_line(const layout *l, size_t at)
{
    const char *end = memchr(l->text + at, '\n', l->n - at);
    return end == NULL ? l->n : (size_t)(end - l->text) + 1;
}

static size_t line_before(const layout *l, size_t at)
{
    for (at -= at > 0; at > 0 && l->text[at - 1] != '\n'; at--) {
    }
    return at;
}

/* The first character of a line that is no blank, and how many stand before it. */
static char first_of(const layout *l, size_t at, size_t *blanks)
{
    *blanks = 0;
    while (at + *blanks < l->n && l->text[at + *blanks] == ' ') {
        (*blanks)++;
    }
    return at + *blanks < l->n ? l->text[at + *blanks] : '\n';
}

static bool is_dash(const layout *l, size_t at)
{
    size_t blanks;
    bool dash = first_of(l, at, &blanks) == '-' && blanks == l->indent;
    char after = dash && at + blanks + 1 < l->n ? l->text[at + blanks + 1] : 'x';
    return dash && (after == ' ' || after == '\n');
}

/* Whether a line is a comment that belongs to what stands deeper than a '-'. */
static bool is_deep_comment(const layout *l, size_t at)
{
    size_t blanks;
    return first_of(l, at, &blanks) == '#' && blanks > l->indent;
}

static bool is_comment(const layout *l, size_t at)
{
    size_t blanks;
    return first_of(l, at, &blanks) == '#';
}

/* The end of the last value inside a node: marks of blocks reach past their comments. */
static size_t content_end(const mlr_yaml *y, const mlr_yaml_node *n)
{
    while (n->kind != MLR_YAML_SCALAR && !n->flow && n->first != 0) {
        n = mlr_yaml_first(y, n);
        for (const mlr_yaml_node *i = n; i != NULL; i = mlr_yaml_next(y, i)) {
            n = i;
        }
    }
    return n->end;
}

static mlr_status cannot(mlr_err *err)
{
    return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET,
                    "rules that stand on lines of their own, each begun by '-'");
}

/* The lines of one rule: from its '-', or comments above that, to its last value. */
static span span_of(const layout *l, size_t dash, size_t value_end, size_t not_before)
{
    span s = {.begin = dash, .end = value_end};
    while (s.begin > not_before) {
        size_t above = line_before(l, s.begin);
        if (!is_comment(l, above) || above < not_before) {
            break;
        }
        s.begin = above;
    }
    if (s.end == 0 || l->text[s.end - 1] != '\n') {
        s.end = next_line(l, s.end);
    }
    while (s.end < l->n && is_deep_comment(l, s.end)) {
        s.end = next_line(l, s.end);
    }
    return s;
}

static mlr_status find_rules(layout *l, const mlr_yaml *y, const mlr_yaml_node *list,
                             mlr_pool *pool, mlr_err *err)
{
    l->rule = mlr_pool_take(pool, (list->count + 1) * sizeof *l->rule);
    if (l->rule == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for an edit");
    }
    size_t at = 0;
    size_t line = 1;
    size_t from = 0; /* behind the key, then behind the rule before */
    const mlr_yaml_node *i = mlr_yaml_first(y, list);
    for (; line < list->key_at.line && at < l->n; line++) {
        at = next_line(l, at);
    }
    from = at = next_line(l, at);
    while (at < i->begin && first_of(l, at, &l->indent) != '-') {
        at = next_line(l, at);
    }
    for (; i != NULL; i = mlr_yaml_next(y, i)) {
        while (at < l->n && !is_dash(l, at)) {
            at = next_line(l, at);
        }
        if (at >= l->n || at > i->begin) {
            return cannot(err);
        }
        span s = span_of(l, at, content_end(y, i), from);
        l->rule[l->count++] = s;
        from = at = s.end;
    }
    l->list_end = from;
    return MLR_OK;
}

static mlr_status lay_out(layout *l, mlr_rules_edit *e, mlr_yaml *y, mlr_err *err)
{
    bool whole = e->n == 0 || e->text[e->n - 1] == '\n';
    *l = (layout){.text = e->text, .n = e->n};
    if (!whole) {
        char *copy = mlr_pool_take(e->pool, e->n + 2);
        if (copy == NULL) {
            return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for an edit");
        }
        memcpy(copy, e->text, e->n);
        memcpy(copy + e->n, "\n", 2);
        l->text = copy;
        l->n = e->n + 1;
    }
    if (mlr_yaml_read(y, l->text, l->n, e->pool->alloc, err) != MLR_OK) {
        return err->status;
    }
    const mlr_yaml_node *list = mlr_yaml_get(y, &y->nodes[0], "rules");
    if (list == NULL) {
        l->absent = true;
        l->indent = 2;
        l->list_end = l->n;
        return MLR_OK;
    }
    if (list->kind == MLR_YAML_LIST && list->count == 0) {
        l->indent = 2;
        l->empty = (span){list->begin, list->end};
        l->list_end = next_line(l, list->end);
        return MLR_OK;
    }
    return list->kind == MLR_YAML_LIST && !list->flow ? find_rules(l, y, list, e->pool, err)
                                                      : cannot(err);
}

/* --- putting texts together ------------------------------------------------------------
 */

typedef struct joiner {
    char *to;
    size_t n;
} joiner;

static void join(joiner *j, const char *p, size_t n)
{
    memcpy(j->to + j->n, p, n);
    j->n += n;
}

static mlr_status begin_out(mlr_rules_edit *e, size_t room, joiner *j, mlr_err *err)
{
    *j = (joiner){.to = mlr_pool_take(e->pool, room + 1)};
    return j->to == NULL
               ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for an edit")
               : MLR_OK;
}

static mlr_status end_out(mlr_rules_edit *e, joiner *j)
{
    j->to[j->n] = '\0';
    e->out = j->to;
    e->out_n = j->n;
    return MLR_OK;
}

/* The lines of all rules of `from`, as deep as those of `to`. */
static void join_rules(joiner *j, const layout *from, const layout *to)
{
    static const char blanks[] = "                                ";
    for (size_t at = from->rule[0].begin; at < from->list_end;) {
        size_t end = next_line(from, at);
        size_t deep = 0;
        (void)first_of(from, at, &deep);
        size_t cut = deep < from->indent ? deep : from->indent;
        join(j, blanks, to->indent < sizeof blanks ? to->indent : sizeof blanks - 1);
        join(j, from->text + at + cut, end - at - cut);
        at = end;
    }
}

static size_t lines_of(const char *text, size_t n)
{
    size_t lines = 1;
    for (size_t i = 0; i < n; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

static mlr_status insert(mlr_rules_edit *e, const layout *l, const layout *from, size_t at,
                         mlr_err *err)
{
    joiner j;
    size_t room = l->n + from->n + lines_of(from->text, from->n) * 32 + 16;
    if (begin_out(e, room, &j, err) != MLR_OK) {
        return err->status;
    }
    size_t place = at < l->count ? l->rule[at].begin : l->list_end;
    if (l->empty.end > 0) { /* "rules: []  # comment" */
        join(&j, l->text, l->empty.begin);
        join(&j, l->text + l->empty.end, place - l->empty.end);
    } else {
        join(&j, l->text, place);
    }
    join(&j, "rules:\n", l->absent ? 7 : 0);
    join_rules(&j, from, l);
    join(&j, l->text + place, l->n - place);
    return end_out(e, &j);
}

mlr_status mlr_rules_insert(mlr_rules_edit *e, size_t at, const char *from, size_t from_n,
                            mlr_err *err)
{
    mlr_yaml y = {0};
    mlr_yaml more = {0};
    layout l;
    layout source;
    mlr_rules_edit other = {.text = from, .n = from_n, .pool = e->pool};
    if (lay_out(&l, e, &y, err) == MLR_OK &&
        lay_out(&source, &other, &more, err) == MLR_OK) {
        (void)(source.count == 0 ? cannot(err) : insert(e, &l, &source, at, err));
    }
    mlr_yaml_release(&y);
    mlr_yaml_release(&more);
    return err->status;
}

mlr_status mlr_rules_swap(mlr_rules_edit *e, size_t at, mlr_err *err)
{
    mlr_yaml y = {0};
    layout l;
    joiner j;
    if (lay_out(&l, e, &y, err) == MLR_OK && at + 1 >= l.count) {
        (void)cannot(err);
    }
    if (err->status == MLR_OK && begin_out(e, l.n, &j, err) == MLR_OK) {
        span a = l.rule[at];
        span b = l.rule[at + 1];
        join(&j, l.text, a.begin);
        join(&j, l.text + b.begin, b.end - b.begin);
        join(&j, l.text + a.end, b.begin - a.end);
        join(&j, l.text + a.begin, a.end - a.begin);
        join(&j, l.text + b.end, l.n - b.end);
        (void)end_out(e, &j);
    }
    mlr_yaml_release(&y);
    return err->status;
}

mlr_status mlr_rules_remove(mlr_rules_edit *e, size_t at, mlr_err *err)
{
    mlr_yaml y = {0};
    layout l;
    joiner j;
    if (lay_out(&l, e, &y, err) == MLR_OK && at >= l.count) {
        (void)cannot(err);
    }
    if (err->status == MLR_OK && begin_out(e, l.n + 8, &j, err) == MLR_OK) {
        span s = l.rule[at];
        const mlr_yaml_node *list = mlr_yaml_get(&y, &y.nodes[0], "rules");
        size_t key = 0;
        for (size_t line = 1; line < list->key_at.line; line++) {
            key = next_line(&l, key);
        }
        size_t colon = key + (size_t)(strchr(l.text + key, ':') - (l.text + key)) + 1;
        if (l.count == 1) { /* a key without a value would not be a list */
            join(&j, l.text, colon);
            join(&j, " []", 3);
            join(&j, l.text + colon, s.begin - colon);
        } else {
            join(&j, l.text, s.begin);
        }
        join(&j, l.text + s.end, l.n - s.end);
        (void)end_out(e, &j);
    }
    mlr_yaml_release(&y);
    return err->status;
}
