/* Writes the made-up classifier as TFLite, in f32 or int8 with a scale per channel. */
#include <stdio.h>
#include <string.h>

#include "tui/cli/demo.h"
#include "tui/cli/demo_num.h"

enum { TYPE_F32 = 0, TYPE_I32 = 2, TYPE_I8 = 9 };
enum { OP_CONV_2D = 3, OP_FULLY_CONNECTED = 9, OP_MEAN = 40 };
enum { OPTIONS_CONV_2D = 1, OPTIONS_FULLY_CONNECTED = 8, OPTIONS_REDUCER = 27 };
enum { MAX_TENSORS = 24, MAX_OPS = MLR_DEMO_LAYERS + 1, NO_DATA = 0, BIAS_LIMIT = 1 << 30 };

/* --- FlatBuffers, written front to back
 * ---------------------------------------------------- */

/* A field of a table: a scalar, or (bytes 0) an offset that is linked later. */
typedef struct field {
    uint16_t id;
    uint8_t bytes;
    uint64_t value;
    uint32_t at; /* out: where it stands */
} field;

static void align(mlr_demo_buf *b, size_t step, size_t ahead)
{
    while ((b->n + ahead) % step != 0 && !b->failed) {
        mlr_demo_le(b, 0, 1);
    }
}

/* Points the offset that stands at `at` to what comes next. */
static void link_here(mlr_demo_buf *b, uint32_t at)
{
    if (b->failed) {
        return;
    }
    uint32_t distance = (uint32_t)b->n - at;
    for (unsigned i = 0; i < 4; i++) {
        b->p[at + i] = (uint8_t)(distance >> (8 * i) & 0xFF);
    }
}

/* Writes vtable and table; `parent` is where the offset to this table stands (of the root:
   byte 0). Fields are laid out in the order given. */
static void table(mlr_demo_buf *b, uint32_t parent, field *f, size_t n)
{
    uint16_t slot[16] = {0};
    uint16_t place = 4;
    uint16_t slots = 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t size = f[i].bytes == 0 ? 4 : f[i].bytes;
        place = (uint16_t)((place + size - 1) / size * size);
        slot[f[i].id] = place;
        f[i].at = place;
        place = (uint16_t)(place + size);
        slots = f[i].id >= slots ? (uint16_t)(f[i].id + 1) : slots;
    }
    uint32_t vtable_bytes = 4 + 2U * slots;
    align(b, 8, vtable_bytes);
    mlr_demo_le(b, vtable_bytes, 2);
    mlr_demo_le(b, place, 2);
    for (uint16_t i = 0; i < slots; i++) {
        mlr_demo_le(b, slot[i], 2);
    }
    link_here(b, parent);
    uint32_t start = (uint32_t)b->n;
    mlr_demo_le(b, vtable_bytes, 4);
    for (size_t i = 0; i < n; i++) {
        f[i].at += start;
        align(b, f[i].bytes == 0 ? 4 : f[i].bytes, 0);
        mlr_demo_le(b, f[i].value, f[i].bytes == 0 ? 4 : f[i].bytes);
    }
    align(b, 4, 0);
}

/* The head of a vector whose elements, aligned to `step`, come next. */
static void vector(mlr_demo_buf *b, uint32_t parent, size_t count, size_t step)
{
    align(b, 4, 0);
    align(b, step < 4 ? 4 : step, 4);
    link_here(b, parent);
    mlr_demo_le(b, count, 4);
}

/* A vector of `count` offsets; the first stands at the result. */
static uint32_t offsets(mlr_demo_buf *b, uint32_t parent, size_t count)
{
    vector(b, parent, count, 4);
    uint32_t first = (uint32_t)b->n;
    for (size_t i = 0; i < count; i++) {
        mlr_demo_le(b, 0, 4);
    }
    return first;
}

static void string(mlr_demo_buf *b, uint32_t parent, const char *s)
{
    vector(b, parent, strlen(s), 1);
    mlr_demo_add(b, s, strlen(s) + 1);
}

static void ints(mlr_demo_buf *b, uint32_t parent, const int32_t *v, size_t n)
{
    vector(b, parent, n, 4);
    for (size_t i = 0; i < n; i++) {
        mlr_demo_le(b, (uint32_t)v[i], 4);
    }
}

/* --- what the model holds
 * ------------------------------------------------------------------ */

