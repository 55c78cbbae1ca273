#include "apply/mix_model.h"

#include "apply/base/cursor.h"
#include "apply/base/mem.h"
#include "apply/mix_tables.h"

enum {
    FLAG_INPUTS = 9, /* the last one is constant */
    BIT_CONTEXTS = 13,
    BIT_INPUTS = BIT_CONTEXTS + 3, /* the difference tables, the match, a constant */
    FLAG_SETS = 16,
    FEW_FLAG_SETS = 4,
    RECENT_SETS = 32,
    BIT_SETS = 24,
    PLACE_SETS = 32,
    COUNT_MOST = 80,     /* how slowly decisions adapt in the end */
    BIT_COUNT_MOST = 62, /* the same for bits */
    SURE_RUN = 512,      /* hits in a row from which one context decides */
    SURE_SETS = 24,
    VERIFY_MOST = 32,    /* bytes compared behind a candidate */
    MATCH_LEAST = 5,     /* bytes that make a match */
    DIFF_MOST = 1 << 14, /* weight of a difference table before it is halved */
    SELECT_MOST = 7      /* adaption of what chooses between predictors, as a shift */
};

#if defined(__GNUC__)
#define MLR_PREFETCH(p) __builtin_prefetch(p)
#else
#define MLR_PREFETCH(p) ((void)0)
#endif

/* Positions are stored plus one: 0 is none. */
struct mlr_mix {
    mlr_mix_params p;
    const uint8_t *old, *now;
    size_t old_n, n;
    size_t pos;
    size_t old_whole, new_whole; /* bytes that column_flip applies to */
    size_t ptr;                  /* the old byte that belongs to the next new one */
    size_t match;                /* position in `now` that seems to repeat, or n */
    uint32_t match_len;
    uint64_t recent;   /* last eight bytes, the newest lowest */
    uint64_t hits;     /* last 64 bytes: was the chosen prediction right? newest lowest */
    uint32_t old_hits; /* the same for the base's byte */
    uint32_t run;      /* hits in a row */
    uint32_t diffs;    /* last four differences from the base, newest lowest */
    int e_old, e_match, expected;
    uint32_t chance; /* of the last decision or bit */
    bool sure, missed;

    uint32_t *slots, *flags, *head;
    uint16_t *diff;
    uint16_t *sum; /* 512: tree of sums over the difference table, for this byte */
    uint32_t sure_slots[SURE_SETS];
    uint16_t select_old[64], select_match[32];
    uint32_t jump_slots[64], aside[MLR_MIX_ASIDE];
    uint32_t *jump_slot;
    uint32_t since_jump;

    uint32_t *flag_slot[FLAG_INPUTS - 1];
    int32_t flag_in[FLAG_INPUTS];
    int32_t *flag_weights, *recent_weights; /* the sets in use, which add up */
    int32_t flag_rate, bit_rate;
    uint32_t bit_hash[BIT_CONTEXTS];
    uint32_t *group[BIT_CONTEXTS], check[BIT_CONTEXTS];
    uint32_t *bit_slot[BIT_CONTEXTS];
    int32_t bit_in[BIT_INPUTS];
    int32_t *set_weights, *place_weights;
    uint32_t match_slots[64];
    uint32_t *match_slot;
    unsigned so_far, seen;
    int32_t *flag_sets, *recent_sets, *bit_sets, *place_sets;
};

/* --- parameters --- */

void mlr_mix_store(const mlr_mix_params *p, uint8_t model[MLR_MIX_MODEL])
{
    model[0] = (uint8_t)(p->slot_bits | p->wide << 7);
    model[1] = p->flag_bits;
    model[2] = p->match_bits;
    model[3] = (uint8_t)(p->diff_bits | p->column_flip << 4);
    model[4] = p->column;
}

static bool within(unsigned v, unsigned low, unsigned high)
{
    return v >= low && v <= high;
}

