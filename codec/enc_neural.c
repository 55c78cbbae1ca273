#include <string.h>

#include "apply/neural_block.h"
#include "apply/token.h"
#include "codec/bits_write.h"
#include "codec/change_list.h"
#include "codec/cost.h"
#include "codec/factors.h"
#include "codec/lag.h"
#include "codec/neural_study.h"
#include "codec/scale.h"
#include "codec/strategy.h"
#include "codec/tokens.h"

enum {
    TABLES_WIDE = 32,
    RARE = 8 /* elements a bit: no search */,
    LAG_LEAST_BYTES = 256,
    SCALE_LEAST_BYTES = 64
};

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for encoding a tensor");
}

static bool suits(const mlr_record *r)
{
    mlr_number now;
    mlr_number was;
    return r->old_bytes > 0 && mlr_number_of(r->dtype, &now) &&
           mlr_number_of(r->old_dtype, &was) &&
           (r->dtype == r->old_dtype || (now.is_float && was.is_float)) &&
           r->old_bytes / was.bytes >= r->new_bytes / now.bytes;
}

/* --- study --------------------------------------------------------------------------- */

/* The scale that all but one element in a thousand of a sample stay below. */
static mlr_status find_top(const mlr_encoding *e, const mlr_view *v, const mlr_number *now,
                           uint16_t *top, mlr_err *err)
{
    enum { PIECE = 4096, PIECES = 16, SCALES = 2048 };
    const mlr_record *r = v->record;
    uint64_t elements = r->new_bytes / now->bytes;
    size_t bytes = PIECE * sizeof(uint64_t) + SCALES * sizeof(uint32_t);
    uint8_t *memory = mlr_take(e->alloc, bytes);
    if (memory == NULL) {
        return no_memory(err);
    }
    uint32_t *seen = (uint32_t *)(void *)(memory + PIECE * sizeof(uint64_t));
    memset(seen, 0, SCALES * sizeof *seen);
    mlr_status s = MLR_OK;
    uint64_t step = elements / PIECES < PIECE ? PIECE : elements / PIECES;
    uint32_t total = 0;
    for (uint64_t at = 0; at < elements && s == MLR_OK; at += step) {
        size_t n = elements - at < PIECE ? (size_t)(elements - at) : PIECE;
        s = v->read(v->ctx, at * now->bytes, n * now->bytes, memory, NULL, err);
        for (size_t i = 0; i < n && s == MLR_OK; i++) {
            uint64_t x = mlr_number_load(memory + i * now->bytes, now->bytes);
            unsigned scale = mlr_number_scale(now, x);
            bool finite = !now->is_float || scale < now->exp_limit;
            seen[scale] += finite;
            total += finite;
        }
    }
    uint32_t above = 0;
    unsigned scale = SCALES - 1;
    while (scale > 0 && (above += seen[scale]) <= total / 1000) {
        scale--;
    }
    *top = (uint16_t)scale;
    mlr_give(e->alloc, memory, bytes);
    return s;
}

/* Bits * 65536 of a change list: gaps and values of each class. */
static uint64_t changes_cost(const mlr_sweep *s)
{
    uint64_t cost = 0;
    for (unsigned i = 0; i < MLR_NEURAL_CLASSES; i++) {
        const uint32_t *count = s->counts.of[i];
        uint32_t split[2] = {count[0], 0};
        for (unsigned t = 1; t < MLR_TOKEN_LIMIT; t++) {
            split[1] += count[t];
        }
        cost += mlr_entropy_q16(split, 2);
        cost += mlr_entropy_q16(count + 1, MLR_TOKEN_LIMIT - 1);
        cost += split[1] != 0 ? 200U << 16 : 0; /* learning */
    }
    return cost;
}

/* Moves idle groups out of the counts and returns what their map takes. */
static uint64_t take_idle_out(mlr_sweep *s)
{
    for (unsigned i = 0; i < MLR_NEURAL_RAW; i++) {
        s->counts.of[i][0] -= s->idle[i];
    }
    uint64_t cost = 64 << 16;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t pair[2] = {(uint32_t)s->turns[i][0], (uint32_t)s->turns[i][1]};
        cost += mlr_entropy_q16(pair, 2);
    }
    return cost;
}

