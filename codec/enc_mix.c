#include <string.h>

#include "apply/block.h"
#include "apply/mix_model.h"
#include "codec/forward.h"

/* A binary range coder that carries into bytes already written. */
typedef struct range_out {
    mlr_buf *to;
    size_t start;
    uint64_t low; /* below 2^32; bit 32 is a carry */
    uint32_t range;
} range_out;

static void carry(range_out *c)
{
    for (size_t i = c->to->size; i > c->start; i--) {
        if (++c->to->data[i - 1] != 0) {
            return;
        }
    }
}

static void add_low(range_out *c, uint32_t add)
{
    c->low += add;
    if (c->low >> 32 != 0) {
        carry(c);
        c->low &= UINT32_MAX;
    }
}

static void shift_out(range_out *c)
{
    mlr_buf_u8(c->to, (uint8_t)(c->low >> 24));
    c->low = c->low << 8 & UINT32_MAX;
}

static void put_bit(range_out *c, unsigned bit, uint32_t chance)
{
    uint32_t bound = (uint32_t)(((uint64_t)c->range * chance) >> 16);
    if (bit != 0) {
        c->range = bound;
    } else {
        add_low(c, bound);
        c->range -= bound;
    }
    while (c->range < 1U << 24) {
        shift_out(c);
        c->range <<= 8;
    }
}

/* The value in the range that ends in most zeros: they need not be written. */
static void range_end(range_out *c)
{
    for (unsigned keep = 0; keep <= 4; keep++) {
        uint64_t unit = (uint64_t)1 << (32 - 8 * keep);
        uint64_t up = (c->low + unit - 1) / unit * unit;
        if (up - c->low < c->range) {
            add_low(c, (uint32_t)(up - c->low));
            for (unsigned i = 0; i < keep; i++) {
                shift_out(c);
            }
            break;
        }
    }
    while (!c->to->failed && c->to->size > c->start && c->to->data[c->to->size - 1] == 0) {
        c->to->size--;
    }
}

/*
 * How readily to jump, which cannot be known before it is tried: bytes compared, equal
 * bytes that a jump must win, and what each bit of its distance costs, in quarters of a
 * byte.
 */
typedef struct temper {
    int look_ahead, gain_least, bit_cost;
} temper;

/*
 * Where the base could go on: both sides in the order in which they are coded, and chains
 * of the base's places that begin with the same four bytes.
 */
typedef struct finder {
    const mlr_allocator *alloc;
    const uint8_t *now, *old;
    size_t n, old_n;
    uint32_t *head, *next; /* places plus one */
    unsigned bits;
    uint8_t *memory; /* copies in coding order, or NULL */
    bool ready;
    temper t;
} finder;

enum { MOST_CANDIDATES = 48, SMALL = 256 << 10 };

static const temper tempers[] = {{32, 3, 2}, {128, 4, 8}, {48, 3, 1}, {32, 1, 4}};

static uint32_t four_hash(const finder *f, const uint8_t *p)
{
    return mlr_lane_get32(p) * 0x9E3779B1U >> (32 - f->bits);
}

static void finder_release(finder *f)
{
    size_t heads = (size_t)1 << f->bits;
    mlr_give(f->alloc, f->head, heads * sizeof *f->head);
    mlr_give(f->alloc, f->next, (f->old_n + 1) * sizeof *f->next);
    mlr_give(f->alloc, f->memory, f->n + f->old_n);
}

static void reorder(uint8_t *to, const uint8_t *from, size_t n, unsigned flip)
{
    size_t whole = n & ~(size_t)flip;
    for (size_t i = 0; i < n; i++) {
        to[i] = from[i < whole ? i ^ flip : i];
    }
}

static bool finder_begin(finder *f, const mlr_encoding *e, const mlr_mix_sides *s,
                         unsigned flip)
{
    *f = (finder){.alloc = e->alloc,
                  .now = s->now,
                  .old = s->old,
                  .n = s->n,
                  .old_n = s->old_n,
                  .bits = 8};
    while (f->bits < 18 && (size_t)1 << f->bits < s->old_n) {
        f->bits++;
    }
    size_t heads = (size_t)1 << f->bits;
    f->head = mlr_take(e->alloc, heads * sizeof *f->head);
    f->next = mlr_take(e->alloc, (s->old_n + 1) * sizeof *f->next);
    f->memory = flip == 0 ? NULL : mlr_take(e->alloc, s->n + s->old_n);
    if (f->head == NULL || f->next == NULL || (flip != 0 && f->memory == NULL)) {
        return false;
    }
    if (flip != 0) {
        reorder(f->memory, s->now, s->n, flip);
        reorder(f->memory + s->n, s->old, s->old_n, flip);
        f->now = f->memory;
        f->old = f->memory + s->n;
    }
    return true;
}

