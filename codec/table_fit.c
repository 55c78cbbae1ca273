#include "codec/table_fit.h"

#include <string.h>

#include "codec/bits_write.h"
#include "codec/cost.h"

enum { TOKEN_COST = 3 << 16, TABLE_COST = 16 << 16 };

static unsigned raw_count(const mlr_counts *c)
{
    return c->classes * c->edges * c->flags;
}

/* Bits * 65536 of a group's tokens and of writing its table. */
static uint64_t group_cost(const uint32_t *count)
{
    uint64_t cost = mlr_entropy_q16(count, MLR_TOKEN_LIMIT);
    uint64_t present = 0;
    for (unsigned t = 0; t < MLR_TOKEN_LIMIT; t++) {
        present += count[t] != 0;
    }
    return present == 0 ? 0 : cost + present * TOKEN_COST + TABLE_COST;
}

uint64_t mlr_counts_cost(const mlr_counts *c)
{
    uint64_t cost = 0;
    for (unsigned i = 0; i < raw_count(c); i++) {
        cost += group_cost(c->of[i]);
    }
    return cost;
}

typedef struct group {
    uint32_t count[MLR_TOKEN_LIMIT];
    uint64_t cost, total;
} group;

typedef struct merging {
    group *groups; /* one for each raw context */
    unsigned raw, alive;
    uint8_t owner[MLR_NEURAL_RAW];
    uint8_t live[MLR_NEURAL_RAW];
    int64_t gain[MLR_NEURAL_RAW][3]; /* of merging with a neighbour, by direction */
} merging;

static uint8_t find(const merging *m, unsigned i)
{
    return m->owner[i];
}

static int64_t merge_gain(const merging *m, unsigned a, unsigned b)
{
    uint32_t sum[MLR_TOKEN_LIMIT];
    for (unsigned t = 0; t < MLR_TOKEN_LIMIT; t++) {
        sum[t] = m->groups[a].count[t] + m->groups[b].count[t];
    }
    return (int64_t)(m->groups[a].cost + m->groups[b].cost) - (int64_t)group_cost(sum);
}

static void merge_into(merging *m, unsigned a, unsigned b)
{
    for (unsigned t = 0; t < MLR_TOKEN_LIMIT; t++) {
        m->groups[a].count[t] += m->groups[b].count[t];
    }
    m->groups[a].cost = group_cost(m->groups[a].count);
    m->groups[a].total += m->groups[b].total;
    m->live[b] = 0;
    m->alive--;
    for (unsigned i = 0; i < m->raw; i++) {
        if (m->owner[i] == b) {
            m->owner[i] = (uint8_t)a;
        }
    }
}

/* Contexts that lie beside each other: next edge, next class, other flag. */
static bool neighbours(const mlr_counts *c, unsigned i, unsigned way, unsigned *j)
{
    unsigned edge = i % c->edges;
    unsigned class = i / c->edges % c->classes;
    unsigned flag = i / c->edges / c->classes;
    unsigned step[3] = {1, c->edges, c->edges * c->classes};
    *j = i + step[way];
    return (way == 0 && edge + 1 < c->edges) || (way == 1 && class + 1 < c->classes) ||
           (way == 2 && flag + 1 < c->flags);
}

static void refresh(merging *m, const mlr_counts *c, unsigned changed)
{
    for (unsigned i = 0; i < m->raw; i++) {
        for (unsigned way = 0; way < 3; way++) {
            unsigned j = 0;
            if (!neighbours(c, i, way, &j)) {
                m->gain[i][way] = INT64_MIN;
                continue;
            }
            unsigned a = find(m, i);
            unsigned b = find(m, j);
            if (a == b) {
                m->gain[i][way] = INT64_MIN;
            } else if (changed == MLR_NEURAL_RAW || a == changed || b == changed) {
                m->gain[i][way] = merge_gain(m, a, b);
            }
        }
    }
}

static bool best_merge(const merging *m, const mlr_counts *c, bool forced, unsigned *a,
                       unsigned *b)
{
    int64_t best = forced ? INT64_MIN : -1;
    bool found = false;
    for (unsigned i = 0; i < m->raw; i++) {
        for (unsigned way = 0; way < 3; way++) {
            unsigned j = 0;
            if (m->gain[i][way] > best && neighbours(c, i, way, &j)) {
                best = m->gain[i][way];
                *a = find(m, i);
                *b = find(m, j);
                found = true;
            }
        }
    }
    return found;
}

