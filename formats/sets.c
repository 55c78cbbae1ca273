#include "formats/sets.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/host/sys_call.h"
#include "formats/builder_rows.h"
#include "formats/hf.h"
#include "formats/shard_index.h"

static const char no_memory[] = "memory for the names of files";
static const char index_suffix[] = ".index.json";
enum { NUMBER_DIGITS = 5 };

static mlr_status out_of_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, no_memory);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* A file of the cache by its digest: what a link of a snapshot leads to. */
static mlr_status open_blob(const mlr_set *set, mlr_file *f, const char *name,
                            const mlr_sys *sys, mlr_err *err)
{
    char path[PATH_MAX], real[PATH_MAX];
    size_t n = strlen(set->dir), k = strlen(name), b = strlen(set->blobs);
    bool inside = n + 1 + k < sizeof path;
    if (inside) {
        memcpy(path, set->dir, n);
        path[n] = '/';
        memcpy(path + n + 1, name, k + 1);
        inside = realpath(path, real) != NULL && strncmp(real, set->blobs, b) == 0 &&
                 real[b] == '/' && strchr(real + b + 1, '/') == NULL;
    }
    if (!inside) {
        mlr_err_about(err, name, k);
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "link that stays in its cache");
    }
    int blobs =
        mlr_sys_openat(sys, AT_FDCWD, set->blobs, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    mlr_status status = mlr_file_open_beneath(f, blobs, real + b + 1, sys, err);
    f->path = name;
    if (blobs >= 0) {
        mlr_sys_close(sys, blobs);
    }
    return status;
}

mlr_status mlr_set_open(const mlr_set *set, mlr_file *f, const char *name,
                        const mlr_sys *sys, mlr_err *err)
{
    sys = sys != NULL ? sys : &mlr_sys_posix;
    if (set->given != NULL && strcmp(name, set->given_name) == 0) {
        return mlr_file_open(f, set->given, sys, err);
    }
    int dir = mlr_sys_openat(sys, AT_FDCWD, set->dir, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    mlr_err first = {0};
    mlr_status status = mlr_file_open_beneath(f, dir, name, sys, &first);
    if (dir >= 0) {
        mlr_sys_close(sys, dir);
    }
    if (status == MLR_E_FORMAT && set->blobs != NULL) {
        return open_blob(set, f, name, sys, err);
    }
    if (status != MLR_OK && err->status == MLR_OK) {
        *err = first;
    }
    return status;
}

/* Names while they are collected. */
typedef struct name_list {
    mlr_rows rows; /* const char * */
    mlr_pool *pool;
} name_list;

static mlr_status add_name(name_list *l, const char *name, size_t n, mlr_err *err)
{
    if (l->rows.count >= MLR_MAX_MEMBERS) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "files of one model", l->rows.count + 1,
                              MLR_MAX_MEMBERS);
    }
    const char *copy = mlr_pool_copy(l->pool, name, n);
    const char **row = copy == NULL ? NULL : mlr_rows_add(&l->rows, l->pool);
    if (row == NULL) {
        return out_of_memory(err);
    }
    *row = copy;
    return MLR_OK;
}

static mlr_status take_names(mlr_set *set, const name_list *l, mlr_err *err)
{
    set->name = mlr_pool_take(l->pool, l->rows.count * sizeof *set->name);
    if (set->name == NULL) {
        return out_of_memory(err);
    }
    set->count = l->rows.count;
    for (size_t i = 0; i < set->count; i++) {
        set->name[i] = *(const char *const *)mlr_rows_at(&l->rows, i);
    }
    mlr_names_sort(set->name, set->count);
    return MLR_OK;
}

