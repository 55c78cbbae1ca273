#include "formats/strmap.h"

#include "apply/base/mem.h"

enum { FIRST_ROOM = 64 };

void mlr_strmap_init(mlr_strmap *m, mlr_pool *pool)
{
    *m = (mlr_strmap){.pool = pool};
    mlr_key_index_init(&m->index);
}

static bool row_has_key(const void *table, uint32_t row, mlr_str key)
{
    return mlr_str_same(((const mlr_strmap_row *)table)[row].key, key);
}

static uint64_t *find(const mlr_strmap *m, uint32_t tag, mlr_str key)
{
    uint32_t row = mlr_key_find(&m->index, tag, key, row_has_key, m->row);
    return row == MLR_NO_TENSOR ? NULL : &m->row[row].value;
}

uint64_t *mlr_strmap_find(const mlr_strmap *m, mlr_str key)
{
    return find(m, mlr_key_tag(&m->index, key), key);
}

/* Rows double; the ones outgrown stay in the pool, less than what is in use. */
static bool make_room(mlr_strmap *m)
{
    if (m->index.count < m->room) {
        return true;
    }
    size_t room = m->room == 0 ? FIRST_ROOM : m->room * 2;
    mlr_strmap_row *larger = mlr_pool_take(m->pool, room * sizeof *larger);
    if (larger == NULL) {
        return false;
    }
    if (m->row != NULL) {
        memcpy(larger, m->row, m->index.count * sizeof *larger);
    }
    m->row = larger;
    m->room = room;
    return true;
}

uint64_t *mlr_strmap_at(mlr_strmap *m, mlr_str key)
{
    uint32_t tag = mlr_key_tag(&m->index, key);
    uint64_t *value = find(m, tag, key);
    if (value != NULL) {
        return value;
    }
    char *copy = make_room(m) ? mlr_pool_copy(m->pool, key.p, key.n) : NULL;
    if (copy == NULL || !mlr_key_insert(&m->index, tag, m->pool)) {
        return NULL;
    }
    mlr_strmap_row *row = &m->row[m->index.count - 1];
    *row = (mlr_strmap_row){.key = {.p = copy, .n = key.n}};
    return &row->value;
}