/* Only once the base has been wrong for the first time. */
static void index_base(finder *f)
{
    memset(f->head, 0, ((size_t)1 << f->bits) * sizeof *f->head);
    for (size_t i = 0; i + 4 <= f->old_n; i++) {
        uint32_t *head = &f->head[four_hash(f, f->old + i)];
        f->next[i] = *head;
        *head = (uint32_t)i + 1;
    }
    f->ready = true;
}

/* Equal bytes among the next ones, were the base to go on at `at`. */
static int agreement(const finder *f, size_t pos, size_t at)
{
    int equal = 0;
    for (size_t i = 0; i < (size_t)f->t.look_ahead && pos + i < f->n && at + i < f->old_n;
         i++) {
        equal += f->now[pos + i] == f->old[at + i];
    }
    return equal;
}

static unsigned bit_length(uint64_t v)
{
    unsigned n = 0;
    while (v != 0) {
        v >>= 1;
        n++;
    }
    return n;
}

/* The best place for the base to go on at, or SIZE_MAX to stay. */
static size_t find_place(finder *f, size_t pos, size_t stay)
{
    if (f->old_n < 4 || f->n - pos < 4) {
        return SIZE_MAX;
    }
    if (!f->ready) {
        index_base(f);
    }
    int best = 4 * agreement(f, pos, stay) + 4 * f->t.gain_least;
    size_t place = SIZE_MAX;
    uint32_t at = f->head[four_hash(f, f->now + pos)];
    for (int tries = 0; at != 0 && tries < MOST_CANDIDATES; tries++) {
        size_t here = at - 1;
        uint64_t far = here > stay ? here - stay : stay - here;
        int gain = 4 * agreement(f, pos, here) - f->t.bit_cost * (int)bit_length(far);
        if (gain > best && f->old[here] == f->now[pos]) {
            best = gain;
            place = here;
        }
        at = f->next[here];
    }
    return place;
}

static void put_aside(mlr_mix *m, range_out *c, unsigned i, unsigned bit)
{
    put_bit(c, bit, mlr_mix_aside_chance(m, i));
    mlr_mix_aside(m, i, bit);
}

static void put_place(mlr_mix *m, range_out *c, size_t place)
{
    size_t base = mlr_mix_base(m);
    uint64_t far = place > base ? place - base : base - place;
    unsigned length = bit_length(far), tree = 1;
    for (int i = 4; i >= 0; i--) {
        unsigned bit = length >> i & 1U;
        put_aside(m, c, tree, bit);
        tree = tree << 1 | bit;
    }
    if (length == 0) {
        return;
    }
    put_aside(m, c, MLR_MIX_ASIDE_SIGN, place < base);
    for (unsigned i = 1; i < length; i++) {
        unsigned bit = far >> (length - 1 - i) & 1U;
        if (i == 1) {
            put_aside(m, c, MLR_MIX_ASIDE_TOP + length - 1, bit);
        } else {
            put_bit(c, bit, 32768);
        }
    }
}

static void put_bits(mlr_mix *m, range_out *c, uint8_t byte)
{
    mlr_mix_bits_begin(m);
    unsigned so_far = 1;
    for (int i = 7; i >= 0; i--) {
        unsigned bit = (unsigned)byte >> i & 1U;
        uint32_t chance = mlr_mix_bit_chance(m, so_far);
        if (chance != 0 && chance != 65536) {
            put_bit(c, bit, chance);
            mlr_mix_bit(m, bit);
        }
        so_far = so_far << 1 | bit;
    }
}

static void put_byte(mlr_mix *m, range_out *c, finder *f, size_t pos)
{
    uint8_t byte = f->now[pos];
    int expected = mlr_mix_expected(m);
    if (expected >= 0) {
        unsigned hit = expected == byte;
        put_bit(c, hit, mlr_mix_hit_chance(m));
        mlr_mix_hit(m, hit);
        if (hit != 0) {
            return;
        }
    }
    if (mlr_mix_may_jump(m)) {
        size_t place = find_place(f, pos, mlr_mix_base(m));
        put_bit(c, place != SIZE_MAX, mlr_mix_jump_chance(m));
        mlr_mix_jump(m, place != SIZE_MAX);
        if (place != SIZE_MAX) {
            put_place(m, c, place);
            mlr_mix_land(m, place);
            return;
        }
    }
    put_bits(m, c, byte);
}

/* One attempt: everything an encoder of one block holds. */
typedef struct attempt {
    const mlr_encoding *e;
    const mlr_mix_params *p;
    const mlr_mix_sides *s;
    void *memory;
    finder f;
} attempt;

