#include "formats/builder.h"

#include <string.h>

#include "apply/base/checked.h"
#include "formats/builder_rows.h"
#include "formats/format.h"

static const char no_memory[] = "memory for the model's tables";

void *mlr_rows_add(mlr_rows *r, mlr_pool *pool)
{
    if (r->count == r->chunks * MLR_ROWS_PER_CHUNK) {
        if (r->chunks == r->chunk_room) {
            size_t room = r->chunk_room == 0 ? 8 : r->chunk_room * 2;
            void **larger = mlr_pool_take(pool, room * sizeof *larger);
            if (larger == NULL) {
                return NULL;
            }
            if (r->chunks > 0) {
                memcpy(larger, r->chunk, r->chunks * sizeof *larger);
            }
            r->chunk = larger;
            r->chunk_room = room;
        }
        void *chunk = mlr_pool_take(pool, MLR_ROWS_PER_CHUNK * r->row_bytes);
        if (chunk == NULL) {
            return NULL;
        }
        r->chunk[r->chunks++] = chunk;
    }
    void *row = mlr_rows_at(r, r->count++);
    memset(row, 0, r->row_bytes);
    return row;
}

/* A copy of all rows in one block; never NULL except when memory is gone. */
static void *flatten(const mlr_rows *r, size_t keep_bytes, mlr_pool *pool)
{
    uint8_t *to = mlr_pool_take(pool, r->count * keep_bytes);
    for (size_t i = 0; to != NULL && i < r->count; i++) {
        memcpy(to + i * keep_bytes, mlr_rows_at(r, i), keep_bytes);
    }
    return to;
}

mlr_status mlr_builder_begin(mlr_builder **out, mlr_pool *pool, mlr_pool *scratch,
                             mlr_err *err)
{
    mlr_builder *b = mlr_pool_take(scratch, sizeof *b);
    if (b == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    b->pool = pool;
    b->scratch = scratch;
    b->members.row_bytes = sizeof(mlr_member);
    b->tensors.row_bytes = sizeof(mlr_tensor_row);
    b->metas.row_bytes = sizeof(mlr_meta);
    mlr_key_index_init(&b->keys);
    mlr_key_index_init(&b->meta_keys);
    *out = b;
    return MLR_OK;
}

mlr_status mlr_builder_member(mlr_builder *b, const char *name,
                              const struct mlr_format *format, const mlr_source *source,
                              uint32_t *index, mlr_err *err)
{
    if (b->members.count >= MLR_MAX_MEMBERS) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "files of one model",
                              b->members.count + 1, MLR_MAX_MEMBERS);
    }
    mlr_member *m = mlr_rows_add(&b->members, b->scratch);
    char *copy = mlr_pool_copy(b->pool, name, strlen(name));
    if (m == NULL || copy == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    *m = (mlr_member){.name = copy, .format = format, .source = source};
    *index = (uint32_t)(b->members.count - 1);
    return MLR_OK;
}

void mlr_builder_begin_file(mlr_builder *b, uint32_t member)
{
    b->file = member;
    b->file_members = b->members.count;
    b->file_tensors = b->tensors.count;
    b->file_metas = b->metas.count;
}

static mlr_tensor_row *row_at(const mlr_builder *b, size_t i)
{
    return mlr_rows_at(&b->tensors, i);
}

/* Whether the file has data in a file that another one may have data in as well. */
static bool shares_data(const mlr_builder *b)
{
    for (size_t i = b->file_tensors; i < b->tensors.count; i++) {
        uint32_t member = row_at(b, i)->tensor.member;
        if (member != b->file && member < b->file_members) {
            return true;
        }
    }
    return false;
}

mlr_status mlr_builder_settle(mlr_builder *b, mlr_err *err)
{
    return mlr_tiling_prove(b, shares_data(b) ? 0 : b->file_tensors, err);
}

/* What tells metadata of different files apart is that their rows come later. */
static bool same_tensor(const void *table, uint32_t row, mlr_str key)
{
    const mlr_builder *b = table;
    return mlr_str_same(row_at(b, row)->tensor.key, key);
}

