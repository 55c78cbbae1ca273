#include "codec/rule_of_thumb.h"

#include "codec/strategy.h"

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static void gather(mlr_rule_of_thumb *r, const mlr_measure *m)
{
    const mlr_side *old = &m->old_side;
    r->unchanged =
        1 - ratio((double)m->changed_elements, (double)(m->elements > 0 ? m->elements : 1));
    if ((m->have & MLR_HAVE_NUMBERS) != 0) {
        r->range = ratio(m->delta.max - m->delta.min, old->max - old->min);
        r->deviation = ratio(m->delta.deviation, old->deviation);
    }
    r->entropy = 1;
    if ((m->have & MLR_HAVE_PAIR_BITS) != 0) {
        r->entropy = ratio(m->bits.of_delta, m->bits.symbol_bits);
    } else if ((m->have & MLR_HAVE_BITS) != 0) {
        r->entropy = ratio(m->bits.of_new, m->bits.symbol_bits);
    }
}

static void decide(mlr_rule_of_thumb *r, uint8_t strategy, const char *rule, double figure,
                   double bound)
{
    r->strategy = strategy;
    r->rule = rule;
    r->figure = figure;
    r->bound = bound;
    r->above = figure > bound;
}

mlr_rule_of_thumb mlr_rule_of_thumb_for(const mlr_measure *m)
{
    static const double sparse = 0.9, narrow = 0.05, wide = 0.5, dense = 0.9;
    mlr_rule_of_thumb r = {0};
    gather(&r, m);
    if ((m->have & MLR_HAVE_PAIR) == 0) {
        decide(&r, MLR_STRATEGY_zstd, "elements with a counterpart", 0, 0);
    } else if (m->changed_elements == 0 && (m->have & MLR_HAVE_PAIR_BITS) != 0) {
        decide(&r, MLR_STRATEGY_copy, "changed elements", 0, 0);
    } else if (r.unchanged > sparse) {
        decide(&r, MLR_STRATEGY_sparse, "share of unchanged elements", r.unchanged, sparse);
    } else if (r.entropy > dense) {
        decide(&r, MLR_STRATEGY_raw, "entropy of the change, share of all bits", r.entropy,
               dense);
    } else if (r.deviation > 0 && r.deviation <= narrow) {
        decide(&r, MLR_STRATEGY_sub_planes, "deviation of the change, relative to the old",
               r.deviation, narrow);
    } else if (r.range > 0 && r.range <= wide) {
        decide(&r, MLR_STRATEGY_sub, "range of the change, relative to the old", r.range,
               wide);
    } else {
        decide(&r, MLR_STRATEGY_xor_planes, "range of the change, relative to the old",
               r.range, wide);
    }
    return r;
}
