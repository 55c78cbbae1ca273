#include "formats/tflite.h"

#include <stdio.h>
#include <string.h>

#include "apply/base/checked.h"

/* Tensor's fields. */
enum {
    SHAPE = 0,
    TYPE = 1,
    BUFFER = 2,
    NAME = 3,
    QUANTIZATION = 4,
    SPARSITY = 6,
    SHAPE_SIGNATURE = 7,
    EXTERNAL_BUFFER = 10
};

/* TensorType, by number. */
static const uint8_t types[] = {
    MLR_DTYPE_F32, MLR_DTYPE_F16,     MLR_DTYPE_I32,     MLR_DTYPE_U8,
    MLR_DTYPE_I64, MLR_DTYPE_STRING,  MLR_DTYPE_BOOL,    MLR_DTYPE_I16,
    MLR_DTYPE_C64, MLR_DTYPE_I8,      MLR_DTYPE_F64,     MLR_DTYPE_C128,
    MLR_DTYPE_U64, MLR_DTYPE_OPAQUE,  MLR_DTYPE_OPAQUE,  MLR_DTYPE_U32,
    MLR_DTYPE_U16, MLR_DTYPE_I4,      MLR_DTYPE_BF16,    MLR_DTYPE_I2,
    MLR_DTYPE_U4,  MLR_DTYPE_F8_E4M3, MLR_DTYPE_F8_E5M2,
};

/* A tensor with a payload, to be added once it is known who shares it. */
struct mlr_tfl_row {
    struct mlr_tfl_row *next;
    mlr_fb_table table;
    uint32_t subgraph;
    uint32_t buffer; /* place in f->buffer */
};

static mlr_status fail(mlr_tfl *f, uint64_t at, const char *rule)
{
    return mlr_fail(f->err, MLR_E_FORMAT, at, rule);
}

static unsigned type_of(mlr_tfl *f, const mlr_fb_table *t)
{
    return mlr_fb_u8(&f->fb, t, TYPE, 0);
}

static uint8_t dtype_of(unsigned type)
{
    return type < sizeof types ? types[type] : MLR_DTYPE_OPAQUE;
}

bool mlr_tfl_text(mlr_tfl *f, mlr_region from, char to[MLR_MAX_NAME], mlr_str *out)
{
    *out = (mlr_str){.p = to, .n = (size_t)from.len};
    if (from.len > MLR_MAX_NAME) {
        mlr_fail_limit(f->err, from.off, "bytes of a name", from.len, MLR_MAX_NAME);
        return false;
    }
    mlr_walk w = {
        .window = f->p->window, .pos = from.off, .end = from.off + from.len, .err = f->err};
    if (!mlr_walk_read(&w, to, (size_t)from.len, "name")) {
        return false;
    }
    if (memchr(to, '\0', (size_t)from.len) != NULL) {
        fail(f, from.off, "name without NUL");
        return false;
    }
    return true;
}

/* Which payload the tensor uses, or UINT32_MAX for none. */
static uint32_t payload_of(mlr_tfl *f, const mlr_fb_table *t)
{
    uint32_t index = mlr_fb_u32(&f->fb, t, BUFFER, 0);
    uint32_t id = mlr_fb_u32(&f->fb, t, EXTERNAL_BUFFER, 0);
    if (index >= f->buffers && index > 0) {
        fail(f, t->at, "buffer index below the number of buffers");
        return UINT32_MAX;
    }
    /* Buffer 0 stands for none, whatever it holds. */
    bool inside = index > 0 && f->buffer[index].bytes.len > 0;
    if (id == 0) {
        return inside ? index : UINT32_MAX;
    }
    if (inside) {
        fail(f, t->at, "data in one place, this file or another");
        return UINT32_MAX;
    }
    mlr_str key = {.p = (const char *)&id, .n = sizeof id};
    const uint64_t *place = mlr_strmap_find(&f->external_ids, key);
    if (place == NULL) {
        fail(f, t->at, "external buffer that the model lists");
        return UINT32_MAX;
    }
    return f->buffer[*place].absent ? UINT32_MAX : (uint32_t)*place;
}

static void note_use(mlr_tfl *f, const mlr_fb_table *t, uint32_t buffer)
{
    mlr_tfl_buffer *b = &f->buffer[buffer];
    uint8_t dtype = dtype_of(type_of(f, t));
    mlr_fb_table sparsity;
    if (mlr_fb_child(&f->fb, t, SPARSITY, &sparsity)) {
        b->opaque = true;
    }
    if (b->used && b->dtype != dtype) {
        b->opaque = true;
    }
    b->used = true;
    b->dtype = dtype;
}

