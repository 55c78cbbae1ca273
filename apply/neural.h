/*
 * The model of a neural record: how elements are predicted, how contexts are chosen, and
 * the tables; read from the record's model bytes and shared by all its blocks.
 */
#ifndef MLR_APPLY_NEURAL_H
#define MLR_APPLY_NEURAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/bits.h"
#include "apply/decoder.h"
#include "apply/number.h"
#include "apply/rans.h"

enum {
    MLR_NEURAL_CLASSES = 16, /* of the predicted value's scale, from the top down */
    MLR_NEURAL_EDGES = 8,    /* of the distance to the rounding edge */
    MLR_NEURAL_RAW = MLR_NEURAL_CLASSES * MLR_NEURAL_EDGES,
    MLR_NEURAL_CHUNK = 512, /* elements decoded at a time */
    MLR_NEURAL_GROUP = 32,  /* elements that a skip map leaves out together */
    MLR_NEURAL_RANK = 64,
    MLR_NEURAL_OWN_STATE = 640, /* a model without tables and factors, and padding */
    MLR_NEURAL_FLIP = 0x80, /* in a context byte: the residual's sign is turned around */
    /* form bits of the model */
    MLR_NEURAL_MIX = 1,     /* mixing codes residuals; tables are where it begins */
    MLR_NEURAL_NARROW = 2,  /* tables stay small in memory */
    MLR_NEURAL_LOWRANK = 4, /* predictions add U * V */
    MLR_NEURAL_SPARSE = 8,  /* blocks are lists of changes */
    MLR_NEURAL_SCALED = 16, /* predictions are multiples of the base */
    MLR_NEURAL_FORMS = 31,
    /* kinds of blocks, in the low bits of a payload's first byte */
    MLR_NEURAL_EXACT = 0,   /* every prediction is right */
    MLR_NEURAL_STORED = 1,  /* the new bytes */
    MLR_NEURAL_TOKENS = 2,  /* by tables; 8: with a skip map; lanes in the upper half */
    MLR_NEURAL_CHANGES = 3, /* a list of changes */
    MLR_NEURAL_MIXED = 4    /* by mixing */
};

typedef struct mlr_neural {
    mlr_number now, was; /* elements to make, elements of the base */
    uint8_t form;
    uint8_t classes, edges;
    bool convert; /* now and was differ */
    uint16_t top; /* scale of class 0 */
    uint64_t lag; /* elements back to the neighbour whose change is context; 0: none */
    uint8_t map[MLR_NEURAL_RAW];   /* raw context to table */
    uint8_t prior[MLR_NEURAL_RAW]; /* the same where mixing keeps raw contexts apart */
    mlr_rans_tables tables;
    /* low rank: the sum of products, shifted, is added in units of 2^unit (see predict.c)
     */
    unsigned rank, rank_pairs;
    int32_t scale; /* what is added to the base, in parts of 2^32 of it; 0: nothing */
    int shift;
    int k_base, k_most; /* old mantissas are shifted left by exponent - k_base <= k_most */
    int s_least;        /* the shift to the new mantissa where its exponent field is 1 */
    int64_t sum_limit;
    uint64_t row, rows;
    const int16_t *u; /* rows x 2 * rank_pairs */
    const int16_t *v; /* rank_pairs x row x 2 */
} mlr_neural;

/* The fixed part of the model bytes, cheap to read. */
typedef struct mlr_neural_head {
    uint8_t form, classes, edges, tables, tokens, rank;
    int shift;
    int32_t scale;
    uint64_t top, lag, rows;
    size_t factors_at, factor_bytes; /* inside the model bytes */
    size_t tables_at;
} mlr_neural_head;

mlr_status mlr_neural_head_read(const mlr_record *r, mlr_neural_head *h, mlr_err *err);
mlr_status mlr_neural_state_terms(const mlr_record *r, uint64_t *terms, mlr_err *err);

/* `state` holds those terms and MLR_NEURAL_OWN_STATE bytes, aligned to 64. */
mlr_status mlr_neural_prepare(void *state, const mlr_record *r, mlr_err *err);

/*
 * Reads a map of classes x edges contexts, and tables, from where codec/table_fit.h put
 * them, into n->map and n->tables; `to` has room for mlr_neural_table_bytes(). Other
 * strategies with tables fill in what is read of the head: form, classes, edges, lag,
 * tables, tokens.
 */
bool mlr_neural_tables(mlr_neural *n, const mlr_neural_head *h, mlr_bits *d, void *to);
uint64_t mlr_neural_table_terms(const mlr_neural_head *h);
size_t mlr_neural_table_bytes(const mlr_neural_head *h); /* the same, padded to 64 */

/* Sets all of `m` that does not come from tables and factors. */
void mlr_neural_shape(mlr_neural *m, const mlr_record *r, const mlr_neural_head *h);

/*
 * Tables as stored: q of each token; 0 absent, 1 the least frequency, above that
 * 2^((q - 2) / 2^fine).
 */
enum { MLR_TABLE_FINE = 4, MLR_TABLE_Q = 2 + (14 << MLR_TABLE_FINE) };
typedef struct mlr_table_norm {
    const uint8_t *q; /* borrowed */
    unsigned tokens, fine;
    unsigned most;   /* the first token with the largest q takes `left` besides */
    uint64_t divide; /* sum of weights */
    uint32_t left;
    uint32_t room; /* what weights share */
} mlr_table_norm;

/* False where no frequencies follow from q. */
bool mlr_table_norm_of(mlr_table_norm *n, const uint8_t *q, unsigned tokens, unsigned fine);

/* Frequencies of all tokens sum to exactly 4096. */
uint32_t mlr_table_frequency(const mlr_table_norm *n, unsigned token);

/* What q stands for before normalisation. */
uint32_t mlr_table_weight(unsigned q, unsigned fine);

/* Contexts of the table coding, the same for writer and reader. */
enum { MLR_TABLE_NUMBER = 9 }; /* sizes and token numbers have fewer bits */
typedef struct mlr_table_model {
    mlr_bit map_same[3], map_new[2], absent[3][3], zero[4], sign[4];
    mlr_bit size[4][MLR_BITS_ROOM(1, MLR_TABLE_NUMBER)];
    mlr_bit last[MLR_BITS_ROOM(1, MLR_TABLE_NUMBER)];
} mlr_table_model;
void mlr_table_model_reset(mlr_table_model *t);

/* What is known where a q is written: those of the same token, and of the one and the two
   tokens before it, in the table before (`up`) and in this one. 0 where there is none. */
typedef struct mlr_table_near {
    uint8_t up, up1, up2, left1, left2;
} mlr_table_near;
unsigned mlr_table_guess(const mlr_table_near *n);

#endif
