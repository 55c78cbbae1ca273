/* Writes the made-up classifier as ONNX, in f32 or as int8 with QuantizeLinear pairs. */
#include <stdio.h>
#include <string.h>

#include "tui/cli/demo.h"
#include "tui/cli/demo_num.h"

enum { TYPE_FLOAT = 1, TYPE_INT8 = 3, TYPE_INT32 = 6, TYPE_INT64 = 7 };
enum { ATTR_INT = 2, ATTR_INTS = 7, BIAS_LIMIT = 1 << 30 };

/* A graph under construction. */
typedef struct onnx {
    mlr_demo *demo;
    mlr_demo_buf nodes, initializers;
    char flow[64]; /* name of the value that the next node takes */
} onnx;

/* --- protobuf
 * ----------------------------------------------------------------------------- */

static void varint(mlr_demo_buf *b, uint64_t v)
{
    while (v >= 0x80) {
        mlr_demo_le(b, (v & 0x7F) | 0x80, 1);
        v >>= 7;
    }
    mlr_demo_le(b, v, 1);
}

static void number(mlr_demo_buf *b, unsigned field, uint64_t v)
{
    varint(b, (uint64_t)field << 3);
    varint(b, v);
}

static void bytes(mlr_demo_buf *b, unsigned field, const void *p, size_t n)
{
    varint(b, (uint64_t)field << 3 | 2);
    varint(b, n);
    mlr_demo_add(b, p, n);
}

static void text(mlr_demo_buf *b, unsigned field, const char *s)
{
    bytes(b, field, s, strlen(s));
}

/* Takes the inner message over. */
static void message(mlr_demo_buf *b, unsigned field, mlr_demo_buf *inner)
{
    b->failed = b->failed || inner->failed;
    bytes(b, field, inner->p, inner->n);
    mlr_demo_drop(inner);
}

static mlr_demo_buf buffer(const onnx *o)
{
    return (mlr_demo_buf){.alloc = o->demo->cli->alloc};
}

/* --- tensors
 * ------------------------------------------------------------------------------ */

typedef struct tensor {
    const char *name;
    int type;
    const uint32_t *dim;
    size_t rank;
    const mlr_demo_buf *data;
} tensor;

static void initializer(onnx *o, const tensor *t)
{
    mlr_demo_buf b = buffer(o);
    for (size_t i = 0; i < t->rank; i++) {
        number(&b, 1, t->dim[i]);
    }
    number(&b, 2, (uint64_t)t->type);
    text(&b, 8, t->name);
    bytes(&b, 9, t->data->p, t->data->n);
    b.failed = b.failed || t->data->failed;
    message(&o->initializers, 5, &b);
}

/* Adds the initializer and releases its data. */
static void add_tensor(onnx *o, const char *layer, const char *suffix, int type,
                       const uint32_t dim[5], mlr_demo_buf *data)
{
    char name[64];
    size_t rank = dim[0]; /* sizes follow the rank */
    (void)snprintf(name, sizeof name, "%s%s", layer, suffix);
    initializer(o, &(tensor){name, type, dim + 1, rank, data});
    mlr_demo_drop(data);
}

static void add_f32(mlr_demo_buf *b, float x)
{
    mlr_demo_le(b, mlr_demo_float_bits(x), 4);
}

/* A scale and its zero point, both of rank 0. */
static void add_activation(onnx *o, const char *name, float scale, int zero)
{
    static const uint32_t scalar[5] = {0};
    mlr_demo_buf b = buffer(o);
    add_f32(&b, scale);
    add_tensor(o, name, ".scale", TYPE_FLOAT, scalar, &b);
    mlr_demo_le(&b, (uint64_t)(uint8_t)zero, 1);
    add_tensor(o, name, ".zero_point", TYPE_INT8, scalar, &b);
}

/* --- nodes
 * -------------------------------------------------------------------------------- */

static void attribute(mlr_demo_buf *node, const char *name, const uint32_t *values,
                      size_t n)
{
    mlr_demo_buf b = {.alloc = node->alloc};
    text(&b, 1, name);
    for (size_t i = 0; i < n; i++) {
        number(&b, n == 1 ? 3 : 8, values[i]);
    }
    number(&b, 20, n == 1 ? ATTR_INT : ATTR_INTS);
    message(node, 5, &b);
}

/* inputs: names separated by spaces. The flow becomes `output`. */
static mlr_demo_buf begin_node(onnx *o, const char *op, const char *inputs,
                               const char *output)
{
    mlr_demo_buf b = buffer(o);
    while (*inputs != '\0') {
        size_t n = strcspn(inputs, " ");
        bytes(&b, 1, inputs, n);
        inputs += n + (inputs[n] == ' ' ? 1 : 0);
    }
    text(&b, 2, output);
    mlr_demo_buf name = buffer(o);
    mlr_demo_printf(&name, "%s_%s", output, op);
    message(&b, 3, &name);
    text(&b, 4, op);
    return b;
}

