#include "tests/support/random_pair.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TENSORS = 8, MOST_FILE = 1 << 19, MOST_ROWS = 40, FEW_ROWS = 4 };

typedef enum kind { K_F32, K_F16, K_BF16, K_I8, K_I32, K_Q8_0, K_Q4_0, K_COUNT } kind;

static const struct {
    const char *st;
    uint32_t gguf, onnx, tflite, items, bytes;
} kinds[K_COUNT] = {{"F32", 0, 1, 0, 1, 4},     {"F16", 1, 10, 1, 1, 2},
                    {"BF16", 30, 16, 18, 1, 2}, {"I8", 24, 3, 9, 1, 1},
                    {"I32", 26, 6, 2, 1, 4},    {"U8", 8, 0, 0, 32, 34},
                    {"U8", 2, 0, 0, 32, 18}};

typedef struct tensor {
    char name[64];
    kind type;
    uint32_t rows, columns;
    uint8_t *data;
} tensor;

typedef struct model {
    tensor t[MOST_TENSORS + 2];
    size_t count;
    uint32_t seed; /* goes into the metadata */
} model;

static size_t row_bytes(const tensor *t)
{
    return t->columns / kinds[t->type].items * kinds[t->type].bytes;
}

static size_t tensor_bytes(const tensor *t)
{
    return t->rows * row_bytes(t);
}

/* Weights are bell-shaped: exponents repeat, low mantissa bits do not. */
static void fill(rng *r, tensor *t, size_t from)
{
    size_t n = tensor_bytes(t);
    rng_fill(r, t->data + from, n - from);
    for (size_t i = from; i + 4 <= n && t->type == K_F32; i += 4) {
        float v = (float)rng_normal(r) * 0.02f;
        memcpy(t->data + i, &v, 4);
    }
    for (size_t i = from; i + 2 <= n && t->type == K_BF16; i += 2) {
        float v = (float)rng_normal(r) * 0.02f;
        memcpy(t->data + i, (const uint8_t *)&v + 2, 2);
    }
}

static void make_tensor(rng *r, tensor *t, size_t number, bool blocks, uint32_t most_rows)
{
    *t = (tensor){.type = (kind)rng_below(r, blocks ? K_COUNT : K_Q8_0)};
    snprintf(t->name, sizeof t->name, "layers.%zu.w%u", number / 2,
             (unsigned)rng_below(r, 100));
    snprintf(t->name + strlen(t->name), 4, "_%zu", number);
    t->rows = (uint32_t)rng_below(r, most_rows);
    t->columns = (uint32_t)(rng_below(r, 12) + 1) * 32;
    t->data = malloc(tensor_bytes(t) + 1);
    fill(r, t, 0);
}

static void copy_tensor(tensor *to, const tensor *from)
{
    *to = *from;
    to->data = malloc(tensor_bytes(from) + 1);
    memcpy(to->data, from->data, tensor_bytes(from));
}

static void change_values(rng *r, tensor *t)
{
    size_t n = tensor_bytes(t);
    size_t every = (size_t)1 << rng_below(r, 10);
    for (size_t i = rng_below(r, every); i < n; i += 1 + rng_below(r, every)) {
        t->data[i] = (uint8_t)(t->data[i] + rng_below(r, 5) - 2);
    }
}

static void grow_rows(rng *r, tensor *t)
{
    size_t old = tensor_bytes(t);
    t->rows += 1 + (uint32_t)rng_below(r, 5);
    t->data = realloc(t->data, tensor_bytes(t) + 1);
    fill(r, t, old);
}

static void cast_to_bf16(tensor *t)
{
    if (t->type != K_F32) {
        return;
    }
    for (size_t i = 0; i < (size_t)t->rows * t->columns; i++) {
        memmove(t->data + 2 * i, t->data + 4 * i + 2, 2);
    }
    t->type = K_BF16;
}

static void update(rng *r, tensor *t)
{
    switch (rng_below(r, 8)) {
    case 0:
        break;
    case 1:
        grow_rows(r, t);
        break;
    case 2:
        cast_to_bf16(t);
        break;
    case 3:
        t->name[0] = 'L';
        break;
    case 4:
        fill(r, t, 0);
        break;
    default:
        change_values(r, t);
        break;
    }
}

/* --- formats ----------------------------------------------------------------------------
 */

typedef struct out {
    uint8_t *p;
    size_t n;
} out;

static void put(out *o, const void *src, size_t n)
{
    memcpy(o->p + o->n, src, n);
    o->n += n;
}

static void put_int(out *o, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        o->p[o->n++] = (uint8_t)(v >> (8 * i));
    }
}

