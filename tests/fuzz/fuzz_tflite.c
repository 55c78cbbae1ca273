/* Any bytes as TFLite: no crash, bounded memory, and a model that keeps its invariants. */
#include <stdlib.h>

#include "apply/host/heap.h"
#include "formats/format.h"
#include "formats/open.h"
#include "tests/support/memory.h"
#include "tests/support/model_fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mem_source source;
    mlr_heap heap;
    mlr_pool pool;
    mlr_model model;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    heap.budget = 64 << 20;
    mlr_pool_init(&pool, &heap.alloc);
    mem_source_init(&source, data, size);
    mlr_status status =
        mlr_model_parse(&model, &source.source, &mlr_format_tflite, &pool, &err);
    if (status == MLR_OK && model_fault(&model) != NULL) {
        abort();
    }
    if (status != MLR_OK && (err.status != status || err.rule == NULL)) {
        abort();
    }
    mlr_pool_release(&pool);
    if (heap.used != 0) {
        abort();
    }
    return 0;
}