typedef struct tensor {
    char name[40];
    int type;
    int32_t dim[4];
    size_t rank;
    mlr_demo_buf data;  /* empty: an activation */
    mlr_demo_buf scale; /* floats; empty: not quantized */
    int zero;
} tensor;

typedef struct op {
    int code; /* place among the operator codes */
    int32_t input[3], output;
    size_t inputs;
    const mlr_demo_layer *layer; /* NULL: the mean */
} op;

typedef struct tflite {
    mlr_demo *demo;
    tensor tensor[MAX_TENSORS];
    size_t tensors;
    op op[MAX_OPS];
    size_t ops;
    mlr_demo_buf out;
} tflite;

static bool is_int8(const tflite *t)
{
    return t->demo->file->type == MLR_DTYPE_I8;
}

static void add_f32(mlr_demo_buf *b, float x)
{
    mlr_demo_le(b, mlr_demo_float_bits(x), 4);
}

static tensor *new_tensor(tflite *t, int type, const int32_t *dim, size_t rank)
{
    tensor *x = &t->tensor[t->tensors++];
    x->type = type;
    x->rank = rank;
    x->data.alloc = t->demo->cli->alloc;
    x->scale.alloc = t->demo->cli->alloc;
    memcpy(x->dim, dim, rank * sizeof dim[0]);
    return x;
}

/* An activation; `layer` -1 is the image. Returns its index. */
static int32_t add_activation(tflite *t, const char *name, int layer, const int32_t *dim,
                              size_t rank)
{
    tensor *x = new_tensor(t, is_int8(t) ? TYPE_I8 : TYPE_F32, dim, rank);
    (void)snprintf(x->name, sizeof x->name, "%s", name);
    if (is_int8(t)) {
        add_f32(&x->scale, mlr_demo_activation(t->demo->file->variant, layer));
        x->zero = layer < 0 ? 0 : -128;
    }
    return (int32_t)t->tensors - 1;
}

/* TFLite wants [out][y][x][in]; the filter comes as [in][y][x]. */
static void add_filter(tflite *t, const mlr_demo_layer *l, mlr_demo_buf *to, float scale)
{
    uint32_t area = l->kernel * l->kernel;
    for (uint32_t p = 0; p < area; p++) {
        for (uint32_t in = 0; in < l->in; in++) {
            float w = t->demo->row[in * area + p];
            if (is_int8(t)) {
                mlr_demo_le(to, (uint8_t)mlr_demo_code(w, scale), 1);
            } else {
                add_f32(to, w);
            }
        }
    }
}

static void add_bias(const tflite *t, tensor *x, float bias, float scale)
{
    if (!is_int8(t)) {
        add_f32(&x->data, bias);
        return;
    }
    int code = mlr_demo_round((double)bias / (double)scale, -BIAS_LIMIT, BIAS_LIMIT);
    mlr_demo_le(&x->data, (uint32_t)code, 4);
    add_f32(&x->scale, scale);
}

/* Weights and bias; returns the index of the weights, the bias follows. */
static int32_t add_weights(tflite *t, size_t i)
{
    const mlr_demo_layer *l = &mlr_demo_cnn[i];
    const int32_t dim[4] = {(int32_t)l->out, (int32_t)l->kernel, (int32_t)l->kernel,
                            (int32_t)l->in};
    const int32_t dense[2] = {(int32_t)l->out, (int32_t)l->in};
    size_t n = (size_t)l->in * l->kernel * l->kernel;
    int type = is_int8(t) ? TYPE_I8 : TYPE_F32;
    tensor *w =
        l->kernel == 1 ? new_tensor(t, type, dense, 2) : new_tensor(t, type, dim, 4);
    tensor *b = new_tensor(t, is_int8(t) ? TYPE_I32 : TYPE_F32, dim, 1);
    float input_scale = mlr_demo_activation(t->demo->file->variant, (int)i - 1);
    (void)snprintf(w->name, sizeof w->name, "cnn/%s/%s", l->name,
                   l->kernel == 1 ? "MatMul" : "Conv2D");
    (void)snprintf(b->name, sizeof b->name, "cnn/%s/BiasAdd/ReadVariableOp", l->name);
    for (uint32_t out = 0; out < l->out; out++) {
        float bias = mlr_demo_filter(t->demo->file->variant, l, out, t->demo->row);
        float scale = mlr_demo_scale(t->demo->row, n, 127.0F);
        add_filter(t, l, &w->data, scale);
        if (is_int8(t)) {
            add_f32(&w->scale, scale);
        }
        add_bias(t, b, bias, scale * input_scale);
    }
    return (int32_t)t->tensors - 2;
}

