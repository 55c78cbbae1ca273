/* Totals of `mallorn analyze` by module (one for all layers) and by layer. */
#include <string.h>

#include "analysis/sort.h"
#include "tui/cli/analyze.h"

typedef struct grouper {
    mlr_analyze *a;
    mlr_str *name;    /* of each pair's group; n 0: none */
    uint64_t *number; /* of its layer */
    uint32_t *order, *spare;
    size_t count;
    mlr_analyze_groups *out;
} grouper;

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to analyze with");
}

static int by_bytes(mlr_str a, mlr_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static bool is_number(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return false;
        }
    }
    return n > 0;
}

/* The key without its last part, numbers between dots as "*". */
static bool module_of(grouper *g, mlr_str key, mlr_str *out)
{
    size_t end = key.n;
    while (end > 0 && key.p[end - 1] != '.' && key.p[end - 1] != '/') {
        end--;
    }
    end = end > 1 ? end - 1 : key.n;
    char *to = mlr_pool_take(&g->a->pool, end + 1);
    if (to == NULL) {
        return false;
    }
    size_t n = 0;
    for (size_t at = 0; at < end;) {
        size_t stop = at;
        while (stop < end && key.p[stop] != '.' && key.p[stop] != '/') {
            stop++;
        }
        if (is_number(key.p + at, stop - at)) {
            to[n++] = '*';
        } else {
            memcpy(to + n, key.p + at, stop - at);
            n += stop - at;
        }
        if (stop < end) {
            to[n++] = key.p[stop];
        }
        at = stop + 1;
    }
    *out = (mlr_str){.p = to, .n = n};
    return true;
}

static bool name_before(const void *ctx, uint32_t x, uint32_t y)
{
    const grouper *g = ctx;
    return g->number[x] != g->number[y] ? g->number[x] < g->number[y]
                                        : by_bytes(g->name[x], g->name[y]) < 0;
}

static bool larger(const void *ctx, uint32_t x, uint32_t y)
{
    const mlr_analyze_group *item = ctx;
    const mlr_analyze_group *a = &item[x], *b = &item[y];
    return a->patch_bytes != b->patch_bytes ? a->patch_bytes > b->patch_bytes
                                            : a->changed_elements > b->changed_elements;
}

static void add_pair(mlr_analyze_group *to, const mlr_analyze *a, uint32_t pair)
{
    const mlr_pairing *q = &a->diff.matching.pairs[pair];
    const mlr_measure *m = a->diff.measures[pair];
    const mlr_tensor *t = mlr_analyze_tensor(a, pair);
    bool has_new = q->new_tensor != MLR_NO_TENSOR;
    to->tensors++;
    to->changed += q->change != MLR_CHANGE_SAME;
    to->new_bytes += has_new ? t->data.len : 0;
    to->elements += has_new ? t->elements : 0;
    to->patch_bytes += a->predicted && has_new ? a->prediction[pair].bytes : 0;
    if (m == NULL || (m->have & MLR_HAVE_PAIR) == 0) {
        return;
    }
    to->changed_elements += m->changed_elements;
    if ((m->have & MLR_HAVE_NUMBERS) != 0 && m->delta.l2_relative > 0) {
        double old = m->delta.l2 / m->delta.l2_relative;
        to->delta_square += m->delta.l2 * m->delta.l2;
        to->old_square += old * old;
    }
}

static mlr_status collect(grouper *g, mlr_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < g->a->diff.matching.count; i++) {
        if (g->name[i].n > 0) {
            g->order[n++] = (uint32_t)i;
        }
    }
    mlr_sort(g->order, g->spare, n, name_before, g);
    mlr_analyze_group *item = mlr_pool_take(&g->a->pool, (n + 1) * sizeof *item);
    if (item == NULL) {
        return no_memory(err);
    }
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t pair = g->order[i];
        if (count == 0 || by_bytes(item[count - 1].name, g->name[pair]) != 0) {
            item[count++] =
                (mlr_analyze_group){.name = g->name[pair], .number = g->number[pair]};
        }
        add_pair(&item[count - 1], g->a, pair);
    }
    *g->out = (mlr_analyze_groups){.item = item, .count = count};
    return MLR_OK;
}

/* The largest first. */
static mlr_status rank(grouper *g, mlr_err *err)
{
    size_t n = g->out->count;
    mlr_analyze_group *sorted = mlr_pool_take(&g->a->pool, (n + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        g->order[i] = (uint32_t)i;
    }
    mlr_sort(g->order, g->spare, n, larger, g->out->item);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = g->out->item[g->order[i]];
    }
    g->out->item = sorted;
    return MLR_OK;
}

mlr_status mlr_analyze_group_all(mlr_analyze *a, mlr_err *err)
{
    size_t n = a->diff.matching.count + 1;
    grouper g = {.a = a,
                 .name = mlr_pool_take(&a->pool, n * sizeof *g.name),
                 .number = mlr_pool_take(&a->pool, n * sizeof *g.number),
                 .order = mlr_pool_take(&a->pool, n * sizeof *g.order),
                 .spare = mlr_pool_take(&a->pool, n * sizeof *g.spare)};
    if (g.name == NULL || g.number == NULL || g.order == NULL || g.spare == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i + 1 < n; i++) {
        g.number[i] = 0;
        if (!module_of(&g, mlr_analyze_key(a, i), &g.name[i])) {
            return no_memory(err);
        }
    }
    g.out = &a->modules;
    if (collect(&g, err) != MLR_OK || rank(&g, err) != MLR_OK) {
        return err->status;
    }
    for (size_t i = 0; i + 1 < n; i++) {
        if (!mlr_layer_of(mlr_analyze_key(a, i), &g.name[i], &g.number[i])) {
            g.name[i] = (mlr_str){0};
            g.number[i] = 0;
        }
    }
    g.out = &a->layers;
    return collect(&g, err);
}