/* Chooses between tables, tables with skipping, and change lists. Reads and spends `s`. */
static uint64_t choose_form(mlr_sweep *s, mlr_neural_plan *p, const mlr_encoding *e)
{
    uint64_t changed = s->elements;
    for (unsigned i = 0; i < MLR_NEURAL_RAW; i++) {
        changed -= s->counts.of[i][0];
    }
    uint64_t tables = mlr_counts_cost(&s->counts);
    bool may_list = p->model.edges == 1 && p->model.lag == 0 &&
                    changed < s->elements / 12 &&
                    (e->max_work == 0 || e->max_work >= MLR_LIST_TERMS);
    uint64_t list = may_list ? changes_cost(s) : UINT64_MAX;
    uint64_t skipping = take_idle_out(s);
    skipping += mlr_counts_cost(&s->counts);
    if (list < tables && list < skipping) {
        p->model.form |= MLR_NEURAL_SPARSE;
        return list;
    }
    if (skipping < tables) {
        p->skipping = true;
        return skipping + (s->raw_bits << 16);
    }
    for (unsigned i = 0; i < MLR_NEURAL_RAW; i++) {
        s->counts.of[i][0] += s->idle[i];
    }
    return tables + (s->raw_bits << 16);
}

/* `t` is NULL for the sparse form, which has no tables. */
static void write_head(const mlr_neural_plan *p, const mlr_tables *t,
                       const mlr_buf *factors, mlr_buf *out)
{
    const mlr_neural *m = &p->model;
    mlr_buf_u8(out, m->form);
    mlr_buf_u8(out, m->classes);
    mlr_buf_u8(out, m->edges);
    mlr_buf_u8(out, t != NULL ? (uint8_t)t->count : 0);
    mlr_buf_u8(out, t != NULL ? (uint8_t)t->tokens : 0);
    mlr_buf_varint(out, m->top);
    mlr_buf_varint(out, m->lag);
    if (m->rank > 0) {
        mlr_buf_u8(out, (uint8_t)m->rank);
        mlr_buf_u8(out, (uint8_t)(m->shift + 64));
        mlr_buf_varint(out, factors->size);
        mlr_buf_add(out, factors->data, factors->size);
        out->failed |= factors->failed;
    }
    if (m->scale != 0) {
        int64_t scale = m->scale;
        mlr_buf_varint(out, (uint64_t)(scale < 0 ? -2 * scale - 1 : 2 * scale));
    }
}

/* The tables as mixing wants them to begin with. */
static bool keep_starts(const mlr_encoding *e, const mlr_tables *t, mlr_neural_plan *p)
{
    p->start_bytes = t->count * (t->tokens + 1U) * sizeof(uint16_t);
    p->starts = mlr_take(e->alloc, p->start_bytes);
    if (p->starts == NULL) {
        return false;
    }
    for (unsigned i = 0; i < t->count; i++) {
        uint16_t *start = p->starts + i * (t->tokens + 1U);
        start[0] = 0;
        for (unsigned k = 0; k < t->tokens; k++) {
            start[k + 1] = (uint16_t)(start[k] + t->freq[i][k]);
        }
    }
    p->model.tables =
        (mlr_rans_tables){.narrow = p->starts, .count = t->count, .tokens = t->tokens};
    return true;
}

