/* What both stages of matching share: describing a pair and closing the table. */
#ifndef MLR_ANALYSIS_MATCH_STATE_H
#define MLR_ANALYSIS_MATCH_STATE_H

#include "analysis/match.h"

/* Sets change, axis and the flags that follow from the two tensors alone. */
void mlr_match_describe(const mlr_matching *m, mlr_pairing *p);

/* Lists the removed tensors anew and marks the fewest pairs whose moving explains the new
   order. */
mlr_status mlr_match_settle(mlr_matching *m, mlr_pool *scratch, mlr_err *err);

#endif
