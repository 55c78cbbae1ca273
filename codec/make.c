#include "codec/make.h"

#include <string.h>

#include "apply/apply.h"
#include "apply/patch_format.h"
#include "codec/gate.h"
#include "codec/glue.h"
#include "codec/pair_view.h"
#include "codec/patch_index.h"
#include "codec/price.h"
#include "codec/session.h"
#include "codec/trial.h"

enum { DEFAULT_MEMORY = 512 << 20, MOST_JOBS = 512 };

/* One record while it is made. */
typedef struct job {
    const mlr_plan_record *plan;
    mlr_pair_view view;
    mlr_encoding encoding;
    mlr_session session;
    mlr_buf *payload;             /* one for each block of the present group */
    uint64_t first_block, blocks; /* the present group */
    mlr_err err;
} job;

typedef struct maker {
    const mlr_make_options *o;
    const mlr_plan *plan;
    const mlr_device *device;
    const mlr_kernels *kernels;
    mlr_gate gate;
    mlr_patch_writer writer;
    mlr_patch_desc desc;
    mlr_member_desc *base, *target;
    mlr_dict_desc dict;
    mlr_glue glue;
    uint64_t glue_at;    /* structure bytes in GLUE chunks so far */
    uint64_t glue_owed;  /* structure bytes that records so far have needed */
    mlr_pool pool;       /* for the whole run */
    mlr_pool batch_pool; /* for the present batch */
    mlr_bench *benches;  /* one for each lane */
    unsigned lanes;
    mlr_index_writer index;
    mlr_made *made;
    mlr_err *err;
} maker;

