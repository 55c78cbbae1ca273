/*
 * Few changes among many equal elements. The payload begins with two varints: the number of
 * changes and the bytes of their gaps. Streams follow: gaps (equal elements before each
 * change, as varints), then the planes of the folded differences, the last one with the
 * difference of the bytes that are no whole lane.
 */
#include "apply/base/cursor.h"
#include "apply/base/mem.h"
#include "apply/block.h"
#include "apply/undo.h"

enum { MOST_STREAMS = 1 + 8 };

/* Gaps take no more bytes than there are lanes; each change has one value. */
static mlr_status terms(const mlr_record *r, mlr_decoder_terms *out, mlr_err *err)
{
    uint64_t lanes = r->block_new / mlr_lane_of(r->dtype).width;
    return mlr_scratch_terms(r, r->block_new + lanes, out, err);
}

typedef struct changes {
    mlr_lane lane;
    size_t count, lanes;
    size_t plain[MOST_STREAMS];
    const uint8_t *gaps;
    uint8_t *planes; /* behind each other */
} changes;

static mlr_status read_head(const mlr_block *b, changes *c, size_t *head, mlr_err *err)
{
    mlr_err own = {0};
    mlr_cursor cur = {.base = b->payload, .size = b->payload_bytes, .err = &own};
    c->count = (size_t)mlr_cur_varint_to(&cur, c->lanes, "changes among the elements");
    c->plain[0] = (size_t)mlr_cur_varint_to(&cur, c->lanes, "bytes of gaps");
    if (!mlr_cur_ok(&cur)) {
        return mlr_fail(err, MLR_E_FORMAT, own.offset, own.rule);
    }
    if (c->plain[0] < c->count) {
        return mlr_fail(err, MLR_E_FORMAT, b->first, "a gap for each change");
    }
    for (unsigned j = 1; j <= c->lane.width; j++) {
        c->plain[j] = c->count;
    }
    c->plain[c->lane.width] += b->out_bytes % c->lane.width;
    *head = cur.pos;
    return MLR_OK;
}

static mlr_status expand(const mlr_block *b, mlr_scratch *s, changes *c, mlr_err *err)
{
    size_t head = 0;
    mlr_stream_in in[MOST_STREAMS];
    mlr_status st = read_head(b, c, &head, err);
    if (st == MLR_OK) {
        st = mlr_streams_split(b->payload + head, b->payload_bytes - head, c->plain,
                               1U + c->lane.width, in, err);
    }
    if (st != MLR_OK) {
        return st;
    }
    size_t values = c->count * c->lane.width + b->out_bytes % c->lane.width;
    uint8_t *gaps = mlr_scratch_take(s, c->plain[0]);
    c->planes = mlr_scratch_take(s, values);
    if (gaps == NULL || c->planes == NULL) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "work memory for changes", s->left,
                              values);
    }
    c->gaps = gaps;
    if (c->plain[0] > 0) {
        st = mlr_stream_view(b, &in[0], gaps, c->plain[0], &c->gaps, err);
    }
    for (unsigned j = 1; j <= c->lane.width && st == MLR_OK; j++) {
        st = mlr_stream_expand(b, &in[j], c->planes + (j - 1) * c->count, c->plain[j], err);
    }
    return st;
}

static uint64_t next_gap(const changes *c, size_t *pos)
{
    uint64_t gap = 0;
    for (unsigned shift = 0; *pos < c->plain[0] && shift < 35; shift += 7) {
        uint8_t byte = c->gaps[(*pos)++];
        gap |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return gap;
        }
    }
    return UINT64_MAX; /* longer than any block: the caller refuses it */
}

static mlr_status change(const mlr_block *b, const changes *c, const uint8_t *base,
                         mlr_err *err)
{
    size_t width = c->lane.width, pos = 0;
    uint64_t at = 0;
    for (size_t i = 0; i < c->count; i++) {
        uint64_t gap = next_gap(c, &pos);
        if (gap >= c->lanes - at) {
            return mlr_fail(err, MLR_E_FORMAT, b->first, "changes inside the block");
        }
        uint8_t *lane = b->out + (at + gap) * width;
        for (size_t j = 0; j < width; j++) {
            lane[j] = c->planes[j * c->count + i];
        }
        mlr_undo_sub(c->lane, lane, base + (at + gap) * width, width);
        at += gap + 1;
    }
    if (pos != c->plain[0]) {
        return mlr_fail(err, MLR_E_FORMAT, b->first, "gaps without a rest");
    }
    return MLR_OK;
}

static mlr_status decode(const mlr_block *b, mlr_err *err)
{
    changes c = {.lane = mlr_lane_of(b->record->dtype)};
    c.lanes = b->out_bytes / c.lane.width;
    mlr_scratch s;
    const uint8_t *base = NULL;
    mlr_status st = mlr_scratch_begin(&s, b, err);
    if (st == MLR_OK) {
        st = mlr_block_base(b, &s, &base, err);
    }
    if (st == MLR_OK) {
        st = expand(b, &s, &c, err);
    }
    if (st != MLR_OK || b->out_bytes == 0) {
        return st;
    }
    size_t whole = c.lanes * c.lane.width, rest = b->out_bytes - whole;
    memcpy(b->out, base, whole);
    st = change(b, &c, base, err);
    if (st == MLR_OK && rest > 0) {
        memcpy(b->out + whole, c.planes + c.count * c.lane.width, rest);
        mlr_undo_sub(c.lane, b->out + whole, base + whole, rest);
    }
    return st;
}

const mlr_decoder mlr_decoder_sparse = {.id = MLR_STRATEGY_sparse,
                                        .traits = MLR_NEEDS_OLD | MLR_NEEDS_INFLATE,
                                        .name = "sparse",
                                        .terms = terms,
                                        .decode = decode};
