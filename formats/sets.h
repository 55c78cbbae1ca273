/* Which files make up the model that a path names. */
#ifndef MLR_FORMATS_SETS_H
#define MLR_FORMATS_SETS_H

#include <stdbool.h>

#include "apply/base/pool.h"
#include "apply/host/file.h"

typedef struct mlr_set {
    const char *dir;   /* where all its files lie */
    const char *given; /* path of the file the user named, which may be a link; or NULL */
    const char *given_name; /* and its name in `dir` */
    const char *blobs;      /* where links may lead: see mlr_hf_blobs(); or NULL */
    const char **name;      /* of the files, in the order of members */
    size_t count;
    bool folder; /* the user named the directory: it may hold other things than models */
} mlr_set;

typedef enum mlr_set_extent { MLR_SET_WHOLE, MLR_SET_ONE_FILE } mlr_set_extent;

/*
 * Finds the set of `path`: all files of a directory, the shards of an index or of a
 * numbered series, or the file alone. Everything lives in `pool`. Opens no model file.
 */
mlr_status mlr_set_find(mlr_set *set, const char *path, mlr_set_extent extent,
                        const mlr_sys *sys, mlr_pool *pool, mlr_err *err);

/*
 * Opens the file called `name` of the set. It must lie in the set's directory itself or
 * below, reached without links; the file that the user named, and links into the cache that
 * the set belongs to, are the exceptions. `name` is borrowed until close.
 */
mlr_status mlr_set_open(const mlr_set *set, mlr_file *f, const char *name,
                        const mlr_sys *sys, mlr_err *err);

#endif