static mlr_status no_memory(maker *k)
{
    return mlr_fail(k->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to make a patch with");
}

static mlr_encoding encoding_for(const maker *k, const mlr_choice *c, const mlr_exec *exec)
{
    mlr_encoding e = mlr_encoding_for(c, k->device);
    e.kernels = k->kernels;
    e.alloc = k->o->alloc;
    e.exec = exec;
    e.tick = &k->gate.tick;
    e.crowded = k->plan->crowded;
    if (c->dict) {
        e.dict = k->o->dict;
        e.dict_bytes = k->o->dict_bytes;
    }
    return e;
}

/* --- identities ----------------------------------------------------------------------- */

typedef struct hash_task {
    const mlr_source *source;
    uint8_t *digest;
    const mlr_kernels *kernels;
    const mlr_allocator *alloc;
    const mlr_tick *tick;
    mlr_err err;
} hash_task;

static void hash_source(void *arg, size_t i, unsigned lane)
{
    enum { PIECE = 1 << 18 };
    hash_task *t = (hash_task *)arg + i;
    (void)lane;
    uint8_t *buffer = mlr_take(t->alloc, PIECE);
    if (buffer == NULL) {
        mlr_fail(&t->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "digest of a model");
        return;
    }
    mlr_sha256 h;
    mlr_sha256_begin(&h, t->kernels->sha256);
    for (uint64_t at = 0; at < t->source->size && t->err.status == MLR_OK; at += PIECE) {
        uint64_t left = t->source->size - at;
        size_t n = left < PIECE ? (size_t)left : PIECE;
        t->source->read_at(t->source->ctx, at, buffer, n, &t->err);
        mlr_sha256_add(&h, buffer, n);
        if (!mlr_keep_going(t->tick, 0, 0)) {
            mlr_fail(&t->err, MLR_E_CANCELLED, MLR_NO_OFFSET, "digest of a model");
        }
    }
    mlr_sha256_end(&h, t->digest);
    mlr_give(t->alloc, buffer, PIECE);
}

static mlr_member_desc *describe_members(maker *k, const mlr_model *m)
{
    mlr_member_desc *d = mlr_pool_take(&k->pool, (m->member_count + 1) * sizeof *d);
    for (size_t i = 0; d != NULL && i < m->member_count; i++) {
        d[i] = (mlr_member_desc){.name = m->members[i].name,
                                 .size = m->members[i].source->size};
    }
    return d;
}

static mlr_status hash_members(maker *k)
{
    const mlr_model *old = k->plan->matching->old_model,
                    *new_m = k->plan->matching->new_model;
    size_t n = old->member_count + new_m->member_count;
    hash_task *tasks = mlr_pool_take(&k->pool, (n + 1) * sizeof *tasks);
    if (tasks == NULL) {
        return no_memory(k);
    }
    for (size_t i = 0; i < n; i++) {
        size_t j = i - old->member_count;
        bool base = i < old->member_count;
        tasks[i] =
            (hash_task){.source = base ? old->members[i].source : new_m->members[j].source,
                        .digest = base ? k->base[i].sha256 : k->target[j].sha256,
                        .kernels = k->kernels,
                        .alloc = k->o->alloc,
                        .tick = &k->gate.tick};
    }
    mlr_exec_run(k->o->exec, hash_source, tasks, n);
    for (size_t i = 0; i < n && k->err->status == MLR_OK; i++) {
        if (tasks[i].err.status != MLR_OK) {
            *k->err = tasks[i].err;
        }
    }
    return k->err->status;
}

/* One digest that tells the contents of both models. */
static void digest_contents(maker *k)
{
    mlr_sha256 h;
    mlr_sha256_begin(&h, k->kernels->sha256);
    for (size_t i = 0; i < k->desc.base_count; i++) {
        mlr_sha256_add(&h, k->base[i].sha256, sizeof k->base[i].sha256);
    }
    for (size_t i = 0; i < k->desc.target_count; i++) {
        mlr_sha256_add(&h, k->target[i].sha256, sizeof k->target[i].sha256);
    }
    mlr_sha256_end(&h, k->made->models_sha256);
}

static mlr_status describe_patch(maker *k)
{
    const mlr_model *old = k->plan->matching->old_model,
                    *new_m = k->plan->matching->new_model;
    k->base = describe_members(k, old);
    k->target = describe_members(k, new_m);
    if (k->base == NULL || k->target == NULL) {
        return no_memory(k);
    }
    k->desc = (mlr_patch_desc){.base = k->base,
                               .target = k->target,
                               .base_count = (uint32_t)old->member_count,
                               .target_count = (uint32_t)new_m->member_count,
                               .zstd_version = k->o->zstd_version,
                               .tensors = new_m->tensor_count};
    if (k->o->dict != NULL) {
        k->dict = (mlr_dict_desc){.size = k->o->dict_bytes,
                                  .data = k->o->embed_dict ? k->o->dict : NULL};
        memcpy(k->dict.sha256, k->o->dict_sha256, sizeof k->dict.sha256);
        k->desc.dicts = &k->dict;
        k->desc.dict_count = 1;
    }
    if (hash_members(k) == MLR_OK) {
        digest_contents(k);
    }
    return k->err->status;
}

/* --- structure ------------------------------------------------------------------------ */

/* A glue block that repeats old bytes needs no payload at all. */
static bool repeats_old(const mlr_pair_view *v, mlr_bench *b, mlr_err *err)
{
    size_t n = (size_t)v->record.new_bytes;
    if (v->record.old_bytes == 0 ||
        v->view.read(v->view.ctx, 0, n, b->new_bytes, b->old, err) != MLR_OK) {
        return false;
    }
    return memcmp(b->new_bytes, b->old, n) == 0;
}

static mlr_status write_glue_chunk(maker *k, const mlr_record *r,
                                   const mlr_decoder_need *need, const mlr_pair_view *v,
                                   const mlr_buf *payload)
{
    mlr_buf head;
    mlr_buf_init(&head, k->o->alloc);
    mlr_write_glue(&head, r, v->refs, v->ref_count, k->desc.base_count);
    mlr_patch_writer_need(&k->writer, r, need, 1);
    uint64_t before = k->writer.chunk_bytes;
    mlr_patch_writer_chunk(&k->writer, MLR_CHUNK_GLUE, &head, payload, k->err);
    k->made->glue_bytes += k->writer.chunk_bytes - before;
    k->made->decode_us += mlr_price_decode_us(r->decoder->id, r->new_bytes, k->device);
    mlr_buf_release(&head);
    return k->err->status;
}

static mlr_status encode_glue(maker *k, mlr_pair_view *v)
{
    enum { LITTLE = 2 << 20 }; /* structure that is worth every effort: it costs no time */
    uint8_t level = k->glue.size <= LITTLE ? 19 : k->plan->level;
    mlr_choice choice = {.strategy = MLR_AUTO, .level = level};
    mlr_encoding e = encoding_for(k, &choice, NULL);
    uint8_t id;
    mlr_trial best;
    mlr_session s = {0};
    mlr_buf payload;
    mlr_buf_init(&payload, k->o->alloc);
    if (mlr_choose(&id, &best, &e, &v->view, &choice, k->device, k->o->inflater, k->err) ==
            MLR_OK &&
        mlr_session_begin(&s, &e, &v->view, mlr_encoder_get(id), k->o->inflater, k->err) ==
            MLR_OK &&
        mlr_bench_fit(&k->benches[0], &s, k->err) == MLR_OK &&
        mlr_session_block(&s, &k->benches[0], 0, (size_t)v->record.new_bytes, &payload,
                          k->err) == MLR_OK) {
        write_glue_chunk(k, &s.record, &s.need, v, &payload);
    }
    mlr_session_end(&s);
    mlr_buf_release(&payload);
    return k->err->status;
}

static mlr_status fit_glue_bench(maker *k, const mlr_pair_view *v)
{
    mlr_session plain = {.encoding = &(mlr_encoding){.alloc = k->o->alloc},
                         .record = v->record};
    return mlr_bench_fit(&k->benches[0], &plain, k->err);
}

/* Writes the next n bytes of the structure, or, with `only_copy`, nothing where they are
   not old bytes. */
static mlr_status write_glue_bytes(maker *k, uint64_t n, bool only_copy)
{
    mlr_buf refs;
    mlr_buf_init(&refs, k->o->alloc);
    mlr_glue_refs(&k->glue, k->glue_at, n, &refs);
    mlr_pair_view v;
    mlr_region at = {.off = k->glue_at, .len = n};
    if (refs.failed) {
        no_memory(k);
    } else if (mlr_pair_view_glue(&v, k->plan->matching->old_model, &k->glue.source, at,
                                  (const mlr_ref *)(const void *)refs.data,
                                  refs.size / sizeof(mlr_ref), &k->batch_pool,
                                  k->err) == MLR_OK &&
               fit_glue_bench(k, &v) == MLR_OK) {
        if (repeats_old(&v, &k->benches[0], k->err)) {
            mlr_record r = v.record;
            r.decoder = mlr_decoder_get(MLR_STRATEGY_copy);
            write_glue_chunk(k, &r, &(mlr_decoder_need){0}, &v, NULL);
            k->glue_at += n;
        } else if (k->err->status == MLR_OK && !only_copy) {
            encode_glue(k, &v);
            k->glue_at += n;
        }
    }
    mlr_buf_release(&refs);
    return k->err->status;
}

/* Where all is structure, copies may take the memory that blocks of records do not. */
static uint64_t most_copied(const maker *k)
{
    uint64_t block = k->device->block_bytes;
    for (size_t i = 0; i < k->plan->record_count; i++) {
        if (!k->plan->records[i].copy) {
            return block;
        }
    }
    return 3 * block < MLR_MAX_BLOCK ? 3 * block : block;
}

static mlr_status write_next_glue(maker *k)
{
    uint64_t left = k->glue.size - k->glue_at;
    uint64_t block = k->device->block_bytes;
    uint64_t most = most_copied(k);
    uint64_t before = k->glue_at;
    if (most > block && left > block) {
        write_glue_bytes(k, left < most ? left : most, true);
    }
    if (k->glue_at == before && k->err->status == MLR_OK) {
        write_glue_bytes(k, left < block ? left : block, false);
    }
    return k->err->status;
}

static mlr_status write_glue_to(maker *k, uint64_t owed)
{
    while (k->glue_at < owed && k->err->status == MLR_OK) {
        write_next_glue(k);
    }
    return k->err->status;
}

/* --- records -------------------------------------------------------------------------- */

static bool is_copy(const job *j)
{
    return j->plan->copy;
}

typedef struct batch {
    maker *k;
    job *jobs;
    size_t count;
    struct block_at {
        job *j;
        uint64_t i; /* in its group */
    } * blocks;
    mlr_err *lane_err;
} batch;

static mlr_status study(const maker *k, job *j, const mlr_choice *choice, mlr_err *err)
{
    uint8_t id;
    mlr_trial best;
    const mlr_inflater *inflater = k->o->inflater;
    if (mlr_choose(&id, &best, &j->encoding, &j->view.view, choice, k->device, inflater,
                   err) != MLR_OK) {
        return err->status;
    }
    return mlr_session_begin(&j->session, &j->encoding, &j->view.view, mlr_encoder_get(id),
                             inflater, err);
}

/* A strategy that was asked for by name but needs more memory than the device has gives way
   to the best one that fits. */
static void study_task(void *arg, size_t i, unsigned lane)
{
    batch *b = arg;
    job *j = &b->jobs[i];
    (void)lane;
    if (is_copy(j) || !mlr_keep_going(&b->k->gate.tick, 0, 0)) {
        return;
    }
    mlr_choice choice = j->plan->choice;
    if (study(b->k, j, &choice, &j->err) == MLR_E_UNSUPPORTED && choice.strategy >= 0) {
        mlr_session_end(&j->session);
        j->err = (mlr_err){0};
        choice.strategy = MLR_AUTO;
        study(b->k, j, &choice, &j->err);
    }
}

static void block_task(void *arg, size_t i, unsigned lane)
{
    batch *b = arg;
    job *j = b->blocks[i].j;
    maker *k = b->k;
    mlr_err *err = &b->lane_err[lane];
    if (err->status != MLR_OK || !mlr_keep_going(&k->gate.tick, 0, 0)) {
        return;
    }
    uint64_t first;
    size_t n = mlr_pair_view_block(&j->view, j->first_block + b->blocks[i].i, &first);
    mlr_buf *payload = &j->payload[b->blocks[i].i];
    mlr_buf_init(payload, k->o->alloc);
    if (mlr_bench_fit(&k->benches[lane], &j->session, err) == MLR_OK) {
        mlr_session_block(&j->session, &k->benches[lane], first, n, payload, err);
    }
    mlr_gate_add(&k->gate, n);
}

static mlr_status stop_or_fail(maker *k, const mlr_err *err)
{
    if (k->err->status == MLR_OK && err->status != MLR_OK) {
        *k->err = *err;
    }
    if (k->err->status == MLR_OK && mlr_gate_stopped(&k->gate)) {
        mlr_fail(k->err, MLR_E_CANCELLED, MLR_NO_OFFSET, "diff");
    }
    return k->err->status;
}

/* Encodes the present group of blocks of every job, side by side. */
static mlr_status encode_groups(batch *b)
{
    maker *k = b->k;
    size_t total = 0;
    for (size_t i = 0; i < b->count; i++) {
        total += is_copy(&b->jobs[i]) ? 0 : (size_t)b->jobs[i].blocks;
    }
    b->blocks = mlr_pool_take(&k->batch_pool, (total + 1) * sizeof *b->blocks);
    b->lane_err = mlr_pool_take(&k->batch_pool, k->lanes * sizeof *b->lane_err);
    if (b->blocks == NULL || b->lane_err == NULL) {
        return no_memory(k);
    }
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++) {
        for (uint64_t at = 0; !is_copy(&b->jobs[i]) && at < b->jobs[i].blocks; at++) {
            b->blocks[n].j = &b->jobs[i];
            b->blocks[n++].i = at;
        }
    }
    mlr_exec_run(k->o->exec, block_task, b, n);
    for (unsigned i = 0; i < k->lanes; i++) {
        stop_or_fail(k, &b->lane_err[i]);
    }
    return k->err->status;
}

