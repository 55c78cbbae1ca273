#include "apply/host/out_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "apply/host/sys_call.h"

enum { DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC, TEMP_TRIES = 32, MOST_DEPTH = 64 };

static mlr_status fail(const mlr_out_dir *o, const char *rule, mlr_err *err)
{
    return mlr_fail_os(err, errno, MLR_IN_OUTPUT, o->path, rule);
}

static mlr_status refuse(const mlr_out_dir *o, const char *rule, mlr_err *err)
{
    mlr_err_in(err, MLR_IN_OUTPUT, o->path);
    return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET, rule);
}

/* --- what stands at the target -------------------------------------------------------- */

/* Splits the path, trailing slashes aside, and opens the directory above. */
static mlr_status open_parent(mlr_out_dir *o, mlr_err *err)
{
    size_t n = strlen(o->path);
    while (n > 1 && o->path[n - 1] == '/') {
        n--;
    }
    size_t head = n;
    while (head > 0 && o->path[head - 1] != '/') {
        head--;
    }
    size_t name_n = n - head;
    char above[PATH_MAX] = ".";
    if (name_n == 0 || strncmp(o->path + head, "..", name_n) == 0) {
        return refuse(o, "output directory with a name of its own", err);
    }
    if (name_n >= sizeof o->name - 40 || head >= sizeof above) {
        errno = ENAMETOOLONG;
        return fail(o, "output with a shorter name", err);
    }
    memcpy(o->name, o->path + head, name_n);
    if (head > 0) {
        memcpy(above, o->path, head);
        above[head] = '\0';
    }
    o->parent = mlr_sys_openat(o->sys, AT_FDCWD, above, DIR_FLAGS, 0);
    return o->parent < 0 ? fail(o, "directory of the output", err) : MLR_OK;
}

typedef struct walk {
    mlr_out_dir *o;
    const char *const *names;
    size_t count, entries;
    char path[PATH_MAX];
} walk;

/* Whether a file of this name, or a directory that leads to one, is to be made. */
static bool expected(const walk *w, const char *path, bool is_dir)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < w->count; i++) {
        const char *name = w->names[i];
        if (strncmp(name, path, n) == 0 && name[n] == (is_dir ? '/' : '\0')) {
            return true;
        }
    }
    return false;
}

static mlr_status look_through(walk *w, int fd, size_t at, unsigned depth, mlr_err *err);

static mlr_status look_at(walk *w, int dir, const char *name, size_t at, unsigned depth,
                          mlr_err *err)
{
    size_t n = strlen(name);
    struct stat st;
    w->entries++;
    if (at + n + 2 > sizeof w->path || depth > MOST_DEPTH ||
        fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return fail(w->o, "output directory that can be looked through", err);
    }
    memcpy(w->path + at, name, n + 1);
    bool is_dir = S_ISDIR(st.st_mode);
    if ((!is_dir && !S_ISREG(st.st_mode)) || !expected(w, w->path, is_dir)) {
        mlr_err_about(err, w->path, at + n);
        return refuse(w->o, "output directory that holds only what is replaced", err);
    }
    if (!is_dir) {
        return MLR_OK;
    }
    memcpy(w->path + at + n, "/", 2);
    return look_through(w, openat(dir, name, DIR_FLAGS | O_NOFOLLOW), at + n + 1, depth + 1,
                        err);
}

/* Takes over fd. */
static mlr_status look_through(walk *w, int fd, size_t at, unsigned depth, mlr_err *err)
{
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d == NULL) {
        fail(w->o, "output directory that can be looked through", err);
        if (fd >= 0) {
            close(fd);
        }
        return err->status;
    }
    const struct dirent *e;
    while (err->status == MLR_OK && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            look_at(w, dirfd(d), e->d_name, at, depth, err);
        }
    }
    closedir(d);
    return err->status;
}

