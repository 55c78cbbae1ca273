#include "apply/apply.h"

#include "apply/apply_state.h"
#include "apply/base/mem.h"
#include "apply/patch_format.h"

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
    uint64_t room = mlr_apply_out_bytes(&a->header->need);
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

/* Fills a slot's output: from an earlier run's bytes, from the base, or by decoding. Works
   in the memory of the n-th lane. */
static void fill_slot(mlr_apply *a, mlr_slot *s, unsigned n)
{
    mlr_block *b = &s->block;
    const mlr_source *done = a->io.done;
    if (done != NULL && s->at + b->out_bytes <= done->size) {
        done->read_at(done->ctx, s->at, b->out, b->out_bytes, &s->err);
        return;
    }
    uint8_t *to = s->copies ? b->out : s->old;
    size_t old = s->copies ? b->out_bytes : b->old_bytes;
    if ((old > 0 && mlr_refs_gather(&a->head.refs, &s->refs, a->io.base, to, old,
                                    &s->err) != MLR_OK) ||
        s->copies) {
        return;
    }
    b->work = a->work[n];
    b->work_bytes = a->work_bytes;
    if (b->record->decoder->decode(b, &s->err) != MLR_OK) {
        mlr_err_in(&s->err, MLR_IN_PATCH, "patch");
    }
}

/* Gives a block the dictionary that its record names. */
static mlr_status set_dict(const mlr_apply *a, const mlr_record *r, mlr_block *b,
                           mlr_err *err)
{
    if (r->dict == 0) {
        return MLR_OK;
    }
    const mlr_dict_bytes *d = &a->dicts[r->dict - 1];
    if (d->data == NULL) {
        return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET,
                        "the dictionary that the patch names");
    }
    if (d->size == 0) { /* its memory is there, its chunk has not come */
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "dictionary before its use");
    }
    b->dict = d->data;
    b->dict_bytes = d->size;
    return MLR_OK;
}

/* Describes the next block of the current record in `s` and moves the references past it.
 */
static mlr_status aim_slot(mlr_apply *a, mlr_slot *s, mlr_err *err)
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
    s->copies = false;
    if (set_dict(a, r, &s->block, err) != MLR_OK) {
        return err->status;
    }
    a->record_done += n;
    a->at += n;
    a->block++;
    return mlr_refs_gather(&a->head.refs, &a->refs, NULL, NULL, old, err);
}

static mlr_status read_block(mlr_apply *a, mlr_slot *s, mlr_err *err)
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

static mlr_status write_slots(mlr_apply *a, mlr_slot *set, unsigned n, mlr_err *err)
{
    for (unsigned i = 0; i < n && err->status == MLR_OK; i++) {
        mlr_output_put(&a->out, set[i].out, set[i].block.out_bytes, err);
    }
    return err->status;
}

/* What one parallel round does: task 0 writes the round before, the others decode. */
typedef struct round {
    mlr_apply *a;
    mlr_slot *fill, *flush;
    unsigned fill_n, flush_n;
    mlr_err flush_err;
} round;