static uint64_t group_bytes(const job *j)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < j->blocks; i++) {
        n += j->payload[i].size;
    }
    return n;
}

static void release_group(job *j)
{
    for (uint64_t i = 0; i < j->blocks && j->payload != NULL; i++) {
        mlr_buf_release(&j->payload[i]);
    }
}

/* A record that grows under its strategy is stored as it is. */
static mlr_status store_raw(batch *b, job *j)
{
    maker *k = b->k;
    release_group(j);
    mlr_session_end(&j->session);
    if (mlr_session_begin(&j->session, &j->encoding, &j->view.view,
                          mlr_encoder_get(MLR_STRATEGY_raw), k->o->inflater,
                          k->err) != MLR_OK) {
        return k->err->status;
    }
    batch alone = {.k = k, .jobs = j, .count = 1};
    return encode_groups(&alone);
}

static mlr_status write_blocks(maker *k, job *j)
{
    for (uint64_t i = 0; i < j->blocks && k->err->status == MLR_OK; i++) {
        mlr_patch_writer_chunk(&k->writer, MLR_CHUNK_BLOCK, &j->payload[i], NULL, k->err);
    }
    return k->err->status;
}

static mlr_status write_record_head(maker *k, job *j, const mlr_record *r,
                                    const mlr_decoder_need *need, const mlr_buf *inside)
{
    mlr_buf head;
    mlr_buf_init(&head, k->o->alloc);
    mlr_write_record(&head, r, j->plan->glue_before, inside != NULL, j->plan->refs,
                     j->plan->ref_count, k->desc.base_count);
    mlr_patch_writer_need(&k->writer, r, need, 0);
    mlr_patch_writer_chunk(&k->writer, MLR_CHUNK_RECORD, &head, inside, k->err);
    mlr_buf_release(&head);
    k->glue_owed += j->plan->glue_before;
    return k->err->status == MLR_OK ? write_glue_to(k, k->glue_owed) : k->err->status;
}