static mlr_status look_at_target(mlr_out_dir *o, walk *w, mlr_err *err)
{
    int fd = mlr_sys_openat(o->sys, o->parent, o->name, DIR_FLAGS | O_NOFOLLOW, 0);
    if (fd < 0) {
        return errno == ENOENT ? MLR_OK
               : errno == ENOTDIR || errno == ELOOP
                   ? refuse(o, "output that is a directory, for several files", err)
                   : fail(o, "output that can be seen", err);
    }
    struct stat st;
    if (mlr_sys_fstat(o->sys, fd, &st) < 0) {
        fail(o, "output that can be seen", err);
        mlr_sys_close(o->sys, fd);
        return err->status;
    }
    o->mode = st.st_mode & 0777;
    o->replaces = true;
    size_t known = w->count;
    w->count = o->how == MLR_REPLACE_EXISTING ? known : 0;
    mlr_status status = look_through(w, fd, 0, 0, err);
    if (status == MLR_E_USAGE && o->how == MLR_KEEP_EXISTING) {
        err->rule = "output that does not exist yet";
    }
    return status;
}

/* --- making --------------------------------------------------------------------------- */

static mlr_status make_temp(mlr_out_dir *o, mlr_err *err)
{
    for (unsigned i = 0; i < TEMP_TRIES; i++) {
        uint64_t salt = 0;
        if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) != (ssize_t)sizeof salt) {
            struct timespec now = {0};
            clock_gettime(CLOCK_MONOTONIC, &now);
            salt = (uint64_t)getpid() << 32 ^ (uint64_t)now.tv_nsec ^ i;
        }
        snprintf(o->temp, sizeof o->temp, ".mallorn-%016llx.dir", (unsigned long long)salt);
        if (mlr_sys_mkdirat(o->sys, o->parent, o->temp, 0777) == 0) {
            return MLR_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    o->temp[0] = '\0';
    return fail(o, "directory that takes a new one", err);
}

static mlr_status open_temp(mlr_out_dir *o, mlr_err *err)
{
    struct stat st;
    o->dir = mlr_sys_openat(o->sys, o->parent, o->temp, DIR_FLAGS | O_NOFOLLOW, 0);
    if (o->dir < 0 || mlr_sys_fstat(o->sys, o->dir, &st) < 0) {
        return fail(o, "temporary directory that can be opened", err);
    }
    if (!o->replaces) {
        o->mode = st.st_mode & 0777;
    }
    return mlr_sys_fchmod(o->sys, o->dir, 0700) < 0
               ? fail(o, "temporary directory that can be made private", err)
               : MLR_OK;
}

mlr_status mlr_out_dir_open(mlr_out_dir *o, const char *path, const char *const *names,
                            size_t count, mlr_overwrite how, const mlr_allocator *alloc,
                            const mlr_sys *sys, mlr_err *err)
{
    *o = (mlr_out_dir){.sys = sys != NULL ? sys : &mlr_sys_posix,
                       .path = path,
                       .parent = -1,
                       .dir = -1,
                       .fd = -1,
                       .old = -1,
                       .how = how};
    mlr_pool_init(&o->pool, alloc);
    o->made_room = count;
    o->made = mlr_pool_take(&o->pool, (count + 1) * sizeof *o->made);
    walk w = {.o = o, .names = names, .count = count};
    if (o->made == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "names of the output");
    } else if (open_parent(o, err) == MLR_OK && look_at_target(o, &w, err) == MLR_OK &&
               make_temp(o, err) == MLR_OK) {
        open_temp(o, err);
    }
    if (err->status != MLR_OK) {
        mlr_out_dir_discard(o);
    }
    return err->status;
}

/* The next directory on the way to `name`, the outermost first. The name itself stays
   whole: it may be wanted for removing at any moment. */
static bool next_parent(const char *name, size_t *at, char head[PATH_MAX])
{
    const char *slash = strchr(name + *at, '/');
    size_t n = slash == NULL ? PATH_MAX : (size_t)(slash - name);
    if (n >= PATH_MAX) {
        return false;
    }
    memcpy(head, name, n);
    head[n] = '\0';
    *at = n + 1;
    return true;
}

static mlr_status make_parents(mlr_out_dir *o, const char *name, mlr_err *err)
{
    char head[PATH_MAX];
    for (size_t at = 0; next_parent(name, &at, head);) {
        if (mlr_sys_mkdirat(o->sys, o->dir, head, 0777) < 0 && errno != EEXIST) {
            return fail(o, "directory inside the output", err);
        }
    }
    return MLR_OK;
}

