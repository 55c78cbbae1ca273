#include "tests/support/strat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/convert.h"
#include "apply/host/heap.h"
#include "apply/host/inflate_zstd.h"
#include "tests/support/test.h"

static void *plain_take(void *ctx, size_t n)
{
    (void)ctx;
    return malloc(n > 0 ? n : 1);
}

static void plain_give(void *ctx, void *p, size_t n)
{
    (void)ctx;
    (void)n;
    free(p);
}

static const mlr_allocator plain = {.take = plain_take, .give = plain_give};

void strat_record(const strat_case *c, mlr_record *r)
{
    const mlr_dtype *old_dtype = c->old_dtype == NULL ? c->dtype : c->old_dtype;
    uint32_t block = c->block == 0 ? (uint32_t)c->n : c->block;
    *r = (mlr_record){.decoder = mlr_decoder_get(c->id),
                      .dtype = c->dtype,
                      .old_dtype = old_dtype,
                      .new_bytes = c->n,
                      .old_bytes = c->old == NULL ? 0 : c->old_n,
                      .row = c->row,
                      .block_new = block,
                      .level = (uint8_t)c->e.level,
                      .dict = c->e.dict != NULL};
    if (c->old != NULL) {
        r->block_old = old_dtype == c->dtype
                           ? block
                           : block / c->dtype->block_bytes *
                                 (uint32_t)mlr_group_source(old_dtype, c->dtype);
    }
}

bool strat_suits(const strat_case *c)
{
    mlr_record r;
    strat_record(c, &r);
    return mlr_encoder_get(c->id)->suits(&r);
}

typedef struct side {
    const strat_case *c;
    const mlr_record *r;
} side;

/* The old bytes that belong to [first, first + n) of the new ones. */
static size_t old_part(const side *s, uint64_t first, size_t n, size_t *at)
{
    if (s->c->old == NULL) {
        *at = 0;
        return 0;
    }
    size_t from = s->r->dtype->block_bytes;
    size_t to = s->r->old_dtype == s->r->dtype
                    ? from
                    : (size_t)mlr_group_source(s->r->old_dtype, s->r->dtype);
    *at = (size_t)first / from * to;
    size_t end = first + n == s->c->n ? s->c->old_n : ((size_t)first + n) / from * to;
    if (s->r->old_dtype == s->r->dtype) {
        *at = (size_t)first < s->c->old_n ? (size_t)first : s->c->old_n;
        end = (size_t)first + n < s->c->old_n ? (size_t)first + n : s->c->old_n;
    }
    return end - *at;
}

static mlr_status view_read(void *ctx, uint64_t first, size_t n, uint8_t *now, uint8_t *old,
                            mlr_err *err)
{
    const side *s = ctx;
    (void)err;
    size_t at = 0, part = old_part(s, first, n, &at);
    if (now != NULL) {
        memcpy(now, s->c->now + first, n);
    }
    if (old != NULL && part > 0) {
        memcpy(old, s->c->old + at, part);
    }
    return MLR_OK;
}

static size_t block_at(const mlr_record *r, size_t i, size_t *first)
{
    *first = i * r->block_new;
    size_t left = (size_t)r->new_bytes - *first;
    return left < r->block_new ? left : r->block_new;
}

static mlr_status encode_blocks(const mlr_encoding *e, const side *s, const void *state,
                                strat_coded *out, mlr_err *err)
{
    const mlr_encoder *enc = mlr_encoder_get(s->c->id);
    mlr_status st = MLR_OK;
    for (size_t i = 0; i < out->blocks && st == MLR_OK; i++) {
        size_t first = 0, at = 0, before = out->payload.size;
        size_t n = block_at(s->r, i, &first);
        size_t part = old_part(s, first, n, &at);
        mlr_enc_block b = {.record = s->r,
                           .state = state,
                           .new_bytes = s->c->now + first,
                           .old = s->c->old == NULL ? NULL : s->c->old + at,
                           .new_n = n,
                           .old_n = part,
                           .first = first};
        st = enc->encode(e, &b, &out->payload, err);
        out->size[i] = out->payload.size - before;
    }
    return st;
}

