/* Modules folded from the tensors' names, then what changed beside the tensors: metadata,
 * vocabulary, graph. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/meta_diff.h"
#include "tui/app_core.h"
#include "tui/cell_text.h"
#include "tui/cli/meta_text.h"
#include "tui/module_tree.h"
#include "tui/screen_tensors.h"
#include "tui/widget_table.h"

enum { ASK_SORT };

typedef enum item_kind {
    ITEM_MODULE,
    ITEM_FROZEN,  /* numbered neighbours that did not change; `last` is the last of them */
    ITEM_SECTION, /* index: section */
    ITEM_META,
    ITEM_TOKEN,
    ITEM_NOTE /* a sentence that stands in for what is not known */
} item_kind;

typedef enum section { SECTION_META, SECTION_VOCABULARY, SECTION_GRAPH, SECTIONS } section;

typedef struct item {
    uint32_t index, last; /* of a module: itself and the one whose part ends its label */
    uint16_t indent;
    uint8_t kind; /* item_kind */
} item;

typedef enum tree_sort { SORT_NAME, SORT_SIZE, SORT_OUT, SORT_CHANGED, SORTS } tree_sort;

static const char *const sort_names[SORTS] = {"name", "size", "bytes out", "changed"};

typedef struct tree {
    mlr_modules modules;
    uint8_t *open;       /* per module: 1 open, 2 its frozen run is open */
    size_t open_room;    /* bytes taken */
    uint64_t generation; /* of the session */
    size_t row_count;    /* of the rows it was made from */
    item *item;
    size_t items, room;
    uint32_t *order; /* scratch: children of the modules above, to be sorted */
    size_t order_used, order_room;
    bool stale;
    bool section_open[SECTIONS];
    tree_sort sort;
    mlr_ui_table table;
    /* What a job finds out about the rest. */
    mlr_job job;
    mlr_pool pool;
    mlr_meta_diff meta;
    mlr_vocabulary_diff vocabulary;
    const mlr_model *old_model, *new_model;
    const mlr_allocator *alloc;
    bool compared, started;
    mlr_err err;
} tree;

/* --- the rest of the models -------------------------------------------------------------
 */

static mlr_status compare_rest(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    tree *t = arg;
    mlr_work work = {t->alloc, NULL, tick};
    (void)job;
    if (mlr_meta_diff_make(&t->meta, t->old_model, t->new_model, &work, &t->pool, err) !=
        MLR_OK) {
        return err->status;
    }
    return mlr_vocabulary_diff_make(&t->vocabulary, t->old_model, t->new_model, &work,
                                    &t->pool, err);
}

static void halt(mlr_app *app, void *state)
{
    tree *t = state;
    (void)app;
    mlr_job_cancel(&t->job);
    (void)mlr_job_join(&t->job);
    mlr_pool_release(&t->pool);
    mlr_pool_init(&t->pool, t->alloc);
    t->meta = (mlr_meta_diff){0};
    t->vocabulary = (mlr_vocabulary_diff){0};
    t->compared = false;
    t->started = false;
    t->stale = true;
}

static bool poll(mlr_app *app, void *state)
{
    tree *t = state;
    const mlr_ui_session *s = &app->session;
    mlr_job_state job = mlr_job_state_of(&t->job);
    if (job == MLR_JOB_ENDED) {
        t->compared = mlr_job_join(&t->job) == MLR_OK;
        t->err = t->job.err;
        t->stale = true;
        return true;
    }
    bool wanted = !t->started && s->new_model != NULL && s->old_model != NULL &&
                  s->new_model->member_count > 0 && t->generation == s->generation;
    if (job == MLR_JOB_IDLE && wanted) {
        t->old_model = s->old_model;
        t->new_model = s->new_model;
        t->started = true;
        if (mlr_job_start(&t->job, "comparing metadata", compare_rest, t, &t->err) !=
            MLR_OK) {
            return false;
        }
        return true;
    }
    return job == MLR_JOB_RUNNING;
}

