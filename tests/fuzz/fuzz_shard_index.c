/* Any bytes as the index of a sharded model: only plain file names may come out, sorted. */
#include <stdlib.h>
#include <string.h>

#include "apply/host/file.h"
#include "apply/host/heap.h"
#include "formats/shard_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mlr_heap heap;
    mlr_pool pool;
    mlr_bytes bytes;
    mlr_err err = {0};
    const char **names = NULL;
    size_t count = 0;
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    mlr_bytes_init(&bytes, data, size);
    if (mlr_shard_index_read(&names, &count, &bytes.source, &pool, &err) == MLR_OK) {
        for (size_t i = 0; i < count; i++) {
            const char *n = names[i];
            if (n[0] == '\0' || strchr(n, '/') != NULL || strchr(n, '\\') != NULL ||
                strcmp(n, "..") == 0 || (i > 0 && strcmp(names[i - 1], n) >= 0)) {
                abort();
            }
        }
    }
    mlr_pool_release(&pool);
    if (heap.used != 0) {
        abort();
    }
    return 0;
}
