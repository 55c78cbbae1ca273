#include "apply/quant_model.h"

#include "apply/base/checked.h"
#include "apply/base/cursor.h"
#include "apply/base/mem.h"
#include "apply/bits.h"
#include "apply/convert.h"
#include "apply/neural.h"
#include "apply/quantise.h"
#include "apply/token.h"

static mlr_status bad(mlr_err *err, const char *rule)
{
    return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, rule);
}

static size_t align64(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

static const mlr_dtype *number_type(const mlr_quant_shape *s, unsigned kind)
{
    if (kind != MLR_QUANT_SUPER) {
        return mlr_dtype_get(MLR_DTYPE_U8);
    }
    return mlr_dtype_get(s->tiny_super ? MLR_DTYPE_U16 : MLR_DTYPE_F16);
}

/* --- head ------------------------------------------------------------------------------
 */

static void read_channels(mlr_cursor *c, const mlr_record *r, mlr_quant_head *h)
{
    uint64_t most = r->new_bytes / r->dtype->block_bytes * r->dtype->block_items;
    h->inner = mlr_cur_varint(c, "elements under a scale");
    h->channels = mlr_cur_varint_to(c, most, "number of scales");
    h->zero = mlr_cur_u8(c, "old zero point");
    h->zero_now = mlr_cur_u8(c, "new zero point");
    h->fine = mlr_cur_u8(c, "precision of ratios");
    h->ratio_bytes = (size_t)mlr_cur_varint_to(c, mlr_cur_left(c), "bytes of scale ratios");
    h->ratios = mlr_cur_take(c, h->ratio_bytes, "scale ratios");
    if (mlr_cur_ok(c) &&
        (h->inner == 0 || h->channels == 0 || h->fine > MLR_QUANT_FINE_MOST)) {
        bad(c->err, "scales of a quantised tensor");
    }
}

static void read_table_heads(mlr_cursor *c, mlr_quant_head *h)
{
    for (unsigned k = 0; k < MLR_QUANT_KINDS && mlr_cur_ok(c); k++) {
        if (mlr_quant_numbers(h->shape, k, 1) == 0) {
            continue;
        }
        h->tables[k] = mlr_cur_u8(c, "quant table count");
        h->tokens[k] = mlr_cur_u8(c, "quant token count");
        h->table_bytes[k] =
            (size_t)mlr_cur_varint_to(c, mlr_cur_left(c), "bytes of quant tables");
        h->table[k] = mlr_cur_take(c, h->table_bytes[k], "quant tables");
        unsigned most = mlr_token_count(number_type(h->shape, k)->block_bytes);
        if (mlr_cur_ok(c) && (h->tables[k] == 0 || h->tables[k] > MLR_RANS_TABLES ||
                              h->tokens[k] == 0 || h->tokens[k] > most)) {
            bad(c->err, "quant tables within their limits");
        }
    }
}

bool mlr_quant_bases(const mlr_dtype *was, const mlr_dtype *now)
{
    return was == now || mlr_can_quantise(was, now);
}

mlr_status mlr_quant_head_read(const mlr_record *r, mlr_quant_head *h, mlr_err *err)
{
    *h = (mlr_quant_head){
        .shape = mlr_quant_shape_of(r->dtype), .now = r->dtype, .was = r->old_dtype};
    if (h->shape == NULL || !mlr_quant_bases(r->old_dtype, r->dtype)) {
        return bad(err, "quantised tensor of a known type");
    }
    mlr_cursor c = {.base = r->model, .size = r->model_bytes, .err = err};
    h->form = mlr_cur_u8(&c, "quant form");
    if ((h->form & ~MLR_QUANT_FORMS) != 0) {
        return bad(err, "quant form of this version");
    }
    h->form |= r->old_dtype == r->dtype ? 0 : MLR_QUANT_RETYPED;
    if (h->shape->supers > 0) {
        uint64_t top = mlr_cur_varint_to(&c, 2 * MLR_QUANT_TOP_BIAS, "quant top scale");
        h->top = (int32_t)top - MLR_QUANT_TOP_BIAS;
    } else {
        read_channels(&c, r, h);
    }
    if ((h->form & MLR_QUANT_MIXED) == 0) {
        read_table_heads(&c, h);
    }
    if (mlr_cur_ok(&c) && mlr_cur_left(&c) != 0) {
        return bad(err, "end of a quant model");
    }
    return err->status;
}

/* --- state -----------------------------------------------------------------------------
 */

static mlr_neural_head table_head(const mlr_quant_head *h, unsigned kind)
{
    bool narrow = (h->form & MLR_QUANT_NARROW) != 0;
    return (mlr_neural_head){.form = narrow ? MLR_NEURAL_NARROW : 0,
                             .classes = (uint8_t)mlr_quant_classes(kind),
                             .edges = (uint8_t)mlr_quant_edges(kind),
                             .tables = h->tables[kind],
                             .tokens = h->tokens[kind]};
}

_Static_assert(MLR_QUANT_OWN_STATE >= sizeof(mlr_quant_model) + 5 * 64,
               "a model and padding");

mlr_status mlr_quant_state_terms(const mlr_quant_head *h, uint64_t *terms, mlr_err *err)
{
    uint64_t tables = 0;
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        mlr_neural_head t = table_head(h, k);
        tables += h->tables[k] == 0 ? 0 : mlr_neural_table_terms(&t);
    }
    uint64_t ratios = 0;
    bool ok = mlr_mul_u64(h->channels, sizeof(int32_t), &ratios) &&
              mlr_add_u64(ratios, tables, terms);
    return ok ? MLR_OK : mlr_fail(err, MLR_E_LIMIT, MLR_NO_OFFSET, "quant state size");
}

