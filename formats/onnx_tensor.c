#include "formats/onnx.h"

#include <string.h>

#include "apply/base/checked.h"
#include "formats/path_rule.h"

/* TensorProto's fields. */
enum {
    DIMS = 1,
    DATA_TYPE = 2,
    SEGMENT = 3,
    FLOAT_DATA = 4,
    INT32_DATA = 5,
    STRING_DATA = 6,
    INT64_DATA = 7,
    NAME = 8,
    RAW_DATA = 9,
    DOUBLE_DATA = 10,
    UINT64_DATA = 11,
    EXTERNAL_DATA = 13,
    DATA_LOCATION = 14
};

enum { TYPE_STRING = 8, MAX_DIGITS = 19 };

/* TensorProto.DataType: our type, and the typed field that may hold it. */
static const struct {
    uint8_t dtype, field;
} types[] = {
    [1] = {MLR_DTYPE_F32, FLOAT_DATA},      [2] = {MLR_DTYPE_U8, INT32_DATA},
    [3] = {MLR_DTYPE_I8, INT32_DATA},       [4] = {MLR_DTYPE_U16, INT32_DATA},
    [5] = {MLR_DTYPE_I16, INT32_DATA},      [6] = {MLR_DTYPE_I32, INT32_DATA},
    [7] = {MLR_DTYPE_I64, INT64_DATA},      [TYPE_STRING] = {MLR_DTYPE_STRING, STRING_DATA},
    [9] = {MLR_DTYPE_BOOL, INT32_DATA},     [10] = {MLR_DTYPE_F16, INT32_DATA},
    [11] = {MLR_DTYPE_F64, DOUBLE_DATA},    [12] = {MLR_DTYPE_U32, UINT64_DATA},
    [13] = {MLR_DTYPE_U64, UINT64_DATA},    [14] = {MLR_DTYPE_C64, FLOAT_DATA},
    [15] = {MLR_DTYPE_C128, DOUBLE_DATA},   [16] = {MLR_DTYPE_BF16, INT32_DATA},
    [17] = {MLR_DTYPE_F8_E4M3, INT32_DATA}, [18] = {MLR_DTYPE_F8_E4M3FNUZ, INT32_DATA},
    [19] = {MLR_DTYPE_F8_E5M2, INT32_DATA}, [20] = {MLR_DTYPE_F8_E5M2FNUZ, INT32_DATA},
    [21] = {MLR_DTYPE_U4, INT32_DATA},      [22] = {MLR_DTYPE_I4, INT32_DATA},
    [23] = {MLR_DTYPE_F4_E2M1, INT32_DATA}, [24] = {MLR_DTYPE_F8_E8M0, INT32_DATA},
    [25] = {MLR_DTYPE_U2, INT32_DATA},      [26] = {MLR_DTYPE_I2, INT32_DATA},
};

enum { TYPE_COUNT = sizeof types / sizeof types[0] };

/* A TensorProto as its fields tell it. */
typedef struct facts {
    uint64_t dim[MLR_MAX_RANK];
    uint8_t rank;
    uint64_t type; /* TensorProto.DataType */
    mlr_region name;
    uint32_t field;  /* that holds data; 0: none */
    mlr_region data; /* all of it */
    bool plain;      /* data is one packed field, not several with tags between */
    bool scattered;  /* other fields stand between those of the data */
    uint64_t data_at;
    uint64_t location;    /* 1: in another file */
    mlr_region path;      /* of that file */
    uint64_t offset, len; /* within it */
    bool has_offset, has_len;
    uint64_t at; /* where the tensor stands, for errors */
} facts;

static mlr_status fail(mlr_onnx *o, uint64_t at, const char *rule)
{
    return mlr_fail(o->err, MLR_E_FORMAT, at, rule);
}

static void add_dim(mlr_onnx *o, facts *t, uint64_t dim, uint64_t at)
{
    if (t->rank == MLR_MAX_RANK) {
        mlr_fail_limit(o->err, at, "dimensions of a tensor", MLR_MAX_RANK + 1,
                       MLR_MAX_RANK);
        return;
    }
    if (dim > INT64_MAX) {
        fail(o, at, "dimension that is not negative");
        return;
    }
    t->dim[t->rank++] = dim;
}