static mlr_status write_tables(const mlr_encoding *e, mlr_sweep *s, mlr_neural_plan *p,
                               const mlr_buf *factors, mlr_buf *model, mlr_err *err)
{
    mlr_tables *t = mlr_take(e->alloc, sizeof *t);
    if (t == NULL) {
        return no_memory(err);
    }
    mlr_status status = MLR_OK;
    unsigned most = mlr_tables_most(e->max_state, TABLES_WIDE);
    if (!mlr_tables_merge(t, &s->counts, most, e->alloc)) {
        status = no_memory(err);
    } else {
        p->model.form |= mlr_tables_narrow(e->max_state, t->count) ? MLR_NEURAL_NARROW : 0;
        write_head(p, t, factors, model);
        mlr_tables_write(t, &s->counts, model);
        bool mixing = (p->model.form & MLR_NEURAL_MIX) != 0;
        memcpy(mixing ? p->model.prior : p->model.map, t->map, sizeof t->map);
        p->stride = t->tokens;
        p->symbol_bytes = t->count * p->stride * sizeof *p->symbols;
        p->symbols = mlr_take(e->alloc, p->symbol_bytes);
        for (unsigned i = 0; p->symbols != NULL && i < t->count; i++) {
            mlr_rans_symbols(p->symbols + i * p->stride, t->freq[i], t->tokens);
        }
        if (mixing && !keep_starts(e, t, p)) {
            status = no_memory(err);
        }
        status = p->symbols == NULL ? no_memory(err) : status;
    }
    mlr_give(e->alloc, t, sizeof *t);
    return status;
}

/* Every how many-th block is enough to compare two ways to count. */
static unsigned sample_stride(const mlr_record *r)
{
    enum { ENOUGH = 4 };
    uint64_t blocks = r->new_bytes / r->block_new;
    return blocks <= ENOUGH ? 1 : (unsigned)(blocks / ENOUGH);
}

/* Whether the neighbour's change can tell anything: some elements change, some do not. */
static bool is_mixed(const mlr_sweep *s)
{
    uint64_t same = 0;
    for (unsigned i = 0; i < MLR_NEURAL_RAW; i++) {
        same += s->counts.of[i][0];
    }
    return same > s->elements / 32 && same < s->elements - s->elements / 1024;
}

/* Counts a sample without and with the lag. */
static mlr_status lag_pays(const mlr_encoding *e, const mlr_view *v,
                           const mlr_neural_plan *with, mlr_sweep *s, bool *pays,
                           mlr_err *err)
{
    mlr_neural_plan plan = *with;
    uint64_t cost[2] = {0, 0};
    for (unsigned i = 0; i < 2; i++) {
        plan.model.lag = i == 0 ? 0 : with->model.lag;
        plan.model.form = with->model.form;
        if (mlr_neural_sweep(e, v, &plan.model, sample_stride(v->record), s, err) !=
            MLR_OK) {
            return err->status;
        }
        cost[i] = choose_form(s, &plan, e);
    }
    *pays = cost[1] < cost[0] - cost[0] / 512;
    return MLR_OK;
}

/* Replaces the plan by one whose contexts know whether a neighbour changed, where that is
   counted to be smaller. */
static mlr_status try_lag(const mlr_encoding *e, const mlr_view *v, bool mixed,
                          uint64_t *cost, mlr_neural_plan *p, mlr_sweep *s, mlr_err *err)
{
    const mlr_record *r = v->record;
    uint64_t lag = 0;
    if (!mixed || e->quick || !e->search || r->dtype != r->old_dtype ||
        *cost >> 19 < LAG_LEAST_BYTES || mlr_find_lag(e, v, &lag, err) != MLR_OK ||
        lag == 0) {
        return err->status;
    }
    mlr_sweep *t = mlr_take(e->alloc, sizeof *t);
    if (t == NULL) {
        return no_memory(err);
    }
    mlr_neural_plan with = {.model = p->model};
    with.model.form &= (uint8_t)~MLR_NEURAL_SPARSE;
    with.model.lag = lag;
    bool pays = true;
    mlr_status status = MLR_OK;
    if (sample_stride(r) > 1) {
        status = lag_pays(e, v, &with, t, &pays, err);
    }
    if (status == MLR_OK && pays) {
        status = mlr_neural_sweep(e, v, &with.model, 1, t, err);
    }
    uint64_t now = status == MLR_OK && pays ? choose_form(t, &with, e) : UINT64_MAX;
    if (now < *cost) {
        *p = with;
        *s = *t;
        *cost = now;
    }
    mlr_give(e->alloc, t, sizeof *t);
    return status;
}

