#include "tui/rows_view.h"

#include <stdlib.h>
#include <string.h>

static const char *const sort_names[MLR_SORT_COUNT] = {
    "file order", "kind",     "name", "type",  "shape", "size",  "changed", "cosine",
    "entropy",    "strategy", "by",   "level", "dict",  "ratio", "error",   "out"};

const char *mlr_sort_name(mlr_ui_sort sort)
{
    return sort_names[sort];
}

static const char *const grouping_names[MLR_GROUP_COUNT] = {"none", "module", "type",
                                                            "strategy"};

const char *mlr_grouping_name(mlr_grouping grouping)
{
    return grouping_names[grouping];
}

static bool separator(char c)
{
    return c == '.' || c == '/';
}

size_t mlr_module_bytes(mlr_str s)
{
    size_t last = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool start = i > 0 && separator(s.p[i - 1]);
        if (start && s.p[i] >= '0' && s.p[i] <= '9') {
            while (i < s.n && !separator(s.p[i])) {
                i++;
            }
            return i;
        }
        last = separator(s.p[i]) ? i : last;
    }
    /* "norm.weight" belongs to "norm", "bias" to nothing. */
    return last;
}

void mlr_rows_view_init(mlr_rows_view *v, const mlr_allocator *alloc)
{
    *v = (mlr_rows_view){.alloc = alloc, .stale = true};
}

void mlr_rows_view_release(mlr_rows_view *v)
{
    if (v->alloc != NULL) {
        mlr_give(v->alloc, v->entry, v->room * sizeof *v->entry);
        mlr_give(v->alloc, v->group, MLR_MAX_GROUPS * sizeof *v->group);
    }
    *v = (mlr_rows_view){0};
}

/* One row on its way through sorting: numbers are fetched once. */
typedef struct item {
    double key;
    uint32_t row;
    bool unknown;
} item;

typedef struct order {
    const mlr_ui_rows *rows;
    mlr_ui_sort sort;
    int sign;
} order;

static item fact_item(uint32_t i, mlr_fact f)
{
    return (item){f.value, i, f.state == MLR_FACT_UNKNOWN};
}

static item key_of(const mlr_ui_rows *rows, mlr_ui_sort sort, uint32_t i)
{
    const mlr_ui_row *r = &rows->row[i];
    const mlr_tensor *t = r->new_tensor != NULL ? r->new_tensor : r->old_tensor;
    switch (sort) {
    case MLR_SORT_KIND:
        return (item){r->kind, i, false};
    case MLR_SORT_NAME:
        return (item){r->name_rank, i, false};
    case MLR_SORT_SHAPE:
        return (item){t == NULL ? 0 : (double)t->elements, i, t == NULL};
    case MLR_SORT_SIZE:
        return (item){(double)r->bytes, i, false};
    case MLR_SORT_CHANGED:
        return fact_item(i, r->changed);
    case MLR_SORT_COSINE:
        return fact_item(i, r->cosine);
    case MLR_SORT_ENTROPY:
        return fact_item(i, r->entropy);
    case MLR_SORT_BY:
        return (item){r->by, i, r->by == MLR_BY_NOBODY};
    case MLR_SORT_LEVEL:
        return (item){r->level, i, r->level < 0};
    case MLR_SORT_RATIO:
        return fact_item(i, mlr_row_ratio(r));
    case MLR_SORT_ERROR:
        return (item){(double)r->out.error, i, r->out.state == MLR_FACT_UNKNOWN};
    case MLR_SORT_OUT:
        return fact_item(i, r->out);
    default:
        return (item){0, i, false};
    }
}

static int compare_bytes(const char *a, size_t n, const char *b, size_t m)
{
    int c = memcmp(a, b, n < m ? n : m);
    return c != 0 ? c : n < m ? -1 : n > m;
}

static int compare_texts(const char *a, const char *b)
{
    return compare_bytes(a == NULL ? "" : a, a == NULL ? 0 : strlen(a), b == NULL ? "" : b,
                         b == NULL ? 0 : strlen(b));
}

static int compare_rows(const order *o, const mlr_ui_row *a, const mlr_ui_row *b)
{
    switch (o->sort) {
    case MLR_SORT_DTYPE:
        return compare_texts(a->dtype->name, b->dtype->name);
    case MLR_SORT_STRATEGY:
        return compare_texts(a->strategy, b->strategy);
    case MLR_SORT_DICTIONARY:
        return compare_texts(a->dictionary, b->dictionary);
    default:
        return 0;
    }
}

/* What is unknown comes last in either direction; equals keep the order of the file. */
static int compare_items(const void *pa, const void *pb, void *ctx)
{
    const item *a = pa;
    const item *b = pb;
    const order *o = ctx;
    if (a->unknown != b->unknown) {
        return a->unknown ? 1 : -1;
    }
    int c = a->unknown ? 0 : (a->key > b->key) - (a->key < b->key);
    if (c == 0) {
        c = compare_rows(o, &o->rows->row[a->row], &o->rows->row[b->row]);
    }
    if (c == 0) {
        return a->row < b->row ? -1 : a->row > b->row;
    }
    return c * o->sign;
}