mlr_status mlr_mix_load(mlr_mix_params *p, const uint8_t *model, size_t n, mlr_err *err)
{
    if (n != MLR_MIX_MODEL) {
        return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "size of the model of mix");
    }
    *p = (mlr_mix_params){.slot_bits = model[0] & 0x7f,
                          .wide = model[0] >> 7,
                          .flag_bits = model[1],
                          .match_bits = model[2],
                          .diff_bits = model[3] & 15,
                          .column_flip = model[3] >> 4,
                          .column = model[4]};
    unsigned flip = p->column_flip;
    bool good = within(p->slot_bits, 6, 22) && within(p->flag_bits, 6, 18) &&
                (p->match_bits == 0 || within(p->match_bits, 6, 20)) &&
                (p->diff_bits == MLR_MIX_NO_DIFF || p->diff_bits <= 4) &&
                within(p->column, 1, 64) && (flip & (flip + 1)) == 0 && flip <= 7;
    return good ? MLR_OK : mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET, "parameters of mix");
}

static size_t diff_tables(const mlr_mix_params *p)
{
    return p->diff_bits == MLR_MIX_NO_DIFF ? 0 : (size_t)1 << p->diff_bits;
}

/* Sets of weights of each kind. */
typedef struct set_counts {
    size_t flag, recent, bit, place;
} set_counts;

static set_counts count_sets(const mlr_mix_params *p)
{
    if (p->wide == 0) {
        return (set_counts){.flag = FEW_FLAG_SETS, .recent = 1, .bit = 1, .place = 1};
    }
    return (set_counts){
        .flag = FLAG_SETS, .recent = RECENT_SETS, .bit = BIT_SETS, .place = PLACE_SETS};
}

/* Up to the next cache line. */
static size_t line(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

_Static_assert(MLR_MIX_OWN >= sizeof(mlr_mix) + 2 * 64, "a model without its tables");

uint64_t mlr_mix_terms(const mlr_mix_params *p)
{
    set_counts c = count_sets(p);
    size_t weights = (c.flag + c.recent) * FLAG_INPUTS + (c.bit + c.place) * BIT_INPUTS;
    size_t match = p->match_bits == 0 ? 0 : (size_t)1 << p->match_bits;
    size_t slots = ((size_t)1 << p->slot_bits) + ((size_t)1 << p->flag_bits);
    size_t diff = diff_tables(p) == 0 ? 0 : 2 * (512 + 256 * diff_tables(p));
    return 4 * (weights + slots + match) + diff;
}

size_t mlr_mix_bytes(const mlr_mix_params *p)
{
    return (size_t)mlr_mix_terms(p) + MLR_MIX_OWN;
}

/* --- adaptive probabilities: 22 bits of chance, 10 bits of count --- */

static uint32_t slot_chance(uint32_t slot)
{
    uint32_t p = slot >> 16;
    return p == 0 ? 1 : p;
}

/* 65536 / (n + 1.5) for small n: the weight of what is new. */
static uint32_t step_of(uint32_t count)
{
    return 131072 / (2 * count + 3);
}

static void slot_learn(uint32_t *slot, unsigned bit, uint32_t most)
{
    uint32_t p = *slot >> 10, n = *slot & 1023;
    uint32_t step = step_of(n);
    if (bit != 0) {
        p += (uint32_t)(((uint64_t)((1U << 22) - 1 - p) * step) >> 16);
    } else {
        p -= (uint32_t)(((uint64_t)p * step) >> 16);
    }
    *slot = p << 10 | (n < most ? n + 1 : n);
}

/* Bit slots: 16 bits of chance, 10 bits that tell contexts apart, 6 bits of count. */
static void bit_learn(uint32_t *slot, unsigned bit)
{
    uint32_t p = *slot >> 16, n = *slot & 63;
    uint32_t step = step_of(n);
    if (bit != 0) {
        p += ((65535 - p) * step) >> 16;
    } else {
        p -= (p * step) >> 16;
    }
    *slot = p << 16 | (*slot & 0xffc0) | (n < BIT_COUNT_MOST ? n + 1 : n);
}

static uint32_t hash2(uint32_t a, uint32_t b)
{
    uint32_t h = a * 0x9E3779B1U ^ b * 0x85EBCA6BU;
    h ^= h >> 15;
    return h * 0xC2B2AE35U;
}

/* --- set-up --- */

static void fill(uint32_t *p, size_t n, uint32_t v)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = v;
    }
}