/* Whether factors fit the device, with something left for tables. */
static bool rank_fits(const mlr_encoding *e, const mlr_record *r, unsigned rank)
{
    uint64_t elements = r->new_bytes / r->dtype->block_bytes;
    uint64_t rows = r->row == 0 ? 0 : elements / r->row + (elements % r->row != 0);
    return e->max_state == 0 ||
           (rows + r->row) * (rank + rank % 2) <= e->max_state / (2 * sizeof(int16_t));
}

/* Replaces the plan by one that multiplies the base (weight decay) where that is smaller.
 */
static mlr_status try_scale(const mlr_encoding *e, const mlr_view *v, uint64_t *cost,
                            mlr_neural_plan *p, mlr_sweep *s, mlr_err *err)
{
    int32_t scale = 0;
    if (*cost >> 19 < SCALE_LEAST_BYTES || mlr_find_scale(e, v, &scale, err) != MLR_OK ||
        scale == 0) {
        return err->status;
    }
    mlr_neural_head h = {.form = MLR_NEURAL_SCALED,
                         .classes = MLR_NEURAL_CLASSES,
                         .edges = MLR_NEURAL_EDGES,
                         .top = p->model.top,
                         .scale = scale};
    mlr_neural_plan with = {0};
    mlr_neural_shape(&with.model, v->record, &h);
    mlr_sweep *t = mlr_take(e->alloc, sizeof *t);
    if (t == NULL) {
        return no_memory(err);
    }
    mlr_status status = mlr_neural_sweep(e, v, &with.model, 1, t, err);
    uint64_t now = status == MLR_OK ? choose_form(t, &with, e) : UINT64_MAX;
    if (now < *cost) {
        *p = with;
        *s = *t;
        *cost = now;
    }
    mlr_give(e->alloc, t, sizeof *t);
    return status;
}

/* Replaces the plan by one with low-rank prediction where that is measured to be smaller.
 */
static mlr_status try_factors(const mlr_encoding *e, const mlr_view *v, uint64_t cost,
                              mlr_neural_plan *p, mlr_sweep *s, mlr_buf *out, mlr_err *err)
{
    mlr_factors f;
    if (e->quick || !e->search || !rank_fits(e, v->record, 1) || cost >> 19 < 1024 ||
        cost >> 16 < v->record->new_bytes / p->model.now.bytes / RARE) {
        return MLR_OK;
    }
    mlr_status status = mlr_lowrank_search(e, v, &p->model, &f, err);
    if (status != MLR_OK || f.rank == 0) {
        return status;
    }
    if (!rank_fits(e, v->record, f.rank)) {
        mlr_give(e->alloc, f.v, f.bytes);
        return MLR_OK;
    }
    mlr_neural_plan with = {.factors = f.v, .factor_bytes = f.bytes};
    mlr_neural_head h = {.form = MLR_NEURAL_LOWRANK,
                         .classes = MLR_NEURAL_CLASSES,
                         .edges = MLR_NEURAL_EDGES,
                         .top = p->model.top,
                         .rank = (uint8_t)f.rank,
                         .shift = f.shift};
    uint64_t elements = v->record->new_bytes / p->model.now.bytes;
    h.rows = elements / v->record->row + (elements % v->record->row != 0);
    mlr_neural_shape(&with.model, v->record, &h);
    with.model.v = f.v;
    with.model.u = f.u;
    mlr_factors_write(&f, h.rows, v->record->row, out);
    mlr_sweep *t = mlr_take(e->alloc, sizeof *t);
    status = t == NULL ? no_memory(err) : mlr_neural_sweep(e, v, &with.model, 1, t, err);
    if (status == MLR_OK) {
        uint64_t now = choose_form(t, &with, e) + ((uint64_t)out->size << 19);
        if (now < cost) {
            *p = with;
            *s = *t;
            with.factors = NULL;
        } else {
            out->size = 0;
        }
    }
    mlr_give(e->alloc, t, sizeof *t);
    mlr_give(e->alloc, with.factors, with.factor_bytes);
    return status;
}

