/*
 * What people choose from statistics and thresholds (sparsity, range, deviation, entropy)
 * without encoding anything. Shown beside the measured recommendation, so that it is seen
 * where such rules fail; nothing follows it.
 */
#ifndef MLR_CODEC_RULE_OF_THUMB_H
#define MLR_CODEC_RULE_OF_THUMB_H

#include "analysis/measure.h"

typedef struct mlr_rule_of_thumb {
    uint8_t strategy;
    const char *rule;     /* literal: "unchanged elements" */
    bool above;           /* the figure is above the bound, else below or at it */
    double figure, bound; /* what decided */
    double unchanged;     /* share of elements, 0 to 1 */
    double range;         /* max - min of delta, relative to that of old; 0: unknown */
    double deviation;     /* of delta, relative to old's; 0: unknown */
    double entropy;       /* of delta, share of the bits of a code, 0 to 1 */
} mlr_rule_of_thumb;

/* `m` as measured in full. */
mlr_rule_of_thumb mlr_rule_of_thumb_for(const mlr_measure *m);

#endif
