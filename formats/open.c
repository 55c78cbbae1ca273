#include "formats/open.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/err_text.h"
#include "formats/builder_rows.h"
#include "formats/hf.h"
#include "formats/path_rule.h"
#include "formats/probe.h"
#include "formats/sets.h"

static const char no_memory[] = "memory for the model's files";

struct mlr_opened {
    const mlr_allocator *alloc;
    mlr_pool pool;
    mlr_rows files; /* mlr_file, in the order of the members */
    mlr_model model;
};

/* What lives only while a model is being opened. */
typedef struct opener {
    mlr_opened *out;
    const mlr_open_options *options;
    mlr_builder *builder;
    mlr_pool scratch;
    mlr_set set;
    mlr_key_index names; /* of members */
    const char *note;
    bool any_format;
} opener;

static mlr_status out_of_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
}

static mlr_file *file_at(const mlr_opened *o, size_t i)
{
    return mlr_rows_at(&o->files, i);
}

static bool same_member(const void *table, uint32_t row, mlr_str key)
{
    const opener *o = table;
    const mlr_member *m = mlr_rows_at(&o->builder->members, row);
    return strlen(m->name) == key.n && memcmp(m->name, key.p, key.n) == 0;
}

/* How sure the choice of a format must be. */
typedef enum trust { BY_CONTENT, BY_CONTENT_AND_SUFFIX, AS_BYTES } trust;

static mlr_status choose_format(const mlr_format **format, const mlr_file *f,
                                const char *name, trust how, mlr_err *err)
{
    *format = &mlr_format_opaque;
    if (how == AS_BYTES) {
        return MLR_OK;
    }
    mlr_status status = mlr_format_probe(format, &f->source, name, err);
    if (status == MLR_OK && how == BY_CONTENT_AND_SUFFIX &&
        !mlr_format_has_suffix(*format, name)) {
        *format = &mlr_format_opaque;
    }
    return status;
}

/* Opens a file of the set as the next member, unless it is one already. */
static mlr_status add_member(opener *o, const char *name, trust how, uint32_t *member,
                             mlr_err *err)
{
    mlr_str key = {.p = name, .n = strlen(name)};
    uint32_t tag = mlr_key_tag(&o->names, key);
    *member = mlr_key_find(&o->names, tag, key, same_member, o);
    if (*member != MLR_NO_TENSOR) {
        return MLR_OK;
    }
    mlr_file *f = mlr_rows_add(&o->out->files, &o->out->pool);
    name = f == NULL ? NULL : mlr_pool_copy(&o->out->pool, name, key.n);
    if (name == NULL) {
        return out_of_memory(err); /* nothing goes on after this */
    }
    const mlr_format *format = NULL;
    mlr_status status = mlr_set_open(&o->set, f, name, o->options->sys, err);
    if (status == MLR_OK) {
        status = choose_format(&format, f, name, how, err);
    }
    if (status == MLR_OK) {
        status = mlr_builder_member(o->builder, name, format, &f->source, member, err);
    }
    if (status != MLR_OK) {
        mlr_file_close(f);
        o->out->files.count--; /* file i stays that of member i */
        return status;
    }
    if (!mlr_key_insert(&o->names, tag, &o->scratch)) {
        status = out_of_memory(err);
    }
    return status;
}

static mlr_status open_sibling(void *ctx, const char *path, uint32_t *member,
                               uint64_t *size, mlr_err *err)
{
    opener *o = ctx;
    size_t n = strlen(path);
    if (!mlr_path_contained(path, n)) {
        mlr_err_about(err, path, n);
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET,
                        "path that stays inside its directory");
    }
    char plain[MLR_MAX_PATH + 1];
    mlr_path_plain(plain, path, n);
    mlr_status status = add_member(o, plain, AS_BYTES, member, err);
    if (status == MLR_OK) {
        const mlr_member *m = mlr_rows_at(&o->builder->members, *member);
        *size = m->source->size;
    }
    return status;
}

/* Forgets what a file that broke its format's rules had added. */
static void undo_file(opener *o)
{
    size_t keep = o->builder->file_members;
    while (o->builder->members.count > keep) {
        const mlr_member *m =
            mlr_rows_at(&o->builder->members, o->builder->members.count - 1);
        mlr_str name = {.p = m->name, .n = strlen(m->name)};
        mlr_key_remove_last(&o->names, mlr_key_tag(&o->names, name));
        o->builder->members.count--;
    }
    while (o->out->files.count > keep) {
        mlr_file_close(file_at(o->out, o->out->files.count - 1));
        o->out->files.count--;
    }
    mlr_builder_undo_file(o->builder);
}

/* Whether a failure is about the file's content, not about reaching it. */
static bool is_about_content(mlr_status status)
{
    return status == MLR_E_FORMAT || status == MLR_E_TRUNCATED || status == MLR_E_LIMIT ||
           status == MLR_E_UNSUPPORTED;
}

/* The first file that was not read as its format decides what the note says. */
static mlr_status make_note(opener *o, const char *name, const mlr_format *format,
                            mlr_err *why, mlr_err *err)
{
    char text[512], note[640];
    if (o->note != NULL) {
        return MLR_OK;
    }
    why->input = name;
    why->domain = MLR_IN_MODEL;
    mlr_err_text(why, text, sizeof text);
    int n =
        snprintf(note, sizeof note, "read as bytes, not as %s: %s", format->title, text);
    size_t keep = n < 0 ? 0 : (size_t)n < sizeof note ? (size_t)n : sizeof note - 1;
    o->note = mlr_pool_copy(&o->out->pool, note, keep);
    return o->note == NULL ? out_of_memory(err) : MLR_OK;
}

