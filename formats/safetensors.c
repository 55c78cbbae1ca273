/*
 * SafeTensors: u64 header length | JSON header | data. The header names each tensor with
 * its type, shape and range of the data; together the ranges cover the data exactly. The
 * header is scanned forward once and never held in memory.
 */
#include <string.h>

#include "apply/base/checked.h"
#include "apply/base/cursor.h"
#include "formats/companions.h"
#include "formats/format.h"
#include "formats/json_scan.h"

/* The format's own numbers are the places in this table, the order of the reference. */
static const struct {
    const char *name;
    uint8_t dtype, bits;
} types[] = {
    {"BOOL", MLR_DTYPE_BOOL, 8},
    {"F4", MLR_DTYPE_F4_E2M1, 4},
    {"F6_E2M3", MLR_DTYPE_F6_E2M3, 6},
    {"F6_E3M2", MLR_DTYPE_F6_E3M2, 6},
    {"U8", MLR_DTYPE_U8, 8},
    {"I8", MLR_DTYPE_I8, 8},
    {"F8_E5M2", MLR_DTYPE_F8_E5M2, 8},
    {"F8_E4M3", MLR_DTYPE_F8_E4M3, 8},
    {"F8_E8M0", MLR_DTYPE_F8_E8M0, 8},
    {"F8_E4M3FNUZ", MLR_DTYPE_F8_E4M3FNUZ, 8},
    {"F8_E5M2FNUZ", MLR_DTYPE_F8_E5M2FNUZ, 8},
    {"I16", MLR_DTYPE_I16, 16},
    {"U16", MLR_DTYPE_U16, 16},
    {"F16", MLR_DTYPE_F16, 16},
    {"BF16", MLR_DTYPE_BF16, 16},
    {"I32", MLR_DTYPE_I32, 32},
    {"U32", MLR_DTYPE_U32, 32},
    {"F32", MLR_DTYPE_F32, 32},
    {"C64", MLR_DTYPE_C64, 64},
    {"F64", MLR_DTYPE_F64, 64},
    {"I64", MLR_DTYPE_I64, 64},
    {"U64", MLR_DTYPE_U64, 64},
};

enum { TYPES = sizeof types / sizeof *types, LENGTH_BYTES = 8 };

typedef struct st_parser {
    mlr_parse *parse;
    mlr_err *err;
    mlr_json json;
    mlr_region data; /* of the file, after the header */
    char name[MLR_MAX_NAME];
} st_parser;

/* The tensor whose object is being read. */
typedef struct st_entry {
    mlr_str name;
    uint64_t defined_at; /* the quote before its name */
    uint64_t shape_at, offsets_at;
    bool has_dtype, has_shape, has_offsets;
    uint32_t type; /* TYPES: unknown */
    uint8_t rank;
    uint64_t dim[MLR_MAX_RANK];
    uint64_t begin, end;
} st_entry;

static bool fail(st_parser *s, uint64_t at, const char *rule)
{
    mlr_fail(s->err, MLR_E_FORMAT, at, rule);
    return false;
}

