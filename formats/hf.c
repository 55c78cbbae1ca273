#include "formats/hf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/host/file.h"
#include "formats/path_rule.h"

static const char scheme[] = "hf://";

enum { MAX_COMMIT = 64, MAX_PART = 128 };

bool mlr_hf_is_reference(const char *path)
{
    return strncmp(path, scheme, sizeof scheme - 1) == 0;
}

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a path");
}

/* Some pieces of text one behind the other; the list ends with NULL. */
static char *join(mlr_pool *pool, const char *const *piece)
{
    size_t n = 0;
    for (size_t i = 0; piece[i] != NULL; i++) {
        n += strlen(piece[i]);
    }
    char *to = mlr_pool_take(pool, n + 1);
    size_t at = 0;
    for (size_t i = 0; to != NULL && piece[i] != NULL; i++) {
        size_t part = strlen(piece[i]);
        memcpy(to + at, piece[i], part);
        at += part;
    }
    return to;
}

/* Organisations, names, revisions: letters, digits and a few marks, never "." or "..". */
static bool plain_part(const char *p, size_t n)
{
    if (n == 0 || n > MAX_PART || p[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        bool letter = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z');
        bool digit = p[i] >= '0' && p[i] <= '9';
        if (!letter && !digit && p[i] != '-' && p[i] != '_' && p[i] != '.') {
            return false;
        }
    }
    return true;
}

typedef struct reference {
    const char *org, *name, *rev;
    const char *file; /* NULL: the whole snapshot */
} reference;

static mlr_status split(reference *r, const char *text, mlr_pool *pool, mlr_err *err)
{
    static const char rule[] = "reference of the form hf://org/name[@rev][/file]";
    const char *org = text + sizeof scheme - 1;
    size_t org_n = strcspn(org, "/");
    const char *name = org[org_n] == '/' ? org + org_n + 1 : "";
    size_t name_n = strcspn(name, "@/");
    const char *rev = name[name_n] == '@' ? name + name_n + 1 : "main";
    size_t rev_n = strcspn(rev, "/");
    const char *rest = name[name_n] == '@' ? rev + rev_n : name + name_n;
    const char *file = rest[0] == '/' && rest[1] != '\0' ? rest + 1 : NULL;
    bool fine =
        plain_part(org, org_n) && plain_part(name, name_n) && plain_part(rev, rev_n);
    if (!fine || (file != NULL && !mlr_path_contained(file, strlen(file)))) {
        return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET, rule);
    }
    r->org = mlr_pool_copy(pool, org, org_n);
    r->name = mlr_pool_copy(pool, name, name_n);
    r->rev = mlr_pool_copy(pool, rev, rev_n);
    r->file = file;
    return r->org != NULL && r->name != NULL && r->rev != NULL ? MLR_OK : no_memory(err);
}

const char *mlr_hf_root(mlr_pool *pool)
{
    static const struct {
        const char *variable, *below;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i].variable);
        if (value != NULL && value[0] != '\0') {
            return join(pool, (const char *[]){value, places[i].below, NULL});
        }
    }
    return join(pool, (const char *[]){".cache/huggingface/hub", NULL});
}

/* Reads the commit that `path` names; false where there is no such file or no commit in it.
 */
static bool read_commit(const char *path, char to[MAX_COMMIT + 1])
{
    mlr_file f;
    mlr_err unseen = {0};
    if (mlr_file_open(&f, path, NULL, &unseen) != MLR_OK) {
        return false;
    }
    size_t n = f.source.size <= MAX_COMMIT + 1 ? (size_t)f.source.size : 0;
    char text[MAX_COMMIT + 2] = {0};
    bool fine = n > 0 && f.source.read_at(f.source.ctx, 0, text, n, &unseen) == MLR_OK;
    mlr_file_close(&f);
    n = strcspn(text, "\r\n");
    if (!fine || n > MAX_COMMIT || !plain_part(text, n)) {
        return false;
    }
    memcpy(to, text, n);
    to[n] = '\0';
    return true;
}

mlr_status mlr_hf_resolve(const char **path, const char *reference_text, const char *cache,
                          mlr_pool *pool, mlr_err *err)
{
    reference r = {0};
    mlr_status status = split(&r, reference_text, pool, err);
    if (status != MLR_OK) {
        return status;
    }
    const char *root = cache != NULL ? cache : mlr_hf_root(pool);
    if (root == NULL) {
        return no_memory(err);
    }
    const char *repo =
        join(pool, (const char *[]){root, "/models--", r.org, "--", r.name, NULL});
    const char *ref =
        repo == NULL ? NULL : join(pool, (const char *[]){repo, "/refs/", r.rev, NULL});
    if (ref == NULL) {
        return no_memory(err);
    }
    char commit[MAX_COMMIT + 1];
    const char *rev = read_commit(ref, commit) ? commit : r.rev;
    const char *snapshot = join(pool, (const char *[]){repo, "/snapshots/", rev, NULL});
    if (snapshot == NULL) {
        return no_memory(err);
    }
    struct stat st;
    if (stat(snapshot, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "model in the Hugging Face cache");
    }
    *path = r.file == NULL ? snapshot
                           : join(pool, (const char *[]){snapshot, "/", r.file, NULL});
    return *path != NULL ? MLR_OK : no_memory(err);
}

/* The length of ".../models--x" in a real path that goes on with "/" + `below`; else 0. */
static size_t repo_length(const char *real, const char *below)
{
    size_t n = strlen(below);
    for (const char *p = strstr(real, "/models--"); p != NULL;
         p = strstr(p + 1, "/models--")) {
        size_t part = strcspn(p + 1, "/") + 1;
        if (p[part] == '/' && strncmp(p + part + 1, below, n) == 0 &&
            (p[part + 1 + n] == '/' || p[part + 1 + n] == '\0')) {
            return (size_t)(p - real) + part;
        }
    }
    return 0;
}

mlr_status mlr_hf_blobs(const char **out, const char *dir, const char *file, mlr_pool *pool,
                        mlr_err *err)
{
    char real[PATH_MAX];
    size_t n = 0;
    *out = NULL;
    if (realpath(dir, real) != NULL) {
        n = repo_length(real, "snapshots");
    }
    if (n == 0 && file != NULL && realpath(file, real) != NULL) {
        n = repo_length(real, "blobs");
    }
    if (n == 0) {
        return MLR_OK;
    }
    real[n] = '\0';
    *out = join(pool, (const char *[]){real, "/blobs", NULL});
    return *out != NULL ? MLR_OK : no_memory(err);
}
