#include "formats/gguf_meta.h"

#include <string.h>

#include "apply/base/checked.h"

/* Value types by the numbers of the specification. */
enum { TYPE_BOOL = 7, TYPE_STRING = 8, TYPE_ARRAY = 9, TYPE_U32 = 4, TYPES = 13 };
enum { TEXT_KEPT = 4096, MIN_KEY = 1 };

/* `bytes` is 0 for types that carry a length. */
static const struct {
    uint8_t bytes, kind;
} types[TYPES] = {
    {1, MLR_META_UINT},   {1, MLR_META_INT},   {2, MLR_META_UINT},  {2, MLR_META_INT},
    {4, MLR_META_UINT},   {4, MLR_META_INT},   {4, MLR_META_FLOAT}, {1, MLR_META_BOOL},
    {0, MLR_META_STRING}, {0, MLR_META_ARRAY}, {8, MLR_META_UINT},  {8, MLR_META_INT},
    {8, MLR_META_FLOAT},
};

static bool fail(mlr_gguf *g, uint64_t at, const char *rule)
{
    mlr_walk_fail(&g->walk, at, rule);
    return false;
}

uint64_t mlr_gguf_length(mlr_gguf *g, const char *rule)
{
    return g->version == 1 ? mlr_walk_u32(&g->walk, rule) : mlr_walk_u64(&g->walk, rule);
}

/* A length that must fit into what is left of the file; its own offset is at fault. */
static bool fitting_length(mlr_gguf *g, uint64_t *n, const char *rule)
{
    uint64_t at = g->walk.pos;
    *n = mlr_gguf_length(g, rule);
    if (mlr_walk_ok(&g->walk) && *n > g->walk.end - g->walk.pos) {
        mlr_fail(g->walk.err, MLR_E_TRUNCATED, at, rule);
    }
    return mlr_walk_ok(&g->walk);
}

/* The key, valid until the next read. `*at` is where its length stands. */
static bool read_key(mlr_gguf *g, char to[MLR_MAX_GGUF_KEY], mlr_str *key, uint64_t *at)
{
    uint64_t n = 0;
    *at = g->walk.pos;
    if (!fitting_length(g, &n, "metadata key inside the file")) {
        return false;
    }
    if (n < MIN_KEY) {
        return fail(g, *at, "metadata key that is not empty");
    }
    if (n > MLR_MAX_GGUF_KEY) {
        mlr_fail_limit(g->walk.err, *at, "bytes of a metadata key", n, MLR_MAX_GGUF_KEY);
        return false;
    }
    if (!mlr_walk_read(&g->walk, to, (size_t)n, "metadata key inside the file")) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if ((uint8_t)to[i] < 0x20 || to[i] == 0x7f) {
            return fail(g, g->walk.pos - n + i, "key without control characters");
        }
    }
    *key = (mlr_str){.p = to, .n = (size_t)n};
    if (mlr_builder_meta_find(g->parse->builder, *key) != NULL) {
        mlr_err_about(g->walk.err, to, key->n);
        return fail(g, *at, "metadata key given only once");
    }
    return true;
}

static bool read_type(mlr_gguf *g, uint32_t *type)
{
    uint64_t at = g->walk.pos;
    *type = mlr_walk_u32(&g->walk, "metadata type inside the file");
    if (mlr_walk_ok(&g->walk) && *type >= TYPES) {
        return fail(g, at, "known metadata type");
    }
    return mlr_walk_ok(&g->walk);
}

/* Passes over the bytes of a string; the walk is left behind them. */
static bool skip_string(mlr_gguf *g, mlr_region *bytes)
{
    uint64_t n = 0;
    uint64_t at = g->walk.pos;
    if (!fitting_length(g, &n, "string inside the file")) {
        return false;
    }
    if (n > MLR_MAX_GGUF_STRING) {
        mlr_fail_limit(g->walk.err, at, "bytes of a string", n, MLR_MAX_GGUF_STRING);
        return false;
    }
    *bytes = (mlr_region){g->walk.pos, n};
    mlr_walk_skip(&g->walk, n, "string inside the file");
    return mlr_walk_ok(&g->walk);
}

/* What an array says before its elements. */
typedef struct array_head {
    uint32_t type;
    uint64_t count;
} array_head;

static bool read_array_head(mlr_gguf *g, array_head *a)
{
    static const char rule[] = "array inside the file";
    if (!read_type(g, &a->type)) {
        return false;
    }
    uint64_t at = g->walk.pos;
    uint64_t length_bytes = g->version == 1 ? 4 : 8;
    uint64_t least = types[a->type].bytes;
    if (least == 0) {
        least = length_bytes + (a->type == TYPE_ARRAY ? 4 : 0);
    }
    a->count = mlr_gguf_length(g, rule);
    if (mlr_walk_ok(&g->walk) && a->count > (g->walk.end - g->walk.pos) / least) {
        mlr_fail(g->walk.err, MLR_E_TRUNCATED, at, rule);
    }
    return mlr_walk_ok(&g->walk);
}

