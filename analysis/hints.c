#include "analysis/hints.h"

#include <math.h>

#include "analysis/meta_diff.h"
#include "analysis/numeric.h"

/* Independent weights correlate by less than 1/sqrt(n); models retrained from other seeds
   were seen up to 0.15. */
static const double UNRELATED = 0.2;
/* Four bits a weight keep 0.99 of a normal distribution's variance. */
static const double REQUANTISED = 0.98;
static const double RESCALED = 0.9;
static const double SCALED = 0.75;
static const double LOW_RANK = 0.9;
static const uint64_t FEW = 256; /* elements below which figures say little */

const char *mlr_hint_name(mlr_hint_kind kind)
{
    static const char *const names[] = {
#define NAME(id, name, figure) name,
        MLR_HINT_TABLE(NAME)
#undef NAME
    };
    return (unsigned)kind < MLR_HINT_COUNT ? names[kind] : "unknown";
}

const char *mlr_hint_figure(mlr_hint_kind kind)
{
    static const char *const figures[] = {
#define FIGURE(id, name, figure) figure,
        MLR_HINT_TABLE(FIGURE)
#undef FIGURE
    };
    return (unsigned)kind < MLR_HINT_COUNT ? figures[kind] : "unknown";
}

typedef struct list {
    mlr_hint *out;
    unsigned count;
} list;

static mlr_hint *add(list *l, mlr_hint_kind kind, double figure, double bound)
{
    mlr_hint *h = &l->out[l->count++];
    *h = (mlr_hint){.kind = kind, .figure = figure, .bound = bound};
    return h;
}

/* Whether one rank more holds far more than its share of what is left: then the product is
   not complete yet. */
static bool more_to_come(const mlr_low_rank *r, uint32_t rank, uint32_t full)
{
    double gain = r->energy[rank + 1] - r->energy[rank];
    double share = (1 - r->energy[rank + 1]) / (double)(full - rank - 1);
    return gain > 8 * share && gain > 1e-4;
}

/* A rank well below full that holds most of the change. */
static void low_rank(list *l, const mlr_low_rank *r)
{
    uint32_t full = r->rows < r->cols ? r->rows : r->cols;
    uint32_t most = full / 8 < r->ranks ? full / 8 : r->ranks;
    uint32_t rank = 1;
    while (rank <= most && r->energy[rank] < LOW_RANK) {
        rank++;
    }
    if (rank > most) {
        return;
    }
    while (rank < most && more_to_come(r, rank, full)) {
        rank++;
    }
    add(l, MLR_HINT_LOW_RANK, r->energy[rank], LOW_RANK)->rank = rank;
}

static void scaled(list *l, const mlr_delta *d)
{
    if (!(d->l2 > 0) || d->scale == 1) {
        return;
    }
    /* |d|^2 splits into the part along old, (a - 1)^2 |o|^2, and the rest */
    double along = d->l2_relative > 0 ? (d->scale - 1) / d->l2_relative : 0;
    double share = along * along;
    share = share > 1 ? 1 : share;
    if (share >= SCALED) {
        add(l, MLR_HINT_SCALED, share, SCALED)->factor = d->scale;
    }
}

static void types(list *l, const mlr_pair *pair, const mlr_measure *m)
{
    bool to_block = pair->new_tensor->dtype->cls == MLR_CLASS_BLOCK;
    bool from_block = pair->old_tensor->dtype->cls == MLR_CLASS_BLOCK;
    bool retyped = pair->new_tensor->dtype != pair->old_tensor->dtype;
    if ((m->have & MLR_HAVE_CAST) != 0 && m->elements > 0 && m->cast_exact == m->elements) {
        add(l, MLR_HINT_CAST, 1, 1);
    }
    if (retyped && (to_block || from_block) && m->delta.correlation >= REQUANTISED) {
        add(l, MLR_HINT_REQUANTISED, m->delta.correlation, REQUANTISED);
    }
    uint64_t changed = m->blocks.blocks - m->blocks.same;
    uint64_t scales = m->blocks.scales_only + m->blocks.both;
    if ((m->have & MLR_HAVE_BLOCKS) != 0 && changed > 0 &&
        (double)scales >= RESCALED * (double)changed) {
        add(l, MLR_HINT_RESCALED, (double)scales / (double)changed, RESCALED)->of = changed;
    }
}