static mlr_status run_once(attempt *a, mlr_buf *payload, mlr_err *err)
{
    mlr_mix *m = mlr_mix_begin(a->memory, a->p, a->s);
    range_out c = {.to = payload, .start = payload->size, .range = UINT32_MAX};
    for (size_t i = 0; i < a->s->n; i++) {
        if ((i & 0x7fff) == 0 && !mlr_keep_going(a->e->tick, i, a->s->n)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "encoding");
        }
        put_byte(m, &c, &a->f, i);
        mlr_mix_byte(m, a->f.now[i]);
    }
    range_end(&c);
    return payload->failed
               ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a payload")
               : MLR_OK;
}

/* Whether there is time to try things. Two classes of levels: the higher never does worse.
 */
static bool has_time(const mlr_encoding *e)
{
    return e->level > 3 && !e->quick;
}

/* Keeps the shortest of all tempers in the payload. */
static mlr_status run_all(attempt *a, mlr_buf *payload, mlr_err *err)
{
    size_t start = payload->size, count = 1;
    if (has_time(a->e) && a->s->n <= SMALL && a->s->old_n > 0) {
        count = sizeof tempers / sizeof *tempers;
    }
    a->f.t = tempers[0];
    mlr_status st = run_once(a, payload, err);
    mlr_buf other;
    mlr_buf_init(&other, a->e->alloc);
    for (size_t i = 1; i < count && st == MLR_OK && a->f.ready; i++) {
        other.size = 0;
        a->f.t = tempers[i];
        st = run_once(a, &other, err);
        if (st == MLR_OK && other.size < payload->size - start) {
            payload->size = start;
            mlr_buf_add(payload, other.data, other.size);
        }
    }
    mlr_buf_release(&other);
    return st;
}

static mlr_status encode_with(const mlr_encoding *e, const mlr_mix_params *p,
                              const mlr_mix_sides *s, mlr_buf *payload, mlr_err *err)
{
    size_t bytes = mlr_mix_bytes(p);
    attempt a = {.e = e, .p = p, .s = s, .memory = mlr_take(e->alloc, bytes)};
    bool ready = finder_begin(&a.f, e, s, p->column_flip);
    mlr_status st = ready && a.memory != NULL
                        ? run_all(&a, payload, err)
                        : mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for mix");
    finder_release(&a.f);
    mlr_give(e->alloc, a.memory, bytes);
    return st;
}

static bool suits(const mlr_record *r)
{
    return r->old_bytes == 0 || r->old_dtype == r->dtype || mlr_record_pairs(r);
}

static uint8_t log_of(uint64_t n)
{
    uint8_t log = 0;
    while (log < 40 && (uint64_t)1 << log < n) {
        log++;
    }
    return log;
}

static uint8_t clamp(int v, int low, int high)
{
    return (uint8_t)(v < low ? low : v > high ? high : v);
}

/* Sizes that a block of this length can fill, and no more than the device affords. */
static mlr_mix_params sized(const mlr_record *r, int less)
{
    uint64_t n = r->block_new < r->new_bytes ? r->block_new : r->new_bytes;
    int log = log_of(n);
    mlr_mix_params p = {.slot_bits = clamp(log + 3 - less, 6, 19),
                        .flag_bits = clamp(log + 1 - less, 6, 16),
                        .match_bits = clamp(log - less, 6, 16),
                        .diff_bits = less > 8 ? MLR_MIX_NO_DIFF : clamp(4 - less, 0, 4),
                        .wide = less < 8};
    if (less > 11) {
        p.match_bits = 0;
    }
    return p;
}

static void set_columns(mlr_mix_params *p, const mlr_record *r)
{
    mlr_lane lane = mlr_lane_of(r->dtype);
    p->column = 4;
    if (r->dtype->cls == MLR_CLASS_OPAQUE) {
        return;
    }
    p->column = lane.width;
    p->column_flip = (uint8_t)(lane.width - 1);
    if (r->dtype->cls == MLR_CLASS_BLOCK) {
        p->column = clamp(r->dtype->block_bytes, 1, 64);
    }
}

static bool affordable(const mlr_encoding *e, const mlr_record *r, const mlr_mix_params *p)
{
    mlr_decoder_terms terms = {0};
    mlr_err err = {0};
    return mlr_scratch_terms(r, mlr_mix_terms(p), &terms, &err) == MLR_OK &&
           (e->max_work == 0 || terms.work <= e->max_work);
}

/* A whole small record, to try parameters on. */
typedef struct sample {
    uint8_t *memory; /* new bytes, then old ones: SAMPLE bytes each */
    mlr_mix_sides s;
} sample;

enum { SAMPLE = 64 << 10 };

