/*
 * bench_neural OLD NEW [STRATEGY] [LEVEL]: encodes every tensor of NEW that OLD has under
 * the same name with the neural coder, decodes it again, compares, and prints sizes and
 * speeds. Without arguments it runs over the pairs of ../shared/corpus, where that is
 * present. VERBOSE=1 prints each tensor.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply/decoder.h"
#include "apply/host/heap.h"
#include "apply/host/host_kernels.h"
#include "codec/strategy.h"

typedef struct tensor {
    char name[128];
    const mlr_dtype *dtype;
    uint64_t row, bytes;
    const uint8_t *data;
} tensor;

typedef struct file {
    uint8_t *bytes;
    size_t size;
    tensor *tensors;
    size_t count;
} file;

typedef struct totals {
    uint64_t new_bytes, patch, model;
    double study, encode, prepare, decode;
} totals;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool slurp(const char *path, file *f)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        return false;
    }
    fseek(in, 0, SEEK_END);
    f->size = (size_t)ftell(in);
    rewind(in);
    f->bytes = malloc(f->size + 1);
    bool ok = fread(f->bytes, 1, f->size, in) == f->size;
    f->bytes[f->size] = 0;
    fclose(in);
    return ok;
}

static const mlr_dtype *dtype_of(const char *p)
{
    char name[16] = {0};
    size_t n = 0;
    for (; n < sizeof name - 1 && p[n] != '"' && p[n] != '\0'; n++) {
        name[n] = p[n] >= 'A' && p[n] <= 'Z' ? (char)(p[n] + 32) : p[n];
    }
    return mlr_dtype_named(name, n);
}

/* Reads the header of a file this project made itself: no hostile input comes here. */
static void read_tensors(file *f)
{
    uint64_t header = 0;
    memcpy(&header, f->bytes, 8);
    const uint8_t *data = f->bytes + 8 + header;
    char *p = (char *)f->bytes + 8;
    f->tensors = calloc(4096, sizeof *f->tensors);
    while ((p = strstr(p, "{\"dtype\":\"")) != NULL && (uint8_t *)p < data) {
        tensor *t = &f->tensors[f->count++];
        char *end = p - 2;
        char *start = end - 1;
        while (start[-1] != '"') {
            start--;
        }
        snprintf(t->name, sizeof t->name, "%.*s", (int)(end - start), start);
        t->dtype = dtype_of(p + 10);
        char *shape = strstr(p, "\"shape\":[") + 9;
        t->row = 1;
        while (*shape != ']') {
            t->row = strtoull(shape, &shape, 10);
            shape += *shape == ',';
        }
        char *at = strstr(p, "\"data_offsets\":[") + 16;
        uint64_t from = strtoull(at, &at, 10);
        uint64_t to = strtoull(at + 1, &at, 10);
        t->data = data + from;
        t->bytes = to - from;
        p = at;
    }
}

static const tensor *find(const file *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->tensors[i].name, name) == 0) {
            return &f->tensors[i];
        }
    }
    return NULL;
}

typedef struct pair {
    const tensor *was, *is;
} pair;

static mlr_status read_pair(void *ctx, uint64_t first, size_t n, uint8_t *new_bytes,
                            uint8_t *old, mlr_err *err)
{
    const pair *p = ctx;
    (void)err;
    if (new_bytes != NULL) {
        memcpy(new_bytes, p->is->data + first, n);
    }
    if (old != NULL) {
        size_t wide = p->is->dtype->block_bytes;
        size_t was = p->was->dtype->block_bytes;
        memcpy(old, p->was->data + first / wide * was, n / wide * was);
    }
    return MLR_OK;
}

static void die(const char *what, const mlr_err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->rule);
    exit(1);
}

typedef struct payloads {
    mlr_buf bytes;
    size_t end[65536];
    size_t count;
} payloads;

static void encode_all(const mlr_encoding *e, const mlr_encoder *enc, const mlr_record *r,
                       const pair *p, void *state, payloads *out)
{
    mlr_err err = {0};
    size_t wide = r->dtype->block_bytes;
    size_t was = r->old_dtype->block_bytes;
    out->count = 0;
    for (uint64_t at = 0; at < r->new_bytes; at += r->block_new) {
        uint64_t left = r->new_bytes - at;
        size_t n = left < r->block_new ? (size_t)left : r->block_new;
        mlr_enc_block b = {.record = r,
                           .state = state,
                           .new_bytes = p->is->data + at,
                           .old = p->was->data + at / wide * was,
                           .new_n = n,
                           .old_n = n / wide * was,
                           .first = at};
        if (enc->encode(e, &b, &out->bytes, &err) != MLR_OK) {
            die("encode", &err);
        }
        out->end[out->count++] = out->bytes.size;
    }
}

