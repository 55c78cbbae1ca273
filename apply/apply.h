/*
 * Applies a patch in bounded memory.
 *
 * The caller owns everything: the arena, the callbacks and the order of calls. After
 * mlr_apply_begin() no memory is requested again, and each mlr_apply_step() does a bounded
 * amount of work, so that the same calls serve a bare-metal loop, a worker thread and a
 * progress bar. The patch is read strictly front to back; it may be a pipe.
 *
 *   read MLR_PATCH_PREFIX bytes -> mlr_patch_peek() -> read the rest of the header
 *   mlr_patch_header_read() -> mlr_apply_need_of() -> one block of that size
 *   mlr_apply_begin() -> mlr_apply_step() ... MLR_MORE ... -> MLR_OK
 */
#ifndef MLR_APPLY_APPLY_H
#define MLR_APPLY_APPLY_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/exec.h"
#include "apply/base/io.h"
#include "apply/base/status.h"
#include "apply/base/tick.h"
#include "apply/inflate.h"
#include "apply/kernels.h"
#include "apply/patch_read.h"

/* Where the new files go. Calls come in the order of the target's members. */
typedef struct mlr_target {
    void *ctx;
    /* The bytes that follow belong to this member. */
    mlr_status (*open)(void *ctx, uint32_t index, const mlr_patch_member *m, mlr_err *err);
    mlr_status (*write)(void *ctx, const void *src, size_t n, mlr_err *err);
    /* The member is complete and its digest matched. */
    mlr_status (*close)(void *ctx, uint32_t index, mlr_err *err);
} mlr_target;

typedef struct mlr_dict_bytes {
    const uint8_t *data; /* NULL: not at hand; MLR_E_UNSUPPORTED where a record needs it */
    size_t size;
} mlr_dict_bytes;

/* All pointers are borrowed until the applier is done. */
typedef struct mlr_apply_io {
    const mlr_stream *patch;       /* positioned after the header */
    const mlr_source *const *base; /* one for each base member, in the header's order */
    const mlr_target *target;
    const mlr_inflater *inflater; /* NULL: patches that need one are MLR_E_UNSUPPORTED */
    const mlr_kernels *kernels;   /* NULL: scalar */
    const mlr_dict_bytes *dicts;  /* one for each dictionary of the header; digests checked
                                     by the caller; embedded ones may be NULL */
    const mlr_exec *exec;         /* NULL: serial */
    const mlr_source *done; /* bytes of the target that an earlier run left, all members in
                               a row, or NULL: they are hashed, not decoded or written */
} mlr_apply_io;

/* Memory that applying takes, from the header alone. Exact for this build. */
typedef struct mlr_apply_need {
    uint64_t arena_bytes; /* the sum of the following */
    uint64_t fixed_bytes, input_bytes, record_bytes, state_bytes, glue_bytes, dict_bytes;
    uint64_t lane_bytes; /* of one lane: payload, old, new, work */
    unsigned lanes;
} mlr_apply_need;

/* `lanes` above 1 decodes that many blocks at once. MLR_E_UNSUPPORTED without an inflater
   that the patch needs. */
mlr_status mlr_apply_need_of(const mlr_patch_header *h, const mlr_inflater *inflater,
                             unsigned lanes, mlr_apply_need *need, mlr_err *err);

typedef struct mlr_apply mlr_apply;

/*
 * Places *out inside `arena`, of at least need_of(lanes).arena_bytes; one byte less is
 * MLR_E_NO_MEMORY. `h` is borrowed. Nothing has been read or written yet.
 */
mlr_status mlr_apply_begin(mlr_apply **out, void *arena, size_t arena_bytes, unsigned lanes,
                           const mlr_patch_header *h, const mlr_apply_io *io, mlr_err *err);

/*
 * First checks the base, some bytes a step (MLR_E_BASE before any output), then makes the
 * target. MLR_MORE while work remains; MLR_OK once every member is complete and its digest
 * matched. After a failure only that failure is returned.
 */
mlr_status mlr_apply_step(mlr_apply *a, mlr_err *err);

/* Steps to the end. Progress counts bytes of base hashed plus bytes of target written. */
mlr_status mlr_apply_run(mlr_apply *a, const mlr_tick *tick, mlr_err *err);

typedef enum mlr_apply_phase {
    MLR_PHASE_BASE,
    MLR_PHASE_DECODE,
    MLR_PHASE_DONE
} mlr_apply_phase;

/* Where it stands, for meters. */
typedef struct mlr_apply_at {
    mlr_apply_phase phase;
    uint64_t base_done, base_total;
    uint64_t new_done, new_total;
    uint64_t patch_done;    /* bytes read after the header */
    uint64_t record;        /* records begun */
    uint64_t block, blocks; /* of the current record */
    uint8_t strategy;
} mlr_apply_at;
mlr_apply_at mlr_apply_where(const mlr_apply *a);

#endif
