#include "apply/host/patcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/base/cursor.h"
#include "apply/base/pool.h"
#include "apply/dict.h"
#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"
#include "apply/host/out_dir.h"
#include "apply/host/own_memory.h"
#include "apply/host/sys_call.h"
#include "apply/patch_format.h"

/* The patch as a stream, from a file or a pipe. */
typedef struct patch_input {
    mlr_stream stream;
    const mlr_sys *sys;
    const char *path;
    const mlr_tick *tick;
    int fd;
    bool owned;
    bool waits; /* no regular file: reading may take any time */
} patch_input;

struct mlr_patcher {
    const mlr_patcher_wish *wish;
    const mlr_sys *sys;
    mlr_pool pool;
    patch_input patch;
    const uint8_t *header_bytes;
    mlr_patch_header header;
    mlr_apply_need need;
    mlr_inflater inflater;
    mlr_file *base;
    const mlr_source **base_source;
    mlr_dict_bytes *dicts;
    /* Where the target goes: nowhere, or one of the three. */
    enum { OUT_NONE, OUT_FILE, OUT_PART, OUT_DIR } out;
    const char *out_path;
    mlr_out_file out_file;
    mlr_resume part;
    mlr_out_dir out_dir;
    const char **out_names; /* of the members */
    uint64_t runtime;       /* private writable memory before the arena */
    mlr_target target;
    mlr_apply_io io;
    uint8_t *arena;
    mlr_apply *apply;
};

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to apply a patch with");
}

/* --- the patch ------------------------------------------------------------------------ */

/* A pipe may stay silent for long: it is waited for in short turns, so that the wait can be
   given up. */
static mlr_status wait_for(patch_input *p, mlr_err *err)
{
    enum { TURN_MS = 50 };
    struct pollfd ready = {.fd = p->fd, .events = POLLIN};
    while (poll(&ready, 1, TURN_MS) <= 0) {
        if (!mlr_keep_going(p->tick, 0, 0)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "patch");
        }
    }
    return MLR_OK;
}

static mlr_status read_patch(void *ctx, void *dst, size_t n, size_t *got, mlr_err *err)
{
    patch_input *p = ctx;
    ssize_t r = -1;
    do {
        if (p->waits && wait_for(p, err) != MLR_OK) {
            return err->status;
        }
        r = p->sys->read(p->sys->ctx, p->fd, dst, n);
    } while (r < 0 && (errno == EINTR || (errno == EAGAIN && p->waits)));
    if (r < 0) {
        return mlr_fail_os(err, errno, MLR_IN_PATCH, p->path, "patch that can be read");
    }
    *got = (size_t)r;
    return MLR_OK;
}

