/*
 * How long the first look at a pair of large models takes, on two threads from a warm
 * cache: names, shapes and what is the same; then a first forecast for every tensor. The
 * pair is made under the folder that is named (default: build) and removed.
 * bench_first_look [FOLDER] [MIB]: MIB of each model, 1024 unless told. One line a figure,
 * with its aim.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"
#include "apply/host/threads.h"
#include "codec/forecast.h"
#include "formats/open.h"

enum { TENSOR = 4 << 20, COLS = 1024, THREADS = 2, FROZEN_ONE_IN = 2 };

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* bf16 weights of a bell shape; the new ones moved by a step or two. */
static void fill(uint8_t *to, uint64_t *state, bool moved)
{
    for (size_t i = 0; i < TENSOR / 2; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        uint64_t r = *state >> 24;
        double v = ((double)(r & 4095) + (double)(r >> 12 & 4095) - 4095) * 1e-5;
        float f = (float)v;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        unsigned code = bits >> 16;
        code += moved && (r >> 24 & 3) != 0 ? (unsigned)(r >> 26 & 1) : 0;
        to[2 * i] = (uint8_t)code;
        to[2 * i + 1] = (uint8_t)(code >> 8);
    }
}

static void write_model(const char *path, size_t tensors, bool is_new)
{
    uint8_t *data = malloc(TENSOR);
    char *header = malloc(tensors * 200 + 16);
    FILE *f = fopen(path, "wb");
    if (data == NULL || header == NULL || f == NULL) {
        die(path);
    }
    size_t n = 8;
    for (size_t i = 0; i < tensors; i++) {
        n += (size_t)sprintf(header + n,
                             "%c\"model.layers.%zu.mlp.up_proj.weight\":{\"dtype\":"
                             "\"BF16\",\"shape\":[%d,%d],\"data_offsets\":[%zu,%zu]}",
                             i == 0 ? '{' : ',', i, TENSOR / 2 / COLS, COLS, i * TENSOR,
                             (i + 1) * (size_t)TENSOR);
    }
    header[n++] = '}';
    for (size_t i = 0; i < 8; i++) {
        header[i] = (char)(((uint64_t)n - 8) >> (8 * i));
    }
    bool good = fwrite(header, 1, n, f) == n;
    uint64_t state = 1;
    for (size_t i = 0; i < tensors && good; i++) {
        fill(data, &state, is_new && i % FROZEN_ONE_IN != 0);
        good = fwrite(data, 1, TENSOR, f) == TENSOR;
    }
    if (fclose(f) != 0 || !good) {
        die(path);
    }
    free(header);
    free(data);
}

typedef struct look {
    mlr_heap heap;
    mlr_threads *threads;
    mlr_opened *old_model, *new_model;
    mlr_pool pool;
    mlr_matching matching;
    mlr_plan plan;
    mlr_inflater inflater;
    double bytes[1 << 14]; /* predicted, by tensor */
} look;

static void check(const mlr_err *err, const char *what)
{
    if (err->status != MLR_OK) {
        fprintf(stderr, "bench_first_look: %s: %s\n", what, err->rule);
        exit(1);
    }
}

static void show_table(look *l, const char *old_path, const char *new_path)
{
    mlr_err err = {0};
    mlr_work work = {.alloc = &l->heap.alloc, .exec = mlr_threads_exec(l->threads)};
    mlr_pool_init(&l->pool, &l->heap.alloc);
    (void)mlr_model_open(&l->old_model, old_path, NULL, &l->heap.alloc, &err);
    check(&err, old_path);
    (void)mlr_model_open(&l->new_model, new_path, NULL, &l->heap.alloc, &err);
    check(&err, new_path);
    (void)mlr_match_headers(&l->matching, mlr_opened_model(l->old_model),
                            mlr_opened_model(l->new_model), NULL, &l->pool, &err);
    check(&err, "names");
    (void)mlr_match_contents(&l->matching, NULL, &work, &err);
    check(&err, "same or changed");
}

static void predict(void *arg, size_t i, unsigned lane)
{
    look *l = arg;
    mlr_err err = {0};
    mlr_prediction p;
    mlr_choice choice = {.strategy = MLR_AUTO, .level = 3};
    mlr_predictor predictor = {.plan = &l->plan,
                               .inflater = &l->inflater,
                               .kernels = mlr_host_kernels(),
                               .alloc = &l->heap.alloc};
    (void)lane;
    (void)mlr_predict_tensor(&predictor, (uint32_t)i, &choice, MLR_EFFORT_GLANCE, &p, &err);
    check(&err, "forecast");
    l->bytes[i] = (double)p.bytes;
}

static void predict_all(look *l)
{
    mlr_err err = {0};
    mlr_plan_options o = {.choice = {.strategy = MLR_AUTO, .level = 3}};
    (void)mlr_plan_make(&l->plan, &l->matching, &o, &l->pool, &err);
    check(&err, "plan");
    mlr_exec_run(mlr_threads_exec(l->threads), predict, l, l->matching.new_count);
}

static void print_time(const char *what, const double from[2], double aim)
{
    printf("first look\t%s\t%.2f s\t%.2f s of processor\taim %.1f s\n", what,
           now(CLOCK_MONOTONIC) - from[0], now(CLOCK_PROCESS_CPUTIME_ID) - from[1], aim);
    fflush(stdout);
}

static void run(const char *old_path, const char *new_path)
{
    static look l;
    mlr_err err = {0};
    struct rusage used;
    mlr_heap_init(&l.heap);
    l.inflater = mlr_inflate_zstd();
    (void)mlr_threads_start(&l.threads, THREADS, &l.heap.alloc, &err);
    check(&err, "threads");
    double from[2] = {now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID)};
    show_table(&l, old_path, new_path);
    print_time("names, shapes, same or changed", from, 1.5);
    predict_all(&l);
    print_time("a forecast for every tensor", from, 10);
    double sum = 0;
    size_t same = 0;
    for (size_t i = 0; i < l.matching.new_count; i++) {
        sum += l.bytes[i];
        same += l.matching.pairs[i].change == MLR_CHANGE_SAME;
    }
    getrusage(RUSAGE_SELF, &used);
    printf("first look\tresident\t%.1f MiB\t\taim 256 MiB\n",
           (double)used.ru_maxrss / 1024);
    printf("first look\t%zu tensors, %zu the same, patch about %.0f bytes\n",
           l.matching.new_count, same, sum);
    mlr_threads_stop(l.threads);
    mlr_model_close(l.old_model);
    mlr_model_close(l.new_model);
    mlr_pool_release(&l.pool);
}

int main(int argc, char **argv)
{
    char folder[512], old_path[600], new_path[600];
    size_t mib = argc > 2 ? strtoul(argv[2], NULL, 10) : 1024;
    snprintf(folder, sizeof folder, "%s/first_look.XXXXXX", argc > 1 ? argv[1] : "build");
    if (mib < 4 || mib > 65536 || mkdtemp(folder) == NULL) {
        die(folder);
    }
    snprintf(old_path, sizeof old_path, "%s/old.safetensors", folder);
    snprintf(new_path, sizeof new_path, "%s/new.safetensors", folder);
    write_model(old_path, mib * 1048576 / TENSOR, false);
    write_model(new_path, mib * 1048576 / TENSOR, true);
    run(old_path, new_path);
    unlink(old_path);
    unlink(new_path);
    rmdir(folder);
    return 0;
}
