#include "tests/sweep/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(bool holds, const char *what)
{
    if (!holds) {
        perror(what);
        abort();
    }
}

void tree_release(tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->file[i].data);
    }
    t->count = 0;
}

tree_file *tree_find(const tree *t, const char *path)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->file[i].path, path) == 0) {
            return (tree_file *)&t->file[i];
        }
    }
    return NULL;
}

tree_file *tree_put(tree *t, const char *path, const void *data, size_t n, unsigned mode)
{
    tree_file *f = tree_find(t, path);
    if (f == NULL) {
        must(t->count < TREE_FILES && strlen(path) < TREE_PATH, path);
        size_t at = t->count++;
        for (; at > 0 && strcmp(t->file[at - 1].path, path) > 0; at--) {
            t->file[at] = t->file[at - 1];
        }
        f = &t->file[at];
        *f = (tree_file){0};
        memcpy(f->path, path, strlen(path) + 1);
    }
    uint8_t *own = malloc(n + 1);
    must(own != NULL, path);
    if (n > 0) {
        memcpy(own, data, n);
    }
    free(f->data);
    f->data = own;
    f->n = n;
    f->mode = mode;
    return f;
}

void tree_drop(tree *t, const char *path)
{
    tree_file *f = tree_find(t, path);
    if (f != NULL) {
        free(f->data);
        size_t at = (size_t)(f - t->file);
        memmove(f, f + 1, (t->count - at - 1) * sizeof *f);
        t->count--;
    }
}

void tree_copy(tree *to, const tree *from)
{
    *to = (tree){0};
    for (size_t i = 0; i < from->count; i++) {
        const tree_file *f = &from->file[i];
        tree_put(to, f->path, f->data, f->n, f->mode);
    }
}

static void read_file(tree *t, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    must(fd >= 0 && fstat(fd, &st) == 0, path);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    must(bytes != NULL && read(fd, bytes, (size_t)st.st_size) == st.st_size, path);
    close(fd);
    tree_file *f = tree_put(t, path, "", 0, st.st_mode & 0777);
    free(f->data);
    f->data = bytes;
    f->n = (size_t)st.st_size;
}

static void read_folder(tree *t, const char *folder)
{
    DIR *d = opendir(folder[0] == '\0' ? "." : folder);
    must(d != NULL, folder);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[TREE_PATH + 300];
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s%s", folder, e->d_name);
        must(lstat(path, &st) == 0, path);
        if (S_ISDIR(st.st_mode)) {
            strcat(path, "/");
            tree_put(t, path, "", 0, st.st_mode & 0777);
            read_folder(t, path);
        } else if (S_ISREG(st.st_mode)) {
            read_file(t, path);
        }
    }
    closedir(d);
}

void tree_read(tree *t)
{
    *t = (tree){0};
    read_folder(t, "");
}

static bool is_dir(const tree_file *f)
{
    return f->path[strlen(f->path) - 1] == '/';
}

static void write_one(const tree_file *f)
{
    if (is_dir(f)) {
        must(mkdir(f->path, 0700) == 0 && chmod(f->path, f->mode) == 0, f->path);
        return;
    }
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, f->data, f->n) == (ssize_t)f->n && fchmod(fd, f->mode) == 0,
         f->path);
    close(fd);
}

void tree_write(const tree *t)
{
    tree now;
    tree_read(&now);
    /* Replaced, not rewritten: a file that a case changed may have an odd identity. */
    for (size_t i = now.count; i-- > 0;) {
        const tree_file *f = &now.file[i];
        const tree_file *want = tree_find(t, f->path);
        bool keep = want != NULL && want->mode == f->mode && want->n == f->n &&
                    memcmp(want->data, f->data, f->n) == 0;
        must(keep || (is_dir(f) ? chmod(f->path, 0700) == 0 && want != NULL
                                      ? chmod(f->path, want->mode) == 0
                                      : rmdir(f->path) == 0
                                : unlink(f->path) == 0),
             f->path);
    }
    for (size_t i = 0; i < t->count; i++) {
        if (access(t->file[i].path, F_OK) != 0) {
            write_one(&t->file[i]);
        }
    }
    tree_release(&now);
}

static bool is_debris(const char *path)
{
    const char *last = strstr(path, ".mallorn-");
    return last != NULL;
}

const char *tree_differs(const tree *now, const tree *want, bool debris)
{
    size_t b = 0;
    for (size_t a = 0; a < now->count; a++) {
        const tree_file *f = &now->file[a];
        if (debris && is_debris(f->path)) {
            continue;
        }
        if (b == want->count) {
            return f->path;
        }
        const tree_file *w = &want->file[b++];
        int order = strcmp(f->path, w->path);
        if (order != 0) {
            return order < 0 ? f->path : w->path;
        }
        if (f->n != w->n || f->mode != w->mode || memcmp(f->data, w->data, f->n) != 0) {
            return w->path;
        }
    }
    return b < want->count ? want->file[b].path : NULL;
}
