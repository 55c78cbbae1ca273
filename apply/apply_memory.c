/* How much memory applying takes, and where in it everything lies. */
#include "apply/apply_state.h"

/* What the decoders of the strategies in use have in common. */
typedef struct own_need {
    bool inflates;
    uint64_t state, work; /* beside the terms that the header announced */
} own_need;

static own_need own_of(const mlr_patch_header *h)
{
    own_need own = {0};
    for (unsigned id = 0; id < 64; id++) {
        const mlr_decoder *d = mlr_decoder_get(id);
        if ((h->strategies >> id & 1) == 0 || d == NULL) {
            continue;
        }
        own.inflates = own.inflates || (d->traits & MLR_NEEDS_INFLATE) != 0;
        own.state = d->own_state > own.state ? d->own_state : own.state;
        own.work = d->own_work > own.work ? d->own_work : own.work;
    }
    return own;
}

static uint64_t padded(uint64_t n)
{
    return (n + MLR_APPLY_ALIGN - 1) & ~(uint64_t)(MLR_APPLY_ALIGN - 1);
}

uint64_t mlr_apply_out_bytes(const mlr_patch_need *n)
{
    return n->block_new < MLR_APPLY_LEAST_OUT ? MLR_APPLY_LEAST_OUT : n->block_new;
}

static uint64_t work_bytes(const mlr_patch_header *h, const mlr_inflater *inflater)
{
    own_need own = own_of(h);
    uint64_t inflate = own.inflates && inflater != NULL ? inflater->state_bytes : 0;
    return padded(h->need.work_terms + own.work) + padded(inflate);
}

static uint64_t state_bytes(const mlr_patch_header *h)
{
    return padded(h->need.state_terms + own_of(h).state);
}

static unsigned slot_count(unsigned lanes)
{
    return lanes > 1 ? 2 * lanes : 1;
}

mlr_status mlr_apply_need_of(const mlr_patch_header *h, const mlr_inflater *inflater,
                             unsigned lanes, mlr_apply_need *need, mlr_err *err)
{
    if (own_of(h).inflates && inflater == NULL) {
        return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET,
                        "an inflater for this patch");
    }
    if (lanes == 0 || lanes > 256) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "lanes", lanes, 256);
    }
    const mlr_patch_need *n = &h->need;
    uint64_t dicts = 0;
    mlr_patch_iter iter = {0};
    mlr_patch_dict d;
    while (mlr_patch_dict_next(h, &iter, &d)) {
        dicts += d.embedded ? padded(d.size) : 0;
    }
    unsigned slots = slot_count(lanes);
    *need = (mlr_apply_need){.lanes = lanes};
    need->fixed_bytes = MLR_APPLY_ALIGN + padded(sizeof(mlr_apply)) +
                        padded((uint64_t)h->base_count * sizeof(uint64_t)) +
                        padded((uint64_t)h->dict_count * sizeof(mlr_dict_bytes)) +
                        padded(slots * (uint64_t)sizeof(mlr_slot)) +
                        padded(lanes * (uint64_t)sizeof(uint8_t *));
    need->input_bytes = MLR_APPLY_INPUT;
    need->record_bytes = padded(n->record_bytes);
    need->state_bytes = state_bytes(h);
    need->glue_bytes = padded(n->glue_new);
    need->dict_bytes = dicts;
    need->lane_bytes = padded(n->block_bytes) + padded(n->block_old) +
                       padded(mlr_apply_out_bytes(n)) * (slots / lanes) +
                       work_bytes(h, inflater);
    need->arena_bytes = need->fixed_bytes + need->input_bytes + need->record_bytes +
                        need->state_bytes + need->glue_bytes + need->dict_bytes +
                        need->lane_bytes * lanes;
    return MLR_OK;
}

/* Takes n bytes, rounded up so that the sum equals what mlr_apply_need_of() promised. */
static void *take(mlr_arena *arena, uint64_t n, bool *full)
{
    void *p = NULL;
    if (n <= SIZE_MAX / 2) {
        p = mlr_arena_take(arena, (size_t)padded(n), MLR_APPLY_ALIGN);
    }
    *full = *full || p == NULL;
    return p;
}

/* Payload and old bytes are wanted only while a block decodes, so both sets share them. */
static void place_slots(mlr_apply *a, mlr_arena *arena, bool *full)
{
    const mlr_patch_need *n = &a->header->need;
    for (unsigned i = 0; i < slot_count(a->lanes) && !*full; i++) {
        mlr_slot *s = &a->slots[i];
        *s = (mlr_slot){0};
        if (i < a->lanes) {
            s->payload = take(arena, n->block_bytes, full);
            s->old = take(arena, n->block_old, full);
        } else {
            s->payload = s[-(ptrdiff_t)a->lanes].payload;
            s->old = s[-(ptrdiff_t)a->lanes].old;
        }
        s->out = take(arena, mlr_apply_out_bytes(n), full);
    }
    for (unsigned i = 0; i < a->lanes && !*full; i++) {
        a->work[i] = take(arena, a->work_bytes, full);
    }
}

mlr_apply *mlr_apply_place(mlr_arena *arena, unsigned lanes, const mlr_patch_header *h,
                           const mlr_apply_io *io)
{
    bool full = false;
    mlr_apply *a = take(arena, sizeof *a, &full);
    if (full) {
        return NULL;
    }
    *a = (mlr_apply){.header = h, .io = *io, .lanes = lanes};
    a->work_bytes = (size_t)work_bytes(h, io->inflater);
    a->base_size = take(arena, (uint64_t)h->base_count * sizeof *a->base_size, &full);
    a->dicts = take(arena, (uint64_t)h->dict_count * sizeof *a->dicts, &full);
    a->slots = take(arena, slot_count(lanes) * (uint64_t)sizeof *a->slots, &full);
    a->work = take(arena, lanes * (uint64_t)sizeof *a->work, &full);
    a->chunks.buffer = take(arena, MLR_APPLY_INPUT, &full);
    a->record_bytes = take(arena, h->need.record_bytes, &full);
    a->state = take(arena, state_bytes(h), &full);
    a->glue = take(arena, h->need.glue_new, &full);
    if (!full) {
        place_slots(a, arena, &full);
    }
    mlr_patch_iter iter = {0};
    mlr_patch_dict d;
    for (uint32_t i = 0; !full && mlr_patch_dict_next(h, &iter, &d); i++) {
        a->dicts[i] = io->dicts != NULL ? io->dicts[i] : (mlr_dict_bytes){0};
        if (d.embedded) {
            a->dicts[i] = (mlr_dict_bytes){.data = take(arena, d.size, &full)};
        }
    }
    return full ? NULL : a;
}
