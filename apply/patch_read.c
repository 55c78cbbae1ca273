#include "apply/patch_read.h"

#include "apply/base/checked.h"
#include "apply/base/mem.h"
#include "apply/patch_format.h"

/* --- header --------------------------------------------------------------------------- */

static mlr_status peek(const uint8_t *prefix, size_t *header_bytes, mlr_err *err)
{
    if (memcmp(prefix, MLR_PATCH_MAGIC, 4) != 0) {
        return mlr_fail(err, MLR_E_FORMAT, 0, "patch magic");
    }
    if (prefix[4] != MLR_PATCH_VERSION) {
        return mlr_fail(err, MLR_E_UNSUPPORTED, 4, "patch format version 1");
    }
    if ((prefix[5] & ~MLR_PATCH_FLAGS) != 0 || prefix[6] != 0 || prefix[7] != 0) {
        return mlr_fail(err, MLR_E_UNSUPPORTED, 5, "patch flags of this version");
    }
    uint32_t body = mlr_load32(prefix + 8);
    if (body > MLR_MAX_PATCH_HEADER) {
        return mlr_fail_limit(err, 8, "size of the patch header", body,
                              MLR_MAX_PATCH_HEADER);
    }
    *header_bytes = MLR_PATCH_PREFIX + (size_t)body + 8;
    return MLR_OK;
}

/* Names the input only once something failed: a caller's record must not carry the name on.
 */
static mlr_status about_patch(mlr_status status, mlr_err *err)
{
    if (status != MLR_OK) {
        mlr_err_in(err, MLR_IN_PATCH, "patch");
    }
    return status;
}

mlr_status mlr_patch_peek(const uint8_t *prefix, size_t *header_bytes, mlr_err *err)
{
    return about_patch(peek(prefix, header_bytes, err), err);
}

/*
 * Names become paths under the user's output directory, so they may not be absolute,
 * contain
 * "." or ".." or empty parts, control characters or backslashes.
 */
static bool part_is_safe(const char *p, size_t n)
{
    bool dots = n <= 2 && p[0] == '.' && p[n - 1] == '.';
    return n > 0 && n <= 255 && !dots;
}

static bool name_is_safe(const char *name, size_t n)
{
    size_t start = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '\\') {
            return false;
        }
        if (c == '/') {
            if (!part_is_safe(name + start, i - start)) {
                return false;
            }
            start = i + 1;
        }
    }
    return n > start && part_is_safe(name + start, n - start);
}

static void read_member(mlr_cursor *c, mlr_patch_member *m)
{
    m->size = mlr_cur_varint(c, "size of a member");
    m->sha256 = mlr_cur_take(c, MLR_SHA256_BYTES, "digest of a member");
    uint64_t at = mlr_cur_offset(c);
    m->name_bytes =
        (size_t)mlr_cur_varint_to(c, MLR_MAX_PATCH_NAME, "length of a member's name");
    m->name = (const char *)mlr_cur_take(c, m->name_bytes, "name of a member");
    if (m->name != NULL && !name_is_safe(m->name, m->name_bytes)) {
        mlr_fail(c->err, MLR_E_FORMAT, at, "member name that stays in its directory");
    }
}

/* Proves a list of members, leaves a cursor on it, and adds up the sizes. */
static uint32_t read_members(mlr_cursor *c, mlr_cursor *list, uint64_t *sum)
{
    uint32_t n = (uint32_t)mlr_cur_varint_to(c, MLR_MAX_PATCH_MEMBERS, "count of members");
    *list = *c;
    for (uint32_t i = 0; i < n && mlr_cur_ok(c); i++) {
        mlr_patch_member m = {0};
        uint64_t at = mlr_cur_offset(c);
        read_member(c, &m);
        if (!mlr_add_u64(*sum, m.size, sum)) {
            mlr_fail(c->err, MLR_E_FORMAT, at,
                     "sizes that add up to fewer than 2^64 bytes");
        }
    }
    return n;
}

static void read_dict(mlr_cursor *c, mlr_patch_dict *d)
{
    d->sha256 = mlr_cur_take(c, MLR_SHA256_BYTES, "digest of a dictionary");
    uint64_t head = mlr_cur_varint_to(c, 2 * (uint64_t)MLR_MAX_DICT + 1, "dictionary size");
    d->size = head >> 1;
    d->embedded = (head & 1) != 0;
}

