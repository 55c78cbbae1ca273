/*
 * A board made of files, to run the update of docs/EMBEDDING.md on a desk:
 *     board BASE PATCH SLOT [WRITES]
 * SLOT is the flash that the new model goes to, SLOT.mark what survives a power loss, and
 * SLOT.boot says that the new model may be used. The power fails after WRITES pages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "update.h"

typedef struct flash {
    FILE *base, *patch, *slot;
    const char *slot_path;
    long writes_left; /* negative: the power stays */
    uint64_t base_bytes;
} flash;

static FILE *must_open(const char *path, const char *mode)
{
    FILE *f = fopen(path, mode);
    if (f == NULL) {
        perror(path);
        exit(2);
    }
    return f;
}

static bool read_at(FILE *f, uint64_t at, void *to, size_t n)
{
    return fseek(f, (long)at, SEEK_SET) == 0 && fread(to, 1, n, f) == n;
}

static bool base_read(void *ctx, uint64_t at, void *to, size_t n)
{
    return read_at(((flash *)ctx)->base, at, to, n);
}

static bool patch_read(void *ctx, void *to, size_t n, size_t *got)
{
    flash *b = ctx;
    *got = fread(to, 1, n, b->patch);
    return ferror(b->patch) == 0;
}

static bool slot_read(void *ctx, uint64_t at, void *to, size_t n)
{
    return read_at(((flash *)ctx)->slot, at, to, n);
}

/* The write during which the power fails leaves half a page behind. */
static bool slot_write(void *ctx, uint64_t at, const void *page, size_t n)
{
    flash *b = ctx;
    bool fails = b->writes_left == 0;
    b->writes_left -= b->writes_left > 0;
    bool ok = fseek(b->slot, (long)at, SEEK_SET) == 0 &&
              fwrite(page, 1, fails ? n / 2 : n, b->slot) == (fails ? n / 2 : n) &&
              fflush(b->slot) == 0;
    if (fails) {
        puts("power lost");
        exit(99);
    }
    return ok;
}

static FILE *beside(const flash *b, const char *suffix, const char *mode)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s", b->slot_path, suffix);
    return fopen(path, mode);
}

static bool mark_load(void *ctx, update_mark *mark)
{
    FILE *f = beside(ctx, ".mark", "rb");
    bool ok = f != NULL && fread(mark, 1, sizeof *mark, f) == sizeof *mark;
    if (f != NULL) {
        fclose(f);
    }
    return ok;
}

/* A board keeps two of these in turn, each with a check, so that one is always whole. */
static bool mark_save(void *ctx, const update_mark *mark)
{
    FILE *f = beside(ctx, ".mark", "wb");
    return f != NULL && fwrite(mark, 1, sizeof *mark, f) == sizeof *mark && fclose(f) == 0;
}

static bool commit(void *ctx, uint64_t bytes)
{
    FILE *f = beside(ctx, ".boot", "wb");
    return f != NULL && fprintf(f, "%llu\n", (unsigned long long)bytes) > 0 &&
           fclose(f) == 0;
}

static void still_alive(void *ctx)
{
    (void)ctx;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("usage: board BASE PATCH SLOT [WRITES]\n", stderr);
        return 2;
    }
    static flash b;
    static update_memory memory; /* all that an update takes, known when linking */
    b = (flash){.base = must_open(argv[1], "rb"),
                .patch = must_open(argv[2], "rb"),
                .slot = must_open(argv[3], "ab"),
                .slot_path = argv[3],
                .writes_left = argc > 4 ? strtol(argv[4], NULL, 10) : -1};
    b.slot = freopen(argv[3], "r+b", b.slot);
    fseek(b.base, 0, SEEK_END);
    b.base_bytes = (uint64_t)ftell(b.base);
    update_board board = {.ctx = &b,
                          .base_bytes = b.base_bytes,
                          .base_read = base_read,
                          .patch_read = patch_read,
                          .slot_read = slot_read,
                          .slot_write = slot_write,
                          .mark_load = mark_load,
                          .mark_save = mark_save,
                          .commit = commit,
                          .still_alive = still_alive};
    mlr_err err = {0};
    mlr_status status = update_run(&memory, &board, &err);
    printf("%s, %zu bytes of memory\n",
           status == MLR_OK ? "updated" : mlr_status_text(status), sizeof memory);
    return status == MLR_OK ? 0 : 1;
}