static mlr_status study_with(const mlr_encoding *e, const mlr_view *v, mlr_neural_plan *p,
                             mlr_sweep *s, mlr_buf *model, mlr_err *err)
{
    bool mixing = (p->model.form & MLR_NEURAL_MIX) != 0; /* asked for by the caller */
    const mlr_record *r = v->record;
    mlr_number now;
    uint16_t top = 0;
    (void)mlr_number_of(r->dtype, &now);
    mlr_status status = find_top(e, v, &now, &top, err);
    if (status != MLR_OK) {
        return status;
    }
    mlr_neural_head h = {.classes = MLR_NEURAL_CLASSES, .edges = 1, .top = top};
    if (r->dtype != r->old_dtype) {
        h.edges = MLR_NEURAL_EDGES;
    }
    mlr_neural_shape(&p->model, r, &h);
    status = mlr_neural_sweep(e, v, &p->model, 1, s, err);
    if (status != MLR_OK) {
        return status;
    }
    bool mixed = is_mixed(s);
    uint64_t cost = choose_form(s, p, e);
    /* mixing has no contexts for a lag: the decoder refuses both together */
    status = try_lag(e, v, mixed && !mixing, &cost, p, s, err);
    if (status == MLR_OK) {
        status = try_scale(e, v, &cost, p, s, err);
    }
    mlr_buf factors;
    mlr_buf_init(&factors, e->alloc);
    if (status == MLR_OK) {
        status = try_factors(e, v, cost, p, s, &factors, err);
    }
    bool sparse = (p->model.form & MLR_NEURAL_SPARSE) != 0;
    if (mixing && !sparse) {
        p->model.form |= MLR_NEURAL_MIX | MLR_NEURAL_NARROW;
    }
    if (status == MLR_OK && sparse) {
        write_head(p, NULL, &factors, model);
    } else if (status == MLR_OK) {
        status = write_tables(e, s, p, &factors, model, err);
    }
    mlr_buf_release(&factors);
    return status;
}

static void forget(const mlr_encoding *e, void *state)
{
    mlr_neural_plan *p = state;
    if (p != NULL) {
        mlr_give(e->alloc, p->symbols, p->symbol_bytes);
        mlr_give(e->alloc, p->factors, p->factor_bytes);
        mlr_give(e->alloc, p->starts, p->start_bytes);
        mlr_give(e->alloc, p, sizeof *p);
    }
}

static mlr_status study_for(const mlr_encoding *e, const mlr_view *v, uint8_t form,
                            mlr_buf *model, void **state, mlr_err *err)
{
    mlr_neural_plan *p = mlr_take(e->alloc, sizeof *p);
    mlr_sweep *s = mlr_take(e->alloc, sizeof *s);
    mlr_status status = MLR_OK;
    if (p != NULL) {
        *p = (mlr_neural_plan){.model.form = form};
    }
    if (p == NULL || s == NULL) {
        status = no_memory(err);
    } else {
        status = study_with(e, v, p, s, model, err);
    }
    mlr_give(e->alloc, s, sizeof *s);
    if (status == MLR_OK && model->failed) {
        status = no_memory(err);
    }
    if (status != MLR_OK) {
        forget(e, p);
        p = NULL;
    }
    *state = p;
    return status;
}

static mlr_status study(const mlr_encoding *e, const mlr_view *v, mlr_buf *model,
                        void **state, mlr_err *err)
{
    return study_for(e, v, 0, model, state, err);
}

static mlr_status study_max(const mlr_encoding *e, const mlr_view *v, mlr_buf *model,
                            void **state, mlr_err *err)
{
    return study_for(e, v, MLR_NEURAL_MIX, model, state, err);
}

/* --- encode -------------------------------------------------------------------------- */

/* Memory for one block, taken at once. */
typedef struct scratch {
    uint8_t *base;
    size_t bytes;
    uint8_t *expected, *context, *token, *raw;
    int32_t *sums;
    uint16_t *words;
} scratch;