/* Passes over the elements. Recursion is bounded: `depth` arrays are open already. */
static bool skip_elements(mlr_gguf *g, const array_head *a, unsigned depth)
{
    mlr_region ignored;
    if (a->type != TYPE_STRING && a->type != TYPE_ARRAY) {
        mlr_walk_skip(&g->walk, a->count * types[a->type].bytes, "array inside the file");
        return mlr_walk_ok(&g->walk);
    }
    if (a->type == TYPE_ARRAY && depth == MLR_MAX_GGUF_NESTING) {
        mlr_fail_limit(g->walk.err, g->walk.pos, "nesting of arrays", depth + 1u, depth);
        return false;
    }
    for (uint64_t i = 0; i < a->count; i++) {
        array_head inner;
        bool fine = a->type == TYPE_STRING
                        ? skip_string(g, &ignored)
                        : read_array_head(g, &inner) && skip_elements(g, &inner, depth + 1);
        if (!fine) {
            return false;
        }
    }
    return true;
}

static bool read_array(mlr_gguf *g, mlr_meta *m)
{
    array_head a;
    if (!read_array_head(g, &a)) {
        return false;
    }
    m->element = types[a.type].kind;
    m->native_type = a.type;
    m->count = a.count;
    m->bytes.off = g->walk.pos;
    bool fine = skip_elements(g, &a, 1);
    m->bytes.len = g->walk.pos - m->bytes.off;
    return fine;
}

static bool read_string(mlr_gguf *g, mlr_meta *m, char text[TEXT_KEPT])
{
    if (!skip_string(g, &m->bytes)) {
        return false;
    }
    m->count = m->bytes.len;
    m->text.n = m->count < TEXT_KEPT ? (size_t)m->count : TEXT_KEPT;
    m->text.p = text;
    uint64_t after = g->walk.pos;
    g->walk.pos = m->bytes.off;
    bool fine = mlr_walk_read(&g->walk, text, m->text.n, "string inside the file");
    g->walk.pos = after;
    return fine;
}

static uint64_t sign_extend(uint64_t v, unsigned bytes)
{
    uint64_t sign = (uint64_t)1 << (8 * bytes - 1);
    return bytes < 8 ? (v ^ sign) - sign : v;
}

static double float_of(uint64_t bits, unsigned bytes)
{
    if (bytes == 4) {
        uint32_t narrow = (uint32_t)bits;
        float f = 0;
        memcpy(&f, &narrow, sizeof f);
        return (double)f;
    }
    double d = 0;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static bool read_scalar(mlr_gguf *g, mlr_meta *m, uint32_t type)
{
    static const char rule[] = "metadata value inside the file";
    unsigned bytes = types[type].bytes;
    uint64_t at = g->walk.pos;
    uint64_t v = bytes == 1   ? mlr_walk_u8(&g->walk, rule)
                 : bytes == 2 ? mlr_walk_u16(&g->walk, rule)
                 : bytes == 4 ? mlr_walk_u32(&g->walk, rule)
                              : mlr_walk_u64(&g->walk, rule);
    m->bytes = (mlr_region){at, bytes};
    m->value.u = v;
    if (m->kind == MLR_META_INT) {
        m->value.i = (int64_t)sign_extend(v, bytes);
    } else if (m->kind == MLR_META_FLOAT) {
        m->value.f = float_of(v, bytes);
    } else if (type == TYPE_BOOL && v > 1) {
        return fail(g, at, "boolean of 0 or 1");
    }
    return mlr_walk_ok(&g->walk);
}

/* The one key that the layout of the file depends on. */
static bool note_alignment(mlr_gguf *g, const mlr_meta *m, uint64_t type_at)
{
    static const char key[] = "general.alignment";
    if (m->key.n != sizeof key - 1 || memcmp(m->key.p, key, m->key.n) != 0) {
        return true;
    }
    if (m->native_type != TYPE_U32 || m->kind != MLR_META_UINT) {
        return fail(g, type_at, "alignment as a u32");
    }
    uint64_t a = m->value.u, ignored = 0;
    if (!mlr_align_u64(0, a, &ignored)) {
        return fail(g, m->bytes.off, "alignment that is a power of two");
    }
    if (a > MLR_MAX_GGUF_ALIGNMENT) {
        mlr_fail_limit(g->walk.err, m->bytes.off, "alignment", a, MLR_MAX_GGUF_ALIGNMENT);
        return false;
    }
    g->alignment = a;
    return true;
}

/* Room for what an entry's key and text are read into. */
typedef struct meta_room {
    char key[MLR_MAX_GGUF_KEY];
    char text[TEXT_KEPT];
} meta_room;

static bool read_meta(mlr_gguf *g, meta_room *room)
{
    mlr_meta m = {.member = g->parse->member};
    uint64_t at = 0;
    uint32_t type = 0;
    if (!read_key(g, room->key, &m.key, &at)) {
        return false;
    }
    uint64_t type_at = g->walk.pos;
    if (!read_type(g, &type)) {
        return false;
    }
    m.native_type = type;
    m.kind = types[type].kind;
    bool fine = type == TYPE_STRING  ? read_string(g, &m, room->text)
                : type == TYPE_ARRAY ? read_array(g, &m)
                                     : read_scalar(g, &m, type);
    return fine && note_alignment(g, &m, type_at) &&
           mlr_builder_meta(g->parse->builder, &m, g->walk.err) == MLR_OK;
}

bool mlr_gguf_read_metas(mlr_gguf *g, uint64_t count)
{
    meta_room *room = mlr_pool_take(g->parse->scratch, sizeof *room);
    if (room == NULL) {
        mlr_fail(g->walk.err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for metadata");
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!read_meta(g, room)) {
            return false;
        }
    }
    return true;
}
