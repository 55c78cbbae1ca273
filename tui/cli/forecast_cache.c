#include "tui/cli/forecast_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "apply/base/cursor.h"
#include "apply/base/xxh64.h"
#include "apply/host/host_kernels.h"
#include "apply/version.h"
#include "codec/strategy.h"

/*
 * head: magic, format, digest of the models' identity, digest of their contents (zeros:
 * nobody has read them whole yet), XXH64 of these 72 bytes
 * entry: 16 bytes that tell the question; the answer; XXH64 of the 64 bytes before it
 */
static const uint8_t magic[8] = {'M', 'L', 'R', 'F', 2, 0, 0, 0};

/* Counts changes to how forecasts are made: older answers are forgotten. */
enum {
    METHOD = 1,
    ID = 16,
    CONTENTS = 40,
    HEAD_SUM = 72,
    BODY = MLR_CACHE_ENTRY - 8,
    SLOTS = 2 * MLR_CACHE_ENTRIES
};

struct mlr_forecast_cache {
    const mlr_allocator *alloc;
    pthread_mutex_t lock;
    char folder[1024];
    uint8_t models[MLR_SHA256_BYTES];
    uint8_t contents[MLR_SHA256_BYTES]; /* zeros: not known */
    uint8_t (*entry)[MLR_CACHE_ENTRY];
    uint32_t *slot; /* index of an entry + 1, by its id */
    size_t count, room;
    bool grown;
};

const char *mlr_forecast_folder(char *to, size_t room, const char *(*env)(const char *))
{
    const char *xdg = env("XDG_CACHE_HOME"), *home = env("HOME");
    int n = -1;
    if (xdg != NULL && xdg[0] == '/') {
        n = snprintf(to, room, "%s/mallorn/forecast", xdg);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(to, room, "%s/.cache/mallorn/forecast", home);
    }
    return n > 0 && (size_t)n < room ? to : NULL;
}

/* --- digests ----------------------------------------------------------------------------
 */

static void add_u64(mlr_sha256 *h, uint64_t v)
{
    uint8_t b[8];
    mlr_store64(b, v);
    mlr_sha256_add(h, b, sizeof b);
}

static void add_text(mlr_sha256 *h, const char *p, size_t n)
{
    add_u64(h, n);
    mlr_sha256_add(h, p, n);
}

static void add_model(mlr_sha256 *h, const mlr_opened *o)
{
    const mlr_model *m = mlr_opened_model(o);
    add_u64(h, m->member_count);
    for (size_t i = 0; i < m->member_count; i++) {
        const mlr_file_id *id = &mlr_opened_file(o, i)->id;
        add_text(h, m->members[i].name, strlen(m->members[i].name));
        add_u64(h, id->dev);
        add_u64(h, id->ino);
        add_u64(h, id->size);
        add_u64(h, (uint64_t)id->mtime_ns);
        add_u64(h, (uint64_t)id->ctime_ns);
    }
}

static void digest_models(mlr_forecast_cache *c, const mlr_opened *a, const mlr_opened *b)
{
    mlr_sha256 h;
    mlr_sha256_begin(&h, mlr_host_kernels()->sha256);
    add_text(&h, MLR_VERSION, strlen(MLR_VERSION));
    add_u64(&h, METHOD);
    add_u64(&h, ZSTD_versionNumber());
    add_model(&h, a);
    add_model(&h, b);
    mlr_sha256_end(&h, c->models);
}

static void add_key(mlr_sha256 *h, const mlr_model *m, uint32_t tensor)
{
    if (tensor == MLR_NO_TENSOR) {
        add_u64(h, UINT64_MAX);
    } else {
        add_text(h, m->tensors[tensor].key.p, m->tensors[tensor].key.n);
    }
}

static void digest_key(const mlr_forecast_key *k, uint8_t id[MLR_SHA256_BYTES])
{
    const mlr_matching *m = k->plan->matching;
    const mlr_pairing *q = &m->pairs[k->pair];
    mlr_sha256 h;
    mlr_sha256_begin(&h, mlr_host_kernels()->sha256);
    add_key(&h, m->old_model, q->old_tensor);
    add_key(&h, m->new_model, q->new_tensor);
    add_u64(&h, (uint64_t)(int64_t)k->choice->strategy);
    add_u64(&h, k->choice->level);
    add_u64(&h, k->choice->block_bytes);
    add_u64(&h, k->device->memory_bytes);
    add_u64(&h, k->device->block_bytes);
    add_u64(&h, k->device->no_zstd);
    add_u64(&h, (uint64_t)k->effort);
    add_u64(&h, k->timed);
    mlr_sha256_end(&h, id);
}

