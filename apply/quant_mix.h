/*
 * Adaptive coding of the residuals of quantised blocks: each is a few decisions, whose
 * chances are mixed from several contexts that learn. Encoder and decoder run the same
 * code; only where a decision comes from, or goes to, differs.
 */
#ifndef MLR_APPLY_QUANT_MIX_H
#define MLR_APPLY_QUANT_MIX_H

#include "apply/bits.h"
#include "apply/mix_tables.h"
#include "apply/quant_predict.h"

enum {
    MLR_QMIX_INPUTS = 8, /* the last one is constant */
    MLR_QMIX_NODES = 16, /* decisions on one number that are mixed */
    MLR_QMIX_WIDE = 1024,
    MLR_QMIX_COLUMNS_AT = 128 + 256 + 512 + 256 + 256 + 576,
    MLR_QMIX_SLOTS = MLR_QMIX_COLUMNS_AT + MLR_QMIX_WIDE,
    MLR_QMIX_SUB_SLOTS = MLR_QMIX_COLUMNS_AT + MLR_QUANT_GROUPS,
    MLR_QMIX_NUMBER = 65 + (65 << 3),
    MLR_QMIX_LIMIT = 250, /* decisions after which a slot learns no slower */
    MLR_QMIX_BIAS = 256,
    MLR_QMIX_WEIGHT_MOST = 8 << 16,
    /* memory in the terms of the format: of a kind slots and weights of 4 bytes, 5 bytes a
       column; numbers beyond what is counted in steps; the sixteen of super-scales */
    MLR_QMIX_KIND_TERMS =
        4 * MLR_QMIX_NODES * (MLR_QMIX_SLOTS + MLR_QMIX_INPUTS) + 5 * MLR_QMIX_WIDE,
    MLR_QMIX_SUB_TERMS =
        4 * MLR_QMIX_NODES * (MLR_QMIX_SUB_SLOTS + MLR_QMIX_INPUTS) + 5 * MLR_QMIX_WIDE,
    MLR_QMIX_NUMBER_TERMS = 4 * MLR_QMIX_NUMBER
};

/* Codes `bit`, whose chance to be 1 is p16 / 65536; a decoder ignores `bit` and returns
   what it read. */
typedef struct mlr_quant_coder {
    unsigned (*code)(void *ctx, uint32_t p16, unsigned bit);
    void *ctx;
} mlr_quant_coder;

/* What came before the number at hand: in its column, in its row, just now. */
typedef struct mlr_quant_past {
    uint16_t column_seen[MLR_QMIX_WIDE], column_sum[MLR_QMIX_WIDE];
    uint8_t column[MLR_QMIX_WIDE]; /* size of the last residual */
    uint32_t row_seen, row_sum, recent;
} mlr_quant_past;

/* What is learned of one kind of numbers. */
typedef struct mlr_quant_lessons {
    int32_t weight[MLR_QMIX_NODES][MLR_QMIX_INPUTS];
    mlr_quant_past past;
    mlr_bit slot[MLR_QMIX_SLOTS][MLR_QMIX_NODES]; /* of subs MLR_QMIX_SUB_SLOTS */
} mlr_quant_lessons;

/* Only as much of it lies in memory as the shape has kinds: mlr_quant_mix_bytes(). */
typedef struct mlr_quant_mix {
    /* the number at hand */
    mlr_quant_lessons *lessons; /* of its kind */
    mlr_bit *at[MLR_QMIX_INPUTS - 1];
    int32_t input[MLR_QMIX_INPUTS];
    int32_t rate;
    unsigned rate_log;
    unsigned (*mixed)(struct mlr_quant_mix *m, unsigned node, const mlr_quant_coder *c,
                      unsigned bit);
    mlr_bit large[MLR_QMIX_NUMBER];
    mlr_quant_lessons codes;
    mlr_bit super[16][MLR_QMIX_NUMBER];
    mlr_quant_lessons subs;
} mlr_quant_mix;

/* One mixed decision on the number at hand: codes `bit`, or what the coder reads, and
   learns from it. A host may have a faster one; all do the same. */
typedef unsigned (*mlr_quant_mixed_fn)(mlr_quant_mix *m, unsigned node,
                                       const mlr_quant_coder *c, unsigned bit);
unsigned mlr_quant_mixed(mlr_quant_mix *m, unsigned node, const mlr_quant_coder *c,
                         unsigned bit);

/* The chance that weighted logits stand for. */
static inline uint32_t mlr_quant_mix_chance(int64_t sum)
{
    enum { ONE = 1 << 16, LEAST = 24, MOST = 65512 };
    sum /= ONE;
    int32_t x = sum > MLR_LOGIT_MOST    ? MLR_LOGIT_MOST
                : sum < -MLR_LOGIT_MOST ? -MLR_LOGIT_MOST
                                        : (int32_t)sum;
    uint32_t p = mlr_squash(x);
    return p < LEAST ? LEAST : p > MOST ? MOST : p;
}

uint64_t mlr_quant_mix_terms(const mlr_quant_shape *s);
size_t mlr_quant_mix_bytes(const mlr_quant_shape *s); /* of this build */
void mlr_quant_mix_reset(mlr_quant_mix *m, const mlr_quant_shape *s);

/*
 * Codes the residuals of one kind in a chunk: z is 0, 1, 2, ... for 0, -1, 1, ... The chunk
 * is predicted, with raw contexts and details; `row` is the elements of a row, or 0.
 */
typedef struct mlr_quant_mixing {
    mlr_quant_mix *model;
    const mlr_quant_chunk *chunk;
    unsigned kind;
    uint64_t row;
    const mlr_quant_coder *coder;
    mlr_quant_mixed_fn mixed; /* NULL: the reference */
    uint16_t *z; /* of each number: given to the encoder, made by the decoder */
} mlr_quant_mixing;

void mlr_quant_mix_code(const mlr_quant_mixing *j);

#endif