static void grown(list *l, const mlr_tensor *a, const mlr_tensor *b)
{
    bool rows = a->rank == b->rank && a->rank >= 1 && b->dim[0] > a->dim[0];
    for (unsigned i = 1; rows && i < a->rank; i++) {
        rows = a->dim[i] == b->dim[i];
    }
    if (rows) {
        add(l, MLR_HINT_GROWN, (double)(b->dim[0] - a->dim[0]), 1)->of = b->dim[0];
    }
}

unsigned mlr_hints_of_pair(mlr_hint out[MLR_HINT_COUNT], const mlr_pair *pair,
                           const mlr_measure *m, const mlr_low_rank *rank)
{
    list l = {.out = out};
    if ((m->have & MLR_HAVE_PAIR) == 0) {
        return 0;
    }
    grown(&l, pair->old_tensor, pair->new_tensor);
    if ((m->have & MLR_HAVE_NUMBERS) == 0) {
        return l.count;
    }
    types(&l, pair, m);
    if (m->delta.elements < FEW || m->changed_elements == 0) {
        return l.count;
    }
    scaled(&l, &m->delta);
    if (rank != NULL) {
        low_rank(&l, rank);
    }
    bool both_vary = m->delta.cosine != 0 && m->delta.correlation != 0;
    if (both_vary && m->delta.correlation < UNRELATED) {
        add(&l, MLR_HINT_UNRELATED, m->delta.correlation, UNRELATED);
    }
    return l.count;
}

static bool layer_frozen(const mlr_tally *t)
{
    uint64_t others = 0;
    for (unsigned i = 0; i < MLR_CHANGE_COUNT; i++) {
        others += i == MLR_CHANGE_SAME ? 0 : t->tensors[i];
    }
    return others == 0;
}

/* Correlation over matrices, weighted by their elements: vectors of norms and biases look
   alike in any two models. */
static double whole_correlation(const mlr_diff *d, uint64_t *elements)
{
    double sum = 0;
    *elements = 0;
    for (size_t i = 0; i < d->matching.new_count; i++) {
        const mlr_measure *m = d->measures[i];
        mlr_pair pair = mlr_diff_pair(d, i);
        if (pair.old_tensor == NULL || pair.new_tensor->rank < 2) {
            continue;
        }
        if (d->matching.pairs[i].change == MLR_CHANGE_SAME) {
            sum += (double)pair.new_tensor->elements;
            *elements += pair.new_tensor->elements;
        } else if (m != NULL && (m->have & MLR_HAVE_NUMBERS) != 0 &&
                   m->delta.elements >= FEW) {
            sum += m->delta.correlation * (double)m->elements;
            *elements += m->elements;
        }
    }
    return *elements == 0 ? 1 : sum / (double)*elements;
}

unsigned mlr_hints_of_models(mlr_hint out[MLR_HINT_COUNT], const mlr_diff *d,
                             const mlr_summary *s,
                             const struct mlr_vocabulary_diff *vocabulary)
{
    list l = {.out = out};
    uint64_t frozen = 0, elements = 0;
    for (size_t i = 0; i < s->layer_count; i++) {
        frozen += layer_frozen(&s->layers[i].tally);
    }
    if (frozen > 0 && frozen < s->layer_count) {
        add(&l, MLR_HINT_FROZEN_LAYERS, (double)frozen, 1)->of = s->layer_count;
    }
    if (vocabulary != NULL && vocabulary->known && vocabulary->added > 0) {
        add(&l, MLR_HINT_GROWN_VOCABULARY, (double)vocabulary->added, 1)->of =
            vocabulary->new_count;
    }
    double correlation = whole_correlation(d, &elements);
    if (elements >= FEW && correlation < UNRELATED) {
        add(&l, MLR_HINT_UNRELATED, correlation, UNRELATED);
    }
    return l.count;
}
