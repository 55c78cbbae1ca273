/* From counts to tables: merges contexts that are alike, quantises frequencies, writes
 * them. */
#ifndef MLR_CODEC_TABLE_FIT_H
#define MLR_CODEC_TABLE_FIT_H

#include "apply/neural.h"
#include "apply/token.h"
#include "codec/buf.h"

/* Counts of tokens by raw context, the input of everything else. */
typedef struct mlr_counts {
    uint32_t of[MLR_NEURAL_RAW][MLR_TOKEN_LIMIT];
    unsigned classes, edges, flags; /* raw contexts: flags x classes x edges */
} mlr_counts;

typedef struct mlr_tables {
    uint8_t map[MLR_NEURAL_RAW];
    unsigned count, tokens;
    uint32_t merged[MLR_RANS_TABLES][MLR_TOKEN_LIMIT]; /* counts by table */
    uint16_t freq[MLR_RANS_TABLES][MLR_TOKEN_LIMIT];
    uint64_t bits; /* code length of all counted tokens, without raw bits */
} mlr_tables;

/* Merges raw contexts until no merge pays and at most `most` tables are left; false for
   lack of memory. */
bool mlr_tables_merge(mlr_tables *t, const mlr_counts *c, unsigned most,
                      const mlr_allocator *alloc);

/*
 * What tables may take of a device's memory for state (0: anything): how many of them, at
 * most `most`, and whether so many have to stay narrow. Wide ones decode faster, narrow
 * ones cost nothing in bytes.
 */
unsigned mlr_tables_most(size_t max_state, unsigned most);
bool mlr_tables_narrow(size_t max_state, unsigned count);

/* Appends map and tables as mlr_neural_prepare() reads them and sets freq and bits. */
void mlr_tables_write(mlr_tables *t, const mlr_counts *c, mlr_buf *out);

/* About what the tokens and their tables will take, in bits * 65536, before merging. */
uint64_t mlr_counts_cost(const mlr_counts *c);

#endif
