#include "apply/base/pool.h"

#include <stdalign.h>

#include "apply/base/mem.h"

enum { FIRST_CHUNK = 4096, LARGEST_CHUNK = 1 << 20 };

typedef struct mlr_pool_chunk {
    struct mlr_pool_chunk *next;
    size_t size; /* of the whole chunk, this header included */
} chunk;

static size_t round_up(size_t n)
{
    return (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

void mlr_pool_init(mlr_pool *p, const mlr_allocator *alloc)
{
    *p = (mlr_pool){.alloc = alloc};
}

/* Chunks double up to a megabyte, so that both ten and a million tensors cost little. */
static int add_chunk(mlr_pool *p, size_t need)
{
    size_t header = round_up(sizeof(chunk));
    size_t size = p->chunks == NULL ? FIRST_CHUNK : p->chunks->size * 2;
    if (size > LARGEST_CHUNK) {
        size = LARGEST_CHUNK;
    }
    if (size < header + need) {
        size = header + need;
    }
    chunk *c = mlr_take(p->alloc, size);
    if (c == NULL) {
        return 0;
    }
    *c = (chunk){.next = p->chunks, .size = size};
    p->chunks = c;
    p->used = header;
    p->room = size;
    p->total += size;
    return 1;
}

void *mlr_pool_take(mlr_pool *p, size_t n)
{
    if (n > SIZE_MAX / 4) {
        return NULL;
    }
    size_t need = round_up(n == 0 ? 1 : n);
    if (p->chunks == NULL || need > p->room - p->used) {
        if (!add_chunk(p, need)) {
            return NULL;
        }
    }
    uint8_t *at = (uint8_t *)p->chunks + p->used;
    p->used += need;
    memset(at, 0, need);
    return at;
}

char *mlr_pool_copy(mlr_pool *p, const void *src, size_t n)
{
    char *to = n < SIZE_MAX ? mlr_pool_take(p, n + 1) : NULL;
    if (to != NULL && n > 0) {
        memcpy(to, src, n);
    }
    return to;
}

void mlr_pool_release(mlr_pool *p)
{
    chunk *c = p->chunks;
    while (c != NULL) {
        chunk *next = c->next;
        mlr_give(p->alloc, c, c->size);
        c = next;
    }
    *p = (mlr_pool){.alloc = p->alloc};
}