void mlr_quant_model_shape(mlr_quant_model *q, const mlr_quant_head *h)
{
    *q = (mlr_quant_model){
        .shape = h->shape,
        .now = h->now,
        .was = h->was,
        .form = h->form,
        .top = h->top,
        .channels = {.count = h->channels,
                     .inner = h->inner,
                     .zero = h->zero,
                     .shift = ((int32_t)h->zero_now - h->zero) * (1 << MLR_QUANT_POINT)}};
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        (void)mlr_number_of(number_type(h->shape, k), &q->number[k]);
        for (unsigned i = 0; i < MLR_QUANT_RAW; i++) {
            q->map[k][i] = (uint8_t)i; /* until tables say otherwise */
        }
    }
}

static bool read_ratios(const mlr_quant_head *h, int32_t *ratio)
{
    enum { MOST = 1 << 22, LIMIT = 24, ROOM = MLR_BITS_ROOM(1, LIMIT) };
    mlr_bit model[ROOM];
    mlr_bits d;
    mlr_bit_reset(model, ROOM);
    mlr_bits_begin(&d, h->ratios, h->ratio_bytes);
    unsigned down = MLR_QUANT_POINT - h->fine;
    for (uint64_t i = 0; i < h->channels; i++) {
        uint64_t z = mlr_bits_number_in(&d, model, 1, LIMIT);
        if (z > MOST || !mlr_bits_ok(&d)) {
            return false;
        }
        int64_t at = ((int64_t)1 << h->fine) + (int64_t)mlr_unzigzag(z);
        if (at > MOST >> down || at < -(MOST >> down)) {
            return false;
        }
        ratio[i] = (int32_t)(at * ((int64_t)1 << down));
    }
    return true;
}

static bool read_kind(mlr_quant_model *q, const mlr_quant_head *h, unsigned kind, void *to)
{
    mlr_neural n;
    mlr_bits d;
    mlr_neural_head t = table_head(h, kind);
    mlr_bits_begin(&d, h->table[kind], h->table_bytes[kind]);
    if (!mlr_neural_tables(&n, &t, &d, to)) {
        return false;
    }
    unsigned raw = mlr_quant_classes(kind) * mlr_quant_edges(kind);
    memset(q->map[kind], 0, MLR_QUANT_RAW);
    memcpy(q->map[kind], n.map, raw);
    q->tables[kind] = n.tables;
    return true;
}

mlr_status mlr_quant_prepare(void *state, const mlr_record *r, mlr_err *err)
{
    mlr_quant_head h;
    mlr_status s = mlr_quant_head_read(r, &h, err);
    if (s != MLR_OK) {
        return s;
    }
    mlr_quant_model *q = state;
    uint8_t *at = (uint8_t *)state + align64(sizeof *q);
    mlr_quant_model_shape(q, &h);
    for (unsigned k = 0; k < MLR_QUANT_KINDS; k++) {
        mlr_neural_head t = table_head(&h, k);
        if (h.tables[k] == 0) {
            continue;
        }
        if (!read_kind(q, &h, k, at)) {
            return bad(err, "quant tables");
        }
        at += mlr_neural_table_bytes(&t);
    }
    if (h.channels > 0) {
        q->channels.ratio = (int32_t *)(void *)at;
        if (!read_ratios(&h, (int32_t *)(void *)at)) {
            return bad(err, "scale ratios");
        }
    }
    return MLR_OK;
}

