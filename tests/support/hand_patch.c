#include "tests/support/hand_patch.h"

#include <stdlib.h>
#include <string.h>

#include "apply/patch_format.h"

static mlr_status out_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    (void)err;
    mlr_buf_add(ctx, src, n);
    return MLR_OK;
}

static mlr_status out_rewrite(void *ctx, uint64_t off, const void *src, size_t n,
                              mlr_err *err)
{
    mlr_buf *b = ctx;
    (void)err;
    memcpy(b->data + off, src, n);
    return MLR_OK;
}

static void must(mlr_status status)
{
    if (status != MLR_OK) {
        abort();
    }
}

void hand_patch_begin(hand_patch *h)
{
    memset(h, 0, sizeof *h);
    mlr_heap_init(&h->heap);
    mlr_buf_init(&h->file, &h->heap.alloc);
    mlr_buf_init(&h->content, &h->heap.alloc);
    h->out = (mlr_patch_out){.ctx = &h->file, .write = out_write, .rewrite = out_rewrite};
    h->desc = (mlr_patch_desc){.base = h->base, .target = h->target};
    mlr_patch_writer_begin(&h->writer, &h->out, &h->desc, &h->heap.alloc);
}

static void describe(mlr_member_desc *m, const char *name, const void *bytes, size_t n)
{
    mlr_sha256 hash;
    *m = (mlr_member_desc){.name = name, .size = n};
    mlr_sha256_begin(&hash, NULL);
    mlr_sha256_add(&hash, bytes, n);
    mlr_sha256_end(&hash, m->sha256);
}

void hand_patch_base(hand_patch *h, const char *name, const void *bytes, size_t n)
{
    describe(&h->base[h->desc.base_count++], name, bytes, n);
}

void hand_patch_target(hand_patch *h, const char *name, const void *bytes, size_t n)
{
    describe(&h->target[h->desc.target_count++], name, bytes, n);
}

static mlr_record record_of(const hand_record *r)
{
    mlr_record out = {.decoder = mlr_decoder_get(r->strategy),
                      .dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                      .old_dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE),
                      .new_bytes = r->new_bytes,
                      .block_new = (uint32_t)(r->block > 0 ? r->block : r->new_bytes)};
    for (size_t i = 0; i < r->ref_count; i++) {
        out.old_bytes += r->refs[i].len;
    }
    out.block_old = out.block_new;
    return out;
}

static void put(hand_patch *h, uint8_t type, const void *payload, size_t n)
{
    mlr_err err = {0};
    mlr_buf tail;
    mlr_buf_init(&tail, &h->heap.alloc);
    if (n > 0) {
        mlr_buf_add(&tail, payload, n);
    }
    must(mlr_patch_writer_chunk(&h->writer, type, &h->content, &tail, &err));
    mlr_buf_release(&tail);
    h->content.size = 0;
}

void hand_patch_record(hand_patch *h, const hand_record *r)
{
    mlr_record rec = record_of(r);
    mlr_write_record(&h->content, &rec, r->glue_before, r->block == 0, r->refs,
                     r->ref_count, h->desc.base_count);
    mlr_patch_writer_need(&h->writer, &rec, &(mlr_decoder_need){0}, 0);
    put(h, MLR_CHUNK_RECORD, r->payload, r->block == 0 ? r->payload_bytes : 0);
}

void hand_patch_glue(hand_patch *h, const hand_record *r)
{
    mlr_record rec = record_of(r);
    mlr_write_glue(&h->content, &rec, r->refs, r->ref_count, h->desc.base_count);
    mlr_patch_writer_need(&h->writer, &rec, &(mlr_decoder_need){0}, 1);
    put(h, MLR_CHUNK_GLUE, r->payload, r->payload_bytes);
}

void hand_patch_chunk(hand_patch *h, uint8_t type, const void *content, size_t n)
{
    put(h, type, content, n);
}

void hand_patch_end(hand_patch *h)
{
    mlr_err err = {0};
    uint64_t n;
    must(mlr_patch_writer_end(&h->writer, 0, &n, &err));
}

void hand_patch_release(hand_patch *h)
{
    mlr_patch_writer_release(&h->writer);
    mlr_buf_release(&h->content);
    mlr_buf_release(&h->file);
}

/* --- looking at patches --------------------------------------------------------------- */

static size_t header_bytes(const uint8_t *patch)
{
    return MLR_PATCH_PREFIX + (size_t)mlr_load32(patch + 8) + 8;
}

/* Content size of the chunk at p; *intro is how many bytes come before the content. */
static size_t chunk_size(const uint8_t *p, size_t *intro)
{
    size_t n = 0, i = 1;
    for (unsigned shift = 0;; shift += 7) {
        n |= (size_t)(p[i] & 0x7f) << shift;
        if ((p[i++] & 0x80) == 0) {
            break;
        }
    }
    *intro = i;
    return n;
}

size_t hand_patch_chunks(const uint8_t *patch, size_t n, size_t starts[HAND_CHUNKS])
{
    size_t count = 0, at = header_bytes(patch), intro;
    while (at < n && count + 1 < HAND_CHUNKS) {
        starts[count++] = at;
        size_t size = chunk_size(patch + at, &intro);
        at += intro + size + MLR_CHUNK_CHECK;
    }
    starts[count] = at;
    return count;
}

void hand_patch_seal_header(uint8_t *patch)
{
    size_t covered = header_bytes(patch) - 8;
    mlr_store64(patch + covered, mlr_xxh64_of(patch, covered));
}

void hand_patch_seal_chunk(uint8_t *patch, size_t start)
{
    size_t intro;
    uint8_t *p = patch + start;
    size_t n = chunk_size(p, &intro);
    mlr_xxh64 hash;
    mlr_xxh64_begin(&hash);
    mlr_xxh64_add(&hash, p, 1);
    mlr_xxh64_add(&hash, p + intro, n);
    mlr_store32(p + intro + n, (uint32_t)mlr_xxh64_end(&hash));
}
