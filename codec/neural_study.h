/* How the neural encoder studies a record: what is predicted, in which form it is written.
 */
#ifndef MLR_CODEC_NEURAL_STUDY_H
#define MLR_CODEC_NEURAL_STUDY_H

#include "apply/neural_kernels.h"
#include "codec/rans_write.h"
#include "codec/strategy.h"
#include "codec/table_fit.h"

/* What study() leaves for encode(): the decoder's model and what writing takes besides. */
typedef struct mlr_neural_plan {
    mlr_neural model; /* map set; tables are below */
    bool skipping;    /* groups without a residual are left out */
    size_t stride;    /* symbols a table */
    mlr_rans_symbol *symbols;
    size_t symbol_bytes, factor_bytes; /* taken from the allocator */
    int16_t *factors;                  /* V, then U */
    uint16_t *starts;                  /* of tables, for mixing */
    size_t start_bytes;
} mlr_neural_plan;

/* Counts of one candidate over the whole record, or over a sample of its blocks. */
typedef struct mlr_sweep {
    mlr_counts counts;
    uint32_t odd[MLR_NEURAL_RAW][MLR_TOKEN_LIMIT]; /* while counting */
    uint32_t idle[MLR_NEURAL_RAW]; /* elements in groups without a residual, by context */
    uint64_t turns[2][2];          /* group flag before, group flag */
    uint64_t raw_bits, elements;
} mlr_sweep;

/* Reads every `stride`-th block and counts what `model` leaves to code; its map must be
   the one mlr_neural_shape() made.
 */
mlr_status mlr_neural_sweep(const mlr_encoding *e, const mlr_view *v,
                            const mlr_neural *model, unsigned stride, mlr_sweep *out,
                            mlr_err *err);

const mlr_neural_kernels *mlr_neural_kernels_of(const mlr_kernels *k);

/* Predicts and tokenises the elements of a block, chunk by chunk, into whole-block arrays.
 */
typedef struct mlr_block_tokens {
    const mlr_neural *model;
    const mlr_neural_kernels *kernels;
    const uint8_t *new_bytes, *old;
    uint64_t element; /* of the record */
    size_t n;
    uint8_t *expected; /* a chunk of it; 64 bytes more than MLR_NEURAL_CHUNK elements */
    int32_t *sums;     /* MLR_NEURAL_CHUNK + 16 */
    uint8_t *context, *token;
    struct mlr_rawbits_out *raw; /* or NULL */
} mlr_block_tokens;
void mlr_block_tokenise(const mlr_block_tokens *t);

/* Predicts the chunk that begins `at` elements into the block. */
mlr_chunk mlr_block_chunk(const mlr_block_tokens *t, size_t at);

#endif
