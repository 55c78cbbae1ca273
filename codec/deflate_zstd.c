#define ZSTD_STATIC_LINKING_ONLY /* custom memory; deterministic prefixes */
#include <stdatomic.h>
#include <string.h>

#include <zstd.h>

#include "apply/block.h"
#include "codec/forward.h"
#include "codec/strategy.h"
#include "codec/zstd_pool.h"

/*
 * The levels that are really tried. Level n tries all of them up to n and keeps the
 * smallest result: a higher level never makes a payload larger.
 */
static const signed char ladder[] = {1, 3, 7, 12, 16, 19, 22};

enum { RUNGS = sizeof ladder, SLOTS = 64, FEED = 128 << 10 };

/* A context and the dictionary digests that were made with it. */
typedef struct slot {
    atomic_flag busy;
    ZSTD_CCtx *ctx;
    mlr_buf trial;
    const uint8_t *dict; /* what `digest` was made from */
    size_t dict_bytes;
    const ZSTD_CDict *digest[RUNGS];
    ZSTD_customMem memory;     /* of the digests */
    void *digest_place[RUNGS]; /* where each lies */
} slot;

struct mlr_zstd_pool {
    const mlr_allocator *alloc;
    slot slots[SLOTS];
};

/* zstd gives memory back without its size: keep it in front. */
enum { FRONT = 64 };

static void *take(void *opaque, size_t n)
{
    const mlr_allocator *a = opaque;
    uint8_t *p = n > SIZE_MAX - FRONT ? NULL : mlr_take(a, n + FRONT);
    if (p == NULL) {
        return NULL;
    }
    memcpy(p, &n, sizeof n);
    return p + FRONT;
}

static void give(void *opaque, void *at)
{
    const mlr_allocator *a = opaque;
    if (at == NULL) {
        return;
    }
    uint8_t *p = (uint8_t *)at - FRONT;
    size_t n;
    memcpy(&n, p, sizeof n);
    mlr_give(a, p, n + FRONT);
}

static ZSTD_customMem memory_of(const mlr_allocator *a)
{
    /* zstd hands `opaque` back as it is; the allocator itself is never written */
    union {
        const mlr_allocator *in;
        void *out;
    } u = {.in = a};
    return (ZSTD_customMem){.customAlloc = take, .customFree = give, .opaque = u.out};
}

static void digests_release(slot *s)
{
    for (size_t i = 0; i < RUNGS; i++) {
        if (s->digest_place[i] != NULL) {
            give(s->memory.opaque, s->digest_place[i]);
        }
        s->digest_place[i] = NULL;
        s->digest[i] = NULL;
    }
}

static void slot_release(slot *s)
{
    digests_release(s);
    ZSTD_freeCCtx(s->ctx);
    s->ctx = NULL;
    mlr_buf_release(&s->trial);
}

mlr_status mlr_zstd_pool_open(mlr_zstd_pool **out, const mlr_allocator *alloc, mlr_err *err)
{
    mlr_zstd_pool *p = mlr_take(alloc, sizeof *p);
    if (p == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for zstd contexts");
    }
    memset(p, 0, sizeof *p);
    p->alloc = alloc;
    for (size_t i = 0; i < SLOTS; i++) {
        atomic_flag_clear(&p->slots[i].busy);
        mlr_buf_init(&p->slots[i].trial, alloc);
    }
    *out = p;
    return MLR_OK;
}

void mlr_zstd_pool_close(mlr_zstd_pool *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        slot_release(&p->slots[i]);
    }
    mlr_give(p->alloc, p, sizeof *p);
}

/* A free slot of the pool, or the caller's own. */
static slot *slot_get(mlr_zstd_pool *p, slot *own, const mlr_allocator *alloc)
{
    for (size_t i = 0; p != NULL && i < SLOTS; i++) {
        if (!atomic_flag_test_and_set_explicit(&p->slots[i].busy, memory_order_acquire)) {
            return &p->slots[i];
        }
    }
    memset(own, 0, sizeof *own);
    mlr_buf_init(&own->trial, alloc);
    return own;
}

static void slot_put(slot *s, const slot *own)
{
    if (s == own) {
        slot_release(s);
        return;
    }
    atomic_flag_clear_explicit(&s->busy, memory_order_release);
}

typedef struct deflate_job {
    const mlr_encoding *e;
    const uint8_t *plain, *prefix;
    size_t n, prefix_bytes;
} deflate_job;

static int window_log(size_t n)
{
    int log = 10;
    while (log < 27 && ((size_t)1 << log) < n) {
        log++;
    }
    return log;
}

/* In memory of our own: ZSTD_createCDict_advanced() of zstd 1.5.4 reads through NULL where
   there is none. */
static void make_digest(slot *s, const deflate_job *j, size_t rung)
{
    ZSTD_compressionParameters params = ZSTD_getCParams(ladder[rung], 0, j->e->dict_bytes);
    size_t room = ZSTD_estimateCDictSize_advanced(j->e->dict_bytes, params, ZSTD_dlm_byRef);
    s->memory = memory_of(j->e->alloc);
    s->digest_place[rung] = take(s->memory.opaque, room);
    if (s->digest_place[rung] != NULL) {
        s->digest[rung] =
            ZSTD_initStaticCDict(s->digest_place[rung], room, j->e->dict, j->e->dict_bytes,
                                 ZSTD_dlm_byRef, ZSTD_dct_auto, params);
    }
}

