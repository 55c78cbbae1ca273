/* How the encoder of quantised tensors studies a record, and its blocks as tokens. */
#ifndef MLR_CODEC_QUANT_STUDY_H
#define MLR_CODEC_QUANT_STUDY_H

#include "apply/neural_kernels.h"
#include "apply/quant_model.h"
#include "codec/strategy.h"
#include "codec/table_fit.h"
#include "codec/tokens.h"

/* What study() leaves for encode(). */
typedef struct mlr_quant_plan {
    mlr_quant_model model;
    mlr_rans_symbol *symbols[MLR_QUANT_KINDS]; /* with a table each */
    size_t stride[MLR_QUANT_KINDS], symbol_bytes[MLR_QUANT_KINDS];
    int32_t *ratio; /* of channels; the model's, taken from the allocator */
    size_t ratio_bytes;
} mlr_quant_plan;

/* Counts of tokens by kind and raw context. */
typedef struct mlr_quant_sweep {
    mlr_counts counts[MLR_QUANT_KINDS];
    uint64_t raw_bits;
} mlr_quant_sweep;

/* A run of blocks as tokens, each kind on its own. */
typedef struct mlr_quant_tokens {
    const mlr_quant_model *model;
    mlr_quant_work *work;
    const uint8_t *new_bytes, *old;
    uint64_t first; /* block of the record */
    size_t blocks;
    uint8_t *context[MLR_QUANT_KINDS], *token[MLR_QUANT_KINDS];
    mlr_rawbits_out *raw; /* or NULL */
    mlr_requant_fn requant;
} mlr_quant_tokens;

mlr_requant_fn mlr_quant_requant_of(const mlr_kernels *k);
void mlr_quant_tokenise(const mlr_quant_tokens *t);

/* Sets the scale of the first noise class from a sample of the record. */
mlr_status mlr_quant_find_top(const mlr_encoding *e, const mlr_view *v, mlr_quant_model *q,
                              mlr_err *err);

/* Sets the model's channels from what the formats know of scales, appends them to the model
   bytes. */
mlr_status mlr_quant_write_channels(const mlr_encoding *e, const mlr_view *v,
                                    mlr_quant_plan *p, mlr_buf *out, mlr_err *err);

/* The block's payload by mixing. */
mlr_status mlr_quant_mix_block(const mlr_encoding *e, const mlr_quant_plan *p,
                               const mlr_enc_block *b, mlr_buf *out, mlr_err *err);

/* Counts the tokens of every `stride`-th slab of the record. */
mlr_status mlr_quant_count(const mlr_encoding *e, const mlr_view *v,
                           const mlr_quant_model *q, unsigned stride, mlr_quant_sweep *out,
                           mlr_err *err);

#endif