static mlr_status open_patch(mlr_patcher *p, mlr_err *err)
{
    patch_input *in = &p->patch;
    *in = (patch_input){.sys = p->sys,
                        .path = p->wish->patch_path,
                        .tick = p->wish->tick,
                        .fd = STDIN_FILENO};
    in->stream = (mlr_stream){.ctx = in, .read = read_patch};
    if (strcmp(in->path, "-") == 0) {
        in->path = "standard input";
    } else {
        /* O_NONBLOCK: a FIFO that nobody writes to is not waited for in here */
        in->fd = mlr_sys_openat(p->sys, AT_FDCWD, in->path,
                                O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
        in->owned = in->fd >= 0;
    }
    struct stat st;
    if (in->fd < 0 || mlr_sys_fstat(p->sys, in->fd, &st) < 0) {
        return mlr_fail_os(err, errno, MLR_IN_PATCH, in->path, "patch that can be opened");
    }
    in->waits = !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
    return MLR_OK;
}

static mlr_status read_all(mlr_patcher *p, uint8_t *to, size_t n, uint64_t at, mlr_err *err)
{
    for (size_t done = 0; done < n;) {
        size_t got = 0;
        if (read_patch(&p->patch, to + done, n - done, &got, err) != MLR_OK) {
            return err->status;
        }
        if (got == 0) {
            mlr_err_in(err, MLR_IN_PATCH, p->patch.path);
            return mlr_fail(err, MLR_E_TRUNCATED, at + done, "patch header");
        }
        done += got;
    }
    return MLR_OK;
}

static mlr_status read_header(mlr_patcher *p, mlr_err *err)
{
    uint8_t prefix[MLR_PATCH_PREFIX];
    size_t n = 0;
    if (read_all(p, prefix, sizeof prefix, 0, err) != MLR_OK ||
        mlr_patch_peek(prefix, &n, err) != MLR_OK) {
        return err->status;
    }
    uint8_t *bytes = mlr_pool_take(&p->pool, n);
    if (bytes == NULL) {
        return no_memory(err);
    }
    memcpy(bytes, prefix, sizeof prefix);
    p->header_bytes = bytes;
    if (read_all(p, bytes + sizeof prefix, n - sizeof prefix, sizeof prefix, err) !=
        MLR_OK) {
        return err->status;
    }
    return mlr_patch_header_read(&p->header, bytes, n, err);
}

/* --- the base ------------------------------------------------------------------------- */

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static char *join(mlr_pool *pool, const char *dir, const char *name, size_t n)
{
    size_t d = strlen(dir);
    char *path = mlr_pool_take(pool, d + n + 2);
    if (path != NULL) {
        memcpy(path, dir, d);
        path[d] = '/';
        memcpy(path + d + 1, name, n);
    }
    return path;
}

/* A base of several files is a directory, or any one of its files. */
static const char *base_directory(mlr_patcher *p)
{
    const char *path = p->wish->base_path;
    if (is_directory(path)) {
        return path;
    }
    const char *slash = strrchr(path, '/');
    return slash == NULL ? "." : mlr_pool_copy(&p->pool, path, (size_t)(slash - path));
}

static mlr_status open_base(mlr_patcher *p, mlr_err *err)
{
    uint32_t count = p->header.base_count;
    p->base = mlr_pool_take(&p->pool, (count + 1) * sizeof *p->base);
    p->base_source = mlr_pool_take(&p->pool, (count + 1) * sizeof *p->base_source);
    const char *dir = base_directory(p);
    if (p->base == NULL || p->base_source == NULL || dir == NULL) {
        return no_memory(err);
    }
    bool lone = count == 1 && !is_directory(p->wish->base_path);
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    for (uint32_t i = 0; mlr_patch_base(&p->header, &iter, &m); i++) {
        const char *path =
            lone ? p->wish->base_path : join(&p->pool, dir, m.name, m.name_bytes);
        if (path == NULL) {
            return no_memory(err);
        }
        mlr_err failure = {0};
        if (mlr_file_open(&p->base[i], path, p->sys, &failure) != MLR_OK) {
            *err = failure;
            return err->status;
        }
        p->base_source[i] = &p->base[i].source;
    }
    return MLR_OK;
}

/* --- dictionaries --------------------------------------------------------------------- */

static mlr_status load_file(mlr_patcher *p, const char *path, uint8_t **bytes, size_t *n,
                            mlr_err *err)
{
    mlr_file f = {0};
    if (mlr_file_open(&f, path, p->sys, err) != MLR_OK) {
        return err->status;
    }
    *n = (size_t)f.source.size;
    *bytes = NULL;
    if (f.source.size > MLR_MAX_DICT + MLR_DICT_HEADER) {
        mlr_fail_limit(err, MLR_NO_OFFSET, "size of a dictionary", f.source.size,
                       MLR_MAX_DICT);
    } else if ((*bytes = mlr_pool_take(&p->pool, *n + 1)) == NULL) {
        no_memory(err);
    } else {
        f.source.read_at(f.source.ctx, 0, *bytes, *n, err);
    }
    mlr_file_close(&f);
    return err->status;
}

/* Gives the dictionary to whichever of the header's entries has its digest. */
static bool assign_dict(mlr_patcher *p, const mlr_dict *dict)
{
    mlr_patch_iter iter = {0};
    mlr_patch_dict d;
    bool used = false;
    for (uint32_t i = 0; mlr_patch_dict_next(&p->header, &iter, &d); i++) {
        if (!d.embedded && memcmp(d.sha256, dict->digest, MLR_SHA256_BYTES) == 0) {
            p->dicts[i] = (mlr_dict_bytes){.data = dict->bytes, .size = dict->size};
            used = true;
        }
    }
    return used;
}

/* Gives the patch a dictionary file that someone named: it must be one that is wanted. */
static mlr_status use_dict(mlr_patcher *p, const char *path, mlr_err *err)
{
    mlr_err failure = {0};
    uint8_t *bytes = NULL;
    size_t n = 0;
    mlr_dict dict;
    if (load_file(p, path, &bytes, &n, &failure) == MLR_OK &&
        mlr_dict_view(&dict, bytes, n, mlr_host_kernels()->sha256, &failure) == MLR_OK &&
        !assign_dict(p, &dict)) {
        mlr_fail(&failure, MLR_E_UNSUPPORTED, MLR_NO_OFFSET,
                 "dictionary that the patch was made with");
    }
    if (failure.status != MLR_OK) {
        mlr_err_in(&failure, MLR_IN_DICT, path);
        *err = failure;
    }
    return err->status;
}

/* The first dictionary that is still missing; false where there is none. */
static bool missing_dict(const mlr_patcher *p, mlr_patch_dict *d)
{
    mlr_patch_iter iter = {0};
    for (uint32_t i = 0; mlr_patch_dict_next(&p->header, &iter, d); i++) {
        if (!d->embedded && p->dicts[i].data == NULL) {
            return true;
        }
    }
    return false;
}

/* Looks among the .dict files beside the patch; those that are none are passed over. */
static mlr_status look_beside(mlr_patcher *p, mlr_err *err)
{
    enum { MOST_FILES = 256 };
    const char *slash = strrchr(p->wish->patch_path, '/');
    const char *dir = slash == NULL
                          ? "."
                          : mlr_pool_copy(&p->pool, p->wish->patch_path,
                                          (size_t)(slash - p->wish->patch_path + 1));
    DIR *d = dir == NULL ? NULL : opendir(dir);
    const struct dirent *e;
    mlr_patch_dict wanted;
    unsigned seen = 0;
    while (d != NULL && seen < MOST_FILES && missing_dict(p, &wanted) &&
           (e = readdir(d)) != NULL) {
        size_t n = strlen(e->d_name);
        if (n < 5 || strcmp(e->d_name + n - 5, ".dict") != 0) {
            continue;
        }
        seen++;
        mlr_err ignored = {0};
        const char *path = join(&p->pool, dir, e->d_name, n);
        if (path != NULL) {
            use_dict(p, path, &ignored);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    return err->status;
}

static mlr_status refuse_without(const mlr_patch_dict *d, mlr_err *err)
{
    static const char digit[] = "0123456789abcdef";
    char name[2 * 16];
    for (size_t i = 0; i < sizeof name; i++) {
        name[i] = digit[d->sha256[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
    }
    mlr_err_about(err, name, sizeof name);
    return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET,
                    "the dictionary of this SHA-256: give it with --dict, or lay it beside "
                    "the patch as a .dict file");
}

static mlr_status find_dicts(mlr_patcher *p, mlr_err *err)
{
    p->dicts = mlr_pool_take(&p->pool, (p->header.dict_count + 1) * sizeof *p->dicts);
    if (p->dicts == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < p->wish->dict_count; i++) {
        if (use_dict(p, p->wish->dict_paths[i], err) != MLR_OK) {
            return err->status;
        }
    }
    mlr_patch_dict wanted;
    if (missing_dict(p, &wanted) && p->patch.owned) {
        look_beside(p, err);
    }
    return missing_dict(p, &wanted) ? refuse_without(&wanted, err) : MLR_OK;
}

/* --- the target ----------------------------------------------------------------------- */

static mlr_status open_member(void *ctx, uint32_t index, const mlr_patch_member *m,
                              mlr_err *err)
{
    mlr_patcher *p = ctx;
    mlr_err failure = {0};
    if (p->out == OUT_FILE) {
        mlr_out_open(&p->out_file, p->out_path, m->size, p->wish->overwrite, p->sys,
                     &failure);
    } else if (p->out == OUT_DIR) {
        mlr_out_dir_file(&p->out_dir, p->out_names[index], m->size, &failure);
    }
    if (failure.status != MLR_OK) {
        *err = failure;
    }
    return err->status;
}

static mlr_status write_member(void *ctx, const void *src, size_t n, mlr_err *err)
{
    mlr_patcher *p = ctx;
    mlr_err failure = {0};
    switch (p->out) {
    case OUT_NONE:
        return MLR_OK;
    case OUT_FILE:
        p->out_file.sink.write(p->out_file.sink.ctx, src, n, &failure);
        break;
    case OUT_PART:
        mlr_resume_write(&p->part, src, n, &failure);
        break;
    case OUT_DIR:
        mlr_out_dir_write(&p->out_dir, src, n, &failure);
        break;
    }
    if (failure.status != MLR_OK) {
        *err = failure;
    }
    return err->status;
}

/* Durable, but not visible: that waits until every member is proven. */
static mlr_status close_member(void *ctx, uint32_t index, mlr_err *err)
{
    mlr_patcher *p = ctx;
    (void)index;
    mlr_err failure = {0};
    if (p->out == OUT_FILE) {
        mlr_out_sync(&p->out_file, &failure);
    } else if (p->out == OUT_DIR) {
        mlr_out_dir_close(&p->out_dir, &failure);
    }
    if (failure.status != MLR_OK) {
        *err = failure;
    }
    return err->status;
}

static mlr_status name_members(mlr_patcher *p, mlr_err *err)
{
    p->out_names = mlr_pool_take(&p->pool, (p->header.target_count + 1) * sizeof(char *));
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    for (uint32_t i = 0; p->out_names != NULL && mlr_patch_target(&p->header, &iter, &m);
         i++) {
        p->out_names[i] = mlr_pool_copy(&p->pool, m.name, m.name_bytes);
        if (p->out_names[i] == NULL) {
            return no_memory(err);
        }
    }
    return p->out_names == NULL ? no_memory(err) : MLR_OK;
}

/* A lone file goes into a directory that exists under its own last name. */
static mlr_status place_file(mlr_patcher *p, mlr_err *err)
{
    const char *path = p->wish->out_path;
    size_t n = strlen(path);
    bool inside = is_directory(path) || (n > 0 && path[n - 1] == '/');
    p->out_path = path;
    if (inside) {
        const char *slash = strrchr(p->out_names[0], '/');
        const char *name = slash == NULL ? p->out_names[0] : slash + 1;
        p->out_path = join(&p->pool, path, name, strlen(name));
    }
    return p->out_path == NULL ? no_memory(err) : MLR_OK;
}

static mlr_status open_part(mlr_patcher *p, mlr_err *err)
{
    const uint8_t *sum = p->header_bytes + p->header.header_bytes - 8;
    p->out = OUT_PART;
    mlr_err failure = {0};
    if (mlr_resume_open(&p->part, p->out_path, mlr_load64(sum), p->wish->overwrite, p->sys,
                        &failure) != MLR_OK) {
        *err = failure;
    }
    if (p->wish->checkpoint_bytes > 0) {
        mlr_resume_every(&p->part, p->wish->checkpoint_bytes);
    }
    return err->status;
}

static mlr_status open_output(mlr_patcher *p, mlr_err *err)
{
    if (p->wish->out_path == NULL) {
        return MLR_OK;
    }
    if (name_members(p, err) != MLR_OK) {
        return err->status;
    }
    if (p->header.target_count == 1) {
        if (place_file(p, err) != MLR_OK || p->wish->resume) {
            return err->status == MLR_OK ? open_part(p, err) : err->status;
        }
        p->out = OUT_FILE;
        return MLR_OK;
    }
    if (p->wish->resume) {
        mlr_err_in(err, MLR_IN_OUTPUT, p->wish->out_path);
        return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET,
                        "output of one file, to be resumed");
    }
    mlr_err failure = {0};
    p->out = OUT_DIR;
    if (mlr_out_dir_open(&p->out_dir, p->wish->out_path, p->out_names,
                         p->header.target_count, p->wish->overwrite, p->wish->alloc, p->sys,
                         &failure) != MLR_OK) {
        *err = failure;
    }
    return err->status;
}

/* --- memory --------------------------------------------------------------------------- */

/* Private writable memory beside the arena, of a process that is about to have one. */
static uint64_t beside_arena(void)
{
    return mlr_own_data_bytes() + MLR_ARENA_OVERHEAD;
}

/* The smallest budget that works: one that is large enough to bound the whole process has
   to hold the rest of it too. */
static uint64_t smallest_budget(const mlr_patcher *p)
{
    uint64_t arena = p->need.arena_bytes, from = p->wish->process_budget_from;
    if (p->runtime > 0 || from == 0 || arena < from) {
        return arena + p->runtime;
    }
    return arena + beside_arena();
}

/* Bytes that the arena may take: the budget, or what it leaves beside everything else. */
static uint64_t arena_limit(mlr_patcher *p)
{
    const mlr_patcher_wish *w = p->wish;
    if (w->budget == 0) {
        return UINT64_MAX;
    }
    if (w->process_budget_from == 0 || w->budget < w->process_budget_from) {
        return w->budget;
    }
    p->runtime = beside_arena();
    return w->budget > p->runtime ? w->budget - p->runtime : 0;
}

/* As many lanes as wanted, or as the budget allows. */
static mlr_status choose_lanes(mlr_patcher *p, mlr_err *err)
{
    uint64_t most = arena_limit(p);
    unsigned lanes = p->wish->exec == NULL || p->wish->lanes == 0 ? 1 : p->wish->lanes;
    for (;; lanes--) {
        if (mlr_apply_need_of(&p->header, &p->inflater, lanes, &p->need, err) != MLR_OK) {
            return err->status;
        }
        if (p->need.arena_bytes <= most) {
            return MLR_OK;
        }
        if (lanes == 1) {
            err->found = p->wish->budget;
            err->limit = smallest_budget(p);
            return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                            "memory that this patch needs");
        }
    }
}

static mlr_status begin_apply(mlr_patcher *p, mlr_err *err)
{
    p->arena = mlr_take(p->wish->alloc, (size_t)p->need.arena_bytes);
    if (p->arena == NULL) {
        return no_memory(err);
    }
    p->target = (mlr_target){
        .ctx = p, .open = open_member, .write = write_member, .close = close_member};
    p->io = (mlr_apply_io){.patch = &p->patch.stream,
                           .base = p->base_source,
                           .target = &p->target,
                           .inflater = &p->inflater,
                           .kernels = mlr_host_kernels(),
                           .dicts = p->dicts,
                           .exec = p->need.lanes > 1 ? p->wish->exec : NULL,
                           .done = p->out == OUT_PART ? &p->part.done : NULL};
    return mlr_apply_begin(&p->apply, p->arena, (size_t)p->need.arena_bytes, p->need.lanes,
                           &p->header, &p->io, err);
}

/* --- public --------------------------------------------------------------------------- */

mlr_status mlr_patcher_open(mlr_patcher **out, const mlr_patcher_wish *wish, mlr_err *err)
{
    mlr_patcher *p = mlr_take(wish->alloc, sizeof *p);
    *out = p;
    if (p == NULL) {
        return no_memory(err);
    }
    *p = (mlr_patcher){.wish = wish,
                       .sys = wish->sys != NULL ? wish->sys : &mlr_sys_posix,
                       .inflater = mlr_inflate_zstd()};
    mlr_pool_init(&p->pool, wish->alloc);
    p->patch.fd = -1;
    if (open_patch(p, err) != MLR_OK || read_header(p, err) != MLR_OK ||
        open_base(p, err) != MLR_OK || find_dicts(p, err) != MLR_OK ||
        choose_lanes(p, err) != MLR_OK || open_output(p, err) != MLR_OK) {
        return err->status;
    }
    return begin_apply(p, err);
}

const mlr_patch_header *mlr_patcher_header(const mlr_patcher *p)
{
    return &p->header;
}

const mlr_apply_need *mlr_patcher_need(const mlr_patcher *p)
{
    return &p->need;
}

mlr_status mlr_patcher_step(mlr_patcher *p, mlr_err *err)
{
    mlr_status status = mlr_apply_step(p->apply, err);
    for (uint32_t i = 0; status == MLR_OK && i < p->header.base_count; i++) {
        status = mlr_file_unchanged(&p->base[i], err);
    }
    return status;
}

mlr_resume_found mlr_patcher_found(const mlr_patcher *p, uint64_t *bytes)
{
    *bytes = p->out == OUT_PART ? p->part.done.size : 0;
    return p->out == OUT_PART ? p->part.found : MLR_RESUME_NOTHING;
}

uint64_t mlr_patcher_runtime(const mlr_patcher *p)
{
    return p->runtime;
}

mlr_apply_at mlr_patcher_where(const mlr_patcher *p)
{
    return p->apply == NULL ? (mlr_apply_at){0} : mlr_apply_where(p->apply);
}

mlr_status mlr_patcher_publish(mlr_patcher *p, mlr_err *err)
{
    switch (p->out) {
    case OUT_NONE:
        return MLR_OK;
    case OUT_FILE:
        return mlr_out_publish(&p->out_file, err);
    case OUT_PART:
        return mlr_resume_publish(&p->part, err);
    case OUT_DIR:
        return mlr_out_dir_publish(&p->out_dir, err);
    }
    return MLR_OK;
}

/* What was made from a patch that proved wrong would only fail again; after anything else
   the work can go on. */
static void end_part(mlr_patcher *p, const mlr_err *why)
{
    mlr_status s = why == NULL ? MLR_OK : why->status;
    bool wrong = s == MLR_OK || s == MLR_E_FORMAT || s == MLR_E_LIMIT ||
                 s == MLR_E_VERIFY || s == MLR_E_INTERNAL;
    mlr_err ignored = {0};
    if (wrong || p->part.out.written == 0) {
        mlr_resume_discard(&p->part);
        return;
    }
    mlr_resume_checkpoint(&p->part, &ignored);
    mlr_resume_leave(&p->part);
}

void mlr_patcher_abandon(mlr_patcher *p)
{
    if (p->out == OUT_FILE) {
        mlr_out_abandon(&p->out_file);
    } else if (p->out == OUT_DIR) {
        mlr_out_dir_abandon(&p->out_dir);
    }
}

void mlr_patcher_close(mlr_patcher *p, const mlr_err *why)
{
    if (p == NULL) {
        return;
    }
    mlr_out_discard(&p->out_file);
    end_part(p, why);
    mlr_out_dir_discard(&p->out_dir);
    for (uint32_t i = 0; p->base != NULL && i < p->header.base_count; i++) {
        mlr_file_close(&p->base[i]);
    }
    if (p->patch.owned) {
        mlr_sys_close(p->sys, p->patch.fd);
    }
    mlr_give(p->wish->alloc, p->arena, (size_t)p->need.arena_bytes);
    mlr_pool_release(&p->pool);
    mlr_give(p->wish->alloc, p, sizeof *p);
}
