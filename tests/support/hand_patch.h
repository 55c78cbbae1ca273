/* Patches made by hand, chunk by chunk, for tests of what the applier refuses. */
#ifndef MLR_TESTS_SUPPORT_HAND_PATCH_H
#define MLR_TESTS_SUPPORT_HAND_PATCH_H

#include "apply/host/heap.h"
#include "codec/patch_write.h"

enum { HAND_MEMBERS = 4, HAND_CHUNKS = 64 };

typedef struct hand_patch {
    mlr_heap heap;
    mlr_buf file; /* the finished patch */
    mlr_patch_out out;
    mlr_patch_desc desc;
    mlr_patch_writer writer;
    mlr_member_desc base[HAND_MEMBERS], target[HAND_MEMBERS];
    mlr_dict_desc dict;
    mlr_buf content; /* of the chunk being made */
} hand_patch;

/* Must not move until hand_patch_release(). */
void hand_patch_begin(hand_patch *h);
void hand_patch_base(hand_patch *h, const char *name, const void *bytes, size_t n);
void hand_patch_target(hand_patch *h, const char *name, const void *bytes, size_t n);

/* A record of opaque bytes in one block; `ref` NULL: none. */
typedef struct hand_record {
    uint64_t glue_before, new_bytes, block;
    unsigned strategy;
    const mlr_ref *refs;
    size_t ref_count;
    const void *payload; /* inline where `block` is 0 */
    size_t payload_bytes;
} hand_record;
void hand_patch_record(hand_patch *h, const hand_record *r);
void hand_patch_glue(hand_patch *h, const hand_record *r);

/* Any chunk. */
void hand_patch_chunk(hand_patch *h, uint8_t type, const void *content, size_t n);

/* Writes the end; `file` then holds the patch. */
void hand_patch_end(hand_patch *h);
void hand_patch_release(hand_patch *h);

/* Where the chunks of a whole patch begin; the last entry is its end. Returns how many. */
size_t hand_patch_chunks(const uint8_t *patch, size_t n, size_t starts[HAND_CHUNKS]);

/* Makes the checks of header and of the chunk at `start` right again after a change. */
void hand_patch_seal_header(uint8_t *patch);
void hand_patch_seal_chunk(uint8_t *patch, size_t start);

#endif