static bool same_meta(const void *table, uint32_t row, mlr_str key)
{
    const mlr_builder *b = table;
    const mlr_meta *m = mlr_rows_at(&b->metas, row);
    return row >= b->file_metas && mlr_str_same(m->key, key);
}

void mlr_builder_undo_file(mlr_builder *b)
{
    b->proven.at = NULL;
    while (b->tensors.count > b->file_tensors) {
        mlr_str key = row_at(b, b->tensors.count - 1)->tensor.key;
        mlr_key_remove_last(&b->keys, mlr_key_tag(&b->keys, key));
        b->tensors.count--;
    }
    while (b->metas.count > b->file_metas) {
        const mlr_meta *m = mlr_rows_at(&b->metas, b->metas.count - 1);
        mlr_key_remove_last(&b->meta_keys, mlr_key_tag(&b->meta_keys, m->key));
        b->metas.count--;
    }
    b->members.count = b->file_members;
    mlr_member *m = mlr_rows_at(&b->members, b->file);
    m->format = &mlr_format_opaque;
}

static bool count_elements(const mlr_tensor_spec *t, uint64_t *elements)
{
    *elements = 1;
    for (unsigned i = 0; i < t->rank; i++) {
        if (!mlr_mul_u64(*elements, t->dim[i], elements)) {
            return false;
        }
    }
    return true;
}

/* The rules that concern one tensor alone. */
static mlr_status check_spec(const mlr_builder *b, const mlr_tensor_spec *t,
                             uint64_t *elements, mlr_err *err)
{
    uint64_t at = t->defined_at;
    if (t->member >= b->members.count || t->dtype == NULL) {
        return mlr_fail(err, MLR_E_INTERNAL, at, "tensor with a known member and dtype");
    }
    if (b->tensors.count >= MLR_MAX_TENSORS) {
        return mlr_fail_limit(err, at, "tensors of one model", b->tensors.count + 1,
                              MLR_MAX_TENSORS);
    }
    if (t->rank > MLR_MAX_RANK) {
        return mlr_fail_limit(err, at, "dimensions of a tensor", t->rank, MLR_MAX_RANK);
    }
    if (t->name.n > MLR_MAX_NAME) {
        return mlr_fail_limit(err, at, "bytes of a tensor's name", t->name.n, MLR_MAX_NAME);
    }
    if (!count_elements(t, elements)) {
        return mlr_fail(err, MLR_E_FORMAT, at, "element count within 64 bits");
    }
    uint64_t bytes = 0;
    if (t->dtype->cls != MLR_CLASS_OPAQUE &&
        (!mlr_dtype_bytes(t->dtype, *elements, &bytes) || bytes != t->data.len)) {
        return mlr_fail(err, MLR_E_FORMAT, at, "data as long as type and shape say");
    }
    const mlr_member *m = mlr_rows_at(&b->members, t->member);
    if (!mlr_inside(t->data.off, t->data.len, m->source->size)) {
        return mlr_fail(err, MLR_E_TRUNCATED, at, "tensor data inside the file");
    }
    return MLR_OK;
}

/* Books text that is to be copied; false with the error recorded. */
static bool book_text(mlr_builder *b, uint64_t n, uint64_t at, mlr_err *err)
{
    b->text_bytes += n; /* lengths of what is in memory: cannot wrap */
    if (b->text_bytes > MLR_MAX_TEXT) {
        mlr_fail_limit(err, at, "bytes of names and texts", b->text_bytes, MLR_MAX_TEXT);
        return false;
    }
    return true;
}

static bool copy_str(mlr_str *to, mlr_str from, mlr_pool *pool)
{
    to->p = mlr_pool_copy(pool, from.p, from.n);
    to->n = from.n;
    return to->p != NULL;
}

