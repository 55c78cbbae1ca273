#include "apply/base/arena.h"

void mlr_arena_init(mlr_arena *a, void *memory, size_t size)
{
    *a = (mlr_arena){.base = memory, .size = size};
}

void *mlr_arena_take(mlr_arena *a, size_t n, size_t align)
{
    uintptr_t here = (uintptr_t)a->base + a->used;
    size_t pad = (size_t)(-here & (align - 1));
    size_t left = a->size - a->used;
    if (pad > left || n > left - pad) {
        return NULL;
    }
    uint8_t *p = a->base + a->used + pad;
    a->used += pad + n;
    if (a->used > a->peak) {
        a->peak = a->used;
    }
    return p;
}

void mlr_arena_rewind(mlr_arena *a, size_t mark)
{
    a->used = mark;
}