static void tell(maker *k, const job *j, const mlr_record *r, uint64_t stored)
{
    mlr_made_record m = {.plan = j->plan,
                         .stored_bytes = stored,
                         .model_bytes = r->model_bytes,
                         .blocks = is_copy(j) ? 0 : mlr_pair_view_blocks(&j->view),
                         .strategy = r->decoder->id,
                         .level = r->level,
                         .record = r};
    k->made->record_bytes += stored;
    k->made->decode_us +=
        mlr_price_decode_us(r->decoder->id, j->plan->bytes.len, k->device);
    *(is_copy(j) ? &k->made->tensors_same : &k->made->tensors_coded) += j->plan->pairs;
    mlr_index_add(&k->index, k->plan, &m);
    if (k->o->made != NULL) {
        k->o->made(k->o->made_ctx, &m);
    }
}

static mlr_status write_copy(maker *k, job *j)
{
    mlr_record r = j->view.record;
    r.decoder = mlr_decoder_get(MLR_STRATEGY_copy);
    uint64_t before = k->writer.chunk_bytes, glue = k->made->glue_bytes;
    if (write_record_head(k, j, &r, &(mlr_decoder_need){0}, NULL) == MLR_OK) {
        uint64_t grown = k->writer.chunk_bytes - before;
        tell(k, j, &r, grown - (k->made->glue_bytes - glue));
        mlr_gate_add(&k->gate, r.new_bytes);
    }
    return k->err->status;
}

