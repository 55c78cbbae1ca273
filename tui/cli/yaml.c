#include "tui/cli/yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "apply/base/checked.h"

/* Keys of all maps in one open hash, so that a map of many keys stays linear. */
typedef struct key_set {
    uint32_t *slots; /* node index + 1 */
    uint32_t room;   /* a power of two */
} key_set;

typedef struct frame {
    uint32_t node, last; /* the container and its newest child */
    bool want_key;
} frame;

typedef struct reader {
    mlr_yaml *y;
    const mlr_allocator *alloc;
    mlr_err *err;
    yaml_parser_t parser;
    key_set keys;
    frame stack[MLR_YAML_MAX_DEPTH];
    uint32_t depth;
    uint32_t *parents; /* by node, for the key set */
    const char *key;   /* waiting for its value */
    uint32_t key_bytes;
    mlr_yaml_at key_at;
    bool root_seen;
    uint32_t *byte_at; /* by character, where the text is not all ASCII; else NULL */
    uint32_t bytes;
} reader;

/* libyaml counts characters; edits and errors need bytes. */
static uint32_t byte_of(const reader *r, yaml_mark_t m)
{
    if (r->byte_at == NULL) {
        return (uint32_t)m.index;
    }
    return m.index > r->bytes ? r->bytes : r->byte_at[m.index];
}

static mlr_status fail_at(mlr_yaml *y, mlr_yaml_at at, uint64_t byte, const char *rule,
                          mlr_err *err)
{
    char place[32];
    y->failed = at;
    snprintf(place, sizeof place, "%u:%u", at.line, at.column);
    mlr_err_about(err, place, strlen(place));
    return mlr_fail(err, MLR_E_FORMAT, byte, rule);
}

static mlr_yaml_at place(yaml_mark_t m)
{
    return (mlr_yaml_at){(uint32_t)m.line + 1, (uint32_t)m.column + 1};
}

static mlr_status refuse(reader *r, yaml_mark_t m, const char *rule)
{
    return fail_at(r->y, place(m), byte_of(r, m), rule, r->err);
}

static uint32_t hash_key(uint32_t parent, const char *key, size_t n)
{
    uint32_t h = 2166136261U ^ parent * 2654435761U;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (uint8_t)key[i]) * 16777619U;
    }
    return h ^ h >> 15;
}

/* False where the map has this key already. */
static bool remember_key(reader *r, uint32_t parent, uint32_t node)
{
    const mlr_yaml_node *n = &r->y->nodes[node];
    uint32_t mask = r->keys.room - 1;
    uint32_t at = hash_key(parent, n->key, n->key_bytes) & mask;
    for (; r->keys.slots[at] != 0; at = (at + 1) & mask) {
        uint32_t other = r->keys.slots[at] - 1;
        const mlr_yaml_node *o = &r->y->nodes[other];
        if (r->parents[other] == parent && o->key_bytes == n->key_bytes &&
            memcmp(o->key, n->key, n->key_bytes) == 0) {
            return false;
        }
    }
    r->keys.slots[at] = node + 1;
    return true;
}

/* Strings of a document never outgrow its bytes by more than one NUL each. */
static const char *keep(reader *r, const yaml_event_t *e, uint32_t *bytes)
{
    mlr_yaml *y = r->y;
    size_t n = e->data.scalar.length;
    if (n >= y->string_room - y->string_bytes) {
        mlr_fail(r->err, MLR_E_LIMIT, byte_of(r, e->start_mark),
                 "text within the file's size");
        return NULL;
    }
    char *to = y->strings + y->string_bytes;
    memcpy(to, e->data.scalar.value, n);
    to[n] = '\0';
    y->string_bytes += n + 1;
    *bytes = (uint32_t)n;
    return to;
}

static bool add_node(reader *r, const yaml_event_t *e, mlr_yaml_kind kind, uint32_t *index)
{
    mlr_yaml *y = r->y;
    if (y->count == y->node_room) {
        mlr_fail(r->err, MLR_E_LIMIT, byte_of(r, e->start_mark),
                 "nodes within the file's size");
        return false;
    }
    *index = (uint32_t)y->count++;
    y->nodes[*index] = (mlr_yaml_node){.text = "",
                                       .key = r->key,
                                       .key_bytes = r->key_bytes,
                                       .key_at = r->key_at,
                                       .at = place(e->start_mark),
                                       .begin = byte_of(r, e->start_mark),
                                       .end = byte_of(r, e->end_mark),
                                       .kind = (uint8_t)kind};
    r->parents[*index] = r->depth == 0 ? UINT32_MAX : r->stack[r->depth - 1].node;
    return true;
}

static mlr_status attach(reader *r, const yaml_event_t *e, uint32_t node)
{
    if (r->depth == 0) {
        r->root_seen = true;
        return MLR_OK;
    }
    frame *f = &r->stack[r->depth - 1];
    mlr_yaml_node *parent = &r->y->nodes[f->node];
    if (f->last == 0) {
        parent->first = node;
    } else {
        r->y->nodes[f->last].next = node;
    }
    f->last = node;
    parent->count++;
    if (parent->kind != MLR_YAML_MAP) {
        return MLR_OK;
    }
    f->want_key = true;
    r->key = NULL;
    r->key_bytes = 0;
    return remember_key(r, f->node, node)
               ? MLR_OK
               : fail_at(r->y, r->y->nodes[node].key_at, byte_of(r, e->start_mark),
                         "a key given once", r->err);
}

