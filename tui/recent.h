/* Pairs of models opened before, newest first, in the XDG state folder. */
#ifndef MLR_TUI_RECENT_H
#define MLR_TUI_RECENT_H

#include <stddef.h>

#include "apply/base/alloc.h"
#include "apply/base/status.h"

enum { MLR_RECENT_PAIRS = 8, MLR_RECENT_PATH = 1024 };

typedef struct mlr_recent {
    char old_path[MLR_RECENT_PAIRS][MLR_RECENT_PATH];
    char new_path[MLR_RECENT_PAIRS][MLR_RECENT_PATH];
    size_t count;
} mlr_recent;

/* An unreadable or broken file is an empty list. `folder` NULL: empty. */
void mlr_recent_load(mlr_recent *r, const char *folder, const mlr_allocator *alloc);

/* Puts a pair first; a path with a line break, or too long, is not kept. */
void mlr_recent_add(mlr_recent *r, const char *old_path, const char *new_path);
void mlr_recent_drop(mlr_recent *r, size_t i);

/* Replaces the file in `folder`, which is made where it is missing. */
mlr_status mlr_recent_save(const mlr_recent *r, const char *folder, mlr_err *err);

#endif
