#include "apply/host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SYS_openat2)
#include <linux/openat2.h>
#endif

static int posix_openat(void *ctx, int dir, const char *path, int flags, mode_t mode)
{
    (void)ctx;
    return openat(dir, path, flags, mode);
}

static int posix_openat_beneath(void *ctx, int dir, const char *path, int flags)
{
    (void)ctx;
#if defined(SYS_openat2)
    struct open_how how = {
        .flags = (unsigned)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
#else
    (void)dir;
    (void)path;
    (void)flags;
    errno = ENOSYS;
    return -1;
#endif
}

static ssize_t posix_pread(void *ctx, int fd, void *dst, size_t n, off_t off)
{
    (void)ctx;
    return pread(fd, dst, n, off);
}

static ssize_t posix_read(void *ctx, int fd, void *dst, size_t n)
{
    (void)ctx;
    return read(fd, dst, n);
}

static ssize_t posix_write(void *ctx, int fd, const void *src, size_t n)
{
    (void)ctx;
    return write(fd, src, n);
}

static ssize_t posix_pwrite(void *ctx, int fd, const void *src, size_t n, off_t off)
{
    (void)ctx;
    return pwrite(fd, src, n, off);
}

static int posix_fstat(void *ctx, int fd, struct stat *out)
{
    (void)ctx;
    return fstat(fd, out);
}

/* Not posix_fallocate(): where the file system cannot reserve, it writes every block. */
static int posix_fallocate_only(void *ctx, int fd, off_t off, off_t n)
{
    (void)ctx;
    return fallocate(fd, 0, off, n);
}

static int posix_ftruncate(void *ctx, int fd, off_t n)
{
    (void)ctx;
    return ftruncate(fd, n);
}

static int posix_fchmod(void *ctx, int fd, mode_t mode)
{
    (void)ctx;
    return fchmod(fd, mode);
}

static int posix_fsync(void *ctx, int fd)
{
    (void)ctx;
    return fsync(fd);
}

static int posix_rename(void *ctx, int dir, const char *from, const char *to,
                        bool no_replace)
{
    (void)ctx;
    return no_replace ? renameat2(dir, from, dir, to, RENAME_NOREPLACE)
                      : renameat(dir, from, dir, to);
}

static int posix_exchange(void *ctx, int dir, const char *a, const char *b)
{
    (void)ctx;
    return renameat2(dir, a, dir, b, RENAME_EXCHANGE);
}

static int posix_mkdirat(void *ctx, int dir, const char *path, mode_t mode)
{
    (void)ctx;
    return mkdirat(dir, path, mode);
}

static int posix_unlinkat(void *ctx, int dir, const char *path, int flags)
{
    (void)ctx;
    return unlinkat(dir, path, flags);
}

static ssize_t posix_copy_file_range(void *ctx, int from, off_t *from_off, int to,
                                     off_t *to_off, size_t n)
{
    (void)ctx;
    return copy_file_range(from, from_off, to, to_off, n, 0);
}

static int posix_close(void *ctx, int fd)
{
    (void)ctx;
    return close(fd);
}

const mlr_sys mlr_sys_posix = {
    .openat = posix_openat,
    .openat_beneath = posix_openat_beneath,
    .pread = posix_pread,
    .read = posix_read,
    .write = posix_write,
    .pwrite = posix_pwrite,
    .fstat = posix_fstat,
    .fallocate = posix_fallocate_only,
    .ftruncate = posix_ftruncate,
    .fchmod = posix_fchmod,
    .fsync = posix_fsync,
    .rename = posix_rename,
    .exchange = posix_exchange,
    .mkdirat = posix_mkdirat,
    .unlinkat = posix_unlinkat,
    .copy_file_range = posix_copy_file_range,
    .close = posix_close,
};
