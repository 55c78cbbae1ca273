/* Memory that decoding one block of a neural record takes, and the coder of change lists.
 */
#ifndef MLR_APPLY_NEURAL_BLOCK_H
#define MLR_APPLY_NEURAL_BLOCK_H

#include "apply/bits.h"
#include "apply/neural.h"
#include "apply/neural_mix.h"

/* Probabilities of a change list: gaps and values, by class. */
enum { MLR_CHANGE_ROOM = 65 + 260 };
typedef struct mlr_changes {
    mlr_bit gap[MLR_NEURAL_CLASSES][MLR_CHANGE_ROOM];
    mlr_bit value[MLR_NEURAL_CLASSES][MLR_CHANGE_ROOM];
} mlr_changes;

/* Which groups of a block carry tokens, as runs of equal flags. */
enum { MLR_SKIP_NUMBER = 29, MLR_SKIP_ROOM = MLR_BITS_ROOM(2, MLR_SKIP_NUMBER) };
typedef struct mlr_skips {
    mlr_bits bits;
    mlr_bit model[2][MLR_SKIP_ROOM];
    uint64_t left; /* groups until the flag turns */
    unsigned flag;
} mlr_skips;

typedef struct mlr_neural_work {
    uint8_t *expected, *context, *token; /* of a chunk */
    int32_t *sums;                       /* NULL without factors */
    mlr_skips *skips;                    /* NULL where there are no tables */
    mlr_changes *changes;                /* NULL but in sparse records */
    mlr_nmix *mix;                       /* NULL but in mixed records */
} mlr_neural_work;

/* What a block takes: its terms, and MLR_NEURAL_OWN_WORK bytes. */
enum {
    MLR_NEURAL_OWN_WORK = 448,
    MLR_LIST_TERMS = 48 << 10 /* no less than the terms of a block of change lists */
};
uint64_t mlr_neural_work_terms(const mlr_record *r, const mlr_neural_head *h);
void mlr_neural_scratch(mlr_neural_work *w, const mlr_neural *n, void *memory);

/* The decoder functions that both neural strategies share. */
mlr_status mlr_neural_terms(const mlr_record *r, mlr_decoder_terms *terms, mlr_err *err);
mlr_status mlr_neural_block_decode(const mlr_block *b, mlr_err *err);
mlr_status mlr_neural_max_block_decode(const mlr_block *b, mlr_err *err); /* with mixing */

static inline void mlr_changes_reset(mlr_changes *m)
{
    mlr_bit_reset(m->gap[0], sizeof *m / sizeof(mlr_bit));
}

/* Unchanged elements of the class before its next change. */
static inline uint32_t mlr_changes_gap(mlr_bits *d, mlr_changes *m, unsigned class)
{
    uint64_t gap = mlr_bits_number(d, m->gap[class], 2);
    return gap > UINT32_MAX ? UINT32_MAX : (uint32_t)gap;
}

#endif
