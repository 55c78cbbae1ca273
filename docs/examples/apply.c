/* Applies a patch in at most 64 MiB: apply BASE PATCH NEW. */
#include <stdio.h>

#include "apply/host/err_text.h"
#include "apply/host/heap.h"
#include "apply/host/patcher.h"

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: apply BASE PATCH NEW\n", stderr);
        return 2;
    }
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_err err = {0};
    mlr_patcher *patcher = NULL;
    mlr_patcher_wish wish = {.base_path = argv[1],
                             .patch_path = argv[2],
                             .out_path = argv[3],
                             .overwrite = MLR_REPLACE_EXISTING,
                             .budget = 64 << 20,
                             .lanes = 1,
                             .alloc = &heap.alloc};
    /* Each step is bounded: here is the place for a progress bar and for giving up. */
    mlr_status status = mlr_patcher_open(&patcher, &wish, &err);
    status = status == MLR_OK ? MLR_MORE : status;
    while (status == MLR_MORE) {
        status = mlr_patcher_step(patcher, &err);
    }
    if (status == MLR_OK && mlr_patcher_publish(patcher, &err) == MLR_OK) {
        printf("%s: %llu bytes, proven, in %llu bytes of memory\n", argv[3],
               (unsigned long long)mlr_patcher_where(patcher).new_done,
               (unsigned long long)mlr_patcher_need(patcher)->arena_bytes);
    }
    if (err.status != MLR_OK) {
        char text[512];
        fprintf(stderr, "apply: %s\n", mlr_err_text(&err, text, sizeof text));
    }
    mlr_patcher_close(patcher, &err);
    return mlr_exit_code(&err);
}