static void end_node(onnx *o, mlr_demo_buf *node)
{
    message(&o->nodes, 1, node);
}

/* A node that takes the flow alone. */
static void pass(onnx *o, const char *op, const char *output)
{
    mlr_demo_buf node = begin_node(o, op, o->flow, output);
    end_node(o, &node);
    (void)snprintf(o->flow, sizeof o->flow, "%s", output);
}

/* The flow through QuantizeLinear and DequantizeLinear. */
static void quantize_flow(onnx *o, const char *name)
{
    char inputs[192];
    char output[64];
    static const char *const op[] = {"QuantizeLinear", "DequantizeLinear"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(inputs, sizeof inputs, "%s %s.scale %s.zero_point", o->flow, name,
                       name);
        (void)snprintf(output, sizeof output, "%s_%s", name, i == 0 ? "q" : "dq");
        mlr_demo_buf node = begin_node(o, op[i], inputs, output);
        end_node(o, &node);
        (void)snprintf(o->flow, sizeof o->flow, "%s", output);
    }
}

static void dequantize(onnx *o, const char *layer, const char *what)
{
    char inputs[192];
    char output[64];
    static const uint32_t axis = 0;
    (void)snprintf(inputs, sizeof inputs, "%s.%s_quantized %s.%s_scale %s.%s_zero_point",
                   layer, what, layer, what, layer, what);
    (void)snprintf(output, sizeof output, "%s.%s", layer, what);
    mlr_demo_buf node = begin_node(o, "DequantizeLinear", inputs, output);
    attribute(&node, "axis", &axis, 1);
    end_node(o, &node);
}

/* --- layers
 * ------------------------------------------------------------------------------- */

static bool is_int8(const onnx *o)
{
    return o->demo->file->type == MLR_DTYPE_I8;
}

static void set_shape(uint32_t dim[5], const mlr_demo_layer *l)
{
    dim[0] = l->kernel == 1 ? 2 : 4;
    dim[1] = l->out;
    dim[2] = l->in;
    dim[3] = l->kernel;
    dim[4] = l->kernel;
}

static void add_float_weights(onnx *o, const mlr_demo_layer *l)
{
    uint32_t dim[5];
    const uint32_t bias_dim[5] = {1, l->out};
    mlr_demo_buf w = buffer(o);
    mlr_demo_buf bias = buffer(o);
    size_t n = (size_t)l->in * l->kernel * l->kernel;
    for (uint32_t out = 0; out < l->out; out++) {
        add_f32(&bias, mlr_demo_filter(o->demo->file->variant, l, out, o->demo->row));
        mlr_demo_add(&w, o->demo->codes,
                     mlr_demo_blocks(o->demo->codes, o->demo->row, n, MLR_DTYPE_F32,
                                     MLR_DEMO_PLAIN));
    }
    set_shape(dim, l);
    add_tensor(o, l->name, ".weight", TYPE_FLOAT, dim, &w);
    add_tensor(o, l->name, ".bias", TYPE_FLOAT, bias_dim, &bias);
}

/* Codes, scales and zero points of weights and bias, one scale for each output. */
static void add_int8_weights(onnx *o, const mlr_demo_layer *l, float input_scale)
{
    uint32_t dim[5];
    const uint32_t channels[5] = {1, l->out};
    mlr_demo_buf part[6]; /* weight: codes, scales, zeros; bias: the same */
    size_t n = (size_t)l->in * l->kernel * l->kernel;
    for (size_t i = 0; i < 6; i++) {
        part[i] = buffer(o);
    }
    for (uint32_t out = 0; out < l->out; out++) {
        float bias = mlr_demo_filter(o->demo->file->variant, l, out, o->demo->row);
        float scale = mlr_demo_scale(o->demo->row, n, 127.0F);
        float bias_scale = scale * input_scale;
        for (size_t i = 0; i < n; i++) {
            mlr_demo_le(&part[0], (uint8_t)mlr_demo_code(o->demo->row[i], scale), 1);
        }
        int code =
            mlr_demo_round((double)bias / (double)bias_scale, -BIAS_LIMIT, BIAS_LIMIT);
        add_f32(&part[1], scale);
        mlr_demo_le(&part[2], 0, 1);
        mlr_demo_le(&part[3], (uint32_t)code, 4);
        add_f32(&part[4], bias_scale);
        mlr_demo_le(&part[5], 0, 4);
    }
    set_shape(dim, l);
    add_tensor(o, l->name, ".weight_quantized", TYPE_INT8, dim, &part[0]);
    add_tensor(o, l->name, ".weight_scale", TYPE_FLOAT, channels, &part[1]);
    add_tensor(o, l->name, ".weight_zero_point", TYPE_INT8, channels, &part[2]);
    add_tensor(o, l->name, ".bias_quantized", TYPE_INT32, channels, &part[3]);
    add_tensor(o, l->name, ".bias_scale", TYPE_FLOAT, channels, &part[4]);
    add_tensor(o, l->name, ".bias_zero_point", TYPE_INT32, channels, &part[5]);
    dequantize(o, l->name, "weight");
    dequantize(o, l->name, "bias");
}