/* Tables are numbered in order of first appearance, as the map's coding expects. */
static void number_tables(const merging *m, mlr_tables *t)
{
    uint8_t number[MLR_NEURAL_RAW];
    memset(number, 0xff, sizeof number);
    t->count = 0;
    for (unsigned i = 0; i < m->raw; i++) {
        unsigned owner = find(m, i);
        if (number[owner] == 0xff) {
            memcpy(t->merged[t->count], m->groups[owner].count, sizeof t->merged[0]);
            number[owner] = (uint8_t)t->count++;
        }
        t->map[i] = number[owner];
    }
}

static void merge_all(merging *m, const mlr_counts *c, mlr_tables *t, unsigned most)
{
    for (unsigned i = 0; i < m->raw; i++) {
        memcpy(m->groups[i].count, c->of[i], sizeof c->of[i]);
        m->groups[i].cost = group_cost(c->of[i]);
        m->owner[i] = (uint8_t)i;
        m->live[i] = 1;
    }
    m->alive = m->raw;
    unsigned a = 0;
    unsigned b = 0;
    refresh(m, c, MLR_NEURAL_RAW);
    while (m->alive > 1 && best_merge(m, c, m->alive > most, &a, &b)) {
        merge_into(m, a, b);
        refresh(m, c, a);
    }
    number_tables(m, t);
}

unsigned mlr_tables_most(size_t max_state, unsigned most)
{
    enum { LEAST = 2, NARROW_BYTES = 2 * (MLR_TOKEN_LIMIT + 1) };
    size_t fit = max_state / 4 / NARROW_BYTES;
    fit = fit < LEAST ? LEAST : fit;
    return max_state == 0 || fit > most ? most : (unsigned)fit;
}

bool mlr_tables_narrow(size_t max_state, unsigned count)
{
    return max_state != 0 &&
           (size_t)count * MLR_RANS_SCALE * sizeof(uint32_t) > max_state / 4;
}

bool mlr_tables_merge(mlr_tables *t, const mlr_counts *c, unsigned most,
                      const mlr_allocator *alloc)
{
    merging m = {.raw = raw_count(c)};
    m.groups = mlr_take(alloc, m.raw * sizeof *m.groups);
    if (m.groups == NULL) {
        return false;
    }
    merge_all(&m, c, t, most);
    mlr_give(alloc, m.groups, m.raw * sizeof *m.groups);
    t->tokens = 1;
    for (unsigned i = 0; i < t->count; i++) {
        for (unsigned k = t->tokens; k < MLR_TOKEN_LIMIT; k++) {
            t->tokens = t->merged[i][k] != 0 ? k + 1 : t->tokens;
        }
    }
    return true;
}

/* The q whose weight comes nearest to what the count asks for. */
static uint8_t quantise(uint32_t count, uint64_t total, unsigned fine)
{
    if (count == 0) {
        return 0;
    }
    /* wanted frequency less the one that is given to every present token, 13 bits after
       the point, so that the least weight stands for half a step */
    uint64_t want = ((uint64_t)count << 25) / total;
    if (want < 3 << 12) {
        return 1;
    }
    want -= 1 << 13;
    unsigned q = 2;
    unsigned top = 2 + (14U << fine);
    while (q < top && mlr_table_weight(q + 1, fine) <= want) {
        q++;
    }
    if (q < top &&
        mlr_table_weight(q + 1, fine) - want < want - mlr_table_weight(q, fine)) {
        q++;
    }
    return (uint8_t)q;
}

static void write_map(const mlr_tables *t, const mlr_counts *c, mlr_bits_out *e,
                      mlr_table_model *m)
{
    unsigned known = 0;
    for (unsigned i = 0; i < raw_count(c); i++) {
        unsigned state = i == 0 ? 0 : i % c->edges == 0 ? 1U : 2U;
        if (i > 0) {
            unsigned same = t->map[i] == t->map[i - 1];
            mlr_bits_put(e, &m->map_same[state], same);
            if (same != 0) {
                continue;
            }
        }
        unsigned fresh = t->map[i] == known;
        if (i > 0 && known < t->count) {
            mlr_bits_put(e, &m->map_new[state != 1], fresh);
        }
        if (fresh != 0) {
            known++;
        } else {
            mlr_bits_put_even(e, t->map[i], 6);
        }
    }
}

