/* Where a patch goes while it is made: into a file, or nowhere; its header is kept. */
#ifndef MLR_TUI_CLI_PATCH_SINK_H
#define MLR_TUI_CLI_PATCH_SINK_H

#include "apply/host/file.h"
#include "codec/patch_write.h"

typedef struct mlr_patch_sink {
    mlr_out_file *file; /* NULL: nowhere */
    const mlr_allocator *alloc;
    uint8_t *header; /* given back by whoever made the sink */
    size_t header_bytes;
} mlr_patch_sink;

mlr_patch_out mlr_patch_sink_out(mlr_patch_sink *s);

#endif
