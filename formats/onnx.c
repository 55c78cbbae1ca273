/*
 * ONNX: a protobuf message without a magic number. The walk keeps its own stack of
 * messages, so that nesting costs a frame and never a call. Where a message's key needs a
 * name that may come after the content, the message is scanned for it first.
 */
#include "formats/onnx.h"

#include <stdio.h>
#include <string.h>

typedef struct frame {
    mlr_onnx_kind kind;
    uint64_t pos, end;
    size_t path_n; /* of the path before this message, restored after it */
    const mlr_onnx_scope *scope;
    mlr_region value;        /* name of what the node around it defines */
    uint32_t tensors, inner; /* seen so far in an attribute's lists */
    uint32_t sparse;
    bool constant; /* the node around it is a Constant: its tensor is what it defines */
} frame;

/* What the model says about itself once; the last occurrence counts. */
typedef struct model_facts {
    mlr_pb_field field[9]; /* by number; at 0 and wire 0: absent */
    bool has[9];
    bool has_graph;
} model_facts;

typedef struct walker {
    mlr_onnx o;
    frame stack[MLR_MAX_PROTO_DEPTH];
    size_t depth;
    model_facts facts;
} walker;

/*
 * Wire types by field number: v number, b bytes (strings, messages), 4 fixed, p f d
 * repeated numbers that may be packed, - unknown.
 */
static const char *const wires[MLR_ONNX_KINDS] = {
    [MLR_ONNX_MODEL] = "-vbbbvbbb-----b-----b----bb",
    [MLR_ONNX_GRAPH] = "-bb--b----bbbbbbb",
    [MLR_ONNX_NODE] = "-bbbbbbbbbb",
    [MLR_ONNX_ATTRIBUTE] = "-b4vbbbfpbbb-bbb----vbbb",
    [MLR_ONNX_FUNCTION] = "-b--bbbbbbbbbbb",
    [MLR_ONNX_TRAINING] = "-bbbb",
    [MLR_ONNX_TENSOR] = "-pvbfpbpbbdpbbv-b",
    [MLR_ONNX_SPARSE] = "-bbp",
};

static bool wire_fits(char want, uint8_t wire)
{
    switch (want) {
    case 'v':
        return wire == MLR_PB_VARINT;
    case 'b':
        return wire == MLR_PB_BYTES;
    case '4':
        return wire == MLR_PB_FIXED32;
    case 'p':
        return wire == MLR_PB_VARINT || wire == MLR_PB_BYTES;
    case 'f':
        return wire == MLR_PB_FIXED32 || wire == MLR_PB_BYTES;
    case 'd':
        return wire == MLR_PB_FIXED64 || wire == MLR_PB_BYTES;
    default:
        return true;
    }
}

bool mlr_onnx_next(mlr_onnx *o, mlr_walk *w, mlr_onnx_kind kind, mlr_pb_field *f)
{
    (void)o;
    if (!mlr_pb_next(w, f)) {
        return false;
    }
    if (f->number < strlen(wires[kind]) && !wire_fits(wires[kind][f->number], f->wire)) {
        mlr_walk_fail(w, f->at, "wire type that the schema gives this field");
        return false;
    }
    return true;
}

bool mlr_onnx_text(mlr_onnx *o, mlr_region from, char *to, size_t room)
{
    if (o->err->status != MLR_OK) {
        return false;
    }
    if (from.len > room) {
        mlr_fail_limit(o->err, from.off, "bytes of a name", from.len, room);
        return false;
    }
    mlr_walk w = mlr_pb_inside(&o->walk, from);
    if (!mlr_walk_read(&w, to, (size_t)from.len, "name")) {
        return false;
    }
    if (memchr(to, '\0', (size_t)from.len) != NULL) {
        mlr_walk_fail(&w, from.off, "name without NUL");
        return false;
    }
    return true;
}

bool mlr_onnx_path_name(mlr_onnx *o, mlr_region name)
{
    if (!mlr_onnx_text(o, name, o->path + o->path_n, sizeof o->path - o->path_n)) {
        return false;
    }
    o->path_n += (size_t)name.len;
    return true;
}

bool mlr_onnx_path_add(mlr_onnx *o, const char *text, uint64_t at)
{
    size_t n = strlen(text);
    if (n > sizeof o->path - o->path_n) {
        mlr_fail_limit(o->err, at, "bytes of a key", o->path_n + n, sizeof o->path);
        return false;
    }
    memcpy(o->path + o->path_n, text, n);
    o->path_n += n;
    return o->err->status == MLR_OK;
}

