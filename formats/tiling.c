/*
 * Puts the tensors of each member into the order of their offsets, which shows overlaps,
 * ties and gaps in one pass:
 *
 *     offset order   [header][ a ][ b ][ b'][pad][ c ][tail]
 *     spans            glue    a    b  (tied) glue  c   glue
 */
#include "formats/builder_rows.h"
#include "formats/place_sort.h"

static mlr_tensor_row *row_at(const mlr_builder *b, uint32_t i)
{
    return mlr_rows_at(&b->tensors, i);
}

/*
 * At one offset, empty tensors stand before the one that has data there. A tensor's number
 * has 20 bits, so the top bit of the rank is free to say so.
 */
enum { HAS_DATA = 1 << 30 };

static uint32_t tensor_of(const mlr_place *p)
{
    return p->rank & ~(uint32_t)HAS_DATA;
}

typedef enum gather_what { WITH_DATA_ONLY, EMPTY_TOO } gather_what;

static mlr_status gather(const mlr_builder *b, size_t from, gather_what what,
                         mlr_placement *p, mlr_err *err)
{
    static const char rule[] = "memory for sorting tensors";
    size_t n = b->tensors.count - from;
    mlr_place *at = mlr_pool_take(b->scratch, n * sizeof *at);
    if (at == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, rule);
    }
    *p = (mlr_placement){.from = from, .upto = b->tensors.count};
    for (size_t i = from; i < b->tensors.count; i++) {
        const mlr_tensor *t = &row_at(b, (uint32_t)i)->tensor;
        uint32_t rank = (uint32_t)i | (t->data.len > 0 ? HAS_DATA : 0);
        if (t->data.len > 0 || what == EMPTY_TOO) {
            at[p->count++] = (mlr_place){t->data.off, t->member, rank};
        }
    }
    p->at = mlr_place_sort(at, p->count, b->scratch);
    return p->at != NULL ? MLR_OK : mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, rule);
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
static mlr_status prove(mlr_builder *b, mlr_placement *p, mlr_err *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        mlr_tensor *t = &row_at(b, tensor_of(&p->at[i]))->tensor;
        const mlr_place *last = kept == 0 ? NULL : &p->at[kept - 1];
        if (last != NULL && last->member == t->member) {
            const mlr_tensor *first = &row_at(b, tensor_of(last))->tensor;
            if (first->data.off == t->data.off && first->data.len == t->data.len) {
                t->tied_to = tensor_of(last);
                continue;
            }
            if (t->data.off - first->data.off < first->data.len) {
                return overlap(b, tensor_of(last), tensor_of(&p->at[i]), err);
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
    mlr_placement p = {0};
    b->proven.at = NULL;
    mlr_status status = gather(b, from, WITH_DATA_ONLY, &p, err);
    if (status == MLR_OK) {
        status = prove(b, &p, err);
    }
    if (status == MLR_OK) {
        b->proven = p;
    }
    return status;
}

/* Whether the file's tensors lie one behind another as they were defined: the usual case.
 */
static bool gapless_as_defined(const mlr_builder *b, uint64_t pos, uint64_t end)
{
    for (size_t i = b->file_tensors; i < b->tensors.count; i++) {
        const mlr_tensor *t = &row_at(b, (uint32_t)i)->tensor;
        if (t->data.off != pos) {
            return false;
        }
        pos += t->data.len;
    }
    return pos == end;
}

mlr_status mlr_builder_gapless(mlr_builder *b, mlr_region data, mlr_err *err)
{
    uint64_t pos = data.off, end = data.off + data.len;
    if (gapless_as_defined(b, pos, end)) {
        return MLR_OK;
    }
    mlr_placement p = {0};
    mlr_status status = gather(b, b->file_tensors, EMPTY_TOO, &p, err);
    for (size_t i = 0; status == MLR_OK && i < p.count; i++) {
        const mlr_tensor_row *row = row_at(b, tensor_of(&p.at[i]));
        if (row->tensor.data.off < pos) {
            return overlap(b, tensor_of(&p.at[i > 0 ? i - 1 : 0]), tensor_of(&p.at[i]),
                           err);
        }
        if (row->tensor.data.off > pos) {
            status = mlr_fail(err, MLR_E_FORMAT, row->defined_at, "data without holes");
            mlr_err_about(err, row->tensor.name.p, row->tensor.name.n);
        }
        pos += row->tensor.data.len;
    }
    if (status == MLR_OK && pos != end) {
        return mlr_fail(err, MLR_E_FORMAT, pos, "every byte of data in a tensor");
    }
    return status;
}

/* Writes the spans of one member, or counts them where `to` is NULL. */
static size_t cover(const mlr_builder *b, const mlr_placement *p, size_t *next,
                    mlr_member *m, mlr_span *to)
{
    uint32_t member = *next < p->count ? p->at[*next].member : MLR_NO_TENSOR;
    size_t n = 0;
    uint64_t pos = 0;
    m->glue_bytes = 0;
    for (; *next < p->count && p->at[*next].member == member; (*next)++) {
        mlr_region data = row_at(b, tensor_of(&p->at[*next]))->tensor.data;
        if (data.off > pos) {
            m->glue_bytes += data.off - pos;
            if (to != NULL) {
                to[n] = (mlr_span){{pos, data.off - pos}, MLR_NO_TENSOR};
            }
            n++;
        }
        if (to != NULL) {
            to[n] = (mlr_span){data, tensor_of(&p->at[*next])};
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
static size_t cover_all(const mlr_builder *b, const mlr_placement *p, mlr_member *members,
                        mlr_span *to)
{
    static const mlr_placement nothing = {0};
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
    const mlr_placement *p = &b->proven;
    bool covers_all = p->at != NULL && p->from == 0 && p->upto == b->tensors.count;
    if (!covers_all) {
        mlr_status status = mlr_tiling_prove(b, 0, err);
        if (status != MLR_OK) {
            return status;
        }
    }
    size_t n = cover_all(b, p, members, NULL);
    mlr_span *spans = mlr_pool_take(b->pool, n * sizeof *spans);
    if (spans == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the spans");
    }
    out->spans = spans;
    out->span_count = cover_all(b, p, members, spans);
    return MLR_OK;
}
