#include "codec/verdict.h"

#include <string.h>

#include "analysis/measure.h"
#include "analysis/summary.h"

typedef struct judge {
    mlr_verdict *v;
    const mlr_profile *p;
    const mlr_matching *m;
    const mlr_work *work;
    mlr_sha256_blocks sha256;
    mlr_pool *pool;
    mlr_err *err;
} judge;

void mlr_verdict_begin(mlr_verdict *v, const mlr_profile *p)
{
    *v = (mlr_verdict){0};
    for (unsigned i = 0; i < MLR_CHECK_COUNT; i++) {
        if (p->bound[i].set) {
            v->check[v->count++] =
                (mlr_check){.kind = (uint8_t)i, .most = p->bound[i].most};
        }
    }
}

static mlr_check *check_of(mlr_verdict *v, unsigned kind)
{
    for (size_t i = 0; i < v->count; i++) {
        if (v->check[i].kind == kind) {
            return &v->check[i];
        }
    }
    return NULL;
}

static void settle(mlr_verdict *v, mlr_check *c, uint64_t found)
{
    c->known = true;
    c->found = found;
    c->broken = found > c->most;
    v->broken += c->broken;
}

/* --- which tensors ---------------------------------------------------------------------
 */

typedef bool (*pair_test)(const judge *j, size_t pair);

/* The pairings that `breaks` says, or, without it, those that carry a flag. */
static mlr_status list_pairs(judge *j, mlr_check *c, pair_test breaks, const uint8_t *flags,
                             unsigned flag)
{
    const mlr_matching *m = j->m;
    uint32_t *list = mlr_pool_take(j->pool, (m->count + 1) * sizeof *list);
    if (list == NULL) {
        return mlr_fail(j->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "gates of the profile");
    }
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        bool hit = breaks != NULL ? breaks(j, i) : (flags[i] & flag) != 0;
        if (hit) {
            list[n++] = (uint32_t)i;
        }
    }
    c->pairs = list;
    c->pair_count = n;
    settle(j->v, c, n);
    return MLR_OK;
}

/* Any change counts: of payload, type, shape or name, and that it came or went. */
static bool differs(const mlr_matching *m, size_t pair)
{
    return m->pairs[pair].change != MLR_CHANGE_SAME;
}

static bool renamed(const mlr_matching *m, size_t pair)
{
    return (m->pairs[pair].flags & MLR_PAIR_RENAMED) != 0;
}

static bool touches_frozen(const judge *j, size_t pair)
{
    const mlr_pairing *q = &j->m->pairs[pair];
    if (!differs(j->m, pair) && !renamed(j->m, pair)) {
        return false;
    }
    /* what was frozen under its old name stays frozen under a new one */
    return mlr_listed(&j->p->frozen, mlr_pairing_tensor(j->m, pair)) ||
           (q->old_tensor != MLR_NO_TENSOR &&
            mlr_listed(&j->p->frozen, &j->m->old_model->tensors[q->old_tensor]));
}

static bool leaves_allowed(const judge *j, size_t pair)
{
    if (!differs(j->m, pair) && !renamed(j->m, pair)) {
        return false;
    }
    const mlr_pairing *q = &j->m->pairs[pair];
    bool old_listed = q->old_tensor == MLR_NO_TENSOR ||
                      mlr_listed(&j->p->only, &j->m->old_model->tensors[q->old_tensor]);
    return !old_listed || !mlr_listed(&j->p->only, mlr_pairing_tensor(j->m, pair));
}

static bool is_changed(const judge *j, size_t pair)
{
    return differs(j->m, pair);
}

static mlr_status check_names(judge *j)
{
    static const struct {
        unsigned kind;
        pair_test breaks;
    } row[] = {{MLR_CHECK_FROZEN, touches_frozen},
               {MLR_CHECK_ONLY, leaves_allowed},
               {MLR_CHECK_CHANGED_TENSORS, is_changed}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        mlr_check *c = check_of(j->v, row[i].kind);
        if (c != NULL && list_pairs(j, c, row[i].breaks, NULL, 0) != MLR_OK) {
            return j->err->status;
        }
    }
    return MLR_OK;
}

/* --- layers ----------------------------------------------------------------------------
 */