static void round_task(void *arg, size_t i, unsigned lane)
{
    round *r = arg;
    (void)lane; /* of whoever runs the tasks, who may have more lanes than the arena has */
    if (i == 0) {
        write_slots(r->a, r->flush, r->flush_n, &r->flush_err);
    } else {
        fill_slot(r->a, &r->fill[i - 1], (unsigned)i - 1);
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
    a->ready = 0;
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

/* The slots that the next blocks go to; those of the other set may wait to be written. */
static mlr_slot *filling_set(const mlr_apply *a)
{
    return a->lanes > 1 ? a->slots + (1 - a->ready_set) * a->lanes : a->slots;
}

static mlr_status fill_and_write(mlr_apply *a, mlr_slot *set, unsigned n, mlr_err *err)
{
    if (a->lanes > 1) {
        return run_round(a, n, err);
    }
    fill_slot(a, &set[0], 0);
    if (set[0].err.status != MLR_OK) {
        *err = set[0].err;
        return err->status;
    }
    return write_slots(a, set, n, err);
}

static mlr_status step_blocks(mlr_apply *a, mlr_err *err)
{
    uint64_t left = a->head.blocks - a->block;
    unsigned n = left < a->lanes ? (unsigned)left : a->lanes;
    mlr_slot *set = filling_set(a);
    for (unsigned i = 0; i < n; i++) {
        if (aim_slot(a, &set[i], err) != MLR_OK || read_block(a, &set[i], err) != MLR_OK) {
            return err->status;
        }
    }
    fill_and_write(a, set, n, err);
    a->in_record = a->block < a->head.blocks;
    return err->status;
}

/* Describes the next piece of an unchanged stretch in `s`. */
static mlr_status aim_copy(mlr_apply *a, mlr_slot *s, mlr_err *err)
{
    uint64_t left = a->head.record.new_bytes - a->record_done;
    uint64_t room = mlr_apply_out_bytes(&a->header->need);
    size_t n = (size_t)(left < room ? left : room);
    s->err = (mlr_err){0};
    s->at = a->at;
    s->refs = a->refs;
    s->copies = true;
    s->block = (mlr_block){.out = s->out, .out_bytes = n};
    a->record_done += n;
    a->at += n;
    return mlr_refs_gather(&a->head.refs, &a->refs, NULL, NULL, n, err);
}

/* Copies the next pieces of an unchanged stretch. */
static mlr_status step_copy(mlr_apply *a, mlr_err *err)
{
    uint64_t total = a->head.record.new_bytes;
    mlr_slot *set = filling_set(a);
    unsigned n = 0;
    while (n < a->lanes && a->record_done < total) {
        if (aim_copy(a, &set[n++], err) != MLR_OK) {
            return err->status;
        }
    }
    fill_and_write(a, set, n, err);
    a->in_record = a->record_done < total;
    return err->status;
}

/* --- glue ----------------------------------------------------------------------------- */

/* Decodes a GLUE chunk whose head was read into the glue buffer. Uses slot 0 and the state.
 */
static mlr_status decode_glue(mlr_apply *a, const mlr_chunk *chunk, mlr_err *err)
{
    mlr_slot *s = &a->slots[0];
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
    if (n == 0) {
        return mlr_fail(err, MLR_E_FORMAT, chunk->start, "glue block of at least one byte");
    }
    mlr_refs_at refs = {0};
    uint8_t *old = head.blocks == 0 ? a->glue : s->old; /* a copy is not decoded */
    if (head.record.old_bytes > 0 &&
        mlr_refs_gather(&head.refs, &refs, a->io.base, old, n, err) != MLR_OK) {
        return err->status;
    }
    a->glue_begin = 0;
    a->glue_end = n;
    if (head.blocks == 0) {
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
    return set_dict(a, &head.record, &b, err) == MLR_OK
               ? head.record.decoder->decode(&b, err)
               : err->status;
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
    if (n == 0 || drain(a, err) != MLR_OK) {
        return err->status;
    }
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

/* Whether n bytes fit into the present member behind those that wait to be written. These
   are written first where they complete the member. */
static bool has_room(mlr_apply *a, uint64_t n, mlr_err *err)
{
    uint64_t waiting = a->at - a->out.written;
    uint64_t room = mlr_output_room(&a->out, err);
    if (waiting > 0 && (room < waiting || n > room - waiting)) {
        drain(a, err);
        room = mlr_output_room(&a->out, err);
        waiting = 0;
    }
    return err->status == MLR_OK && n <= room - waiting;
}

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
    if (!has_room(a, r->new_bytes, err)) {
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
    if (a->records > 0 || a->at > 0) {
        return mlr_fail(err, MLR_E_FORMAT, chunk->start, "dictionary before any record");
    }
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
    if (chunk->size != 0 && chunk->size != MLR_CHUNK_END_BYTES) {
        return mlr_fail(err, MLR_E_FORMAT, chunk->start, "size of the end chunk");
    }
    if (mlr_chunks_skip(&a->chunks, chunk, a->slots[0].out, MLR_APPLY_LEAST_OUT) !=
            MLR_OK ||
        mlr_chunks_end(&a->chunks) != MLR_OK) {
        return err->status;
    }
    if (a->records != a->header->records) {
        return mlr_fail(err, MLR_E_FORMAT, chunk->start, "records that the header counts");
    }
    if (mlr_output_end(&a->out, err) == MLR_OK) {
        a->phase = MLR_PHASE_DONE;
    }
    return err->status;
}

/* Chunks that are not records, once everything before them is written. */
static mlr_status step_other(mlr_apply *a, const mlr_chunk *chunk, mlr_err *err)
{
    if (drain(a, err) != MLR_OK) {
        return err->status;
    }
    switch (chunk->type) {
    case MLR_CHUNK_DICT:
        return read_dict(a, chunk, err);
    case MLR_CHUNK_GLUE: /* only the tail of the target is not followed by a record */
        put_glue(a, UINT64_MAX, err);
        if (err->status == MLR_OK && decode_glue(a, chunk, err) == MLR_OK) {
            put_glue(a, UINT64_MAX, err);
        }
        return err->status;
    case MLR_CHUNK_INDEX:
        a->indexed = true;
        return mlr_chunks_skip(&a->chunks, chunk, a->slots[0].out, MLR_APPLY_LEAST_OUT);
    case MLR_CHUNK_END:
        put_glue(a, UINT64_MAX, err);
        return err->status == MLR_OK ? finish(a, chunk, err) : err->status;
    default:
        err->found = chunk->type;
        return mlr_fail(err, MLR_E_UNSUPPORTED, chunk->start, "chunk type of this version");
    }
}

/* The next chunk between records. */
static mlr_status step_chunk(mlr_apply *a, mlr_err *err)
{
    mlr_chunk chunk;
    if (mlr_chunks_next(&a->chunks, &chunk) != MLR_OK) {
        return err->status;
    }
    if (a->indexed && chunk.type != MLR_CHUNK_END) {
        return mlr_fail(err, MLR_E_FORMAT, chunk.start, "end after the index");
    }
    return chunk.type == MLR_CHUNK_RECORD ? begin_record(a, &chunk, err)
                                          : step_other(a, &chunk, err);
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
    mlr_apply *a = mlr_apply_place(&room, lanes, h, io);
    if (a == NULL) {
        return mlr_fail(err, MLR_E_INTERNAL, MLR_NO_OFFSET, "arena size as computed");
    }
    a->kernels = io->kernels != NULL ? io->kernels : &mlr_kernels_scalar;
    a->chunks.stream = io->patch;
    a->chunks.room = MLR_APPLY_INPUT;
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
