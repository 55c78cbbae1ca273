#include "tui/module_tree.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/summary.h"

typedef struct ranked {
    uint32_t rank, row;
} ranked;

typedef struct part {
    uint32_t begin, end;
} part;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;
    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : x->row < y->row ? -1 : 1;
}

/* Parts between dots and slashes; the last one takes what is left. */
static unsigned split(mlr_str name, part out[MLR_TREE_DEPTH])
{
    unsigned n = 0;
    uint32_t begin = 0;
    for (uint32_t i = 0; i <= name.n; i++) {
        bool end = i == name.n;
        if (!end && name.p[i] != '.' && name.p[i] != '/') {
            continue;
        }
        if (!end && n + 1 == MLR_TREE_DEPTH) {
            continue;
        }
        if (i > begin || (end && n == 0)) {
            out[n++] = (part){begin, i};
        }
        begin = i + 1;
    }
    return n;
}

static bool same_part(mlr_str a, part x, mlr_str b, part y)
{
    return x.end - x.begin == y.end - y.begin &&
           memcmp(a.p + x.begin, b.p + y.begin, x.end - x.begin) == 0;
}

static bool is_number(mlr_str s, part p)
{
    for (uint32_t i = p.begin; i < p.end; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
    }
    return p.end > p.begin;
}

/* Walks the names in order; only counts where `to` is NULL. */
static size_t walk(const mlr_ui_rows *rows, const ranked *order, mlr_module *to)
{
    part had[MLR_TREE_DEPTH];
    unsigned had_n = 0;
    size_t count = 1;
    mlr_str before = {NULL, 0};
    for (size_t i = 0; i < rows->count; i++) {
        part has[MLR_TREE_DEPTH];
        mlr_str name = rows->row[order[i].row].name;
        unsigned n = split(name, has);
        unsigned common = 0;
        while (common + 1 < n && common + 1 < had_n &&
               same_part(name, has[common], before, had[common])) {
            common++;
        }
        for (unsigned k = common; k < n; k++, count++) {
            if (to != NULL) {
                to[count] = (mlr_module){.row = order[i].row,
                                         .begin = has[k].begin,
                                         .end = has[k].end,
                                         .depth = (uint16_t)(k + 1),
                                         .leaf = k + 1 == n,
                                         .numbered = is_number(name, has[k])};
            }
        }
        memcpy(had, has, n * sizeof *has);
        had_n = n;
        before = name;
    }
    return count;
}

static void link_up(mlr_module *m, size_t count)
{
    uint32_t above[MLR_TREE_DEPTH + 1] = {0}; /* the module last seen at each depth */
    for (uint32_t i = 0; i < count; i++) {
        m[i].parent = i == 0 ? 0 : above[m[i].depth - 1];
        above[m[i].depth] = i;
        m[i].next = i + 1;
    }
    for (size_t i = count; i-- > 1;) {
        mlr_module *p = &m[m[i].parent];
        p->next = m[i].next > p->next ? m[i].next : p->next;
    }
}

void mlr_modules_release(mlr_modules *m)
{
    if (m->module != NULL) {
        mlr_give(m->alloc, m->module, m->count * sizeof *m->module);
    }
    *m = (mlr_modules){0};
}

mlr_status mlr_modules_make(mlr_modules *m, const mlr_ui_rows *rows,
                            const mlr_allocator *alloc, mlr_err *err)
{
    mlr_modules_release(m);
    m->alloc = alloc;
    size_t bytes = (rows->count + 1) * sizeof(ranked);
    ranked *order = mlr_take(alloc, bytes);
    if (order == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the tree");
    }
    for (size_t i = 0; i < rows->count; i++) {
        order[i] = (ranked){rows->row[i].name_rank, (uint32_t)i};
    }
    qsort(order, rows->count, sizeof *order, by_rank);
    m->count = walk(rows, order, NULL);
    m->module = mlr_take(alloc, m->count * sizeof *m->module);
    if (m->module == NULL) {
        m->count = 0;
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the tree");
    } else {
        m->module[0] = (mlr_module){0};
        (void)walk(rows, order, m->module);
        link_up(m->module, m->count);
        m->generation = rows->generation - 1;
        mlr_modules_sum(m, rows);
    }
    mlr_give(alloc, order, bytes);
    return m->module == NULL ? err->status : MLR_OK;
}

static void add_row(mlr_module *m, const mlr_ui_row *r)
{
    m->tensors++;
    m->same += r->kind == MLR_ROW_SAME;
    m->changed += r->kind != MLR_ROW_SAME && r->kind != MLR_ROW_UNKNOWN;
    m->bytes += r->bytes;
    if (r->changed.state != MLR_FACT_UNKNOWN && r->new_tensor != NULL) {
        m->elements += (double)r->new_tensor->elements;
        m->changed_elements += r->changed.value * (double)r->new_tensor->elements;
    }
    if (r->out.state == MLR_FACT_UNKNOWN && r->kind != MLR_ROW_REMOVED) {
        m->out_state = MLR_FACT_UNKNOWN;
    }
    m->out += r->out.state == MLR_FACT_UNKNOWN ? 0 : r->out.value;
    if (r->out.state < m->out_state && r->kind != MLR_ROW_REMOVED) {
        m->out_state = r->out.state;
    }
}

static void add_module(mlr_module *to, const mlr_module *from)
{
    to->tensors += from->tensors;
    to->same += from->same;
    to->changed += from->changed;
    to->bytes += from->bytes;
    to->elements += from->elements;
    to->changed_elements += from->changed_elements;
    to->out += from->out;
    to->out_state = from->out_state < to->out_state ? from->out_state : to->out_state;
}

static void add_layer(mlr_modules *m, const mlr_ui_row *r)
{
    mlr_str layer;
    uint64_t number = 0;
    if (!mlr_layer_of(r->name, &layer, &number) || number >= MLR_TREE_LAYERS) {
        return;
    }
    mlr_layer_change *l = &m->layer[number];
    m->layers = number >= m->layers ? (size_t)number + 1 : m->layers;
    l->bytes += (double)r->bytes;
    l->out += r->out.state == MLR_FACT_UNKNOWN ? 0 : r->out.value;
    if (r->changed.state != MLR_FACT_UNKNOWN && r->new_tensor != NULL) {
        l->known = true;
        l->elements += (double)r->new_tensor->elements;
        l->changed += r->changed.value * (double)r->new_tensor->elements;
    }
}

void mlr_modules_sum(mlr_modules *m, const mlr_ui_rows *rows)
{
    if (m->generation == rows->generation || m->module == NULL) {
        return;
    }
    m->generation = rows->generation;
    memset(m->layer, 0, sizeof m->layer);
    m->layers = 0;
    for (size_t i = 0; i < m->count; i++) {
        mlr_module *at = &m->module[i];
        at->tensors = 0;
        at->same = 0;
        at->changed = 0;
        at->bytes = 0;
        at->elements = 0;
        at->changed_elements = 0;
        at->out = 0;
        at->out_state = MLR_FACT_KNOWN;
        if (at->leaf && at->row < rows->count) {
            add_row(at, &rows->row[at->row]);
            add_layer(m, &rows->row[at->row]);
        }
    }
    for (size_t i = m->count; i-- > 1;) {
        add_module(&m->module[m->module[i].parent], &m->module[i]);
    }
}