static void fill_weights(int32_t *w, size_t n, int32_t v)
{
    for (size_t i = 0; i < n; i++) {
        w[i] = v;
    }
}

/* Small differences are likelier, before anything is known. */
static void init_diff(uint16_t *t)
{
    for (int d = 0; d < 256; d++) {
        int far = d < 128 ? d : 256 - d;
        t[d] = (uint16_t)(2 + (far < 24 ? 48 / (1 + far) : 0));
    }
}

static void init_tables(mlr_mix *m)
{
    const mlr_mix_params *p = &m->p;
    fill(m->slots, (size_t)1 << p->slot_bits, 0x80000000U);
    fill(m->flags, (size_t)1 << p->flag_bits, 0xD0000000U);
    if (p->match_bits > 0) {
        memset(m->head, 0, (size_t)4 << p->match_bits);
    }
    for (size_t i = 0; i < diff_tables(p); i++) {
        init_diff(m->diff + 256 * i);
    }
    fill(m->sure_slots, SURE_SETS, 0xFFFE0000U | 200);
    for (unsigned i = 0; i < 64; i++) {
        m->select_old[i] = (i & 1) != 0 ? 60000 : 40000;
        m->match_slots[i] = 0x80000000U;
        m->jump_slots[i] = 0x18000000U | 2;
    }
    fill(m->aside, MLR_MIX_ASIDE, 0x80000000U | 2);
    for (unsigned i = 0; i < 32; i++) {
        m->select_match[i] = (uint16_t)(i < 16 ? 20000 + 2400 * i : 60000);
    }
    set_counts c = count_sets(p);
    fill_weights(m->flag_sets, c.flag * FLAG_INPUTS, 65536 * 11 / 100);
    fill_weights(m->recent_sets, c.recent * FLAG_INPUTS, 0);
    fill_weights(m->bit_sets, c.bit * BIT_INPUTS, 65536 * 18 / 100);
    fill_weights(m->place_sets, c.place * BIT_INPUTS, 0);
}

static size_t flipped(const mlr_mix *m, size_t i, size_t whole)
{
    return i < whole ? i ^ m->p.column_flip : i;
}

static uint8_t old_at(const mlr_mix *m, size_t i)
{
    return m->old[flipped(m, i, m->old_whole)];
}

static uint8_t new_at(const mlr_mix *m, size_t i)
{
    return m->now[flipped(m, i, m->new_whole)];
}

size_t mlr_mix_place(const mlr_mix *m)
{
    return flipped(m, m->pos, m->new_whole);
}

/* Which prediction to follow: the one that has been right more often in its situation. */
static void choose(mlr_mix *m)
{
    m->e_old = m->ptr < m->old_n ? old_at(m, m->ptr) : -1;
    m->e_match = m->match < m->pos ? new_at(m, m->match) : -1;
    uint32_t by_old = m->e_old < 0 ? 0 : m->select_old[m->old_hits & 63];
    uint32_t len = m->match_len < 31 ? m->match_len : 31;
    uint32_t by_match = m->e_match < 0 ? 0 : m->select_match[len];
    m->expected = by_old >= by_match ? m->e_old : m->e_match;
    if (by_old < 6000 && by_match < 6000) {
        m->expected = -1;
    }
    m->missed = false;
}