static size_t collect(mlr_rows_view *v, const mlr_ui_rows *rows, item *to)
{
    size_t n = 0;
    v->all = mlr_totals_none();
    v->shown = mlr_totals_none();
    for (size_t i = 0; i < rows->count; i++) {
        mlr_totals_add(&v->all, &rows->row[i]);
        if (mlr_filter_shows(&v->filter, &rows->row[i])) {
            mlr_totals_add(&v->shown, &rows->row[i]);
            to[n++] = key_of(rows, v->sort, (uint32_t)i);
        }
    }
    return n;
}

static void group_label(mlr_grouping g, const mlr_ui_row *r, const char **label, size_t *n)
{
    switch (g) {
    case MLR_GROUP_MODULE:
        *label = r->name.p;
        *n = mlr_module_bytes(r->name);
        return;
    case MLR_GROUP_DTYPE:
        *label = r->dtype->name;
        break;
    default:
        *label = r->strategy == NULL ? "not decided" : r->strategy;
        break;
    }
    *n = strlen(*label);
}

enum { GROUP_SLOTS = 2 * MLR_MAX_GROUPS };

static uint32_t new_group(mlr_rows_view *v, uint16_t *slot, const char *label, size_t n)
{
    static const char rest[] = "all others";
    bool last = v->group_count >= MLR_MAX_GROUPS - 1;
    if (v->group_count < MLR_MAX_GROUPS) {
        mlr_row_group *g = &v->group[v->group_count++];
        *g = (mlr_row_group){label, (uint32_t)n, mlr_totals_none()};
        if (last) {
            g->label = rest;
            g->label_bytes = sizeof rest - 1;
            return (uint32_t)v->group_count - 1;
        }
        *slot = (uint16_t)v->group_count;
    }
    return (uint32_t)v->group_count - 1;
}

/* The group of a row, made on first sight; the last one takes all once there are too many.
 */
static uint32_t group_of(mlr_rows_view *v, uint16_t *slots, const mlr_ui_row *r)
{
    const char *label = NULL;
    size_t n = 0;
    group_label(v->grouping, r, &label, &n);
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (uint8_t)label[i]) * 16777619U;
    }
    for (h ^= h >> 15;; h++) {
        uint16_t *s = &slots[h % GROUP_SLOTS];
        if (*s == 0) {
            return new_group(v, s, label, n);
        }
        const mlr_row_group *g = &v->group[*s - 1];
        if (g->label_bytes == n && memcmp(g->label, label, n) == 0) {
            return (uint32_t)*s - 1;
        }
    }
}

/* Groups in order of first appearance, rows in theirs within each. */
static void write_groups(mlr_rows_view *v, const mlr_ui_rows *rows, const item *items,
                         size_t n)
{
    uint16_t slots[GROUP_SLOTS] = {0};
    v->group_count = 0;
    for (size_t i = 0; i < n; i++) {
        const mlr_ui_row *r = &rows->row[items[i].row];
        mlr_totals_add(&v->group[group_of(v, slots, r)].totals, r);
    }
    uint32_t next[MLR_MAX_GROUPS];
    size_t at = 0;
    for (size_t g = 0; g < v->group_count; g++) {
        v->entry[at] = (uint32_t)g | 0x80000000U;
        next[g] = (uint32_t)++at;
        at += v->group[g].totals.rows;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t g = group_of(v, slots, &rows->row[items[i].row]);
        v->entry[next[g]++] = items[i].row;
    }
    v->count = at;
}

static bool make_room(mlr_rows_view *v, size_t rows)
{
    size_t need = rows + MLR_MAX_GROUPS;
    if (v->group == NULL) {
        v->group = mlr_take(v->alloc, MLR_MAX_GROUPS * sizeof *v->group);
    }
    if (v->room < need) {
        uint32_t *entry = mlr_take(v->alloc, need * sizeof *entry);
        if (entry == NULL) {
            return false;
        }
        mlr_give(v->alloc, v->entry, v->room * sizeof *v->entry);
        v->entry = entry;
        v->room = need;
        v->count = 0;
    }
    return v->group != NULL;
}

mlr_status mlr_rows_view_make(mlr_rows_view *v, const mlr_ui_rows *rows, mlr_err *err)
{
    if (!v->stale && v->generation == rows->generation) {
        return MLR_OK;
    }
    size_t bytes = (rows->count + 1) * sizeof(item);
    item *items = make_room(v, rows->count) ? mlr_take(v->alloc, bytes) : NULL;
    if (items == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the tensor table");
    }
    size_t n = collect(v, rows, items);
    order o = {rows, v->sort, v->reverse ? -1 : 1};
    if (v->sort != MLR_SORT_FILE || v->reverse) {
        qsort_r(items, n, sizeof *items, compare_items, &o);
    }
    if (v->sort == MLR_SORT_FILE && v->reverse) {
        for (size_t i = 0; i < n / 2; i++) {
            item t = items[i];
            items[i] = items[n - 1 - i];
            items[n - 1 - i] = t;
        }
    }
    v->count = n;
    v->group_count = 0;
    if (v->grouping != MLR_GROUP_NONE) {
        write_groups(v, rows, items, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            v->entry[i] = items[i].row;
        }
    }
    mlr_give(v->alloc, items, bytes);
    v->generation = rows->generation;
    v->stale = false;
    return MLR_OK;
}
