/* A patch as facts: what `mallorn inspect` prints. Reads all of it and proves its checks.
 */
#ifndef MLR_TUI_CLI_PATCH_VIEW_H
#define MLR_TUI_CLI_PATCH_VIEW_H

#include "apply/apply.h"
#include "apply/host/file.h"
#include "codec/patch_index.h"

typedef struct mlr_view_record {
    uint64_t at; /* of its chunk in the patch */
    uint64_t new_bytes, old_bytes, glue_before, stored_bytes, blocks, refs, model_bytes;
    const mlr_dtype *dtype, *old_dtype;
    const char *model; /* what the encoder says about it; "" for nothing */
    uint8_t strategy, level, dict;
    bool is_inline;
} mlr_view_record;

typedef struct mlr_patch_view {
    mlr_patch_header header;
    uint64_t patch_bytes, glue_new, glue_stored, index_stored;
    uint64_t glue_us; /* to decode the structure, by fixed prices on a desktop */
    const mlr_view_record *records;
    size_t record_count;
    mlr_index index; /* empty where the patch has none */
} mlr_patch_view;

/* All memory comes from `pool`. */
mlr_status mlr_patch_view_read(mlr_patch_view *v, const mlr_source *patch,
                               const mlr_inflater *inflater, mlr_pool *pool, mlr_err *err);

#endif