static mlr_status sample_take(sample *t, const mlr_encoding *e, const mlr_view *v,
                              mlr_err *err)
{
    const mlr_record *r = v->record;
    size_t n = (size_t)r->new_bytes;
    size_t old_n = r->old_bytes < n ? (size_t)r->old_bytes : n;
    t->memory = mlr_take(e->alloc, 2 * SAMPLE);
    if (t->memory == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for mix");
    }
    uint8_t *old = t->memory + SAMPLE;
    memset(t->memory, 0, 2 * SAMPLE);
    t->s = (mlr_mix_sides){.now = t->memory, .n = n, .old = old, .old_n = old_n};
    return v->read(v->ctx, 0, n, t->memory, old_n > 0 ? old : NULL, err);
}

/* Bytes the sample takes with these parameters, in one attempt. */
static mlr_status sample_cost(const sample *t, const mlr_encoding *e,
                              const mlr_mix_params *p, size_t *bytes, mlr_err *err)
{
    mlr_encoding plain = *e;
    plain.quick = true;
    mlr_buf out;
    mlr_buf_init(&out, e->alloc);
    mlr_status st = encode_with(&plain, p, &t->s, &out, err);
    *bytes = out.size;
    mlr_buf_release(&out);
    return st;
}

static bool tries_columns(const mlr_encoding *e, const mlr_record *r,
                          const mlr_mix_params *p)
{
    return has_time(e) && p->column_flip == 0 && r->old_dtype == r->dtype &&
           r->new_bytes > 0 && r->new_bytes <= SAMPLE && r->new_bytes <= r->block_new;
}

/* Columns that repeat are hard to foresee. */
static mlr_status try_columns(const mlr_encoding *e, const mlr_view *v, mlr_mix_params *p,
                              mlr_err *err)
{
    const mlr_record *r = v->record;
    const uint8_t columns[] = {p->column, 1, 4, 8, (uint8_t)(r->row <= 64 ? r->row : 0)};
    sample t = {0};
    size_t least = SIZE_MAX;
    mlr_mix_params trial = *p;
    mlr_status st = sample_take(&t, e, v, err);
    for (size_t i = 0; i < sizeof columns && st == MLR_OK; i++) {
        size_t bytes = SIZE_MAX;
        trial.column = columns[i];
        bool again = columns[i] == 0 || (i > 0 && columns[i] == p->column);
        if (!again) {
            st = sample_cost(&t, e, &trial, &bytes, err);
        }
        if (bytes < least) {
            least = bytes;
            p->column = i == 0 ? p->column : columns[i];
        }
    }
    mlr_give(e->alloc, t.memory, 2 * SAMPLE);
    return st;
}

static mlr_status study(const mlr_encoding *e, const mlr_view *v, mlr_buf *model,
                        void **state, mlr_err *err)
{
    *state = NULL;
    const mlr_record *r = v->record;
    mlr_mix_params p;
    int less = 0;
    do {
        p = sized(r, less);
        set_columns(&p, r);
    } while (!affordable(e, r, &p) && ++less < 24);
    if (less == 24) {
        return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET, "memory for mix");
    }
    if (tries_columns(e, r, &p)) {
        mlr_status st = try_columns(e, v, &p, err);
        if (st != MLR_OK) {
            return st;
        }
    }
    uint8_t bytes[MLR_MIX_MODEL];
    mlr_mix_store(&p, bytes);
    mlr_buf_add(model, bytes, sizeof bytes);
    return model->failed
               ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a model")
               : MLR_OK;
}

static void forget(const mlr_encoding *e, void *state)
{
    (void)e;
    (void)state;
}

static mlr_status encode(const mlr_encoding *e, const mlr_enc_block *b, mlr_buf *payload,
                         mlr_err *err)
{
    mlr_mix_params p;
    mlr_status st = mlr_mix_load(&p, b->record->model, b->record->model_bytes, err);
    if (st != MLR_OK || b->new_n == 0) {
        return st;
    }
    uint8_t *own = NULL;
    mlr_mix_sides s = {
        .old = b->old, .old_n = b->old_n, .now = b->new_bytes, .n = b->new_n};
    if (b->old_n > 0 && b->record->old_dtype != b->record->dtype) {
        s.old = mlr_base_bytes(e, b, &own);
        s.old_n = b->new_n;
        if (s.old == NULL) {
            return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for mix");
        }
    }
    st = encode_with(e, &p, &s, payload, err);
    mlr_give(e->alloc, own, b->new_n);
    return st;
}

const mlr_encoder mlr_encoder_mix = {
    .id = MLR_STRATEGY_mix,
    .summary = "Predicts each byte from the base and from what came before, mixing many "
               "contexts; for structure and small tensors.",
    .suits = suits,
    .study = study,
    .forget = forget,
    .encode = encode,
};
