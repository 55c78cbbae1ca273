/*
 * Any record, any payload, every decoder. The input's first bytes choose strategy, types,
 * sizes and model; then come old bytes and the payload. Memory is exactly what is asked
 * for, so that a sanitizer sees every step outside.
 */
#include <stdlib.h>
#include <string.h>

#include "apply/decoder.h"
#include "apply/host/inflate_zstd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 16, MOST_OUT = 1 << 12, MOST_MEMORY = 1 << 20 };

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static const uint8_t *take(input *in, size_t n)
{
    const uint8_t *at = in->data;
    size_t got = n < in->size ? n : in->size;
    in->data += got;
    in->size -= got;
    return at;
}

/* A copy of exactly n bytes: what is read behind it is found. */
static uint8_t *copy_of(const uint8_t *p, size_t n)
{
    uint8_t *c = malloc(n > 0 ? n : 1);
    if (c != NULL && n > 0) {
        memcpy(c, p, n);
    }
    return c;
}

static void decode(const mlr_record *r, const mlr_decoder_need *need, mlr_block *b)
{
    mlr_inflater f = mlr_inflate_zstd();
    mlr_err err = {0};
    size_t work = need->work_bytes;
    if ((r->decoder->traits & MLR_NEEDS_INFLATE) != 0) {
        work += (f.state_bytes + 63) & ~(size_t)63;
    }
    void *state = NULL, *memory = NULL;
    if (posix_memalign(&memory, 64, work > 0 ? work : 1) != 0 ||
        posix_memalign(&state, 64, need->state_bytes > 0 ? need->state_bytes : 1) != 0) {
        abort();
    }
    mlr_status st = MLR_OK;
    if (r->decoder->prepare != NULL) {
        st = r->decoder->prepare(state, r, &err);
    }
    if (st == MLR_OK) {
        b->state = need->state_bytes > 0 ? state : NULL;
        b->work = memory;
        b->work_bytes = work;
        b->inflater = &f;
        st = r->decoder->decode(b, &err);
        if (st != MLR_OK && st != MLR_E_FORMAT) {
            abort(); /* with all the memory it asked for, nothing else is right */
        }
    }
    free(state);
    free(memory);
}

static void try_record(const uint8_t *head, input *in)
{
    mlr_record r = {.decoder = mlr_decoder_get(head[0]),
                    .dtype = mlr_dtype_get(head[1]),
                    .old_dtype = mlr_dtype_get(head[2] == 255 ? head[1] : head[2]),
                    .row = head[3]};
    if (r.decoder == NULL || r.dtype == NULL || r.old_dtype == NULL) {
        return;
    }
    size_t out_n = (head[4] | (size_t)head[5] << 8) % (MOST_OUT + 1);
    size_t old_n = (head[6] & 1) != 0 ? 0 : out_n;
    if (r.old_dtype != r.dtype) {
        old_n = out_n / r.dtype->block_bytes * r.old_dtype->block_bytes;
    }
    if (old_n == 0 && (r.decoder->traits & MLR_NEEDS_OLD) != 0) {
        return;
    }
    size_t model_n = head[7] % 64;
    uint8_t *model = copy_of(in->data, model_n < in->size ? model_n : in->size);
    r.model = model;
    r.model_bytes = model_n < in->size ? model_n : in->size;
    take(in, model_n);
    r.new_bytes = out_n;
    r.old_bytes = old_n;
    r.block_new = (uint32_t)out_n;
    r.block_old = (uint32_t)old_n;
    uint8_t *old = calloc(1, old_n > 0 ? old_n : 1), *out = malloc(out_n > 0 ? out_n : 1);
    size_t from_input = old_n < in->size / 2 ? old_n : in->size / 2;
    memcpy(old, take(in, from_input), from_input);
    uint8_t *payload = copy_of(in->data, in->size);
    mlr_decoder_need need = {0};
    mlr_err err = {0};
    mlr_status st = mlr_decoder_need_of(&r, &need, &err);
    if (st == MLR_OK && need.work_bytes + need.state_bytes <= MOST_MEMORY) {
        mlr_block b = {.record = &r,
                       .payload = payload,
                       .payload_bytes = in->size,
                       .old = old_n > 0 ? old : NULL,
                       .old_bytes = old_n,
                       .out = out,
                       .out_bytes = out_n,
                       .kernels = &mlr_kernels_scalar};
        decode(&r, &need, &b);
    }
    free(model);
    free(old);
    free(out);
    free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= HEAD) {
        input in = {.data = data + HEAD, .size = size - HEAD};
        try_record(data, &in);
    }
    return 0;
}