static bool text_is(mlr_str text, const char *word)
{
    return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

static bool read_dtype(st_parser *s, st_entry *e)
{
    mlr_json_text t;
    if (!mlr_json_string(&s->json, &t)) {
        return false;
    }
    e->type = 0;
    while (e->type < TYPES && !text_is(t.text, types[e->type].name)) {
        e->type++;
    }
    return true;
}

static bool read_shape(st_parser *s, st_entry *e)
{
    mlr_json *j = &s->json;
    bool first = true;
    if (!mlr_json_expect(j, '[', "shape as a list")) {
        return false;
    }
    while (mlr_json_next(j, ']', &first)) {
        uint64_t at = mlr_json_at(j);
        if (e->rank == MLR_MAX_RANK) {
            mlr_fail_limit(s->err, at, "dimensions of a tensor", MLR_MAX_RANK + 1u,
                           MLR_MAX_RANK);
            return false;
        }
        if (!mlr_json_uint(j, &e->dim[e->rank++])) {
            return false;
        }
    }
    return mlr_json_ok(j);
}

static bool read_offsets(st_parser *s, st_entry *e)
{
    mlr_json *j = &s->json;
    return mlr_json_expect(j, '[', "data_offsets as a list") &&
           mlr_json_uint(j, &e->begin) && mlr_json_expect(j, ',', "two data_offsets") &&
           mlr_json_uint(j, &e->end) && mlr_json_expect(j, ']', "two data_offsets");
}

/* One key of a tensor's object, whose name has been read and starts at `at`. */
static bool read_field(st_parser *s, st_entry *e, mlr_str key, uint64_t at)
{
    static const char twice[] = "field given only once";
    mlr_json_peek(&s->json);
    uint64_t value_at = mlr_json_at(&s->json);
    if (text_is(key, "dtype")) {
        bool again = e->has_dtype;
        e->has_dtype = true;
        return again ? fail(s, at, twice) : read_dtype(s, e);
    }
    if (text_is(key, "shape")) {
        bool again = e->has_shape;
        e->has_shape = true;
        e->shape_at = value_at;
        return again ? fail(s, at, twice) : read_shape(s, e);
    }
    if (text_is(key, "data_offsets")) {
        bool again = e->has_offsets;
        e->has_offsets = true;
        e->offsets_at = value_at;
        return again ? fail(s, at, twice) : read_offsets(s, e);
    }
    return mlr_json_skip(&s->json); /* the reference ignores what it does not know */
}

/* The rule of the reference: the bits of all elements make whole bytes. */
static bool check_size(st_parser *s, const st_entry *e)
{
    uint64_t elements = 1, bits = 0;
    for (unsigned i = 0; i < e->rank; i++) {
        if (!mlr_mul_u64(elements, e->dim[i], &elements)) {
            return fail(s, e->shape_at, "element count within 64 bits");
        }
    }
    if (e->type == TYPES) {
        return true;
    }
    if (!mlr_mul_u64(elements, types[e->type].bits, &bits)) {
        return fail(s, e->shape_at, "size within 64 bits");
    }
    if (bits % 8 != 0) {
        return fail(s, e->shape_at, "elements that fill whole bytes");
    }
    if (e->end - e->begin != bits / 8) {
        return fail(s, e->offsets_at, "data as long as type and shape say");
    }
    return true;
}

static bool add_tensor(st_parser *s, const st_entry *e)
{
    if (!e->has_dtype || !e->has_shape || !e->has_offsets) {
        return fail(s, e->defined_at, "tensor with dtype, shape and data_offsets");
    }
    if (e->begin > e->end) {
        return fail(s, e->offsets_at, "data that ends after it begins");
    }
    if (!check_size(s, e)) {
        return false;
    }
    if (e->end > s->data.len) {
        mlr_fail(s->err, MLR_E_TRUNCATED, e->offsets_at, "tensor data inside the file");
        return false;
    }
    bool known = e->type < TYPES;
    mlr_tensor_spec t = {.name = e->name,
                         .dtype =
                             mlr_dtype_get(known ? types[e->type].dtype : MLR_DTYPE_OPAQUE),
                         .dim = e->dim,
                         .rank = e->rank,
                         .member = s->parse->member,
                         .native_type = e->type,
                         .data = {s->data.off + e->begin, e->end - e->begin},
                         .defined_at = e->defined_at};
    return mlr_builder_tensor(s->parse->builder, &t, s->err) == MLR_OK;
}

/* The value of a tensor's name. */
static bool read_tensor(st_parser *s, st_entry *e)
{
    mlr_json *j = &s->json;
    mlr_json_text key;
    bool first = true;
    if (!mlr_json_expect(j, '{', "tensor described by an object")) {
        return false;
    }
    while (mlr_json_next(j, '}', &first)) {
        uint64_t at = mlr_json_at(j);
        if (!mlr_json_key(j, &key) || !read_field(s, e, key.text, at)) {
            return false;
        }
    }
    return mlr_json_ok(j) && add_tensor(s, e);
}

static bool add_meta(st_parser *s, mlr_str key, const mlr_json_text *value)
{
    mlr_meta m = {.key = key,
                  .kind = MLR_META_STRING,
                  .text = value->text,
                  .count = value->bytes,
                  .bytes = value->raw,
                  .member = s->parse->member};
    return mlr_builder_meta(s->parse->builder, &m, s->err) == MLR_OK;
}

/* Keeps the text of a key, which the next string would overwrite. */
static bool keep_name(st_parser *s, const mlr_json_text *t, uint64_t at, mlr_str *out)
{
    if (t->bytes > MLR_MAX_NAME) {
        mlr_fail_limit(s->err, at, "bytes of a name", t->bytes, MLR_MAX_NAME);
        return false;
    }
    memcpy(s->name, t->text.p, t->text.n);
    *out = (mlr_str){.p = s->name, .n = t->text.n};
    return true;
}

static bool read_metadata(st_parser *s)
{
    mlr_json *j = &s->json;
    mlr_json_text t;
    mlr_str key;
    bool first = true;
    uint64_t start = mlr_json_at(j);
    if (!mlr_json_expect(j, '{', "metadata as an object")) {
        return false;
    }
    while (mlr_json_next(j, '}', &first)) {
        uint64_t at = mlr_json_at(j);
        if (!mlr_json_key(j, &t) || !keep_name(s, &t, at, &key)) {
            return false;
        }
        if (mlr_builder_meta_find(s->parse->builder, key) != NULL) {
            return fail(s, at, "metadata key given only once");
        }
        if (!mlr_json_string(j, &t) || !add_meta(s, key, &t)) {
            return false;
        }
        if (mlr_json_at(j) - start > MLR_MAX_ST_METADATA) {
            mlr_fail_limit(s->err, start, "bytes of metadata", mlr_json_at(j) - start,
                           MLR_MAX_ST_METADATA);
            return false;
        }
    }
    return mlr_json_ok(j);
}

static bool read_entry(st_parser *s, bool *seen_metadata)
{
    mlr_json_text t;
    mlr_str name;
    uint64_t at = mlr_json_at(&s->json);
    if (!mlr_json_key(&s->json, &t) || !keep_name(s, &t, at, &name)) {
        return false;
    }
    if (text_is(name, "__metadata__")) {
        if (*seen_metadata) {
            return fail(s, at, "metadata given only once");
        }
        *seen_metadata = true;
        mlr_json_peek(&s->json);
        return read_metadata(s);
    }
    if (t.has_control) {
        return fail(s, at, "name without control characters");
    }
    st_entry e = {.name = name, .defined_at = at};
    return read_tensor(s, &e);
}

static bool read_header(st_parser *s)
{
    mlr_json *j = &s->json;
    bool first = true, seen_metadata = false;
    if (!mlr_json_expect(j, '{', "header that starts with an object")) {
        return false;
    }
    while (mlr_json_next(j, '}', &first)) {
        if (!read_entry(s, &seen_metadata)) {
            return false;
        }
    }
    if (!mlr_json_ok(j)) {
        return false;
    }
    if (mlr_json_peek(j) != 0 || mlr_json_at(j) != j->end) {
        return mlr_json_ok(j) &&
               fail(s, mlr_json_at(j), "nothing but spaces after the header");
    }
    return mlr_json_ok(j);
}

/* Where the header and the data lie. */
static bool read_length(st_parser *s, uint64_t *header)
{
    static const char rule[] = "header inside the file";
    mlr_parse *p = s->parse;
    const uint8_t *b = mlr_window_at(p->window, 0, LENGTH_BYTES, rule, s->err);
    if (b == NULL) {
        return false;
    }
    *header = mlr_load64(b);
    if (*header > p->size - LENGTH_BYTES) {
        mlr_fail(s->err, MLR_E_TRUNCATED, 0, rule);
        return false;
    }
    if (*header > MLR_MAX_ST_HEADER) {
        mlr_fail_limit(s->err, 0, "bytes of the header", *header, MLR_MAX_ST_HEADER);
        return false;
    }
    s->data.off = LENGTH_BYTES + *header;
    s->data.len = p->size - s->data.off;
    return true;
}

static mlr_status parse(mlr_parse *p, mlr_err *err)
{
    uint64_t header = 0;
    st_parser *s = mlr_pool_take(p->scratch, sizeof *s);
    if (s == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for the header scanner");
    }
    s->parse = p;
    s->err = err;
    if (!read_length(s, &header)) {
        return err->status;
    }
    mlr_json_begin(&s->json, p->window, LENGTH_BYTES, s->data.off, err);
    const uint8_t *open =
        mlr_window_at(p->window, LENGTH_BYTES, header > 0, "header that is there", err);
    if (open != NULL && (header == 0 || *open != '{')) {
        return mlr_fail(err, MLR_E_FORMAT, LENGTH_BYTES,
                        "header that starts with an object");
    }
    if (open == NULL || !read_header(s)) {
        return err->status;
    }
    return mlr_builder_gapless(p->builder, s->data, err);
}

/* There is no magic: a plausible length before an opening brace is all there is to see. */
static int probe(const uint8_t *head, size_t n, uint64_t size)
{
    if (n <= LENGTH_BYTES || head[LENGTH_BYTES] != '{') {
        return 0;
    }
    uint64_t header = mlr_load64(head);
    if (header < 2 || header > MLR_MAX_ST_HEADER) {
        return 0;
    }
    return header <= size - LENGTH_BYTES ? 90 : 40;
}

const mlr_format mlr_format_safetensors = {.name = "safetensors",
                                           .title = "SafeTensors",
                                           .suffixes = "safetensors",
                                           .patch_suffix = "sftp",
                                           .probe = probe,
                                           .parse = parse,
                                           .relate = mlr_safetensors_relate};
