#include "tests/sweep/disk_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- recording -------------------------------------------------------------------------
 */

static int node_of_ino(const disk_log *l, uint64_t ino)
{
    for (size_t i = l->nodes; i-- > 0;) {
        if (l->node[i].ino == ino && !l->node[i].gone) {
            return (int)i;
        }
    }
    return -1;
}

static int add_node(disk_log *l, const struct stat *st)
{
    int known = node_of_ino(l, st->st_ino);
    if (known >= 0) {
        l->node[known].gone = true; /* the number is used anew */
    }
    if (l->nodes == DISK_NODES) {
        l->full = true;
        return 0;
    }
    l->node[l->nodes] = (disk_node){
        .is_dir = S_ISDIR(st->st_mode), .mode = st->st_mode & 0777, .ino = st->st_ino};
    return (int)l->nodes++;
}

static int node_of_fd(const disk_log *l, int fd)
{
    struct stat st;
    int rc = fd == AT_FDCWD ? stat(".", &st) : fstat(fd, &st);
    return rc == 0 ? node_of_ino(l, st.st_ino) : -1;
}

static int node_at(const disk_log *l, int dir, const char *path)
{
    struct stat st;
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? node_of_ino(l, st.st_ino)
                                                             : -1;
}

/* The folder that holds the last part of `path`, and that part. */
static int parent_of(const disk_log *l, int dir, const char *path, const char **last)
{
    char head[TREE_PATH];
    const char *slash = strrchr(path, '/');
    *last = slash == NULL ? path : slash + 1;
    if (slash == NULL) {
        return node_of_fd(l, dir);
    }
    snprintf(head, sizeof head, "%.*s", (int)(slash - path), path);
    return node_at(l, dir, head);
}

static disk_op *add_op(disk_log *l, disk_kind kind, int node)
{
    static disk_op spare;
    if (l->ops == DISK_OPS || node < 0) {
        l->full = l->full || l->ops == DISK_OPS;
        spare = (disk_op){0};
        return &spare;
    }
    disk_op *op = &l->op[l->ops++];
    *op = (disk_op){.kind = kind, .node = node, .other = -1, .another = -1};
    return op;
}

static void name_it(char to[TREE_PATH], const char *name)
{
    snprintf(to, TREE_PATH, "%s", name);
}

static int log_openat(void *ctx, int dir, const char *path, int flags, mode_t mode)
{
    disk_log *l = ctx;
    struct stat st;
    bool there = fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    int fd = mlr_sys_posix.openat(NULL, dir, path, flags, mode);
    if (fd >= 0 && !there && fstat(fd, &st) == 0) {
        const char *last;
        int parent = parent_of(l, dir, path, &last);
        disk_op *op = add_op(l, DISK_LINK, parent);
        op->other = add_node(l, &st);
        name_it(op->name, last);
    }
    return fd;
}

static int log_mkdirat(void *ctx, int dir, const char *path, mode_t mode)
{
    disk_log *l = ctx;
    int rc = mlr_sys_posix.mkdirat(NULL, dir, path, mode);
    struct stat st;
    if (rc == 0 && fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        const char *last;
        int parent = parent_of(l, dir, path, &last);
        disk_op *op = add_op(l, DISK_LINK, parent);
        op->other = add_node(l, &st);
        name_it(op->name, last);
    }
    return rc;
}

static void log_bytes(disk_log *l, int fd, const void *src, size_t n, uint64_t off)
{
    disk_op *op = add_op(l, DISK_WRITE, node_of_fd(l, fd));
    op->data = malloc(n + 1);
    if (op->data == NULL) {
        abort();
    }
    memcpy(op->data, src, n);
    op->n = n;
    op->off = off;
}

static ssize_t log_write(void *ctx, int fd, const void *src, size_t n)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t put = write(fd, src, n);
    if (put > 0) {
        log_bytes(ctx, fd, src, (size_t)put, (uint64_t)at);
    }
    return put;
}

static ssize_t log_pwrite(void *ctx, int fd, const void *src, size_t n, off_t off)
{
    ssize_t put = pwrite(fd, src, n, off);
    if (put > 0) {
        log_bytes(ctx, fd, src, (size_t)put, (uint64_t)off);
    }
    return put;
}

/* The bytes are read back, as the log keeps bytes. */
static ssize_t log_copy_file_range(void *ctx, int from, off_t *from_off, int to,
                                   off_t *to_off, size_t n)
{
    off_t at = to_off != NULL ? *to_off : lseek(to, 0, SEEK_CUR);
    off_t source = from_off != NULL ? *from_off : lseek(from, 0, SEEK_CUR);
    ssize_t put = copy_file_range(from, from_off, to, to_off, n, 0);
    if (put > 0) {
        uint8_t *bytes = malloc((size_t)put);
        if (bytes == NULL || pread(from, bytes, (size_t)put, source) != put) {
            abort();
        }
        log_bytes(ctx, to, bytes, (size_t)put, (uint64_t)at);
        free(bytes);
    }
    return put;
}

