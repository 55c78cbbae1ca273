#include "formats/onnx.h"

#include <string.h>

/* Along which dimension of the weight the scales run. */
typedef enum axis_rule {
    AXIS_NONE,
    AXIS_FIRST,
    AXIS_ROWS, /* last but one */
    AXIS_LAST,
    AXIS_ATTRIBUTE, /* "axis", 1 where it is not given; "block_size" elements a scale */
    AXIS_BLOCKS     /* the last one, "block_size" elements a scale */
} axis_rule;

enum { NO_INPUT = 0xff };

/* Which inputs of an operator are a quantized weight, its scale and its zero point. */
typedef struct quant_op {
    const char *op;
    uint8_t weight, scale, zero;
    uint8_t axis; /* axis_rule */
    const char *axis_name;
} quant_op;

static const quant_op quant_ops[] = {
    {"DequantizeLinear", 0, 1, 2, AXIS_ATTRIBUTE, "axis"},
    {"QLinearConv", 3, 4, 5, AXIS_FIRST, ""},
    {"QLinearConv", 0, 1, 2, AXIS_NONE, ""},
    {"QLinearMatMul", 3, 4, 5, AXIS_LAST, ""},
    {"QLinearMatMul", 0, 1, 2, AXIS_ROWS, ""},
    {"ConvInteger", 1, NO_INPUT, 3, AXIS_FIRST, ""},
    {"ConvInteger", 0, NO_INPUT, 2, AXIS_NONE, ""},
    {"MatMulInteger", 1, NO_INPUT, 3, AXIS_LAST, ""},
    {"MatMulInteger", 0, NO_INPUT, 2, AXIS_ROWS, ""},
    {"com.microsoft.DequantizeLinear", 0, 1, 2, AXIS_ATTRIBUTE, "axis"},
    {"com.microsoft.MatMulNBits", 1, 2, 3, AXIS_BLOCKS, ""},
    {"com.microsoft.GatherBlockQuantized", 0, 2, 3, AXIS_ATTRIBUTE, "quantize_axis"},
    {"com.microsoft.DynamicQuantizeMatMul", 1, 2, 3, AXIS_LAST, ""},
    {"com.microsoft.MatMulIntegerToFloat", 1, 3, 5, AXIS_LAST, ""},
    {"com.microsoft.MatMulIntegerToFloat", 0, 2, 4, AXIS_ROWS, ""},
    {"com.microsoft.QGemm", 3, 4, 5, AXIS_LAST, ""},
    {"com.microsoft.QGemm", 0, 1, 2, AXIS_NONE, ""},
    {"com.microsoft.QAttention", 1, 4, 7, AXIS_LAST, ""},
    {"com.microsoft.QLinearAdd", 0, 1, 2, AXIS_NONE, ""},
    {"com.microsoft.QLinearAdd", 3, 4, 5, AXIS_NONE, ""},
    {"com.microsoft.QLinearMul", 0, 1, 2, AXIS_NONE, ""},
    {"com.microsoft.QLinearMul", 3, 4, 5, AXIS_NONE, ""},
    {"com.microsoft.DynamicQuantizeLSTM", 1, 8, 9, AXIS_LAST, ""},
    {"com.microsoft.DynamicQuantizeLSTM", 2, 10, 11, AXIS_LAST, ""},
};

/* One node that uses a weight. Names stay in the file until all tensors are known. */
struct mlr_onnx_use {
    struct mlr_onnx_use *next;
    const mlr_onnx_scope *scope;
    const quant_op *rule;
    mlr_region weight, scale, zero;
    int64_t axis, block;
};

static mlr_region input_of(const mlr_onnx_node *node, uint8_t i)
{
    return i < node->inputs ? node->input[i] : (mlr_region){0};
}

static bool name_is(mlr_onnx *o, mlr_region name, const char *want)
{
    char text[16];
    size_t n = strlen(want);
    return name.len == n && n <= sizeof text && mlr_onnx_text(o, name, text, sizeof text) &&
           memcmp(text, want, n) == 0;
}