static void read_need(mlr_cursor *c, mlr_patch_need *n)
{
    n->record_bytes = mlr_cur_varint_to(c, MLR_MAX_CHUNK, "largest record");
    n->block_bytes = mlr_cur_varint_to(c, MLR_MAX_CHUNK, "largest block payload");
    n->block_new = mlr_cur_varint_to(c, MLR_MAX_BLOCK, "largest block");
    n->block_old = mlr_cur_varint_to(c, MLR_MAX_BLOCK, "largest reference of a block");
    n->glue_new = mlr_cur_varint_to(c, MLR_MAX_BLOCK, "largest glue block");
    n->state_terms = mlr_cur_varint_to(c, MLR_MAX_CHUNK, "decoder state");
    n->work_terms = mlr_cur_varint_to(c, MLR_MAX_CHUNK, "decoder work memory");
}

static void read_body(mlr_cursor *c, mlr_patch_header *h)
{
    h->writer_bytes = (size_t)mlr_cur_varint_to(c, 64, "length of the writer's version");
    h->writer = (const char *)mlr_cur_take(c, h->writer_bytes, "writer's version");
    h->zstd_version = (uint32_t)mlr_cur_varint_to(c, UINT32_MAX, "version of libzstd");
    h->strategies = mlr_cur_varint(c, "strategies in use");
    h->records = mlr_cur_varint(c, "count of records");
    h->tensors = mlr_cur_varint(c, "count of tensors");
    read_need(c, &h->need);
    uint64_t base_bytes = 0;
    h->base_count = read_members(c, &h->base_list, &base_bytes);
    h->target_count = read_members(c, &h->target_list, &h->new_bytes);
    h->dict_count = (uint32_t)mlr_cur_varint_to(c, MLR_MAX_PATCH_DICTS, "dictionaries");
    h->dict_list = *c;
    for (uint32_t i = 0; i < h->dict_count && mlr_cur_ok(c); i++) {
        mlr_patch_dict d;
        read_dict(c, &d);
    }
}

static mlr_status check_strategies(const mlr_patch_header *h, mlr_err *err)
{
    for (unsigned id = 0; id < 64; id++) {
        if ((h->strategies >> id & 1) != 0 && mlr_decoder_get(id) == NULL) {
            err->found = id;
            return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET,
                            "strategy known to this version");
        }
    }
    return MLR_OK;
}

static mlr_status read_header(mlr_patch_header *h, const uint8_t *bytes, size_t n,
                              mlr_err *err)
{
    *h = (mlr_patch_header){0};
    if (n < MLR_PATCH_PREFIX) {
        return mlr_fail(err, MLR_E_TRUNCATED, n, "patch header");
    }
    if (peek(bytes, &h->header_bytes, err) != MLR_OK) {
        return err->status;
    }
    if (n < h->header_bytes) {
        return mlr_fail(err, MLR_E_TRUNCATED, n, "patch header");
    }
    size_t covered = h->header_bytes - 8;
    if (mlr_xxh64_of(bytes, covered) != mlr_load64(bytes + covered)) {
        return mlr_fail(err, MLR_E_FORMAT, covered, "check of the patch header");
    }
    h->version = bytes[4];
    h->flags = bytes[5];
    mlr_cursor c = {.base = bytes, .size = covered, .pos = MLR_PATCH_PREFIX, .err = err};
    read_body(&c, h);
    if (mlr_cur_ok(&c) && mlr_cur_left(&c) != 0) {
        mlr_fail(err, MLR_E_FORMAT, mlr_cur_offset(&c), "end of the patch header");
    }
    return mlr_cur_ok(&c) ? check_strategies(h, err) : err->status;
}

mlr_status mlr_patch_header_read(mlr_patch_header *h, const uint8_t *bytes, size_t n,
                                 mlr_err *err)
{
    return about_patch(read_header(h, bytes, n, err), err);
}

/* The lists were proven once, so walking them again cannot fail. */
static mlr_cursor resume(const mlr_cursor *list, const mlr_patch_iter *iter, mlr_err *err)
{
    mlr_cursor c = *list;
    c.err = err;
    c.pos = iter->index == 0 ? list->pos : iter->pos;
    return c;
}

static bool next_member(const mlr_cursor *list, uint32_t count, mlr_patch_iter *iter,
                        mlr_patch_member *out)
{
    if (iter->index >= count) {
        return false;
    }
    mlr_err ignored = {0};
    mlr_cursor c = resume(list, iter, &ignored);
    read_member(&c, out);
    iter->pos = c.pos;
    iter->index++;
    return true;
}

bool mlr_patch_base(const mlr_patch_header *h, mlr_patch_iter *iter, mlr_patch_member *out)
{
    return next_member(&h->base_list, h->base_count, iter, out);
}

bool mlr_patch_target(const mlr_patch_header *h, mlr_patch_iter *iter,
                      mlr_patch_member *out)
{
    return next_member(&h->target_list, h->target_count, iter, out);
}

bool mlr_patch_dict_next(const mlr_patch_header *h, mlr_patch_iter *iter,
                         mlr_patch_dict *out)
{
    if (iter->index >= h->dict_count) {
        return false;
    }
    mlr_err ignored = {0};
    mlr_cursor c = resume(&h->dict_list, iter, &ignored);
    read_dict(&c, out);
    iter->pos = c.pos;
    iter->index++;
    return true;
}