static bool wants_key(const reader *r)
{
    return r->depth > 0 && r->stack[r->depth - 1].want_key;
}

static mlr_status on_scalar(reader *r, const yaml_event_t *e)
{
    if (e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL) {
        return refuse(r, e->start_mark, "no anchors and no tags");
    }
    uint32_t bytes = 0;
    const char *text = keep(r, e, &bytes);
    if (text == NULL) {
        return r->err->status;
    }
    if (memchr(text, 0, bytes) != NULL) {
        return refuse(r, e->start_mark, "text without NUL");
    }
    if (wants_key(r)) {
        if (strcmp(text, "<<") == 0) {
            return refuse(r, e->start_mark, "no merge keys");
        }
        r->key = text;
        r->key_bytes = bytes;
        r->key_at = place(e->start_mark);
        r->stack[r->depth - 1].want_key = false;
        return MLR_OK;
    }
    uint32_t node = 0;
    if (!add_node(r, e, MLR_YAML_SCALAR, &node)) {
        return r->err->status;
    }
    r->y->nodes[node].text = text;
    r->y->nodes[node].text_bytes = bytes;
    r->y->nodes[node].quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return attach(r, e, node);
}

static mlr_status on_open(reader *r, const yaml_event_t *e, mlr_yaml_kind kind)
{
    bool map = kind == MLR_YAML_MAP;
    const void *anchor = map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
    const void *tag = map ? e->data.mapping_start.tag : e->data.sequence_start.tag;
    if (anchor != NULL || tag != NULL) {
        return refuse(r, e->start_mark, "no anchors and no tags");
    }
    if (wants_key(r)) {
        return refuse(r, e->start_mark, "a plain text as key");
    }
    if (r->depth == MLR_YAML_MAX_DEPTH) {
        return refuse(r, e->start_mark, "nesting of at most 32 levels");
    }
    uint32_t node = 0;
    if (!add_node(r, e, kind, &node)) {
        return r->err->status;
    }
    r->y->nodes[node].flow = map ? e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                                 : e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    mlr_status s = attach(r, e, node);
    r->stack[r->depth++] = (frame){.node = node, .want_key = map};
    return s;
}

static mlr_status on_event(reader *r, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return refuse(r, e->start_mark, "no aliases");
    case YAML_DOCUMENT_START_EVENT:
        if (r->root_seen) {
            return refuse(r, e->start_mark, "one document");
        }
        if (e->data.document_start.version_directive != NULL ||
            e->data.document_start.tag_directives.start !=
                e->data.document_start.tag_directives.end) {
            return refuse(r, e->start_mark, "no directives");
        }
        return MLR_OK;
    case YAML_SCALAR_EVENT:
        return on_scalar(r, e);
    case YAML_MAPPING_START_EVENT:
        return on_open(r, e, MLR_YAML_MAP);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(r, e, MLR_YAML_LIST);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        r->depth--;
        r->y->nodes[r->stack[r->depth].node].end = byte_of(r, e->end_mark);
        return MLR_OK;
    default:
        return MLR_OK;
    }
}

static mlr_status parse_failure(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) {
        return mlr_fail(r->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for YAML");
    }
    if (p->error == YAML_READER_ERROR) {
        return fail_at(r->y, (mlr_yaml_at){(uint32_t)p->mark.line + 1, 1},
                       p->problem_offset, "UTF-8 text without control characters", r->err);
    }
    return refuse(r, p->problem_mark, "well-formed YAML");
}

static mlr_status read_events(reader *r)
{
    for (bool more = true; more;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&r->parser, &e)) {
            return parse_failure(r);
        }
        mlr_status s = on_event(r, &e);
        more = e.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
        if (s != MLR_OK) {
            return s;
        }
    }
    return MLR_OK;
}