static bool path_number(mlr_onnx *o, uint32_t index, uint64_t at)
{
    char text[16];
    snprintf(text, sizeof text, "[%u]", (unsigned)index);
    return mlr_onnx_path_add(o, text, at);
}

/* --- messages that are entered ----------------------------------------------------------
 */

static frame *top(walker *k)
{
    return &k->stack[k->depth - 1];
}

/* The path as it is now belongs to the new message; `path_n` is what it falls back to. */
static frame *enter(walker *k, mlr_onnx_kind kind, const mlr_pb_field *f, size_t path_n)
{
    if (k->o.err->status != MLR_OK) {
        return NULL;
    }
    if (k->depth == MLR_MAX_PROTO_DEPTH) {
        mlr_fail_limit(k->o.err, f->at, "messages inside each other", k->depth + 1,
                       MLR_MAX_PROTO_DEPTH);
        return NULL;
    }
    frame *n = &k->stack[k->depth++];
    *n = (frame){.kind = kind,
                 .pos = f->bytes.off,
                 .end = f->bytes.off + f->bytes.len,
                 .path_n = path_n};
    if (k->depth > 1) {
        n->scope = n[-1].scope;
        n->value = n[-1].value;
        n->constant = n[-1].constant;
    }
    return n;
}

static void enter_graph(walker *k, const mlr_pb_field *f, size_t path_n,
                        const mlr_onnx_scope *outer)
{
    frame *n = enter(k, MLR_ONNX_GRAPH, f, path_n);
    mlr_onnx_scope *scope =
        n == NULL ? NULL : mlr_pool_take(k->o.p->scratch, sizeof *scope);
    if (n != NULL && scope == NULL) {
        mlr_fail(k->o.err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
        return;
    }
    if (n != NULL) {
        *scope = (mlr_onnx_scope){.outer = outer, .id = k->o.scopes++};
        n->scope = scope;
        n->value = (mlr_region){0};
        n->constant = false;
    }
}

static void scan_node(mlr_onnx *o, mlr_region content, mlr_onnx_node *node)
{
    *node = (mlr_onnx_node){.content = content};
    mlr_walk w = mlr_pb_inside(&o->walk, content);
    mlr_pb_field f;
    while (mlr_onnx_next(o, &w, MLR_ONNX_NODE, &f)) {
        switch (f.number) {
        case 1:
            if (node->inputs < sizeof node->input / sizeof node->input[0]) {
                node->input[node->inputs++] = f.bytes;
            }
            break;
        case 2:
            node->output = node->output.len == 0 ? f.bytes : node->output;
            break;
        case 3:
            node->name = f.bytes;
            break;
        case 4:
            node->op_type = f.bytes;
            break;
        case 7:
            node->domain = f.bytes;
            break;
        default:
            break;
        }
    }
}

/* "Conv", or "com.microsoft.MatMulNBits" outside the standard domain. */
static bool operator_name(mlr_onnx *o, const mlr_onnx_node *node, char *to, size_t room,
                          mlr_str *out)
{
    size_t n = 0;
    if (node->domain.len > 0) {
        if (!mlr_onnx_text(o, node->domain, to, room - 1)) {
            return false;
        }
        n = (size_t)node->domain.len;
        if (n == 7 && memcmp(to, "ai.onnx", 7) == 0) {
            n = 0;
        } else {
            to[n++] = '.';
        }
    }
    if (!mlr_onnx_text(o, node->op_type, to + n, room - n)) {
        return false;
    }
    *out = (mlr_str){.p = to, .n = n + (size_t)node->op_type.len};
    return true;
}

static void count_operator(walker *k, const mlr_onnx_node *node, bool *constant)
{
    char text[MLR_MAX_NAME];
    mlr_str op;
    if (!operator_name(&k->o, node, text, sizeof text, &op)) {
        return;
    }
    *constant = op.n == 8 && memcmp(op.p, "Constant", 8) == 0;
    uint64_t *count = mlr_strmap_at(&k->o.ops, op);
    if (count == NULL) {
        mlr_fail(k->o.err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
        return;
    }
    ++*count;
    mlr_onnx_quant_node(&k->o, top(k)->scope, node, op);
}

static void enter_node(walker *k, const mlr_pb_field *f)
{
    mlr_onnx_node node;
    scan_node(&k->o, f->bytes, &node);
    if (k->o.err->status != MLR_OK) {
        return;
    }
    bool constant = false;
    count_operator(k, &node, &constant);
    mlr_region name = node.output.len > 0 ? node.output : node.name;
    size_t path_n = k->o.path_n;
    mlr_onnx_path_add(&k->o, "node:", f->at);
    mlr_onnx_path_name(&k->o, name.len > 0 ? name : node.op_type);
    frame *n = enter(k, MLR_ONNX_NODE, f, path_n);
    if (n != NULL) {
        n->value = node.output;
        n->constant = constant;
    }
}

static bool scan_name(mlr_onnx *o, mlr_onnx_kind kind, mlr_region content, uint32_t number,
                      mlr_region *name)
{
    mlr_walk w = mlr_pb_inside(&o->walk, content);
    mlr_pb_field f;
    while (mlr_onnx_next(o, &w, kind, &f)) {
        if (f.number == number) {
            *name = f.bytes;
        }
    }
    return mlr_walk_ok(&w);
}

static void enter_attribute(walker *k, const mlr_pb_field *f, const char *before)
{
    mlr_region name = {.off = f->at};
    size_t path_n = k->o.path_n;
    if (scan_name(&k->o, MLR_ONNX_ATTRIBUTE, f->bytes, 1, &name) &&
        mlr_onnx_path_add(&k->o, before, f->at)) {
        mlr_onnx_path_name(&k->o, name);
    }
    enter(k, MLR_ONNX_ATTRIBUTE, f, path_n);
}

/* "fn:domain:name/", and the overload after another colon where there is one. */
static void enter_function(walker *k, const mlr_pb_field *f)
{
    enum { NAME = 1, DOMAIN = 10, OVERLOAD = 13 };
    mlr_onnx *o = &k->o;
    mlr_region name = {.off = f->at}, domain = name, overload = name;
    size_t path_n = o->path_n;
    if (scan_name(o, MLR_ONNX_FUNCTION, f->bytes, NAME, &name) &&
        scan_name(o, MLR_ONNX_FUNCTION, f->bytes, DOMAIN, &domain) &&
        scan_name(o, MLR_ONNX_FUNCTION, f->bytes, OVERLOAD, &overload)) {
        mlr_onnx_path_add(o, "fn:", f->at);
        mlr_onnx_path_name(o, domain);
        mlr_onnx_path_add(o, ":", f->at);
        mlr_onnx_path_name(o, name);
        if (overload.len > 0) {
            mlr_onnx_path_add(o, ":", f->at);
            mlr_onnx_path_name(o, overload);
        }
        mlr_onnx_path_add(o, "/", f->at);
    }
    enter_graph(k, f, path_n, NULL);
    if (o->err->status == MLR_OK) {
        top(k)->kind = MLR_ONNX_FUNCTION;
    }
}

/* --- tensors ----------------------------------------------------------------------------
 */

/* SparseTensorProto: two tensors; the one of values carries the name of the whole. */
static void read_sparse(walker *k, const mlr_pb_field *f, bool initializer)
{
    mlr_onnx *o = &k->o;
    size_t path_n = o->path_n;
    mlr_region name = {.off = f->at}, values = name;
    if (initializer) {
        scan_name(o, MLR_ONNX_SPARSE, f->bytes, 1, &values);
        mlr_onnx_tensor_name(o, values, &name);
        mlr_onnx_path_add(o, "init:", f->at);
        mlr_onnx_path_name(o, name);
    }
    size_t base_n = o->path_n;
    mlr_walk w = mlr_pb_inside(&o->walk, f->bytes);
    mlr_pb_field part;
    while (mlr_onnx_next(o, &w, MLR_ONNX_SPARSE, &part)) {
        if (part.number == 1 || part.number == 2) {
            mlr_onnx_role role = {.at = part.at};
            mlr_onnx_path_add(o, part.number == 1 ? "/values" : "/indices", part.at);
            mlr_onnx_tensor(o, part.bytes, &role);
            o->path_n = base_n;
        }
    }
    o->path_n = path_n;
}

static void read_initializer(walker *k, const mlr_pb_field *f)
{
    size_t path_n = k->o.path_n;
    mlr_onnx_role role = {.scope = top(k)->scope, .named = true, .at = f->at};
    if (mlr_onnx_path_add(&k->o, "init:", f->at)) {
        mlr_onnx_tensor(&k->o, f->bytes, &role);
    }
    k->o.path_n = path_n;
}

/* --- fields of each message --------------------------------------------------------------
 */

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

static void read_opset(walker *k, const mlr_pb_field *f)
{
    static const char prefix[] = "opset.", standard[] = "ai.onnx";
    char key[sizeof prefix + MLR_MAX_NAME];
    size_t n = sizeof prefix - 1;
    mlr_pb_field part[2];
    memcpy(key, prefix, n);
    if (!read_pair(&k->o, f->bytes, part) ||
        !mlr_onnx_text(&k->o, part[0].bytes, key + n, MLR_MAX_NAME)) {
        return;
    }
    n += (size_t)part[0].bytes.len;
    if (part[0].bytes.len == 0) {
        memcpy(key + n, standard, sizeof standard - 1);
        n += sizeof standard - 1;
    }
    add_number(&k->o, key, n, part[1].value, part[1].bytes);
}

static void read_property(walker *k, const mlr_pb_field *f)
{
    static const char prefix[] = "props.";
    char key[sizeof prefix + MLR_MAX_NAME];
    size_t n = sizeof prefix - 1;
    mlr_pb_field part[2];
    memcpy(key, prefix, n);
    if (read_pair(&k->o, f->bytes, part) && part[1].wire == MLR_PB_BYTES &&
        mlr_onnx_text(&k->o, part[0].bytes, key + n, MLR_MAX_NAME)) {
        add_text(&k->o, key, n + (size_t)part[0].bytes.len, part[1].bytes);
    }
}

static void visit_model(walker *k, const mlr_pb_field *f)
{
    switch (f->number) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
        k->facts.field[f->number] = *f;
        k->facts.has[f->number] = true;
        break;
    case 7:
        k->facts.has_graph = true;
        enter_graph(k, f, k->o.path_n, NULL);
        break;
    case 8:
        read_opset(k, f);
        break;
    case 14:
        read_property(k, f);
        break;
    case 20: {
        size_t path_n = k->o.path_n;
        mlr_onnx_path_add(&k->o, "training/", f->at);
        enter(k, MLR_ONNX_TRAINING, f, path_n);
        break;
    }
    case 25:
        enter_function(k, f);
        break;
    default:
        break;
    }
}

static void visit_graph(walker *k, const mlr_pb_field *f)
{
    switch (f->number) {
    case 1:
        enter_node(k, f);
        break;
    case 5:
        read_initializer(k, f);
        break;
    case 15:
        read_sparse(k, f, true);
        break;
    default:
        break;
    }
}

static void visit_function(walker *k, const mlr_pb_field *f)
{
    if (f->number == 7) {
        enter_node(k, f);
    } else if (f->number == 11) {
        enter_attribute(k, f, "attr:");
    }
}

static void visit_node(walker *k, const mlr_pb_field *f)
{
    if (f->number == 5) {
        enter_attribute(k, f, "/");
    }
}

static void visit_training(walker *k, const mlr_pb_field *f)
{
    size_t path_n = k->o.path_n;
    if (f->number == 1 || f->number == 2) {
        mlr_onnx_path_add(&k->o, f->number == 1 ? "initialization/" : "algorithm/", f->at);
        enter_graph(k, f, path_n, NULL);
    }
}

static void visit_attribute(walker *k, const mlr_pb_field *f)
{
    enum { TENSOR = 5, GRAPH = 6, TENSORS = 10, GRAPHS = 11, SPARSE = 22, SPARSES = 23 };
    mlr_onnx *o = &k->o;
    frame *a = top(k);
    size_t path_n = o->path_n;
    mlr_onnx_role role = {.value = a->value, .at = f->at};
    switch (f->number) {
    case TENSOR:
        /* What a Constant defines can be a scale like any initializer. */
        role.scope = a->constant ? a->scope : NULL;
        mlr_onnx_tensor(o, f->bytes, &role);
        break;
    case TENSORS:
        path_number(o, a->tensors++, f->at);
        mlr_onnx_tensor(o, f->bytes, &role);
        break;
    case SPARSE:
        read_sparse(k, f, false);
        break;
    case SPARSES:
        path_number(o, a->sparse++, f->at);
        read_sparse(k, f, false);
        break;
    case GRAPHS:
        path_number(o, a->inner++, f->at);
        mlr_onnx_path_add(o, "/", f->at);
        enter_graph(k, f, path_n, a->scope);
        return;
    case GRAPH:
        mlr_onnx_path_add(o, "/", f->at);
        enter_graph(k, f, path_n, a->scope);
        return;
    default:
        return;
    }
    o->path_n = path_n;
}

static void visit(walker *k, const mlr_pb_field *f)
{
    switch (top(k)->kind) {
    case MLR_ONNX_MODEL:
        visit_model(k, f);
        break;
    case MLR_ONNX_GRAPH:
        visit_graph(k, f);
        break;
    case MLR_ONNX_NODE:
        visit_node(k, f);
        break;
    case MLR_ONNX_ATTRIBUTE:
        visit_attribute(k, f);
        break;
    case MLR_ONNX_FUNCTION:
        visit_function(k, f);
        break;
    case MLR_ONNX_TRAINING:
        visit_training(k, f);
        break;
    default:
        break;
    }
}

static void walk_messages(walker *k)
{
    mlr_walk w = k->o.walk;
    while (k->depth > 0 && mlr_walk_ok(&w)) {
        frame *t = top(k);
        if (t->pos == t->end) {
            k->o.path_n = t->path_n;
            k->depth--;
            continue;
        }
        mlr_pb_field f;
        w.pos = t->pos;
        w.end = t->end;
        if (mlr_onnx_next(&k->o, &w, t->kind, &f)) {
            t->pos = w.pos;
            visit(k, &f);
        }
    }
}

static void add_model_facts(walker *k)
{
    static const char *const names[] = {
        NULL,     "ir_version",    "producer_name", "producer_version",
        "domain", "model_version", "doc_string"};
    for (size_t i = 1; i < sizeof names / sizeof names[0]; i++) {
        const mlr_pb_field *f = &k->facts.field[i];
        if (!k->facts.has[i]) {
            continue;
        }
        if (f->wire == MLR_PB_VARINT) {
            add_number(&k->o, names[i], strlen(names[i]), f->value, f->bytes);
        } else {
            add_text(&k->o, names[i], strlen(names[i]), f->bytes);
        }
    }
}

/* Operator counts as metadata: then a diff of metadata shows how the graph changed. */
static void add_operators(walker *k)
{
    static const char prefix[] = "graph.ops.";
    char key[sizeof prefix + MLR_MAX_NAME];
    const mlr_strmap *ops = &k->o.ops;
    memcpy(key, prefix, sizeof prefix - 1);
    for (uint32_t i = 0; i < ops->index.count; i++) {
        const mlr_strmap_row *row = &ops->row[i];
        memcpy(key + sizeof prefix - 1, row->key.p, row->key.n);
        add_number(&k->o, key, sizeof prefix - 1 + row->key.n, row->value, (mlr_region){0});
    }
}

static mlr_status parse(mlr_parse *p, mlr_err *err)
{
    if (p->size > INT32_MAX) {
        return mlr_fail_limit(err, 0, "bytes of a protobuf message", p->size, INT32_MAX);
    }
    walker *k = mlr_pool_take(p->scratch, sizeof *k);
    if (k == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
    }
    k->o.p = p;
    k->o.err = err;
    k->o.walk = (mlr_walk){.window = p->window, .end = p->size, .err = err};
    mlr_strmap_init(&k->o.values, p->scratch);
    mlr_unique_init(&k->o.unique, p);
    mlr_strmap_init(&k->o.ops, p->scratch);
    mlr_pb_field all = {.bytes = {.len = p->size}};
    enter(k, MLR_ONNX_MODEL, &all, 0);
    walk_messages(k);
    if (err->status == MLR_OK && !k->facts.has_graph) {
        mlr_fail(err, MLR_E_FORMAT, p->size, "model with a graph");
    }
    if (err->status == MLR_OK) {
        add_model_facts(k);
        add_operators(k);
        mlr_onnx_quant_join(&k->o);
    }
    return err->status;
}

/*
 * There is no magic number. Writers put the IR version first, which is small; any other
 * field of the model that fits into the file is a faint hint. The parse decides.
 */
static int probe(const uint8_t *head, size_t n, uint64_t size)
{
    enum { IR_VERSION_TAG = 0x08, HIGHEST_IR_VERSION = 63, LIKELY = 50, POSSIBLE = 10 };
    static const uint8_t next_tags[] = {0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72};
    if (n < 2) {
        return 0;
    }
    if (head[0] == IR_VERSION_TAG && head[1] >= 1 && head[1] <= HIGHEST_IR_VERSION) {
        return n > 2 && memchr(next_tags, head[2], sizeof next_tags) != NULL ? LIKELY
                                                                             : POSSIBLE;
    }
    bool message = memchr(next_tags, head[0], sizeof next_tags) != NULL && head[0] != 0x28;
    bool short_one = head[1] < 0x80 && (uint64_t)head[1] + 2 < size;
    return message && (short_one || head[0] == 0x3a) ? POSSIBLE : 0;
}

const mlr_format mlr_format_onnx = {.name = "onnx",
                                    .title = "ONNX",
                                    .suffixes = "onnx",
                                    .patch_suffix = "onup",
                                    .probe = probe,
                                    .parse = parse};
