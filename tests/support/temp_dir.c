#include "tests/support/temp_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/test.h"

void temp_dir_make(temp_dir *d)
{
    const char *base = getenv("TMPDIR");
    snprintf(d->path, sizeof d->path, "%s/mallorn-test-XXXXXX",
             base != NULL                           ? base
             : access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" /* waits for no disk */
                                                    : "/tmp");
    assert_non_null(mkdtemp(d->path));
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(d->fd >= 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

void temp_dir_remove(temp_dir *d)
{
    close(d->fd);
    d->fd = -1;
    nftw(d->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temp_dir_at(const temp_dir *d, const char *name, char to[512])
{
    snprintf(to, 512, "%s/%s", d->path, name);
    return to;
}

static size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    size_t n = 0;
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    }
    closedir(dir);
    return n;
}

size_t temp_dir_entries(const temp_dir *d)
{
    return count_entries(d->path);
}

size_t open_descriptors(void)
{
    return count_entries("/proc/self/fd") - 1; /* the one that is looking */
}

void temp_dir_write(const temp_dir *d, const char *name, const void *data, size_t n)
{
    int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    for (size_t at = 0; at < n;) {
        ssize_t put = write(fd, (const char *)data + at, n - at);
        assert_true(put > 0);
        at += (size_t)put;
    }
    assert_int_equal(close(fd), 0);
}

int temp_dir_holds(const temp_dir *d, const char *name, const void *data, size_t n)
{
    int fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    char *bytes = malloc(n + 1);
    assert_non_null(bytes);
    size_t got = 0;
    ssize_t part = 1;
    while (part > 0 && got <= n) {
        part = read(fd, bytes + got, n + 1 - got);
        got += part > 0 ? (size_t)part : 0;
    }
    int same = got == n && (n == 0 || memcmp(bytes, data, n) == 0);
    free(bytes);
    close(fd);
    return same;
}
