#include "codec/patch_write.h"

#include <string.h>

#include "apply/patch_format.h"
#include "apply/version.h"

/* Up to this size chunks wait in memory, so that the header takes no byte too many. */
enum { MOST_WAITING = 16 << 20 };

void mlr_patch_writer_begin(mlr_patch_writer *w, const mlr_patch_out *out,
                            const mlr_patch_desc *desc, const mlr_allocator *alloc)
{
    *w = (mlr_patch_writer){.out = out, .desc = desc};
    mlr_buf_init(&w->waiting, alloc);
}

void mlr_patch_writer_release(mlr_patch_writer *w)
{
    mlr_buf_release(&w->waiting);
}

/* --- header --------------------------------------------------------------------------- */

/*
 * A number that may change until the end. Where space was reserved it takes ten bytes, the
 * upper ones empty continuations, so that the header keeps its length.
 */
static void add_number(mlr_buf *b, uint64_t v, bool padded)
{
    if (!padded) {
        mlr_buf_varint(b, v);
        return;
    }
    for (int i = 0; i < 9; i++) {
        mlr_buf_u8(b, (uint8_t)(v | 0x80));
        v >>= 7;
    }
    mlr_buf_u8(b, (uint8_t)v);
}

static void add_members(mlr_buf *b, const mlr_member_desc *m, uint32_t count)
{
    mlr_buf_varint(b, count);
    for (uint32_t i = 0; i < count; i++) {
        size_t n = strlen(m[i].name);
        mlr_buf_varint(b, m[i].size);
        mlr_buf_add(b, m[i].sha256, MLR_SHA256_BYTES);
        mlr_buf_varint(b, n);
        mlr_buf_add(b, m[i].name, n);
    }
}

static void add_body(mlr_buf *b, const mlr_patch_writer *w, bool padded)
{
    const mlr_patch_desc *d = w->desc;
    const mlr_patch_need *n = &w->need;
    uint64_t numbers[] = {w->strategies,  w->records,   d->tensors,   n->record_bytes,
                          n->block_bytes, n->block_new, n->block_old, n->glue_new,
                          n->state_terms, n->work_terms};
    mlr_buf_varint(b, strlen(MLR_VERSION));
    mlr_buf_add(b, MLR_VERSION, strlen(MLR_VERSION));
    mlr_buf_varint(b, d->zstd_version);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        add_number(b, numbers[i], padded);
    }
    add_members(b, d->base, d->base_count);
    add_members(b, d->target, d->target_count);
    mlr_buf_varint(b, d->dict_count);
    for (uint32_t i = 0; i < d->dict_count; i++) {
        mlr_buf_add(b, d->dicts[i].sha256, MLR_SHA256_BYTES);
        mlr_buf_varint(b, d->dicts[i].size << 1 | (d->dicts[i].data != NULL));
    }
}

static mlr_status make_header(mlr_buf *b, const mlr_patch_writer *w, bool padded,
                              mlr_err *err)
{
    mlr_buf_add(b, MLR_PATCH_MAGIC, 4);
    mlr_buf_u8(b, MLR_PATCH_VERSION);
    mlr_buf_add(b, (const uint8_t[3]){0}, 3);
    mlr_buf_u32(b, 0);
    add_body(b, w, padded);
    if (b->failed) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "patch header");
    }
    size_t body = b->size - MLR_PATCH_PREFIX;
    if (body > MLR_MAX_PATCH_HEADER) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "size of the patch header", body,
                              MLR_MAX_PATCH_HEADER);
    }
    mlr_store32(b->data + 8, (uint32_t)body);
    mlr_buf_u64(b, mlr_xxh64_of(b->data, b->size));
    return b->failed ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "patch header")
                     : MLR_OK;
}

/* --- chunks --------------------------------------------------------------------------- */