/* Writes a coded record whose first group is encoded; further groups follow here. */
static mlr_status write_coded(batch *b, job *j)
{
    maker *k = b->k;
    uint64_t blocks = mlr_pair_view_blocks(&j->view);
    uint64_t first, plain = 0;
    for (uint64_t i = 0; i < j->blocks; i++) {
        plain += mlr_pair_view_block(&j->view, i, &first);
    }
    if (j->session.encoder->id != MLR_STRATEGY_raw &&
        group_bytes(j) + j->session.model.size >= plain && store_raw(b, j) != MLR_OK) {
        return k->err->status;
    }
    const mlr_record *r = &j->session.record;
    uint64_t before = k->writer.chunk_bytes, glue = k->made->glue_bytes;
    bool is_inline = blocks == 1;
    write_record_head(k, j, r, &j->session.need, is_inline ? &j->payload[0] : NULL);
    if (!is_inline && k->err->status == MLR_OK) {
        write_blocks(k, j);
    }
    while (k->err->status == MLR_OK && j->first_block + j->blocks < blocks) {
        release_group(j);
        uint64_t left = blocks - (j->first_block + j->blocks);
        j->first_block += j->blocks;
        j->blocks = left < j->blocks ? left : j->blocks;
        batch alone = {.k = k, .jobs = j, .count = 1};
        if (encode_groups(&alone) == MLR_OK) {
            write_blocks(k, j);
        }
    }
    if (k->err->status == MLR_OK) {
        uint64_t grown = k->writer.chunk_bytes - before;
        tell(k, j, r, grown - (k->made->glue_bytes - glue));
    }
    return k->err->status;
}