/* --- chunks ----------------------------------------------------------------------------
 */

static size_t chunk_codes(const mlr_quant_shape *s)
{
    return mlr_quant_chunk_blocks(s) * mlr_quant_items(s);
}

/* Groups of a chunk have at most 1,024 numbers: fewer than any chunk's codes. */
static size_t step_of(const mlr_quant_shape *s)
{
    return chunk_codes(s) + 64;
}

_Static_assert(sizeof(mlr_quant_mix) <=
                   2 * MLR_QMIX_KIND_TERMS + 17 * MLR_QMIX_NUMBER_TERMS + 256,
               "mixing and a little of its own");
_Static_assert(MLR_QUANT_OWN_WORK >= sizeof(mlr_quant_work) + 256 + 8 * 64,
               "a chunk's structure, the little, and padding");

/* A chunk's blocks of 32 elements, which all take a multiple of 64 bytes. */
static size_t made_bytes(const mlr_quant_shape *s)
{
    return MLR_QUANT_CHUNK * (size_t)mlr_dtype_get(s->dtype)->block_bytes;
}

uint64_t mlr_quant_work_terms(const mlr_quant_shape *s, unsigned form)
{
    uint64_t chunk = chunk_codes(s);
    uint64_t mixing = mlr_quant_mix_terms(s) + 3 * chunk;
    return 5 * chunk + ((form & MLR_QUANT_MIXED) != 0 ? mixing : 0) +
           ((form & MLR_QUANT_RETYPED) != 0 ? made_bytes(s) : 0);
}

size_t mlr_quant_work_bytes(const mlr_quant_shape *s, unsigned form)
{
    return (size_t)mlr_quant_work_terms(s, form) + MLR_QUANT_OWN_WORK;
}

mlr_quant_work *mlr_quant_work_begin(const mlr_quant_shape *s, unsigned form, void *memory)
{
    mlr_quant_work *w = memory;
    size_t step = step_of(s);
    uint8_t *at = (uint8_t *)memory + align64(sizeof *w);
    w->old.code = at;
    w->now.code = at + step;
    w->expected = at + 2 * step;
    w->context = at + 3 * step;
    w->token = at + 4 * step;
    w->detail = NULL;
    w->z = NULL;
    w->mix = NULL;
    w->made = NULL;
    at += 5 * step;
    if ((form & MLR_QUANT_RETYPED) != 0) {
        w->made = at;
        at += made_bytes(s);
    }
    if ((form & MLR_QUANT_MIXED) != 0) {
        w->detail = at;
        w->z = (uint16_t *)(void *)(at + step);
        w->mix = (mlr_quant_mix *)(void *)(at + 3 * step);
    }
    return w;
}

size_t mlr_quant_old_bytes(const mlr_quant_model *q, size_t blocks)
{
    return blocks * (size_t)mlr_group_source(q->was, q->now);
}

void mlr_quant_unpack_old(const mlr_quant_model *q, mlr_quant_work *w, const uint8_t *old,
                          size_t blocks)
{
    if (w->made != NULL) {
        mlr_convert(q->was, old, q->now, w->made, blocks);
        old = w->made;
    }
    mlr_quant_unpack(q->shape, old, blocks, &w->old);
}

uint8_t *mlr_quant_numbers_at(mlr_quant_parts *p, unsigned kind)
{
    return kind == MLR_QUANT_SUPER ? p->super : kind == MLR_QUANT_SUB ? p->sub : p->code;
}

mlr_quant_chunk mlr_quant_chunk_of(const mlr_quant_model *q, mlr_quant_work *w, uint64_t at,
                                   size_t blocks)
{
    return (mlr_quant_chunk){.shape = q->shape,
                             .old = &w->old,
                             .now = &w->now,
                             .blocks = blocks,
                             .top = q->top,
                             .expected = w->expected,
                             .context = w->context,
                             .detail = w->detail,
                             .channels = &q->channels,
                             .requant = mlr_requant_run,
                             .first = at * mlr_quant_items(q->shape)};
}