/* --- entries ----------------------------------------------------------------------------
 */

static void store_real(uint8_t *to, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    mlr_store64(to, bits);
}

static double load_real(const uint8_t *p)
{
    uint64_t bits = mlr_load64(p);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void entry_write(uint8_t *e, const uint8_t *id, const mlr_prediction *p)
{
    memset(e, 0, MLR_CACHE_ENTRY);
    memcpy(e, id, ID);
    mlr_store64(e + 16, p->bytes);
    store_real(e + 24, p->error);
    store_real(e + 32, p->encode_bytes_s);
    store_real(e + 40, p->decode_bytes_s);
    mlr_store64(e + 48, p->memory);
    e[56] = p->strategy;
    e[57] = p->exact;
    e[58] = p->lossless;
    e[59] = p->fits;
    mlr_store64(e + BODY, mlr_xxh64_of(e, BODY));
}

static bool sane(double v)
{
    return isfinite(v) && v >= 0;
}

/* Whether it says something that a forecast could say. */
static bool entry_whole(const uint8_t *e)
{
    return mlr_load64(e + BODY) == mlr_xxh64_of(e, BODY) && sane(load_real(e + 24)) &&
           sane(load_real(e + 32)) && sane(load_real(e + 40)) &&
           mlr_decoder_get(e[56]) != NULL && e[57] < 2 && e[58] < 2 && e[59] < 2 &&
           mlr_load64(e + 16) <= INT64_MAX;
}

static void entry_read(const uint8_t *e, mlr_prediction *p)
{
    *p = (mlr_prediction){.bytes = mlr_load64(e + 16),
                          .error = load_real(e + 24),
                          .encode_bytes_s = load_real(e + 32),
                          .decode_bytes_s = load_real(e + 40),
                          .memory = mlr_load64(e + 48),
                          .strategy = e[56],
                          .exact = e[57] != 0,
                          .lossless = e[58] != 0,
                          .fits = e[59] != 0};
}

/* The slot of this id: its own, or the free one it would take. There always is one. */
static uint32_t *find(const mlr_forecast_cache *c, const uint8_t *id)
{
    size_t i = (size_t)(mlr_load64(id) % SLOTS);
    while (c->slot[i] != 0 && memcmp(c->entry[c->slot[i] - 1], id, ID) != 0) {
        i = (i + 1) % SLOTS;
    }
    return &c->slot[i];
}

static bool grow(mlr_forecast_cache *c)
{
    size_t room = c->room == 0 ? 256 : 2 * c->room;
    uint8_t(*entry)[MLR_CACHE_ENTRY] = mlr_take(c->alloc, room * sizeof *entry);
    if (entry == NULL) {
        return false;
    }
    if (c->count > 0) {
        memcpy(entry, c->entry, c->count * sizeof *entry);
    }
    mlr_give(c->alloc, c->entry, c->room * sizeof *entry);
    c->entry = entry;
    c->room = room;
    return true;
}

static bool add(mlr_forecast_cache *c, const uint8_t *e)
{
    uint32_t *slot = find(c, e);
    if (*slot == 0) {
        if (c->count >= MLR_CACHE_ENTRIES || (c->count == c->room && !grow(c))) {
            return false;
        }
        *slot = (uint32_t)++c->count;
    }
    memcpy(c->entry[*slot - 1], e, MLR_CACHE_ENTRY);
    return true;
}

/* --- the file ---------------------------------------------------------------------------
 */

static bool path_of(const mlr_forecast_cache *c, char *to, size_t room)
{
    char name[33];
    for (size_t i = 0; i < 16; i++) {
        (void)snprintf(name + 2 * i, 3, "%02x", c->models[i]);
    }
    int n = snprintf(to, room, "%s/%s.mlrf", c->folder, name);
    return n > 0 && (size_t)n < room;
}

static void head_of(const mlr_forecast_cache *c, uint8_t head[MLR_CACHE_HEAD])
{
    memcpy(head, magic, sizeof magic);
    memcpy(head + sizeof magic, c->models, sizeof c->models);
    memcpy(head + CONTENTS, c->contents, sizeof c->contents);
    mlr_store64(head + HEAD_SUM, mlr_xxh64_of(head, HEAD_SUM));
}

static bool known(const uint8_t contents[MLR_SHA256_BYTES])
{
    static const uint8_t none[MLR_SHA256_BYTES];
    return memcmp(contents, none, sizeof none) != 0;
}

/* The digest of the contents in the head of a whole file about these models. */
static bool read_head(const mlr_forecast_cache *c, const mlr_source *s,
                      uint8_t contents[MLR_SHA256_BYTES])
{
    uint8_t want[MLR_CACHE_HEAD], head[MLR_CACHE_HEAD];
    mlr_err err = {0};
    head_of(c, want);
    bool ours = s->size >= MLR_CACHE_HEAD &&
                s->read_at(s->ctx, 0, head, sizeof head, &err) == MLR_OK &&
                memcmp(head, want, CONTENTS) == 0 &&
                mlr_load64(head + HEAD_SUM) == mlr_xxh64_of(head, HEAD_SUM);
    if (ours) {
        memcpy(contents, head + CONTENTS, MLR_SHA256_BYTES);
    }
    return ours;
}

static void load_entries(mlr_forecast_cache *c, const mlr_source *s, mlr_err *err)
{
    uint8_t entry[16][MLR_CACHE_ENTRY];
    uint64_t at = MLR_CACHE_HEAD;
    while (at < s->size && s->size - at >= MLR_CACHE_ENTRY &&
           c->count < MLR_CACHE_ENTRIES) {
        uint64_t left = (s->size - at) / MLR_CACHE_ENTRY;
        size_t n = left < 16 ? (size_t)left : 16;
        if (at > (uint64_t)MLR_CACHE_HEAD + (uint64_t)MLR_CACHE_ENTRIES * MLR_CACHE_ENTRY ||
            s->read_at(s->ctx, at, entry, n * MLR_CACHE_ENTRY, err) != MLR_OK) {
            return;
        }
        for (size_t i = 0; i < n; i++) {
            if (entry_whole(entry[i])) {
                add(c, entry[i]);
            }
        }
        at += n * MLR_CACHE_ENTRY;
    }
}

static void load(mlr_forecast_cache *c)
{
    char path[1200];
    mlr_file f = {0};
    mlr_err err = {0};
    if (!path_of(c, path, sizeof path) || mlr_file_open(&f, path, NULL, &err) != MLR_OK) {
        return;
    }
    if (read_head(c, &f.source, c->contents)) {
        load_entries(c, &f.source, &err);
    }
    mlr_file_close(&f);
}

static void make_folder(const char *folder)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s", folder);
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(path, 0700);
            *p = '/';
        }
    }
    (void)mkdir(path, 0700);
}

