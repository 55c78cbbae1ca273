/*
 * A plan of the tuner as a profile that a person can read: defaults, one rule for a kind of
 * module and type, and few exceptions by name and layer where they pay.
 */
#ifndef MLR_CODEC_TUNE_RULES_H
#define MLR_CODEC_TUNE_RULES_H

#include "codec/profile.h"
#include "codec/tune.h"

/*
 * Fills defaults and rules of `out`, and sets plan->pick and its sums to what the rules
 * choose: tensors may follow their group where that costs next to nothing and the limits
 * still hold. Everything lives in `pool`.
 */
mlr_status mlr_tune_rules(mlr_profile *out, mlr_tune_plan *plan, const mlr_tune_table *t,
                          const mlr_matching *m, mlr_goal goal,
                          const mlr_tune_limits *limits, mlr_pool *pool, mlr_err *err);

#endif
