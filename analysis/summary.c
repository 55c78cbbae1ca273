#include "analysis/summary.h"

#include "analysis/sort.h"
#include "apply/base/mem.h"

enum { DEEPEST = 32 }; /* parts of a key that become nodes; the rest stays one name */

/* --- names -------------------------------------------------------------------------------
 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_split(char c)
{
    return c == '.' || c == '/';
}

/* The length of the run of digits at `at`, leading zeros passed by *at. */
static size_t digits(mlr_str s, size_t *at)
{
    while (*at + 1 < s.n && s.p[*at] == '0' && is_digit(s.p[*at + 1])) {
        ++*at;
    }
    size_t end = *at;
    while (end < s.n && is_digit(s.p[end])) {
        end++;
    }
    return end - *at;
}

static int compare_numbers(mlr_str a, size_t *i, mlr_str b, size_t *j)
{
    size_t n = digits(a, i), m = digits(b, j);
    if (n != m) {
        return n < m ? -1 : 1;
    }
    int order = memcmp(a.p + *i, b.p + *j, n);
    *i += n;
    *j += n;
    return order;
}

int mlr_natural_order(mlr_str a, mlr_str b)
{
    size_t i = 0, j = 0;
    while (i < a.n && j < b.n) {
        if (is_digit(a.p[i]) && is_digit(b.p[j])) {
            int order = compare_numbers(a, &i, b, &j);
            if (order != 0) {
                return order;
            }
            continue;
        }
        /* a split sorts first, so that a module stays together */
        int x = is_split(a.p[i]) ? 0 : (unsigned char)a.p[i] + 1;
        int y = is_split(b.p[j]) ? 0 : (unsigned char)b.p[j] + 1;
        if (x != y) {
            return x < y ? -1 : 1;
        }
        i++;
        j++;
    }
    return i < a.n ? 1 : j < b.n ? -1 : 0;
}

/* The number that part [begin, end) is or ends in, if it is one of a layer. */
static bool layer_number(mlr_str key, size_t begin, size_t end, uint64_t *number)
{
    size_t at = end;
    while (at > begin && is_digit(key.p[at - 1])) {
        at--;
    }
    if (at == end || end - at > 9 || (at > begin && key.p[at - 1] != '_')) {
        return false;
    }
    *number = 0;
    for (size_t i = at; i < end; i++) {
        *number = *number * 10 + (uint64_t)(key.p[i] - '0');
    }
    return true;
}

static size_t part_end(mlr_str key, size_t at)
{
    while (at < key.n && !is_split(key.p[at])) {
        at++;
    }
    return at;
}

bool mlr_layer_of(mlr_str key, mlr_str *layer, uint64_t *number)
{
    for (size_t at = 0; at < key.n;) {
        size_t end = part_end(key, at);
        if (layer_number(key, at, end, number)) {
            *layer = (mlr_str){key.p, end};
            return true;
        }
        at = end + 1;
    }
    return false;
}

/* --- tallies -----------------------------------------------------------------------------
 */

static void add_measure(mlr_tally *t, const mlr_measure *m)
{
    t->elements += m->elements;
    t->changed_elements += m->changed_elements;
    const mlr_delta *d = &m->delta;
    if ((m->have & MLR_HAVE_NUMBERS) != 0 && d->l2_relative > 0) {
        double old = d->l2 / d->l2_relative;
        t->delta_square += d->l2 * d->l2;
        t->old_square += old * old;
    }
}

static void add_pair(mlr_tally *t, const mlr_diff *d, size_t index)
{
    const mlr_pairing *p = &d->matching.pairs[index];
    mlr_pair pair = mlr_diff_pair(d, index);
    t->tensors[p->change]++;
    t->renamed += (p->flags & MLR_PAIR_RENAMED) != 0;
    t->moved += (p->flags & MLR_PAIR_MOVED) != 0;
    t->resized += (p->flags & MLR_PAIR_RESIZED) != 0;
    t->retyped += (p->flags & MLR_PAIR_RETYPED) != 0;
    t->tied += (p->flags & MLR_PAIR_TIED) != 0;
    t->old_bytes += pair.old_tensor == NULL ? 0 : pair.old_tensor->data.len;
    uint64_t new_bytes = pair.new_tensor == NULL ? 0 : pair.new_tensor->data.len;
    t->new_bytes += new_bytes;
    t->same_bytes += p->change == MLR_CHANGE_SAME ? new_bytes : 0;
    if (d->measures[index] != NULL) {
        add_measure(t, d->measures[index]);
    }
}

static mlr_str key_of(const mlr_diff *d, size_t index)
{
    mlr_pair pair = mlr_diff_pair(d, index);
    return pair.new_tensor != NULL ? pair.new_tensor->key : pair.old_tensor->key;
}

/* --- groups ------------------------------------------------------------------------------
 */

typedef struct ordering {
    const mlr_diff *d;
    uint32_t *order; /* pairs in natural order of their keys */
    size_t count;
} ordering;

static bool key_less(const void *ctx, uint32_t a, uint32_t b)
{
    return mlr_natural_order(key_of(ctx, a), key_of(ctx, b)) < 0;
}

