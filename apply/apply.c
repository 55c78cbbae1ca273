#include "apply/apply.h"

#include <stdbool.h>

#include "apply/base/arena.h"
#include "apply/base/checked.h"
#include "apply/base/mem.h"
#include "apply/output.h"
#include "apply/patch_format.h"

enum { INPUT_BYTES = 4096, LEAST_OUT = 4096, ALIGN = 64 };

/* One block in flight. Parallel runs have two sets: one decodes while one is written. */
typedef struct slot {
    uint8_t *payload, *old, *out;
    mlr_block block;
    mlr_refs_at refs; /* where its old bytes begin */
    uint64_t at;      /* offset of `out` in the whole target */
    mlr_err err;
} slot;

struct mlr_apply {
    const mlr_patch_header *header;
    mlr_apply_io io;
    const mlr_kernels *kernels;
    mlr_chunks chunks;
    mlr_err err; /* what stopped it; later steps repeat it */
    mlr_apply_phase phase;

    uint64_t *base_size; /* of each base member */
    mlr_patch_iter base_iter;
    mlr_patch_member base_member;
    uint64_t base_off, base_done, base_total;
    mlr_sha256 base_hash;

    mlr_dict_bytes *dicts;
    uint8_t *record_bytes, *state;
    uint8_t *glue;
    size_t glue_begin, glue_end;
    bool glue_open; /* the current glue block is not all written */

    mlr_record_head head;
    mlr_refs_at refs;
    uint64_t records, block; /* records begun; next block of the current one */
    uint64_t record_done;    /* new bytes of the current record handed to slots */
    uint64_t at;             /* target bytes handed to slots or written */
    bool in_record;

    unsigned lanes;
    slot *slots; /* `lanes`, or twice as many where lanes > 1 */
    uint8_t **work;
    size_t work_bytes;
    unsigned ready, ready_set; /* slots of `ready_set` that wait to be written */
    mlr_output out;
};

/* --- memory --------------------------------------------------------------------------- */

static bool needs_inflater(const mlr_patch_header *h)
{
    for (unsigned id = 0; id < 64; id++) {
        const mlr_decoder *d = mlr_decoder_get(id);
        if ((h->strategies >> id & 1) != 0 && d != NULL &&
            (d->traits & MLR_NEEDS_INFLATE) != 0) {
            return true;
        }
    }
    return false;
}

