#include "codec/change_cost.h"

#include <math.h>

#include "apply/base/cursor.h"

/* What changed in a cell: how many codes, and how many bits their distances have. */
typedef struct cell {
    uint64_t codes, changed, bits;
} cell;

static unsigned bits_of(uint64_t d)
{
    return d == 0 ? 0 : 64u - (unsigned)__builtin_clzll(d);
}

static void add_code(cell *c, uint64_t a, uint64_t b)
{
    c->changed += a != b;
    c->bits += bits_of(a > b ? a - b : b - a);
}

static void count_8(cell *c, const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_code(c, a[i], b[i]);
    }
}

static void count_16(cell *c, const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_code(c, mlr_load16(a + 2 * i), mlr_load16(b + 2 * i));
    }
}

static void count_32(cell *c, const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_code(c, mlr_load32(a + 4 * i), mlr_load32(b + 4 * i));
    }
}

static void count_64(cell *c, const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_code(c, mlr_load64(a + 8 * i), mlr_load64(b + 8 * i));
    }
}

/* Where the changes stand, how far they go, and a little for what no code says. */
static double price(const cell *c)
{
    double n = (double)c->codes, k = (double)c->changed;
    double where = 0;
    if (c->changed > 0 && c->changed < c->codes) {
        where = k * log2(n / k) + (n - k) * log2(n / (n - k));
    }
    return where + (double)c->bits + n / 256;
}

static double price_of(const uint8_t *a, const uint8_t *b, size_t n, unsigned width)
{
    cell c = {.codes = n / width};
    switch (width) {
    case 2:
        count_16(&c, a, b, n / 2);
        break;
    case 4:
        count_32(&c, a, b, n / 4);
        break;
    case 8:
        count_64(&c, a, b, n / 8);
        break;
    default:
        c.codes = n;
        count_8(&c, a, b, n);
    }
    return price(&c);
}

static unsigned width_of(const mlr_dtype *t)
{
    bool single = t->block_items == 1;
    return single && (t->block_bytes == 2 || t->block_bytes == 4 || t->block_bytes == 8)
               ? t->block_bytes
               : 1;
}

static mlr_status read_cells(mlr_change_cost *c, const mlr_encoding *e, const mlr_view *v,
                             uint8_t *room, mlr_err *err)
{
    unsigned width = width_of(v->record->dtype);
    for (size_t i = 0; i < c->cells; i++) {
        uint64_t first = i * c->cell_bytes, left = c->bytes - first;
        size_t n = (size_t)(left < c->cell_bytes ? left : c->cell_bytes);
        if (!mlr_keep_going(e->tick, 0, 0)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "forecast");
        }
        if (v->read(v->ctx, first, n, room, room + n, err) != MLR_OK) {
            return err->status;
        }
        c->sum[i + 1] = c->sum[i] + price_of(room, room + n, n, width);
    }
    return MLR_OK;
}

mlr_status mlr_change_cost_make(mlr_change_cost *out, const mlr_encoding *e,
                                const mlr_view *v, bool plain, mlr_err *err)
{
    const mlr_record *r = v->record;
    uint64_t unit = r->dtype->block_bytes;
    *out = (mlr_change_cost){.alloc = e->alloc, .bytes = r->new_bytes};
    if (plain || r->old_bytes != r->new_bytes || r->old_dtype != r->dtype) {
        return MLR_OK;
    }
    out->cell_bytes = (MLR_COST_CELL + unit - 1) / unit * unit;
    size_t cells = (size_t)((r->new_bytes + out->cell_bytes - 1) / out->cell_bytes);
    out->sum = mlr_take(e->alloc, (cells + 1) * sizeof *out->sum);
    uint8_t *room = mlr_take(e->alloc, 2 * (size_t)out->cell_bytes);
    if (out->sum == NULL || room == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a forecast");
    } else {
        out->sum[0] = 0;
        out->cells = cells;
        read_cells(out, e, v, room, err);
    }
    mlr_give(e->alloc, room, 2 * (size_t)out->cell_bytes);
    if (out->cells == 0) {
        mlr_give(e->alloc, out->sum, (cells + 1) * sizeof *out->sum);
        out->sum = NULL;
    }
    return err->status;
}

void mlr_change_cost_release(mlr_change_cost *c)
{
    if (c->sum != NULL) {
        mlr_give(c->alloc, c->sum, (c->cells + 1) * sizeof *c->sum);
    }
    *c = (mlr_change_cost){0};
}

static double before(const mlr_change_cost *c, uint64_t at)
{
    uint64_t i = at / c->cell_bytes;
    if (i >= c->cells) {
        return c->sum[c->cells];
    }
    uint64_t left = c->bytes - i * c->cell_bytes;
    double n = (double)(left < c->cell_bytes ? left : c->cell_bytes);
    return c->sum[i] + (c->sum[i + 1] - c->sum[i]) * (double)(at % c->cell_bytes) / n;
}

double mlr_change_cost_of(const mlr_change_cost *c, uint64_t first, uint64_t n)
{
    return c->cells == 0 ? (double)n : before(c, first + n) - before(c, first);
}
