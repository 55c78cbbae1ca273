/*
 * TFLite: one FlatBuffer, perhaps with payloads or an archive behind it. The schema has a
 * fixed depth, so nothing here nests. The payload unit is the buffer: several tensors may
 * use one.
 */
#include "formats/tflite.h"

#include <stdio.h>
#include <string.h>

#include "apply/base/checked.h"
#include "apply/base/cursor.h"
#include "formats/path_rule.h"

/* Model's fields. */
enum {
    VERSION = 0,
    OPERATOR_CODES = 1,
    SUBGRAPHS = 2,
    DESCRIPTION = 3,
    BUFFERS = 4,
    METADATA = 6,
    SIGNATURES = 7,
    EXTERNAL_GROUPS = 8,
    EXTERNAL_BUFFERS = 9
};

enum { SCHEMA_VERSION = 3, OFFSET_IS_SET_ABOVE = 1 };

static bool ok(const mlr_tfl *f)
{
    return f->err->status == MLR_OK;
}

static mlr_status fail(mlr_tfl *f, uint64_t at, const char *rule)
{
    return mlr_fail(f->err, MLR_E_FORMAT, at, rule);
}

static void *take(mlr_tfl *f, uint64_t count, size_t each)
{
    size_t n = 0;
    void *p = mlr_to_size(count, &n) && n < SIZE_MAX / each
                  ? mlr_pool_take(f->p->scratch, n * each)
                  : NULL;
    if (p == NULL) {
        mlr_fail(f->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
    }
    return p;
}

/* --- payloads --- */

/* Buffer {data, offset, size}: bytes in the FlatBuffer, or behind it beyond 2 GB. */
static void read_buffer(mlr_tfl *f, const mlr_fb_table *t, mlr_tfl_buffer *b)
{
    enum { DATA = 0, OFFSET = 1, SIZE = 2 };
    mlr_fb_vector data = mlr_fb_vec(&f->fb, t, DATA, 1);
    uint64_t off = mlr_fb_u64(&f->fb, t, OFFSET, 0);
    uint64_t size = mlr_fb_u64(&f->fb, t, SIZE, 0);
    *b = (mlr_tfl_buffer){
        .bytes = {.off = data.at, .len = data.count}, .at = t->at, .member = f->p->member};
    if (!ok(f) || off <= OFFSET_IS_SET_ABOVE) {
        return;
    }
    if (data.count > 0) {
        fail(f, t->at, "data in one place, here or behind the buffer");
        return;
    }
    if (!mlr_inside(off, size, f->p->size)) {
        mlr_fail(f->err, MLR_E_TRUNCATED, t->at, "buffer inside the file");
        return;
    }
    b->bytes = (mlr_region){.off = off, .len = size};
}

static void read_buffers(mlr_tfl *f, const mlr_fb_vector *all)
{
    for (uint32_t i = 0; i < all->count && ok(f); i++) {
        mlr_fb_table t;
        if (mlr_fb_item(&f->fb, all, i, &t)) {
            read_buffer(f, &t, &f->buffer[i]);
        }
    }
}

/* Opens the file that an ExternalBufferGroup names, if this parse may open any. */
static bool open_group(mlr_tfl *f, const mlr_fb_table *group, uint32_t *member,
                       uint64_t *size)
{
    char text[MLR_MAX_NAME], path[MLR_MAX_NAME + 1];
    mlr_region name = mlr_fb_string(&f->fb, group, 0);
    mlr_str s;
    if (!ok(f)) {
        return false;
    }
    if (!mlr_tfl_text(f, name, text, &s) || !mlr_path_contained(s.p, s.n)) {
        fail(f, name.off == 0 ? group->at : name.off,
             "external buffer below the model's directory");
        return false;
    }
    mlr_path_plain(path, s.p, s.n);
    if (f->p->sibling == NULL) {
        return false;
    }
    mlr_status status = f->p->sibling(f->p->sibling_ctx, path, member, size, f->err);
    mlr_fail(f->err, status, name.off, "external buffer that opens");
    return status == MLR_OK;
}

/* ExternalBuffer {id, group, offset, length, packing}. */
static void read_external(mlr_tfl *f, const mlr_fb_table *t, mlr_tfl_buffer *b)
{
    enum { GROUP = 1, OFFSET = 2, LENGTH = 3, PACKING = 4 };
    mlr_fb_vector groups = mlr_fb_vec(&f->fb, &f->model, EXTERNAL_GROUPS, 4);
    uint32_t index = mlr_fb_u32(&f->fb, t, GROUP, 0);
    mlr_region bytes = {.off = mlr_fb_u64(&f->fb, t, OFFSET, 0),
                        .len = mlr_fb_u64(&f->fb, t, LENGTH, 0)};
    mlr_region packing = mlr_fb_string(&f->fb, t, PACKING);
    uint64_t size = 0;
    *b = (mlr_tfl_buffer){.at = t->at, .absent = true, .opaque = packing.len > 0};
    if (ok(f) && index >= groups.count) {
        fail(f, t->at, "group index below the number of groups");
    }
    mlr_fb_table group;
    if (!ok(f) || !mlr_fb_item(&f->fb, &groups, index, &group) ||
        !open_group(f, &group, &b->member, &size)) {
        return;
    }
    if (!mlr_inside(bytes.off, bytes.len, size)) {
        fail(f, t->at, "external buffer inside its file");
        return;
    }
    b->bytes = bytes;
    b->absent = bytes.len == 0;
}

static void read_externals(mlr_tfl *f, const mlr_fb_vector *all)
{
    for (uint32_t i = 0; i < all->count && ok(f); i++) {
        mlr_fb_table t;
        if (!mlr_fb_item(&f->fb, all, i, &t)) {
            return;
        }
        uint32_t id = mlr_fb_u32(&f->fb, &t, 0, 0);
        uint64_t *place =
            mlr_strmap_at(&f->external_ids, (mlr_str){.p = (const char *)&id, .n = 4});
        if (place == NULL) {
            mlr_fail(f->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
            return;
        }
        if (id == 0 || *place != 0) {
            fail(f, t.at, "external buffer id that is its own, above 0");
            return;
        }
        *place = f->buffers + i;
        read_external(f, &t, &f->buffer[*place]);
    }
}

static void read_payloads(mlr_tfl *f)
{
    mlr_fb_vector inner = mlr_fb_vec(&f->fb, &f->model, BUFFERS, 4);
    mlr_fb_vector outer = mlr_fb_vec(&f->fb, &f->model, EXTERNAL_BUFFERS, 4);
    uint64_t count = (uint64_t)inner.count + outer.count;
    if (!ok(f)) {
        return;
    }
    if (count > MLR_MAX_TENSORS) {
        mlr_fail_limit(f->err, inner.at, "buffers of a model", count, MLR_MAX_TENSORS);
        return;
    }
    if (outer.count > 0 && inner.count == 0) {
        fail(f, outer.at, "buffer 0, which stands for none");
        return;
    }
    f->buffer = take(f, count, sizeof *f->buffer);
    f->buffers = inner.count;
    f->externals = outer.count;
    if (f->buffer != NULL) {
        read_buffers(f, &inner);
        read_externals(f, &outer);
    }
}

/* --- subgraphs --- */

static void read_subgraph(mlr_tfl *f, const mlr_fb_table *t, uint32_t index)
{
    enum { TENSORS = 0, INPUTS = 1, OUTPUTS = 2, NAME = 4 };
    mlr_tfl_subgraph *g = &f->subgraph[index];
    g->tensors = mlr_fb_vec(&f->fb, t, TENSORS, 4);
    g->name = mlr_fb_string(&f->fb, t, NAME);
    mlr_fb_vector in = mlr_fb_vec(&f->fb, t, INPUTS, 4);
    mlr_fb_vector out = mlr_fb_vec(&f->fb, t, OUTPUTS, 4);
    mlr_fb_ints_within(&f->fb, &in, -1, g->tensors.count, "input that is a tensor");
    mlr_fb_ints_within(&f->fb, &out, -1, g->tensors.count, "output that is a tensor");
    mlr_tfl_scan_tensors(f, index);
    mlr_tfl_scan_operators(f, t, index);
}

static void read_subgraphs(mlr_tfl *f)
{
    mlr_fb_vector all = mlr_fb_vec(&f->fb, &f->model, SUBGRAPHS, 4);
    mlr_fb_vector codes = mlr_fb_vec(&f->fb, &f->model, OPERATOR_CODES, 4);
    if (!ok(f)) {
        return;
    }
    if (all.count == 0 || all.count > MLR_MAX_SUBGRAPHS) {
        mlr_fail_limit(f->err, f->model.at, "one subgraph or more", all.count,
                       MLR_MAX_SUBGRAPHS);
        return;
    }
    f->operators_known = codes.count;
    f->subgraph = take(f, all.count, sizeof *f->subgraph);
    f->operator_uses = take(f, codes.count, sizeof *f->operator_uses);
    if (!ok(f)) {
        return;
    }
    f->subgraphs = all.count;
    for (uint32_t i = 0; i < all.count && ok(f); i++) {
        mlr_fb_table t;
        if (mlr_fb_item(&f->fb, &all, i, &t)) {
            read_subgraph(f, &t, i);
        }
    }
}

/* --- what the model says about itself --- */

static void add_meta(mlr_tfl *f, const mlr_meta *m)
{
    /* A key that comes again adds nothing: the model says it once. */
    if (ok(f) && mlr_builder_meta_find(f->p->builder, m->key) == NULL) {
        mlr_builder_meta(f->p->builder, m, f->err);
    }
}

static void add_description(mlr_tfl *f)
{
    char text[MLR_MAX_NAME];
    mlr_region bytes = mlr_fb_string(&f->fb, &f->model, DESCRIPTION);
    mlr_meta m = {.key = {.p = "description", .n = 11},
                  .kind = MLR_META_STRING,
                  .count = bytes.len,
                  .bytes = bytes,
                  .member = f->p->member};
    if (bytes.off == 0 || !ok(f)) {
        return;
    }
    mlr_walk w = {.window = f->p->window,
                  .pos = bytes.off,
                  .end = bytes.off + bytes.len,
                  .err = f->err};
    m.text = (mlr_str){.p = text,
                       .n = bytes.len < sizeof text ? (size_t)bytes.len : sizeof text};
    if (mlr_walk_read(&w, text, m.text.n, "description")) {
        add_meta(f, &m);
    }
}

/* Metadata {name, buffer}: a key whose value is a payload. */
static void read_metadata(mlr_tfl *f, const mlr_fb_table *t)
{
    static const char prefix[] = "metadata:";
    char key[sizeof prefix + MLR_MAX_NAME], text[MLR_MAX_NAME];
    mlr_region name = mlr_fb_string(&f->fb, t, 0);
    uint32_t index = mlr_fb_u32(&f->fb, t, 1, 0);
    mlr_str s;
    if (!ok(f) || !mlr_tfl_text(f, name, text, &s)) {
        return;
    }
    if (index >= f->buffers) {
        fail(f, t->at, "buffer index below the number of buffers");
        return;
    }
    mlr_tfl_buffer *b = &f->buffer[index];
    memcpy(key, prefix, sizeof prefix - 1);
    memcpy(key + sizeof prefix - 1, text, s.n);
    mlr_meta m = {.key = {.p = key, .n = sizeof prefix - 1 + s.n},
                  .kind = MLR_META_BYTES,
                  .count = b->bytes.len,
                  .bytes = b->bytes,
                  .member = f->p->member};
    add_meta(f, &m);
    if (ok(f) && b->bytes.len > 0 && !b->used) {
        b->used = true;
        mlr_tfl_add_bytes(f, m.key, b);
    }
}

static void read_all_metadata(mlr_tfl *f)
{
    mlr_fb_vector all = mlr_fb_vec(&f->fb, &f->model, METADATA, 4);
    for (uint32_t i = 0; i < all.count && ok(f); i++) {
        mlr_fb_table t;
        if (mlr_fb_item(&f->fb, &all, i, &t)) {
            read_metadata(f, &t);
        }
    }
}

/* SignatureDef: its subgraph must exist; its key becomes metadata. */
static void read_signature(mlr_tfl *f, const mlr_fb_table *t)
{
    enum { KEY = 2, SUBGRAPH = 4 };
    static const char prefix[] = "signature.";
    char key[sizeof prefix + MLR_MAX_NAME], text[MLR_MAX_NAME];
    mlr_region name = mlr_fb_string(&f->fb, t, KEY);
    uint32_t index = mlr_fb_u32(&f->fb, t, SUBGRAPH, 0);
    mlr_str s;
    if (!ok(f) || !mlr_tfl_text(f, name, text, &s)) {
        return;
    }
    if (index >= f->subgraphs) {
        fail(f, t->at, "subgraph index below the number of subgraphs");
        return;
    }
    memcpy(key, prefix, sizeof prefix - 1);
    memcpy(key + sizeof prefix - 1, text, s.n);
    mlr_meta m = {.key = {.p = key, .n = sizeof prefix - 1 + s.n},
                  .kind = MLR_META_UINT,
                  .value = {.u = index},
                  .bytes = name,
                  .member = f->p->member};
    add_meta(f, &m);
}

static void read_signatures(mlr_tfl *f)
{
    mlr_fb_vector all = mlr_fb_vec(&f->fb, &f->model, SIGNATURES, 4);
    for (uint32_t i = 0; i < all.count && ok(f); i++) {
        mlr_fb_table t;
        if (mlr_fb_item(&f->fb, &all, i, &t)) {
            read_signature(f, &t);
        }
    }
}

/* Buffers that nothing refers to still hold bytes. */
static void add_unused(mlr_tfl *f)
{
    for (uint32_t i = 0; i < f->buffers && ok(f); i++) {
        char key[32];
        const mlr_tfl_buffer *b = &f->buffer[i];
        if (b->bytes.len > 0 && !b->used) {
            int n = snprintf(key, sizeof key, "buffer:%u", (unsigned)i);
            mlr_tfl_add_bytes(f, (mlr_str){.p = key, .n = (size_t)n}, b);
        }
    }
}

static void read_version(mlr_tfl *f)
{
    uint64_t at = mlr_fb_where(&f->fb, &f->model, VERSION, 4);
    uint32_t version = mlr_fb_u32(&f->fb, &f->model, VERSION, 0);
    if (ok(f) && version != SCHEMA_VERSION) {
        mlr_fail(f->err, MLR_E_UNSUPPORTED, at == 0 ? f->model.at : at, "schema version 3");
    }
    mlr_meta m = {.key = {.p = "version", .n = 7},
                  .kind = MLR_META_UINT,
                  .value = {.u = version},
                  .bytes = {.off = at, .len = 4},
                  .member = f->p->member};
    add_meta(f, &m);
}

static mlr_status parse(mlr_parse *p, mlr_err *err)
{
    mlr_tfl f = {.p = p, .err = err};
    f.last = &f.first;
    /* Offsets reach 2 GiB at most; what lies behind is found through Buffer.offset. */
    mlr_fb_init(&f.fb, p->window, p->size < INT32_MAX ? p->size : INT32_MAX, err);
    mlr_strmap_init(&f.external_ids, p->scratch);
    mlr_unique_init(&f.unique, p);
    if (!mlr_fb_root(&f.fb, &f.model)) {
        return err->status;
    }
    read_version(&f);
    add_description(&f);
    read_payloads(&f);
    read_subgraphs(&f);
    if (ok(&f)) {
        mlr_tfl_add_tensors(&f);
    }
    read_all_metadata(&f);
    read_signatures(&f);
    add_unused(&f);
    mlr_tfl_add_operators(&f);
    return err->status;
}

/*
 * The file identifier is optional in a FlatBuffer, and some writers leave it out: then a
 * root table whose vtable stands where vtables stand is a faint hint.
 */
static int probe(const uint8_t *head, size_t n, uint64_t size)
{
    enum { CERTAIN = 95, FAINT = 3, HEAD = 8, NEAR = 48 };
    if (n < HEAD) {
        return 0;
    }
    uint64_t root = mlr_load32(head);
    if (memcmp(head + 4, "TFL3", 4) == 0) {
        return CERTAIN;
    }
    if (mlr_load32(head + 4) != 0 || root < HEAD || root > NEAR || root % 4 != 0 ||
        root + 4 > n) {
        return 0;
    }
    int64_t vtable = (int64_t)root - (int32_t)mlr_load32(head + root);
    bool plausible = vtable >= HEAD && vtable % 2 == 0 && (uint64_t)vtable + 4 <= size &&
                     vtable != (int64_t)root;
    return plausible ? FAINT : 0;
}

const mlr_format mlr_format_tflite = {.name = "tflite",
                                      .title = "TFLite",
                                      .suffixes = "tflite,lite",
                                      .patch_suffix = "tflp",
                                      .probe = probe,
                                      .parse = parse};