/* Files and links to files; directories, sockets and the like are no part of a model. */
static bool is_file(DIR *d, const char *name)
{
    struct stat st;
    return fstatat(dirfd(d), name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

/* The visible files of `dir` whose names end in `suffix`. */
static mlr_status list_files(name_list *l, const char *dir, const char *suffix,
                             mlr_err *err)
{
    DIR *d = opendir(dir);
    if (d == NULL) {
        return mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "directory that can be read");
    }
    mlr_status status = MLR_OK;
    for (struct dirent *e = readdir(d); status == MLR_OK && e != NULL; e = readdir(d)) {
        if (e->d_name[0] != '.' && ends_with(e->d_name, suffix) && is_file(d, e->d_name)) {
            status = add_name(l, e->d_name, strlen(e->d_name), err);
        }
    }
    closedir(d);
    return status;
}

static bool has_name(const char *const *names, size_t count, const char *name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(names[mid], name);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return false;
}

/* The sorted names of shards in the index called `name`. */
static mlr_status read_index(const mlr_set *set, const char *name, const mlr_sys *sys,
                             name_list *out, mlr_err *err)
{
    mlr_file f;
    const char **names = NULL;
    size_t count = 0;
    mlr_status status = mlr_set_open(set, &f, name, sys, err);
    if (status != MLR_OK) {
        return status;
    }
    status = mlr_shard_index_read(&names, &count, &f.source, out->pool, err);
    mlr_file_close(&f);
    for (size_t i = 0; status == MLR_OK && i < count; i++) {
        status = add_name(out, names[i], strlen(names[i]), err);
    }
    if (status != MLR_OK) {
        mlr_err_in(err, MLR_IN_MODEL, name);
    }
    return status;
}

/* An index and its shards. */
static mlr_status from_index(mlr_set *set, const char *name, const mlr_sys *sys,
                             mlr_pool *pool, mlr_err *err)
{
    name_list l = {.rows = {.row_bytes = sizeof(char *)}, .pool = pool};
    mlr_status status = read_index(set, name, sys, &l, err);
    if (status == MLR_OK) {
        status = add_name(&l, name, strlen(name), err);
    }
    return status == MLR_OK ? take_names(set, &l, err) : status;
}

/* Every file of a directory; what its indexes name must be there. */
static mlr_status from_directory(mlr_set *set, const mlr_sys *sys, mlr_pool *pool,
                                 mlr_err *err)
{
    name_list l = {.rows = {.row_bytes = sizeof(char *)}, .pool = pool};
    mlr_status status = list_files(&l, set->dir, "", err);
    if (status == MLR_OK) {
        status = take_names(set, &l, err);
    }
    if (status == MLR_OK && set->count == 0) {
        status = mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET, "directory with files in it");
    }
    for (size_t i = 0; status == MLR_OK && i < set->count; i++) {
        if (!ends_with(set->name[i], ".safetensors.index.json")) {
            continue;
        }
        name_list shards = {.rows = {.row_bytes = sizeof(char *)}, .pool = pool};
        status = read_index(set, set->name[i], sys, &shards, err);
        for (size_t k = 0; status == MLR_OK && k < shards.rows.count; k++) {
            const char *shard = *(const char *const *)mlr_rows_at(&shards.rows, k);
            if (!has_name(set->name, set->count, shard)) {
                mlr_err_about(err, shard, strlen(shard));
                status = mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "every shard of the index");
            }
        }
    }
    return status;
}

/* The index beside a shard that names it; `*found` is NULL where there is none. */
static mlr_status find_index(const mlr_set *set, const char **found, const mlr_sys *sys,
                             mlr_pool *pool, mlr_err *err)
{
    name_list l = {.rows = {.row_bytes = sizeof(char *)}, .pool = pool};
    mlr_set beside = *set;
    *found = NULL;
    mlr_status status = list_files(&l, set->dir, ".safetensors.index.json", err);
    if (status == MLR_OK) {
        status = take_names(&beside, &l, err);
    }
    for (size_t i = 0; status == MLR_OK && *found == NULL && i < beside.count; i++) {
        name_list shards = {.rows = {.row_bytes = sizeof(char *)}, .pool = pool};
        status = read_index(set, beside.name[i], sys, &shards, err);
        for (size_t k = 0; status == MLR_OK && k < shards.rows.count; k++) {
            if (strcmp(*(const char *const *)mlr_rows_at(&shards.rows, k),
                       set->given_name) == 0) {
                *found = beside.name[i];
            }
        }
    }
    return status;
}

/* "<prefix>-00002-of-00005.gguf", or with an underscore before the number. */
typedef struct series {
    const char *number; /* where the shard's own number stands */
    uint32_t count;
} series;

