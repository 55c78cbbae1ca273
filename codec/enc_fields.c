#include <string.h>

#include "apply/block.h"
#include "apply/block_layout.h"
#include "codec/forward.h"

static bool suits(const mlr_record *r)
{
    return r->old_dtype == r->dtype && mlr_block_layout_of(r->dtype) != NULL &&
           mlr_record_pairs(r);
}

typedef struct field_job {
    const mlr_encoding *e;
    const mlr_enc_block *b;
    mlr_field_split split;
    uint8_t *now, *old, *delta, *planes; /* of one field: new_n bytes at most, each */
    uint8_t *best;
    mlr_streams_out out;
    unsigned modes;
} field_job;

static void gather(const field_job *j, const mlr_field *f)
{
    size_t size = j->b->record->dtype->block_bytes;
    for (size_t i = 0; i < j->split.blocks; i++) {
        size_t from = i * size + f->offset, to = i * f->bytes;
        memcpy(j->now + to, j->b->new_bytes + from, f->bytes);
        memcpy(j->old + to, j->b->old + from, f->bytes);
    }
}

/*
 * log2 in sixteenths, of v above 0: bit length and the four bits below the highest, which
 * is exact enough to rank three modes.
 */
static unsigned log16(size_t v)
{
    unsigned n = 0;
    for (size_t top = v; top > 1; top >>= 1) {
        n++;
    }
    size_t fraction = n >= 4 ? (v >> (n - 4)) & 15 : (v << (4 - n)) & 15;
    return 16 * n + (unsigned)fraction;
}

/* A cheap stand-in for the coded size, in 1/16 bit. */
static uint64_t cost(const uint8_t *p, size_t n)
{
    size_t count[256] = {0};
    for (size_t i = 0; i < n; i++) {
        count[p[i]]++;
    }
    uint64_t sum = 0;
    for (unsigned v = 0; v < 256; v++) {
        if (count[v] > 0) {
            sum += (uint64_t)count[v] * (log16(n) - log16(count[v]));
        }
    }
    return sum;
}

static void make(const field_job *j, const mlr_field *f, unsigned mode, size_t n)
{
    if (mode == MLR_FIELD_PLAIN) {
        memcpy(j->delta, j->now, n);
    } else if (mode == MLR_FIELD_XOR) {
        mlr_make_xor(j->delta, j->now, j->old, n);
    } else {
        mlr_make_sub(f->lane, j->delta, &(mlr_sides){.now = j->now, .old = j->old, .n = n});
    }
    mlr_split_planes(j->planes, j->delta, n / f->lane.width, f->lane.width);
}

/* Leaves the planes of the cheapest mode in j->best. */
static unsigned choose(field_job *j, const mlr_field *f, size_t n)
{
    static const uint8_t order[] = {MLR_FIELD_SUB, MLR_FIELD_XOR, MLR_FIELD_PLAIN};
    uint64_t least = UINT64_MAX;
    unsigned chosen = MLR_FIELD_SUB;
    size_t lanes = n / f->lane.width;
    for (size_t k = 0; k < sizeof order; k++) {
        make(j, f, order[k], n);
        uint64_t sum = 0;
        for (unsigned p = 0; p < f->lane.width; p++) {
            sum += cost(j->planes + p * lanes, lanes);
        }
        if (sum < least) {
            least = sum;
            chosen = order[k];
            memcpy(j->best, j->planes, n);
        }
    }
    return chosen;
}

static size_t add_rest(const field_job *j, uint8_t *to)
{
    size_t whole = j->b->new_n - j->split.rest;
    mlr_make_xor(to, j->b->new_bytes + whole, j->b->old + whole, j->split.rest);
    return j->split.rest;
}

static mlr_status put_field(field_job *j, unsigned i, mlr_err *err)
{
    const mlr_field *f = &j->split.layout->field[i];
    size_t n = j->split.blocks * f->bytes, lanes = n / f->lane.width;
    gather(j, f);
    j->modes |= choose(j, f, n) << (2 * i);
    bool last_field = i + 1 == j->split.layout->count;
    size_t rest = last_field ? add_rest(j, j->best + n) : 0;
    mlr_status st = MLR_OK;
    for (unsigned p = 0; p < f->lane.width && st == MLR_OK; p++) {
        size_t more = p + 1 == f->lane.width ? rest : 0;
        st = mlr_streams_put(&j->out, j->e, j->best + p * lanes, lanes + more, err);
    }
    return st;
}

static mlr_status encode(const mlr_encoding *e, const mlr_enc_block *b, mlr_buf *payload,
                         mlr_err *err)
{
    field_job j = {.e = e, .b = b};
    mlr_field_split_of(b->record->dtype, b->new_n, &j.split);
    size_t room = 5 * b->new_n + 1;
    uint8_t *memory = mlr_take(e->alloc, room);
    if (memory == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for fields");
    }
    j.now = memory;
    j.old = memory + b->new_n;
    j.delta = memory + 2 * b->new_n;
    j.planes = memory + 3 * b->new_n;
    j.best = memory + 4 * b->new_n;
    mlr_streams_begin(&j.out, e);
    mlr_status st = MLR_OK;
    for (unsigned i = 0; i < j.split.layout->count && st == MLR_OK; i++) {
        st = put_field(&j, i, err);
    }
    mlr_buf_u16(payload, (uint16_t)j.modes);
    mlr_status end = mlr_streams_end(&j.out, payload, err);
    mlr_give(e->alloc, memory, room);
    return st == MLR_OK ? end : st;
}

const mlr_encoder mlr_encoder_block_fields = {
    .id = MLR_STRATEGY_block_fields,
    .summary =
        "Quantised blocks field by field: scales, codes and masks, each with its own "
        "difference, then zstd.",
    .suits = suits,
    .encode = encode,
};
