/*
 * The device half of a strategy: turns the payload of one block and old bytes into new
 * bytes. A tensor (or a part of one) is a record; its blocks decode independently, in any
 * order.
 */
#ifndef MLR_APPLY_DECODER_H
#define MLR_APPLY_DECODER_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"
#include "apply/base/status.h"
#include "apply/inflate.h"
#include "apply/kernels.h"

enum { MLR_NEEDS_OLD = 1, MLR_NEEDS_INFLATE = 2 };

typedef enum mlr_strategy_id {
#define MLR_STRATEGY(id, sym, name, traits) MLR_STRATEGY_##sym = (id),
#include "apply/strategies.def"
#undef MLR_STRATEGY
    MLR_STRATEGY_LIMIT = 64 /* ids above are unknown to this version */
} mlr_strategy_id;

/*
 * What decoders know of a record: its header, the same for all blocks. Sizes are proven
 * consistent by whoever parsed it: block_new and new_bytes are whole units of `dtype` (but
 * a record's last block may end in a shorter rest), and old bytes correspond to new bytes
 * element by element.
 */
typedef struct mlr_record {
    const struct mlr_decoder *decoder;
    const mlr_dtype *dtype;     /* of the new elements */
    const mlr_dtype *old_dtype; /* of the old elements; equal to dtype unless converted */
    uint64_t new_bytes;
    uint64_t old_bytes;   /* gathered reference of the whole record; 0: there is none */
    uint64_t row;         /* elements along the last dimension, or 0 */
    uint32_t block_new;   /* new bytes of every block but the last */
    uint32_t block_old;   /* old bytes of every block but the last */
    const uint8_t *model; /* tables, factors, parameters of the strategy */
    size_t model_bytes;
    uint8_t level; /* how it was encoded; for inspection only */
    uint8_t dict;  /* 0: none; n: the patch's n-th dictionary */
} mlr_record;

typedef struct mlr_block {
    const mlr_record *record;
    const void *state; /* made by prepare(), shared by all blocks; NULL where need is 0 */
    const uint8_t *payload;
    size_t payload_bytes;
    const uint8_t *old; /* reference bytes of this block, or NULL where there are none */
    size_t old_bytes;
    uint8_t *out;
    size_t out_bytes;
    uint64_t first; /* offset of `out` in the record's new bytes */
    void *work;     /* aligned to 64: the inflater's state if any, then need.work_bytes */
    size_t work_bytes;
    const uint8_t *dict; /* the record's dictionary, or NULL */
    size_t dict_bytes;
    const mlr_inflater *inflater; /* NULL: none */
    const mlr_kernels *kernels;   /* never NULL */
} mlr_block;

/*
 * Memory for one record (state) and for each block in flight (work) in the terms of the
 * format: entries of tables, factors and what is learned, counted as docs/CODEC.md says.
 * They are the same for every build and version; patches announce their maxima.
 */
typedef struct mlr_decoder_terms {
    uint64_t state;
    uint64_t work;
} mlr_decoder_terms;

/* The memory that this build takes: the terms, and what the decoder has of its own. */
typedef struct mlr_decoder_need {
    size_t state_bytes;
    size_t work_bytes; /* without the inflater's state, which lies before it in `work` */
    mlr_decoder_terms terms;
} mlr_decoder_need;

typedef struct mlr_decoder {
    uint8_t id;
    uint8_t traits;
    const char *name;
    /*
     * What this build adds to the terms: structures, padding, scratch of fixed size. It may
     * change with every version, as no patch knows it.
     */
    uint16_t own_state, own_work;
    /*
     * Terms from a parsed header and its model bytes. NULL: none. A new strategy writes its
     * formula into docs/CODEC.md, "Memory", and into tests/second_decoder; once released, a
     * formula stays.
     */
    mlr_status (*terms)(const mlr_record *r, mlr_decoder_terms *terms, mlr_err *err);
    /* Proves the model bytes and turns them into `state` (aligned to 64). NULL: no state.
     */
    mlr_status (*prepare)(void *state, const mlr_record *r, mlr_err *err);
    /*
     * Fills b->out exactly or fails with MLR_E_FORMAT. Any payload may arrive: it reads and
     * writes nothing outside the block's memory and takes time bounded by its sizes.
     */
    mlr_status (*decode)(const mlr_block *b, mlr_err *err);
} mlr_decoder;

#define MLR_STRATEGY(id, sym, name, traits) extern const mlr_decoder mlr_decoder_##sym;
#include "apply/strategies.def"
#undef MLR_STRATEGY

/* NULL for an id this build does not know. */
const mlr_decoder *mlr_decoder_get(unsigned id);

/* Memory for a record, from its parsed header and its model bytes. */
mlr_status mlr_decoder_need_of(const mlr_record *r, mlr_decoder_need *need, mlr_err *err);

/*
 * Payloads of the zstd-based strategies begin with one byte: 0, the rest is stored as it
 * is; 1, the rest is a zstd frame; 2, the rest is one byte that is repeated. Yields the n
 * plain bytes in *plain: in place, or expanded into `to`.
 *
 * For strategies with MLR_NEEDS_INFLATE, `b->work` begins with the inflater's state,
 * rounded up to 64 bytes (nothing where there is no inflater); need.work_bytes follow it.
 */
mlr_status mlr_block_inflate(const mlr_block *b, const uint8_t *prefix, size_t prefix_bytes,
                             uint8_t *to, size_t n, const uint8_t **plain, mlr_err *err);

#endif