/* Too much waits: leave room for a header of known length and write on from there. */
static mlr_status spill(mlr_patch_writer *w, mlr_err *err)
{
    mlr_buf header;
    mlr_buf_init(&header, w->waiting.alloc);
    mlr_status status = make_header(&header, w, true, err);
    if (status == MLR_OK) {
        memset(header.data, 0, header.size); /* no magic: a torn patch is no patch */
        w->reserved = header.size;
        status = w->out->write(w->out->ctx, header.data, header.size, err);
    }
    if (status == MLR_OK) {
        status = w->out->write(w->out->ctx, w->waiting.data, w->waiting.size, err);
    }
    w->waiting.size = 0;
    mlr_buf_release(&header);
    return status;
}

static mlr_status put(mlr_patch_writer *w, const void *src, size_t n, mlr_err *err)
{
    w->chunk_bytes += n;
    if (w->reserved > 0) {
        return n == 0 ? MLR_OK : w->out->write(w->out->ctx, src, n, err);
    }
    mlr_buf_add(&w->waiting, src, n);
    if (w->waiting.failed) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "patch in memory");
    }
    return w->waiting.size > MOST_WAITING ? spill(w, err) : MLR_OK;
}

static void raise(uint64_t *most, uint64_t n)
{
    *most = n > *most ? n : *most;
}

mlr_status mlr_patch_writer_chunk(mlr_patch_writer *w, uint8_t type, const mlr_buf *head,
                                  const mlr_buf *tail, mlr_err *err)
{
    size_t tail_n = tail == NULL ? 0 : tail->size;
    size_t n = head->size + tail_n;
    if (head->failed || (tail != NULL && tail->failed)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "chunk of a patch");
    }
    if (n > MLR_MAX_CHUNK) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "size of a chunk", n, MLR_MAX_CHUNK);
    }
    uint8_t intro[6] = {type};
    size_t intro_n = 1;
    for (size_t v = n;; v >>= 7) {
        intro[intro_n++] = (uint8_t)(v >= 0x80 ? v | 0x80 : v);
        if (v < 0x80) {
            break;
        }
    }
    mlr_xxh64 hash;
    mlr_xxh64_begin(&hash);
    mlr_xxh64_add(&hash, &type, 1);
    mlr_xxh64_add(&hash, head->data, head->size);
    mlr_xxh64_add(&hash, tail_n > 0 ? tail->data : NULL, tail_n);
    uint8_t check[MLR_CHUNK_CHECK];
    mlr_store32(check, (uint32_t)mlr_xxh64_end(&hash));
    if (type == MLR_CHUNK_RECORD) {
        w->records++;
        raise(&w->need.record_bytes, n);
    } else if (type == MLR_CHUNK_BLOCK || type == MLR_CHUNK_GLUE) {
        raise(&w->need.block_bytes, n);
    }
    mlr_status status = put(w, intro, intro_n, err);
    if (status == MLR_OK) {
        status = put(w, head->data, head->size, err);
    }
    if (status == MLR_OK && tail_n > 0) {
        status = put(w, tail->data, tail_n, err);
    }
    return status == MLR_OK ? put(w, check, sizeof check, err) : status;
}

void mlr_patch_writer_need(mlr_patch_writer *w, const mlr_record *r,
                           const mlr_decoder_need *need, int glue)
{
    w->strategies |= (uint64_t)1 << r->decoder->id;
    raise(glue ? &w->need.glue_new : &w->need.block_new, r->block_new);
    bool copies = r->decoder->id == MLR_STRATEGY_copy && r->old_dtype == r->dtype;
    raise(&w->need.block_old, r->old_bytes > 0 && !copies ? r->block_old : 0);
    raise(&w->need.state_terms, need->terms.state);
    raise(&w->need.work_terms, need->terms.work);
}

static mlr_status write_header(mlr_patch_writer *w, const mlr_buf *header, mlr_err *err)
{
    if (w->reserved > 0) {
        return w->out->rewrite(w->out->ctx, 0, header->data, header->size, err);
    }
    mlr_status status = w->out->write(w->out->ctx, header->data, header->size, err);
    if (status == MLR_OK) {
        status = w->out->write(w->out->ctx, w->waiting.data, w->waiting.size, err);
    }
    return status;
}

