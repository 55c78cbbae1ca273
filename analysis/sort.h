/* Stable sorting of indexes by a caller's order: n log n whatever the input. */
#ifndef MLR_ANALYSIS_SORT_H
#define MLR_ANALYSIS_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sorts n indexes; `spare` is room for n more. less(ctx, a, b): a comes before b. */
void mlr_sort(uint32_t *items, uint32_t *spare, size_t n,
              bool (*less)(const void *ctx, uint32_t a, uint32_t b), const void *ctx);

#endif
