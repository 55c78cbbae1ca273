#include "codec/patch_index.h"

#include <string.h>

#include "apply/base/cursor.h"
#include "apply/patch_format.h"

/* --- writing -------------------------------------------------------------------------- */

void mlr_index_begin(mlr_index_writer *w, const mlr_allocator *alloc)
{
    w->tensors = 0;
    mlr_buf_init(&w->body, alloc);
    mlr_buf_init(&w->last_name, alloc);
}

void mlr_index_release(mlr_index_writer *w)
{
    mlr_buf_release(&w->body);
    mlr_buf_release(&w->last_name);
}

static void add_name(mlr_index_writer *w, mlr_str name)
{
    size_t shared = 0;
    while (shared < name.n && shared < w->last_name.size &&
           w->last_name.data[shared] == (uint8_t)name.p[shared]) {
        shared++;
    }
    mlr_buf_varint(&w->body, shared);
    mlr_buf_varint(&w->body, name.n - shared);
    mlr_buf_add(&w->body, name.p + shared, name.n - shared);
    w->last_name.size = shared;
    mlr_buf_add(&w->last_name, name.p + shared, name.n - shared);
}

static void add_tensor(mlr_index_writer *w, const mlr_plan *p, uint32_t index)
{
    const mlr_tensor *t = &p->matching->new_model->tensors[index];
    const mlr_pairing *q = &p->matching->pairs[index];
    w->tensors++;
    add_name(w, t->key);
    mlr_buf_u8(&w->body, t->dtype->id);
    mlr_buf_u8(&w->body, q->change);
    mlr_buf_varint(&w->body, q->flags);
    mlr_buf_varint(&w->body, t->data.len);
    mlr_buf_u8(&w->body, t->rank);
    for (unsigned i = 0; i < t->rank; i++) {
        mlr_buf_varint(&w->body, t->dim[i]);
    }
}

/* The span that begins at `off` in a member, among those in offset order. */
static size_t span_at(const mlr_model *m, uint32_t member, uint64_t off)
{
    size_t low = m->members[member].first_span;
    size_t high = low + m->members[member].span_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (m->spans[middle].bytes.off <= off) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void mlr_index_add(mlr_index_writer *w, const mlr_plan *p, const mlr_made_record *r)
{
    const mlr_model *m = p->matching->new_model;
    mlr_buf_varint(&w->body, r->stored_bytes);
    mlr_buf_varint(&w->body, r->plan->pairs);
    if (r->plan->pairs == 1) {
        add_tensor(w, p, r->plan->pair);
        return;
    }
    size_t span = span_at(m, r->plan->member, r->plan->bytes.off);
    for (uint32_t i = 0; i < r->plan->pairs; i++) {
        add_tensor(w, p, m->spans[span + i].tensor);
    }
}

mlr_status mlr_index_finish(mlr_index_writer *w, const mlr_plan *p, mlr_buf *content,
                            mlr_err *err)
{
    uint64_t small = 0;
    for (size_t i = 0; i < p->glue_count; i++) {
        small += p->glue[i].pair != MLR_NO_TENSOR;
    }
    mlr_buf_varint(&w->body, 0);
    mlr_buf_varint(&w->body, small);
    for (size_t i = 0; i < p->glue_count; i++) {
        if (p->glue[i].pair != MLR_NO_TENSOR) {
            add_tensor(w, p, p->glue[i].pair);
        }
    }
    if (w->body.failed || w->last_name.failed) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "index of the patch");
    }
    mlr_buf_varint(content, w->body.size);
    mlr_encoding e = {.level = 19, .alloc = w->body.alloc, .kernels = &mlr_kernels_scalar};
    return mlr_block_deflate(&e, w->body.data, w->body.size, NULL, 0, content, err);
}

/* --- reading -------------------------------------------------------------------------- */

enum { MOST_INDEX = 256 << 20, LEAST_TENSOR = 7, LEAST_RECORD = 2, MOST_RANK = 64 };

typedef struct reader {
    mlr_cursor c;
    mlr_pool *pool;
    mlr_str last_name;
} reader;

static void *take(reader *r, uint64_t n, size_t size)
{
    void *p = mlr_pool_take(r->pool, (size_t)n * size);
    if (p == NULL) {
        mlr_fail(r->c.err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "index of a patch");
    }
    return p;
}

