#include "apply/neural.h"

#include "apply/base/checked.h"
#include "apply/base/cursor.h"
#include "apply/base/mem.h"
#include "apply/bits.h"
#include "apply/factor_code.h"
#include "apply/token.h"

static bool head_is_sane(const mlr_neural_head *h, const mlr_record *r,
                         const mlr_number *now)
{
    bool narrow_ok = h->tokens <= mlr_token_count(now->bytes);
    bool tables_ok = (h->form & MLR_NEURAL_SPARSE) != 0
                         ? h->tables == 0 && h->tokens == 0
                         : h->tables >= 1 && h->tables <= MLR_RANS_TABLES && h->tokens >= 1;
    bool edges_ok = h->edges == 1 || h->edges == MLR_NEURAL_EDGES;
    bool lag_ok =
        h->lag == 0 || (h->lag >= MLR_NEURAL_CHUNK && h->lag < r->new_bytes &&
                        r->dtype == r->old_dtype && h->rank == 0 && h->edges == 1);
    /* lists are kept by class alone, and mixing has contexts for no more than classes and
       edges */
    bool contexts_ok =
        ((h->form & MLR_NEURAL_SPARSE) == 0 || h->edges == 1) &&
        ((h->form & (MLR_NEURAL_SPARSE | MLR_NEURAL_MIX)) == 0 || h->lag == 0);
    return (h->form & ~MLR_NEURAL_FORMS) == 0 && h->classes >= 1 &&
           h->classes <= MLR_NEURAL_CLASSES && edges_ok && narrow_ok && tables_ok &&
           lag_ok && contexts_ok && h->top <= UINT16_MAX;
}

/* Scales are for floats of one type, and for nothing else that has a say in predictions. */
static bool scale_is_sane(const mlr_neural_head *h, const mlr_record *r,
                          const mlr_number *now)
{
    if ((h->form & MLR_NEURAL_SCALED) == 0) {
        return true;
    }
    return h->scale != 0 && now->is_float && r->dtype == r->old_dtype &&
           (h->form & MLR_NEURAL_LOWRANK) == 0 && h->edges == MLR_NEURAL_EDGES;
}

/* Factors must be far smaller than the tensor, so that no header can ask for more memory
   than a few times what the tensor has. */
static bool rank_is_sane(mlr_neural_head *h, const mlr_record *r, const mlr_number *now)
{
    uint64_t elements = r->new_bytes / now->bytes;
    if ((h->form & MLR_NEURAL_LOWRANK) == 0) {
        return h->rank == 0;
    }
    if (r->row == 0 || !now->is_float || h->rank == 0 || h->rank > MLR_NEURAL_RANK) {
        return false;
    }
    h->rows = elements / r->row + (elements % r->row != 0);
    uint64_t small = h->rows < r->row ? h->rows : r->row;
    return h->rank <= small / 2;
}

mlr_status mlr_neural_head_read(const mlr_record *r, mlr_neural_head *h, mlr_err *err)
{
    mlr_number now;
    mlr_number was;
    if (!mlr_number_of(r->dtype, &now) || !mlr_number_of(r->old_dtype, &was) ||
        (r->dtype != r->old_dtype && (!now.is_float || !was.is_float))) {
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "neural record of plain numbers");
    }
    *h = (mlr_neural_head){0};
    mlr_cursor c = {.base = r->model, .size = r->model_bytes, .err = err};
    h->form = mlr_cur_u8(&c, "neural form");
    h->classes = mlr_cur_u8(&c, "neural classes");
    h->edges = mlr_cur_u8(&c, "neural edges");
    h->tables = mlr_cur_u8(&c, "neural table count");
    h->tokens = mlr_cur_u8(&c, "neural token count");
    h->top = mlr_cur_varint(&c, "neural top scale");
    h->lag = mlr_cur_varint(&c, "neural lag");
    if ((h->form & MLR_NEURAL_LOWRANK) != 0) {
        h->rank = mlr_cur_u8(&c, "neural rank");
        h->shift = mlr_cur_u8(&c, "neural shift") - 64;
        h->factor_bytes =
            (size_t)mlr_cur_varint_to(&c, r->model_bytes, "neural factor bytes");
        h->factors_at = c.pos;
        (void)mlr_cur_take(&c, h->factor_bytes, "neural factors");
    }
    if ((h->form & MLR_NEURAL_SCALED) != 0) {
        uint64_t z = mlr_cur_varint_to(&c, UINT32_MAX, "neural scale");
        int64_t scale = (int64_t)(z >> 1);
        h->scale = (int32_t)((z & 1) != 0 ? -scale - 1 : scale);
    }
    h->tables_at = c.pos;
    if (!mlr_cur_ok(&c)) {
        return err->status;
    }
    if (!head_is_sane(h, r, &now) || !rank_is_sane(h, r, &now) ||
        !scale_is_sane(h, r, &now) || h->shift > 30 || h->shift < -30) {
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "neural model within its limits");
    }
    return MLR_OK;
}

