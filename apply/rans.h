/*
 * Interleaved rANS with static 12-bit tables: element i belongs to lane i % lanes, and its
 * table is known before it is decoded, so that all lanes can move at once. States are 32
 * bits and never below 2^16 between elements; they are refilled with 16-bit words.
 */
#ifndef MLR_APPLY_RANS_H
#define MLR_APPLY_RANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MLR_RANS_BITS = 12,
    MLR_RANS_SCALE = 1 << MLR_RANS_BITS,
    MLR_RANS_LANES = 32,
    MLR_RANS_TABLES = 64, /* at most; the upper bits of a context byte are the caller's */
    MLR_RANS_FLOOR = 1 << 16
};

/*
 * A table is either wide, one entry per slot: token | (slot - start) << 8 | (freq - 1) <<
 * 20; or narrow: the starts of `tokens` tokens and a final 4096.
 */
typedef struct mlr_rans_tables {
    const uint32_t *wide; /* MLR_RANS_SCALE entries a table, or NULL */
    const uint16_t *narrow;
    unsigned count, tokens;
} mlr_rans_tables;

typedef struct mlr_rans {
    const mlr_rans_tables *tables;
    const uint8_t *words;
    size_t word_count, next; /* `next` above word_count: the stream is cut */
    unsigned lanes;          /* a power of two up to MLR_RANS_LANES */
    uint32_t state[MLR_RANS_LANES];
} mlr_rans;

/*
 * Decodes n tokens; context[i] & (MLR_RANS_TABLES - 1) is the table of element i and below
 * tables->count. n is a multiple of 32 except in the last call. `token` may be `context`
 * itself. Words beyond the end read as 0: mlr_rans_ended() tells.
 */
typedef void (*mlr_rans_fn)(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n);

void mlr_rans_decode(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n);

/* Reads the lanes' first states from 4 * lanes bytes; false if one is impossible. */
bool mlr_rans_begin(mlr_rans *r, const uint8_t *states);

/* Whether the stream was used up exactly. */
bool mlr_rans_ended(const mlr_rans *r);

/*
 * What encoding one token of one table takes: the reciprocal of its frequency, and
 * start | shift << 12 | (freq - 1) << 16, or MLR_RANS_LACKING where the table lacks it.
 */
typedef struct mlr_rans_symbol {
    uint32_t inverse, rest;
} mlr_rans_symbol;

#define MLR_RANS_LACKING (1U << 31)

typedef struct mlr_rans_job {
    const mlr_rans_symbol *symbols; /* `stride` a table */
    size_t stride;
    const uint8_t *context, *token; /* n each */
    size_t n;
    unsigned lanes;
} mlr_rans_job;

/*
 * Encodes into the end of `words`, which has room for n words and 8 in front of them, and
 * returns how many were used; `state` receives the lanes' first states. Where a table lacks
 * a token the result is SIZE_MAX.
 */
typedef size_t (*mlr_rans_encode_fn)(const mlr_rans_job *j, uint16_t *words,
                                     uint32_t state[MLR_RANS_LANES]);

/* Fills the `freq` entries of a token in a wide table and returns how many these are. */
uint32_t mlr_rans_widen(uint32_t *wide, uint32_t token, uint32_t freq);

#endif