/* The END chunk tells where the index is, counted back from the patch's end. */
static mlr_status write_end(mlr_patch_writer *w, uint64_t index_at, mlr_err *err)
{
    enum { END_CHUNK = 2 + MLR_CHUNK_END_BYTES + MLR_CHUNK_CHECK };
    mlr_buf end;
    mlr_buf_init(&end, w->waiting.alloc);
    if (index_at > 0) {
        mlr_buf_u64(&end, w->chunk_bytes + END_CHUNK - (index_at - 1));
    }
    mlr_status status = mlr_patch_writer_chunk(w, MLR_CHUNK_END, &end, NULL, err);
    mlr_buf_release(&end);
    return status;
}

mlr_status mlr_patch_writer_end(mlr_patch_writer *w, uint64_t index_at,
                                uint64_t *patch_bytes, mlr_err *err)
{
    mlr_buf header;
    mlr_buf_init(&header, w->waiting.alloc);
    mlr_status status = write_end(w, index_at, err);
    if (status == MLR_OK) {
        status = make_header(&header, w, w->reserved > 0, err);
    }
    if (status == MLR_OK) {
        status = write_header(w, &header, err);
    }
    *patch_bytes = header.size + w->chunk_bytes;
    mlr_buf_release(&header);
    return status;
}

/* --- records -------------------------------------------------------------------------- */

static uint64_t zigzag_from(uint64_t from, uint64_t to)
{
    return to >= from ? (to - from) << 1 : ((from - to - 1) << 1 | 1);
}

void mlr_write_refs(mlr_buf *b, const mlr_ref *refs, size_t count, uint32_t members)
{
    uint64_t last_end = 0;
    uint32_t member = 0;
    mlr_buf_varint(b, count);
    for (size_t i = 0; i < count; i++) {
        const mlr_ref *r = &refs[i];
        mlr_buf_varint(b, r->len << 1 | r->gap);
        if (r->gap) {
            continue;
        }
        if (members > 1) {
            mlr_buf_varint(b, r->member);
        }
        if (r->member != member) {
            member = r->member;
            last_end = 0;
        }
        mlr_buf_varint(b, zigzag_from(last_end, r->off));
        last_end = r->off + r->len;
    }
}

static void add_model(mlr_buf *b, const mlr_record *r)
{
    mlr_buf_varint(b, r->model_bytes);
    mlr_buf_add(b, r->model, r->model_bytes);
}

void mlr_write_record(mlr_buf *b, const mlr_record *r, uint64_t glue_before, int is_inline,
                      const mlr_ref *refs, size_t ref_count, uint32_t members)
{
    bool converts = r->old_dtype != r->dtype;
    mlr_buf_u8(b, r->decoder->id);
    mlr_buf_u8(b, r->dtype->id);
    mlr_buf_u8(b, (uint8_t)((converts ? MLR_RECORD_CONVERTS : 0) |
                            (is_inline ? MLR_RECORD_INLINE : 0)));
    if (converts) {
        mlr_buf_u8(b, r->old_dtype->id);
    }
    mlr_buf_varint(b, glue_before);
    mlr_buf_varint(b, r->new_bytes);
    mlr_buf_varint(b, r->row);
    mlr_buf_u8(b, r->level);
    mlr_buf_u8(b, r->dict);
    mlr_write_refs(b, refs, ref_count, members);
    if (!is_inline) {
        mlr_buf_varint(b, r->block_new);
    }
    add_model(b, r);
}

void mlr_write_glue(mlr_buf *b, const mlr_record *r, const mlr_ref *refs, size_t ref_count,
                    uint32_t members)
{
    mlr_buf_u8(b, r->decoder->id);
    mlr_buf_varint(b, r->new_bytes);
    mlr_buf_u8(b, r->level);
    mlr_buf_u8(b, r->dict);
    mlr_write_refs(b, refs, ref_count, members);
    add_model(b, r);
}
