#include "tests/support/fault_sys.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/* Counts the call and says how it shall fail: an errno, FAULT_SHORT, or 0 for not at all.
 */
static int fault(fault_sys *f, fault_call which)
{
    f->calls++;
    f->count[which]++;
    f->last[which] = f->calls;
    if (f->calls == f->kill_at) {
        raise(SIGKILL);
    }
    if (f->calls == f->hook_at) {
        f->hook(f->arg);
    }
    bool cleanup = which == FAULT_CLOSE || which == FAULT_UNLINKAT;
    int why = f->always[which];
    if (f->fail_at != 0 && f->calls == f->fail_at) {
        why = f->why;
        f->hit = which;
    } else if (f->from_then_on && f->calls > f->fail_at && !cleanup) {
        why = f->why;
    }
    return why;
}

/* The same for calls that cannot come up short. */
static bool fails(fault_sys *f, fault_call which)
{
    int why = fault(f, which);
    if (why > 0) {
        errno = why;
    }
    return why > 0;
}

static int do_openat(void *ctx, int dir, const char *path, int flags, mode_t mode)
{
    return fails(ctx, FAULT_OPENAT) ? -1
                                    : mlr_sys_posix.openat(NULL, dir, path, flags, mode);
}

static int do_openat_beneath(void *ctx, int dir, const char *path, int flags)
{
    return fails(ctx, FAULT_OPENAT_BENEATH)
               ? -1
               : mlr_sys_posix.openat_beneath(NULL, dir, path, flags);
}

/* How many of n bytes a call moves; 0 after setting errno where it fails. */
static size_t moves(fault_sys *f, fault_call which, size_t n)
{
    int why = fault(f, which);
    if (why > 0) {
        errno = why;
        return 0;
    }
    return why == FAULT_SHORT && n > 1 ? n / 2 : n;
}

static ssize_t do_pread(void *ctx, int fd, void *dst, size_t n, off_t off)
{
    size_t some = moves(ctx, FAULT_PREAD, n);
    return some == 0 ? -1 : pread(fd, dst, some, off);
}

static ssize_t do_read(void *ctx, int fd, void *dst, size_t n)
{
    size_t some = moves(ctx, FAULT_READ, n);
    return some == 0 ? -1 : read(fd, dst, some);
}

static ssize_t do_write(void *ctx, int fd, const void *src, size_t n)
{
    size_t some = moves(ctx, FAULT_WRITE, n);
    return some == 0 ? -1 : write(fd, src, some);
}

static ssize_t do_pwrite(void *ctx, int fd, const void *src, size_t n, off_t off)
{
    size_t some = moves(ctx, FAULT_PWRITE, n);
    return some == 0 ? -1 : pwrite(fd, src, some, off);
}

static ssize_t do_copy_file_range(void *ctx, int from, off_t *from_off, int to,
                                  off_t *to_off, size_t n)
{
    size_t some = moves(ctx, FAULT_COPY_FILE_RANGE, n);
    return some == 0 ? -1 : copy_file_range(from, from_off, to, to_off, some, 0);
}

static int do_fstat(void *ctx, int fd, struct stat *out)
{
    return fails(ctx, FAULT_FSTAT) ? -1 : fstat(fd, out);
}

static int do_fallocate(void *ctx, int fd, off_t off, off_t n)
{
    return fails(ctx, FAULT_FALLOCATE) ? -1 : mlr_sys_posix.fallocate(NULL, fd, off, n);
}

static int do_ftruncate(void *ctx, int fd, off_t n)
{
    return fails(ctx, FAULT_FTRUNCATE) ? -1 : ftruncate(fd, n);
}

static int do_fchmod(void *ctx, int fd, mode_t mode)
{
    return fails(ctx, FAULT_FCHMOD) ? -1 : fchmod(fd, mode);
}

static int do_fsync(void *ctx, int fd)
{
    const fault_sys *f = ctx;
    return fails(ctx, FAULT_FSYNC) ? -1 : f->no_sync ? 0 : fsync(fd);
}

static int do_rename(void *ctx, int dir, const char *from, const char *to, bool no_replace)
{
    fault_sys *f = ctx;
    if (f->before_rename != NULL) {
        f->before_rename(f->arg);
        f->before_rename = NULL;
    }
    if (fails(f, FAULT_RENAME)) {
        return -1;
    }
    if (no_replace && f->no_replace_unknown) {
        errno = EINVAL;
        return -1;
    }
    return mlr_sys_posix.rename(NULL, dir, from, to, no_replace);
}

static int do_exchange(void *ctx, int dir, const char *a, const char *b)
{
    return fails(ctx, FAULT_EXCHANGE) ? -1 : mlr_sys_posix.exchange(NULL, dir, a, b);
}

static int do_mkdirat(void *ctx, int dir, const char *path, mode_t mode)
{
    return fails(ctx, FAULT_MKDIRAT) ? -1 : mlr_sys_posix.mkdirat(NULL, dir, path, mode);
}

static int do_unlinkat(void *ctx, int dir, const char *path, int flags)
{
    return fails(ctx, FAULT_UNLINKAT) ? -1 : unlinkat(dir, path, flags);
}

/* As the kernel has it: the descriptor is closed, whatever is returned. */
static int do_close(void *ctx, int fd)
{
    bool failed = fails(ctx, FAULT_CLOSE);
    int why = errno;
    int rc = close(fd);
    errno = why;
    return failed ? -1 : rc;
}

void fault_sys_init(fault_sys *f)
{
    *f = (fault_sys){.hit = FAULT_CALLS};
    f->sys = (mlr_sys){
        .ctx = f,
        .openat = do_openat,
        .openat_beneath = do_openat_beneath,
        .pread = do_pread,
        .read = do_read,
        .write = do_write,
        .pwrite = do_pwrite,
        .fstat = do_fstat,
        .fallocate = do_fallocate,
        .ftruncate = do_ftruncate,
        .fchmod = do_fchmod,
        .fsync = do_fsync,
        .rename = do_rename,
        .exchange = do_exchange,
        .mkdirat = do_mkdirat,
        .unlinkat = do_unlinkat,
        .copy_file_range = do_copy_file_range,
        .close = do_close,
    };
}
