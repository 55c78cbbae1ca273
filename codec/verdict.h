/*
 * Whether the gates and budgets of a profile hold for a pair of models and for the patch
 * between them. Facts beside bounds; what to do about a broken one is for the caller.
 */
#ifndef MLR_CODEC_VERDICT_H
#define MLR_CODEC_VERDICT_H

#include "analysis/work.h"
#include "apply/base/sha256.h"
#include "codec/profile.h"

typedef struct mlr_check {
    uint8_t kind; /* mlr_check_kind */
    bool known;   /* `found` was looked at; else the check stands open */
    bool broken;
    uint64_t found, most;
    const uint32_t *pairs; /* pairings that break it; in the verdict's pool */
    size_t pair_count;
} mlr_check;

/* One check for each gate and budget that the profile sets, in the order of the table. */
typedef struct mlr_verdict {
    mlr_check check[MLR_CHECK_COUNT];
    size_t count, broken;
} mlr_verdict;

/* What a patch turned out to be. */
typedef struct mlr_patch_figures {
    uint64_t patch_bytes, new_bytes, memory_bytes, decode_us;
} mlr_patch_figures;

/* Lists the checks of a profile, all open. */
void mlr_verdict_begin(mlr_verdict *v, const mlr_profile *p);

/*
 * Settles the checks that the models alone decide. Stage B of the matching must be done.
 * Reads payloads only where a gate asks for values (NaN, infinities, changed elements) or
 * for the base's digest. Lists of pairings live in `pool`.
 */
mlr_status mlr_verdict_models(mlr_verdict *v, const mlr_profile *p, const mlr_matching *m,
                              const mlr_work *work, mlr_sha256_blocks sha256,
                              mlr_pool *pool, mlr_err *err);

/* Settles the checks about the patch. */
void mlr_verdict_patch(mlr_verdict *v, const mlr_patch_figures *f);

/* Whether a check about the patch is among them. */
bool mlr_verdict_needs_patch(const mlr_verdict *v);

/* The first broken check, or NULL. */
const mlr_check *mlr_verdict_worst(const mlr_verdict *v);

#endif