static int log_fallocate(void *ctx, int fd, off_t off, off_t n)
{
    struct stat st;
    int rc = mlr_sys_posix.fallocate(NULL, fd, off, n);
    if (rc == 0 && fstat(fd, &st) == 0) {
        add_op(ctx, DISK_LENGTH, node_of_fd(ctx, fd))->off = (uint64_t)st.st_size;
    }
    return rc;
}

static int log_ftruncate(void *ctx, int fd, off_t n)
{
    int rc = ftruncate(fd, n);
    if (rc == 0) {
        add_op(ctx, DISK_LENGTH, node_of_fd(ctx, fd))->off = (uint64_t)n;
    }
    return rc;
}

static int log_fchmod(void *ctx, int fd, mode_t mode)
{
    int rc = fchmod(fd, mode);
    if (rc == 0) {
        add_op(ctx, DISK_MODE, node_of_fd(ctx, fd))->off = mode & 0777;
    }
    return rc;
}

static int log_fsync(void *ctx, int fd)
{
    (void)add_op(ctx, DISK_SYNC, node_of_fd(ctx, fd));
    return 0;
}

static int log_rename(void *ctx, int dir, const char *from, const char *to, bool no_replace)
{
    disk_log *l = ctx;
    int moved = node_at(l, dir, from);
    int rc = mlr_sys_posix.rename(NULL, dir, from, to, no_replace);
    if (rc == 0) {
        disk_op *op = add_op(l, DISK_RENAME, node_of_fd(l, dir));
        op->other = moved;
        name_it(op->name, from);
        name_it(op->to, to);
    }
    return rc;
}

static int log_exchange(void *ctx, int dir, const char *a, const char *b)
{
    disk_log *l = ctx;
    int first = node_at(l, dir, a), second = node_at(l, dir, b);
    int rc = mlr_sys_posix.exchange(NULL, dir, a, b);
    if (rc == 0) {
        disk_op *op = add_op(l, DISK_EXCHANGE, node_of_fd(l, dir));
        op->other = first;
        op->another = second;
        name_it(op->name, a);
        name_it(op->to, b);
    }
    return rc;
}

static int log_unlinkat(void *ctx, int dir, const char *path, int flags)
{
    disk_log *l = ctx;
    const char *last;
    int parent = parent_of(l, dir, path, &last);
    int rc = unlinkat(dir, path, flags);
    if (rc == 0) {
        name_it(add_op(l, DISK_UNLINK, parent)->name, last);
    }
    return rc;
}

void disk_log_begin(disk_log *l)
{
    memset(l, 0, sizeof *l);
    tree_read(&l->start);
    struct stat st;
    if (stat(".", &st) != 0) {
        abort();
    }
    (void)add_node(l, &st);
    for (size_t i = 0; i < l->start.count; i++) {
        const char *path = l->start.file[i].path;
        if (lstat(path, &st) != 0) {
            abort();
        }
        name_it(l->start_path[add_node(l, &st)], path);
    }
    l->start_nodes = l->nodes;
    l->sys = mlr_sys_posix;
    l->sys.ctx = l;
    l->sys.openat = log_openat;
    l->sys.mkdirat = log_mkdirat;
    l->sys.write = log_write;
    l->sys.pwrite = log_pwrite;
    l->sys.copy_file_range = log_copy_file_range;
    l->sys.fallocate = log_fallocate;
    l->sys.ftruncate = log_ftruncate;
    l->sys.fchmod = log_fchmod;
    l->sys.fsync = log_fsync;
    l->sys.rename = log_rename;
    l->sys.exchange = log_exchange;
    l->sys.unlinkat = log_unlinkat;
}

void disk_log_end(disk_log *l)
{
    for (size_t i = 0; i < l->ops; i++) {
        free(l->op[i].data);
    }
    tree_release(&l->start);
}

/* --- after a power failure -------------------------------------------------------------
 */

typedef struct entry {
    int dir, node; /* node < 0: not in use */
    char name[TREE_PATH];
} entry;

enum { ENTRIES = 128 };

typedef struct content {
    uint8_t *data;
    size_t n, room;
    unsigned mode;
} content;

typedef struct disk {
    content file[DISK_NODES];
    entry entry[ENTRIES];
    size_t entries;
} disk;

