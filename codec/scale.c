#include "codec/scale.h"

#include "apply/number.h"

enum { PIECE = 2048, PIECES = 32 };

/* Of a least squares fit of new - old by old, in units of the last place. */
typedef struct fit {
    double both, old, change; /* sums of products */
} fit;

/* In units of the last place of the old value; 0 where there is no such number. */
static double units_of(const mlr_number *n, uint64_t bits)
{
    unsigned field = (unsigned)(bits >> n->mantissa & n->exp_limit);
    uint64_t mantissa = bits & (((uint64_t)1 << n->mantissa) - 1);
    if (field == 0 || field == n->exp_limit) {
        return 0;
    }
    return (double)(mantissa | (uint64_t)1 << n->mantissa);
}

/* Elements that kept sign and exponent tell enough, and need no powers. */
static void add(fit *f, const mlr_number *n, uint64_t is, uint64_t was)
{
    double x = units_of(n, was);
    if (x > 0 && is >> n->mantissa == was >> n->mantissa) {
        double change = units_of(n, is) - x;
        f->both += x * change;
        f->old += x * x;
        f->change += change * change;
    }
}

mlr_status mlr_find_scale(const mlr_encoding *e, const mlr_view *v, int32_t *scale,
                          mlr_err *err)
{
    const mlr_record *r = v->record;
    mlr_number n;
    *scale = 0;
    if (r->dtype != r->old_dtype || !mlr_number_of(r->dtype, &n) || !n.is_float ||
        n.mantissa < 2) {
        return MLR_OK;
    }
    uint64_t elements = r->new_bytes / n.bytes;
    size_t bytes = 2 * PIECE * sizeof(uint64_t);
    uint8_t *is = mlr_take(e->alloc, bytes);
    if (is == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for encoding a tensor");
    }
    uint8_t *was = is + PIECE * sizeof(uint64_t);
    uint64_t step = elements / PIECES < PIECE ? PIECE : elements / PIECES;
    fit f = {0};
    mlr_status s = MLR_OK;
    for (uint64_t at = 0; at < elements && s == MLR_OK; at += step) {
        size_t part = elements - at < PIECE ? (size_t)(elements - at) : PIECE;
        s = v->read(v->ctx, at * n.bytes, part * n.bytes, is, was, err);
        for (size_t i = 0; i < part && s == MLR_OK; i++) {
            add(&f, &n, mlr_number_load(is + i * n.bytes, n.bytes),
                mlr_number_load(was + i * n.bytes, n.bytes));
        }
    }
    mlr_give(e->alloc, is, bytes);
    if (s != MLR_OK || f.old <= 0 || f.both * f.both < f.change * f.old / 2) {
        return s;
    }
    double parts = f.both / f.old * 4294967296.0;
    *scale = parts > 2e9 || parts < -2e9 ? 0 : (int32_t)parts;
    return s;
}
