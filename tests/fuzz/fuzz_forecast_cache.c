/* Any bytes as the file of remembered forecasts: whole entries are answers that a forecast
 * could give, everything else is a miss, and nothing is left behind. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/base/xxh64.h"
#include "apply/host/heap.h"
#include "codec/plan.h"
#include "tests/support/random_pair.h"
#include "tui/cli/forecast_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
    if (!held) {
        abort();
    }
}

/* One pair of small models, opened once, and the head that its cache file must have. */
typedef struct fixture {
    mlr_heap heap;
    mlr_pool pool;
    mlr_opened *old_model, *new_model;
    mlr_matching matching;
    mlr_plan plan;
    char folder[64], file[400]; /* the models lie in the folder too */
    uint8_t head[MLR_CACHE_HEAD];
} fixture;

static mlr_forecast_key question(const fixture *f, mlr_device *device, mlr_choice *choice)
{
    *device = (mlr_device){0};
    *choice = (mlr_choice){.strategy = MLR_AUTO, .level = 3};
    return (mlr_forecast_key){.plan = &f->plan, .device = device, .choice = choice};
}

/* Lets the cache write its file once, to learn its name and head. */
static void learn_file(fixture *f)
{
    mlr_device device;
    mlr_choice choice;
    mlr_forecast_key k = question(f, &device, &choice);
    mlr_prediction p = {.bytes = 1, .exact = true, .lossless = true, .fits = true};
    mlr_forecast_cache *c =
        mlr_forecast_cache_open(f->folder, f->old_model, f->new_model, &f->heap.alloc);
    must(c != NULL);
    mlr_forecast_cache_put(c, &k, &p);
    mlr_forecast_cache_close(c);
    DIR *d = opendir(f->folder);
    must(d != NULL);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.') {
            (void)snprintf(f->file, sizeof f->file, "%s/%.200s", f->folder, e->d_name);
        }
    }
    closedir(d);
    int fd = open(f->file, O_RDONLY);
    must(fd >= 0 && read(fd, f->head, sizeof f->head) == (ssize_t)sizeof f->head);
    close(fd);
}

static void put_file(const char *path, const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static void model_at(fixture *f, const char *name, const random_file *content,
                     mlr_opened **out)
{
    char path[200];
    mlr_err err = {0};
    (void)snprintf(path, sizeof path, "%s/.%s", f->folder, name);
    put_file(path, content->data, content->n);
    must(mlr_model_open(out, path, NULL, &f->heap.alloc, &err) == MLR_OK);
    free(content->data);
}

static fixture *prepared(void)
{
    static fixture *f;
    if (f != NULL) {
        return f;
    }
    f = calloc(1, sizeof *f);
    random_file old_file, new_file;
    rng r = rng_new(7);
    mlr_err err = {0};
    mlr_plan_options o = {.choice = {.strategy = MLR_AUTO, .level = 3}};
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/fuzz_forecast_cache.XXXXXX");
    must(mkdtemp(f->folder) != NULL);
    mlr_heap_init(&f->heap);
    mlr_pool_init(&f->pool, &f->heap.alloc);
    random_pair(&r, RANDOM_ST, &old_file, &new_file);
    model_at(f, "old.safetensors", &old_file, &f->old_model);
    model_at(f, "new.safetensors", &new_file, &f->new_model);
    must(mlr_match_headers(&f->matching, mlr_opened_model(f->old_model),
                           mlr_opened_model(f->new_model), NULL, &f->pool, &err) == MLR_OK);
    must(mlr_plan_make(&f->plan, &f->matching, &o, &f->pool, &err) == MLR_OK);
    learn_file(f);
    return f;
}

static void clear_up(void)
{
    const fixture *f = prepared();
    char path[200];
    unlink(f->file);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/.%s.safetensors", f->folder,
                       i ? "new" : "old");
        unlink(path);
    }
    rmdir(f->folder);
}

static void ask(fixture *f)
{
    mlr_device device;
    mlr_choice choice;
    mlr_forecast_key k = question(f, &device, &choice);
    mlr_prediction p;
    size_t before = f->heap.used;
    mlr_forecast_cache *c =
        mlr_forecast_cache_open(f->folder, f->old_model, f->new_model, &f->heap.alloc);
    must(c != NULL && mlr_forecast_cache_count(c) <= MLR_CACHE_ENTRIES);
    for (uint32_t i = 0; i < f->matching.count; i++) {
        k.pair = i;
        if (mlr_forecast_cache_get(c, &k, &p)) {
            must(isfinite(p.error) && p.error >= 0 && p.bytes <= INT64_MAX);
        }
    }
    mlr_forecast_cache_close(c);
    must(f->heap.used == before);
}

/* As it is; and with a good head and good checks, so that the answers themselves are read.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool registered;
    fixture *f = prepared();
    if (!registered) {
        registered = atexit(clear_up) == 0;
    }
    put_file(f->file, data, size);
    ask(f);
    if (size >= MLR_CACHE_HEAD && size < 1 << 16) {
        uint8_t *own = malloc(size);
        memcpy(own, data, size);
        memcpy(own, f->head, sizeof f->head);
        for (size_t at = MLR_CACHE_HEAD; at + MLR_CACHE_ENTRY <= size;
             at += MLR_CACHE_ENTRY) {
            uint64_t check = mlr_xxh64_of(own + at, MLR_CACHE_ENTRY - 8);
            memcpy(own + at + MLR_CACHE_ENTRY - 8, &check, sizeof check);
        }
        put_file(f->file, own, size);
        ask(f);
        free(own);
    }
    return 0;
}