/* Tables behind the head, in the order of mlr_mix_bytes(). */
static void lay_out(mlr_mix *m)
{
    const mlr_mix_params *p = &m->p;
    set_counts c = count_sets(p);
    uint8_t *weights = (uint8_t *)m + line(sizeof *m);
    m->flag_sets = (int32_t *)(void *)weights;
    m->recent_sets = m->flag_sets + c.flag * FLAG_INPUTS;
    m->bit_sets = m->recent_sets + c.recent * FLAG_INPUTS;
    m->place_sets = m->bit_sets + c.bit * BIT_INPUTS;
    uint8_t *end = (uint8_t *)(m->place_sets + c.place * BIT_INPUTS);
    m->slots = (uint32_t *)(void *)(weights + line((size_t)(end - weights)));
    m->flags = m->slots + ((size_t)1 << p->slot_bits);
    m->head = m->flags + ((size_t)1 << p->flag_bits);
    m->sum = (uint16_t *)(void *)(m->head +
                                  (p->match_bits == 0 ? 0 : (size_t)1 << p->match_bits));
    m->diff = m->sum + 512;
}

mlr_mix *mlr_mix_begin(void *memory, const mlr_mix_params *p, const mlr_mix_sides *s)
{
    mlr_mix *m = memory;
    memset(m, 0, sizeof *m);
    m->p = *p;
    m->old = s->old;
    m->old_n = s->old_n;
    m->now = s->now;
    m->n = s->n;
    m->old_whole = s->old_n & ~(size_t)p->column_flip;
    m->new_whole = s->n & ~(size_t)p->column_flip;
    m->match = s->n;
    m->hits = ~(uint64_t)0;
    m->old_hits = ~(uint32_t)0;
    m->run = 16;
    m->since_jump = 64;
    m->flag_rate = 200;
    m->bit_rate = 120;
    lay_out(m);
    init_tables(m);
    choose(m);
    return m;
}

int mlr_mix_expected(const mlr_mix *m)
{
    return m->expected;
}

/* --- mixing --- */

static int32_t dot(const int32_t *w, const int32_t *in, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (int64_t)w[i] * in[i];
    }
    sum >>= 16;
    return sum > 8192 ? 8192 : sum < -8192 ? -8192 : (int32_t)sum;
}

static void train(int32_t *w, const int32_t *in, size_t n, int32_t push)
{
    for (size_t i = 0; i < n; i++) {
        int32_t v = w[i] + (int32_t)(((int64_t)in[i] * push + (1 << 19)) >> 20);
        w[i] = v > (16 << 16) ? 16 << 16 : v < -(16 << 16) ? -(16 << 16) : v;
    }
}

/* --- is it the expected byte? --- */

/* Length of a run in about two steps per doubling. */
static uint32_t bucket(uint32_t v)
{
    if (v < 4) {
        return v;
    }
    unsigned top = mlr_top_bit(v);
    return 2 * top + ((v >> (top - 1)) & 1);
}

static uint32_t neighbour(const mlr_mix *m, size_t ahead)
{
    size_t at = m->ptr + ahead;
    return at < m->old_n ? old_at(m, at) : 256U;
}

static void flag_contexts(const mlr_mix *m, uint32_t ctx[FLAG_INPUTS - 1])
{
    uint32_t e = (uint32_t)m->expected;
    uint32_t by = (m->expected == m->e_old) | (uint32_t)(m->expected == m->e_match) << 1;
    uint32_t run = bucket(m->run);
    uint32_t col = (uint32_t)(m->pos % m->p.column);
    uint32_t w = m->p.column > 32 ? 32 : m->p.column;
    uint32_t same_col =
        (uint32_t)(m->hits >> (w - 1) & 1) | (uint32_t)(m->hits >> (2 * w - 1) & 1) << 1;
    uint32_t len = bucket(m->match_len < 400 ? m->match_len : 400);
    uint32_t c1 = (uint32_t)(m->recent & 0xff), c2 = (uint32_t)(m->recent & 0xffff);
    ctx[0] = run | by << 6;
    ctx[1] = (uint32_t)(m->hits & 0xffff) | by << 16;
    ctx[2] = e | (uint32_t)(m->hits & 3) << 8 | by << 10;
    ctx[3] = col | same_col << 8 | (uint32_t)(m->hits & 7) << 10;
    ctx[4] = neighbour(m, 1) | e << 9 | c1 << 17 | (uint32_t)(m->hits & 1) << 25;
    ctx[5] = c2 | e << 16 | (uint32_t)(m->hits & 1) << 24;
    ctx[6] = len | by << 8 | (uint32_t)(m->hits & 15) << 10;
    ctx[7] = (m->diffs & 0xffff) | col << 16;
}

