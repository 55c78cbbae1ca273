#include "analysis/match.h"

#include "analysis/match_state.h"
#include "analysis/sort.h"
#include "apply/base/mem.h"

/* Names may repeat without end in ONNX; looking further would cost the square of that. */
enum { MOST_NAMESAKES = 1024 };

bool mlr_tensor_same_layout(const mlr_tensor *a, const mlr_tensor *b)
{
    if (a->dtype != b->dtype || a->big_endian != b->big_endian || a->rank != b->rank) {
        return false;
    }
    for (unsigned i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) {
            return false;
        }
    }
    return true;
}

const char *mlr_change_name(unsigned change)
{
    static const char *const names[] = {
#define NAME(id, name) name,
        MLR_CHANGE_TABLE(NAME)
#undef NAME
    };
    return change < MLR_CHANGE_COUNT ? names[change] : "unknown";
}

const char *mlr_paired_by_name(unsigned by)
{
    static const char *const names[] = {
#define NAME(id, name) name,
        MLR_PAIRED_BY_TABLE(NAME)
#undef NAME
    };
    return by < MLR_PAIRED_BY_COUNT ? names[by] : "unknown";
}

const char *mlr_pair_flag_next(uint16_t *flags)
{
#define TEST(id, bit, name)                                                                \
    if ((*flags & (bit)) != 0) {                                                           \
        *flags = (uint16_t)(*flags & ~(bit));                                              \
        return name;                                                                       \
    }
    MLR_PAIR_FLAG_TABLE(TEST)
#undef TEST
    *flags = 0;
    return NULL;
}

/* --- strings -----------------------------------------------------------------------------
 */

static int compare_text(mlr_str a, mlr_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (order != 0) {
        return order;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

typedef struct text_index {
    const mlr_tensor *tensors;
    uint32_t *order; /* tensors sorted by text, then by index */
    size_t count;
    bool by_name;
} text_index;

static mlr_str text_of(const text_index *x, uint32_t tensor)
{
    return x->by_name ? x->tensors[tensor].name : x->tensors[tensor].key;
}

static bool text_less(const void *ctx, uint32_t a, uint32_t b)
{
    return compare_text(text_of(ctx, a), text_of(ctx, b)) < 0;
}

static bool index_text(text_index *x, const mlr_model *m, bool by_name, mlr_pool *pool)
{
    *x = (text_index){.tensors = m->tensors, .count = m->tensor_count, .by_name = by_name};
    x->order = mlr_pool_take(pool, x->count * sizeof *x->order);
    uint32_t *spare = mlr_pool_take(pool, x->count * sizeof *spare);
    if (x->order == NULL || spare == NULL) {
        return false;
    }
    for (size_t i = 0; i < x->count; i++) {
        x->order[i] = (uint32_t)i;
    }
    mlr_sort(x->order, spare, x->count, text_less, x);
    return true;
}

/* The place in `order` of the first tensor whose text is not before `text`. */
static size_t lower_bound(const text_index *x, mlr_str text)
{
    size_t low = 0, high = x->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_text(text_of(x, x->order[mid]), text) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The first tensor with this text that is still free, or MLR_NO_TENSOR. `free_now` maps a
   tensor to MLR_NO_TENSOR while it is free. */
static uint32_t find_free(const text_index *x, mlr_str text, const uint32_t *free_now)
{
    size_t first = lower_bound(x, text);
    for (size_t at = first; at < x->count && at - first < MOST_NAMESAKES; at++) {
        uint32_t tensor = x->order[at];
        if (compare_text(text_of(x, tensor), text) != 0) {
            break;
        }
        if (free_now[tensor] == MLR_NO_TENSOR) {
            return tensor;
        }
    }
    return MLR_NO_TENSOR;
}

/* --- pairing by text ---------------------------------------------------------------------
 */

typedef struct text_match {
    mlr_matching *m;
    uint32_t *old_to_new; /* MLR_NO_TENSOR: free */
    uint32_t *new_to_old;
    uint8_t *by; /* of each new tensor */
    text_index keys, names, new_keys, new_names;
} text_match;

static void pair_up(text_match *t, uint32_t old_tensor, uint32_t new_tensor,
                    mlr_paired_by by)
{
    t->old_to_new[old_tensor] = new_tensor;
    t->new_to_old[new_tensor] = old_tensor;
    t->by[new_tensor] = (uint8_t)by;
}

static uint32_t find_old(const text_match *t, mlr_str text)
{
    uint32_t found = find_free(&t->keys, text, t->old_to_new);
    return found != MLR_NO_TENSOR ? found : find_free(&t->names, text, t->old_to_new);
}

static size_t star_in(mlr_str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != '*') {
        i++;
    }
    return i;
}

/* What '*' stands for where `text` matches `pattern`. */
static bool captured(mlr_str pattern, mlr_str text, mlr_str *out)
{
    size_t star = star_in(pattern);
    size_t tail = pattern.n - star - 1;
    if (text.n < star + tail || memcmp(text.p, pattern.p, star) != 0 ||
        memcmp(text.p + text.n - tail, pattern.p + star + 1, tail) != 0) {
        return false;
    }
    *out = (mlr_str){text.p + star, text.n - star - tail};
    return true;
}

/* `pattern` with `text` in the place of its '*'; empty where it would be too long. */
static mlr_str filled(mlr_str pattern, mlr_str text, char *room, size_t room_size)
{
    size_t star = star_in(pattern);
    if (star == pattern.n) {
        return pattern;
    }
    if (text.n > room_size || pattern.n > room_size - text.n) {
        return (mlr_str){room, 0};
    }
    memcpy(room, pattern.p, star);
    memcpy(room + star, text.p, text.n);
    memcpy(room + star + text.n, pattern.p + star + 1, pattern.n - star - 1);
    return (mlr_str){room, pattern.n - 1 + text.n};
}

static size_t apply_pattern(text_match *t, const mlr_match_rule *rule)
{
    char room[8192];
    size_t pairs = 0;
    for (size_t i = 0; i < t->m->new_model->tensor_count; i++) {
        const mlr_tensor *tensor = &t->m->new_model->tensors[i];
        mlr_str middle;
        if (t->new_to_old[i] != MLR_NO_TENSOR ||
            (!captured(rule->new_key, tensor->key, &middle) &&
             !captured(rule->new_key, tensor->name, &middle))) {
            continue;
        }
        uint32_t found = find_old(t, filled(rule->old_key, middle, room, sizeof room));
        if (found != MLR_NO_TENSOR) {
            pair_up(t, found, (uint32_t)i, MLR_BY_MAP);
            pairs++;
        }
    }
    return pairs;
}

static size_t apply_rule(text_match *t, const mlr_match_rule *rule)
{
    if (star_in(rule->new_key) < rule->new_key.n) {
        return apply_pattern(t, rule);
    }
    uint32_t new_tensor = find_free(&t->new_keys, rule->new_key, t->new_to_old);
    if (new_tensor == MLR_NO_TENSOR) {
        new_tensor = find_free(&t->new_names, rule->new_key, t->new_to_old);
    }
    uint32_t old_tensor = find_old(t, rule->old_key);
    if (new_tensor == MLR_NO_TENSOR || old_tensor == MLR_NO_TENSOR) {
        return 0;
    }
    pair_up(t, old_tensor, new_tensor, MLR_BY_MAP);
    return 1;
}

static mlr_status apply_rules(text_match *t, const mlr_match_options *options, mlr_err *err)
{
    for (size_t i = 0; options != NULL && i < options->rule_count; i++) {
        if (apply_rule(t, &options->rules[i]) == 0) {
            mlr_err_about(err, options->rules[i].new_key.p, options->rules[i].new_key.n);
            return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET,
                            "a mapping of tensors that exist");
        }
    }
    return MLR_OK;
}

static void pair_by_text(text_match *t, const text_index *old_index, mlr_paired_by by)
{
    const mlr_model *m = t->m->new_model;
    for (size_t i = 0; i < m->tensor_count; i++) {
        mlr_str text = by == MLR_BY_KEY ? m->tensors[i].key : m->tensors[i].name;
        if (t->new_to_old[i] != MLR_NO_TENSOR || text.n == 0) {
            continue;
        }
        uint32_t found = find_free(old_index, text, t->old_to_new);
        if (found != MLR_NO_TENSOR) {
            pair_up(t, found, (uint32_t)i, by);
        }
    }
}

static void fill(uint32_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = MLR_NO_TENSOR;
    }
}

