/* How much of a change a product of two thin matrices would hold. */
#ifndef MLR_ANALYSIS_RANK_ENERGY_H
#define MLR_ANALYSIS_RANK_ENERGY_H

#include "analysis/measure.h"

enum { MLR_MOST_RANK = 64, MLR_LOWRANK_SAMPLE = 512 };

/*
 * energy[r]: share of the squared norm of (new - old) within its best approximation of rank
 * r, 0 to 1, never falling. An estimate twice over: of a sample of at most 512 evenly
 * spaced rows and columns (a low-rank change shows its rank there, noise looks smaller in
 * the whole than in the sample), and by randomised subspace iteration (always from below).
 */
typedef struct mlr_low_rank {
    uint32_t rows, cols; /* of the sample */
    uint32_t ranks;      /* energy[0 .. ranks] are filled in */
    bool whole;          /* the sample is the tensor */
    double energy[MLR_MOST_RANK + 1];
} mlr_low_rank;

/*
 * Takes about 5 MiB and, at full size, a third of a second of one lane. ranks is 0 where
 * the pair has no rows and columns, no values or no finite change.
 */
mlr_status mlr_measure_low_rank(mlr_low_rank *out, const mlr_pair *pair,
                                const mlr_work *work, mlr_err *err);

#endif
