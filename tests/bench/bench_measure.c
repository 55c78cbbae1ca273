/* Speed of measuring, one lane, in GB/s of old plus new bytes: from the median of processor
   seconds of several runs, so that other programs disturb little. Types may be named; the
   last column is what is aimed at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/measure.h"
#include "analysis/measure_kernels.h"
#include "analysis/numeric.h"
#include "apply/host/file.h"
#include "apply/host/heap.h"

enum { ROWS = 4096, COLS = 4096, RUNS = 7 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t state = 1;

static double noise(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(state >> 40) * 0x1p-24;
    }
    return sum;
}

static void put(const mlr_dtype *t, uint8_t *to, size_t i, double v)
{
    uint32_t code = 0;
    if (mlr_from_f64(t, v, &code)) {
        memcpy(to + i * t->block_bytes, &code, t->block_bytes);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

typedef struct side {
    mlr_bytes bytes;
    mlr_member member;
    mlr_model model;
    mlr_tensor tensor;
} side;

static void open_side(side *s, const mlr_dtype *t, const uint64_t *dim, const void *data,
                      size_t n)
{
    mlr_bytes_init(&s->bytes, data, n);
    s->member = (mlr_member){.name = "bench", .source = &s->bytes.source};
    s->tensor = (mlr_tensor){.dtype = t,
                             .dim = dim,
                             .rank = 2,
                             .elements = dim[0] * dim[1],
                             .data = {0, n},
                             .tied_to = MLR_NO_TENSOR};
    s->model = (mlr_model){
        .members = &s->member, .member_count = 1, .tensors = &s->tensor, .tensor_count = 1};
}

static const char *depth_name(mlr_depth depth, const mlr_detail *detail)
{
    if (depth == MLR_DEPTH_QUICK) {
        return "quick";
    }
    return detail == NULL ? "full" : "full+detail";
}

typedef struct setting {
    mlr_depth depth;
    const mlr_measure_kernels *kernels;
    mlr_detail *detail;
} setting;

/* Flags, sums and norms; everything; without vectors. */
static double aim_of(const setting *s)
{
    if (s->kernels == &mlr_measure_scalar) {
        return 0.2;
    }
    return s->depth == MLR_DEPTH_QUICK ? 3.0 : 0.7;
}

static void run(const char *data, const side *o, const side *n, setting s)
{
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_work work = {.alloc = &heap.alloc};
    mlr_measure_options how = {.depth = s.depth, .kernels = s.kernels};
    mlr_pair pair = {&o->model, &n->model, &o->tensor, &n->tensor};
    double seconds[RUNS];
    mlr_measure m;
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        if (mlr_measure_pair(&m, s.detail, &pair, &how, &work, NULL) != MLR_OK) {
            exit(1);
        }
        seconds[i] = now() - start;
    }
    qsort(seconds, RUNS, sizeof *seconds, by_value);
    double gb = (double)(2 * o->tensor.data.len) / 1e9;
    double elements = (double)o->tensor.elements / 1e6;
    printf("measure\t%s\t%s\t%s\t%s\t%.2f GB/s\t%.0f M/s\tpeak %zu KiB\taim %.1f\n",
           o->tensor.dtype->name, data, depth_name(s.depth, s.detail), s.kernels->name,
           gb / seconds[RUNS / 2], elements / seconds[RUNS / 2], (size_t)heap.peak / 1024,
           aim_of(&s));
}

static void fill(const mlr_dtype *t, uint8_t *a, uint8_t *b, size_t bytes, size_t one_in)
{
    for (size_t i = 0; i < bytes; i++) { /* blocks and integers: any bits will do */
        state = state * 6364136223846793005u + 1442695040888963407u;
        a[i] = b[i] = (uint8_t)(state >> 56) & 0x7b;
        b[i] ^= i % 5 == 0;
    }
    for (size_t i = 0; t->cls == MLR_CLASS_FLOAT && i < (size_t)ROWS * COLS; i++) {
        double v = noise() * 0.02;
        put(t, a, i, v);
        put(t, b, i, i % one_in == 0 ? v + 1e-4 * noise() : v);
    }
}

static void bench(const char *name, size_t one_in, const char *data, mlr_detail *detail)
{
    static const uint64_t dim[2] = {ROWS, COLS};
    const mlr_dtype *t = mlr_dtype_named(name, strlen(name));
    size_t bytes = (size_t)ROWS * COLS / t->block_items * t->block_bytes;
    uint8_t *a = malloc(bytes), *b = malloc(bytes);
    if (a == NULL || b == NULL) {
        exit(1);
    }
    fill(t, a, b, bytes, one_in);
    side o, n;
    open_side(&o, t, dim, a, bytes);
    open_side(&n, t, dim, b, bytes);
    const mlr_measure_kernels *best = mlr_measure_best();
    run(data, &o, &n, (setting){MLR_DEPTH_QUICK, best, NULL});
    run(data, &o, &n, (setting){MLR_DEPTH_FULL, best, NULL});
    run(data, &o, &n, (setting){MLR_DEPTH_FULL, best, detail});
    run(data, &o, &n, (setting){MLR_DEPTH_QUICK, &mlr_measure_scalar, NULL});
    run(data, &o, &n, (setting){MLR_DEPTH_FULL, &mlr_measure_scalar, detail});
    free(a);
    free(b);
}

static bool wanted(const char *name, int argc, char **argv)
{
    bool any = argc < 2;
    for (int i = 1; i < argc; i++) {
        any = any || strcmp(argv[i], name) == 0;
    }
    return any;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *type;
        size_t one_in;
        const char *data;
    } cases[] = {{"bf16", 1, "dense"}, {"bf16", 100, "sparse"}, {"f16", 1, "dense"},
                 {"f32", 1, "dense"},  {"i8", 1, "codes"},      {"q4_k", 1, "codes"},
                 {"q6_k", 1, "codes"}, {"q8_0", 1, "codes"}};
    mlr_detail *detail = malloc(sizeof *detail);
    if (detail == NULL) {
        return 1;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (wanted(cases[i].type, argc, argv)) {
            bench(cases[i].type, cases[i].one_in, cases[i].data, detail);
        }
    }
    free(detail);
    return 0;
}