static uint32_t sure_index(const mlr_mix *m)
{
    uint32_t b = bucket(m->run) - bucket(SURE_RUN);
    return b < SURE_SETS ? b : SURE_SETS - 1;
}

uint32_t mlr_mix_hit_chance(mlr_mix *m)
{
    m->sure = m->run >= SURE_RUN;
    if (m->sure) {
        m->chance = slot_chance(m->sure_slots[sure_index(m)]);
        return m->chance;
    }
    uint32_t ctx[FLAG_INPUTS - 1];
    flag_contexts(m, ctx);
    unsigned shift = 32U - m->p.flag_bits;
    for (uint32_t i = 0; i < FLAG_INPUTS - 1; i++) {
        m->flag_slot[i] = &m->flags[hash2(ctx[i], i + 1) >> shift];
        m->flag_in[i] = mlr_stretch(slot_chance(*m->flag_slot[i]));
    }
    m->flag_in[FLAG_INPUTS - 1] = 256;
    uint32_t run = bucket(m->run);
    uint32_t set =
        m->p.wide ? (run < FLAG_SETS ? run : FLAG_SETS - 1) : run / 5 % FEW_FLAG_SETS;
    m->flag_weights = m->flag_sets + set * FLAG_INPUTS;
    uint32_t by = (m->expected == m->e_old) | (uint32_t)(m->expected == m->e_match) << 1;
    uint32_t recent = m->p.wide ? by << 3 | (uint32_t)(m->hits & 7) : 0;
    m->recent_weights = m->recent_sets + recent * FLAG_INPUTS;
    m->chance = mlr_squash(dot(m->flag_weights, m->flag_in, FLAG_INPUTS) +
                           dot(m->recent_weights, m->flag_in, FLAG_INPUTS));
    return m->chance;
}

void mlr_mix_hit(mlr_mix *m, unsigned hit)
{
    m->missed = hit == 0;
    if (m->sure) {
        slot_learn(&m->sure_slots[sure_index(m)], hit, 1023);
        return;
    }
    int32_t push = ((int32_t)(hit << 16) - (int32_t)m->chance) * (m->flag_rate >> 2);
    train(m->flag_weights, m->flag_in, FLAG_INPUTS, push);
    train(m->recent_weights, m->flag_in, FLAG_INPUTS, push);
    if (m->flag_rate > 96) {
        m->flag_rate--;
    }
    for (size_t i = 0; i < FLAG_INPUTS - 1; i++) {
        slot_learn(m->flag_slot[i], hit, COUNT_MOST);
    }
}

/* --- does the base go on elsewhere? --- */

bool mlr_mix_may_jump(const mlr_mix *m)
{
    return m->old_n > 0 && (m->missed || m->expected < 0);
}

uint32_t mlr_mix_jump_chance(mlr_mix *m)
{
    uint32_t run = bucket(m->run), since = bucket(m->since_jump);
    uint32_t ctx = (run < 12 ? run / 3 : 4) * 8 + (since < 16 ? since / 2 : 7);
    m->jump_slot = &m->jump_slots[ctx];
    return slot_chance(*m->jump_slot);
}