static bool same_text(mlr_str a, mlr_str b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* Distinct beginnings such as "blk.12" among the changed tensors, by an open hash. */
static mlr_status check_layers(judge *j)
{
    mlr_check *c = check_of(j->v, MLR_CHECK_CHANGED_LAYERS);
    if (c == NULL) {
        return MLR_OK;
    }
    size_t room = 16;
    while (room < 2 * j->m->count) {
        room *= 2;
    }
    mlr_str *slot = mlr_pool_take(j->pool, room * sizeof *slot);
    if (slot == NULL) {
        return mlr_fail(j->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "gates of the profile");
    }
    uint64_t count = 0, number;
    for (size_t i = 0; i < j->m->count; i++) {
        mlr_str layer;
        if (!differs(j->m, i) ||
            !mlr_layer_of(mlr_pairing_tensor(j->m, i)->key, &layer, &number)) {
            continue;
        }
        size_t at = (size_t)(number * 0x9e3779b97f4a7c15U >> 20) ^ layer.n * 31;
        for (at &= room - 1; slot[at].p != NULL && !same_text(slot[at], layer);) {
            at = (at + 1) & (room - 1);
        }
        count += slot[at].p == NULL;
        slot[at] = layer;
    }
    settle(j->v, c, count);
    return MLR_OK;
}

/* --- values ----------------------------------------------------------------------------
 */

enum { NEW_NAN = 1, NEW_INF = 2 };

typedef struct values {
    uint8_t *flags; /* by pairing: NEW_NAN, NEW_INF */
    uint64_t changed, elements;
} values;

static void take_measure(values *v, size_t pair, const mlr_pairing *q, const mlr_measure *x,
                         const mlr_tensor *t)
{
    v->elements += t->elements;
    bool compared = (x->have & MLR_HAVE_PAIR) != 0;
    uint64_t beyond = t->elements > x->elements ? t->elements - x->elements : 0;
    v->changed += compared ? x->changed_elements + beyond : t->elements;
    if ((x->have & MLR_HAVE_SIDES) == 0) {
        return;
    }
    bool alone = q->old_tensor == MLR_NO_TENSOR;
    uint64_t old_nan = alone ? 0 : x->old_side.nan;
    uint64_t old_inf = alone ? 0 : x->old_side.infinite;
    v->flags[pair] |= x->new_side.nan > old_nan ? NEW_NAN : 0;
    v->flags[pair] |= x->new_side.infinite > old_inf ? NEW_INF : 0;
}

static mlr_status measure_all(judge *j, values *v, mlr_depth depth)
{
    const mlr_matching *m = j->m;
    v->flags = mlr_pool_take(j->pool, m->count + 1);
    if (v->flags == NULL) {
        return mlr_fail(j->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "gates of the profile");
    }
    mlr_measure_options o = {.depth = depth};
    for (size_t i = 0; i < m->new_count; i++) {
        const mlr_pairing *q = &m->pairs[i];
        const mlr_tensor *t = &m->new_model->tensors[i];
        if (q->change == MLR_CHANGE_SAME) {
            v->elements += t->elements;
            continue;
        }
        bool paired = q->old_tensor != MLR_NO_TENSOR;
        mlr_pair pair = {.old_model = m->old_model,
                         .new_model = m->new_model,
                         .old_tensor =
                             paired ? &m->old_model->tensors[q->old_tensor] : NULL,
                         .new_tensor = t};
        mlr_measure x;
        if (mlr_measure_pair(&x, NULL, &pair, &o, j->work, j->err) != MLR_OK) {
            return j->err->status;
        }
        take_measure(v, i, q, &x, t);
    }
    return MLR_OK;
}

static uint64_t millionths(uint64_t part, uint64_t whole)
{
    if (whole == 0) {
        return 0;
    }
    if (part <= UINT64_MAX / 1000000) { /* rounded up: a broken bound must show as broken */
        return (part * 1000000 + whole - 1) / whole;
    }
    return part / (whole / 1000000 + 1);
}

static mlr_status check_values(judge *j)
{
    mlr_check *nan = check_of(j->v, MLR_CHECK_NAN), *inf = check_of(j->v, MLR_CHECK_INF);
    mlr_check *count = check_of(j->v, MLR_CHECK_CHANGED_ELEMENTS);
    mlr_check *share = check_of(j->v, MLR_CHECK_CHANGED_SHARE);
    if (nan == NULL && inf == NULL && count == NULL && share == NULL) {
        return MLR_OK;
    }
    values v = {0};
    mlr_depth depth = nan != NULL || inf != NULL ? MLR_DEPTH_FULL : MLR_DEPTH_QUICK;
    if (measure_all(j, &v, depth) != MLR_OK ||
        (nan != NULL && list_pairs(j, nan, NULL, v.flags, NEW_NAN) != MLR_OK) ||
        (inf != NULL && list_pairs(j, inf, NULL, v.flags, NEW_INF) != MLR_OK)) {
        return j->err->status;
    }
    if (count != NULL) {
        settle(j->v, count, v.changed);
    }
    if (share != NULL) {
        settle(j->v, share, millionths(v.changed, v.elements));
    }
    return MLR_OK;
}

/* --- the base --------------------------------------------------------------------------
 */

static mlr_status digest(judge *j, const mlr_source *s, uint8_t out[32])
{
    enum { PIECE = 1 << 18 };
    uint8_t *room = mlr_take(j->work->alloc, PIECE);
    if (room == NULL) {
        return mlr_fail(j->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "digest of the base");
    }
    mlr_sha256 h;
    mlr_sha256_begin(&h, j->sha256);
    for (uint64_t at = 0; at < s->size && j->err->status == MLR_OK; at += PIECE) {
        uint64_t left = s->size - at;
        size_t n = left < PIECE ? (size_t)left : PIECE;
        if (!mlr_keep_going(j->work->tick, 0, 0)) {
            mlr_fail(j->err, MLR_E_CANCELLED, MLR_NO_OFFSET, "digest of the base");
        } else if (s->read_at(s->ctx, at, room, n, j->err) == MLR_OK) {
            mlr_sha256_add(&h, room, n);
        }
    }
    mlr_sha256_end(&h, out);
    mlr_give(j->work->alloc, room, PIECE);
    return j->err->status;
}

static mlr_status check_base(judge *j)
{
    mlr_check *c = check_of(j->v, MLR_CHECK_BASE);
    const mlr_model *m = j->m->old_model;
    if (c == NULL) {
        return MLR_OK;
    }
    uint64_t wrong = m->member_count != j->p->base_count;
    for (size_t i = 0; i < m->member_count && wrong == 0; i++) {
        uint8_t is[32];
        if (digest(j, m->members[i].source, is) != MLR_OK) {
            return j->err->status;
        }
        wrong = memcmp(is, j->p->base[i], sizeof is) != 0;
    }
    settle(j->v, c, wrong);
    return MLR_OK;
}

/* --- all of it -------------------------------------------------------------------------
 */

mlr_status mlr_verdict_models(mlr_verdict *v, const mlr_profile *p, const mlr_matching *m,
                              const mlr_work *work, mlr_sha256_blocks sha256,
                              mlr_pool *pool, mlr_err *err)
{
    judge j = {
        .v = v, .p = p, .m = m, .work = work, .sha256 = sha256, .pool = pool, .err = err};
    if (check_base(&j) != MLR_OK || check_names(&j) != MLR_OK ||
        check_layers(&j) != MLR_OK) {
        return err->status;
    }
    return check_values(&j);
}

void mlr_verdict_patch(mlr_verdict *v, const mlr_patch_figures *f)
{
    const uint64_t found[MLR_CHECK_COUNT] = {[MLR_CHECK_PATCH_SIZE] = f->patch_bytes,
                                             [MLR_CHECK_PATCH_RATIO] =
                                                 millionths(f->patch_bytes, f->new_bytes),
                                             [MLR_CHECK_MEMORY] = f->memory_bytes,
                                             [MLR_CHECK_TIME] = f->decode_us};
    for (size_t i = 0; i < v->count; i++) {
        if (v->check[i].kind >= MLR_CHECK_PATCH_SIZE && !v->check[i].known) {
            settle(v, &v->check[i], found[v->check[i].kind]);
        }
    }
}

bool mlr_verdict_needs_patch(const mlr_verdict *v)
{
    for (size_t i = 0; i < v->count; i++) {
        if (v->check[i].kind >= MLR_CHECK_PATCH_SIZE) {
            return true;
        }
    }
    return false;
}

const mlr_check *mlr_verdict_worst(const mlr_verdict *v)
{
    for (size_t i = 0; i < v->count; i++) {
        if (v->check[i].broken) {
            return &v->check[i];
        }
    }
    return NULL;
}
