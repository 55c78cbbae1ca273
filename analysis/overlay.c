#include "analysis/overlay.h"

#include "analysis/blocks.h"
#include "analysis/equal.h"
#include "analysis/fetch.h"
#include "analysis/numeric.h"
#include "apply/base/checked.h"
#include "apply/base/mem.h"

static void opaque_side(mlr_overlay_side *s, uint64_t bytes)
{
    s->dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE);
    s->elements = bytes;
    s->big_endian = false;
}

/* Whether the elements can be told apart, that is the payload is as long as they need. */
static bool layout_holds(const mlr_tensor *t)
{
    uint64_t bytes = 0;
    return t->dtype->cls != MLR_CLASS_OPAQUE &&
           mlr_dtype_bytes(t->dtype, t->elements, &bytes) && bytes == t->data.len;
}

static void fill_side(mlr_overlay_side *s, const mlr_model *m, const mlr_tensor *t)
{
    *s = (mlr_overlay_side){.source = NULL};
    if (t == NULL) {
        return;
    }
    unsigned per_element = 1;
    s->source = mlr_tensor_source(m, t);
    s->off = t->data.off;
    s->dtype = mlr_numeric_unit(t->dtype, &per_element);
    s->big_endian = t->big_endian != 0;
    s->elements = t->elements * per_element; /* cannot wrap: the payload holds them */
    if (!layout_holds(t)) {
        opaque_side(s, t->data.len);
    }
}

static bool is_opaque(const mlr_overlay_side *s)
{
    return s->dtype->cls == MLR_CLASS_OPAQUE;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* One piece that starts both payloads. */
static void lay_flat(mlr_overlay *v, uint64_t elements)
{
    v->elements = elements;
    v->slab = elements;
    v->rows = 1;
    v->cols = elements;
    v->side[0].stride = v->side[1].stride = elements;
}

/* Rows of the last dimension, where they begin at whole blocks. */
static void set_rows(mlr_overlay *v, uint64_t cols)
{
    bool useful =
        cols > 0 && v->elements % cols == 0 && cols % v->align == 0 && v->slab % cols == 0;
    v->cols = useful ? cols : v->elements;
    v->rows = v->cols == 0 ? 0 : v->elements / v->cols;
}

static uint64_t last_dim(const mlr_tensor *t)
{
    unsigned per_element = 1;
    (void)mlr_numeric_unit(t->dtype, &per_element);
    return t->rank == 0 ? per_element : t->dim[t->rank - 1] * per_element;
}

void mlr_overlay_alone(mlr_overlay *v, const mlr_pair *pair, unsigned side)
{
    const mlr_tensor *t = side == 0 ? pair->old_tensor : pair->new_tensor;
    *v = (mlr_overlay){.comparable = false};
    fill_side(&v->side[side], side == 0 ? pair->old_model : pair->new_model, t);
    v->align = v->side[side].dtype->block_items;
    lay_flat(v, v->side[side].elements);
    set_rows(v, is_opaque(&v->side[side]) ? v->elements : last_dim(t));
}

/* The one dimension that differs; false where the shapes differ in another way. */
static bool find_axis(const mlr_tensor *a, const mlr_tensor *b, unsigned *axis)
{
    unsigned differing = 0;
    for (unsigned i = 0; a->rank == b->rank && i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) {
            *axis = i;
            differing++;
        }
    }
    return differing == 1;
}

static uint64_t product(const mlr_tensor *t, unsigned from, unsigned to)
{
    uint64_t n = 1;
    for (unsigned i = from; i < to; i++) {
        n *= t->dim[i]; /* part of the element count, which did not wrap */
    }
    return n;
}

/* Slabs of one resized dimension; false where they do not start at whole blocks. */
static bool lay_slabs(mlr_overlay *v, const mlr_tensor *a, const mlr_tensor *b,
                      unsigned axis)
{
    unsigned per_element = 1;
    (void)mlr_numeric_unit(a->dtype, &per_element);
    if (a->elements == 0 || b->elements == 0) {
        lay_flat(v, 0);
        return true;
    }
    uint64_t outer = product(a, 0, axis);
    uint64_t inner = product(a, axis + 1, a->rank) * per_element;
    v->side[0].stride = a->dim[axis] * inner;
    v->side[1].stride = b->dim[axis] * inner;
    v->slab = smaller(v->side[0].stride, v->side[1].stride);
    v->elements = outer * v->slab;
    bool whole = v->slab % v->align == 0 && v->side[0].stride % v->align == 0 &&
                 v->side[1].stride % v->align == 0;
    if (!whole && outer != 1) {
        return false;
    }
    set_rows(v, smaller(last_dim(a), last_dim(b)));
    return true;
}

