/*
 * Tables of counts that one pass over a pair fills: one set of 32-bit counters for each
 * lane, added up into 64-bit totals, from which entropies, distances and the facts of
 * narrow types follow exactly.
 */
#ifndef MLR_ANALYSIS_MEASURE_TABLES_H
#define MLR_ANALYSIS_MEASURE_TABLES_H

#include "analysis/measure.h"
#include "analysis/numeric.h"

/* Places of the tables in one array. A top table counts the upper 16 bits of a code, or the
   whole of a narrower one; the lower bytes of wide codes have tables of their own. */
enum {
    MLR_T_OLD = 0,
    MLR_T_NEW = MLR_T_OLD + 65536,
    MLR_T_XOR = MLR_T_NEW + 65536,
    /* Codes of up to 16 bits: the difference of ordered codes + 2^bits - 1, so that sign
       and distance are both there. Wider: the upper 16 bits of the difference. */
    MLR_T_DELTA = MLR_T_XOR + 65536,
    MLR_T_NEW_LOW = MLR_T_DELTA + 131072,
    MLR_T_XOR_LOW = MLR_T_NEW_LOW + 6 * 256,
    MLR_T_DELTA_LOW = MLR_T_XOR_LOW + 6 * 256,
    MLR_T_DISTANCE = MLR_T_DELTA_LOW + 6 * 256, /* wide codes */
    /* sign and exponent of values as doubles */
    MLR_T_OLD_VALUE = MLR_T_DISTANCE + MLR_DISTANCE_BINS,
    MLR_T_NEW_VALUE = MLR_T_OLD_VALUE + 4096,
    MLR_T_DELTA_VALUE = MLR_T_NEW_VALUE + 4096,
    /* the same once more, for every other value: a counter that is raised twice in a row
       waits for itself */
    MLR_T_VALUE_TWINS = MLR_T_DELTA_VALUE + 4096,
    MLR_T_COUNT = MLR_T_VALUE_TWINS + 3 * 4096,
    /* totals have room for byte planes of three streams behind the counters */
    MLR_T_TOTALS = MLR_T_COUNT + 3 * MLR_PLANES * 256
};

/* How the codes of a type are counted. */
typedef struct mlr_code_kind {
    unsigned width; /* bytes */
    unsigned bits;
    uint64_t negative; /* flips the codes below zero into order */
    uint64_t top;
} mlr_code_kind;

mlr_code_kind mlr_code_kind_of(const mlr_dtype *t);

static inline uint64_t mlr_order_code(const mlr_code_kind *k, uint64_t code)
{
    return code ^ (((0 - (code >> (k->bits - 1))) & k->negative) | k->top);
}

/* Codes of a pair, which need no alignment. */
typedef struct mlr_codes {
    const uint8_t *o, *n;
    size_t count;
    const uint8_t *skip;   /* marks pairs without a distance (NaN), or is NULL */
    const uint16_t *moved; /* the places that differ, or NULL where they are not known */
    size_t moved_count;
} mlr_codes;

/* Counts them. Raises *largest to the largest distance of wide codes. Where few differ, the
   many zeros are added at once: counting them one by one would wait on the same counter. */
void mlr_count_pair(uint32_t *t, const mlr_code_kind *k, const mlr_codes *c,
                    uint64_t *largest);

/* Counts codes of one side: those of new. */
void mlr_count_new(uint32_t *t, const mlr_code_kind *k, const uint8_t *n, size_t count);

/* Counts sign and exponent at one of the _VALUE places. */
void mlr_count_values(uint32_t *t, const double *v, size_t count);

/* Adds a lane's counters to the totals and clears them. */
void mlr_tables_flush(uint64_t *total, uint32_t *t);

/* Side facts of a type of at most 16 bits from its top table. `values` may be NULL. */
void mlr_side_of_table(mlr_side *out, mlr_log_histogram *values, const uint64_t *top,
                       const mlr_dtype *t);

/* Values of wide types: from a _VALUE table. */
void mlr_values_of_table(mlr_log_histogram *out, const uint64_t *t);

/* Mean, deviation and norms from the sums of v, |v|, v^2 over `finite` values. */
void mlr_side_finish(mlr_side *out, uint64_t finite, const double sums[3]);

/* Entropies of new, and of delta and xor where `pair`; byte planes where `detail`. `t` has
   MLR_T_TOTALS entries; its xor table is used up. */
void mlr_bits_of_tables(mlr_entropies *out, mlr_detail *detail, uint64_t *t,
                        const mlr_dtype *dtype, bool pair);

void mlr_ulps_of_tables(mlr_ulps *out, const uint64_t *t, const mlr_code_kind *k,
                        uint64_t largest);

#endif
