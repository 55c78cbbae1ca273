#include "analysis/meta_diff.h"

#include "analysis/equal.h"
#include "analysis/sort.h"
#include "apply/base/cursor.h"
#include "apply/base/mem.h"

static const uint64_t MOST_TOKEN_BYTES = (uint64_t)64 << 20;

static int compare_text(mlr_str a, mlr_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (order != 0) {
        return order;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for comparing metadata");
}

/* --- metadata ----------------------------------------------------------------------------
 */

static bool starts(mlr_str key, const char *with, size_t n)
{
    return key.n >= n && memcmp(key.p, with, n) == 0;
}

static mlr_meta_area area_of(mlr_str key)
{
    if (starts(key, "tokenizer.", 10)) {
        return MLR_META_TOKENIZER;
    }
    if (starts(key, "opset.", 6)) {
        return MLR_META_OPSET;
    }
    return starts(key, "graph.ops.", 10) ? MLR_META_OPERATOR : MLR_META_GENERAL;
}

static bool is_scalar(mlr_meta_kind kind)
{
    return kind == MLR_META_UINT || kind == MLR_META_INT || kind == MLR_META_FLOAT ||
           kind == MLR_META_BOOL;
}

/* What can be told without reading: true where `*same` is the answer. */
static bool told_at_once(const mlr_meta *a, const mlr_meta *b, bool *same)
{
    *same = false;
    if (a->kind != b->kind || a->native_type != b->native_type) {
        return true;
    }
    if (is_scalar(a->kind)) {
        *same = memcmp(&a->value, &b->value, sizeof a->value) == 0;
        return true;
    }
    if (a->count != b->count || (a->kind == MLR_META_ARRAY && a->element != b->element)) {
        return true;
    }
    if (a->kind == MLR_META_STRING && a->text.n == a->count && b->text.n == b->count) {
        *same = compare_text(a->text, b->text) == 0;
        return true;
    }
    *same = a->bytes.len == 0;
    return a->bytes.len != b->bytes.len || a->bytes.len == 0;
}

static mlr_status compare_metas(const mlr_model *ma, const mlr_meta *a, const mlr_model *mb,
                                const mlr_meta *b, const mlr_work *work, bool *same,
                                mlr_err *err)
{
    if (told_at_once(a, b, same)) {
        return MLR_OK;
    }
    uint64_t done = 0;
    mlr_equal e = {.a = ma->members[a->member].source,
                   .b = mb->members[b->member].source,
                   .a_off = a->bytes.off,
                   .b_off = b->bytes.off,
                   .bytes = a->bytes.len};
    mlr_status status = mlr_equal_run(&e, 1, work, &done, 2 * a->bytes.len, err);
    *same = !e.differs;
    return status;
}

static bool key_less(const void *ctx, uint32_t a, uint32_t b)
{
    const mlr_meta *metas = ctx;
    return compare_text(metas[a].key, metas[b].key) < 0;
}

static uint32_t *sorted(size_t n, bool (*less)(const void *, uint32_t, uint32_t),
                        const void *ctx, mlr_pool *pool)
{
    uint32_t *order = mlr_pool_take(pool, n * sizeof *order);
    uint32_t *spare = mlr_pool_take(pool, n * sizeof *spare);
    if (order == NULL || spare == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    mlr_sort(order, spare, n, less, ctx);
    return order;
}

static const mlr_meta *find_meta(const mlr_model *m, const uint32_t *order, mlr_str key)
{
    size_t low = 0, high = m->meta_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = compare_text(m->metas[order[mid]].key, key);
        if (c == 0) {
            return &m->metas[order[mid]];
        }
        if (c < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return NULL;
}

static void record(mlr_meta_diff *out, const mlr_meta *a, const mlr_meta *b, bool same)
{
    mlr_change change = same ? MLR_CHANGE_SAME : MLR_CHANGE_CHANGED;
    change = a == NULL ? MLR_CHANGE_ADDED : b == NULL ? MLR_CHANGE_REMOVED : change;
    out->changes[out->count++] =
        (mlr_meta_change){.old_meta = a,
                          .new_meta = b,
                          .change = (uint8_t)change,
                          .area = (uint8_t)area_of(b != NULL ? b->key : a->key)};
    out->counts[change]++;
}

mlr_status mlr_meta_diff_make(mlr_meta_diff *out, const mlr_model *old_model,
                              const mlr_model *new_model, const mlr_work *work,
                              mlr_pool *pool, mlr_err *err)
{
    size_t most = old_model->meta_count + new_model->meta_count;
    *out = (mlr_meta_diff){.changes = mlr_pool_take(pool, most * sizeof *out->changes)};
    mlr_pool scratch;
    mlr_pool_init(&scratch, work->alloc);
    uint32_t *olds = sorted(old_model->meta_count, key_less, old_model->metas, &scratch);
    uint32_t *news = sorted(new_model->meta_count, key_less, new_model->metas, &scratch);
    mlr_status status = MLR_OK;
    if (out->changes == NULL || olds == NULL || news == NULL) {
        status = no_memory(err);
        goto out;
    }
    for (size_t i = 0; i < new_model->meta_count && status == MLR_OK; i++) {
        const mlr_meta *b = &new_model->metas[i];
        const mlr_meta *a = find_meta(old_model, olds, b->key);
        bool same = false;
        if (a != NULL) {
            status = compare_metas(old_model, a, new_model, b, work, &same, err);
        }
        record(out, a, b, same);
    }
    for (size_t i = 0; i < old_model->meta_count && status == MLR_OK; i++) {
        const mlr_meta *a = &old_model->metas[i];
        if (find_meta(new_model, news, a->key) == NULL) {
            record(out, a, NULL, false);
        }
    }
out:
    mlr_pool_release(&scratch);
    return status;
}

/* --- vocabulary --------------------------------------------------------------------------
 */

typedef struct tokens {
    mlr_str *text;
    size_t count;
} tokens;

/* How the length of a string may be stored: GGUF 1 has 4 bytes, later versions 8; either
   byte order. */
static uint64_t load_length(const uint8_t *p, unsigned width, bool big)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < width; i++) {
        v = v << 8 | p[big ? i : width - 1 - i];
    }
    return v;
}

/* Fills the list where exactly `count` strings of this encoding fill the bytes. */
static bool split_tokens(tokens *t, const uint8_t *p, size_t n, unsigned width, bool big)
{
    size_t at = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (n - at < width) {
            return false;
        }
        uint64_t length = load_length(p + at, width, big);
        at += width;
        if (length > n - at) {
            return false;
        }
        t->text[i] = (mlr_str){(const char *)p + at, (size_t)length};
        at += (size_t)length;
    }
    return at == n;
}

