#include "analysis/sort.h"

#include "apply/base/mem.h"

typedef bool (*less_fn)(const void *ctx, uint32_t a, uint32_t b);

/* Merges from[a, m) and from[m, b) into to[a, b). */
static void merge(const uint32_t *from, uint32_t *to, size_t bounds[3], less_fn less,
                  const void *ctx)
{
    size_t i = bounds[0], m = bounds[1], j = bounds[1], end = bounds[2];
    for (size_t k = bounds[0]; k < end; k++) {
        bool right = i >= m || (j < end && less(ctx, from[j], from[i]));
        to[k] = right ? from[j++] : from[i++];
    }
}

void mlr_sort(uint32_t *items, uint32_t *spare, size_t n, less_fn less, const void *ctx)
{
    uint32_t *from = items;
    uint32_t *to = spare;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            size_t mid = n - at < width ? n : at + width;
            size_t end = n - at < 2 * width ? n : at + 2 * width;
            merge(from, to, (size_t[3]){at, mid, end}, less, ctx);
        }
        uint32_t *keep = from;
        from = to;
        to = keep;
    }
    if (from != items && n > 0) {
        memcpy(items, from, n * sizeof *items);
    }
}
