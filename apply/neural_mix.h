/*
 * Residuals by adaptive mixing: each is taken apart into yes-or-no decisions, and the
 * chance of each is mixed from what several contexts have seen so far in the block. Encoder
 * and decoder run the same code; only the coder behind `decide` differs.
 */
#ifndef MLR_APPLY_NEURAL_MIX_H
#define MLR_APPLY_NEURAL_MIX_H

#include "apply/predict.h"

enum {
    MLR_NMIX_INPUTS = 4,
    MLR_NMIX_CONTEXTS = 256, /* of each input */
    MLR_NMIX_NODES = 128,    /* decisions a residual may take, numbered */
    MLR_NMIX_COLUMNS = 4096, /* whose activity is remembered; longer rows share */
    /* memory in the terms of the format: slots and weights of 4 bytes, columns and contexts
       of 2, and 10 KiB to look logits and rates up in */
    MLR_NMIX_TERMS = 4 * MLR_NMIX_INPUTS * MLR_NMIX_NODES * (MLR_NMIX_CONTEXTS + 1) +
                     2 * (MLR_NMIX_COLUMNS + MLR_NEURAL_RAW) + 10240
};

/* Codes one decision whose chance of a one is p16 / 65536, and returns it: the decoder what
   it reads, the encoder `bit`. */
typedef unsigned (*mlr_nmix_decide)(void *coder, uint32_t p16, unsigned bit);

typedef struct mlr_nmix {
    mlr_nmix_decide decide;
    void *coder;
    const mlr_neural *model;
    uint32_t slot[MLR_NMIX_INPUTS][MLR_NMIX_CONTEXTS * MLR_NMIX_NODES]; /* as mlr_bit */
    int32_t weight[MLR_NMIX_NODES][MLR_NMIX_INPUTS];
    uint16_t rate[1024];
    int16_t logit[4096];              /* of a slot's upper 12 bits */
    int16_t column[MLR_NMIX_COLUMNS]; /* how much more than usual it changes, in 1/256 */
    int16_t usual[MLR_NEURAL_RAW];    /* bit length of residuals by raw context, in 1/256 */
    int32_t row;                      /* as column, of the last elements */
    uint32_t near[2];                 /* bit lengths of the two residuals before */
    uint32_t context[MLR_NMIX_INPUTS];
} mlr_nmix;

/* Begins a block; all but decide, coder and model is set here. */
void mlr_nmix_begin(mlr_nmix *m);

/* What is known of an element before its residual. */
typedef struct mlr_nmix_element {
    uint64_t old;    /* its bits in the base */
    uint64_t column; /* in its row */
    unsigned raw;    /* context from prediction: class and edge */
} mlr_nmix_element;

/* Codes the zigzag residual and returns it. */
uint64_t mlr_nmix_code(mlr_nmix *m, const mlr_nmix_element *e, uint64_t z);

/* Codes the residuals of a predicted chunk: the encoder reads the new elements, the decoder
   makes them. */
void mlr_nmix_encode_chunk(mlr_nmix *m, const mlr_chunk *c, const uint8_t *new_bytes);
void mlr_nmix_decode_chunk(mlr_nmix *m, const mlr_chunk *c, uint8_t *out);

#endif
