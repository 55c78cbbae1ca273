/* The lines of the tree: modules by their folds, frozen runs, what changed beside them. */
#include <stdlib.h>
#include <string.h>

#include "tui/tree_view.h"

const char *mlr_tree_sort_name(mlr_tree_sort sort)
{
    static const char *const names[MLR_TREE_SORTS] = {"name", "size", "bytes out",
                                                      "changed"};
    return names[sort];
}

static bool grow(const mlr_tree *t, void **p, size_t *room, size_t need, size_t each)
{
    if (need <= *room) {
        return true;
    }
    size_t more = need * 2 + 64;
    void *to = mlr_take(t->alloc, more * each);
    if (to == NULL) {
        return false;
    }
    if (*p != NULL) {
        memcpy(to, *p, *room * each);
        mlr_give(t->alloc, *p, *room * each);
    }
    *p = to;
    *room = more;
    return true;
}

static void add(mlr_tree *t, mlr_tree_item i)
{
    void *p = t->item;
    if (grow(t, &p, &t->room, t->items + 1, sizeof *t->item)) {
        t->item = p;
        t->item[t->items++] = i;
    }
}

/* A module that holds one other alone is shown as one with it. */
static uint32_t only_child(const mlr_tree *t, uint32_t i)
{
    const mlr_module *m = t->modules.module;
    while (!m[i].leaf && m[i].next > i + 1 && m[i + 1].next == m[i].next) {
        i++;
    }
    return i;
}

typedef struct sort_key {
    double key;
    uint32_t index;
} sort_key;

static double key_of(const mlr_tree *t, uint32_t i)
{
    const mlr_module *m = &t->modules.module[i];
    switch (t->sort) {
    case MLR_TREE_BY_SIZE:
        return (double)m->bytes;
    case MLR_TREE_BY_OUT:
        return m->out;
    case MLR_TREE_BY_CHANGED:
        return m->elements > 0 ? m->changed_elements / m->elements : 0;
    default:
        return 0;
    }
}

static int by_key(const void *a, const void *b)
{
    const sort_key *x = a;
    const sort_key *y = b;
    return x->key != y->key ? (x->key > y->key ? -1 : 1) : x->index < y->index ? -1 : 1;
}

/* Children of module `i` onto the end of `order`, sorted; how many there are. */
static size_t gather(mlr_tree *t, uint32_t i)
{
    const mlr_module *m = t->modules.module;
    size_t from = t->order_used;
    for (uint32_t c = i + 1; c < m[i].next; c = m[c].next) {
        void *p = t->order;
        if (!grow(t, &p, &t->order_room, t->order_used + 1, sizeof *t->order)) {
            break;
        }
        t->order = p;
        t->order[t->order_used++] = c;
    }
    size_t n = t->order_used - from;
    sort_key *key =
        t->sort == MLR_TREE_BY_NAME ? NULL : mlr_take(t->alloc, n * sizeof *key);
    if (key != NULL) {
        for (size_t k = 0; k < n; k++) {
            key[k] = (sort_key){key_of(t, t->order[from + k]), t->order[from + k]};
        }
        qsort(key, n, sizeof *key, by_key);
        for (size_t k = 0; k < n; k++) {
            t->order[from + k] = key[k].index;
        }
        mlr_give(t->alloc, key, n * sizeof *key);
    }
    return n;
}

/* How many of the children from `at` on are numbered neighbours that did not change. */
static size_t frozen_run(const mlr_tree *t, size_t at, size_t n)
{
    const mlr_module *m = t->modules.module;
    size_t run = 0;
    while (t->sort == MLR_TREE_BY_NAME && at + run < n && m[t->order[at + run]].numbered &&
           mlr_module_frozen(&m[t->order[at + run]])) {
        run++;
    }
    return run;
}

static void add_children(mlr_tree *t, uint32_t i, uint16_t indent)
{
    size_t from = t->order_used;
    size_t end = from + gather(t, i);
    for (size_t k = from; k < end; k++) {
        uint32_t c = t->order[k];
        size_t run = frozen_run(t, k, end);
        if (run > 1 && (t->open[c] & 2) == 0) {
            uint32_t last = t->order[k + run - 1];
            add(t, (mlr_tree_item){c, last, indent, MLR_TREE_FROZEN});
            k += run - 1;
            continue;
        }
        uint32_t last = only_child(t, c);
        add(t, (mlr_tree_item){c, last, indent, MLR_TREE_MODULE});
        if ((t->open[c] & 1) != 0 && !t->modules.module[last].leaf) {
            add_children(t, last, (uint16_t)(indent + 1));
        }
        if (run > 1 && (t->open[c] & 2) != 0) { /* the opened run stays as it is */
            for (size_t r = 1; r < run; r++) {
                t->open[t->order[k + r]] |= 2;
            }
        }
    }
    t->order_used = from;
}