mlr_status mlr_out_dir_file(mlr_out_dir *o, const char *name, uint64_t size, mlr_err *err)
{
    size_t n = strlen(name);
    char *own = o->made_count < o->made_room ? mlr_pool_copy(&o->pool, name, n) : NULL;
    if (own == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "names of the output");
    }
    o->made[o->made_count++] = own;
    if (make_parents(o, own, err) != MLR_OK) {
        return err->status;
    }
    o->fd = mlr_sys_openat(o->sys, o->dir, own,
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
                           0666);
    if (o->fd < 0 && (errno == EEXIST || errno == ENOTDIR || errno == EISDIR)) {
        mlr_err_in(err, MLR_IN_PATCH, "patch");
        mlr_err_about(err, name, n);
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "member names that differ");
    }
    if (o->fd < 0) {
        return fail(o, "file inside the output", err);
    }
    if (size > 0 && size <= INT64_MAX &&
        mlr_sys_fallocate(o->sys, o->fd, 0, (off_t)size) < 0 && errno != EOPNOTSUPP &&
        errno != EINVAL && errno != ENOSYS) {
        return fail(o, "room for the whole output", err);
    }
    return MLR_OK;
}

mlr_status mlr_out_dir_write(mlr_out_dir *o, const void *src, size_t n, mlr_err *err)
{
    const uint8_t *from = src;
    while (n > 0) {
        ssize_t put = mlr_sys_write(o->sys, o->fd, from, n);
        if (put <= 0) {
            errno = put < 0 ? errno : EIO;
            return fail(o, "output that takes bytes", err);
        }
        from += put;
        n -= (size_t)put;
    }
    return MLR_OK;
}

mlr_status mlr_out_dir_close(mlr_out_dir *o, mlr_err *err)
{
    if (mlr_sys_fsync(o->sys, o->fd) < 0) {
        return fail(o, "output that can be made durable", err);
    }
    mlr_sys_close(o->sys, o->fd);
    o->fd = -1;
    return MLR_OK;
}

/* --- publishing ----------------------------------------------------------------------- */

/* Some file systems cannot sync a directory; then there is nothing more to be done. */
static bool sync_dir(const mlr_out_dir *o, int fd)
{
    return mlr_sys_fsync(o->sys, fd) == 0 || errno == EINVAL || errno == EOPNOTSUPP;
}

/* Whether the file made before this one lies in the same directory. */
static bool seen_before(const mlr_out_dir *o, size_t i, const char *head)
{
    size_t n = strlen(head);
    return i > 0 && strncmp(o->made[i - 1], head, n) == 0 && o->made[i - 1][n] == '/';
}

static bool sync_folder(const mlr_out_dir *o, const char *path)
{
    int fd = mlr_sys_openat(o->sys, o->dir, path, DIR_FLAGS, 0);
    bool synced = fd >= 0 && sync_dir(o, fd);
    int why = errno;
    if (fd >= 0) {
        mlr_sys_close(o->sys, fd);
    }
    errno = why;
    return synced;
}

/* The directories between the output and its files hold names as well. */
static mlr_status sync_inside(mlr_out_dir *o, mlr_err *err)
{
    char head[PATH_MAX];
    for (size_t i = 0; i < o->made_count; i++) {
        for (size_t at = 0; next_parent(o->made[i], &at, head);) {
            if (!seen_before(o, i, head) && !sync_folder(o, head)) {
                return fail(o, "directory inside the output that can be made durable", err);
            }
        }
    }
    return sync_dir(o, o->dir) ? MLR_OK : fail(o, "output that can be made durable", err);
}

/* A directory that others see cannot be left half removed for a passing fault: once more.
 */
static void remove_one(const mlr_out_dir *o, int dir, const char *name, int flags)
{
    if (mlr_sys_remove(o->sys, dir, name, flags) < 0 && errno != ENOENT &&
        errno != ENOTEMPTY) {
        (void)mlr_sys_remove(o->sys, dir, name, flags);
    }
}

/* Removes our files, and the directories they leave empty, from the tree at `dir`. May be
   broken off and done again. */
static void remove_made(const mlr_out_dir *o, int dir)
{
    char name[PATH_MAX];
    for (size_t i = o->made_count; i-- > 0;) {
        remove_one(o, dir, o->made[i], 0);
    }
    for (size_t i = o->made_count; i-- > 0;) {
        size_t n = strlen(o->made[i]);
        memcpy(name, o->made[i], n < sizeof name ? n + 1 : 0);
        name[n < sizeof name ? n : 0] = '\0';
        for (char *slash = strrchr(name, '/'); slash != NULL; slash = strrchr(name, '/')) {
            *slash = '\0';
            remove_one(o, dir, name, AT_REMOVEDIR);
        }
    }
}

