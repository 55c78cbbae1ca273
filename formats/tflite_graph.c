#include "formats/tflite.h"

#include <stdio.h>
#include <string.h>

#include "apply/base/checked.h"

/* Operator's fields. */
enum {
    OPCODE_INDEX = 0,
    INPUTS = 1,
    OUTPUTS = 2,
    INTERMEDIATES = 8,
    CUSTOM_OFFSET = 9,
    CUSTOM_SIZE = 10
};

static const char *const builtin_names[] = {
#define MLR_TFL_OP(number, name) [number] = name,
#include "formats/tflite_ops.def"
#undef MLR_TFL_OP
};

enum { BUILTINS = sizeof builtin_names / sizeof builtin_names[0] };

/* Custom options beyond 2 GB stand behind the buffer; the key names what the operator
   makes. */
static void add_custom_options(mlr_tfl *f, const mlr_fb_table *op, uint32_t subgraph,
                               mlr_region bytes)
{
    enum { NAME = 3 };
    static const char suffix[] = "/custom_options";
    char key[2 * MLR_MAX_NAME + sizeof suffix], text[MLR_MAX_NAME];
    mlr_fb_vector out = mlr_fb_vec(&f->fb, op, OUTPUTS, 4);
    mlr_str name = {0};
    mlr_fb_table t;
    size_t n = 0;
    if (!mlr_inside(bytes.off, bytes.len, f->p->size)) {
        mlr_fail(f->err, MLR_E_TRUNCATED, op->at, "custom options inside the file");
        return;
    }
    if (!mlr_tfl_prefix(f, subgraph, key, &n)) {
        return;
    }
    if (out.count > 0) {
        int32_t first = mlr_fb_int(&f->fb, &out, 0);
        if (!mlr_fb_item(&f->fb, &f->subgraph[subgraph].tensors, (uint32_t)first, &t) ||
            !mlr_tfl_text(f, mlr_fb_string(&f->fb, &t, NAME), text, &name)) {
            return;
        }
        memcpy(key + n, text, name.n);
        n += name.n;
    }
    memcpy(key + n, suffix, sizeof suffix - 1);
    n += sizeof suffix - 1;
    mlr_tfl_buffer b = {.bytes = bytes, .at = op->at, .member = f->p->member};
    mlr_tfl_add_bytes(f, (mlr_str){.p = key, .n = n}, &b);
}

static void scan_operator(mlr_tfl *f, const mlr_fb_table *op, uint32_t subgraph)
{
    uint64_t tensors = f->subgraph[subgraph].tensors.count;
    uint32_t code = mlr_fb_u32(&f->fb, op, OPCODE_INDEX, 0);
    mlr_fb_vector in = mlr_fb_vec(&f->fb, op, INPUTS, 4);
    mlr_fb_vector out = mlr_fb_vec(&f->fb, op, OUTPUTS, 4);
    mlr_fb_vector between = mlr_fb_vec(&f->fb, op, INTERMEDIATES, 4);
    /* -1 is an input left out; as an output it once let a file write before an array. */
    mlr_fb_ints_within(&f->fb, &in, -1, tensors, "input that is a tensor");
    mlr_fb_ints_within(&f->fb, &out, 0, tensors, "output that is a tensor");
    mlr_fb_ints_within(&f->fb, &between, -1, tensors, "intermediate that is a tensor");
    uint64_t off = mlr_fb_u64(&f->fb, op, CUSTOM_OFFSET, 0);
    uint64_t size = mlr_fb_u64(&f->fb, op, CUSTOM_SIZE, 0);
    if (f->err->status != MLR_OK) {
        return;
    }
    if (code >= f->operators_known) {
        mlr_fail(f->err, MLR_E_FORMAT, op->at, "operator code that the model lists");
        return;
    }
    f->operator_uses[code]++;
    if (off > 1 && size > 0) {
        add_custom_options(f, op, subgraph, (mlr_region){.off = off, .len = size});
    }
}

void mlr_tfl_scan_operators(mlr_tfl *f, const mlr_fb_table *graph, uint32_t subgraph)
{
    enum { OPERATORS = 3 };
    mlr_fb_vector all = mlr_fb_vec(&f->fb, graph, OPERATORS, 4);
    for (uint32_t i = 0; i < all.count && f->err->status == MLR_OK; i++) {
        mlr_fb_table op;
        if (mlr_fb_item(&f->fb, &all, i, &op)) {
            scan_operator(f, &op, subgraph);
        }
    }
}

/* "CONV_2D", "custom.TFLite_Detection_PostProcess", or "builtin.300" of the future. */
static bool operator_name(mlr_tfl *f, const mlr_fb_table *code, char *to, size_t *n)
{
    enum { DEPRECATED_CODE = 0, CUSTOM_NAME = 1, CODE = 3, CUSTOM = 32 };
    int32_t old = (int8_t)mlr_fb_u8(&f->fb, code, DEPRECATED_CODE, 0);
    int32_t number = mlr_fb_i32(&f->fb, code, CODE, 0);
    mlr_region name = mlr_fb_string(&f->fb, code, CUSTOM_NAME);
    char text[MLR_MAX_NAME];
    mlr_str s;
    number = old > number ? old : number;
    if (f->err->status != MLR_OK) {
        return false;
    }
    if (number == CUSTOM && name.len > 0) {
        if (!mlr_tfl_text(f, name, text, &s)) {
            return false;
        }
        memcpy(to, "custom.", 7);
        memcpy(to + 7, text, s.n);
        *n = s.n + 7;
        return true;
    }
    bool known = number >= 0 && number < BUILTINS && builtin_names[number] != NULL;
    int len = known ? snprintf(to, 64, "%s", builtin_names[number])
                    : snprintf(to, 64, "builtin.%ld", (long)number);
    *n = (size_t)len;
    return true;
}

void mlr_tfl_add_operators(mlr_tfl *f)
{
    static const char prefix[] = "graph.ops.";
    char key[sizeof prefix + 64 + MLR_MAX_NAME];
    mlr_strmap counts; /* several codes may name one operator in other versions */
    mlr_fb_vector codes = mlr_fb_vec(&f->fb, &f->model, 1, 4);
    mlr_strmap_init(&counts, f->p->scratch);
    memcpy(key, prefix, sizeof prefix - 1);
    for (uint32_t i = 0; i < codes.count && f->err->status == MLR_OK; i++) {
        mlr_fb_table code;
        size_t n = 0;
        if (!mlr_fb_item(&f->fb, &codes, i, &code) ||
            !operator_name(f, &code, key + sizeof prefix - 1, &n)) {
            return;
        }
        mlr_str name = {.p = key, .n = sizeof prefix - 1 + n};
        uint64_t *count = f->operator_uses[i] == 0 ? NULL : mlr_strmap_at(&counts, name);
        if (count != NULL) {
            *count += f->operator_uses[i];
        } else if (f->operator_uses[i] != 0) {
            mlr_fail(f->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
        }
    }
    for (uint32_t i = 0; i < counts.index.count && f->err->status == MLR_OK; i++) {
        mlr_meta m = {.key = counts.row[i].key,
                      .kind = MLR_META_UINT,
                      .value = {.u = counts.row[i].value},
                      .member = f->p->member};
        mlr_builder_meta(f->p->builder, &m, f->err);
    }
}
