/*
 * ONNX: a protobuf message without a magic number. The walk keeps its own stack of
 * messages, so that nesting costs a frame and never a call. Where a message's key needs a
 * name that may come after the content, the message is scanned for it first.
 */
#include "formats/onnx.h"

#include <stdio.h>
#include <string.h>

#include "apply/base/cursor.h"

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

typedef struct walker {
    mlr_onnx o;
    frame stack[MLR_MAX_PROTO_DEPTH];
    size_t depth;
    bool has_graph;
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

/* --- messages that are entered --- */

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
    }
}

static void scan_node(mlr_onnx *o, mlr_region content, mlr_onnx_node *node)
{
    enum { INPUT = 1, OUTPUT = 2, NAME = 3, OP_TYPE = 4, DOMAIN = 7 };
    *node = (mlr_onnx_node){.content = content};
    mlr_walk w = mlr_pb_inside(&o->walk, content);
    mlr_pb_field f;
    while (mlr_onnx_next(o, &w, MLR_ONNX_NODE, &f)) {
        switch (f.number) {
        case INPUT:
            if (node->inputs < sizeof node->input / sizeof node->input[0]) {
                node->input[node->inputs++] = f.bytes;
            }
            break;
        case OUTPUT:
            node->output = node->output.len == 0 ? f.bytes : node->output;
            break;
        case NAME:
            node->name = f.bytes;
            break;
        case OP_TYPE:
            node->op_type = f.bytes;
            break;
        case DOMAIN:
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

/* --- tensors --- */

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

/* --- fields of each message --- */

static void visit_model(walker *k, const mlr_pb_field *f)
{
    enum { GRAPH = 7, TRAINING_INFO = 20, FUNCTIONS = 25 };
    size_t path_n = k->o.path_n;
    switch (f->number) {
    case GRAPH:
        k->has_graph = true;
        enter_graph(k, f, path_n, NULL);
        break;
    case TRAINING_INFO:
        mlr_onnx_path_add(&k->o, "training/", f->at);
        enter(k, MLR_ONNX_TRAINING, f, path_n);
        break;
    case FUNCTIONS:
        enter_function(k, f);
        break;
    default:
        mlr_onnx_model_field(&k->o, f);
        break;
    }
}

static void visit_graph(walker *k, const mlr_pb_field *f)
{
    enum { NODE = 1, INITIALIZER = 5, SPARSE_INITIALIZER = 15 };
    switch (f->number) {
    case NODE:
        enter_node(k, f);
        break;
    case INITIALIZER:
        read_initializer(k, f);
        break;
    case SPARSE_INITIALIZER:
        read_sparse(k, f, true);
        break;
    default:
        break;
    }
}

static void visit_function(walker *k, const mlr_pb_field *f)
{
    enum { NODE = 7, ATTRIBUTE_DEFAULT = 11 };
    if (f->number == NODE) {
        enter_node(k, f);
    } else if (f->number == ATTRIBUTE_DEFAULT) {
        enter_attribute(k, f, "attr:");
    }
}

static void visit_node(walker *k, const mlr_pb_field *f)
{
    enum { ATTRIBUTE = 5 };
    if (f->number == ATTRIBUTE) {
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
    mlr_unique_init(&k->o.unique, p);
    mlr_strmap_init(&k->o.ops, p->scratch);
    mlr_pb_field all = {.bytes = {.len = p->size}};
    enter(k, MLR_ONNX_MODEL, &all, 0);
    walk_messages(k);
    if (err->status == MLR_OK && !k->has_graph) {
        mlr_fail(err, MLR_E_FORMAT, p->size, "model with a graph");
    }
    if (err->status == MLR_OK) {
        mlr_onnx_add_metadata(&k->o);
        mlr_onnx_quant_join(&k->o);
    }
    return err->status;
}

/* A field that a model can have, from the head of a file; `value` is also a length. */
static bool probe_field(mlr_cursor *c, uint64_t size, mlr_pb_field *f)
{
    const char *model = wires[MLR_ONNX_MODEL], *rule = "field of a model";
    if (mlr_cur_left(c) == 0) {
        return false;
    }
    uint64_t tag = mlr_cur_varint(c, rule);
    f->value = mlr_cur_varint(c, rule);
    f->number = (uint32_t)(tag >> 3 & UINT32_MAX);
    f->wire = tag & 7;
    if (!mlr_cur_ok(c) || f->number >= strlen(model) ||
        model[f->number] != (f->wire == MLR_PB_BYTES ? 'b' : 'v')) {
        return false;
    }
    if (f->wire != MLR_PB_BYTES) {
        return f->wire == MLR_PB_VARINT;
    }
    size_t left = mlr_cur_left(c);
    bool fits = f->value <= size - c->pos;
    mlr_cur_take(c, f->value < left ? (size_t)f->value : left, rule);
    return fits;
}

/*
 * There is no magic number. Writers put the fields in the order of their numbers, so the IR
 * version comes first, and it is small. Otherwise it must be among the first fields, which
 * must be those of a model. The parse decides.
 */
static int probe(const uint8_t *head, size_t n, uint64_t size)
{
    enum { LIKELY = 50, POSSIBLE = 10 };
    mlr_err err = {0};
    mlr_cursor c = {.base = head, .size = n, .err = &err};
    mlr_pb_field f;
    bool first = true;
    while (probe_field(&c, size, &f)) {
        if (f.number == 1) {
            bool small = f.value >= 1 && f.value <= 63;
            bool more = mlr_cur_left(&c) > 0;
            bool goes_on = more && probe_field(&c, size, &f);
            return !small || (more && !goes_on) ? 0 : first && more ? LIKELY : POSSIBLE;
        }
        first = false;
    }
    return 0;
}

const mlr_format mlr_format_onnx = {.name = "onnx",
                                    .title = "ONNX",
                                    .suffixes = "onnx",
                                    .patch_suffix = "onxp",
                                    .probe = probe,
                                    .parse = parse};
