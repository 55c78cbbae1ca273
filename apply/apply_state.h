/* What the applier keeps between steps; shared by the files that make it up. */
#ifndef MLR_APPLY_APPLY_STATE_H
#define MLR_APPLY_APPLY_STATE_H

#include <stdbool.h>

#include "apply/apply.h"
#include "apply/base/arena.h"
#include "apply/output.h"

enum { MLR_APPLY_INPUT = 4096, MLR_APPLY_LEAST_OUT = 4096, MLR_APPLY_ALIGN = 64 };

/* One block in flight. Parallel runs have two sets: one decodes while one is written. */
typedef struct mlr_slot {
    uint8_t *payload, *old, *out;
    mlr_block block;
    mlr_refs_at refs; /* where its old bytes begin */
    uint64_t at;      /* offset of `out` in the whole target */
    bool copies;      /* `out` is filled from the base alone */
    mlr_err err;
} mlr_slot;

struct mlr_apply {
    const mlr_patch_header *header;
    mlr_apply_io io;
    const mlr_kernels *kernels;
    mlr_chunks chunks;
    mlr_err err; /* what stopped it; later steps repeat it */
    mlr_apply_phase phase;

    uint64_t *base_size; /* of each base member */
    mlr_patch_iter base_iter;
    mlr_patch_member base_member;
    uint64_t base_off, base_done, base_total;
    mlr_sha256 base_hash;

    mlr_dict_bytes *dicts;
    uint8_t *record_bytes, *state;
    uint8_t *glue;
    size_t glue_begin, glue_end;
    bool glue_open; /* the current glue block is not all written */

    mlr_record_head head;
    mlr_refs_at refs;
    uint64_t records, block; /* records begun; next block of the current one */
    uint64_t record_done;    /* new bytes of the current record handed to slots */
    uint64_t at;             /* target bytes handed to slots or written */
    bool in_record;
    bool indexed; /* the index has passed: only the end may follow */

    unsigned lanes;
    mlr_slot *slots; /* `lanes`, or twice as many where lanes > 1 */
    uint8_t **work;
    size_t work_bytes;
    unsigned ready, ready_set; /* slots of `ready_set` that wait to be written */
    mlr_output out;
};

/* Bytes of output that one slot holds. */
uint64_t mlr_apply_out_bytes(const mlr_patch_need *n);

/* Lays the applier and its buffers out in `arena`; NULL where it is too small. */
mlr_apply *mlr_apply_place(mlr_arena *arena, unsigned lanes, const mlr_patch_header *h,
                           const mlr_apply_io *io);

#endif
