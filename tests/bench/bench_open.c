/*
 * What opening costs: a gigabyte of SafeTensors and GGUF (sparse on disk), and how the time
 * grows with the number of tensors. One tab-separated line per result.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "apply/base/cursor.h"
#include "apply/host/heap.h"
#include "formats/open.h"

enum { RUNS = 5, GIGABYTE = 1 << 30 };

/* A file being written: header text or numbers, then a hole. */
typedef struct writer {
    FILE *f;
    uint64_t pos;
} writer;

static void put(writer *w, const void *p, size_t n)
{
    if (fwrite(p, 1, n, w->f) != n) {
        perror("bench_open");
        exit(1);
    }
    w->pos += n;
}

static void put_u32(writer *w, uint32_t v)
{
    uint8_t b[4];
    mlr_store32(b, v);
    put(w, b, sizeof b);
}

static void put_u64(writer *w, uint64_t v)
{
    uint8_t b[8];
    mlr_store64(b, v);
    put(w, b, sizeof b);
}

static int tensor_name(char *to, size_t room, size_t i)
{
    return snprintf(to, room, "model.layers.%zu.mlp.down_proj.weight", i);
}

static void write_gguf(const char *path, size_t tensors, uint64_t bytes_each)
{
    writer w = {.f = fopen(path, "wb")};
    put(&w, "GGUF", 4);
    put_u32(&w, 3);
    put_u64(&w, tensors);
    put_u64(&w, 0);
    for (size_t i = 0; i < tensors; i++) {
        char name[64];
        int n = tensor_name(name, sizeof name, i);
        put_u64(&w, (uint64_t)n);
        put(&w, name, (size_t)n);
        put_u32(&w, 1);
        put_u64(&w, bytes_each / 4);
        put_u32(&w, 0);
        put_u64(&w, i * bytes_each);
    }
    uint64_t start = (w.pos + 31) / 32 * 32;
    fclose(w.f);
    if (truncate(path, (off_t)(start + tensors * bytes_each)) != 0) {
        perror("bench_open");
    }
}

static void write_safetensors(const char *path, size_t tensors, uint64_t bytes_each)
{
    writer w = {.f = fopen(path, "wb")};
    put_u64(&w, 0);
    put(&w, "{", 1);
    for (size_t i = 0; i < tensors; i++) {
        char text[256];
        int n = snprintf(text, sizeof text,
                         "%s\"layers.%zu.w\":{\"dtype\":\"F32\",\"shape\":[%" PRIu64
                         "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
                         i == 0 ? "" : ",", i, bytes_each / 4, i * bytes_each,
                         (i + 1) * bytes_each);
        put(&w, text, (size_t)n);
    }
    put(&w, "}", 1);
    uint64_t header = w.pos - 8;
    rewind(w.f);
    put_u64(&w, header);
    fclose(w.f);
    if (truncate(path, (off_t)(8 + header + tensors * bytes_each)) != 0) {
        perror("bench_open");
    }
}

static double now_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

typedef struct cost {
    double ms, cpu_ms; /* the second is what a busy machine does not blur */
    size_t heap_peak;
    long resident_kib; /* of a process that does nothing else */
} cost;

static void open_here(const char *path, cost *c)
{
    mlr_heap heap;
    mlr_opened *o = NULL;
    mlr_err err = {0};
    struct rusage used;
    mlr_heap_init(&heap);
    mlr_open_options options = {.single = true, .strict = true};
    double from = now_ms(CLOCK_MONOTONIC);
    double cpu_from = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    mlr_status status = mlr_model_open(&o, path, &options, &heap.alloc, &err);
    c->ms = now_ms(CLOCK_MONOTONIC) - from;
    c->cpu_ms = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_from;
    getrusage(RUSAGE_SELF, &used);
    c->heap_peak = heap.peak;
    c->resident_kib = used.ru_maxrss;
    if (status != MLR_OK) {
        fprintf(stderr, "%s: %s\n", path, err.rule);
        exit(1);
    }
    mlr_model_close(o);
}

/* Opens in a process of its own, so that the resident set is that of one open. */
static cost open_once(const char *path)
{
    cost c = {0};
    int ends[2];
    if (pipe(ends) != 0) {
        exit(1);
    }
    pid_t child = fork();
    if (child == 0) {
        open_here(path, &c);
        _exit(write(ends[1], &c, sizeof c) == (ssize_t)sizeof c ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], &c, sizeof c) != (ssize_t)sizeof c) {
        exit(1);
    }
    waitpid(child, NULL, 0);
    close(ends[0]);
    return c;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const cost *)a)->cpu_ms, y = ((const cost *)b)->cpu_ms;
    return (x > y) - (x < y);
}

static cost open_median(const char *path)
{
    cost c[RUNS];
    for (int i = 0; i < RUNS; i++) {
        c[i] = open_once(path);
    }
    qsort(c, RUNS, sizeof *c, by_time);
    return c[RUNS / 2];
}

typedef void (*write_model)(const char *path, size_t tensors, uint64_t bytes_each);

static cost measure(const char *name, write_model write_file, const char *path,
                    size_t tensors, uint64_t bytes_each)
{
    write_file(path, tensors, bytes_each);
    cost c = open_median(path);
    printf("open\t%s\t%zu tensors\t%" PRIu64
           " MiB\t%.1f ms\t%.1f ms CPU\t%.1f MiB heap\t%.1f MiB resident\n",
           name, tensors, tensors * bytes_each >> 20, c.ms, c.cpu_ms,
           (double)c.heap_peak / 1048576, (double)c.resident_kib / 1024);
    fflush(stdout);
    return c;
}

static void run(const char *name, write_model write_file, const char *path)
{
    measure(name, write_file, path, 256, GIGABYTE / 256);
    cost small = measure(name, write_file, path, 62500, 32);
    measure(name, write_file, path, 250000, 32);
    cost large = measure(name, write_file, path, 1000000, 32);
    /* n log n from 62,500 to 1,000,000 tensors is a factor of 20.0, an exponent of 1.08 */
    printf("slope\t%s\tCPU time grows as tensors to the power %.2f (n log n: 1.08)\n", name,
           log(large.cpu_ms / small.cpu_ms) / log(16));
    fflush(stdout);
}

int main(void)
{
    char path[] = "build/bench_open.XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    close(fd);
    run("safetensors", write_safetensors, path);
    run("gguf", write_gguf, path);
    unlink(path);
    return 0;
}