static size_t align64(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

uint64_t mlr_neural_table_terms(const mlr_neural_head *h)
{
    if ((h->form & MLR_NEURAL_NARROW) != 0) {
        return (uint64_t)h->tables * (h->tokens + 1U) * sizeof(uint16_t);
    }
    return (uint64_t)h->tables * MLR_RANS_SCALE * sizeof(uint32_t);
}

size_t mlr_neural_table_bytes(const mlr_neural_head *h)
{
    return align64((size_t)mlr_neural_table_terms(h));
}

static uint64_t rank_pairs(const mlr_neural_head *h)
{
    return (h->rank + 1U) / 2;
}

_Static_assert(MLR_NEURAL_OWN_STATE >= sizeof(mlr_neural) + 2 * 64, "a model and padding");

mlr_status mlr_neural_state_terms(const mlr_record *r, uint64_t *terms, mlr_err *err)
{
    mlr_neural_head h;
    mlr_status s = mlr_neural_head_read(r, &h, err);
    if (s != MLR_OK) {
        return s;
    }
    uint64_t lines = 0;
    uint64_t factors = 0;
    bool ok = mlr_add_u64(h.rows, h.rank == 0 ? 0 : r->row, &lines) &&
              mlr_mul_u64(lines, rank_pairs(&h) * 2 * sizeof(int16_t), &factors) &&
              mlr_add_u64(factors, mlr_neural_table_terms(&h), terms);
    return ok ? MLR_OK : mlr_fail(err, MLR_E_LIMIT, MLR_NO_OFFSET, "neural state size");
}

uint32_t mlr_table_weight(unsigned q, unsigned fine)
{
    /* 2^(i / 16), 12 bits after the point */
    static const uint16_t root[16] = {4096, 4277, 4467, 4664, 4871, 5087, 5312, 5547,
                                      5793, 6049, 6317, 6597, 6889, 7194, 7512, 7845};
    if (q < 2) {
        return 0;
    }
    unsigned step = (q - 2) << (MLR_TABLE_FINE - fine);
    return (uint32_t)root[step & 15] << (step >> 4);
}

static uint32_t share_of(const mlr_table_norm *n, unsigned token)
{
    uint64_t w = mlr_table_weight(n->q[token], n->fine);
    uint32_t share = n->divide == 0 ? 0 : (uint32_t)(w * n->room / n->divide);
    return n->q[token] == 0 ? 0 : share + 1;
}

bool mlr_table_norm_of(mlr_table_norm *n, const uint8_t *q, unsigned tokens, unsigned fine)
{
    uint32_t present = 0;
    *n = (mlr_table_norm){.q = q, .tokens = tokens, .fine = fine, .most = tokens};
    for (unsigned t = 0; t < tokens; t++) {
        if ((unsigned)q[t] > 2 + (14U << fine)) {
            return false;
        }
        n->divide += mlr_table_weight(q[t], fine); /* below 2^27 each, at most 160 */
        present += q[t] != 0;
        if (q[t] != 0 && (n->most == tokens || q[t] > q[n->most])) {
            n->most = t;
        }
    }
    if (present == 0) {
        return false;
    }
    n->room = MLR_RANS_SCALE - present;
    uint32_t left = MLR_RANS_SCALE;
    for (unsigned t = 0; t < tokens; t++) {
        left -= share_of(n, t);
    }
    n->left = left;
    return true;
}

uint32_t mlr_table_frequency(const mlr_table_norm *n, unsigned token)
{
    return share_of(n, token) + (token == n->most ? n->left : 0);
}

void mlr_table_model_reset(mlr_table_model *t)
{
    mlr_bit_reset((uint32_t *)(void *)t, sizeof *t / sizeof(uint32_t));
}

unsigned mlr_table_guess(const mlr_table_near *n)
{
    int guess = n->up;
    if (n->left1 != 0 && n->left2 != 0) {
        int slope = ((int)n->left1 - n->up1 + (int)n->left2 - n->up2) / 2;
        guess = n->up == 0 ? (int)n->left2 : guess + slope;
    }
    return guess < 1 ? 1 : (unsigned)guess;
}

static unsigned read_q(mlr_bits *d, mlr_table_model *m, const mlr_table_near *n, unsigned t)
{
    unsigned left = t == 0 ? 1 : n->left1 == 0 ? 2U : 0;
    unsigned up = n->up == 0 ? 1 : 0;
    if (mlr_bits_get(d, &m->absent[left][up]) != 0) {
        return 0;
    }
    unsigned guess = mlr_table_guess(n);
    unsigned kind = (t < 2 ? 2U : 0U) + up;
    if (mlr_bits_get(d, &m->zero[kind]) != 0) {
        return guess;
    }
    unsigned down = mlr_bits_get(d, &m->sign[kind]);
    uint64_t size = mlr_bits_number_in(d, m->size[kind], 1, MLR_TABLE_NUMBER);
    if (size >= 255) {
        return 255; /* no table has it */
    }
    size++;
    if (down != 0) {
        return size < guess ? guess - (unsigned)size : 1;
    }
    return guess + size > 255 ? 255 : guess + (unsigned)size;
}

/* Replaces the table before, in `q`, by the next one. */
static bool read_table(mlr_bits *d, mlr_table_model *m, uint8_t *q, unsigned tokens)
{
    uint64_t last = mlr_bits_number_in(d, m->last, 1, MLR_TABLE_NUMBER);
    mlr_table_near n = {0};
    if (last >= tokens) {
        return false;
    }
    for (unsigned t = 0; t <= last; t++) {
        n.up = q[t];
        q[t] = (uint8_t)read_q(d, m, &n, t);
        n = (mlr_table_near){.up1 = n.up, .up2 = n.up1, .left1 = q[t], .left2 = n.left1};
    }
    memset(q + last + 1, 0, MLR_TOKEN_LIMIT - (size_t)last - 1);
    return true;
}

static void fill_narrow(const mlr_table_norm *n, uint16_t *start)
{
    uint32_t sum = 0;
    for (unsigned t = 0; t < n->tokens; t++) {
        start[t] = (uint16_t)sum;
        sum += mlr_table_frequency(n, t);
    }
    start[n->tokens] = (uint16_t)sum;
}

static void fill_wide(const mlr_table_norm *n, uint32_t *wide)
{
    uint32_t slot = 0;
    for (unsigned t = 0; t < n->tokens; t++) {
        slot += mlr_rans_widen(wide + slot, t, mlr_table_frequency(n, t));
    }
}

static bool read_map(mlr_bits *d, mlr_table_model *m, const mlr_neural_head *h,
                     uint8_t *map)
{
    unsigned raw = h->classes * (unsigned)h->edges * (h->lag != 0 ? 2U : 1U);
    unsigned known = 0;
    for (unsigned i = 0; i < raw; i++) {
        unsigned state = i == 0 ? 0 : i % h->edges == 0 ? 1U : 2U;
        if (i > 0 && mlr_bits_get(d, &m->map_same[state]) != 0) {
            map[i] = map[i - 1];
            continue;
        }
        if (i == 0 ||
            (known < h->tables && mlr_bits_get(d, &m->map_new[state != 1]) != 0)) {
            map[i] = (uint8_t)known++;
            continue;
        }
        map[i] = (uint8_t)mlr_bits_even(d, 6);
        if (map[i] >= known) {
            return false;
        }
    }
    return known == h->tables;
}

bool mlr_neural_tables(mlr_neural *n, const mlr_neural_head *h, mlr_bits *d, void *to)
{
    mlr_table_model m;
    mlr_table_norm norm;
    uint8_t q[MLR_TOKEN_LIMIT] = {0};
    mlr_table_model_reset(&m);
    if (!read_map(d, &m, h, (h->form & MLR_NEURAL_MIX) != 0 ? n->prior : n->map)) {
        return false;
    }
    unsigned fine = 1 + (unsigned)mlr_bits_even(d, 2);
    bool narrow = (h->form & MLR_NEURAL_NARROW) != 0;
    for (unsigned i = 0; i < h->tables; i++) {
        if (!read_table(d, &m, q, h->tokens) ||
            !mlr_table_norm_of(&norm, q, h->tokens, fine)) {
            return false;
        }
        if (narrow) {
            fill_narrow(&norm, (uint16_t *)to + (size_t)i * (h->tokens + 1U));
        } else {
            fill_wide(&norm, (uint32_t *)to + (size_t)i * MLR_RANS_SCALE);
        }
    }
    n->tables = (mlr_rans_tables){.wide = narrow ? NULL : to,
                                  .narrow = narrow ? to : NULL,
                                  .count = h->tables,
                                  .tokens = h->tokens};
    return mlr_bits_ok(d);
}

static bool read_column(mlr_bits *d, int16_t *to, size_t n, size_t step)
{
    mlr_factor_model model;
    mlr_factor_model_begin(&model, (unsigned)mlr_bits_even(d, 6));
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        ok = mlr_factor_get(d, &model, &to[i * step]);
    }
    return ok && mlr_bits_ok(d);
}