static void scan_tensor(mlr_tfl *f, uint32_t subgraph, const mlr_fb_table *t)
{
    mlr_fb_vector shape = mlr_fb_vec(&f->fb, t, SHAPE, 4);
    mlr_fb_vector signature = mlr_fb_vec(&f->fb, t, SHAPE_SIGNATURE, 4);
    if (shape.count > MLR_MAX_RANK || signature.count > MLR_MAX_RANK) {
        mlr_fail_limit(f->err, t->at, "dimensions of a tensor",
                       shape.count > signature.count ? shape.count : signature.count,
                       MLR_MAX_RANK);
        return;
    }
    mlr_fb_ints_within(&f->fb, &shape, 0, UINT64_MAX, "dimension that is not negative");
    mlr_fb_ints_within(&f->fb, &signature, -1, UINT64_MAX, "dimension from -1 upwards");
    mlr_fb_string(&f->fb, t, NAME);
    uint32_t buffer = f->err->status == MLR_OK ? payload_of(f, t) : UINT32_MAX;
    if (buffer == UINT32_MAX || f->err->status != MLR_OK) {
        return;
    }
    note_use(f, t, buffer);
    struct mlr_tfl_row *row = mlr_pool_take(f->p->scratch, sizeof *row);
    if (row == NULL) {
        mlr_fail(f->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
        return;
    }
    *row = (struct mlr_tfl_row){.table = *t, .subgraph = subgraph, .buffer = buffer};
    *f->last = row;
    f->last = &row->next;
}

void mlr_tfl_scan_tensors(mlr_tfl *f, uint32_t subgraph)
{
    const mlr_fb_vector *all = &f->subgraph[subgraph].tensors;
    if (all->count > MLR_MAX_TENSORS) {
        mlr_fail_limit(f->err, all->at, "tensors of a subgraph", all->count,
                       MLR_MAX_TENSORS);
    }
    for (uint32_t i = 0; i < all->count && f->err->status == MLR_OK; i++) {
        mlr_fb_table t;
        if (mlr_fb_item(&f->fb, all, i, &t)) {
            scan_tensor(f, subgraph, &t);
        }
    }
}

/* --- quantization --- */

static mlr_values numbers(mlr_tfl *f, const mlr_fb_vector *v, unsigned dtype)
{
    const mlr_dtype *type = mlr_dtype_get(dtype);
    if (v->count == 0) {
        return (mlr_values){0};
    }
    return (mlr_values){
        .dtype = type,
        .count = v->count,
        .bytes = {.off = v->at, .len = (uint64_t)v->count * type->block_bytes},
        .member = f->p->member};
}

/* Values that are themselves a tensor of the subgraph, given by its index. */
static mlr_values tensor_values(mlr_tfl *f, uint32_t subgraph, int32_t index)
{
    const mlr_fb_vector *all = &f->subgraph[subgraph].tensors;
    mlr_fb_table t;
    if (index < 0 || (uint32_t)index >= all->count ||
        !mlr_fb_item(&f->fb, all, (uint32_t)index, &t)) {
        return (mlr_values){0};
    }
    uint32_t place = payload_of(f, &t);
    const mlr_dtype *type = mlr_dtype_get(dtype_of(type_of(f, &t)));
    if (place == UINT32_MAX || type->cls == MLR_CLASS_OPAQUE || type->block_items != 1) {
        return (mlr_values){0};
    }
    mlr_region bytes = f->buffer[place].bytes;
    return (mlr_values){.dtype = type,
                        .count = bytes.len / type->block_bytes,
                        .bytes = bytes,
                        .member = f->buffer[place].member};
}

/* QuantizationParameters.details, type 2: scales for blocks of elements. */
static bool read_blockwise(mlr_tfl *f, const struct mlr_tfl_row *row,
                           const mlr_fb_table *params, mlr_quant *q)
{
    enum { DETAILS_TYPE = 4, DETAILS = 5, BLOCKWISE = 2 };
    mlr_fb_table d;
    if (mlr_fb_u8(&f->fb, params, DETAILS_TYPE, 0) != BLOCKWISE ||
        !mlr_fb_child(&f->fb, params, DETAILS, &d)) {
        return false;
    }
    int32_t block = mlr_fb_i32(&f->fb, &d, 2, 0);
    q->scale = tensor_values(f, row->subgraph, mlr_fb_i32(&f->fb, &d, 0, 0));
    int32_t zero = mlr_fb_i32(&f->fb, &d, 1, -1);
    if (zero > 0) {
        q->zero = tensor_values(f, row->subgraph, zero);
    }
    q->block = block > 0 ? (uint32_t)block : 0;
    q->scheme = "blockwise";
    return q->scale.dtype != NULL && q->block > 0;
}

/* What is said of the tensor's scales, where it makes sense; false where nothing is. */
static bool read_quant(mlr_tfl *f, const struct mlr_tfl_row *row, const uint64_t *dim,
                       uint8_t rank, mlr_quant *q)
{
    enum { SCALE = 2, ZERO_POINT = 3, QUANTIZED_DIMENSION = 6 };
    mlr_fb_table params;
    *q = (mlr_quant){.axis = -1, .scheme = "affine"};
    if (!mlr_fb_child(&f->fb, &row->table, QUANTIZATION, &params)) {
        return false;
    }
    mlr_fb_vector scale = mlr_fb_vec(&f->fb, &params, SCALE, 4);
    mlr_fb_vector zero = mlr_fb_vec(&f->fb, &params, ZERO_POINT, 8);
    int32_t axis = mlr_fb_i32(&f->fb, &params, QUANTIZED_DIMENSION, 0);
    if (axis < 0 || axis >= rank) {
        axis = -1;
    }
    if (read_blockwise(f, row, &params, q)) {
        q->axis = axis;
        return true;
    }
    q->block = 0;
    q->scheme = "affine";
    q->scale = numbers(f, &scale, MLR_DTYPE_F32);
    q->zero = numbers(f, &zero, MLR_DTYPE_I64);
    if (scale.count > 1 && axis >= 0 && dim[axis] == scale.count) {
        q->axis = axis;
    }
    return scale.count > 0;
}

/* --- adding --- */

bool mlr_tfl_prefix(mlr_tfl *f, uint32_t subgraph, char to[2 * MLR_MAX_NAME], size_t *n)
{
    mlr_str name;
    if (!mlr_tfl_text(f, f->subgraph[subgraph].name, to, &name)) {
        return false;
    }
    *n = name.n;
    if (name.n == 0) {
        const char *base = subgraph == 0 ? "main" : "subgraph";
        int len = subgraph == 0 ? snprintf(to, MLR_MAX_NAME, "%s", base)
                                : snprintf(to, MLR_MAX_NAME, "%s%u", base, subgraph);
        *n = (size_t)len;
    }
    to[(*n)++] = '/';
    return true;
}

static void read_shape(mlr_tfl *f, const mlr_fb_table *t, uint64_t dim[MLR_MAX_RANK],
                       uint8_t *rank)
{
    mlr_fb_vector shape = mlr_fb_vec(&f->fb, t, SHAPE, 4);
    *rank = (uint8_t)shape.count;
    for (uint32_t i = 0; i < shape.count; i++) {
        dim[i] = (uint64_t)mlr_fb_int(&f->fb, &shape, i);
    }
}

/* The type of the payload where shape and length agree on it. */
static const mlr_dtype *payload_type(const mlr_tfl_buffer *b, const mlr_tensor_spec *spec)
{
    const mlr_dtype *type = mlr_dtype_get(b->opaque ? MLR_DTYPE_OPAQUE : b->dtype);
    uint64_t elements = 1, bytes = 0;
    for (uint8_t i = 0; i < spec->rank; i++) {
        if (!mlr_mul_u64(elements, spec->dim[i], &elements)) {
            return NULL;
        }
    }
    if (type->cls == MLR_CLASS_OPAQUE ||
        (mlr_dtype_bytes(type, elements, &bytes) && bytes == b->bytes.len)) {
        return type;
    }
    return mlr_dtype_get(MLR_DTYPE_OPAQUE);
}

static mlr_status add_tensor(mlr_tfl *f, const struct mlr_tfl_row *row)
{
    char key[2 * MLR_MAX_NAME + MLR_UNIQUE_ROOM], text[MLR_MAX_NAME];
    uint64_t dim[MLR_MAX_RANK];
    const mlr_tfl_buffer *b = &f->buffer[row->buffer];
    mlr_quant q;
    size_t n = 0;
    mlr_tensor_spec spec = {.dim = dim,
                            .member = b->member,
                            .native_type = type_of(f, &row->table),
                            .data = b->bytes,
                            .defined_at = row->table.at};
    mlr_region name = mlr_fb_string(&f->fb, &row->table, NAME);
    read_shape(f, &row->table, dim, &spec.rank);
    if (f->err->status != MLR_OK || !mlr_tfl_text(f, name, text, &spec.name) ||
        !mlr_tfl_prefix(f, row->subgraph, key, &n)) {
        return f->err->status;
    }
    if (spec.name.n > 0) {
        memcpy(key + n, text, spec.name.n);
        n += spec.name.n;
    } else {
        n += (size_t)snprintf(key + n, MLR_UNIQUE_ROOM, "buffer:%u", row->buffer);
    }
    spec.key = (mlr_str){.p = key, .n = n};
    spec.dtype = payload_type(b, &spec);
    if (spec.dtype == NULL) {
        return fail(f, row->table.at, "element count below 2^64");
    }
    if (read_quant(f, row, dim, spec.rank, &q)) {
        spec.quant = &q;
    }
    return f->err->status == MLR_OK ? mlr_unique_tensor(&f->unique, &spec, f->err)
                                    : f->err->status;
}

mlr_status mlr_tfl_add_tensors(mlr_tfl *f)
{
    for (const struct mlr_tfl_row *row = f->first; row != NULL; row = row->next) {
        if (add_tensor(f, row) != MLR_OK) {
            return f->err->status;
        }
    }
    return f->err->status;
}

mlr_status mlr_tfl_add_bytes(mlr_tfl *f, mlr_str key, const mlr_tfl_buffer *b)
{
    uint64_t dim = b->bytes.len;
    mlr_tensor_spec spec = {.name = key,
                            .key = key,
                            .dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                            .dim = &dim,
                            .rank = 1,
                            .member = b->member,
                            .native_type = UINT32_MAX,
                            .data = b->bytes,
                            .defined_at = b->at};
    return mlr_unique_tensor(&f->unique, &spec, f->err);
}
