/*
 * The host half of a strategy. An encoder sees a record through a view of both sides, may
 * study it first (tables, predictors: its model), then encodes each block on its own, so
 * that blocks can be encoded on any number of threads with the same bytes as result.
 */
#ifndef MLR_CODEC_STRATEGY_H
#define MLR_CODEC_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"
#include "apply/base/exec.h"
#include "apply/base/tick.h"
#include "apply/decoder.h"
#include "codec/buf.h"

/* Scales of a quantised tensor before and after, where the formats know them. */
typedef struct mlr_quant_side {
    const float *scale;  /* `count` of them, or NULL */
    const int64_t *zero; /* `count` of them, or NULL: all zero */
    uint64_t count;
} mlr_quant_side;

typedef struct mlr_quant_view {
    mlr_quant_side old_side, new_side;
    uint64_t inner; /* elements that follow each other under the same scale */
} mlr_quant_view;

/* Both sides of one record while it is studied and encoded. */
typedef struct mlr_view {
    const mlr_record *record;    /* all but model and decoder are set */
    const mlr_quant_view *quant; /* NULL where unknown */
    void *ctx;
    /*
     * Copies `n` new bytes at offset `first` of the record, and the old bytes that belong
     * to them, to where the pointers say; either may be NULL. `first` and `n` are whole
     * units (the record's end aside). Any thread may call it.
     */
    mlr_status (*read)(void *ctx, uint64_t first, size_t n, uint8_t *new_bytes,
                       uint8_t *old_bytes, mlr_err *err);
} mlr_view;

/* How to encode, and what with. */
typedef struct mlr_encoding {
    int level;           /* 1 to 22 */
    const uint8_t *dict; /* zstd dictionary, or NULL */
    size_t dict_bytes;
    struct mlr_zstd_pool *zstd; /* contexts to reuse (codec/zstd_pool.h), or NULL */
    size_t max_state, max_work; /* what the applier's device can afford; 0: anything */
    bool search;                /* look for predictors that take time to find (low rank) */
    bool quick;                 /* only a prediction is wanted: spend less on the model */
    bool crowded;               /* so many little records that slow strategies would tell */
    const mlr_kernels *kernels; /* never NULL */
    const mlr_allocator *alloc;
    const mlr_exec *exec; /* NULL: serial */
    const mlr_tick *tick; /* polled at least every 128 KiB of input */
} mlr_encoding;

/* One block to encode. `state` is the encoder's own, from study(). */
typedef struct mlr_enc_block {
    const mlr_record *record;
    const void *state;
    const uint8_t *new_bytes;
    const uint8_t *old; /* NULL where the record has no reference */
    size_t new_n, old_n;
    uint64_t first; /* offset of new_bytes in the record */
} mlr_enc_block;

typedef struct mlr_encoder {
    uint8_t id;          /* the decoder's */
    const char *summary; /* one sentence for people */
    /* Whether records of this shape can be encoded at all. */
    bool (*suits)(const mlr_record *r);
    /*
     * Studies the record: appends the model bytes that the decoder's prepare() will read
     * and may keep a state for encode(). NULL: no model, no state. Reads no clock: the same
     * input gives the same bytes.
     */
    mlr_status (*study)(const mlr_encoding *e, const mlr_view *v, mlr_buf *model,
                        void **state, mlr_err *err);
    void (*forget)(const mlr_encoding *e, void *state); /* NULL where study is NULL */
    /* Appends the payload of one block. Called from any thread. */
    mlr_status (*encode)(const mlr_encoding *e, const mlr_enc_block *b, mlr_buf *payload,
                         mlr_err *err);
    /* Appends "predictor low-rank 16, 14 contexts" for inspection; NULL: nothing to say.
       Reads only the record's model bytes. */
    void (*describe)(const mlr_record *r, mlr_buf *text);
} mlr_encoder;

#define MLR_STRATEGY(id, sym, name, traits) extern const mlr_encoder mlr_encoder_##sym;
#include "apply/strategies.def"
#undef MLR_STRATEGY

/* NULL for an id without an encoder. */
const mlr_encoder *mlr_encoder_get(unsigned id);

/* The id of a strategy by name, or -1. */
int mlr_strategy_named(const char *name);

/*
 * Appends a payload in the form mlr_block_inflate() reads: zstd at e->level, or stored
 * where that is smaller. `prefix` may be NULL.
 */
mlr_status mlr_block_deflate(const mlr_encoding *e, const uint8_t *plain, size_t n,
                             const uint8_t *prefix, size_t prefix_bytes, mlr_buf *payload,
                             mlr_err *err);

#endif