static const mlr_meta *token_list(const mlr_model *m)
{
    static const char key[] = "tokenizer.ggml.tokens";
    for (size_t i = 0; i < m->meta_count; i++) {
        const mlr_meta *meta = &m->metas[i];
        if (meta->key.n == sizeof key - 1 && starts(meta->key, key, sizeof key - 1) &&
            meta->kind == MLR_META_ARRAY && meta->element == MLR_META_STRING &&
            meta->bytes.len <= MOST_TOKEN_BYTES && meta->count <= meta->bytes.len / 4) {
            return meta;
        }
    }
    return NULL;
}

/* False where there is no list that can be read; then *status says whether that is a
   failure. */
static bool read_tokens(tokens *t, const mlr_model *m, mlr_pool *pool, mlr_status *status,
                        mlr_err *err)
{
    const mlr_meta *meta = token_list(m);
    if (meta == NULL) {
        return false;
    }
    size_t n = (size_t)meta->bytes.len;
    uint8_t *bytes = mlr_pool_take(pool, n);
    t->count = (size_t)meta->count;
    t->text = mlr_pool_take(pool, t->count * sizeof *t->text);
    if (bytes == NULL || t->text == NULL) {
        *status = no_memory(err);
        return false;
    }
    const mlr_source *s = m->members[meta->member].source;
    *status = n == 0 ? MLR_OK : s->read_at(s->ctx, meta->bytes.off, bytes, n, err);
    if (*status != MLR_OK) {
        return false;
    }
    return split_tokens(t, bytes, n, 8, false) || split_tokens(t, bytes, n, 4, false) ||
           split_tokens(t, bytes, n, 8, true) || split_tokens(t, bytes, n, 4, true);
}