static bool same_text(mlr_str a, mlr_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Pairs of one layer stand together in natural order. */
static void fill_layers(mlr_summary *s, const ordering *o)
{
    mlr_group *last = NULL;
    for (size_t i = 0; i < o->count; i++) {
        mlr_str name;
        uint64_t number;
        if (!mlr_layer_of(key_of(o->d, o->order[i]), &name, &number)) {
            continue;
        }
        if (last == NULL || !same_text(last->name, name)) {
            last = &s->layers[s->layer_count++];
            *last = (mlr_group){.name = name, .number = number};
        }
        add_pair(&last->tally, o->d, o->order[i]);
    }
}

static void fill_dtypes(mlr_summary *s, const mlr_diff *d)
{
    uint32_t place[MLR_DTYPE_LIMIT] = {0}; /* + 1 */
    for (size_t i = 0; i < d->matching.count; i++) {
        mlr_pair pair = mlr_diff_pair(d, i);
        const mlr_dtype *t =
            pair.new_tensor != NULL ? pair.new_tensor->dtype : pair.old_tensor->dtype;
        if (place[t->id] == 0) {
            size_t n = 0;
            while (t->name[n] != '\0') {
                n++;
            }
            s->dtypes[s->dtype_count++] = (mlr_group){.name = {t->name, n}};
            place[t->id] = (uint32_t)s->dtype_count;
        }
        add_pair(&s->dtypes[place[t->id] - 1].tally, d, i);
    }
    for (size_t i = 1; i < s->dtype_count; i++) { /* a few dozen at most */
        mlr_group keep = s->dtypes[i];
        size_t at = i;
        for (; at > 0 && s->dtypes[at - 1].tally.new_bytes < keep.tally.new_bytes; at--) {
            s->dtypes[at] = s->dtypes[at - 1];
        }
        s->dtypes[at] = keep;
    }
}

/* --- the tree ----------------------------------------------------------------------------
 */

typedef struct branch {
    mlr_str part[DEEPEST];
    size_t count;
} branch;

static void split_key(branch *b, mlr_str key)
{
    b->count = 0;
    for (size_t at = 0; at < key.n && b->count < DEEPEST;) {
        size_t end = b->count + 1 == DEEPEST ? key.n : part_end(key, at);
        if (end > at) { /* "/a//b" has no empty parts */
            b->part[b->count++] = (mlr_str){key.p + at, end - at};
        }
        at = end + 1;
    }
    if (b->count == 0) {
        b->part[b->count++] = key;
    }
}

static size_t common_parts(const branch *a, const branch *b)
{
    size_t n = 0; /* the last part of either is a leaf of its own */
    while (n + 1 < a->count && n + 1 < b->count && same_text(a->part[n], b->part[n])) {
        n++;
    }
    return n;
}

static size_t count_nodes(const ordering *o)
{
    branch last = {.count = 0}, now;
    size_t n = 1;
    for (size_t i = 0; i < o->count; i++) {
        split_key(&now, key_of(o->d, o->order[i]));
        n += now.count - common_parts(&last, &now);
        last = now;
    }
    return n;
}

static void close_nodes(mlr_summary *s, const uint32_t *open, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        s->nodes[open[i]].next = (uint32_t)s->node_count;
    }
}

static void fill_nodes(mlr_summary *s, const ordering *o)
{
    uint32_t open[DEEPEST + 1] = {0}; /* open[k] is the node of depth k on the path */
    branch last = {.count = 0}, now;
    s->nodes[0] = (mlr_node){.pair = MLR_NO_TENSOR};
    s->node_count = 1;
    for (size_t i = 0; i < o->count; i++) {
        split_key(&now, key_of(o->d, o->order[i]));
        size_t common = common_parts(&last, &now);
        close_nodes(s, open, common + 1, last.count + 1);
        for (size_t k = common; k < now.count; k++) {
            open[k + 1] = (uint32_t)s->node_count;
            s->nodes[s->node_count++] = (mlr_node){.name = now.part[k],
                                                   .parent = open[k],
                                                   .pair = MLR_NO_TENSOR,
                                                   .depth = (uint32_t)k + 1};
        }
        s->nodes[open[now.count]].pair = o->order[i];
        for (size_t k = 0; k <= now.count; k++) {
            add_pair(&s->nodes[open[k]].tally, o->d, o->order[i]);
        }
        last = now;
    }
    close_nodes(s, open, 0, last.count + 1);
}

mlr_status mlr_summary_make(mlr_summary *out, const mlr_diff *d, mlr_pool *pool,
                            mlr_err *err)
{
    size_t n = d->matching.count;
    *out = (mlr_summary){.layer_count = 0};
    mlr_pool scratch;
    mlr_pool_init(&scratch, pool->alloc);
    ordering o = {.d = d, .count = n};
    o.order = mlr_pool_take(&scratch, n * sizeof *o.order);
    uint32_t *spare = mlr_pool_take(&scratch, n * sizeof *spare);
    mlr_status status = MLR_OK;
    if (o.order != NULL && spare != NULL) {
        for (size_t i = 0; i < n; i++) {
            o.order[i] = (uint32_t)i;
            add_pair(&out->all, d, i);
        }
        mlr_sort(o.order, spare, n, key_less, d);
        out->nodes = mlr_pool_take(pool, count_nodes(&o) * sizeof *out->nodes);
        out->layers = mlr_pool_take(pool, n * sizeof *out->layers);
        out->dtypes = mlr_pool_take(pool, MLR_DTYPE_LIMIT * sizeof *out->dtypes);
    }
    if (out->nodes == NULL || out->layers == NULL || out->dtypes == NULL) {
        status = mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a summary");
    } else {
        fill_layers(out, &o);
        fill_dtypes(out, d);
        fill_nodes(out, &o);
    }
    mlr_pool_release(&scratch);
    return status;
}
