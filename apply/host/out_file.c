#include "apply/host/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "apply/host/sys_call.h"

enum {
    TEMP_FLAGS = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
    TEMP_TRIES = 32,
    PRIVATE_MODE = 0600,
    PART_FLAGS = O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC | O_NONBLOCK,
};

static mlr_status fail(const mlr_out_file *o, int os_error, const char *rule, mlr_err *err)
{
    return mlr_fail_os(err, os_error, MLR_IN_OUTPUT, o->path, rule);
}

static mlr_status refuse(const mlr_out_file *o, int os_error, const char *rule,
                         mlr_err *err)
{
    if (err != NULL && err->status == MLR_OK) {
        err->os_error = os_error;
        mlr_err_in(err, MLR_IN_OUTPUT, o->path);
    }
    return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET, rule);
}

/* Splits the path, keeps the target's name and opens its directory. */
static mlr_status open_dir(mlr_out_file *o, mlr_err *err)
{
    char dir[PATH_MAX] = ".";
    const char *slash = strrchr(o->path, '/');
    const char *name = slash == NULL ? o->path : slash + 1;
    size_t head = slash == NULL ? 0 : (size_t)(slash - o->path);
    size_t n = strlen(name);
    if (n == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return refuse(o, 0, "output with a file name", err);
    }
    if (n >= sizeof o->name || head >= sizeof dir) {
        return fail(o, ENAMETOOLONG, "output with a shorter name", err);
    }
    memcpy(o->name, name, n + 1);
    if (slash != NULL) {
        size_t keep = head == 0 ? 1 : head;
        memcpy(dir, o->path, keep);
        dir[keep] = '\0';
    }
    o->dir = mlr_sys_openat(o->sys, AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    return o->dir < 0 ? fail(o, errno, "directory of the output", err) : MLR_OK;
}

/* Sets `mode` to that of the target, or to 0 where there is none. */
static mlr_status look_at_target(mlr_out_file *o, bool *exists, mlr_err *err)
{
    *exists = false;
    int fd = mlr_sys_openat(o->sys, o->dir, o->name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) {
        return errno == ENOENT ? MLR_OK : fail(o, errno, "output that can be seen", err);
    }
    struct stat st;
    mlr_status status = MLR_OK;
    if (mlr_sys_fstat(o->sys, fd, &st) < 0) {
        status = fail(o, errno, "output that can be seen", err);
    } else if (o->how == MLR_KEEP_EXISTING) {
        status = refuse(o, EEXIST, "output that does not exist yet", err);
    } else if (!S_ISREG(st.st_mode)) {
        status = refuse(o, 0, "output that is a regular file", err);
    } else {
        *exists = true;
        o->mode = st.st_mode & 0777;
    }
    mlr_sys_close(o->sys, fd);
    return status;
}

/* Random so that nobody can lay a link in its way; O_EXCL is what makes it safe. */
static void name_temp(mlr_out_file *o, unsigned attempt)
{
    uint64_t salt = 0;
    if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) != (ssize_t)sizeof salt) {
        struct timespec now = {0};
        clock_gettime(CLOCK_MONOTONIC, &now);
        salt = (uint64_t)getpid() << 32 ^ (uint64_t)now.tv_nsec ^ attempt;
    }
    snprintf(o->temp, sizeof o->temp, ".mallorn-%016llx.tmp", (unsigned long long)salt);
}

static mlr_status create_temp(mlr_out_file *o, mode_t mode, mlr_err *err)
{
    int why = EEXIST;
    for (unsigned i = 0; i < TEMP_TRIES && why == EEXIST; i++) {
        name_temp(o, i);
        o->fd = mlr_sys_openat(o->sys, o->dir, o->temp, TEMP_FLAGS, mode);
        if (o->fd >= 0) {
            return MLR_OK;
        }
        why = errno;
    }
    o->temp[0] = '\0';
    return fail(o, why, "directory that takes a new file", err);
}

/*
 * A new target gets the mode the system would have given it. Asking for the umask would
 * change it for a moment in every thread, so the temporary file is created openly, asked
 * what it got, and closed to others while it is still empty.
 */
static mlr_status learn_mode(mlr_out_file *o, mlr_err *err)
{
    struct stat st;
    if (mlr_sys_fstat(o->sys, o->fd, &st) < 0) {
        return fail(o, errno, "temporary file that tells its mode", err);
    }
    o->mode = st.st_mode & 0777;
    if (mlr_sys_fchmod(o->sys, o->fd, PRIVATE_MODE) < 0) {
        return fail(o, errno, "temporary file that can be made private", err);
    }
    return MLR_OK;
}