static mlr_tree_section section_of(const mlr_meta_change *c)
{
    bool graph = c->area == MLR_META_OPSET || c->area == MLR_META_OPERATOR;
    return graph ? MLR_SECTION_GRAPH : MLR_SECTION_META;
}

size_t mlr_tree_changes(const mlr_tree *t, mlr_tree_section s)
{
    size_t n = s == MLR_SECTION_VOCABULARY ? t->vocabulary.count : 0;
    for (size_t i = 0; s != MLR_SECTION_VOCABULARY && i < t->meta.count; i++) {
        n += t->meta.changes[i].change != MLR_CHANGE_SAME &&
             section_of(&t->meta.changes[i]) == s;
    }
    return n;
}

static bool has_section(const mlr_tree *t, mlr_tree_section s)
{
    if (s == MLR_SECTION_VOCABULARY) {
        return t->vocabulary.known;
    }
    for (size_t i = 0; i < t->meta.count; i++) {
        if (section_of(&t->meta.changes[i]) == s) {
            return true;
        }
    }
    return false;
}

static void add_section(mlr_tree *t, mlr_tree_section s)
{
    if (!has_section(t, s)) {
        return;
    }
    add(t, (mlr_tree_item){(uint32_t)s, 0, 0, MLR_TREE_SECTION});
    if (!t->section_open[s]) {
        return;
    }
    if (mlr_tree_changes(t, s) == 0) {
        add(t, (mlr_tree_item){(uint32_t)s, 0, 1, MLR_TREE_NOTE});
    }
    for (size_t i = 0; s == MLR_SECTION_VOCABULARY && i < t->vocabulary.count; i++) {
        add(t, (mlr_tree_item){(uint32_t)i, 0, 1, MLR_TREE_TOKEN});
    }
    for (size_t i = 0; s != MLR_SECTION_VOCABULARY && i < t->meta.count; i++) {
        const mlr_meta_change *c = &t->meta.changes[i];
        if (c->change != MLR_CHANGE_SAME && section_of(c) == s) {
            add(t, (mlr_tree_item){(uint32_t)i, 0, 1, MLR_TREE_META});
        }
    }
}

static void list_items(mlr_tree *t)
{
    t->items = 0;
    t->order_used = 0;
    if (t->modules.count > 1) {
        add(t, (mlr_tree_item){0, 0, 0, MLR_TREE_MODULE});
        if ((t->open[0] & 1) != 0) {
            add_children(t, 0, 1);
        }
    }
    for (int s = 0; s < MLR_SECTIONS; s++) {
        add_section(t, (mlr_tree_section)s);
    }
}

/* Open down to the numbered layers, so that these can be compared. */
static void open_first(mlr_tree *t)
{
    const mlr_module *m = t->modules.module;
    for (size_t i = 0; i < t->modules.count; i++) {
        bool below = i > 0 && (t->open[m[i].parent] & 1) == 0;
        t->open[i] = !below && !m[i].numbered && m[i].depth < 4 ? 1 : 0;
    }
}

static void remake(mlr_app *app, mlr_tree *t)
{
    mlr_err err = {0};
    if (mlr_modules_make(&t->modules, &app->session.rows, app->alloc, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
        return;
    }
    if (t->open != NULL) {
        mlr_give(t->alloc, t->open, t->open_room);
    }
    t->open_room = t->modules.count;
    t->open = mlr_take(t->alloc, t->open_room);
    if (t->open == NULL) {
        mlr_modules_release(&t->modules);
        return;
    }
    t->generation = app->session.generation;
    t->row_count = app->session.rows.count;
    t->table = (mlr_ui_table){0};
    open_first(t);
    t->stale = true;
}

void mlr_tree_refresh(mlr_app *app, mlr_tree *t)
{
    const mlr_ui_rows *rows = &app->session.rows;
    if (t->generation != app->session.generation || t->row_count != rows->count) {
        remake(app, t);
    }
    if (t->modules.generation != rows->generation) {
        mlr_modules_sum(&t->modules, rows);
        t->stale = true;
    }
    if (t->stale) {
        t->stale = false;
        list_items(t);
    }
}
