/* Whole round trips for tests: diff two models by path, apply the patch, compare. */
#ifndef MLR_TESTS_SUPPORT_PATCHING_H
#define MLR_TESTS_SUPPORT_PATCHING_H

#include <stddef.h>
#include <stdint.h>

#include "apply/apply.h"
#include "codec/make.h"
#include "formats/open.h"

typedef struct patching {
    const mlr_allocator *alloc;
    const mlr_exec *exec; /* NULL: serial */
    const mlr_device *device;
    mlr_choice choice;
    unsigned lanes; /* of the applier; 0: 1 */
    mlr_open_options open;
} patching;

void patching_init(patching *p, const mlr_allocator *alloc);

/* The patch from `old_path` to `new_path`; `*patch` is the caller's, from alloc. */
typedef struct patch_bytes {
    uint8_t *data;
    size_t n, room;
    mlr_made made;
} patch_bytes;

mlr_status patching_diff(const patching *p, const char *old_path, const char *new_path,
                         patch_bytes *patch, mlr_err *err);
void patch_bytes_release(const patching *p, patch_bytes *patch);

/* Applies to the model at `old_path` and compares every member with `new_path`'s. */
mlr_status patching_apply(const patching *p, const char *old_path, const char *new_path,
                          const patch_bytes *patch, mlr_err *err);

#endif