/* "file.gguf:key", for a key that another file has taken. */
static bool qualify(mlr_str *key, const char *file, mlr_pool *pool)
{
    size_t n = strlen(file);
    char *p = mlr_pool_take(pool, n + 1 + key->n + 1);
    if (p == NULL) {
        return false;
    }
    memcpy(p, file, n);
    p[n] = ':';
    memcpy(p + n + 1, key->p, key->n);
    *key = (mlr_str){.p = p, .n = n + 1 + key->n};
    return true;
}

/* Settles on the tensor's key; false with the error recorded. */
static bool choose_key(mlr_builder *b, mlr_tensor *t, uint32_t *tag, uint64_t at,
                       mlr_err *err)
{
    *tag = mlr_key_tag(&b->keys, t->key);
    uint32_t other = mlr_key_find(&b->keys, *tag, t->key, same_tensor, b);
    if (other != MLR_NO_TENSOR && other < b->file_tensors) {
        const mlr_member *file = mlr_rows_at(&b->members, b->file);
        if (!qualify(&t->key, file->name, b->pool)) {
            mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
            return false;
        }
        *tag = mlr_key_tag(&b->keys, t->key);
        other = mlr_key_find(&b->keys, *tag, t->key, same_tensor, b);
    }
    if (other != MLR_NO_TENSOR) {
        mlr_fail(err, MLR_E_FORMAT, at, "tensor named only once");
        return false;
    }
    return true;
}

/* Copies what the specification only lends. */
static bool copy_spec(mlr_tensor *t, const mlr_tensor_spec *spec, mlr_pool *pool)
{
    uint64_t *dim = mlr_pool_take(pool, spec->rank * sizeof *dim);
    if (dim == NULL || !copy_str(&t->name, spec->name, pool)) {
        return false;
    }
    if (spec->rank > 0) {
        memcpy(dim, spec->dim, spec->rank * sizeof *dim);
    }
    t->dim = dim;
    t->key = t->name;
    if (spec->key.n > 0 && !copy_str(&t->key, spec->key, pool)) {
        return false;
    }
    if (spec->quant != NULL) {
        mlr_quant *quant = mlr_pool_take(pool, sizeof *quant);
        if (quant == NULL) {
            return false;
        }
        *quant = *spec->quant;
        t->quant = quant;
    }
    return true;
}

