/* Any bytes as the index of a patch: every entry that comes out lies inside its tables. */
#include <stdlib.h>

#include "apply/base/dtype.h"
#include "apply/host/heap.h"
#include "apply/host/inflate_zstd.h"
#include "codec/patch_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int held)
{
    if (!held) {
        abort();
    }
}

static void walk(const mlr_index *index)
{
    volatile uint64_t sum = 0; /* every name and dimension is touched */
    for (size_t i = 0; i < index->record_count; i++) {
        const mlr_index_record *r = &index->records[i];
        must(r->first_tensor <= index->tensor_count &&
             r->tensor_count <= index->tensor_count - r->first_tensor);
    }
    for (size_t i = 0; i < index->tensor_count; i++) {
        const mlr_index_tensor *t = &index->tensors[i];
        must(t->dtype != NULL);
        for (size_t k = 0; k < t->name.n; k++) {
            sum += (unsigned char)t->name.p[k];
        }
        for (size_t k = 0; k < t->rank; k++) {
            sum += t->dim[k];
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mlr_heap heap;
    mlr_pool pool;
    mlr_index index;
    mlr_err err = {0};
    mlr_inflater inflater = mlr_inflate_zstd();
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    if (mlr_index_read(&index, data, size, &inflater, &pool, &err) == MLR_OK) {
        walk(&index);
    }
    mlr_pool_release(&pool);
    must(heap.used == 0);
    return 0;
}