static mlr_status reserve(mlr_out_file *o, uint64_t size, mlr_err *err)
{
    if (size > INT64_MAX) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "size of a file", size, INT64_MAX);
    }
    if (size == 0) {
        return MLR_OK;
    }
    if (mlr_sys_fallocate(o->sys, o->fd, 0, (off_t)size) == 0) {
        o->reserved = size;
        return MLR_OK;
    }
    bool unable = errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS;
    return unable ? MLR_OK : fail(o, errno, "room for the whole output", err);
}

static mlr_status sink_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    mlr_out_file *o = ctx;
    if (o->sys == NULL || o->failed) {
        return mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "output that did not fail before");
    }
    const uint8_t *from = src;
    o->synced = false;
    while (n > 0) {
        ssize_t put = mlr_sys_write(o->sys, o->fd, from, n);
        if (put <= 0) {
            o->failed = true;
            return fail(o, put < 0 ? errno : EIO, "output that takes bytes", err);
        }
        from += put;
        n -= (size_t)put;
        o->written += (uint64_t)put;
    }
    return MLR_OK;
}

mlr_status mlr_out_rewrite(mlr_out_file *o, uint64_t off, const void *src, size_t n,
                           mlr_err *err)
{
    if (o->sys == NULL || o->failed || off > o->written || n > o->written - off) {
        return mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "output that was written already");
    }
    const uint8_t *from = src;
    o->synced = false;
    while (n > 0) {
        ssize_t put = mlr_sys_pwrite(o->sys, o->fd, from, n, (off_t)off);
        if (put <= 0) {
            o->failed = true;
            return fail(o, put < 0 ? errno : EIO, "output that takes bytes", err);
        }
        from += put;
        off += (uint64_t)put;
        n -= (size_t)put;
    }
    return MLR_OK;
}

/* Finds the directory and what the target is now. */
static mlr_status begin(mlr_out_file *o, const char *path, mlr_overwrite how,
                        const mlr_sys *sys, bool *exists, mlr_err *err)
{
    *o = (mlr_out_file){.path = path, .dir = -1, .fd = -1, .how = how};
    o->sys = sys != NULL ? sys : &mlr_sys_posix;
    o->sink = (mlr_sink){.ctx = o, .write = sink_write};
    mlr_status status = open_dir(o, err);
    return status == MLR_OK ? look_at_target(o, exists, err) : status;
}

mlr_status mlr_out_open(mlr_out_file *o, const char *path, uint64_t size, mlr_overwrite how,
                        const mlr_sys *sys, mlr_err *err)
{
    bool exists = false;
    mlr_status status = begin(o, path, how, sys, &exists, err);
    if (status == MLR_OK) {
        status = create_temp(o, exists ? PRIVATE_MODE : 0666, err);
    }
    if (status == MLR_OK && !exists) {
        status = learn_mode(o, err);
    }
    if (status == MLR_OK) {
        status = reserve(o, size, err);
    }
    if (status != MLR_OK) {
        mlr_out_discard(o);
    }
    return status;
}

/* Whether the temporary name still means the open file: a run that has just published it
   gave up its lock on what is now the output. */
static bool still_named(const mlr_out_file *o, const struct stat *mine)
{
    struct stat st;
    int fd = mlr_sys_openat(o->sys, o->dir, o->temp, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    bool same = fd >= 0 && mlr_sys_fstat(o->sys, fd, &st) == 0 &&
                st.st_ino == mine->st_ino && st.st_dev == mine->st_dev;
    if (fd >= 0) {
        mlr_sys_close(o->sys, fd);
    }
    return same;
}

/* A fixed name can be waited for, so what stands there must be a file of one name, held by
   no other run. */
static mlr_status open_part(mlr_out_file *o, bool exists, mlr_err *err)
{
    snprintf(o->temp, sizeof o->temp, "%s" MLR_PART_SUFFIX, o->name);
    o->fd =
        mlr_sys_openat(o->sys, o->dir, o->temp, PART_FLAGS, exists ? PRIVATE_MODE : 0666);
    struct stat st;
    if (o->fd < 0 || mlr_sys_fstat(o->sys, o->fd, &st) < 0) {
        return fail(o, errno, "partial output that can be opened", err);
    }
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        return refuse(o, 0, "partial output that is a file of its own", err);
    }
    if (flock(o->fd, LOCK_EX | LOCK_NB) < 0 || !still_named(o, &st)) {
        mlr_err_in(err, MLR_IN_OUTPUT, o->path);
        return mlr_fail(err, MLR_E_BUSY, MLR_NO_OFFSET, "partial output of its own");
    }
    if (!exists) {
        o->mode = st.st_mode & 0777;
    }
    return MLR_OK;
}

