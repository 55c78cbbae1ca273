/* Bump allocator over one block the caller owns. Remembers its high-water mark. */
#ifndef MLR_APPLY_BASE_ARENA_H
#define MLR_APPLY_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct mlr_arena {
    uint8_t *base; /* borrowed */
    size_t size;
    size_t used;
    size_t peak;
} mlr_arena;

void mlr_arena_init(mlr_arena *a, void *memory, size_t size);

/* `align` is a power of two. Returns NULL, and takes nothing, when the arena is full. */
void *mlr_arena_take(mlr_arena *a, size_t n, size_t align);

/* Gives back everything taken since `mark`, a value of `a->used` read earlier. */
void mlr_arena_rewind(mlr_arena *a, size_t mark);

#endif
