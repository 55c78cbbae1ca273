#include "tui/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/format.h"

void mlr_folder_release(mlr_folder *f)
{
    mlr_pool_release(&f->pool);
    f->entry = NULL;
    f->count = 0;
}

/* The surest probe of the first bytes; the table's order decides between equals. */
const char *mlr_folder_format(int dir, const char *name, uint64_t size)
{
    uint8_t head[64];
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return NULL;
    }
    ssize_t n = pread(fd, head, sizeof head, 0);
    (void)close(fd);
    const mlr_format *best = NULL;
    int most = 0;
    for (size_t i = 0; n > 0 && mlr_formats[i] != NULL; i++) {
        int sure = mlr_formats[i]->probe(head, (size_t)n, size);
        if (sure > most) {
            most = sure;
            best = mlr_formats[i];
        }
    }
    return best == NULL ? NULL : best->title;
}

static bool wanted(const mlr_folder_entry *e, mlr_folder_wish wish)
{
    if (e->name[0] == '.' && !wish.hidden) {
        return false;
    }
    return e->is_folder || e->format != NULL || wish.all_files;
}

static int compare(const void *pa, const void *pb)
{
    const mlr_folder_entry *a = pa;
    const mlr_folder_entry *b = pb;
    if (a->is_folder != b->is_folder) {
        return a->is_folder ? -1 : 1;
    }
    return strverscmp(a->name, b->name);
}

static bool look(mlr_folder_entry *e, int dir, const char *name, mlr_pool *pool)
{
    struct stat st;
    if (fstatat(dir, name, &st, 0) != 0 || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))) {
        return false;
    }
    *e = (mlr_folder_entry){.name = mlr_pool_copy(pool, name, strlen(name)),
                            .size = (uint64_t)st.st_size,
                            .modified = st.st_mtime,
                            .is_folder = S_ISDIR(st.st_mode)};
    return e->name != NULL;
}

static void collect(mlr_folder *f, DIR *d, mlr_folder_wish wish)
{
    for (struct dirent *de = readdir(d); de != NULL; de = readdir(d)) {
        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0) {
            continue;
        }
        if (f->count == MLR_FOLDER_ENTRIES) {
            f->cut = true;
            return;
        }
        mlr_folder_entry *e = &f->entry[f->count];
        if ((de->d_name[0] == '.' && !wish.hidden) ||
            !look(e, dirfd(d), de->d_name, &f->pool)) {
            f->hidden += de->d_name[0] == '.';
            continue;
        }
        e->format = e->is_folder ? NULL : mlr_folder_format(dirfd(d), e->name, e->size);
        if (wanted(e, wish)) {
            f->count++;
        } else {
            f->hidden++;
        }
    }
}

mlr_status mlr_folder_read(mlr_folder *f, const char *path, mlr_folder_wish wish,
                           const mlr_allocator *alloc, mlr_err *err)
{
    mlr_folder next = {0};
    char *full = realpath(path, NULL);
    DIR *d = full == NULL ? NULL : opendir(full);
    if (d == NULL || strlen(full) >= sizeof next.path) {
        int number = errno;
        free(full);
        if (d != NULL) {
            closedir(d);
        }
        mlr_err_about(err, path, strlen(path));
        if (err != NULL && err->status == MLR_OK) {
            err->os_error = number;
        }
        return mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "a folder that can be read");
    }
    mlr_pool_init(&next.pool, alloc);
    memcpy(next.path, full, strlen(full) + 1);
    free(full);
    next.entry = mlr_pool_take(&next.pool, MLR_FOLDER_ENTRIES * sizeof *next.entry);
    if (next.entry != NULL) {
        collect(&next, d, wish);
        qsort(next.entry, next.count, sizeof *next.entry, compare);
    }
    closedir(d);
    if (next.entry == NULL) {
        mlr_pool_release(&next.pool);
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a folder");
    }
    mlr_folder_release(f);
    *f = next;
    return MLR_OK;
}
