/*
 * Speed and size of every strategy on data like a fine-tuned bf16 tensor (and on Q4_0 for
 * block-fields), one block of 1 MiB: processor time of one thread, the median of several
 * runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply/base/cursor.h"
#include "apply/host/heap.h"
#include "apply/host/inflate_zstd.h"
#include "apply/undo.h"
#include "codec/strategy.h"
#include "codec/zstd_pool.h"

enum { BLOCK = 1 << 20, RUNS = 5 };

static uint64_t seed = 1;

static uint32_t next(void)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(seed >> 33);
}

static double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Weights around 2^-5, most of which move by a few steps. */
static void make_bf16(uint8_t *old, uint8_t *now)
{
    for (size_t i = 0; i < BLOCK; i += 2) {
        uint32_t r = next();
        uint32_t down = 0;
        while ((r >> down & 1) != 0 && down < 7) {
            down++;
        }
        uint16_t u = (uint16_t)((r >> 31) << 15 | (122 - down) << 7 | (r >> 8 & 127));
        uint32_t step = next() % 8;
        mlr_store16(old + i, u);
        mlr_store16(now + i, (uint16_t)(step < 3 ? u : step < 6 ? u + 1 : u - 2));
    }
}

typedef struct bench {
    mlr_heap heap;
    mlr_encoding e;
    mlr_record r;
    mlr_buf model, payload;
    void *state;
    const uint8_t *old, *now;
    uint8_t *out;
} bench;

