#include "tui/rows.h"

#include <stdlib.h>
#include <string.h>

#include "apply/base/checked.h"
#include "tui/cell_text.h"

static const struct {
    uint32_t glyph;
    const char *word;
} kinds[MLR_ROW_KINDS] = {
    {0xb7, "unknown"}, {'=', "same"},     {'~', "changed"}, {'+', "added"},
    {'-', "removed"},  {'#', "reshaped"}, {'!', "problem"},
};

uint32_t mlr_row_kind_glyph(mlr_row_kind kind)
{
    return kinds[kind].glyph;
}

const char *mlr_row_kind_word(mlr_row_kind kind)
{
    return kinds[kind].word;
}

/* Tensors of the old model by key, in an open hash. */
typedef struct by_key {
    uint32_t *slots; /* tensor index + 1 */
    size_t room;     /* a power of two */
    uint8_t *paired; /* by tensor */
    const mlr_model *m;
} by_key;

static size_t hash_of(mlr_str s)
{
    uint64_t h = 1469598103934665603ULL;
    for (size_t i = 0; i < s.n; i++) {
        h = (h ^ (uint8_t)s.p[i]) * 1099511628211ULL;
    }
    return (size_t)(h ^ h >> 29);
}

static bool equal(mlr_str a, mlr_str b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static bool index_model(by_key *k, const mlr_model *m, const mlr_allocator *alloc)
{
    *k = (by_key){.m = m, .room = 16};
    size_t n = m == NULL ? 0 : m->tensor_count;
    while (k->room < n * 2) {
        k->room *= 2;
    }
    k->slots = mlr_take(alloc, k->room * sizeof *k->slots);
    k->paired = mlr_take(alloc, n + 1);
    if (k->slots == NULL || k->paired == NULL) {
        return false;
    }
    memset(k->slots, 0, k->room * sizeof *k->slots);
    memset(k->paired, 0, n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t at = hash_of(m->tensors[i].key) & (k->room - 1);
        while (k->slots[at] != 0) {
            at = (at + 1) & (k->room - 1);
        }
        k->slots[at] = (uint32_t)i + 1;
    }
    return true;
}

static const mlr_tensor *take_pair(by_key *k, mlr_str key)
{
    size_t at = hash_of(key) & (k->room - 1);
    for (; k->slots[at] != 0; at = (at + 1) & (k->room - 1)) {
        size_t i = k->slots[at] - 1;
        if (k->paired[i] == 0 && equal(k->m->tensors[i].key, key)) {
            k->paired[i] = 1;
            return &k->m->tensors[i];
        }
    }
    return NULL;
}

static bool same_shape(const mlr_tensor *a, const mlr_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           (a->rank == 0 || memcmp(a->dim, b->dim, a->rank * sizeof *a->dim) == 0);
}

static mlr_row_kind kind_of(const mlr_ui_row *r)
{
    if (r->old_tensor == NULL) {
        return MLR_ROW_ADDED;
    }
    if (r->new_tensor == NULL) {
        return MLR_ROW_REMOVED;
    }
    return same_shape(r->old_tensor, r->new_tensor) ? MLR_ROW_UNKNOWN : MLR_ROW_RESHAPED;
}

static void add_row(mlr_ui_rows *r, const mlr_tensor *old_tensor,
                    const mlr_tensor *new_tensor)
{
    const mlr_tensor *t = new_tensor == NULL ? old_tensor : new_tensor;
    mlr_ui_row row = {.old_tensor = old_tensor, .new_tensor = new_tensor, .level = -1};
    row.name = t->key.n > 0 ? t->key : t->name;
    row.dtype = t->dtype;
    row.bytes = new_tensor == NULL ? 0 : new_tensor->data.len;
    row.kind = (uint8_t)kind_of(&row);
    if (row.kind == MLR_ROW_REMOVED) {
        row.out = mlr_known(0);
    }
    int width = row.name.n > 1024 ? 255 : mlr_text_width(row.name.p, row.name.n);
    width = width > 255 ? 255 : width;
    r->longest_name = width > r->longest_name ? width : r->longest_name;
    r->row[r->count++] = row;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Runs of digits compare as numbers, so that layer 9 comes before layer 10. */
static int compare_names(mlr_str a, mlr_str b)
{
    size_t i = 0;
    size_t j = 0;
    while (i < a.n && j < b.n) {
        size_t from_a = i;
        size_t from_b = j;
        while (i < a.n && digit(a.p[i])) {
            i++;
        }
        while (j < b.n && digit(b.p[j])) {
            j++;
        }
        while (from_a < i && a.p[from_a] == '0') {
            from_a++;
        }
        while (from_b < j && b.p[from_b] == '0') {
            from_b++;
        }
        if (i - from_a != j - from_b) {
            return i - from_a < j - from_b ? -1 : 1;
        }
        int c = memcmp(a.p + from_a, b.p + from_b, i - from_a);
        if (c != 0) {
            return c;
        }
        if (i == a.n || j == b.n) {
            break;
        }
        if (a.p[i] != b.p[j]) {
            return (unsigned char)a.p[i] < (unsigned char)b.p[j] ? -1 : 1;
        }
        i++;
        j++;
    }
    return (i < a.n) - (j < b.n);
}

static int compare_ranked(const void *pa, const void *pb, void *ctx)
{
    const mlr_ui_row *rows = ctx;
    uint32_t a = *(const uint32_t *)pa;
    uint32_t b = *(const uint32_t *)pb;
    int c = compare_names(rows[a].name, rows[b].name);
    return c != 0 ? c : a < b ? -1 : a > b;
}

void mlr_rows_rank(mlr_ui_rows *r)
{
    size_t bytes = (r->count + 1) * sizeof(uint32_t);
    uint32_t *order = mlr_take(r->alloc, bytes);
    if (order == NULL) {
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        order[i] = (uint32_t)i;
    }
    qsort_r(order, r->count, sizeof *order, compare_ranked, r->row);
    for (size_t i = 0; i < r->count; i++) {
        r->row[order[i]].name_rank = (uint32_t)i;
    }
    mlr_give(r->alloc, order, bytes);
}

static void fill(mlr_ui_rows *r, const mlr_model *new_model, by_key *k)
{
    for (size_t i = 0; i < new_model->tensor_count; i++) {
        const mlr_tensor *t = &new_model->tensors[i];
        add_row(r, take_pair(k, t->key), t);
    }
    for (size_t i = 0; k->m != NULL && i < k->m->tensor_count; i++) {
        if (k->paired[i] == 0) {
            add_row(r, &k->m->tensors[i], NULL);
        }
    }
}

mlr_status mlr_rows_build(mlr_ui_rows *r, const mlr_model *old_model,
                          const mlr_model *new_model, const mlr_allocator *alloc,
                          mlr_err *err)
{
    by_key k;
    *r = (mlr_ui_rows){.alloc = alloc, .generation = 1};
    bool ok = index_model(&k, old_model, alloc);
    size_t old_count = old_model == NULL ? 0 : old_model->tensor_count;
    size_t room = new_model->tensor_count + old_count;
    r->row = ok ? mlr_take(alloc, (room + 1) * sizeof *r->row) : NULL;
    if (r->row != NULL) {
        fill(r, new_model, &k);
        /* The table keeps its exact size, so that release knows it. */
        mlr_ui_row *exact = mlr_take(alloc, (r->count + 1) * sizeof *exact);
        if (exact != NULL) {
            memcpy(exact, r->row, r->count * sizeof *exact);
        }
        mlr_give(alloc, r->row, (room + 1) * sizeof *r->row);
        r->row = exact;
        r->room = r->count + 1;
    }
    mlr_give(alloc, k.slots, k.room * sizeof *k.slots);
    mlr_give(alloc, k.paired, old_count + 1);
    if (r->row == NULL) {
        *r = (mlr_ui_rows){0};
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the tensor table");
    }
    mlr_rows_rank(r);
    return MLR_OK;
}

void mlr_rows_release(mlr_ui_rows *r)
{
    if (r->alloc != NULL) {
        mlr_give(r->alloc, r->row, r->room * sizeof *r->row);
    }
    *r = (mlr_ui_rows){0};
}

void mlr_rows_touch(mlr_ui_rows *r)
{
    r->generation++;
}

void mlr_rows_mark(mlr_ui_rows *r, size_t i, bool marked)
{
    if (r->row[i].marked != marked) {
        r->row[i].marked = marked;
        r->marked = marked ? r->marked + 1 : r->marked - 1;
    }
}

mlr_fact mlr_row_ratio(const mlr_ui_row *row)
{
    mlr_fact f = row->out;
    if (f.state == MLR_FACT_UNKNOWN || f.value <= 0 || row->bytes == 0) {
        return (mlr_fact){0};
    }
    f.value = (double)row->bytes / f.value;
    return f;
}

mlr_totals mlr_totals_none(void)
{
    return (mlr_totals){.out = mlr_known(0)};
}

static void add_fact(mlr_fact *sum, const mlr_fact *f)
{
    /* Errors of single tensors are not independent: the sum of their bounds is kept. */
    double absolute = sum->value * (double)sum->error + f->value * (double)f->error;
    sum->value += f->value;
    sum->error = sum->value > 0 ? (float)(absolute / sum->value) : 0;
    sum->state = f->state < sum->state ? f->state : sum->state;
}

void mlr_totals_add(mlr_totals *t, const mlr_ui_row *row)
{
    const mlr_tensor *tensor = row->new_tensor != NULL ? row->new_tensor : row->old_tensor;
    t->rows++;
    t->by_kind[row->kind]++;
    t->lossy += row->lossy;
    t->with_dictionary += row->dictionary != NULL;
    t->marked += row->marked;
    t->bytes += row->bytes;
    add_fact(&t->out, &row->out);
    if (row->changed.state != MLR_FACT_UNKNOWN && tensor != NULL) {
        t->changed_known++;
        t->elements += (double)tensor->elements;
        t->changed_elements += (double)tensor->elements * row->changed.value;
    }
}