static uint64_t group_limit(const maker *k)
{
    uint64_t memory = k->o->encode_memory > 0 ? k->o->encode_memory : DEFAULT_MEMORY;
    return memory / 8;
}

static mlr_status begin_job(maker *k, job *j, const mlr_plan_record *r,
                            const mlr_exec *exec)
{
    *j = (job){.plan = r, .encoding = encoding_for(k, &r->choice, exec)};
    uint32_t block = k->device->block_bytes;
    if (r->choice.block_bytes > 0 && r->choice.block_bytes < block) {
        block = r->choice.block_bytes;
    }
    if (mlr_pair_view_init(&j->view, k->plan, r, block, &k->batch_pool, k->err) != MLR_OK ||
        is_copy(j)) {
        return k->err->status;
    }
    uint64_t blocks = mlr_pair_view_blocks(&j->view);
    uint64_t most = group_limit(k) / j->view.record.block_new;
    j->blocks = blocks < most || most == 0 ? blocks : most;
    j->payload = mlr_pool_take(&k->batch_pool, (size_t)j->blocks * sizeof *j->payload);
    return j->payload == NULL ? no_memory(k) : MLR_OK;
}

/* Records [from, to) together: study all, encode all, write in order. */
static mlr_status make_batch(maker *k, size_t from, size_t to)
{
    batch b = {.k = k, .count = to - from};
    b.jobs = mlr_pool_take(&k->batch_pool, b.count * sizeof *b.jobs);
    if (b.jobs == NULL) {
        return no_memory(k);
    }
    size_t begun = 0;
    const mlr_exec *inner = b.count == 1 ? k->o->exec : NULL;
    while (begun < b.count &&
           begin_job(k, &b.jobs[begun], &k->plan->records[from + begun], inner) == MLR_OK) {
        begun++;
    }
    if (k->err->status == MLR_OK) {
        mlr_exec_run(inner == NULL ? k->o->exec : NULL, study_task, &b, b.count);
        for (size_t i = 0; i < b.count; i++) {
            stop_or_fail(k, &b.jobs[i].err);
        }
    }
    if (k->err->status == MLR_OK) {
        encode_groups(&b);
    }
    for (size_t i = 0; i < b.count && k->err->status == MLR_OK; i++) {
        if (is_copy(&b.jobs[i])) {
            write_copy(k, &b.jobs[i]);
        } else {
            write_coded(&b, &b.jobs[i]);
        }
    }
    for (size_t i = 0; i < begun; i++) {
        release_group(&b.jobs[i]);
        mlr_session_end(&b.jobs[i].session);
    }
    mlr_pool_release(&k->batch_pool);
    return k->err->status;
}