static mlr_status take_tables(reader *r, size_t n)
{
    mlr_yaml *y = r->y;
    y->node_room = n + 2; /* every node takes a byte at least; an absent value its ':' */
    y->string_room = 2 * n + 16;
    r->keys.room = 16;
    while (r->keys.room < 2 * y->node_room) {
        r->keys.room *= 2;
    }
    y->nodes = mlr_take(r->alloc, y->node_room * sizeof *y->nodes);
    y->strings = mlr_take(r->alloc, y->string_room);
    r->keys.slots = mlr_take(r->alloc, r->keys.room * sizeof *r->keys.slots);
    r->parents = mlr_take(r->alloc, y->node_room * sizeof *r->parents);
    if (y->nodes == NULL || y->strings == NULL || r->keys.slots == NULL ||
        r->parents == NULL) {
        return mlr_fail(r->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for YAML");
    }
    memset(r->keys.slots, 0, r->keys.room * sizeof *r->keys.slots);
    return MLR_OK;
}

static mlr_status map_characters(reader *r, const char *bytes, size_t n)
{
    bool ascii = true;
    for (size_t i = 0; i < n; i++) {
        ascii &= (unsigned char)bytes[i] < 0x80;
    }
    r->bytes = (uint32_t)n;
    if (ascii) {
        return MLR_OK;
    }
    r->byte_at = mlr_take(r->alloc, (n + 1) * sizeof *r->byte_at);
    if (r->byte_at == NULL) {
        return mlr_fail(r->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for YAML");
    }
    size_t chars = 0;
    for (size_t i = 0; i < n; i++) {
        if (((unsigned char)bytes[i] & 0xc0) != 0x80) {
            r->byte_at[chars++] = (uint32_t)i;
        }
    }
    while (chars <= n) {
        r->byte_at[chars++] = (uint32_t)n;
    }
    return MLR_OK;
}

static mlr_status read_all(reader *r, const char *bytes, size_t n)
{
    mlr_status s = take_tables(r, n);
    s = s == MLR_OK ? map_characters(r, bytes, n) : s;
    if (s != MLR_OK) {
        return s;
    }
    if (!yaml_parser_initialize(&r->parser)) {
        return mlr_fail(r->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for YAML");
    }
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)bytes, n);
    s = read_events(r);
    yaml_parser_delete(&r->parser);
    if (s == MLR_OK && !r->root_seen) {
        r->y->nodes[0] = (mlr_yaml_node){.text = "", .kind = MLR_YAML_MAP, .at = {1, 1}};
        r->y->count = 1;
    }
    return s;
}

mlr_status mlr_yaml_read(mlr_yaml *y, const char *bytes, size_t n, const mlr_allocator *a,
                         mlr_err *err)
{
    mlr_err own = {0};
    *y = (mlr_yaml){.alloc = a};
    reader r = {.y = y, .alloc = a, .err = err == NULL ? &own : err};
    if (n > MLR_YAML_MAX_BYTES) {
        return mlr_fail_limit(r.err, 0, "bytes of a YAML file", n, MLR_YAML_MAX_BYTES);
    }
    mlr_status s = read_all(&r, bytes, n);
    mlr_give(a, r.keys.slots, r.keys.room * sizeof *r.keys.slots);
    mlr_give(a, r.byte_at, (n + 1) * sizeof *r.byte_at);
    mlr_give(a, r.parents, y->node_room * sizeof *r.parents);
    if (s != MLR_OK) {
        mlr_yaml_at failed = y->failed;
        mlr_yaml_release(y);
        y->failed = failed;
    }
    return s;
}

void mlr_yaml_release(mlr_yaml *y)
{
    if (y->alloc != NULL) {
        mlr_give(y->alloc, y->nodes, y->node_room * sizeof *y->nodes);
        mlr_give(y->alloc, y->strings, y->string_room);
    }
    *y = (mlr_yaml){0};
}

const mlr_yaml_node *mlr_yaml_first(const mlr_yaml *y, const mlr_yaml_node *n)
{
    return n->first == 0 ? NULL : &y->nodes[n->first];
}

const mlr_yaml_node *mlr_yaml_next(const mlr_yaml *y, const mlr_yaml_node *n)
{
    return n->next == 0 ? NULL : &y->nodes[n->next];
}

const mlr_yaml_node *mlr_yaml_get(const mlr_yaml *y, const mlr_yaml_node *map,
                                  const char *key)
{
    const mlr_yaml_node *n = map->kind == MLR_YAML_MAP ? mlr_yaml_first(y, map) : NULL;
    while (n != NULL && strcmp(n->key, key) != 0) {
        n = mlr_yaml_next(y, n);
    }
    return n;
}

bool mlr_yaml_is(const mlr_yaml_node *n, const char *text)
{
    return n->kind == MLR_YAML_SCALAR && strcmp(n->text, text) == 0;
}

bool mlr_yaml_bool(const mlr_yaml_node *n, bool *out)
{
    if (n->quoted || (!mlr_yaml_is(n, "true") && !mlr_yaml_is(n, "false"))) {
        return false;
    }
    *out = mlr_yaml_is(n, "true");
    return true;
}

bool mlr_yaml_u64(const mlr_yaml_node *n, uint64_t *out)
{
    uint64_t v = 0;
    if (n->kind != MLR_YAML_SCALAR || n->quoted || n->text_bytes == 0) {
        return false;
    }
    for (uint32_t i = 0; i < n->text_bytes; i++) {
        char c = n->text[i];
        if (c < '0' || c > '9' || !mlr_mul_u64(v, 10, &v) ||
            !mlr_add_u64(v, (uint64_t)(c - '0'), &v)) {
            return false;
        }
    }
    *out = v;
    return true;
}

mlr_status mlr_yaml_fail(mlr_yaml *y, const mlr_yaml_node *n, const char *rule,
                         mlr_err *err)
{
    return fail_at(y, n->at, n->begin, rule, err);
}
