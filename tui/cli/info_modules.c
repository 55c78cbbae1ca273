/* Groups tensors by the leading parts of their names. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apply/base/xxh64.h"
#include "apply/host/printable.h"
#include "tui/cli/info.h"

/* A prefix of a name with its numbers folded. */
typedef struct folded {
    char key[MLR_MAX_NAME];
    size_t len, number_at;
    uint64_t number;
    bool more; /* the name has further parts that a larger depth would show */
} folded;

/* Open addressing over modules; capacity is a power of two. */
typedef struct module_map {
    mlr_info_module **slot;
    size_t capacity;
} module_map;

static bool is_separator(char c)
{
    return c == '.' || c == '/' || c == ':' || c == ';';
}

static size_t part_length(mlr_str name, size_t at)
{
    size_t n = 0;
    while (at + n < name.n && !is_separator(name.p[at + n])) {
        n++;
    }
    return n;
}

static bool read_number(const char *p, size_t n, uint64_t *out)
{
    uint64_t value = 0;
    if (n == 0 || n > 18) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(p[i] - '0');
    }
    *out = value;
    return true;
}

static bool fold_append(folded *f, const char *p, size_t n)
{
    if (n > sizeof f->key - f->len) {
        return false;
    }
    memcpy(f->key + f->len, p, n);
    f->len += n;
    return true;
}

/* The last part of a name is the parameter, not a module, unless it is all there is. */
static void fold(folded *f, mlr_str name, unsigned depth)
{
    size_t at = 0;
    bool numbered = false;
    f->len = 0;
    f->number = 0;
    f->more = false;
    for (unsigned d = 0; d < depth && at < name.n; d++) {
        size_t n = part_length(name, at);
        bool last = at + n >= name.n;
        uint64_t number;
        if (last && d > 0) {
            f->number_at = numbered ? f->number_at : f->len;
            return;
        }
        bool counts = read_number(name.p + at, n, &number);
        bool fits = d == 0 || fold_append(f, name.p + at - 1, 1);
        if (counts && !numbered) {
            f->number_at = f->len;
            f->number = number;
            numbered = true;
        }
        fits = fits && fold_append(f, counts ? "*" : name.p + at, counts ? 1 : n);
        if (!fits) {
            break;
        }
        at += n + 1;
    }
    f->number_at = numbered ? f->number_at : f->len;
    f->more = at < name.n && at + part_length(name, at) < name.n;
}

static mlr_info_module **find_slot(const module_map *map, const folded *f)
{
    size_t mask = map->capacity - 1;
    size_t i = (size_t)mlr_xxh64_of(f->key, f->len) & mask;
    while (map->slot[i] != NULL && (map->slot[i]->key_len != f->len ||
                                    memcmp(map->slot[i]->key, f->key, f->len) != 0)) {
        i = (i + 1) & mask;
    }
    return &map->slot[i];
}

static mlr_info_module *new_module(mlr_pool *pool, const folded *f)
{
    mlr_info_module *m = mlr_pool_take(pool, sizeof *m);
    char *key = mlr_pool_copy(pool, f->key, f->len);
    if (m == NULL || key == NULL) {
        return NULL;
    }
    m->key = key;
    m->key_len = f->len;
    m->number_at = f->number_at;
    m->least = f->number;
    m->most = f->number;
    return m;
}

static void add_tensor(mlr_info_module *m, const folded *f, const mlr_tensor *t)
{
    m->least = f->number < m->least ? f->number : m->least;
    m->most = f->number > m->most ? f->number : m->most;
    m->total.tensors++;
    m->total.elements += t->elements;
    m->total.bytes += t->tied_to == MLR_NO_TENSOR ? t->data.len : 0;
}

/*
 * Groups at one depth, the map's slots filled. Stops early when there are more than `most`
 * groups. *deeper: whether the next depth would tell more apart.
 */
static mlr_status group_at(mlr_info *info, unsigned depth, size_t most, module_map *map,
                           mlr_pool *pool, bool *deeper)
{
    folded f;
    info->modules = 0;
    info->depth = depth;
    *deeper = false;
    memset(map->slot, 0, map->capacity * sizeof(mlr_info_module *));
    for (size_t i = 0; i < info->model->tensor_count && info->modules <= most; i++) {
        const mlr_tensor *t = &info->model->tensors[i];
        fold(&f, mlr_info_name(t), depth);
        *deeper = *deeper || f.more;
        mlr_info_module **slot = find_slot(map, &f);
        if (*slot == NULL) {
            *slot = new_module(pool, &f);
            if (*slot == NULL) {
                return MLR_E_NO_MEMORY;
            }
            info->modules++;
        }
        add_tensor(*slot, &f, t);
    }
    return MLR_OK;
}

/* The greatest depth whose groups can be taken in at a glance; 1 where there is none. */
static mlr_status choose_depth(mlr_info *info, module_map *map, mlr_pool *pool,
                               unsigned *depth)
{
    *depth = 1;
    for (unsigned d = 1; d <= MLR_INFO_DEEPEST; d++) {
        bool deeper;
        if (group_at(info, d, MLR_INFO_AUTO_MODULES, map, pool, &deeper) != MLR_OK) {
            return MLR_E_NO_MEMORY;
        }
        if (info->modules > MLR_INFO_AUTO_MODULES) {
            break;
        }
        *depth = d;
        if (!deeper) {
            break;
        }
    }
    return MLR_OK;
}

static int larger_first(const void *a, const void *b)
{
    const mlr_info_module *x = *(mlr_info_module *const *)a;
    const mlr_info_module *y = *(mlr_info_module *const *)b;
    if (x->total.bytes != y->total.bytes) {
        return x->total.bytes > y->total.bytes ? -1 : 1;
    }
    size_t n = x->key_len < y->key_len ? x->key_len : y->key_len;
    int order = memcmp(x->key, y->key, n);
    return order != 0 ? order : x->key_len < y->key_len ? -1 : 1;
}

static void list_modules(mlr_info *info, const module_map *map)
{
    size_t n = 0;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slot[i] != NULL) {
            map->slot[n++] = map->slot[i];
        }
    }
    info->module = map->slot;
    info->modules = n;
    qsort(info->module, n, sizeof info->module[0], larger_first);
}

mlr_status mlr_info_modules(mlr_info *info, mlr_pool *pool, mlr_err *err)
{
    module_map map = {.capacity = 64};
    unsigned depth = (unsigned)info->wish->depth;
    bool deeper;
    while (map.capacity < info->model->tensor_count * 2) {
        map.capacity *= 2;
    }
    map.slot = mlr_pool_take(pool, map.capacity * sizeof(mlr_info_module *));
    if (map.slot == NULL ||
        (depth == 0 && choose_depth(info, &map, pool, &depth) != MLR_OK) ||
        group_at(info, depth, SIZE_MAX - 1, &map, pool, &deeper) != MLR_OK) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for modules");
    }
    list_modules(info, &map);
    return MLR_OK;
}

void mlr_info_module_name(const mlr_info_module *m, char *to, size_t room)
{
    char range[48] = "";
    size_t at = mlr_printable(to, room, m->key, m->number_at);
    if (m->number_at == m->key_len) {
        return;
    }
    if (m->least == m->most) {
        (void)snprintf(range, sizeof range, "%" PRIu64, m->least);
    } else {
        (void)snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, m->least, m->most);
    }
    at += mlr_printable(to + at, room - at, range, strlen(range));
    (void)mlr_printable(to + at, room - at, m->key + m->number_at + 1,
                        m->key_len - m->number_at - 1);
}
