/* `mallorn inspect`: what a patch holds, without applying it. */
#include <string.h>

#include "apply/host/inflate_zstd.h"
#include "apply/host/printable.h"
#include "codec/plan.h"
#include "tui/cli/cmd.h"
#include "tui/cli/patch_view.h"
#include "tui/cli/text.h"

typedef struct inspect_values {
    bool records, json;
} inspect_values;

static const mlr_opt inspect_opts[] = {
    {.name = "records",
     .letter = 'r',
     .kind = MLR_OPT_FLAG,
     .help = "Show every record.",
     .field = offsetof(inspect_values, records)},
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help = "Print one JSON object (mallorn.inspect/1).",
     .field = offsetof(inspect_values, json)},
};

typedef struct inspection {
    mlr_cli *cli;
    const mlr_patch_view *view;
    const char *path;
    mlr_apply_need need; /* of a serial applier */
    struct {
        uint64_t records, new_bytes, stored;
    } by[MLR_STRATEGY_LIMIT];
} inspection;

static void add_up(inspection *i)
{
    for (size_t k = 0; k < i->view->record_count; k++) {
        const mlr_view_record *r = &i->view->records[k];
        i->by[r->strategy].records++;
        i->by[r->strategy].new_bytes += r->new_bytes;
        i->by[r->strategy].stored += r->stored_bytes;
    }
}

static bool fits(const inspection *i, const mlr_device *d)
{
    bool zstd = false;
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        const mlr_decoder *dec = mlr_decoder_get(id);
        zstd |= dec != NULL && (i->view->header.strategies >> id & 1) != 0 &&
                (dec->traits & MLR_NEEDS_INFLATE) != 0;
    }
    return (d->memory_bytes == 0 || i->need.arena_bytes <= d->memory_bytes) &&
           !(zstd && d->no_zstd);
}

/* Tensors of the k-th record, from the index. */
static const mlr_index_record *names_of(const inspection *i, size_t k)
{
    const mlr_index *x = &i->view->index;
    return k < x->record_count && x->record_count == i->view->record_count + 1
               ? &x->records[k]
               : NULL;
}

/* --- text ----------------------------------------------------------------------------- */

typedef bool member_next(const mlr_patch_header *h, mlr_patch_iter *iter,
                         mlr_patch_member *out);

static void print_members(const inspection *i, const char *what, member_next *next)
{
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    while (next(&i->view->header, &iter, &m)) {
        char name[512], size[MLR_TEXT];
        mlr_printable(name, sizeof name, m.name, m.name_bytes);
        fprintf(i->cli->out, "  %-9s %s  %s  %s", what, name, mlr_text_size(size, m.size),
                "sha256 ");
        for (size_t k = 0; k < 8; k++) {
            fprintf(i->cli->out, "%02x", m.sha256[k]);
        }
        fputs("...\n", i->cli->out);
        what = "";
    }
}

static void print_row(const inspection *i, const char *name, uint64_t records,
                      uint64_t new_bytes, uint64_t stored)
{
    char n[MLR_TEXT], s[MLR_TEXT], share[MLR_TEXT];
    fprintf(i->cli->out, "  %-13s %8llu %10s %10s %8s\n", name, (unsigned long long)records,
            mlr_text_size(n, new_bytes), mlr_text_size(s, stored),
            mlr_text_share(share, stored, i->view->patch_bytes));
}

static void print_strategies(const inspection *i)
{
    fprintf(i->cli->out, "\n  %s%-13s %8s %10s %10s %8s%s\n",
            mlr_cli_on(i->cli, MLR_STYLE_DIM), "strategy", "records", "new", "stored",
            "share", mlr_cli_off(i->cli, MLR_STYLE_DIM));
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        if (i->by[id].records > 0) {
            print_row(i, mlr_decoder_get(id)->name, i->by[id].records, i->by[id].new_bytes,
                      i->by[id].stored);
        }
    }
    print_row(i, "structure", 0, i->view->glue_new, i->view->glue_stored);
    print_row(i, "index", 0, 0, i->view->index_stored);
}