static int set_dictionary(slot *s, const deflate_job *j, size_t rung)
{
    if (s->dict != j->e->dict || s->dict_bytes != j->e->dict_bytes) {
        digests_release(s);
        s->dict = j->e->dict;
        s->dict_bytes = j->e->dict_bytes;
    }
    if (s->digest_place[rung] == NULL) {
        make_digest(s, j, rung);
    }
    return s->digest[rung] != NULL &&
           !ZSTD_isError(ZSTD_CCtx_refCDict(s->ctx, s->digest[rung]));
}

static int set_up(slot *s, const deflate_job *j, size_t rung)
{
    if (s->ctx == NULL) {
        s->ctx = ZSTD_createCCtx_advanced(memory_of(j->e->alloc));
    }
    if (s->ctx == NULL) {
        return 0;
    }
    ZSTD_CCtx_reset(s->ctx, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_compressionLevel, ladder[rung]);
    ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_checksumFlag, 0);
    ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_dictIDFlag, 0);
    ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_windowLog, window_log(j->n + j->prefix_bytes));
    ZSTD_CCtx_setPledgedSrcSize(s->ctx, j->n);
    if (j->prefix_bytes > 0) {
        ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_deterministicRefPrefix, 1);
        ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_enableLongDistanceMatching,
                               j->n + j->prefix_bytes >= FEED ? ZSTD_ps_enable
                                                              : ZSTD_ps_disable);
        return !ZSTD_isError(ZSTD_CCtx_refPrefix_advanced(
            s->ctx, j->prefix, j->prefix_bytes, ZSTD_dct_rawContent));
    }
    return j->e->dict == NULL || set_dictionary(s, j, rung);
}

/* One frame into s->trial, in steps between which the caller may stop us. */
static mlr_status compress(slot *s, const deflate_job *j, size_t rung, mlr_err *err)
{
    s->trial.size = 0;
    uint8_t *to = mlr_buf_extend(&s->trial, ZSTD_compressBound(j->n));
    if (to == NULL || !set_up(s, j, rung)) {
        s->trial.failed = 0;
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for zstd");
    }
    ZSTD_outBuffer out = {.dst = to, .size = s->trial.size};
    size_t left = 1;
    for (size_t at = 0; left != 0;) {
        size_t step = j->n - at < FEED ? j->n - at : FEED;
        ZSTD_inBuffer in = {.src = j->plain + at, .size = step};
        at += step;
        if (!mlr_keep_going(j->e->tick, at, j->n)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "encoding");
        }
        bool ends = at == j->n;
        left = ZSTD_compressStream2(s->ctx, &out, &in, ends ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left) || (ends && left != 0) || in.pos != in.size) {
            return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for zstd");
        }
        left = ends ? 0 : 1;
    }
    s->trial.size = out.pos;
    return MLR_OK;
}

static void put(mlr_buf *payload, size_t start, uint8_t form, const uint8_t *data, size_t n)
{
    payload->size = start;
    mlr_buf_u8(payload, form);
    mlr_buf_add(payload, data, n);
}

/*
 * Which rungs to leave out, judged by lower rungs alone, so that levels stay ordered: those
 * that only search matches better where the second rung found no more than the first, and
 * all where nothing is saved at all.
 */
typedef enum outlook { WORTH_ALL, WORTH_OPTIMAL, HOPELESS } outlook;

enum { FIRST_OPTIMAL = 4 }; /* level 16 */

static outlook judge(size_t rung, size_t n, size_t best, size_t before)
{
    if (best >= n - n / 256) {
        return HOPELESS;
    }
    return rung == 1 && best == before ? WORTH_OPTIMAL : WORTH_ALL;
}

static mlr_status climb(slot *s, const deflate_job *j, mlr_buf *payload, mlr_err *err)
{
    size_t start = payload->size;
    size_t best = j->n;
    put(payload, start, MLR_FORM_STORED, j->plain, j->n);
    outlook look = WORTH_ALL;
    for (size_t rung = 0; rung < RUNGS && look != HOPELESS; rung++) {
        if (rung > 0 && ladder[rung] > j->e->level) {
            break;
        }
        if (rung < FIRST_OPTIMAL && look == WORTH_OPTIMAL) {
            continue;
        }
        mlr_status st = compress(s, j, rung, err);
        if (st != MLR_OK) {
            return st;
        }
        size_t before = best;
        if (s->trial.size < best) {
            best = s->trial.size;
            put(payload, start, MLR_FORM_ZSTD, s->trial.data, best);
        }
        look = rung < 2 ? judge(rung, j->n, best, before) : look;
    }
    return payload->failed
               ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a payload")
               : MLR_OK;
}

static bool all_equal(const uint8_t *p, size_t n)
{
    return memcmp(p, p + 1, n - 1) == 0;
}

mlr_status mlr_block_deflate(const mlr_encoding *e, const uint8_t *plain, size_t n,
                             const uint8_t *prefix, size_t prefix_bytes, mlr_buf *payload,
                             mlr_err *err)
{
    if (n == 0) {
        return MLR_OK;
    }
    if (n > 1 && all_equal(plain, n)) {
        put(payload, payload->size, MLR_FORM_REPEAT, plain, 1);
        return payload->failed
                   ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a payload")
                   : MLR_OK;
    }
    deflate_job j = {.e = e, .plain = plain, .n = n};
    if (prefix != NULL) {
        size_t skip =
            prefix_bytes >= 4 && mlr_load32(prefix) == MLR_ZSTD_DICT_MAGIC ? 1 : 0;
        j.prefix = prefix + skip;
        j.prefix_bytes = prefix_bytes - skip;
    }
    slot own;
    slot *s = slot_get(e->zstd, &own, e->alloc);
    mlr_status st = climb(s, &j, payload, err);
    slot_put(s, &own);
    return st;
}