/* Another program has read the models whole since: what it keeps is right, what was loaded
   here before may not be. */
static bool confirmed_since(const mlr_forecast_cache *c, const char *path)
{
    uint8_t contents[MLR_SHA256_BYTES] = {0};
    mlr_file f = {0};
    mlr_err err = {0};
    if (known(c->contents) || mlr_file_open(&f, path, NULL, &err) != MLR_OK) {
        return false;
    }
    bool since = read_head(c, &f.source, contents) && known(contents);
    mlr_file_close(&f);
    return since;
}

static void save(mlr_forecast_cache *c)
{
    char path[1200];
    uint8_t head[MLR_CACHE_HEAD];
    mlr_out_file o = {0};
    mlr_err err = {0};
    make_folder(c->folder);
    if (!path_of(c, path, sizeof path) || confirmed_since(c, path) ||
        mlr_out_open(&o, path, 0, MLR_REPLACE_EXISTING, NULL, &err) != MLR_OK) {
        return;
    }
    head_of(c, head);
    if (o.sink.write(o.sink.ctx, head, sizeof head, &err) == MLR_OK &&
        o.sink.write(o.sink.ctx, c->entry, c->count * MLR_CACHE_ENTRY, &err) == MLR_OK) {
        mlr_out_publish(&o, &err);
    }
    mlr_out_discard(&o);
}

/* --- the folder -------------------------------------------------------------------------
 */

typedef struct aged {
    char name[64];
    struct timespec at;
} aged;

static bool is_ours(const char *name)
{
    size_t n = strlen(name);
    return n == 37 && strcmp(name + 32, ".mlrf") == 0;
}