static bool take_scratch(const mlr_encoding *e, const mlr_number *now, size_t n, scratch *m)
{
    size_t chunk = MLR_NEURAL_CHUNK * (size_t)8 + 64;
    size_t sums = (MLR_NEURAL_CHUNK + 16) * sizeof(int32_t);
    m->bytes = chunk + sums + 2 * (n + 64) + 2 * (n + 8) + n * now->bytes + 64;
    m->base = mlr_take(e->alloc, m->bytes);
    if (m->base == NULL) {
        return false;
    }
    m->expected = m->base;
    m->sums = (int32_t *)(void *)(m->base + chunk);
    m->words = (uint16_t *)(void *)(m->base + chunk + sums);
    m->context = (uint8_t *)(m->words + n + 8);
    m->token = m->context + n + 64;
    m->raw = m->token + n + 64;
    return true;
}

static size_t all_idle(const uint8_t *token, size_t n)
{
    size_t i = 0;
    while (i < n && token[i] == 0) {
        i++;
    }
    return i == n;
}

/* Writes the skip map and closes the gaps in context and token; returns what is left. */
static size_t write_skips(scratch *m, size_t n, mlr_buf *map)
{
    mlr_bits_out e;
    mlr_bit model[2][MLR_SKIP_ROOM];
    mlr_bits_out_begin(&e, map);
    mlr_bit_reset(model[0], sizeof model / sizeof(mlr_bit));
    unsigned flag = 1;
    uint64_t run = 0;
    bool first = true;
    size_t used = 0;
    for (size_t at = 0; at < n; at += MLR_NEURAL_GROUP) {
        size_t group = n - at < MLR_NEURAL_GROUP ? n - at : MLR_NEURAL_GROUP;
        unsigned on = all_idle(m->token + at, group) == 0;
        if (on != flag) {
            mlr_bits_put_number_in(&e, model[flag], 2, MLR_SKIP_NUMBER,
                                   first ? run : run - 1);
            first = false;
            flag = on;
            run = 0;
        }
        run++;
        if (on != 0) {
            memmove(m->context + used, m->context + at, group);
            memmove(m->token + used, m->token + at, group);
            used += group;
        }
    }
    mlr_bits_put_number_in(&e, model[flag], 2, MLR_SKIP_NUMBER, first ? run : run - 1);
    mlr_bits_out_end(&e);
    return used;
}

/* Every lane takes about three bytes more: few of them where that would show. */
static unsigned lanes_for(size_t n)
{
    return n >= 32768 ? 32 : n >= 4096 ? 8 : n >= 1024 ? 2 : 1;
}

static size_t encode_rans(mlr_rans_job *job, mlr_rans_encode_fn fast, uint16_t *words,
                          uint32_t *state)
{
    enum { SHORT = 2048 }; /* words that so many lanes are too many for */
    size_t n = fast != NULL && job->lanes == MLR_RANS_LANES
                   ? fast(job, words, state)
                   : mlr_rans_encode(job, words, state);
    while (job->lanes > 1 && n < SHORT / MLR_RANS_LANES * job->lanes) {
        job->lanes /= 4;
        job->lanes += job->lanes == 0;
        n = mlr_rans_encode(job, words, state);
    }
    return n;
}

static void append_words(mlr_buf *out, const uint16_t *words, size_t n)
{
    uint8_t *to = mlr_buf_extend(out, 2 * n);
    for (size_t i = 0; to != NULL && i < n; i++) {
        mlr_store16(to + 2 * i, words[i]);
    }
}

