#include "formats/place_sort.h"

#include <stdbool.h>

static bool before(const mlr_place *a, const mlr_place *b)
{
    if (a->member != b->member) {
        return a->member < b->member;
    }
    if (a->off != b->off) {
        return a->off < b->off;
    }
    return a->rank < b->rank;
}

static void merge(mlr_place *to, const mlr_place *from, size_t low, size_t mid, size_t high)
{
    size_t i = low, j = mid;
    for (size_t k = low; k < high; k++) {
        bool left = j >= high || (i < mid && !before(&from[j], &from[i]));
        to[k] = left ? from[i++] : from[j++];
    }
}

static bool in_order(const mlr_place *at, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (before(&at[i], &at[i - 1])) {
            return false;
        }
    }
    return true;
}

mlr_place *mlr_place_sort(mlr_place *at, size_t n, mlr_pool *scratch)
{
    if (in_order(at, n)) {
        return at;
    }
    mlr_place *spare = mlr_pool_take(scratch, n * sizeof *spare);
    if (spare == NULL) {
        return NULL;
    }
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t low = 0; low < n; low += 2 * width) {
            size_t left = n - low;
            size_t mid = low + (left < width ? left : width);
            size_t high = low + (left < 2 * width ? left : 2 * width);
            merge(spare, at, low, mid, high);
        }
        mlr_place *swap = at;
        at = spare;
        spare = swap;
    }
    return at;
}
