#include "apply/base/mem.h"
#include "apply/block.h"
#include "apply/float_split.h"

void mlr_float_split_of(const mlr_dtype *t, size_t n, mlr_float_split *split)
{
    mlr_lane lane = mlr_lane_of(t);
    unsigned bits = lane.width * 8U;
    *split = (mlr_float_split){.width = lane.width, .exp_bits = t->exp_bits};
    split->man_bits = bits - 1 - t->exp_bits;
    split->exp_planes = (split->exp_bits + 7) / 8;
    split->man_planes = (split->man_bits + 7) / 8;
    split->streams = 1 + split->exp_planes + split->man_planes;
    split->lanes = n / lane.width;
    split->size[0] = (split->lanes + 7) / 8;
    for (unsigned j = 1; j < split->streams; j++) {
        split->size[j] = split->lanes;
    }
    split->size[split->streams - 1] += n % lane.width;
}

static mlr_status terms(const mlr_record *r, mlr_decoder_terms *out, mlr_err *err)
{
    if (r->dtype->cls != MLR_CLASS_FLOAT && r->dtype->cls != MLR_CLASS_COMPLEX) {
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "floats for exp-man");
    }
    mlr_status st = mlr_scratch_terms(r, 0, out, err);
    if (st != MLR_OK) {
        return st;
    }
    mlr_float_split split;
    mlr_float_split_of(r->dtype, r->block_new, &split);
    out->work = 0;
    for (unsigned j = 0; j < split.streams; j++) {
        out->work += split.size[j];
    }
    return MLR_OK;
}

static mlr_status expand(const mlr_block *b, const mlr_float_split *split, uint8_t *plane[],
                         mlr_err *err)
{
    mlr_scratch s;
    mlr_stream_in in[MLR_FLOAT_STREAMS];
    mlr_status st = mlr_scratch_begin(&s, b, err);
    if (st == MLR_OK) {
        st = mlr_streams_split(b->payload, b->payload_bytes, split->size, split->streams,
                               in, err);
    }
    for (unsigned j = 0; j < split->streams && st == MLR_OK; j++) {
        plane[j] = mlr_scratch_take(&s, split->size[j]);
        st = plane[j] == NULL
                 ? mlr_fail_limit(err, MLR_NO_OFFSET, "work memory for float parts", s.left,
                                  split->size[j])
                 : mlr_stream_expand(b, &in[j], plane[j], split->size[j], err);
    }
    return st;
}

/* Parts beyond their bits are cut off, so that every stream decodes to something. */
static uint64_t joined(const mlr_float_split *s, uint8_t *const plane[], size_t i)
{
    uint64_t e = 0, m = 0;
    for (unsigned j = 0; j < s->exp_planes; j++) {
        e |= (uint64_t)plane[1 + j][i] << (8 * j);
    }
    for (unsigned j = 0; j < s->man_planes; j++) {
        m |= (uint64_t)plane[1 + s->exp_planes + j][i] << (8 * j);
    }
    e &= ((uint64_t)1 << s->exp_bits) - 1;
    m &= ((uint64_t)1 << s->man_bits) - 1;
    uint64_t sign = (plane[0][i / 8] >> (i % 8)) & 1;
    return (sign << s->exp_bits | e) << s->man_bits | m;
}

/* bf16, by far the most common, without the general loop. */
static void join_bf16(uint8_t *restrict out, uint8_t *const plane[], size_t lanes)
{
    const uint8_t *sign = plane[0], *e = plane[1], *m = plane[2];
    size_t i = 0;
    for (; i + 8 <= lanes; i += 8) {
        unsigned s = sign[i / 8];
        for (unsigned k = 0; k < 8; k++) {
            unsigned u = (s >> k & 1) << 15 | (unsigned)e[i + k] << 7 | (m[i + k] & 0x7fU);
            mlr_lane_put16(out + 2 * (i + k), (uint16_t)u);
        }
    }
    for (; i < lanes; i++) {
        unsigned s = sign[i / 8] >> (i % 8) & 1;
        mlr_lane_put16(out + 2 * i,
                       (uint16_t)(s << 15 | (unsigned)e[i] << 7 | (m[i] & 0x7fU)));
    }
}

static void join_all(const mlr_float_split *s, uint8_t *const plane[], uint8_t *out)
{
    for (size_t i = 0; i < s->lanes; i++) {
        uint64_t u = joined(s, plane, i);
        for (unsigned j = 0; j < s->width; j++) {
            out[i * s->width + j] = (uint8_t)(u >> (8 * j));
        }
    }
}

static mlr_status decode(const mlr_block *b, mlr_err *err)
{
    mlr_float_split split;
    uint8_t *plane[MLR_FLOAT_STREAMS] = {0};
    mlr_float_split_of(b->record->dtype, b->out_bytes, &split);
    mlr_status st = expand(b, &split, plane, err);
    if (st != MLR_OK || b->out_bytes == 0) {
        return st;
    }
    if (split.width == 2 && split.exp_bits == 8) {
        join_bf16(b->out, plane, split.lanes);
    } else {
        join_all(&split, plane, b->out);
    }
    size_t whole = split.lanes * split.width;
    memcpy(b->out + whole, plane[split.streams - 1] + split.lanes, b->out_bytes - whole);
    return MLR_OK;
}

const mlr_decoder mlr_decoder_exp_man = {.id = MLR_STRATEGY_exp_man,
                                         .traits = MLR_NEEDS_INFLATE,
                                         .name = "exp-man",
                                         .terms = terms,
                                         .decode = decode};