static int32_t add_mean(tflite *t, int32_t input)
{
    static const int32_t two = 2;
    const int32_t dim[2] = {1, (int32_t)mlr_demo_cnn[MLR_DEMO_CONVS].in};
    tensor *axes = new_tensor(t, TYPE_I32, &two, 1);
    (void)snprintf(axes->name, sizeof axes->name, "cnn/pool/Mean/reduction_indices");
    mlr_demo_le(&axes->data, 1, 4);
    mlr_demo_le(&axes->data, 2, 4);
    int32_t at = (int32_t)t->tensors - 1;
    int32_t out = add_activation(t, "cnn/pool/Mean", MLR_DEMO_CONVS - 1, dim, 2);
    t->op[t->ops++] = (op){.code = 2, .input = {input, at}, .inputs = 2, .output = out};
    return out;
}

static void add_layers(tflite *t)
{
    static const int32_t image[4] = {1, 32, 32, 3};
    int32_t flow = add_activation(t, "serving_default_image:0", -1, image, 4);
    for (size_t i = 0; i < MLR_DEMO_LAYERS; i++) {
        const mlr_demo_layer *l = &mlr_demo_cnn[i];
        bool dense = l->kernel == 1;
        char name[40];
        if (dense) {
            flow = add_mean(t, flow);
        }
        int32_t w = add_weights(t, i);
        const int32_t plane[4] = {1, (int32_t)l->size, (int32_t)l->size, (int32_t)l->out};
        const int32_t flat[2] = {1, (int32_t)l->out};
        (void)snprintf(name, sizeof name,
                       dense ? "StatefulPartitionedCall:0" : "cnn/%s/Relu", l->name);
        int32_t out = add_activation(t, name, (int)i, dense ? flat : plane, dense ? 2 : 4);
        t->op[t->ops++] = (op){.code = dense ? 1 : 0,
                               .input = {flow, w, w + 1},
                               .inputs = 3,
                               .output = out,
                               .layer = l};
        flow = out;
    }
}

/* --- tables
 * -------------------------------------------------------------------------------- */

static void put_quantization(tflite *t, const tensor *x, uint32_t parent)
{
    size_t count = x->scale.n / 4;
    field f[] = {{2, 0, 0, 0}, {3, 0, 0, 0}, {6, 4, 0, 0}};
    table(&t->out, parent, f, 3);
    vector(&t->out, f[0].at, count, 4);
    mlr_demo_add(&t->out, x->scale.p, x->scale.n);
    vector(&t->out, f[1].at, count, 8);
    for (size_t i = 0; i < count; i++) {
        mlr_demo_le(&t->out, (uint64_t)(int64_t)x->zero, 8);
    }
}

static void put_tensor(tflite *t, size_t i, uint32_t parent)
{
    const tensor *x = &t->tensor[i];
    bool quantized = x->scale.n != 0;
    uint64_t buffer = x->data.n == 0 ? NO_DATA : i + 1;
    field f[] = {{0, 0, 0, 0},
                 {2, 4, buffer, 0},
                 {3, 0, 0, 0},
                 {1, 1, (uint64_t)x->type, 0},
                 {4, 0, 0, 0}};
    table(&t->out, parent, f, quantized ? 5 : 4);
    ints(&t->out, f[0].at, x->dim, x->rank);
    string(&t->out, f[2].at, x->name);
    if (quantized) {
        put_quantization(t, x, f[4].at);
    }
}

static void put_options(tflite *t, const op *o, uint32_t parent)
{
    if (o->layer == NULL) {
        field keep[] = {{0, 1, 0, 0}};
        table(&t->out, parent, keep, 1);
    } else if (o->layer->kernel == 1) {
        field none[] = {{0, 1, 0, 0}};
        table(&t->out, parent, none, 1);
    } else { /* SAME padding, ReLU */
        field conv[] = {{1, 4, o->layer->stride, 0},
                        {2, 4, o->layer->stride, 0},
                        {0, 1, 0, 0},
                        {3, 1, 1, 0}};
        table(&t->out, parent, conv, 4);
    }
}