static void print_record(const inspection *i, size_t k)
{
    const mlr_view_record *r = &i->view->records[k];
    char n[MLR_TEXT], s[MLR_TEXT], name[256] = "";
    const mlr_index_record *x = names_of(i, k);
    if (x != NULL && x->tensor_count > 0) {
        const mlr_index_tensor *t = &i->view->index.tensors[x->first_tensor];
        mlr_printable(name, sizeof name, t->name.p, t->name.n);
    }
    fprintf(i->cli->out, "  %5zu  %-13s %-8s %10s %10s  %llu blocks  %s", k,
            mlr_decoder_get(r->strategy)->name, r->dtype->name,
            mlr_text_size(n, r->new_bytes), mlr_text_size(s, r->stored_bytes),
            (unsigned long long)r->blocks, name);
    if (x != NULL && x->tensor_count > 1) {
        fprintf(i->cli->out, " and %zu more", x->tensor_count - 1);
    }
    fprintf(i->cli->out, "%s%s\n", r->model[0] != '\0' ? "  " : "", r->model);
}

static void print_text(const inspection *i, bool records)
{
    const mlr_patch_view *v = i->view;
    const mlr_patch_header *h = &v->header;
    char size[MLR_TEXT], need[MLR_TEXT], path[512], writer[128];
    mlr_printable(path, sizeof path, i->path, strlen(i->path));
    mlr_printable(writer, sizeof writer, h->writer, h->writer_bytes);
    fprintf(i->cli->out, "%s%s%s  %s  format %u, by mallorn %s, zstd %u.%u.%u\n",
            mlr_cli_on(i->cli, MLR_STYLE_TITLE), path, mlr_cli_off(i->cli, MLR_STYLE_TITLE),
            mlr_text_size(size, v->patch_bytes), h->version, writer,
            h->zstd_version / 10000, h->zstd_version / 100 % 100, h->zstd_version % 100);
    print_members(i, "base", mlr_patch_base);
    print_members(i, "new", mlr_patch_target);
    fprintf(i->cli->out, "  %-9s %s, ", "memory", mlr_text_size(need, i->need.arena_bytes));
    fputs("fits", i->cli->out);
    for (size_t k = 0; mlr_device_at(k) != NULL; k++) {
        if (fits(i, mlr_device_at(k))) {
            fprintf(i->cli->out, " %s", mlr_device_at(k)->name);
        }
    }
    putc('\n', i->cli->out);
    print_strategies(i);
    if (records) {
        putc('\n', i->cli->out);
    }
    for (size_t k = 0; records && k < v->record_count; k++) {
        print_record(i, k);
    }
}

/* --- JSON ----------------------------------------------------------------------------- */

