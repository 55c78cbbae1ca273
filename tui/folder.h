/* One folder as a file browser lists it: names, sizes, and which model format each file
 * has by its first bytes. */
#ifndef MLR_TUI_FOLDER_H
#define MLR_TUI_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/pool.h"
#include "apply/base/status.h"

enum { MLR_FOLDER_ENTRIES = 20000 };

typedef struct mlr_folder_entry {
    const char *name;   /* in the pool */
    const char *format; /* "GGUF"; NULL: no model, or a folder */
    uint64_t size;
    int64_t modified; /* seconds since 1970 */
    bool is_folder;
} mlr_folder_entry;

typedef struct mlr_folder {
    mlr_pool pool;
    char path[4097];         /* absolute, without '/' at the end */
    mlr_folder_entry *entry; /* folders first, then files, each by name */
    size_t count;
    size_t hidden; /* not listed: no models, or names that start with a dot */
    bool cut;      /* more than MLR_FOLDER_ENTRIES */
} mlr_folder;

typedef struct mlr_folder_wish {
    bool hidden, all_files;
} mlr_folder_wish;

/* On failure `f` stays as it was. */
mlr_status mlr_folder_read(mlr_folder *f, const char *path, mlr_folder_wish wish,
                           const mlr_allocator *alloc, mlr_err *err);
void mlr_folder_release(mlr_folder *f); /* safe on a zeroed folder */

/* "GGUF": the format of a file by its first bytes; NULL: no model. */
const char *mlr_folder_format(int dir, const char *name, uint64_t size);

#endif