static void write_st(out *o, const model *m)
{
    char *header = (char *)o->p + 8;
    size_t n = (size_t)sprintf(header, "{\"__metadata__\":{\"seed\":\"%u\"}", m->seed);
    size_t at = 0;
    for (size_t i = 0; i < m->count; i++) {
        const tensor *t = &m->t[i];
        size_t size = tensor_bytes(t);
        unsigned columns = t->type >= K_Q8_0 ? (unsigned)row_bytes(t) : t->columns;
        n += (size_t)sprintf(header + n,
                             ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%u,%u],"
                             "\"data_offsets\":[%zu,%zu]}",
                             t->name, kinds[t->type].st, t->rows, columns, at, at + size);
        at += size;
    }
    header[n++] = '}';
    put_int(o, n, 8);
    o->n += n;
    for (size_t i = 0; i < m->count; i++) {
        put(o, m->t[i].data, tensor_bytes(&m->t[i]));
    }
}

static void pad(out *o)
{
    while (o->n % 32 != 0) {
        o->p[o->n++] = 0;
    }
}

static void write_gguf(out *o, const model *m)
{
    put(o, "GGUF", 4);
    put_int(o, 3, 4);
    put_int(o, m->count, 8);
    put_int(o, 1, 8);
    put_int(o, 9, 8);
    put(o, "test.seed", 9);
    put_int(o, 4, 4);
    put_int(o, m->seed, 4);
    uint64_t at = 0;
    for (size_t i = 0; i < m->count; i++) {
        const tensor *t = &m->t[i];
        put_int(o, strlen(t->name), 8);
        put(o, t->name, strlen(t->name));
        put_int(o, 2, 4);
        put_int(o, t->columns, 8);
        put_int(o, t->rows, 8);
        put_int(o, kinds[t->type].gguf, 4);
        put_int(o, at, 8);
        at = (at + tensor_bytes(t) + 31) / 32 * 32;
    }
    for (size_t i = 0; i < m->count; i++) {
        pad(o);
        put(o, m->t[i].data, tensor_bytes(&m->t[i]));
    }
    pad(o);
}

static void put_varint(out *o, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) {
        o->p[o->n++] = (uint8_t)(v | 0x80);
    }
    o->p[o->n++] = (uint8_t)v;
}

static void put_field(out *o, unsigned tag, const void *src, size_t n)
{
    put_int(o, tag, 1);
    put_varint(o, n);
    put(o, src, n);
}

static void write_onnx(out *o, const model *m)
{
    out graph = {.p = malloc(MOST_FILE)};
    for (size_t i = 0; i < m->count; i++) {
        const tensor *t = &m->t[i];
        out init = {.p = malloc(MOST_FILE)};
        put_int(&init, 0x08, 1);
        put_varint(&init, t->rows);
        put_int(&init, 0x08, 1);
        put_varint(&init, t->columns);
        put_int(&init, 0x10, 1);
        put_varint(&init, kinds[t->type].onnx);
        put_field(&init, 0x42, t->name, strlen(t->name));
        put_field(&init, 0x4a, t->data, tensor_bytes(t));
        put_field(&graph, 0x2a, init.p, init.n);
        free(init.p);
    }
    put_int(o, 0x08, 1);
    put_varint(o, 8);
    put_field(o, 0x12, &m->seed, sizeof m->seed / 4);
    put_field(o, 0x3a, graph.p, graph.n);
    free(graph.p);
}

/* --- FlatBuffers: everything points forward, tables have fields of four bytes
 * ------------- */

static void align_to(out *o, size_t n)
{
    while (o->n % n != 0) {
        o->p[o->n++] = 0;
    }
}

/* Where the first field of a new table stands. */
static size_t put_table(out *o, size_t fields)
{
    align_to(o, 4);
    size_t vtable = o->n;
    put_int(o, 4 + 2 * fields, 2);
    put_int(o, 4 + 4 * fields, 2);
    for (size_t i = 0; i < fields; i++) {
        put_int(o, 4 + 4 * i, 2);
    }
    align_to(o, 4);
    put_int(o, o->n - vtable, 4);
    size_t first = o->n;
    for (size_t i = 0; i < fields; i++) {
        put_int(o, 0, 4);
    }
    return first;
}

static void set_field(out *o, size_t at, uint64_t value)
{
    size_t end = o->n;
    o->n = at;
    put_int(o, value, 4);
    o->n = end;
}

/* A vector of n items begins here, as the field at `from` shall say. */
static void begin_vector(out *o, size_t from, uint64_t n, size_t alignment)
{
    while ((o->n + 4) % alignment != 0) {
        o->p[o->n++] = 0;
    }
    set_field(o, from, o->n - from);
    put_int(o, n, 4);
}

