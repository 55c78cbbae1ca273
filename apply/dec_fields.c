/*
 * ggml blocks split by field. The payload begins with 16 bits that hold how the difference
 * of each field was made, then the streams of mlr_field_split. Bytes that are no whole
 * block are compared by exclusive or.
 */
#include "apply/base/cursor.h"
#include "apply/base/mem.h"
#include "apply/block.h"
#include "apply/block_layout.h"
#include "apply/undo.h"

enum { CHUNK = 1024 };

static mlr_status terms(const mlr_record *r, mlr_decoder_terms *out, mlr_err *err)
{
    if (mlr_block_layout_of(r->dtype) == NULL || r->old_dtype != r->dtype) {
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "ggml blocks for block-fields");
    }
    return mlr_scratch_terms(r, r->block_new, out, err);
}

typedef struct job {
    const mlr_block *b;
    mlr_field_split split;
    unsigned modes;
    uint8_t *planes;
    uint8_t *now, *then; /* CHUNK bytes of a field, of all blocks in turn */
} job;

static mlr_status expand(job *j, mlr_err *err)
{
    const mlr_block *b = j->b;
    mlr_stream_in in[MLR_FIELD_STREAMS];
    if (b->payload_bytes < 2) {
        return mlr_fail(err, MLR_E_FORMAT, b->first, "two bytes of field modes");
    }
    j->modes = mlr_load16(b->payload);
    mlr_status st = mlr_streams_split(b->payload + 2, b->payload_bytes - 2, j->split.size,
                                      j->split.streams, in, err);
    uint8_t *to = j->planes;
    for (unsigned i = 0; i < j->split.streams && st == MLR_OK; i++) {
        st = mlr_stream_expand(b, &in[i], to, j->split.size[i], err);
        to += j->split.size[i];
    }
    return st;
}

static mlr_status take_back(const mlr_field *f, unsigned mode, const job *j, size_t n,
                            mlr_err *err)
{
    switch (mode) {
    case MLR_FIELD_PLAIN:
        return MLR_OK;
    case MLR_FIELD_XOR:
        mlr_undo_xor(j->now, j->then, n);
        return MLR_OK;
    case MLR_FIELD_SUB:
        mlr_undo_sub(f->lane, j->now, j->then, n);
        return MLR_OK;
    default:
        return mlr_fail(err, MLR_E_FORMAT, j->b->first, "mode of a field");
    }
}

static mlr_status decode_field(const job *j, const mlr_field *f, const uint8_t *planes,
                               unsigned mode, mlr_err *err)
{
    size_t size = j->b->record->dtype->block_bytes;
    size_t lanes = f->bytes / f->lane.width;
    size_t step = CHUNK / f->bytes;
    mlr_planes p = {
        .bytes = planes, .stride = j->split.blocks * lanes, .width = f->lane.width};
    for (size_t at = 0; at < j->split.blocks; at += step) {
        size_t n = j->split.blocks - at < step ? j->split.blocks - at : step;
        const uint8_t *old = j->b->old + at * size + f->offset;
        uint8_t *out = j->b->out + at * size + f->offset;
        for (size_t i = 0; i < n; i++) {
            memcpy(j->then + i * f->bytes, old + i * size, f->bytes);
        }
        mlr_join_planes(j->now, &p, at * lanes, n * lanes);
        mlr_status st = take_back(f, mode, j, n * f->bytes, err);
        if (st != MLR_OK) {
            return st;
        }
        for (size_t i = 0; i < n; i++) {
            memcpy(out + i * size, j->now + i * f->bytes, f->bytes);
        }
    }
    return MLR_OK;
}

static mlr_status decode_fields(const job *j, mlr_err *err)
{
    const uint8_t *planes = j->planes;
    for (unsigned i = 0; i < j->split.layout->count; i++) {
        const mlr_field *f = &j->split.layout->field[i];
        mlr_status st = decode_field(j, f, planes, j->modes >> (2 * i) & 3, err);
        if (st != MLR_OK) {
            return st;
        }
        planes += j->split.blocks * f->bytes;
    }
    size_t whole = j->b->out_bytes - j->split.rest;
    if (j->split.rest > 0) {
        memcpy(j->b->out + whole, planes, j->split.rest);
        mlr_undo_xor(j->b->out + whole, j->b->old + whole, j->split.rest);
    }
    return MLR_OK;
}

static mlr_status decode(const mlr_block *b, mlr_err *err)
{
    job j = {.b = b};
    mlr_scratch s;
    const uint8_t *base = NULL;
    mlr_status st = mlr_scratch_begin(&s, b, err);
    if (st == MLR_OK) {
        st = mlr_block_base(b, &s, &base, err);
    }
    if (st != MLR_OK) {
        return st;
    }
    mlr_field_split_of(b->record->dtype, b->out_bytes, &j.split);
    j.planes = mlr_scratch_take(&s, b->out_bytes);
    j.now = mlr_scratch_take(&s, CHUNK);
    j.then = mlr_scratch_take(&s, CHUNK);
    if (j.planes == NULL || j.now == NULL || j.then == NULL) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "work memory for fields", s.left,
                              b->out_bytes + 2 * CHUNK);
    }
    st = expand(&j, err);
    return st == MLR_OK ? decode_fields(&j, err) : st;
}

const mlr_decoder mlr_decoder_block_fields = {.id = MLR_STRATEGY_block_fields,
                                              .traits = MLR_NEEDS_OLD | MLR_NEEDS_INFLATE,
                                              .name = "block-fields",
                                              .own_work = 2 * CHUNK,
                                              .terms = terms,
                                              .decode = decode};
