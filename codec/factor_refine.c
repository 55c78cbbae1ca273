#include "codec/factor_refine.h"

#include <math.h>
#include <string.h>

enum {
    LANES = 8,
    LINES = 8,   /* lines of one task */
    COOLING = 2, /* bits that a step may cost when the search begins */
    TRIES = 2,   /* steps tried, for each factor of a line */
    DESCENTS = 2 /* rounds that only go down, at the end */
};

/* What an element costs: nothing well inside its interval, more and more towards the edge
   and beyond, a straight line far outside. In units of the usual distance. */
#define REACH    2.0F
#define STRAIGHT 3.35F
#define BITS     0.215F
#define FAR      1e30F
/* What a few steps move an element by, in usual steps. */
#define STRIDE 4

typedef struct search {
    const mlr_refining *r;
    size_t side; /* of lines of scratch: the longer side, rounded up */
    unsigned rank;
    float step;      /* of a product, in fixed point */
    float *u, *v;    /* whole numbers: rank for each row, for each column */
    float *across;   /* the known side by component, in units of the usual distance */
    double *missed;  /* of each line: distance outside, */
    uint32_t *count; /* and how many elements have one */
    float *benches;  /* two lines of scratch for each lane */
    float usual;     /* distance from the edge of elements outside */
    float stride;    /* what a few steps may move an element by */
    float heat;
    uint32_t round;
    bool descend;
} search;

/* One side while the other is known. */
typedef struct half {
    const search *s;
    float *wanted;
    size_t lines, n;   /* lines of the wanted side; elements of each */
    size_t step, next; /* between the elements of a line; between lines */
} half;

static size_t padded(size_t n)
{
    return (n + LANES - 1) & ~(size_t)(LANES - 1);
}

static float sum_of(const float *lane)
{
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) +
           ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

static void move(float *restrict x, const float *restrict a, float by, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        x[j] += by * a[j];
    }
}

static uint32_t next_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* -log2 of a random share, its fraction taken as straight. */
static float random_bits(uint32_t *state)
{
    uint32_t x = next_random(state) | 1;
    float zeros = 0;
    while ((x & 0x80000000U) == 0) {
        x <<= 1;
        zeros += 1;
    }
    return zeros + (float)(0xffffffffU - x) / 2147483648.0F;
}

/* What a task works on: the elements of a line that a few steps may bring to an edge. */
typedef struct bench {
    float *x;      /* distance from the middle of the interval */
    float *room;   /* half its width less REACH */
    float *across; /* rank lines: what one step of a factor moves x by */
    size_t n;      /* elements, padded */
} bench;

static bench bench_of(const search *s, unsigned lane)
{
    float *at = s->benches + lane * (s->rank + 2U) * s->side;
    return (bench){.x = at, .room = at + s->side, .across = at + 2 * s->side};
}

/* Of all elements; returns how far they lie outside, on the whole. */
static double load_line(const half *h, size_t line, bench *b, uint32_t *count)
{
    const search *s = h->s;
    const mlr_refining *r = s->r;
    float inverse = 1 / s->usual;
    double missed = 0;
    *count = 0;
    memset(b->x, 0, h->n * sizeof *b->x);
    for (unsigned k = 0; k < s->rank; k++) {
        move(b->x, s->across + k * s->side, h->wanted[line * s->rank + k], h->n);
    }
    for (size_t j = 0; j < h->n; j++) {
        size_t at = line * h->next + j * h->step;
        unsigned fine = r->fine[at];
        b->x[j] -= r->d[at] * inverse;
        b->room[j] =
            fine > 60 ? FAR : (float)((uint64_t)1 << fine) * 0.5F * inverse - REACH;
        float outside = fabsf(b->x[j]) - b->room[j] - REACH;
        if (outside > 0) {
            missed += (double)outside;
            ++*count;
        }
    }
    return missed * (double)s->usual;
}

