#include "formats/shard_index.h"

#include <stdlib.h>
#include <string.h>

#include "formats/builder_rows.h"
#include "formats/json_scan.h"
#include "formats/path_rule.h"

static const char no_memory[] = "memory for the names of shards";

/* Names found so far; the scanner's own room is too large for the stack. */
typedef struct reader {
    mlr_json json;
    mlr_pool *pool;
    mlr_rows names; /* const char * */
    mlr_key_index seen;
} reader;

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void mlr_names_sort(const char **names, size_t n)
{
    if (n > 1) {
        qsort(names, n, sizeof *names, by_bytes);
    }
}

static bool same_name(const void *table, uint32_t row, mlr_str key)
{
    const reader *r = table;
    const char *const *name = mlr_rows_at(&r->names, row);
    return strlen(*name) == key.n && memcmp(*name, key.p, key.n) == 0;
}

static bool out_of_memory(reader *r)
{
    mlr_fail(r->json.err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    return false;
}

static bool add_name(reader *r, mlr_str name)
{
    uint32_t tag = mlr_key_tag(&r->seen, name);
    if (mlr_key_find(&r->seen, tag, name, same_name, r) != MLR_NO_TENSOR) {
        return true;
    }
    if (r->names.count >= MLR_MAX_MEMBERS) {
        mlr_fail_limit(r->json.err, mlr_json_at(&r->json), "shards of a model",
                       r->names.count + 1, MLR_MAX_MEMBERS);
        return false;
    }
    const char *copy = mlr_pool_copy(r->pool, name.p, name.n);
    const char **row = copy == NULL ? NULL : mlr_rows_add(&r->names, r->pool);
    if (row == NULL || !mlr_key_insert(&r->seen, tag, r->pool)) {
        return out_of_memory(r);
    }
    *row = copy;
    return true;
}

static bool read_map(reader *r)
{
    mlr_json *j = &r->json;
    mlr_json_text t;
    bool first = true;
    if (!mlr_json_expect(j, '{', "weight_map as an object")) {
        return false;
    }
    while (mlr_json_next(j, '}', &first)) {
        if (!mlr_json_key(j, &t)) {
            return false;
        }
        if (mlr_json_peek(j) != '"') { /* some tools store objects; they name no file */
            if (!mlr_json_skip(j)) {
                return false;
            }
            continue;
        }
        uint64_t at = mlr_json_at(j);
        if (!mlr_json_string(j, &t)) {
            return false;
        }
        bool plain = t.bytes == t.text.n && mlr_path_contained(t.text.p, t.text.n) &&
                     memchr(t.text.p, '/', t.text.n) == NULL;
        if (!plain) {
            mlr_fail(j->err, MLR_E_FORMAT, at, "file name without a directory");
            return false;
        }
        if (!add_name(r, t.text)) {
            return false;
        }
    }
    return mlr_json_ok(j);
}

static bool read_index(reader *r)
{
    static const char key[] = "weight_map";
    mlr_json *j = &r->json;
    mlr_json_text t;
    bool first = true, found = false;
    if (!mlr_json_expect(j, '{', "index as an object")) {
        return false;
    }
    while (mlr_json_next(j, '}', &first)) {
        uint64_t at = mlr_json_at(j);
        if (!mlr_json_key(j, &t)) {
            return false;
        }
        bool map = t.text.n == sizeof key - 1 && memcmp(t.text.p, key, t.text.n) == 0;
        if (map && found) {
            mlr_fail(j->err, MLR_E_FORMAT, at, "weight_map given only once");
            return false;
        }
        found = found || map;
        if (map ? !read_map(r) : !mlr_json_skip(j)) {
            return false;
        }
    }
    if (mlr_json_ok(j) && (!found || r->names.count == 0)) {
        mlr_fail(j->err, MLR_E_FORMAT, 0, "index with a weight_map that names files");
    }
    return mlr_json_ok(j);
}

static mlr_status keep_names(reader *r, const char ***names, size_t *count, mlr_err *err)
{
    const char **to = mlr_pool_take(r->pool, r->names.count * sizeof *to);
    if (to == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    for (size_t i = 0; i < r->names.count; i++) {
        to[i] = *(const char *const *)mlr_rows_at(&r->names, i);
    }
    mlr_names_sort(to, r->names.count);
    *names = to;
    *count = r->names.count;
    return MLR_OK;
}

mlr_status mlr_shard_index_read(const char ***names, size_t *count,
                                const mlr_source *source, mlr_pool *pool, mlr_err *err)
{
    mlr_window window = {0};
    if (source->size > MLR_MAX_JSON_FILE) {
        return mlr_fail_limit(err, 0, "bytes of the index", source->size,
                              MLR_MAX_JSON_FILE);
    }
    reader *r = mlr_pool_take(pool, sizeof *r);
    if (r == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
    }
    r->pool = pool;
    r->names.row_bytes = sizeof(const char *);
    mlr_key_index_init(&r->seen);
    mlr_status status = mlr_window_init(&window, source, pool->alloc, err);
    if (status == MLR_OK) {
        mlr_json_begin(&r->json, &window, 0, source->size, err);
        status = read_index(r) ? keep_names(r, names, count, err) : err->status;
    }
    mlr_window_release(&window);
    return status;
}
