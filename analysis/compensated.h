/* A double sum that carries its rounding error along (Neumaier), for sums of many blocks.
 */
#ifndef MLR_ANALYSIS_COMPENSATED_H
#define MLR_ANALYSIS_COMPENSATED_H

#include <math.h>

typedef struct mlr_compensated {
    double sum, lost;
} mlr_compensated;

static inline void mlr_compensated_add(mlr_compensated *c, double v)
{
    double sum = c->sum + v;
    c->lost += fabs(c->sum) >= fabs(v) ? (c->sum - sum) + v : (v - sum) + c->sum;
    c->sum = sum;
}

static inline double mlr_compensated_value(const mlr_compensated *c)
{
    return isfinite(c->sum) ? c->sum + c->lost : c->sum;
}

#endif
