/* Makes a patch from a plan: chooses, encodes, proves every block, writes. */
#ifndef MLR_CODEC_MAKE_H
#define MLR_CODEC_MAKE_H

#include "codec/plan.h"
#include "codec/strategy.h"

typedef enum mlr_index_mode {
    MLR_INDEX_IF_SMALL, /* names and shapes where they add less than a twentieth */
    MLR_INDEX_ALWAYS,
    MLR_INDEX_NEVER
} mlr_index_mode;

/* What became of one record, as it is written. */
typedef struct mlr_made_record {
    const mlr_plan_record *plan;
    uint64_t stored_bytes; /* all its chunks */
    uint64_t model_bytes, blocks;
    uint8_t strategy, level;
    const mlr_record *record; /* for mlr_encoder.describe(); valid during the call */
} mlr_made_record;

typedef struct mlr_made {
    uint64_t patch_bytes, record_bytes, glue_bytes, header_bytes, index_bytes;
    uint64_t tensors_same, tensors_coded;
    uint64_t arena_bytes; /* what a serial applier needs */
    uint64_t decode_us;   /* by the fixed prices of codec/price.h */
    uint8_t patch_sha256[32];
    uint8_t models_sha256[32]; /* of the digests of every base and target file in order */
} mlr_made;

typedef struct mlr_make_options {
    const mlr_plan *plan;
    const mlr_device *device;     /* NULL: desktop */
    const mlr_inflater *inflater; /* for the proof; NULL: no zstd */
    const mlr_kernels *kernels;   /* NULL: scalar */
    const mlr_allocator *alloc;
    const mlr_exec *exec;
    const mlr_tick *tick; /* counts new bytes */
    const uint8_t *dict;
    size_t dict_bytes;
    const uint8_t *dict_sha256; /* of the dictionary file that the patch names */
    bool embed_dict;
    uint64_t encode_memory; /* 0: 512 MiB */
    uint32_t zstd_version;
    mlr_index_mode index;
    /* Called for each record in order, from the caller's thread. NULL: not wanted. */
    void (*made)(void *ctx, const mlr_made_record *r);
    void *made_ctx;
} mlr_make_options;

/* Nothing of `out` is worth keeping unless MLR_OK is returned. */
mlr_status mlr_patch_make(const mlr_make_options *o, const mlr_patch_out *out,
                          mlr_made *made, mlr_err *err);

#endif