/* Leaves out what lies so deep inside that a few steps do not matter. */
static void keep_close(const half *h, bench *b)
{
    const search *s = h->s;
    size_t n = 0;
    for (size_t j = 0; j < h->n; j++) {
        if (fabsf(b->x[j]) + s->stride <= b->room[j]) {
            continue;
        }
        for (unsigned k = 0; k < s->rank; k++) {
            b->across[k * s->side + n] = s->across[k * s->side + j];
        }
        b->x[n] = b->x[j];
        b->room[n++] = b->room[j];
    }
    b->n = padded(n);
    for (; n < b->n; n++) {
        for (unsigned k = 0; k < s->rank; k++) {
            b->across[k * s->side + n] = 0;
        }
        b->x[n] = 0;
        b->room[n] = FAR;
    }
}

/* One step that may be taken: a factor by one, or two factors together. */
typedef struct step {
    unsigned a, b;
    float by_a, by_b;
} step;

/* The cost of a line when x moves by a + b. */
static float cost_moved(const bench *on, const float *restrict a, float by_a,
                        const float *restrict b, float by_b)
{
    const float *restrict x = on->x;
    const float *restrict room = on->room;
    size_t n = on->n;
    float sum[LANES] = {0};
    for (size_t j = 0; j < n; j += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            float at = fabsf(x[j + l] + by_a * a[j + l] + by_b * b[j + l]);
            float t = at - room[j + l] > 0 ? at - room[j + l] : 0;
            float capped = t < STRAIGHT ? t : STRAIGHT;
            sum[l] += capped * (2 * t - capped);
        }
    }
    return BITS * sum_of(sum);
}

static float cost_of(const search *s, const bench *b, const step *t)
{
    return cost_moved(b, b->across + t->a * s->side, t->by_a, b->across + t->b * s->side,
                      t->by_b);
}

static void take(const search *s, const bench *b, const step *t, float *line)
{
    line[t->a] += t->by_a;
    line[t->b] += t->by_b;
    move(b->x, b->across + t->a * s->side, t->by_a, b->n);
    move(b->x, b->across + t->b * s->side, t->by_b, b->n);
}

/* Random steps, of which those that cost more are taken the more rarely the colder it is.
 */
static void wander(const half *h, size_t line, const bench *b)
{
    const search *s = h->s;
    float *factors = h->wanted + line * s->rank;
    uint32_t state = (uint32_t)(line * 2654435761U) ^ (s->round * 40503U + 977U);
    state += state == 0;
    (void)next_random(&state);
    float now = cost_of(s, b, &(step){0});
    for (unsigned i = 0; i < TRIES * s->rank; i++) {
        uint32_t random = next_random(&state);
        step t = {.a = (random >> 8) % s->rank, .by_a = (random & 1) != 0 ? 1.0F : -1.0F};
        t.b = (random >> 20) % s->rank;
        t.by_b = (random & 2) != 0 || t.b == t.a ? 0 : (random & 4) != 0 ? 1.0F : -1.0F;
        float cost = cost_of(s, b, &t);
        if (cost < now + s->heat * random_bits(&state)) {
            take(s, b, &t, factors);
            now = cost;
        }
    }
}

/* The best single step again and again, while there is one. */
static void descend(const half *h, size_t line, const bench *b)
{
    enum { MOST = 64 };
    const search *s = h->s;
    float *factors = h->wanted + line * s->rank;
    float now = cost_of(s, b, &(step){0});
    for (unsigned i = 0; i < MOST; i++) {
        step best = {0};
        float least = now - 0.01F;
        for (unsigned k = 0; k < 2 * s->rank; k++) {
            step t = {.a = k / 2, .by_a = (k & 1) != 0 ? 1.0F : -1.0F};
            float cost = cost_of(s, b, &t);
            if (cost < least) {
                least = cost;
                best = t;
            }
        }
        if (best.by_a == 0) {
            return;
        }
        take(s, b, &best, factors);
        now = least;
    }
}

static void run_lines(void *arg, size_t task, unsigned lane)
{
    const half *h = arg;
    const search *s = h->s;
    bench b = bench_of(s, lane);
    size_t end = (task + 1) * LINES < h->lines ? (task + 1) * LINES : h->lines;
    for (size_t i = task * LINES; i < end; i++) {
        s->missed[i] = load_line(h, i, &b, &s->count[i]);
        keep_close(h, &b);
        if (s->descend) {
            descend(h, i, &b);
        } else {
            wander(h, i, &b);
        }
    }
}

