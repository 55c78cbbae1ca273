#include "tui/cli/patch_view.h"

#include <string.h>

#include "apply/patch_format.h"
#include "codec/price.h"
#include "codec/strategy.h"

enum { BUFFER = 4096, SCRATCH = 64 << 10 };

/* A source read front to back. */
typedef struct reader {
    const mlr_source *source;
    uint64_t at;
} reader;

typedef struct viewer {
    mlr_patch_view *v;
    mlr_pool *pool;
    const mlr_inflater *inflater;
    mlr_chunks chunks;
    uint64_t *base_size;
    mlr_view_record *records;
    size_t room;
    uint8_t *content;
    size_t content_room;
    uint8_t *skip;
    mlr_err *err;
} viewer;

static mlr_status read_on(void *ctx, void *dst, size_t n, size_t *got, mlr_err *err)
{
    reader *r = ctx;
    uint64_t left = r->source->size - r->at;
    *got = left < n ? (size_t)left : n;
    mlr_status status = r->source->read_at(r->source->ctx, r->at, dst, *got, err);
    r->at += *got;
    return status;
}

static mlr_status no_memory(viewer *w)
{
    return mlr_fail(w->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "view of a patch");
}

static mlr_status read_header(viewer *w, reader *r)
{
    const mlr_source *s = r->source;
    uint8_t prefix[MLR_PATCH_PREFIX];
    size_t n = 0;
    if (s->size < sizeof prefix) {
        return mlr_fail(w->err, MLR_E_TRUNCATED, s->size, "patch header");
    }
    if (s->read_at(s->ctx, 0, prefix, sizeof prefix, w->err) != MLR_OK ||
        mlr_patch_peek(prefix, &n, w->err) != MLR_OK) {
        return w->err->status;
    }
    if (n > s->size) {
        return mlr_fail(w->err, MLR_E_TRUNCATED, s->size, "patch header");
    }
    uint8_t *bytes = mlr_pool_take(w->pool, n);
    if (bytes == NULL) {
        return no_memory(w);
    }
    r->at = n;
    return s->read_at(s->ctx, 0, bytes, n, w->err) == MLR_OK
               ? mlr_patch_header_read(&w->v->header, bytes, n, w->err)
               : w->err->status;
}

static mlr_status take_sizes(viewer *w)
{
    const mlr_patch_header *h = &w->v->header;
    w->base_size = mlr_pool_take(w->pool, (h->base_count + 1) * sizeof *w->base_size);
    w->skip = mlr_pool_take(w->pool, SCRATCH);
    w->chunks.buffer = mlr_pool_take(w->pool, BUFFER);
    if (w->base_size == NULL || w->skip == NULL || w->chunks.buffer == NULL) {
        return no_memory(w);
    }
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    for (uint32_t i = 0; mlr_patch_base(h, &iter, &m); i++) {
        w->base_size[i] = m.size;
    }
    return MLR_OK;
}

/* The chunk's content in w->content; it cannot be larger than the patch. */
static mlr_status load(viewer *w, const mlr_chunk *chunk)
{
    if (chunk->size > w->v->patch_bytes) {
        return mlr_fail(w->err, MLR_E_TRUNCATED, chunk->start, "content of a chunk");
    }
    if (chunk->size > w->content_room) {
        w->content_room = (size_t)chunk->size * 2;
        w->content = mlr_pool_take(w->pool, w->content_room);
        if (w->content == NULL) {
            return no_memory(w);
        }
    }
    return mlr_chunks_content(&w->chunks, chunk, w->content, w->content_room);
}

static mlr_view_record *new_record(viewer *w)
{
    size_t n = w->v->record_count;
    if (n == w->room) {
        size_t room = w->room == 0 ? 256 : 2 * w->room;
        mlr_view_record *more = mlr_pool_take(w->pool, room * sizeof *more);
        if (more == NULL) {
            no_memory(w);
            return NULL;
        }
        if (n > 0) {
            memcpy(more, w->records, n * sizeof *more);
        }
        w->records = more;
        w->room = room;
    }
    w->v->record_count++;
    return &w->records[n];
}

static const char *describe(viewer *w, const mlr_record *r)
{
    const mlr_encoder *e = mlr_encoder_get(r->decoder->id);
    if (e == NULL || e->describe == NULL) {
        return "";
    }
    mlr_buf text;
    mlr_buf_init(&text, w->pool->alloc);
    e->describe(r, &text);
    const char *copy = mlr_pool_copy(w->pool, text.data == NULL ? (uint8_t *)"" : text.data,
                                     text.failed ? 0 : text.size);
    mlr_buf_release(&text);
    return copy == NULL ? "" : copy;
}