mlr_status mlr_builder_tensor(mlr_builder *b, const mlr_tensor_spec *spec, mlr_err *err)
{
    uint64_t elements = 0;
    mlr_status status = check_spec(b, spec, &elements, err);
    mlr_tensor t = {.dtype = spec->dtype,
                    .elements = elements,
                    .data = spec->data,
                    .member = spec->member,
                    .tied_to = MLR_NO_TENSOR,
                    .native_type = spec->native_type,
                    .rank = spec->rank,
                    .big_endian = spec->big_endian};
    uint32_t tag = 0;
    if (status != MLR_OK) {
        mlr_err_about(err, spec->name.p, spec->name.n);
        return status;
    }
    if (!book_text(b, (uint64_t)spec->name.n + spec->key.n, spec->defined_at, err)) {
        return err->status;
    }
    if (!copy_spec(&t, spec, b->pool)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    if (!choose_key(b, &t, &tag, spec->defined_at, err)) {
        mlr_err_about(err, spec->name.p, spec->name.n);
        return err->status;
    }
    mlr_tensor_row *row = mlr_rows_add(&b->tensors, b->scratch);
    if (row == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    if (!mlr_key_insert(&b->keys, tag, b->scratch)) {
        b->tensors.count--;
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    *row = (mlr_tensor_row){.tensor = t, .defined_at = spec->defined_at};
    return MLR_OK;
}

bool mlr_builder_quantize(mlr_builder *b, mlr_str key, const mlr_quant *quant)
{
    uint32_t i = mlr_builder_find(b, key);
    if (i == MLR_NO_TENSOR) {
        return false;
    }
    mlr_quant *copy = mlr_pool_take(b->pool, sizeof *copy);
    if (copy == NULL) {
        b->out_of_memory = true; /* finish() says so */
        return true;
    }
    *copy = *quant;
    row_at(b, i)->tensor.quant = copy;
    return true;
}

mlr_status mlr_builder_meta(mlr_builder *b, const mlr_meta *m, mlr_err *err)
{
    if (b->metas.count >= MLR_MAX_METAS) {
        return mlr_fail_limit(err, m->bytes.off, "metadata entries of one model",
                              b->metas.count + 1, MLR_MAX_METAS);
    }
    mlr_meta copy = *m;
    mlr_meta *row = NULL;
    if (!book_text(b, (uint64_t)m->key.n + m->text.n, m->bytes.off, err)) {
        return err->status;
    }
    if (copy_str(&copy.key, m->key, b->pool) && copy_str(&copy.text, m->text, b->pool)) {
        row = mlr_rows_add(&b->metas, b->scratch);
    }
    if (row == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    if (!mlr_key_insert(&b->meta_keys, mlr_key_tag(&b->meta_keys, m->key), b->scratch)) {
        b->metas.count--;
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    *row = copy;
    return MLR_OK;
}

const mlr_meta *mlr_builder_meta_find(const mlr_builder *b, mlr_str key)
{
    uint32_t tag = mlr_key_tag(&b->meta_keys, key);
    uint32_t i = mlr_key_find(&b->meta_keys, tag, key, same_meta, b);
    return i == MLR_NO_TENSOR ? NULL : mlr_rows_at(&b->metas, i);
}

uint32_t mlr_builder_find(const mlr_builder *b, mlr_str key)
{
    return mlr_key_find(&b->keys, mlr_key_tag(&b->keys, key), key, same_tensor, b);
}

const mlr_tensor *mlr_builder_tensor_at(const mlr_builder *b, uint32_t index)
{
    return index < b->tensors.count ? &row_at(b, index)->tensor : NULL;
}

size_t mlr_builder_tensor_count(const mlr_builder *b)
{
    return b->tensors.count;
}

uint32_t mlr_builder_file_start(const mlr_builder *b)
{
    return (uint32_t)b->file_tensors;
}

/* The index moves into the model's pool; only then may the scratch be released. */
static const mlr_key_index *keep_index(const mlr_builder *b)
{
    mlr_key_index *x = mlr_pool_take(b->pool, sizeof *x);
    if (x == NULL) {
        return NULL;
    }
    *x = b->keys;
    if (x->slot != NULL) {
        size_t bytes = ((size_t)x->mask + 1) * sizeof *x->slot;
        x->slot = mlr_pool_take(b->pool, bytes);
        if (x->slot == NULL) {
            return NULL;
        }
        memcpy(x->slot, b->keys.slot, bytes);
    }
    return x;
}

mlr_status mlr_builder_finish(mlr_builder *b, mlr_model *out, mlr_err *err)
{
    mlr_model m = {.member_count = b->members.count,
                   .tensor_count = b->tensors.count,
                   .meta_count = b->metas.count};
    mlr_member *members = flatten(&b->members, sizeof *members, b->pool);
    m.members = members;
    m.metas = flatten(&b->metas, sizeof *m.metas, b->pool);
    m.index = keep_index(b);
    if (b->out_of_memory || members == NULL || m.metas == NULL || m.index == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    mlr_status status = mlr_tiling_make(b, &m, members, err);
    if (status != MLR_OK) {
        return status;
    }
    m.tensors = flatten(&b->tensors, sizeof *m.tensors, b->pool);
    if (m.tensors == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    *out = m;
    return MLR_OK;
}

static bool same_in_model(const void *table, uint32_t row, mlr_str key)
{
    const mlr_model *m = table;
    return mlr_str_same(m->tensors[row].key, key);
}

const mlr_tensor *mlr_model_find(const mlr_model *m, mlr_str key)
{
    if (m->index == NULL) {
        return NULL;
    }
    uint32_t tag = mlr_key_tag(m->index, key);
    uint32_t i = mlr_key_find(m->index, tag, key, same_in_model, m);
    return i == MLR_NO_TENSOR ? NULL : &m->tensors[i];
}