static void read_dims(mlr_onnx *o, facts *t, const mlr_pb_field *f)
{
    if (f->wire == MLR_PB_VARINT) {
        add_dim(o, t, f->value, f->at);
        return;
    }
    mlr_walk w = mlr_pb_inside(&o->walk, f->bytes);
    while (mlr_walk_ok(&w) && w.pos < w.end) {
        uint64_t at = w.pos;
        uint64_t dim = mlr_walk_varint(&w, "packed dimensions");
        if (mlr_walk_ok(&w)) {
            add_dim(o, t, dim, at);
        }
    }
}

/*
 * A repeated field may come packed once, packed in pieces, or one element at a time. Pieces
 * that follow each other directly are taken as one run, with the tags between them.
 */
static void read_data(mlr_onnx *o, facts *t, const mlr_pb_field *f)
{
    uint64_t end = f->bytes.off + f->bytes.len;
    if (f->wire == MLR_PB_BYTES && f->bytes.len == 0 && f->number != STRING_DATA) {
        return;
    }
    if (t->field != 0 && t->field != f->number) {
        fail(o, f->at, "one field that holds a tensor's data");
        return;
    }
    bool first = t->field == 0;
    if (first || f->number == RAW_DATA) {
        /* Of a singular field the last one counts. */
        t->field = f->number;
        t->plain = f->wire == MLR_PB_BYTES && f->number != STRING_DATA;
        t->data = f->bytes;
        t->data_at = f->at;
        return;
    }
    t->scattered |= t->data.off + t->data.len != f->at;
    t->plain = false;
    t->data = (mlr_region){.off = t->data_at, .len = end - t->data_at};
}

/* The digits of a StringStringEntryProto's value. */
static bool read_decimal(mlr_onnx *o, mlr_region text, uint64_t *out)
{
    char digits[MAX_DIGITS];
    if (text.len == 0 || text.len > MAX_DIGITS) {
        fail(o, text.off, "decimal number of 1 to 19 digits");
        return false;
    }
    if (!mlr_onnx_text(o, text, digits, sizeof digits)) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < (size_t)text.len; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            fail(o, text.off, "decimal number of 1 to 19 digits");
            return false;
        }
        value = value * 10 + (uint64_t)(digits[i] - '0');
    }
    *out = value;
    return true;
}

static bool key_is(const char *key, size_t n, const char *want)
{
    return strlen(want) == n && memcmp(key, want, n) == 0;
}

static void read_number_once(mlr_onnx *o, mlr_region text, uint64_t *out, bool *seen)
{
    if (*seen) {
        fail(o, text.off, "one entry a key in external_data");
        return;
    }
    *seen = read_decimal(o, text, out);
}

static void read_external(mlr_onnx *o, facts *t, mlr_region entry)
{
    mlr_region part[2] = {{entry.off, 0}, {entry.off, 0}}; /* key, value */
    mlr_walk w = mlr_pb_inside(&o->walk, entry);
    mlr_pb_field f;
    while (mlr_pb_next(&w, &f)) {
        if (f.number <= 2 && mlr_pb_expect(&w, &f, MLR_PB_BYTES)) {
            part[f.number - 1] = f.bytes;
        }
    }
    char key[16];
    if (!mlr_walk_ok(&w) || part[0].len > sizeof key ||
        !mlr_onnx_text(o, part[0], key, sizeof key)) {
        return; /* broken, or a key that we do not know */
    }
    size_t n = (size_t)part[0].len;
    if (key_is(key, n, "location")) {
        if (t->path.len > 0) {
            fail(o, part[1].off, "one entry a key in external_data");
        }
        t->path = part[1];
    } else if (key_is(key, n, "offset")) {
        read_number_once(o, part[1], &t->offset, &t->has_offset);
    } else if (key_is(key, n, "length")) {
        read_number_once(o, part[1], &t->len, &t->has_len);
    }
}