static void decode_all(const mlr_record *r, const pair *p, const payloads *in, uint8_t *to,
                       totals *sum, const mlr_kernels *kernels)
{
    mlr_err err = {0};
    mlr_decoder_need need = {0};
    if (mlr_decoder_need_of(r, &need, &err) != MLR_OK) {
        die("need", &err);
    }
    void *state = aligned_alloc(64, (need.state_bytes + 127) & ~(size_t)63);
    void *work = aligned_alloc(64, (need.work_bytes + 127) & ~(size_t)63);
    double t0 = now();
    if (r->decoder->prepare(state, r, &err) != MLR_OK) {
        die("prepare", &err);
    }
    double t1 = now();
    size_t wide = r->dtype->block_bytes;
    size_t was = r->old_dtype->block_bytes;
    for (size_t i = 0; i < in->count; i++) {
        uint64_t at = (uint64_t)i * r->block_new;
        uint64_t left = r->new_bytes - at;
        size_t start = i == 0 ? 0 : in->end[i - 1];
        mlr_block b = {.record = r,
                       .state = state,
                       .payload = in->bytes.data + start,
                       .payload_bytes = in->end[i] - start,
                       .old = p->was->data + at / wide * was,
                       .out = to + at,
                       .out_bytes = left < r->block_new ? (size_t)left : r->block_new,
                       .first = at,
                       .work = work,
                       .work_bytes = need.work_bytes,
                       .kernels = kernels};
        b.old_bytes = b.out_bytes / wide * was;
        if (r->decoder->decode(&b, &err) != MLR_OK) {
            die("decode", &err);
        }
    }
    sum->prepare += t1 - t0;
    sum->decode += now() - t1;
    free(state);
    free(work);
}

static void measure(const mlr_encoding *e, unsigned id, pair p, totals *sum)
{
    const mlr_encoder *enc = mlr_encoder_get(id);
    uint32_t wide = p.is->dtype->block_bytes;
    mlr_record r = {.decoder = mlr_decoder_get(id),
                    .dtype = p.is->dtype,
                    .old_dtype = p.was->dtype,
                    .new_bytes = p.is->bytes,
                    .old_bytes = p.was->bytes,
                    .row = p.is->row,
                    .block_new = 1U << 20};
    r.block_old = r.block_new / wide * p.was->dtype->block_bytes;
    mlr_view v = {.record = &r, .ctx = &p, .read = read_pair};
    mlr_err err = {0};
    mlr_buf model;
    mlr_buf_init(&model, e->alloc);
    void *state = NULL;
    double t0 = now();
    if (!enc->suits(&r) || enc->study(e, &v, &model, &state, &err) != MLR_OK) {
        die("study", &err);
    }
    double t1 = now();
    payloads *out = calloc(1, sizeof *out);
    mlr_buf_init(&out->bytes, e->alloc);
    encode_all(e, enc, &r, &p, state, out);
    double t2 = now();
    enc->forget(e, state);
    r.model = model.data;
    r.model_bytes = model.size;
    uint8_t *back = malloc(r.new_bytes + 64);
    memset(back, 1, r.new_bytes);
    double before = sum->decode;
    decode_all(&r, &p, out, back, sum, e->kernels);
    if (memcmp(back, p.is->data, r.new_bytes) != 0) {
        fprintf(stderr, "%s: decoded bytes differ\n", p.is->name);
        exit(1);
    }
    if (getenv("VERBOSE") != NULL) {
        mlr_buf text;
        mlr_buf_init(&text, e->alloc);
        enc->describe(&r, &text);
        printf("  %-45s %9zu -> %8zu  %5.2fx  %.3f b/el  study %.1f enc %.1f dec %.1f ms  "
               "%.*s\n",
               p.is->name, (size_t)r.new_bytes, model.size + out->bytes.size,
               (double)r.new_bytes / (double)(model.size + out->bytes.size),
               8.0 * (double)(model.size + out->bytes.size) /
                   ((double)r.new_bytes / (double)wide),
               (t1 - t0) * 1e3, (t2 - t1) * 1e3, (sum->decode - before) * 1e3,
               (int)text.size, (const char *)text.data);
        mlr_buf_release(&text);
    }
    sum->new_bytes += r.new_bytes;
    sum->model += model.size;
    sum->patch += model.size + out->bytes.size;
    sum->study += t1 - t0;
    sum->encode += t2 - t1;
    free(back);
    mlr_buf_release(&model);
    mlr_buf_release(&out->bytes);
    free(out);
}