static mlr_status parse_member(opener *o, uint32_t i, mlr_err *err)
{
    const mlr_member m = *(const mlr_member *)mlr_rows_at(&o->builder->members, i);
    mlr_siblings siblings = {.open = open_sibling, .ctx = o};
    mlr_err why = {0};
    mlr_status status = mlr_parse_member(o->builder, i, &m, &siblings, o->out->alloc, &why);
    if (status == MLR_OK) {
        o->any_format = o->any_format || m.format != &mlr_format_opaque;
        return MLR_OK;
    }
    if (o->options->strict || !is_about_content(status)) {
        mlr_err_in(&why, MLR_IN_MODEL, m.name);
        *err = why;
        return status;
    }
    undo_file(o);
    return make_note(o, m.name, m.format, &why, err);
}

/* Facts that need the whole set, such as scales in another shard. */
static void relate(opener *o)
{
    for (size_t k = 0; mlr_formats[k] != NULL; k++) {
        bool used = false;
        for (size_t i = 0; i < o->builder->members.count && !used; i++) {
            const mlr_member *m = mlr_rows_at(&o->builder->members, i);
            used = m->format == mlr_formats[k];
        }
        if (used && mlr_formats[k]->relate != NULL) {
            mlr_formats[k]->relate(o->builder);
        }
    }
}

static mlr_status open_members(opener *o, mlr_err *err)
{
    uint32_t ignored = 0;
    trust how = o->options->opaque ? AS_BYTES
                : o->set.folder    ? BY_CONTENT_AND_SUFFIX
                                   : BY_CONTENT;
    mlr_status status = MLR_OK;
    for (size_t i = 0; status == MLR_OK && i < o->set.count; i++) {
        status = add_member(o, o->set.name[i], how, &ignored, err);
    }
    for (uint32_t i = 0; status == MLR_OK && i < o->set.count; i++) {
        status = parse_member(o, i, err);
    }
    return status;
}

static mlr_status build(opener *o, const char *path, mlr_err *err)
{
    mlr_set_extent extent = o->options->single ? MLR_SET_ONE_FILE : MLR_SET_WHOLE;
    mlr_status status = MLR_OK;
    if (mlr_hf_is_reference(path)) {
        status = mlr_hf_resolve(&path, path, o->options->hf_cache, &o->scratch, err);
    }
    if (status == MLR_OK) {
        status = mlr_set_find(&o->set, path, extent, o->options->sys, &o->scratch, err);
    }
    if (status == MLR_OK) {
        status = mlr_builder_begin(&o->builder, &o->out->pool, &o->scratch, err);
    }
    if (status == MLR_OK) {
        status = open_members(o, err);
    }
    if (status == MLR_OK) {
        relate(o);
        status = mlr_builder_finish(o->builder, &o->out->model, err);
    }
    if (!o->any_format && !o->options->opaque && o->note == NULL) {
        o->note = "no known model format";
    }
    o->out->model.note = o->note;
    return status;
}

/* Names in the record must outlive the model that failed to open. */
static void settle_error(mlr_err *err, const char *path)
{
    if (err->input != NULL && err->input != path) {
        mlr_err_about(err, err->input, strlen(err->input));
    }
    err->input = path;
    err->domain = MLR_IN_MODEL;
}

mlr_status mlr_model_open(mlr_opened **out, const char *path,
                          const mlr_open_options *options, const mlr_allocator *alloc,
                          mlr_err *err)
{
    static const mlr_open_options defaults = {0};
    mlr_err unseen = {0};
    err = err == NULL ? &unseen : err;
    *out = NULL;
    mlr_opened *opened = mlr_take(alloc, sizeof *opened);
    if (opened == NULL) {
        return out_of_memory(err);
    }
    *opened = (mlr_opened){.alloc = alloc, .files = {.row_bytes = sizeof(mlr_file)}};
    mlr_pool_init(&opened->pool, alloc);
    opener o = {.out = opened, .options = options == NULL ? &defaults : options};
    mlr_pool_init(&o.scratch, alloc);
    mlr_key_index_init(&o.names);
    mlr_status status = build(&o, path, err);
    if (status != MLR_OK) {
        settle_error(err, path);
        mlr_model_close(opened);
        opened = NULL;
    }
    mlr_pool_release(&o.scratch);
    *out = opened;
    return status;
}

const mlr_model *mlr_opened_model(const mlr_opened *o)
{
    return &o->model;
}

const mlr_file *mlr_opened_file(const mlr_opened *o, size_t member)
{
    return member < o->files.count ? file_at(o, member) : NULL;
}

mlr_status mlr_model_unchanged(const mlr_opened *o, mlr_err *err)
{
    mlr_status status = MLR_OK;
    for (size_t i = 0; status == MLR_OK && i < o->files.count; i++) {
        status = mlr_file_unchanged(file_at(o, i), err);
    }
    return status;
}

void mlr_model_close(mlr_opened *o)
{
    if (o == NULL) {
        return;
    }
    for (size_t i = 0; i < o->files.count; i++) {
        mlr_file_close(file_at(o, i));
    }
    const mlr_allocator *alloc = o->alloc;
    mlr_pool_release(&o->pool);
    mlr_give(alloc, o, sizeof *o);
}