/* Where the file system has no rename that spares what is there, a plain one must do: it
   replaces nothing but an empty directory. */
static bool rename_to(const mlr_out_dir *o, const char *from, const char *to)
{
    bool done = mlr_sys_rename(o->sys, o->parent, from, to, true) == 0;
    return done || ((errno == EINVAL || errno == ENOSYS) &&
                    mlr_sys_rename(o->sys, o->parent, from, to, false) == 0);
}

/* Where two names cannot change places in one step. */
static bool swap_in_steps(mlr_out_dir *o)
{
    char aside[sizeof o->aside];
    snprintf(aside, sizeof aside, "%s.old", o->temp);
    if (!rename_to(o, o->name, aside)) {
        return false;
    }
    if (rename_to(o, o->temp, o->name)) {
        memcpy(o->aside, aside, sizeof aside);
        return true;
    }
    int why = errno;
    (void)rename_to(o, aside, o->name);
    errno = why;
    return false;
}

static bool put_in_place(mlr_out_dir *o)
{
    if (!o->replaces) {
        return rename_to(o, o->temp, o->name);
    }
    if (mlr_sys_exchange(o->sys, o->parent, o->temp, o->name) == 0) {
        snprintf(o->aside, sizeof o->aside, "%s", o->temp);
        return true;
    }
    return (errno == EINVAL || errno == ENOSYS) && swap_in_steps(o);
}

/* What was replaced holds nothing but files of the same names: that was seen before. */
static void remove_replaced(const mlr_out_dir *o)
{
    if (o->aside[0] != '\0') {
        remove_made(o, o->old);
        remove_one(o, o->parent, o->aside, AT_REMOVEDIR);
    }
}

/* Opened before it is replaced: afterwards it would be too late to fail. */
static mlr_status open_replaced(mlr_out_dir *o, mlr_err *err)
{
    if (!o->replaces) {
        return MLR_OK;
    }
    o->old = mlr_sys_openat(o->sys, o->parent, o->name, DIR_FLAGS | O_NOFOLLOW, 0);
    return o->old < 0 ? fail(o, "output that can be seen", err) : MLR_OK;
}

mlr_status mlr_out_dir_publish(mlr_out_dir *o, mlr_err *err)
{
    /* Before the sync, so that the mode is as durable as the names. */
    if (mlr_sys_fchmod(o->sys, o->dir, o->mode) < 0) {
        fail(o, "output that takes a mode", err);
    } else if (sync_inside(o, err) == MLR_OK) {
        open_replaced(o, err);
    }
    o->placing = true;
    if (err->status == MLR_OK && !put_in_place(o)) {
        if (errno == EEXIST || errno == ENOTEMPTY) {
            refuse(o, "output that does not exist yet", err);
        } else {
            fail(o, "output that can be renamed into place", err);
        }
    }
    if (err->status == MLR_OK) {
        o->temp[0] = '\0';
        o->placing = false;
        if (!sync_dir(o, o->parent)) {
            fail(o, "directory that keeps the finished output's name", err);
        }
    } else {
        o->placing = false;
        (void)mlr_sys_fchmod(o->sys, o->dir, 0700); /* so that it can be emptied */
    }
    remove_replaced(o);
    mlr_out_dir_discard(o);
    return err->status;
}

void mlr_out_dir_abandon(mlr_out_dir *o)
{
    if (o->sys == NULL || o->placing) {
        return;
    }
    remove_replaced(o);
    if (o->temp[0] != '\0') {
        remove_made(o, o->dir);
        remove_one(o, o->parent, o->temp, AT_REMOVEDIR);
    }
}

void mlr_out_dir_discard(mlr_out_dir *o)
{
    if (o == NULL || o->sys == NULL) {
        return;
    }
    if (o->temp[0] != '\0') {
        if (o->dir >= 0) {
            remove_made(o, o->dir);
        }
        remove_one(o, o->parent, o->temp, AT_REMOVEDIR);
    }
    const int fds[] = {o->fd, o->old, o->dir, o->parent};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            mlr_sys_close(o->sys, fds[i]);
        }
    }
    mlr_pool_release(&o->pool);
    *o = (mlr_out_dir){.parent = -1, .dir = -1, .fd = -1, .old = -1};
}
