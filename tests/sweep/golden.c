#include "tests/sweep/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/host/inflate_zstd.h"

/* Each version of the format has a folder; those that are not there hold nothing. */
static const char *const homes[] = {"tests/golden/patches/v1/", "tests/golden/patches/v2/"};
enum { HOMES = sizeof homes / sizeof homes[0] };

typedef struct golden_case {
    const char *home;
    char name[64], base[128];
} golden_case;

/* The case of that number; how many there are where there is none. */
static size_t find_case(size_t which, golden_case *found)
{
    size_t n = 0;
    for (size_t h = 0; h < HOMES; h++) {
        char path[256], line[512];
        snprintf(path, sizeof path, "%scases.txt", homes[h]);
        FILE *f = fopen(path, "r");
        while (f != NULL && n <= which && fgets(line, sizeof line, f) != NULL) {
            bool counts =
                line[0] != '#' && sscanf(line, "%63s %127s", found->name, found->base) == 2;
            found->home = homes[h];
            n += counts;
        }
        if (f != NULL) {
            fclose(f);
        }
        if (n > which) {
            return n;
        }
    }
    return n;
}

size_t golden_count(void)
{
    golden_case ignored;
    return find_case(SIZE_MAX - 1, &ignored);
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

static bool read_bases(golden *g, const golden_case *c)
{
    char path[512];
    struct stat st;
    mlr_patch_header h;
    mlr_err err = {0};
    snprintf(path, sizeof path, "%sbase/%s", c->home, c->base);
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (mlr_patch_header_read(&h, g->patch, g->patch_bytes, &err) != MLR_OK ||
        h.base_count > APPLY_MEMBERS) {
        return false;
    }
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    while (mlr_patch_base(&h, &iter, &m)) {
        if (folder) {
            snprintf(path, sizeof path, "%sbase/%s/%.*s", c->home, c->base,
                     (int)m.name_bytes, m.name);
        }
        size_t i = g->bases++;
        g->base[i] = read_file(path, &g->base_bytes[i]);
        if (g->base[i] == NULL) {
            return false;
        }
    }
    return true;
}

bool golden_load(golden *g, size_t which)
{
    char path[256];
    golden_case c;
    memset(g, 0, sizeof *g);
    if (find_case(which, &c) <= which) {
        return false;
    }
    memcpy(g->name, c.name, sizeof g->name);
    snprintf(path, sizeof path, "%s%s.patch", c.home, c.name);
    g->patch = read_file(path, &g->patch_bytes);
    if (g->patch == NULL || !read_bases(g, &c)) {
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