void mlr_overlay_of(mlr_overlay *v, const mlr_pair *pair)
{
    const mlr_tensor *a = pair->old_tensor, *b = pair->new_tensor;
    *v = (mlr_overlay){.align = 1};
    fill_side(&v->side[0], pair->old_model, a);
    fill_side(&v->side[1], pair->new_model, b);
    if (a == NULL || b == NULL) {
        return;
    }
    const mlr_overlay_side *o = &v->side[0], *n = &v->side[1];
    v->align = larger(o->dtype->block_items, n->dtype->block_items);
    bool readable = o->dtype == n->dtype ||
                    (mlr_numeric_known(o->dtype) && mlr_numeric_known(n->dtype));
    unsigned axis = 0;
    if (!readable) {
        return;
    }
    if (is_opaque(o) || o->elements == n->elements) {
        lay_flat(v, smaller(o->elements, n->elements));
        set_rows(v, is_opaque(o) ? v->elements : last_dim(b));
        v->comparable = true;
    } else if (find_axis(a, b, &axis)) {
        v->comparable = lay_slabs(v, a, b, axis);
    }
}

size_t mlr_overlay_bytes(const mlr_overlay_side *s, size_t n)
{
    return (n + s->dtype->block_items - 1) / s->dtype->block_items * s->dtype->block_bytes;
}

/* Bytes that n elements really take: a packed tail is shorter than its block. */
static size_t exact_bytes(const mlr_overlay_side *s, size_t n)
{
    uint64_t bytes = 0;
    return mlr_dtype_bytes(s->dtype, n, &bytes) ? (size_t)bytes : mlr_overlay_bytes(s, n);
}

static void to_little_endian(const mlr_overlay_side *s, uint8_t *p, size_t bytes)
{
    if (s->dtype->cls == MLR_CLASS_BLOCK) {
        for (size_t at = 0; at < bytes; at += s->dtype->block_bytes) {
            mlr_block_swap(s->dtype, p + at);
        }
        return;
    }
    size_t width = mlr_code_bytes(s->dtype);
    for (size_t at = 0; at < bytes; at += width) {
        for (size_t k = 0; k < width / 2; k++) {
            uint8_t keep = p[at + k];
            p[at + k] = p[at + width - 1 - k];
            p[at + width - 1 - k] = keep;
        }
    }
}

/* Elements [first, first + n) of one slab, copied or in place. */
static const uint8_t *read_piece(const mlr_overlay *v, const mlr_overlay_side *s,
                                 uint64_t first, size_t n, uint8_t *room, mlr_err *err)
{
    uint64_t element = first / v->slab * s->stride + first % v->slab;
    uint64_t off = element / s->dtype->block_items * s->dtype->block_bytes;
    return mlr_fetch(s->source, s->off + off, exact_bytes(s, n), room, err);
}

const uint8_t *mlr_overlay_read(const mlr_overlay *v, unsigned side, uint64_t first,
                                size_t n, uint8_t *room, mlr_err *err)
{
    const mlr_overlay_side *s = &v->side[side];
    bool one_piece = first / v->slab == (first + n - 1) / v->slab;
    if (one_piece && !s->big_endian) {
        return read_piece(v, s, first, n, room, err);
    }
    size_t used = 0;
    for (size_t done = 0; done < n;) {
        uint64_t left = v->slab - (first + done) % v->slab;
        size_t some = n - done < left ? n - done : (size_t)left;
        const uint8_t *p = read_piece(v, s, first + done, some, room + used, err);
        if (p == NULL) {
            return NULL;
        }
        if (p != room + used) {
            memcpy(room + used, p, exact_bytes(s, some));
        }
        used += exact_bytes(s, some);
        done += some;
    }
    if (s->big_endian) {
        to_little_endian(s, room, used);
    }
    return room;
}
