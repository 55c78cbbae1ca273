/*
 * Applies one patch to a base in memory, with nothing but the freestanding applier and a C
 * library: apply_golden scalar|host BASE PATCH NEW. BASE and NEW are folders where the
 * patch has several files. Exits with 77 where the patch needs a zstd that this program
 * lacks.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/apply.h"
#include "apply/patch_format.h"
#if defined(FOREIGN_ZSTD)
#include "apply/host/inflate_zstd.h"
#endif
#if defined(FOREIGN_KERNELS)
#include "apply/host/host_kernels.h"
#endif

enum { MEMBERS = 64, PATH = 4096, SKIPPED = 77 };

typedef struct bytes {
    uint8_t *data;
    size_t size, at;
} bytes;

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "apply_golden: %s: %s\n", what, why);
    exit(1);
}

static void load(const char *path, bytes *b)
{
    FILE *f = fopen(path, "rb");
    long n = -1;
    if (f != NULL && fseek(f, 0, SEEK_END) == 0) {
        n = ftell(f);
    }
    if (n < 0) {
        give_up(path, "not readable");
    }
    rewind(f);
    b->size = (size_t)n;
    b->data = malloc(b->size + 1);
    if (b->data == NULL || fread(b->data, 1, b->size, f) != b->size) {
        give_up(path, "not read");
    }
    fclose(f);
}

static mlr_status base_read(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    const bytes *b = ctx;
    if (off > b->size || n > b->size - off) {
        return mlr_fail(err, MLR_E_IO, off, "base");
    }
    memcpy(dst, b->data + off, n);
    return MLR_OK;
}

/* A few bytes at a time, as from a slow line. */
static mlr_status patch_read(void *ctx, void *dst, size_t n, size_t *got, mlr_err *err)
{
    bytes *p = ctx;
    (void)err;
    size_t left = p->size - p->at;
    *got = n < left ? n : left;
    *got = *got < 1000 ? *got : 1000;
    memcpy(dst, p->data + p->at, *got);
    p->at += *got;
    return MLR_OK;
}

/* Where the new files go. */
typedef struct output {
    const char *path;
    bool folder;
    FILE *file;
} output;

static void make_folders(char *path)
{
    for (char *at = path; (at = strchr(at + 1, '/')) != NULL;) {
        *at = '\0';
        (void)mkdir(path, 0777);
        *at = '/';
    }
}

static mlr_status new_open(void *ctx, uint32_t index, const mlr_patch_member *m,
                           mlr_err *err)
{
    output *o = ctx;
    char path[PATH];
    (void)index;
    if (o->folder) {
        snprintf(path, sizeof path, "%s/%.*s", o->path, (int)m->name_bytes, m->name);
    } else {
        snprintf(path, sizeof path, "%s", o->path);
    }
    make_folders(path);
    o->file = fopen(path, "wb");
    return o->file != NULL ? MLR_OK : mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "new file");
}

static mlr_status new_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    output *o = ctx;
    return fwrite(src, 1, n, o->file) == n
               ? MLR_OK
               : mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "new file");
}

static mlr_status new_close(void *ctx, uint32_t index, mlr_err *err)
{
    output *o = ctx;
    (void)index;
    return fclose(o->file) == 0 ? MLR_OK
                                : mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "new file");
}

static unsigned load_bases(const mlr_patch_header *h, const char *path, bool folder,
                           bytes *file)
{
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    unsigned n = 0;
    while (n < MEMBERS && mlr_patch_base(h, &iter, &m)) {
        char name[PATH];
        if (folder) {
            snprintf(name, sizeof name, "%s/%.*s", path, (int)m.name_bytes, m.name);
        } else {
            snprintf(name, sizeof name, "%s", path);
        }
        load(name, &file[n++]);
    }
    return n;
}

static const mlr_inflater *inflater(void)
{
#if defined(FOREIGN_ZSTD)
    static mlr_inflater zstd;
    zstd = mlr_inflate_zstd();
    return &zstd;
#else
    return NULL;
#endif
}

static const mlr_kernels *kernels(const char *name)
{
    if (strcmp(name, "scalar") == 0) {
        return &mlr_kernels_scalar;
    }
#if defined(FOREIGN_KERNELS)
    return mlr_host_kernels();
#else
    give_up(name, "no loops of that kind here");
    return NULL;
#endif
}

static int refused(const char *patch, const mlr_err *err)
{
    if (err->status == MLR_E_UNSUPPORTED && inflater() == NULL) {
        return SKIPPED;
    }
    fprintf(stderr, "apply_golden: %s: status %d, %s\n", patch, (int)err->status,
            err->rule == NULL ? "" : err->rule);
    return 1;
}

/* Everything that is known once the patch's header has been read. */
typedef struct job {
    bytes patch, file[MEMBERS];
    mlr_patch_header header;
    mlr_apply_need need;
} job;

static mlr_status read_header(job *j, mlr_err *err)
{
    size_t n = 0;
    if (j->patch.size < MLR_PATCH_PREFIX) {
        return mlr_fail(err, MLR_E_TRUNCATED, 0, "patch prefix");
    }
    if (mlr_patch_peek(j->patch.data, &n, err) != MLR_OK) {
        return err->status;
    }
    if (n > j->patch.size) {
        return mlr_fail(err, MLR_E_TRUNCATED, 0, "patch header");
    }
    j->patch.at = n;
    if (mlr_patch_header_read(&j->header, j->patch.data, n, err) != MLR_OK) {
        return err->status;
    }
    return mlr_apply_need_of(&j->header, inflater(), 1, &j->need, err);
}

static mlr_status make_new(job *j, unsigned bases, output *out, const mlr_kernels *loops,
                           mlr_err *err)
{
    mlr_source source[MEMBERS];
    const mlr_source *base[MEMBERS];
    for (unsigned i = 0; i < bases; i++) {
        source[i] =
            (mlr_source){.ctx = &j->file[i], .size = j->file[i].size, .read_at = base_read};
        base[i] = &source[i];
    }
    mlr_stream stream = {.ctx = &j->patch, .read = patch_read};
    mlr_target target = {
        .ctx = out, .open = new_open, .write = new_write, .close = new_close};
    mlr_apply_io io = {.patch = &stream,
                       .base = base,
                       .target = &target,
                       .inflater = inflater(),
                       .kernels = loops};
    mlr_apply *a = NULL;
    size_t room = (size_t)j->need.arena_bytes;
    void *arena = aligned_alloc(64, (room + 63) & ~(size_t)63);
    if (arena == NULL) {
        give_up("arena", "no memory");
    }
    if (mlr_apply_begin(&a, arena, room, 1, &j->header, &io, err) == MLR_OK) {
        (void)mlr_apply_run(a, NULL, err);
    }
    free(arena);
    return err->status;
}

int main(int argc, char **argv)
{
    static job j;
    mlr_err err = {0};
    if (argc != 5) {
        give_up("usage", "apply_golden scalar|host BASE PATCH NEW");
    }
    load(argv[3], &j.patch);
    if (read_header(&j, &err) != MLR_OK) {
        return refused(argv[3], &err);
    }
    unsigned bases = load_bases(&j.header, argv[2], j.header.base_count > 1, j.file);
    output out = {.path = argv[4], .folder = j.header.target_count > 1};
    if (make_new(&j, bases, &out, kernels(argv[1]), &err) != MLR_OK) {
        return refused(argv[3], &err);
    }
    for (unsigned i = 0; i < bases; i++) {
        free(j.file[i].data);
    }
    free(j.patch.data);
    return 0;
}