static bool run_pair(const char *old_path, const char *new_path, unsigned id, int level,
                     uint64_t peer)
{
    file was = {0};
    file is = {0};
    if (!slurp(old_path, &was) || !slurp(new_path, &is)) {
        return false;
    }
    read_tensors(&was);
    read_tensors(&is);
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_encoding e = {.level = level,
                      .search = level > 3,
                      .kernels = getenv("SCALAR") != NULL ? &mlr_kernels_scalar
                                                          : mlr_host_kernels(),
                      .alloc = &heap.alloc};
    totals sum = {0};
    for (size_t i = 0; i < is.count; i++) {
        const tensor *old = find(&was, is.tensors[i].name);
        if (old == NULL || old->bytes / old->dtype->block_bytes <
                               is.tensors[i].bytes / is.tensors[i].dtype->block_bytes) {
            sum.new_bytes += is.tensors[i].bytes;
            sum.patch += is.tensors[i].bytes;
            continue;
        }
        measure(&e, id, (pair){old, &is.tensors[i]}, &sum);
    }
    const char *name = strrchr(new_path, '/');
    double mb = (double)sum.new_bytes * 1e-6;
    printf("%s\t%zu\t%zu\tratio %.3f\tmodels %zu\tpeer %zu\tx%.3f\tencode %.0f MB/s (study "
           "%.0f, "
           "blocks %.0f)\tdecode %.0f MB/s\n",
           name == NULL ? new_path : name + 1, (size_t)sum.new_bytes, (size_t)sum.patch,
           (double)sum.new_bytes / (double)sum.patch, (size_t)sum.model, (size_t)peer,
           (double)peer / (double)sum.patch, mb / (sum.study + sum.encode), mb / sum.study,
           mb / sum.encode, mb / (sum.prepare + sum.decode));
    fflush(stdout);
    free(was.bytes);
    free(is.bytes);
    free(was.tensors);
    free(is.tensors);
    return true;
}

/* Every safetensors pair of the corpus and the bytes of the best peer (PEERS.tsv). */
static void run_corpus(unsigned id, int level)
{
    FILE *peers = fopen("../shared/corpus/PEERS.tsv", "r");
    if (peers == NULL) {
        printf("skipped: no ../shared/corpus\n");
        return;
    }
    char line[1024];
    while (fgets(line, sizeof line, peers) != NULL) {
        char was[256];
        char is[256];
        char best[64];
        unsigned long long size = 0;
        unsigned long long peer = 0;
        if (sscanf(line, "%255s %255s %llu %63s %llu", was, is, &size, best, &peer) != 5 ||
            strstr(is, ".safetensors") == NULL || strstr(is, "reorder") != NULL) {
            continue;
        }
        const char *main_set = getenv("CORPUS_MAIN");
        char paths[2][600];
        bool unpacked = strncmp(is, "unpacked/", 9) == 0;
        const char *root = unpacked ? main_set : "../shared/corpus";
        if (root == NULL) {
            continue;
        }
        snprintf(paths[0], sizeof paths[0], "%s/%s", root, unpacked ? was + 9 : was);
        snprintf(paths[1], sizeof paths[1], "%s/%s", root, unpacked ? is + 9 : is);
        (void)run_pair(paths[0], paths[1], id, level, peer);
    }
    fclose(peers);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        bool max = argc == 2 && strcmp(argv[1], "max") == 0;
        run_corpus(max ? MLR_STRATEGY_neural_max : MLR_STRATEGY_neural, max ? 22 : 6);
        return 0;
    }
    unsigned id = argc > 3 ? (unsigned)atoi(argv[3]) : MLR_STRATEGY_neural;
    int level = argc > 4 ? atoi(argv[4]) : 6;
    return run_pair(argv[1], argv[2], id, level, 0) ? 0 : 1;
}