static void read_attribute(mlr_onnx *o, mlr_region content, struct mlr_onnx_use *use)
{
    mlr_walk w = mlr_pb_inside(&o->walk, content);
    mlr_pb_field f;
    mlr_region name = {0};
    uint64_t value = 0;
    while (mlr_onnx_next(o, &w, MLR_ONNX_ATTRIBUTE, &f)) {
        name = f.number == 1 ? f.bytes : name;
        value = f.number == 3 ? f.value : value;
    }
    if (name_is(o, name, "block_size")) {
        use->block = (int64_t)value;
    } else if (name_is(o, name, use->rule->axis_name)) {
        use->axis = (int64_t)value;
    }
}

static void read_attributes(mlr_onnx *o, mlr_region node, struct mlr_onnx_use *use)
{
    mlr_walk w = mlr_pb_inside(&o->walk, node);
    mlr_pb_field f;
    while (mlr_onnx_next(o, &w, MLR_ONNX_NODE, &f)) {
        if (f.number == 5) {
            read_attribute(o, f.bytes, use);
        }
    }
}

static bool op_is(const quant_op *rule, mlr_str op)
{
    return strlen(rule->op) == op.n && memcmp(rule->op, op.p, op.n) == 0;
}

mlr_status mlr_onnx_quant_node(mlr_onnx *o, const mlr_onnx_scope *scope,
                               const mlr_onnx_node *node, mlr_str op)
{
    for (size_t i = 0; i < sizeof quant_ops / sizeof quant_ops[0]; i++) {
        const quant_op *rule = &quant_ops[i];
        if (!op_is(rule, op) || input_of(node, rule->weight).len == 0) {
            continue;
        }
        struct mlr_onnx_use *use = mlr_pool_take(o->p->scratch, sizeof *use);
        if (use == NULL) {
            return mlr_fail(o->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
        }
        *use = (struct mlr_onnx_use){.next = o->uses,
                                     .scope = scope,
                                     .rule = rule,
                                     .weight = input_of(node, rule->weight),
                                     .scale = input_of(node, rule->scale),
                                     .zero = input_of(node, rule->zero),
                                     .axis = 1};
        o->uses = use;
        read_attributes(o, node->content, use);
    }
    return o->err->status;
}

/* Writes scope and name to `to`, which has room for both, as the key of a value. */
static mlr_str value_key(char *to, uint32_t scope, const char *name, size_t n)
{
    memcpy(to, &scope, sizeof scope);
    memcpy(to + sizeof scope, name, n);
    return (mlr_str){.p = to, .n = n + sizeof scope};
}

/* Makes the map from values to tensors; of equal names the first one in the file counts. */
static void index_values(mlr_onnx *o, mlr_strmap *values)
{
    char text[MLR_MAX_NAME], key[MLR_MAX_NAME + 4];
    mlr_strmap_init(values, o->p->scratch);
    for (const mlr_onnx_value *v = o->values; v != NULL; v = v->next) {
        if (!mlr_onnx_text(o, v->name, text, sizeof text)) {
            return;
        }
        uint64_t *tensor =
            mlr_strmap_at(values, value_key(key, v->scope, text, (size_t)v->name.len));
        if (tensor == NULL) {
            mlr_fail(o->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
            return;
        }
        *tensor = v->tensor; /* newest first: the oldest stays */
    }
}

/* The tensor that a value name means here or in a graph around. */
static const mlr_tensor *find_value(mlr_onnx *o, const mlr_strmap *values,
                                    const mlr_onnx_scope *scope, mlr_region name)
{
    char text[MLR_MAX_NAME], key[MLR_MAX_NAME + 4];
    if (name.len == 0 || !mlr_onnx_text(o, name, text, sizeof text)) {
        return NULL;
    }
    for (; scope != NULL; scope = scope->outer) {
        mlr_str k = value_key(key, scope->id, text, (size_t)name.len);
        const uint64_t *tensor = mlr_strmap_find(values, k);
        if (tensor != NULL) {
            return mlr_builder_tensor_at(o->p->builder, (uint32_t)*tensor);
        }
    }
    return NULL;
}

/* TensorProto.DataType of whole numbers; of floats a varint holds the bits. */
static bool is_integer(uint32_t type)
{
    enum { UINT8 = 2, INT64 = 7, UINT32 = 12, UINT64 = 13, UINT4 = 21, INT4 = 22 };
    return (type >= UINT8 && type <= INT64) || type == UINT32 || type == UINT64 ||
           type == UINT4 || type == INT4;
}

/*
 * Where the values stand. Numbers kept as varints are no array, except where each takes one
 * byte: then the bytes are the numbers, 0 to 127 whatever the type.
 */
static mlr_values values_of(const mlr_tensor *t)
{
    if (t == NULL) {
        return (mlr_values){0};
    }
    mlr_values v = {
        .dtype = t->dtype, .count = t->elements, .bytes = t->data, .member = t->member};
    if (t->dtype->cls == MLR_CLASS_OPAQUE && t->data.len == t->elements &&
        is_integer(t->native_type)) {
        v.dtype = mlr_dtype_get(MLR_DTYPE_U8);
    }
    return v;
}

static int64_t axis_of(const struct mlr_onnx_use *use, const mlr_tensor *t)
{
    switch ((axis_rule)use->rule->axis) {
    case AXIS_FIRST:
        return 0;
    case AXIS_ROWS:
        return (int64_t)t->rank - 2;
    case AXIS_LAST:
    case AXIS_BLOCKS:
        return (int64_t)t->rank - 1;
    case AXIS_ATTRIBUTE:
        return use->axis < 0 && use->axis >= -(int64_t)t->rank ? use->axis + t->rank
                                                               : use->axis;
    case AXIS_NONE:
        break;
    }
    return -1;
}

/* An axis is believed when the number of scales agrees with it. */
static void set_axis(const struct mlr_onnx_use *use, const mlr_tensor *t, mlr_quant *q)
{
    int64_t axis = axis_of(use, t);
    uint64_t count = q->scale.dtype != NULL ? q->scale.count : q->zero.count;
    q->axis = -1;
    if (axis < 0 || axis >= t->rank || count <= 1) {
        return;
    }
    if (use->block > 0 && use->block <= UINT32_MAX) {
        q->axis = (int32_t)axis;
        q->block = (uint32_t)use->block;
    } else if (t->dim[axis] == count) {
        q->axis = (int32_t)axis;
    }
}

static void join(mlr_onnx *o, const mlr_strmap *values, const struct mlr_onnx_use *use)
{
    const mlr_tensor *t = find_value(o, values, use->scope, use->weight);
    if (t == NULL || t->quant != NULL) {
        return;
    }
    mlr_quant q = {.scheme = use->rule->axis == AXIS_BLOCKS ? "matmul-nbits" : "affine"};
    const mlr_tensor *zero = find_value(o, values, use->scope, use->zero);
    q.scale = values_of(find_value(o, values, use->scope, use->scale));
    q.zero = values_of(zero);
    /* A zero point that is computed at run time must not pass for zero. */
    if ((use->zero.len > 0 && zero == NULL) ||
        (q.scale.dtype == NULL && q.zero.dtype == NULL)) {
        return;
    }
    set_axis(use, t, &q);
    mlr_builder_quantize(o->p->builder, t->key, &q);
}

mlr_status mlr_onnx_quant_join(mlr_onnx *o)
{
    struct mlr_onnx_use *in_order = NULL;
    mlr_strmap values;
    if (o->uses == NULL) {
        return MLR_OK; /* most models: no names need to be known */
    }
    index_values(o, &values);
    while (o->uses != NULL) {
        struct mlr_onnx_use *use = o->uses;
        o->uses = use->next;
        use->next = in_order;
        in_order = use;
    }
    for (; in_order != NULL && o->err->status == MLR_OK; in_order = in_order->next) {
        join(o, &values, in_order);
    }
    return o->err->status;
}
