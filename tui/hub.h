/* What lies in the Hugging Face cache, one row a revision: for the file browser. Read
 * offline, bounded, never modified. */
#ifndef MLR_TUI_HUB_H
#define MLR_TUI_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/pool.h"

enum { MLR_HUB_REVISIONS = 256, MLR_HUB_FILES = 512 };

typedef struct mlr_hub_revision {
    const char *name;   /* "org/name" */
    const char *ref;    /* "main"; "": no name leads here */
    const char *commit; /* name of the snapshot's folder */
    const char *folder; /* of the snapshot */
    const char *open;   /* what a model is opened by: hf://org/name@commit, or the folder */
    const char *format; /* of its largest model file */
    uint64_t bytes;     /* of its model files */
    int64_t modified;   /* seconds since 1970 */
    unsigned files;     /* models in it */
    bool whole;         /* its files are one model; else one of them has to be chosen */
} mlr_hub_revision;

typedef struct mlr_hub {
    mlr_pool pool;
    const char *root;           /* NULL: nothing was read */
    mlr_hub_revision *revision; /* by name, then newest first */
    size_t count;
} mlr_hub;

/* Revisions without a model are left out. A cache that is missing is empty. */
void mlr_hub_read(mlr_hub *h, const mlr_allocator *alloc);
void mlr_hub_release(mlr_hub *h); /* safe on a zeroed hub */

#endif
