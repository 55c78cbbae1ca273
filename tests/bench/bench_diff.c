/* Wall seconds to compare two whole models in memory, 1 and 2 lanes: tensor tables,
   payloads, quick and full measures; and the memory that takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/diff.h"
#include "apply/host/file.h"
#include "apply/host/heap.h"
#include "apply/host/threads.h"

enum {
    LARGE = 64,
    SMALL = 200,
    ROWS = 2048,
    COLS = 1024,
    NORM = 2048,
    TENSORS = LARGE + SMALL
};

static const uint64_t matrix[] = {ROWS, COLS}, vector[] = {NORM};

typedef struct side {
    uint8_t *data;
    mlr_bytes bytes;
    mlr_member member;
    mlr_model model;
    mlr_tensor tensors[TENSORS];
    char keys[TENSORS][32];
} side;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void open_side(side *s)
{
    size_t at = 0;
    for (int i = 0; i < TENSORS; i++) {
        bool large = i < LARGE;
        size_t elements = large ? (size_t)ROWS * COLS : NORM;
        int n = snprintf(s->keys[i], sizeof s->keys[i], "layers.%d.%s", i,
                         large ? "w" : "norm");
        s->tensors[i] = (mlr_tensor){.key = {s->keys[i], (size_t)n},
                                     .name = {s->keys[i], (size_t)n},
                                     .dtype = mlr_dtype_get(MLR_DTYPE_BF16),
                                     .dim = large ? matrix : vector,
                                     .rank = large ? 2 : 1,
                                     .elements = elements,
                                     .data = {at, elements * 2},
                                     .tied_to = MLR_NO_TENSOR};
        at += elements * 2;
    }
    s->data = malloc(at);
    if (s->data == NULL) {
        exit(1);
    }
    mlr_bytes_init(&s->bytes, s->data, at);
    s->member = (mlr_member){.name = "bench", .source = &s->bytes.source};
    s->model = (mlr_model){.members = &s->member,
                           .member_count = 1,
                           .tensors = s->tensors,
                           .tensor_count = TENSORS};
}

/* Weights with exponents as trained ones have, a fifth of them a few steps away. */
static void fill(side *o, side *n)
{
    uint64_t state = 1;
    size_t bytes = (size_t)o->bytes.source.size;
    for (size_t i = 0; i < bytes; i += 2) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        unsigned r = (unsigned)(state >> 40);
        unsigned spread = (r & 7) + (r >> 3 & 3);
        unsigned code = (r >> 8 & 0x807f) | (0x7bu - spread) << 7;
        unsigned moved = (r & 0xf0) < 0x30 ? code + (r >> 5 & 3) : code;
        o->data[i] = (uint8_t)code;
        o->data[i + 1] = (uint8_t)(code >> 8);
        n->data[i] = (uint8_t)moved;
        n->data[i + 1] = (uint8_t)(moved >> 8);
    }
}

static void run(const side *o, const side *n, unsigned lanes, mlr_depth depth)
{
    mlr_heap heap;
    mlr_pool pool;
    mlr_threads *threads = NULL;
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    if (mlr_threads_start(&threads, lanes, &heap.alloc, NULL) != MLR_OK) {
        exit(1);
    }
    mlr_work work = {.alloc = &heap.alloc, .exec = mlr_threads_exec(threads)};
    mlr_diff_options options = {.depth = depth};
    mlr_diff d;
    double start = now();
    bool ok = mlr_diff_begin(&d, &o->model, &n->model, NULL, &pool, NULL) == MLR_OK;
    double headers = now();
    ok = ok && mlr_match_contents(&d.matching, NULL, &work, NULL) == MLR_OK;
    double contents = now();
    ok = ok && mlr_diff_compare(&d, &options, &work, NULL) == MLR_OK;
    double all = now();
    if (!ok) {
        exit(1);
    }
    printf("diff\t%u lanes\t%s\t%zu tensors\t%.0f MiB\theaders %.4f s\tcontents %.3f s\t"
           "measures %.3f s\tpeak %zu KiB\n",
           lanes, depth == MLR_DEPTH_QUICK ? "quick" : "full", d.matching.count,
           (double)(2 * o->bytes.source.size) / 1048576, headers - start,
           contents - headers, all - contents, (size_t)heap.peak / 1024);
    mlr_threads_stop(threads);
    mlr_pool_release(&pool);
}

int main(void)
{
    static side o, n;
    open_side(&o);
    open_side(&n);
    fill(&o, &n);
    run(&o, &n, 1, MLR_DEPTH_QUICK);
    run(&o, &n, 2, MLR_DEPTH_QUICK);
    run(&o, &n, 1, MLR_DEPTH_FULL);
    run(&o, &n, 2, MLR_DEPTH_FULL);
    free(o.data);
    free(n.data);
    return 0;
}