/* A vector of n places for tables; where the first one stands. */
static size_t put_places(out *o, size_t from, uint64_t n)
{
    begin_vector(o, from, n, 4);
    size_t first = o->n;
    for (uint64_t i = 0; i < n; i++) {
        put_int(o, 0, 4);
    }
    return first;
}

static size_t put_table_at(out *o, size_t place, size_t fields)
{
    size_t first = put_table(o, fields);
    set_field(o, place, first - 4 - place);
    return first;
}

static void put_tfl_tensor(out *o, size_t place, const tensor *t, uint64_t buffer)
{
    size_t f = put_table_at(o, place, 4);
    set_field(o, f + 4, kinds[t->type].tflite);
    set_field(o, f + 8, buffer);
    begin_vector(o, f, 2, 4);
    put_int(o, t->rows, 4);
    put_int(o, t->columns, 4);
    begin_vector(o, f + 12, strlen(t->name), 4);
    put(o, t->name, strlen(t->name) + 1);
}

static void write_tflite(out *o, const model *m)
{
    put_int(o, 0, 4);
    put(o, "TFL3", 4);
    size_t f = put_table_at(o, 0, 5);
    set_field(o, f, 3);
    (void)put_places(o, f + 4, 0);
    size_t graph = put_table_at(o, put_places(o, f + 8, 1), 4);
    begin_vector(o, f + 12, sizeof m->seed, 4);
    put(o, &m->seed, sizeof m->seed);
    put_int(o, 0, 1);
    size_t tensors = put_places(o, graph, m->count);
    for (size_t i = 1; i < 4; i++) {
        (void)put_places(o, graph + 4 * i, 0);
    }
    for (size_t i = 0; i < m->count; i++) {
        put_tfl_tensor(o, tensors + 4 * i, &m->t[i], i + 1);
    }
    size_t buffers = put_places(o, f + 16, m->count + 1);
    (void)put_table_at(o, buffers, 0);
    for (size_t i = 0; i < m->count; i++) {
        size_t data = put_table_at(o, buffers + 4 * (i + 1), 1);
        begin_vector(o, data, tensor_bytes(&m->t[i]), 16);
        put(o, m->t[i].data, tensor_bytes(&m->t[i]));
    }
}

static random_file write_model(const model *m, random_format format)
{
    out o = {.p = calloc(1, MOST_FILE)};
    switch (format) {
    case RANDOM_ST:
        write_st(&o, m);
        break;
    case RANDOM_GGUF:
        write_gguf(&o, m);
        break;
    case RANDOM_ONNX:
        write_onnx(&o, m);
        break;
    case RANDOM_TFLITE:
        write_tflite(&o, m);
        break;
    case RANDOM_BYTES:
        for (size_t i = 0; i < m->count; i++) {
            put(&o, m->t[i].data, tensor_bytes(&m->t[i]));
        }
        break;
    }
    return (random_file){.data = o.p, .n = o.n};
}

static void swap_some(rng *r, model *m)
{
    if (m->count < 2 || rng_below(r, 3) != 0) {
        return;
    }
    size_t a = rng_below(r, m->count), b = rng_below(r, m->count);
    tensor t = m->t[a];
    m->t[a] = m->t[b];
    m->t[b] = t;
}

static void release(model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->t[i].data);
    }
}

static void make_pair(rng *r, random_format format, uint32_t most_rows,
                      random_file *old_file, random_file *new_file)
{
    bool blocks = format != RANDOM_ONNX && format != RANDOM_TFLITE;
    model a = {.count = rng_below(r, MOST_TENSORS), .seed = 1}, b = {.seed = 1};
    for (size_t i = 0; i < a.count; i++) {
        make_tensor(r, &a.t[i], i, blocks, most_rows);
        if (rng_below(r, 10) != 0) {
            copy_tensor(&b.t[b.count], &a.t[i]);
            update(r, &b.t[b.count++]);
        }
    }
    if (rng_below(r, 4) == 0) {
        make_tensor(r, &b.t[b.count], MOST_TENSORS, blocks, most_rows);
        b.count++;
    }
    b.seed += rng_below(r, 3) == 0;
    swap_some(r, &b);
    *old_file = write_model(&a, format);
    *new_file = write_model(&b, format);
    release(&a);
    release(&b);
}

void random_pair(rng *r, random_format format, random_file *old_file, random_file *new_file)
{
    make_pair(r, format, MOST_ROWS, old_file, new_file);
}

void random_pair_small(rng *r, random_format format, random_file *old_file,
                       random_file *new_file)
{
    make_pair(r, format, FEW_ROWS, old_file, new_file);
}