static void add_layer(onnx *o, size_t i)
{
    const mlr_demo_layer *l = &mlr_demo_cnn[i];
    char inputs[160];
    char output[64];
    bool dense = l->kernel == 1;
    if (is_int8(o)) {
        add_int8_weights(o, l, mlr_demo_activation(o->demo->file->variant, (int)i - 1));
    } else {
        add_float_weights(o, l);
    }
    (void)snprintf(inputs, sizeof inputs, "%s %s.weight %s.bias", o->flow, l->name,
                   l->name);
    (void)snprintf(output, sizeof output, dense ? "logits" : "%s_out", l->name);
    mlr_demo_buf node = begin_node(o, dense ? "Gemm" : "Conv", inputs, output);
    if (dense) {
        static const uint32_t transposed = 1;
        attribute(&node, "transB", &transposed, 1);
    } else {
        const uint32_t kernel[2] = {l->kernel, l->kernel};
        const uint32_t stride[2] = {l->stride, l->stride};
        static const uint32_t pad[4] = {1, 1, 1, 1};
        attribute(&node, "kernel_shape", kernel, 2);
        attribute(&node, "strides", stride, 2);
        attribute(&node, "pads", pad, 4);
    }
    end_node(o, &node);
    (void)snprintf(o->flow, sizeof o->flow, "%s", output);
    if (!dense) {
        (void)snprintf(output, sizeof output, "%s_relu", l->name);
        pass(o, "Relu", output);
    }
}

static void add_layers(onnx *o)
{
    char name[16];
    (void)snprintf(o->flow, sizeof o->flow, "image");
    if (is_int8(o)) {
        add_activation(o, "image", mlr_demo_activation(o->demo->file->variant, -1), 0);
        quantize_flow(o, "image");
    }
    for (size_t i = 0; i < MLR_DEMO_LAYERS; i++) {
        if (i == MLR_DEMO_CONVS) {
            pass(o, "GlobalAveragePool", "pooled");
            pass(o, "Flatten", "features");
        }
        add_layer(o, i);
        if (is_int8(o) && i < MLR_DEMO_CONVS) {
            (void)snprintf(name, sizeof name, "act%zu", i + 1);
            add_activation(o, name, mlr_demo_activation(o->demo->file->variant, (int)i),
                           -128);
            quantize_flow(o, name);
        }
    }
}

/* --- the model
 * ---------------------------------------------------------------------------- */

static void value_info(mlr_demo_buf *graph, unsigned field, const char *name,
                       const uint32_t *dim, size_t rank)
{
    mlr_demo_buf shape = {.alloc = graph->alloc};
    mlr_demo_buf tensor_type = {.alloc = graph->alloc};
    mlr_demo_buf type = {.alloc = graph->alloc};
    mlr_demo_buf value = {.alloc = graph->alloc};
    for (size_t i = 0; i < rank; i++) {
        mlr_demo_buf d = {.alloc = graph->alloc};
        number(&d, 1, dim[i]);
        message(&shape, 1, &d);
    }
    number(&tensor_type, 1, TYPE_FLOAT);
    message(&tensor_type, 2, &shape);
    message(&type, 1, &tensor_type);
    text(&value, 1, name);
    message(&value, 2, &type);
    message(graph, field, &value);
}

static void put_model(onnx *o)
{
    static const uint32_t in[] = {1, 3, 32, 32};
    static const uint32_t out[] = {1, MLR_DEMO_CLASSES};
    mlr_demo_buf graph = buffer(o);
    mlr_demo_buf model = buffer(o);
    mlr_demo_buf opset = buffer(o);
    graph.failed = o->nodes.failed || o->initializers.failed;
    mlr_demo_add(&graph, o->nodes.p, o->nodes.n);
    text(&graph, 2, "mallorn-demo-cnn");
    mlr_demo_add(&graph, o->initializers.p, o->initializers.n);
    value_info(&graph, 11, "image", in, 4);
    value_info(&graph, 12, "logits", out, 2);
    number(&model, 1, 8);
    text(&model, 2, "mallorn make-demo");
    message(&model, 7, &graph);
    number(&opset, 2, 13);
    message(&model, 8, &opset);
    if (model.failed) {
        (void)mlr_fail(o->demo->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                       "memory for a demo model");
    }
    mlr_demo_put(o->demo->out, model.p, model.n);
    mlr_demo_drop(&model);
}

mlr_status mlr_demo_onnx(mlr_demo *d)
{
    onnx o = {.demo = d};
    o.nodes = buffer(&o);
    o.initializers = buffer(&o);
    add_layers(&o);
    put_model(&o);
    mlr_demo_drop(&o.nodes);
    mlr_demo_drop(&o.initializers);
    return d->err->status;
}
