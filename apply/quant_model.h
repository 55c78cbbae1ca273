/*
 * The model of a record of quantised blocks: ratios of scales where the data has none,
 * noise classes and tables; read from the record's model bytes, shared by all its blocks.
 */
#ifndef MLR_APPLY_QUANT_MODEL_H
#define MLR_APPLY_QUANT_MODEL_H

#include "apply/decoder.h"
#include "apply/number.h"
#include "apply/quant_mix.h"
#include "apply/quant_predict.h"
#include "apply/rans.h"

enum {
    /* form bits of the model */
    MLR_QUANT_MIXED = 1,  /* residuals are coded by adaptive mixing, not by tables */
    MLR_QUANT_NARROW = 2, /* tables stay small in memory */
    MLR_QUANT_FORMS = 3,
    /* only in memory: the old elements are floats, which are quantised first */
    MLR_QUANT_RETYPED = 4,
    /* kinds of payloads, in the low bits of the first byte */
    MLR_QUANT_EXACT = 0,  /* the old bytes */
    MLR_QUANT_STORED = 1, /* the new bytes */
    MLR_QUANT_TOKENS = 2, /* by tables */
    MLR_QUANT_BITS = 3    /* by mixing */
};

enum { MLR_QUANT_RAW = 128, MLR_QUANT_TOP_BIAS = 2048 };

/* What a decoder takes beside the terms: structures and padding. */
enum { MLR_QUANT_OWN_STATE = 1024, MLR_QUANT_OWN_WORK = 3200 };

typedef struct mlr_quant_model {
    const mlr_quant_shape *shape;
    const mlr_dtype *now, *was; /* elements to make, elements of the base */
    uint8_t form;
    int32_t top; /* scale size of the first noise class */
    mlr_number number[MLR_QUANT_KINDS];
    uint8_t map[MLR_QUANT_KINDS][MLR_QUANT_RAW];
    mlr_rans_tables tables[MLR_QUANT_KINDS];
    mlr_quant_channels channels;
} mlr_quant_model;

/* The fixed part of the model bytes, cheap to read. */
typedef struct mlr_quant_head {
    const mlr_quant_shape *shape;
    const mlr_dtype *now, *was;
    uint8_t form;
    int32_t top;
    uint64_t channels, inner;
    uint8_t zero, zero_now, fine;
    const uint8_t *ratios; /* borrowed from the model bytes */
    size_t ratio_bytes;
    uint8_t tables[MLR_QUANT_KINDS], tokens[MLR_QUANT_KINDS];
    const uint8_t *table[MLR_QUANT_KINDS];
    size_t table_bytes[MLR_QUANT_KINDS];
} mlr_quant_head;

/* Whether old elements of this type can be a record's base. */
bool mlr_quant_bases(const mlr_dtype *was, const mlr_dtype *now);

mlr_status mlr_quant_head_read(const mlr_record *r, mlr_quant_head *h, mlr_err *err);
mlr_status mlr_quant_state_terms(const mlr_quant_head *h, uint64_t *terms, mlr_err *err);

/* Sets all of `q` that does not come from tables and ratios. */
void mlr_quant_model_shape(mlr_quant_model *q, const mlr_quant_head *h);

/* `state` holds those terms and MLR_QUANT_OWN_STATE bytes, aligned to 64. */
mlr_status mlr_quant_prepare(void *state, const mlr_record *r, mlr_err *err);

/* Ratios are stored as their distance from 1 in steps of 2^-fine. */
enum { MLR_QUANT_FINE_MOST = MLR_QUANT_POINT, MLR_QUANT_RATIO_ROOM = 65 + 130 };

/* Memory for one chunk. */
typedef struct mlr_quant_work {
    mlr_quant_parts old, now;
    uint8_t *made; /* a chunk's old blocks, where the base's are quantised first */
    uint8_t *expected, *context, *token;
    /* for mixing, else NULL */
    uint8_t *detail;
    uint16_t *z;
    mlr_quant_mix *mix;
} mlr_quant_work;

uint64_t mlr_quant_work_terms(const mlr_quant_shape *s, unsigned form);
size_t mlr_quant_work_bytes(const mlr_quant_shape *s, unsigned form); /* of this build */
mlr_quant_work *mlr_quant_work_begin(const mlr_quant_shape *s, unsigned form, void *memory);

/* Takes apart the old blocks that `blocks` new ones belong to; `old` is in the base's type.
 */
void mlr_quant_unpack_old(const mlr_quant_model *q, mlr_quant_work *w, const uint8_t *old,
                          size_t blocks);

/* Old bytes of so many new blocks. */
size_t mlr_quant_old_bytes(const mlr_quant_model *q, size_t blocks);

/* Lanes that a stream of n numbers is spread over. */
static inline unsigned mlr_quant_lanes(size_t n)
{
    return n >= 32768 ? 32 : n >= 4096 ? 8 : n >= 1024 ? 2 : 1;
}

/* Where the new numbers of a kind stand, for adding residuals. */
uint8_t *mlr_quant_numbers_at(mlr_quant_parts *p, unsigned kind);

/* A chunk of so many blocks whose first one is block `at` of the record. */
mlr_quant_chunk mlr_quant_chunk_of(const mlr_quant_model *q, mlr_quant_work *w, uint64_t at,
                                   size_t blocks);

#endif