void mlr_mix_jump(mlr_mix *m, unsigned jumps)
{
    slot_learn(m->jump_slot, jumps, COUNT_MOST);
}

uint32_t mlr_mix_aside_chance(const mlr_mix *m, unsigned i)
{
    return slot_chance(m->aside[i]);
}

void mlr_mix_aside(mlr_mix *m, unsigned i, unsigned bit)
{
    slot_learn(&m->aside[i], bit, 30);
}

size_t mlr_mix_base(const mlr_mix *m)
{
    return m->ptr;
}

uint8_t mlr_mix_land(mlr_mix *m, size_t place)
{
    m->ptr = place;
    m->e_old = old_at(m, place);
    m->expected = m->e_old;
    m->old_hits = ~(uint32_t)0;
    m->hits |= 0xff;
    m->run = 6;
    m->since_jump = 0;
    return (uint8_t)m->e_old;
}

/* --- the bits of another byte --- */

static size_t diff_index(const mlr_mix *m)
{
    uint32_t last = m->diffs & 0xff;
    uint32_t far = last < 128 ? last : 256 - last;
    size_t size = far == 0 ? 0 : far < 4 ? 1 + (last >> 7) : 3;
    size_t col = m->pos % m->p.column;
    return (size | (col < 3 ? col : 3) << 2) & (diff_tables(&m->p) - 1);
}

/* Sums over all bytes that begin with the same bits, from the table of differences. */
static void sum_up(mlr_mix *m)
{
    const uint16_t *t = m->diff + 256 * diff_index(m);
    size_t e = (size_t)m->e_old;
    memcpy(m->sum + 256 + e, t, 2 * (256 - e));
    memcpy(m->sum + 256, t + (256 - e), 2 * e);
    for (size_t i = 255; i > 0; i--) {
        m->sum[i] = (uint16_t)(m->sum[2 * i] + m->sum[2 * i + 1]);
    }
}

static void learn_diff(mlr_mix *m, uint8_t byte)
{
    uint16_t *t = m->diff + 256 * diff_index(m);
    unsigned d = (byte - (unsigned)m->e_old) & 0xff;
    t[d] = (uint16_t)(t[d] + 40);
    t[(d + 1) & 0xff] = (uint16_t)(t[(d + 1) & 0xff] + 8);
    t[(d - 1) & 0xff] = (uint16_t)(t[(d - 1) & 0xff] + 8);
    uint32_t total = m->sum[1] + 56U;
    if (total <= DIFF_MOST) {
        return;
    }
    for (size_t i = 0; i < 256; i++) {
        t[i] = (uint16_t)((t[i] + 1) / 2);
    }
}

static bool has_diff(const mlr_mix *m)
{
    return m->e_old >= 0 && m->p.diff_bits != MLR_MIX_NO_DIFF;
}

void mlr_mix_bits_begin(mlr_mix *m)
{
    uint64_t r = m->recent;
    uint32_t c1 = (uint32_t)(r & 0xff), o2 = (uint32_t)(r & 0xffff);
    uint32_t o3 = (uint32_t)(r & 0xffffff), o4 = (uint32_t)r;
    uint32_t e = (uint32_t)(m->e_old + 1) | (uint32_t)m->missed << 9;
    size_t w = m->p.column;
    uint32_t col = (uint32_t)(m->pos % w);
    uint32_t up = m->pos >= w ? new_at(m, m->pos - w) : 0U;
    uint32_t up2 = m->pos >= 2 * w ? new_at(m, m->pos - 2 * w) : 0U;
    uint32_t next = neighbour(m, 1);
    const uint32_t ctx[BIT_CONTEXTS] = {col,
                                        c1,
                                        o2,
                                        o3,
                                        o4,
                                        hash2(o4, (uint32_t)(r >> 32) & 0xffff),
                                        e,
                                        e | c1 << 10,
                                        e | next << 10,
                                        up | col << 8,
                                        e | (m->diffs & 0xff) << 10 | col << 18,
                                        up | up2 << 8 | c1 << 16,
                                        e | up << 10 | col << 18};
    for (uint32_t i = 0; i < BIT_CONTEXTS; i++) {
        m->bit_hash[i] = hash2(ctx[i], i + 77);
    }
    if (has_diff(m)) {
        sum_up(m);
    }
    m->match_slot = NULL;
}