static void read_field(mlr_onnx *o, facts *t, const mlr_pb_field *f)
{
    switch (f->number) {
    case DIMS:
        read_dims(o, t, f);
        break;
    case DATA_TYPE:
        t->type = f->value;
        break;
    case SEGMENT:
        mlr_fail(o->err, MLR_E_UNSUPPORTED, f->at, "tensor that is stored in one piece");
        break;
    case NAME:
        t->name = f->bytes;
        break;
    case EXTERNAL_DATA:
        read_external(o, t, f->bytes);
        break;
    case DATA_LOCATION:
        if (f->value > 1) {
            fail(o, f->at, "data location 0 or 1");
        }
        t->location = f->value;
        break;
    case FLOAT_DATA:
    case INT32_DATA:
    case STRING_DATA:
    case INT64_DATA:
    case RAW_DATA:
    case DOUBLE_DATA:
    case UINT64_DATA:
        read_data(o, t, f);
        break;
    default:
        break;
    }
}

/* Type 0 is undefined and those above the table are of the future: bytes, then. */
static const mlr_dtype *known_type(const facts *t)
{
    bool known = t->type > 0 && t->type < TYPE_COUNT;
    return mlr_dtype_get(known ? types[t->type].dtype : MLR_DTYPE_OPAQUE);
}

static bool fits_type(const facts *t)
{
    if (t->type == 0 || t->type >= TYPE_COUNT) {
        return true;
    }
    return t->field == RAW_DATA ? t->type != TYPE_STRING : t->field == types[t->type].field;
}

static bool is_fixed_width(uint32_t field)
{
    return field == RAW_DATA || field == FLOAT_DATA || field == DOUBLE_DATA;
}

/* Decides what `len` bytes of data are, when shape and type say `elements`. */
static mlr_status choose_type(mlr_onnx *o, const facts *t, uint64_t elements,
                              mlr_tensor_spec *spec)
{
    const mlr_dtype *type = known_type(t);
    spec->dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE);
    if (type->cls == MLR_CLASS_OPAQUE) {
        spec->dtype = type;
        return MLR_OK;
    }
    uint64_t want = 0;
    if (!mlr_dtype_bytes(type, elements, &want)) {
        return fail(o, t->at, "tensor size below 2^64");
    }
    if (spec->data.len == want) {
        spec->dtype = type;
        return MLR_OK;
    }
    if (spec->data.len < want) {
        mlr_err_about(o->err, spec->name.p, spec->name.n);
        return fail(o, t->data_at, "data as long as shape and type say");
    }
    return MLR_OK; /* longer is tolerated by the official checker: bytes */
}

static mlr_status place_inside(mlr_onnx *o, const facts *t, uint64_t elements,
                               mlr_tensor_spec *spec)
{
    if (!fits_type(t)) {
        return fail(o, t->data_at, "data field that suits the element type");
    }
    spec->data = t->data;
    spec->dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE);
    if (t->plain && is_fixed_width(t->field)) {
        return choose_type(o, t, elements, spec);
    }
    if (t->type == TYPE_STRING) {
        spec->dtype = known_type(t);
    }
    return MLR_OK;
}

static mlr_status place_outside(mlr_onnx *o, const facts *t, uint64_t elements,
                                mlr_tensor_spec *spec)
{
    char text[MLR_MAX_PATH + 1], path[MLR_MAX_PATH + 1];
    uint64_t size = 0;
    if (t->field != 0) {
        return fail(o, t->data_at, "data in one place, this file or another");
    }
    if (t->type == TYPE_STRING) {
        return fail(o, t->at, "strings inside the file");
    }
    if (t->path.len == 0) {
        return fail(o, t->at, "location of external data");
    }
    if (t->path.len > MLR_MAX_PATH || !mlr_onnx_text(o, t->path, text, MLR_MAX_PATH) ||
        !mlr_path_contained(text, (size_t)t->path.len)) {
        return fail(o, t->path.off, "external data below the model's directory");
    }
    mlr_path_plain(path, text, (size_t)t->path.len);
    if (o->p->sibling == NULL) {
        spec->member = UINT32_MAX;
        return MLR_OK;
    }
    mlr_status status =
        o->p->sibling(o->p->sibling_ctx, path, &spec->member, &size, o->err);
    if (status != MLR_OK) {
        return mlr_fail(o->err, status, t->path.off, "external data that opens");
    }
    if (t->offset > size) {
        return fail(o, t->path.off, "external data inside its file");
    }
    spec->data = (mlr_region){.off = t->offset, .len = t->len};
    if (!t->has_len && !mlr_dtype_bytes(known_type(t), elements, &spec->data.len)) {
        return fail(o, t->at, "tensor size below 2^64");
    }
    if (spec->data.len > size - t->offset) {
        return fail(o, t->path.off, "external data inside its file");
    }
    return choose_type(o, t, elements, spec);
}