/* --- what is shown ----------------------------------------------------------------------
 */

static bool grow(const tree *t, void **p, size_t *room, size_t need, size_t each)
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

static void add(tree *t, item i)
{
    void *p = t->item;
    if (grow(t, &p, &t->room, t->items + 1, sizeof *t->item)) {
        t->item = p;
        t->item[t->items++] = i;
    }
}

/* A module that holds one other alone is shown as one with it. */
static uint32_t only_child(const tree *t, uint32_t i)
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

static double key_of(const tree *t, uint32_t i)
{
    const mlr_module *m = &t->modules.module[i];
    switch (t->sort) {
    case SORT_SIZE:
        return (double)m->bytes;
    case SORT_OUT:
        return m->out;
    case SORT_CHANGED:
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
static size_t gather(tree *t, uint32_t i)
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
    sort_key *key = t->sort == SORT_NAME ? NULL : mlr_take(t->alloc, n * sizeof *key);
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
static size_t frozen_run(const tree *t, size_t at, size_t n)
{
    const mlr_module *m = t->modules.module;
    size_t run = 0;
    while (t->sort == SORT_NAME && at + run < n && m[t->order[at + run]].numbered &&
           mlr_module_frozen(&m[t->order[at + run]])) {
        run++;
    }
    return run;
}

static void add_children(tree *t, uint32_t i, uint16_t indent)
{
    size_t from = t->order_used;
    size_t end = from + gather(t, i);
    for (size_t k = from; k < end; k++) {
        uint32_t c = t->order[k];
        size_t run = frozen_run(t, k, end);
        if (run > 1 && (t->open[c] & 2) == 0) {
            uint32_t last = t->order[k + run - 1];
            add(t, (item){c, last, indent, ITEM_FROZEN});
            k += run - 1;
            continue;
        }
        uint32_t last = only_child(t, c);
        add(t, (item){c, last, indent, ITEM_MODULE});
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

static section section_of(const mlr_meta_change *c)
{
    bool graph = c->area == MLR_META_OPSET || c->area == MLR_META_OPERATOR;
    return graph ? SECTION_GRAPH : SECTION_META;
}

static size_t changes_in(const tree *t, section s)
{
    size_t n = s == SECTION_VOCABULARY ? t->vocabulary.count : 0;
    for (size_t i = 0; s != SECTION_VOCABULARY && i < t->meta.count; i++) {
        n += t->meta.changes[i].change != MLR_CHANGE_SAME &&
             section_of(&t->meta.changes[i]) == s;
    }
    return n;
}

static bool has_section(const tree *t, section s)
{
    if (s == SECTION_VOCABULARY) {
        return t->vocabulary.known;
    }
    for (size_t i = 0; i < t->meta.count; i++) {
        if (section_of(&t->meta.changes[i]) == s) {
            return true;
        }
    }
    return false;
}

static void add_section(tree *t, section s)
{
    if (!has_section(t, s)) {
        return;
    }
    add(t, (item){(uint32_t)s, 0, 0, ITEM_SECTION});
    if (!t->section_open[s]) {
        return;
    }
    if (changes_in(t, s) == 0) {
        add(t, (item){(uint32_t)s, 0, 1, ITEM_NOTE});
    }
    for (size_t i = 0; s == SECTION_VOCABULARY && i < t->vocabulary.count; i++) {
        add(t, (item){(uint32_t)i, 0, 1, ITEM_TOKEN});
    }
    for (size_t i = 0; s != SECTION_VOCABULARY && i < t->meta.count; i++) {
        const mlr_meta_change *c = &t->meta.changes[i];
        if (c->change != MLR_CHANGE_SAME && section_of(c) == s) {
            add(t, (item){(uint32_t)i, 0, 1, ITEM_META});
        }
    }
}

static void list_items(tree *t)
{
    t->items = 0;
    t->order_used = 0;
    if (t->modules.count > 1) {
        add(t, (item){0, 0, 0, ITEM_MODULE});
        if ((t->open[0] & 1) != 0) {
            add_children(t, 0, 1);
        }
    }
    for (int s = 0; s < SECTIONS; s++) {
        add_section(t, (section)s);
    }
}

/* Open down to the numbered layers, so that these can be compared. */
static void open_first(tree *t)
{
    const mlr_module *m = t->modules.module;
    for (size_t i = 0; i < t->modules.count; i++) {
        bool below = i > 0 && (t->open[m[i].parent] & 1) == 0;
        t->open[i] = !below && !m[i].numbered && m[i].depth < 4 ? 1 : 0;
    }
}

static void remake(mlr_app *app, tree *t)
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

static void refresh(mlr_app *app, tree *t)
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

/* --- drawing ----------------------------------------------------------------------------
 */

enum { C_NAME, C_TENSORS, C_CHANGED, C_SIZE, C_OUT, C_RATIO, C_SHARE, C_CHG, COLUMNS };

static const mlr_ui_column columns[COLUMNS] = {
    [C_NAME] = {"Module", 16, 60, 0, 1, false}, [C_TENSORS] = {"Tensors", 7, 7, 4, 0, true},
    [C_CHANGED] = {"~chg", 5, 5, 6, 0, true},   [C_SIZE] = {"Size", 5, 5, 0, 0, true},
    [C_OUT] = {"Out", 6, 6, 5, 0, true},        [C_RATIO] = {"Ratio", 6, 6, 7, 0, true},
    [C_SHARE] = {"Share", 8, 30, 3, 2, false},  [C_CHG] = {"Chg%", 6, 6, 0, 0, true},
};

static int strip_rows(const tree *t, int rows)
{
    return t->modules.layers < 2 || rows < 16 ? 0 : rows >= 34 ? 7 : 5;
}

static void put_cell(mlr_pane v, int row, const mlr_columns_at *at, int c, mlr_role role,
                     const char *text)
{
    if (at->width[c] > 0) {
        mlr_put_right(v, row, at->x[c] + at->width[c], role, text);
    }
}

static void put_sums(const tree *t, const mlr_module *m, mlr_pane v, int row,
                     const mlr_columns_at *at)
{
    const mlr_module *all = &t->modules.module[0];
    char text[32];
    mlr_role role = mlr_module_frozen(m) ? MLR_ROLE_KIND_SAME : MLR_ROLE_TEXT;
    bool by_out = all->out_state != MLR_FACT_UNKNOWN && all->out > 0;
    snprintf(text, sizeof text, "%u", m->tensors);
    put_cell(v, row, at, C_TENSORS, MLR_ROLE_DIM, text);
    snprintf(text, sizeof text, "%u", m->changed);
    put_cell(v, row, at, C_CHANGED, MLR_ROLE_DIM, m->changed > 0 ? text : "");
    put_cell(v, row, at, C_SIZE, role, mlr_fmt_bytes(text, sizeof text, m->bytes));
    if (m->out_state != MLR_FACT_UNKNOWN) {
        char size[16];
        bool guess = m->out_state == MLR_FACT_ESTIMATED;
        mlr_role out = guess ? MLR_ROLE_ESTIMATE : role;
        snprintf(text, sizeof text, "%s%s",
                 mlr_fmt_bytes(size, sizeof size, (uint64_t)m->out), guess ? "~" : "");
        put_cell(v, row, at, C_OUT, out, text);
        if (m->out >= 1) {
            double ratio = (double)m->bytes / m->out;
            snprintf(text, sizeof text, ratio < 1000 ? "%.2f" : "%.0f", ratio);
            put_cell(v, row, at, C_RATIO, out, text);
        }
    }
    if (at->width[C_SHARE] > 0) {
        double whole = by_out ? all->out : (double)all->bytes;
        double part = by_out ? m->out : (double)m->bytes;
        mlr_bar(v, row, at->x[C_SHARE], at->width[C_SHARE], whole > 0 ? part / whole : 0,
                MLR_ROLE_BAR);
    }
    if (mlr_module_frozen(m)) {
        put_cell(v, row, at, C_CHG, MLR_ROLE_KIND_SAME, "=");
    } else if (m->elements > 0) {
        snprintf(text, sizeof text, "%.1f", 100 * m->changed_elements / m->elements);
        put_cell(v, row, at, C_CHG, MLR_ROLE_KIND_CHANGED, text);
    }
}

/* "▾ layers", "= norm.weight": fold or kind, then the name; returns nothing. */
static void put_name(mlr_pane v, int row, int indent, int width, mlr_glyph_id fold,
                     const char *text, size_t n, mlr_role role)
{
    char fit[160];
    int x = 2 + indent * 2;
    if (fold != MLR_GLYPH_COUNT) {
        mlr_put_glyph(v, row, x, MLR_ROLE_DIM, fold);
    }
    mlr_elide_name(fit, sizeof fit, text, n, width - x - 2 > 4 ? width - x - 2 : 4);
    mlr_put(v, row, x + 2, role, fit);
}

static void draw_module(const mlr_app *app, const tree *t, const item *i, mlr_pane v,
                        int row, const mlr_columns_at *at)
{
    const mlr_module *m = &t->modules.module[i->index];
    const mlr_module *last = &t->modules.module[i->last];
    const mlr_ui_row *r = &app->session.rows.row[m->row];
    mlr_role role = mlr_module_frozen(m) ? MLR_ROLE_KIND_SAME : MLR_ROLE_TEXT;
    int x = 2 + i->indent * 2;
    if (i->index == 0) {
        put_name(v, row, 0, at->width[C_NAME],
                 (t->open[0] & 1) ? MLR_G_FOLD_OPEN : MLR_G_CURSOR, "all tensors", 11,
                 MLR_ROLE_STRONG);
    } else if (last->leaf) {
        put_name(v, row, i->indent, at->width[C_NAME], MLR_GLYPH_COUNT,
                 r->name.p + m->begin, last->end - m->begin, role);
        mlr_put_cp(v, row, x, role, mlr_row_kind_glyph((mlr_row_kind)r->kind));
    } else {
        put_name(v, row, i->indent, at->width[C_NAME],
                 (t->open[i->index] & 1) ? MLR_G_FOLD_OPEN : MLR_G_CURSOR,
                 r->name.p + m->begin, last->end - m->begin, role);
    }
    put_sums(t, m, v, row, at);
}

static void draw_frozen(const mlr_app *app, const tree *t, const item *i, mlr_pane v,
                        int row, const mlr_columns_at *at)
{
    const mlr_module *m = t->modules.module;
    const mlr_module *a = &m[i->index];
    const mlr_module *b = &m[i->last];
    const mlr_ui_row *ra = &app->session.rows.row[a->row];
    const mlr_ui_row *rb = &app->session.rows.row[b->row];
    char text[64];
    mlr_module sum = {.out_state = MLR_FACT_KNOWN};
    for (uint32_t k = i->index; k <= i->last; k = m[k].next) {
        sum.tensors += m[k].tensors;
        sum.same += m[k].same;
        sum.bytes += m[k].bytes;
        sum.out += m[k].out;
        sum.out_state = m[k].out_state < sum.out_state ? m[k].out_state : sum.out_state;
    }
    int n =
        snprintf(text, sizeof text, "%.*s-%.*s unchanged", (int)(a->end - a->begin),
                 ra->name.p + a->begin, (int)(b->end - b->begin), rb->name.p + b->begin);
    put_name(v, row, i->indent, at->width[C_NAME], MLR_GLYPH_COUNT, text, (size_t)n,
             MLR_ROLE_KIND_SAME);
    mlr_put(v, row, 2 + i->indent * 2, MLR_ROLE_KIND_SAME, "=");
    put_sums(t, &sum, v, row, at);
}

static void draw_section(const tree *t, section s, mlr_pane v, int row)
{
    static const char *const names[SECTIONS] = {"Metadata", "Vocabulary", "Graph"};
    char text[96];
    mlr_put_glyph(v, row, 2, MLR_ROLE_DIM,
                  t->section_open[s] ? MLR_G_FOLD_OPEN : MLR_G_CURSOR);
    int at = mlr_put(v, row, 4, MLR_ROLE_STRONG, names[s]) + 2;
    if (s == SECTION_VOCABULARY) {
        const mlr_vocabulary_diff *d = &t->vocabulary;
        snprintf(text, sizeof text, "%llu → %llu tokens  +%llu -%llu moved %llu",
                 (unsigned long long)d->old_count, (unsigned long long)d->new_count,
                 (unsigned long long)d->added, (unsigned long long)d->removed,
                 (unsigned long long)d->moved);
    } else {
        size_t n = changes_in(t, s);
        snprintf(text, sizeof text, n == 0 ? "unchanged" : "%zu changed", n);
    }
    mlr_put(v, row, at, MLR_ROLE_DIM, text);
}

static mlr_role change_role(unsigned change)
{
    return change == MLR_CHANGE_ADDED     ? MLR_ROLE_KIND_ADDED
           : change == MLR_CHANGE_REMOVED ? MLR_ROLE_KIND_REMOVED
                                          : MLR_ROLE_KIND_CHANGED;
}

static const char *change_sign(unsigned change)
{
    return change == MLR_CHANGE_ADDED ? "+" : change == MLR_CHANGE_REMOVED ? "-" : "~";
}

static void draw_meta(const tree *t, const mlr_meta_change *c, mlr_pane v, int row)
{
    (void)t;
    char a[160] = "";
    char b[160] = "";
    char name[96];
    char fit[512];
    const mlr_meta *m = c->new_meta != NULL ? c->new_meta : c->old_meta;
    mlr_put(v, row, 4, change_role(c->change), change_sign(c->change));
    mlr_elide_middle(name, sizeof name, m->key.p, m->key.n, v.cols / 3);
    int at = mlr_put(v, row, 6, MLR_ROLE_TEXT, name) + 2;
    if (c->old_meta != NULL) {
        mlr_meta_text(c->old_meta, a, sizeof a);
    }
    if (c->new_meta != NULL) {
        mlr_meta_text(c->new_meta, b, sizeof b);
    }
    bool both = c->old_meta != NULL && c->new_meta != NULL;
    int n = both ? snprintf(fit, sizeof fit, "%s → %s", a, b)
                 : snprintf(fit, sizeof fit, "%s%s", a, b);
    char shown[512];
    if (n > 0 && at < v.cols - 1) {
        mlr_elide_middle(shown, sizeof shown, fit, strlen(fit), v.cols - at - 1);
        mlr_put(v, row, at, MLR_ROLE_DIM, shown);
    }
}

static void draw_token(const mlr_token_change *c, mlr_pane v, int row)
{
    unsigned change = c->old_id == MLR_NO_TOKEN   ? MLR_CHANGE_ADDED
                      : c->new_id == MLR_NO_TOKEN ? MLR_CHANGE_REMOVED
                                                  : MLR_CHANGE_CHANGED;
    char name[128];
    mlr_put(v, row, 4, change_role(change), change_sign(change));
    mlr_elide_middle(name, sizeof name, c->text.p, c->text.n, v.cols / 2);
    int at = mlr_put(v, row, 6, MLR_ROLE_TEXT, name) + 2;
    if (change == MLR_CHANGE_CHANGED) {
        mlr_putf(v, row, at, MLR_ROLE_DIM, "id %u → %u", c->old_id, c->new_id);
    } else {
        mlr_putf(v, row, at, MLR_ROLE_DIM, "id %u",
                 change == MLR_CHANGE_ADDED ? c->new_id : c->old_id);
    }
}

static void draw_item(const mlr_app *app, const tree *t, size_t at, mlr_pane v, int row,
                      const mlr_columns_at *columns_at)
{
    const item *i = &t->item[at];
    switch (i->kind) {
    case ITEM_MODULE:
        draw_module(app, t, i, v, row, columns_at);
        break;
    case ITEM_FROZEN:
        draw_frozen(app, t, i, v, row, columns_at);
        break;
    case ITEM_SECTION:
        draw_section(t, (section)i->index, v, row);
        break;
    case ITEM_META:
        draw_meta(t, &t->meta.changes[i->index], v, row);
        break;
    case ITEM_TOKEN:
        draw_token(&t->vocabulary.changes[i->index], v, row);
        break;
    default:
        mlr_put(v, row, 6, MLR_ROLE_DIM, "nothing changed here");
        break;
    }
}

/* One column a layer, as wide as the view allows. */
static void draw_strip(const tree *t, mlr_pane v, bool of_out)
{
    double value[MLR_TREE_LAYERS] = {0};
    double wide[1024] = {0};
    double most = of_out ? 0 : 1;
    size_t n = t->modules.layers;
    for (size_t i = 0; i < n; i++) {
        const mlr_layer_change *l = &t->modules.layer[i];
        value[i] = of_out ? l->out : l->elements > 0 ? l->changed / l->elements : 0;
        most = value[i] > most ? value[i] : most;
    }
    size_t cols = v.cols < 1024 ? (size_t)v.cols : 1024;
    size_t each = n > 0 && n <= cols ? cols / n : 1;
    each = each > 4 ? 4 : each;
    size_t used = 0;
    for (size_t i = 0; i < cols; i++) {
        size_t from = n <= cols ? i / each : i * n / cols;
        bool gap = n <= cols && each > 2 && i % each == each - 1;
        if (from < n) {
            wide[i] = gap ? 0 : value[from];
            used = i + 1;
        }
    }
    mlr_columns(v, wide, used, most, of_out ? MLR_ROLE_SPARK : MLR_ROLE_HIST_DELTA);
}

static void draw_depth(const tree *t, mlr_pane v)
{
    char note[32];
    snprintf(note, sizeof note, "layers 0-%zu", t->modules.layers - 1);
    mlr_pane in = mlr_frame(v, "Change by depth", note);
    bool out = t->modules.module[0].out > 0;
    int each = in.rows >= 5 && out ? 2 : out ? 1 : in.rows;
    mlr_put(in, 0, 1, MLR_ROLE_DIM, "changed");
    draw_strip(t, mlr_pane_part(in, 0, 10, each, in.cols - 11), false);
    if (out) {
        mlr_put(in, each, 1, MLR_ROLE_DIM, "out");
        draw_strip(t, mlr_pane_part(in, each, 10, each, in.cols - 11), true);
    }
}

static void draw(const mlr_app *app, const void *state, mlr_pane body)
{
    const tree *t = state;
    mlr_columns_at at;
    mlr_table_layout(columns, COLUMNS, body.cols - 1, &at);
    for (int c = 0; c < COLUMNS; c++) {
        mlr_role role = MLR_ROLE_HEADER;
        if (at.width[c] > 0 && columns[c].right) {
            mlr_put_right(body, 0, at.x[c] + at.width[c], role, columns[c].title);
        } else if (at.width[c] > 0) {
            mlr_put(body, 0, at.x[c] + (c == C_NAME ? 4 : 0), role, columns[c].title);
        }
    }
    for (size_t i = 0; i < t->table.page && t->table.top + i < t->items; i++) {
        bool here = t->table.top + i == t->table.cursor;
        int row = (int)i + 1;
        mlr_pane v = here ? mlr_pane_over(body, MLR_ROLE_SELECTION) : body;
        if (here) {
            mlr_fill(mlr_pane_part(v, row, 0, 1, v.cols), MLR_ROLE_TEXT);
            mlr_put_glyph(v, row, 0, MLR_ROLE_TEXT, MLR_G_CURSOR);
            mlr_cursor_at(body, row, 0);
        }
        draw_item(app, t, t->table.top + i, v, row, &at);
    }
    int strip = strip_rows(t, body.rows);
    if (strip > 0) {
        draw_depth(t, mlr_pane_part(body, body.rows - strip, 0, strip, body.cols));
    }
}

static void arrange(mlr_app *app, void *state, int rows, int cols)
{
    tree *t = state;
    (void)cols;
    refresh(app, t);
    mlr_table_arrange(&t->table, t->items, rows - 1 - strip_rows(t, rows));
}

/* --- acting -----------------------------------------------------------------------------
 */

static item *here(tree *t)
{
    return t->table.cursor < t->items ? &t->item[t->table.cursor] : NULL;
}

static bool is_leaf(const tree *t, const item *i)
{
    return i->kind == ITEM_MODULE && t->modules.module[i->last].leaf;
}

static void go_to_parent(tree *t)
{
    size_t c = t->table.cursor;
    uint16_t indent = t->item[c].indent;
    while (c > 0 && t->item[c].indent >= indent) {
        c--;
    }
    mlr_table_go(&t->table, c);
}

static void fold(tree *t, bool open)
{
    const item *i = here(t);
    if (i == NULL) {
        return;
    }
    t->stale = true;
    if (i->kind == ITEM_SECTION && t->section_open[i->index] != open) {
        t->section_open[i->index] = open;
    } else if (i->kind == ITEM_FROZEN && open) {
        for (uint32_t k = i->index; k <= i->last; k = t->modules.module[k].next) {
            t->open[k] |= 2;
        }
    } else if (i->kind == ITEM_MODULE && !is_leaf(t, i) &&
               ((t->open[i->index] & 1) != 0) != open) {
        t->open[i->index] ^= 1;
    } else if (!open) {
        go_to_parent(t);
    }
}

static void fold_all(tree *t)
{
    bool any = false;
    for (size_t i = 1; i < t->modules.count; i++) {
        any = any || (!t->modules.module[i].leaf && (t->open[i] & 1) == 0);
    }
    for (size_t i = 0; i < t->modules.count; i++) {
        t->open[i] = any || i == 0 ? 1 : 0;
    }
    t->stale = true;
    t->table.cursor = 0;
}

/* A module's tensors in the table; a tensor in detail. */
static void enter(mlr_app *app, tree *t)
{
    const item *i = here(t);
    if (i == NULL) {
        return;
    }
    if (i->kind == ITEM_SECTION) {
        fold(t, !t->section_open[i->index]);
        return;
    }
    if (i->kind == ITEM_FROZEN) {
        fold(t, true);
        return;
    }
    if (i->kind != ITEM_MODULE) {
        return;
    }
    const mlr_module *m = &t->modules.module[i->last];
    const mlr_ui_row *r = &app->session.rows.row[m->row];
    if (m->leaf) {
        app->focus = m->row;
        (void)mlr_app_show(app, MLR_SCREEN_DETAIL);
        return;
    }
    char filter[MLR_FILTER_BYTES];
    snprintf(filter, sizeof filter, i->index == 0 ? "" : "name:%.*s%c*", (int)m->end,
             r->name.p, r->name.p[m->end]);
    mlr_tensors_narrow(app, filter);
}

static void ask_sort(mlr_app *app, const tree *t)
{
    mlr_list *l = mlr_app_menu(app, ASK_SORT, "Sort modules by");
    for (int i = 0; i < SORTS; i++) {
        mlr_list_add(l, &(mlr_item){.label = sort_names[i], .detail = "", .value = i});
    }
    mlr_list_ready(l);
    mlr_list_select(l, (int)t->sort);
}

static void answer(mlr_app *app, void *state, const mlr_answer *a)
{
    tree *t = state;
    (void)app;
    if (a->reply == MLR_REPLY_ACCEPTED && a->value >= 0) {
        t->sort = (tree_sort)a->value;
        t->stale = true;
    }
}

static bool act(mlr_app *app, void *state, mlr_action action)
{
    tree *t = state;
    if (mlr_table_act(&t->table, action)) {
        return true;
    }
    switch (action) {
    case MLR_DO_FOLD:
        fold(t, false);
        return true;
    case MLR_DO_UNFOLD:
        fold(t, true);
        return true;
    case MLR_DO_FOLD_ALL:
        fold_all(t);
        return true;
    case MLR_DO_TREE_SORT:
        ask_sort(app, t);
        return true;
    case MLR_DO_ENTER:
        enter(app, t);
        return true;
    default:
        return false;
    }
}

static bool click(mlr_app *app, void *state, int row, int col)
{
    tree *t = state;
    size_t at = t->table.top + (size_t)row - 1;
    (void)app;
    if (row < 1 || (size_t)row > t->table.page || at >= t->items) {
        return false;
    }
    mlr_table_go(&t->table, at);
    const item *i = here(t);
    int x = i->kind == ITEM_SECTION ? 2 : 2 + i->indent * 2;
    if (col >= x && col <= x + 1) {
        fold(t, i->kind == ITEM_SECTION ? !t->section_open[i->index]
                                        : (t->open[i->index] & 1) == 0);
    }
    return true;
}

static void status(const mlr_app *app, const void *state, char *to, size_t room)
{
    const tree *t = state;
    if (t->table.cursor >= t->items) {
        return;
    }
    const item *i = &t->item[t->table.cursor];
    if (t->err.status != MLR_OK && i->kind != ITEM_MODULE) {
        snprintf(to, room, "metadata could not be compared: %s", t->err.rule);
        return;
    }
    const char *what = i->kind == ITEM_FROZEN   ? "Enter shows each of them"
                       : i->kind == ITEM_TOKEN  ? "token"
                       : i->kind == ITEM_META   ? "metadata"
                       : is_leaf(t, i)          ? "Enter shows this tensor"
                       : i->kind == ITEM_MODULE ? "Enter filters the table by this module"
                                                : "";
    if (i->kind == ITEM_MODULE && i->index > 0) {
        const mlr_module *m = &t->modules.module[i->last];
        const mlr_ui_row *r = &app->session.rows.row[m->row];
        snprintf(to, room, "%.*s · by %s · %s", (int)m->end, r->name.p, sort_names[t->sort],
                 what);
    } else {
        snprintf(to, room, "by %s%s%s", sort_names[t->sort], what[0] == '\0' ? "" : " · ",
                 what);
    }
}

static mlr_status open_tree(mlr_app *app, void **state, mlr_err *err)
{
    tree *t = mlr_take(app->alloc, sizeof *t);
    if (t == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the tree");
    }
    memset(t, 0, sizeof *t);
    t->alloc = app->alloc;
    t->job.wake_fd = app->job.wake_fd;
    t->row_count = SIZE_MAX;
    mlr_pool_init(&t->pool, app->alloc);
    *state = t;
    return MLR_OK;
}

static void close_tree(mlr_app *app, void *state)
{
    tree *t = state;
    halt(app, t);
    mlr_pool_release(&t->pool);
    mlr_modules_release(&t->modules);
    if (t->open != NULL) {
        mlr_give(t->alloc, t->open, t->open_room);
    }
    if (t->item != NULL) {
        mlr_give(t->alloc, t->item, t->room * sizeof *t->item);
    }
    if (t->order != NULL) {
        mlr_give(t->alloc, t->order, t->order_room * sizeof *t->order);
    }
    mlr_give(app->alloc, t, sizeof *t);
}

const mlr_screen mlr_screen_tree = {
    .title = "Tree",
    .where = MLR_IN_LIST | MLR_IN_TREE,
    .tab = '2',
    .open = open_tree,
    .arrange = arrange,
    .draw = draw,
    .act = act,
    .click = click,
    .answer = answer,
    .status = status,
    .poll = poll,
    .halt = halt,
    .close = close_tree,
};