/* 1 or 0 as the repeated byte says, 2 where it has been left already or is none. */
static unsigned match_bit(const mlr_mix *m, unsigned so_far)
{
    if (m->e_match < 0) {
        return 2;
    }
    uint32_t whole = 256U | (uint32_t)m->e_match;
    unsigned left = 8 - mlr_top_bit(so_far);
    return whole >> left == so_far ? (whole >> (left - 1)) & 1 : 2;
}

/* Slots of a context's next four bits lie together, so that they cost one cache miss. */
static void find_groups(mlr_mix *m, unsigned so_far)
{
    unsigned shift = 32U - m->p.slot_bits;
    for (size_t i = 0; i < BIT_CONTEXTS; i++) {
        uint32_t h = (m->bit_hash[i] + so_far * 0x9E3779B1U) * 0x2545F491U;
        m->group[i] = &m->slots[h >> shift & ~(uint32_t)15];
        m->check[i] = (h & 0x3ff) << 6;
        MLR_PREFETCH(m->group[i]);
    }
}

static void look_up(mlr_mix *m, unsigned so_far)
{
    unsigned top = mlr_top_bit(so_far);
    unsigned depth = top & 3;
    if (depth == 0) {
        find_groups(m, so_far);
    }
    unsigned node = 1U << depth | (so_far & ((1U << depth) - 1));
    m->seen = 0;
    for (size_t i = 0; i < BIT_CONTEXTS; i++) {
        uint32_t *slot = m->group[i] + node;
        if ((*slot & 0xffc0) != m->check[i]) {
            *slot = 0x80000000U | m->check[i];
        }
        m->seen += i >= 2 && i <= 5 && (*slot & 63) != 0;
        m->bit_slot[i] = slot;
        m->bit_in[i] = mlr_stretch(slot_chance(*slot));
    }
}

static int32_t diff_input(const mlr_mix *m, unsigned so_far)
{
    if (!has_diff(m)) {
        return 0;
    }
    uint32_t one = m->sum[2 * so_far + 1], all = m->sum[so_far];
    uint32_t p = (one << 16) / (all + 1);
    return mlr_stretch(p == 0 ? 1 : p);
}

static int32_t match_input(mlr_mix *m, unsigned so_far)
{
    unsigned bit = match_bit(m, so_far);
    m->match_slot = NULL;
    if (bit == 2) {
        return 0;
    }
    uint32_t len = bucket(m->match_len < 255 ? m->match_len : 255);
    m->match_slot = &m->match_slots[len << 1 | bit];
    return mlr_stretch(slot_chance(*m->match_slot));
}

uint32_t mlr_mix_bit_chance(mlr_mix *m, unsigned so_far)
{
    if (m->missed && so_far >= 128 && so_far == (256U | (uint32_t)m->expected) >> 1) {
        return (m->expected & 1) != 0 ? 0 : 65536;
    }
    m->so_far = so_far;
    look_up(m, so_far);
    m->bit_in[BIT_CONTEXTS] = diff_input(m, so_far);
    m->bit_in[BIT_CONTEXTS + 1] = match_input(m, so_far);
    m->bit_in[BIT_CONTEXTS + 2] = 256;
    uint32_t state =
        (uint32_t)m->missed + (m->e_old >= 0) + (m->match_slot != NULL ? 3U : 0U);
    uint32_t set = m->p.wide ? m->seen + 4U * (state < 6 ? state : 5U) : 0;
    uint32_t col = (uint32_t)(m->pos % m->p.column);
    uint32_t place = m->p.wide ? mlr_top_bit(so_far) | (col < 3 ? col : 3) << 3 : 0;
    m->set_weights = m->bit_sets + (set < BIT_SETS ? set : BIT_SETS - 1) * BIT_INPUTS;
    m->place_weights = m->place_sets + place * BIT_INPUTS;
    int32_t x = dot(m->set_weights, m->bit_in, BIT_INPUTS) +
                dot(m->place_weights, m->bit_in, BIT_INPUTS);
    m->chance = mlr_squash(x);
    return m->chance;
}