mlr_status strat_encode(const strat_case *c, strat_coded *out, mlr_err *err)
{
    memset(out, 0, sizeof *out);
    strat_record(c, &out->record);
    const mlr_encoder *enc = mlr_encoder_get(c->id);
    mlr_encoding e = c->e;
    e.alloc = &plain;
    e.kernels = &mlr_kernels_scalar;
    mlr_buf_init(&out->model, &plain);
    mlr_buf_init(&out->payload, &plain);
    size_t step = out->record.block_new;
    out->blocks = step == 0 ? 1 : (c->n + step - 1) / step;
    out->blocks = out->blocks == 0 ? 1 : out->blocks;
    out->size = calloc(out->blocks, sizeof *out->size);
    side s = {.c = c, .r = &out->record};
    mlr_view v = {.record = &out->record, .quant = c->quant, .ctx = &s, .read = view_read};
    void *state = NULL;
    mlr_status st = MLR_OK;
    if (enc->study != NULL) {
        st = enc->study(&e, &v, &out->model, &state, err);
    }
    out->record.model = out->model.data;
    out->record.model_bytes = out->model.size;
    if (st == MLR_OK) {
        st = encode_blocks(&e, &s, state, out, err);
    }
    if (enc->forget != NULL) {
        enc->forget(&e, state);
    }
    if (st == MLR_OK) {
        st = mlr_decoder_need_of(&out->record, &out->need, err);
    }
    return st;
}

static uint8_t *aligned(size_t n)
{
    return aligned_alloc(64, (n + 127) & ~(size_t)63);
}

mlr_status strat_decode(const strat_case *c, const strat_coded *coded, uint8_t *out,
                        mlr_err *err)
{
    const mlr_record *r = &coded->record;
    mlr_inflater f = mlr_inflate_zstd();
    bool inflates = (r->decoder->traits & MLR_NEEDS_INFLATE) != 0;
    size_t work = coded->need.work_bytes;
    work += inflates ? (f.state_bytes + 63) & ~(size_t)63 : 0;
    work -= c->cut_work;
    uint8_t *state = aligned(coded->need.state_bytes), *memory = aligned(work);
    mlr_status st = MLR_OK;
    if (r->decoder->prepare != NULL) {
        st = r->decoder->prepare(state, r, err);
    }
    side s = {.c = c, .r = r};
    const uint8_t *payload = coded->payload.data;
    for (size_t i = 0; i < coded->blocks && st == MLR_OK; i++) {
        size_t first = 0, at = 0;
        size_t n = block_at(r, i, &first);
        size_t part = old_part(&s, first, n, &at);
        mlr_block b = {.record = r,
                       .state = coded->need.state_bytes > 0 ? state : NULL,
                       .payload = payload,
                       .payload_bytes = coded->size[i],
                       .old = c->old == NULL ? NULL : c->old + at,
                       .old_bytes = part,
                       .out = out + first,
                       .out_bytes = n,
                       .first = first,
                       .work = memory,
                       .work_bytes = work,
                       .dict = c->e.dict,
                       .dict_bytes = c->e.dict_bytes,
                       .inflater = &f,
                       .kernels = &mlr_kernels_scalar};
        st = r->decoder->decode(&b, err);
        payload += coded->size[i];
    }
    free(state);
    free(memory);
    return st;
}

void strat_release(strat_coded *coded)
{
    mlr_buf_release(&coded->model);
    mlr_buf_release(&coded->payload);
    free(coded->size);
}

size_t strat_round_trip(const strat_case *c)
{
    mlr_err err = {0};
    strat_coded coded;
    uint8_t *out = malloc(c->n + 1);
    assert_non_null(out);
    memset(out, 0x5a, c->n + 1);
    mlr_status st = strat_encode(c, &coded, &err);
    st = st == MLR_OK ? strat_decode(c, &coded, out, &err) : st;
    if (st != MLR_OK || memcmp(out, c->now, c->n) != 0) {
        print_message("strategy %s, dtype %s, %zu bytes, level %d\n",
                      coded.record.decoder->name, c->dtype->name, c->n, c->e.level);
    }
    assert_no_err(&err);
    assert_int_equal(st, MLR_OK);
    assert_memory_equal(out, c->now, c->n);
    assert_int_equal(out[c->n], 0x5a);
    size_t total = coded.model.size + coded.payload.size;
    strat_release(&coded);
    free(out);
    return total;
}