static void put_op(tflite *t, const op *o, uint32_t parent)
{
    static const uint8_t options[] = {OPTIONS_CONV_2D, OPTIONS_FULLY_CONNECTED,
                                      OPTIONS_REDUCER};
    field f[] = {{0, 4, (uint64_t)o->code, 0},
                 {1, 0, 0, 0},
                 {2, 0, 0, 0},
                 {4, 0, 0, 0},
                 {3, 1, options[o->code], 0}};
    table(&t->out, parent, f, 5);
    ints(&t->out, f[1].at, o->input, o->inputs);
    ints(&t->out, f[2].at, &o->output, 1);
    put_options(t, o, f[3].at);
}

static void put_subgraph(tflite *t, uint32_t parent)
{
    static const int32_t first = 0;
    const int32_t last = t->op[t->ops - 1].output;
    field f[] = {{0, 0, 0, 0}, {1, 0, 0, 0}, {2, 0, 0, 0}, {3, 0, 0, 0}, {4, 0, 0, 0}};
    table(&t->out, parent, f, 5);
    uint32_t at = offsets(&t->out, f[0].at, t->tensors);
    for (size_t i = 0; i < t->tensors; i++) {
        put_tensor(t, i, at + 4 * (uint32_t)i);
    }
    ints(&t->out, f[1].at, &first, 1);
    ints(&t->out, f[2].at, &last, 1);
    at = offsets(&t->out, f[3].at, t->ops);
    for (size_t i = 0; i < t->ops; i++) {
        put_op(t, &t->op[i], at + 4 * (uint32_t)i);
    }
    string(&t->out, f[4].at, "main");
}

/* Buffer 0 is the empty one; tensor i has buffer i + 1, empty for activations. */
static void put_buffers(tflite *t, uint32_t parent)
{
    uint32_t at = offsets(&t->out, parent, t->tensors + 1);
    table(&t->out, at, NULL, 0);
    for (size_t i = 0; i < t->tensors; i++) {
        const mlr_demo_buf *data = &t->tensor[i].data;
        field f[] = {{0, 0, 0, 0}};
        t->out.failed = t->out.failed || data->failed || t->tensor[i].scale.failed;
        table(&t->out, at + 4 * (uint32_t)(i + 1), f, data->n == 0 ? 0 : 1);
        if (data->n != 0) {
            vector(&t->out, f[0].at, data->n, 16);
            mlr_demo_add(&t->out, data->p, data->n);
        }
    }
}

static void put_codes(tflite *t, uint32_t parent)
{
    static const uint8_t code[] = {OP_CONV_2D, OP_FULLY_CONNECTED, OP_MEAN};
    uint32_t at = offsets(&t->out, parent, 3);
    for (uint32_t i = 0; i < 3; i++) {
        field f[] = {{2, 4, 1, 0}, {3, 4, code[i], 0}, {0, 1, code[i], 0}};
        table(&t->out, at + 4 * i, f, 3);
    }
}

static void put_model(tflite *t)
{
    field f[] = {{0, 4, 3, 0}, {1, 0, 0, 0}, {2, 0, 0, 0}, {3, 0, 0, 0}, {4, 0, 0, 0}};
    mlr_demo_le(&t->out, 0, 4);
    mlr_demo_text(&t->out, "TFL3");
    table(&t->out, 0, f, 5);
    put_codes(t, f[1].at);
    uint32_t at = offsets(&t->out, f[2].at, 1);
    put_subgraph(t, at);
    string(&t->out, f[3].at, "mallorn make-demo");
    put_buffers(t, f[4].at);
    if (t->out.failed) {
        (void)mlr_fail(t->demo->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                       "memory for a demo model");
    }
    mlr_demo_put(t->demo->out, t->out.p, t->out.n);
}

mlr_status mlr_demo_tflite(mlr_demo *d)
{
    tflite t = {.demo = d, .out = {.alloc = d->cli->alloc}};
    add_layers(&t);
    put_model(&t);
    for (size_t i = 0; i < t.tensors; i++) {
        mlr_demo_drop(&t.tensor[i].data);
        mlr_demo_drop(&t.tensor[i].scale);
    }
    mlr_demo_drop(&t.out);
    return d->err->status;
}
