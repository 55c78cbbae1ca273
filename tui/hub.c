#include "tui/hub.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/hf.h"
#include "tui/folder.h"

static const char prefix[] = "models--";

/* A folder's entries that do not start with a dot. */
static struct dirent *next_name(DIR *d)
{
    struct dirent *e = readdir(d);
    while (e != NULL && e->d_name[0] == '.') {
        e = readdir(d);
    }
    return e;
}

static const char *path_of(mlr_pool *pool, const char *a, const char *b, const char *c)
{
    char text[PATH_MAX];
    int n = snprintf(text, sizeof text, "%s/%s/%s", a, b, c);
    return n > 0 && (size_t)n < sizeof text ? mlr_pool_copy(pool, text, (size_t)n) : NULL;
}

/* "models--org--name" is "org/name"; a name of its own may hold "--". */
static const char *name_of(mlr_pool *pool, const char *folder, bool *has_org)
{
    const char *org = folder + sizeof prefix - 1;
    const char *split = strstr(org, "--");
    char text[NAME_MAX + 1];
    *has_org = split != NULL;
    int n = split == NULL ? snprintf(text, sizeof text, "%s", org)
                          : snprintf(text, sizeof text, "%.*s/%s", (int)(split - org), org,
                                     split + 2);
    return n > 0 ? mlr_pool_copy(pool, text, strlen(text)) : NULL;
}

/* The name that leads to a commit: "main" before others; "" where there is none. */
static const char *ref_of(mlr_pool *pool, const char *repo, const char *commit)
{
    char path[PATH_MAX + 8];
    const char *best = "";
    snprintf(path, sizeof path, "%s/refs", repo);
    DIR *d = opendir(path);
    struct dirent *e = d == NULL ? NULL : next_name(d);
    for (int i = 0; e != NULL && i < MLR_HUB_FILES; i++, e = next_name(d)) {
        char text[80] = "";
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof text - 1, 0);
        if (fd >= 0) {
            (void)close(fd);
        }
        text[n > 0 ? strcspn(text, "\r\n") : 0] = '\0';
        if (strcmp(text, commit) == 0 &&
            (best[0] == '\0' || strcmp(e->d_name, "main") == 0)) {
            const char *own = mlr_pool_copy(pool, e->d_name, strlen(e->d_name));
            best = own == NULL ? best : own;
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return best;
}

/* Sums over the model files of a snapshot. */
static void look_inside(mlr_hub_revision *r)
{
    DIR *d = opendir(r->folder);
    struct dirent *e = d == NULL ? NULL : next_name(d);
    uint64_t largest = 0;
    for (int i = 0; e != NULL && i < MLR_HUB_FILES; i++, e = next_name(d)) {
        struct stat st;
        if (fstatat(dirfd(d), e->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode)) {
            continue; /* a link that leads nowhere is no model */
        }
        const char *format = mlr_folder_format(dirfd(d), e->d_name, (uint64_t)st.st_size);
        if (format == NULL) {
            continue;
        }
        r->files++;
        r->bytes += (uint64_t)st.st_size;
        r->modified = st.st_mtime > r->modified ? st.st_mtime : r->modified;
        if ((uint64_t)st.st_size >= largest) {
            largest = (uint64_t)st.st_size;
            r->format = format;
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    /* Shards are one model; several files of other formats are as many models. */
    r->whole =
        r->files == 1 || (r->format != NULL && strcmp(r->format, "SafeTensors") == 0);
}

static void add_revision(mlr_hub *h, const char *repo, const char *name, bool has_org,
                         const char *commit)
{
    char open[NAME_MAX * 3];
    mlr_hub_revision r = {.name = name};
    r.commit = mlr_pool_copy(&h->pool, commit, strlen(commit));
    r.folder = path_of(&h->pool, repo, "snapshots", commit);
    if (r.commit == NULL || r.folder == NULL || name == NULL) {
        return;
    }
    look_inside(&r);
    if (r.files == 0) {
        return;
    }
    snprintf(open, sizeof open, "hf://%s@%s", name, commit);
    r.open = has_org ? mlr_pool_copy(&h->pool, open, strlen(open)) : r.folder;
    r.ref = ref_of(&h->pool, repo, commit);
    if (r.open != NULL) {
        h->revision[h->count++] = r;
    }
}

static void add_repo(mlr_hub *h, const char *folder)
{
    char repo[PATH_MAX];
    char snapshots[PATH_MAX + 16];
    bool has_org = false;
    int n = snprintf(repo, sizeof repo, "%s/%s", h->root, folder);
    if (n < 0 || (size_t)n >= sizeof repo) {
        return;
    }
    const char *name = name_of(&h->pool, folder, &has_org);
    snprintf(snapshots, sizeof snapshots, "%s/snapshots", repo);
    DIR *d = opendir(snapshots);
    struct dirent *e = d == NULL ? NULL : next_name(d);
    for (; e != NULL && h->count < MLR_HUB_REVISIONS; e = next_name(d)) {
        add_revision(h, repo, name, has_org, e->d_name);
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

static int compare(const void *pa, const void *pb)
{
    const mlr_hub_revision *a = pa;
    const mlr_hub_revision *b = pb;
    int c = strcmp(a->name, b->name);
    if (c != 0) {
        return c;
    }
    return a->modified != b->modified ? (a->modified > b->modified ? -1 : 1)
                                      : strcmp(a->commit, b->commit);
}

void mlr_hub_release(mlr_hub *h)
{
    mlr_pool_release(&h->pool);
    *h = (mlr_hub){0};
}

void mlr_hub_read(mlr_hub *h, const mlr_allocator *alloc)
{
    mlr_hub_release(h);
    mlr_pool_init(&h->pool, alloc);
    h->root = mlr_hf_root(&h->pool);
    h->revision = mlr_pool_take(&h->pool, MLR_HUB_REVISIONS * sizeof *h->revision);
    DIR *d = h->root == NULL || h->revision == NULL ? NULL : opendir(h->root);
    struct dirent *e = d == NULL ? NULL : next_name(d);
    for (; e != NULL && h->count < MLR_HUB_REVISIONS; e = next_name(d)) {
        if (strncmp(e->d_name, prefix, sizeof prefix - 1) == 0) {
            add_repo(h, e->d_name);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    if (h->count > 1) {
        qsort(h->revision, h->count, sizeof *h->revision, compare);
    }
}