static mlr_status read_sides(void *ctx, uint64_t first, size_t n, uint8_t *now,
                             uint8_t *old, mlr_err *err)
{
    const bench *b = ctx;
    (void)err;
    if (now != NULL) {
        memcpy(now, b->now + first, n);
    }
    if (old != NULL) {
        memcpy(old, b->old + first, n);
    }
    return MLR_OK;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double encode_once(bench *b, const mlr_encoder *enc)
{
    mlr_err err = {0};
    mlr_enc_block block = {.record = &b->r,
                           .state = b->state,
                           .new_bytes = b->now,
                           .old = b->old,
                           .new_n = BLOCK,
                           .old_n = BLOCK};
    b->payload.size = 0;
    double start = clock_now();
    if (enc->encode(&b->e, &block, &b->payload, &err) != MLR_OK) {
        return -1;
    }
    return clock_now() - start;
}

static double decode_once(bench *b)
{
    mlr_err err = {0};
    mlr_decoder_need need = {0};
    mlr_inflater f = mlr_inflate_zstd();
    (void)mlr_decoder_need_of(&b->r, &need, &err);
    size_t work = need.work_bytes + ((f.state_bytes + 63) & ~(size_t)63) + 64;
    void *memory = aligned_alloc(64, work & ~(size_t)63);
    void *state = aligned_alloc(64, (need.state_bytes + 127) & ~(size_t)63);
    memset(memory, 0, work & ~(size_t)63);
    if (b->r.decoder->prepare != NULL) {
        b->r.decoder->prepare(state, &b->r, &err);
    }
    mlr_block block = {.record = &b->r,
                       .state = state,
                       .payload = b->payload.data,
                       .payload_bytes = b->payload.size,
                       .old = b->old,
                       .old_bytes = BLOCK,
                       .out = b->out,
                       .out_bytes = BLOCK,
                       .work = memory,
                       .work_bytes = work,
                       .inflater = &f,
                       .kernels = &mlr_kernels_scalar};
    double start = clock_now();
    mlr_status st = b->r.decoder->decode(&block, &err);
    double took = clock_now() - start;
    free(memory);
    free(state);
    return st == MLR_OK && memcmp(b->out, b->now, BLOCK) == 0 ? took : -1;
}

static void measure(bench *b, unsigned id, int level)
{
    const mlr_encoder *enc = mlr_encoder_get(id);
    b->r.decoder = mlr_decoder_get(id);
    b->e.level = level;
    b->model.size = 0;
    b->state = NULL;
    mlr_err err = {0};
    mlr_view v = {.record = &b->r, .ctx = b, .read = read_sides};
    if (enc->study != NULL && enc->study(&b->e, &v, &b->model, &b->state, &err) != MLR_OK) {
        return;
    }
    b->r.model = b->model.data;
    b->r.model_bytes = b->model.size;
    double enc_took[RUNS], dec_took[RUNS];
    for (int i = 0; i < RUNS; i++) {
        enc_took[i] = encode_once(b, enc);
        dec_took[i] = decode_once(b);
    }
    if (enc->forget != NULL) {
        enc->forget(&b->e, b->state);
    }
    qsort(enc_took, RUNS, sizeof *enc_took, by_size);
    qsort(dec_took, RUNS, sizeof *dec_took, by_size);
    if (enc_took[0] < 0 || dec_took[0] < 0) {
        printf("strategies\t%s\tfailed\n", b->r.decoder->name);
        return;
    }
    printf("strategies\t%s\t%s\tlevel %d\tratio %.3f\tencode %.0f MB/s\tdecode %.0f MB/s\n",
           b->r.decoder->name, b->r.dtype->name, level,
           (double)BLOCK / (double)(b->payload.size + b->model.size + 1),
           BLOCK / 1e6 / enc_took[RUNS / 2], BLOCK / 1e6 / dec_took[RUNS / 2]);
    fflush(stdout);
}

/* The transforms alone, in cache-sized pieces as decoders use them. */
static void measure_transform(const char *name, mlr_lane lane, const uint8_t *old,
                              uint8_t *bytes)
{
    enum { PIECE = 1 << 15, TIMES = 200 };
    double took[RUNS];
    for (int i = 0; i < RUNS; i++) {
        double start = clock_now();
        for (int k = 0; k < TIMES; k++) {
            if (lane.width == 0) {
                mlr_undo_xor(bytes, old, PIECE);
            } else {
                mlr_undo_sub(lane, bytes, old, PIECE);
            }
        }
        took[i] = clock_now() - start;
    }
    qsort(took, RUNS, sizeof *took, by_size);
    printf("transform\t%s\t%.0f MB/s\n", name, PIECE / 1e6 * TIMES / took[RUNS / 2]);
}

static void measure_join(const uint8_t *planes, uint8_t *out)
{
    enum { LANES = 1 << 14, TIMES = 200 };
    mlr_planes p = {.bytes = planes, .stride = LANES, .width = 2};
    double took[RUNS];
    for (int i = 0; i < RUNS; i++) {
        double start = clock_now();
        for (int k = 0; k < TIMES; k++) {
            mlr_join_planes(out, &p, 0, LANES);
        }
        took[i] = clock_now() - start;
    }
    qsort(took, RUNS, sizeof *took, by_size);
    printf("transform\tjoin two planes\t%.0f MB/s\n",
           2 * LANES / 1e6 * TIMES / took[RUNS / 2]);
}

int main(void)
{
    static bench b;
    uint8_t *old = malloc(BLOCK), *now = malloc(BLOCK);
    b.out = malloc(BLOCK);
    if (old == NULL || now == NULL || b.out == NULL) {
        return 1;
    }
    make_bf16(old, now);
    mlr_heap_init(&b.heap);
    mlr_err err = {0};
    b.e.alloc = &b.heap.alloc;
    b.e.kernels = &mlr_kernels_scalar;
    if (mlr_zstd_pool_open(&b.e.zstd, b.e.alloc, &err) != MLR_OK) {
        return 1;
    }
    mlr_buf_init(&b.model, b.e.alloc);
    mlr_buf_init(&b.payload, b.e.alloc);
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        if (mlr_encoder_get(id) == NULL) {
            continue;
        }
        bool blocks = id == MLR_STRATEGY_block_fields;
        const mlr_dtype *t = mlr_dtype_get(blocks ? MLR_DTYPE_Q4_0 : MLR_DTYPE_BF16);
        b.r = (mlr_record){.dtype = t,
                           .old_dtype = t,
                           .new_bytes = BLOCK,
                           .old_bytes = BLOCK,
                           .block_new = BLOCK,
                           .block_old = BLOCK,
                           .row = 512};
        b.old = old;
        b.now = id == MLR_STRATEGY_copy ? old : now;
        if (mlr_encoder_get(id)->suits(&b.r)) {
            measure(&b, id, 3);
        }
    }
    measure_transform("xor", (mlr_lane){0}, old, now);
    measure_transform("sub bf16", (mlr_lane){2, MLR_LANE_FLOAT}, old, now);
    measure_transform("sub f32", (mlr_lane){4, MLR_LANE_FLOAT}, old, now);
    measure_transform("sub i8", (mlr_lane){1, MLR_LANE_INT}, old, now);
    measure_transform("sub i4", (mlr_lane){1, MLR_LANE_NIBBLE}, old, now);
    measure_join(old, now);
    mlr_buf_release(&b.model);
    mlr_buf_release(&b.payload);
    mlr_zstd_pool_close(b.e.zstd);
    free(old);
    free(now);
    free(b.out);
    return 0;
}