static uint64_t padded(uint64_t n)
{
    return (n + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

static uint64_t out_bytes(const mlr_patch_need *n)
{
    return n->block_new < LEAST_OUT ? LEAST_OUT : n->block_new;
}

static uint64_t work_bytes(const mlr_patch_header *h, const mlr_inflater *inflater)
{
    uint64_t inflate = needs_inflater(h) && inflater != NULL ? inflater->state_bytes : 0;
    return padded(h->need.work_bytes) + padded(inflate);
}

static unsigned slot_count(unsigned lanes)
{
    return lanes > 1 ? 2 * lanes : 1;
}

mlr_status mlr_apply_need_of(const mlr_patch_header *h, const mlr_inflater *inflater,
                             unsigned lanes, mlr_apply_need *need, mlr_err *err)
{
    if (needs_inflater(h) && inflater == NULL) {
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
    need->fixed_bytes = ALIGN + padded(sizeof(mlr_apply)) +
                        padded((uint64_t)h->base_count * sizeof(uint64_t)) +
                        padded((uint64_t)h->dict_count * sizeof(mlr_dict_bytes)) +
                        padded(slots * (uint64_t)sizeof(slot)) +
                        padded(lanes * (uint64_t)sizeof(uint8_t *));
    need->input_bytes = INPUT_BYTES;
    need->record_bytes = padded(n->record_bytes);
    need->state_bytes = padded(n->state_bytes);
    need->glue_bytes = padded(n->glue_new);
    need->dict_bytes = dicts;
    uint64_t in_slot = padded(n->block_bytes) + padded(n->block_old) + padded(out_bytes(n));
    need->lane_bytes = in_slot * (slots / lanes) + work_bytes(h, inflater);
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
        p = mlr_arena_take(arena, (size_t)padded(n), ALIGN);
    }
    *full = *full || p == NULL;
    return p;
}

static void place_slots(mlr_apply *a, mlr_arena *arena, bool *full)
{
    const mlr_patch_need *n = &a->header->need;
    for (unsigned i = 0; i < slot_count(a->lanes) && !*full; i++) {
        a->slots[i] = (slot){0};
        a->slots[i].payload = take(arena, n->block_bytes, full);
        a->slots[i].old = take(arena, n->block_old, full);
        a->slots[i].out = take(arena, out_bytes(n), full);
    }
    for (unsigned i = 0; i < a->lanes && !*full; i++) {
        a->work[i] = take(arena, a->work_bytes, full);
    }
}

static mlr_apply *place(mlr_arena *arena, unsigned lanes, const mlr_patch_header *h,
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
    a->chunks.buffer = take(arena, INPUT_BYTES, &full);
    a->record_bytes = take(arena, h->need.record_bytes, &full);
    a->state = take(arena, h->need.state_bytes, &full);
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

/* --- the base ------------------------------------------------------------------------- */

/* Sizes are compared before a byte is read: most wrong bases are told apart at once. */
static mlr_status check_base_sizes(mlr_apply *a, mlr_err *err)
{
    mlr_patch_iter iter = {0};
    mlr_patch_member m;
    for (uint32_t i = 0; mlr_patch_base(a->header, &iter, &m); i++) {
        a->base_size[i] = m.size;
        a->base_total += m.size;
        if (a->io.base[i]->size != m.size) {
            mlr_err_about(err, m.name, m.name_bytes);
            err->found = a->io.base[i]->size;
            err->limit = m.size;
            return mlr_fail(err, MLR_E_BASE, MLR_NO_OFFSET, "size of the base");
        }
    }
    return MLR_OK;
}

static mlr_status end_base_member(mlr_apply *a, mlr_err *err)
{
    uint8_t digest[MLR_SHA256_BYTES];
    mlr_sha256_end(&a->base_hash, digest);
    if (memcmp(digest, a->base_member.sha256, sizeof digest) != 0) {
        mlr_err_about(err, a->base_member.name, a->base_member.name_bytes);
        return mlr_fail(err, MLR_E_BASE, MLR_NO_OFFSET, "digest of the base");
    }
    return MLR_OK;
}

/* Hashes the next piece of the base; moves on to decoding after the last member. */
static mlr_status step_base(mlr_apply *a, mlr_err *err)
{
    if (a->base_off == a->base_member.size) {
        if (a->base_iter.index > 0 && end_base_member(a, err) != MLR_OK) {
            return err->status;
        }
        a->base_off = 0;
        if (!mlr_patch_base(a->header, &a->base_iter, &a->base_member)) {
            a->phase = MLR_PHASE_DECODE;
            return mlr_output_begin(&a->out, err);
        }
        mlr_sha256_begin(&a->base_hash, a->kernels->sha256);
        return MLR_OK;
    }
    uint64_t left = a->base_member.size - a->base_off;
    uint64_t room = out_bytes(&a->header->need);
    size_t n = (size_t)(left < room ? left : room);
    const mlr_source *s = a->io.base[a->base_iter.index - 1];
    mlr_status status = s->read_at(s->ctx, a->base_off, a->slots[0].out, n, err);
    if (status != MLR_OK) {
        return status;
    }
    mlr_sha256_add(&a->base_hash, a->slots[0].out, n);
    a->base_off += n;
    a->base_done += n;
    return MLR_OK;
}

/* --- blocks --------------------------------------------------------------------------- */

/* Fills a slot's output: from an earlier run's bytes, or by decoding. */
static void fill_slot(mlr_apply *a, slot *s, unsigned lane)
{
    mlr_block *b = &s->block;
    const mlr_source *done = a->io.done;
    if (done != NULL && s->at + b->out_bytes <= done->size) {
        done->read_at(done->ctx, s->at, b->out, b->out_bytes, &s->err);
        return;
    }
    if (b->old_bytes > 0 && mlr_refs_gather(&a->head.refs, &s->refs, a->io.base, s->old,
                                            b->old_bytes, &s->err) != MLR_OK) {
        return;
    }
    b->work = a->work[lane];
    b->work_bytes = a->work_bytes;
    if (b->record->decoder->decode(b, &s->err) != MLR_OK) {
        mlr_err_in(&s->err, MLR_IN_PATCH, "patch");
    }
}

/* Describes the next block of the current record in `s` and moves the references past it.
 */
static mlr_status aim_slot(mlr_apply *a, slot *s, mlr_err *err)
{
    const mlr_record *r = &a->head.record;
    uint64_t left = r->new_bytes - a->record_done;
    size_t n = (size_t)(left < r->block_new ? left : r->block_new);
    size_t old = 0;
    if (r->old_bytes > 0) {
        uint64_t first = a->block * (uint64_t)r->block_old;
        uint64_t old_left = r->old_bytes - first;
        old = (size_t)(old_left < r->block_old ? old_left : r->block_old);
    }
    s->err = (mlr_err){0};
    s->at = a->at;
    s->refs = a->refs;
    s->block = (mlr_block){.record = r,
                           .state = a->head.need.state_bytes > 0 ? a->state : NULL,
                           .old = old > 0 ? s->old : NULL,
                           .old_bytes = old,
                           .out = s->out,
                           .out_bytes = n,
                           .first = a->record_done,
                           .inflater = a->io.inflater,
                           .kernels = a->kernels};
    if (r->dict > 0) {
        s->block.dict = a->dicts[r->dict - 1].data;
        s->block.dict_bytes = a->dicts[r->dict - 1].size;
        if (s->block.dict == NULL) {
            return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET,
                            "the dictionary that the patch names");
        }
    }
    a->record_done += n;
    a->at += n;
    a->block++;
    return mlr_refs_gather(&a->head.refs, &a->refs, NULL, NULL, old, err);
}

static mlr_status read_block(mlr_apply *a, slot *s, mlr_err *err)
{
    if (a->head.is_inline) {
        s->block.payload = a->head.payload;
        s->block.payload_bytes = a->head.payload_bytes;
        return MLR_OK;
    }
    mlr_chunk chunk;
    if (mlr_chunks_next(&a->chunks, &chunk) != MLR_OK) {
        return err->status;
    }
    if (chunk.type != MLR_CHUNK_BLOCK) {
        return mlr_fail(err, MLR_E_FORMAT, chunk.start, "a block of the current record");
    }
    s->block.payload = s->payload;
    s->block.payload_bytes = (size_t)chunk.size;
    return mlr_chunks_content(&a->chunks, &chunk, s->payload,
                              (size_t)a->header->need.block_bytes);
}

static mlr_status write_slots(mlr_apply *a, slot *set, unsigned n, mlr_err *err)
{
    for (unsigned i = 0; i < n && err->status == MLR_OK; i++) {
        mlr_output_put(&a->out, set[i].out, set[i].block.out_bytes, err);
    }
    return err->status;
}

/* What one parallel round does: task 0 writes the round before, the others decode. */
typedef struct round {
    mlr_apply *a;
    slot *fill, *flush;
    unsigned fill_n, flush_n;
    mlr_err flush_err;
} round;

static void round_task(void *arg, size_t i, unsigned lane)
{
    round *r = arg;
    if (i == 0) {
        write_slots(r->a, r->flush, r->flush_n, &r->flush_err);
    } else {
        fill_slot(r->a, &r->fill[i - 1], lane);
    }
}

static mlr_status run_round(mlr_apply *a, unsigned fill_n, mlr_err *err)
{
    unsigned set = 1 - a->ready_set;
    round r = {.a = a,
               .fill = a->slots + set * a->lanes,
               .flush = a->slots + a->ready_set * a->lanes,
               .fill_n = fill_n,
               .flush_n = a->ready};
    mlr_exec_run(a->io.exec, round_task, &r, 1 + (size_t)fill_n);
    if (r.flush_err.status != MLR_OK) {
        *err = r.flush_err;
        return err->status;
    }
    for (unsigned i = 0; i < fill_n; i++) {
        if (r.fill[i].err.status != MLR_OK) {
            *err = r.fill[i].err;
            return err->status;
        }
    }
    a->ready = fill_n;
    a->ready_set = set;
    return MLR_OK;
}

/* Writes what a parallel round left waiting. */
static mlr_status drain(mlr_apply *a, mlr_err *err)
{
    unsigned n = a->ready;
    a->ready = 0;
    return write_slots(a, a->slots + a->ready_set * a->lanes, n, err);
}

static mlr_status step_blocks(mlr_apply *a, mlr_err *err)
{
    uint64_t left = a->head.blocks - a->block;
    unsigned n = left < a->lanes ? (unsigned)left : a->lanes;
    slot *set = a->lanes > 1 ? a->slots + (1 - a->ready_set) * a->lanes : a->slots;
    for (unsigned i = 0; i < n; i++) {
        if (aim_slot(a, &set[i], err) != MLR_OK || read_block(a, &set[i], err) != MLR_OK) {
            return err->status;
        }
    }
    if (a->lanes > 1) {
        run_round(a, n, err);
    } else {
        fill_slot(a, &set[0], 0);
        if (set[0].err.status != MLR_OK) {
            *err = set[0].err;
        }
        write_slots(a, set, err->status == MLR_OK ? 1 : 0, err);
    }
    a->in_record = a->block < a->head.blocks;
    return err->status;
}

/* Copies the next piece of an unchanged stretch. */
static mlr_status step_copy(mlr_apply *a, mlr_err *err)
{
    if (drain(a, err) != MLR_OK) {
        return err->status;
    }
    const mlr_record *r = &a->head.record;
    uint64_t left = r->new_bytes - a->record_done;
    uint64_t room = out_bytes(&a->header->need);
    uint64_t n = left < room ? left : room;
    uint8_t *to = a->slots[0].out;
    if (mlr_refs_gather(&a->head.refs, &a->refs, a->io.base, to, n, err) != MLR_OK ||
        mlr_output_put(&a->out, to, (size_t)n, err) != MLR_OK) {
        return err->status;
    }
    a->record_done += n;
    a->at += n;
    a->in_record = a->record_done < r->new_bytes;
    return MLR_OK;
}

/* --- glue ----------------------------------------------------------------------------- */

/* Decodes a GLUE chunk whose head was read into the glue buffer. Uses slot 0 and the state.
 */
static mlr_status decode_glue(mlr_apply *a, const mlr_chunk *chunk, mlr_err *err)
{
    slot *s = &a->slots[0];
    if (mlr_chunks_content(&a->chunks, chunk, s->payload,
                           (size_t)a->header->need.block_bytes) != MLR_OK) {
        return err->status;
    }
    mlr_record_head head;
    mlr_cursor c = {.base = s->payload,
                    .size = (size_t)chunk->size,
                    .origin = chunk->offset,
                    .err = err};
    if (mlr_record_read(&head, &c, a->header, a->base_size, true) != MLR_OK) {
        return err->status;
    }
    size_t n = (size_t)head.record.new_bytes;
    mlr_refs_at refs = {0};
    if (head.record.old_bytes > 0 &&
        mlr_refs_gather(&head.refs, &refs, a->io.base, s->old, n, err) != MLR_OK) {
        return err->status;
    }
    a->glue_begin = 0;
    a->glue_end = n;
    if (head.blocks == 0) {
        memcpy(a->glue, s->old, n);
        return MLR_OK;
    }
    if (head.need.state_bytes > 0 &&
        head.record.decoder->prepare(a->state, &head.record, err) != MLR_OK) {
        return err->status;
    }
    mlr_block b = {.record = &head.record,
                   .state = head.need.state_bytes > 0 ? a->state : NULL,
                   .payload = head.payload,
                   .payload_bytes = head.payload_bytes,
                   .old = head.record.old_bytes > 0 ? s->old : NULL,
                   .old_bytes = (size_t)head.record.old_bytes,
                   .out = a->glue,
                   .out_bytes = n,
                   .work = a->work[0],
                   .work_bytes = a->work_bytes,
                   .inflater = a->io.inflater,
                   .kernels = a->kernels};
    if (head.record.dict > 0) {
        b.dict = a->dicts[head.record.dict - 1].data;
        b.dict_bytes = a->dicts[head.record.dict - 1].size;
    }
    return head.record.decoder->decode(&b, err);
}

/* Writes up to n structure bytes that are at hand; yields how many. */
static uint64_t put_glue(mlr_apply *a, uint64_t n, mlr_err *err)
{
    size_t have = a->glue_end - a->glue_begin;
    size_t take_n = n < have ? (size_t)n : have;
    mlr_output_put(&a->out, a->glue + a->glue_begin, take_n, err);
    a->glue_begin += take_n;
    a->at += take_n;
    return take_n;
}

/* Writes the structure bytes before a record; glue blocks follow the record's chunk. */
static mlr_status put_glue_before(mlr_apply *a, uint64_t n, mlr_err *err)
{
    n -= put_glue(a, n, err);
    while (n > 0 && err->status == MLR_OK) {
        mlr_chunk chunk;
        if (mlr_chunks_next(&a->chunks, &chunk) != MLR_OK) {
            return err->status;
        }
        if (chunk.type != MLR_CHUNK_GLUE) {
            return mlr_fail(err, MLR_E_FORMAT, chunk.start, "glue that a record waits for");
        }
        if (decode_glue(a, &chunk, err) == MLR_OK) {
            n -= put_glue(a, n, err);
        }
    }
    return err->status;
}

/* --- records and the end ---------------------------------------------------------------
 */

static mlr_status begin_record(mlr_apply *a, const mlr_chunk *chunk, mlr_err *err)
{
    if (mlr_chunks_content(&a->chunks, chunk, a->record_bytes,
                           (size_t)a->header->need.record_bytes) != MLR_OK) {
        return err->status;
    }
    mlr_cursor c = {.base = a->record_bytes,
                    .size = (size_t)chunk->size,
                    .origin = chunk->offset,
                    .err = err};
    if (mlr_record_read(&a->head, &c, a->header, a->base_size, false) != MLR_OK ||
        put_glue_before(a, a->head.glue_before, err) != MLR_OK) {
        return err->status;
    }
    const mlr_record *r = &a->head.record;
    if (r->new_bytes > mlr_output_room(&a->out, err)) {
        return mlr_fail(err, MLR_E_FORMAT, chunk->start, "record inside its member");
    }
    if (a->head.need.state_bytes > 0 && r->decoder->prepare(a->state, r, err) != MLR_OK) {
        return err->status;
    }
    a->refs = (mlr_refs_at){0};
    a->block = 0;
    a->record_done = 0;
    a->in_record = r->new_bytes > 0;
    a->records++;
    return MLR_OK;
}

static mlr_status read_dict(mlr_apply *a, const mlr_chunk *chunk, mlr_err *err)
{
    mlr_patch_iter iter = {0};
    mlr_patch_dict d;
    for (uint32_t i = 0; mlr_patch_dict_next(a->header, &iter, &d); i++) {
        if (!d.embedded || a->dicts[i].size > 0 || d.size == 0) {
            continue;
        }
        uint8_t *to = (uint8_t *)(uintptr_t)a->dicts[i].data; /* taken from the arena */
        if (chunk->size != d.size ||
            mlr_chunks_content(&a->chunks, chunk, to, (size_t)d.size) != MLR_OK) {
            return mlr_fail(err, MLR_E_FORMAT, chunk->start, "size of a dictionary");
        }
        uint8_t digest[MLR_SHA256_BYTES];
        mlr_sha256 hash;
        mlr_sha256_begin(&hash, a->kernels->sha256);
        mlr_sha256_add(&hash, to, (size_t)d.size);
        mlr_sha256_end(&hash, digest);
        if (memcmp(digest, d.sha256, sizeof digest) != 0) {
            return mlr_fail(err, MLR_E_VERIFY, chunk->start, "digest of a dictionary");
        }
        a->dicts[i].size = (size_t)d.size;
        return MLR_OK;
    }
    return mlr_fail(err, MLR_E_FORMAT, chunk->start, "dictionary that the header names");
}

static mlr_status finish(mlr_apply *a, const mlr_chunk *chunk, mlr_err *err)
{
    if (mlr_chunks_skip(&a->chunks, chunk, a->slots[0].out, LEAST_OUT) != MLR_OK ||
        mlr_output_end(&a->out, err) != MLR_OK) {
        return err->status;
    }
    a->phase = MLR_PHASE_DONE;
    return MLR_OK;
}

/* The next chunk between records. */
static mlr_status step_chunk(mlr_apply *a, mlr_err *err)
{
    mlr_chunk chunk;
    if (drain(a, err) != MLR_OK || mlr_chunks_next(&a->chunks, &chunk) != MLR_OK) {
        return err->status;
    }
    switch (chunk.type) {
    case MLR_CHUNK_RECORD:
        return begin_record(a, &chunk, err);
    case MLR_CHUNK_DICT:
        return read_dict(a, &chunk, err);
    case MLR_CHUNK_GLUE: /* only the tail of the target is not followed by a record */
        put_glue(a, UINT64_MAX, err);
        if (err->status == MLR_OK && decode_glue(a, &chunk, err) == MLR_OK) {
            put_glue(a, UINT64_MAX, err);
        }
        return err->status;
    case MLR_CHUNK_INDEX:
        return mlr_chunks_skip(&a->chunks, &chunk, a->slots[0].out, LEAST_OUT);
    case MLR_CHUNK_END:
        put_glue(a, UINT64_MAX, err);
        return err->status == MLR_OK ? finish(a, &chunk, err) : err->status;
    default:
        err->found = chunk.type;
        return mlr_fail(err, MLR_E_UNSUPPORTED, chunk.start, "chunk type of this version");
    }
}

/* --- public --------------------------------------------------------------------------- */

mlr_status mlr_apply_begin(mlr_apply **out, void *arena, size_t arena_bytes, unsigned lanes,
                           const mlr_patch_header *h, const mlr_apply_io *io, mlr_err *err)
{
    mlr_apply_need need;
    if (mlr_apply_need_of(h, io->inflater, lanes, &need, err) != MLR_OK) {
        return err->status;
    }
    if (arena_bytes < need.arena_bytes) {
        err->found = arena_bytes;
        err->limit = need.arena_bytes;
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "arena that the patch needs");
    }
    mlr_arena room;
    mlr_arena_init(&room, arena, arena_bytes);
    mlr_apply *a = place(&room, lanes, h, io);
    if (a == NULL) {
        return mlr_fail(err, MLR_E_INTERNAL, MLR_NO_OFFSET, "arena size as computed");
    }
    a->kernels = io->kernels != NULL ? io->kernels : &mlr_kernels_scalar;
    a->chunks.stream = io->patch;
    a->chunks.room = INPUT_BYTES;
    a->chunks.offset = h->header_bytes;
    mlr_output_init(&a->out, h, io->target, a->kernels, io->done);
    if (check_base_sizes(a, err) != MLR_OK) {
        return err->status;
    }
    *out = a;
    return MLR_OK;
}

mlr_status mlr_apply_step(mlr_apply *a, mlr_err *err)
{
    if (a->err.status != MLR_OK) {
        *err = a->err;
        return err->status;
    }
    a->chunks.err = err;
    switch (a->phase) {
    case MLR_PHASE_BASE:
        step_base(a, err);
        break;
    case MLR_PHASE_DECODE:
        if (!a->in_record) {
            step_chunk(a, err);
        } else if (a->head.blocks == 0) {
            step_copy(a, err);
        } else {
            step_blocks(a, err);
        }
        break;
    case MLR_PHASE_DONE:
        return MLR_OK;
    }
    if (err->status != MLR_OK) {
        mlr_err_in(err, MLR_IN_PATCH, "patch");
        a->err = *err;
        return err->status;
    }
    return a->phase == MLR_PHASE_DONE ? MLR_OK : MLR_MORE;
}

mlr_status mlr_apply_run(mlr_apply *a, const mlr_tick *tick, mlr_err *err)
{
    uint64_t total = a->base_total + a->header->new_bytes;
    mlr_status status = MLR_MORE;
    while (status == MLR_MORE) {
        if (!mlr_keep_going(tick, a->base_done + a->out.written, total)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "apply");
        }
        status = mlr_apply_step(a, err);
    }
    return status;
}

mlr_apply_at mlr_apply_where(const mlr_apply *a)
{
    return (mlr_apply_at){
        .phase = a->phase,
        .base_done = a->base_done,
        .base_total = a->base_total,
        .new_done = a->out.written,
        .new_total = a->header->new_bytes,
        .patch_done = a->chunks.offset - a->header->header_bytes,
        .record = a->records,
        .block = a->block,
        .blocks = a->head.blocks,
        .strategy = a->head.record.decoder != NULL ? a->head.record.decoder->id : 0};
}