static bool read_number(const char *p, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < NUMBER_DIGITS; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return false;
        }
        *out = *out * 10 + (uint32_t)(p[i] - '0');
    }
    return true;
}

static bool in_series(const char *name, series *s)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL || (strcmp(dot, ".gguf") != 0 && strcmp(dot, ".safetensors") != 0)) {
        return false;
    }
    const int tail = 2 * NUMBER_DIGITS + 4; /* the digits and "-of-" */
    if (dot - name < tail + 1) {
        return false;
    }
    s->number = dot - tail;
    uint32_t own = 0;
    bool marked = s->number[-1] == '-' || s->number[-1] == '_';
    return marked && read_number(s->number, &own) &&
           strncmp(s->number + NUMBER_DIGITS, "-of-", 4) == 0 &&
           read_number(dot - NUMBER_DIGITS, &s->count) && own >= 1 && own <= s->count;
}

static mlr_status from_series(mlr_set *set, const series *s, mlr_pool *pool, mlr_err *err)
{
    name_list l = {.rows = {.row_bytes = sizeof(char *)}, .pool = pool};
    size_t n = strlen(set->given_name);
    size_t at = (size_t)(s->number - set->given_name);
    char *name = mlr_pool_copy(pool, set->given_name, n);
    mlr_status status = name == NULL ? out_of_memory(err) : MLR_OK;
    for (uint32_t i = 1; status == MLR_OK && i <= s->count; i++) {
        uint32_t rest = i;
        for (int k = NUMBER_DIGITS; k-- > 0; rest /= 10) {
            name[at + (size_t)k] = (char)('0' + rest % 10);
        }
        status = add_name(&l, name, n, err);
    }
    return status == MLR_OK ? take_names(set, &l, err) : status;
}

static mlr_status alone(mlr_set *set, mlr_pool *pool, mlr_err *err)
{
    set->name = mlr_pool_take(pool, sizeof *set->name);
    if (set->name == NULL) {
        return out_of_memory(err);
    }
    set->name[0] = set->given_name;
    set->count = 1;
    return MLR_OK;
}

static mlr_status from_file(mlr_set *set, mlr_set_extent extent, const mlr_sys *sys,
                            mlr_pool *pool, mlr_err *err)
{
    const char *index = NULL;
    series s = {0};
    if (extent == MLR_SET_ONE_FILE) {
        return alone(set, pool, err);
    }
    if (ends_with(set->given_name, index_suffix)) {
        return from_index(set, set->given_name, sys, pool, err);
    }
    if (ends_with(set->given_name, ".safetensors")) {
        mlr_status status = find_index(set, &index, sys, pool, err);
        if (status != MLR_OK) {
            return status;
        }
    }
    if (index != NULL) {
        return from_index(set, index, sys, pool, err);
    }
    if (in_series(set->given_name, &s)) {
        return from_series(set, &s, pool, err);
    }
    return alone(set, pool, err);
}

/* Splits a file's path into its directory and name. */
static mlr_status split(mlr_set *set, const char *path, mlr_pool *pool, mlr_err *err)
{
    const char *slash = strrchr(path, '/');
    set->given = path;
    set->given_name = slash == NULL ? path : slash + 1;
    set->dir = slash == NULL   ? "."
               : slash == path ? "/"
                               : mlr_pool_copy(pool, path, (size_t)(slash - path));
    return set->dir == NULL ? out_of_memory(err) : MLR_OK;
}

mlr_status mlr_set_find(mlr_set *set, const char *path, mlr_set_extent extent,
                        const mlr_sys *sys, mlr_pool *pool, mlr_err *err)
{
    struct stat st;
    *set = (mlr_set){0};
    path = mlr_pool_copy(pool, path, strlen(path));
    if (path == NULL) {
        return out_of_memory(err);
    }
    set->folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    set->dir = path;
    mlr_status status = set->folder ? MLR_OK : split(set, path, pool, err);
    if (status == MLR_OK) {
        status = mlr_hf_blobs(&set->blobs, set->dir, set->given, pool, err);
    }
    if (status != MLR_OK) {
        return status;
    }
    return set->folder ? from_directory(set, sys, pool, err)
                       : from_file(set, extent, sys, pool, err);
}