void mlr_mix_bit(mlr_mix *m, unsigned bit)
{
    int32_t push = ((int32_t)(bit << 16) - (int32_t)m->chance) * (m->bit_rate >> 2);
    train(m->set_weights, m->bit_in, BIT_INPUTS, push);
    train(m->place_weights, m->bit_in, BIT_INPUTS, push);
    if (m->bit_rate > 48 && (m->pos & 7) == 0) {
        m->bit_rate--;
    }
    for (size_t i = 0; i < BIT_CONTEXTS; i++) {
        bit_learn(m->bit_slot[i], bit);
    }
    if (m->match_slot != NULL) {
        slot_learn(m->match_slot, bit, COUNT_MOST);
    }
}

/* --- after each byte --- */

static uint32_t window_hash(const mlr_mix *m, uint64_t recent)
{
    uint64_t five = recent & 0xffffffffffU;
    return (uint32_t)((five * 0x9E3779B185EBCA87U) >> (64 - m->p.match_bits));
}

static uint32_t common_new(const mlr_mix *m, size_t at)
{
    uint32_t n = 0;
    while (n < VERIFY_MOST && n < at &&
           new_at(m, at - 1 - n) == new_at(m, m->pos - 1 - n)) {
        n++;
    }
    return n;
}

static void find_match(mlr_mix *m)
{
    uint32_t *head = &m->head[window_hash(m, m->recent)];
    if (m->match_len == 0 && *head > 0) {
        m->match = *head - 1;
        m->match_len = common_new(m, m->match);
        if (m->match_len < MATCH_LEAST) {
            m->match_len = 0;
            m->match = m->n;
        }
    }
    *head = (uint32_t)m->pos + 1;
}

static void adapt(uint16_t *p, bool right)
{
    uint32_t v = *p;
    v = right ? v + ((65535 - v) >> SELECT_MOST) + 1 : v - (v >> (SELECT_MOST - 2));
    *p = (uint16_t)(v > 65535 ? 65535 : v);
}

static void judge(mlr_mix *m, uint8_t byte)
{
    if (m->e_old >= 0) {
        bool right = m->e_old == byte;
        adapt(&m->select_old[m->old_hits & 63], right);
        m->old_hits = m->old_hits << 1 | right;
        m->diffs = m->diffs << 8 | (uint8_t)(byte - m->e_old);
    }
    if (m->e_match >= 0) {
        bool right = m->e_match == byte;
        adapt(&m->select_match[m->match_len < 31 ? m->match_len : 31], right);
        m->match_len = right ? m->match_len + 1 : 0;
        m->match = right ? m->match + 1 : m->n;
    }
    bool hit = m->expected >= 0 ? m->expected == byte : m->e_old == byte;
    m->hits = m->hits << 1 | hit;
    m->run = hit ? m->run + 1 : 0;
}

void mlr_mix_byte(mlr_mix *m, uint8_t byte)
{
    bool coded_bits = m->expected != byte;
    if (coded_bits && has_diff(m)) {
        learn_diff(m, byte);
    }
    judge(m, byte);
    m->recent = m->recent << 8 | byte;
    m->pos++;
    m->ptr++;
    m->since_jump++;
    if (m->p.match_bits > 0 && m->pos >= MATCH_LEAST) {
        find_match(m);
    }
    if (m->pos < m->n) {
        choose(m);
    }
}