mlr_status mlr_out_open_part(mlr_out_file *o, const char *path, mlr_overwrite how,
                             const mlr_sys *sys, mlr_err *err)
{
    bool exists = false;
    mlr_status status = begin(o, path, how, sys, &exists, err);
    if (status == MLR_OK) {
        status = open_part(o, exists, err);
    }
    if (status != MLR_OK) {
        mlr_out_leave(o);
    }
    return status;
}

mlr_status mlr_out_go_on(mlr_out_file *o, uint64_t n, mlr_err *err)
{
    if (mlr_sys_ftruncate(o->sys, o->fd, (off_t)n) < 0 ||
        lseek(o->fd, (off_t)n, SEEK_SET) != (off_t)n) {
        return fail(o, errno, "partial output that can be cut", err);
    }
    o->written = n;
    return MLR_OK;
}

mlr_status mlr_out_sync(mlr_out_file *o, mlr_err *err)
{
    if (o->sys == NULL || o->failed) {
        return mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "output that did not fail before");
    }
    if (o->synced) {
        return MLR_OK;
    }
    o->failed = true;
    if (o->written < o->reserved &&
        mlr_sys_ftruncate(o->sys, o->fd, (off_t)o->written) < 0) {
        return fail(o, errno, "output that can be cut to its length", err);
    }
    /* Before the sync, so that the mode is as durable as the bytes. */
    if (mlr_sys_fchmod(o->sys, o->fd, o->mode) < 0) {
        return fail(o, errno, "output that takes a mode", err);
    }
    if (mlr_sys_fsync(o->sys, o->fd) < 0) {
        return fail(o, errno, "output that can be made durable", err);
    }
    o->failed = false;
    o->synced = true;
    return MLR_OK;
}

/* Where the file system has no such rename, looking first leaves only a moment's gap. */
static mlr_status rename_new(mlr_out_file *o, mlr_err *err)
{
    if (mlr_sys_rename(o->sys, o->dir, o->temp, o->name, true) == 0) {
        return MLR_OK;
    }
    if (errno == EEXIST) {
        return refuse(o, EEXIST, "output that does not exist yet", err);
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return fail(o, errno, "output that can be renamed into place", err);
    }
    bool exists = false;
    mode_t mode = o->mode;
    mlr_status status = look_at_target(o, &exists, err);
    o->mode = mode;
    if (status == MLR_OK && mlr_sys_rename(o->sys, o->dir, o->temp, o->name, false) < 0) {
        return fail(o, errno, "output that can be renamed into place", err);
    }
    return status;
}

static mlr_status rename_over(mlr_out_file *o, mlr_err *err)
{
    if (mlr_sys_rename(o->sys, o->dir, o->temp, o->name, false) < 0) {
        return fail(o, errno, "output that can be renamed into place", err);
    }
    return MLR_OK;
}

/* Some file systems cannot sync a directory; then there is nothing more to be done. */
static mlr_status sync_dir(mlr_out_file *o, mlr_err *err)
{
    if (mlr_sys_fsync(o->sys, o->dir) < 0 && errno != EINVAL && errno != EOPNOTSUPP) {
        return fail(o, errno, "directory that keeps the finished output's name", err);
    }
    return MLR_OK;
}

mlr_status mlr_out_publish(mlr_out_file *o, mlr_err *err)
{
    mlr_status status = mlr_out_sync(o, err);
    if (status == MLR_OK) {
        status = o->how == MLR_KEEP_EXISTING ? rename_new(o, err) : rename_over(o, err);
    }
    if (status == MLR_OK) {
        o->temp[0] = '\0';
        status = sync_dir(o, err);
    }
    mlr_out_discard(o);
    return status;
}

void mlr_out_discard(mlr_out_file *o)
{
    if (o != NULL && o->sys != NULL && o->temp[0] != '\0') {
        (void)mlr_sys_unlinkat(o->sys, o->dir, o->temp);
    }
    mlr_out_leave(o);
}

void mlr_out_abandon(const mlr_out_file *o)
{
    if (o->sys != NULL && o->temp[0] != '\0') {
        (void)unlinkat(o->dir, o->temp, 0);
    }
}

void mlr_out_leave(mlr_out_file *o)
{
    if (o == NULL || o->sys == NULL) {
        return;
    }
    if (o->fd >= 0) {
        mlr_sys_close(o->sys, o->fd);
    }
    if (o->dir >= 0) {
        mlr_sys_close(o->sys, o->dir);
    }
    *o = (mlr_out_file){.dir = -1, .fd = -1};
}
