#include "analysis/match_state.h"

#include "apply/base/mem.h"

/* Whether exactly one dimension differs; then *axis says which. */
static bool one_axis_differs(const mlr_tensor *a, const mlr_tensor *b, uint8_t *axis)
{
    unsigned differing = 0;
    if (a->rank != b->rank) {
        return false;
    }
    for (unsigned i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) {
            *axis = (uint8_t)i;
            differing++;
        }
    }
    return differing == 1;
}

static bool same_shape(const mlr_tensor *a, const mlr_tensor *b)
{
    return a->rank == b->rank &&
           (a->rank == 0 || memcmp(a->dim, b->dim, a->rank * sizeof *a->dim) == 0);
}

static unsigned shape_flags(mlr_pairing *p, const mlr_tensor *a, const mlr_tensor *b)
{
    unsigned flags = 0;
    uint8_t axis = MLR_NO_AXIS;
    if (a->dtype != b->dtype || a->big_endian != b->big_endian) {
        flags |= MLR_PAIR_RETYPED;
    }
    if (!same_shape(a, b)) {
        bool resized = one_axis_differs(a, b, &axis);
        flags |= resized ? MLR_PAIR_RESIZED : MLR_PAIR_RESHAPED;
        p->axis = resized ? axis : MLR_NO_AXIS;
    }
    return flags;
}

static bool same_text(mlr_str a, mlr_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

void mlr_match_describe(const mlr_matching *m, mlr_pairing *p)
{
    const mlr_tensor *b = &m->new_model->tensors[p->new_tensor];
    unsigned flags = b->tied_to != MLR_NO_TENSOR ? MLR_PAIR_TIED : 0;
    p->change = MLR_CHANGE_ADDED;
    if (p->old_tensor != MLR_NO_TENSOR) {
        const mlr_tensor *a = &m->old_model->tensors[p->old_tensor];
        flags |= shape_flags(p, a, b);
        flags |= same_text(a->key, b->key) ? 0 : MLR_PAIR_RENAMED;
        flags |= a->member == b->member ? 0 : MLR_PAIR_RESHARDED;
        bool retied = (a->tied_to == MLR_NO_TENSOR) != (b->tied_to == MLR_NO_TENSOR);
        flags |= retied ? MLR_PAIR_RETIED : 0;
        p->change = mlr_tensor_same_layout(a, b) ? MLR_CHANGE_PAIRED : MLR_CHANGE_CHANGED;
    }
    p->flags = (uint16_t)flags;
}

/*
 * Patience sorting: the pairs outside one longest increasing run of old places are the
 * fewest whose moving turns the old order into the new one. tail[k] is the pair that ends
 * the best run of length k + 1; before[i] the pair that precedes pair i in its run.
 */
static size_t longest_run(const mlr_matching *m, uint32_t *tail, uint32_t *before)
{
    size_t length = 0;
    for (size_t i = 0; i < m->new_count; i++) {
        uint32_t place = m->pairs[i].old_tensor;
        if (place == MLR_NO_TENSOR) {
            continue;
        }
        size_t low = 0, high = length;
        while (low < high) {
            size_t mid = low + (high - low) / 2;
            if (m->pairs[tail[mid]].old_tensor < place) {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        before[i] = low == 0 ? MLR_NO_TENSOR : tail[low - 1];
        tail[low] = (uint32_t)i;
        length = low == length ? length + 1 : length;
    }
    return length;
}

static bool mark_moved(mlr_matching *m, mlr_pool *scratch)
{
    uint32_t *tail = mlr_pool_take(scratch, m->new_count * sizeof *tail);
    uint32_t *before = mlr_pool_take(scratch, m->new_count * sizeof *before);
    if (tail == NULL || before == NULL) {
        return false;
    }
    size_t length = longest_run(m, tail, before);
    for (size_t i = 0; i < m->new_count; i++) {
        unsigned moved = m->pairs[i].old_tensor != MLR_NO_TENSOR ? MLR_PAIR_MOVED : 0;
        unsigned others = m->pairs[i].flags & ~(unsigned)MLR_PAIR_MOVED;
        m->pairs[i].flags = (uint16_t)(others | moved);
    }
    for (uint32_t at = length == 0 ? MLR_NO_TENSOR : tail[length - 1]; at != MLR_NO_TENSOR;
         at = before[at]) {
        m->pairs[at].flags = (uint16_t)(m->pairs[at].flags & ~MLR_PAIR_MOVED);
    }
    return true;
}

mlr_status mlr_match_settle(mlr_matching *m, mlr_pool *scratch, mlr_err *err)
{
    size_t olds = m->old_model->tensor_count;
    uint8_t *used = mlr_pool_take(scratch, olds);
    if (used == NULL || !mark_moved(m, scratch)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for the table of pairs");
    }
    for (size_t i = 0; i < m->new_count; i++) {
        if (m->pairs[i].old_tensor != MLR_NO_TENSOR) {
            used[m->pairs[i].old_tensor] = 1;
        }
    }
    m->count = m->new_count;
    for (size_t i = 0; i < olds; i++) {
        if (used[i] == 0) {
            m->pairs[m->count++] = (mlr_pairing){.old_tensor = (uint32_t)i,
                                                 .new_tensor = MLR_NO_TENSOR,
                                                 .change = MLR_CHANGE_REMOVED,
                                                 .axis = MLR_NO_AXIS,
                                                 .repeat_of = MLR_NO_TENSOR};
        }
    }
    return MLR_OK;
}
