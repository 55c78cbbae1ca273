/* The calls of an mlr_sys that a signal may interrupt, repeated until they are not. */
#ifndef MLR_APPLY_HOST_SYS_CALL_H
#define MLR_APPLY_HOST_SYS_CALL_H

#include <errno.h>

#include "apply/host/file.h"

/* No single transfer asks for more, so that every result fits everywhere. */
enum { MLR_SYS_LARGEST = 1 << 30 };

static inline int mlr_sys_openat(const mlr_sys *sys, int dir, const char *path, int flags,
                                 mode_t mode)
{
    int fd = -1;
    do {
        fd = sys->openat(sys->ctx, dir, path, flags, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static inline ssize_t mlr_sys_pread(const mlr_sys *sys, int fd, void *dst, size_t n,
                                    off_t off)
{
    ssize_t got = -1;
    size_t most = n < MLR_SYS_LARGEST ? n : MLR_SYS_LARGEST;
    do {
        got = sys->pread(sys->ctx, fd, dst, most, off);
    } while (got < 0 && errno == EINTR);
    return got;
}

static inline ssize_t mlr_sys_write(const mlr_sys *sys, int fd, const void *src, size_t n)
{
    ssize_t put = -1;
    size_t most = n < MLR_SYS_LARGEST ? n : MLR_SYS_LARGEST;
    do {
        put = sys->write(sys->ctx, fd, src, most);
    } while (put < 0 && errno == EINTR);
    return put;
}

static inline ssize_t mlr_sys_pwrite(const mlr_sys *sys, int fd, const void *src, size_t n,
                                     off_t off)
{
    ssize_t put = -1;
    size_t most = n < MLR_SYS_LARGEST ? n : MLR_SYS_LARGEST;
    do {
        put = sys->pwrite(sys->ctx, fd, src, most, off);
    } while (put < 0 && errno == EINTR);
    return put;
}

static inline int mlr_sys_fstat(const mlr_sys *sys, int fd, struct stat *out)
{
    int rc = -1;
    do {
        rc = sys->fstat(sys->ctx, fd, out);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static inline int mlr_sys_fallocate(const mlr_sys *sys, int fd, off_t off, off_t n)
{
    int rc = -1;
    do {
        rc = sys->fallocate(sys->ctx, fd, off, n);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static inline int mlr_sys_ftruncate(const mlr_sys *sys, int fd, off_t n)
{
    int rc = -1;
    do {
        rc = sys->ftruncate(sys->ctx, fd, n);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static inline int mlr_sys_fchmod(const mlr_sys *sys, int fd, mode_t mode)
{
    int rc = -1;
    do {
        rc = sys->fchmod(sys->ctx, fd, mode);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

/* An interrupted sync has reported nothing yet, so asking again hides no failure. */
static inline int mlr_sys_fsync(const mlr_sys *sys, int fd)
{
    int rc = -1;
    do {
        rc = sys->fsync(sys->ctx, fd);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static inline int mlr_sys_rename(const mlr_sys *sys, int dir, const char *from,
                                 const char *to, bool no_replace)
{
    int rc = -1;
    do {
        rc = sys->rename(sys->ctx, dir, from, to, no_replace);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static inline int mlr_sys_exchange(const mlr_sys *sys, int dir, const char *a,
                                   const char *b)
{
    int rc = -1;
    do {
        rc = sys->exchange(sys->ctx, dir, a, b);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static inline int mlr_sys_mkdirat(const mlr_sys *sys, int dir, const char *path,
                                  mode_t mode)
{
    int rc = -1;
    do {
        rc = sys->mkdirat(sys->ctx, dir, path, mode);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static inline int mlr_sys_remove(const mlr_sys *sys, int dir, const char *path, int flags)
{
    int rc = -1;
    do {
        rc = sys->unlinkat(sys->ctx, dir, path, flags);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static inline int mlr_sys_unlinkat(const mlr_sys *sys, int dir, const char *path)
{
    return mlr_sys_remove(sys, dir, path, 0);
}

/* Never repeated: the descriptor is gone whatever close() says. */
static inline void mlr_sys_close(const mlr_sys *sys, int fd)
{
    (void)sys->close(sys->ctx, fd);
}

#endif