static mlr_status make_records(maker *k)
{
    const mlr_plan *p = k->plan;
    uint64_t most = group_limit(k);
    for (size_t from = 0; from < p->record_count && k->err->status == MLR_OK;) {
        uint64_t bytes = 0;
        size_t to = from;
        while (to < p->record_count && to - from < MOST_JOBS) {
            uint64_t n = p->records[to].copy ? 0 : p->records[to].bytes.len;
            if (to > from && bytes + n > most) {
                break;
            }
            bytes += n;
            to++;
        }
        make_batch(k, from, to);
        from = to;
    }
    return k->err->status;
}

/* --- the whole ------------------------------------------------------------------------ */

static mlr_status write_dict(maker *k)
{
    if (k->dict.data == NULL) {
        return MLR_OK;
    }
    mlr_buf content;
    mlr_buf_init(&content, k->o->alloc);
    mlr_buf_add(&content, k->o->dict, k->o->dict_bytes);
    mlr_patch_writer_chunk(&k->writer, MLR_CHUNK_DICT, &content, NULL, k->err);
    mlr_buf_release(&content);
    return k->err->status;
}

static mlr_status finish(maker *k)
{
    if (write_glue_to(k, k->glue.size) != MLR_OK) {
        return k->err->status;
    }
    uint64_t before = k->writer.chunk_bytes, index_at = 0;
    mlr_buf content;
    mlr_buf_init(&content, k->o->alloc);
    mlr_index_finish(&k->index, k->plan, &content, k->err);
    bool pays = k->index.tensors > 0 &&
                (k->o->index == MLR_INDEX_ALWAYS ||
                 (k->o->index == MLR_INDEX_IF_SMALL && content.size <= before / 20));
    if (pays && k->err->status == MLR_OK) {
        index_at = before + 1;
        mlr_patch_writer_chunk(&k->writer, MLR_CHUNK_INDEX, &content, NULL, k->err);
        k->made->index_bytes = k->writer.chunk_bytes - before;
    }
    mlr_buf_release(&content);
    return k->err->status == MLR_OK
               ? mlr_patch_writer_end(&k->writer, index_at, &k->made->patch_bytes, k->err)
               : k->err->status;
}

static mlr_status begin(maker *k, const mlr_make_options *o, const mlr_patch_out *out)
{
    mlr_pool_init(&k->pool, o->alloc);
    mlr_pool_init(&k->batch_pool, o->alloc);
    mlr_gate_init(&k->gate, o->tick, o->plan->new_bytes);
    mlr_patch_writer_begin(&k->writer, out, &k->desc, o->alloc);
    mlr_index_begin(&k->index, o->alloc);
    k->lanes = mlr_exec_lanes(o->exec);
    k->benches = mlr_pool_take(&k->pool, k->lanes * sizeof *k->benches);
    if (k->benches == NULL) {
        return no_memory(k);
    }
    return describe_patch(k) == MLR_OK ? mlr_glue_make(&k->glue, k->plan, o->alloc, k->err)
                                       : k->err->status;
}

static void end(maker *k)
{
    for (unsigned i = 0; i < k->lanes && k->benches != NULL; i++) {
        mlr_bench_release(&k->benches[i]);
    }
    mlr_glue_release(&k->glue);
    mlr_index_release(&k->index);
    mlr_patch_writer_release(&k->writer);
    mlr_pool_release(&k->batch_pool);
    mlr_pool_release(&k->pool);
}

mlr_status mlr_patch_make(const mlr_make_options *o, const mlr_patch_out *out,
                          mlr_made *made, mlr_err *err)
{
    *made = (mlr_made){0};
    maker k = {.o = o,
               .plan = o->plan,
               .device = o->device != NULL ? o->device : mlr_device_at(0),
               .kernels = o->kernels != NULL ? o->kernels : &mlr_kernels_scalar,
               .made = made,
               .err = err};
    if (begin(&k, o, out) == MLR_OK && write_dict(&k) == MLR_OK &&
        make_records(&k) == MLR_OK && finish(&k) == MLR_OK) {
        made->header_bytes = made->patch_bytes - k.writer.chunk_bytes;
    }
    end(&k);
    return err->status;
}