/* Appends a block of tokens; false where the tables lack one of them. */
static bool put_tokens(const mlr_neural_plan *p, const mlr_neural_kernels *kernels,
                       scratch *m, size_t n, size_t raw_bytes, mlr_buf *out)
{
    mlr_buf map;
    mlr_buf_init(&map, out->alloc);
    size_t used = p->skipping ? write_skips(m, n, &map) : n;
    uint32_t state[MLR_RANS_LANES];
    mlr_rans_job job = {.symbols = p->symbols,
                        .stride = p->stride,
                        .context = m->context,
                        .token = m->token,
                        .n = used,
                        .lanes = lanes_for(used)};
    size_t words = encode_rans(&job, kernels->rans_encode, m->words, state);
    if (words == SIZE_MAX || map.failed) {
        out->failed |= map.failed;
        mlr_buf_release(&map);
        return false;
    }
    unsigned lanes_log = mlr_log2_u64(job.lanes);
    mlr_buf_u8(out,
               (uint8_t)(MLR_NEURAL_TOKENS | (p->skipping ? 8U : 0U) | lanes_log << 4));
    mlr_buf_varint(out, words);
    if (p->skipping) {
        mlr_buf_varint(out, map.size);
        mlr_buf_add(out, map.data, map.size);
    }
    for (unsigned i = 0; i < job.lanes; i++) {
        mlr_buf_u32(out, state[i]);
    }
    append_words(out, m->words + 8 + used - words, words);
    mlr_buf_add(out, m->raw, raw_bytes);
    mlr_buf_release(&map);
    return true;
}

/* --- blocks ----------------------------------------------------------------------------
 */

static void put_stored(const mlr_enc_block *b, size_t bytes, mlr_buf *out)
{
    mlr_buf_u8(out, MLR_NEURAL_STORED);
    mlr_buf_add(out, b->new_bytes, bytes);
}

static unsigned write_decision(void *coder, uint32_t p16, unsigned bit)
{
    mlr_bits_put_raw(coder, p16, bit);
    return bit;
}

static mlr_status put_mixed(const mlr_encoding *e, const mlr_block_tokens *t, mlr_buf *out,
                            mlr_err *err)
{
    mlr_nmix *m = mlr_take(e->alloc, sizeof *m);
    if (m == NULL) {
        return no_memory(err);
    }
    mlr_bits_out bits;
    mlr_buf_u8(out, MLR_NEURAL_MIXED);
    mlr_bits_out_begin(&bits, out);
    m->decide = write_decision;
    m->coder = &bits;
    m->model = t->model;
    mlr_nmix_begin(m);
    for (size_t at = 0; at < t->n; at += MLR_NEURAL_CHUNK) {
        mlr_chunk c = mlr_block_chunk(t, at);
        mlr_nmix_encode_chunk(m, &c, c.out);
    }
    mlr_bits_out_end(&bits);
    mlr_give(e->alloc, m, sizeof *m);
    return MLR_OK;
}

/* By tables or by mixing, whichever takes less. */
static mlr_status put_smaller(const mlr_encoding *e, const mlr_block_tokens *t, scratch *m,
                              size_t raw_bytes, const mlr_neural_plan *p, mlr_buf *out,
                              mlr_err *err)
{
    mlr_buf tokens;
    mlr_buf_init(&tokens, e->alloc);
    size_t start = out->size;
    mlr_status s =
        put_mixed(e, t, out, err); /* writes raw contexts, as the tokens had them */
    for (size_t i = 0; i < t->n; i++) {
        unsigned raw = m->context[i] & 0x7fU;
        m->context[i] = (uint8_t)(p->model.prior[raw] | (m->context[i] & MLR_NEURAL_FLIP));
    }
    if (s == MLR_OK && put_tokens(p, t->kernels, m, t->n, raw_bytes, &tokens) &&
        !tokens.failed && tokens.size < out->size - start) {
        out->size = start;
        mlr_buf_add(out, tokens.data, tokens.size);
    }
    mlr_buf_release(&tokens);
    return s;
}

