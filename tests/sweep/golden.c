#include "tests/sweep/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/host/inflate_zstd.h"

#define HOME "tests/golden/patches/v1/"

size_t golden_count(void)
{
    char line[512];
    size_t n = 0;
    FILE *f = fopen(HOME "cases.txt", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        n += line[0] != '#';
    }
    if (f != NULL) {
        fclose(f);
    }
    return n;
}

static uint8_t *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    if (f != NULL && fseek(f, 0, SEEK_END) == 0) {
        *n = (size_t)ftell(f);
        rewind(f);
        data = malloc(*n + 1);
        if (data != NULL && fread(data, 1, *n, f) != *n) {
            free(data);
            data = NULL;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return data;
}

static bool read_bases(golden *g, const char *base)
{
    char path[512];
    struct stat st;
    mlr_patch_header h;
    mlr_err err = {0};
    snprintf(path, sizeof path, HOME "base/%s", base);
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (mlr_patch_header_read(&h, g->patch, g->patch_bytes, &err) != MLR_OK ||
        h.base_count > APPLY_MEMBERS) {
        return false;
    }
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    while (mlr_patch_base(&h, &iter, &m)) {
        if (folder) {
            snprintf(path, sizeof path, HOME "base/%s/%.*s", base, (int)m.name_bytes,
                     m.name);
        }
        size_t i = g->bases++;
        g->base[i] = read_file(path, &g->base_bytes[i]);
        if (g->base[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool find_case(size_t which, char name[64], char base[128])
{
    char line[512];
    FILE *f = fopen(HOME "cases.txt", "r");
    bool found = false;
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        if (line[0] != '#' && which-- == 0) {
            found = sscanf(line, "%63s %127s", name, base) == 2;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return found;
}

bool golden_load(golden *g, size_t which)
{
    char base[128], path[256];
    memset(g, 0, sizeof *g);
    if (!find_case(which, g->name, base)) {
        return false;
    }
    snprintf(path, sizeof path, HOME "%s.patch", g->name);
    g->patch = read_file(path, &g->patch_bytes);
    if (g->patch == NULL || !read_bases(g, base)) {
        return false;
    }
    g->inflater = mlr_inflate_zstd();
    g->run = (apply_run){.patch = g->patch,
                         .patch_bytes = g->patch_bytes,
                         .memory_limit = 4 << 20,
                         .inflater = &g->inflater};
    for (size_t i = 0; i < g->bases; i++) {
        g->run.base[i] = g->base[i];
        g->run.base_bytes[i] = g->base_bytes[i];
    }
    apply_outcome o;
    apply_run_do(&g->run, &o);
    bool good = o.err.status == MLR_OK && o.overran == 0;
    g->want = malloc(o.out.n + 1);
    if (o.out.n > 0) {
        memcpy(g->want, o.out.data, o.out.n);
    }
    g->want_bytes = o.out.n;
    g->need = o.need;
    apply_outcome_release(&o);
    return good;
}

void golden_release(golden *g)
{
    free(g->patch);
    free(g->want);
    for (size_t i = 0; i < g->bases; i++) {
        free(g->base[i]);
    }
    memset(g, 0, sizeof *g);
}

const char *golden_broken(const golden *g, const apply_outcome *o)
{
    if (o->overran != 0) {
        return "bytes beside the arena";
    }
    if (o->err.status == MLR_E_INTERNAL || o->err.status == MLR_MORE) {
        return "a status that says why";
    }
    if (o->err.status != MLR_OK) {
        return o->err.rule == NULL ? "a rule that is named" : NULL;
    }
    bool same = o->out.n == g->want_bytes &&
                (o->out.n == 0 || memcmp(o->out.data, g->want, o->out.n) == 0);
    return same ? NULL : "the same output";
}