static mlr_status see_record(viewer *w, const mlr_chunk *chunk)
{
    mlr_view_record *out = NULL;
    if (load(w, chunk) != MLR_OK || (out = new_record(w)) == NULL) {
        return w->err->status;
    }
    mlr_record_head h;
    mlr_cursor c = {.base = w->content,
                    .size = (size_t)chunk->size,
                    .origin = chunk->offset,
                    .err = w->err};
    if (mlr_record_read(&h, &c, &w->v->header, w->base_size, false) != MLR_OK) {
        return w->err->status;
    }
    const mlr_record *r = &h.record;
    *out = (mlr_view_record){.at = chunk->start,
                             .new_bytes = r->new_bytes,
                             .old_bytes = r->old_bytes,
                             .glue_before = h.glue_before,
                             .blocks = h.blocks,
                             .refs = h.refs.count,
                             .model_bytes = r->model_bytes,
                             .dtype = r->dtype,
                             .old_dtype = r->old_dtype,
                             .model = describe(w, r),
                             .strategy = r->decoder->id,
                             .level = r->level,
                             .dict = r->dict,
                             .is_inline = h.is_inline,
                             .stored_bytes = w->chunks.offset - chunk->start};
    return MLR_OK;
}

static mlr_status see_glue(viewer *w, const mlr_chunk *chunk)
{
    if (load(w, chunk) != MLR_OK) {
        return w->err->status;
    }
    mlr_record_head h;
    mlr_cursor c = {.base = w->content,
                    .size = (size_t)chunk->size,
                    .origin = chunk->offset,
                    .err = w->err};
    if (mlr_record_read(&h, &c, &w->v->header, w->base_size, true) == MLR_OK) {
        w->v->glue_new += h.record.new_bytes;
        w->v->glue_us +=
            mlr_price_decode_us(h.record.decoder->id, h.record.new_bytes, NULL);
        w->v->glue_stored += w->chunks.offset - chunk->start;
    }
    return w->err->status;
}

static mlr_status see_index(viewer *w, const mlr_chunk *chunk)
{
    if (load(w, chunk) == MLR_OK) {
        w->v->index_stored = w->chunks.offset - chunk->start;
        mlr_index_read(&w->v->index, w->content, (size_t)chunk->size, w->inflater, w->pool,
                       w->err);
    }
    return w->err->status;
}

static mlr_status see_block(viewer *w, const mlr_chunk *chunk)
{
    if (w->v->record_count == 0) {
        return mlr_fail(w->err, MLR_E_FORMAT, chunk->start, "a record before its blocks");
    }
    if (mlr_chunks_skip(&w->chunks, chunk, w->skip, SCRATCH) == MLR_OK) {
        w->records[w->v->record_count - 1].stored_bytes += w->chunks.offset - chunk->start;
    }
    return w->err->status;
}

static mlr_status see_chunk(viewer *w, const mlr_chunk *chunk)
{
    switch (chunk->type) {
    case MLR_CHUNK_RECORD:
        return see_record(w, chunk);
    case MLR_CHUNK_BLOCK:
        return see_block(w, chunk);
    case MLR_CHUNK_GLUE:
        return see_glue(w, chunk);
    case MLR_CHUNK_INDEX:
        return see_index(w, chunk);
    case MLR_CHUNK_DICT:
    case MLR_CHUNK_END:
        return mlr_chunks_skip(&w->chunks, chunk, w->skip, SCRATCH);
    default:
        return mlr_fail(w->err, MLR_E_UNSUPPORTED, chunk->start,
                        "chunk type of this version");
    }
}

mlr_status mlr_patch_view_read(mlr_patch_view *v, const mlr_source *patch,
                               const mlr_inflater *inflater, mlr_pool *pool, mlr_err *err)
{
    *v = (mlr_patch_view){.patch_bytes = patch->size};
    reader r = {.source = patch};
    mlr_stream stream = {.ctx = &r, .read = read_on};
    viewer w = {.v = v, .pool = pool, .inflater = inflater, .err = err};
    if (read_header(&w, &r) != MLR_OK || take_sizes(&w) != MLR_OK) {
        return err->status;
    }
    w.chunks.stream = &stream;
    w.chunks.room = BUFFER;
    w.chunks.offset = v->header.header_bytes;
    w.chunks.err = err;
    mlr_chunk chunk = {.type = MLR_CHUNK_RECORD};
    while (chunk.type != MLR_CHUNK_END && mlr_chunks_next(&w.chunks, &chunk) == MLR_OK &&
           see_chunk(&w, &chunk) == MLR_OK) {
    }
    v->records = w.records;
    return err->status == MLR_OK ? mlr_chunks_end(&w.chunks) : err->status;
}
