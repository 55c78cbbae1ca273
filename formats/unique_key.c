#include "formats/unique_key.h"

#include <stdio.h>
#include <string.h>

/* A tensor costs its rows in the tables besides its text. */
enum { COST_PER_BYTE = 16, COST_FREE = 4 << 20, TENSOR_COST = 128 };

void mlr_unique_init(mlr_unique *u, mlr_parse *p)
{
    *u = (mlr_unique){.p = p};
    mlr_strmap_init(&u->repeats, p->scratch);
}

static mlr_status count_cost(mlr_unique *u, const mlr_tensor_spec *spec, mlr_err *err)
{
    uint64_t limit = COST_FREE;
    if (u->p->size < UINT64_MAX / COST_PER_BYTE - COST_FREE) {
        limit += COST_PER_BYTE * u->p->size;
    }
    u->cost += TENSOR_COST + spec->key.n + spec->name.n + spec->rank * sizeof *spec->dim;
    if (u->cost > limit) {
        return mlr_fail_limit(err, spec->defined_at, "memory in proportion to the file",
                              u->cost, limit);
    }
    return MLR_OK;
}

/* Whether this file has used the key. Keys of other files are the builder's business: it
   tells them apart by file name, once. */
static mlr_status key_repeats(mlr_unique *u, mlr_str key, uint64_t **last, bool *repeats,
                              mlr_err *err)
{
    uint32_t found = mlr_builder_find(u->p->builder, key);
    *repeats = false;
    if (found == MLR_NO_TENSOR) {
        return MLR_OK;
    }
    *last = mlr_strmap_at(&u->repeats, key);
    if (*last == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the model");
    }
    *repeats = **last != 0 || found >= mlr_builder_file_start(u->p->builder);
    **last = **last == 0 ? 1 : **last;
    return MLR_OK;
}

mlr_status mlr_unique_tensor(mlr_unique *u, mlr_tensor_spec *spec, mlr_err *err)
{
    char key[2 * MLR_MAX_NAME + MLR_UNIQUE_ROOM];
    uint64_t *last = NULL;
    bool repeats = false;
    if (spec->key.n > sizeof key - MLR_UNIQUE_ROOM) {
        return mlr_fail_limit(err, spec->defined_at, "bytes of a key", spec->key.n,
                              sizeof key - MLR_UNIQUE_ROOM);
    }
    if (count_cost(u, spec, err) != MLR_OK ||
        key_repeats(u, spec->key, &last, &repeats, err) != MLR_OK) {
        return err->status;
    }
    size_t base = spec->key.n;
    if (repeats) {
        memcpy(key, spec->key.p, base);
    }
    while (repeats) {
        ++*last;
        int n = snprintf(key + base, MLR_UNIQUE_ROOM, "#%llu", (unsigned long long)*last);
        spec->key = (mlr_str){.p = key, .n = base + (size_t)n};
        repeats = mlr_builder_find(u->p->builder, spec->key) != MLR_NO_TENSOR;
    }
    return mlr_builder_tensor(u->p->builder, spec, err);
}