static void json_members(const inspection *i, const char *key, member_next *next)
{
    mlr_json *j = &i->cli->json;
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    mlr_json_array(j, key);
    while (next(&i->view->header, &iter, &m)) {
        mlr_json_object(j, NULL);
        mlr_json_str(j, "name", m.name, m.name_bytes);
        mlr_json_u64(j, "bytes", m.size);
        mlr_json_hex(j, "sha256", m.sha256, MLR_SHA256_BYTES);
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void json_dicts(const inspection *i)
{
    mlr_json *j = &i->cli->json;
    mlr_patch_iter iter = {0};
    mlr_patch_dict d;
    mlr_json_array(j, "dictionaries");
    while (mlr_patch_dict_next(&i->view->header, &iter, &d)) {
        mlr_json_object(j, NULL);
        mlr_json_u64(j, "bytes", d.size);
        mlr_json_bool(j, "embedded", d.embedded);
        mlr_json_hex(j, "sha256", d.sha256, MLR_SHA256_BYTES);
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void json_record(const inspection *i, size_t k)
{
    mlr_json *j = &i->cli->json;
    const mlr_view_record *r = &i->view->records[k];
    const mlr_index_record *x = names_of(i, k);
    mlr_json_object(j, NULL);
    mlr_json_text(j, "strategy", mlr_decoder_get(r->strategy)->name);
    mlr_json_u64(j, "level", r->level);
    mlr_json_u64(j, "dictionary", r->dict);
    mlr_json_text(j, "dtype", r->dtype->name);
    mlr_json_text(j, "old_dtype", r->old_dtype->name);
    mlr_json_u64(j, "at", r->at);
    mlr_json_u64(j, "new_bytes", r->new_bytes);
    mlr_json_u64(j, "old_bytes", r->old_bytes);
    mlr_json_u64(j, "stored_bytes", r->stored_bytes);
    mlr_json_u64(j, "model_bytes", r->model_bytes);
    mlr_json_u64(j, "blocks", r->blocks);
    mlr_json_u64(j, "references", r->refs);
    mlr_json_u64(j, "structure_before", r->glue_before);
    mlr_json_text(j, "model", r->model);
    mlr_json_array(j, "tensors");
    for (size_t t = 0; x != NULL && t < x->tensor_count; t++) {
        const mlr_index_tensor *n = &i->view->index.tensors[x->first_tensor + t];
        mlr_json_str(j, NULL, n->name.p, n->name.n);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static void json_need(const inspection *i)
{
    mlr_json *j = &i->cli->json;
    mlr_json_u64(j, "arena_bytes", i->need.arena_bytes);
    mlr_json_array(j, "devices");
    for (size_t k = 0; mlr_device_at(k) != NULL; k++) {
        if (fits(i, mlr_device_at(k))) {
            mlr_json_text(j, NULL, mlr_device_at(k)->name);
        }
    }
    mlr_json_end(j);
}

static void print_json(const inspection *i)
{
    const mlr_patch_view *v = i->view;
    mlr_json *j = &i->cli->json;
    mlr_json_init(j, i->cli->out);
    mlr_json_object(j, NULL);
    mlr_json_text(j, "schema", "mallorn.inspect/1");
    mlr_json_text(j, "patch", i->path);
    mlr_json_u64(j, "patch_bytes", v->patch_bytes);
    mlr_json_u64(j, "format", v->header.version);
    mlr_json_bool(j, "lossy", (v->header.flags & 1) != 0);
    mlr_json_str(j, "writer", v->header.writer, v->header.writer_bytes);
    mlr_json_u64(j, "zstd", v->header.zstd_version);
    mlr_json_u64(j, "tensors", v->header.tensors);
    json_members(i, "base", mlr_patch_base);
    json_members(i, "new", mlr_patch_target);
    json_dicts(i);
    json_need(i);
    mlr_json_u64(j, "structure_bytes", v->glue_new);
    mlr_json_u64(j, "structure_stored_bytes", v->glue_stored);
    mlr_json_u64(j, "index_stored_bytes", v->index_stored);
    mlr_json_array(j, "strategies");
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        if (i->by[id].records == 0) {
            continue;
        }
        mlr_json_object(j, NULL);
        mlr_json_text(j, "name", mlr_decoder_get(id)->name);
        mlr_json_u64(j, "records", i->by[id].records);
        mlr_json_u64(j, "new_bytes", i->by[id].new_bytes);
        mlr_json_u64(j, "stored_bytes", i->by[id].stored);
        mlr_json_end(j);
    }
    mlr_json_end(j);
    mlr_json_array(j, "records");
    for (size_t k = 0; k < v->record_count; k++) {
        json_record(i, k);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static mlr_status run_inspect(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const inspect_values *v = args->values;
    mlr_patch_view view;
    mlr_file file = {0};
    mlr_pool pool;
    mlr_pool_init(&pool, cli->alloc);
    mlr_inflater inflater = mlr_inflate_zstd();
    inspection i = {.cli = cli, .view = &view, .path = args->operand[0]};
    mlr_err_in(err, MLR_IN_PATCH, i.path);
    if (mlr_file_open(&file, i.path, cli->sys, err) == MLR_OK &&
        mlr_patch_view_read(&view, &file.source, &inflater, &pool, err) == MLR_OK &&
        mlr_apply_need_of(&view.header, &inflater, 1, &i.need, err) == MLR_OK) {
        add_up(&i);
        if (v->json) {
            print_json(&i);
        } else {
            print_text(&i, v->records);
        }
    }
    mlr_file_close(&file);
    mlr_pool_release(&pool);
    return err->status;
}

const mlr_cmd mlr_cmd_inspect = {
    .name = "inspect",
    .group = "Make and apply patches",
    .summary = "Show what a patch holds.",
    .operands = "PATCH",
    .least = 1,
    .most = 1,
    .about = "Reads the whole patch and proves its checks; no base is needed. Names of "
             "tensors come from the patch's index, where it has one.",
    .examples = "mallorn inspect update.tflp\tTotals by strategy\n"
                "mallorn inspect -r update.tflp\tEvery record",
    .schema = "mallorn.inspect/1",
    .opt = inspect_opts,
    .opts = sizeof inspect_opts / sizeof inspect_opts[0],
    .values_bytes = sizeof(inspect_values),
    .run = run_inspect,
};