static entry *find_entry(disk *d, int dir, const char *name)
{
    for (size_t i = 0; i < d->entries; i++) {
        entry *e = &d->entry[i];
        if (e->node >= 0 && e->dir == dir && strcmp(e->name, name) == 0) {
            return e;
        }
    }
    return NULL;
}

static void set_entry(disk *d, int dir, const char *name, int node)
{
    entry *e = find_entry(d, dir, name);
    if (e == NULL) {
        if (d->entries == ENTRIES) {
            abort();
        }
        e = &d->entry[d->entries++];
    }
    e->dir = dir;
    e->node = node;
    name_it(e->name, name);
}

static void clear_entry(disk *d, int dir, const char *name, int only)
{
    entry *e = find_entry(d, dir, name);
    if (e != NULL && (only < 0 || e->node == only)) {
        e->node = -1;
    }
}

static void set_length(content *c, size_t n)
{
    if (n > c->room) {
        c->room = n * 2;
        c->data = realloc(c->data, c->room);
        if (c->data == NULL) {
            abort();
        }
    }
    if (n > c->n) {
        memset(c->data + c->n, 0, n - c->n);
    }
    c->n = n;
}

static void put_bytes(content *c, uint64_t off, const uint8_t *src, size_t n)
{
    if (n == 0) {
        return;
    }
    if (off + n > c->n) {
        set_length(c, (size_t)off + n);
    }
    memcpy(c->data + off, src, n);
}

static void put_names(disk *d, const disk_op *op)
{
    switch (op->kind) {
    case DISK_LINK:
        set_entry(d, op->node, op->name, op->other);
        break;
    case DISK_UNLINK:
        clear_entry(d, op->node, op->name, -1);
        break;
    case DISK_RENAME:
        clear_entry(d, op->node, op->name, op->other);
        set_entry(d, op->node, op->to, op->other);
        break;
    case DISK_EXCHANGE:
        set_entry(d, op->node, op->name, op->another);
        set_entry(d, op->node, op->to, op->other);
        break;
    default:
        break;
    }
}

static bool about_names(const disk_op *op)
{
    return op->kind <= DISK_EXCHANGE;
}

/* Whether a later operation, before the failure, has made this one certain. */
static bool is_certain(const disk_log *l, size_t i, size_t done)
{
    for (size_t k = i + 1; k < done; k++) {
        if (l->op[k].kind == DISK_SYNC && l->op[k].node == l->op[i].node) {
            return true;
        }
    }
    return false;
}

typedef struct failing {
    unsigned fate;
    size_t first, last; /* operations that are not certain */
    size_t last_write;
    size_t names_kept[DISK_NODES]; /* FATE_RANDOM: so many of each folder, in order */
    bool in_order;
    rng r;
} failing;

/* Sector by sector: kept, lost, or (trash) anything. */
static void put_sectors(content *c, const disk_op *op, failing *f)
{
    uint8_t junk[DISK_SECTOR];
    for (size_t at = 0; at < op->n;) {
        size_t room = DISK_SECTOR - (size_t)((op->off + at) % DISK_SECTOR);
        size_t now = op->n - at < room ? op->n - at : room;
        uint64_t luck = f->fate == FATE_TRASH ? 2 : rng_below(&f->r, 4);
        if (f->fate == FATE_TORN) {
            luck = (op->off + at) / DISK_SECTOR % 2;
        }
        if (luck == 0 || luck == 3) {
            put_bytes(c, op->off + at, op->data + at, now);
        } else if (luck == 2) {
            rng_fill(&f->r, junk, now);
            put_bytes(c, op->off + at, junk, now);
        }
        at += now;
    }
}

static void put_uncertain_write(content *c, const disk_op *op, size_t i, failing *f)
{
    switch (f->fate) {
    case FATE_ALL:
    case FATE_BYTES:
        put_bytes(c, op->off, op->data, op->n);
        break;
    case FATE_NOTHING:
    case FATE_NAMES:
        break;
    case FATE_ZEROS:
        if (op->off + op->n > c->n) {
            set_length(c, (size_t)op->off + op->n);
        }
        break;
    case FATE_TORN:
        if (i == f->last_write) {
            put_sectors(c, op, f);
            break;
        }
        put_bytes(c, op->off, op->data, op->n);
        break;
    case FATE_LAST_LOST:
        if (i != f->last) {
            put_bytes(c, op->off, op->data, op->n);
        }
        break;
    case FATE_FIRST_LOST:
        if (i != f->first) {
            put_bytes(c, op->off, op->data, op->n);
        }
        break;
    default:
        put_sectors(c, op, f);
        break;
    }
}

