/*
 * Writes a patch: the mirror image of apply/patch_read.h. Chunks go out as they come; the
 * header, which tells the largest of them, is put in front at the end.
 */
#ifndef MLR_CODEC_PATCH_WRITE_H
#define MLR_CODEC_PATCH_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/sha256.h"
#include "apply/patch_read.h"
#include "codec/buf.h"

/* Where a patch goes: appended to, but for the header, which is written once more. */
typedef struct mlr_patch_out {
    void *ctx;
    mlr_status (*write)(void *ctx, const void *src, size_t n, mlr_err *err);
    mlr_status (*rewrite)(void *ctx, uint64_t off, const void *src, size_t n, mlr_err *err);
} mlr_patch_out;

typedef struct mlr_member_desc {
    const char *name; /* relative path */
    uint64_t size;
    uint8_t sha256[MLR_SHA256_BYTES];
} mlr_member_desc;

typedef struct mlr_dict_desc {
    const uint8_t *data; /* of an embedded one; else NULL */
    uint64_t size;
    uint8_t sha256[MLR_SHA256_BYTES];
} mlr_dict_desc;

/* All that a header says, but for the largest chunks, which the writer keeps itself. */
typedef struct mlr_patch_desc {
    const mlr_member_desc *base, *target;
    const mlr_dict_desc *dicts;
    uint32_t base_count, target_count, dict_count;
    uint32_t zstd_version;
    uint64_t tensors;
} mlr_patch_desc;

typedef struct mlr_patch_writer {
    const mlr_patch_out *out;
    mlr_buf waiting;      /* chunks while the patch is small; then unused */
    uint64_t reserved;    /* bytes kept free for the header; 0 while all is in `waiting` */
    uint64_t chunk_bytes; /* written so far, without the header */
    uint64_t records, strategies;
    mlr_patch_need need;
    const mlr_patch_desc *desc;
} mlr_patch_writer;

/* Member names, sizes and counts of `desc` must stand; digests may be filled in until end.
 */
void mlr_patch_writer_begin(mlr_patch_writer *w, const mlr_patch_out *out,
                            const mlr_patch_desc *desc, const mlr_allocator *alloc);

/* Adds a chunk whose content comes in two parts (the second may be empty). */
mlr_status mlr_patch_writer_chunk(mlr_patch_writer *w, uint8_t type, const mlr_buf *head,
                                  const mlr_buf *tail, mlr_err *err);

/* Tells the writer what a record or glue block (`glue`) with this shape takes to decode. */
void mlr_patch_writer_need(mlr_patch_writer *w, const mlr_record *r,
                           const mlr_decoder_need *need, int glue);

/* Writes the END chunk and the header. `index_at`: chunk offset of the INDEX, or 0. */
mlr_status mlr_patch_writer_end(mlr_patch_writer *w, uint64_t index_at,
                                uint64_t *patch_bytes, mlr_err *err);

void mlr_patch_writer_release(mlr_patch_writer *w);

/* One piece of a record's old bytes. */
typedef struct mlr_ref {
    uint64_t off, len;
    uint32_t member;
    uint32_t gap; /* 1: zeros instead */
} mlr_ref;

/* Appends a list of references as apply/refs.h reads it. */
void mlr_write_refs(mlr_buf *b, const mlr_ref *refs, size_t count, uint32_t members);

/* Appends a RECORD chunk's content up to its model; payload follows where inline. */
void mlr_write_record(mlr_buf *b, const mlr_record *r, uint64_t glue_before, int is_inline,
                      const mlr_ref *refs, size_t ref_count, uint32_t members);

/* The same for a GLUE chunk. */
void mlr_write_glue(mlr_buf *b, const mlr_record *r, const mlr_ref *refs, size_t ref_count,
                    uint32_t members);

#endif
