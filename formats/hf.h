/*
 * The cache of the Hugging Face hub, read offline and never modified:
 *
 *     <root>/models--org--name/refs/main            text: a commit
 *                             /snapshots/<commit>/  links to ../../blobs/<digest>
 *                             /blobs/
 */
#ifndef MLR_FORMATS_HF_H
#define MLR_FORMATS_HF_H

#include <stdbool.h>

#include "apply/base/pool.h"
#include "apply/base/status.h"

/* Whether `path` is a reference, hf://org/name[@rev][/file], and no path. */
bool mlr_hf_is_reference(const char *path);

/* The cache's root from the environment ($HF_HUB_CACHE, $HF_HOME, $XDG_CACHE_HOME, $HOME),
   in `pool`; NULL: no memory. It need not exist. */
const char *mlr_hf_root(mlr_pool *pool);

/*
 * The directory or file in the cache that a reference means, in `pool`. `cache` NULL:
 * mlr_hf_root().
 */
mlr_status mlr_hf_resolve(const char **path, const char *reference, const char *cache,
                          mlr_pool *pool, mlr_err *err);

/*
 * The real blobs directory that links in `dir` may lead to, where `dir` is a snapshot or a
 * folder of one, or `file` (may be NULL) is itself a link into such a cache. NULL in `*out`
 * for every other place.
 */
mlr_status mlr_hf_blobs(const char **out, const char *dir, const char *file, mlr_pool *pool,
                        mlr_err *err);

#endif