static bool token_less(const void *ctx, uint32_t a, uint32_t b)
{
    const mlr_str *text = ctx;
    return compare_text(text[a], text[b]) < 0;
}

/* Finds each token's place in the other list: equal texts pair up in their order. */
static void pair_tokens(const tokens *o, const uint32_t *old_order, const tokens *n,
                        const uint32_t *new_order, uint32_t *old_to_new,
                        uint32_t *new_to_old)
{
    size_t i = 0, j = 0;
    while (i < o->count && j < n->count) {
        uint32_t a = old_order[i], b = new_order[j];
        int c = compare_text(o->text[a], n->text[b]);
        if (c == 0) {
            old_to_new[a] = b;
            new_to_old[b] = a;
        }
        i += c <= 0;
        j += c >= 0;
    }
}

static void add_change(mlr_vocabulary_diff *out, mlr_str text, uint32_t a, uint32_t b)
{
    out->changes[out->count++] = (mlr_token_change){.text = text, .old_id = a, .new_id = b};
}

static void list_changes(mlr_vocabulary_diff *out, const tokens *o, const tokens *n,
                         const uint32_t *old_to_new, const uint32_t *new_to_old)
{
    for (uint32_t i = 0; i < n->count; i++) {
        if (new_to_old[i] == MLR_NO_TOKEN) {
            add_change(out, n->text[i], MLR_NO_TOKEN, i);
            out->added++;
        }
    }
    for (uint32_t i = 0; i < o->count; i++) {
        if (old_to_new[i] == MLR_NO_TOKEN) {
            add_change(out, o->text[i], i, MLR_NO_TOKEN);
            out->removed++;
        }
    }
    for (uint32_t i = 0; i < n->count; i++) {
        if (new_to_old[i] == i) {
            out->same++;
        } else if (new_to_old[i] != MLR_NO_TOKEN) {
            add_change(out, n->text[i], new_to_old[i], i);
            out->moved++;
        }
    }
}

static mlr_status diff_tokens(mlr_vocabulary_diff *out, const tokens *o, const tokens *n,
                              mlr_pool *pool, mlr_pool *scratch, mlr_err *err)
{
    uint32_t *old_order = sorted(o->count, token_less, o->text, scratch);
    uint32_t *new_order = sorted(n->count, token_less, n->text, scratch);
    uint32_t *old_to_new = mlr_pool_take(scratch, o->count * sizeof *old_to_new);
    uint32_t *new_to_old = mlr_pool_take(scratch, n->count * sizeof *new_to_old);
    out->changes = mlr_pool_take(pool, (o->count + n->count) * sizeof *out->changes);
    if (old_order == NULL || new_order == NULL || old_to_new == NULL ||
        new_to_old == NULL || out->changes == NULL) {
        return no_memory(err);
    }
    memset(old_to_new, 0xff, o->count * sizeof *old_to_new);
    memset(new_to_old, 0xff, n->count * sizeof *new_to_old);
    pair_tokens(o, old_order, n, new_order, old_to_new, new_to_old);
    out->known = true;
    out->old_count = o->count;
    out->new_count = n->count;
    list_changes(out, o, n, old_to_new, new_to_old);
    return MLR_OK;
}

mlr_status mlr_vocabulary_diff_make(mlr_vocabulary_diff *out, const mlr_model *old_model,
                                    const mlr_model *new_model, const mlr_work *work,
                                    mlr_pool *pool, mlr_err *err)
{
    *out = (mlr_vocabulary_diff){.known = false};
    mlr_pool scratch;
    mlr_pool_init(&scratch, work->alloc);
    tokens o, n;
    mlr_status status = MLR_OK;
    if (read_tokens(&o, old_model, pool, &status, err) &&
        read_tokens(&n, new_model, pool, &status, err)) {
        status = diff_tokens(out, &o, &n, pool, &scratch, err);
    }
    mlr_pool_release(&scratch);
    return status;
}
