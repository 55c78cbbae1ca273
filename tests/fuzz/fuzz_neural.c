/*
 * Any model bytes and any payload: the neural decoders must stay inside their memory, and
 * the scalar and the host's loops must agree on what they accept and on what comes out.
 *
 * Input: type of new elements, type of old ones, elements (2 bytes), row, length of the
 * model (2 bytes), what the old bytes look like, strategy; then model bytes, then payload
 * bytes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apply/convert.h"
#include "apply/decoder.h"
#include "apply/host/host_kernels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 9 };

static const char *const types[] = {"bf16",    "f16", "f32", "f64",
                                    "f8_e4m3", "i8",  "u16", "i64"};

static const char *const quantised[] = {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0",   "q2_k",
                                        "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "mxfp4",
                                        "i8",   "u8",   "i4",   "u4"};

static const mlr_dtype *type_of(uint8_t byte, unsigned strategy)
{
    const char *name =
        strategy == MLR_STRATEGY_neural_quant ? quantised[byte % 16] : types[byte % 8];
    return mlr_dtype_named(name, strlen(name));
}

/* Old values that look like weights, so that sensible models meet sensible numbers. */
static void fill_old(uint8_t *old, size_t n, uint8_t kind)
{
    uint32_t x = 12345U + kind;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525U + 1013904223U;
        old[i] =
            (uint8_t)(kind % 2 == 0 || i % 2 == 0 ? x >> 24
                                                  : 0x3b + (x >> 30) + (x >> 20 & 128));
    }
}

static bool decode(const mlr_record *r, const mlr_decoder_need *need, mlr_block b,
                   const mlr_kernels *kernels, uint8_t *out)
{
    mlr_err err = {0};
    void *state = aligned_alloc(64, (need->state_bytes + 64) & ~(size_t)63);
    void *work = aligned_alloc(64, (need->work_bytes + 64) & ~(size_t)63);
    bool ok = r->decoder->prepare(state, r, &err) == MLR_OK;
    b.state = state;
    b.work = work;
    b.work_bytes = need->work_bytes;
    b.out = out;
    b.kernels = kernels;
    ok = ok && r->decoder->decode(&b, &err) == MLR_OK;
    free(state);
    free(work);
    return ok;
}

/* The bytes in memory of their own, so that a sanitizer sees every step outside. */
static uint8_t *own(const uint8_t *from, size_t n)
{
    uint8_t *p = malloc(n > 0 ? n : 1);
    memcpy(p, from, n);
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD) {
        return 0;
    }
    size_t elements = (data[2] | (size_t)data[3] << 8) % 4096;
    size_t model_bytes = data[5] | (size_t)data[6] << 8;
    size_t rest = size - HEAD;
    model_bytes = model_bytes < rest ? model_bytes : rest;
    unsigned strategy = 16 + data[8] % 3;
    const mlr_dtype *now = type_of(data[0], strategy);
    bool floats = strategy == MLR_STRATEGY_neural_quant && data[1] % 2 == 1;
    const mlr_dtype *was = data[1] == 0 ? now
                           : floats     ? mlr_dtype_get(MLR_DTYPE_F32 + data[1] / 2 % 3)
                                        : type_of(data[1], strategy);
    uint64_t source = mlr_group_source(was, now);
    const mlr_decoder *decoder = mlr_decoder_get(strategy);
    if (now->block_items > 1) {
        elements %= 100; /* blocks */
    }
    if (decoder == NULL || source == 0) {
        return 0;
    }
    mlr_record r = {.decoder = decoder,
                    .dtype = now,
                    .old_dtype = was,
                    .new_bytes = elements * now->block_bytes,
                    .old_bytes = elements * source,
                    .row = data[4],
                    .block_new = (uint32_t)(elements * now->block_bytes),
                    .block_old = (uint32_t)(elements * source),
                    .model_bytes = model_bytes};
    mlr_err err = {0};
    mlr_decoder_need need = {0};
    uint8_t *model = own(data + HEAD, model_bytes);
    r.model = model;
    if (mlr_decoder_need_of(&r, &need, &err) != MLR_OK || need.state_bytes > 1U << 26) {
        free(model);
        return 0;
    }
    size_t old_bytes = (size_t)r.old_bytes;
    size_t new_bytes = (size_t)r.new_bytes;
    uint8_t *old = malloc(old_bytes + 1);
    uint8_t *payload = own(data + HEAD + model_bytes, rest - model_bytes);
    uint8_t *a = calloc(1, new_bytes + 1);
    uint8_t *b = calloc(1, new_bytes + 1);
    fill_old(old, old_bytes, data[7]);
    mlr_block block = {.record = &r,
                       .payload = payload,
                       .payload_bytes = rest - model_bytes,
                       .old = old,
                       .old_bytes = old_bytes,
                       .out_bytes = new_bytes};
    bool plain = decode(&r, &need, block, &mlr_kernels_scalar, a);
    bool fast = decode(&r, &need, block, mlr_host_kernels(), b);
    if (plain != fast || (plain && memcmp(a, b, new_bytes) != 0)) {
        abort();
    }
    free(model);
    free(old);
    free(payload);
    free(a);
    free(b);
    return 0;
}
