/* `mallorn info --json`: schema mallorn.info/1, docs/json/info.schema.json. */
#include <string.h>

#include "tui/cli/info.h"
#include "tui/cli/meta_text.h"

enum { ASK_EVERY = 256 }; /* rows between two looks at whether anyone still reads */

/* A name from a file. Where JSON cannot carry its bytes, they stand beside it in hex. */
static void put_name(mlr_json *j, const char *key, mlr_str s)
{
    mlr_json_str(j, key, s.p, s.n);
    if (!mlr_utf8_valid(s.p, s.n)) {
        mlr_json_hex(j, "bytes_hex", (const uint8_t *)s.p, s.n);
    }
}

static void put_total(mlr_json *j, const mlr_info_total *t)
{
    mlr_json_u64(j, "tensors", t->tensors);
    mlr_json_u64(j, "elements", t->elements);
    mlr_json_u64(j, "bytes", t->bytes);
}

static void put_members(const mlr_info *info, mlr_json *j)
{
    mlr_json_array(j, "members");
    for (size_t i = 0; i < info->model->member_count; i++) {
        const mlr_member *m = &info->model->members[i];
        mlr_json_object(j, NULL);
        put_name(j, "name", (mlr_str){m->name, strlen(m->name)});
        mlr_json_text(j, "format", m->format->name);
        mlr_json_u64(j, "bytes", m->source->size);
        mlr_json_u64(j, "structure_bytes",
                     m->format == &mlr_format_opaque ? 0 : m->glue_bytes);
        if (info->member_digest != NULL) {
            mlr_json_hex(j, "sha256", info->member_digest[i].bytes, MLR_SHA256_BYTES);
        }
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void put_dtypes(const mlr_info *info, mlr_json *j)
{
    mlr_json_array(j, "dtypes");
    for (unsigned id = 0; id < MLR_DTYPE_LIMIT; id++) {
        if (info->dtype[id].tensors != 0) {
            mlr_json_object(j, NULL);
            mlr_json_text(j, "dtype", mlr_dtype_get(id)->name);
            put_total(j, &info->dtype[id]);
            mlr_json_end(j);
        }
    }
    mlr_json_end(j);
}

static void put_modules(const mlr_info *info, mlr_json *j)
{
    char name[MLR_MAX_NAME];
    mlr_json_u64(j, "module_depth", info->depth);
    mlr_json_array(j, "modules");
    for (size_t i = 0; i < info->modules; i++) {
        mlr_json_object(j, NULL);
        mlr_info_module_name(info->module[i], name, sizeof name);
        mlr_json_text(j, "module", name);
        put_total(j, &info->module[i]->total);
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void put_value(const mlr_meta *m, mlr_json *j)
{
    switch (m->kind) {
    case MLR_META_UINT:
        mlr_json_u64(j, "value", m->value.u);
        return;
    case MLR_META_INT:
        mlr_json_i64(j, "value", m->value.i);
        return;
    case MLR_META_FLOAT:
        mlr_json_real(j, "value", m->value.f);
        return;
    case MLR_META_BOOL:
        mlr_json_bool(j, "value", m->value.u != 0);
        return;
    case MLR_META_STRING:
        mlr_json_str(j, "value", m->text.p, m->text.n);
        mlr_json_u64(j, "bytes", m->count);
        return;
    case MLR_META_ARRAY:
        mlr_json_text(j, "element", mlr_meta_kind_name(m->element));
        mlr_json_u64(j, "count", m->count);
        return;
    case MLR_META_BYTES:
        mlr_json_u64(j, "bytes", m->count);
        return;
    }
}

static void put_metas(const mlr_info *info, mlr_json *j)
{
    mlr_json_array(j, "metadata");
    for (size_t i = 0; i < info->model->meta_count; i++) {
        const mlr_meta *m = &info->model->metas[i];
        mlr_json_object(j, NULL);
        mlr_json_str(j, "key", m->key.p, m->key.n);
        mlr_json_text(j, "kind", mlr_meta_kind_name(m->kind));
        put_value(m, j);
        mlr_json_u64(j, "member", m->member);
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void put_quant(const mlr_quant *q, mlr_json *j)
{
    mlr_json_object(j, "quantization");
    mlr_json_text(j, "scheme", q->scheme);
    if (q->axis >= 0) {
        mlr_json_i64(j, "axis", q->axis);
    }
    if (q->block != 0) {
        mlr_json_u64(j, "block", q->block);
    }
    mlr_json_u64(j, "scales", q->scale.dtype == NULL ? 0 : q->scale.count);
    mlr_json_u64(j, "zero_points", q->zero.dtype == NULL ? 0 : q->zero.count);
    mlr_json_end(j);
}

static void put_tensor(const mlr_info *info, size_t i, mlr_json *j)
{
    const mlr_tensor *t = &info->model->tensors[i];
    mlr_json_object(j, NULL);
    put_name(j, "name", mlr_info_name(t));
    if (t->key.n != t->name.n || memcmp(t->key.p, t->name.p, t->key.n) != 0) {
        mlr_json_str(j, "key", t->key.p, t->key.n);
    }
    mlr_json_text(j, "dtype", t->dtype->name);
    mlr_json_array(j, "shape");
    for (unsigned d = 0; d < t->rank; d++) {
        mlr_json_u64(j, NULL, t->dim[d]);
    }
    mlr_json_end(j);
    mlr_json_u64(j, "member", t->member);
    mlr_json_u64(j, "offset", t->data.off);
    mlr_json_u64(j, "bytes", t->data.len);
    mlr_json_u64(j, "native_type", t->native_type);
    if (t->big_endian != 0) {
        mlr_json_bool(j, "big_endian", true);
    }
    if (t->tied_to != MLR_NO_TENSOR) {
        mlr_json_u64(j, "tied_to", t->tied_to);
    }
    if (t->quant != NULL) {
        put_quant(t->quant, j);
    }
    if (info->tensor_digest != NULL) {
        mlr_json_hex(j, "sha256", info->tensor_digest[i].bytes, MLR_SHA256_BYTES);
    }
    mlr_json_end(j);
}

static bool still_read(mlr_cli *cli, size_t i)
{
    return i % ASK_EVERY != 0 || !mlr_cli_output_lost(cli);
}

static void put_tensors(const mlr_info *info, mlr_cli *cli)
{
    mlr_json_array(&cli->json, "tensors");
    for (size_t i = 0; i < info->model->tensor_count && still_read(cli, i); i++) {
        put_tensor(info, i, &cli->json);
    }
    mlr_json_end(&cli->json);
}

static void put_spans(const mlr_info *info, mlr_cli *cli)
{
    mlr_json *j = &cli->json;
    mlr_json_array(j, "spans");
    for (size_t m = 0; m < info->model->member_count; m++) {
        const mlr_member *member = &info->model->members[m];
        for (size_t i = 0; i < member->span_count && still_read(cli, i); i++) {
            const mlr_span *s = &info->model->spans[member->first_span + i];
            mlr_json_object(j, NULL);
            mlr_json_u64(j, "member", m);
            mlr_json_u64(j, "offset", s->bytes.off);
            mlr_json_u64(j, "bytes", s->bytes.len);
            if (s->tensor != MLR_NO_TENSOR) {
                mlr_json_u64(j, "tensor", s->tensor);
            }
            mlr_json_end(j);
        }
    }
    mlr_json_end(j);
}

void mlr_info_print_json(const mlr_info *info, mlr_cli *cli)
{
    mlr_json *j = &cli->json;
    mlr_json_init(j, cli->out);
    mlr_json_object(j, NULL);
    mlr_json_text(j, "schema", "mallorn.info/1");
    put_name(j, "path", (mlr_str){info->path, strlen(info->path)});
    mlr_json_text(j, "format", info->format->name);
    if (info->model->note != NULL) {
        mlr_json_text(j, "note", info->model->note);
    }
    mlr_json_u64(j, "bytes", info->size);
    mlr_json_u64(j, "structure_bytes", info->structure);
    mlr_json_object(j, "tensor_totals");
    put_total(j, &info->all);
    mlr_json_u64(j, "tied", info->tied);
    mlr_json_end(j);
    put_members(info, j);
    put_dtypes(info, j);
    put_modules(info, j);
    put_metas(info, j);
    put_tensors(info, cli);
    if (info->wish->spans) {
        put_spans(info, cli);
    }
    mlr_json_end(j);
}
