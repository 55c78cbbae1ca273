/* What an ONNX model says about itself, and which operators it uses, as metadata. */
#include "formats/onnx.h"

#include <string.h>

static void add_meta(mlr_onnx *o, const mlr_meta *m)
{
    /* A key that comes again adds nothing: the model says it once. */
    if (o->err->status == MLR_OK && mlr_builder_meta_find(o->p->builder, m->key) == NULL) {
        mlr_builder_meta(o->p->builder, m, o->err);
    }
}

static void add_number(mlr_onnx *o, const char *key, size_t n, uint64_t value,
                       mlr_region bytes)
{
    mlr_meta m = {.key = {.p = key, .n = n},
                  .kind = MLR_META_UINT,
                  .value = {.u = value},
                  .bytes = bytes,
                  .member = o->p->member};
    add_meta(o, &m);
}

static void add_text(mlr_onnx *o, const char *key, size_t n, mlr_region bytes)
{
    char text[4096];
    mlr_region head = bytes;
    if (head.len > sizeof text) {
        head.len = sizeof text;
    }
    mlr_walk w = mlr_pb_inside(&o->walk, head);
    if (!mlr_walk_read(&w, text, (size_t)head.len, "text")) {
        return;
    }
    mlr_meta m = {.key = {.p = key, .n = n},
                  .kind = MLR_META_STRING,
                  .text = {.p = text, .n = (size_t)head.len},
                  .count = bytes.len,
                  .bytes = bytes,
                  .member = o->p->member};
    add_meta(o, &m);
}

/* Two fields of a small message: a pair of strings, or a string and a number. */
static bool read_pair(mlr_onnx *o, mlr_region content, mlr_pb_field part[2])
{
    mlr_walk w = mlr_pb_inside(&o->walk, content);
    mlr_pb_field f;
    part[0] = part[1] = (mlr_pb_field){.wire = MLR_PB_BYTES, .at = content.off};
    part[0].bytes.off = part[1].bytes.off = content.off;
    while (mlr_pb_next(&w, &f)) {
        if (f.number == 1 && mlr_pb_expect(&w, &f, MLR_PB_BYTES)) {
            part[0] = f;
        } else if (f.number == 2) {
            part[1] = f;
        }
    }
    return mlr_walk_ok(&w);
}

static void read_opset(mlr_onnx *o, const mlr_pb_field *f)
{
    static const char prefix[] = "opset.", standard[] = "ai.onnx";
    char key[sizeof prefix + MLR_MAX_NAME];
    size_t n = sizeof prefix - 1;
    mlr_pb_field part[2];
    memcpy(key, prefix, n);
    if (!read_pair(o, f->bytes, part) ||
        !mlr_onnx_text(o, part[0].bytes, key + n, MLR_MAX_NAME)) {
        return;
    }
    n += (size_t)part[0].bytes.len;
    if (part[0].bytes.len == 0) {
        memcpy(key + n, standard, sizeof standard - 1);
        n += sizeof standard - 1;
    }
    add_number(o, key, n, part[1].value, part[1].bytes);
}

static void read_property(mlr_onnx *o, const mlr_pb_field *f)
{
    static const char prefix[] = "props.";
    char key[sizeof prefix + MLR_MAX_NAME];
    size_t n = sizeof prefix - 1;
    mlr_pb_field part[2];
    memcpy(key, prefix, n);
    if (read_pair(o, f->bytes, part) && part[1].wire == MLR_PB_BYTES &&
        mlr_onnx_text(o, part[0].bytes, key + n, MLR_MAX_NAME)) {
        add_text(o, key, n + (size_t)part[0].bytes.len, part[1].bytes);
    }
}

static void add_sayings(mlr_onnx *o)
{
    static const char *const names[] = {
        NULL,     "ir_version",    "producer_name", "producer_version",
        "domain", "model_version", "doc_string"};
    for (size_t i = 1; i < sizeof names / sizeof names[0]; i++) {
        const mlr_pb_field *f = &o->said[i];
        if (f->number == 0) {
            continue;
        }
        if (f->wire == MLR_PB_VARINT) {
            add_number(o, names[i], strlen(names[i]), f->value, f->bytes);
        } else {
            add_text(o, names[i], strlen(names[i]), f->bytes);
        }
    }
}

/* Operator counts as metadata: then a diff of metadata shows how the graph changed. */
static void add_operators(mlr_onnx *o)
{
    static const char prefix[] = "graph.ops.";
    char key[sizeof prefix + MLR_MAX_NAME];
    const mlr_strmap *ops = &o->ops;
    memcpy(key, prefix, sizeof prefix - 1);
    for (uint32_t i = 0; i < ops->index.count; i++) {
        const mlr_strmap_row *row = &ops->row[i];
        memcpy(key + sizeof prefix - 1, row->key.p, row->key.n);
        add_number(o, key, sizeof prefix - 1 + row->key.n, row->value, (mlr_region){0});
    }
}

void mlr_onnx_model_field(mlr_onnx *o, const mlr_pb_field *f)
{
    enum { OPSET = 8, PROPERTY = 14 };
    if (f->number < sizeof o->said / sizeof o->said[0]) {
        o->said[f->number] = *f;
    } else if (f->number == OPSET) {
        read_opset(o, f);
    } else if (f->number == PROPERTY) {
        read_property(o, f);
    }
}

void mlr_onnx_add_metadata(mlr_onnx *o)
{
    add_sayings(o);
    add_operators(o);
}
