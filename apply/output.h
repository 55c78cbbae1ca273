/* The writing end of the applier: members in order, each proven by its digest. */
#ifndef MLR_APPLY_OUTPUT_H
#define MLR_APPLY_OUTPUT_H

#include <stdbool.h>

#include "apply/base/sha256.h"
#include "apply/patch_read.h"

struct mlr_target;

typedef struct mlr_output {
    const mlr_patch_header *header;
    const struct mlr_target *target;
    const mlr_kernels *kernels;
    uint64_t done; /* target bytes that an earlier run left: hashed, not written again */
    uint64_t written;
    uint64_t left; /* of the current member */
    mlr_patch_iter iter;
    mlr_patch_member member;
    mlr_sha256 hash;
    bool open;
} mlr_output;

void mlr_output_init(mlr_output *o, const mlr_patch_header *h,
                     const struct mlr_target *target, const mlr_kernels *kernels,
                     const mlr_source *done);

/* Opens the first member. */
mlr_status mlr_output_begin(mlr_output *o, mlr_err *err);

/* Adds bytes, across members where they end; more than all members hold is an error. */
mlr_status mlr_output_put(mlr_output *o, const uint8_t *bytes, size_t n, mlr_err *err);

/* Bytes left in the member that the next byte goes to. */
uint64_t mlr_output_room(mlr_output *o, mlr_err *err);

/* Every member must be complete. */
mlr_status mlr_output_end(mlr_output *o, mlr_err *err);

#endif