/* Counts the folder's files; `oldest` becomes the one not written for the longest time. */
static size_t look(DIR *d, aged *oldest)
{
    size_t n = 0;
    rewinddir(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat s;
        if (!is_ours(e->d_name) ||
            fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        bool older = s.st_mtim.tv_sec < oldest->at.tv_sec ||
                     (s.st_mtim.tv_sec == oldest->at.tv_sec &&
                      s.st_mtim.tv_nsec < oldest->at.tv_nsec);
        if (n++ == 0 || older) {
            (void)snprintf(oldest->name, sizeof oldest->name, "%s", e->d_name);
            oldest->at = s.st_mtim;
        }
    }
    return n;
}

static void prune(const char *folder)
{
    DIR *d = opendir(folder);
    aged oldest = {.name = ""};
    while (d != NULL && look(d, &oldest) > MLR_CACHE_FILES &&
           unlinkat(dirfd(d), oldest.name, 0) == 0) {
        oldest = (aged){.name = ""};
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

/* --- the whole --------------------------------------------------------------------------
 */

static void release(mlr_forecast_cache *c)
{
    mlr_give(c->alloc, c->entry, c->room * sizeof *c->entry);
    mlr_give(c->alloc, c->slot, SLOTS * sizeof *c->slot);
    mlr_give(c->alloc, c, sizeof *c);
}

mlr_forecast_cache *mlr_forecast_cache_open(const char *folder, const mlr_opened *old_model,
                                            const mlr_opened *new_model,
                                            const mlr_allocator *alloc)
{
    mlr_forecast_cache *c = mlr_take(alloc, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    *c = (mlr_forecast_cache){.alloc = alloc};
    int n = snprintf(c->folder, sizeof c->folder, "%s", folder);
    c->slot = mlr_take(alloc, SLOTS * sizeof *c->slot);
    if (c->slot == NULL || n < 0 || (size_t)n >= sizeof c->folder ||
        pthread_mutex_init(&c->lock, NULL) != 0) {
        release(c);
        return NULL;
    }
    memset(c->slot, 0, SLOTS * sizeof *c->slot);
    digest_models(c, old_model, new_model);
    load(c);
    return c;
}

bool mlr_forecast_cache_get(mlr_forecast_cache *c, const mlr_forecast_key *k,
                            mlr_prediction *out)
{
    uint8_t id[MLR_SHA256_BYTES];
    if (c == NULL || k->choice->dict != 0) {
        return false;
    }
    digest_key(k, id);
    pthread_mutex_lock(&c->lock);
    uint32_t at = *find(c, id);
    if (at != 0) {
        entry_read(c->entry[at - 1], out);
    }
    pthread_mutex_unlock(&c->lock);
    return at != 0;
}

void mlr_forecast_cache_put(mlr_forecast_cache *c, const mlr_forecast_key *k,
                            const mlr_prediction *p)
{
    uint8_t id[MLR_SHA256_BYTES], entry[MLR_CACHE_ENTRY];
    if (c == NULL || k->choice->dict != 0) {
        return;
    }
    digest_key(k, id);
    entry_write(entry, id, p);
    pthread_mutex_lock(&c->lock);
    c->grown = add(c, entry) || c->grown;
    pthread_mutex_unlock(&c->lock);
}

void mlr_forecast_cache_confirm(mlr_forecast_cache *c,
                                const uint8_t contents[MLR_SHA256_BYTES])
{
    if (c == NULL) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    if (memcmp(c->contents, contents, sizeof c->contents) != 0) {
        if (known(c->contents)) {
            memset(c->slot, 0, SLOTS * sizeof *c->slot);
            c->count = 0;
            c->grown = true;
        }
        c->grown = c->grown || c->count > 0;
        memcpy(c->contents, contents, sizeof c->contents);
    }
    pthread_mutex_unlock(&c->lock);
}

size_t mlr_forecast_cache_count(const mlr_forecast_cache *c)
{
    return c == NULL ? 0 : c->count;
}

mlr_status mlr_predict_remembered(mlr_forecast_cache *c, const mlr_predictor *p,
                                  uint32_t pair, const mlr_choice *choice,
                                  mlr_effort effort, mlr_prediction *out, mlr_err *err)
{
    mlr_forecast_key key = {.plan = p->plan,
                            .device = p->device != NULL ? p->device : mlr_device_at(0),
                            .pair = pair,
                            .choice = choice,
                            .effort = effort,
                            .timed = p->clock != NULL};
    if (mlr_forecast_cache_get(c, &key, out)) {
        return MLR_OK;
    }
    if (mlr_predict_tensor(p, pair, choice, effort, out, err) == MLR_OK) {
        mlr_forecast_cache_put(c, &key, out);
    }
    return err->status;
}

void mlr_forecast_cache_keep(mlr_forecast_cache *c)
{
    if (c == NULL) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    if (c->grown) {
        save(c);
        prune(c->folder);
        c->grown = false;
    }
    pthread_mutex_unlock(&c->lock);
}

void mlr_forecast_cache_close(mlr_forecast_cache *c)
{
    if (c == NULL) {
        return;
    }
    mlr_forecast_cache_keep(c);
    pthread_mutex_destroy(&c->lock);
    release(c);
}