static bool prepare(text_match *t, mlr_pool *scratch)
{
    const mlr_model *o = t->m->old_model, *n = t->m->new_model;
    t->old_to_new = mlr_pool_take(scratch, o->tensor_count * sizeof *t->old_to_new);
    t->new_to_old = mlr_pool_take(scratch, n->tensor_count * sizeof *t->new_to_old);
    t->by = mlr_pool_take(scratch, n->tensor_count);
    if (t->old_to_new == NULL || t->new_to_old == NULL || t->by == NULL) {
        return false;
    }
    fill(t->old_to_new, o->tensor_count);
    fill(t->new_to_old, n->tensor_count);
    return index_text(&t->keys, o, false, scratch) &&
           index_text(&t->names, o, true, scratch) &&
           index_text(&t->new_keys, n, false, scratch) &&
           index_text(&t->new_names, n, true, scratch);
}

static void publish(const text_match *t)
{
    for (size_t i = 0; i < t->m->new_count; i++) {
        t->m->pairs[i] = (mlr_pairing){.old_tensor = t->new_to_old[i],
                                       .new_tensor = (uint32_t)i,
                                       .by = t->by[i],
                                       .axis = MLR_NO_AXIS,
                                       .repeat_of = MLR_NO_TENSOR};
        mlr_match_describe(t->m, &t->m->pairs[i]);
    }
}

mlr_status mlr_match_headers(mlr_matching *out, const mlr_model *old_model,
                             const mlr_model *new_model, const mlr_match_options *options,
                             mlr_pool *pool, mlr_err *err)
{
    size_t most = old_model->tensor_count + new_model->tensor_count;
    *out = (mlr_matching){.old_model = old_model,
                          .new_model = new_model,
                          .pairs = mlr_pool_take(pool, most * sizeof *out->pairs),
                          .new_count = new_model->tensor_count};
    mlr_pool scratch;
    mlr_pool_init(&scratch, pool->alloc);
    text_match t = {.m = out};
    mlr_status status = MLR_E_NO_MEMORY;
    if (out->pairs == NULL || !prepare(&t, &scratch)) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the table of pairs");
        goto out;
    }
    status = apply_rules(&t, options, err);
    if (status != MLR_OK) {
        goto out;
    }
    pair_by_text(&t, &t.keys, MLR_BY_KEY);
    if (options == NULL || !options->keys_only) {
        pair_by_text(&t, &t.names, MLR_BY_NAME);
    }
    publish(&t);
    status = mlr_match_settle(out, &scratch, err);
out:
    mlr_pool_release(&scratch);
    return status;
}
