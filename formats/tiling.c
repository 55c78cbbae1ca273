/*
 * Puts the tensors of each member into the order of their offsets, which shows overlaps,
 * ties and gaps in one pass:
 *
 *     offset order   [header][ a ][ b ][ b'][pad][ c ][tail]
 *     spans            glue    a    b  (tied) glue  c   glue
 */
#include <string.h>

#include "formats/builder_rows.h"

/* One tensor with data, as the sort sees it. */
typedef struct place {
    uint64_t off;
    uint32_t member;
    uint32_t tensor;
} place;

typedef struct placement {
    place *at, *spare;
    size_t count;
} placement;

static mlr_tensor_row *row_at(const mlr_builder *b, uint32_t i)
{
    return mlr_rows_at(&b->tensors, i);
}

static bool before(const place *a, const place *b)
{
    if (a->member != b->member) {
        return a->member < b->member;
    }
    if (a->off != b->off) {
        return a->off < b->off;
    }
    return a->tensor < b->tensor;
}

static void merge(place *to, const place *from, size_t low, size_t mid, size_t high)
{
    size_t i = low, j = mid;
    for (size_t k = low; k < high; k++) {
        to[k] =
            j >= high || (i < mid && !before(&from[j], &from[i])) ? from[i++] : from[j++];
    }
}

/* Merge sort: n log n whatever the file holds, linear where it is in order already. */
static void sort(placement *p)
{
    for (size_t width = 1; width < p->count; width *= 2) {
        for (size_t low = 0; low < p->count; low += 2 * width) {
            size_t left = p->count - low;
            size_t mid = low + (left < width ? left : width);
            size_t high = low + (left < 2 * width ? left : 2 * width);
            if (mid == high || before(&p->at[mid - 1], &p->at[mid])) {
                memcpy(p->spare + low, p->at + low, (high - low) * sizeof *p->at);
            } else {
                merge(p->spare, p->at, low, mid, high);
            }
        }
        place *swap = p->at;
        p->at = p->spare;
        p->spare = swap;
    }
}

/* Zero-length tensors have no place. */
static mlr_status gather(const mlr_builder *b, size_t from, placement *p, mlr_err *err)
{
    size_t n = b->tensors.count - from;
    p->at = mlr_pool_take(b->scratch, n * sizeof *p->at);
    p->spare = mlr_pool_take(b->scratch, n * sizeof *p->spare);
    if (p->at == NULL || p->spare == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for sorting tensors");
    }
    p->count = 0;
    for (size_t i = from; i < b->tensors.count; i++) {
        const mlr_tensor *t = &row_at(b, (uint32_t)i)->tensor;
        if (t->data.len > 0) {
            p->at[p->count++] = (place){t->data.off, t->member, (uint32_t)i};
        }
    }
    sort(p);
    return MLR_OK;
}

/* Of two tensors that overlap, the one defined later is at fault. */
static mlr_status overlap(const mlr_builder *b, uint32_t x, uint32_t y, mlr_err *err)
{
    const mlr_tensor_row *later = row_at(b, x > y ? x : y);
    mlr_status status =
        mlr_fail(err, MLR_E_FORMAT, later->defined_at, "data apart from other tensors'");
    mlr_err_about(err, later->tensor.name.p, later->tensor.name.n);
    return status;
}

/* Ties equal ranges, refuses partial overlaps, and drops tied ones from the placement. */
static mlr_status prove(mlr_builder *b, placement *p, mlr_err *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        mlr_tensor *t = &row_at(b, p->at[i].tensor)->tensor;
        const place *last = kept == 0 ? NULL : &p->at[kept - 1];
        if (last != NULL && last->member == t->member) {
            const mlr_tensor *first = &row_at(b, last->tensor)->tensor;
            if (first->data.off == t->data.off && first->data.len == t->data.len) {
                t->tied_to = last->tensor;
                continue;
            }
            if (t->data.off - first->data.off < first->data.len) {
                return overlap(b, last->tensor, p->at[i].tensor, err);
            }
        }
        t->tied_to = MLR_NO_TENSOR;
        p->at[kept++] = p->at[i];
    }
    p->count = kept;
    return MLR_OK;
}

mlr_status mlr_tiling_prove(mlr_builder *b, size_t from, mlr_err *err)
{
    placement p = {0};
    mlr_status status = gather(b, from, &p, err);
    return status == MLR_OK ? prove(b, &p, err) : status;
}

/* Writes the spans of one member, or counts them where `to` is NULL. */
static size_t cover(const mlr_builder *b, const placement *p, size_t *next, mlr_member *m,
                    mlr_span *to)
{
    uint32_t member = *next < p->count ? p->at[*next].member : MLR_NO_TENSOR;
    size_t n = 0;
    uint64_t pos = 0;
    m->glue_bytes = 0;
    for (; *next < p->count && p->at[*next].member == member; (*next)++) {
        mlr_region data = row_at(b, p->at[*next].tensor)->tensor.data;
        if (data.off > pos) {
            m->glue_bytes += data.off - pos;
            if (to != NULL) {
                to[n] = (mlr_span){{pos, data.off - pos}, MLR_NO_TENSOR};
            }
            n++;
        }
        if (to != NULL) {
            to[n] = (mlr_span){data, p->at[*next].tensor};
        }
        n++;
        pos = data.off + data.len;
    }
    if (pos < m->source->size) {
        m->glue_bytes += m->source->size - pos;
        if (to != NULL) {
            to[n] = (mlr_span){{pos, m->source->size - pos}, MLR_NO_TENSOR};
        }
        n++;
    }
    return n;
}

/* All members in turn; returns the number of spans. */
static size_t cover_all(const mlr_builder *b, const placement *p, mlr_member *members,
                        mlr_span *to)
{
    static const placement nothing = {0};
    size_t next = 0, n = 0;
    for (size_t i = 0; i < b->members.count; i++) {
        bool mine = next < p->count && p->at[next].member == i;
        size_t none = 0;
        members[i].first_span = n;
        members[i].span_count = cover(b, mine ? p : &nothing, mine ? &next : &none,
                                      &members[i], to == NULL ? NULL : to + n);
        n += members[i].span_count;
    }
    return n;
}

mlr_status mlr_tiling_make(mlr_builder *b, mlr_model *out, mlr_member *members,
                           mlr_err *err)
{
    placement p = {0};
    mlr_status status = gather(b, 0, &p, err);
    if (status == MLR_OK) {
        status = prove(b, &p, err);
    }
    if (status != MLR_OK) {
        return status;
    }
    size_t n = cover_all(b, &p, members, NULL);
    mlr_span *spans = mlr_pool_take(b->pool, n * sizeof *spans);
    if (spans == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the spans");
    }
    out->spans = spans;
    out->span_count = cover_all(b, &p, members, spans);
    return MLR_OK;
}