static bool read_factors(const mlr_neural *n, mlr_bits *d, int16_t *u, int16_t *v)
{
    size_t row = (size_t)n->row;
    size_t wide = 2 * (size_t)n->rank_pairs;
    bool ok = true;
    for (size_t k = 0; k < n->rank && ok; k++) {
        ok = read_column(d, v + k / 2 * row * 2 + k % 2, row, 2) &&
             read_column(d, u + k, (size_t)n->rows, wide);
    }
    return ok;
}

/*
 * Sums are taken in fixed point whose unit follows from the top scale alone: an old
 * mantissa at the top uses all but a few of 30 bits (both types at most 16 bits wide) or 62
 * bits.
 */
static void set_fixed_point(mlr_neural *m)
{
    bool narrow = m->now.bytes <= 2 && m->was.bytes <= 2;
    int room = narrow ? 30 : 62;
    m->k_most = room - (m->was.mantissa + 1);
    m->k_base = (int)m->top - m->k_most;
    m->sum_limit = ((int64_t)1 << room) - 1;
    m->s_least =
        1 - m->now.bias - m->now.mantissa - m->k_base + m->was.bias + m->was.mantissa;
}

void mlr_neural_shape(mlr_neural *m, const mlr_record *r, const mlr_neural_head *h)
{
    *m = (mlr_neural){.form = h->form,
                      .classes = h->classes,
                      .edges = h->edges,
                      .convert = r->dtype != r->old_dtype,
                      .top = (uint16_t)h->top,
                      .lag = h->lag,
                      .rank = h->rank,
                      .rank_pairs = (unsigned)rank_pairs(h),
                      .shift = h->shift,
                      .scale = h->scale,
                      .row = r->row,
                      .rows = h->rows};
    (void)mlr_number_of(r->dtype, &m->now);
    (void)mlr_number_of(r->old_dtype, &m->was);
    for (unsigned i = 0; i < MLR_NEURAL_RAW; i++) {
        m->map[i] = (uint8_t)i; /* until tables say otherwise */
    }
    set_fixed_point(m);
}

mlr_status mlr_neural_prepare(void *state, const mlr_record *r, mlr_err *err)
{
    mlr_neural_head h;
    mlr_status s = mlr_neural_head_read(r, &h, err);
    if (s != MLR_OK) {
        return s;
    }
    mlr_neural *n = state;
    mlr_neural_shape(n, r, &h);
    uint8_t *at = (uint8_t *)state + align64(sizeof *n);
    mlr_bits d;
    if (h.tables > 0) {
        mlr_bits_begin(&d, r->model + h.tables_at, r->model_bytes - h.tables_at);
        if (!mlr_neural_tables(n, &h, &d, at)) {
            return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "neural tables");
        }
        at += mlr_neural_table_bytes(&h);
    }
    if (n->rank > 0) {
        int16_t *v = (int16_t *)(void *)at;
        int16_t *u = v + (size_t)n->row * 2 * n->rank_pairs;
        memset(v, 0, ((size_t)n->row + (size_t)n->rows) * 2 * n->rank_pairs * sizeof *v);
        n->u = u;
        n->v = v;
        mlr_bits_begin(&d, r->model + h.factors_at, h.factor_bytes);
        if (!read_factors(n, &d, u, v)) {
            return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "neural factors");
        }
    }
    return MLR_OK;
}