static bool keeps(const disk_op *op, size_t i, failing *f)
{
    switch (f->fate) {
    case FATE_NOTHING:
        return false;
    case FATE_LAST_LOST:
        return i != f->last;
    case FATE_FIRST_LOST:
        return i != f->first;
    case FATE_BYTES:
        return !about_names(op);
    case FATE_NAMES:
        return about_names(op) || op->kind == DISK_MODE;
    default:
        break;
    }
    if (f->fate < FATE_RANDOM) {
        return true;
    }
    if (!about_names(op)) {
        return rng_below(&f->r, 2) == 0;
    }
    if (!f->in_order) {
        return rng_below(&f->r, 2) == 0;
    }
    size_t *left = &f->names_kept[op->node];
    *left -= *left > 0;
    return *left > 0;
}

static void start_disk(const disk_log *l, disk *d)
{
    memset(d, 0, sizeof *d);
    for (size_t i = 0; i < l->nodes; i++) {
        d->file[i].mode = l->node[i].mode;
    }
    for (size_t i = 1; i < l->start_nodes; i++) {
        const char *path = l->start_path[i];
        const tree_file *f = tree_find(&l->start, path);
        put_bytes(&d->file[i], 0, f->data, f->n);
        char name[TREE_PATH], head[TREE_PATH];
        name_it(name, path);
        size_t n = strlen(name);
        name[n - 1] = name[n - 1] == '/' ? '\0' : name[n - 1];
        char *slash = strrchr(name, '/');
        int dir = 0;
        if (slash != NULL) {
            snprintf(head, sizeof head, "%.*s/", (int)(slash - name), name);
            for (size_t k = 1; k < l->start_nodes; k++) {
                dir = strcmp(l->start_path[k], head) == 0 ? (int)k : dir;
            }
        }
        set_entry(d, dir, slash == NULL ? name : slash + 1, (int)i);
    }
}

static void collect(const disk_log *l, const disk *d, int dir, const char *prefix,
                    tree *out, int depth)
{
    for (size_t i = 0; i < d->entries && depth < 8; i++) {
        const entry *e = &d->entry[i];
        if (e->node < 0 || e->dir != dir) {
            continue;
        }
        char path[2 * TREE_PATH];
        bool is_dir = l->node[e->node].is_dir;
        snprintf(path, sizeof path, "%s%s%s", prefix, e->name, is_dir ? "/" : "");
        const content *c = &d->file[e->node];
        tree_put(out, path, c->n > 0 ? c->data : (const uint8_t *)"", is_dir ? 0 : c->n,
                 c->mode);
        if (is_dir) {
            collect(l, d, e->node, path, out, depth + 1);
        }
    }
}

static failing failing_of(const disk_log *l, size_t done, unsigned fate, uint64_t seed)
{
    failing f = {.fate = fate, .first = DISK_OPS, .r = rng_new(seed)};
    size_t names[DISK_NODES] = {0};
    for (size_t i = 0; i < done; i++) {
        const disk_op *op = &l->op[i];
        if (op->kind == DISK_SYNC || is_certain(l, i, done)) {
            continue;
        }
        f.first = f.first == DISK_OPS ? i : f.first;
        f.last = i;
        f.last_write = op->kind == DISK_WRITE ? i : f.last_write;
        names[op->node] += about_names(op);
    }
    f.in_order = fate >= FATE_RANDOM && rng_below(&f.r, 2) == 0;
    for (size_t i = 0; i < DISK_NODES; i++) {
        f.names_kept[i] = 1 + (size_t)rng_below(&f.r, names[i] + 1);
    }
    return f;
}

void disk_after(const disk_log *l, size_t done, unsigned fate, uint64_t seed, tree *out)
{
    static disk d;
    failing f = failing_of(l, done, fate, seed);
    start_disk(l, &d);
    for (size_t i = 0; i < done; i++) {
        const disk_op *op = &l->op[i];
        bool certain = is_certain(l, i, done);
        content *c = &d.file[op->node];
        if (op->kind == DISK_WRITE && !certain) {
            put_uncertain_write(c, op, i, &f);
        } else if (!certain && op->kind != DISK_SYNC && !keeps(op, i, &f)) {
            continue;
        } else if (op->kind == DISK_WRITE) {
            put_bytes(c, op->off, op->data, op->n);
        } else if (op->kind == DISK_LENGTH) {
            set_length(c, (size_t)op->off);
        } else if (op->kind == DISK_MODE) {
            c->mode = (unsigned)op->off;
        } else {
            put_names(&d, op);
        }
    }
    *out = (tree){0};
    collect(l, &d, 0, "", out, 0);
    for (size_t i = 0; i < DISK_NODES; i++) {
        free(d.file[i].data);
    }
}