static mlr_status put_body(const mlr_encoding *e, const mlr_enc_block *b, size_t n,
                           scratch *m, mlr_buf *out, mlr_err *err)
{
    const mlr_neural_plan *p = b->state;
    mlr_rawbits_out raw = {.at = m->raw};
    bool sparse = (p->model.form & MLR_NEURAL_SPARSE) != 0;
    mlr_block_tokens t = {.model = &p->model,
                          .kernels = mlr_neural_kernels_of(e->kernels),
                          .new_bytes = b->new_bytes,
                          .old = b->old,
                          .element = b->first / p->model.now.bytes,
                          .n = n,
                          .expected = m->expected,
                          .sums = m->sums,
                          .context = m->context,
                          .token = m->token,
                          .raw = sparse ? NULL : &raw};
    if (sparse) {
        return mlr_change_list_put(e, &t, out, err);
    }
    mlr_block_tokenise(&t);
    if (all_idle(m->token, n) != 0) {
        mlr_buf_u8(out, MLR_NEURAL_EXACT);
        return MLR_OK;
    }
    size_t raw_bytes = (size_t)(raw.at - m->raw) + (raw.count > 0);
    if ((p->model.form & MLR_NEURAL_MIX) != 0) {
        return put_smaller(e, &t, m, raw_bytes, p, out, err);
    }
    if (!put_tokens(p, t.kernels, m, n, raw_bytes, out)) {
        put_stored(b, n * p->model.now.bytes, out);
    }
    return MLR_OK;
}

static mlr_status encode(const mlr_encoding *e, const mlr_enc_block *b, mlr_buf *payload,
                         mlr_err *err)
{
    const mlr_neural_plan *p = b->state;
    size_t wide = p->model.now.bytes;
    size_t n = b->new_n / wide;
    size_t start = payload->size;
    scratch m;
    if (!take_scratch(e, &p->model.now, n, &m)) {
        return no_memory(err);
    }
    mlr_status s = put_body(e, b, n, &m, payload, err);
    mlr_give(e->alloc, m.base, m.bytes);
    if (s != MLR_OK) {
        return s;
    }
    if (payload->size - start > n * wide + 1) {
        payload->size = start;
        put_stored(b, n * wide, payload);
    }
    mlr_buf_add(payload, b->new_bytes + n * wide, b->new_n - n * wide);
    return payload->failed ? no_memory(err) : MLR_OK;
}

/* --- inspection ------------------------------------------------------------------------
 */

static void say(mlr_buf *text, const char *words)
{
    mlr_buf_add(text, words, strlen(words));
}

static void say_number(mlr_buf *text, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    mlr_buf_add(text, digits + at, sizeof digits - at);
}

static void describe(const mlr_record *r, mlr_buf *text)
{
    mlr_neural_head h;
    mlr_err err = {0};
    if (mlr_neural_head_read(r, &h, &err) != MLR_OK) {
        say(text, "unreadable model");
        return;
    }
    say(text, r->dtype != r->old_dtype ? "predictor conversion" : "predictor base");
    if (h.rank > 0) {
        say(text, " + low rank ");
        say_number(text, h.rank);
    }
    if (h.scale != 0) {
        say(text, " scaled");
    }
    if (h.lag > 0) {
        say(text, ", context of the change ");
        say_number(text, h.lag);
        say(text, " back");
    }
    if ((h.form & MLR_NEURAL_SPARSE) != 0) {
        say(text, ", change lists");
    } else if ((h.form & MLR_NEURAL_MIX) != 0) {
        say(text, ", mixing");
    } else {
        say(text, ", ");
        say_number(text, h.tables);
        say(text, h.tables == 1 ? " table" : " tables");
    }
    say(text, ", model ");
    say_number(text, r->model_bytes);
    say(text, " bytes");
}

const mlr_encoder mlr_encoder_neural = {
    .id = MLR_STRATEGY_neural,
    .summary = "predicts each number from the base, codes the residual given its scale",
    .suits = suits,
    .study = study,
    .forget = forget,
    .encode = encode,
    .describe = describe};

const mlr_encoder mlr_encoder_neural_max = {
    .id = MLR_STRATEGY_neural_max,
    .summary = "as neural, the residual coded by adaptive mixing: smaller and slow",
    .suits = suits,
    .study = study_max,
    .forget = forget,
    .encode = encode,
    .describe = describe};
