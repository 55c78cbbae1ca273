/*
 * Reads the parts of a patch: header, chunks, record headers. Proves everything a header
 * says before anyone relies on it; allocates nothing.
 */
#ifndef MLR_APPLY_PATCH_READ_H
#define MLR_APPLY_PATCH_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/cursor.h"
#include "apply/base/io.h"
#include "apply/base/sha256.h"
#include "apply/base/xxh64.h"
#include "apply/decoder.h"
#include "apply/refs.h"

/* A file that the patch is made for (base) or makes (target). Pointers are into the header.
 */
typedef struct mlr_patch_member {
    uint64_t size;
    const uint8_t *sha256; /* 32 bytes */
    const char *name;      /* relative path, proven to stay inside its directory */
    size_t name_bytes;
} mlr_patch_member;

/* What the largest parts of the patch need. Every record is held to these. */
typedef struct mlr_patch_need {
    uint64_t record_bytes; /* content of the largest RECORD chunk */
    uint64_t block_bytes;  /* content of the largest BLOCK or GLUE chunk */
    uint64_t block_new;    /* new bytes of the largest block */
    uint64_t block_old;    /* old bytes of the largest block or glue block */
    uint64_t glue_new;     /* new bytes of the largest glue block */
    uint64_t state_terms;  /* decoder state, in the terms of the format */
    uint64_t work_terms;   /* decoder work, likewise, without the inflater's */
} mlr_patch_need;

typedef struct mlr_patch_dict {
    const uint8_t *sha256;
    uint64_t size;
    bool embedded; /* stands in the patch, in a DICT chunk after the header */
} mlr_patch_dict;

typedef struct mlr_patch_header {
    uint8_t version, flags;
    mlr_patch_need need;
    uint64_t strategies;       /* bit per strategy id in use */
    uint64_t records, tensors; /* for progress and inspection */
    uint64_t new_bytes;        /* sum over the target's members */
    uint32_t base_count, target_count, dict_count;
    uint32_t zstd_version; /* of the writer, such as 10504 */
    const char *writer;    /* its version, such as "0.1.0" */
    size_t writer_bytes;
    size_t header_bytes;                          /* of prefix, body and check */
    mlr_cursor base_list, target_list, dict_list; /* for the functions below */
} mlr_patch_header;

/* Bytes of the whole header, from its first MLR_PATCH_PREFIX bytes. */
mlr_status mlr_patch_peek(const uint8_t *prefix, size_t *header_bytes, mlr_err *err);

/* Proves and reads a whole header. `bytes` is borrowed for as long as `h` is used. */
mlr_status mlr_patch_header_read(mlr_patch_header *h, const uint8_t *bytes, size_t n,
                                 mlr_err *err);

/*
 * Members one after the other: zero `*iter` first; false at the end.
 */
typedef struct mlr_patch_iter {
    size_t pos;
    uint32_t index; /* of the member delivered last, plus one */
} mlr_patch_iter;
bool mlr_patch_base(const mlr_patch_header *h, mlr_patch_iter *iter, mlr_patch_member *out);
bool mlr_patch_target(const mlr_patch_header *h, mlr_patch_iter *iter,
                      mlr_patch_member *out);
bool mlr_patch_dict_next(const mlr_patch_header *h, mlr_patch_iter *iter,
                         mlr_patch_dict *out);

/* Reads chunks from a stream through a small buffer. */
typedef struct mlr_chunks {
    const mlr_stream *stream;
    uint8_t *buffer; /* borrowed, at least 16 bytes */
    size_t room, begin, end;
    uint64_t offset; /* in the patch, of the next byte delivered */
    mlr_err *err;
} mlr_chunks;

/* A chunk whose type and length were read; its content follows in the stream. */
typedef struct mlr_chunk {
    uint8_t type;
    uint64_t size;
    uint64_t offset; /* of its first content byte in the patch */
    uint64_t start;  /* of its type byte */
} mlr_chunk;

/* n bytes of the patch as they are. */
mlr_status mlr_chunks_read(mlr_chunks *c, void *to, size_t n);

/* Type and length of the next chunk. */
mlr_status mlr_chunks_next(mlr_chunks *c, mlr_chunk *chunk);

/* The content, which must not exceed `room`, proven by its check. */
mlr_status mlr_chunks_content(mlr_chunks *c, const mlr_chunk *chunk, uint8_t *to,
                              size_t room);

/* Passes over the content, proving its check; `scratch` holds `room` bytes. */
mlr_status mlr_chunks_skip(mlr_chunks *c, const mlr_chunk *chunk, uint8_t *scratch,
                           size_t room);

/* The stream must end here. */
mlr_status mlr_chunks_end(mlr_chunks *c);

/* A RECORD or GLUE chunk, read. Pointers are into the chunk's content. */
typedef struct mlr_record_head {
    mlr_record record;
    mlr_refs refs;
    uint64_t glue_before; /* structure bytes to write before the record's own */
    bool is_inline;
    const uint8_t *payload; /* where inline */
    size_t payload_bytes;
    uint64_t blocks; /* 0 for a `copy` that converts nothing */
    mlr_decoder_need need;
} mlr_record_head;

/*
 * Proves a RECORD (`glue` false) or GLUE chunk's content against the header's maxima.
 * base_size holds one size for each base member.
 */
mlr_status mlr_record_read(mlr_record_head *r, mlr_cursor *c, const mlr_patch_header *h,
                           const uint64_t *base_size, bool glue);

#endif