/* --- chunks --------------------------------------------------------------------------- */

static mlr_status refill(mlr_chunks *c)
{
    size_t got = 0;
    mlr_status status = c->stream->read(c->stream->ctx, c->buffer, c->room, &got, c->err);
    if (status != MLR_OK) {
        return status;
    }
    if (got == 0) {
        return mlr_fail(c->err, MLR_E_TRUNCATED, c->offset, "more of the patch");
    }
    c->begin = 0;
    c->end = got;
    return MLR_OK;
}

mlr_status mlr_chunks_read(mlr_chunks *c, void *to, size_t n)
{
    uint8_t *at = to;
    while (n > 0) {
        size_t have = c->end - c->begin;
        if (have == 0 && n >= c->room) {
            size_t got = 0; /* large reads go straight to their place */
            mlr_status status = c->stream->read(c->stream->ctx, at, n, &got, c->err);
            if (status != MLR_OK) {
                return status;
            }
            if (got == 0) {
                return mlr_fail(c->err, MLR_E_TRUNCATED, c->offset, "more of the patch");
            }
            at += got;
            n -= got;
            c->offset += got;
            continue;
        }
        if (have == 0) {
            mlr_status status = refill(c);
            if (status != MLR_OK) {
                return status;
            }
            have = c->end;
        }
        size_t take = n < have ? n : have;
        memcpy(at, c->buffer + c->begin, take);
        c->begin += take;
        c->offset += take;
        at += take;
        n -= take;
    }
    return MLR_OK;
}

mlr_status mlr_chunks_next(mlr_chunks *c, mlr_chunk *chunk)
{
    chunk->start = c->offset;
    mlr_status status = mlr_chunks_read(c, &chunk->type, 1);
    uint64_t size = 0;
    uint8_t byte = 0x80;
    for (unsigned shift = 0; status == MLR_OK && (byte & 0x80) != 0; shift += 7) {
        if (shift > 28) {
            return mlr_fail(c->err, MLR_E_FORMAT, chunk->start, "length of a chunk");
        }
        status = mlr_chunks_read(c, &byte, 1);
        size |= (uint64_t)(byte & 0x7f) << shift;
    }
    chunk->size = size;
    chunk->offset = c->offset;
    return status;
}

static mlr_status prove(mlr_chunks *c, const mlr_chunk *chunk, const mlr_xxh64 *hash)
{
    uint8_t stored[MLR_CHUNK_CHECK];
    mlr_status status = mlr_chunks_read(c, stored, sizeof stored);
    if (status == MLR_OK && (uint32_t)mlr_xxh64_end(hash) != mlr_load32(stored)) {
        return mlr_fail(c->err, MLR_E_FORMAT, chunk->start, "check of a chunk");
    }
    return status;
}

mlr_status mlr_chunks_content(mlr_chunks *c, const mlr_chunk *chunk, uint8_t *to,
                              size_t room)
{
    if (chunk->size > room) {
        return mlr_fail_limit(c->err, chunk->start, "chunk size that the header announced",
                              chunk->size, room);
    }
    mlr_status status = mlr_chunks_read(c, to, (size_t)chunk->size);
    if (status != MLR_OK) {
        return status;
    }
    mlr_xxh64 hash;
    mlr_xxh64_begin(&hash);
    mlr_xxh64_add(&hash, &chunk->type, 1);
    mlr_xxh64_add(&hash, to, (size_t)chunk->size);
    return prove(c, chunk, &hash);
}

mlr_status mlr_chunks_skip(mlr_chunks *c, const mlr_chunk *chunk, uint8_t *scratch,
                           size_t room)
{
    mlr_xxh64 hash;
    mlr_xxh64_begin(&hash);
    mlr_xxh64_add(&hash, &chunk->type, 1);
    for (uint64_t left = chunk->size; left > 0;) {
        size_t n = left < room ? (size_t)left : room;
        mlr_status status = mlr_chunks_read(c, scratch, n);
        if (status != MLR_OK) {
            return status;
        }
        mlr_xxh64_add(&hash, scratch, n);
        left -= n;
    }
    return prove(c, chunk, &hash);
}

mlr_status mlr_chunks_end(mlr_chunks *c)
{
    uint8_t byte;
    size_t got = 0;
    if (c->begin == c->end &&
        c->stream->read(c->stream->ctx, &byte, 1, &got, c->err) != MLR_OK) {
        return c->err->status;
    }
    return c->begin == c->end && got == 0
               ? MLR_OK
               : mlr_fail(c->err, MLR_E_FORMAT, c->offset, "end of the patch");
}
