#include "apply/host/file.h"

#include <fcntl.h>
#include <string.h>

#include "apply/base/checked.h"
#include "apply/host/sys_call.h"

/* O_NONBLOCK so that opening a FIFO never waits; it means nothing to a regular file. */
enum { READ_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, BENEATH_TRIES = 8 };

mlr_status mlr_fail_os(mlr_err *err, int os_error, mlr_domain domain, const char *path,
                       const char *rule)
{
    mlr_status status = os_error == ENOSPC || os_error == EDQUOT ? MLR_E_NO_SPACE
                        : os_error == ENOMEM                     ? MLR_E_NO_MEMORY
                                                                 : MLR_E_IO;
    if (err != NULL && err->status == MLR_OK) {
        err->os_error = os_error;
        mlr_err_in(err, domain, path);
    }
    return mlr_fail(err, status, MLR_NO_OFFSET, rule);
}

static mlr_status fail_read(const mlr_file *f, int os_error, const char *rule, mlr_err *err)
{
    return mlr_fail_os(err, os_error, MLR_IN_NONE, f->path, rule);
}

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static mlr_file_id id_of(const struct stat *st)
{
    return (mlr_file_id){
        .dev = st->st_dev,
        .ino = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime_ns = nanoseconds(st->st_mtim),
        .ctime_ns = nanoseconds(st->st_ctim),
    };
}

static mlr_status read_at(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    const mlr_file *f = ctx;
    if (!mlr_inside(off, n, f->source.size)) {
        return mlr_fail(err, MLR_E_TRUNCATED, off, "bytes inside the file");
    }
    uint8_t *to = dst;
    while (n > 0) {
        ssize_t got = mlr_sys_pread(f->sys, f->fd, to, n, (off_t)off);
        if (got < 0) {
            return fail_read(f, errno, "readable file", err);
        }
        if (got == 0) {
            return mlr_fail(err, MLR_E_CHANGED, off, "file as long as when it was opened");
        }
        to += got;
        n -= (size_t)got;
        off += (uint64_t)got;
    }
    return MLR_OK;
}

/* Takes over `fd`, which is open for reading on something not yet known. */
static mlr_status adopt(mlr_file *f, int fd, const char *path, const mlr_sys *sys,
                        mlr_err *err)
{
    *f = (mlr_file){.sys = sys, .path = path, .fd = fd};
    struct stat st;
    mlr_status status = MLR_OK;
    if (mlr_sys_fstat(sys, fd, &st) < 0) {
        status = fail_read(f, errno, "file that tells its size", err);
    } else if (!S_ISREG(st.st_mode)) {
        if (err != NULL && err->status == MLR_OK) {
            err->os_error = S_ISDIR(st.st_mode) ? EISDIR : 0;
            mlr_err_in(err, MLR_IN_NONE, path);
        }
        status = mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET, "regular file");
    }
    if (status != MLR_OK) {
        mlr_file_close(f);
        return status;
    }
    f->id = id_of(&st);
    f->source = (mlr_source){.ctx = f, .size = f->id.size, .read_at = read_at};
    return MLR_OK;
}

mlr_status mlr_file_open(mlr_file *f, const char *path, const mlr_sys *sys, mlr_err *err)
{
    *f = (mlr_file){.path = path, .fd = -1};
    sys = sys != NULL ? sys : &mlr_sys_posix;
    int fd = mlr_sys_openat(sys, AT_FDCWD, path, READ_FLAGS, 0);
    if (fd < 0) {
        return fail_read(f, errno, "file that can be opened", err);
    }
    return adopt(f, fd, path, sys, err);
}

/* A relative path to a file that names no parent directory. */
static bool stays_inside(const char *path)
{
    size_t n = strlen(path);
    if (n == 0 || path[0] == '/' || path[n - 1] == '/') {
        return false;
    }
    for (const char *p = path; p != NULL;) {
        size_t part = strcspn(p, "/");
        if (part == 2 && p[0] == '.' && p[1] == '.') {
            return false;
        }
        p = p[part] == '/' ? p + part + 1 : NULL;
    }
    return true;
}