static mlr_str read_name(reader *r)
{
    mlr_cursor *c = &r->c;
    size_t shared = (size_t)mlr_cur_varint_to(c, r->last_name.n, "shared part of a name");
    size_t n = (size_t)mlr_cur_varint_to(c, MLR_MAX_PATCH_NAME, "length of a name");
    const uint8_t *rest = mlr_cur_take(c, n, "name in the index");
    char *name = mlr_cur_ok(c) ? take(r, shared + n + 1, 1) : NULL;
    if (name == NULL) {
        return (mlr_str){0};
    }
    if (shared > 0) {
        memcpy(name, r->last_name.p, shared);
    }
    memcpy(name + shared, rest, n);
    r->last_name = (mlr_str){.p = name, .n = shared + n};
    return r->last_name;
}

static void read_tensor(reader *r, mlr_index_tensor *t)
{
    mlr_cursor *c = &r->c;
    t->name = read_name(r);
    t->dtype = mlr_dtype_get(mlr_cur_u8(c, "element type in the index"));
    t->change = mlr_cur_u8(c, "change in the index");
    t->flags = (uint16_t)mlr_cur_varint_to(c, UINT16_MAX, "flags in the index");
    t->bytes = mlr_cur_varint(c, "size in the index");
    uint64_t at = mlr_cur_offset(c);
    t->rank = mlr_cur_u8(c, "rank in the index");
    if (mlr_cur_ok(c) && (t->rank > MOST_RANK || t->dtype == NULL)) {
        mlr_fail(c->err, MLR_E_FORMAT, at, "tensor in the index");
    }
    uint64_t *dim = mlr_cur_ok(c) ? take(r, t->rank + 1u, sizeof *dim) : NULL;
    for (unsigned i = 0; dim != NULL && i < t->rank; i++) {
        dim[i] = mlr_cur_varint(c, "dimension in the index");
    }
    t->dim = dim;
}

/* Counts first, so that the tables can be taken at once. */
static void read_tables(reader *r, mlr_index *out)
{
    size_t most_records = r->c.size / LEAST_RECORD + 1;
    size_t most_tensors = r->c.size / LEAST_TENSOR + 1;
    mlr_index_record *records = take(r, most_records, sizeof *records);
    mlr_index_tensor *tensors = take(r, most_tensors, sizeof *tensors);
    size_t n = 0, t = 0;
    while (mlr_cur_ok(&r->c) && mlr_cur_left(&r->c) > 0) {
        uint64_t at = mlr_cur_offset(&r->c);
        uint64_t stored = mlr_cur_varint(&r->c, "stored bytes in the index");
        uint64_t count = mlr_cur_varint(&r->c, "tensors of a record in the index");
        if (mlr_cur_ok(&r->c) && (n >= most_records || count > most_tensors - t)) {
            mlr_fail(r->c.err, MLR_E_FORMAT, at, "tensors of a record in the index");
        }
        if (!mlr_cur_ok(&r->c)) {
            return;
        }
        records[n++] = (mlr_index_record){
            .stored_bytes = stored, .first_tensor = t, .tensor_count = (size_t)count};
        for (uint64_t i = 0; i < count && mlr_cur_ok(&r->c); i++) {
            read_tensor(r, &tensors[t++]);
        }
    }
    *out = (mlr_index){
        .records = records, .tensors = tensors, .record_count = n, .tensor_count = t};
}

static const uint8_t *inflate(const uint8_t *stored, size_t stored_n, size_t n,
                              const mlr_inflater *inflater, mlr_pool *pool, mlr_err *err)
{
    size_t work = inflater == NULL ? 0 : inflater->state_bytes;
    uint8_t *plain = mlr_pool_take(pool, n);
    uint8_t *state = mlr_pool_take(pool, work + 64);
    if (plain == NULL || state == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "index of a patch");
        return NULL;
    }
    state += (uintptr_t)(-(intptr_t)(uintptr_t)state & 63);
    mlr_block b = {.payload = stored,
                   .payload_bytes = stored_n,
                   .work = state,
                   .work_bytes = work,
                   .inflater = inflater,
                   .kernels = &mlr_kernels_scalar};
    const uint8_t *at = NULL;
    return mlr_block_inflate(&b, NULL, 0, plain, n, &at, err) == MLR_OK ? at : NULL;
}

mlr_status mlr_index_read(mlr_index *out, const uint8_t *content, size_t n,
                          const mlr_inflater *inflater, mlr_pool *pool, mlr_err *err)
{
    *out = (mlr_index){0};
    mlr_cursor c = {.base = content, .size = n, .err = err};
    size_t plain_n = (size_t)mlr_cur_varint_to(&c, MOST_INDEX, "size of the index");
    if (!mlr_cur_ok(&c)) {
        return err->status;
    }
    const uint8_t *plain =
        inflate(content + c.pos, n - c.pos, plain_n, inflater, pool, err);
    if (plain == NULL) {
        return err->status;
    }
    reader r = {.c = {.base = plain, .size = plain_n, .err = err}, .pool = pool};
    read_tables(&r, out);
    return err->status;
}
