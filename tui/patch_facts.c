/* What a patch's header says, read without blocking: regular files only. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/apply.h"
#include "apply/host/err_text.h"
#include "apply/host/file.h"
#include "apply/host/inflate_zstd.h"
#include "apply/host/printable.h"
#include "apply/patch_format.h"
#include "tui/apply_view.h"

static void take(mlr_patch_facts *f, const mlr_patch_header *h, mlr_err *err)
{
    mlr_inflater inflater = mlr_inflate_zstd();
    mlr_apply_need need;
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    if (mlr_apply_need_of(h, &inflater, 1, &need, err) != MLR_OK) {
        return;
    }
    f->records = h->records;
    f->new_bytes = h->new_bytes;
    f->need = need.arena_bytes;
    f->members = h->target_count;
    for (unsigned i = 0; mlr_patch_target(h, &iter, &m) && i < MLR_APPLY_MEMBERS; i++) {
        for (int k = 0; k < 32; k++) {
            snprintf(f->digest[i] + 2 * k, 3, "%02x", m.sha256[k]);
        }
        if (i == 0) {
            mlr_printable(f->target, sizeof f->target, m.name, m.name_bytes);
        }
    }
    f->known = true;
}

static void read_header(mlr_patch_facts *f, const mlr_file *file,
                        const mlr_allocator *alloc, mlr_err *err)
{
    uint8_t prefix[MLR_PATCH_PREFIX];
    size_t n = 0;
    const mlr_source *s = &file->source;
    f->size = s->size;
    if (s->size < sizeof prefix) {
        mlr_fail(err, MLR_E_FORMAT, 0, "a patch");
        return;
    }
    if (s->read_at(s->ctx, 0, prefix, sizeof prefix, err) != MLR_OK ||
        mlr_patch_peek(prefix, &n, err) != MLR_OK) {
        return;
    }
    uint8_t *bytes = n <= s->size && n <= 4 << 20 ? mlr_take(alloc, n) : NULL;
    mlr_patch_header h;
    if (bytes == NULL) {
        mlr_fail(err, MLR_E_FORMAT, 0, "a whole header");
        return;
    }
    if (s->read_at(s->ctx, 0, bytes, n, err) == MLR_OK &&
        mlr_patch_header_read(&h, bytes, n, err) == MLR_OK) {
        take(f, &h, err);
    }
    mlr_give(alloc, bytes, n);
}

void mlr_patch_facts_read(mlr_patch_facts *f, const char *path, const mlr_allocator *alloc)
{
    struct stat st;
    mlr_file file = {0};
    mlr_err err = {0};
    *f = (mlr_patch_facts){0};
    if (path[0] == '\0') {
        return;
    }
    if (stat(path, &st) != 0) {
        snprintf(f->why, sizeof f->why, "no such file");
        return;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(f->why, sizeof f->why, "no regular file: its need shows when it runs");
        return;
    }
    if (mlr_file_open(&file, path, NULL, &err) == MLR_OK) {
        read_header(f, &file, alloc, &err);
        mlr_file_close(&file);
    }
    if (err.status != MLR_OK) {
        mlr_err_text(&err, f->why, sizeof f->why);
    }
}