/* Sets the known side, by component, in units of the usual distance. */
static void set_across(search *s, const float *known, size_t n)
{
    float scale = s->step / s->usual;
    double sum = 0;
    for (unsigned k = 0; k < s->rank; k++) {
        float *to = s->across + k * s->side;
        for (size_t j = 0; j < n; j++) {
            to[j] = known[j * s->rank + k] * scale;
            sum += (double)to[j] * (double)to[j];
        }
    }
    s->stride = STRIDE * (float)sqrt(sum / (double)(n * s->rank));
}

static void run_half(search *s, bool rows)
{
    const mlr_refining *r = s->r;
    half h = {.s = s,
              .wanted = rows ? s->u : s->v,
              .lines = rows ? r->rows : r->columns,
              .n = rows ? r->columns : r->rows,
              .step = rows ? 1 : r->columns,
              .next = rows ? r->columns : 1};
    set_across(s, rows ? s->v : s->u, h.n);
    s->round++;
    mlr_exec_run(r->exec, run_lines, &h, (h.lines + LINES - 1) / LINES);
    double missed = 0;
    uint64_t count = 0;
    for (size_t i = 0; i < h.lines; i++) {
        missed += s->missed[i];
        count += s->count[i];
    }
    if (count > 0 && missed > 0) {
        s->usual = (float)(missed / (double)count);
    }
}

static void run_all(search *s)
{
    s->descend = true;
    for (unsigned i = 0; i < 4; i++) { /* twice, so that the distance is known */
        run_half(s, i % 2 == 0);
    }
    s->descend = false;
    for (unsigned i = 0; i < s->r->turns; i++) {
        s->heat = COOLING * (1 - (float)i / (float)s->r->turns);
        run_half(s, true);
        run_half(s, false);
    }
    s->descend = true;
    for (unsigned i = 0; i < 2 * DESCENTS; i++) {
        run_half(s, i % 2 == 0);
    }
}

static void exchange(const search *s, mlr_factors *f, bool back)
{
    size_t wide = (s->rank + 1U) / 2 * 2;
    for (unsigned k = 0; k < s->rank; k++) {
        for (size_t j = 0; j < s->r->columns; j++) {
            int16_t *q = &f->v[(k / 2 * s->r->columns + j) * 2 + k % 2];
            float *x = &s->v[j * s->rank + k];
            if (back) {
                *q = (int16_t)(*x > 32767 ? 32767 : *x < -32767 ? -32767 : *x);
            } else {
                *x = *q;
            }
        }
        for (size_t i = 0; i < s->r->rows; i++) {
            int16_t *q = &f->u[i * wide + k];
            float *x = &s->u[i * s->rank + k];
            if (back) {
                *q = (int16_t)(*x > 32767 ? 32767 : *x < -32767 ? -32767 : *x);
            } else {
                *x = *q;
            }
        }
    }
}

bool mlr_factors_refine(const mlr_refining *r, mlr_factors *f)
{
    search s = {.r = r, .rank = f->rank, .step = ldexpf(1, f->shift)};
    size_t longer = r->rows > r->columns ? r->rows : r->columns;
    unsigned lanes = mlr_exec_lanes(r->exec);
    s.side = padded(longer);
    size_t floats =
        (r->rows + r->columns + s.side) * s.rank + (s.rank + 2U) * s.side * lanes;
    size_t bytes = s.side * (sizeof *s.missed + sizeof *s.count) + floats * sizeof(float);
    uint8_t *memory = mlr_take(r->alloc, bytes);
    if (memory == NULL) {
        return false;
    }
    s.missed = (double *)(void *)memory;
    s.count = (uint32_t *)(void *)(s.missed + s.side);
    s.u = (float *)(void *)(s.count + s.side);
    s.v = s.u + r->rows * s.rank;
    s.across = s.v + r->columns * s.rank;
    s.benches = s.across + s.side * s.rank;
    s.usual = s.step * 1024; /* far from it or near: the first rounds find it */
    exchange(&s, f, false);
    run_all(&s);
    exchange(&s, f, true);
    mlr_give(r->alloc, memory, bytes);
    return true;
}