static mlr_status no_memory(mlr_onnx *o)
{
    return mlr_fail(o->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
}

static mlr_status remember_value(mlr_onnx *o, const mlr_onnx_role *role, mlr_region name)
{
    if (role->scope == NULL || name.len == 0) {
        return MLR_OK;
    }
    mlr_onnx_value *v = mlr_pool_take(o->p->scratch, sizeof *v);
    if (v == NULL) {
        return no_memory(o);
    }
    *v = (mlr_onnx_value){.next = o->values,
                          .name = name,
                          .scope = role->scope->id,
                          .tensor = (uint32_t)mlr_builder_tensor_count(o->p->builder) - 1};
    o->values = v;
    return MLR_OK;
}

static mlr_status add(mlr_onnx *o, const facts *t, const mlr_onnx_role *role,
                      mlr_tensor_spec *spec)
{
    mlr_region value = role->value.len > 0 ? role->value : t->name;
    if (mlr_unique_tensor(&o->unique, spec, o->err) != MLR_OK) {
        return o->err->status;
    }
    return remember_value(o, role, value);
}

static mlr_status count_elements(mlr_onnx *o, const facts *t, uint64_t *elements)
{
    *elements = 1;
    for (uint8_t i = 0; i < t->rank; i++) {
        if (!mlr_mul_u64(*elements, t->dim[i], elements)) {
            return fail(o, t->at, "element count below 2^64");
        }
    }
    return MLR_OK;
}

/* Everything but the key, from the fields. `member` is UINT32_MAX where there is no data.
 */
static mlr_status place(mlr_onnx *o, const facts *t, mlr_region content,
                        mlr_tensor_spec *spec)
{
    uint64_t elements = 0;
    if (count_elements(o, t, &elements) != MLR_OK) {
        return o->err->status;
    }
    if (t->location == 1) {
        return place_outside(o, t, elements, spec);
    }
    if (t->field != 0 && !t->scattered) {
        return place_inside(o, t, elements, spec);
    }
    if (t->field != 0 || elements > 0) {
        spec->member = UINT32_MAX;
        return MLR_OK;
    }
    spec->dtype = known_type(t);
    spec->data = (mlr_region){.off = content.off + content.len};
    return MLR_OK;
}

mlr_status mlr_onnx_tensor(mlr_onnx *o, mlr_region content, const mlr_onnx_role *role)
{
    facts t = {.at = role->at};
    mlr_walk w = mlr_pb_inside(&o->walk, content);
    mlr_pb_field f;
    while (mlr_onnx_next(o, &w, MLR_ONNX_TENSOR, &f)) {
        read_field(o, &t, &f);
    }
    if (!mlr_walk_ok(&w)) {
        return o->err->status;
    }
    char name[MLR_MAX_NAME];
    mlr_region shown = t.name.len > 0 ? t.name : role->value;
    size_t path_n = o->path_n;
    if (!mlr_onnx_text(o, shown, name, sizeof name) ||
        (role->named && !mlr_onnx_path_name(o, t.name))) {
        return o->err->status;
    }
    mlr_tensor_spec spec = {.name = {.p = name, .n = (size_t)shown.len},
                            .key = {.p = o->path, .n = o->path_n},
                            .dim = t.dim,
                            .rank = t.rank,
                            .member = o->p->member,
                            .native_type = (uint32_t)(t.type & UINT32_MAX),
                            .defined_at = t.at};
    if (place(o, &t, content, &spec) == MLR_OK && spec.member != UINT32_MAX) {
        add(o, &t, role, &spec);
    }
    o->path_n = path_n;
    return o->err->status;
}

bool mlr_onnx_tensor_name(mlr_onnx *o, mlr_region content, mlr_region *name)
{
    mlr_walk w = mlr_pb_inside(&o->walk, content);
    mlr_pb_field f;
    while (mlr_onnx_next(o, &w, MLR_ONNX_TENSOR, &f)) {
        if (f.number == NAME) {
            *name = f.bytes;
        }
    }
    return mlr_walk_ok(&w);
}
