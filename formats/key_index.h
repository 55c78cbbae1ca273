/*
 * Finds rows of a table by name in constant time. The hash is keyed at random, so that
 * names chosen by an attacker cannot make it slow; nothing visible depends on the key.
 */
#ifndef MLR_FORMATS_KEY_INDEX_H
#define MLR_FORMATS_KEY_INDEX_H

#include <stdbool.h>

#include "apply/base/pool.h"
#include "formats/model.h"

typedef struct mlr_key_slot {
    uint32_t tag; /* low half of the hash */
    uint32_t row; /* row + 1; 0: empty */
} mlr_key_slot;

/* Rows are numbered 0, 1, 2 ... in the order of their insertion. */
typedef struct mlr_key_index {
    uint64_t seed[2];
    mlr_key_slot *slot; /* NULL until the first insertion */
    uint32_t mask;      /* slots - 1 */
    uint32_t count;
} mlr_key_index;

/* Whether row `row` of the caller's table has this key. */
typedef bool (*mlr_key_same)(const void *table, uint32_t row, mlr_str key);

void mlr_key_index_init(mlr_key_index *x);

uint32_t mlr_key_tag(const mlr_key_index *x, mlr_str key);

/* The row, or MLR_NO_TENSOR. `tag` is mlr_key_tag() of the key. */
uint32_t mlr_key_find(const mlr_key_index *x, uint32_t tag, mlr_str key, mlr_key_same same,
                      const void *table);

/* Adds the next row, whose key must not be there. False when memory is gone. */
bool mlr_key_insert(mlr_key_index *x, uint32_t tag, mlr_pool *pool);

/* Takes back the newest row, whose key has this tag. */
void mlr_key_remove_last(mlr_key_index *x, uint32_t tag);

static inline bool mlr_str_same(mlr_str a, mlr_str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] != b.p[i]) {
            return false;
        }
    }
    return true;
}

#endif