static void write_q(mlr_bits_out *e, mlr_table_model *m, const uint8_t *q,
                    const uint8_t *before, unsigned t)
{
    mlr_table_near n = {.up = before[t],
                        .up1 = t < 1 ? 0 : before[t - 1],
                        .up2 = t < 2 ? 0 : before[t - 2],
                        .left1 = t < 1 ? 0 : q[t - 1],
                        .left2 = t < 2 ? 0 : q[t - 2]};
    unsigned left = t == 0 ? 1 : q[t - 1] == 0 ? 2U : 0;
    unsigned up = before[t] == 0 ? 1 : 0;
    mlr_bits_put(e, &m->absent[left][up], q[t] == 0);
    if (q[t] == 0) {
        return;
    }
    unsigned guess = mlr_table_guess(&n);
    unsigned kind = (t < 2 ? 2U : 0U) + up;
    mlr_bits_put(e, &m->zero[kind], q[t] == guess);
    if (q[t] == guess) {
        return;
    }
    mlr_bits_put(e, &m->sign[kind], q[t] < guess);
    unsigned size = q[t] < guess ? guess - q[t] : q[t] - guess;
    mlr_bits_put_number_in(e, m->size[kind], 1, MLR_TABLE_NUMBER, size - 1);
}

static uint64_t table_bits(const uint32_t *count, const uint16_t *freq, unsigned tokens)
{
    uint64_t bits = 0;
    for (unsigned t = 0; t < tokens; t++) {
        if (count[t] != 0) {
            bits += (uint64_t)count[t] * ((12U << 16) - mlr_log2_q16(freq[t]));
        }
    }
    return bits;
}

static void write_with(mlr_tables *t, const mlr_counts *c, unsigned fine, mlr_buf *out)
{
    mlr_table_model m;
    mlr_bits_out e;
    uint8_t rows[2][MLR_TOKEN_LIMIT] = {{0}};
    mlr_table_model_reset(&m);
    mlr_bits_out_begin(&e, out);
    write_map(t, c, &e, &m);
    mlr_bits_put_even(&e, fine - 1, 2);
    t->bits = 0;
    for (unsigned i = 0; i < t->count; i++) {
        uint8_t *q = rows[i & 1];
        const uint8_t *before = rows[1 - (i & 1)];
        uint64_t total = 0;
        unsigned last = 0;
        for (unsigned k = 0; k < t->tokens; k++) {
            total += t->merged[i][k];
            last = t->merged[i][k] != 0 ? k : last;
        }
        memset(q, 0, MLR_TOKEN_LIMIT);
        for (unsigned k = 0; k <= last; k++) {
            q[k] = total == 0 ? 1 : quantise(t->merged[i][k], total, fine);
        }
        mlr_bits_put_number_in(&e, m.last, 1, MLR_TABLE_NUMBER, last);
        for (unsigned k = 0; k <= last; k++) {
            write_q(&e, &m, q, before, k);
        }
        mlr_table_norm norm;
        (void)mlr_table_norm_of(&norm, q, t->tokens, fine);
        for (unsigned k = 0; k < t->tokens; k++) {
            t->freq[i][k] = (uint16_t)mlr_table_frequency(&norm, k);
        }
        t->bits += table_bits(t->merged[i], t->freq[i], t->tokens);
    }
    mlr_bits_out_end(&e);
}

void mlr_tables_write(mlr_tables *t, const mlr_counts *c, mlr_buf *out)
{
    unsigned best = MLR_TABLE_FINE;
    uint64_t least = UINT64_MAX;
    for (unsigned fine = 1; fine <= MLR_TABLE_FINE; fine++) {
        mlr_buf trial;
        mlr_buf_init(&trial, out->alloc);
        write_with(t, c, fine, &trial);
        uint64_t bits = (t->bits >> 16) + 8 * trial.size;
        if (bits < least) {
            least = bits;
            best = fine;
        }
        mlr_buf_release(&trial);
    }
    write_with(t, c, best, out);
}