/* Opens one directory on the way; a link is ELOOP, as openat2() has it. */
static int step_into(const mlr_sys *sys, int dir, const char *name)
{
    int fd = mlr_sys_openat(sys, dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    struct stat st;
    if (fd < 0) {
        return -1;
    }
    int why = 0;
    if (mlr_sys_fstat(sys, fd, &st) < 0) {
        why = errno;
    } else if (!S_ISDIR(st.st_mode)) {
        why = S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
    }
    if (why != 0) {
        mlr_sys_close(sys, fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* What openat2() does, for kernels and sandboxes without it: one component at a time. */
static int walk_beneath(const mlr_sys *sys, int dir, const char *path)
{
    int at = dir;
    int fd = -1;
    for (const char *p = path;;) {
        char name[256];
        size_t part = strcspn(p, "/");
        if (part >= sizeof name) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(name, p, part);
        name[part] = '\0';
        if (p[part] == '\0') {
            fd = mlr_sys_openat(sys, at, name, READ_FLAGS | O_NOFOLLOW, 0);
            break;
        }
        p += part + 1;
        int next = part == 0 ? at : step_into(sys, at, name);
        if (next < 0) {
            break;
        }
        if (at != dir && next != at) {
            mlr_sys_close(sys, at);
        }
        at = next;
    }
    int why = errno;
    if (at != dir) {
        mlr_sys_close(sys, at);
    }
    errno = why;
    return fd;
}

static int open_beneath(const mlr_sys *sys, int dir, const char *path)
{
    int fd = -1;
    /* EAGAIN: something was renamed on the way, so the kernel could not be sure. */
    for (int i = 0; i < BENEATH_TRIES; i++) {
        fd = sys->openat_beneath(sys->ctx, dir, path, READ_FLAGS);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
            break;
        }
    }
    bool unable = fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN ||
                             errno == EINTR || errno == E2BIG);
    return unable ? walk_beneath(sys, dir, path) : fd;
}

mlr_status mlr_file_open_beneath(mlr_file *f, int dir, const char *path, const mlr_sys *sys,
                                 mlr_err *err)
{
    *f = (mlr_file){.path = path, .fd = -1};
    sys = sys != NULL ? sys : &mlr_sys_posix;
    bool inside = stays_inside(path);
    int fd = inside ? open_beneath(sys, dir, path) : -1;
    if (fd >= 0) {
        return adopt(f, fd, path, sys, err);
    }
    if (!inside || errno == ELOOP || errno == EXDEV) {
        if (err != NULL && err->status == MLR_OK) {
            mlr_err_about(err, path, strlen(path));
        }
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET,
                        "path that stays inside its directory");
    }
    return fail_read(f, errno, "file that can be opened", err);
}

mlr_status mlr_file_unchanged(const mlr_file *f, mlr_err *err)
{
    struct stat st;
    if (mlr_sys_fstat(f->sys, f->fd, &st) < 0) {
        return fail_read(f, errno, "file that tells its size", err);
    }
    mlr_file_id now = id_of(&st);
    bool same = now.dev == f->id.dev && now.ino == f->id.ino && now.size == f->id.size &&
                now.mtime_ns == f->id.mtime_ns && now.ctime_ns == f->id.ctime_ns;
    if (same) {
        return MLR_OK;
    }
    if (err != NULL && err->status == MLR_OK) {
        mlr_err_in(err, MLR_IN_NONE, f->path);
    }
    return mlr_fail(err, MLR_E_CHANGED, MLR_NO_OFFSET, "file that stays as it was opened");
}

void mlr_file_close(mlr_file *f)
{
    if (f == NULL || f->sys == NULL) {
        return;
    }
    mlr_sys_close(f->sys, f->fd);
    *f = (mlr_file){.fd = -1};
}

static mlr_status bytes_read_at(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    const mlr_bytes *b = ctx;
    if (!mlr_inside(off, n, b->source.size)) {
        return mlr_fail(err, MLR_E_TRUNCATED, off, "bytes inside the input");
    }
    if (n > 0) {
        memcpy(dst, b->data + off, n);
    }
    return MLR_OK;
}

static const void *bytes_view(void *ctx, uint64_t off, size_t n)
{
    const mlr_bytes *b = ctx;
    return b->data != NULL && mlr_inside(off, n, b->source.size) ? b->data + off : NULL;
}

void mlr_bytes_init(mlr_bytes *b, const void *data, size_t n)
{
    *b = (mlr_bytes){
        .source = {.ctx = b, .size = n, .read_at = bytes_read_at, .view = bytes_view},
        .data = data,
    };
}
