#include "tui/cli/profile_edit.h"

#include <stdio.h>
#include <string.h>

#include "tui/cli/yaml.h"

/* Bytes [from, to) of the old text become `head`, then `value`, then `tail`. */
typedef struct edit {
    size_t from, to;
    const char *head, *tail;
} edit;

typedef struct editor {
    const char *text;
    size_t n;
    const char *value;
    const mlr_yaml *yaml;
    mlr_pool *pool;
    mlr_err *err;
} editor;

static char *put(char *to, const void *from, size_t n)
{
    memcpy(to, from, n);
    return to + n;
}

static mlr_status splice(const editor *e, const edit *x, char **out, size_t *out_n)
{
    size_t head = strlen(x->head), value = strlen(e->value), tail = strlen(x->tail);
    *out_n = e->n - (x->to - x->from) + head + value + tail;
    *out = mlr_pool_take(e->pool, *out_n + 1);
    if (*out == NULL) {
        return mlr_fail(e->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for an edit");
    }
    char *p = put(*out, e->text, x->from);
    p = put(p, x->head, head);
    p = put(p, e->value, value);
    p = put(p, x->tail, tail);
    (void)put(p, e->text + x->to, e->n - x->to);
    return MLR_OK;
}

static mlr_status nowhere(const editor *e)
{
    return mlr_fail(e->err, MLR_E_USAGE, MLR_NO_OFFSET,
                    "a path such as budgets.patch-size or rules[0].use.level");
}

/* --- paths -----------------------------------------------------------------------------
 */

typedef struct step {
    char key[64]; /* "" for an index */
    uint32_t index;
} step;

/* The next step of a path, which moves on; false at its end or where it is none. */
static bool next_step(const char **path, step *s)
{
    const char *p = *path;
    p += *p == '.';
    *s = (step){0};
    if (*p == '[') {
        for (p++; *p >= '0' && *p <= '9' && s->index < 100000; p++) {
            s->index = s->index * 10 + (uint32_t)(*p - '0');
        }
        *path = p + 1;
        return *p == ']';
    }
    size_t n = strcspn(p, ".[");
    if (n == 0 || n >= sizeof s->key) {
        return false;
    }
    memcpy(s->key, p, n);
    *path = p + n;
    return true;
}

static const mlr_yaml_node *child(const editor *e, const mlr_yaml_node *n, const step *s)
{
    if (s->key[0] != '\0') {
        return mlr_yaml_get(e->yaml, n, s->key);
    }
    const mlr_yaml_node *i = n->kind == MLR_YAML_LIST ? mlr_yaml_first(e->yaml, n) : NULL;
    for (uint32_t at = 0; i != NULL && at < s->index; at++) {
        i = mlr_yaml_next(e->yaml, i);
    }
    return i;
}

/* --- changing what is there ------------------------------------------------------------
 */

static mlr_status replace(const editor *e, const mlr_yaml_node *n, char **out,
                          size_t *out_n)
{
    if (n->kind != MLR_YAML_SCALAR && !n->flow) {
        return nowhere(e); /* lines of their own: not one value */
    }
    bool glued = n->begin > 0 && e->text[n->begin - 1] == ':';
    const edit x = {n->begin, n->end, glued ? " " : "", ""};
    return splice(e, &x, out, out_n);
}

/* --- adding what is not ----------------------------------------------------------------
 */

/* Where the last value inside a block ends: marks of blocks reach past their comments. */
static size_t content_end(const editor *e, const mlr_yaml_node *n)
{
    while (n->kind != MLR_YAML_SCALAR && !n->flow && n->first != 0) {
        n = mlr_yaml_first(e->yaml, n);
        for (const mlr_yaml_node *i = n; i != NULL; i = mlr_yaml_next(e->yaml, i)) {
            n = i;
        }
    }
    return n->end;
}

static size_t line_end(const editor *e, size_t at)
{
    if (at > 0 && at <= e->n && e->text[at - 1] == '\n') {
        return at - 1; /* a block of text ends behind its line */
    }
    while (at < e->n && e->text[at] != '\n') {
        at++;
    }
    return at;
}

/* "\n    use:\n      level: " for what is left of a path, `column` spaces deep. */
static bool key_lines(const char *path, step s, unsigned column, char *to, size_t room)
{
    for (bool more = true; more;) {
        size_t used = strlen(to);
        if (s.key[0] == '\0' || used + column + strlen(s.key) + 4 >= room) {
            return false;
        }
        more = *path != '\0';
        (void)snprintf(to + used, room - used, "\n%*s%s:%s", (int)column, "", s.key,
                       more ? "" : " ");
        column += 2;
        if (more && !next_step(&path, &s)) {
            return false;
        }
    }
    return true;
}

static mlr_status add_to_flow(const editor *e, const mlr_yaml_node *map, const char *path,
                              const step *s, char **out, size_t *out_n)
{
    char head[80];
    if (*path != '\0' || map->end == 0) {
        return nowhere(e);
    }
    size_t at = map->count == 0 ? map->end - 1 : content_end(e, map) - 1;
    while (map->count > 0 && at > map->begin && e->text[at - 1] == ' ') {
        at--; /* "{a: 1 }" */
    }
    (void)snprintf(head, sizeof head, "%s%s: ", map->count == 0 ? "" : ", ", s->key);
    const edit x = {at, at, head, ""};
    return splice(e, &x, out, out_n);
}

static mlr_status add(const editor *e, const mlr_yaml_node *map, const char *path,
                      const step *s, char **out, size_t *out_n)
{
    char head[512] = "";
    if (map->kind != MLR_YAML_MAP || s->key[0] == '\0') {
        return nowhere(e);
    }
    if (map->flow) {
        return add_to_flow(e, map, path, s, out, out_n);
    }
    const mlr_yaml_node *first = mlr_yaml_first(e->yaml, map);
    unsigned column = first == NULL ? 0 : first->key_at.column - 1;
    size_t at = first == NULL ? e->n : line_end(e, content_end(e, map));
    if (!key_lines(path, *s, column, head, sizeof head)) {
        return nowhere(e);
    }
    bool fresh_line = at == 0 || e->text[at - 1] == '\n';
    const edit x = {at, at, head + fresh_line, at == e->n ? "\n" : ""};
    return splice(e, &x, out, out_n);
}

static mlr_status set_at(const editor *e, const char *path, char **out, size_t *out_n)
{
    const mlr_yaml_node *n = &e->yaml->nodes[0];
    while (*path != '\0') {
        step s;
        if (!next_step(&path, &s)) {
            return nowhere(e);
        }
        const mlr_yaml_node *next = child(e, n, &s);
        if (next == NULL) {
            return add(e, n, path, &s, out, out_n);
        }
        n = next;
    }
    return n == &e->yaml->nodes[0] ? nowhere(e) : replace(e, n, out, out_n);
}

mlr_status mlr_yaml_set(const char *text, size_t n, const char *path, const char *value,
                        mlr_pool *pool, char **out, size_t *out_n, mlr_err *err)
{
    mlr_yaml y = {0};
    if (strchr(value, '\n') != NULL || value[0] == '\0') {
        return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET, "a value of one line");
    }
    if (mlr_yaml_read(&y, text, n, pool->alloc, err) == MLR_OK) {
        const editor e = {
            .text = text, .n = n, .value = value, .yaml = &y, .pool = pool, .err = err};
        (void)set_at(&e, path, out, out_n);
    }
    mlr_yaml_release(&y);
    return err->status;
}
